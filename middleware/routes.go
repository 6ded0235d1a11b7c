package middleware

import "github.com/gin-gonic/gin"

// Route is what the middleware must know about a route.
type Route struct {
	// HealthCheck marks a route that orchestrators call every few seconds, over
	// plain http and by the machine's own address. AllowedHosts and
	// HTTPSRedirect let it pass, and AccessLog logs it at debug.
	HealthCheck bool
	// MaxBody is the largest body in bytes; 0 stands for BodyLimit's fallback.
	MaxBody int64
}

// Routes maps a path template (gin.Context.FullPath) to its Route. All methods
// of a path share it.
type Routes map[string]Route

// of returns the zero Route if no route matches the request.
func (r Routes) of(c *gin.Context) Route { return r[c.FullPath()] }
