package tests

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"

	"example.com/api/handlers"
	"example.com/api/middleware"
)

const issuer, audience = "https://id.example.com/", "the-api"

// provider is an identity provider: it publishes the key that signs its tokens.
type provider struct {
	key *ecdsa.PrivateKey
	url string
}

func startProvider(t *testing.T) provider {
	t.Helper()
	p := provider{key: newKey(t)}
	public, err := p.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	keys := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"one","x":%q,"y":%q}]}`, text(public[1:33]), text(public[33:]))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, keys) }))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// startRecipes starts the server that the recipes made.
func startRecipes(t *testing.T, env ...string) (*server, provider) {
	t.Helper()
	p := startProvider(t)
	return start(t, append([]string{"TOKEN_JWKS_URL=" + p.url, "TOKEN_ISSUER=" + issuer, "TOKEN_AUDIENCE=" + audience}, env...)...), p
}

func TestRecipeOriginAndHeader(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../.env")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := startRecipes(t, strings.Fields(string(text))...)
	for _, origin := range []string{vite, app} {
		a := s.do(t, "OPTIONS", "/api/hello", "", "Origin: "+origin, "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: x-tenant")
		checkStatus(t, a, http.StatusNoContent)
		if got := a.header.Get("Access-Control-Allow-Origin"); got != origin {
			t.Errorf("Access-Control-Allow-Origin: got %q, want %q", got, origin)
		}
		checkContains(t, strings.ToLower(a.header.Get("Access-Control-Allow-Headers")), "x-tenant")
		checkContains(t, s.get(t, "/api/hello", "Origin: "+origin).header.Get("Access-Control-Expose-Headers"), "X-Total")
	}
	if messages := s.stderr.messages("cors_preflight_refused"); len(messages) > 0 {
		t.Errorf("got %v, want no refused preflight", messages)
	}
}

func TestRecipeRouteWithLimit(t *testing.T) {
	t.Parallel()
	s, _ := startRecipes(t)
	for range 2 {
		a := s.get(t, "/api/report", "Origin: "+vite)
		checkStatus(t, a, http.StatusOK)
		checkReadable(t, a, vite)
	}
	checkOverLimit(t, s.get(t, "/api/report"), "report", 2, 60)
	checkStatus(t, s.get(t, "/api/hello"), http.StatusOK)
}

func TestRecipeBearerTokens(t *testing.T) {
	t.Parallel()
	s, p := startRecipes(t, "RATE_LIMIT_DEFAULT=2-M")
	claims := func(change func(*jwt.RegisteredClaims)) jwt.RegisteredClaims {
		c := jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: "ada",
			ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour)),
		}
		change(&c)
		return c
	}
	sign := func(method jwt.SigningMethod, kid string, key any, c jwt.Claims) string {
		token := jwt.NewWithClaims(method, c)
		token.Header["kid"] = kid
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	public, err := x509.MarshalPKIXPublicKey(&p.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	good := claims(func(*jwt.RegisteredClaims) {})
	es256 := jwt.SigningMethodES256
	for name, header := range map[string]string{
		"no token":       "X-None: ",
		"another scheme": "Authorization: Basic YTpi",
		"no JWT":         "Authorization: Bearer abc",
		"expired": "Authorization: Bearer " + sign(es256, "one", p.key, claims(func(c *jwt.RegisteredClaims) {
			c.ExpiresAt = jwt.NewNumericDate(time.Now().Add(-time.Minute))
		})),
		"no expiry":        "Authorization: Bearer " + sign(es256, "one", p.key, claims(func(c *jwt.RegisteredClaims) { c.ExpiresAt = nil })),
		"another audience": "Authorization: Bearer " + sign(es256, "one", p.key, claims(func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"other"} })),
		"another issuer":   "Authorization: Bearer " + sign(es256, "one", p.key, claims(func(c *jwt.RegisteredClaims) { c.Issuer = "https://evil.example/" })),
		"no subject":       "Authorization: Bearer " + sign(es256, "one", p.key, claims(func(c *jwt.RegisteredClaims) { c.Subject = "" })),
		"another key":      "Authorization: Bearer " + sign(es256, "one", newKey(t), good),
		"an unknown key":   "Authorization: Bearer " + sign(es256, "two", newKey(t), good),
		"a second unknown": "Authorization: Bearer " + sign(es256, "three", newKey(t), good),
		"alg none":         "Authorization: Bearer " + sign(jwt.SigningMethodNone, "one", jwt.UnsafeAllowNoneSignatureType, good),
		"HMAC":             "Authorization: Bearer " + sign(jwt.SigningMethodHS256, "one", public, good),
	} {
		a := s.get(t, "/api/me", "Origin: "+vite, header)
		checkProblem(t, a, http.StatusUnauthorized)
		checkReadable(t, a, vite)
		if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
			t.Errorf("%s: WWW-Authenticate: got %q, want Bearer", name, got)
		}
		if got := a.header.Get("RateLimit"); got != "" {
			t.Errorf("%s: counted: %s; want the token checked before the limit", name, got)
		}
	}
	checkPreflight(t, s.do(t, "OPTIONS", "/api/me", "", "Origin: "+vite, "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization"), vite)

	ada := "Authorization: Bearer " + sign(es256, "one", p.key, good)
	for range 2 {
		a := s.get(t, "/api/me", "Origin: "+vite, ada)
		checkStatus(t, a, http.StatusOK)
		checkContains(t, a.body, `"subject":"ada"`)
	}
	over := s.get(t, "/api/me", "Origin: "+vite, ada)
	checkOverLimit(t, over, "default", 2, 60)
	checkReadable(t, over, vite)
	checkOverLimit(t, s.from("127.0.0.2").get(t, "/api/me", ada), "default", 2, 60)
	bob := "Authorization: Bearer " + sign(es256, "one", p.key, claims(func(c *jwt.RegisteredClaims) { c.Subject = "bob" }))
	checkStatus(t, s.get(t, "/api/me", bob), http.StatusOK)
	checkStatus(t, s.get(t, "/api/hello"), http.StatusOK)
}

// The copy of the server has a WriteTimeout of 2.5 s, which six events outlive.
func TestRecipeEvents(t *testing.T) {
	t.Parallel()
	s, _ := startRecipes(t)
	unauthorized := s.get(t, "/api/events", "Origin: "+vite)
	checkProblem(t, unauthorized, http.StatusUnauthorized)
	checkReadable(t, unauthorized, vite)
	signedIn := s.do(t, "POST", "/api/session", `{"name":"Ada"}`, jsonType, "Origin: "+vite)
	cookie, _, _ := strings.Cut(signedIn.header.Get("Set-Cookie"), ";")
	checkStatus(t, s.do(t, "HEAD", "/api/events", "", "Cookie: "+cookie), http.StatusOK)

	request, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/api/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", vite)
	request.Header.Set("Cookie", cookie)
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Access-Control-Allow-Origin": vite, "Access-Control-Allow-Credentials": "true",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	lines := bufio.NewScanner(response.Body)
	events := 0
	for events < 6 && lines.Scan() {
		if lines.Text() == `data: Hello "Ada"` {
			events++
		}
	}
	if events < 6 {
		t.Errorf("got %d events, then %v, want 6; log:\n%s", events, lines.Err(), s.stderr)
	}
	s.signal(t, syscall.SIGTERM)
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream: got %v, want a complete response when the server drains; log:\n%s", err, s.stderr)
	}
	if status := s.wait(t); status != 0 {
		t.Errorf("exit status: got %d, want 0: the stream must end before SHUTDOWN_TIMEOUT; log:\n%s", status, s.stderr)
	}
}

// The forecast's URL is in the code, so the handler runs here in a router of its own.
func TestRecipeForecast(t *testing.T) {
	t.Parallel()
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	var got http.Header
	status := http.StatusOK
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		w.WriteHeader(status)
		io.WriteString(w, `{"sun":true}`)
	}))
	defer service.Close()
	router := gin.New()
	router.Use(middleware.RequestID())
	router.GET("/api/forecast", handlers.Forecast(service.URL))
	call := func(headers map[string]string) *httptest.ResponseRecorder {
		request := httptest.NewRequest("GET", "/api/forecast", nil)
		for name, value := range headers {
			request.Header.Set(name, value)
		}
		recorder := httptest.NewRecorder()
		router.ServeHTTP(recorder, request)
		return recorder
	}
	a := call(map[string]string{"traceparent": trace, "tracestate": "a=1", "X-Request-ID": "id1"})
	if a.Code != http.StatusOK || a.Body.String() != `{"sun":true}` {
		t.Errorf("got %d %s, want what the service says", a.Code, a.Body)
	}
	for name, want := range map[string]string{"traceparent": trace, "tracestate": "a=1", "X-Request-ID": "id1"} {
		if got.Get(name) != want {
			t.Errorf("%s: the service received %q, want %q", name, got.Get(name), want)
		}
	}
	call(map[string]string{"traceparent": "00-" + trace, "tracestate": "a=1"})
	if got.Get("traceparent") != "" || got.Get("tracestate") != "" {
		t.Errorf("an invalid trace was passed on: %q, %q", got.Get("traceparent"), got.Get("tracestate"))
	}
	status = http.StatusInternalServerError
	if a := call(nil); a.Code != http.StatusServiceUnavailable || !strings.Contains(a.Body.String(), "The forecast is not available") {
		t.Errorf("when the service fails: got %d %s, want 503", a.Code, a.Body)
	}
	s, _ := startRecipes(t)
	checkProblem(t, s.do(t, "DELETE", "/api/forecast", ""), http.StatusMethodNotAllowed) // the route exists
}

func TestRecipeFormPost(t *testing.T) {
	t.Parallel()
	s, _ := startRecipes(t)
	const form = "Content-Type: application/x-www-form-urlencoded"
	for _, origin := range []string{"https://id.example.com", "null"} {
		post := func(body, cookie string) answer {
			return s.do(t, "POST", "/callback", body, form, "Origin: "+origin, "Sec-Fetch-Site: cross-site", "Cookie: "+cookie)
		}
		a := post("code=1&state=s3cret", "__Host-signin=s3cret")
		checkStatus(t, a, http.StatusSeeOther)
		if got := a.header.Get("Location"); got != "https://app.example.com/" {
			t.Errorf("Location: got %q, want the page", got)
		}
		checkStatus(t, post("code=1&state=other", "__Host-signin=s3cret"), http.StatusForbidden)
		checkStatus(t, post("code=1&state=", "a=b"), http.StatusForbidden)
		checkStatus(t, post("code=1&state=", "__Host-signin="), http.StatusForbidden)
	}
	checkStatus(t, s.do(t, "POST", "/callback", "{}", jsonType, "Origin: null"), http.StatusUnsupportedMediaType)
}

func TestRecipeProxy(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("caddy"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("caddy is missing; install it")
		}
		fmt.Println("SKIP the recipe of the proxy: caddy is missing; install it")
		t.Skip()
	}
	s, _ := startRecipes(t, "TRUSTED_PROXIES=127.0.0.1", "ALLOWED_ORIGINS=")
	folder, site := t.TempDir(), "localhost:"+freePort(t)
	config := filepath.Join(folder, "Caddyfile")
	recipe, err := os.ReadFile("../deploy/same-origin.Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	text := "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tstorage file_system " + folder + "\n}\n" +
		strings.Replace(string(recipe), "{$SITE:https://localhost} {", "{$SITE:https://localhost} {\n\ttls internal\n\tbind 127.0.0.1", 1)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../frontend-dev/dist")
	if err != nil {
		t.Fatal(err)
	}
	caddy := exec.Command("caddy", "run", "--config", config, "--adapter", "caddyfile")
	caddy.Env = append(os.Environ(), "SITE=https://"+site, "API="+s.host, "PAGE_ROOT="+root)
	output := new(logBuffer)
	caddy.Stderr = output
	if err := caddy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { caddy.Process.Kill(); caddy.Wait() })
	proxied := *s
	proxied.URL = "https://" + site
	proxied.client = &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	s.waitFor(t, "the proxy", func() bool {
		_, err := proxied.try("GET", "/", "")
		return err == nil
	})
	for _, path := range []string{"/", "/settings"} {
		a := proxied.get(t, path)
		checkStatus(t, a, http.StatusOK)
		checkContains(t, a.body, "/assets/page-1a2b.js")
		checkContains(t, a.header.Get("Content-Security-Policy"), "default-src 'self'")
	}
	checkContains(t, proxied.get(t, "/assets/page-1a2b.js").header.Get("Cache-Control"), "immutable")
	signedIn := proxied.do(t, "POST", "/api/session", `{"name":"Ada"}`, jsonType, "Origin: https://"+site, "Sec-Fetch-Site: same-origin")
	checkStatus(t, signedIn, http.StatusCreated)
	checkNoCORS(t, signedIn)
	if got := signedIn.header.Values("Strict-Transport-Security"); len(got) != 1 {
		t.Errorf("Strict-Transport-Security: got %q, want one: the API knows that the page is on https", got)
	}
	// An old browser sends no Sec-Fetch-Site.
	checkStatus(t, proxied.do(t, "POST", "/api/session", `{"name":"Ada"}`, jsonType, "Origin: https://"+site), http.StatusCreated)
	checkDenied(t, proxied.get(t, "/api/hello", "Origin: "+vite))
}

func TestRecipeBinary(t *testing.T) {
	t.Parallel()
	s, _ := startRecipes(t)
	page := s.get(t, "/")
	checkStatus(t, page, http.StatusOK)
	checkContains(t, page.body, "/assets/page-1a2b.js")
	checkHeaders(t, page, map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache",
		"Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
	})
	script := s.get(t, "/assets/page-1a2b.js", "Origin: "+s.URL)
	checkStatus(t, script, http.StatusOK)
	checkHeaders(t, script, map[string]string{"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=31536000, immutable"})
	for _, path := range []string{"/assets/none.js", "/assets/%2e%2e", "/assets/..%2findex.html"} {
		missing := s.get(t, path)
		checkProblem(t, missing, http.StatusNotFound)
		checkHeaders(t, missing, map[string]string{"Cache-Control": "no-store"})
	}
	checkStatus(t, s.do(t, "POST", "/api/session", `{"name":"Ada"}`, jsonType, "Origin: "+s.URL), http.StatusCreated)
}

func TestRecipeRenderingServer(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("node"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("Node.js is missing; install version 20.19 or later")
		}
		fmt.Println("SKIP the recipe of the rendering server: Node.js is missing; install version 20.19 or later")
		t.Skip()
	}
	s, _ := startRecipes(t, "TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT_REPORT=1-M")
	signedIn := s.do(t, "POST", "/api/session", `{"name":"Ada"}`, jsonType)
	cookie, _, _ := strings.Cut(signedIn.header.Get("Set-Cookie"), ";")
	node := exec.Command("node", "ssr.mjs")
	node.Dir = "../ssr"
	node.Env = append(os.Environ(), "API_URL="+s.URL, "COOKIE="+cookie)
	text, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	want := "203.0.113.1 200 200\n203.0.113.1 429 200\n203.0.113.2 200 200\n"
	if string(text) != want {
		t.Errorf("got %q, want %q: each visitor has a limit and a session", text, want)
	}
}
