// Package problem is the one form in which this API says no: an
// application/problem+json body (RFC 9457).
package problem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// ContentType is the media type of every problem.
const ContentType = "application/problem+json"

// Problem is the body of a refusal and, as an error, what the access log says
// of it. Detail is read by strangers; Cause is for the log alone.
type Problem struct {
	Type             string       `json:"type"`
	Title            string       `json:"title"`
	Status           int          `json:"status"`
	Detail           string       `json:"detail"`
	RequestID        string       `json:"request_id,omitempty"`
	Errors           []FieldError `json:"errors,omitempty"`
	ViolatedPolicies []string     `json:"violated-policies,omitempty"`

	Cause error `json:"-"` // nil where Detail says it all
}

// FieldError is one rule that one field of a body breaks.
type FieldError struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// Error is the log's text: the cause where there is one.
func (p *Problem) Error() string {
	if p.Cause != nil {
		return p.Cause.Error()
	}
	return p.Detail
}

// Unwrap gives the cause to errors.Is and errors.As.
func (p *Problem) Unwrap() error { return p.Cause }

// of is the one place where a status becomes a problem. Its type is
// about:blank, so its title is the status's own phrase (RFC 9457, 4.2.1).
func of(status int, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// The kinds of problems. Each detail says what is wrong and, where there is
// one, the remedy.

// BadRequest is 400: what came is not what the route can read.
func BadRequest(detail string) *Problem { return of(http.StatusBadRequest, detail) }

// Unauthorized is 401: no session, or one that is no longer good.
func Unauthorized(detail string) *Problem { return of(http.StatusUnauthorized, detail) }

// Forbidden is 403: a request that this server does not take from where it came.
func Forbidden(detail string) *Problem { return of(http.StatusForbidden, detail) }

// NotFound is 404.
func NotFound(detail string) *Problem { return of(http.StatusNotFound, detail) }

// MethodNotAllowed is 405; the caller sets Allow.
func MethodNotAllowed(detail string) *Problem { return of(http.StatusMethodNotAllowed, detail) }

// PreconditionFailed is 412: what the request wants to change has changed since.
func PreconditionFailed(detail string) *Problem { return of(http.StatusPreconditionFailed, detail) }

// Timeout is 408: the body did not arrive in time.
func Timeout() *Problem {
	return of(http.StatusRequestTimeout, "The body did not arrive in time; send it again.")
}

// TooLarge is 413, limit in bytes.
func TooLarge(limit int64) *Problem {
	return of(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than the limit of %d bytes.", limit))
}

// UnsupportedMediaType is 415; want is the media type that the route takes.
func UnsupportedMediaType(want string) *Problem {
	return of(http.StatusUnsupportedMediaType, fmt.Sprintf("Send the body with Content-Type: %s.", want))
}

// Invalid is 422: a body that can be read, with fields that break a rule.
func Invalid(errors []FieldError) *Problem {
	fields := make([]string, len(errors))
	for i, e := range errors {
		fields[i] = e.Field
	}
	p := of(http.StatusUnprocessableEntity, "These fields are missing or break a rule: "+strings.Join(fields, ", ")+".")
	p.Errors = errors
	return p
}

// QuotaExceeded is 429, of the type that draft-ietf-httpapi-ratelimit-headers
// registers; policy is the name of the limit that was reached, period and
// wait are whole seconds.
func QuotaExceeded(policy string, limit, period, wait int64) *Problem {
	p := of(http.StatusTooManyRequests,
		fmt.Sprintf("The limit of %d requests in %d s was reached; retry in %d s.", limit, period, wait))
	p.Type = "https://iana.org/assignments/http-problem-types#quota-exceeded"
	p.ViolatedPolicies = []string{policy}
	return p
}

// Internal is 500: the cause goes to the log, the client learns the request id.
func Internal(cause error) *Problem {
	p := of(http.StatusInternalServerError, "Something failed on the server; its log has the reason under this request id.")
	p.Cause = cause
	return p
}

// Unavailable is 503 with Retry-After: a part that the route needs does not answer.
func Unavailable(cause error) *Problem {
	p := of(http.StatusServiceUnavailable, "The database does not answer; retry in a moment.")
	p.Cause = cause
	return p
}

// retryAfterUnavailable is Retry-After of a 503 in seconds: a database is
// used again as soon as it is back, so there is no reason to stay away longer.
const retryAfterUnavailable = "1"

// Abort answers with the problem, ends the chain of handlers and leaves the
// problem in c.Errors for the access log. The request id is read from the
// response header that the request id middleware has set.
func Abort(c *gin.Context, p *Problem) {
	p.RequestID = c.Writer.Header().Get("X-Request-Id")
	if p.Status == http.StatusServiceUnavailable {
		c.Header("Retry-After", retryAfterUnavailable)
	}
	_ = c.Error(p)
	c.Abort()
	body, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("a problem is made of strings and numbers, yet: %v", err))
	}
	c.Data(p.Status, ContentType, body)
}
