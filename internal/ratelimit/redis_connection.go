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

// connectTimeout bounds one attempt to connect, including the TLS handshake, by
// the goroutine that maintains the connection. A request may connect too, if it
// is the first for a node of a cluster, but callTimeout bounds that.
const connectTimeout = 500 * time.Millisecond

var (
	// errRedisURL quotes no part of the URL: where it is wrong, any part may
	// be the password.
	errRedisURL = errors.New("not a Redis URL: write redis://user:password@host:6379/0, rediss:// for TLS, " +
		"or unix:///path/redis.sock?db=0, and for a Redis Cluster redis://host:6379?addr=host2:6379&addr=host3:6379; " +
		"other parameters are not known; write special characters of the password as in %40 for @")
	errNoCluster = errors.New("addr= in the Redis URL names nodes of a Redis Cluster, but this server is not one")
	errDown      = errors.New("Redis is not available")
)

// CheckURL reports what is wrong with a URL for NewRedis, without connecting:
// redis://, rediss:// or unix://. One or more parameters addr name further
// nodes of a Redis Cluster. The other parameters that the client reads from a
// URL are rejected: timeouts are fixed, and skip_verify would let anyone in
// the middle read the password.
//
// Certificates are checked against the system's roots; SSL_CERT_FILE names a
// file with a private CA.
func CheckURL(url string) error {
	_, err := parseRedisURL(url)
	return err
}

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
		return rueidis.ClientOption{}, errors.New("a Redis Cluster has only database 0; leave the number out of the URL")
	}

	option.Dialer = net.Dialer{Timeout: connectTimeout, KeepAlive: time.Second} // a connection idle for a second is pinged
	option.ConnWriteTimeout = 2 * callTimeout                                   // of those pings, and of reading a cluster's topology
	option.DisableRetry = true                                                  // the result would come after callTimeout
	option.DisableCache = true                                                  // of replies in this process; Redis 5 does not support it
	option.ClientSetInfo = rueidis.DisableClientSetInfo
	option.AlwaysPipelining = true // one goroutine always reads, so that a lost connection is noticed at once
	option.PipelineMultiplex = -1  // one connection per node: the fewer there are, the more calls go together
	option.ReadBufferEachConn = 16 << 10
	option.WriteBufferEachConn = 16 << 10
	return option, nil
}

// isNode reports whether address is host:port and nothing else. If the client
// cannot split it, it uses the first node's host instead.
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

// connection is one client, from connecting to its first failure. It is not
// used again after that: closing its network connections releases the requests
// that wait for them, and a new client does not remember nodes that are gone.
type connection struct {
	ctx    context.Context // its end closes the network connections
	cancel context.CancelFunc
	client rueidis.Client
	unix   bool
	failed chan failure  // the first call that failed
	closed chan struct{} // a network connection was closed
}

// failure is a call that failed.
type failure struct {
	key string
	err error
}

// connect connects to the server, or to a cluster through the first of its
// nodes that answers. It tries them one by one, because a client that is given
// several waits for up to a second after one that is dead.
func connect(ctx context.Context, option rueidis.ClientOption) (c *connection, err error) {
	for _, address := range option.InitAddress {
		c = &connection{unix: option.DialCtxFn != nil, failed: make(chan failure, 1), closed: make(chan struct{}, 1)}
		c.ctx, c.cancel = context.WithCancel(ctx)
		one := option
		one.InitAddress = []string{address}
		one.DialCtxFn = c.dial
		c.client, err = rueidis.NewClient(one)
		if err == nil && !one.ForceSingleClient && c.client.Mode() != rueidis.ClientModeCluster {
			err = errNoCluster
		}
		if err == nil {
			return c, nil
		}
		c.close()
	}
	return nil, err
}

// close closes the network connections first, as the client's own Close would
// wait for the replies that a hung server owes.
func (c *connection) close() {
	c.cancel()
	if c.client != nil {
		c.client.Close()
	}
}

func (c *connection) dial(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialer.Timeout)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	network := "tcp"
	if c.unix {
		network = "unix"
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	monitored := &monitoredConn{Conn: conn, closed: c.closed}
	monitored.detach = context.AfterFunc(c.ctx, func() { conn.Close() })
	if config == nil {
		return monitored, nil
	}
	config = config.Clone()
	config.ServerName, _, _ = net.SplitHostPort(address) // each node of a cluster has its own name
	secure := tls.Client(monitored, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		monitored.Close()
		return nil, err
	}
	return secure, nil
}

// monitoredConn reports that it is closed, whether the server closed it or a
// ping got no reply.
type monitoredConn struct {
	net.Conn
	detach func() bool // from the connection's context
	closed chan<- struct{}
}

func (c *monitoredConn) Close() error {
	c.detach()
	select {
	case c.closed <- struct{}{}:
	default: // one report is enough
	}
	return c.Conn.Close()
}
