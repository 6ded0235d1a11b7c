package main

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/api/config"
)

// loaded returns the settings of an environment that has only these variables.
func loaded(t testing.TB, env ...string) config.Settings {
	t.Helper()
	defaults(t)
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	settings, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

func TestExplain(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	production := []string{
		"APP_ENV=production", "SESSION_SECRET=0123456789abcdef0123456789abcdef", "ALLOWED_HOSTS=localhost,api.example.com",
		"ALLOWED_ORIGINS=https://app.example.com,https://*.example.org", `ALLOWED_ORIGIN_REGEX=https://pr-[0-9]{1,3}\.example\.net`,
	}
	with := func(env ...string) []string { return append(slices.Clip(production), env...) }
	tests := []struct {
		name string
		env  []string
		args string
		err  error
		want []string // in the output, after its line breaks are undone
		not  []string
	}{
		{
			name: "by an entry", args: "http://localhost:5173 GET /api/hello",
			want: []string{
				"http://localhost:5173 may call this API: http://localhost:5173 in ALLOWED_ORIGINS allows it.",
				"The route is GET /api/hello, which is not public. Its limit is default 100-M: 100 requests per client in 60 s.",
				"A preflight for GET with the header content-type gets 204 No Content: Access-Control-Allow-Credentials: true Access-Control-Allow-Headers: Authorization,",
				"GET /api/hello gets the route's response: Access-Control-Allow-Credentials: true Access-Control-Allow-Origin: http://localhost:5173 Access-Control-Expose-Headers: X-Request-Id,",
				"Session cookie: Path=/; Max-Age=604800; HttpOnly; SameSite=Lax. http://localhost:5173 and http://localhost:8080 are one site: allowed pages can use it",
			},
			not: []string{".env", "Warning"},
		},
		{
			name: "by a wildcard", env: production, args: "https://a.b.example.org",
			want: []string{"https://*.example.org in ALLOWED_ORIGINS allows it.", "HttpOnly; Secure; SameSite=Lax. https://a.b.example.org and https://localhost are two sites", "SESSION_SAMESITE=none"},
			not:  []string{"The route is"},
		},
		{
			name: "by the regex", env: production, args: "https://pr-7.example.net",
			want: []string{`https://pr-[0-9]{1,3}\.example\.net in ALLOWED_ORIGIN_REGEX allows it.`},
		},
		{
			name: "on the site of one of the hosts", env: production, args: "https://app.example.com",
			want: []string{"https://app.example.com and https://api.example.com are one site"},
		},
		{
			name: "on the site of a wildcard of hosts", env: with("ALLOWED_HOSTS=*.eu.example.com"), args: "https://app.example.com",
			want: []string{"https://app.example.com and https://api.eu.example.com are one site"},
		},
		{
			name: "hosts unknown", env: with("ALLOWED_HOSTS="), args: "https://app.example.com",
			want: []string{"Set ALLOWED_HOSTS to the API's names", "Warning: ALLOWED_HOSTS is not set"},
		},
		{
			name: "a cookie for other sites", env: with("SESSION_SAMESITE=none"), args: "https://a.example.org",
			want: []string{"Secure; SameSite=None; Partitioned. From any site, over https, allowed pages can use it"},
		},
		{
			name: "without credentials", env: []string{"CORS_ALLOW_CREDENTIALS=false"}, args: "http://localhost:5173",
			want: []string{"CORS_ALLOW_CREDENTIALS is false"}, not: []string{"Access-Control-Allow-Credentials"},
		},
		{
			name: "every origin", env: []string{"ALLOWED_ORIGINS=*", "CORS_ALLOW_CREDENTIALS=false"}, args: "null GET /api/hello",
			want: []string{`"null" may call this API: * in ALLOWED_ORIGINS allows it.`, "Access-Control-Allow-Origin: *"}, not: []string{"Session cookie"},
		},
		{
			name: "two addresses are two sites", env: []string{"ALLOWED_HOSTS=10.0.0.1", "ALLOWED_ORIGINS=http://10.1.0.1"}, args: "http://10.1.0.1",
			want: []string{"http://10.1.0.1 and http://10.0.0.1:8080 are two sites"},
		},
		{
			name: "an app", env: []string{"ALLOWED_ORIGINS=capacitor://localhost"}, args: "capacitor://localhost",
			want: []string{"capacitor://localhost and http://localhost:8080 are two sites"},
		},
		{
			name: "another port", args: "http://localhost:5174 POST /api/session", err: errRefused,
			want: []string{
				"http://localhost:5174 may not call this API. port differs: 5174 is not 5173",
				"\n\nALLOWED_ORIGINS=http://localhost:5173,http://127.0.0.1:5173,http://localhost:3000,http://localhost:5174\n\n",
				"The route is POST /api/session, which is not public. Its limit is session 10-M:",
				"content-type gets 403 Forbidden: Vary: Origin", "POST /api/session gets 403 Forbidden: Vary: Origin",
			},
			not: []string{"Access-Control-Allow"},
		},
		{
			name: "the page's own host", args: "http://127.0.0.1:5173",
			want: []string{"http://127.0.0.1:5173 and http://127.0.0.1:8080 are one site"},
		},
		{
			name: "another port, by a method that needs a preflight", args: "http://localhost:5174 DELETE /api/session", err: errRefused,
			want: []string{"DELETE /api/session gets 403 Forbidden"}, not: []string{"The browser stops here"},
		},
		{
			name: "nobody may call", env: []string{"ALLOWED_ORIGINS="}, args: "https://app.example.com", err: errRefused,
			want: []string{"ALLOWED_ORIGINS is empty", "\n\nALLOWED_ORIGINS=https://app.example.com\n\n"},
		},
		{
			name: "plain http in production", env: production, args: "http://app.example.com", err: errRefused,
			want: []string{"scheme differs: http is not https", "It cannot be listed, because it is plain http", "write https://, or set CORS_ALLOW_CREDENTIALS=false."},
			not:  []string{".env"},
		},
		{
			name: "an opaque origin", args: "null", err: errRefused,
			want: []string{`"null" may not call this API. opaque origin:`, "It cannot be listed, because it is what sandboxed frames"}, not: []string{".env", "Session cookie"},
		},
		{
			name: "a trailing slash", args: "http://localhost:5173/", err: errRefused,
			want: []string{"trailing slash: without it the origin is listed", "write http://localhost:5173."}, not: []string{".env"},
		},
		{
			name: "text for the terminal", args: "https://a\x1b[31m.com", err: errRefused,
			want: []string{`"https://a\x1b[31m.com" may not call`}, not: []string{"\x1b"},
		},
		{
			name: "several values", args: "https://a.com,https://b.com", err: errRefused,
			want: []string{"several values", "It cannot be listed, because it has several values"}, not: []string{".env"},
		},
		{
			name: "a wildcard is not an origin", env: []string{"ALLOWED_ORIGINS=https://*.example.com"}, args: "https://*.example.com", err: errRefused,
			want: []string{"It cannot be listed, because it has the character '*'"}, not: []string{".env"},
		},
		{
			name: "the API itself", args: "http://localhost:8080 DELETE /api/session",
			want: []string{"http://localhost:8080 is this API's own origin", "Browsers send it with every call."}, not: []string{"Access-Control", "preflight"},
		},
		{
			name: "the API itself in production", env: production, args: "https://api.example.com",
			want: []string{"https://api.example.com is this API's own origin"}, not: []string{"Access-Control"},
		},
		{
			name: "the API itself, where its proxy is not trusted", args: "https://localhost:8080", err: errRefused,
			want: []string{"TRUSTED_PROXIES"}, not: []string{".env", "Session cookie"},
		},
		{
			name: "a public route", args: "https://other.test GET /openapi.yaml",
			want: []string{"https://other.test may call this route, which is public.", "The route is GET /openapi.yaml, which is public. Its limit is docs 60-M", "calls to public routes carry none"},
			not:  []string{"Vary: Origin"},
		},
		{
			name: "a route without a limit", args: "http://localhost:5173 HEAD /healthz",
			want: []string{"The route is GET /healthz, which is not public. It has no limit."},
		},
		{
			name: "a limit of one request", env: []string{"RATE_LIMIT_SESSION=1-D"}, args: "http://localhost:5173 POST /api/session",
			want: []string{"1 requests per client in 86400 s", "POST /api/session gets the route's response"},
		},
		{
			name: "no route", args: "http://localhost:5173 GET /api/hello/", err: errRefused,
			want: []string{"may call this API", "No route matches GET /api/hello/: the server responds with 404 Not Found.", "GET /api/hello/ gets 404 Not Found: Access-Control-Allow-Credentials: true"},
		},
		{
			name: "no such method", args: "http://localhost:5173 PUT /api/hello?q=a", err: errRefused,
			want: []string{"No route matches PUT /api/hello?q=a: the server responds with 405 Method Not Allowed. The path supports GET, HEAD."},
		},
		{
			name: "a method that preflights refuse", env: []string{"CORS_ALLOWED_METHODS=GET,PUT"}, args: "http://localhost:5173 DELETE /api/session", err: errRefused,
			want: []string{"Access-Control-Allow-Methods: GET,PUT", "The browser stops here, because CORS_ALLOWED_METHODS lacks DELETE.", "\n\nCORS_ALLOWED_METHODS=GET,PUT,DELETE\n\n"},
		},
		{
			name: "a method that needs no permission", env: []string{"CORS_ALLOWED_METHODS=GET"}, args: "http://localhost:5173 POST /api/session",
			not: []string{"stops here"},
		},
		{
			name: "any method", env: []string{"CORS_ALLOWED_METHODS=*"}, args: "http://localhost:5173 DELETE /api/session",
			want: []string{"Access-Control-Allow-Methods: DELETE"}, not: []string{"stops here"},
		},
		{
			name: "https alone", env: []string{"HTTPS_REDIRECT=true", "ALLOWED_HOSTS=api.example.com"}, args: "http://localhost:5173 POST /api/session",
			want: []string{"gets the route's response", "http://localhost:5173 and https://api.example.com are two sites"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			if err := explain(loaded(t, tt.env...), strings.Fields(tt.args), &out); !errors.Is(err, tt.err) {
				t.Errorf("got the error %v, want %v", err, tt.err)
			}
			checkWidth(t, out.String())
			text := strings.NewReplacer(",\n    ", ",", "\n    ", " ", "\n  ", " ").Replace(out.String())
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("the output lacks %q:\n%s", want, &out)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(text, not) {
					t.Errorf("the output has %q:\n%s", not, &out)
				}
			}
		})
	}
}

// checkWidth wants no line wider than the terminal, apart from those for .env.
func checkWidth(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		isForFile := strings.HasPrefix(line, "ALLOWED_ORIGINS=") || strings.HasPrefix(line, "CORS_ALLOWED_METHODS=")
		if len(line) > columns && !isForFile && strings.ContainsAny(strings.TrimLeft(line, " "), " ,") {
			t.Errorf("%d bytes, want at most %d where the line can be broken: %s", len(line), columns, line)
		}
		if strings.HasSuffix(line, " ") {
			t.Errorf("a blank at the end of %q", line)
		}
	}
}

func TestExplainUsage(t *testing.T) {
	settings := defaults(t)
	settings.Port = 80 // which browsers leave out: the path would continue the host
	for _, args := range [][]string{
		nil, {""}, {"--help"}, {"http://localhost:5173", "GET"}, {"http://localhost:5173", "GET", "/", "x"},
		{"http://localhost:5173", "GET", "api/hello"}, {"http://localhost:5173", "G T", "/"}, {"http://localhost:5173", "GET", "/%zz"},
	} {
		var out strings.Builder
		if err := explain(settings, args, &out); !errors.Is(err, errUsage) || out.Len() > 0 {
			t.Errorf("%q: got the error %v and the output %q, want wrong usage and no output", args, err, &out)
		}
	}
}

// Whatever the arguments hold, explain ends without a panic and sends nothing
// but printable characters to the terminal.
func FuzzExplain(f *testing.F) {
	gin.SetMode(gin.ReleaseMode)
	settings := loaded(f, "ALLOWED_ORIGINS=https://*.example.com,http://localhost:5173", "CORS_ALLOWED_METHODS=*")
	f.Add("http://localhost:5173", "GET", "/api/hello")
	f.Add("null", "OPTIONS", "*")
	f.Add("0", "0", "/#\x12")
	f.Add("https://[::1]:1", "PUT", "//a?b#c")
	f.Add("https://a.example.com\x00, \xff", "get", "/\x7f")
	f.Fuzz(func(t *testing.T, value, method, path string) {
		var out strings.Builder
		err := explain(settings, []string{value, method, path}, &out)
		if err != nil && !errors.Is(err, errRefused) && !errors.Is(err, errUsage) {
			t.Error(err)
		}
		if i := strings.IndexFunc(out.String(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }); i >= 0 {
			t.Errorf("byte %d of the output is a control character: %q", i, &out)
		}
	})
}
