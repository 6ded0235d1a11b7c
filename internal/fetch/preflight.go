package fetch

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cause is one reason for a preflight.
type Cause struct {
	Method         string // a method that is not safelisted
	Name           string // a header that is not safelisted, lower case
	Why            string // why it is not
	UploadListener bool
	AsAtFirst      bool // Engine.PreflightAsAtFirst
}

func (c Cause) String() string {
	switch {
	case c.UploadListener:
		return "an upload listener"
	case c.AsAtFirst:
		return "the request needed one before the redirect"
	case c.Method != "":
		return "method " + c.Method
	}
	if c.Why == notSafelisted {
		return "header " + c.Name
	}
	return fmt.Sprintf("header %s (%s)", c.Name, c.Why)
}

// WhyPreflight returns what makes a cross-origin request need a preflight:
// its method, then its headers in order. method must be normalized.
func (e Engine) WhyPreflight(method string, h Header) []Cause {
	var why []Cause
	if !IsSafelistedMethod(method) {
		why = append(why, Cause{Method: method})
	}
	for _, name := range slices.Compact(e.UnsafeHeaderNames(h)) {
		text := "all header values together are longer than 1,024 bytes"
		for _, f := range h {
			if strings.EqualFold(f.Name, name) && !e.IsSafelistedRequestHeader(f.Name, f.Value) {
				text = e.whyUnsafe(f.Name, f.Value)
				break
			}
		}
		why = append(why, Cause{Name: name, Why: text})
	}
	return why
}

// preflightMessage is the request that CORS-preflight fetch sends. It never
// carries credentials.
func preflightMessage(u *url.URL, origin, method string, names []string) Message {
	m := Message{
		Preflight: true,
		Method:    "OPTIONS",
		URL:       u,
		Header: Header{
			{"Accept", "*/*"},
			{"Access-Control-Request-Method", method},
		},
	}
	if len(names) > 0 {
		m.Header = append(m.Header, Field{"Access-Control-Request-Headers", strings.Join(names, ",")})
	}
	m.Header = append(m.Header, Field{"Origin", origin})
	return m
}

// preflightCheck is what a preflight's response is checked against.
type preflightCheck struct {
	origin      string // as sent with the preflight
	sameOrigin  bool   // no CORS check: see Engine.PreflightKeepsOrigin
	method      string // normalized
	names       []string
	credentials Credentials
	redirect    Redirect
}

// checkPreflight reports why the response to a preflight does not allow a
// request, or nil if it does.
func (e Engine) checkPreflight(p preflightCheck, response Response) *Verdict {
	method, c := p.method, p.credentials
	location, _ := response.Header.Get("Location")
	redirected := len(e.locations(response)) > 0
	failed := &Verdict{
		Reason: PreflightDisallowedRedirect, Header: "Location", Value: location, Present: true,
		Param: strconv.Itoa(response.Status), Section: sectionPreflight,
	}
	if redirected && e.PreflightRedirectFirst {
		return failed
	}
	if !p.sameOrigin {
		if v := e.CheckCORS(p.origin, c, response.Header); v != nil {
			return v
		}
	}
	if redirected && p.redirect != RedirectError {
		return failed
	}
	if response.Status < 200 || response.Status > 299 {
		return &Verdict{Reason: PreflightInvalidStatus, Param: strconv.Itoa(response.Status), Section: sectionPreflight}
	}

	methods, bad := parseTokens(response.Header, "Access-Control-Allow-Methods")
	if bad != "" {
		return preflightFailure(InvalidAllowMethods, "Access-Control-Allow-Methods", bad, response.Header)
	}
	if e.MethodsBeforeHeaders && !allowsMethod(methods, method, c) {
		return preflightFailure(MethodDisallowed, "Access-Control-Allow-Methods", method, response.Header)
	}
	allowed, bad := parseTokens(response.Header, "Access-Control-Allow-Headers")
	if bad != "" {
		return preflightFailure(InvalidAllowHeaders, "Access-Control-Allow-Headers", bad, response.Header)
	}
	if !allowsMethod(methods, method, c) {
		return preflightFailure(MethodDisallowed, "Access-Control-Allow-Methods", method, response.Header)
	}

	listed := func(name string) bool {
		return slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, name) })
	}
	wildcard := c != CredentialsInclude && slices.Contains(allowed, "*")
	if !e.WildcardCoversAuthorization && slices.Contains(p.names, "authorization") && !listed("authorization") {
		return preflightFailure(HeaderDisallowed, "Access-Control-Allow-Headers", "authorization", response.Header)
	}
	if wildcard {
		return nil
	}
	missing := slices.DeleteFunc(slices.Compact(slices.Clone(p.names)), listed)
	if len(missing) == 0 {
		return nil
	}
	v := preflightFailure(HeaderDisallowed, "Access-Control-Allow-Headers", missing[0], response.Header)
	v.Missing = missing
	return v
}

// allowsMethod reports whether a list of methods admits method. The
// comparison is case-sensitive, and * means itself when credentials go along.
func allowsMethod(methods []string, method string, c Credentials) bool {
	return IsSafelistedMethod(method) || slices.Contains(methods, method) ||
		c != CredentialsInclude && slices.Contains(methods, "*")
}

func preflightFailure(reason Reason, header, param string, h Header) *Verdict {
	value, present := h.Get(header)
	return &Verdict{Reason: reason, Header: header, Value: value, Present: present, Param: param, Section: sectionPreflight}
}

// defaultMaxAge is how long a preflight is cached when the response does not
// say.
const defaultMaxAge = 5 * time.Second

// MaxAge returns how long the engine caches the preflight that h answered.
func (e Engine) MaxAge(h Header) time.Duration {
	value, present := h.Get("Access-Control-Max-Age")
	if !present || !isDigits(value) {
		return defaultMaxAge
	}
	limit := e.MaxAgeLimit
	if limit == 0 {
		limit = time.Duration(1<<63 - 1)
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil || seconds > int64(limit/time.Second) {
		return limit
	}
	return time.Duration(seconds) * time.Second
}
