package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// openTimeout is how long Open waits for the migrations of a PostgreSQL that
	// responds. Longer migrations continue in the background.
	openTimeout = 10 * time.Second
	// postgresTimeout is how long one operation may take, including connecting and
	// waiting for a connection. A ping follows the timeout, and a client must learn of
	// an outage within 2 s.
	postgresTimeout = 1200 * time.Millisecond
	// postgresWait leaves an operation that was admitted time to finish. If it is cut
	// off midway, its connection is lost, and under overload every operation would end
	// that way.
	postgresWait = postgresTimeout / 2
	// postgresWriters, postgresReaders and postgresScanners are how many connections one process
	// holds at most, besides the one for pings: well under a server's usual limit
	// of 100 for all replicas together.
	postgresWriters  = 4
	postgresReaders  = 6
	postgresScanners = 2
	// Connections are replaced now and then, so that replicas find a new primary and
	// close idle connections when the load is over.
	postgresConnLife = 30 * time.Minute
	postgresConnIdle = 5 * time.Minute
)

// readOnlyTransaction is the code of the error for a write where only reads are
// allowed: by a standby, or by default_transaction_read_only.
const readOnlyTransaction = "25006"

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// socketHost matches a URL whose host is a directory of sockets, percent-encoded,
// up to and with the host's port: its user, the directory, and the port.
var socketHost = regexp.MustCompile(`^(postgres(?:ql)?://(?:[^/?#@]*@)?)(%2[Ff][^/?#@:,]*)(:[0-9]+)?`)

// socketAsParameter moves the directory of a socket from the host of a URL, where
// libpq accepts it (34.1.1.2, Connection URIs) but net/url does not, to the
// parameter host, where pgx accepts it too.
func socketAsParameter(text string) string {
	parts := socketHost.FindStringSubmatch(text)
	if parts == nil {
		return text
	}
	rest := text[len(parts[0]):]
	separator := "?"
	if strings.Contains(rest, "?") {
		separator = "&"
	}
	return parts[1] + parts[3] + rest + separator + "host=" + parts[2]
}

func parsePostgresURL(text string) (*pgx.ConnConfig, error) {
	text = socketAsParameter(text)
	u, urlErr := url.Parse(text)
	config, err := pgx.ParseConfig(text)
	if urlErr == nil && err == nil {
		return config, nil
	}
	// If the URL has its password in the usual place, pgx masks it in the text of its
	// error (but not in the error's fields, which hold the whole URL).
	if urlErr != nil || u.Fragment != "" || strings.Contains(strings.ToLower(u.RawQuery), "pass") ||
		u.User == nil && strings.Contains(text, "@") || strings.Count(text, "@") > 1 {
		return nil, errors.New("the database URL cannot be read; write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password written as %XX")
	}
	return nil, fmt.Errorf("the database URL is wrong: %v", err)
}

// openPostgres opens three pools, and one connection for pings, and starts monitor.
// Reads have their own pool because writes may all have to wait for another client's
// lock, or for a standby that confirms commits. Scans have their own because they
// keep the server busy.
func openPostgres(ctx context.Context, rawURL string, dial pgconn.DialFunc, log *slog.Logger, migrations []Migrations) (*DB, error) {
	config, err := parsePostgresURL(rawURL)
	if err != nil {
		return nil, err
	}
	if dial != nil {
		config.DialFunc = dial
	}
	config.ValidateConnect = nil // of target_session_attrs: findHost chooses, and a host that takes no writes can still be read
	monitorCtx, stop := context.WithCancel(context.Background())
	db := &DB{
		engine: Postgres, migrations: migrations, log: log,
		rules: rules{
			timeout: postgresTimeout, wait: postgresWait,
			unavailable: postgresUnavailable,
			unreachable: postgresUnreachable,
			unanswered:  postgresUnanswered,
			ping:        pingPostgres,
		},
		lost: make(chan struct{}, 1), stop: stop, done: make(chan struct{}),
		hosts: splitHosts(config),
	}
	db.host.Store(db.hosts[0])
	db.state.Store(&state{})
	db.write = db.openPool(postgresWriters, true)
	db.read = db.openPool(postgresReaders, false)
	db.scan = db.openPool(postgresScanners, false)
	db.probe = db.openPool(1, false).DB
	firstCtx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	err = db.reconnect(firstCtx)
	db.state.Store(&state{down: err})
	go db.monitor(monitorCtx)
	if ctx.Err() != nil {
		_ = db.Close()
		return nil, ctx.Err()
	}
	if err != nil {
		db.warn("PostgreSQL is not available; until it is, requests that need it get 503", err)
		db.lost <- struct{}{}
	}
	return db, nil
}

// splitHosts returns a configuration for each host of the URL, in its order.
func splitHosts(config *pgx.ConnConfig) []*pgx.ConnConfig {
	var hosts []*pgx.ConnConfig
	first := &pgconn.FallbackConfig{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}
	for _, f := range append([]*pgconn.FallbackConfig{first}, config.Fallbacks...) {
		if n := len(hosts); n > 0 && hosts[n-1].Host == f.Host && hosts[n-1].Port == f.Port {
			hosts[n-1].Fallbacks = append(hosts[n-1].Fallbacks, f) // the same host without TLS
			continue
		}
		host := config.Copy()
		host.Host, host.Port, host.TLSConfig, host.Fallbacks = f.Host, f.Port, f.TLSConfig, nil
		hosts = append(hosts, host)
	}
	for _, host := range hosts {
		// A host that hangs must not use up the time for the next one, and database/sql
		// sometimes connects in the background without a deadline.
		host.ConnectTimeout = postgresTimeout / time.Duration(len(hosts))
	}
	return hosts
}

// findHost returns the first host that responds and takes writes. If none does, it
// returns the first one that responds, with errReadOnly, or nil and the reasons.
func (db *DB) findHost(ctx context.Context) (*pgx.ConnConfig, error) {
	var readOnly *pgx.ConnConfig
	var reasons []error
	for _, host := range db.hosts {
		hostCtx, cancel := context.WithTimeout(ctx, host.ConnectTimeout)
		err := tryHost(hostCtx, host)
		cancel()
		if err == nil {
			return host, nil
		}
		if errors.Is(err, errReadOnly) && readOnly == nil {
			readOnly = host
		}
		reasons = append(reasons, err)
	}
	if readOnly != nil {
		return readOnly, errReadOnly
	}
	return nil, errors.Join(reasons...)
}

// tryHost asks the host on a new connection whether it takes writes.
func tryHost(ctx context.Context, host *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, host)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var readOnly string
	if err := conn.QueryRow(ctx, askReadOnly).Scan(&readOnly); err != nil {
		return err
	}
	return readOnlyError(readOnly)
}

// pingPostgres pings on one of the pool's connections.
func pingPostgres(ctx context.Context, pool *sql.DB) error {
	var readOnly string
	if err := pool.QueryRowContext(ctx, askReadOnly).Scan(&readOnly); err != nil {
		return err
	}
	return readOnlyError(readOnly)
}

// askReadOnly returns on for a standby, and for a server or database whose
// default_transaction_read_only is on. Otherwise, it returns off. It waits for no
// lock.
const askReadOnly = "SHOW transaction_read_only"

func readOnlyError(readOnly string) error {
	if readOnly == "on" {
		return errReadOnly
	}
	return nil
}

// openPool opens connections to the host in use that know their generation. SetMaxIdleConns(0)
// would also drop idle connections, but closes the wrong ones when another
// connection becomes idle at the same time (Go 1.26).
func (db *DB) openPool(conns int, writes bool) pool {
	const generation = "generation"
	outdated := func(c *pgx.Conn) bool {
		return c.PgConn().CustomData()[generation] != db.generation.Load()
	}
	connections := stdlib.OpenDB(*db.hosts[0],
		stdlib.OptionBeforeConnect(func(_ context.Context, config *pgx.ConnConfig) error {
			// Read before the host, so that a connection to an earlier host never has a
			// later generation, even if it takes until then.
			begun := db.generation.Load()
			*config = *db.host.Load().Copy()
			config.AfterConnect = func(_ context.Context, c *pgconn.PgConn) error {
				c.CustomData()[generation] = begun
				return nil
			}
			return nil
		}),
		stdlib.OptionShouldPing(func(_ context.Context, p stdlib.ShouldPingParams) bool {
			return p.IdleDuration > time.Second && !outdated(p.Conn) // do not wait for a dead one
		}),
		stdlib.OptionResetSession(func(_ context.Context, c *pgx.Conn) error {
			if outdated(c) {
				return driver.ErrBadConn // database/sql closes it and takes another
			}
			return nil
		}))
	connections.SetConnMaxLifetime(postgresConnLife)
	connections.SetConnMaxIdleTime(postgresConnIdle)
	return newPool(connections, conns, writes)
}

// postgresUnavailable reports whether the server's state or the network caused the
// error, and not the statement or the operation's own code.
func postgresUnavailable(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return connectionFailed(err)
	}
	switch {
	case strings.HasPrefix(e.Code, "08"), // connection exception
		strings.HasPrefix(e.Code, "28"), // invalid authorization
		strings.HasPrefix(e.Code, "3D"), // no such database
		strings.HasPrefix(e.Code, "53"), // disk full, out of memory, too many connections
		strings.HasPrefix(e.Code, "57"), // shutting down, starting up, canceled by its administrator
		strings.HasPrefix(e.Code, "58"), // I/O error
		e.Code == readOnlyTransaction:
		return true
	}
	return false
}

// postgresUnreachable reports whether the server is not there or takes no writes. A
// server that rejects a connection for another reason responds at once, so asking it
// every time costs no time.
func postgresUnreachable(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err != nil
	}
	return strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "57P") || e.Code == readOnlyTransaction
}

// postgresUnanswered is rules.unanswered. An error that the server sent is its
// answer. pgx calls ErrConnClosed safe to retry, but also returns it if the
// connection was lost while a COMMIT waited for its answer (v5.12.0,
// MultiResultReader.NextResult).
func postgresUnanswered(err error) bool {
	var answer *pgconn.PgError
	var connect *pgconn.ConnectError
	neverSent := pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed)
	return err != nil && !errors.As(err, &answer) && !errors.As(err, &connect) && !neverSent
}

// connectionFailed reports whether the network caused the error, or a connection
// that has ended. Any other error that the server did not send is the operation's
// own.
func connectionFailed(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone)
}
