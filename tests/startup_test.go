package tests

import (
	"strings"
	"testing"
	"time"
)

// Replicas that start at the same moment, with an empty PostgreSQL and with
// Redis, are all ready soon, and each migration runs once.
func TestReplicasStartTogether(t *testing.T) {
	t.Parallel()
	const replicas = 20
	within := 5 * time.Second
	if hasRaceDetector() {
		within *= 3
	}
	redis := freePort(t)
	startRedis(t, redis)
	database := startPostgres(t).newDatabase(t, "startup")
	started := time.Now()
	deadline := started.Add(within)
	var all []*process
	for range replicas {
		all = append(all, launch(t, t.TempDir(), "PORT=0", "REDIS_URL=redis://127.0.0.1:"+redis, "DATABASE_URL="+database))
	}
	for _, p := range all {
		s := &server{process: p, client: newClient("")}
		defer s.client.CloseIdleConnections()
		s.URL = p.announced(t, "listening").String()
		s.waitFor(t, "readiness", func() bool {
			if time.Now().After(deadline) {
				t.Fatalf("not all replicas are ready within %s; log of one that is not:\n%s", within, p.stderr)
			}
			return strings.Contains(s.get(t, "/readyz").body, `"redis":"up","database":"up"`)
		})
	}
	t.Logf("%d replicas were ready after %s", replicas, time.Since(started).Round(time.Millisecond))
	times := make(map[string]int)
	for _, p := range all {
		for _, line := range p.stderr.messages("database migrated") {
			times[line["table"]+" "+line["migration"]]++
		}
	}
	for migration, n := range times {
		if n != 1 {
			t.Errorf("migration %s ran %d times, want 1", migration, n)
		}
	}
	t.Logf("migrations: %v", times)
}
