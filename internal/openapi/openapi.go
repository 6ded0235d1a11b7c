// Package openapi holds the one description of the API and the page that
// shows it. The description is written by hand; contract tests hold the router
// and its answers to it, and clients are generated from it.
//
// Production serves both. The description says nothing that the frontend's own
// scripts do not show to whoever reads them, it opens nothing, and who works
// with the API looks for it at the API. Not to serve them, delete their rows
// in the table of routes: a setting would be one more thing to get wrong.
//
// The page is Swagger UI, vendored from npm by `npm run swagger-ui` here: a
// scripted page of one file, kept up by many, that runs under a strict policy.
package openapi

import (
	"compress/gzip"
	"embed"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
)

//go:embed openapi.yaml
var description []byte

//go:embed docs
var docs embed.FS

// docsPolicy lets the page load what stands beside it and call this server;
// data: is for the icons in Swagger UI's style sheet.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// YAML returns the description, a copy of it.
func YAML() []byte { return []byte(string(description)) }

// Description answers the description. application/openapi+yaml is still a
// draft; this is the registered type (RFC 9512), and tools take it.
func Description(c *gin.Context) {
	c.Data(http.StatusOK, "application/yaml", description)
}

// Docs answers the page, with a Content-Security-Policy of its own.
func Docs(c *gin.Context) {
	c.Header("Content-Security-Policy", docsPolicy)
	answer(c, "index.html", "text/html; charset=utf-8")
}

// DocsFile answers a script, a style sheet or a licence of the page, by the
// path parameter file.
func DocsFile(c *gin.Context) {
	name := c.Param("file")
	switch path.Ext(name) {
	case ".js":
		answer(c, name, "text/javascript; charset=utf-8")
	case ".css":
		answer(c, name, "text/css; charset=utf-8")
	case ".txt":
		answer(c, name, "text/plain; charset=utf-8")
	default:
		notFound(c)
	}
}

// answer sends a file of docs. What is large is kept compressed.
func answer(c *gin.Context, name, mediaType string) {
	file, err := docs.Open("docs/" + name)
	if err == nil {
		send(c, file, mediaType)
		return
	}
	file, err = docs.Open("docs/" + name + ".gz")
	if err != nil {
		notFound(c)
		return
	}
	if takesGzip(c.GetHeader("Accept-Encoding")) {
		c.Header("Content-Encoding", "gzip")
		send(c, file, mediaType)
		return
	}
	plain, err := gzip.NewReader(file)
	if err != nil {
		problem.Abort(c, problem.Internal(err))
		return
	}
	c.DataFromReader(http.StatusOK, -1, mediaType, plain, nil)
}

func send(c *gin.Context, file fs.File, mediaType string) {
	info, err := file.Stat()
	if err != nil {
		problem.Abort(c, problem.Internal(err))
		return
	}
	c.DataFromReader(http.StatusOK, info.Size(), mediaType, io.Reader(file), nil)
}

func notFound(c *gin.Context) {
	problem.Abort(c, problem.NotFound("The documentation page has no such file."))
}

// takesGzip is whether the list names gzip, and not with q=0.
func takesGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, quality, _ := strings.Cut(coding, ";")
		if strings.TrimSpace(name) == "gzip" {
			return strings.TrimRight(strings.TrimSpace(quality), "0.") != "q="
		}
	}
	return false
}
