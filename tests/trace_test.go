package tests

import "testing"

// A request with a traceparent names its trace in its problem and in every log
// line, also where CORS denies it. Nothing echoes an invalid one.
func TestTrace(t *testing.T) {
	t.Parallel()
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	const traced = "traceparent: 00-" + trace + "-00f067aa0ba902b7-01"
	s := startProduction(t, "LOG_LEVEL=debug")
	traceOf := func(a answer, status int) string {
		t.Helper()
		checkProblem(t, a, status)
		return decode[struct {
			TraceID string `json:"trace_id"`
		}](t, a).TraceID
	}
	if got := traceOf(s.get(t, "/nowhere", traced), 404); got != trace {
		t.Errorf("the problem has the trace_id %q, want %q", got, trace)
	}
	if got := traceOf(s.get(t, "/api/hello", traced, "Origin: https://evil.test"), 403); got != trace {
		t.Errorf("the denial has the trace_id %q, want %q", got, trace)
	}
	for _, headers := range [][]string{nil, {"traceparent: 00-" + trace + "-0000000000000000-01"}, {traced, traced}} {
		if got := traceOf(s.get(t, "/nowhere", headers...), 404); got != "" {
			t.Errorf("with %q the problem has the trace_id %q, want none", headers, got)
		}
	}
	checkStatus(t, s.get(t, "/healthz", traced, "X-Request-ID: last"), 200)
	s.waitFor(t, "log line of the last request", func() bool { return len(s.linesWith(`"request_id":"last"`)) > 0 })
	counts := map[string]int{}
	for _, line := range s.linesWith(`"trace_id":"` + trace + `"`) {
		counts[logFields(line)["msg"]]++
	}
	if counts["request"] != 2 || counts["cors_denied"] != 1 {
		t.Errorf("lines with the trace_id: got %v, want 2 of requests and 1 of the denial", counts)
	}
}
