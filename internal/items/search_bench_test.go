package items_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"example.com/api/internal/database"
	"example.com/api/internal/database/databasetest"
)

// BenchmarkReadsDuringSearches reads items while one client keeps 30 searches
// running, among 100,000 items of 1,000 characters. Run it with -benchtime 10s.
func BenchmarkReadsDuringSearches(b *testing.B) {
	run := func(b *testing.B, url string) {
		s := open(b, url)
		words := fill(b, url, 100_000)
		for _, tt := range []struct{ name, query string }{
			{"word", words[0]},
			{"nothing", "zqzqzq"},
			{"phrase", words[1] + " " + words[2]},
			{"common letters", "e"},
			{"rare letters", "q" + "\u00df"},
		} {
			b.Run(tt.name, func(b *testing.B) {
				ctx, cancel := context.WithCancel(context.Background())
				var mu sync.Mutex
				var searches []time.Duration
				var refused int
				start := time.Now()
				if _, err := s.Search(ctx, tt.query, "", 20); err != nil {
					b.Log(err)
				}
				alone := time.Since(start)
				var attackers sync.WaitGroup
				for range 30 {
					attackers.Go(func() {
						for ctx.Err() == nil {
							start := time.Now()
							_, err := s.Search(ctx, tt.query, "", 20)
							mu.Lock()
							if searches = append(searches, time.Since(start)); errors.Is(err, database.ErrUnavailable) {
								refused++
							}
							mu.Unlock()
						}
					})
				}
				var reads []time.Duration
				for b.Loop() {
					start := time.Now()
					if _, err := s.List(ctx, "", 20); err != nil {
						b.Error(err)
					}
					reads = append(reads, time.Since(start))
					time.Sleep(time.Millisecond)
				}
				cancel()
				attackers.Wait()
				slices.Sort(reads)
				slices.Sort(searches)
				ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
				b.ReportMetric(ms(reads[len(reads)*99/100]), "read-p99-ms")
				b.ReportMetric(ms(alone), "search-alone-ms")
				b.ReportMetric(ms(searches[len(searches)/2]), "search-p50-ms")
				b.ReportMetric(float64(len(searches)), "searches")
				b.ReportMetric(float64(refused), "searches-refused")
			})
		}
	}
	b.Run("sqlite", func(b *testing.B) { run(b, databasetest.NewSQLite(b)) })
	b.Run("postgres", func(b *testing.B) { run(b, databasetest.Shared(b).NewDatabase(b)) })
}

// fill stores items of random words and returns some of the words.
func fill(b *testing.B, url string, count int) []string {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	const letters = "eeeeaaaoooiiinnnrrrtttlllsssuudddgghhpmbcfkvwy"
	words := make([]string, 5000)
	for i := range words {
		word := make([]byte, 3+random.IntN(8))
		for j := range word {
			word[j] = letters[random.IntN(len(letters))]
		}
		words[i] = string(word)
	}
	driver := "pgx"
	if strings.HasPrefix(url, "file:") {
		driver, url = "sqlite", url+"?_time_integer_format=unix_micro"
	}
	db, err := sql.Open(driver, url) // the timeouts of the store are for requests
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		b.Fatal(err)
	}
	for range count {
		var note strings.Builder
		for note.Len() < 990 {
			note.WriteString(words[random.IntN(len(words))] + " ")
		}
		_, err := tx.Exec(`
			INSERT INTO items (id, name, note, name_folded, note_folded, created_at, updated_at)
			VALUES ($1, 'benchmark', $2, 'benchmark', $2, $3, $3)`, uuid.New(), note.String(), time.Now())
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
	return words
}
