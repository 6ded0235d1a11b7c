package tests

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// decode reads a JSON answer.
func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(a.body), &value); err != nil {
		t.Fatalf("body %q: %v", a.body, err)
	}
	return value
}

// absent is the value of a header that must not be there.
const absent = "(absent)"

// checkHeaders compares headers; each must be there once.
func checkHeaders(t *testing.T, a answer, want map[string]string) {
	t.Helper()
	for name, value := range want {
		got := a.header.Values(name)
		switch {
		case value == absent:
			if len(got) > 0 {
				t.Errorf("%s: got %q, want none", name, got)
			}
		case len(got) != 1 || got[0] != value:
			t.Errorf("%s: got %q, want %q once", name, got, value)
		}
	}
}

func checkStatus(t *testing.T, a answer, want int) {
	t.Helper()
	if a.status != want {
		t.Errorf("status: got %d, want %d; body %s", a.status, want, a.body)
	}
}

// checkReadable asserts that a page of origin may read the answer.
func checkReadable(t *testing.T, a answer, origin string) {
	t.Helper()
	checkHeaders(t, a, map[string]string{
		"Access-Control-Allow-Origin":      origin,
		"Access-Control-Allow-Credentials": "true",
	})
	if !hasToken(a.header, "Access-Control-Expose-Headers", "X-Request-ID") {
		t.Errorf("Access-Control-Expose-Headers: got %q, want X-Request-ID among them", a.header["Access-Control-Expose-Headers"])
	}
	checkVary(t, a, "Origin")
}

// checkNoCORS asserts that the answer says nothing about origins.
func checkNoCORS(t *testing.T, a answer) {
	t.Helper()
	for name, values := range a.header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s: got %q, want no Access-Control header", name, values)
		}
	}
}

func checkVary(t *testing.T, a answer, names ...string) {
	t.Helper()
	for _, name := range names {
		if !hasToken(a.header, "Vary", name) {
			t.Errorf("Vary: got %q, want %s in it", a.header["Vary"], name)
		}
	}
}

// tokens are the members of a comma-separated header, in lower case.
func tokens(header http.Header, name string) []string {
	var found []string
	for _, line := range header.Values(name) {
		for token := range strings.SplitSeq(line, ",") {
			found = append(found, strings.ToLower(strings.TrimSpace(token)))
		}
	}
	return found
}

func hasToken(header http.Header, name, token string) bool {
	return slices.Contains(tokens(header, name), strings.ToLower(token))
}

// securityHeaders are those of every answer but a preflight's.
var securityHeaders = map[string]string{
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
	"Referrer-Policy":              "strict-origin-when-cross-origin",
	"Cache-Control":                "no-store",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Server":                       absent,
	"X-Powered-By":                 absent,
}

// problemBody is an RFC 9457 body.
type problemBody struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Detail    string       `json:"detail"`
	RequestID string       `json:"request_id"`
	Violated  []string     `json:"violated-policies"`
	Errors    []fieldError `json:"errors"`
}

type fieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// checkProblem asserts a complete problem of that status and returns it.
func checkProblem(t *testing.T, a answer, status int) problemBody {
	t.Helper()
	checkStatus(t, a, status)
	checkHeaders(t, a, map[string]string{"Content-Type": "application/problem+json"})
	checkHeaders(t, a, securityHeaders)
	checkVary(t, a, "Origin")
	p := decode[problemBody](t, a)
	if p.Type == "" || p.Title == "" || p.Detail == "" || p.Status != status {
		t.Errorf("problem: got %s, want type, title, detail and status %d", a.body, status)
	}
	if id := a.header.Get("X-Request-ID"); p.RequestID != id {
		t.Errorf("request_id: got %q, want %q as in X-Request-ID", p.RequestID, id)
	}
	return p
}

// checkDenied asserts the refusal of an origin.
func checkDenied(t *testing.T, a answer) problemBody {
	t.Helper()
	p := checkProblem(t, a, http.StatusForbidden)
	checkNoCORS(t, a)
	checkHeaders(t, a, map[string]string{"X-Request-ID": absent})
	return p
}

func checkJSON(t *testing.T, a answer, status int) {
	t.Helper()
	checkStatus(t, a, status)
	if got := a.header.Get("Content-Type"); got != "application/json" && got != "application/json; charset=utf-8" {
		t.Errorf("Content-Type: got %q, want application/json", got)
	}
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

func checkContains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("got:\n%s\nwant %q in it", text, part)
		}
	}
}

func checkLacks(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			t.Errorf("got:\n%s\nwant no %q in it", text, part)
		}
	}
}

// checkAllow asserts the methods of a path; OPTIONS may be among them.
func checkAllow(t *testing.T, a answer, want ...string) {
	t.Helper()
	got := slices.DeleteFunc(tokens(a.header, "Allow"), func(method string) bool { return method == "options" })
	slices.Sort(got)
	var lower []string
	for _, method := range want {
		lower = append(lower, strings.ToLower(method))
	}
	slices.Sort(lower)
	if !slices.Equal(got, lower) {
		t.Errorf("Allow: got %q, want %q", a.header["Allow"], want)
	}
}

// checkTokens asserts that a header lists exactly these.
func checkTokens(t *testing.T, a answer, name string, want ...string) {
	t.Helper()
	got := tokens(a.header, name)
	slices.Sort(got)
	for i := range want {
		want[i] = strings.ToLower(want[i])
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}
