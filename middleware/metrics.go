package middleware

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics measures requests for Prometheus. Its labels are route templates, known
// methods, and statuses, so that no client can create new series. Names follow
// OpenTelemetry's semantic conventions where there is one. A nil Metrics measures
// nothing.
type Metrics struct {
	registry   *prometheus.Registry
	duration   *prometheus.HistogramVec
	preflights prometheus.Counter
	refused    prometheus.Counter // preflights
	denials    prometheus.Counter
}

// Gauge is a metric that is read when Prometheus scrapes it. If its name ends in
// _total, it is a counter.
type Gauge struct {
	Name, Help string
	Labels     map[string]string // gauges of one name have the same label names
	Read       func() float64
}

// NewMetrics measures requests and serves the gauges, the metrics of the Go
// runtime and those of the process.
func NewMetrics(gauges ...Gauge) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_server_request_duration_seconds",
			Help:    "Time from the first middleware after CORS to the end of the response; CORS preflights and denials are left out.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}, // those of the convention
		}, []string{"http_route", "http_request_method", "http_response_status_code"}),
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
	m.registry.MustRegister(m.duration, m.preflights, m.refused, m.denials,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, g := range gauges {
		options := prometheus.Opts{Name: g.Name, Help: g.Help, ConstLabels: g.Labels}
		if strings.HasSuffix(g.Name, "_total") {
			m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts(options), g.Read))
		} else {
			m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts(options), g.Read))
		}
	}
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
		m.duration.WithLabelValues(c.FullPath(), knownMethod(c.Request.Method), strconv.Itoa(c.Writer.Status())).
			Observe(time.Since(start).Seconds())
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
	return "_OTHER" // as the convention names it
}
