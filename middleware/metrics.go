package middleware

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts requests for Prometheus. Its labels are route templates, known
// methods, and statuses, so that no client can create new series. A nil Metrics
// counts nothing.
type Metrics struct {
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	preflights prometheus.Counter
	refused    prometheus.Counter // preflights
	denials    prometheus.Counter
}

// NewMetrics takes the version of the build and two functions: one returns the
// number of rate limit counters that are kept at the moment, the other the
// number of log lines that have been dropped.
func NewMetrics(version string, rateLimitCounters, droppedLines func() float64) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests that got a response, except CORS preflights and denials.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time from the first middleware after CORS to the end of the response.",
			Buckets: prometheus.DefBuckets,
		}, []string{"route", "method"}),
		preflights: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cors_preflights_total", Help: "Preflights from allowed origins.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cors_preflights_refused_total", Help: "Preflights from allowed origins that asked for a method or a header that the settings lack.",
		}),
		denials: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cors_denied_total", Help: "Requests from origins that are not allowed.",
		}),
	}
	counters := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "rate_limit_counters", Help: "Rate limit counters kept in this process, at most RATE_LIMIT_MAX_CLIENTS.",
	}, rateLimitCounters)
	dropped := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "log_dropped_total", Help: "Log lines dropped because standard error blocked or failed.",
	}, droppedLines)
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "build_info", Help: "Always 1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	}, func() float64 { return 1 })
	m.registry.MustRegister(m.requests, m.duration, m.preflights, m.refused, m.denials, counters, dropped, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Endpoint serves the metrics. It must have a listener of its own, because
// metrics are not for the public.
func (m *Metrics) Endpoint() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Handle is the middleware.
func (m *Metrics) Handle(c *gin.Context) {
	if m == nil {
		return
	}
	start := time.Now()
	defer func() { // deferred: a panic that aborts the connection is counted too
		route, method := c.FullPath(), knownMethod(c.Request.Method)
		if route == "" {
			route = "unmatched"
		}
		m.requests.WithLabelValues(route, method, strconv.Itoa(c.Writer.Status())).Inc()
		m.duration.WithLabelValues(route, method).Observe(time.Since(start).Seconds())
	}()
	c.Next()
}

func (m *Metrics) countPreflight() {
	if m != nil {
		m.preflights.Inc()
	}
}

func (m *Metrics) countRefusedPreflight() {
	if m != nil {
		m.refused.Inc()
	}
}

func (m *Metrics) countDenial() {
	if m != nil {
		m.denials.Inc()
	}
}

func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
