package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
)

// Alive responds with 200 as long as the process lives.
func Alive(c *gin.Context) {
	c.JSON(http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
}

// Ready responds with 503 once draining is closed, so that a load balancer sends
// its requests elsewhere. It also names the state of Redis and of the database
// but does not fail if they are down: the other routes still work, and a
// failure would take every replica out of service at once.
//
// The function redis returns "up", "down" or "off". The function database reports
// whether the database responds and takes writes; it is nil if there is no database.
func Ready(draining <-chan struct{}, redis func() string, database func(context.Context) bool) gin.HandlerFunc {
	type response struct {
		Status   string `json:"status"`
		Redis    string `json:"redis"`
		Database string `json:"database"`
	}
	return func(c *gin.Context) {
		state := "off"
		if database != nil {
			state = "down"
			if database(c.Request.Context()) {
				state = "up"
			}
		}
		select {
		case <-draining:
			c.JSON(http.StatusServiceUnavailable, response{"shutting down", redis(), state})
		default:
			c.JSON(http.StatusOK, response{"ready", redis(), state})
		}
	}
}
