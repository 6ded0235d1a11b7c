package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"example.com/api/internal/openapi/openapitest"
)

// operation is one operation of the description with a request that is good
// by it, made of its examples.
type operation struct {
	*openapi3.Operation
	method, path string
	body         string
	headers      []string // announce the body
}

func (o operation) takesBody() bool { return o.RequestBody != nil }
func (o operation) takesJSON() bool { return slices.Contains(o.headers, jsonType) }

// describedOperations returns all operations. id is the item that those about
// one item are for.
func describedOperations(t *testing.T, description *openapi3.T, id string) []operation {
	t.Helper()
	var all []operation
	for path, item := range description.Paths.Map() {
		for method, described := range item.Operations() {
			o := operation{Operation: described, method: method, path: strings.ReplaceAll(path, "{id}", id)}
			separator := "?"
			for _, parameter := range described.Parameters {
				switch p := parameter.Value; {
				case p.In == "path":
					o.path = strings.ReplaceAll(o.path, "{"+p.Name+"}", fmt.Sprint(p.Example))
				case p.Example != nil:
					o.path += fmt.Sprintf("%s%s=%v", separator, p.Name, p.Example)
					separator = "&"
				}
			}
			if o.takesBody() {
				if content := described.RequestBody.Value.Content["application/json"]; content != nil {
					body, err := json.Marshal(content.Example)
					if err != nil {
						t.Fatal(err)
					}
					o.body, o.headers = string(body), []string{jsonType}
				} else {
					body, header := upload(t, part{"file", "hello.txt", "text/plain", "hello\n"})
					o.body, o.headers = body, []string{header}
				}
			}
			all = append(all, o)
		}
	}
	// DELETE last: the others need what it takes away.
	slices.SortFunc(all, func(a, b operation) int {
		if (a.method == "DELETE") != (b.method == "DELETE") {
			return map[bool]int{true: 1, false: -1}[a.method == "DELETE"]
		}
		return strings.Compare(a.path+a.method, b.path+b.method)
	})
	return all
}

// TestAnswersAreAsDescribed reaches every status of every operation that can
// be reached from outside and holds each answer to the description.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	// Each is what the description has and no request here can bring about.
	unreached := map[string]string{
		"500": "needs a fault in the server",
		"408": "takes 15 s of waiting",
	}
	description, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	const unlimited = "9999-S"
	seen := make(map[string]bool)
	// held starts a server whose every answer is held to the description.
	held := func(t *testing.T, env ...string) *server {
		s := start(t, env...)
		transport := &openapitest.Transport{Base: s.client.Transport, Description: description, Report: t.Errorf}
		s.client.Transport = transport
		t.Cleanup(func() { maps.Copy(seen, transport.Seen()) })
		return s
	}
	const id = "01a1fd71-2cd3-7c3d-9f2a-3b4c5d6e7f80" // no server here has it
	foreign := "Origin: https://elsewhere.example"

	t.Run("open", func(t *testing.T) {
		s := held(t, "RATE_LIMIT_DEFAULT="+unlimited, "RATE_LIMIT_SEARCH="+unlimited, "RATE_LIMIT_UPLOAD="+unlimited,
			"RATE_LIMIT_SESSION="+unlimited, "MAX_BODY_BYTES=2000", "MAX_UPLOAD_BYTES=2000")
		made := decode[item](t, s.do(t, "POST", "/api/items", `{"name":"Tea","note":"Green, loose"}`, jsonType))
		cookie := signIn(t, s, "Ada")

		for _, o := range describedOperations(t, description, made.ID) {
			good := o.headers
			if o.Security != nil {
				checkStatus(t, s.do(t, o.method, o.path, o.body), http.StatusUnauthorized)
				good = append(good, cookie)
			}
			if o.takesBody() {
				checkStatus(t, s.do(t, o.method, o.path, o.body), http.StatusUnsupportedMediaType)
				checkStatus(t, s.do(t, o.method, o.path, o.body, "Content-Type: application/xml"), http.StatusUnsupportedMediaType)
			}
			if o.takesJSON() {
				for _, body := range []string{"", "null", "[]", "{", `{"name":"a"}{}`, `{"colour":"red"}`, `{"name":"a","name":"b"}`} {
					checkStatus(t, s.do(t, o.method, o.path, body, jsonType), http.StatusBadRequest)
				}
				for _, body := range []string{`{"name":7}`, `{"name":null}`, `{"name":""}`, `{"name":"` + strings.Repeat("é", 101) + `"}`} {
					checkStatus(t, s.do(t, o.method, o.path, body, jsonType), http.StatusUnprocessableEntity)
				}
				checkStatus(t, s.do(t, o.method, o.path, `{"name":"`+strings.Repeat("a", 2000)+`"}`, jsonType), http.StatusRequestEntityTooLarge)
			} else if o.takesBody() {
				checkStatus(t, s.do(t, o.method, o.path, "nothing", o.headers...), http.StatusBadRequest)
				body, header := upload(t, part{"other", "", "", "text"})
				checkStatus(t, s.do(t, o.method, o.path, body, header), http.StatusUnprocessableEntity)
				body, header = upload(t, part{"file", "a.txt", "", strings.Repeat("a", 2001)})
				checkStatus(t, s.do(t, o.method, o.path, body, header), http.StatusRequestEntityTooLarge)
			}
			if missing := strings.Replace(o.path, made.ID, id, 1); missing != o.path {
				checkStatus(t, s.do(t, o.method, missing, o.body, good...), http.StatusNotFound)
			}
			checkStatus(t, s.do(t, o.method, o.path, o.body, append(good, foreign)...), http.StatusForbidden)
			if o.method == "GET" {
				checkStatus(t, s.do(t, "HEAD", o.path, "", good...), http.StatusOK)
			} else {
				checkStatus(t, s.do(t, o.method, o.path, o.body, append(good, "Sec-Fetch-Site: cross-site")...), http.StatusForbidden)
			}
			checkStatus(t, s.do(t, "OPTIONS", o.path, ""), http.StatusNoContent)
			checkStatus(t, s.do(t, "TRACE", o.path, ""), http.StatusMethodNotAllowed)

			a := s.do(t, o.method, o.path, o.body, good...)
			if a.status < 200 || a.status > 299 {
				t.Errorf("%s %s: got status %d, want 2xx", o.method, o.path, a.status)
			}
			checkExample(t, o, a)
		}
		for _, name := range []string{"1", strings.Repeat("é", 100)} {
			checkStatus(t, s.do(t, "POST", "/api/items", `{"name":"`+name+`"}`, jsonType), http.StatusCreated)
		}
		s.get(t, "/api/items?limit=1") // with a next_cursor
		for _, path := range []string{"/api/items?limit=0", "/api/items?limit=101", "/api/items?limit=a", "/api/items?cursor=", "/api/items?cursor=a", "/api/search", "/api/search?q="} {
			checkStatus(t, s.get(t, path), http.StatusBadRequest)
		}
		for _, path := range []string{"/api/items/", "/api/nothing", "/docs/other.js", "/docs/"} {
			checkStatus(t, s.get(t, path), http.StatusNotFound)
		}
	})

	t.Run("https and a host", func(t *testing.T) {
		s := held(t, "ALLOWED_HOSTS=api.example.com", "HTTPS_REDIRECT=true")
		for _, o := range describedOperations(t, description, id) {
			if o.Responses.Value("400") == nil { // health checks
				continue
			}
			checkStatus(t, s.do(t, o.method, o.path, o.body, o.headers...), http.StatusBadRequest)
			want := http.StatusForbidden
			if o.method == "GET" {
				want = http.StatusPermanentRedirect
			}
			checkStatus(t, s.do(t, o.method, o.path, o.body, append(o.headers, "Host: api.example.com")...), want)
		}
	})

	t.Run("limits", func(t *testing.T) {
		s := held(t, "RATE_LIMIT_DEFAULT=1-D", "RATE_LIMIT_SEARCH=1-D", "RATE_LIMIT_UPLOAD=1-D", "RATE_LIMIT_SESSION=1-D")
		for _, o := range describedOperations(t, description, id) {
			if o.Responses.Value("429") != nil {
				s.do(t, o.method, o.path, o.body, o.headers...) // some take the last of a policy that others share
				checkStatus(t, s.do(t, o.method, o.path, o.body, o.headers...), http.StatusTooManyRequests)
			}
		}
	})

	t.Run("without a database", func(t *testing.T) {
		s := held(t, "DATABASE_URL=postgres://nobody@127.0.0.1:1/none?sslmode=disable")
		for _, o := range describedOperations(t, description, id) {
			if o.Responses.Value("503") != nil && strings.HasPrefix(o.path, "/api/") {
				checkStatus(t, s.do(t, o.method, o.path, o.body, o.headers...), http.StatusServiceUnavailable)
			}
		}
		s.get(t, "/readyz")
	})

	t.Run("draining", func(t *testing.T) {
		s := held(t, "SHUTDOWN_DELAY=1s")
		s.signal(t, syscall.SIGTERM)
		s.waitFor(t, "readiness turned red", func() bool { return s.get(t, "/readyz").status == http.StatusServiceUnavailable })
		if status := s.wait(t); status != 0 {
			t.Errorf("exit status after SIGTERM: got %d, want 0", status)
		}
	})

	for _, o := range describedOperations(t, description, id) {
		for status := range o.Responses.Map() {
			if answer := o.OperationID + " " + status; !seen[answer] && unreached[status] == "" {
				t.Errorf("%s is described, and no request here was answered so", answer)
			}
		}
	}
}

// checkExample holds an answer to the one example of it, but for what differs
// from run to run.
func checkExample(t *testing.T, o operation, got answer) {
	t.Helper()
	content := o.Responses.Status(got.status).Value.Content["application/json"]
	if content == nil || content.Example == nil || o.OperationID == "searchItems" {
		return
	}
	example, err := json.Marshal(content.Example)
	if err != nil {
		t.Fatal(err)
	}
	volatile := regexp.MustCompile(`"(id|created_at|updated_at|version)":"[^"]*"`)
	constant := func(text []byte) (value map[string]any) {
		if err := json.Unmarshal(volatile.ReplaceAll(text, []byte(`"$1":""`)), &value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	if got, want := constant([]byte(got.body)), constant(example); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want what the example says: %v", o.OperationID, got, want)
	}
}
