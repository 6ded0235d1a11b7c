package middleware

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// Route is what the middleware must know about the routes of one path.
type Route struct {
	// HealthCheck marks a path that orchestrators call every few seconds, over plain
	// http and at the machine's own address. AllowedHosts and HTTPSRedirect let such
	// requests pass, and AccessLog logs them at debug.
	HealthCheck bool
	// Public has each method of the path except HEAD. It is true if any origin may
	// call the method without credentials.
	Public map[string]bool
}

// Routes maps a path template (gin.Context.FullPath) to its Route.
type Routes map[string]Route

// of returns the zero Route if no route matches the request.
func (r Routes) of(c *gin.Context) Route { return r[c.FullPath()] }

// publicRoutes finds out which requests are for a public route. Unlike
// gin.Context.FullPath, it also matches requests that Gin does not route:
// preflights, and methods that the path does not have.
type publicRoutes struct {
	routes    Routes
	templates []string // in the order in which Gin prefers them
	public    []string // the templates that have a public route
}

func newPublicRoutes(routes Routes) publicRoutes {
	// A static segment takes precedence over :name, and :name over *name.
	precedence := strings.NewReplacer(":", "\xfe", "*", "\xff")
	templates := slices.SortedFunc(maps.Keys(routes), func(a, b string) int {
		return strings.Compare(precedence.Replace(a), precedence.Replace(b))
	})
	return publicRoutes{
		routes:    routes,
		templates: templates,
		public: slices.DeleteFunc(slices.Clone(templates), func(template string) bool {
			return !slices.Contains(slices.Collect(maps.Values(routes[template].Public)), true)
		}),
	}
}

// has reports whether a request with the method, on the path of c, is for a
// public route. If the path does not have the method, no handler will run, and
// the response is public if any route of the path is.
func (p publicRoutes) has(c *gin.Context, method string) bool {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if template := c.FullPath(); template != "" {
		return slices.Contains(p.public, template) && p.routes[template].Public[method]
	}
	if !slices.ContainsFunc(p.public, func(template string) bool { return matches(template, c.Request.URL.Path) }) {
		return false // most preflights; what follows costs more the more routes there are
	}
	anyPublic := false
	for _, template := range p.templates {
		if !matches(template, c.Request.URL.Path) {
			continue
		}
		methods := p.routes[template].Public
		if public, found := methods[method]; found {
			return public
		}
		for _, public := range methods {
			anyPublic = anyPublic || public
		}
	}
	return anyPublic
}

// matches reports whether Gin would match the path to the template, in which
// a segment may end in :name, and the last one in *name.
func matches(template, path string) bool {
	for {
		i := strings.IndexAny(template, ":*")
		if i < 0 {
			return path == template
		}
		if !strings.HasPrefix(path, template[:i]) {
			return false
		}
		if template[i] == '*' {
			return true
		}
		value, _, _ := strings.Cut(path[i:], "/")
		if value == "" {
			return false
		}
		name, _, _ := strings.Cut(template[i:], "/")
		template, path = template[i+len(name):], path[i+len(value):]
	}
}
