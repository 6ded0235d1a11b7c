package tracecontext_test

import (
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"example.com/api/internal/tracecontext"
)

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	valid   = "00-" + traceID + "-00f067aa0ba902b7-01"
)

func TestTraceID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		lines []string
		want  string
	}{
		{"none", nil, ""},
		{"empty", []string{""}, ""},
		{"valid", []string{valid}, traceID},
		{"not sampled", []string{"00-" + traceID + "-00f067aa0ba902b7-00"}, traceID},
		{"unknown flags", []string{"00-" + traceID + "-00f067aa0ba902b7-ff"}, traceID},
		{"two lines", []string{valid, valid}, ""},
		{"two values in a line", []string{valid + "," + valid}, ""},

		{"upper-case version", []string{"0A-" + traceID + "-00f067aa0ba902b7-01"}, ""},
		{"upper-case trace-id", []string{"00-" + strings.ToUpper(traceID) + "-00f067aa0ba902b7-01"}, ""},
		{"upper-case parent-id", []string{"00-" + traceID + "-00F067AA0BA902B7-01"}, ""},
		{"upper-case flags", []string{"00-" + traceID + "-00f067aa0ba902b7-0A"}, ""},
		{"not hexadecimal version", []string{".0-" + traceID + "-00f067aa0ba902b7-01"}, ""},
		{"not hexadecimal trace-id", []string{"00-" + traceID[:31] + "g-00f067aa0ba902b7-01"}, ""},
		{"not hexadecimal parent-id", []string{"00-" + traceID + "-00f067aa0ba902b.-01"}, ""},
		{"not hexadecimal flags", []string{"00-" + traceID + "-00f067aa0ba902b7-0."}, ""},

		{"zero trace-id", []string{"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01"}, ""},
		{"zero parent-id", []string{"00-" + traceID + "-" + strings.Repeat("0", 16) + "-01"}, ""},
		{"small trace-id", []string{"00-" + strings.Repeat("0", 31) + "1-00f067aa0ba902b7-01"}, strings.Repeat("0", 31) + "1"},

		{"short trace-id", []string{"00-" + traceID[1:] + "-00f067aa0ba902b7-01"}, ""},
		{"long trace-id", []string{"00-" + traceID + "0-00f067aa0ba902b7-01"}, ""},
		{"long parent-id", []string{"00-" + traceID + "-00f067aa0ba902b70-01"}, ""},
		{"no flags", []string{"00-" + traceID + "-00f067aa0ba902b7-"}, ""},
		{"short flags", []string{"00-" + traceID + "-00f067aa0ba902b7-1"}, ""},
		{"first separator", []string{"00." + traceID + "-00f067aa0ba902b7-01"}, ""},
		{"second separator", []string{"00-" + traceID + ".00f067aa0ba902b7-01"}, ""},
		{"third separator", []string{"00-" + traceID + "-00f067aa0ba902b7.01"}, ""},
		{"space inside", []string{" " + valid}, ""}, // net/http trims what surrounds a value

		{"version 00 has an end", []string{valid + "-"}, ""},
		{"version 00 has no more parts", []string{valid + "-01"}, ""},
		{"later version", []string{"cc" + valid[2:]}, traceID},
		{"later version with more parts", []string{"cc" + valid[2:] + "-what-the-future-will-be-like"}, traceID},
		{"later version with an empty part", []string{"cc" + valid[2:] + "-"}, traceID},
		{"later version with longer flags", []string{"cc" + valid[2:] + "0"}, ""},
		{"later version with another separator", []string{"cc" + valid[2:] + ".what"}, ""},
		{"version ff", []string{"ff" + valid[2:]}, ""},
	}
	for _, tt := range tests {
		if got := tracecontext.TraceID(http.Header{"Traceparent": tt.lines}); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAttr(t *testing.T) {
	t.Parallel()
	if got, want := tracecontext.Attr(http.Header{"Traceparent": {valid}}), slog.String("trace_id", traceID); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", tracecontext.Attr(http.Header{}))
	if got := log.String(); !strings.HasSuffix(got, "msg=m\n") {
		t.Errorf("without a traceparent the line is %q, want no attribute", got)
	}
}

// A request costs nothing for its trace.
func TestTraceIDAllocatesNothing(t *testing.T) {
	for _, header := range []http.Header{{}, {"Traceparent": {valid}}} {
		if n := testing.AllocsPerRun(100, func() { _ = tracecontext.Attr(header) }); n != 0 {
			t.Errorf("%v: %v allocations, want none", header, n)
		}
	}
}

// validPattern is the standard's grammar (3.2.2 and 3.2.4), without its rules on
// zeros and on version ff.
var validPattern = regexp.MustCompile(`^(00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}|[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-(?s:.*))?)$`)

func FuzzTraceID(f *testing.F) {
	for _, seed := range []string{"", valid, valid + "-", "cc" + valid[2:] + "-x", "ff" + valid[2:], "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := tracecontext.TraceID(http.Header{"Traceparent": {line}})
		want := ""
		m := validPattern.FindStringSubmatch(line)
		if m != nil && !strings.HasPrefix(line, "ff") && (m[2] != "" || !strings.HasPrefix(line, "00")) {
			if trace, parent := m[2]+m[4], m[3]+m[5]; strings.Trim(trace, "0") != "" && strings.Trim(parent, "0") != "" {
				want = trace
			}
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	})
}
