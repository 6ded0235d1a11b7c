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
	// errRedisURL quotes no part of the URL: if the URL is wrong, any part may be the
	// password.
	errRedisURL = errors.New("not a Redis URL: write redis://user:password@host:6379/0, rediss:// for TLS, " +
		"or unix:///path/redis.sock?db=0, for a Redis Cluster redis://host:6379?addr=host2:6379&addr=host3:6379, and behind " +
		"Sentinel redis-sentinel://user:password@host:26379/0?master=NAME&addr=host2:26379, or rediss-sentinel:// for TLS; " +
		"other parameters are not supported; percent-encode special characters in the password (%40 for @)")
	errNoMaster = errors.New("a redis-sentinel:// URL needs master=NAME once, with the name under which Sentinel monitors " +
		"the primary: redis-sentinel://user:password@host:26379/0?master=NAME&addr=host2:26379")
	errNoCluster = errors.New("the Redis URL names several nodes by addr=, or the server answered MOVED, " +
		"but it does not describe a Redis Cluster; if it is a node of one, its user needs the permission +cluster")
	errDown = errors.New("Redis is not available")
)

// CheckURL returns what is wrong with a URL for NewRedis, without connecting. A URL
// begins with redis://, rediss:// or unix://. One or more parameters addr name
// further nodes of a Redis Cluster. A single server that turns out to be a node of a
// cluster is used as one, even without them.
//
// redis-sentinel:// and rediss-sentinel:// name a Sentinel, and parameters addr
// further ones; the parameter master is the name of the primary. User,
// password and database are those of Redis. A Sentinel that requires a password must
// accept the same one.
//
// The other parameters that the client reads from a URL are rejected: timeouts
// are fixed, and skip_verify would let anyone in the middle read the password.
//
// Certificates are checked against the system's roots; SSL_CERT_FILE names a
// file with a private CA.
func CheckURL(url string) error {
	_, err := parseRedisURL(url)
	return err
}

// parseRedisURL returns the client's options. For Sentinel, the function primary uses
// InitAddress and Sentinel.MasterSet.
func parseRedisURL(text string) (rueidis.ClientOption, error) {
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" || u.Opaque != "" {
		return rueidis.ClientOption{}, errRedisURL
	}
	if u.Path == "/" { // database 0, as without the slash
		u.Path = ""
		text = u.String()
	}
	sentinel := false
	switch u.Scheme {
	case "redis", "rediss":
	case "unix":
		if u.Path == "" || strings.Contains(u.RawQuery, "addr=") {
			return rueidis.ClientOption{}, errRedisURL
		}
	case "redis-sentinel", "rediss-sentinel":
		sentinel = true
		u.Scheme = strings.TrimSuffix(u.Scheme, "-sentinel")
		if u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), "26379")
		}
		text = u.String()
	default:
		return rueidis.ClientOption{}, errRedisURL
	}
	parameters, err := url.ParseQuery(u.RawQuery) // u.Query would drop what it cannot parse
	if err != nil {
		return rueidis.ClientOption{}, errRedisURL
	}
	for name := range parameters {
		if name != "addr" && name != "db" && (name != "master" || !sentinel) {
			return rueidis.ClientOption{}, errRedisURL
		}
	}
	if masters := parameters["master"]; sentinel && (len(masters) != 1 || masters[0] == "") {
		return rueidis.ClientOption{}, errNoMaster
	}
	for _, node := range parameters["addr"] {
		if !isNode(node) {
			return rueidis.ClientOption{}, errRedisURL
		}
	}
	option, err := rueidis.ParseURL(text)
	if err != nil || option.SelectDB < 0 || u.Port() != "" && !isNode(option.InitAddress[0]) {
		return rueidis.ClientOption{}, errRedisURL
	}
	option.Sentinel.MasterSet = parameters.Get("master")
	option.ForceSingleClient = sentinel || len(option.InitAddress) == 1
	if !option.ForceSingleClient && option.SelectDB != 0 {
		return rueidis.ClientOption{}, errors.New("a Redis Cluster has only database 0; leave the number out of the URL")
	}

	option.Dialer = net.Dialer{Timeout: connectTimeout, KeepAlive: time.Second} // a connection idle for a second is pinged
	option.DialCtxFn = dialPlain
	option.ConnWriteTimeout = 2 * callTimeout // of those pings, and of reading a cluster's topology
	option.DisableRetry = true                // the result would come after callTimeout
	option.DisableCache = true                // of replies in this process; Redis 5 does not support it
	option.ClientSetInfo = rueidis.DisableClientSetInfo
	option.AlwaysPipelining = true // one goroutine always reads, so that a lost connection is noticed at once
	option.PipelineMultiplex = -1  // one connection per node: with fewer connections, more calls are sent together
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

// connection is one client, from connecting to its first failure. It is not used
// after that. Closing its network connections releases the requests that wait for
// them, and a new client does not remember nodes that are gone.
type connection struct {
	ctx     context.Context // its end closes the network connections
	cancel  context.CancelFunc
	client  rueidis.Client
	plain   dialFunc      // connects without TLS
	address string        // as it was dialed
	failed  chan failure  // the first call that failed
	closed  chan struct{} // a network connection was closed
}

// failure is a call that failed.
type failure struct {
	key string
	err error
}

// connect connects to the server, to the primary that Sentinel names now, or to a
// cluster through the first of its nodes that responds. It tries the nodes one by
// one, because a client that is given several waits for up to a second after a dead
// one.
func connect(ctx context.Context, option rueidis.ClientOption) (c *connection, err error) {
	addresses := option.InitAddress
	if option.Sentinel.MasterSet != "" {
		address, err := primary(ctx, option)
		if err != nil {
			return nil, err
		}
		addresses = []string{address}
		option.Sentinel = rueidis.SentinelOption{}
	}
	for _, address := range addresses {
		option.InitAddress = []string{address}
		c, err = open(ctx, option)
		if err == nil {
			return c, nil
		}
	}
	return nil, err
}

// open connects to the one server in option.InitAddress.
func open(ctx context.Context, option rueidis.ClientOption) (c *connection, err error) {
	c = &connection{plain: option.DialCtxFn, address: option.InitAddress[0], failed: make(chan failure, 1), closed: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(ctx)
	option.DialCtxFn = c.dial
	c.client, err = rueidis.NewClient(option)
	if err == nil && !option.ForceSingleClient && c.client.Mode() != rueidis.ClientModeCluster {
		err = errNoCluster
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// close closes the network connections first, because the client's own Close would
// wait for replies from a server that hangs.
func (c *connection) close() {
	c.cancel()
	if c.client != nil {
		c.client.Close()
	}
}

// dialFunc is the type of rueidis.ClientOption.DialCtxFn.
type dialFunc = func(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error)

// dialPlain is a dialFunc that ignores its config.
func dialPlain(ctx context.Context, address string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") { // the path of a socket; the nodes of its cluster are hosts
		network = "unix"
	}
	return dialer.DialContext(ctx, network, address)
}

func (c *connection) dial(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialer.Timeout)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	conn, err := c.plain(ctx, address, dialer, nil)
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
		_ = monitored.Close()
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
