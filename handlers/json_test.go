package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"example.com/api/internal/problem"
)

type sample struct {
	Name  *string `json:"name"`
	Count *int    `json:"count"`
}

func TestDecodeObject(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body   string
		status int    // 0: accepted
		detail string // a part of the problem's detail, or of the detail of the one field
	}{
		{`{}`, 0, ""},
		{`{"name":"a"}`, 0, ""},
		{` {"name":"a","count":1} ` + "\n", 0, ""},
		{`{"name":"\ud83d\ude00 \u0041"}`, 0, ""},
		{`{"name":"\uD83D\uDE00\ufffd�\\ud800\"\\"}`, 0, ""},
		{`{"name":"\ud800"}`, 400, `"name" has half of a surrogate pair`},
		{`{"name":"\uDC00"}`, 400, "surrogate"},
		{`{"name":"\ud83d"}`, 400, "surrogate"},
		{`{"name":"\ud83d\u0041"}`, 400, "surrogate"},
		{`{"name":"\ud83d\ud83d\ude00"}`, 400, "surrogate"},
		{`{"name":"\ud83d\ude00\ude00"}`, 400, "surrogate"},
		{`{"name":"\ud83d ude00"}`, 400, "surrogate"},
		{`{"name":"\ud83d\\ude00"}`, 400, "surrogate"},
		{`{"name":"\\\ud800"}`, 400, "surrogate"},
		{`{"name":["\ud800"]}`, 400, "surrogate"},
		{`{"na\ud800me":"a"}`, 400, "is unknown"},
		{``, 400, "empty"},
		{` `, 400, "empty"},
		{`null`, 400, "one JSON object"},
		{`[]`, 400, "one JSON object"},
		{`"a"`, 400, "one JSON object"},
		{`7`, 400, "one JSON object"},
		{`{`, 400, "ends too early"},
		{`{"name":"a"`, 400, "ends too early"},
		{`{"name":"a"}}`, 400, "after the JSON object"},
		{`{"name":"a"}{"name":"b"}`, 400, "after the JSON object"},
		{`{"name":"a"} x`, 400, "after the JSON object"},
		{`{"name":"a",}`, 400, "not valid JSON"},
		{`{'name':'a'}`, 400, "not valid JSON"},
		{`{"name":a}`, 400, "not valid JSON"},
		{`{"name" "a"}`, 400, "not valid JSON"},
		{"{\"name\":\"\xff\"}", 400, "UTF-8"},
		{"\ufeff{}", 400, "byte order mark"},
		{"{\"name\":\"\ufeff\"}", 0, ""},
		{`{"name":"a","nope":1}`, 400, `"nope" is unknown`},
		{`{"Name":"a"}`, 400, `"Name" is unknown`},
		{`{"name":"a","name":"b"}`, 400, "twice"},
		{`{"":"a"}`, 400, `"" is unknown`},
		{`{"name":null}`, 422, "must be a string"},
		{`{"name":1}`, 422, "must be a string"},
		{`{"name":["a"]}`, 422, "must be a string"},
		{`{"count":"1"}`, 422, "must be a whole number"},
		{`{"name":` + strings.Repeat("[", 20_000), 400, "not valid JSON"},
	}
	for _, tt := range tests {
		var into sample
		mistyped, p := decodeObject([]byte(tt.body), &into)
		switch {
		case len(mistyped) > 0:
			p = problem.Invalid(mistyped)
			p.Detail = mistyped[0].Detail
		case p == nil:
			p = new(problem.Problem)
		}
		text := p.Detail
		if p.Status != tt.status || !strings.Contains(text, tt.detail) {
			t.Errorf("%.60q: %d %q, want %d %q", tt.body, p.Status, text, tt.status, tt.detail)
		}
	}
	var into sample
	mistyped, p := decodeObject([]byte(`{"name":1,"count":"x"}`), &into)
	if p != nil || len(mistyped) != 2 || into != (sample{}) {
		t.Errorf("two fields of the wrong type: got %+v, %+v and the values %+v, which must stay nil", p, mistyped, into)
	}
}

// The headers that describe a body are checked before the body is read.
func TestDeclaredContent(t *testing.T) {
	t.Parallel()
	engine := gin.New()
	engine.Handle("POST", "/", func(c *gin.Context) {
		if _, wrong := readJSON(c, new(sample)); wrong != nil {
			problem.Abort(c, wrong)
		}
	})
	engine.Handle("PATCH", "/", func(c *gin.Context) {
		if _, wrong := readJSON(c, new(sample)); wrong != nil {
			problem.Abort(c, wrong)
		}
	})
	tests := []struct {
		headers []string // "Name: value"
		status  int
		detail  string
	}{
		{[]string{"Content-Type: application/json"}, 200, ""},
		{[]string{"Content-Type: Application/JSON; Charset=UTF-8"}, 200, ""},
		{[]string{"Content-Type: application/json;charset=utf8"}, 200, ""},
		{[]string{`Content-Type: application/json; charset="UTF8"`}, 200, ""},
		{[]string{"Content-Type: application/json; version=1"}, 200, ""},
		{[]string{"Content-Type: application/json", "Content-Encoding: "}, 200, ""},
		{nil, 415, "Send the body with Content-Type: application/json; this one has no Content-Type."},
		{[]string{"Content-Type: text/plain"}, 415, `this one has \"text/plain\".`},
		{[]string{"Content-Type: application/merge-patch+json"}, 415, `has \"application/merge-patch+json\"`},
		{[]string{"Content-Type: application/json; charset=latin1"}, 415, "application/json; charset=utf-8; this one has"},
		{[]string{"Content-Type: application/json; charset"}, 415, "charset"},
		{[]string{"Content-Type: application/json", "Content-Type: application/json"}, 415, "several Content-Type lines"},
		{[]string{"Content-Type: text/" + strings.Repeat("x", 5000)}, 415, strings.Repeat("x", 90)},
		{[]string{"Content-Type: application/json", "Content-Encoding: gzip"}, 415, `Send the body without Content-Encoding; this one has \"gzip\".`},
		{[]string{"Content-Type: application/json", "Content-Encoding: gzip", "Content-Encoding: br"}, 415, `\"gzip, br\"`},
	}
	for _, tt := range tests {
		for _, method := range []string{"POST", "PATCH"} {
			body := strings.NewReader("{}")
			r := httptest.NewRequest(method, "/", body)
			encoded := false
			for _, line := range tt.headers {
				name, value, _ := strings.Cut(line, ": ")
				r.Header.Add(name, value)
				encoded = encoded || name == "Content-Encoding" && value != ""
			}
			w := httptest.NewRecorder()
			engine.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.detail) || w.Body.Len() > 500 {
				t.Errorf("%s %q: got %d %s, want %d %s", method, tt.headers, w.Code, w.Body, tt.status, tt.detail)
			}
			if tt.status == 415 && body.Len() == 0 {
				t.Errorf("%s %q: the body was read", method, tt.headers)
			}
			want := ""
			if encoded {
				want = "identity"
			}
			if got := w.Header().Get("Accept-Encoding"); got != want {
				t.Errorf("%s %q: Accept-Encoding %q, want %q", method, tt.headers, got, want)
			}
			want = ""
			if method == "PATCH" && tt.status == 415 {
				want = "application/json"
			}
			if got := w.Header().Get("Accept-Patch"); got != want {
				t.Errorf("%s %q: Accept-Patch %q, want %q", method, tt.headers, got, want)
			}
		}
	}
}

// failing is a body whose first read fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestUnreadableBody(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err    error
		status int
	}{
		{&http.MaxBytesError{Limit: 7}, 413},
		{fmt.Errorf("wrapped: %w", os.ErrDeadlineExceeded), 408},
		{problem.Overloaded(nil), 503},
		{io.ErrUnexpectedEOF, 400},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, 400},
	}
	for _, tt := range tests {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest("POST", "/", failing{tt.err})
		c.Request.Header.Set("Content-Type", "application/json")
		if _, got := readJSON(c, new(sample)); got == nil || got.Status != tt.status {
			t.Errorf("%v: got %+v, want %d", tt.err, got, tt.status)
		} else if got.Status == 400 && !errors.Is(got, tt.err) {
			t.Errorf("%v: the problem does not hold it as the cause, for the log", tt.err)
		}
	}
}

// FuzzDecodeObject compares with encoding/json: a body that is accepted must mean
// the same to a strict decoder of that package.
func FuzzDecodeObject(f *testing.F) {
	for _, seed := range []string{`{"name":"a","count":1}`, `{}`, `null`, `{"name":null}`, `{"name":"a"}x`, `{"count":1e3}`, `{"na\u006de":"a"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var got, want sample
		mistyped, p := decodeObject(body, &got)
		if p != nil && p.Status != http.StatusBadRequest {
			t.Fatalf("%q: status %d", body, p.Status)
		}
		if p != nil || len(mistyped) > 0 {
			return
		}
		decoder := json.NewDecoder(strings.NewReader(string(body)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("%q was accepted; encoding/json says %v", body, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q (-encoding/json +ours):\n%s", body, diff)
		}
	})
}
