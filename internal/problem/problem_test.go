package problem_test

import (
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/api/internal/problem"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

func TestAbort(t *testing.T) {
	t.Parallel()
	cause := errors.New("the password is hunter2")
	tests := []struct {
		method  string
		problem *problem.Problem
		status  int
		body    string
		log     string            // what the access log says
		header  map[string]string // those that not every problem has
	}{
		{"GET", problem.BadRequest("why"), 400,
			`{"type":"about:blank","title":"Bad Request","status":400,"detail":"why","request_id":"id1"}`, "why", nil},
		{"GET", problem.NotFound("why"), 404,
			`{"type":"about:blank","title":"Not Found","status":404,"detail":"why","request_id":"id1"}`, "why", nil},
		{"POST", problem.TooLarge(10), 413,
			`{"type":"about:blank","title":"Content Too Large","status":413,"detail":"The body is larger than the limit of 10 bytes.","request_id":"id1"}`,
			"The body is larger than the limit of 10 bytes.", nil},
		{"PATCH", problem.BadRequest("why"), 400,
			`{"type":"about:blank","title":"Bad Request","status":400,"detail":"why","request_id":"id1"}`, "why", nil},
		{"PUT", problem.UnsupportedMediaType("text/plain"), 415,
			`{"type":"about:blank","title":"Unsupported Media Type","status":415,"detail":"Send the body with Content-Type: text/plain.","request_id":"id1"}`,
			"Send the body with Content-Type: text/plain.", nil},
		{"PATCH", problem.UnsupportedMediaType("application/json"), 415,
			`{"type":"about:blank","title":"Unsupported Media Type","status":415,"detail":"Send the body with Content-Type: application/json.","request_id":"id1"}`,
			"Send the body with Content-Type: application/json.", map[string]string{"Accept-Patch": "application/json"}},
		{"POST", problem.Invalid([]problem.FieldError{{Field: "a", Detail: "is missing"}, {Field: "b", Detail: "is too long"}}), 422,
			`{"type":"about:blank","title":"Unprocessable Content","status":422,"detail":"These fields are missing or break a rule: a, b.","request_id":"id1",` +
				`"errors":[{"field":"a","detail":"is missing"},{"field":"b","detail":"is too long"}]}`,
			"These fields are missing or break a rule: a, b.", nil},
		{"GET", problem.Internal(cause), 500,
			`{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"Something failed on the server; its log has the reason under this request ID.","request_id":"id1"}`,
			"the password is hunter2", nil},
		{"GET", problem.Unavailable(cause), 503,
			`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The database is not available; retry in a moment.","request_id":"id1"}`,
			"the password is hunter2", map[string]string{"Retry-After": "1"}},
		{"POST", problem.Overloaded(cause), 503,
			`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The server is reading too many large bodies; retry in a moment.","request_id":"id1"}`,
			"the password is hunter2", map[string]string{"Retry-After": "1"}},
		{"GET", problem.QuotaExceeded("search", 30, 60, 7), 429,
			`{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota Exceeded","status":429,` +
				`"detail":"The limit of 30 requests in 60 s was reached; retry in 7 s.","request_id":"id1","violated-policies":["search"]}`,
			"The limit of 30 requests in 60 s was reached; retry in 7 s.", nil},
	}
	for _, tt := range tests {
		w := httptest.NewRecorder()
		c, engine := gin.CreateTestContext(w)
		var logged *gin.Error
		engine.Use(func(c *gin.Context) {
			c.Writer.Header().Set("X-Request-ID", "id1")
			c.Next()
			logged = c.Errors.Last()
		}, func(c *gin.Context) { problem.Abort(c, tt.problem) })
		engine.Handle(tt.method, "/", func(c *gin.Context) { c.String(200, "the chain goes on") })
		c.Request = httptest.NewRequest(tt.method, "/", nil)
		engine.ServeHTTP(w, c.Request)

		body, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if w.Code != tt.status || w.Header().Get("Content-Type") != problem.ContentType {
			t.Errorf("%d: got %d %s", tt.status, w.Code, w.Header().Get("Content-Type"))
		}
		if diff := cmp.Diff(tt.body, string(body)); diff != "" {
			t.Errorf("%d: the body differs (-want +got):\n%s", tt.status, diff)
		}
		if logged == nil || logged.Error() != tt.log {
			t.Errorf("%d: the log has %v, want %q", tt.status, logged, tt.log)
		}
		got := map[string]string{}
		for name := range w.Header() {
			if name != "Content-Type" && name != "Content-Length" && name != "X-Request-Id" {
				got[name] = w.Header().Get(name)
			}
		}
		if diff := cmp.Diff(tt.header, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%d: the headers differ (-want +got):\n%s", tt.status, diff)
		}
	}
	if err := error(problem.Internal(cause)); !errors.Is(err, cause) {
		t.Error("the cause cannot be found with errors.Is")
	}
}

// A problem names the trace of its request, also before a request has an ID.
func TestAbortNamesTheTrace(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequest("GET", "/", nil)
	c.Request.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	problem.Abort(c, problem.NotFound("why"))
	want := `{"type":"about:blank","title":"Not Found","status":404,"detail":"why","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`
	if got := w.Body.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
