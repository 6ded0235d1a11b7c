// Package pasted reads requests as people have them at hand: a curl command or
// a fetch() call copied from a browser, and a HAR file. Its input is text from
// anywhere, so each parser has limits and returns an error rather than a guess.
package pasted

import (
	"net/url"
	"strings"
)

// Call is a request as a page made it.
type Call struct {
	URL         string
	Origin      string // from Origin or Referer; empty if neither is there
	Method      string // empty if not given
	Headers     [][2]string
	Cookies     []string // "name=value"
	Body        string
	HasBody     bool
	Mode        string // as in fetch(); empty if not given
	Credentials string
	Redirect    string
}

// addHeader sorts a recorded header: some say how the request was made, some
// are the browser's own, and the rest were set by the page.
func (c *Call) addHeader(name, value string) {
	switch lower := strings.ToLower(name); lower {
	case "origin":
		c.Origin = value
	case "referer":
		c.setReferrer(value)
	case "cookie":
		for pair := range strings.SplitSeq(value, ";") {
			if pair = strings.TrimSpace(pair); pair != "" {
				c.Cookies = append(c.Cookies, pair)
			}
		}
		c.Credentials = "include"
	case "sec-fetch-mode":
		if value == "cors" || value == "no-cors" || value == "same-origin" {
			c.Mode = value
		}
	case "user-agent", "priority", "upgrade-insecure-requests", "x-client-data", "content-length", "host", "connection":
		// The browser's own; with "Disable cache" it adds the next two.
	case "pragma", "cache-control":
		if value != "no-cache" {
			c.Headers = append(c.Headers, [2]string{name, value})
		}
	default:
		if !strings.HasPrefix(name, ":") { // HTTP/2's pseudo-headers
			c.Headers = append(c.Headers, [2]string{name, value})
		}
	}
}

// setReferrer takes the origin of the page's address, unless Origin said it.
func (c *Call) setReferrer(page string) {
	if u, err := url.Parse(page); err == nil && u.Host != "" && c.Origin == "" {
		c.Origin = u.Scheme + "://" + u.Host
	}
}

func (c *Call) hasHeader(name string) bool {
	for _, h := range c.Headers {
		if strings.EqualFold(h[0], name) {
			return true
		}
	}
	return false
}
