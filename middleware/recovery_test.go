package middleware_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"example.com/api/internal/problem"
	"example.com/api/middleware"
)

// A handler that panics may have set headers for a body that it did not write.
func TestRecoveryDropsTheHandlersBody(t *testing.T) {
	t.Parallel()
	e := engine(middleware.RequestID(), middleware.Recovery(discard()))
	e.GET("/panic", func(c *gin.Context) {
		for name, value := range map[string]string{
			"Content-Type": "text/csv", "Content-Length": "7", "Content-Encoding": "gzip", "Content-Disposition": "attachment",
			"Content-Language": "de", "Content-Range": "bytes 0-6/7", "Etag": `"7"`, "Last-Modified": "Mon, 02 Jan 2006 15:04:05 GMT",
			"X-Ratelimit-Limit": "7",
		} {
			c.Header(name, value)
		}
		panic("before the first byte")
	})
	w := serve(e, request("GET", "/panic", "X-Request-ID: id1"))
	want := http.Header{
		"Content-Type": {problem.ContentType}, "Content-Length": {strconv.Itoa(w.Body.Len())},
		"X-Request-Id": {"id1"}, "X-Ratelimit-Limit": {"7"},
	}
	if diff := cmp.Diff(want, w.Header()); w.Code != 500 || diff != "" {
		t.Errorf("%d (-want +got):\n%s", w.Code, diff)
	}
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	e := engine(middleware.RequestID(), middleware.Recovery(slog.New(slog.NewTextHandler(&out, nil))))
	e.GET("/panic", func(c *gin.Context) { panic("the database password is hunter2") })
	e.GET("/late", func(c *gin.Context) {
		c.String(200, "half")
		c.Writer.Flush()
		panic("late")
	})
	e.GET("/abort", func(*gin.Context) { panic(http.ErrAbortHandler) })
	server := httptest.NewServer(e)
	defer server.Close()

	traced := request("GET", server.URL+"/panic", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	traced.RequestURI = "" // it is for servers alone
	response, err := http.DefaultClient.Do(traced)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	id := response.Header.Get("X-Request-ID")
	if response.StatusCode != 500 || response.Header.Get("Content-Type") != problem.ContentType || !strings.Contains(string(body), id) || strings.Contains(string(body), "hunter2") {
		t.Errorf("after a panic: %d %s", response.StatusCode, body)
	}
	if log := out.String(); !strings.Contains(log, id) || !strings.Contains(log, "hunter2") || !strings.Contains(log, "recovery_test.go") || !strings.Contains(log, "trace_id=4bf92f3577b34da6a3ce929d0e0e4736") {
		t.Errorf("the log lacks the request ID, the trace ID, the panic or the stack: %s", log)
	}
	for _, path := range []string{"/late", "/abort"} {
		response, err := http.Get(server.URL + path)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			response.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: the response ends as if it were complete", path)
		}
	}
}

func BenchmarkRecovery(b *testing.B) {
	benchmark(b, request("GET", "/"), middleware.Recovery(discard()))
}
