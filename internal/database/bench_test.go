package database_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/api/internal/database"
	"example.com/api/internal/database/databasetest"
)

// BenchmarkSQLiteWriters has 16 clients write to one file. Two resources that
// share the database are as fast as one; a second DB on the same file, for
// comparison, competes with the first for SQLite's lock.
func BenchmarkSQLiteWriters(b *testing.B) {
	for _, tt := range []struct {
		name      string
		databases int
		tables    []string // client n writes to table n
	}{
		{"one resource", 1, []string{"things"}},
		{"two resources", 1, []string{"things", "orders"}},
		{"two resources, two databases", 2, []string{"things", "orders"}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			const clients = 16
			ctx := context.Background()
			url := databasetest.NewSQLite(b)
			dbs := make([]*database.DB, tt.databases)
			for i := range dbs {
				var err error
				if dbs[i], err = database.Open(ctx, url, nil, slog.New(slog.DiscardHandler), migrations("things"), migrations("orders")); err != nil {
					b.Fatal(err)
				}
				defer dbs[i].Close()
			}
			text := strings.Repeat("note ", 20)
			var next, refused atomic.Int64
			slowest := make([]time.Duration, clients)
			var wg sync.WaitGroup
			b.ResetTimer()
			for client := range clients {
				insert := "INSERT INTO " + tt.tables[client%len(tt.tables)] + " (id, text) VALUES ($1, $2)" //nolint:gosec // the names of the tables are in the test
				wg.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						start := time.Now()
						err := dbs[client%len(dbs)].Write(ctx, func(ctx context.Context, pool *sql.DB) error {
							_, err := pool.ExecContext(ctx, insert, n, text)
							return err
						})
						slowest[client] = max(slowest[client], time.Since(start))
						if errors.Is(err, database.ErrUnavailable) {
							refused.Add(1)
						} else if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			var worst time.Duration
			for _, d := range slowest {
				worst = max(worst, d)
			}
			b.ReportMetric(float64(worst)/1e6, "slowest-ms")
			b.ReportMetric(float64(refused.Load()), "refused")
		})
	}
}
