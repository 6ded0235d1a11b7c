package middleware

import "github.com/gin-gonic/gin"

// Route is what middleware in front of the router must know about a route.
type Route struct {
	// HealthCheck marks a route that orchestrators call every few seconds, by
	// the pod's own address and over plain http. It is exempt from
	// AllowedHosts and HTTPSRedirect, and logged at debug.
	HealthCheck bool
	// MaxBody is the largest body in bytes; 0 leaves it to BodyLimit.
	MaxBody int64
	// Streamed marks a route whose handler does not hold the body in memory.
	Streamed bool
}

// Routes holds a Route for each path template (gin.Context.FullPath). All
// methods of a path share one.
type Routes map[string]Route

// of returns the zero Route where no route matches the path.
func (r Routes) of(c *gin.Context) Route { return r[c.FullPath()] }
