package main

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"example.com/api/internal/fetch"
)

// fix is the change that makes a blocked request succeed.
type fix struct {
	Text    string   // what to change, in a sentence
	Server  string   // of the lines: one of serverNames, or empty if unknown
	Guessed bool     // the server is a guess by the response
	Where   string   // where the lines belong
	Lines   []string // what to write; the response headers if the server is unknown
	Note    string   // what else to know
}

func serverNames() []string {
	return []string{"api", "nginx", "caddy", "express", "fastapi", "spring"}
}

// need is what the server must allow.
type need struct {
	origin      string
	method      string   // empty if it needs no listing
	others      []string // methods that are listed already
	headers     []string
	credentials bool
}

// preflight reports whether the request needs one.
func (n need) preflight() bool { return n.method != "" || len(n.headers) > 0 }

// methods is the value of Access-Control-Allow-Methods.
func (n need) methods() string {
	all := []string{"GET", "HEAD", "POST"}
	for _, method := range append(slices.Clone(n.others), n.method) {
		if method != "" && !slices.Contains(all, method) {
			all = append(all, method)
		}
	}
	return strings.Join(all, ", ")
}

func fixFor(r result, o outcome, server string) fix {
	v := o.Verdict
	guessed := server == ""
	if guessed {
		server = guessServer(o)
	}
	n := need{origin: v.Origin, credentials: r.Request.Credentials == fetch.CredentialsInclude}
	if m := fetch.NormalizeMethod(methodOf(r.Request)); !fetch.IsSafelistedMethod(m) {
		n.method = m
	}
	n.headers = fetch.Standard().UnsafeHeaderNames(r.Request.Header)
	f := fix{Server: server, Guessed: guessed && server != ""}
	withCredentials := ""
	if n.credentials && lastValue(o, "Access-Control-Allow-Credentials") != "true" {
		withCredentials = ", together with Access-Control-Allow-Credentials: true"
	}
	if !n.credentials && lastValue(o, "Access-Control-Allow-Origin") == "*" {
		n.origin = "*" // which is not what blocks the request
	}

	switch v.Reason {
	case fetch.MissingAllowOrigin, fetch.AllowOriginMismatch, fetch.InvalidAllowOrigin:
		f.Text = "have the server send Access-Control-Allow-Origin: " + n.origin + withCredentials
		f.Lines = lines(server, v.Reason, n)
		switch {
		case n.origin == "null" && r.Request.Origin != "null":
			f.Text = "call the final URL, " + withoutUser(v) + ", without the redirect. Behind a redirect from one origin to another, the browser sends Origin: null"
			f.Lines = nil
		case n.origin == "null":
			f.Text = "load the page from a server. A file, a sandboxed frame and a data: URL have no origin, and a server that allows null allows every site"
			f.Lines = nil
		case v.Status == http.StatusForbidden && lastDetail(o) != "": // which says it
		case v.Status == http.StatusForbidden:
			f.Note = "The server returned 403 Forbidden, as servers do for an origin that they do not know."
		case v.Preflight && v.Status >= 300:
			f.Note = fmt.Sprintf("The response to the preflight was %s: perhaps the route does not know OPTIONS, or something in front of the CORS code (sign-in, rate limit, redirect) responds first.", fetch.StatusText(v.Status))
		case !v.Preflight && v.Status >= 400:
			f.Note = fmt.Sprintf("The response is an error, %s. Error responses need the CORS headers too.", fetch.StatusText(v.Status))
		}
	case fetch.WildcardOriginNotAllowed:
		f.Text = "have the server send Access-Control-Allow-Origin: " + n.origin + " instead of *" + withCredentials + ", or make the request without credentials"
		f.Lines = lines(server, v.Reason, n)
	case fetch.MultipleAllowOrigin:
		f.Text = "set Access-Control-Allow-Origin in one place only, to " + n.origin + ". Often the application and a proxy both set it"
		f.Lines = lines(server, v.Reason, n)
	case fetch.InvalidAllowCredentials:
		f.Text = "have the server send Access-Control-Allow-Credentials: true, or make the request without credentials"
		f.Lines = lines(server, v.Reason, n)
	case fetch.PreflightInvalidStatus:
		f.Text = "have the server respond to the preflight with 204, before sign-in, rate limits and routing. A preflight carries no cookie and no Authorization"
		f.Lines = lines(server, v.Reason, n)
	case fetch.PreflightDisallowedRedirect:
		f.Text = "in the page, call the URL that needs no redirect" + redirectHint(v, r)
	case fetch.MethodDisallowed, fetch.InvalidAllowMethods:
		f.Text = "have the server " + addTo(v, v.Param)
		n.others = listed(v)
		if v.Reason == fetch.InvalidAllowMethods {
			f.Text = "have the server write Access-Control-Allow-Methods as names with commas between them, for example GET, POST, PUT"
		}
		f.Lines = lines(server, v.Reason, n)
		if upper := strings.ToUpper(n.method); upper != n.method {
			f.Text = fmt.Sprintf("write method: %q, in upper case; browsers do not change %q", upper, n.method)
			f.Lines = nil
		}
	case fetch.HeaderDisallowed, fetch.InvalidAllowHeaders:
		if v.Reason == fetch.HeaderDisallowed {
			n.headers = v.Missing
		}
		f.Text = "have the server " + addTo(v, strings.Join(n.headers, ", "))
		if v.Reason == fetch.InvalidAllowHeaders {
			f.Text = "have the server write Access-Control-Allow-Headers as names with commas between them"
		}
		n.headers = append(listed(v), n.headers...)
		f.Lines = lines(server, v.Reason, n)
		if slices.ContainsFunc(n.headers, func(name string) bool { return strings.HasPrefix(name, "access-control-") }) {
			f.Text = "remove the Access-Control-* headers from the request; only the server sends them"
			f.Lines = nil
		}
	default:
		f.Text = pageFix(v, r)
	}
	if len(f.Lines) > 0 {
		f.Where = where(server, n)
	}
	return f
}

// addTo returns the advice to add names to the list that lacks them.
func addTo(v fetch.Verdict, names string) string {
	if len(listed(v)) > 0 {
		return "add " + names + " to " + v.Header
	}
	return "list " + names + " in " + v.Header
}

// listed returns the names in the list that decided, so that the lines of the
// fix keep them. Only names that need no quoting are kept.
func listed(v fetch.Verdict) []string {
	var names []string
	for name := range strings.SplitSeq(v.Value, ",") {
		name = strings.TrimSpace(name)
		if v.Header == "Access-Control-Allow-Headers" {
			name = strings.ToLower(name)
		}
		odd := func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
		}
		if name != "" && !strings.ContainsFunc(name, odd) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// lastValue is the value of a header in the last response.
func lastValue(o outcome, name string) string {
	if len(o.Exchanges) == 0 {
		return ""
	}
	value, _ := o.Exchanges[len(o.Exchanges)-1].Response.Header.Get(name)
	return value
}

// pageFix returns the fix for a problem that no header of the server can solve.
func pageFix(v fetch.Verdict, r result) string {
	switch v.Reason {
	case fetch.BadPort:
		return "run the server on another port"
	case fetch.MixedContent:
		return "call the API by https, or load the page by http while you develop"
	case fetch.InsecureLocalNetwork:
		return "serve the page by https; a public page that is not secure may not call the local network"
	case fetch.LocalNetworkDenied:
		return "allow access to the local network for the page in the browser's site settings"
	case fetch.RedirectContainsCredentials:
		return "have the server redirect to a URL without user name and password"
	case fetch.InvalidRedirect, fetch.DisabledScheme:
		return "have the server redirect to a valid http:// or https:// URL"
	case fetch.TooManyRedirects:
		return "break the redirect loop at the server"
	case fetch.RedirectRefused:
		return "call the final URL, or drop redirect: \"error\""
	case fetch.RedirectOfStream:
		return "call the final URL, or send a body that is not a stream"
	case fetch.URLContainsCredentials:
		return "send the user name and password in an Authorization header"
	case fetch.BlockedByResourcePolicy:
		return "use mode cors, and have the server send Access-Control-Allow-Origin: " + r.Request.Origin
	case fetch.DisallowedByMode, fetch.MethodNotSimple:
		return "use mode cors"
	case fetch.ModeNeedsFollow:
		return "use redirect: \"follow\" or mode cors"
	}
	return "change the request: " + v.Explain()
}

func withoutUser(v fetch.Verdict) string {
	u := *v.URL
	u.User = nil
	return u.String()
}

// redirectHint names the usual reasons for a redirect.
func redirectHint(v fetch.Verdict, r result) string {
	to, err := v.URL.Parse(v.Value)
	if err != nil || v.Value == "" {
		return ""
	}
	text := ", " + to.String()
	switch {
	case v.URL.Scheme == "http" && to.Scheme == "https":
		text += " (https from the start)"
	case to.Path == v.URL.Path+"/":
		text += " (with the trailing slash)"
	case to.Path+"/" == v.URL.Path:
		text += " (without the trailing slash)"
	case strings.Contains(strings.ToLower(to.Path), "login"), strings.Contains(strings.ToLower(to.Path), "signin"):
		return ". The redirect leads to a sign-in page: exempt OPTIONS from it, and return 401 instead of a redirect"
	}
	return text
}

// lines returns the change for one server. The lines are complete for the request, so
// that they can be copied.
func lines(server string, reason fetch.Reason, n need) []string {
	methods := n.methods()
	headers := strings.Join(n.headers, ", ")
	switch server {
	case "api":
		return apiLines(reason, n)
	case "nginx":
		return proxyLines(n, methods, headers, nginxSyntax)
	case "caddy":
		return proxyLines(n, methods, headers, caddySyntax)
	case "express":
		call := "app.use(cors({ origin: [" + strconv.Quote(n.origin) + "]"
		if n.origin == "*" {
			call = `app.use(cors({ origin: "*"` // in a list it is compared as it is
		}
		if n.credentials {
			call += ", credentials: true"
		}
		out := []string{"// before every route and before sign-in"}
		if !n.preflight() {
			return append(out, call+" }))")
		}
		out = append(out, call+",")
		if n.method != "" {
			out = append(out, "  methods: "+quoteList(methods)+",")
		}
		if headers != "" {
			out = append(out, "  allowedHeaders: "+quoteList(headers)+",")
		}
		return append(out, "}))")
	case "fastapi":
		out := []string{"app.add_middleware(CORSMiddleware,  # added last, so that it runs first", "    allow_origins=[" + strconv.Quote(n.origin) + "],"}
		if n.credentials {
			out = append(out, "    allow_credentials=True,")
		}
		if n.preflight() { // by default it allows GET alone
			out = append(out, "    allow_methods="+quoteList(methods)+",")
		}
		if headers != "" {
			out = append(out, "    allow_headers="+quoteList(headers)+",")
		}
		return append(out, ")")
	case "spring":
		out := []string{`registry.addMapping("/**")  // WebMvcConfigurer.addCorsMappings`, "    .allowedOrigins(" + strconv.Quote(n.origin) + ")"}
		if n.method != "" {
			out = append(out, "    .allowedMethods("+strings.Trim(quoteList(methods), "[]")+")")
		}
		if headers != "" {
			out = append(out, "    .allowedHeaders("+strings.Trim(quoteList(headers), "[]")+")")
		}
		if n.credentials {
			out = append(out, "    .allowCredentials(true)")
		}
		out[len(out)-1] += ";"
		if reason == fetch.PreflightInvalidStatus || reason == fetch.MissingAllowOrigin {
			out = append(out, "http.cors(withDefaults());  // with Spring Security, in the filter chain")
		}
		return out
	}
	return proxyLines(n, methods, headers, headerSyntax)
}

// where says where the lines of a server belong.
func where(server string, n need) string {
	switch server {
	case "api":
		return "In the environment or the .env of this project's server, then restart it"
	case "nginx":
		return "In nginx, in the location of the API"
	case "caddy":
		return "In the Caddyfile, in the site of the API"
	case "express":
		return "In Express, with the package cors"
	case "fastapi":
		return "In FastAPI, with fastapi.middleware.cors"
	case "spring":
		return "In Spring"
	}
	if n.preflight() {
		return "As headers of every response, and of a 204 to OPTIONS"
	}
	return "As headers of every response"
}

// apiLines are the settings of this project's server.
func apiLines(reason fetch.Reason, n need) []string {
	switch reason {
	case fetch.InvalidAllowCredentials:
		return []string{"CORS_ALLOW_CREDENTIALS=true"}
	case fetch.MethodDisallowed, fetch.InvalidAllowMethods:
		return []string{"CORS_ALLOWED_METHODS=GET,HEAD,POST,PUT,PATCH,DELETE" + unlessListed(n.method, "GET,HEAD,POST,PUT,PATCH,DELETE")}
	case fetch.HeaderDisallowed, fetch.InvalidAllowHeaders:
		line := "CORS_ALLOWED_HEADERS=Authorization,Content-Type,If-Match,X-Request-ID"
		for _, name := range n.headers {
			line += unlessListed(http.CanonicalHeaderKey(name), line[strings.Index(line, "=")+1:]) //nolint:modernize // each step reads the line so far
		}
		return []string{line}
	case fetch.WildcardOriginNotAllowed:
		return []string{"ALLOWED_ORIGINS=" + n.origin, "CORS_ALLOW_CREDENTIALS=true"}
	}
	return []string{"ALLOWED_ORIGINS=" + n.origin + "  # add it to the list, after a comma"}
}

func unlessListed(name, list string) string {
	if name == "" || slices.ContainsFunc(strings.Split(list, ","), func(s string) bool { return strings.EqualFold(s, name) }) {
		return ""
	}
	return "," + name
}

func headerSyntax(name, value string) string { return name + ": " + value }

func nginxSyntax(name, value string) string {
	return fmt.Sprintf("add_header %s %q always;", name, value)
}

func caddySyntax(name, value string) string {
	return fmt.Sprintf("header %s %q", name, value)
}

// proxyLines are the header lines of a proxy, and its response to preflights.
func proxyLines(n need, methods, headers string, write func(name, value string) string) []string {
	out := []string{write("Access-Control-Allow-Origin", n.origin), write("Vary", "Origin")}
	if n.credentials {
		out = append(out, write("Access-Control-Allow-Credentials", "true"))
	}
	if n.method != "" {
		out = append(out, write("Access-Control-Allow-Methods", methods))
	}
	if headers != "" {
		out = append(out, write("Access-Control-Allow-Headers", headers))
	}
	if n.method == "" && headers == "" {
		return out
	}
	switch {
	case strings.HasPrefix(out[0], "add_header"):
		return append(out, "if ($request_method = OPTIONS) { return 204; }")
	case strings.HasPrefix(out[0], "header"):
		return append(out, "@preflight method OPTIONS", "respond @preflight 204")
	}
	return out
}

func quoteList(list string) string {
	var out []string
	for item := range strings.SplitSeq(list, ", ") {
		out = append(out, strconv.Quote(item))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// guessServer guesses the server from its response headers, or returns "".
func guessServer(o outcome) string {
	for _, exchange := range slices.Backward(o.Exchanges) {
		h := exchange.Response.Header
		get := func(name string) string { v, _ := h.Get(name); return strings.ToLower(v) }
		server := get("Server")
		switch {
		case strings.Contains(get("X-Powered-By"), "express"):
			return "express"
		case strings.Contains(server, "uvicorn"), strings.Contains(server, "hypercorn"):
			return "fastapi"
		case server == "" && strings.HasPrefix(get("Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"):
			return "api"
		case strings.Contains(get("Vary"), "origin, access-control-request-method, access-control-request-headers") && get("X-Content-Type-Options") == "nosniff" && strings.HasPrefix(get("Cache-Control"), "no-cache, no-store"):
			return "spring"
		case strings.Contains(server, "nginx"), strings.Contains(server, "openresty"):
			return "nginx"
		case strings.Contains(server, "caddy"), strings.Contains(get("Via"), "caddy"):
			return "caddy"
		}
	}
	return ""
}

func statusLine(r reply) string {
	if r.Proto == "HTTP/2.0" {
		return fetch.StatusText(r.Status) + " (HTTP/2)"
	}
	return fetch.StatusText(r.Status)
}
