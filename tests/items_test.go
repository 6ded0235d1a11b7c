package tests

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestItems(t *testing.T) {
	t.Parallel()
	s := start(t)
	before := time.Now().Add(-time.Second)
	created := s.do(t, "POST", "/api/items", `{"name":"Tea","note":"green"}`, jsonType)
	checkJSON(t, created, http.StatusCreated)
	tea := decode[item](t, created)
	if tea.ID == "" || tea.CreatedAt.Before(before) || time.Now().Before(tea.CreatedAt) || !tea.UpdatedAt.Equal(tea.CreatedAt) {
		t.Errorf("created: got %s, want an id and equal timestamps from the time of the request", created.body)
	}
	path := "/api/items/" + tea.ID
	checkHeaders(t, created, map[string]string{"Location": path})

	want := item{Name: "Tea", Note: "green"}
	ignore := cmpopts.IgnoreFields(item{}, "ID", "CreatedAt", "UpdatedAt")
	check := func(what string, a answer) {
		t.Helper()
		checkJSON(t, a, http.StatusOK)
		got := decode[item](t, a)
		if diff := cmp.Diff(want, got, ignore); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		if got.ID != tea.ID || !got.CreatedAt.Equal(tea.CreatedAt) || got.UpdatedAt.Before(tea.UpdatedAt) {
			t.Errorf("%s: got %+v, want the id and created_at of %+v and an updated_at that is not older", what, got, tea)
		}
	}
	check("get", s.get(t, path))
	want = item{Name: "Tea", Note: "black"}
	check("patch of the note", s.do(t, "PATCH", path, `{"note":"black"}`, jsonType))
	check("get after patch", s.get(t, path))
	want = item{Name: "Coffee", Note: "black"}
	check("patch of the name", s.do(t, "PATCH", path, `{"name":"Coffee"}`, jsonType))
	want = item{Name: "Coffee"}
	check("patch to an empty note", s.do(t, "PATCH", path, `{"note":""}`, jsonType))
	want = item{Name: "Milk", Note: "cold"}
	check("put", s.do(t, "PUT", path, `{"name":"Milk","note":"cold"}`, jsonType))
	want = item{Name: "Water"}
	check("put without a note empties it", s.do(t, "PUT", path, `{"name":"Water"}`, jsonType))
	check("get after put", s.get(t, path))
	if updated := decode[item](t, s.get(t, path)).UpdatedAt; !updated.After(tea.UpdatedAt) {
		t.Errorf("updated_at: got %s, want a time after %s", updated, tea.UpdatedAt)
	}

	gone := s.do(t, "DELETE", path, "")
	checkStatus(t, gone, http.StatusNoContent)
	if gone.body != "" {
		t.Errorf("delete: got body %q, want none", gone.body)
	}
	checkHeaders(t, gone, map[string]string{"Content-Type": absent})
	for _, id := range []string{tea.ID, "1", "0", "-1", "none", "00000000-0000-0000-0000-000000000000", "99999999999999999999", "a%20b", "%00", "%27", strings.Repeat("a", 3000)} {
		for method, body := range map[string]string{"GET": "", "PUT": `{"name":"a"}`, "PATCH": `{"name":"a"}`, "DELETE": ""} {
			checkProblem(t, s.do(t, method, "/api/items/"+id, body, jsonType), http.StatusNotFound)
		}
	}
	if got := s.get(t, "/api/items").body; strings.TrimSpace(got) != `{"items":[]}` {
		t.Errorf("empty list: got %s", got)
	}
}

func TestItemRules(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	path := "/api/items/" + decode[item](t, s.do(t, "POST", "/api/items", `{"name":"old","note":"old"}`, jsonType)).ID
	text := strings.Repeat
	tests := []struct {
		name   string
		body   string
		create int      // of POST and PUT
		patch  int      // of PATCH
		fields []string // named in errors
	}{
		{"only a name", `{"name":"a"}`, 201, 200, nil},
		{"100 characters", `{"name":"` + text("a", 100) + `"}`, 201, 200, nil},
		{"100 characters of 4 bytes", `{"name":"` + text("😀", 100) + `"}`, 201, 200, nil},
		{"101 characters", `{"name":"` + text("a", 101) + `"}`, 422, 422, []string{"name"}},
		{"101 characters of 2 bytes", `{"name":"` + text("é", 101) + `"}`, 422, 422, []string{"name"}},
		{"empty name", `{"name":""}`, 422, 422, []string{"name"}},
		{"note of 1,000", `{"name":"a","note":"` + text("é", 1000) + `"}`, 201, 200, nil},
		{"note of 1,001", `{"name":"a","note":"` + text("b", 1001) + `"}`, 422, 422, []string{"note"}},
		{"no name", `{"note":"b"}`, 422, 200, []string{"name"}},
		{"no fields", `{}`, 422, 200, []string{"name"}},
		{"number for note and empty name", `{"name":"","note":5}`, 422, 422, []string{"name", "note"}},
		{"numbers for both", `{"note":5,"name":5}`, 422, 422, []string{"name", "note"}},
		{"number for name", `{"name":5}`, 422, 422, []string{"name"}},
		{"list for note", `{"name":"a","note":["b"]}`, 422, 422, []string{"note"}},
		{"object for name", `{"name":{"a":1}}`, 422, 422, []string{"name"}},
		{"null for name", `{"name":null}`, 422, 422, []string{"name"}},
		{"name in another case", `{"Name":"a"}`, 400, 400, nil},
		{"both fields invalid", `{"name":"","note":"` + text("b", 1001) + `"}`, 422, 422, []string{"name", "note"}},
		{"unknown field", `{"name":"a","price":5}`, 400, 400, nil},
		{"client's id", `{"name":"a","id":"mine"}`, 400, 400, nil},
		{"malformed", `{"name":"a"`, 400, 400, nil},
		{"surrounding spaces", " \n{\"name\":\"a\"}\r\n ", 201, 200, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, request := range []struct {
				method, path string
				want         int
			}{{"POST", "/api/items", tt.create}, {"PUT", path, tt.create}, {"PATCH", path, tt.patch}} {
				if request.want == http.StatusCreated && request.method == "PUT" {
					request.want = http.StatusOK
				}
				a := s.do(t, request.method, request.path, tt.body, jsonType)
				if request.want < 300 {
					checkStatus(t, a, request.want)
					continue
				}
				checkErrors(t, checkProblem(t, a, request.want), tt.fields...)
			}
		})
	}
}

// A field of the wrong type does not hide a missing field.
func TestMissingAndMistypedFields(t *testing.T) {
	t.Parallel()
	a := start(t).do(t, "POST", "/api/items", `{"note":5}`, jsonType)
	checkErrors(t, checkProblem(t, a, http.StatusUnprocessableEntity), "name", "note")
}

// The routes of items follow the rules for every route: methods, HEAD, limits,
// no redirects, and responses that an allowed origin can read.
func TestItemRoutes(t *testing.T) {
	t.Parallel()
	s := start(t, "RATE_LIMIT_SEARCH=1-H")
	for path, allow := range map[string][]string{
		"/api/items":   {"GET", "HEAD", "POST"},
		"/api/items/1": {"GET", "HEAD", "PUT", "PATCH", "DELETE"},
		"/api/search":  {"GET", "HEAD"},
	} {
		a := s.do(t, "BREW", path, "", "Origin: "+vite)
		checkProblem(t, a, http.StatusMethodNotAllowed)
		checkAllow(t, a, allow...)
		checkReadable(t, a, vite)
		checkProblem(t, s.get(t, path+"/"), http.StatusNotFound)
	}
	checkStatus(t, s.do(t, "HEAD", "/api/items", ""), http.StatusOK)
	checkLimited(t, s.get(t, "/api/items"), "default", 100, 60)
	checkLimited(t, s.get(t, "/api/items/1", "Origin: "+vite), "default", 100, 60)
	checkLimited(t, s.get(t, "/api/search?q=a"), "search", 1, 3600)
	a := s.get(t, "/api/search?q=a", "Origin: "+vite)
	checkOverLimit(t, a, "search", 1, 3600)
	checkReadable(t, a, vite)
}

// A page on another site cannot change items.
func TestOtherSitesCannotChangeItems(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	path := "/api/items/" + decode[item](t, s.do(t, "POST", "/api/items", `{"name":"mine"}`, jsonType)).ID
	for _, headers := range [][]string{{"Origin: https://evil.com"}, {"Origin: null"}, {"Sec-Fetch-Site: cross-site"}} {
		for _, request := range []struct{ method, path string }{{"POST", "/api/items"}, {"PUT", path}, {"PATCH", path}, {"DELETE", path}} {
			a := s.do(t, request.method, request.path, `{"name":"smuggled"}`, append(headers, jsonType)...)
			checkStatus(t, a, http.StatusForbidden)
			checkNoCORS(t, a)
		}
	}
	if diff := cmp.Diff([][]string{{"mine"}}, s.names(t, "")); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

// page is a page of items in a response.
type page struct {
	Items      []item  `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// names follows next_cursor to the last page and returns the names on each page.
func (s *server) names(t *testing.T, query string) [][]string {
	t.Helper()
	var pages [][]string
	cursor := ""
	for range 100 {
		a := s.get(t, "/api/items?"+query+cursor)
		checkJSON(t, a, http.StatusOK)
		p := decode[page](t, a)
		var names []string
		for _, item := range p.Items {
			names = append(names, item.Name)
		}
		pages = append(pages, names)
		if p.NextCursor == nil {
			checkLacks(t, a.body, "next_cursor")
			return pages
		}
		if *p.NextCursor == "" {
			t.Fatal("next_cursor is empty, want it omitted")
		}
		cursor = "&cursor=" + url.QueryEscape(*p.NextCursor)
	}
	t.Fatal("next_cursor still leads to another page after 100 pages")
	return nil
}

func TestPagination(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	var all []string
	for i := range 45 {
		all = append(all, fmt.Sprintf("item %02d", i))
		checkStatus(t, s.do(t, "POST", "/api/items", fmt.Sprintf(`{"name":%q}`, all[i]), jsonType), http.StatusCreated)
	}
	chunks := func(size int) [][]string { return slices.Collect(slices.Chunk(all, size)) }
	tests := []struct {
		query string
		want  [][]string
	}{
		{"", chunks(20)},
		{"limit=1", chunks(1)},
		{"limit=7", chunks(7)},
		{"limit=15", chunks(15)}, // the last page is full
		{"limit=44", chunks(44)},
		{"limit=45", chunks(45)},
		{"limit=100", chunks(100)},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, s.names(t, tt.query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.query, diff)
		}
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=-1", "limit=", "limit=ten", "limit=1.5", "limit=99999999999999999999", "limit=%31%00", "limit=0x10",
		"cursor=", "cursor=garbage", "cursor=%00", "cursor=1;drop", "cursor=" + strings.Repeat("a", 2000), "cursor=bm9uc2Vuc2U"} {
		checkProblem(t, s.get(t, "/api/items?"+query), http.StatusBadRequest)
	}
	// Deleting an item between two pages neither skips nor repeats another item.
	first := decode[page](t, s.get(t, "/api/items?limit=2"))
	checkStatus(t, s.do(t, "DELETE", "/api/items/"+first.Items[1].ID, ""), http.StatusNoContent)
	second := decode[page](t, s.get(t, "/api/items?limit=2&cursor="+url.QueryEscape(*first.NextCursor)))
	if len(second.Items) != 2 || second.Items[0].Name != all[2] {
		t.Errorf("page after a deletion: got %+v, want it to start at %s", second.Items, all[2])
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	for _, body := range []string{
		`{"name":"Green Tea","note":"from Uji"}`, `{"name":"Kaffee","note":"black as TEA is not"}`, `{"name":"100% juice"}`, `{"name":"snake_case"}`,
		`{"name":"back\\slash"}`, `{"name":"Über","note":"ÀÉÎ"}`, `{"name":"ΣΟΦΟΣ"}`, `{"name":"quo'te\"s"}`, `{"name":"plain"}`,
	} {
		checkStatus(t, s.do(t, "POST", "/api/items", body, jsonType), http.StatusCreated)
	}
	tests := []struct {
		q    string
		want []string
	}{
		{"tea", []string{"Green Tea", "Kaffee"}},
		{"TEA", []string{"Green Tea", "Kaffee"}},
		{"een t", []string{"Green Tea"}},
		{"uJI", []string{"Green Tea"}},
		{"no such text", nil},
		{"%", []string{"100% juice"}},
		{"_", []string{"snake_case"}},
		{`\`, []string{`back\slash`}},
		{"'", []string{`quo'te"s`}},
		{`"`, []string{`quo'te"s`}},
		{"*", nil},
		{"über", []string{"Über"}},
		{"ÜBER", []string{"Über"}},
		{"àéî", []string{"Über"}},
	}
	for _, tt := range tests {
		t.Run(tt.q, func(t *testing.T) {
			a := s.get(t, "/api/search?q="+url.QueryEscape(tt.q))
			checkJSON(t, a, http.StatusOK)
			got := decode[struct {
				Query string
				Items []item
			}](t, a)
			var names []string
			for _, item := range got.Items {
				names = append(names, item.Name)
			}
			slices.Sort(names)
			if got.Query != tt.q || !slices.Equal(names, tt.want) {
				t.Errorf("got %s, want query %q and %q", a.body, tt.q, tt.want)
			}
			if names == nil {
				checkContains(t, a.body, `"items":[]`)
			}
		})
	}
	for _, path := range []string{"/api/search", "/api/search?q=", "/api/search?query=a", "/api/search?Q=a"} {
		checkProblem(t, s.get(t, path), http.StatusBadRequest)
	}
}

// Acknowledged changes survive the process, no matter how it ends.
func TestItemsSurvive(t *testing.T) {
	t.Parallel()
	for _, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(end.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			first := startIn(t, dir, append(unlimited, "PORT=0", "DATABASE_URL=file:things.db")...)
			var last item
			for i := range 20 {
				last = decode[item](t, first.do(t, "POST", "/api/items", fmt.Sprintf(`{"name":"item %d"}`, i), jsonType))
			}
			checkStatus(t, first.do(t, "PATCH", "/api/items/"+last.ID, `{"note":"kept"}`, jsonType), http.StatusOK)
			first.signal(t, end)
			first.wait(t)
			second := startIn(t, dir, append(unlimited, "PORT=0", "DATABASE_URL=file:things.db")...)
			if got := len(decode[page](t, second.get(t, "/api/items?limit=100")).Items); got != 20 {
				t.Errorf("items after the restart: got %d, want 20", got)
			}
			if got := decode[item](t, second.get(t, "/api/items/"+last.ID)); got.Note != "kept" || got.Name != "item 19" {
				t.Errorf("item after the restart: got %+v, want item 19 with the note kept", got)
			}
			if _, err := os.Stat(filepath.Join(dir, "things.db")); err != nil {
				t.Error(err)
			}
		})
	}
}

// item is an item in a response.
type item struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Note      string    `json:"note"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}
