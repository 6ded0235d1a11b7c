package tests

import (
	"net/http"
	"syscall"
	"testing"
)

// While PostgreSQL is down, only the routes that need it return 503. No
// acknowledged item is lost, and each outage and recovery is logged once.
func TestDatabaseOutagesUnderLoad(t *testing.T) {
	t.Parallel()
	postgres := startPostgres(t)
	redis := &redisProcess{port: freePort(t)}
	redis.start(t)
	s := start(t, "REDIS_URL=redis://127.0.0.1:"+redis.port, "DATABASE_URL="+postgres.newDatabase(t, "outages"),
		"RATE_LIMIT_DEFAULT=1000000-H", "TRUSTED_PROXIES=127.0.0.1")
	l := startLoad(t, s, request{method: "GET", path: "/api/hello", want: http.StatusOK},
		request{method: "GET", path: "/api/items", want: http.StatusOK, needsDatabase: true},
		request{method: "POST", path: "/api/items", body: `{"name":"x"}`, want: http.StatusCreated, needsDatabase: true})
	stop, start := func() { postgres.stop(t) }, func() { postgres.start(t) }
	l.survive(t, outage{"PostgreSQL is stopped", stop, start, "database"}, func() {})
	l.survive(t, outage{"PostgreSQL is stopped again", stop, start, "database"}, func() {})
	l.survive(t, outage{"Redis is killed", redis.kill, func() { redis.start(t) }, "redis"}, func() {})
	l.finish(t)
	s.checkChanges(t, "PostgreSQL is down", "PostgreSQL is available", 2)
	for _, path := range l.created {
		if a := s.get(t, path); a.status != http.StatusOK {
			t.Errorf("%s was acknowledged; got %d, want 200", path, a.status)
		}
	}
}

// stop shuts PostgreSQL down without waiting for clients to disconnect.
func (p *postgres) stop(t *testing.T) {
	t.Helper()
	p.process.signal(t, syscall.SIGINT)
	if status := p.process.wait(t); status != 0 {
		t.Fatalf("PostgreSQL: exit status %d; log:\n%s", status, p.process.stderr)
	}
}
