package openapi_test

import (
	"compress/gzip"
	"io"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/openapi"
)

func serve(t *testing.T, path, acceptEncoding string) *httptest.ResponseRecorder {
	t.Helper()
	gin.SetMode(gin.TestMode)
	engine := gin.New()
	engine.Use(func(c *gin.Context) { c.Header("Cache-Control", "no-store") }) // as the security headers do
	engine.GET("/openapi.yaml", openapi.Description)
	docs := openapi.NewDocs()
	engine.GET("/docs", docs.Page)
	engine.GET("/docs/:file", docs.File)
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
	r.Header.Set("Accept-Encoding", acceptEncoding)
	engine.ServeHTTP(w, r)
	return w
}

func TestFiles(t *testing.T) {
	const script, style, text, refusal = "text/javascript; charset=utf-8", "text/css; charset=utf-8", "text/plain; charset=utf-8", "application/problem+json"
	page := serve(t, "/docs", "").Body.String()
	versioned := func(name string) string {
		base, extension := strings.TrimSuffix(name, path.Ext(name)), path.Ext(name)
		found := regexp.MustCompile(`"(docs/` + regexp.QuoteMeta(base) + `\.[0-9a-f]{16}` + regexp.QuoteMeta(extension) + `)"`).FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("the page does not name %s by its content: %s", name, page)
		}
		return "/" + found[1]
	}
	tests := []struct {
		path, acceptEncoding         string
		status                       int
		mediaType, encoding, content string
	}{
		{"/openapi.yaml", "", 200, "application/yaml", "", "openapi: 3.1."},
		{"/docs", "", 200, "text/html; charset=utf-8", "", "<!doctype html>"},
		{versioned("docs.js"), "gzip", 200, script, "", "SwaggerUIBundle({"},
		{versioned("docs.css"), "", 200, style, "", "body {"},
		{versioned("swagger-ui-bundle.js"), "gzip, deflate, br", 200, script, "gzip", "SwaggerUIBundle="},
		{versioned("swagger-ui-bundle.js"), "br;q=1, gzip;q=0.5", 200, script, "gzip", "SwaggerUIBundle="},
		{versioned("swagger-ui-bundle.js"), "", 200, script, "", "SwaggerUIBundle="},
		{versioned("swagger-ui-bundle.js"), "GZip ; q=1.000", 200, script, "gzip", "SwaggerUIBundle="},
		{versioned("swagger-ui-bundle.js"), "gzip;q=0.001", 200, script, "gzip", "SwaggerUIBundle="},
		{versioned("swagger-ui-bundle.js"), "x-gzip2, br", 200, script, "", "SwaggerUIBundle="},
		{versioned("swagger-ui-bundle.js"), "gzip;q=0", 200, script, "", "SwaggerUIBundle="},
		{versioned("swagger-ui-bundle.js"), "gzip; q=0.000", 200, script, "", "SwaggerUIBundle="},
		{versioned("swagger-ui-bundle.js"), "gzip;Q=0", 200, script, "", "SwaggerUIBundle="},
		{versioned("swagger-ui-bundle.js"), "GZIP;Q=0.0, br", 200, script, "", "SwaggerUIBundle="},
		{versioned("swagger-ui-bundle.js"), "gzip;q=0.5, identity", 200, script, "gzip", "SwaggerUIBundle="}, // the client accepts both
		{versioned("swagger-ui.css"), "gzip", 200, style, "gzip", ".swagger-ui"},
		{"/docs/swagger-ui.LICENSE.txt", "", 200, text, "", "Apache License"},
		{"/docs/swagger-ui-bundle.js", "gzip", 404, refusal, "", "no such file"}, // only the name with the hash is served
		{"/docs/index.html", "", 404, refusal, "", "no such file"},
		{"/docs/swagger-ui.css.gz", "", 404, refusal, "", "no such file"},
		{"/docs/other.js", "", 404, refusal, "", "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.path+" "+tt.acceptEncoding, func(t *testing.T) {
			w := serve(t, tt.path, tt.acceptEncoding)
			var body io.Reader = w.Body
			if w.Header().Get("Content-Encoding") == "gzip" {
				plain, err := gzip.NewReader(w.Body)
				if err != nil {
					t.Fatal(err)
				}
				body = plain
			}
			content, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			if w.Code != tt.status || w.Header().Get("Content-Type") != tt.mediaType || w.Header().Get("Content-Encoding") != tt.encoding {
				t.Errorf("got %d %q %q, want %d %q %q", w.Code, w.Header().Get("Content-Type"), w.Header().Get("Content-Encoding"),
					tt.status, tt.mediaType, tt.encoding)
			}
			varies := w.Header().Get("Vary") == "Accept-Encoding"
			if want := strings.HasPrefix(tt.path, "/docs/swagger-ui") && tt.status == 200 && tt.mediaType != text; varies != want {
				t.Errorf("Vary: got %q, want Accept-Encoding in it: %v", w.Header().Get("Vary"), want)
			}
			wantCache := "no-store"
			if strings.HasSuffix(tt.path, ".js") && tt.status == 200 || strings.HasSuffix(tt.path, ".css") {
				wantCache = "public, max-age=31536000, immutable"
			}
			if got := w.Header().Get("Cache-Control"); got != wantCache {
				t.Errorf("Cache-Control: got %q, want %q", got, wantCache)
			}
			if !strings.Contains(string(content), tt.content) {
				t.Errorf("got %.100q, want %q in it", content, tt.content)
			}
		})
	}
}

// The page's policy forbids inline scripts, so the page must not have one, and
// every file that it names must be served.
func TestDocsPage(t *testing.T) {
	w := serve(t, "/docs", "")
	policy := w.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self';", "connect-src 'self';", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q lacks %q", policy, part)
		}
	}
	for _, part := range []string{"unsafe", "http:", "https:", "*"} {
		if strings.Contains(policy, part) {
			t.Errorf("the policy %q has %q", policy, part)
		}
	}
	page := w.Body.String()
	if inline := regexp.MustCompile(`<script>|<style|\s(on\w+|style)=`).FindString(page); inline != "" {
		t.Errorf("the page has %q, which its policy forbids", inline)
	}
	for _, match := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if match[1] == "data:," {
			continue // no icon; otherwise browsers would ask for one
		}
		// Relative, so that the page works below a path prefix too.
		if strings.HasPrefix(match[1], "/") {
			t.Errorf("the page names %q: want it relative", match[1])
		}
		if got := serve(t, "/"+match[1], "").Code; got != 200 {
			t.Errorf("the page names %q: got status %d, want 200", match[1], got)
		}
	}
}
