package main

import (
	"context"
	"strings"
	"testing"

	"example.com/api/internal/fetch"
)

// judged is the result of one request whose responses are given.
func judged(t *testing.T, method string, credentials fetch.Credentials, headers fetch.Header, responses ...reply) result {
	t.Helper()
	u, err := fetch.ParseURL("https://api.example.com/items")
	if err != nil {
		t.Fatal(err)
	}
	r := checkRequest{}
	r.Request = fetch.Request{Method: method, URL: u, Header: headers, Origin: "https://app.example.com", Credentials: credentials}
	out, err := check(t.Context(), &script{responses}, r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// script answers with the same responses, in order.
type script struct{ responses []reply }

func (s *script) send(_ context.Context, _ fetch.Message) (reply, error) {
	r := s.responses[0]
	if len(s.responses) > 1 {
		s.responses = s.responses[1:]
	}
	return r, nil
}

func answer(status int, lines ...string) reply {
	r := reply{Response: fetch.Response{Status: status}}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header = append(r.Header, fetch.Field{Name: name, Value: value})
	}
	return r
}

const (
	allowPage = "Access-Control-Allow-Origin: https://app.example.com"
	allowCred = "Access-Control-Allow-Credentials: true"
)

// What to write, for each server.
func TestFixLines(t *testing.T) {
	r := judged(t, "PUT", fetch.CredentialsInclude, fetch.Header{{Name: "X-A", Value: "1"}, {Name: "Content-Type", Value: "application/json"}}, answer(404))
	for server, want := range map[string][]string{
		"api": {"ALLOWED_ORIGINS=https://app.example.com  # add it to the list, after a comma"},
		"nginx": {
			`add_header Access-Control-Allow-Origin "https://app.example.com" always;`,
			`add_header Vary "Origin" always;`,
			`add_header Access-Control-Allow-Credentials "true" always;`,
			`add_header Access-Control-Allow-Methods "GET, HEAD, POST, PUT" always;`,
			`add_header Access-Control-Allow-Headers "content-type, x-a" always;`,
			`if ($request_method = OPTIONS) { return 204; }`,
		},
		"caddy": {
			`header Access-Control-Allow-Origin "https://app.example.com"`,
			`header Vary "Origin"`,
			`header Access-Control-Allow-Credentials "true"`,
			`header Access-Control-Allow-Methods "GET, HEAD, POST, PUT"`,
			`header Access-Control-Allow-Headers "content-type, x-a"`,
			`@preflight method OPTIONS`,
			`respond @preflight 204`,
		},
		"express": {
			`// before every route and before sign-in`,
			`app.use(cors({ origin: ["https://app.example.com"], credentials: true,`,
			`  methods: ["GET", "HEAD", "POST", "PUT"],`,
			`  allowedHeaders: ["content-type", "x-a"],`,
			`}))`,
		},
		"fastapi": {
			`app.add_middleware(CORSMiddleware,  # added last, so that it runs first`,
			`    allow_origins=["https://app.example.com"],`,
			`    allow_credentials=True,`,
			`    allow_methods=["GET", "HEAD", "POST", "PUT"],`,
			`    allow_headers=["content-type", "x-a"],`,
			`)`,
		},
		"spring": {
			`registry.addMapping("/**")  // WebMvcConfigurer.addCorsMappings`,
			`    .allowedOrigins("https://app.example.com")`,
			`    .allowedMethods("GET", "HEAD", "POST", "PUT")`,
			`    .allowedHeaders("content-type", "x-a")`,
			`    .allowCredentials(true);`,
			`http.cors(withDefaults());  // with Spring Security, in the filter chain`,
		},
	} {
		f := fixFor(r, r.Chromium, server)
		if got, want := strings.Join(f.Lines, "\n"), strings.Join(want, "\n"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", server, got, want)
		}
	}
}

// The settings of this project's server, by the reason.
func TestAPISettings(t *testing.T) {
	header := fetch.Header{{Name: "x-a", Value: "1"}}
	for _, tt := range []struct {
		name string
		r    result
		want string
	}{
		{"origin", judged(t, "GET", "", nil, answer(403)), "ALLOWED_ORIGINS=https://app.example.com"},
		{"wildcard", judged(t, "GET", fetch.CredentialsInclude, nil, answer(200, "Access-Control-Allow-Origin: *")), "ALLOWED_ORIGINS=https://app.example.com\nCORS_ALLOW_CREDENTIALS=true"},
		{"credentials", judged(t, "GET", fetch.CredentialsInclude, nil, answer(200, allowPage)), "CORS_ALLOW_CREDENTIALS=true"},
		{"method", judged(t, "QUERY", "", nil, answer(204, allowPage)), "CORS_ALLOWED_METHODS=GET,HEAD,POST,PUT,PATCH,DELETE,QUERY"},
		{"headers that are listed by default", judged(t, "GET", "", fetch.Header{{Name: "authorization", Value: "x"}}, answer(204, allowPage)), "CORS_ALLOWED_HEADERS=Authorization,Content-Type,If-Match,X-Request-ID"},
		{"headers", judged(t, "GET", "", header, answer(204, allowPage)), "CORS_ALLOWED_HEADERS=Authorization,Content-Type,If-Match,X-Request-ID,X-A"},
	} {
		if got, _, _ := strings.Cut(strings.Join(fixFor(tt.r, tt.r.Chromium, "api").Lines, "\n"), "  #"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// An unknown server is told the headers, and what is listed already is kept.
func TestFixKeepsWhatIsListed(t *testing.T) {
	x := fetch.Header{{Name: "X-A", Value: "1"}}
	for _, tt := range []struct {
		name  string
		r     result
		where string
		want  string
	}{
		{"header", judged(t, "GET", "", x, answer(204, allowPage, "Access-Control-Allow-Headers: X-B, x-b, 'odd")), "As headers of every response, and of a 204 to OPTIONS",
			"Access-Control-Allow-Origin: https://app.example.com|Vary: Origin|Access-Control-Allow-Headers: x-b, x-a"},
		{"method", judged(t, "PUT", "", nil, answer(204, allowPage, "Access-Control-Allow-Methods: GET,DELETE,`odd")), "As headers of every response, and of a 204 to OPTIONS",
			"Access-Control-Allow-Origin: https://app.example.com|Vary: Origin|Access-Control-Allow-Methods: GET, HEAD, POST, DELETE, PUT"},
		{"any origin", judged(t, "PUT", "", nil, answer(204, "Access-Control-Allow-Origin: *")), "As headers of every response, and of a 204 to OPTIONS",
			"Access-Control-Allow-Origin: *|Vary: Origin|Access-Control-Allow-Methods: GET, HEAD, POST, PUT"},
		{"any origin, Express", judged(t, "PUT", "", nil, answer(204, "Access-Control-Allow-Origin: *", "X-Powered-By: Express")), "In Express, with the package cors",
			`// before every route and before sign-in|app.use(cors({ origin: "*",|  methods: ["GET", "HEAD", "POST", "PUT"],|}))`},
		{"origin", judged(t, "GET", "", nil, answer(200)), "As headers of every response", "Access-Control-Allow-Origin: https://app.example.com|Vary: Origin"},
		{"a redirect is the page's to change", judged(t, "PUT", "", nil, answer(308, "Location: /a")), "", ""},
	} {
		f := fixFor(tt.r, tt.r.Chromium, "")
		if got := strings.Join(f.Lines, "|"); f.Where != tt.where || got != tt.want {
			t.Errorf("%s: got %q: %q, want %q: %q", tt.name, f.Where, got, tt.where, tt.want)
		}
	}
}

// What to change, in words, where it is not a setting of a server.
func TestFixText(t *testing.T) {
	for _, tt := range []struct {
		name string
		r    result
		want string
	}{
		{"odd method", judged(t, "patch", "", nil, answer(204, allowPage, "Access-Control-Allow-Methods: PATCH")), `write method: "PATCH"`},
		{"a list that lacks a method", judged(t, "PUT", "", nil, answer(204, allowPage, "Access-Control-Allow-Methods: DELETE")), "add PUT to Access-Control-Allow-Methods"},
		{"no list of methods", judged(t, "PUT", "", nil, answer(204, allowPage)), "list PUT in Access-Control-Allow-Methods"},
		{"credentials missing too", judged(t, "GET", fetch.CredentialsInclude, nil, answer(200)), "send Access-Control-Allow-Origin: https://app.example.com, together with Access-Control-Allow-Credentials: true"},
		{"credentials there", judged(t, "GET", fetch.CredentialsInclude, nil, answer(200, "Access-Control-Allow-Origin: *", allowCred)), "https://app.example.com instead of *, or"},
		{"redirect with a slash", judged(t, "PUT", "", nil, answer(301, "Location: /items/")), "with the trailing slash"},
		{"redirect to sign-in", judged(t, "PUT", "", nil, answer(302, "Location: /login?next=/items")), "exempt OPTIONS"},
		{"behind a redirect", judged(t, "GET", "", nil, answer(302, allowPage, "Location: https://b.example/x"), answer(200)), "call the final URL, https://b.example/x, without the redirect"},
		{"two places", judged(t, "GET", "", nil, answer(200, allowPage, allowPage)), "in one place only"},
		{"preflight status", judged(t, "PUT", "", nil, answer(401, allowPage)), "before sign-in"},
		{"a page's own mistake", judged(t, "GET", "", fetch.Header{{Name: "Access-Control-Allow-Origin", Value: "*"}}, answer(204, allowPage)), "only the server sends them"},
	} {
		if got := fixFor(tt.r, tt.r.Chromium, "").Text; !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestGuessServer(t *testing.T) {
	for want, lines := range map[string][]string{
		"nginx":   {"Server: nginx/1.22.1"},
		"caddy":   {"Via: 1.1 Caddy"},
		"express": {"Server: nginx", "X-Powered-By: Express"},
		"fastapi": {"server: uvicorn"},
		"spring":  {"Vary: Origin", "Vary: Access-Control-Request-Method", "Vary: Access-Control-Request-Headers", "X-Content-Type-Options: nosniff", "Cache-Control: no-cache, no-store, max-age=0, must-revalidate"},
		"api":     {"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
		"":        {"Server: Apache", "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"},
	} {
		if got := guessServer(outcome{Exchanges: []exchange{{Response: answer(200, lines...)}}}); got != want {
			t.Errorf("%q: got %q, want %q", lines, got, want)
		}
	}
}

// A simple request needs no answer to preflights.
func TestFixOfSimpleRequest(t *testing.T) {
	r := judged(t, "GET", "", nil, answer(200))
	if got, want := strings.Join(fixFor(r, r.Chromium, "nginx").Lines, "\n"), "add_header Access-Control-Allow-Origin \"https://app.example.com\" always;\nadd_header Vary \"Origin\" always;"; got != want {
		t.Errorf("got %s", got)
	}
}

// With the header that the fix names, the request is allowed.
func TestFixWorks(t *testing.T) {
	allow := []string{allowPage, allowCred, "Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Headers: x-a"}
	r := judged(t, "PUT", fetch.CredentialsInclude, fetch.Header{{Name: "X-A", Value: "1"}}, answer(204, allow...), answer(200, allow...))
	if r.exit() != exitAllowed {
		t.Errorf("got %s", r.Chromium.Verdict.Explain())
	}
}
