package handlers

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/gin-gonic/gin"
)

// Alive answers as long as the process lives.
func Alive(c *gin.Context) {
	c.JSON(http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
}

// Ready answers 503 once draining is set, so that a load balancer looks
// elsewhere. It names the state of the parts and does not fail for them: with
// the database down the other routes work on, and every replica would be out
// of service at once. redis says its state; database reports whether it
// answers; nil: there is none.
func Ready(draining *atomic.Bool, redis func() string, database func(context.Context) bool) gin.HandlerFunc {
	type answer struct {
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
		if draining.Load() {
			c.JSON(http.StatusServiceUnavailable, answer{"shutting down", redis(), state})
			return
		}
		c.JSON(http.StatusOK, answer{"ready", redis(), state})
	}
}
