package fetch

import (
	"net/url"
	"strings"
)

// Cookie is a cookie as the server set it.
type Cookie struct {
	Name        string
	Value       string
	SameSite    string // "lax", "strict", "none"; empty where the server gave none
	Secure      bool
	HTTPOnly    bool
	Partitioned bool
}

// ParseCookie reads a Set-Cookie value. It reports false for one without a
// name.
func ParseCookie(line string) (Cookie, bool) {
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, found := strings.Cut(pair, "=")
	c := Cookie{Name: strings.Trim(name, " \t"), Value: strings.Trim(value, " \t")}
	if !found || c.Name == "" {
		return Cookie{}, false
	}
	for attribute := range strings.SplitSeq(attributes, ";") {
		key, value, _ := strings.Cut(attribute, "=")
		switch strings.ToLower(strings.Trim(key, " \t")) {
		case "secure":
			c.Secure = true
		case "httponly":
			c.HTTPOnly = true
		case "partitioned":
			c.Partitioned = true
		case "samesite":
			switch s := strings.ToLower(strings.Trim(value, " \t")); s {
			case "lax", "strict", "none":
				c.SameSite = s
			}
		}
	}
	return c, true
}

// CookieProblem says why a fetch neither stores nor sends a cookie. It is empty if
// the fetch does both.
type CookieProblem string

// The problems, as they are shown to the user.
const (
	CookieCredentials CookieProblem = "the request is made without credentials; write fetch(url, {credentials: \"include\"})"
	CookieInsecure    CookieProblem = "it is Secure, and the API is called by plain http"
	CookieNoneSecure  CookieProblem = "SameSite=None needs Secure"
	CookiePartition   CookieProblem = "Partitioned needs Secure"
	CookiePrefix      CookieProblem = "its name begins with __Secure- or __Host-, which needs Secure"
	CookieStrict      CookieProblem = "it is SameSite=Strict, and the page is on another site than the API"
	CookieLax         CookieProblem = "it is SameSite=Lax, and the page is on another site than the API"
	CookieDefaultLax  CookieProblem = "without SameSite it counts as Lax, and the page is on another site than the API"
	CookieThirdParty  CookieProblem = "it is not Partitioned, and browsers that block third-party cookies drop it"
)

// CheckCookie reports why a cookie does not work between a page and an API.
// CookieThirdParty is a warning: with third-party cookies allowed, the cookie
// works.
func (e Engine) CheckCookie(c Cookie, origin string, u *url.URL, credentials Credentials) CookieProblem {
	sameSite := e.SameSite(origin, u)
	switch {
	case credentials == CredentialsOmit, credentials != CredentialsInclude && origin != OriginOf(u):
		return CookieCredentials
	case c.Partitioned && !c.Secure:
		return CookiePartition
	case c.SameSite == "none" && !c.Secure:
		return CookieNoneSecure
	case !c.Secure && hasCookiePrefix(c.Name):
		return CookiePrefix
	case c.Secure && !IsTrustworthy(u):
		return CookieInsecure
	case sameSite:
		return ""
	case c.SameSite == "strict":
		return CookieStrict
	case c.SameSite == "lax":
		return CookieLax
	case c.SameSite == "" && !e.UnsetSameSiteIsNone:
		return CookieDefaultLax
	case !c.Partitioned:
		return CookieThirdParty
	}
	return ""
}

func hasCookiePrefix(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "__secure-") || strings.HasPrefix(name, "__host-")
}
