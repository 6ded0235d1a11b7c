package fetch

import (
	"net/netip"
	"net/url"
	"strings"
)

// CheckCORS is the standard's CORS check. It returns why a page on the origin may not
// read a response with the headers h, or nil if it may.
func (e Engine) CheckCORS(origin string, c Credentials, h Header) *Verdict {
	value, present := e.get(h, "Access-Control-Allow-Origin")
	failed := func(reason Reason) *Verdict {
		return &Verdict{
			Reason: reason, Header: "Access-Control-Allow-Origin", Value: value, Present: present,
			Param: value, Origin: origin, Section: sectionCORSCheck,
		}
	}
	switch {
	case !present:
		return failed(MissingAllowOrigin)
	case e.CountsOriginLines && originLines(h) > 1:
		return failed(MultipleAllowOrigin)
	case value == "*" && c != CredentialsInclude:
		return nil
	case value == "*":
		return failed(WildcardOriginNotAllowed)
	case value != origin:
		return failed(e.originMismatch(value))
	case c != CredentialsInclude:
		return nil
	}
	credentials, present := e.get(h, "Access-Control-Allow-Credentials")
	if credentials == "true" { // not "True", not "1"
		return nil
	}
	return &Verdict{
		Reason: InvalidAllowCredentials, Header: "Access-Control-Allow-Credentials", Value: credentials, Present: present,
		Param: credentials, Origin: origin, Section: sectionCORSCheck,
	}
}

// originMismatch returns the engine's name for the kind of mismatch.
func (e Engine) originMismatch(value string) Reason {
	if e.CountsOriginLines {
		return AllowOriginMismatch
	}
	switch {
	case strings.ContainsAny(value, " ,"):
		return MultipleAllowOrigin
	case value == "null":
		return AllowOriginMismatch
	case !looksLikeURL(value):
		return InvalidAllowOrigin
	}
	return AllowOriginMismatch
}

// originLines counts the lines whose name has exactly this spelling.
func originLines(h Header) int {
	n := 0
	for _, f := range h {
		if f.Name == "Access-Control-Allow-Origin" {
			n++
		}
	}
	return n
}

// looksLikeURL reports whether value has a scheme and, for http, a host.
func looksLikeURL(value string) bool {
	u, err := url.Parse(strings.TrimFunc(value, func(r rune) bool { return r <= ' ' }))
	if err != nil || u.Scheme == "" {
		return false
	}
	switch u.Scheme {
	case "http", "https", "ws", "wss", "ftp":
		_, err := normalizeHost(u.Hostname())
		return err == nil
	}
	return true
}

// checkResourcePolicy is the cross-origin resource policy check, which guards
// no-cors responses (Fetch, "cross-origin resource policy check").
func (e Engine) checkResourcePolicy(origin string, u *url.URL, h Header) *Verdict {
	value, present := h.Get("Cross-Origin-Resource-Policy")
	blocked := false
	switch value {
	case "same-origin":
		blocked = origin != OriginOf(u)
	case "same-site":
		page, err := url.Parse(origin)
		_, notAddress := netip.ParseAddr(u.Hostname())
		blocked = err != nil || notAddress == nil && e.AddressesHaveNoSite || site(page.Hostname()) != site(u.Hostname()) || page.Scheme != "https" && u.Scheme == "https"
	}
	if !blocked {
		return nil
	}
	return &Verdict{
		Reason: BlockedByResourcePolicy, Header: "Cross-Origin-Resource-Policy", Value: value, Present: present,
		Section: sectionResourcePolicy,
	}
}
