package fetch

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Reason says why a fetch is blocked. If Chromium's DevTools protocol has a
// name for it (Network.CorsError), that is its value, without "Preflight" in
// front where the same check also guards the response itself.
type Reason string

// What the CORS check finds, in a preflight's response or in the response
// itself.
const (
	MissingAllowOrigin       Reason = "MissingAllowOriginHeader"
	MultipleAllowOrigin      Reason = "MultipleAllowOriginValues"
	InvalidAllowOrigin       Reason = "InvalidAllowOriginValue"
	AllowOriginMismatch      Reason = "AllowOriginMismatch"
	WildcardOriginNotAllowed Reason = "WildcardOriginNotAllowed"
	InvalidAllowCredentials  Reason = "InvalidAllowCredentials"
)

// What else can be wrong with a preflight's response.
const (
	PreflightInvalidStatus      Reason = "PreflightInvalidStatus"
	PreflightDisallowedRedirect Reason = "PreflightDisallowedRedirect"
	InvalidAllowMethods         Reason = "InvalidAllowMethodsPreflightResponse"
	InvalidAllowHeaders         Reason = "InvalidAllowHeadersPreflightResponse"
	MethodDisallowed            Reason = "MethodDisallowedByPreflightResponse"
	HeaderDisallowed            Reason = "HeaderDisallowedByPreflightResponse"
)

// What stops a redirect.
const (
	RedirectContainsCredentials Reason = "RedirectContainsCredentials"
	InvalidRedirect             Reason = "InvalidRedirect"
	DisabledScheme              Reason = "CorsDisabledScheme"
	TooManyRedirects            Reason = "TooManyRedirects"
	RedirectRefused             Reason = "RedirectRefused"
	RedirectOfStream            Reason = "RedirectOfStream"
)

// What stops a request before it is sent.
const (
	InvalidMethod          Reason = "InvalidMethod"
	ForbiddenMethod        Reason = "ForbiddenMethod"
	MethodNotSimple        Reason = "MethodNotSimple"
	InvalidHeader          Reason = "InvalidHeader"
	URLContainsCredentials Reason = "URLContainsCredentials"
	BodyNotAllowed         Reason = "BodyNotAllowed"
	DisallowedByMode       Reason = "DisallowedByMode"
	ModeNeedsFollow        Reason = "NoCorsRedirectModeNotFollow"
	BadPort                Reason = "BadPort"
	MixedContent           Reason = "MixedContent"
	InsecureLocalNetwork   Reason = "InsecureLocalNetwork"
	LocalNetworkDenied     Reason = "LocalNetworkAccessPermissionDenied"
)

// BlockedByResourcePolicy is Cross-Origin-Resource-Policy on a no-cors
// response.
const BlockedByResourcePolicy Reason = "BlockedByResourcePolicy"

// isCORSCheck reports whether Chromium has the reason in two variants.
func (r Reason) isCORSCheck() bool {
	switch r {
	case MissingAllowOrigin, MultipleAllowOrigin, InvalidAllowOrigin, AllowOriginMismatch, WildcardOriginNotAllowed, InvalidAllowCredentials:
		return true
	}
	return false
}

// title names what is checked if it is not a response.
func (r Reason) title() string {
	switch r {
	case RedirectContainsCredentials, InvalidRedirect, DisabledScheme, TooManyRedirects, RedirectRefused, RedirectOfStream:
		return "redirect"
	case MixedContent:
		return "mixed content"
	case InsecureLocalNetwork, LocalNetworkDenied:
		return "local network"
	}
	return "request"
}

// CORSError is the reason as Chromium's DevTools protocol reports it
// (Network.CorsError), or "" if Chromium has no such error.
func (v Verdict) CORSError() string {
	switch {
	case v.Allowed:
		return ""
	case v.Preflight && v.Reason.isCORSCheck():
		return "Preflight" + string(v.Reason)
	case v.Reason.isCORSCheck():
		return string(v.Reason)
	}
	switch v.Reason {
	case PreflightInvalidStatus, PreflightDisallowedRedirect, InvalidAllowMethods, InvalidAllowHeaders, MethodDisallowed,
		HeaderDisallowed, RedirectContainsCredentials, DisabledScheme, InsecureLocalNetwork, LocalNetworkDenied:
		return string(v.Reason)
	}
	return ""
}

// Explain says in one sentence what is wrong.
func (v Verdict) Explain() string {
	switch v.Reason {
	case MissingAllowOrigin:
		return "the response has no Access-Control-Allow-Origin"
	case MultipleAllowOrigin:
		return fmt.Sprintf("Access-Control-Allow-Origin has several values, %q; exactly one is allowed", v.Value)
	case InvalidAllowOrigin:
		return fmt.Sprintf("Access-Control-Allow-Origin is %q, which is not an origin", v.Value)
	case AllowOriginMismatch:
		return fmt.Sprintf("Access-Control-Allow-Origin is %q, but the browser sent Origin: %s%s", v.Value, v.Origin, v.nearMiss())
	case WildcardOriginNotAllowed:
		return "Access-Control-Allow-Origin is *, which browsers reject for a request with credentials (cookies)"
	case InvalidAllowCredentials:
		if !v.Present {
			return "the request has credentials (cookies), but the response has no Access-Control-Allow-Credentials"
		}
		return fmt.Sprintf("Access-Control-Allow-Credentials is %q; only true, in lower case, counts", v.Value)
	case PreflightInvalidStatus:
		return fmt.Sprintf("the response to the preflight is %s; only a status from 200 to 299 counts", v.statusParam())
	case PreflightDisallowedRedirect:
		return fmt.Sprintf("the preflight was redirected to %q; browsers never follow that", v.Value)
	case InvalidAllowMethods, InvalidAllowHeaders:
		return fmt.Sprintf("%s is %q, in which %q is not a valid name", v.Header, v.Value, v.Param)
	case MethodDisallowed:
		return v.notListed("the method " + v.Param)
	case HeaderDisallowed:
		if len(v.Missing) > 1 {
			return v.notListed("the headers " + strings.Join(v.Missing, ", "))
		}
		return v.notListed("the header " + v.Param)
	case RedirectContainsCredentials:
		return fmt.Sprintf("the redirect goes to %q, which contains a user name or a password", v.Value)
	case InvalidRedirect:
		return fmt.Sprintf("the redirect goes to %q, where no redirect may lead", v.Value)
	case DisabledScheme:
		return fmt.Sprintf("the redirect goes to %q, which is not an http:// or https:// URL", v.Value)
	case TooManyRedirects:
		return fmt.Sprintf("there are more than %d redirects", maxRedirects)
	case RedirectRefused:
		return fmt.Sprintf("the response redirects to %q, and the page set redirect: \"error\"", v.Value)
	case RedirectOfStream:
		return "the response redirects, and a body that is a stream cannot be sent twice"
	case InvalidMethod:
		return fmt.Sprintf("%q is not a valid method", v.Param)
	case ForbiddenMethod:
		return fmt.Sprintf("browsers do not let pages send %s", v.Param)
	case MethodNotSimple:
		return fmt.Sprintf("mode no-cors allows GET, HEAD and POST, not %s", v.Param)
	case InvalidHeader:
		return fmt.Sprintf("the header %q has a name or a value that is not valid", v.Param)
	case URLContainsCredentials:
		return "the URL contains a user name or a password, which fetch() rejects"
	case BodyNotAllowed:
		return v.Param + " cannot have a body"
	case ModeNeedsFollow:
		return "mode no-cors needs redirect: \"follow\""
	case DisallowedByMode:
		return "mode same-origin does not allow a request to another origin"
	case BadPort:
		return fmt.Sprintf("browsers do not connect to port %s, which is reserved for another protocol than HTTP", v.Param)
	case MixedContent:
		return fmt.Sprintf("the page is https, and %s is plain http", v.Param)
	case InsecureLocalNetwork:
		return fmt.Sprintf("the server is in the %s address space, and a page from outside needs https to reach it", v.Param)
	case LocalNetworkDenied:
		return fmt.Sprintf("the server is in the %s address space, and the user has not allowed this page to reach it", v.Param)
	case BlockedByResourcePolicy:
		return fmt.Sprintf("Cross-Origin-Resource-Policy is %s, which forbids no-cors requests from this page", v.Value)
	}
	return ""
}

func (v Verdict) statusParam() string {
	status, _ := strconv.Atoi(v.Param)
	return StatusText(status)
}

// notListed describes a list that lacks something, and a * that does not
// count.
func (v Verdict) notListed(what string) string {
	switch {
	case !v.Present:
		return fmt.Sprintf("the preflight's response has no %s, which would have to list %s", v.Header, what)
	case v.Value == "*" && v.Param == "authorization":
		return v.Header + " is *, which does not cover Authorization; list it by name"
	case v.Value == "*":
		return fmt.Sprintf("%s is *, which is not a wildcard for a request with credentials (cookies); list %s by name", v.Header, what)
	}
	return fmt.Sprintf("%s is %q, which lacks %s", v.Header, v.Value, what)
}

// nearMiss names the difference between the origin in the response and the one that
// was sent, if it is easy to overlook.
func (v Verdict) nearMiss() string {
	got, want := v.Value, v.Origin
	if want == "null" || got == "null" {
		return ""
	}
	if strings.TrimSuffix(got, "/") == want {
		return "; the server's value has a trailing slash"
	}
	if strings.EqualFold(got, want) {
		return "; the letter case differs"
	}
	g, err := url.Parse(got)
	w, err2 := url.Parse(want)
	switch {
	case err != nil || err2 != nil:
		return ""
	case g.Path != "":
		return "; an origin has no path"
	case g.Host == w.Host:
		return "; the scheme differs"
	case g.Hostname() == w.Hostname() && g.Scheme == w.Scheme:
		return "; the port differs"
	case SpaceOfHost(g.Hostname()) == SpaceLoopback && SpaceOfHost(w.Hostname()) == SpaceLoopback:
		return "; to a browser these are different hosts"
	}
	return ""
}

// ChromiumMessage is what Chromium prints to its console, or "" if it prints
// nothing about this verdict.
func (v Verdict) ChromiumMessage(r Request) string {
	r = r.withDefaults()
	hint := escapeHint(v.Param)
	text := ""
	switch v.Reason {
	case MixedContent:
		return fmt.Sprintf("Mixed Content: The page at '%s' was loaded over HTTPS, but requested an insecure resource '%s'. This request has been blocked; the content must be served over HTTPS.", r.Page, v.URL)
	case ModeNeedsFollow:
		return fmt.Sprintf("Fetch API cannot load %s. Request mode is \"no-cors\" but the redirect mode is not \"follow\".", v.URL)
	case DisallowedByMode:
		if !v.Sent {
			return fmt.Sprintf("Fetch API cannot load %s. Request mode is \"same-origin\" but the URL's origin is not same as the request origin %s.", v.URL, r.Origin)
		}
		return fmt.Sprintf("Unsafe attempt to load URL %s from frame with URL %s. Domains, protocols and ports must match.\n", v.URL, r.Page)
	case MissingAllowOrigin:
		text = "No 'Access-Control-Allow-Origin' header is present on the requested resource."
	case MultipleAllowOrigin:
		text = "The 'Access-Control-Allow-Origin' header contains multiple values '" + hint + "', but only one is allowed." + sendValid(r)
	case InvalidAllowOrigin:
		text = "The 'Access-Control-Allow-Origin' header contains the invalid value '" + hint + "'." + sendValid(r)
	case AllowOriginMismatch:
		text = "The 'Access-Control-Allow-Origin' header has a value '" + hint + "' that is not equal to the supplied origin." + sendValid(r)
	case WildcardOriginNotAllowed:
		text = "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'." + withCredentials(r)
	case InvalidAllowCredentials:
		text = "The value of the 'Access-Control-Allow-Credentials' header in the response is '" + hint + "' which must be 'true' when the request's credentials mode is 'include'." + withCredentials(r)
	case PreflightInvalidStatus:
		text = "It does not have HTTP ok status."
	case PreflightDisallowedRedirect:
		text = "Redirect is not allowed for a preflight request."
	case InvalidAllowMethods:
		text = "Cannot parse Access-Control-Allow-Methods response header field in preflight response."
	case InvalidAllowHeaders:
		text = "Cannot parse Access-Control-Allow-Headers response header field in preflight response."
	case MethodDisallowed:
		text = "Method " + hint + " is not allowed by Access-Control-Allow-Methods in preflight response."
	case HeaderDisallowed:
		text = "Request header field " + hint + " is not allowed by Access-Control-Allow-Headers in preflight response."
	case RedirectContainsCredentials:
		text = "Redirect location '' contains a username and password, which is disallowed for cross-origin requests."
	case DisabledScheme:
		text = "Cross origin requests are only supported for protocol schemes: chrome, chrome-experimental-site-token-provider, chrome-extension, chrome-untrusted, data, http, https, isolated-app."
	case InsecureLocalNetwork:
		text = "The request client is not a secure context and the resource is in more-private address space `" + v.Param + "`."
	case LocalNetworkDenied:
		text = "Permission was denied for this request to access the `" + v.Param + "` address space."
	default:
		return ""
	}
	if v.Preflight && v.Reason.isCORSCheck() || v.Reason == PreflightInvalidStatus || v.Reason == PreflightDisallowedRedirect {
		text = "Response to preflight request doesn't pass access control check: " + text
	}
	at := v.URL.String()
	if v.Reason == DisabledScheme {
		at = v.Param
	}
	kind := "fetch"
	if r.XHR {
		kind = "XMLHttpRequest"
	}
	redirected := ""
	if initial := r.URL.String(); initial != at {
		redirected = " (redirected from '" + initial + "')"
	}
	return fmt.Sprintf("Access to %s at '%s'%s from origin '%s' has been blocked by CORS policy: %s", kind, at, redirected, r.Origin, text)
}

func sendValid(r Request) string {
	if r.XHR {
		return ""
	}
	return " Have the server send the header with a valid value."
}

func withCredentials(r Request) string {
	if r.XHR {
		return " The credentials mode of requests initiated by the XMLHttpRequest is controlled by the withCredentials attribute."
	}
	return ""
}

// escapeHint writes a value as Chromium does: bytes outside printable ASCII
// as \uXXXX.
func escapeHint(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i] >= ' ' && s[i] <= '~' {
			b.WriteByte(s[i])
		} else {
			fmt.Fprintf(&b, `\u%04X`, s[i])
		}
	}
	return b.String()
}

// FirefoxMessage is what Firefox prints to its console, or "" if it prints
// nothing about this verdict.
func (v Verdict) FirefoxMessage() string {
	reason := ""
	switch v.Reason {
	case MixedContent:
		return fmt.Sprintf("Blocked loading mixed active content “%s”", v.URL)
	case MissingAllowOrigin:
		reason = fmt.Sprintf("CORS header ‘Access-Control-Allow-Origin’ missing). Status code: %d", v.Status)
	case MultipleAllowOrigin:
		reason = "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed)"
	case InvalidAllowOrigin, AllowOriginMismatch:
		reason = fmt.Sprintf("CORS header ‘Access-Control-Allow-Origin’ does not match ‘%s’)", strings.ToValidUTF8(v.Value, "\uFFFD"))
	case WildcardOriginNotAllowed:
		return fmt.Sprintf("Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at ‘%s’. (Reason: Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’).", v.URL.String())
	case InvalidAllowCredentials:
		reason = "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’)"
	case PreflightInvalidStatus:
		reason = fmt.Sprintf("CORS preflight response did not succeed). Status code: %d", v.Status)
	case PreflightDisallowedRedirect:
		reason = "CORS request external redirect not allowed)"
	case InvalidAllowMethods:
		reason = fmt.Sprintf("invalid token ‘%s’ in CORS header ‘Access-Control-Allow-Methods’)", strings.ToValidUTF8(v.Param, "\uFFFD"))
	case InvalidAllowHeaders:
		reason = fmt.Sprintf("invalid token ‘%s’ in CORS header ‘Access-Control-Allow-Headers’)", strings.ToValidUTF8(v.Param, "\uFFFD"))
	case MethodDisallowed:
		reason = "Did not find method in CORS header ‘Access-Control-Allow-Methods’)"
	case HeaderDisallowed:
		reason = fmt.Sprintf("header ‘%s’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS preflight response)", v.Param)
	case InsecureLocalNetwork, LocalNetworkDenied, RedirectContainsCredentials:
		reason = "CORS request did not succeed). Status code: (null)"
	default:
		return ""
	}
	return fmt.Sprintf("Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at %s. (Reason: %s.", v.URL.String(), reason)
}

// Section is a place in a standard, by its title and address. Section numbers
// change; addresses do not.
type Section struct{ Title, URL string }

func fetchSection(title, anchor string) Section {
	return Section{"Fetch standard, " + title, "https://fetch.spec.whatwg.org/#" + anchor}
}

// The sections that verdicts and checks refer to. They are never changed.
var (
	sectionMainFetch      = fetchSection("main fetch", "main-fetch")
	sectionMethods        = fetchSection("methods", "methods")
	sectionHeaders        = fetchSection("headers", "terminology-headers")
	sectionRequest        = fetchSection("Request class", "request-class")
	sectionPreflight      = fetchSection("CORS-preflight fetch", "cors-preflight-fetch")
	sectionCORSCheck      = fetchSection("CORS check", "cors-check")
	sectionRedirect       = fetchSection("HTTP-redirect fetch", "http-redirect-fetch")
	sectionResourcePolicy = fetchSection("cross-origin resource policy check", "cross-origin-resource-policy-check")
	sectionPortBlocking   = fetchSection("port blocking", "port-blocking")
	sectionMixedContent   = Section{"Mixed Content, 4.4", "https://www.w3.org/TR/mixed-content/#should-block-fetch"}
	sectionLocalNetwork   = Section{"Local Network Access", "https://wicg.github.io/local-network-access/"}
)

// describe writes a header as it came.
func describe(name string, h Header) string {
	value, present := h.Get(name)
	if !present {
		return "no " + name
	}
	return name + ": " + value
}

// StatusText returns the status with its phrase, if it has one: 404 Not Found.
func StatusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return fmt.Sprintf("%d %s", status, text)
	}
	return strconv.Itoa(status)
}
