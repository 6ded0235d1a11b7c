package handlers

import (
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"example.com/api/internal/database"
	"example.com/api/internal/items"
)

// newItems returns the routes of items, the database and its file.
func newItems(t *testing.T) (http.Handler, *database.DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.db")
	db, err := database.Open(context.Background(), "file:"+path, nil, slog.New(slog.DiscardHandler), items.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h := NewItems(items.Store{DB: db})
	engine := gin.New()
	engine.GET("/api/items", h.List)
	engine.POST("/api/items", h.Create)
	engine.GET("/api/items/:id", h.Get)
	engine.PUT("/api/items/:id", h.Replace)
	engine.PATCH("/api/items/:id", h.Update)
	engine.DELETE("/api/items/:id", h.Delete)
	engine.GET("/api/search", h.Search)
	return engine, db, path
}

// send returns the response to one request; each header is "Name: value".
func send(h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request)
	return w
}

func TestItemRefusals(t *testing.T) {
	t.Parallel()
	h, _, _ := newItems(t)
	location := send(h, "POST", "/api/items", `{"name":"x"}`).Header().Get("Location")
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"limit of 0", "GET", "/api/items?limit=0", "", 400, "The query value limit must be a whole number from 1 to 100."},
		{"limit of 101", "GET", "/api/items?limit=101", "", 400, "from 1 to 100"},
		{"limit empty", "GET", "/api/items?limit=", "", 400, "from 1 to 100"},
		{"cursor empty", "GET", "/api/items?cursor=", "", 400, "must be the next_cursor"},
		{"cursor made up", "GET", "/api/items?cursor=x", "", 400, "must be the next_cursor"},
		{"query malformed", "GET", "/api/items?limit=%zz", "", 400, "percent-encode"},
		{"search for nothing", "GET", "/api/search", "", 400, "The query value q is missing or invalid"},
		{"search with limit of 101", "GET", "/api/search?q=x&limit=101", "", 400, "from 1 to 100"},
		{"search with a cursor made up", "GET", "/api/search?q=x&cursor=x", "", 400, "must be the next_cursor"},
		{"search for NUL", "GET", "/api/search?q=%00", "", 400, "without NUL"},
		{"search for invalid UTF-8", "GET", "/api/search?q=%ff", "", 400, "in UTF-8"},
		{"id unknown", "GET", "/api/items/01a1fd71-2cd3-7c3d-9f2a-3b4c5d6e7f80", "", 404, "no item with this id"},
		{"id in another spelling", "GET", strings.ToUpper(location), "", 404, ""},
		{"id malformed", "DELETE", "/api/items/1", "", 404, "no item with this id"},
		{"name missing", "POST", "/api/items", `{}`, 422, `[{"field":"name","detail":"is missing"}]`},
		{"name mistyped", "POST", "/api/items", `{"name":1}`, 422, `[{"field":"name","detail":"must be a string"}]`},
		{"all errors at once", "PUT", location, `{"name":"","note":1}`, 422,
			`[{"field":"note","detail":"must be a string"},{"field":"name","detail":"must have 1 to 100 characters, not 0"}]`},
		{"unknown field", "PATCH", location, `{"colour":"red"}`, 400, "colour"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := send(h, tt.method, tt.path, tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("got %d %s, want %d and %q", w.Code, w.Body, tt.status, tt.want)
			}
		})
	}
}

// Every response that holds one item has its ETag. A change with If-Match is
// made only while the item has one of those ETags.
func TestItemETags(t *testing.T) {
	t.Parallel()
	h, _, _ := newItems(t)
	created := send(h, "POST", "/api/items", `{"name":"x"}`)
	path, first := created.Header().Get("Location"), created.Header().Get("ETag")
	if !strings.HasPrefix(first, `"`) || len(first) < 3 {
		t.Fatalf("POST: got ETag %s, want a strong one", first)
	}
	if got := send(h, "GET", path, "").Header().Get("ETag"); got != first {
		t.Errorf("GET: got ETag %s, want %s", got, first)
	}
	second := send(h, "PATCH", path, `{"note":"y"}`, "If-Match: "+first).Header().Get("ETag")
	third := send(h, "PUT", path, `{"name":"y"}`, "If-Match: W/"+second+", "+second).Header().Get("ETag")
	if second == "" || second == first || third == "" || third == second {
		t.Fatalf("got ETags %s, %s, %s, want three different ones", first, second, third)
	}
	for _, tt := range []struct {
		name    string
		headers []string
		status  int // of PATCH and PUT
	}{
		{"stale", []string{"If-Match: " + first}, 412},
		{"stale ones on two lines", []string{"If-Match: " + first, "If-Match: " + second}, 412},
		{"weak", []string{"If-Match: W/" + third}, 412},
		{"malformed", []string{"If-Match: " + strings.Trim(third, `"`)}, 400},
		{"empty", []string{"If-Match: "}, 400},
		{"any", []string{"If-Match: *"}, 200},
		{"none", nil, 200},
		{"If-None-Match is ignored", []string{"If-None-Match: *"}, 200},
	} {
		for method, body := range map[string]string{"PATCH": `{"note":"z"}`, "PUT": `{"name":"z"}`} {
			w := send(h, method, path, body, tt.headers...)
			if w.Code != tt.status || (w.Header().Get("ETag") != "") != (tt.status == 200) {
				t.Errorf("%s, %s: got %d, ETag %q, want %d", method, tt.name, w.Code, w.Header().Get("ETag"), tt.status)
			}
		}
		if tt.status == 200 {
			continue
		}
		if w := send(h, "DELETE", path, "", tt.headers...); w.Code != tt.status {
			t.Errorf("DELETE, %s: got %d, want %d", tt.name, w.Code, tt.status)
		}
	}
	// To read the item again helps only if the ETag was not made weak on its way.
	for ifMatch, detail := range map[string]string{first: "read it again", "W/" + third: "only weak ETags", "W/" + third + ", " + first: "read it again"} {
		if w := send(h, "PATCH", path, `{"note":"z"}`, "If-Match: "+ifMatch); w.Code != 412 || !strings.Contains(w.Body.String(), detail) {
			t.Errorf("If-Match: %s: got %d %s, want 412 and %q", ifMatch, w.Code, w.Body, detail)
		}
	}
	current := send(h, "GET", path, "").Header().Get("ETag")
	if w := send(h, "DELETE", path, "", "If-Match: "+current); w.Code != 204 {
		t.Errorf("DELETE with the current ETag: got %d, want 204", w.Code)
	}
	for _, header := range []string{"If-Match: " + current, "If-Match: *"} {
		for method, body := range map[string]string{"PATCH": `{"note":"z"}`, "PUT": `{"name":"z"}`, "DELETE": ""} {
			if w := send(h, method, path, body, header); w.Code != 404 {
				t.Errorf("%s of an item that is gone, %s: got %d, want 404", method, header, w.Code)
			}
		}
	}
}

// slowReceiver is a response that its client receives only after release is closed.
type slowReceiver struct {
	*httptest.ResponseRecorder
	begun   chan<- struct{}
	release <-chan struct{}
}

func (s slowReceiver) Write(p []byte) (int, error) {
	s.begun <- struct{}{}
	<-s.release
	return s.ResponseRecorder.Write(p)
}

// While many clients receive pages with long texts, other such pages are short, but
// they continue.
func TestLongPages(t *testing.T) {
	t.Parallel()
	h, _, _ := newItems(t)
	const count = 30
	for range count {
		if w := send(h, "POST", "/api/items", `{"name":"x","note":"`+strings.Repeat("x", 1000)+`"}`); w.Code != 201 {
			t.Fatalf("POST: got %d %s", w.Code, w.Body)
		}
	}
	read := func(path string) (length int, next string) {
		var page struct {
			Items []items.Item `json:"items"`
			Next  string       `json:"next_cursor"`
		}
		if w := send(h, "GET", path, ""); w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &page) != nil {
			t.Fatalf("GET %s: got %d %s", path, w.Code, w.Body)
		}
		return len(page.Items), page.Next
	}
	begun, release := make(chan struct{}), make(chan struct{})
	var receivers sync.WaitGroup
	for n := range maxLongPages {
		path := []string{"/api/items?limit=100", "/api/search?q=xxx&limit=100"}[n%2]
		receivers.Go(func() {
			h.ServeHTTP(slowReceiver{httptest.NewRecorder(), begun, release}, httptest.NewRequest("GET", path, nil))
		})
		<-begun
	}
	for _, path := range []string{"/api/items?limit=100", "/api/search?q=xxx&limit=100"} {
		length, next := read(path)
		rest, end := read(path + "&cursor=" + next)
		if length >= count || length+rest != count || end != "" {
			t.Errorf("GET %s: got %d items, then %d and the cursor %q, want all %d in two pages", path, length, rest, end, count)
		}
	}
	if length, _ := read("/api/items"); length != defaultPageSize {
		t.Errorf("a page of the default size: got %d items, want %d", length, defaultPageSize)
	}
	close(release)
	receivers.Wait()
	for _, path := range []string{"/api/items?limit=100", "/api/search?q=xxx&limit=100"} {
		if length, next := read(path); length != count || next != "" {
			t.Errorf("GET %s after all are received: got %d items and the cursor %q, want %d", path, length, next, count)
		}
	}
}

func TestParseETags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		list string
		want []string // nil: malformed
	}{
		{`"a"`, []string{`"a"`}},
		{`""`, []string{`""`}},
		{`"a","b"`, []string{`"a"`, `"b"`}},
		{" \"a\" ,\t\"b\" ", []string{`"a"`, `"b"`}},
		{`,"a",,"b",`, []string{`"a"`, `"b"`}},
		{`"a,b"`, []string{`"a,b"`}},
		{`"a\"`, []string{`"a\"`}}, // a backslash escapes nothing
		{"\"\xff\"", []string{"\"\xff\""}},
		{`W/"a"`, []string{}},
		{`W/"a", "b"`, []string{`"b"`}},
		{"", nil},
		{",", nil},
		{"a", nil},
		{"*", nil},
		{`*, "a"`, nil},
		{`"a`, nil},
		{`a"`, nil},
		{`"a" "b"`, nil},
		{`"a"b`, nil},
		{`w/"a"`, nil},
		{`W/`, nil},
		{`W /"a"`, nil},
		{`"a b"`, nil},
		{"\"a\tb\"", nil},
		{"\"a\x7f\"", nil},
	} {
		got, ok := parseETags(tt.list)
		if diff := cmp.Diff(tt.want, got); diff != "" || ok != (tt.want != nil) {
			t.Errorf("parseETags(%q): ok %t (-want +got):\n%s", tt.list, ok, diff)
		}
	}
}

// Each ETag that is returned is part of the input, and parsing it returns it again.
func FuzzParseETags(f *testing.F) {
	for _, list := range []string{`"a", W/"b"`, `,"",`, `W/`, `"`, "\"\xff\"", `*`} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		strong, ok := parseETags(list)
		if !ok && strong != nil {
			t.Errorf("parseETags(%q): got %q although it is malformed", list, strong)
		}
		for _, tag := range strong {
			again, ok := parseETags(tag)
			if !strings.Contains(list, tag) || !ok || len(again) != 1 || again[0] != tag {
				t.Errorf("parseETags(%q): got %q, which reads back as %q, %t", list, tag, again, ok)
			}
		}
	})
}

// Without its file the database is unavailable. The response to a write that may
// have been saved says so, because repeating the write could save it twice.
func TestItemsWithoutDatabase(t *testing.T) {
	t.Parallel()
	h, db, path := newItems(t)
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequest("POST", "/api/items", nil)
	failItems(c, db.Write(t.Context(), func(context.Context, *sql.DB) error { return os.Remove(path) }))
	if want := "It may have been saved; read before you repeat the request."; w.Code != 503 || !strings.Contains(w.Body.String(), want) || w.Header().Get("Retry-After") != "1" {
		t.Errorf("a write during which the file was removed: got %d %s, want 503 and %q", w.Code, w.Body, want)
	}
	for method, body := range map[string]string{"GET": "", "POST": `{"name":"x"}`} {
		w := send(h, method, "/api/items", body)
		if want := "The database is not available; retry in a moment."; w.Code != 503 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %s, want 503 and %q", method, w.Code, w.Body, want)
		}
	}
}
