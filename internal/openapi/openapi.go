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
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
)

//go:embed openapi.yaml
var description []byte

//go:embed docs
var docs embed.FS

//go:embed docs/index.html
var page []byte

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
	c.Data(http.StatusOK, "text/html; charset=utf-8", page)
}

// DocsFile answers a script, a style sheet or a licence of the page, by the
// path parameter file. Large files go out compressed to whoever takes that.
func DocsFile() gin.HandlerFunc {
	read := sync.OnceValues(readFiles) // at first use: few servers are ever asked
	return func(c *gin.Context) {
		files, err := read()
		if err != nil {
			problem.Abort(c, problem.Internal(err))
			return
		}
		file, ok := files[c.Param("file")]
		if !ok {
			problem.Abort(c, problem.NotFound("The documentation page has no such file."))
			return
		}
		content := file.plain
		if file.zipped != nil {
			c.Writer.Header().Add("Vary", "Accept-Encoding")
			if takesGzip(c.Request.Header.Values("Accept-Encoding")) {
				c.Header("Content-Encoding", "gzip")
				content = file.zipped
			}
		}
		c.DataFromReader(http.StatusOK, int64(len(content)), file.mediaType, bytes.NewReader(content), nil)
	}
}

// docsFile is a file of docs in the forms in which it goes out.
type docsFile struct {
	mediaType     string
	plain, zipped []byte // zipped is nil where it is not worth it
}

// readFiles returns what the page loads, by name. What is large is embedded
// compressed.
func readFiles() (map[string]docsFile, error) {
	mediaTypes := map[string]string{
		".js":  "text/javascript; charset=utf-8",
		".css": "text/css; charset=utf-8",
		".txt": "text/plain; charset=utf-8",
	}
	entries, err := docs.ReadDir("docs")
	if err != nil {
		return nil, err
	}
	files := make(map[string]docsFile)
	for _, entry := range entries {
		content, err := docs.ReadFile("docs/" + entry.Name())
		if err != nil {
			return nil, err
		}
		name, isZipped := strings.CutSuffix(entry.Name(), ".gz")
		mediaType, ok := mediaTypes[path.Ext(name)]
		if !ok {
			continue // the page itself
		}
		file := docsFile{mediaType: mediaType, plain: content}
		if isZipped {
			if file.plain, err = unzip(content); err != nil {
				return nil, fmt.Errorf("decompress %s: %w", entry.Name(), err)
			}
			file.zipped = content
		}
		files[name] = file
	}
	return files, nil
}

func unzip(content []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// takesGzip is whether an Accept-Encoding names gzip, and not with q=0.
func takesGzip(accept []string) bool {
	for coding := range strings.SplitSeq(strings.ToLower(strings.Join(accept, ",")), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.TrimSpace(name) == "gzip" {
			return strings.TrimRight(strings.TrimSpace(weight), "0.") != "q="
		}
	}
	return false
}
