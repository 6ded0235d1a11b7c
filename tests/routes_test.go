package tests

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
	health := s.get(t, "/healthz")
	checkJSON(t, health, http.StatusOK)
	if got := decode[map[string]string](t, health); !cmp.Equal(got, map[string]string{"status": "ok"}) {
		t.Errorf("healthz: got %s, want the status ok", health.body)
	}
	ready := s.get(t, "/readyz")
	checkJSON(t, ready, http.StatusOK)
	got := decode[map[string]any](t, ready)
	if got["redis"] != "off" || got["database"] != "up" {
		t.Errorf("readyz: got %s, want redis off and database up", ready.body)
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	s := start(t)
	cookie := signIn(t, s, "Ada")
	for _, path := range []string{"/", "/healthz", "/readyz", "/api/hello", "/api/session", "/nowhere"} {
		get, head := s.get(t, path, cookie), s.do(t, "HEAD", path, "", cookie)
		if head.status != get.status || head.body != "" {
			t.Errorf("HEAD %s: got %d and %d bytes, want %d and no body", path, head.status, len(head.body), get.status)
		}
		checkHeaders(t, head, map[string]string{"Content-Type": get.header.Get("Content-Type")})
		checkHeaders(t, head, securityHeaders)
	}
}

func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range []string{
		"/nowhere", "/api", "/api/", "/api/unknown", "/api/hello/", "/api/hello/?q=a", "/api/session/1/", "/api/session/1/2", "/api/upload/",
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
	for path, methods := range allowedMethods {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "get"} {
			if slices.Contains(methods, method) {
				continue
			}
			a := s.do(t, method, path, "")
			if a.status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: got %d, want 405", method, path, a.status)
				continue
			}
			checkAllow(t, a, methods...)
			if method != "HEAD" {
				checkProblem(t, a, http.StatusMethodNotAllowed)
			}
		}
	}
}

// allowedMethods holds the methods of each path.
var allowedMethods = map[string][]string{
	"/":            {"GET", "HEAD"},
	"/healthz":     {"GET", "HEAD"},
	"/readyz":      {"GET", "HEAD"},
	"/api/hello":   {"GET", "HEAD"},
	"/api/upload":  {"POST"},
	"/api/session": {"GET", "HEAD", "POST", "DELETE"},
}
