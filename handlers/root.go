package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Root tells people who open the server's address what it is and where its
// documentation is.
func Root(version string) gin.HandlerFunc {
	type response struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Docs    string `json:"docs"`
		OpenAPI string `json:"openapi"`
	}
	return func(c *gin.Context) {
		c.JSON(http.StatusOK, response{"Reference API", version, "/docs", "/openapi.yaml"})
	}
}
