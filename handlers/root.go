package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Root says what this is to whoever opens the address in a browser.
func Root(version string) gin.HandlerFunc {
	type answer struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Docs    string `json:"docs"`
		OpenAPI string `json:"openapi"`
	}
	return func(c *gin.Context) {
		c.JSON(http.StatusOK, answer{"Reference API", version, "/docs", "/openapi.yaml"})
	}
}
