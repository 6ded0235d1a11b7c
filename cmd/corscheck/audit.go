package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/publicsuffix"

	"example.com/api/internal/fetch"
)

// severity orders findings.
type severity int

const (
	low severity = iota
	medium
	high
)

func (s severity) String() string {
	return [...]string{"low", "medium", "high"}[s]
}

// finding is a mistake, how it shows, and what to change.
type finding struct {
	severity severity
	title    string
	evidence string
	fix      string
}

// probe is one harmless request of the audit.
type probe struct {
	origin  string // empty: a request that no page makes
	why     string // what is tried, for --dry-run
	message fetch.Message
	reply   reply
}

func (p probe) get(name string) string {
	value, _ := p.reply.Header.Get(name)
	return value
}

// allows reports whether the response lets its origin read it.
func (p probe) allows() bool {
	return fetch.Standard().CheckCORS(p.origin, fetch.CredentialsOmit, p.reply.Header) == nil
}

func (p probe) allowsCredentials() bool { return p.get("Access-Control-Allow-Credentials") == "true" }

// reflects reports whether the response names the probe's own origin.
func (p probe) reflects() bool { return p.get("Access-Control-Allow-Origin") == p.origin }

func (p probe) varies() bool {
	for _, line := range p.reply.Header.Lines("Vary") {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, "Origin") {
				return true
			}
		}
	}
	return false
}

// audit is the set of probes. It depends only on the options, so --dry-run lists
// exactly what is sent.
type audit struct {
	url    *url.URL
	origin string // the page's, if it was given

	plain          *probe // without Origin
	foreign        *probe // from an unrelated site
	foreignAsk     *probe // its preflight
	null           *probe
	hostile        []hostileProbe
	page, pageAsk  *probe // from the page, and its preflight
	missing, wrong *probe // from the page: 404 and 405
	slash          *probe // from the page: with, or without, the trailing slash
	probes         []*probe
}

// hostileProbe is an origin that a careless comparison lets in.
type hostileProbe struct {
	*probe
	severity severity // with credentials; without, it is low
	title    string
	fix      string
}

// attacker is a name that belongs to nobody (RFC 2606).
const attacker = "corscheck.example"

func newAudit(u *url.URL, origin string) *audit {
	a := &audit{url: u, origin: origin}
	add := func(why, method string, to *url.URL, from string, header ...fetch.Field) *probe {
		m := fetch.Message{Method: method, URL: to, Header: header}
		if from != "" {
			m.Header = append(m.Header, fetch.Field{Name: "Origin", Value: from})
		}
		p := &probe{origin: from, why: why, message: m}
		a.probes = append(a.probes, p)
		return p
	}
	ask := []fetch.Field{{Name: "Access-Control-Request-Method", Value: "PUT"}, {Name: "Access-Control-Request-Headers", Value: "authorization,content-type"}}

	a.plain = add("not from a page", "GET", u, "")
	a.foreign = add("an unrelated site", "GET", u, "https://"+attacker)
	a.foreignAsk = add("its preflight", "OPTIONS", u, "https://"+attacker, ask...)
	a.null = add("an opaque origin", "GET", u, "null")
	base := origin
	if base == "" || base == "null" {
		base = fetch.OriginOf(u)
	}
	for _, h := range hostileOrigins(base, u) {
		h.probe = add(h.title, "GET", u, h.probe.origin)
		a.hostile = append(a.hostile, h)
	}
	if origin == "" {
		return a
	}
	a.page = add("the page", "GET", u, origin)
	a.pageAsk = add("its preflight", "OPTIONS", u, origin, ask...)
	a.missing = add("a path that does not exist", "GET", below(u, "corscheck-does-not-exist"), origin)
	a.wrong = add("a method that does not exist", "CORSCHECK", u, origin)
	if slash := otherSlash(u); slash != nil {
		a.slash = add("the trailing slash", "GET", slash, origin)
	}
	return a
}

// below returns a URL one path segment below u.
func below(u *url.URL, name string) *url.URL {
	out := *u
	out.RawQuery, out.RawPath = "", ""
	out.Path = strings.TrimSuffix(out.Path, "/") + "/" + name
	return &out
}

// otherSlash returns u with the trailing slash that it lacks, or without the
// one that it has.
func otherSlash(u *url.URL) *url.URL {
	if u.Path == "/" {
		return nil
	}
	out := *u
	out.RawPath = ""
	if trimmed, had := strings.CutSuffix(u.Path, "/"); had {
		out.Path = trimmed
	} else {
		out.Path += "/"
	}
	return &out
}

// hostileOrigins lists origins that look like base. Each shows one mistake in the
// comparison of origins.
func hostileOrigins(base string, target *url.URL) []hostileProbe {
	b, err := url.Parse(base)
	if err != nil {
		return nil
	}
	const whole = "compare whole origins with a list, or anchor the pattern at both ends and escape its dots"
	host, port := b.Hostname(), ""
	if b.Port() != "" {
		port = ":" + b.Port()
	}
	var out []hostileProbe
	add := func(s severity, origin, title, fix string) {
		if origin != base {
			out = append(out, hostileProbe{&probe{origin: origin}, s, title, fix})
		}
	}
	if host != "localhost" {
		add(high, b.Scheme+"://"+host+"."+attacker, "an origin that begins like the page's", whole)
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		add(high, b.Scheme+"://corscheck"+domain, "an origin that ends like the page's", whole)
		add(medium, b.Scheme+"://corscheck."+domain, "any subdomain", "list the subdomains that you use: a forgotten one that somebody takes over could call the API")
		if sub, ok := strings.CutSuffix(host, "."+domain); ok {
			add(high, b.Scheme+"://"+sub+"x"+domain+port, "an origin in which a letter stands for a dot", "escape the dots in the pattern")
		}
		if b.Scheme == "https" {
			add(medium, "http://"+host, "the page's origin by plain http", "list the https origin only: anyone who controls the network can load a page of the http one")
		}
	} else {
		add(high, b.Scheme+"://corscheck"+host+port, "an origin that ends like the page's", whole)
		add(low, b.Scheme+"://"+host+":1", "every port of the host", "list the origin with its port")
	}
	if fetch.SpaceOfHost(target.Hostname()) != fetch.SpaceLoopback && fetch.SpaceOfHost(host) != fetch.SpaceLoopback {
		add(medium, "http://localhost:5173", "pages on localhost", "list localhost in development only: every program on a user's machine can serve a page there")
	}
	add(high, "http://localhost."+attacker, "an origin that begins with http://localhost", whole)
	return out
}

// runAudit looks for mistakes in the CORS policy of one URL.
func runAudit(ctx context.Context, o options, p *printer, stderr io.Writer) int {
	a := newAudit(o.url, o.request.Origin)
	if o.dryRun {
		p.line(plain, fmt.Sprintf("%d requests, none with credentials:", len(a.probes)))
		for _, probe := range a.probes {
			from := "no Origin"
			if probe.origin != "" {
				from = "Origin: " + probe.origin
			}
			p.line(plain, fmt.Sprintf("  %s %s", probe.message.Method, probe.message.URL))
			p.line(faint, fmt.Sprintf("      %s (%s)", from, probe.why))
		}
		return exitAllowed
	}
	c, err := newClient(o)
	if err != nil {
		fmt.Fprintf(stderr, "corscheck: %s\n", clean(err.Error()))
		return exitUsage
	}
	defer c.close()
	for _, probe := range a.probes {
		c.request = checkRequest{}
		c.request.Origin = probe.origin
		if probe.reply, err = c.send(ctx, probe.message); err != nil {
			return reportUnreachable(o, p, stderr, err)
		}
	}
	findings := a.findings()
	if o.json {
		return p.jsonFindings(findings)
	}
	p.line(bold, "Audit of "+o.url.String()+fmt.Sprintf(", %d requests", len(a.probes)))
	for _, f := range findings {
		p.blank()
		ink := yellow
		if f.severity == high {
			ink = red
		}
		p.wrapped(ink, strings.ToUpper(f.severity.String())+"  ", f.title)
		p.wrapped(plain, "  Seen: ", f.evidence)
		p.wrapped(plain, "  Fix: ", f.fix)
	}
	p.blank()
	if o.request.Origin == "" {
		p.wrapped(faint, "", "Add --origin with a page that may call, to check preflights and error responses too.")
	}
	if len(findings) == 0 {
		p.line(green, "Nothing found.")
		return exitAllowed
	}
	p.line(plain, fmt.Sprintf("Findings: %d.", len(findings)))
	return exitBlocked
}

// findings judges the replies, the most severe first.
func (a *audit) findings() []finding {
	var out []finding
	add := func(s severity, title, evidence, fix string) {
		out = append(out, finding{s, title, evidence, fix})
	}
	a.judgeOrigins(add)
	a.judgeVary(add)
	if a.page != nil {
		a.judgePage(add)
	}
	a.judgeHeaders(add)
	slices.SortStableFunc(out, func(x, y finding) int { return cmp.Compare(y.severity, x.severity) })
	return out
}

type adder func(s severity, title, evidence, fix string)

// evidence writes what a probe showed: its origin and the header that came.
func (p probe) evidence(names ...string) string {
	text := fmt.Sprintf("%s with Origin: %s", p.message.Method, p.origin)
	if p.origin == "" {
		text = p.message.Method + " without Origin"
	}
	for i, name := range names {
		separator := ", "
		if i == 0 {
			separator = " got "
		}
		if value, present := p.reply.Header.Get(name); present {
			text += separator + name + ": " + value
		} else {
			text += separator + "no " + name
		}
	}
	return text
}

const (
	allowOrigin      = "Access-Control-Allow-Origin"
	allowCredentials = "Access-Control-Allow-Credentials"
)

// judgeOrigins checks which origins the server allows.
func (a *audit) judgeOrigins(add adder) {
	fixed := a.fixedOrigin()
	switch {
	case a.foreign.get(allowOrigin) == "*" && a.foreign.get(allowCredentials) != "":
		add(medium, "Every origin is allowed by *, together with credentials: browsers reject the pair",
			a.foreign.evidence(allowOrigin, allowCredentials),
			"name the origin that asks, from a list (ALLOWED_ORIGINS), or leave Access-Control-Allow-Credentials out")
	case a.foreign.reflects(), a.foreignAsk.reflects():
		p := a.foreign
		if !p.reflects() {
			p = a.foreignAsk
		}
		s, title := medium, "Every origin is allowed: the server returns whatever origin the request has"
		fix := "compare the origin with a list (ALLOWED_ORIGINS), or send * if the data is public"
		if p.allowsCredentials() {
			s, title = high, "Every origin is allowed, with credentials: any site can read and change data as the signed-in user"
			fix = "compare the origin with a list (ALLOWED_ORIGINS)"
		}
		add(s, title, p.evidence(allowOrigin, allowCredentials), fix)
		return // the rest follows from it
	}
	if a.null.reflects() && fixed != "null" || fixed == "null" {
		s := medium
		if a.null.allowsCredentials() {
			s = high
		}
		add(s, "The origin null is allowed: any site can send it from a sandboxed frame", a.null.evidence(allowOrigin, allowCredentials), "remove null from the allowed origins")
	}
	for _, h := range a.hostile {
		if !h.reflects() || fixed == h.origin || h.origin == a.origin {
			continue
		}
		s := low
		if h.allowsCredentials() {
			s = h.severity
		}
		add(s, "The server allows "+h.title, h.evidence(allowOrigin, allowCredentials), h.fix)
	}
	if value := fixed; value != "" && value != "*" && value != "null" {
		if v := fetch.Standard().CheckCORS("https://"+attacker, fetch.CredentialsOmit, fetch.Header{{Name: allowOrigin, Value: value}}); v != nil {
			switch parsed, err := fetch.ParseOrigin(value); {
			case v.Reason == fetch.MultipleAllowOrigin:
				add(high, "Access-Control-Allow-Origin has several values; browsers allow exactly one", a.foreign.evidence(allowOrigin), "return the one origin of the request, if it is in the list; look for a second place that sets the header")
			case err != nil:
				add(high, "Access-Control-Allow-Origin is not an origin; no browser ever sends that", a.foreign.evidence(allowOrigin), "write scheme, host and port, for example https://app.example.com")
			case parsed != value:
				add(high, "Access-Control-Allow-Origin is never equal to what a browser sends", a.foreign.evidence(allowOrigin), "write "+parsed)
			}
		}
	}
	if !a.foreignAsk.allows() && a.foreignAsk.get("Access-Control-Allow-Methods") != "" {
		add(low, "The preflight of a disallowed origin is told the allowed methods and headers", a.foreignAsk.evidence(allowOrigin, "Access-Control-Allow-Methods"),
			"send no Access-Control-* header at all to an origin that is not allowed")
	}
}

// fixedOrigin returns the value of Access-Control-Allow-Origin if it is the same for
// every request, or "".
func (a *audit) fixedOrigin() string {
	value := a.plain.get(allowOrigin)
	if value == a.foreign.get(allowOrigin) && value == a.null.get(allowOrigin) {
		return value
	}
	if value = a.foreign.get(allowOrigin); value == a.null.get(allowOrigin) && value != "https://"+attacker {
		return value // sent only if the request has an Origin
	}
	return ""
}

// judgeVary looks for responses that a cache could hand to the wrong origin.
func (a *audit) judgeVary(add adder) {
	all := []*probe{a.plain, a.foreign, a.null}
	if a.page != nil {
		all = append(all, a.page)
	}
	differs := slices.ContainsFunc(all, func(p *probe) bool { return p.get(allowOrigin) != all[0].get(allowOrigin) })
	if !differs {
		return
	}
	for _, p := range all {
		if !p.varies() {
			add(medium, "Vary: Origin is missing: a cache may hand one origin's response to another", p.evidence("Vary"),
				"send Vary: Origin on every response, even if the origin is not allowed or there is none")
			return
		}
	}
	for _, p := range []*probe{a.missing, a.wrong} {
		if p != nil && p.allows() && !p.varies() {
			add(low, "Vary: Origin is missing on error responses", p.evidence("Vary"), "add to Vary instead of setting it; look for compression or error code that replaces it")
			return
		}
	}
}

// judgePage checks what the page needs.
func (a *audit) judgePage(add adder) {
	credentials := fetch.CredentialsOmit
	if a.page.allowsCredentials() || a.pageAsk.allowsCredentials() {
		credentials = fetch.CredentialsInclude
	}
	if v := fetch.Standard().CheckCORS(a.origin, fetch.CredentialsOmit, a.page.reply.Header); v != nil {
		v.Origin = a.origin
		add(high, "The page "+a.origin+" is not allowed: "+v.Explain(), a.page.evidence(allowOrigin), "add "+a.origin+" to the allowed origins (ALLOWED_ORIGINS)")
		if len(a.pageAsk.reply.Header.Lines(allowOrigin)) == 0 {
			return
		}
	}
	if value, present := a.page.reply.Header.Get(allowCredentials); present && value != "true" && value != "false" {
		add(medium, "Access-Control-Allow-Credentials is "+strconv.Quote(value)+"; only true, in lower case, counts", a.page.evidence(allowCredentials), "write true")
	}
	a.judgePreflight(add, credentials)

	for _, at := range []struct {
		p    *probe
		what string
	}{{a.missing, "an unknown path"}, {a.wrong, "an unknown method"}} {
		if a.page.allows() && !at.p.allows() && at.p.reply.Status >= 300 {
			add(medium, fmt.Sprintf("The error response for %s, %s, has no CORS headers: the page sees a network error instead", at.what, fetch.StatusText(at.p.reply.Status)),
				at.p.evidence(allowOrigin), "set the CORS headers first, before routing and error handling")
		}
	}
	if a.slash != nil && a.slash.reply.Status >= 300 && a.slash.reply.Status < 400 && a.slash.get("Location") != "" && (!a.slash.allows() || a.page.allows()) {
		s := low
		if !a.slash.allows() {
			s = medium
		}
		add(s, "The trailing slash is redirected: a preflight that is redirected always fails", a.slash.evidence(allowOrigin, "Location"),
			"serve both forms, or return 404 for one of them; in Gin, RedirectTrailingSlash = false")
	}
}

// judgePreflight checks the response to the page's preflight.
func (a *audit) judgePreflight(add adder, credentials fetch.Credentials) {
	p := a.pageAsk
	status := p.reply.Status
	switch {
	case status >= 300 && status < 400 && p.get("Location") != "":
		add(high, "The preflight is redirected, which browsers never follow", p.evidence("Location"), "respond to OPTIONS before any redirect")
		return
	case status == http.StatusUnauthorized || status == http.StatusProxyAuthRequired:
		add(high, "The preflight needs signing in, but carries no credentials", p.evidence()+" got "+fetch.StatusText(status), "respond to preflights before authentication")
		return
	case status == http.StatusTooManyRequests:
		add(high, "The preflight is rate-limited", p.evidence()+" got "+fetch.StatusText(status), "respond to preflights before the rate limit")
		return
	case status < 200 || status > 299:
		add(high, "The preflight fails with "+fetch.StatusText(status), p.evidence(allowOrigin), "respond to OPTIONS with 204 and the CORS headers, on every route")
		return
	}
	if v := fetch.Standard().CheckCORS(a.origin, fetch.CredentialsOmit, p.reply.Header); v != nil && a.page.allows() {
		v.Origin = a.origin
		add(high, "The preflight does not allow the page: "+v.Explain(), p.evidence(allowOrigin), "send the same Access-Control-Allow-Origin to preflights")
		return
	}
	for _, name := range []string{"Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Expose-Headers"} {
		from := p
		if name == "Access-Control-Expose-Headers" {
			from = a.page
		}
		if credentials == fetch.CredentialsInclude && hasElement(from.get(name), "*") {
			add(medium, name+" is *, which means nothing when credentials go along", from.evidence(name), "list the names, or return those that the preflight asks for")
		}
	}
	for name := range strings.SplitSeq(p.get("Access-Control-Allow-Headers"), ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if strings.HasPrefix(name, "access-control-") || name == "set-cookie" {
			add(low, "Access-Control-Allow-Headers lists "+name+", which no page sends", p.evidence("Access-Control-Allow-Headers"),
				"list request headers there; response headers belong into Access-Control-Expose-Headers")
			break
		}
	}
	if hasElement(a.page.get("Access-Control-Expose-Headers"), "Set-Cookie") {
		add(low, "Access-Control-Expose-Headers lists Set-Cookie, which no page can read", a.page.evidence("Access-Control-Expose-Headers"), "remove it")
	}
	if value, present := p.reply.Header.Get("Access-Control-Max-Age"); present {
		if seconds, err := strconv.Atoi(value); err != nil || seconds < 0 {
			add(low, "Access-Control-Max-Age is not a number of seconds", p.evidence("Access-Control-Max-Age"), "write whole seconds, for example 600")
		} else if seconds > 86400 {
			add(low, "Access-Control-Max-Age is longer than any browser keeps it", p.evidence("Access-Control-Max-Age"), "write at most 86400; Chromium keeps 7200 and Safari 600 seconds")
		}
	}
	for _, f := range p.reply.Header {
		if name := strings.ToLower(f.Name); strings.Contains(name, "ratelimit") {
			add(low, "Preflights count against the rate limit", p.evidence(f.Name), "respond to preflights before the rate limit")
			break
		}
	}
	if len(p.reply.Header.Lines("Set-Cookie")) > 0 {
		add(low, "The preflight's response sets a cookie, which browsers ignore", p.evidence("Set-Cookie"), "respond to preflights before sessions")
	}
}

func hasElement(list, want string) bool {
	return slices.ContainsFunc(strings.Split(list, ","), func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), want) })
}

// judgeHeaders checks security headers and cookies.
func (a *audit) judgeHeaders(add adder) {
	p := a.plain
	if a.page != nil {
		p = a.page
	}
	if !strings.EqualFold(p.get("X-Content-Type-Options"), "nosniff") {
		add(low, "X-Content-Type-Options: nosniff is missing", p.evidence("X-Content-Type-Options"), "send it on every response")
	}
	if p.get("X-Frame-Options") == "" && !strings.Contains(p.get("Content-Security-Policy"), "frame-ancestors") {
		add(low, "Other sites can show the response in a frame", p.evidence("X-Frame-Options", "Content-Security-Policy"), "send X-Frame-Options: DENY and Content-Security-Policy: frame-ancestors 'none'")
	}
	if a.url.Scheme == "https" && p.get("Strict-Transport-Security") == "" {
		add(low, "Strict-Transport-Security is missing", p.evidence("Strict-Transport-Security"), "send Strict-Transport-Security: max-age=31536000 by https")
	}
	for _, line := range p.reply.Header.Lines("Set-Cookie") {
		c, ok := fetch.ParseCookie(line)
		if !ok {
			continue
		}
		switch {
		case c.SameSite == "none" && !c.Secure:
			add(medium, "The cookie "+c.Name+" is SameSite=None without Secure: browsers drop it", p.evidence("Set-Cookie"), "add Secure")
		case a.url.Scheme == "https" && !c.Secure:
			add(medium, "The cookie "+c.Name+" is not Secure: it also goes out by plain http", p.evidence("Set-Cookie"), "add Secure")
		case !c.HTTPOnly:
			add(low, "The cookie "+c.Name+" is not HttpOnly: scripts can read it", p.evidence("Set-Cookie"), "add HttpOnly, unless a script needs it")
		}
	}
}
