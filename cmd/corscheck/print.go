package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"example.com/api/internal/fetch"
)

// width is where lines are broken, in columns.
const width = 78

// maxShown bounds how much of a line of foreign text is printed, in bytes.
const maxShown = 600

// printer writes for people. Everything that it prints has been cleaned, so
// that no server can control the terminal.
type printer struct {
	w     io.Writer
	color bool
}

// useColor reports whether w is a terminal whose user wants color.
func useColor(w io.Writer, getenv func(string) string) bool {
	f, ok := w.(*os.File)
	if !ok || getenv("NO_COLOR") != "" || getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// clean makes foreign text safe to print: control characters, invisible and
// direction-changing characters and bytes that are not UTF-8 become escapes.
func clean(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if b.Len() > maxShown {
			b.WriteString("…")
			break
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == ' ' || unicode.IsGraphic(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		i += n
	}
	return b.String()
}

type ink string

// The colors that the printer uses.
const (
	plain  ink = ""
	green  ink = "32"
	red    ink = "31"
	yellow ink = "33"
	bold   ink = "1"
	faint  ink = "2"
)

func (p *printer) paint(c ink, text string) string {
	if !p.color || c == plain {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// line prints a line as it is, cleaned.
func (p *printer) line(c ink, text string) {
	fmt.Fprintln(p.w, p.paint(c, clean(text)))
}

func (p *printer) blank() { fmt.Fprintln(p.w) }

// wrapped prints text after a mark, broken at blanks, with the following lines
// indented below the first.
func (p *printer) wrapped(c ink, mark, text string) {
	indent := strings.Repeat(" ", utf8.RuneCountInString(mark))
	prefix := p.paint(c, mark)
	line := ""
	for word := range strings.FieldsSeq(clean(text)) {
		if line != "" && utf8.RuneCountInString(indent+line+" "+word) > width {
			fmt.Fprintln(p.w, prefix+line)
			prefix, line = indent, ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(p.w, prefix+line)
}

// report prints a result for people.
func (p *printer) report(r result, server string) {
	main := r.main()
	p.request(r.Request)
	p.blank()
	p.steps(main)
	p.blank()
	if main.Verdict.Allowed {
		p.allowed(r, main)
	} else {
		p.blocked(r, main, server)
	}
	for _, text := range differences(r) {
		p.blank()
		p.wrapped(yellow, "! ", text)
	}
}

// main is the outcome to tell about: that of a browser that blocks the request, if
// one does.
func (r result) main() outcome {
	if r.Chromium.Verdict.Allowed && !r.Firefox.Verdict.Allowed {
		return r.Firefox
	}
	return r.Chromium
}

// request prints the request, in two lines.
func (p *printer) request(r fetch.Request) {
	p.line(bold, fetch.NormalizeMethod(methodOf(r))+" "+r.URL.String())
	from := "from " + r.Origin
	if r.Origin == "null" {
		from = "from a page without an origin (null)"
	}
	switch r.Credentials {
	case fetch.CredentialsInclude:
		from += ", with credentials"
	case fetch.CredentialsOmit:
		from += ", credentials omitted"
	}
	if r.Mode == fetch.ModeNoCORS || r.Mode == fetch.ModeSameOrigin {
		from += ", mode " + string(r.Mode)
	}
	p.line(plain, from)
}

// steps prints checks and messages in the order in which they happened.
func (p *printer) steps(o outcome) {
	sent := 0
	messages := func(upTo int) {
		for ; sent < len(o.Exchanges) && o.Exchanges[sent].At <= upTo; sent++ {
			e := o.Exchanges[sent]
			line := fmt.Sprintf("%s %s: %s", e.Message.Method, e.Message.URL.RequestURI(), statusLine(e.Response))
			p.wrapped(faint, " → ", line)
		}
	}
	for i, check := range o.Checks {
		messages(i)
		text := check.Title
		if check.Detail != "" {
			text += ": " + check.Detail
		}
		if check.OK {
			p.wrapped(green, " ✓ ", text)
		} else {
			p.wrapped(red, " ✗ ", text)
		}
	}
	messages(len(o.Checks))
}

func (p *printer) allowed(r result, o outcome) {
	v := o.Verdict
	switch {
	case v.Opaque:
		p.wrapped(yellow, "SENT. ", "The response is opaque: JavaScript sees neither its status nor its body.")
	case v.Status >= 400:
		p.wrapped(green, "ALLOWED. ", fmt.Sprintf("JavaScript can read the response, which says %s.", fetch.StatusText(v.Status)))
	default:
		p.wrapped(green, "ALLOWED. ", "JavaScript can read the response.")
	}
	if detail := lastDetail(o); detail != "" && v.Status >= 400 {
		p.wrapped(plain, "  The server says: ", detail)
	}
	if !v.Opaque {
		if len(v.Read) > 0 {
			p.wrapped(plain, "  It can read: ", strings.Join(v.Read, ", "))
		}
		if hidden := hiddenHeaders(o); len(hidden) > 0 {
			p.wrapped(plain, "  Hidden: ", strings.Join(hidden, ", ")+" (Access-Control-Expose-Headers does not list them)")
		}
	}
	if age, ok := preflightAge(o); ok {
		p.wrapped(plain, "  Preflight cached: ", fmt.Sprintf("Chromium %s, Firefox %s, Safari %s",
			shown(fetch.Chromium().MaxAge(age)), shown(fetch.Firefox().MaxAge(age)), shown(fetch.WebKit().MaxAge(age))))
	}
	for _, line := range cookieLines(r, o) {
		c, mark := green, "  ✓ "
		if !line.ok {
			c, mark = yellow, "  ! "
		}
		p.wrapped(c, mark, line.text)
		if line.fix != "" {
			p.wrapped(bold, "    Fix: ", line.fix)
		}
	}
	if hint := signInHint(r, o); hint != "" {
		p.wrapped(yellow, "  ! ", hint)
	}
}

// signInHint says what to try if the API does not know the user and no cookie was
// given.
func signInHint(r result, o outcome) string {
	_, authorized := r.Request.Header.Get("Authorization")
	switch {
	case o.Verdict.Status != http.StatusUnauthorized || authorized || len(r.Cookies) > 0:
		return ""
	case r.Request.Credentials != fetch.CredentialsInclude:
		return "No cookie is sent, because the request is made without credentials. If the API knows its users by a cookie, write fetch(url, {credentials: \"include\"}), and add --credentials here."
	}
	return "No cookie was given. Add --cookie with the value of the server's Set-Cookie, attributes included, and the output says whether browsers send it."
}

func (p *printer) blocked(r result, o outcome, server string) {
	v := o.Verdict
	verdict := "JavaScript gets a TypeError."
	switch {
	case v.Sent && v.Preflight:
		verdict = "A redirect was followed, then its preflight failed. " + verdict
	case v.Preflight:
		verdict = "The preflight, the OPTIONS request in which the browser asks for permission, failed, so " + fetch.NormalizeMethod(methodOf(r.Request)) + " was not sent. " + verdict
	case v.Sent && v.Status >= 400:
		verdict = "The server responded with " + fetch.StatusText(v.Status) + ", but the page cannot see that. " + verdict
	case v.Sent:
		verdict = "The server has handled the request, but the page cannot see the response. " + verdict
	default:
		verdict = "Nothing was sent. " + verdict
	}
	p.wrapped(red, "BLOCKED. ", verdict)
	if detail := lastDetail(o); detail != "" {
		p.wrapped(plain, "  The server says: ", detail)
	}
	p.blank()

	f := fixFor(r, o, server)
	p.wrapped(bold, "Fix: ", f.Text)
	if f.Where != "" {
		where := f.Where
		if f.Guessed {
			where += " (guessed from the response; --server names another)"
		}
		p.wrapped(plain, "  ", where+":")
	}
	for _, line := range f.Lines {
		p.line(plain, "    "+line)
	}
	if f.Server == "" && len(f.Lines) > 0 {
		p.wrapped(faint, "  ", "--server "+strings.Join(serverNames(), "|")+" shows what to write in one of these.")
	}
	if f.Note != "" {
		p.wrapped(plain, "  ", f.Note)
	}
	p.blank()
	for _, o := range []struct{ name, text string }{
		{"Chromium prints", r.Chromium.Verdict.ChromiumMessage(r.Request)},
		{"Firefox prints", r.Firefox.Verdict.FirefoxMessage()},
		{v.Section.Title, v.Section.URL},
	} {
		if o.text != "" {
			p.line(bold, o.name)
			p.wrapped(plain, "  ", o.text)
		}
	}
}

// differences says where browsers differ, or depart from the standard.
func differences(r result) []string {
	var out []string
	word := func(v fetch.Verdict) string {
		if v.Allowed {
			return "allows it"
		}
		return "blocks it: " + v.Explain()
	}
	c, f := r.Chromium.Verdict, r.Firefox.Verdict
	switch {
	case c.Allowed != f.Allowed:
		out = append(out, fmt.Sprintf("Browsers differ. Chromium %s. Firefox %s.", word(c), word(f)))
	case r.Standard != nil && r.Standard.Verdict.Allowed != c.Allowed:
		out = append(out, fmt.Sprintf("The standard %s. Browsers do not follow it yet.", word(r.Standard.Verdict)))
	}
	target := r.Request.Spaces[fetch.OriginOf(r.Request.URL)]
	if c.Allowed && f.Allowed && target > r.Request.PageSpace && r.Request.PageSpace != fetch.SpaceUnknown {
		out = append(out, fmt.Sprintf("The API is in the %s network. Browsers ask the user for permission before they let a page from the %s network call it; without it, the console speaks of CORS, but no header helps.", target, r.Request.PageSpace))
	}
	return out
}

type cookieLine struct {
	ok   bool
	text string
	fix  string // empty if there is none, or the text says it
}

// cookieLines says of each cookie, given or set by the response, whether it
// works.
func cookieLines(r result, o outcome) []cookieLine {
	var lines []cookieLine
	say := func(c fetch.Cookie, verb string) {
		problem := fetch.Chromium().CheckCookie(c, r.Request.Origin, o.Verdict.URL, credentialsOf(r.Request))
		firefox := fetch.Firefox().CheckCookie(c, r.Request.Origin, o.Verdict.URL, credentialsOf(r.Request))
		switch {
		case problem == "" && firefox == "":
			lines = append(lines, cookieLine{ok: true, text: fmt.Sprintf("cookie %s is %s", c.Name, verb)})
		case problem == fetch.CookieThirdParty:
			lines = append(lines, cookieLine{text: fmt.Sprintf("cookie %s is %s only where third-party cookies are allowed: %s", c.Name, verb, problem)})
		case firefox == "" || firefox == fetch.CookieThirdParty:
			lines = append(lines, cookieLine{text: fmt.Sprintf("cookie %s is %s by Firefox, but not by Chromium: %s", c.Name, verb, problem)})
		default:
			lines = append(lines, cookieLine{text: fmt.Sprintf("cookie %s is not %s: %s", c.Name, verb, problem)})
		}
		lines[len(lines)-1].fix = cookieFix(problem, r.Request.Origin, o.Verdict.URL)
	}
	for _, c := range r.Cookies {
		say(c, "sent")
	}
	for _, e := range o.Exchanges {
		if e.Message.Preflight {
			continue
		}
		for _, line := range e.Response.Header.Lines("Set-Cookie") {
			if c, ok := fetch.ParseCookie(line); ok {
				say(c, "stored")
			}
		}
	}
	return lines
}

// cookieFix says what makes the cookie work, where its problem does not say it
// already.
func cookieFix(problem fetch.CookieProblem, origin string, api *url.URL) string {
	switch problem {
	case fetch.CookieStrict, fetch.CookieLax, fetch.CookieDefaultLax:
	case fetch.CookieThirdParty:
		return "add Partitioned"
	case fetch.CookieInsecure:
		return "call the API by https"
	default:
		return ""
	}
	page, err := url.Parse(origin)
	if err != nil || origin == "null" {
		return "load the page from a server"
	}
	if fetch.SpaceOfHost(page.Hostname()) == fetch.SpaceLoopback && fetch.SpaceOfHost(api.Hostname()) == fetch.SpaceLoopback {
		same := *api
		same.Host = page.Hostname()
		if api.Port() != "" {
			same.Host += ":" + api.Port()
		}
		return "call the API under the host name of the page, " + fetch.OriginOf(&same) + "; to a browser localhost and 127.0.0.1 are two sites"
	}
	return "have the server set it with SameSite=None; Secure; Partitioned (SESSION_SAMESITE=none)"
}

func credentialsOf(r fetch.Request) fetch.Credentials {
	if r.Credentials == "" {
		return fetch.CredentialsSameOrigin
	}
	return r.Credentials
}

func methodOf(r fetch.Request) string {
	if r.Method == "" {
		return "GET"
	}
	return r.Method
}

// hiddenHeaders returns the headers of the last response that JavaScript
// cannot read and that a page may want.
func hiddenHeaders(o outcome) []string {
	if len(o.Exchanges) == 0 {
		return nil
	}
	var hidden []string
	for _, f := range o.Exchanges[len(o.Exchanges)-1].Response.Header {
		name := strings.ToLower(f.Name)
		switch {
		case slices.Contains(o.Verdict.Read, name), slices.Contains(hidden, name), strings.HasPrefix(name, "access-control-"),
			strings.HasPrefix(name, "cross-origin-"), name == "set-cookie":
			continue
		}
		switch name {
		case "vary", "date", "server", "connection", "keep-alive", "content-security-policy", "strict-transport-security",
			"x-content-type-options", "x-frame-options", "referrer-policy", "x-xss-protection", "alt-svc", "via", "x-powered-by",
			"transfer-encoding", "accept-ranges", "permissions-policy":
			continue
		}
		hidden = append(hidden, name)
	}
	return hidden
}

// preflightAge returns the headers of the last preflight's response.
func preflightAge(o outcome) (fetch.Header, bool) {
	for _, exchange := range slices.Backward(o.Exchanges) {
		if exchange.Message.Preflight {
			return exchange.Response.Header, true
		}
	}
	return nil, false
}

func lastDetail(o outcome) string {
	if len(o.Exchanges) == 0 {
		return ""
	}
	return o.Exchanges[len(o.Exchanges)-1].Response.Detail
}

func shown(d time.Duration) string {
	switch {
	case d == 0:
		return "not"
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
