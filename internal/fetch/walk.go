package fetch

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// tainting is the standard's response tainting: who may read the response.
type tainting int

const (
	taintingBasic tainting = iota
	taintingCORS
	taintingOpaque
)

// maxRedirects is the standard's limit (HTTP-redirect fetch, step 7).
const maxRedirects = 20

// walk is one fetch on its way through the standard's algorithms.
type walk struct {
	engine  Engine
	request Request
	got     []Response
	step    Step

	method    string
	url       *url.URL
	header    Header
	body      bool
	tainting  tainting
	tainted   bool // the standard's redirect-taint: Origin is null from here on
	redirects int
	crossSite bool // a redirect came from another site than the page's

	preflighted []string // what a preflight has allowed, for the preflight cache

	// For Engine.PreflightAsAtFirst.
	firstHeader Header // before any redirect
	forced      bool   // a preflight was needed before

	sent   bool
	status int
}

func (w *walk) run() {
	r := w.request
	w.method, w.url, w.body = NormalizeMethod(r.Method), r.URL, r.Body
	if !w.construct() {
		return
	}
	for w.hop() {
	}
}

// construct does what the Request constructor does, whose errors a page sees
// before anything is sent.
func (w *walk) construct() bool {
	r := w.request
	switch {
	case !isToken(r.Method):
		return w.block(Verdict{Reason: InvalidMethod, Param: r.Method, Section: sectionMethods})
	case isForbiddenMethod(r.Method):
		return w.block(Verdict{Reason: ForbiddenMethod, Param: r.Method, Section: sectionMethods})
	case r.Mode == ModeNoCORS && !IsSafelistedMethod(w.method):
		return w.block(Verdict{Reason: MethodNotSimple, Param: r.Method, Section: sectionMethods})
	case r.URL.User != nil:
		return w.block(Verdict{Reason: URLContainsCredentials, Section: sectionRequest})
	case r.Body && (w.method == "GET" || w.method == "HEAD"):
		return w.block(Verdict{Reason: BodyNotAllowed, Param: w.method, Section: sectionRequest})
	}
	for _, f := range r.Header {
		f.Value = trimHTTPSpace(f.Value)
		switch {
		case !isToken(f.Name):
			return w.block(Verdict{Reason: InvalidHeader, Param: f.Name, Section: sectionHeaders})
		case !isHeaderValue(f.Value):
			return w.block(Verdict{Reason: InvalidHeader, Param: f.Name, Section: sectionHeaders})
		case IsForbiddenRequestHeader(f.Name, f.Value), strings.EqualFold(f.Name, "User-Agent") && w.engine.DropsUserAgent:
			continue
		case r.Mode == ModeNoCORS && !w.engine.IsSafelistedRequestHeader(f.Name, f.Value):
			continue
		}
		w.header = append(w.header, f)
	}
	if r.BodyType != "" && len(w.header.Lines("Content-Type")) == 0 && (r.Mode != ModeNoCORS || w.engine.IsSafelistedRequestHeader("Content-Type", r.BodyType)) {
		w.header = append(w.header, Field{"Content-Type", r.BodyType})
	}
	if w.engine.JoinsRepeatedHeaders || r.XHR { // as setRequestHeader does
		w.header = w.header.joined()
	}
	w.firstHeader = w.header
	return true
}

// hop is one pass through main fetch: a preflight, the request, and its
// redirect. It reports whether another hop follows.
func (w *walk) hop() bool {
	r := w.request
	if !w.checkNetwork() {
		return false
	}
	page := r.Origin != "null" && OriginOf(w.url) == r.Origin
	switch {
	case page && w.tainting == taintingBasic:
		w.pass("same origin", "CORS does not apply", sectionMainFetch)
	case r.Mode == ModeSameOrigin:
		return w.block(Verdict{Reason: DisallowedByMode, Section: sectionMainFetch})
	case r.Mode == ModeNoCORS && r.Redirect != RedirectFollow:
		return w.block(Verdict{Reason: ModeNeedsFollow, Section: sectionMainFetch})
	case r.Mode == ModeNoCORS:
		w.tainting = taintingOpaque
		w.pass("no-cors", "the request is sent, but JavaScript cannot read the response", sectionMainFetch)
	default:
		if w.tainting == taintingBasic {
			w.pass("cross-origin", OriginOf(w.url)+" is not the page's origin", sectionMainFetch)
		}
		w.tainting = taintingCORS
		if !w.preflight() {
			return false
		}
	}

	response, came := w.receive(w.message())
	if !came {
		return false
	}
	w.sent, w.status = true, response.Status
	lines := w.engine.locations(response)
	if w.engine.LocationFirst && len(lines) == 1 && !w.parses(lines[0]) {
		return w.invalidRedirect(lines)
	}
	if w.tainting == taintingCORS {
		if v := w.engine.CheckCORS(w.origin(), r.Credentials, response.Header); v != nil {
			return w.fail("response", *v)
		}
		w.passCORS("response", response.Header)
	}
	if w.tainting == taintingOpaque {
		if v := w.engine.checkResourcePolicy(r.Origin, w.url, response.Header); v != nil {
			return w.fail("response", *v)
		}
	}
	if isRedirect(response.Status) && r.Redirect == RedirectManual {
		if len(lines) > 1 {
			return w.invalidRedirect(lines)
		}
		w.end(Verdict{Allowed: true, Opaque: true})
		return false
	}
	if isRedirect(response.Status) && r.Redirect == RedirectError && !w.engine.RedirectErrorLast {
		location, present := response.Header.Get("Location")
		return w.block(Verdict{Reason: RedirectRefused, Header: "Location", Value: location, Present: present, Section: sectionRedirect})
	}
	if len(lines) > 0 {
		return w.redirect(response.Status, lines)
	}
	v := Verdict{Allowed: true, Opaque: w.tainting == taintingOpaque}
	switch w.tainting {
	case taintingBasic:
		v.Read = readableNames(response.Header)
	case taintingCORS:
		v.Read = ExposedHeaders(r.Credentials, response.Header)
	}
	w.end(v)
	return false
}

// preflight sends and judges a preflight where one is needed. It reports
// whether the request itself may follow.
func (w *walk) preflight() bool {
	r := w.request
	why := w.engine.WhyPreflight(w.method, w.header)
	names := w.engine.UnsafeHeaderNames(w.header)
	if w.engine.PreflightAsAtFirst && w.redirects > 0 {
		if len(why) == 0 && (w.forced || len(w.engine.UnsafeHeaderNames(w.firstHeader)) > 0) {
			why = []Cause{{AsAtFirst: true}}
		}
	}
	if r.UploadListener && (r.Body || !w.engine.UploadListenerNeedsBody) {
		why = append(why, Cause{UploadListener: true})
	}
	if len(why) == 0 {
		w.pass("no preflight", w.method+" with these headers goes out at once", sectionMainFetch)
		return true
	}
	w.forced = true
	texts := make([]string, len(why))
	for i, cause := range why {
		texts[i] = cause.String()
	}
	w.pass("preflight needed", strings.Join(texts, "; "), sectionMainFetch)

	origin := w.preflightOrigin()
	key := fmt.Sprint(w.url, origin, w.method, names)
	if slices.Contains(w.preflighted, key) {
		w.pass("preflight", "cached", sectionPreflight)
		return true
	}
	response, came := w.receive(preflightMessage(w.url, origin, w.method, names))
	if !came {
		return false
	}
	w.status = response.Status
	sameOrigin := w.engine.PreflightKeepsOrigin && OriginOf(w.url) == origin
	v := w.engine.checkPreflight(preflightCheck{origin, sameOrigin, w.method, names, r.Credentials, r.Redirect}, response)
	if v != nil {
		v.Preflight = true
		v.Origin = origin
		return w.fail("preflight", *v)
	}
	if w.engine.MaxAge(response.Header) > 0 {
		w.preflighted = append(w.preflighted, key)
	}
	w.passCORS("preflight", response.Header)
	w.pass("preflight", StatusText(response.Status), sectionPreflight)
	if !IsSafelistedMethod(w.method) {
		w.pass("preflight", describe("Access-Control-Allow-Methods", response.Header), sectionPreflight)
	}
	if len(names) > 0 {
		w.pass("preflight", describe("Access-Control-Allow-Headers", response.Header), sectionPreflight)
	}
	return true
}

// message is the request itself.
func (w *walk) message() Message {
	r := w.request
	m := Message{
		Method:      w.method,
		URL:         w.url,
		Header:      slices.Clone(w.header),
		Credentials: r.Credentials == CredentialsInclude || r.Credentials == CredentialsSameOrigin && w.tainting == taintingBasic,
		CrossSite:   w.crossSite && !w.engine.RedirectsIgnoredForSite,
		Body:        w.body,
	}
	// HTTP-network-or-cache fetch appends Origin where CORS applies or the
	// method may change something.
	if w.tainting == taintingCORS || w.method != "GET" && w.method != "HEAD" {
		origin := w.origin()
		if w.tainting == taintingOpaque && strings.HasPrefix(origin, "https:") && w.url.Scheme == "http" {
			origin = "null" // the default referrer policy hides an https page from http
		}
		m.Header = append(m.Header, Field{"Origin", origin})
	}
	return m
}

// origin is the serialized request origin.
func (w *walk) origin() string {
	if w.tainted {
		return "null"
	}
	return w.request.Origin
}

func (w *walk) preflightOrigin() string {
	if w.engine.PreflightKeepsOrigin {
		return w.request.Origin
	}
	return w.origin()
}

// redirect is HTTP-redirect fetch. It reports whether the browser follows.
func (w *walk) redirect(status int, lines []string) bool {
	r := w.request
	location := strings.Join(lines, ", ")
	failed := Verdict{Header: "Location", Value: location, Present: true, Section: sectionRedirect}
	if len(lines) > 1 {
		return w.invalidRedirect(lines)
	}
	to, err := w.url.Parse(location)
	if err != nil {
		return w.invalidRedirect(lines)
	}
	if to.Scheme != "http" && to.Scheme != "https" {
		failed.Reason, failed.Param = DisabledScheme, to.String()
		if r.Redirect == RedirectError {
			failed.Reason = RedirectRefused
			return w.block(failed)
		}
		if to.Scheme == "data" || to.Scheme == "about" || to.Scheme == "blob" {
			failed.Reason = InvalidRedirect // which Chromium does not call a CORS error
		}
		return w.block(failed)
	}
	if to, err = normalizeURL(to); err != nil {
		return w.invalidRedirect(lines)
	}
	if to.Fragment == "" {
		to.Fragment = w.url.Fragment
	}
	failed.Param = to.String()
	switch {
	case w.redirects == maxRedirects:
		failed.Reason = TooManyRedirects
		return w.block(failed)
	case to.User != nil && r.Mode == ModeCORS && w.engine.RedirectNeverWithCredentials && w.tainting == taintingBasic && OriginOf(to) == r.Origin:
		failed.Reason = InvalidRedirect // which Chromium does not call a CORS error
		return w.block(failed)
	case to.User != nil && r.Mode == ModeCORS && (w.tainting == taintingCORS || w.tainted || OriginOf(to) != r.Origin):
		failed.Reason = RedirectContainsCredentials
		return w.block(failed)
	case status != 303 && w.body && r.Stream:
		failed.Reason = RedirectOfStream
		return w.block(failed)
	case r.Redirect == RedirectError:
		failed.Reason = RedirectRefused
		return w.block(failed)
	}
	w.redirects++

	leaves := OriginOf(to) != OriginOf(w.url)
	if w.engine.PreflightAsAtFirst {
		w.header = w.firstHeader // what an earlier redirect removed is back
	}
	if !w.engine.SameSite(r.Origin, w.url) {
		w.crossSite = true
	}
	if leaves && (OriginOf(w.url) != r.Origin || r.Mode == ModeNoCORS && w.engine.NullAfterNoCORSRedirect) {
		w.tainted = true
	}
	if (status == 301 || status == 302) && w.method == "POST" || status == 303 && w.method != "GET" && w.method != "HEAD" {
		w.method, w.body = "GET", false
		w.header = slices.DeleteFunc(slices.Clone(w.header), func(f Field) bool { return isBodyHeader(f.Name) })
	}
	if leaves {
		w.header = w.header.without("Authorization")
	}
	detail := StatusText(status) + " to " + to.String()
	if w.tainted {
		detail += "; from here on Origin is null"
	}
	w.pass("redirect", detail, sectionRedirect)
	w.url = to
	return true
}

// parses reports whether a Location is a URL.
func (w *walk) parses(location string) bool {
	to, err := w.url.Parse(location)
	if err == nil && (to.Scheme == "http" || to.Scheme == "https") {
		_, err = normalizeURL(to)
	}
	return err == nil
}

func (w *walk) invalidRedirect(lines []string) bool {
	return w.block(Verdict{Reason: InvalidRedirect, Header: "Location", Value: strings.Join(lines, ", "), Present: true, Section: sectionRedirect})
}

// locations returns the Location lines of a response that redirects, and no line
// otherwise. With several lines, the redirect is invalid.
func (e Engine) locations(response Response) []string {
	lines := response.Header.Lines("Location")
	if !isRedirect(response.Status) || e.EmptyLocationIgnored && strings.Join(lines, "") == "" {
		return nil
	}
	if e.EqualLocationsCount {
		return slices.Compact(lines)
	}
	return lines
}

// isBodyHeader reports whether a header goes when a redirect removes the body.
func isBodyHeader(name string) bool {
	switch strings.ToLower(name) {
	case "content-encoding", "content-language", "content-location", "content-type":
		return true
	}
	return false
}

func isRedirect(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

// receive returns the response to m, or asks for it.
func (w *walk) receive(m Message) (Response, bool) {
	if len(w.got) == 0 {
		w.step.Send = &m
		return Response{}, false
	}
	response := w.got[0]
	w.got = w.got[1:]
	return response, true
}

func (w *walk) pass(title, detail string, section Section) {
	w.step.Checks = append(w.step.Checks, Check{OK: true, Title: title, Detail: detail, Section: section})
}

func (w *walk) passCORS(title string, h Header) {
	w.pass(title, describe("Access-Control-Allow-Origin", h), sectionCORSCheck)
	if w.request.Credentials == CredentialsInclude {
		w.pass(title, describe("Access-Control-Allow-Credentials", h), sectionCORSCheck)
	}
}

// block ends the fetch before or between responses.
func (w *walk) block(v Verdict) bool {
	return w.fail(v.Reason.title(), v)
}

// fail ends the fetch with v and the check that failed.
func (w *walk) fail(title string, v Verdict) bool {
	if v.Origin == "" {
		v.Origin = w.origin()
	}
	w.step.Checks = append(w.step.Checks, Check{Title: title, Detail: v.Explain(), Section: v.Section})
	w.end(v)
	return false
}

func (w *walk) end(v Verdict) {
	v.Sent, v.Status, v.URL = w.sent, w.status, w.url
	w.step.Verdict = &v
}
