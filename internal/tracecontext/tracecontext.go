// Package tracecontext reads the header traceparent of W3C Trace Context
// (https://www.w3.org/TR/trace-context/), so that log lines and problems can
// name the trace that a request belongs to. This server records no spans.
package tracecontext

import (
	"log/slog"
	"net/http"
	"strings"
)

// length is the number of bytes in a traceparent of version 00:
//
//	00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
//
// which is a version, a trace-id, a parent-id and flags. Later versions may
// append to it (3.2.4).
const length = 55

// TraceID returns the trace-id of the request: 32 lower-case hexadecimal digits
// that the client chose, not all of them zero. It returns "" if the request has
// no traceparent, an invalid one, or several, because the standard does not allow
// using part of those (3.2.2). It allocates nothing, so callers can call it again
// instead of keeping the result.
func TraceID(header http.Header) string {
	lines := header["Traceparent"]
	if len(lines) != 1 {
		return ""
	}
	s := lines[0]
	if len(s) < length || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return ""
	}
	version, trace, parent, flags := s[:2], s[3:35], s[36:52], s[53:length]
	switch {
	case !isHex(version) || !isHex(trace) || !isHex(parent) || !isHex(flags),
		isZero(trace) || isZero(parent),
		version == "ff", // never valid
		version == "00" && len(s) > length,
		len(s) > length && s[length] != '-':
		return ""
	}
	return trace
}

// Attr returns the attribute trace_id for a log line of the request. Without a
// trace-id it returns the zero Attr, which handlers of log/slog leave out. The
// name is OpenTelemetry's name for the field in logs that are not in its own format.
func Attr(header http.Header) slog.Attr {
	if id := TraceID(header); id != "" {
		return slog.String("trace_id", id)
	}
	return slog.Attr{}
}

// isHex reports whether s consists of lower-case hexadecimal digits, as the
// standard requires.
func isHex(s string) bool {
	for i := range len(s) {
		if b := s[i]; !('0' <= b && b <= '9' || 'a' <= b && b <= 'f') {
			return false
		}
	}
	return true
}

func isZero(s string) bool { return strings.Trim(s, "0") == "" }
