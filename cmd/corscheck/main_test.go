package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
)

// corscheck runs the command and returns its exit status and output.
func corscheck(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return corscheckIn(t, "", args...)
}

func corscheckIn(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, strings.NewReader(stdin), &out, &errs, func(string) string { return "" })
	return status, out.String(), errs.String()
}

// serve starts a server on localhost, so that a page on another port of
// localhost is on the same site.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}

// headers answers every request with a status and "Name: value" lines.
func headers(status int, lines ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, line := range lines {
			name, value, _ := strings.Cut(line, ": ")
			w.Header().Add(name, value)
		}
		w.WriteHeader(status)
	}
}

const testPage = "http://localhost:5173"

// The command must stay small: whoever installs it alone gets neither the web
// framework nor a database driver.
func TestDependencies(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		for _, heavy := range []string{"gin-gonic", "gin-contrib", "modernc.org", "jackc/pgx", "database/sql", "rueidis"} {
			if strings.Contains(path, heavy) {
				t.Errorf("the command depends on %s", path)
			}
		}
	}
}

func TestUsageErrors(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "the URL is missing"},
		{[]string{"http://localhost:2/"}, "--origin is missing"},
		{[]string{"http://localhost:2/", "--origin", "localhost:5173"}, "has no scheme"},
		{[]string{"http://localhost:2/", "--origin", "file:///a.html"}, "write null"},
		{[]string{"ftp://a.example/", "--origin", testPage}, "is not an http:// or https:// URL"},
		{[]string{"http://localhost:2/", "http://localhost:2/", "--origin", testPage}, "one URL at a time"},
		{[]string{"http://localhost:2/", "--origin", testPage, "--header", "x"}, "Name: value"},
		{[]string{"http://localhost:2/", "--origin", testPage, "--header", "Cookie: a=b"}, "use --cookie"},
		{[]string{"http://localhost:2/", "--origin", testPage, "--frobnicate"}, "frobnicate"},
		{[]string{"http://localhost:2/", "--origin", testPage, "--mode", "x"}, "write cors, no-cors or same-origin"},
		{[]string{"http://localhost:2/", "--origin", testPage, "--server", "iis"}, "write one of api, nginx"},
		{[]string{"http://localhost:2/", "--origin", testPage, "--cookie", "x"}, "name=value"},
		{[]string{"http://localhost:2/", "--origin", testPage, "--resolve", "a:b"}, "HOST:PORT:ADDRESS"},
		{[]string{"http://localhost:2/", "--origin", testPage, "--cacert", "missing.pem"}, "missing.pem"},
		{[]string{"http://localhost:2/", "--origin", testPage, "--dry-run"}, "belongs to --audit"},
		{[]string{"http://localhost:2/", "--origin", testPage, "--timeout", "0s"}, "a duration above zero"},
		{[]string{"http://localhost:2/", "--origin", testPage, "--trace-id", "ABC"}, "32 hexadecimal digits"},
		{[]string{"http://localhost:2/", "--safe", "--audit"}, "belongs to a single request"},
		{[]string{"--from-curl", "wget x"}, "does not begin with curl"},
		{[]string{"--from-fetch", "fetch(url)"}, "a literal value"},
		{[]string{"--har", "missing.har"}, "missing.har"},
		{[]string{"http://localhost:2/", "--expect", "missing.yaml"}, "missing.yaml"},
		{[]string{"http://localhost:2/", "--expect", "a.yaml", "--json"}, "--expect has --format"},
	} {
		status, stdout, stderr := corscheck(t, tt.args...)
		if status != exitUsage || !strings.Contains(stderr, tt.want) || stdout != "" {
			t.Errorf("%q: got status %d, %q, want %d, %q", tt.args, status, stderr, exitUsage, tt.want)
		}
	}
	long := "curl http://localhost:2/ --data '" + strings.Repeat("x", 2<<20) + "'"
	if status, _, stderr := corscheckIn(t, long, "--from-curl", "-"); status != exitUsage || !strings.Contains(stderr, "longer than 1 MiB") {
		t.Errorf("a long command from standard input: got status %d, %q", status, stderr)
	}
	if status, _, stderr := corscheck(t, "--help"); status != exitAllowed || !strings.Contains(stderr, "Exit status") {
		t.Errorf("--help: got status %d, %q", status, stderr)
	}
}

// The five commonest failures, each as a whole page of output: somebody who
// has read nothing must see what to change.
func TestCommonestFailures(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		args    []string
		status  int
		want    []string
	}{
		{
			"the origin is not listed", headers(200, "Server: nginx"), nil, exitBlocked,
			[]string{
				"GET http://localhost/", "from http://localhost:5173",
				" → GET /: 200 OK", " ✗ response: the response has no Access-Control-Allow-Origin",
				"BLOCKED. The server has handled the request",
				"Fix: have the server send Access-Control-Allow-Origin: http://localhost:5173",
				`    add_header Access-Control-Allow-Origin "http://localhost:5173" always;`,
				"No 'Access-Control-Allow-Origin' header is present", "Access-Control-Allow-Origin’ missing). Status code: 200.",
				"https://fetch.spec.whatwg.org/#cors-check",
			},
		},
		{
			"a wildcard with credentials", headers(200, "Access-Control-Allow-Origin: *", "X-Powered-By: Express"), []string{"--credentials"}, exitBlocked,
			[]string{
				" ✗ response: Access-Control-Allow-Origin is *, which browsers reject for a request with credentials (cookies)",
				"Fix: have the server send Access-Control-Allow-Origin: http://localhost:5173 instead of *, together with Access-Control-Allow-Credentials: true, or make the request without credentials",
				"In Express, with the package cors (guessed from the response; --server names another):",
				`    app.use(cors({ origin: ["http://localhost:5173"], credentials: true }))`,
				"must not be the wildcard '*'", "Credential is not supported",
			},
		},
		{
			"a header is missing in the preflight", headers(204, "Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: x-a", "Server: uvicorn"),
			[]string{"--header", "Authorization: Bearer x", "--header", "content-type: application/json", "--method", "POST"}, exitBlocked,
			[]string{
				" → OPTIONS /: 204 No Content",
				`Access-Control-Allow-Headers is "x-a", which lacks the headers authorization, content-type`,
				"The preflight, the OPTIONS request in which the browser asks for permission, failed, so POST was not sent",
				"Fix: have the server add authorization, content-type to Access-Control-Allow-Headers",
				`    allow_methods=["GET", "HEAD", "POST"],`, `    allow_headers=["x-a", "authorization", "content-type"],`,
				"Request header field authorization is not allowed",
			},
		},
		{
			"a redirect on the preflight", headers(308, "Location: https://localhost/"), []string{"--method", "PUT"}, exitBlocked,
			[]string{
				`✗ preflight: the preflight was redirected to "https://localhost/"; browsers never follow that`,
				"Fix: in the page, call the URL that needs no redirect, https://localhost/ (https from the start)",
				"Redirect is not allowed for a preflight request.",
			},
		},
		{
			"the cookie is not sent", headers(401, "Access-Control-Allow-Origin: http://127.0.0.1:5173", "Access-Control-Allow-Credentials: true"),
			[]string{"--origin", "http://127.0.0.1:5173", "--credentials", "--cookie", "session=1; SameSite=Lax; HttpOnly"}, exitAllowed,
			[]string{
				"ALLOWED. JavaScript can read the response, which says 401 Unauthorized.",
				"! cookie session is not sent: it is SameSite=Lax, and the page is on another site than the API",
				"Fix: call the API under the host name of the page, http://127.0.0.1:",
			},
		},
		{
			"the cookie is not sent for want of credentials", headers(401, "Access-Control-Allow-Origin: *"), []string{"--cookie", "session=1"}, exitAllowed,
			[]string{`! cookie session is not sent: the request is made without credentials; write fetch(url, {credentials: "include"})`},
		},
	} {
		status, stdout, stderr := corscheck(t, append([]string{serve(t, tt.handler), "--origin", testPage}, tt.args...)...)
		if status != tt.status || stderr != "" {
			t.Errorf("%s: got status %d, %q, want %d", tt.name, status, stderr, tt.status)
		}
		flat := strings.Join(strings.Fields(stdout), " ")
		for _, want := range tt.want {
			want = strings.Replace(want, "http://localhost/", "http://localhost", 1) // the port differs each time
			if !strings.Contains(flat, strings.Join(strings.Fields(want), " ")) {
				t.Errorf("%s: %q is missing in:\n%s", tt.name, want, stdout)
			}
		}
		for line := range strings.SplitSeq(stdout, "\n") {
			if len([]rune(line)) > 100 {
				t.Errorf("%s: a line is wider than 100 columns: %s", tt.name, line)
			}
		}
	}
}

func TestCookies(t *testing.T) {
	address := serve(t, headers(200, "Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true",
		"Set-Cookie: a=1; SameSite=None; Secure; Partitioned", "Set-Cookie: b=1; SameSite=None; Secure", "Set-Cookie: c=1; SameSite=Strict", "Set-Cookie: d=1"))
	_, stdout, _ := corscheck(t, address, "--origin", "https://app.example.com", "--credentials")
	flat := strings.Join(strings.Fields(stdout), " ")
	for _, want := range []string{
		"✓ cookie a is stored",
		"! cookie b is stored only where third-party cookies are allowed", "Fix: add Partitioned",
		"! cookie c is not stored: it is SameSite=Strict", "Fix: have the server set it with SameSite=None; Secure; Partitioned (SESSION_SAMESITE=none)",
		"! cookie d is stored by Firefox, but not by Chromium: without SameSite it counts as Lax",
	} {
		if !strings.Contains(flat, want) {
			t.Errorf("%q is missing in:\n%s", want, stdout)
		}
	}
}

func TestAllowed(t *testing.T) {
	url := serve(t, headers(200, "Access-Control-Allow-Origin: *", "ETag: 1", "X-Total: 2", "Access-Control-Expose-Headers: etag", "Access-Control-Max-Age: 86400"))
	status, stdout, _ := corscheck(t, "--origin", testPage, url+"/a?b=c", "--header", "X-A: 1", "--server", "api")
	if status != exitBlocked || !strings.Contains(stdout, "CORS_ALLOWED_HEADERS=Authorization,Content-Type,If-Match,X-Request-ID,X-A") {
		t.Errorf("a header that is not listed: got status %d,\n%s", status, stdout)
	}
	status, stdout, _ = corscheck(t, url+"/a?b=c", "--origin", testPage)
	if status != exitAllowed {
		t.Errorf("got status %d", status)
	}
	for _, want := range []string{"ALLOWED. JavaScript can read the response.", "It can read: content-length, etag", "Hidden: x-total"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in:\n%s", want, stdout)
		}
	}
}

func TestStandardDiffers(t *testing.T) {
	url := serve(t, headers(200, "Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: *"))
	status, stdout, _ := corscheck(t, url, "--origin", testPage, "--header", "Authorization: x")
	if flat := strings.Join(strings.Fields(stdout), " "); status != exitAllowed || !strings.Contains(flat, "! The standard blocks it: Access-Control-Allow-Headers is *, which does not cover Authorization") {
		t.Errorf("got status %d,\n%s", status, stdout)
	}
}

func TestPasted(t *testing.T) {
	var got *http.Request
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://app.example.com")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Access-Control-Allow-Methods", "PUT")
		w.Header().Set("Access-Control-Allow-Headers", "content-type")
		if r.Method != "OPTIONS" {
			got = r.Clone(r.Context())
		} else if r.Header.Get("Cookie") != "" {
			t.Error("the preflight carries a cookie")
		}
	})
	for _, tt := range []struct {
		name, stdin string
		args        []string
	}{
		{"curl", "", []string{"--from-curl", "curl '" + url + "' -X PUT -H 'origin: https://app.example.com' -H 'content-type: application/json' -H 'cookie: a=b' --data-raw '{}'"}},
		{"fetch", `fetch("` + url + `", {method: "PUT", headers: {"content-type": "application/json", "cookie": "a=b"}, body: "{}", referrer: "https://app.example.com/x"})`, []string{"--from-fetch", "-"}},
	} {
		got = nil
		status, stdout, stderr := corscheckIn(t, tt.stdin, tt.args...)
		if status != exitAllowed || got == nil {
			t.Errorf("%s: got status %d, %s%s", tt.name, status, stdout, stderr)
			continue
		}
		if got.Method != "PUT" || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Cookie") != "a=b" || got.Header.Get("Origin") != "https://app.example.com" || got.ContentLength != 2 {
			t.Errorf("%s: got %s %v", tt.name, got.Method, got.Header)
		}
	}
}

func TestJSON(t *testing.T) {
	url := serve(t, headers(200, "Access-Control-Allow-Origin: https://other.example"))
	status, stdout, _ := corscheck(t, url, "--origin", testPage, "--json")
	if status != exitBlocked {
		t.Errorf("got status %d", status)
	}
	var got jsonResult
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != 1 || got.Allowed || len(got.Browsers) != 2 || got.Browsers[0].Reason != "AllowOriginMismatch" || got.Fix == nil || got.Fix.Text == "" || len(got.Exchanges) != 1 {
		t.Errorf("got %s", stdout)
	}
	if status, stdout, _ := corscheck(t, "http://localhost:2/", "--origin", testPage, "--json"); status != exitUnreachable || !strings.Contains(stdout, `"error": "http://localhost:2 cannot be reached`) {
		t.Errorf("unreachable: got status %d, %s", status, stdout)
	}
}
