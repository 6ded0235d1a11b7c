package items_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
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

func TestValidate(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 101)
	for _, tt := range []struct {
		name string
		in   items.Draft
		want []violation
	}{
		{"shortest", items.Draft{Name: "x"}, nil},
		{"longest, counted in characters", items.Draft{Name: strings.Repeat("ä", 100), Note: strings.Repeat("😀", 1000)}, nil},
		{"name empty", items.Draft{}, []violation{{"name", "must have 1 to 100 characters, not 0"}}},
		{"name of blanks", items.Draft{Name: " \t\n\u3000"}, []violation{{"name", "must not consist only of blanks"}}},
		{"blanks around a name", items.Draft{Name: " x ", Note: " "}, nil},
		{"name too long", items.Draft{Name: long}, []violation{{"name", "must have 1 to 100 characters, not 101"}}},
		{"note too long", items.Draft{Name: "x", Note: strings.Repeat("ä", 1001)}, []violation{{"note", "must have 0 to 1000 characters, not 1001"}}},
		{"NUL in both", items.Draft{Name: "a\x00", Note: "\x00"}, []violation{
			{"name", "must not contain the character U+0000"}, {"note", "must not contain the character U+0000"}}},
		{"broken UTF-8", items.Draft{Name: "a\xff"}, []violation{{"name", "must be valid UTF-8"}}},
		{"two rules", items.Draft{Name: "", Note: "\xff\x00"}, []violation{
			{"name", "must have 1 to 100 characters, not 0"}, {"note", "must not contain the character U+0000"}, {"note", "must be valid UTF-8"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, violations(items.Patch{Name: &tt.in.Name, Note: &tt.in.Note})); diff != "" {
				t.Errorf("Patch.Validate (-want +got):\n%s", diff)
			}
		})
	}
	if got := violations(items.Patch{}); got != nil {
		t.Errorf("an empty patch: got %v, want nothing", got)
	}
}

type violation struct{ Field, Detail string }

func violations(p items.Patch) (all []violation) {
	p.Validate(func(field, detail string) { all = append(all, violation{field, detail}) })
	return all
}

func TestItem(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		ctx := context.Background()
		url := newURL(t)
		s := open(t, url)
		before := time.Now().UTC().Truncate(time.Microsecond)
		made := create(t, s, "Ärger", "a 😀 'quoted' \\ %")
		if made.ID.Version() != 7 || made.CreatedAt.Before(before) || made.CreatedAt != made.UpdatedAt || made.CreatedAt.Location() != time.UTC {
			t.Errorf("got %+v, want a version 7 id and one UTC time that is not before %s", made, before)
		}
		same := func(what string, want items.Item) {
			t.Helper()
			for name, store := range map[string]items.Store{"same store": s, "another replica": open(t, url)} {
				got, err := store.Get(ctx, want.ID)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("Get after %s, %s: %v (-want +got):\n%s", what, name, err, diff)
				}
			}
		}
		same("Create", made)

		name, note := "patched", "other"
		patched, err := s.Update(ctx, made.ID, items.Patch{Name: &name}, nil)
		want := items.Item{ID: made.ID, Name: name, Note: made.Note, CreatedAt: made.CreatedAt, UpdatedAt: patched.UpdatedAt}
		if diff := cmp.Diff(want, patched); err != nil || diff != "" || !patched.UpdatedAt.After(made.UpdatedAt) {
			t.Errorf("Update: %v, updated %s (-want +got):\n%s", err, patched.UpdatedAt, diff)
		}
		same("Update of the name", patched)
		patched, err = s.Update(ctx, made.ID, items.Patch{Note: &note}, nil)
		if err != nil || patched.Name != name || patched.Note != note {
			t.Errorf("Update of the note: got %+v, %v", patched, err)
		}
		same("Update of the note", patched)

		replaced, err := s.Replace(ctx, made.ID, items.Draft{Name: "replaced"}, nil)
		if err != nil || replaced.Name != "replaced" || replaced.Note != "" || replaced.CreatedAt != made.CreatedAt {
			t.Errorf("Replace: got %+v, %v", replaced, err)
		}
		same("Replace", replaced)

		if err := s.Delete(ctx, made.ID, nil); err != nil {
			t.Errorf("Delete: %v", err)
		}
		for what, err := range map[string]error{
			"Get":     second(s.Get(ctx, made.ID)),
			"Update":  second(s.Update(ctx, made.ID, items.Patch{Name: &name}, nil)),
			"Replace": second(s.Replace(ctx, made.ID, items.Draft{Name: name}, nil)),
			"Delete":  s.Delete(ctx, made.ID, nil),
			"any id":  second(s.Get(ctx, uuid.New())),
		} {
			if !errors.Is(err, items.ErrNotFound) {
				t.Errorf("%s after Delete: got %v, want ErrNotFound", what, err)
			}
		}
		if !s.DB.Up(ctx) {
			t.Error("Up: got false, want true")
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestEmptyIsNotNull(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		ctx := context.Background()
		s := open(t, newURL(t))
		page, err := s.List(ctx, "", 20)
		found, err2 := s.Search(ctx, "x", "", 20)
		nul, err3 := s.Search(ctx, "\x00", "", 20)
		got, _ := json.Marshal([]any{page.Items, page.Next, found.Items, nul.Items})
		if want := `[[],"",[],[]]`; string(got) != want || errors.Join(err, err2, err3) != nil {
			t.Errorf("got %s, %v, want %s", got, errors.Join(err, err2, err3), want)
		}
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		ctx := context.Background()
		s := open(t, newURL(t))
		var want []string
		for i := range 7 {
			want = append(want, create(t, s, fmt.Sprint(i), "").Name)
		}
		for limit := range 9 {
			var got []string
			for cursor := ""; ; {
				page, err := s.List(ctx, cursor, limit)
				if err != nil || len(page.Items) > max(limit, 1) || len(page.Items) == 0 {
					t.Fatalf("List(%q, %d): %d items, %v", cursor, limit, len(page.Items), err)
				}
				for _, item := range page.Items {
					got = append(got, item.Name)
				}
				if cursor = page.Next; cursor == "" {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("pages of %d (-want +got):\n%s", limit, diff)
			}
		}

		// A cursor outlives the item that it names, even the newest one: that
		// number is not used again.
		page, err := s.List(ctx, "", 6)
		if err != nil || page.Next == "" {
			t.Fatalf("List: %+v, %v", page, err)
		}
		list := all(t, s)
		for _, item := range list[5:] {
			if err := s.Delete(ctx, item.ID, nil); err != nil {
				t.Fatal(err)
			}
		}
		create(t, s, "next", "")
		page, err = s.List(ctx, page.Next, 6)
		if err != nil || len(page.Items) != 1 || page.Items[0].Name != "next" || page.Next != "" {
			t.Errorf("List after the cursor's item was deleted: got %+v, %v, want the next item", page, err)
		}
		for _, cursor := range []string{"x", "AQ", "AQAAAAAAAAAB\n", "AQAAAAAAAAAA", "AgAAAAAAAAAB", "AQAAAAAAAAAB="} {
			if _, err := s.List(ctx, cursor, 20); !errors.Is(err, items.ErrBadCursor) {
				t.Errorf("List(%q): got %v, want ErrBadCursor", cursor, err)
			}
		}
	})
}

// The short pages of items with the longest texts take little memory, and together
// hold every item.
func TestShortPages(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		ctx := context.Background()
		s := open(t, newURL(t))
		var want []string
		for _, text := range []string{"x", "😀", "<", "\x01"} {
			for range 20 {
				item := create(t, s, strings.Repeat(text, 100), "tea"+strings.Repeat(text, 997))
				want = append(want, item.ID.String())
			}
		}
		if page, err := s.List(ctx, "", 20); err != nil || len(page.Short().Items) != 20 {
			t.Errorf("the longest texts in ASCII: got %d items, %v, want 20", len(page.Short().Items), err)
		}
		for name, read := range map[string]func(cursor string) (items.Page, error){
			"List":   func(cursor string) (items.Page, error) { return s.List(ctx, cursor, 80) },
			"Search": func(cursor string) (items.Page, error) { return s.Search(ctx, "tea", cursor, 80) },
		} {
			var got []string
			for cursor := ""; ; {
				page, err := read(cursor)
				if rest := len(want) - len(got); err != nil || len(page.Items) != rest {
					t.Fatalf("%s: %d items, %v, want %d", name, len(page.Items), err, rest)
				}
				page = page.Short()
				for _, item := range page.Items {
					got = append(got, item.ID.String())
				}
				const longest = 40 << 10 // bytes; see docs/deployment.md
				if text, err := json.Marshal(page.Items); err != nil || len(text) > longest {
					t.Errorf("%s: a short page of %d items has %d bytes, %v, want at most %d", name, len(page.Items), len(text), err, longest)
				}
				if cursor = page.Next; cursor == "" {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// two returns the stores of two replicas. With SQLite they are the same, since
// one process owns a file: another may write now and then, but SQLite's lock is
// not fair, and a process that writes without a pause keeps it.
func two(t testing.TB, url string) [2]items.Store {
	t.Helper()
	first := open(t, url)
	if strings.HasPrefix(url, "file:") {
		return [2]items.Store{first, first}
	}
	return [2]items.Store{first, open(t, url)}
}

// A reader that follows the list while two replicas write receives every item.
func TestPagesSkipNothing(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		const writers, each = 6, 80
		ctx := context.Background()
		url := newURL(t)
		replicas := two(t, url)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					_, err := replicas[w%2].Create(ctx, items.Draft{Name: fmt.Sprintf("%d/%d", w, i)})
					if err != nil {
						t.Errorf("Create: %v", err)
						return
					}
				}
			})
		}
		written := make(chan struct{})
		go func() { wg.Wait(); close(written) }()

		seen := map[uuid.UUID]bool{}
		cursor, last := "", false
		for {
			page, err := replicas[0].List(ctx, cursor, 1)
			if err != nil {
				t.Fatalf("List: %v", err)
			}
			if page.Next != "" || last {
				for _, item := range page.Items {
					if seen[item.ID] {
						t.Fatalf("%s came twice", item.Name)
					}
					seen[item.ID] = true
				}
				cursor = page.Next
			}
			if page.Next != "" {
				continue
			}
			if last {
				break
			}
			select {
			case <-written:
				last = true // nothing is added any more
			default:
			}
		}
		if len(seen) != writers*each {
			t.Errorf("got %d items, want %d", len(seen), writers*each)
		}
	})
}

// Two clients patch different fields of one item at the same time, from two
// replicas: both changes stay.
func TestPatchesDoNotGetLost(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		ctx := context.Background()
		url := newURL(t)
		a, b := open(t, url), open(t, url)
		id := create(t, a, "0", "0").ID
		for i := range 100 {
			want := fmt.Sprint(i + 1)
			var wg sync.WaitGroup
			var errA, errB error
			wg.Go(func() { _, errA = a.Update(ctx, id, items.Patch{Name: &want}, nil) })
			wg.Go(func() { _, errB = b.Update(ctx, id, items.Patch{Note: &want}, nil) })
			wg.Wait()
			got, err := a.Get(ctx, id)
			if err := errors.Join(errA, errB, err); err != nil || got.Name != want || got.Note != want {
				t.Fatalf("round %s: got name %q, note %q, %v", want, got.Name, got.Note, err)
			}
		}
	})
}

// A change with ETags is made only while the item has one of them.
func TestIfMatch(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		ctx := context.Background()
		s := open(t, newURL(t))
		item := create(t, s, "x", "")
		seen := map[string]bool{item.ETag(): true}
		if got, err := s.Get(ctx, item.ID); err != nil || got.ETag() != item.ETag() {
			t.Errorf("Get: got %s, %v, want %s", got.ETag(), err, item.ETag())
		}
		name := "y"
		for range 50 { // every change gives another ETag, however fast they follow
			changed, err := s.Update(ctx, item.ID, items.Patch{Name: &name}, []string{`"other"`, item.ETag()})
			if err != nil || seen[changed.ETag()] {
				t.Fatalf("Update with the current ETag: got %s, %v, want a new one", changed.ETag(), err)
			}
			seen[changed.ETag()] = true
			item = changed
		}
		stale := "stale"
		for what, ifMatch := range map[string][]string{"an old ETag": {create(t, s, "z", "").ETag(), `"0"`}, "none": {}} {
			for method, err := range map[string]error{
				"Update":  second(s.Update(ctx, item.ID, items.Patch{Name: &stale}, ifMatch)),
				"Replace": second(s.Replace(ctx, item.ID, items.Draft{Name: stale}, ifMatch)),
				"Delete":  s.Delete(ctx, item.ID, ifMatch),
			} {
				if !errors.Is(err, items.ErrChanged) {
					t.Errorf("%s with %s: got %v, want ErrChanged", method, what, err)
				}
			}
		}
		if got, err := s.Get(ctx, item.ID); err != nil || got != item {
			t.Errorf("Get: got %+v, %v, want %+v", got, err, item)
		}
		if err := s.Delete(ctx, item.ID, []string{item.ETag()}); err != nil {
			t.Errorf("Delete with the current ETag: %v", err)
		}
		for method, err := range map[string]error{
			"Update":  second(s.Update(ctx, item.ID, items.Patch{Name: &stale}, []string{item.ETag()})),
			"Replace": second(s.Replace(ctx, item.ID, items.Draft{Name: stale}, []string{item.ETag()})),
			"Delete":  s.Delete(ctx, item.ID, []string{item.ETag()}),
		} {
			if !errors.Is(err, items.ErrNotFound) {
				t.Errorf("%s of an item that is gone: got %v, want ErrNotFound", method, err)
			}
		}
	})
}

// Of many editors that start from the same ETag, on two replicas, one wins.
func TestIfMatchRace(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		const editors = 8
		ctx := context.Background()
		replicas := two(t, newURL(t))
		item := create(t, replicas[0], "0", "")
		for round := range 20 {
			var wg sync.WaitGroup
			results := make([]error, editors)
			for n := range editors {
				wg.Go(func() {
					name := fmt.Sprint(round, " ", n)
					_, results[n] = replicas[n%2].Update(ctx, item.ID, items.Patch{Name: &name}, []string{item.ETag()})
				})
			}
			wg.Wait()
			winners := 0
			for n, err := range results {
				if err == nil {
					winners++
				} else if !errors.Is(err, items.ErrChanged) {
					t.Errorf("editor %d: got %v, want ErrChanged", n, err)
				}
			}
			if winners != 1 {
				t.Fatalf("round %d: got %d winners, want 1", round, winners)
			}
			var err error
			if item, err = replicas[0].Get(ctx, item.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A change that waits for another editor's is rejected if its list lacks the new ETag,
// and is made if the list has it.
func TestIfMatchListRace(t *testing.T) {
	t.Parallel()
	url := databasetest.Shared(t).NewDatabase(t)
	ctx := t.Context()
	s := open(t, url)
	other, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	// race starts a change while another one holds the row, and ends that one once
	// the change waits for it.
	race := func(change func(item items.Item, both []string) error) error {
		item := create(t, s, "x", "")
		later := item
		later.UpdatedAt = item.UpdatedAt.Add(time.Hour)
		tx, err := other.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.ExecContext(ctx, `UPDATE items SET updated_at = $2 WHERE id = $1`, item.ID, later.UpdatedAt); err != nil {
			t.Fatal(err)
		}
		changed := make(chan error, 1)
		go func() { changed <- change(item, []string{item.ETag(), later.ETag()}) }()
		databasetest.Eventually(t, 10*time.Second, "the change waits for the row", func() bool {
			var waiting int
			err := other.QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
			return err == nil && waiting > 0
		})
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		return <-changed
	}
	// The other change came first and is not in the list: it must not be overwritten.
	name := "y"
	for what, change := range map[string]func(items.Item) error{
		"Update": func(item items.Item) error {
			return second(s.Update(ctx, item.ID, items.Patch{Name: &name}, []string{item.ETag()}))
		},
		"Delete": func(item items.Item) error { return s.Delete(ctx, item.ID, []string{item.ETag()}) },
	} {
		if err := race(func(item items.Item, _ []string) error { return change(item) }); !errors.Is(err, items.ErrChanged) {
			t.Errorf("%s after another change: got %v, want ErrChanged", what, err)
		}
	}
	var updated items.Item
	if err := race(func(item items.Item, ifMatch []string) (err error) {
		updated, err = s.Update(ctx, item.ID, items.Patch{Name: &name}, ifMatch)
		return err
	}); err != nil || updated.Name != name {
		t.Errorf("Update: got %+v, %v, want the item with the new name", updated, err)
	}
	var id uuid.UUID
	err = race(func(item items.Item, ifMatch []string) error {
		id = item.ID
		return s.Delete(ctx, id, ifMatch)
	})
	if _, gone := s.Get(ctx, id); err != nil || !errors.Is(gone, items.ErrNotFound) {
		t.Errorf("Delete: got %v, and then Get %v, want the item gone", err, gone)
	}
}

// Another resource's migrations in the same database do not count as ours.
func TestMigrationsOfOthers(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		url := newURL(t)
		if err := open(t, url).DB.Close(); err != nil { // so that the SQLite file exists
			t.Fatal(err)
		}
		databasetest.Exec(t, url, "ALTER TABLE items_migrations RENAME TO goose_db_version")
		databasetest.Exec(t, url, "DROP TABLE items")
		if strings.HasPrefix(url, "file:") {
			databasetest.Exec(t, url, "DROP TABLE items_trigrams")
		} else {
			databasetest.Exec(t, url, "DROP FUNCTION items_commit_in_order")
		}
		create(t, open(t, url), "x", "")
	})
}

// Many concurrent writers and readers do not disturb each other, and another
// process (a seed, a backup) can write before and after.
func TestNoLockedDatabase(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		ctx := context.Background()
		url := newURL(t)
		stores := two(t, url)
		other := open(t, url)
		item := create(t, stores[0], "x", "")
		create(t, other, "x", "")
		var wg sync.WaitGroup
		for n := range 4 { // more would wait for each other longer than an operation may take on a busy machine
			s := stores[n%2]
			wg.Go(func() {
				for i := range 25 {
					name := fmt.Sprint(n, " ", i)
					made, err := s.Create(ctx, items.Draft{Name: name})
					_, err2 := s.Update(ctx, item.ID, items.Patch{Name: &name}, nil)
					_, err3 := s.Search(ctx, "x", "", 20)
					if err := errors.Join(err, err2, err3, s.Delete(ctx, made.ID, nil)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		create(t, other, "x", "")
	})
}

func TestCancelledContext(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, newURL func(testing.TB) string) {
		log := &databasetest.Log{}
		s := openLogged(t, newURL(t), log.Logger())
		id := create(t, s, "x", "").ID
		cancelled, cancel := context.WithCancel(context.Background())
		cancel()
		expired, cancel := context.WithTimeout(context.Background(), 0)
		defer cancel()
		for ctx, want := range map[context.Context]error{cancelled: context.Canceled, expired: context.DeadlineExceeded} {
			for what, err := range map[string]error{
				"List":    second(s.List(ctx, "", 20)),
				"Get":     second(s.Get(ctx, id)),
				"Create":  second(s.Create(ctx, items.Draft{Name: "y"})),
				"Replace": second(s.Replace(ctx, id, items.Draft{Name: "y"}, nil)),
				"Update":  second(s.Update(ctx, id, items.Patch{}, nil)),
				"Delete":  s.Delete(ctx, id, nil),
				"Search":  second(s.Search(ctx, "x", "", 20)),
			} {
				if !errors.Is(err, want) || errors.Is(err, database.ErrUnavailable) {
					t.Errorf("%s: got %v, want %v", what, err, want)
				}
			}
		}
		if got, err := s.Get(context.Background(), id); err != nil || got.Name != "x" {
			t.Errorf("Get afterwards: got %+v, %v", got, err)
		}
		if text := log.String(); strings.Contains(text, "lost") {
			t.Errorf("a client that disconnected was taken for an outage:\n%s", text)
		}
	})
}

func BenchmarkCreate(b *testing.B) { benchmark(b, benchmarkCreate) }

func BenchmarkCreateParallel(b *testing.B) {
	benchmark(b, func(b *testing.B, s items.Store) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				create(b, s, "benchmark", strings.Repeat("note ", 20))
			}
		})
	})
}

func BenchmarkList(b *testing.B) {
	benchmark(b, func(b *testing.B, s items.Store) {
		for range 1000 {
			create(b, s, "benchmark", strings.Repeat("note ", 20))
		}
		b.ResetTimer()
		for b.Loop() {
			if page, err := s.List(context.Background(), "", 20); err != nil || len(page.Items) != 20 {
				b.Fatal(len(page.Items), err)
			}
		}
	})
}

func benchmarkCreate(b *testing.B, s items.Store) {
	for b.Loop() {
		create(b, s, "benchmark", strings.Repeat("note ", 20))
	}
}

func benchmark(b *testing.B, run func(b *testing.B, s items.Store)) {
	b.Run("sqlite", func(b *testing.B) { run(b, open(b, databasetest.NewSQLite(b))) })
	b.Run("postgres", func(b *testing.B) {
		run(b, open(b, databasetest.Shared(b).NewDatabase(b)))
	})
}
