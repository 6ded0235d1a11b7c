package middleware_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
	"example.com/api/middleware"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := middleware.NewMetrics("v1.2.3", func() float64 { return 7 }, func() float64 { return 8 })
	headers := middleware.NewSecurityHeaders(0, false, forwarded.Proxies{})
	cors := middleware.CORS(middleware.CORSOptions{Origins: allowing(app), Methods: []string{"PUT"}}, nil, forwarded.Proxies{}, headers, m, discard())
	refuse := func(c *gin.Context) {
		if c.Request.URL.Path == "/refused" {
			c.AbortWithStatus(http.StatusTooManyRequests)
		}
	}
	e := engine(cors, m.Handle, refuse)
	serve(e, request("GET", "/"))
	serve(e, request("GET", "/refused"))
	serve(e, request("PUT", "/", "Origin: "+app)) // not a preflight
	for _, method := range []string{"HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"} {
		serve(e, request(method, "/nobody/knows"))
	}
	serve(e, request("OPTIONS", "/", "Origin: "+app, "Access-Control-Request-Method: PUT"))
	serve(e, request("OPTIONS", "/", "Origin: "+app, "Access-Control-Request-Method: PURGE"))
	serve(e, request("OPTIONS", "/", "Origin: "+app, "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a"))
	serve(e, request("GET", "/", "Origin: https://evil.test"))
	got := serve(m.Endpoint(), request("GET", "/metrics")).Body.String()
	for _, want := range []string{
		`http_requests_total{method="GET",route="/",status="200"} 1`,
		`http_requests_total{method="GET",route="unmatched",status="429"} 1`,
		`http_requests_total{method="PUT",route="/",status="200"} 1`,
		`http_requests_total{method="HEAD",route="unmatched",status="404"} 1`,
		`http_requests_total{method="POST",route="unmatched",status="404"} 1`,
		`http_requests_total{method="PATCH",route="unmatched",status="404"} 1`,
		`http_requests_total{method="DELETE",route="unmatched",status="404"} 1`,
		`http_requests_total{method="OPTIONS",route="unmatched",status="404"} 1`,
		`http_requests_total{method="other",route="unmatched",status="404"} 1`,
		`http_request_duration_seconds_count{method="GET",route="/"} 1`,
		"cors_preflights_total 3", "cors_preflights_refused_total 2", "cors_denied_total 1", "rate_limit_counters 7", "log_dropped_total 8", `version="v1.2.3"`, "go_goroutines",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(got, "nobody") {
		t.Error("a path that a client chose became a label")
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(got) {
		name, ok := strings.CutPrefix(line, "# TYPE ")
		name, _, _ = strings.Cut(name, " ")
		if ok && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") && !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("README.md lacks the metric %s", name)
		}
	}
}

func TestNilMetricsCountNothing(t *testing.T) {
	t.Parallel()
	var none *middleware.Metrics
	if got := serve(engine(none.Handle), request("GET", "/")).Code; got != 200 {
		t.Errorf("got %d, want 200", got)
	}
}
