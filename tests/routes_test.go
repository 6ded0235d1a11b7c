package tests

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
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

// unlimited is for tests that send more than a client may.
var unlimited = []string{"RATE_LIMIT_DEFAULT=off", "RATE_LIMIT_SEARCH=off", "RATE_LIMIT_UPLOAD=off", "RATE_LIMIT_SESSION=off"}

func checkJSON(t *testing.T, a answer, status int) {
	t.Helper()
	checkStatus(t, a, status)
	if got := a.header.Get("Content-Type"); got != "application/json" && got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type: got %q, want application/json", got)
	}
}

func TestSimpleRoutes(t *testing.T) {
	t.Parallel()
	s := start(t)
	hello := s.get(t, "/api/hello")
	checkJSON(t, hello, http.StatusOK)
	if decode[struct{ Message string }](t, hello).Message == "" {
		t.Errorf("hello: got %s, want a message", hello.body)
	}
	root := s.get(t, "/")
	checkJSON(t, root, http.StatusOK)
	checkContains(t, root.body, "/docs")
	alive := s.get(t, "/healthz")
	checkJSON(t, alive, http.StatusOK)
	if got := decode[map[string]string](t, alive); !cmp.Equal(got, map[string]string{"status": "ok"}) {
		t.Errorf("healthz: got %s", alive.body)
	}
	ready := s.get(t, "/readyz")
	checkJSON(t, ready, http.StatusOK)
	got := decode[map[string]any](t, ready)
	if got["redis"] != "off" || got["database"] != "up" {
		t.Errorf("readyz: got %s, want redis off and database up", ready.body)
	}
}

func TestHeadWhereverGet(t *testing.T) {
	t.Parallel()
	s := start(t)
	created := decode[item](t, s.do(t, "POST", "/api/items", `{"name":"a"}`, jsonType))
	cookie := signIn(t, s, "Ada")
	for _, path := range []string{"/", "/healthz", "/readyz", "/api/hello", "/api/items", "/api/items/" + created.ID, "/api/items/none",
		"/api/search?q=a", "/api/search", "/api/session", "/nowhere"} {
		get, head := s.get(t, path, cookie), s.do(t, "HEAD", path, "", cookie)
		if head.status != get.status || head.body != "" {
			t.Errorf("HEAD %s: got %d with %d bytes, want %d without a body", path, head.status, len(head.body), get.status)
		}
		checkHeaders(t, head, map[string]string{"Content-Type": get.header.Get("Content-Type")})
		checkHeaders(t, head, securityHeaders)
	}
}

func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range []string{
		"/nowhere", "/api", "/api/", "/api/unknown", "/api/hello/", "/api/items/", "/api/items/1/", "/api/items/1/2", "/api/search/?q=a", "/api/upload/",
		"/api/session/", "/healthz/", "/readyz/", "/API/HELLO", "/api/Hello", "//api/hello", "/api//hello", "/./api/hello", "/api/../api/hello",
		"/metrics", "/debug/pprof/", "/.env", "/app.db", "/favicon.ico", "/index.html",
	} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			a := s.raw(t, method+" "+path+" HTTP/1.1", "Content-Length: 0")
			if a.status != http.StatusNotFound {
				t.Errorf("%s %s: got %d, want 404", method, path, a.status)
			}
			checkHeaders(t, a, map[string]string{"Location": absent})
			if method != "HEAD" {
				checkProblem(t, a, http.StatusNotFound)
			}
		}
	}
}

func TestMethodNotAllowed(t *testing.T) {
	t.Parallel()
	s := start(t)
	tests := []struct {
		path  string
		allow []string
	}{
		{"/", []string{"GET", "HEAD"}},
		{"/healthz", []string{"GET", "HEAD"}},
		{"/readyz", []string{"GET", "HEAD"}},
		{"/api/hello", []string{"GET", "HEAD"}},
		{"/api/items", []string{"GET", "HEAD", "POST"}},
		{"/api/items/1", []string{"GET", "HEAD", "PUT", "PATCH", "DELETE"}},
		{"/api/search", []string{"GET", "HEAD"}},
		{"/api/upload", []string{"POST"}},
		{"/api/session", []string{"GET", "HEAD", "POST", "DELETE"}},
	}
	for _, tt := range tests {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "get"} {
			if slices.Contains(tt.allow, method) {
				continue
			}
			a := s.do(t, method, tt.path, "")
			if a.status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: got %d, want 405", method, tt.path, a.status)
				continue
			}
			checkAllow(t, a, tt.allow...)
			if method != "HEAD" {
				checkProblem(t, a, http.StatusMethodNotAllowed)
			}
		}
	}
}

func TestItems(t *testing.T) {
	t.Parallel()
	s := start(t)
	before := time.Now().Add(-time.Second)
	created := s.do(t, "POST", "/api/items", `{"name":"Tea","note":"green"}`, jsonType)
	checkJSON(t, created, http.StatusCreated)
	tea := decode[item](t, created)
	if tea.ID == "" || tea.CreatedAt.Before(before) || time.Now().Before(tea.CreatedAt) || !tea.UpdatedAt.Equal(tea.CreatedAt) {
		t.Errorf("created: got %s, want an id, and the time twice", created.body)
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
			t.Errorf("%s: got %+v, want id and created_at of %+v and no older updated_at", what, got, tea)
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
		t.Errorf("updated_at: got %s, want it after %s", updated, tea.UpdatedAt)
	}

	gone := s.do(t, "DELETE", path, "")
	checkStatus(t, gone, http.StatusNoContent)
	if gone.body != "" {
		t.Errorf("delete: got body %q", gone.body)
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
		patch  int      // 0: like create, with 200 for success
		fields []string // named in errors
	}{
		{"name alone", `{"name":"a"}`, 201, 200, nil},
		{"100 characters", `{"name":"` + text("a", 100) + `"}`, 201, 200, nil},
		{"100 characters of 4 bytes", `{"name":"` + text("😀", 100) + `"}`, 201, 200, nil},
		{"101 characters", `{"name":"` + text("a", 101) + `"}`, 422, 422, []string{"name"}},
		{"101 characters of 2 bytes", `{"name":"` + text("é", 101) + `"}`, 422, 422, []string{"name"}},
		{"empty name", `{"name":""}`, 422, 422, []string{"name"}},
		{"note of 1,000", `{"name":"a","note":"` + text("é", 1000) + `"}`, 201, 200, nil},
		{"note of 1,001", `{"name":"a","note":"` + text("b", 1001) + `"}`, 422, 422, []string{"note"}},
		{"no name", `{"note":"b"}`, 422, 200, []string{"name"}},
		{"nothing", `{}`, 422, 200, []string{"name"}},
		{"number for note and empty name", `{"name":"","note":5}`, 422, 422, []string{"name", "note"}},
		{"number for both", `{"note":5,"name":5}`, 422, 422, []string{"name", "note"}},
		{"number for name", `{"name":5}`, 422, 422, []string{"name"}},
		{"list for note", `{"name":"a","note":["b"]}`, 422, 422, []string{"note"}},
		{"object for name", `{"name":{"a":1}}`, 422, 422, []string{"name"}},
		{"null for name", `{"name":null}`, 422, 422, []string{"name"}},
		{"name in another case", `{"Name":"a"}`, 400, 400, nil},
		{"both rules broken", `{"name":"","note":"` + text("b", 1001) + `"}`, 422, 422, []string{"name", "note"}},
		{"unknown field", `{"name":"a","price":5}`, 400, 400, nil},
		{"client's id", `{"name":"a","id":"mine"}`, 400, 400, nil},
		{"malformed", `{"name":"a"`, 400, 400, nil},
		{"not JSON", `name=a`, 400, 400, nil},
		{"single quotes", `{'name':'a'}`, 400, 400, nil},
		{"trailing comma", `{"name":"a",}`, 400, 400, nil},
		{"trailing text", `{"name":"a"} x`, 400, 400, nil},
		{"two documents", `{"name":"a"}{"name":"b"}`, 400, 400, nil},
		{"trailing brace", `{"name":"a"}}`, 400, 400, nil},
		{"empty", ``, 400, 400, nil},
		{"blank", "  \n", 400, 400, nil},
		{"null", `null`, 400, 400, nil},
		{"list", `[]`, 400, 400, nil},
		{"list of items", `[{"name":"a"}]`, 400, 400, nil},
		{"text", `"name"`, 400, 400, nil},
		{"number", `5`, 400, 400, nil},
		{"true", `true`, 400, 400, nil},
		{"deep", text("[", 20000), 400, 400, nil},
		{"blanks around", " \n{\"name\":\"a\"}\r\n ", 201, 200, nil},
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

// A field of the wrong type does not hide that another is missing.
func TestMissingAndMistypedFields(t *testing.T) {
	t.Parallel()
	a := start(t).do(t, "POST", "/api/items", `{"note":5}`, jsonType)
	checkErrors(t, checkProblem(t, a, http.StatusUnprocessableEntity), "name", "note")
}

// checkErrors asserts that exactly these fields are complained about.
func checkErrors(t *testing.T, p problemBody, fields ...string) {
	t.Helper()
	var got []string
	for _, e := range p.Errors {
		got = append(got, e.Field)
		if e.Detail == "" {
			t.Errorf("errors: field %s has no detail", e.Field)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, fields) {
		t.Errorf("errors: got %q, want %q", got, fields)
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	tests := []struct {
		contentType string
		accepted    bool
	}{
		{"application/json", true},
		{"application/json; charset=utf-8", true},
		{"application/json;charset=UTF-8", true},
		{"Application/JSON", true},
		{"", false},
		{"text/plain", false},
		{"text/plain; application/json", false},
		{"application/x-www-form-urlencoded", false},
		{"multipart/form-data; boundary=x", false},
		{"application/jsonx", false},
		{"application", false},
		{"application/xml", false},
		{"text/json", false},
	}
	for _, tt := range tests {
		t.Run(tt.contentType, func(t *testing.T) {
			for _, path := range []string{"/api/items", "/api/session"} {
				var headers []string
				if tt.contentType != "" {
					headers = []string{"Content-Type: " + tt.contentType}
				}
				a := s.do(t, "POST", path, `{"name":"a"}`, headers...)
				if tt.accepted {
					checkStatus(t, a, http.StatusCreated)
				} else {
					checkProblem(t, a, http.StatusUnsupportedMediaType)
				}
			}
		})
	}
	for _, contentType := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/mixed; boundary=x"} {
		checkProblem(t, s.do(t, "POST", "/api/upload", "x", "Content-Type: "+contentType), http.StatusUnsupportedMediaType)
	}
	checkProblem(t, s.do(t, "POST", "/api/upload", "x"), http.StatusUnsupportedMediaType)
}

// page is a list of items.
type page struct {
	Items      []item  `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// names follows next_cursor to the end and returns the pages' names.
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
			t.Fatal("next_cursor is empty, want it left out")
		}
		cursor = "&cursor=" + url.QueryEscape(*p.NextCursor)
	}
	t.Fatal("next_cursor leads in a circle")
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
	// An item deleted between two pages neither hides nor repeats another.
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
		{"nothing like it", nil},
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

func TestUpload(t *testing.T) {
	t.Parallel()
	s := start(t, append(unlimited, "MAX_UPLOAD_BYTES=1000", "MAX_BODY_BYTES=10")...)
	exact := strings.Repeat("x", 1000)
	tests := []struct {
		name   string
		parts  []part
		status int
		want   result // but for the sum
	}{
		{"text", []part{{"file", "a.txt", "text/plain", "hello"}}, 201, result{Name: "a.txt", Size: 5, ContentType: "text/plain"}},
		{"empty file", []part{{"file", "empty", "application/octet-stream", ""}}, 201, result{Name: "empty", ContentType: "application/octet-stream"}},
		{"bytes", []part{{"file", "ü.bin", "image/png", "\x00\xff\x89PNG\r\n"}}, 201, result{Name: "ü.bin", Size: 8, ContentType: "image/png"}},
		{"a path is no name", []part{{"file", "../../etc/passwd", "text/plain", "x"}}, 201, result{Name: "passwd", Size: 1, ContentType: "text/plain"}},
		{"exactly the limit", []part{{"file", "a", "text/plain", exact}}, 201, result{Name: "a", Size: 1000, ContentType: "text/plain"}},
		{"one byte more", []part{{"file", "a", "text/plain", exact + "x"}}, 413, result{}},
		{"twice the limit", []part{{"file", "a", "text/plain", exact + exact}}, 413, result{}},
		{"another field first", []part{{"comment", "", "", "hi"}, {"file", "a", "text/plain", "x"}}, 201, result{Name: "a", Size: 1, ContentType: "text/plain"}},
		{"no file", []part{{"comment", "", "", "hi"}}, 422, result{}},
		{"another field's file", []part{{"picture", "a.png", "image/png", "x"}}, 422, result{}},
		{"no parts", nil, 422, result{}},
		{"file twice", []part{{"file", "a", "text/plain", "x"}, {"file", "b", "text/plain", "y"}}, 422, result{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			form, formType := upload(t, tt.parts...)
			a := s.do(t, "POST", "/api/upload", form, formType)
			if tt.status != http.StatusCreated {
				p := checkProblem(t, a, tt.status)
				if tt.status == http.StatusUnprocessableEntity {
					checkErrors(t, p, "file")
				}
				return
			}
			checkJSON(t, a, http.StatusCreated)
			sum := sha256.Sum256([]byte(tt.parts[len(tt.parts)-1].content))
			tt.want.SHA256 = hex.EncodeToString(sum[:])
			if diff := cmp.Diff(tt.want, decode[result](t, a)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	form, formType := upload(t, part{"file", "a.txt", "text/plain", "hello"})
	for _, broken := range []struct{ name, body, contentType string }{
		{"cut off", form[:len(form)-20], formType},
		{"cut off in the file", form[:len(form)-68], formType},
		{"empty", "", formType},
		{"another boundary", form, "Content-Type: multipart/form-data; boundary=other"},
	} {
		t.Run(broken.name, func(t *testing.T) {
			a := s.do(t, "POST", "/api/upload", broken.body, broken.contentType)
			if a.status != http.StatusBadRequest && a.status != http.StatusUnprocessableEntity {
				t.Errorf("status: got %d, want 400 or 422; body %s", a.status, a.body)
			}
			checkProblem(t, a, a.status)
		})
	}
	a := s.do(t, "POST", "/api/upload", form, "Content-Type: multipart/form-data")
	if a.status != http.StatusBadRequest && a.status != http.StatusUnsupportedMediaType {
		t.Errorf("no boundary: got %d, want 400 or 415", a.status)
	}
}

// result is what an upload is answered with.
type result struct {
	Name        string `json:"name"`
	Size        int64  `json:"size"`
	ContentType string `json:"content_type"`
	SHA256      string `json:"sha256"`
}

// A large upload passes through: it is neither in memory nor on disk.
func TestUploadIsStreamed(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	s := start(t, append(unlimited, "MAX_UPLOAD_BYTES=100000000", "TMPDIR="+tmp)...)
	s.get(t, "/api/items")
	content := bytes.Repeat([]byte("0123456789abcdef"), 4<<20) // 64 MiB
	form, formType := upload(t, part{"file", "big.bin", "application/octet-stream", string(content)})
	before := s.peakMemory(t)
	a := s.do(t, "POST", "/api/upload", form, formType)
	checkStatus(t, a, http.StatusCreated)
	sum := sha256.Sum256(content)
	if got := decode[result](t, a); got.SHA256 != hex.EncodeToString(sum[:]) || got.Size != int64(len(content)) {
		t.Errorf("got %+v, want %d bytes and sum %x", got, len(content), sum)
	}
	if grown := s.peakMemory(t) - before; grown > 32<<20 {
		t.Errorf("memory grew by %d MiB for an upload of 64 MiB", grown>>20)
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("temporary directory after an upload: got %v, %v, want it empty", left, err)
	}
	files, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasPrefix(file.Name(), "app.db") {
			t.Errorf("working directory: got %s in it", file.Name())
		}
		if info, err := file.Info(); err == nil && info.Size() > 1<<20 {
			t.Errorf("%s has %d bytes after an upload", file.Name(), info.Size())
		}
	}
}

// peakMemory is the most that the process has had resident, in bytes.
func (p *process) peakMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		without(t, "the memory of a process cannot be seen without /proc; run this test on Linux")
	}
	var kilobytes int64
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes)
	}
	return kilobytes << 10
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	padded := func(size int) string {
		body := `{"name":"a"}`
		return body + strings.Repeat(" ", size-len(body))
	}
	tests := []struct {
		name  string
		env   []string
		limit int
	}{
		{"default", nil, 1 << 20},
		{"set", []string{"MAX_BODY_BYTES=1000"}, 1000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.env...)
			for _, path := range []string{"/api/items", "/api/session"} {
				checkStatus(t, s.do(t, "POST", path, padded(tt.limit), jsonType), http.StatusCreated)
				checkProblem(t, s.do(t, "POST", path, padded(tt.limit+1), jsonType), http.StatusRequestEntityTooLarge)
				long := `{"name":"` + strings.Repeat("a", tt.limit) + `"}`
				checkProblem(t, s.do(t, "POST", path, long, jsonType), http.StatusRequestEntityTooLarge)
			}
			path := "/api/items/" + decode[item](t, s.do(t, "POST", "/api/items", `{"name":"a"}`, jsonType)).ID
			checkProblem(t, s.do(t, "PUT", path, padded(tt.limit+1), jsonType), http.StatusRequestEntityTooLarge)
			checkProblem(t, s.do(t, "PATCH", path, padded(tt.limit+1), jsonType), http.StatusRequestEntityTooLarge)
		})
	}
}

// Up to twice the limit is read before the answer, or a browser that is still
// sending would see a broken connection. The bodies are larger than what the
// sockets' buffers take.
func TestLargeBodyIsReadBeforeItIsRefused(t *testing.T) {
	t.Parallel()
	const limit = 16 << 20
	s := start(t, fmt.Sprintf("MAX_BODY_BYTES=%d", limit), fmt.Sprintf("MAX_UPLOAD_BYTES=%d", limit))
	object := []byte(`{"name":"` + strings.Repeat("a", 2*limit-11) + `"}`)
	form, formType := upload(t, part{"file", "a", "text/plain", strings.Repeat("a", 2*limit-1000)})
	for _, request := range []struct {
		path, header string
		body         []byte
	}{{"/api/items", jsonType, object}, {"/api/upload", formType, []byte(form)}} {
		for _, framing := range []string{fmt.Sprintf("Content-Length: %d", len(request.body)), "Transfer-Encoding: chunked"} {
			conn := s.dial(t)
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s\r\n\r\n", request.path, s.host, request.header, framing)
			body := request.body
			if strings.HasPrefix(framing, "Transfer") {
				body = fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			}
			if _, err := conn.Write(body); err != nil {
				t.Errorf("%s, %s: the server hung up before the body was sent: %v", request.path, framing, err)
			} else {
				checkProblem(t, readAnswer(t, conn, "POST"), http.StatusRequestEntityTooLarge)
			}
			conn.Close()
		}
	}
}

func TestDefaultUploadLimit(t *testing.T) {
	t.Parallel()
	s := start(t)
	for size, status := range map[int]int{10 << 20: http.StatusCreated, 10<<20 + 1: http.StatusRequestEntityTooLarge, 20 << 20: http.StatusRequestEntityTooLarge} {
		form, formType := upload(t, part{"file", "a", "application/octet-stream", strings.Repeat("x", size)})
		checkStatus(t, s.do(t, "POST", "/api/upload", form, formType), status)
	}
}

// A body that stalls is given up on; the client learns why.
func TestStalledBody(t *testing.T) {
	t.Parallel()
	s := start(t)
	form, formType := upload(t, part{"file", "a", "text/plain", "hello"})
	for _, request := range []struct{ name, path, header, sent string }{
		{"items", "/api/items", jsonType, `{"name":`},
		{"session", "/api/session", jsonType, ``},
		{"upload", "/api/upload", formType, form[:len(form)-70]},
		{"upload, in a part's headers", "/api/upload", formType, form[:60+len("Content-Disp")]},
	} {
		t.Run(request.name, func(t *testing.T) {
			t.Parallel()
			conn := s.dial(t)
			defer conn.Close()
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n%s\r\nContent-Length: 1000\r\n\r\n%s", request.path, s.host, vite, request.header, request.sent)
			a := readAnswer(t, conn, "POST")
			checkProblem(t, a, http.StatusRequestTimeout)
			checkReadable(t, a, vite)
		})
	}
}

// setCookie returns the one cookie that an answer sets.
func setCookie(t *testing.T, a answer) *http.Cookie {
	t.Helper()
	lines := a.header.Values("Set-Cookie")
	if len(lines) != 1 {
		t.Fatalf("Set-Cookie: got %q, want one", lines)
	}
	cookie, err := http.ParseSetCookie(lines[0])
	if err != nil {
		t.Fatalf("Set-Cookie %q: %v", lines[0], err)
	}
	return cookie
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	production := []string{"APP_ENV=production", "SESSION_SECRET=" + secret, "ALLOWED_ORIGINS=" + app}
	lax := http.Cookie{Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	with := func(change func(*http.Cookie)) http.Cookie {
		cookie := lax
		change(&cookie)
		return cookie
	}
	tests := []struct {
		name   string
		env    []string
		want   http.Cookie
		prefix bool
	}{
		{"development", nil, lax, false},
		{"development, strict", []string{"SESSION_SAMESITE=strict"}, with(func(c *http.Cookie) { c.SameSite = http.SameSiteStrictMode }), false},
		{"development, none", []string{"SESSION_SAMESITE=none"}, with(func(c *http.Cookie) { c.SameSite, c.Secure, c.Partitioned = http.SameSiteNoneMode, true, true }), false},
		{"production", production, with(func(c *http.Cookie) { c.Secure = true }), true},
		{"production, strict", append(production, "SESSION_SAMESITE=strict"), with(func(c *http.Cookie) { c.SameSite, c.Secure = http.SameSiteStrictMode, true }), true},
		{"production, none", append(production, "SESSION_SAMESITE=none"),
			with(func(c *http.Cookie) { c.SameSite, c.Secure, c.Partitioned = http.SameSiteNoneMode, true, true }), true},
	}
	attributes := cmpopts.IgnoreFields(http.Cookie{}, "Name", "Value", "Expires", "RawExpires", "MaxAge", "Raw")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.env...)
			created := s.do(t, "POST", "/api/session", `{"name":"Ada Lovelace"}`, jsonType)
			checkJSON(t, created, http.StatusCreated)
			if got := decode[map[string]string](t, created); !cmp.Equal(got, map[string]string{"name": "Ada Lovelace"}) {
				t.Errorf("created: got %v", got)
			}
			cookie := setCookie(t, created)
			if diff := cmp.Diff(tt.want, *cookie, attributes); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
			if got := strings.HasPrefix(cookie.Name, "__Host-"); got != tt.prefix {
				t.Errorf("name: got %s, want the prefix __Host-: %t", cookie.Name, tt.prefix)
			}
			if cookie.MaxAge < 0 || !cookie.Expires.IsZero() && cookie.Expires.Before(time.Now()) {
				t.Errorf("age: got %s", cookie.Raw)
			}

			header := "Cookie: other=1; " + cookie.Name + "=" + cookie.Value
			got := s.get(t, "/api/session", header)
			checkJSON(t, got, http.StatusOK)
			if name := decode[map[string]string](t, got)["name"]; name != "Ada Lovelace" {
				t.Errorf("session: got %s", got.body)
			}
			checkHeaders(t, got, map[string]string{"Set-Cookie": absent})

			// A browser drops a cookie only for one of the same name, path
			// and partition, and takes it only with what its name demands.
			for _, headers := range [][]string{{header}, nil} {
				ended := s.do(t, "DELETE", "/api/session", "", headers...)
				checkStatus(t, ended, http.StatusNoContent)
				cleared := setCookie(t, ended)
				if diff := cmp.Diff(tt.want, *cleared, attributes); diff != "" || cleared.Name != cookie.Name {
					t.Errorf("clearing %s as %s (-want +got):\n%s", cookie.Name, cleared.Name, diff)
				}
				if cleared.MaxAge >= 0 && !(cleared.Expires.Before(time.Now()) && !cleared.Expires.IsZero()) || strings.Contains(cleared.Value, cookie.Value) {
					t.Errorf("clearing: got %s, want it expired", cleared.Raw)
				}
			}
		})
	}
}

func TestSessionIsSignedAndEncrypted(t *testing.T) {
	t.Parallel()
	s := start(t, append(unlimited, "LOG_LEVEL=debug")...)
	created := s.do(t, "POST", "/api/session", `{"name":"Grace Hopper"}`, jsonType)
	cookie := setCookie(t, created)
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		decoded, _ := encoding.DecodeString(cookie.Value)
		checkLacks(t, string(decoded)+cookie.Value, "Grace", "Hopper")
		// gorilla's format wraps one base64 in another.
		for _, piece := range strings.Split(string(decoded), "|") {
			inner, _ := encoding.DecodeString(piece)
			checkLacks(t, string(inner), "Grace", "Hopper")
		}
	}
	refuse := func(what, header string) {
		t.Helper()
		a := s.get(t, "/api/session", header)
		if a.status != http.StatusUnauthorized {
			t.Errorf("%s: got %d, want 401", what, a.status)
			return
		}
		checkProblem(t, a, http.StatusUnauthorized)
	}
	refuse("no cookie", "X-None: 1")
	for _, value := range []string{"", "x", "null", cookie.Value + "x", cookie.Value[1:], cookie.Value[:len(cookie.Value)-4], strings.Repeat("A", len(cookie.Value)), strings.Repeat("A", 5000)} {
		refuse("value "+value, "Cookie: "+cookie.Name+"="+value)
	}
	for i := 0; i < len(cookie.Value); i += len(cookie.Value) / 20 {
		flipped := []byte(cookie.Value)
		flipped[i] = map[bool]byte{true: 'B', false: 'A'}[flipped[i] == 'A']
		refuse(fmt.Sprintf("byte %d changed", i), "Cookie: "+cookie.Name+"="+string(flipped))
	}
	refuse("another name", "Cookie: other="+cookie.Value)
	refuse("another server's", signIn(t, start(t), "Grace Hopper"))
}

func TestSessionRules(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	tests := []struct {
		name, body string
		status     int
	}{
		{"one character", `{"name":"é"}`, 201},
		{"100 characters", `{"name":"` + strings.Repeat("漢", 100) + `"}`, 201},
		{"101 characters", `{"name":"` + strings.Repeat("a", 101) + `"}`, 422},
		{"empty", `{"name":""}`, 422},
		{"missing", `{}`, 422},
		{"wrong type", `{"name":true}`, 422},
		{"unknown field", `{"name":"a","admin":true}`, 400},
		{"null", `null`, 400},
		{"list", `[]`, 400},
		{"malformed", `{`, 400},
		{"trailing", `{"name":"a"},`, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := s.do(t, "POST", "/api/session", tt.body, jsonType)
			if tt.status == http.StatusCreated {
				checkStatus(t, a, http.StatusCreated)
				cookie := setCookie(t, a)
				kept := s.get(t, "/api/session", "Cookie: "+cookie.Name+"="+cookie.Value)
				checkStatus(t, kept, http.StatusOK)
				if kept.body != a.body {
					t.Errorf("session: got %s, want %s as created", kept.body, a.body)
				}
				return
			}
			p := checkProblem(t, a, tt.status)
			checkHeaders(t, a, map[string]string{"Set-Cookie": absent})
			if tt.status == http.StatusUnprocessableEntity {
				checkErrors(t, p, "name")
			}
		})
	}
}

// With a secret of its own a session outlives the process; the random one of
// development does not.
func TestSessionAcrossRestart(t *testing.T) {
	t.Parallel()
	kept := []string{"SESSION_SECRET=" + secret}
	checkStatus(t, start(t, kept...).get(t, "/api/session", signIn(t, start(t, kept...), "Ada")), http.StatusOK)
	checkStatus(t, start(t).get(t, "/api/session", signIn(t, start(t), "Ada")), http.StatusUnauthorized)
}

// What was answered with 201 or 200 survives the process, however it ends.
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
				t.Errorf("item after the restart: got %+v", got)
			}
			if _, err := os.Stat(filepath.Join(dir, "things.db")); err != nil {
				t.Error(err)
			}
		})
	}
}
