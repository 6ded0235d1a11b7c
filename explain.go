package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"golang.org/x/net/publicsuffix"

	"example.com/api/config"
	"example.com/api/internal/origin"
	"example.com/api/internal/ratelimit"
)

// columns is the width of what explain prints. A line for .env may be longer,
// because it must stay whole.
const columns = 80

// errRefused ends explain with status 1. What explain printed says why.
var errRefused = errors.New("refused")

// explain prints what the settings mean for the pages of an origin. It sends the
// requests of such a page through the server's own middleware, in memory, and
// prints the responses. It opens no port, no database and no Redis. The arguments
// are ORIGIN [METHOD PATH]; without the last two, it uses GET / as an example. The
// error is errRefused if a page on the origin cannot call, or if the call reaches
// no route.
func explain(s config.Settings, args []string, stdout io.Writer) error {
	if len(args) != 1 && len(args) != 3 || args[0] == "" || strings.HasPrefix(args[0], "-") {
		return fmt.Errorf("explain got the arguments %q: %w", args, errUsage)
	}
	value, method, path := args[0], http.MethodGet, "/"
	if len(args) == 3 {
		method, path = args[1], args[2]
	}
	page, mistake := origin.Parse(value)
	shown := value
	if mistake != nil {
		shown = strconv.QuoteToASCII(value) // no control characters for the terminal
	}
	api := apiOrigin(s, page)
	got, err := ask(s, api, value, method, path)
	if err != nil {
		return err
	}
	path = got.path
	access := got.access(s)
	isOwnHost := hostAndPort(page) == hostAndPort(api)
	refused := access == denied || len(args) == 3 && got.response.Code >= http.StatusBadRequest

	var out strings.Builder
	say := func(format string, values ...any) {
		out.WriteString(wrap(fmt.Sprintf(format, values...), "  ") + "\n")
	}
	sayLine := func(line string) {
		say("To allow it, write this line into .env (the environment takes precedence):")
		out.WriteString("\n" + line + "\n\n")
	}
	switch access {
	case denied:
		say("%s may not call this API.", shown)
		say("  %s", s.Origins.Why([]string{value}, hostAndPort(api)))
		if mistake == nil {
			mistake = checkEntry(s, value)
		}
		switch {
		case mistake != nil:
			say("It cannot be listed, because it %s.", mistake)
		case !isOwnHost: // for its own host, the reason names another setting
			sayLine("ALLOWED_ORIGINS=" + strings.Join(append(s.Origins.Entries(), value), ","))
		}
	case own:
		say("%s is this API's own origin, whose pages need no CORS headers.", shown)
	case public:
		say("%s may call this route, which is public.", shown)
	case listed:
		setting, entry := s.Origins.AllowedBy(value)
		say("%s may call this API: %s in %s allows it.", shown, entry, setting)
	}
	if len(args) == 3 {
		say("%s", describeRoute(got, method, path))
	}
	if access != own { // browsers send no preflight to the page's own origin
		preflight := got.preflight.Header()
		say("A preflight for %s with the header content-type gets %s:", method, status(got.preflight.Code))
		out.WriteString(corsHeaders(preflight))
		simple := []string{http.MethodGet, http.MethodHead, http.MethodPost}
		allowed := append(simple, strings.Split(preflight.Get("Access-Control-Allow-Methods"), ",")...)
		if got.route != nil && access != denied && !slices.Contains(allowed, method) {
			refused = true
			say("The browser stops here, because CORS_ALLOWED_METHODS lacks %s.", method)
			sayLine("CORS_ALLOWED_METHODS=" + strings.Join(append(slices.Clone(s.CORSMethods), method), ","))
		}
	}
	response := status(got.response.Code)
	if got.route != nil && access != denied {
		response = "the route's response"
	}
	say("%s %s gets %s:", method, path, response)
	out.WriteString(corsHeaders(got.response.Header()))
	switch {
	case access == own:
		say("Session cookie: %s. Browsers send it with every call.", got.cookie)
	case access == public:
		say("Session cookie: calls to public routes carry none.")
	case page.Host != "" && !(access == denied && isOwnHost):
		say("Session cookie: %s. %s", got.cookie, describeCookie(s, page, api))
	}
	for _, warning := range s.Warnings {
		say("Warning: %s.", warning)
	}
	if _, err := io.WriteString(stdout, out.String()); err != nil {
		return fmt.Errorf("explain: %w", err)
	}
	if refused {
		return errRefused
	}
	return nil
}

// answers are what the server responds to a page.
type answers struct {
	path                string // as it is sent, without a fragment
	route               *route // that the call matches; nil: none
	noOrigin            *httptest.ResponseRecorder
	preflight, response *httptest.ResponseRecorder
	cookie              string // the attributes of the session cookie
}

// accessKind says why a page may call, or that it may not.
type accessKind int

const (
	denied accessKind = iota
	own               // the page is this API's own, so browsers apply no CORS
	public            // any page may call the route
	listed            // a setting allows the origin
)

func (a answers) access(s config.Settings) accessKind {
	switch allowed := a.response.Header().Get("Access-Control-Allow-Origin"); {
	case allowed == "" && a.response.Code == http.StatusForbidden:
		return denied
	case allowed == "":
		return own
	case allowed == "*" && !s.Origins.AllowsAny():
		return public
	}
	return listed
}

// ask builds the router with handlers that only record their route, because the
// real ones may need the database.
func ask(s config.Settings, api origin.Origin, value, method, path string) (answers, error) {
	var got answers
	request, err := http.NewRequest(method, api.Scheme+"://"+hostAndPort(api)+path, nil)
	if err != nil || !strings.HasPrefix(path, "/") {
		return got, fmt.Errorf("explain cannot send %q to %q; write a method and a path, such as PUT /api/session: %w", method, path, errUsage)
	}
	got.path = request.URL.RequestURI()
	if api.Scheme == "https" {
		request.TLS = new(tls.ConnectionState)
	}
	log := slog.New(slog.DiscardHandler)
	sessions, err := newSessions(s, log)
	if err != nil {
		return got, err
	}
	p := parts{log: log, counters: ratelimit.NewMemory(2), sessions: sessions, draining: make(chan struct{})}
	table := routes(s, p)
	for i := range table {
		table[i].handler = func(*gin.Context) { got.route = &table[i] }
	}
	router, err := routerOf(s, p, table)
	if err != nil {
		return got, err
	}
	send := func(handler http.Handler, client string) *httptest.ResponseRecorder {
		request.RemoteAddr = client
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		return w
	}
	// Two clients, because a limit may be one request. The addresses are those of
	// documentation (RFC 5737), so that neither is a proxy.
	got.noOrigin = send(router, "192.0.2.1:1024") // finds the route even if CORS denies the origin
	request.Header.Set("Origin", value)
	got.response = send(router, "192.0.2.2:1024")
	request.Method = http.MethodOptions
	request.Header.Set("Access-Control-Request-Method", method)
	request.Header.Set("Access-Control-Request-Headers", "content-type")
	got.preflight = send(router, "192.0.2.2:1024")

	signIn := gin.New()
	signIn.POST("/", sessions.Create) // needs no database
	request = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"name":"guest"}`))
	request.Header.Set("Content-Type", "application/json")
	_, got.cookie, _ = strings.Cut(send(signIn, "").Header().Get("Set-Cookie"), "; ")
	return got, nil
}

// describeRoute says which route the call matches and what its limit is.
func describeRoute(got answers, method, path string) string {
	if got.route == nil {
		text := fmt.Sprintf("No route matches %s %s: the server responds with %s.", method, path, status(got.noOrigin.Code))
		if allow := got.noOrigin.Header().Get("Allow"); allow != "" {
			text += " The path supports " + allow + "."
		}
		return text
	}
	access := "not public"
	if got.route.public {
		access = "public"
	}
	text := fmt.Sprintf("The route is %s %s, which is %s. ", got.route.method, got.route.path, access)
	if rate, limited := got.route.limit.Rate(); limited {
		return fmt.Sprintf("%sIts limit is %s: %d requests per client in %.0f s.", text, got.route.limit, rate.Limit, rate.Period.Seconds())
	}
	return text + "It has no limit."
}

// describeCookie says whether pages on another origin can use the cookie.
func describeCookie(s config.Settings, page, api origin.Origin) string {
	const use = `allowed pages can use it with credentials: "include" in fetch.`
	switch {
	case !s.CORSCredentials:
		return "Pages on other origins cannot use it, because CORS_ALLOW_CREDENTIALS is false."
	case s.SessionSameSite == http.SameSiteNoneMode:
		return "From any site, over https, " + use + " Partitioned: each site in the address bar has a cookie of its own."
	case api.Host == "":
		return "Pages of the API's own site can use it. Set ALLOWED_HOSTS to the API's names to see here whether this page is one."
	case isSameSite(page, api):
		return fmt.Sprintf("%s and %s are one site: %s", page, api, use)
	}
	return fmt.Sprintf("%s and %s are two sites: browsers neither store nor send it. SESSION_SAMESITE=none changes that.", page, api)
}

// checkEntry returns why ALLOWED_ORIGINS must not list the origin, or nil.
func checkEntry(s config.Settings, value string) error {
	_, _, mistakes := origin.ParsePolicy(origin.Options{Entries: []string{value}, Credentials: s.CORSCredentials, Production: s.Production})
	if len(mistakes) > 0 {
		return mistakes[0]
	}
	return nil
}

// apiOrigin returns the origin at which a page calls this API, as far as the
// settings show: the page's own host if that is one of the API's, otherwise a host
// on the same site, otherwise the first one. The host is empty if the settings
// name none.
func apiOrigin(s config.Settings, page origin.Origin) origin.Origin {
	api := origin.Origin{Scheme: "https"}
	if !s.Production && !s.HTTPSRedirect {
		api.Scheme = "http"
		if s.Port != 0 && s.Port != 80 {
			api.Port = strconv.Itoa(s.Port)
		}
	}
	if s.AllowedHosts.IsAny() {
		return api
	}
	hosts := strings.Split(strings.ReplaceAll(s.AllowedHosts.String(), "*", "api"), ",")
	if s.AllowedHosts.Allows(page.Host) {
		hosts = []string{page.Host}
	}
	api.Host = hosts[0]
	for _, host := range hosts {
		if isSameSite(page, origin.Origin{Scheme: api.Scheme, Host: host}) {
			api.Host = host
			break
		}
	}
	return api
}

// isSameSite compares scheme and registrable domain, as browsers do for cookies
// (HTML, same site).
func isSameSite(a, b origin.Origin) bool {
	site := func(host string) string {
		domain, err := publicsuffix.EffectiveTLDPlusOne(host)
		if err != nil {
			return host // an address, or a name such as localhost
		}
		return domain
	}
	return a.Scheme == b.Scheme && site(a.Host) == site(b.Host)
}

// hostAndPort returns the Host header of requests to the origin.
func hostAndPort(o origin.Origin) string { return strings.TrimPrefix(o.String(), o.Scheme+"://") }

func status(code int) string { return fmt.Sprintf("%d %s", code, http.StatusText(code)) }

// corsHeaders returns the headers by which browsers and caches decide, one per
// line.
func corsHeaders(header http.Header) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, text := range header[name] {
			if name == "Vary" || strings.HasPrefix(name, "Access-Control-") {
				out.WriteString(wrap("  "+name+": "+text, "    ") + "\n")
			}
		}
	}
	return out.String()
}

// wrap breaks a text that is wider than columns after blanks and commas, and
// indents the lines that follow the first.
func wrap(text, indent string) string {
	least := len(indent) + 1 // so that each line has some of the text
	if len(text) <= columns {
		return text
	}
	end := least + strings.LastIndexAny(text[least:columns], " ,") + 1
	if end == least {
		return text // a single word that is too wide
	}
	return strings.TrimRight(text[:end], " ") + "\n" + wrap(indent+text[end:], indent)
}
