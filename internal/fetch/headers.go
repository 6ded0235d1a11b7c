package fetch

import (
	"slices"
	"strconv"
	"strings"
)

// Field is one header line.
type Field struct{ Name, Value string }

// Header is a list of header lines. Several lines may have the same name.
type Header []Field

// Lines returns the values of name's lines, in order.
func (h Header) Lines(name string) []string {
	var values []string
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values
}

// Get returns the values of name's lines joined by a comma and a space, and
// whether there is any line. This is how a browser reads a header: two
// Access-Control-Allow-Origin lines are one value that matches no origin.
func (h Header) Get(name string) (string, bool) {
	lines := h.Lines(name)
	return strings.Join(lines, ", "), len(lines) > 0
}

// get is like Get, but reads the header as the engine does.
func (e Engine) get(h Header, name string) (string, bool) {
	lines := h.Lines(name)
	if e.SkipsEmptyLines && len(lines) > 1 {
		lines = slices.DeleteFunc(lines, func(line string) bool { return line == "" })
		return strings.Join(lines, ", "), true
	}
	return strings.Join(lines, ", "), len(lines) > 0
}

func (h Header) without(names ...string) Header {
	return slices.DeleteFunc(slices.Clone(h), func(f Field) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, f.Name) })
	})
}

// joined returns h with one line per name, where the name first stood.
func (h Header) joined() Header {
	var out Header
	for _, f := range h {
		i := slices.IndexFunc(out, func(o Field) bool { return strings.EqualFold(o.Name, f.Name) })
		if i < 0 {
			out = append(out, f)
		} else {
			out[i].Value += ", " + f.Value
		}
	}
	return out
}

// maxSafelistedValue and maxSafelistedTotal are the standard's limits, in
// bytes, for one safelisted header value and for all of them together.
const (
	maxSafelistedValue = 128
	maxSafelistedTotal = 1024
)

// IsSafelistedRequestHeader reports whether a page may send the header across
// origins without a preflight (the standard's CORS-safelisted request-header).
func (e Engine) IsSafelistedRequestHeader(name, value string) bool {
	return e.whyUnsafe(name, value) == ""
}

// notSafelisted is the reason that needs no explanation.
const notSafelisted = "not a safelisted header"

// whyUnsafe returns why a header needs a preflight, or "" if it does not.
func (e Engine) whyUnsafe(name, value string) string {
	name = strings.ToLower(name)
	if !e.isSafelistedName(name) {
		return notSafelisted
	}
	if len(value) > maxSafelistedValue {
		return "its value is longer than 128 bytes"
	}
	switch name {
	case "accept":
		if e.hasUnsafeByte(value) {
			return "its value has a CORS-unsafe byte"
		}
	case "accept-language", "content-language":
		if strings.ContainsFunc(value, func(r rune) bool { return !isLanguageRune(r) }) {
			return "its value has a byte that language tags do not have"
		}
	case "content-type":
		if e.hasUnsafeByte(value) {
			return "its value has a CORS-unsafe byte"
		}
		switch essence(value) {
		case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
		default:
			return "only text/plain and the types of HTML forms need none"
		}
	case "range":
		if !e.isSimpleRange(value) {
			return "only one range with a start, as in bytes=0-99, needs none"
		}
	default:
		if !isClientHint(name, value) {
			return "its value does not have the form of this client hint"
		}
	}
	return ""
}

func (e Engine) isSafelistedName(name string) bool {
	switch name {
	case "accept", "accept-language", "content-language", "content-type", "range":
		return true
	case "save-data", "device-memory", "dpr", "width", "viewport-width", "rtt", "downlink", "ect":
		return e.ClientHints
	}
	return false
}

// isClientHint reports whether value has the form that Chromium safelists.
func isClientHint(name, value string) bool {
	switch name {
	case "save-data":
		return strings.EqualFold(value, "on")
	case "ect":
		return slices.Contains([]string{"slow-2g", "2g", "3g", "4g"}, value)
	case "width", "viewport-width", "rtt":
		return isDigits(value)
	}
	whole, fraction, dotted := strings.Cut(value, ".")
	return isDigits(whole) && (!dotted || isDigits(fraction))
}

// hasUnsafeByte reports whether value has a CORS-unsafe request-header byte.
func (e Engine) hasUnsafeByte(value string) bool {
	for i := range len(value) {
		b := value[i]
		if b >= 0x80 && e.NonASCIIUnsafe || b < 0x20 && b != '\t' || b == 0x7F || strings.IndexByte(`"():<>?@[\]{}`, b) >= 0 {
			return true
		}
	}
	return false
}

func isLanguageRune(r rune) bool {
	return '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || strings.ContainsRune(" *,-.;=", r)
}

// essence returns the type and subtype of a MIME type in lower case, or ""
// if value is not one (MIME Sniffing standard, "parse a MIME type").
func essence(value string) string {
	kind, rest, found := strings.Cut(trimHTTPSpace(value), "/")
	if !found || !isToken(kind) {
		return ""
	}
	subtype, _, _ := strings.Cut(rest, ";")
	subtype = strings.TrimRight(subtype, " \t\r\n")
	if !isToken(subtype) {
		return ""
	}
	return strings.ToLower(kind + "/" + subtype)
}

// isSimpleRange reports whether value is one byte range with a start.
func (e Engine) isSimpleRange(value string) bool {
	spec, ok := strings.CutPrefix(value, "bytes=")
	if !ok {
		return false
	}
	start, end, found := strings.Cut(spec, "-")
	if !found || !isDigits(start) {
		return false
	}
	if e.RangeBits > 0 {
		for _, number := range []string{start, end} {
			if _, err := strconv.ParseUint(number, 10, e.RangeBits); number != "" && err != nil {
				return false
			}
		}
	}
	return end == "" || isDigits(end) && !digitsGreater(start, end)
}

// digitsGreater compares decimal numbers of any length.
func digitsGreater(a, b string) bool {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

// UnsafeHeaderNames returns the names that Access-Control-Request-Headers
// lists: lower case, sorted (the standard's CORS-unsafe request-header names).
func (e Engine) UnsafeHeaderNames(h Header) []string {
	var unsafe, safe []string
	total := 0
	for _, f := range h {
		name := strings.ToLower(f.Name)
		if e.IsSafelistedRequestHeader(f.Name, f.Value) {
			safe = append(safe, name)
			total += len(f.Value)
		} else {
			unsafe = append(unsafe, name)
		}
	}
	if total > maxSafelistedTotal && !e.NoTotalLimit {
		unsafe = append(unsafe, safe...)
	}
	slices.Sort(unsafe)
	if e.RepeatsNames {
		return unsafe
	}
	return slices.Compact(unsafe)
}

// IsForbiddenRequestHeader reports whether browsers ignore a page's attempt to
// set the header.
func IsForbiddenRequestHeader(name, value string) bool {
	name = strings.ToLower(name)
	switch name {
	case "accept-charset", "accept-encoding", "access-control-request-headers", "access-control-request-method",
		"connection", "content-length", "cookie", "cookie2", "date", "dnt", "expect", "host", "keep-alive", "origin",
		"referer", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "via":
		return true
	case "x-http-method", "x-http-method-override", "x-method-override":
		for method := range strings.SplitSeq(value, ",") {
			if isForbiddenMethod(trimHTTPSpace(method)) {
				return true
			}
		}
	}
	return strings.HasPrefix(name, "proxy-") || strings.HasPrefix(name, "sec-")
}

// ExposedHeaders returns the names of the response headers that JavaScript can
// read across origins, lower case and sorted (the standard's CORS filtered
// response).
func ExposedHeaders(c Credentials, h Header) []string {
	exposed, _ := parseTokens(h, "Access-Control-Expose-Headers")
	all := c != CredentialsInclude && slices.Contains(exposed, "*")
	return slices.DeleteFunc(readableNames(h), func(name string) bool {
		return !all && !isSafelistedResponseHeader(name) &&
			!slices.ContainsFunc(exposed, func(e string) bool { return strings.EqualFold(e, name) })
	})
}

func isSafelistedResponseHeader(name string) bool {
	switch name {
	case "cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma":
		return true
	}
	return false
}

// readableNames returns h's names without those that no page may read.
func readableNames(h Header) []string {
	var names []string
	for _, f := range h {
		if name := strings.ToLower(f.Name); name != "set-cookie" && name != "set-cookie2" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// parseTokens reads a header that is a comma-separated list of tokens. If an
// element is not a token, it returns the first such element as bad and no tokens.
// Empty elements are skipped (RFC 9110, 5.6.1.2).
func parseTokens(h Header, name string) (tokens []string, bad string) {
	value, _ := h.Get(name)
	for element := range strings.SplitSeq(value, ",") {
		element = strings.Trim(element, " \t")
		if element == "" {
			continue
		}
		if !isToken(element) {
			return nil, element
		}
		tokens = append(tokens, element)
	}
	return tokens, ""
}

// isToken reports whether s is an HTTP token (RFC 9110, 5.6.2).
func isToken(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		b := s[i]
		if b <= ' ' || b >= 0x7F || strings.IndexByte(`"(),/:;<=>?@[\]{}`, b) >= 0 {
			return false
		}
	}
	return true
}

// isHeaderValue reports whether a browser accepts s as a header value.
func isHeaderValue(s string) bool {
	return !strings.ContainsAny(s, "\x00\r\n")
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func trimHTTPSpace(s string) string { return strings.Trim(s, " \t\r\n") }
