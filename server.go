package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/api/config"
)

const (
	// readHeaderTimeout ends connections that dribble headers (slowloris).
	readHeaderTimeout = 5 * time.Second
	// readTimeout ends bodies that stall: the handler's read fails, 408. The
	// upload route gives itself more.
	readTimeout = 15 * time.Second
	// writeTimeout is the time to read a body and to answer. It must be more
	// than readTimeout, or a 408 would not get out.
	writeTimeout = 30 * time.Second
	// maxHeaderBytes bounds the headers of a request; net/http answers 431.
	maxHeaderBytes = 16 << 10
	// linger is how long a server that refuses new connections still serves
	// the old ones, so that proxies use them up.
	linger = 500 * time.Millisecond
)

// serve listens, says so in one line, and serves until ctx ends. Then it
// drains: readiness turns red, new requests are still served for
// SHUTDOWN_DELAY while load balancers notice, and those in flight get
// SHUTDOWN_TIMEOUT to end. In between, where there is a delay, connections are
// ended in the one order that loses nothing to a proxy that does not ask for
// readiness: new ones are refused first, which it can repeat elsewhere; old
// ones end with their next answer; only then net/http may drop what it reads.
func serve(ctx context.Context, s config.Settings, p parts, router http.Handler) error {
	listener, err := listen(net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), "PORT")
	if err != nil {
		return err
	}
	var inFlight atomic.Int64
	var closing atomic.Bool
	server := newServer(count(&inFlight, closeWhile(&closing, router)), p.log)
	server.IdleTimeout = s.IdleTimeout
	failed := make(chan error, 2) // each of the two servers can fail once
	go func() { failed <- server.Serve(listener) }()

	if p.metrics != nil {
		metricsListener, err := listen(s.MetricsAddr, "METRICS_ADDR")
		if err != nil {
			return errors.Join(err, server.Close())
		}
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", p.metrics.Endpoint())
		metricsServer := newServer(mux, p.log)
		metricsServer.IdleTimeout = s.IdleTimeout
		defer metricsServer.Close() // last: the drain can be watched
		go func() { failed <- metricsServer.Serve(metricsListener) }()
		p.log.Info("metrics", "url", "http://"+metricsListener.Addr().String()+"/metrics")
	}
	announce(s, p.log, listener.Addr())

	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve: %w", err), server.Close())
	case <-ctx.Done():
	}
	p.draining.Store(true)
	// As text: in JSON a Duration is a number of nanoseconds.
	p.log.Info("draining", "delay", s.ShutdownDelay.String(), "timeout", s.ShutdownTimeout.String())
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve: %w", err), server.Close())
	case <-time.After(s.ShutdownDelay):
	}
	if s.ShutdownDelay > 0 {
		listener.Close()
		// Not before: a client whose connection ends would come back on a new
		// one, and what waits to be accepted is reset with the listener.
		closing.Store(true)
		time.Sleep(linger)
	}
	// ctx has ended; what is in flight gets a time of its own.
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		// Connections may be left that never sent a whole request: no loss.
		cutOff := inFlight.Load()
		server.Close()
		if cutOff > 0 {
			return fmt.Errorf("SHUTDOWN_TIMEOUT=%s cut off requests in flight: %d", s.ShutdownTimeout, cutOff)
		}
	}
	p.log.Info("stopped")
	return nil
}

// listen names the variable and the remedy where the address cannot be had.
func listen(address, variable string) (net.Listener, error) {
	network := "tcp"
	if host, err := netip.ParseAddrPort(address); err == nil && host.Addr().Is4() {
		network = "tcp4" // or 0.0.0.0 would open IPv6 as well
	}
	listener, err := net.Listen(network, address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the address %s is taken: stop the program that listens there, or set %s to another port", address, variable)
	}
	if err != nil {
		return nil, fmt.Errorf("listen (HOST, %s): %w", variable, err)
	}
	return listener, nil
}

func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// net/http would answer OPTIONS * itself, past all middleware.
		DisableGeneralOptionsHandler: true,
	}
}

// count keeps n at the number of requests that next is working on.
func count(n *atomic.Int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		defer n.Add(-1)
		next.ServeHTTP(w, r)
	})
}

// closeWhile ends each connection with its answer once closing is set, so that
// no client is on one when the server stops; and after a chunked
// body always: if a proxy in front believed a Content-Length beside it, what
// follows on this connection would be an attacker's request (RFC 9112, 6.1).
func closeWhile(closing *atomic.Bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if closing.Load() || len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) { // of HTTP/1.0 net/http hides the chunks
			w.Header()["Connection"] = []string{"close"}
		}
		next.ServeHTTP(w, r)
	})
}

// announce is the one line that says the effective policy.
func announce(s config.Settings, log *slog.Logger, address net.Addr) {
	environment, secret := "development", "random: sessions end with this process"
	if s.Production {
		environment = "production"
	}
	if s.SessionSecret.IsSet() {
		secret = "set"
	}
	var limits []string
	for _, policy := range s.Limits.All() {
		limits = append(limits, policy.String())
	}
	counters := "memory"
	if s.RedisURL.IsSet() {
		counters = "redis" // the URL has a password in it
	}
	database := s.DatabaseURL.Reveal()
	if !strings.HasPrefix(database, "file:") {
		database = "postgres" // the URL has a password in it
	}
	log.Info("listening",
		"url", "http://"+address.String(),
		"env", environment,
		"origins", s.Origins.String(),
		"credentials", s.CORSCredentials,
		"limits", strings.Join(limits, ", "),
		"counters", counters,
		"database", database,
		"trusted_proxies", s.TrustedProxies.String(),
		"hosts", s.AllowedHosts.String(),
		"session_secret", secret)
}
