// Package fetch is the CORS protocol of the Fetch standard
// (https://fetch.spec.whatwg.org) as pure functions. They take a request and the
// responses so far, and return what the browser does next. The package opens no
// connection and reads no clock, so thousands of cases can be compared with real
// browsers, and the code can be read next to the standard.
//
// Start with [Engine.Next]. Where Chromium or Firefox differs from the standard, an
// [Engine] has one field per difference.
package fetch

import "net/url"

// Mode is a request's mode, as passed to fetch().
type Mode string

// The modes that a page can ask for.
const (
	ModeCORS       Mode = "cors"
	ModeNoCORS     Mode = "no-cors"
	ModeSameOrigin Mode = "same-origin"
)

// Credentials is a request's credentials mode, as passed to fetch().
// XMLHttpRequest's withCredentials is CredentialsInclude.
type Credentials string

// The credentials modes. CredentialsSameOrigin is fetch()'s default.
const (
	CredentialsOmit       Credentials = "omit"
	CredentialsSameOrigin Credentials = "same-origin"
	CredentialsInclude    Credentials = "include"
)

// Redirect is a request's redirect mode, as passed to fetch().
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
	// SpaceUnknown disables the check. Spaces has the address spaces of servers, by
	// origin. For a server that it does not have, the host name decides.
	PageSpace Space
	Spaces    map[string]Space
	// CORSOnly leaves out mixed content and Local Network Access, which depend
	// on the page and its user, not on the server.
	CORSOnly bool
	// LocalNetworkDenied says that the user has denied the page access to the
	// local network.
	LocalNetworkDenied bool
}

// Response is a response as it arrived, before any check.
type Response struct {
	Status int
	Header Header // one field per line, in the order of the lines
}

// Message is a request that the browser sends. It has the headers that the protocol
// decides about; the caller adds those of its own connection.
type Message struct {
	Preflight   bool
	Method      string
	URL         *url.URL
	Header      Header
	Credentials bool // cookies, client certificates and HTTP authentication go along
	CrossSite   bool // of cookies, SameSite=None ones only: a redirect came from another site
	Body        bool
}

// Check is one of the browser's decisions, in words for a reader.
type Check struct {
	OK      bool
	Title   string  // what is checked, such as "preflight" or "response"
	Detail  string  // "Access-Control-Allow-Origin is *"
	Section Section // the section of the standard
}

// Verdict is how a fetch ends.
type Verdict struct {
	Allowed bool
	Opaque  bool     // a no-cors response, which JavaScript cannot look into
	Status  int      // of the last response; 0 if none came
	Sent    bool     // the request itself was sent, not only its preflight
	Read    []string // names of the response headers that JavaScript can read, lower case, sorted

	// The following fields say why it was blocked.
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

// Next returns what the browser does for r after it has received the responses got,
// which are those to the messages of the earlier steps, oldest first. It starts from
// the beginning each time, so it keeps no state.
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
