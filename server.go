package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/api/config"
	"example.com/api/handlers"
	"example.com/api/internal/origin"
	"example.com/api/internal/requestbody"
	"example.com/api/middleware"
)

const (
	// readHeaderTimeout closes connections whose headers arrive too slowly
	// (slowloris).
	readHeaderTimeout = 5 * time.Second
	// readTimeout and writeTimeout apply to requests without a body. Package
	// requestbody extends both while a body arrives.
	readTimeout  = 15 * time.Second
	writeTimeout = 30 * time.Second
	// maxHeaderBytes bounds the headers of a request. net/http responds with 431
	// if there are more.
	maxHeaderBytes = 16 << 10
	// linger is for how long the server keeps serving its connections after it has
	// stopped accepting new ones, so that each ends with a response.
	linger = 500 * time.Millisecond
	// acceptPause is the time between attempts to accept a connection while there is
	// no file descriptor or memory left for it.
	acceptPause = 50 * time.Millisecond
)

// serve listens, logs the settings in effect, and serves until ctx ends. Then it
// drains. The readiness check starts to fail, and for SHUTDOWN_DELAY the server
// still serves new requests, so that load balancers have time to notice. After
// that, the requests in flight have SHUTDOWN_TIMEOUT to end.
//
// With a delay, connections end in the only order in which a proxy that does not
// check readiness loses no request. First, the server refuses new connections,
// and the proxy can try another replica. Then each open connection ends with its
// next response. Only after that may net/http close idle connections.
func serve(ctx context.Context, s config.Settings, listen func(address, variable string) (net.Listener, error), p parts, router http.Handler) error {
	listener, err := listen(net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), "PORT")
	if err != nil {
		return err
	}
	var inFlight atomic.Int64
	var closing atomic.Bool
	// Around the whole engine, because any middleware may respond without reading
	// the body. Up to twice the size of the largest body is then read.
	paced := requestbody.Handler(router, 2*max(s.MaxBodyBytes, s.MaxUploadBytes+handlers.UploadFraming))
	server := newServer(count(&inFlight, closeWhile(&closing, paced)), p.log)
	server.IdleTimeout = s.IdleTimeout
	failed := make(chan error, 2) // each of the two servers can fail once
	go func() { failed <- server.Serve(newPatientListener(listener, server, p.log)) }()

	if p.metrics != nil {
		metricsListener, err := listen(s.MetricsAddr, "METRICS_ADDR")
		if err != nil {
			return errors.Join(err, server.Close())
		}
		handler := monitoring(p.metrics.Endpoint())
		if !s.Production {
			handler = onlyKnownHosts(s.AllowedHosts, handler)
		}
		metricsServer := newServer(handler, p.log)
		metricsServer.IdleTimeout = s.IdleTimeout
		defer metricsServer.Close() // last, so that the metrics show the drain
		go func() { failed <- metricsServer.Serve(newPatientListener(metricsListener, metricsServer, p.log)) }()
		p.log.Info("metrics", "url", "http://"+metricsListener.Addr().String()+"/metrics")
	}
	announce(s, p.log, listener.Addr())

	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve: %w", err), server.Close())
	case <-ctx.Done():
	}
	// As text, because in JSON a Duration is a number of nanoseconds.
	p.log.Info("draining", "delay", s.ShutdownDelay.String(), "timeout", s.ShutdownTimeout.String())
	select {
	case err := <-failed:
		return errors.Join(fmt.Errorf("serve: %w", err), server.Close())
	case <-time.After(s.ShutdownDelay):
	}
	if s.ShutdownDelay > 0 {
		listener.Close()
		// Only after the listener is closed. Otherwise, a client whose connection
		// ends would open a new one, and closing the listener resets connections
		// that are not accepted yet.
		closing.Store(true)
		time.Sleep(linger)
	}
	// ctx has ended, so the requests in flight need a context of their own.
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(deadline); err != nil {
		// The connections that are left may never have sent a whole request.
		// Closing those loses nothing.
		cutOff := inFlight.Load()
		server.Close()
		if cutOff > 0 {
			return fmt.Errorf("requests that were cut off after SHUTDOWN_TIMEOUT=%s: %d; raise it if they need longer", s.ShutdownTimeout, cutOff)
		}
	}
	p.log.Info("stopped")
	return nil
}

// monitoring serves what belongs on METRICS_ADDR: metrics, and the profiles that go
// tool pprof reads. They show how the program works inside, and a profile takes CPU time,
// so neither may be on the public listener. (Importing net/http/pprof also registers
// the profiles with http.DefaultServeMux, which this program does not serve.)
func monitoring(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // also goroutine, heap, allocs, block, mutex, threadcreate
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile) // extends the write timeout by its duration, and so does Trace
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// onlyKnownHosts rejects requests for a Host that is neither local nor allowed, so that a
// page under a DNS name that was rebound to a developer's machine cannot read profiles.
func onlyKnownHosts(allowed origin.HostList, next http.Handler) http.Handler {
	local := origin.LocalHosts()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host := middleware.HostName(r.Host); !local.Allows(host) && !allowed.Allows(host) {
			http.Error(w, fmt.Sprintf("In development, metrics and profiles are not served for the host %q. Use localhost or an IP address, or add the host to ALLOWED_HOSTS.", host), http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// patientListener waits while the process has no file descriptor, or the kernel no
// memory, left for another connection. It closes idle connections to free some, and it
// logs the remedy at most once a minute. Without it, net/http would only retry and log
// each attempt if descriptors are short, and stop serving if memory is.
type patientListener struct {
	net.Listener
	closeIdle func()
	log       *slog.Logger
	told      time.Time // when the remedy was logged last
}

func newPatientListener(l net.Listener, server *http.Server, log *slog.Logger) *patientListener {
	return &patientListener{Listener: l, log: log, closeIdle: func() {
		server.SetKeepAlivesEnabled(false) // closes the connections that are idle now
		server.SetKeepAlivesEnabled(true)
	}}
}

func (l *patientListener) Accept() (net.Conn, error) {
	shortages := []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} // accept(2)
	for {
		conn, err := l.Listener.Accept()
		if !slices.ContainsFunc(shortages, func(shortage syscall.Errno) bool { return errors.Is(err, shortage) }) {
			return conn, err
		}
		if time.Since(l.told) > time.Minute {
			l.told = time.Now()
			l.log.Error("cannot accept connections", "error", err,
				"remedy", "idle connections are closed; raise the limit on open files (ulimit -n, LimitNOFILE=) or on memory, or lower IDLE_TIMEOUT")
		}
		l.closeIdle()
		time.Sleep(acceptPause)
	}
}

// listen listens on the address. Its error names the variable and the remedy.
func listen(address, variable string) (net.Listener, error) {
	network := "tcp"
	if host, err := netip.ParseAddrPort(address); err == nil && host.Addr().Is4() {
		network = "tcp4" // with "tcp", 0.0.0.0 would open IPv6 as well
	}
	listener, err := net.Listen(network, address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the address %s is in use: stop the program that listens there, or set %s to another port", address, variable)
	}
	if err != nil {
		return nil, fmt.Errorf("listen (%s): %w", variable, err)
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
		// net/http would otherwise respond to OPTIONS * before any middleware.
		DisableGeneralOptionsHandler: true,
	}
}

// count keeps in n the number of requests that next is serving.
func count(n *atomic.Int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		defer n.Add(-1)
		next.ServeHTTP(w, r)
	})
}

// closeWhile ends each connection with its response once closing is set, so that
// no client is using a connection when the server stops. It always does so after
// a chunked body. If a Content-Length came with that body and the proxy in front
// believed it, what follows on the connection is an attacker's request (RFC 9112,
// 6.1).
func closeWhile(closing *atomic.Bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if closing.Load() || len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) { // in HTTP/1.0 requests net/http hides the chunks
			w.Header()["Connection"] = []string{"close"}
		}
		next.ServeHTTP(w, r)
	})
}

// announce logs the settings in effect, in one line.
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
		counters = "redis" // the URL may hold a password
	}
	database := s.DatabaseURL.Reveal()
	if !strings.HasPrefix(database, "file:") {
		database = "postgres" // the URL may hold a password
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
