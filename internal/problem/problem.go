// Package problem writes every error response of this API: an
// application/problem+json body (RFC 9457).
package problem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/tracecontext"
)

// ContentType is the media type of every problem.
const ContentType = "application/problem+json"

// Problem is the body of an error response. It is also an error, whose text the
// access log records. Detail is for the client; Cause is only for the log.
type Problem struct {
	Type             string       `json:"type"`
	Title            string       `json:"title"`
	Status           int          `json:"status"`
	Detail           string       `json:"detail"`
	RequestID        string       `json:"request_id,omitempty"`
	TraceID          string       `json:"trace_id,omitempty"` // of the caller's trace, if it sent a traceparent
	Errors           []FieldError `json:"errors,omitempty"`
	ViolatedPolicies []string     `json:"violated-policies,omitempty"`

	Cause error `json:"-"` // nil if Detail says everything
}

// FieldError names a field of the body and the rule that it breaks.
type FieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// Error returns the text for the log: the cause if there is one, otherwise
// Detail.
func (p *Problem) Error() string {
	if p.Cause != nil {
		return p.Cause.Error()
	}
	return p.Detail
}

// Unwrap returns the cause, for errors.Is and errors.As.
func (p *Problem) Unwrap() error { return p.Cause }

// newProblem returns a problem of the type about:blank, whose title is the
// status's own phrase (RFC 9457, 4.2.1).
func newProblem(status int, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: title(status), Status: status, Detail: detail}
}

// title returns the phrase that RFC 9110 has for the status. For two of them,
// net/http has those of earlier standards.
func title(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "Content Too Large" // 15.5.14
	case http.StatusUnprocessableEntity:
		return "Unprocessable Content" // 15.5.21
	}
	return http.StatusText(status)
}

// The kinds of problems follow. Each detail says what is wrong and, where there
// is one, the remedy.

// BadRequest is 400: the route cannot read the request.
func BadRequest(detail string) *Problem { return newProblem(http.StatusBadRequest, detail) }

// Unauthorized is 401: the session is missing or no longer valid.
func Unauthorized(detail string) *Problem { return newProblem(http.StatusUnauthorized, detail) }

// Forbidden is 403: the server does not accept this request from its sender.
func Forbidden(detail string) *Problem { return newProblem(http.StatusForbidden, detail) }

// NotFound is 404.
func NotFound(detail string) *Problem { return newProblem(http.StatusNotFound, detail) }

// MethodNotAllowed is 405. The caller sets Allow.
func MethodNotAllowed(detail string) *Problem { return newProblem(http.StatusMethodNotAllowed, detail) }

// PreconditionFailed is 412: what the request wants to change has changed since.
func PreconditionFailed(detail string) *Problem {
	return newProblem(http.StatusPreconditionFailed, detail)
}

// Timeout is 408: the body did not arrive in time.
func Timeout() *Problem {
	return newProblem(http.StatusRequestTimeout, "The body did not arrive in time; send it again.")
}

// TooLarge is 413. The limit is in bytes.
func TooLarge(limit int64) *Problem {
	return newProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than the limit of %d bytes.", limit))
}

// UnsupportedMediaType is 415. The argument want is the media type that the route
// accepts.
func UnsupportedMediaType(want string) *Problem {
	return newProblem(http.StatusUnsupportedMediaType, fmt.Sprintf("Send the body with Content-Type: %s.", want))
}

// Invalid is 422: the body can be read, but fields of it break a rule.
func Invalid(errors []FieldError) *Problem {
	fields := make([]string, len(errors))
	for i, e := range errors {
		fields[i] = e.Field
	}
	p := newProblem(http.StatusUnprocessableEntity, "These fields are missing or break a rule: "+strings.Join(fields, ", ")+".")
	p.Errors = errors
	return p
}

// QuotaExceeded is 429, of the type that draft-ietf-httpapi-ratelimit-headers
// registers. The policy is the name of the limit that was reached; period and
// wait are in seconds.
func QuotaExceeded(policy string, limit, period, wait int64) *Problem {
	p := newProblem(http.StatusTooManyRequests, "The limit of "+strconv.FormatInt(limit, 10)+" requests in "+
		strconv.FormatInt(period, 10)+" s was reached; retry in "+strconv.FormatInt(wait, 10)+" s.")
	p.Type = "https://iana.org/assignments/http-problem-types#quota-exceeded"
	p.Title = "Quota Exceeded" // as registered with the type
	p.ViolatedPolicies = []string{policy}
	return p
}

// Internal is 500. The cause goes to the log; the client gets the request ID.
func Internal(cause error) *Problem {
	p := newProblem(http.StatusInternalServerError, "Something failed on the server; its log has the reason under this request ID.")
	p.Cause = cause
	return p
}

// Unavailable is 503 with Retry-After: the database cannot be used now. It may not
// respond at all, reject connections, or take no writes; the log has the cause.
func Unavailable(cause error) *Problem {
	p := newProblem(http.StatusServiceUnavailable, "The database is not available; retry in a moment.")
	p.Cause = cause
	return p
}

// Overloaded is 503 with Retry-After: the server has no memory left for a body.
func Overloaded(cause error) *Problem {
	p := Unavailable(cause)
	p.Detail = "The server is reading too many large bodies; retry in a moment."
	return p
}

// retryAfterUnavailable is the Retry-After of a 503 in seconds. A database is
// used again as soon as it is back, so clients do not need to wait longer.
const retryAfterUnavailable = "1"

// AcceptPatch is the media type that every PATCH of this API accepts.
const AcceptPatch = "application/json"

// Abort responds with the problem, ends the chain of handlers, and leaves the
// problem in c.Errors for the access log. It reads the request ID from the
// response header that middleware.RequestID has set, and the trace ID from the
// request.
func Abort(c *gin.Context, p *Problem) {
	p.RequestID = c.Writer.Header().Get("X-Request-Id")
	p.TraceID = tracecontext.TraceID(c.Request.Header)
	switch {
	case p.Status == http.StatusServiceUnavailable:
		c.Header("Retry-After", retryAfterUnavailable)
	case p.Status == http.StatusUnsupportedMediaType && c.Request.Method == http.MethodPatch:
		c.Header("Accept-Patch", AcceptPatch) // RFC 5789, 2.2
	}
	_ = c.Error(p)
	c.Abort()
	body, _ := json.Marshal(p) // cannot fail: strings and numbers always encode
	c.Data(p.Status, ContentType, body)
}
