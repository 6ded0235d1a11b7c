// This program is an API server for frontends that are served from another origin.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"example.com/api/config"
	"example.com/api/handlers"
	"example.com/api/internal/database"
	"example.com/api/internal/logwriter"
	"example.com/api/internal/ratelimit"
	"example.com/api/middleware"
)

func main() {
	// The first signal starts the shutdown. A second one kills the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	// Otherwise, a write to standard error would kill the process once nobody reads
	// its log.
	signal.Ignore(syscall.SIGPIPE)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	if errors.Is(err, errRefused) {
		os.Exit(1)
	}
	status := 1
	var wrongSettings *config.Error
	if errors.As(err, &wrongSettings) || errors.Is(err, errUsage) {
		status = 2
	}
	time.AfterFunc(time.Second, func() { os.Exit(status) }) // standard error may block
	fmt.Fprintln(os.Stderr, "api:", err)
	os.Exit(status)
}

// errUsage means that the program does not know the command line.
var errUsage = errors.New("run it without arguments to serve, or with healthcheck, seed, or explain ORIGIN [METHOD PATH]; settings come from the environment (see .env.example)")

// run reads the settings and serves until ctx ends. With the argument healthcheck,
// it checks that the server that runs with the same settings is alive. With seed,
// it adds examples to the database. With explain, it prints to stdout what the
// settings mean for an origin. Logs go to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	command := strings.Join(args, " ")
	switch {
	case command == "healthcheck", len(args) > 0 && args[0] == "explain":
		settings, err := config.Load() // without checks, because neither opens the database
		if err != nil {
			return err
		}
		if command == "healthcheck" {
			return healthcheck(ctx, settings)
		}
		return explain(settings, args[1:], stdout)
	case command != "" && command != "seed":
		return fmt.Errorf("unknown arguments %q: %w", args, errUsage)
	}
	settings, err := config.Load(
		config.Check{Variable: "DATABASE_URL", URL: database.CheckURL},
		config.Check{Variable: "REDIS_URL", URL: ratelimit.CheckURL},
	)
	if err != nil {
		return err
	}
	return start(ctx, settings, command == "seed", network{listen: listen}, stderr)
}

// network is how the server listens and connects. The simulation replaces it with
// a network in memory.
type network struct {
	listen func(address, variable string) (net.Listener, error)                 // see the function listen
	dial   func(ctx context.Context, network, address string) (net.Conn, error) // nil: as net.Dialer does
}

// start builds the parts, serves until ctx ends, and closes the parts. With seeds,
// it adds the examples instead of serving.
func start(ctx context.Context, settings config.Settings, seeds bool, n network, stderr io.Writer) error {
	logs := newLogWriter(settings, stderr)
	defer logs.Close() // after everything that logs
	log := slog.New(logs.Handler())
	for _, warning := range settings.Warnings {
		log.Warn("settings", "warning", warning)
	}

	var migrations []database.Migrations
	for _, r := range resources() {
		migrations = append(migrations, r.migrations)
	}
	db, err := database.Open(ctx, settings.DatabaseURL.Reveal(), n.dial, log, migrations...)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("stopped while opening the database: %w", ctx.Err())
	}
	if err != nil {
		return config.WrongDatabase(err)
	}
	defer db.Close()
	if seeds {
		return seed(ctx, db, log)
	}

	sessions, err := newSessions(settings, log)
	if err != nil {
		return err
	}
	memory := ratelimit.NewMemory(settings.RateLimitMaxClients)
	var counters ratelimit.Store = memory
	redis := func() string { return "off" }
	var shared *ratelimit.Redis // nil: off
	if settings.RedisURL.IsSet() {
		shared, err = ratelimit.NewRedis(settings.RedisURL.Reveal(), settings.RedisPrefix, n.dial, memory, log)
		if err != nil {
			return err
		}
		defer shared.Close()
		counters, redis = shared, shared.State
	}
	parts := parts{
		log:      log,
		version:  version(),
		database: db,
		counters: counters,
		redis:    redis,
		sessions: sessions,
		draining: ctx.Done(),
	}
	if settings.MetricsAddr != "" {
		parts.metrics = middleware.NewMetrics(gauges(parts.version, logs, memory, shared, db)...)
	}
	router, err := newRouter(settings, parts)
	if err != nil {
		return err
	}
	return serve(ctx, settings, n.listen, parts, router)
}

// seed adds the examples of every resource that has some.
func seed(ctx context.Context, db *database.DB, log *slog.Logger) error {
	for _, r := range resources() {
		if r.seed == nil {
			continue
		}
		if err := r.seed(ctx, db, log); err != nil {
			return err
		}
	}
	return nil
}

func newLogWriter(settings config.Settings, stderr io.Writer) *logwriter.Writer {
	options := &slog.HandlerOptions{Level: settings.LogLevel}
	return logwriter.New(stderr, func(w io.Writer) slog.Handler {
		if settings.LogJSON {
			return slog.NewJSONHandler(w, options)
		}
		return slog.NewTextHandler(w, options)
	})
}

func newSessions(settings config.Settings, log *slog.Logger) (*handlers.Sessions, error) {
	return handlers.NewSessions(handlers.SessionOptions{
		Secret:         sessionSecret(settings),
		PreviousSecret: settings.SessionSecretPrevious.Reveal(),
		SameSite:       settings.SessionSameSite,
		Production:     settings.Production,
		Proxies:        settings.TrustedProxies,
		Log:            log,
	})
}

// sessionSecret returns the secret from the settings. In development it may be
// unset; then it is random, and sessions end with the process.
func sessionSecret(settings config.Settings) string {
	if settings.SessionSecret.IsSet() {
		return settings.SessionSecret.Reveal()
	}
	return rand.Text() + rand.Text() // 260 random bits
}

// version is the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return "devel"
}
