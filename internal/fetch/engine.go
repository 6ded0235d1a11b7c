package fetch

import "time"

// Engine is the standard or a browser engine. Each field is one difference from the
// standard that was seen in a real browser.
type Engine struct {
	Name string

	// WildcardCoversAuthorization: Access-Control-Allow-Headers: * lets
	// Authorization through. The standard wants it listed by name; Chromium
	// and Firefox only warn.
	WildcardCoversAuthorization bool

	// PreflightKeepsOrigin: a preflight behind a redirect between origins
	// carries the page's origin, where the standard says null.
	PreflightKeepsOrigin bool

	// PreflightRedirectFirst: a redirected preflight is reported as such
	// before its Access-Control-Allow-Origin is checked.
	PreflightRedirectFirst bool

	// RedirectErrorLast: redirect: "error" is checked after everything else that
	// stops a redirect, and not at all without a Location.
	RedirectErrorLast bool

	// MethodsBeforeHeaders: the method is checked before
	// Access-Control-Allow-Headers is parsed, so a syntax error there is not
	// the reason that is reported.
	MethodsBeforeHeaders bool

	// SkipsEmptyLines: of several lines of a response header, the empty ones do
	// not count.
	SkipsEmptyLines bool

	// CountsOriginLines: only several lines named Access-Control-Allow-Origin,
	// in just this letter case, are reported as several values. A list in one
	// line is reported as a mismatch, and over HTTP/2, where names are in lower
	// case, so are several lines.
	CountsOriginLines bool

	// JoinsRepeatedHeaders: a request header that the page set twice is judged
	// as one with both values joined.
	JoinsRepeatedHeaders bool

	// RepeatsNames: a request header that the page set twice is named twice in
	// Access-Control-Request-Headers.
	RepeatsNames bool

	// NonASCIIUnsafe: bytes from 0x80 are unsafe in Accept and Content-Type.
	NonASCIIUnsafe bool

	// RangeBits is the size of the integers that a Range header may hold; a
	// larger number makes the header unsafe. 0 means any size.
	RangeBits int

	// DropsUserAgent: a User-Agent that the page sets is ignored.
	DropsUserAgent bool

	// EmptyLocationIgnored: a redirect status with an empty Location is not a
	// redirect. The standard says it leads to the same URL.
	EmptyLocationIgnored bool

	// PreflightAsAtFirst: whether a request needs a preflight behind a
	// redirect is decided by the headers it had at first, and by whether it
	// needed one before. A header that a redirect removed is back after the
	// next one.
	PreflightAsAtFirst bool

	// UploadListenerNeedsBody: an upload listener forces a preflight only if there is
	// a body to upload.
	UploadListenerNeedsBody bool

	// NoTotalLimit: the standard's limit of 1,024 bytes for all safelisted
	// values together is not applied.
	NoTotalLimit bool

	// ClientHints: Save-Data, Device-Memory, DPR and the like are safelisted.
	ClientHints bool

	// LocalNetworkAccess: requests into the local network need the user's
	// permission.
	LocalNetworkAccess bool

	// LocalNetworkNeedsSecure: even with permission, only a secure page may
	// call the local network.
	LocalNetworkNeedsSecure bool

	// LocalNetworkByHTTP: a secure page with permission for the local network
	// may reach a private address by plain http, which is mixed content
	// otherwise.
	LocalNetworkByHTTP bool

	// EqualLocationsCount: several Location lines that are equal count as one.
	EqualLocationsCount bool

	// RedirectsIgnoredForSite: Lax and Strict cookies are sent to the page's own site
	// even behind a redirect from another site.
	RedirectsIgnoredForSite bool

	// NullAfterNoCORSRedirect: in mode no-cors, Origin is null after any
	// redirect to another origin.
	NullAfterNoCORSRedirect bool

	// RedirectNeverWithCredentials: a redirect to a URL with a user name or a
	// password fails even within the page's own origin.
	RedirectNeverWithCredentials bool

	// LocationFirst: a Location that is not a URL fails before the CORS check,
	// and also with redirect: "manual".
	LocationFirst bool

	// AddressesHaveNoSite: for Cross-Origin-Resource-Policy, an IP address is not on
	// the same site as itself.
	AddressesHaveNoSite bool

	// SchemelessSite: for cookies, http and https pages of one registrable domain are
	// same-site.
	SchemelessSite bool

	// UnsetSameSiteIsNone: a cookie without SameSite is also sent across sites.
	// Otherwise, it counts as Lax.
	UnsetSameSiteIsNone bool

	// MaxAgeLimit caps Access-Control-Max-Age; 0 means no limit.
	MaxAgeLimit time.Duration
}

// Standard is the Fetch standard to the letter.
func Standard() Engine {
	return Engine{Name: "Fetch standard"}
}

// Chromium is Chromium 156: Chrome, Edge, Opera and the other browsers built
// on it.
func Chromium() Engine {
	return Engine{
		Name:                         "Chromium",
		WildcardCoversAuthorization:  true,
		PreflightRedirectFirst:       true,
		LocationFirst:                true,
		AddressesHaveNoSite:          true,
		RedirectErrorLast:            true,
		RedirectsIgnoredForSite:      true,
		NullAfterNoCORSRedirect:      true,
		JoinsRepeatedHeaders:         true,
		ClientHints:                  true,
		RangeBits:                    63,
		DropsUserAgent:               true,
		EmptyLocationIgnored:         true,
		LocalNetworkAccess:           true,
		LocalNetworkByHTTP:           true,
		LocalNetworkNeedsSecure:      true,
		EqualLocationsCount:          true,
		RedirectNeverWithCredentials: true,
		UploadListenerNeedsBody:      true,
		MaxAgeLimit:                  2 * time.Hour,
	}
}

// Firefox is Firefox 153.
func Firefox() Engine {
	return Engine{
		Name:                        "Firefox",
		WildcardCoversAuthorization: true,
		PreflightKeepsOrigin:        true,
		MethodsBeforeHeaders:        true,
		SkipsEmptyLines:             true,
		CountsOriginLines:           true,
		RepeatsNames:                true,
		NonASCIIUnsafe:              true,
		RangeBits:                   64,
		EqualLocationsCount:         true,
		LocalNetworkAccess:          true,
		SchemelessSite:              true,
		UnsetSameSiteIsNone:         true,
		PreflightAsAtFirst:          true,
		NoTotalLimit:                true,
		MaxAgeLimit:                 24 * time.Hour,
	}
}

// WebKit is Safari, as far as the package knows it: only the limit of the preflight
// cache differs from the standard.
func WebKit() Engine {
	return Engine{Name: "WebKit", MaxAgeLimit: 10 * time.Minute}
}
