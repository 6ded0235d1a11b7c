package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/api/internal/fetch"
)

// library is a server behind a CORS library, with that library's options.
type library struct {
	origins     []string // "*" for all
	methods     []string
	headers     []string
	exposed     string
	credentials bool
	fixed       string         // Express: origin: "…"
	pattern     *regexp.Regexp // Express: origin: /…/, and jub0bs/cors: a wildcard
	debug       bool           // jub0bs/cors: SetDebug(true)
	fails       bool           // the handler behind the library panics
}

// call is a request as a library sees it.
type call struct {
	http.Header // of the response
	origin      string
	asked       string // Access-Control-Request-Method; empty unless it is a preflight
	names       string // Access-Control-Request-Headers
	method      string
	cookie      bool
	authorized  bool
}

func callOf(w http.ResponseWriter, r *http.Request) call {
	c := call{
		Header: w.Header(), origin: r.Header.Get("Origin"), names: r.Header.Get("Access-Control-Request-Headers"), method: r.Method,
		cookie: r.Header.Get("Cookie") != "", authorized: r.Header.Get("Authorization") != "",
	}
	if r.Method == http.MethodOptions {
		c.asked = r.Header.Get("Access-Control-Request-Method")
	}
	return c
}

func (c call) set(name, value string) {
	if value != "" {
		c.Header.Set("Access-Control-"+name, value)
	}
}

// allCovered reports whether the list has every name that a preflight asks
// for.
func allCovered(list []string, names string) bool {
	for name := range strings.SplitSeq(names, ",") {
		if name != "" && !slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) }) {
			return false
		}
	}
	return true
}

func (l library) answer(w http.ResponseWriter) {
	w.Header().Set("X-Total", "1")
	w.WriteHeader(http.StatusOK)
}

// rs answers as github.com/rs/cors does: a preflight that asks for anything
// that is not listed gets 204 without any CORS header.
func (l library) rs(w http.ResponseWriter, r *http.Request) {
	c := callOf(w, r)
	methods, headers := l.methods, l.headers
	if methods == nil {
		methods = []string{"GET", "POST", "HEAD"}
	}
	if headers == nil {
		headers = []string{"accept", "content-type", "x-requested-with"}
	}
	all := l.origins == nil || slices.Contains(l.origins, "*")
	allowed := all || slices.ContainsFunc(l.origins, func(entry string) bool {
		prefix, suffix, wild := strings.Cut(strings.ToLower(entry), "*")
		return c.origin == prefix && !wild || wild && strings.HasPrefix(c.origin, prefix) && strings.HasSuffix(c.origin, suffix)
	})
	method := c.method
	if c.asked != "" {
		method = c.asked
		allowed = allowed && (slices.Contains(headers, "*") || allCovered(headers, c.names))
	}
	if allowed && slices.Contains(methods, method) {
		c.set("Allow-Origin", c.origin)
		if all {
			c.set("Allow-Origin", "*")
		}
		if l.credentials {
			c.set("Allow-Credentials", "true")
		}
		if c.asked != "" {
			c.set("Allow-Methods", c.asked)
			c.set("Allow-Headers", c.names)
		} else {
			c.set("Expose-Headers", l.exposed)
		}
	}
	if c.asked != "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	l.answer(w)
}

// express answers as the cors package of Express does: a preflight gets 204
// and the whole configuration, whatever it asks for.
func (l library) express(w http.ResponseWriter, r *http.Request) {
	c := callOf(w, r)
	switch {
	case l.fixed != "":
		c.set("Allow-Origin", l.fixed)
	case l.pattern != nil && l.pattern.MatchString(c.origin), slices.Contains(l.origins, c.origin):
		c.set("Allow-Origin", c.origin)
	}
	if l.credentials {
		c.set("Allow-Credentials", "true")
	}
	c.set("Expose-Headers", l.exposed)
	if c.method != http.MethodOptions {
		l.answer(w)
		return
	}
	methods := l.methods
	if methods == nil {
		methods = []string{"GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"}
	}
	c.set("Allow-Methods", strings.Join(methods, ","))
	c.set("Allow-Headers", c.names)
	if l.headers != nil {
		c.set("Allow-Headers", strings.Join(l.headers, ","))
	}
	w.WriteHeader(http.StatusNoContent)
}

// expressOff answers as Express does with origin: false: the library adds
// nothing, and the router answers OPTIONS.
func (l library) expressOff(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", "GET,HEAD")
	}
	l.answer(w)
}

// starlette answers as Starlette's and FastAPI's CORSMiddleware does: a
// preflight that asks for anything that is not listed gets 400, with the CORS
// headers that apply.
func (l library) starlette(w http.ResponseWriter, r *http.Request) {
	c := callOf(w, r)
	all := slices.Contains(l.origins, "*")
	allowed := all || slices.Contains(l.origins, c.origin)
	if c.asked == "" {
		if l.fails { // the handler of exceptions is outside the middleware
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		switch {
		case all && !c.cookie && !(l.credentials && c.authorized):
			c.set("Allow-Origin", "*")
		case allowed:
			c.set("Allow-Origin", c.origin)
		}
		if l.credentials {
			c.set("Allow-Credentials", "true")
		}
		c.set("Expose-Headers", l.exposed)
		l.answer(w)
		return
	}
	methods := l.methods
	switch {
	case methods == nil:
		methods = []string{"GET"}
	case slices.Contains(methods, "*"):
		methods = []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
	}
	headers := append([]string{"Accept", "Accept-Language", "Content-Language", "Content-Type"}, l.headers...)
	status := http.StatusOK
	if !allowed || !slices.Contains(methods, c.asked) {
		status = http.StatusBadRequest
	}
	switch {
	case all && !l.credentials:
		c.set("Allow-Origin", "*")
	case allowed:
		c.set("Allow-Origin", c.origin)
	}
	if l.credentials {
		c.set("Allow-Credentials", "true")
	}
	c.set("Allow-Methods", strings.Join(methods, ", "))
	if slices.Contains(headers, "*") {
		c.set("Allow-Headers", c.names)
	} else {
		c.set("Allow-Headers", strings.Join(headers, ", "))
		if !allCovered(headers, c.names) {
			status = http.StatusBadRequest
		}
	}
	w.WriteHeader(status)
}

// jub0bs answers as github.com/jub0bs/cors does: a preflight that asks for
// anything that is not listed gets 403 without any CORS header, or, in debug
// mode, 204 with those that apply.
func (l library) jub0bs(w http.ResponseWriter, r *http.Request) {
	c := callOf(w, r)
	all := slices.Contains(l.origins, "*")
	value := ""
	switch {
	case all:
		value = "*"
	case slices.Contains(l.origins, c.origin), l.pattern != nil && l.pattern.MatchString(c.origin):
		value = c.origin
	}
	credentials := ""
	if l.credentials && value != "" {
		credentials = "true"
	}
	if c.asked == "" {
		c.set("Allow-Origin", value)
		c.set("Allow-Credentials", credentials)
		if value != "" {
			c.set("Expose-Headers", l.exposed)
		}
		l.answer(w)
		return
	}
	ok := map[string]string{"Allow-Origin": value, "Allow-Credentials": credentials}
	problem := value == ""
	switch {
	case problem, slices.Contains([]string{"GET", "HEAD", "POST"}, c.asked):
	case slices.Contains(l.methods, "*") && !l.credentials:
		ok["Allow-Methods"] = "*"
	case slices.Contains(l.methods, "*"), slices.Contains(l.methods, c.asked):
		ok["Allow-Methods"] = c.asked
	default:
		problem = true
	}
	switch {
	case problem || c.names == "":
	case slices.Contains(l.headers, "*") && l.credentials:
		ok["Allow-Headers"] = c.names
	case slices.Contains(l.headers, "*"), l.debug:
		ok["Allow-Headers"] = strings.ToLower(strings.Join(l.headers, ","))
	case allCovered(l.headers, c.names):
		ok["Allow-Headers"] = c.names
	default:
		problem = true
	}
	if !problem || l.debug {
		for name, value := range ok {
			c.set(name, value)
		}
	}
	if problem && !(l.debug && value != "") {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// The verdicts about the common configurations of the CORS libraries that
// others maintain. Chromium 156 and Firefox 153 gave the same ones, reasons
// included, when the same responses were played to them.
func TestLibraries(t *testing.T) {
	const (
		page  = "http://app.example.com:18101"
		other = "http://api.example.org:18101"
	)
	var (
		get     = []string{}
		cookies = []string{"--credentials", "--cookie", "id=1"}
		include = []string{"--credentials"}
		put     = []string{"--method", "PUT", "--data", "{}", "--header", "Content-Type: application/json"}
		post    = []string{"--data", "{}", "--header", "Content-Type: application/json"}
		bearer  = []string{"--header", "Authorization: Bearer x"}
		list    = []string{page}
		star    = []string{"*"}
	)
	with := func(lists ...[]string) []string { return slices.Concat(lists...) }
	const allowed = fetch.Reason("")
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		origin  string
		args    []string
		want    fetch.Reason
		read    string // a header that JavaScript can read
	}{
		{"rs/cors: Default", library{}.rs, page, get, allowed, ""},
		{"rs/cors: Default, JSON", library{}.rs, page, post, allowed, ""},
		{"rs/cors: Default, PUT", library{}.rs, page, put, fetch.MissingAllowOrigin, ""},
		{"rs/cors: Default, Authorization", library{}.rs, page, bearer, fetch.MissingAllowOrigin, ""},
		{"rs/cors: Default, credentials", library{}.rs, page, include, fetch.WildcardOriginNotAllowed, ""},
		{"rs/cors: AllowAll", library{origins: star, methods: []string{"HEAD", "GET", "POST", "PUT", "PATCH", "DELETE"}, headers: star}.rs, page, with(put, bearer), allowed, ""},
		{"rs/cors: any origin with credentials", library{origins: star, credentials: true}.rs, page, include, fetch.WildcardOriginNotAllowed, ""},
		{"rs/cors: any origin with credentials, without them", library{origins: star, credentials: true}.rs, page, get, allowed, ""},
		{"rs/cors: a list", library{origins: list, credentials: true, exposed: "X-Total"}.rs, page, cookies, allowed, "x-total"},
		{"rs/cors: not in the list", library{origins: list, credentials: true}.rs, other, include, fetch.MissingAllowOrigin, ""},
		{"rs/cors: upper case in the list", library{origins: []string{strings.ToUpper(page)}}.rs, page, get, allowed, ""},
		{"rs/cors: a wildcard", library{origins: []string{"http://*.example.com:18101"}}.rs, page, get, allowed, ""},
		{"rs/cors: outside the wildcard", library{origins: []string{"http://*.example.com:18101"}}.rs, other, get, fetch.MissingAllowOrigin, ""},
		{"rs/cors: a method that is missing", library{origins: list, methods: []string{"GET"}}.rs, page, post, fetch.MissingAllowOrigin, ""},

		{"Express: cors()", library{fixed: "*"}.express, page, get, allowed, ""},
		{"Express: cors(), PUT, JSON, Authorization", library{fixed: "*"}.express, page, with(put, bearer), allowed, ""},
		{"Express: cors(), patch in lower case", library{fixed: "*"}.express, page, []string{"--method", "patch"}, fetch.MethodDisallowed, ""},
		{"Express: cors(), credentials", library{fixed: "*"}.express, page, cookies, fetch.WildcardOriginNotAllowed, ""},
		{"Express: credentials: true without an origin", library{fixed: "*", credentials: true}.express, page, with(put, include), fetch.WildcardOriginNotAllowed, ""},
		{"Express: one origin", library{fixed: page, credentials: true}.express, page, with(put, cookies), allowed, ""},
		{"Express: one origin, without credentials: true", library{fixed: page}.express, page, include, fetch.InvalidAllowCredentials, ""},
		{"Express: one origin, another asks", library{fixed: page}.express, other, get, fetch.AllowOriginMismatch, ""},
		{"Express: one origin with a trailing slash", library{fixed: page + "/"}.express, page, get, fetch.AllowOriginMismatch, ""},
		{"Express: one origin without a scheme", library{fixed: "app.example.com:18101"}.express, page, get, fetch.AllowOriginMismatch, ""},
		{"Express: origin: true", library{pattern: regexp.MustCompile(""), credentials: true}.express, other, with(put, cookies), allowed, ""},
		{"Express: a list", library{origins: list, exposed: "X-Total"}.express, page, put, allowed, "x-total"},
		{"Express: not in the list", library{origins: list}.express, other, put, fetch.MissingAllowOrigin, ""},
		{`Express: origin: ["*"]`, library{origins: star}.express, page, get, fetch.MissingAllowOrigin, ""},
		{"Express: a pattern without an end", library{pattern: regexp.MustCompile(`example\.`)}.express, other, get, allowed, ""},
		{"Express: a header that is missing", library{fixed: "*", headers: []string{"X-A"}}.express, page, post, fetch.HeaderDisallowed, ""},
		{"Express: a method that is missing", library{fixed: "*", methods: []string{"GET", "POST"}}.express, page, put, fetch.MethodDisallowed, ""},
		{"Express: origin: false", library{}.expressOff, page, get, fetch.MissingAllowOrigin, ""},
		{"Express: origin: false, PUT", library{}.expressOff, page, put, fetch.MissingAllowOrigin, ""},

		{"Starlette: no options", library{}.starlette, page, get, fetch.MissingAllowOrigin, ""},
		{"Starlette: any origin", library{origins: star, exposed: "X-Total"}.starlette, page, get, allowed, "x-total"},
		{"Starlette: any origin, credentials", library{origins: star}.starlette, page, include, fetch.WildcardOriginNotAllowed, ""},
		{"Starlette: any origin, JSON", library{origins: star}.starlette, page, post, fetch.PreflightInvalidStatus, ""},
		{"Starlette: any of all", library{origins: star, methods: star, headers: star}.starlette, page, with(put, bearer), allowed, ""},
		{"Starlette: any of all with credentials, no cookie yet", library{origins: star, methods: star, headers: star, credentials: true}.starlette, page, with(put, include), fetch.WildcardOriginNotAllowed, ""},
		{"Starlette: any of all with credentials, a cookie", library{origins: star, methods: star, headers: star, credentials: true}.starlette, page, with(put, cookies), allowed, ""},
		{"Starlette: any of all with credentials, Authorization", library{origins: star, methods: star, headers: star, credentials: true}.starlette, page, with(put, include, bearer), allowed, ""},
		{"Starlette: a list", library{origins: list, methods: []string{"PUT"}, headers: []string{"Authorization"}, credentials: true}.starlette, page, with(put, bearer, include), allowed, ""},
		{"Starlette: not in the list", library{origins: list, credentials: true}.starlette, other, include, fetch.MissingAllowOrigin, ""},
		{"Starlette: not in the list, PUT", library{origins: list, methods: []string{"PUT"}}.starlette, other, put, fetch.MissingAllowOrigin, ""},
		{"Starlette: a header that is missing", library{origins: list}.starlette, page, bearer, fetch.PreflightInvalidStatus, ""},
		{"Starlette: an exception", library{origins: list, fails: true}.starlette, page, get, fetch.MissingAllowOrigin, ""},

		{"jub0bs/cors: any origin", library{origins: star, exposed: "*"}.jub0bs, page, get, allowed, "x-total"},
		{"jub0bs/cors: any origin, credentials", library{origins: star}.jub0bs, page, include, fetch.WildcardOriginNotAllowed, ""},
		{"jub0bs/cors: any of all", library{origins: star, methods: star, headers: []string{"*", "Authorization"}}.jub0bs, page, with(put, bearer), allowed, ""},
		{"jub0bs/cors: any header, Authorization by *", library{origins: star, headers: star}.jub0bs, page, bearer, allowed, ""}, // not by the standard
		{"jub0bs/cors: a list", library{origins: list, methods: star, headers: star, credentials: true}.jub0bs, page, with(put, bearer, include), allowed, ""},
		{"jub0bs/cors: not in the list", library{origins: list, credentials: true}.jub0bs, other, include, fetch.MissingAllowOrigin, ""},
		{"jub0bs/cors: not in the list, PUT", library{origins: list, methods: star}.jub0bs, other, put, fetch.MissingAllowOrigin, ""},
		{"jub0bs/cors: a wildcard", library{pattern: regexp.MustCompile(`^http://([a-z]+\.)+example\.com:18101$`)}.jub0bs, page, get, allowed, ""},
		{"jub0bs/cors: a method that is missing", library{origins: list}.jub0bs, page, []string{"--method", "PUT"}, fetch.MissingAllowOrigin, ""},
		{"jub0bs/cors: a method that is missing, debug", library{origins: list, debug: true}.jub0bs, page, []string{"--method", "PUT"}, fetch.MethodDisallowed, ""},
		{"jub0bs/cors: a header that is missing", library{origins: list, headers: []string{"X-A"}}.jub0bs, page, bearer, fetch.MissingAllowOrigin, ""},
		{"jub0bs/cors: a header that is missing, debug", library{origins: list, headers: []string{"X-A"}, debug: true}.jub0bs, page, bearer, fetch.HeaderDisallowed, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := judge(t, tt.handler, tt.origin, tt.args)
			for _, o := range []outcome{r.Chromium, r.Firefox} {
				if v := o.Verdict; v.Reason != tt.want || tt.read != "" && !slices.Contains(v.Read, tt.read) {
					t.Errorf("%s: got %q, readable %q; want %q, %q", o.Engine.Name, v.Reason, v.Read, tt.want, tt.read)
				}
			}
		})
	}
}

// judge asks what browsers make of a request of a page of origin.
func judge(t *testing.T, h http.HandlerFunc, origin string, args []string) result {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	o, err := parseOptions(slices.Concat([]string{"http://api.example.com:" + u.Port() + "/items", "--origin", origin, "--resolve", "api.example.com:" + u.Port() + ":127.0.0.1"}, args), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.request.CORSOnly = true // the names are public, the server is not
	c, err := newClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	r, err := check(t.Context(), c, o.request)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
