package tests

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// decode parses the JSON body of a response.
func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(a.body), &value); err != nil {
		t.Fatalf("body %q: %v", a.body, err)
	}
	return value
}

// absent stands for a header that the response must not have.
const absent = "(absent)"

// checkHeaders checks that each header occurs exactly once with its value, or
// not at all if the value is absent.
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

// checkReadable checks that a page from the origin can read the response.
func checkReadable(t *testing.T, a answer, origin string) {
	t.Helper()
	checkHeaders(t, a, map[string]string{
		"Access-Control-Allow-Origin":      origin,
		"Access-Control-Allow-Credentials": "true",
	})
	if !hasToken(a.header, "Access-Control-Expose-Headers", "X-Request-ID") {
		t.Errorf("Access-Control-Expose-Headers: got %q, want it to contain X-Request-ID", a.header["Access-Control-Expose-Headers"])
	}
	checkVary(t, a, "Origin")
}

// checkPreflight checks that the response allows a page from the origin to send
// the request, and that it carries nothing but CORS headers.
func checkPreflight(t *testing.T, a answer, origin string) {
	t.Helper()
	checkStatus(t, a, http.StatusNoContent)
	checkHeaders(t, a, map[string]string{
		"Access-Control-Allow-Origin":      origin,
		"Access-Control-Allow-Credentials": "true",
		"Access-Control-Max-Age":           "600",
		"X-Request-ID":                     absent,
		"X-RateLimit-Limit":                absent,
		"Location":                         absent,
	})
	checkTokens(t, a, "Access-Control-Allow-Methods", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
	checkTokens(t, a, "Access-Control-Allow-Headers", "Authorization", "Content-Type", "If-Match", "X-Request-ID")
	checkVary(t, a, "Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
	if a.body != "" {
		t.Errorf("body: got %q, want none", a.body)
	}
}

// checkNoCORS checks that the response has no CORS headers.
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
			t.Errorf("Vary: got %q, want it to contain %s", a.header["Vary"], name)
		}
	}
}

// tokens returns the elements of a comma-separated header in lower case.
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

// securityHeaders are the headers of every response except a preflight's.
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

// problemBody is a problem as defined by RFC 9457.
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

// checkProblem checks that the response is a complete problem with the status,
// and returns the problem.
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
		t.Errorf("request_id: got %q, want the X-Request-ID %q", p.RequestID, id)
	}
	return p
}

// checkDenied checks that the response rejects an origin.
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

// checkErrors checks that the problem reports errors in exactly these fields,
// which must be sorted.
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
			t.Errorf("got:\n%s\nwant it to contain %q", text, part)
		}
	}
}

func checkLacks(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			t.Errorf("got:\n%s\nwant it not to contain %q", text, part)
		}
	}
}

// checkAllow checks the methods listed in Allow, ignoring OPTIONS.
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

// checkTokens checks that a header lists exactly these elements, in any order.
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
