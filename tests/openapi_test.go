package tests

import (
	"cmp"
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

// Every operation returns each status that it can return to a client, and every
// response matches the description.
func TestResponsesMatchDescription(t *testing.T) {
	t.Parallel()
	// The description has these statuses, but no request here causes them.
	unreached := map[string]string{
		"500": "needs a fault in the server",
		"408": "takes 15 s of waiting",
	}
	description, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	// startChecked starts a server and checks each of its responses against the
	// description.
	startChecked := func(t *testing.T, env ...string) *server {
		s := start(t, env...)
		transport := &openapitest.Transport{Base: s.client.Transport, Description: description, Report: t.Errorf}
		s.client.Transport = transport
		t.Cleanup(func() { maps.Copy(seen, transport.Seen()) })
		return s
	}
	foreign := "Origin: https://elsewhere.example"

	t.Run("open", func(t *testing.T) {
		s := startChecked(t, append(everyLimit("9999-S"), "MAX_BODY_BYTES=2000", "MAX_UPLOAD_BYTES=2000")...)
		ids := createResources(t, s, description)
		cookie := signIn(t, s, "Ada")

		for _, o := range describedOperations(t, description, ids) {
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
				for _, value := range []string{"null", "[]"} { // no field has these types
					body := fmt.Sprintf(`{%q:%s}`, o.anyField(t), value)
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
			for collection, id := range ids {
				if o.path == collection+"/"+id {
					checkStatus(t, s.do(t, o.method, collection+"/"+unknownID, o.body, good...), http.StatusNotFound)
				}
			}
			if o.Responses.Value("403") != nil { // a public route has no 403
				checkStatus(t, s.do(t, o.method, o.path, o.body, append(good, foreign)...), http.StatusForbidden)
			}
			if o.method == "GET" {
				checkStatus(t, s.do(t, "HEAD", o.path, "", good...), http.StatusOK)
			} else {
				checkStatus(t, s.do(t, o.method, o.path, o.body, append(good, "Sec-Fetch-Site: cross-site")...), http.StatusForbidden)
			}
			if o.Responses.Value("412") != nil {
				checkStatus(t, s.do(t, o.method, o.path, o.body, append(good, `If-Match: "another-version"`)...), http.StatusPreconditionFailed)
			}
			checkStatus(t, s.do(t, "OPTIONS", o.path, ""), http.StatusNoContent)
			checkStatus(t, s.do(t, "TRACE", o.path, ""), http.StatusMethodNotAllowed)

			a := s.do(t, o.method, o.path, o.body, good...)
			if a.status < 200 || a.status > 299 {
				t.Errorf("%s %s: got status %d, want a success", o.method, o.path, a.status)
			}
			checkExample(t, o, a)
		}
		for _, o := range describedOperations(t, description, ids) {
			path, _, _ := strings.Cut(o.path, "?")
			for _, parameter := range o.Parameters {
				if parameter.Value.In == "query" {
					checkStatus(t, s.do(t, o.method, path+"?"+parameter.Value.Name+"=", ""), http.StatusBadRequest)
				}
			}
		}
		for _, path := range []string{"/api/hello/", "/api/nothing", "/docs/other.js", "/docs/"} {
			checkStatus(t, s.get(t, path), http.StatusNotFound)
		}
	})

	t.Run("wrong host and plain http", func(t *testing.T) {
		s := startChecked(t, "ALLOWED_HOSTS=api.example.com", "HTTPS_REDIRECT=true")
		for _, o := range describedOperations(t, description, nil) {
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
		s := startChecked(t, everyLimit("1-D")...)
		for _, o := range describedOperations(t, description, nil) {
			if o.Responses.Value("429") != nil {
				s.do(t, o.method, o.path, o.body, o.headers...) // already rejected if another route shares the limit
				checkStatus(t, s.do(t, o.method, o.path, o.body, o.headers...), http.StatusTooManyRequests)
			}
		}
	})

	t.Run("without a database", func(t *testing.T) {
		s := startChecked(t, "DATABASE_URL=postgres://nobody@127.0.0.1:1/none?sslmode=disable")
		for _, o := range describedOperations(t, description, nil) {
			if response := o.Responses.Value("503"); response != nil && response.Ref == "#/components/responses/Unavailable" {
				checkStatus(t, s.do(t, o.method, o.path, o.body, o.headers...), http.StatusServiceUnavailable)
			}
		}
		s.get(t, "/readyz")
	})

	t.Run("without memory", func(t *testing.T) {
		s := startChecked(t, append(everyLimit("9999-S"), "MAX_BUFFERED_BYTES=1")...)
		for _, o := range describedOperations(t, description, nil) {
			if o.takesJSON() {
				large := strings.Repeat(" ", 10_000) + o.body
				checkStatus(t, s.do(t, o.method, o.path, large, o.headers...), http.StatusServiceUnavailable)
			}
		}
	})

	t.Run("draining", func(t *testing.T) {
		s := startChecked(t, "SHUTDOWN_DELAY=1s")
		s.signal(t, syscall.SIGTERM)
		s.waitFor(t, "readiness to fail", func() bool { return s.get(t, "/readyz").status == http.StatusServiceUnavailable })
		if status := s.wait(t); status != 0 {
			t.Errorf("exit status after SIGTERM: got %d, want 0", status)
		}
	})

	for _, o := range describedOperations(t, description, nil) {
		for status := range o.Responses.Map() {
			if response := o.OperationID + " " + status; !seen[response] && unreached[status] == "" {
				t.Errorf("the description has %s, but no request here received it", response)
			}
		}
	}
}

// operation is an operation of the description together with a valid request,
// which is built from its examples.
type operation struct {
	*openapi3.Operation
	method, path string
	body         string
	headers      []string // describe the body
}

func (o operation) takesBody() bool { return o.RequestBody != nil }
func (o operation) takesJSON() bool { return slices.Contains(o.headers, jsonType) }

// unknownID is an id that no resource has.
const unknownID = "01a1fd71-2cd3-7c3d-9f2a-3b4c5d6e7f80"

// createResources creates one resource in each described collection, using the
// example of its POST operation. It returns the ids by collection.
func createResources(t *testing.T, s *server, description *openapi3.T) map[string]string {
	t.Helper()
	ids := make(map[string]string)
	for path := range description.Paths.Map() {
		collection, isResource := strings.CutSuffix(path, "/{id}")
		if !isResource {
			continue
		}
		body, err := json.Marshal(description.Paths.Value(collection).Post.RequestBody.Value.Content["application/json"].Example)
		if err != nil {
			t.Fatal(err)
		}
		a := s.do(t, "POST", collection, string(body), jsonType)
		checkStatus(t, a, http.StatusCreated)
		ids[collection] = strings.TrimPrefix(a.header.Get("Location"), collection+"/")
	}
	return ids
}

// describedOperations returns all operations. The path of an operation on a
// resource contains the id that ids holds for its collection, or unknownID.
func describedOperations(t *testing.T, description *openapi3.T, ids map[string]string) []operation {
	t.Helper()
	var all []operation
	for path, item := range description.Paths.Map() {
		for method, described := range item.Operations() {
			id := cmp.Or(ids[strings.TrimSuffix(path, "/{id}")], unknownID)
			o := operation{Operation: described, method: method, path: strings.ReplaceAll(path, "{id}", id)}
			separator := "?"
			for _, parameter := range described.Parameters {
				switch p := parameter.Value; {
				case p.In == "path":
					o.path = strings.ReplaceAll(o.path, "{"+p.Name+"}", fmt.Sprint(p.Example))
				case p.In == "query" && p.Example != nil:
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
	// DELETE comes last because the other operations need the resources.
	slices.SortFunc(all, func(a, b operation) int {
		if (a.method == "DELETE") != (b.method == "DELETE") {
			return map[bool]int{true: 1, false: -1}[a.method == "DELETE"]
		}
		return strings.Compare(a.path+a.method, b.path+b.method)
	})
	return all
}

// anyField returns the name of a field of the JSON body.
func (o operation) anyField(t *testing.T) string {
	t.Helper()
	fields, ok := o.RequestBody.Value.Content["application/json"].Example.(map[string]any)
	if !ok || len(fields) == 0 {
		t.Fatalf("%s: the example of its body has no field", o.OperationID)
	}
	return slices.Sorted(maps.Keys(fields))[0]
}

// checkExample compares a response with its example, if the description has one.
// It ignores values that change from run to run.
func checkExample(t *testing.T, o operation, got answer) {
	t.Helper()
	content := o.Responses.Status(got.status).Value.Content["application/json"]
	if content == nil || content.Example == nil {
		return
	}
	example, err := json.Marshal(content.Example)
	if err != nil {
		t.Fatal(err)
	}
	volatile := regexp.MustCompile(`"(id|created_at|updated_at|version)":"[^"]*"`)
	stable := func(text []byte) (value map[string]any) {
		if err := json.Unmarshal(volatile.ReplaceAll(text, []byte(`"$1":""`)), &value); err != nil {
			t.Fatal(err)
		}
		for name, field := range value {
			if list, ok := field.([]any); ok {
				value[name] = list[:min(len(list), 1)] // the length changes too
			}
		}
		return value
	}
	if got, want := stable([]byte(got.body)), stable(example); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want the example %v", o.OperationID, got, want)
	}
}
