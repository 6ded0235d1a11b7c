package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/forwarded"
	"example.com/api/middleware"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := middleware.NewMetrics(
		middleware.Gauge{Name: "kept", Help: "Some.", Labels: map[string]string{"pool": "a"}, Read: func() float64 { return 7 }},
		middleware.Gauge{Name: "kept", Help: "Some.", Labels: map[string]string{"pool": "b"}, Read: func() float64 { return 8 }},
		middleware.Gauge{Name: "lost_total", Help: "Others.", Read: func() float64 { return 9 }})
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
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/"} 1`,
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="429",http_route=""} 1`,
		`http_server_request_duration_seconds_count{http_request_method="PUT",http_response_status_code="200",http_route="/"} 1`,
		`http_server_request_duration_seconds_count{http_request_method="HEAD",http_response_status_code="404",http_route=""} 1`,
		`http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="404",http_route=""} 1`,
		`http_server_request_duration_seconds_count{http_request_method="PATCH",http_response_status_code="404",http_route=""} 1`,
		`http_server_request_duration_seconds_count{http_request_method="DELETE",http_response_status_code="404",http_route=""} 1`,
		`http_server_request_duration_seconds_count{http_request_method="OPTIONS",http_response_status_code="404",http_route=""} 1`,
		`http_server_request_duration_seconds_count{http_request_method="_OTHER",http_response_status_code="404",http_route=""} 1`,
		"cors_preflights_total 3", "cors_preflights_refused_total 2", "cors_denied_total 1", "# TYPE kept gauge", `kept{pool="a"} 7`, `kept{pool="b"} 8`, "# TYPE lost_total counter", "lost_total 9", "go_goroutines",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if strings.Contains(got, "nobody") {
		t.Error("a path that a client chose became a label")
	}
}

func TestNilMetricsMeasureNothing(t *testing.T) {
	t.Parallel()
	var none *middleware.Metrics
	if got := serve(engine(none.Handle), request("GET", "/")).Code; got != 200 {
		t.Errorf("got %d, want 200", got)
	}
}
