package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Hello responds to a simple request, which a browser sends without a preflight.
func Hello(c *gin.Context) {
	c.JSON(http.StatusOK, struct {
		Message string `json:"message"`
	}{"Hello from another origin."})
}
