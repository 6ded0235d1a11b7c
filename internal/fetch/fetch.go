// Package fetch is the CORS protocol of the Fetch standard
// (https://fetch.spec.whatwg.org) as pure functions: a request and the
// responses that came in, what the browser does next out. It opens no
// connection and reads no clock, so it can be tested against real browsers by
// the thousand and read beside the standard.
//
// [Engine.Next] is the way in. Where Chromium and Firefox differ from the
// standard, an [Engine] says so in one field per difference.
package fetch

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Mode is a request's mode, as fetch() takes it.
type Mode string

// The modes that a page can ask for.
const (
	ModeCORS       Mode = "cors"
	ModeNoCORS     Mode = "no-cors"
	ModeSameOrigin Mode = "same-origin"
)

// Credentials is a request's credentials mode, as fetch() takes it.
// XMLHttpRequest's withCredentials is CredentialsInclude.
type Credentials string

// The credentials modes. CredentialsSameOrigin is fetch()'s default.
const (
	CredentialsOmit       Credentials = "omit"
	CredentialsSameOrigin Credentials = "same-origin"
	CredentialsInclude    Credentials = "include"
)

// Redirect is a request's redirect mode, as fetch() takes it.
type Redirect string

// The redirect modes. RedirectFollow is fetch()'s default.
const (
	RedirectFollow Redirect = "follow"
	RedirectError  Redirect = "error"
	RedirectManual Redirect = "manual"
)

// Request is what a page asks for, as the page wrote it.
type Request struct {
	Method string   // any letter case; empty means GET
	URL    *url.URL // from ParseURL
	Header Header   // as set by the page; forbidden names are ignored
	Origin string   // the page's origin, from ParseOrigin
	Page   string   // the page's address, for messages; empty means the root of Origin

	Mode        Mode        // empty means ModeCORS
	Credentials Credentials // empty means CredentialsSameOrigin
	Redirect    Redirect    // empty means RedirectFollow

	Body           bool   // the request has a body
	BodyType       string // the content type that the body brings along where Header has none
	Stream         bool   // the body is a ReadableStream, which cannot be sent twice
	XHR            bool   // sent by XMLHttpRequest; changes only the browser's message
	UploadListener bool   // an upload listener is registered, which forces a preflight

	// PageSpace is the address space of the page, for Local Network Access.
	// SpaceUnknown disables the check. Spaces has the address spaces of
	// servers, by origin; of those that are missing, the host name has to tell.
	PageSpace Space
	Spaces    map[string]Space
	// CORSOnly leaves out mixed content and Local Network Access, which depend
	// on the page and its user, not on the server.
	CORSOnly bool
	// LocalNetworkDenied says that the user refused the page access to the
	// local network.
	LocalNetworkDenied bool
}

// Response is a response as it came, before any check.
type Response struct {
	Status int
	Header Header // one field per line, in the order of the lines
}

// Message is a request that the browser sends. It holds the headers that the
// protocol decides about; the caller adds those of its own connection.
type Message struct {
	Preflight   bool
	Method      string
	URL         *url.URL
	Header      Header
	Credentials bool // cookies, client certificates and HTTP authentication go along
	CrossSite   bool // of cookies, SameSite=None ones only: a redirect came from another site
	Body        bool
}

// Check is one decision on the way, for a reader.
type Check struct {
	OK      bool
	Title   string  // "preflight", "response", or what else is looked at
	Detail  string  // "Access-Control-Allow-Origin is *"
	Section Section // where the standard says so
}

// Verdict is how a fetch ends.
type Verdict struct {
	Allowed bool
	Opaque  bool     // a no-cors response, which JavaScript cannot look into
	Status  int      // of the last response; 0 if none came
	Sent    bool     // the request itself was sent, not only its preflight
	Read    []string // names of the response headers that JavaScript can read, lower case, sorted

	// The rest says why it was blocked.
	Reason    Reason
	Preflight bool     // the deciding response answered a preflight
	Header    string   // the header that decided; empty if none did
	Value     string   // that header's value as it came
	Present   bool     // that header came at all
	Param     string   // the method, header name, location or address space in question
	Missing   []string // all header names that Access-Control-Allow-Headers lacks; Param is the first
	Origin    string   // the Origin header of the deciding request; "null" after some redirects
	URL       *url.URL // of the deciding request
	Section   Section
}

// Step is what happens after the responses so far: either Send or Verdict is
// set.
type Step struct {
	Checks  []Check
	Send    *Message
	Verdict *Verdict
}

// Next reports what the browser does for r after it has received the
// responses got, which answer the messages of the steps before, oldest first.
// It starts from the beginning each time, so it keeps no state.
func (e Engine) Next(r Request, got []Response) Step {
	w := walk{engine: e, request: r.withDefaults(), got: got}
	w.run()
	return w.step
}

func (r Request) withDefaults() Request {
	if r.Method == "" {
		r.Method = "GET"
	}
	if r.Mode == "" {
		r.Mode = ModeCORS
	}
	if r.Credentials == "" {
		r.Credentials = CredentialsSameOrigin
	}
	if r.Redirect == "" {
		r.Redirect = RedirectFollow
	}
	if r.Page == "" {
		r.Page = r.Origin + "/"
	}
	return r
}

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
		return w.block(Verdict{Reason: InvalidMethod, Param: r.Method, Section: SectionMethods})
	case IsForbiddenMethod(r.Method):
		return w.block(Verdict{Reason: ForbiddenMethod, Param: r.Method, Section: SectionMethods})
	case r.Mode == ModeNoCORS && !IsSafelistedMethod(w.method):
		return w.block(Verdict{Reason: MethodNotSimple, Param: r.Method, Section: SectionMethods})
	case r.URL.User != nil:
		return w.block(Verdict{Reason: URLContainsCredentials, Section: SectionRequest})
	case r.Body && (w.method == "GET" || w.method == "HEAD"):
		return w.block(Verdict{Reason: BodyNotAllowed, Param: w.method, Section: SectionRequest})
	}
	for _, f := range r.Header {
		f.Value = trimHTTPSpace(f.Value)
		switch {
		case !isToken(f.Name):
			return w.block(Verdict{Reason: InvalidHeader, Param: f.Name, Section: SectionHeaders})
		case !isHeaderValue(f.Value):
			return w.block(Verdict{Reason: InvalidHeader, Param: f.Name, Section: SectionHeaders})
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
		w.pass("same origin", "CORS does not apply", SectionMainFetch)
	case r.Mode == ModeSameOrigin:
		return w.block(Verdict{Reason: DisallowedByMode, Section: SectionMainFetch})
	case r.Mode == ModeNoCORS && r.Redirect != RedirectFollow:
		return w.block(Verdict{Reason: ModeNeedsFollow, Section: SectionMainFetch})
	case r.Mode == ModeNoCORS:
		w.tainting = taintingOpaque
		w.pass("no-cors", "the request is sent, but JavaScript cannot read the response", SectionMainFetch)
	default:
		if w.tainting == taintingBasic {
			w.pass("cross-origin", OriginOf(w.url)+" is not the page's origin", SectionMainFetch)
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
		return w.block(Verdict{Reason: RedirectRefused, Header: "Location", Value: location, Present: present, Section: SectionRedirect})
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
		w.pass("no preflight", w.method+" with these headers goes out at once", SectionMainFetch)
		return true
	}
	w.forced = true
	texts := make([]string, len(why))
	for i, cause := range why {
		texts[i] = cause.String()
	}
	w.pass("preflight needed", strings.Join(texts, "; "), SectionMainFetch)

	origin := w.preflightOrigin()
	key := fmt.Sprint(w.url, origin, w.method, names)
	if slices.Contains(w.preflighted, key) {
		w.pass("preflight", "cached", SectionPreflight)
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
	w.pass("preflight", statusText(response.Status), SectionPreflight)
	if !IsSafelistedMethod(w.method) {
		w.pass("preflight", describe("Access-Control-Allow-Methods", response.Header), SectionPreflight)
	}
	if len(names) > 0 {
		w.pass("preflight", describe("Access-Control-Allow-Headers", response.Header), SectionPreflight)
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

// origin is the serialised request origin.
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
	failed := Verdict{Header: "Location", Value: location, Present: true, Section: SectionRedirect}
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
	detail := statusText(status) + " to " + to.String()
	if w.tainted {
		detail += "; from here on Origin is null"
	}
	w.pass("redirect", detail, SectionRedirect)
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
	return w.block(Verdict{Reason: InvalidRedirect, Header: "Location", Value: strings.Join(lines, ", "), Present: true, Section: SectionRedirect})
}

// locations returns where a response redirects to: nothing if it does not, and
// several lines if it is not clear.
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
	w.pass(title, describe("Access-Control-Allow-Origin", h), SectionCORSCheck)
	if w.request.Credentials == CredentialsInclude {
		w.pass(title, describe("Access-Control-Allow-Credentials", h), SectionCORSCheck)
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
