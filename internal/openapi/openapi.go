// Package openapi holds the description of the API and the page that shows it.
// The description is written by hand. Contract tests compare the router and its
// responses with it, and clients are generated from it.
//
// Production serves both. The description reveals nothing that the frontend's
// scripts do not, it gives no access, and people who work with the API expect
// it there. To stop serving them, delete their rows from the table of routes. A
// setting would be one more thing to get wrong.
//
// The page is Swagger UI, which is well maintained, loads one script, and runs
// under a strict policy. `npm run swagger-ui` in this directory vendors it.
package openapi

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
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

// docsPolicy lets the page load its own files and call this server. Swagger
// UI's style sheet has icons in data: URLs.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// YAML returns a copy of the description.
func YAML() []byte { return bytes.Clone(description) }

// Description serves the description. Its media type is the registered one (RFC
// 9512), which tools accept; application/openapi+yaml is still a draft.
func Description(c *gin.Context) {
	c.Data(http.StatusOK, "application/yaml", description)
}

// Docs is the page that shows the description, and the files that it loads.
// Their names contain a hash of their content, so browsers may cache them forever:
// a file that changes has another name.
type Docs struct {
	load func() (loadedDocs, error)
}

// NewDocs does not load the files yet, because on most servers nobody opens the
// page.
func NewDocs() *Docs { return &Docs{load: sync.OnceValues(loadDocs)} }

// Page serves the page, with a Content-Security-Policy of its own.
func (d *Docs) Page(c *gin.Context) {
	loaded, err := d.load()
	if err != nil {
		problem.Abort(c, problem.Internal(err))
		return
	}
	c.Header("Content-Security-Policy", docsPolicy)
	c.Data(http.StatusOK, "text/html; charset=utf-8", loaded.page)
}

// File serves a script, a style sheet, or a license of the page, named by the
// path parameter file. Large files are sent compressed to clients that accept
// gzip.
func (d *Docs) File(c *gin.Context) {
	loaded, err := d.load()
	if err != nil {
		problem.Abort(c, problem.Internal(err))
		return
	}
	file, ok := loaded.files[c.Param("file")]
	if !ok {
		problem.Abort(c, problem.NotFound("The documentation page has no such file."))
		return
	}
	if file.immutable {
		c.Header("Cache-Control", "public, max-age=31536000, immutable")
	}
	content := file.plain
	if file.zipped != nil {
		c.Writer.Header().Add("Vary", "Accept-Encoding")
		if acceptsGzip(c.Request.Header.Values("Accept-Encoding")) {
			c.Header("Content-Encoding", "gzip")
			content = file.zipped
		}
	}
	c.DataFromReader(http.StatusOK, int64(len(content)), file.mediaType, bytes.NewReader(content), nil)
}

// loadedDocs is the page with its links filled in, and its files by name.
type loadedDocs struct {
	page  []byte
	files map[string]docsFile
}

// docsFile is a file of docs in the forms in which it is sent.
type docsFile struct {
	mediaType     string
	plain, zipped []byte // zipped is nil for small files
	immutable     bool   // its name changes with its content
}

// loadDocs adds a hash of the content to the names of scripts and style sheets and
// puts these names into the page. Licenses keep their names, because the scripts
// refer to them. Large files are embedded compressed.
func loadDocs() (loadedDocs, error) {
	mediaTypes := map[string]string{
		".js":  "text/javascript; charset=utf-8",
		".css": "text/css; charset=utf-8",
		".txt": "text/plain; charset=utf-8",
	}
	entries, err := docs.ReadDir("docs")
	if err != nil {
		return loadedDocs{}, err
	}
	loaded := loadedDocs{page: page, files: make(map[string]docsFile)}
	for _, entry := range entries {
		content, err := docs.ReadFile("docs/" + entry.Name())
		if err != nil {
			return loadedDocs{}, err
		}
		name, isZipped := strings.CutSuffix(entry.Name(), ".gz")
		extension := path.Ext(name)
		mediaType, ok := mediaTypes[extension]
		if !ok {
			continue // the page itself
		}
		file := docsFile{mediaType: mediaType, plain: content, immutable: extension != ".txt"}
		if isZipped {
			if file.plain, err = unzip(content); err != nil {
				return loadedDocs{}, fmt.Errorf("decompress %s: %w", entry.Name(), err)
			}
			file.zipped = content
		}
		if file.immutable {
			sum := sha256.Sum256(file.plain)
			versioned := fmt.Sprintf("%s.%x%s", strings.TrimSuffix(name, extension), sum[:8], extension)
			loaded.page = bytes.ReplaceAll(loaded.page, []byte(`"docs/`+name+`"`), []byte(`"docs/`+versioned+`"`))
			name = versioned
		}
		loaded.files[name] = file
	}
	return loaded, nil
}

func unzip(content []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// acceptsGzip reports whether Accept-Encoding lists gzip with a weight other
// than 0.
func acceptsGzip(accept []string) bool {
	for coding := range strings.SplitSeq(strings.ToLower(strings.Join(accept, ",")), ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.TrimSpace(name) == "gzip" {
			return strings.TrimRight(strings.TrimSpace(weight), "0.") != "q="
		}
	}
	return false
}
