package ratelimit

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// connectTimeout bounds one attempt to connect, the TLS handshake included, by
// the goroutine behind Redis. A request may connect too, as the first that goes
// to some node of a cluster, but has its own budget for that.
const connectTimeout = 500 * time.Millisecond

var (
	// errRedisURL quotes nothing of the URL: where it is wrong, any part of it
	// may be the password.
	errRedisURL = errors.New("not a Redis URL: write redis://user:password@host:6379/0, rediss:// for TLS, " +
		"or unix:///path/redis.sock?db=0, and for a Redis Cluster redis://host:6379?addr=host2:6379&addr=host3:6379; " +
		"other parameters are not known; write special characters of the password as in %40 for @")
	errNoCluster = errors.New("addr= in the Redis URL names nodes of a Redis Cluster, and this server is none")
	errReply     = errors.New("Redis answered the script with something else than two numbers")
)

// CheckURL says what is wrong with a URL for NewRedis. It connects to nothing.
func CheckURL(url string) error {
	_, err := parseRedisURL(url)
	return err
}

// parseRedisURL reads redis://, rediss:// and unix:// URLs. Parameters addr,
// one or more, name further nodes of a Redis Cluster. What else the client
// reads from a URL is refused: timeouts are part of the contract, and
// skip_verify would let anybody in the middle read the password.
//
// Certificates are checked against the system's roots; SSL_CERT_FILE names a
// file with a private CA.
func parseRedisURL(text string) (rueidis.ClientOption, error) {
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" || u.Opaque != "" {
		return rueidis.ClientOption{}, errRedisURL
	}
	switch u.Scheme {
	case "redis", "rediss":
	case "unix":
		if u.Path == "" || strings.Contains(u.RawQuery, "addr=") {
			return rueidis.ClientOption{}, errRedisURL
		}
	default:
		return rueidis.ClientOption{}, errRedisURL
	}
	parameters, err := url.ParseQuery(u.RawQuery) // u.Query would drop what it cannot read
	if err != nil {
		return rueidis.ClientOption{}, errRedisURL
	}
	for name := range parameters {
		if name != "addr" && name != "db" {
			return rueidis.ClientOption{}, errRedisURL
		}
	}
	for _, node := range parameters["addr"] {
		if !isNode(node) {
			return rueidis.ClientOption{}, errRedisURL
		}
	}
	option, err := rueidis.ParseURL(text)
	if err != nil || u.Port() != "" && !isNode(option.InitAddress[0]) {
		return rueidis.ClientOption{}, errRedisURL
	}
	option.ForceSingleClient = len(option.InitAddress) == 1
	if !option.ForceSingleClient && option.SelectDB != 0 {
		return rueidis.ClientOption{}, errors.New("a Redis Cluster has no database but 0; leave the number out of the URL")
	}

	option.Dialer = net.Dialer{Timeout: connectTimeout, KeepAlive: time.Second} // a connection idle for a second is pinged
	option.ConnWriteTimeout = 2 * budget                                        // of such pings, and of a cluster's map
	option.DisableRetry = true                                                  // a second answer would come after the budget
	option.DisableCache = true                                                  // of replies, on the client's side; Redis 5 lacks it
	option.ClientSetInfo = rueidis.DisableClientSetInfo
	option.AlwaysPipelining = true // one goroutine reads all the time, so that a lost connection is noticed at once
	option.PipelineMultiplex = -1  // one connection a node: the fewer, the more calls go together
	option.ReadBufferEachConn = 16 << 10
	option.WriteBufferEachConn = 16 << 10
	return option, nil
}

// isNode reports whether address is host:port and nothing else. For what it
// cannot split the client would take the first node's host.
func isNode(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return false
	}
	u, err := url.Parse("redis://" + address)
	return err == nil && u.Host == address
}

// link is one client, from connecting to the first failure. It is not used
// again after that: ending all its connections is what frees requests that
// wait in them, and a new one has no memory of nodes that are gone.
type link struct {
	ctx    context.Context // its end ends every connection
	cancel context.CancelFunc
	client rueidis.Client
	unix   bool
	failed chan failure  // the first call that failed
	closed chan struct{} // a connection ended
}

// failure is a call that failed.
type failure struct {
	key string
	err error
}

// newLink connects to the server, or to a cluster through the first of its nodes
// that answers. They are tried one by one: of several that it is given, the
// client waits up to a second after one that is dead.
func newLink(ctx context.Context, option rueidis.ClientOption) (l *link, err error) {
	for _, address := range option.InitAddress {
		l = &link{unix: option.DialCtxFn != nil, failed: make(chan failure, 1), closed: make(chan struct{}, 1)}
		l.ctx, l.cancel = context.WithCancel(ctx)
		one := option
		one.InitAddress = []string{address}
		one.DialCtxFn = l.dial
		l.client, err = rueidis.NewClient(one)
		if err == nil && !one.ForceSingleClient && l.client.Mode() != rueidis.ClientModeCluster {
			err = errNoCluster
		}
		if err == nil {
			return l, nil
		}
		l.close()
	}
	return nil, err
}

// close ends the connections first: the client's own Close would wait for the
// answers that a hung server owes.
func (l *link) close() {
	l.cancel()
	if l.client != nil {
		l.client.Close()
	}
}

func (l *link) dial(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialer.Timeout)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	network := "tcp"
	if l.unix {
		network = "unix"
	}
	connection, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	watched := &watchedConn{Conn: connection, closed: l.closed}
	watched.unlink = context.AfterFunc(l.ctx, func() { connection.Close() })
	if config == nil {
		return watched, nil
	}
	config = config.Clone()
	config.ServerName, _, _ = net.SplitHostPort(address) // each node of a cluster has its own name
	secure := tls.Client(watched, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		watched.Close()
		return nil, err
	}
	return secure, nil
}

// watchedConn tells when it is closed, be it because the server ended it or
// because a ping got no answer.
type watchedConn struct {
	net.Conn
	unlink func() bool // from the link's context
	closed chan<- struct{}
}

func (c *watchedConn) Close() error {
	c.unlink()
	select {
	case c.closed <- struct{}{}:
	default: // one notice is enough
	}
	return c.Conn.Close()
}
