package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Root responds with the API's name, its version, and the paths of its documentation,
// for people who open the server's address in a browser.
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
