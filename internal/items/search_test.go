package items_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"example.com/api/internal/database"
	"example.com/api/internal/database/databasetest"
	"example.com/api/internal/items"
)

func TestSearch(t *testing.T) {
	t.Parallel()
	texts := [][2]string{
		{"ärger", ""},                      // composed
		{"A\u0308RGER two", ""},            // decomposed
		{"plain", "Straße in the note"},    // ß folds to ss
		{"ΣΊΣΥΦΟΣ", ""},                    // final sigma
		{"100% _under_ back\\slash", "q'"}, // the special characters of LIKE
		{"100 percent under", ""},
		{"I", "ﬀ ligature"},
		{"İstanbul", "a\"quoted\" text"}, // folds to i and a dot above
		{"ᾴ", ""},                        // alpha, acute, iota below: the fold of the iota depends on its place
		{"abcd bcde, cdef", "defghi"},
	}
	tests := []struct {
		q    string
		want []int
	}{
		{"ÄRGER", []int{0, 1}},
		{"a\u0308rger", []int{0, 1}},
		{"arger", []int{}},
		{"STRASSE", []int{2}},
		{"straße", []int{2}},
		{"σίσυφος", []int{3}},
		{"%", []int{4}},
		{"100%", []int{4}},
		{"_", []int{4}},
		{`\`, []int{4}},
		{"'", []int{4}},
		{"100", []int{4, 5}},
		{"FF", []int{6}},
		{"a", []int{2, 4, 6, 7, 9}},
		{"İST", []int{7}},
		{"i\u0307stanbul", []int{7}},
		{"ist", []int{}},
		{"\"QUOTED\"", []int{7}},
		{"ted\" t", []int{7}},
		{"nbul", []int{7}},
		{"abcde", []int{}},   // its trigrams are there, but not in a row
		{"cdefghi", []int{}}, // nor across name and note
		{"bcde", []int{9}},
		{"α\u0345\u0301", []int{8}},
		{"plainStra", []int{}},
		{"\xff", []int{}},
		{"a\x00", []int{}},
		{strings.Repeat("x", 100_000), []int{}},
	}
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		ctx := context.Background()
		s := open(t, newURL(t))
		var made []items.Item
		for _, text := range texts {
			made = append(made, create(t, s, text[0], text[1]))
		}
		for _, tt := range tests {
			want := []items.Item{}
			for _, i := range tt.want {
				want = append(want, made[i])
			}
			got, err := s.Search(ctx, tt.q, "", 100)
			if diff := cmp.Diff(want, got.Items); err != nil || diff != "" {
				t.Errorf("Search(%.40q): %v (-want +got):\n%s", tt.q, err, diff)
			}
		}
		// A search finds what Update and Replace wrote, and not what they removed.
		note, id := "ÖL", made[0].ID
		if _, err := s.Update(ctx, id, items.Patch{Note: &note}, nil); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Search(ctx, "öl", "", 20); err != nil || len(found.Items) != 1 {
			t.Errorf("Search after Update: got %v, %v, want one", found, err)
		}
		if _, err := s.Replace(ctx, id, items.Draft{Name: "other"}, nil); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Search(ctx, "öl", "", 20); err != nil || len(found.Items) != 0 {
			t.Errorf("Search after Replace: got %v, %v, want none", found, err)
		}
		// An update that leaves the texts as they are, and a delete.
		if _, err := s.Update(ctx, made[2].ID, items.Patch{}, nil); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Search(ctx, "straße", "", 20); err != nil || len(found.Items) != 1 {
			t.Errorf("Search after an empty Update: got %v, %v, want one", found, err)
		}
		if err := s.Delete(ctx, made[2].ID, nil); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Search(ctx, "straße", "", 20); err != nil || len(found.Items) != 0 {
			t.Errorf("Search after Delete: got %v, %v, want none", found, err)
		}
	})
}

// The pages of a search hold every item that is found, once and in order,
// whether the query has trigrams or not.
func TestSearchPages(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		ctx := context.Background()
		s := open(t, newURL(t))
		var want []string
		for i := range 23 {
			create(t, s, "other", "")
			want = append(want, create(t, s, fmt.Sprint("Many ", i), "").Name)
		}
		for _, q := range []string{"MANY", "ma", "n"} {
			for _, limit := range []int{0, 1, 5, 22, 23, 100} {
				var got []string
				for cursor := ""; ; {
					page, err := s.Search(ctx, q, cursor, limit)
					if err != nil || len(page.Items) > max(limit, 1) || len(page.Items) == 0 {
						t.Fatalf("Search(%q, %q, %d): %d items, %v", q, cursor, limit, len(page.Items), err)
					}
					for _, item := range page.Items {
						got = append(got, item.Name)
					}
					if cursor = page.Next; cursor == "" {
						break
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%q in pages of %d (-want +got):\n%s", q, limit, diff)
				}
			}
		}
		if _, err := s.Search(ctx, "many", "x", 20); !errors.Is(err, items.ErrBadCursor) {
			t.Errorf("Search with a bad cursor: got %v, want ErrBadCursor", err)
		}
	})
}

// A search that no index helps compares a bounded number of items per page, and
// its pages together hold every item that is found.
func TestShortSearchesAreBounded(t *testing.T) {
	t.Parallel()
	const most = items.MaxVisited
	notes := map[int]string{0: "first ß", most - 1: "SS on the first page", most: "ss on the second", 3 * most: "ẞ, the last"}
	want := [][]string{{notes[0], notes[most-1]}, {notes[most]}, nil, {notes[3*most]}}
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		url := newURL(t)
		s := open(t, url)
		fill(t, url, 3*most+1, func(i int) string { return notes[i] })
		var got [][]string
		for cursor := ""; ; {
			page, err := s.Search(t.Context(), "ß", cursor, 100)
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, item := range page.Items {
				found = append(found, item.Note)
			}
			got = append(got, found)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the pages (-want +got):\n%s", diff)
		}
	})
}

// In PostgreSQL, a search reads few of many items, whether the index has them or
// not.
func TestSearchReadsFewItems(t *testing.T) {
	t.Parallel()
	const most, count = items.MaxVisited, 5 * items.MaxVisited
	random := mathrand.New(mathrand.NewPCG(1, 2))
	words := randomWords(random)
	note := func(i int) string {
		if i%most == most/2 {
			return "Xylophone &&& zz"
		}
		return strings.Join([]string{words[random.IntN(len(words))], words[random.IntN(len(words))], words[random.IntN(len(words))]}, " ")
	}
	url := databasetest.Shared(t).NewDatabase(t)
	open(t, url)
	fill(t, url, count, note)
	databasetest.Exec(t, url, "VACUUM ANALYZE items")
	for _, tt := range []struct {
		query       string
		found, most int
	}{
		{"XYLOPHONE", 5, most + 5},
		{"qqqzzz", 0, most},
		{"e", 20, most},
		{"qz", 0, most},
		{"zz", 1, most},
		{"&&&", 1, most}, // the index holds only letters and digits
	} {
		var found items.Page
		n := postgresVisits(t, url, func(s items.Store) {
			var err error
			if found, err = s.Search(t.Context(), tt.query, "", 20); err != nil {
				t.Fatal(err)
			}
		})
		if len(found.Items) != tt.found || n > tt.most {
			t.Errorf("%q: found %d items and read %d, want %d and at most %d of %d", tt.query, len(found.Items), n, tt.found, tt.most, count)
		}
	}
}

// In SQLite, which does not count what it reads, a search with trigrams reads the
// items that the index returns and no others.
func TestSearchPlan(t *testing.T) {
	t.Parallel()
	s := open(t, databasetest.NewSQLite(t))
	var plan []string
	err := s.DB.Read(t.Context(), func(ctx context.Context, pool *sql.DB) error {
		rows, err := pool.QueryContext(ctx, "EXPLAIN QUERY PLAN "+items.SearchTrigrams, "abcd", 0, 20, `"abc" AND "bcd"`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			plan = append(plan, step)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"SCAN items_trigrams VIRTUAL TABLE INDEX 64:M2>", // M2: MATCH selects the rows; >: that follow the cursor; 64: in the order of rowid
		"SEARCH items USING INTEGER PRIMARY KEY (rowid=?)",
	}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
}

// postgresVisits returns how many rows of the table a search has read.
func postgresVisits(t *testing.T, url string, search func(items.Store)) int {
	t.Helper()
	admin, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	var scans, rows int
	read := func() {
		t.Helper()
		err := admin.QueryRowContext(t.Context(), `
			SELECT seq_scan + idx_scan, seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'items'`).Scan(&scans, &rows)
		if err != nil {
			t.Fatal(err)
		}
	}
	read()
	scansBefore, rowsBefore := scans, rows
	s := open(t, url)
	search(s)
	if err := s.DB.Close(); err != nil { // the server then counts what the connection has read
		t.Fatal(err)
	}
	databasetest.Eventually(t, 10*time.Second, "statistics", func() bool { read(); return scans > scansBefore })
	return rows - rowsBefore
}

// A role that may not create the extension gets its tables all the same, and
// searches without the index.
func TestSearchWithoutTrigrams(t *testing.T) {
	t.Parallel()
	url := databasetest.Shared(t).NewDatabase(t)
	role := "r" + strings.ToLower(rand.Text()) // another one each time
	for _, statement := range []string{"CREATE ROLE " + role + " LOGIN", "GRANT ALL ON SCHEMA public TO " + role} {
		databasetest.Exec(t, url, statement)
	}
	url = strings.Replace(url, "api:secret-word@", role+"@", 1)
	s := open(t, url)
	want := create(t, s, "Darjeeling", "")
	err := s.DB.Read(t.Context(), func(ctx context.Context, pool *sql.DB) error {
		var n int
		err := pool.QueryRowContext(ctx, "SELECT count(*) FROM pg_indexes WHERE indexname = 'items_trigrams'").Scan(&n)
		if n != 0 {
			t.Error("the index is there: this test shows nothing")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := s.Search(t.Context(), "JEEL", "", 20); err != nil || len(found.Items) != 1 || found.Items[0] != want {
		t.Errorf("Search: got %v, %v, want %v", found, err, want)
	}
}

// An index that was created before the migration, which would block writes while it
// builds one, is kept.
func TestSearchIndexIsKept(t *testing.T) {
	t.Parallel()
	url := databasetest.Shared(t).NewDatabase(t)
	if err := open(t, url).DB.Close(); err != nil {
		t.Fatal(err)
	}
	databasetest.Exec(t, url, "DELETE FROM items_migrations WHERE version_id = 2")
	s := open(t, url)
	want := create(t, s, "Darjeeling", "")
	if found, err := s.Search(t.Context(), "JEEL", "", 20); err != nil || len(found.Items) != 1 || found.Items[0] != want {
		t.Errorf("Search: got %v, %v, want %v", found, err, want)
	}
}

func BenchmarkSearch(b *testing.B) {
	benchmark(b, func(b *testing.B, s items.Store) {
		for range 1000 {
			create(b, s, "benchmark", strings.Repeat("note ", 20))
		}
		b.ResetTimer()
		for b.Loop() {
			if found, err := s.Search(context.Background(), "nothing like it", "", 20); err != nil || len(found.Items) != 0 {
				b.Fatal(len(found.Items), err)
			}
		}
	})
}

// BenchmarkReadsDuringSearches reads items while one client keeps 30 searches
// running, among 100,000 items of 1,000 characters. Run it with -benchtime 10s.
func BenchmarkReadsDuringSearches(b *testing.B) {
	run := func(b *testing.B, url string) {
		s := open(b, url)
		random := mathrand.New(mathrand.NewPCG(1, 2))
		words := randomWords(random)
		fill(b, url, 100_000, func(int) string {
			var note strings.Builder
			for note.Len() < 990 {
				note.WriteString(words[random.IntN(len(words))] + " ")
			}
			return note.String()
		})
		for _, tt := range []struct{ name, query string }{
			{"word", words[0]},
			{"nothing", "zqzqzq"},
			{"phrase", words[1] + " " + words[2]},
			{"common letters", "e"},
			{"rare letters", "qj"}, // no trigram: compares a bounded number of items
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

// randomWords returns words of letters that are about as common as in a language.
func randomWords(random *mathrand.Rand) []string {
	const letters = "eeeeaaaoooiiinnnrrrtttlllsssuudddgghhpmbcfkvwy"
	words := make([]string, 5000)
	for i := range words {
		word := make([]byte, 3+random.IntN(8))
		for j := range word {
			word[j] = letters[random.IntN(len(letters))]
		}
		words[i] = string(word)
	}
	return words
}

// fill stores items with the notes that a function returns.
func fill(t testing.TB, url string, count int, note func(i int) string) {
	t.Helper()
	driver := "pgx"
	if strings.HasPrefix(url, "file:") {
		driver, url = "sqlite", url+"?_time_integer_format=unix_micro"
	}
	db, err := sql.Open(driver, url) // the timeouts of the store are for requests
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	insert, err := tx.Prepare(`
		INSERT INTO items (id, name, note, name_folded, note_folded, created_at, updated_at)
		VALUES ($1, 'benchmark', $2, 'benchmark', $3, $4, $4)`)
	if err != nil {
		t.Fatal(err)
	}
	defer insert.Close()
	for i := range count {
		text := note(i)
		if _, err := insert.Exec(uuid.New(), text, items.Fold(text), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}
