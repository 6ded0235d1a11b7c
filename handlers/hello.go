package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Hello answers a simple request: a browser sends it without a preflight.
func Hello(c *gin.Context) {
	c.JSON(http.StatusOK, struct {
		Message string `json:"message"`
	}{"Hello from another origin."})
}
