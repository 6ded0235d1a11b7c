package handlers

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
)

// UploadFraming is the number of bytes that a multipart body may have besides the
// file: boundaries, part headers and other fields.
const UploadFraming = 64 << 10

// Upload hashes the file of a form as it arrives and stores none of it, in memory or
// on disk. The file may have up to maxBytes.
func Upload(maxBytes int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		if wrong := checkContent(c, "multipart/form-data"); wrong != nil {
			problem.Abort(c, wrong)
			return
		}
		body := &framedBody{ReadCloser: c.Request.Body, budget: UploadFraming + 1} // one more, for the read that finds the end
		c.Request.Body = body
		parts, err := c.Request.MultipartReader()
		if err != nil {
			problem.Abort(c, problem.BadRequest("The body cannot be read as a form: the Content-Type has no boundary. Do not set this header in fetch or axios; for a FormData, the browser writes it with the boundary."))
			return
		}
		file, wrong := readFile(parts, body, maxBytes)
		if wrong != nil {
			problem.Abort(c, wrong)
			return
		}
		c.JSON(http.StatusCreated, file)
	}
}

type uploadedFile struct {
	Name        string `json:"name"`
	Size        int64  `json:"size"`
	ContentType string `json:"content_type"` // as the client declares it
	SHA256      string `json:"sha256"`
}

// readFile reads all parts, so that the client has sent everything when it
// receives the response. Fields other than file are skipped.
func readFile(parts *multipart.Reader, body *framedBody, maxBytes int64) (uploadedFile, *problem.Problem) {
	var file *uploadedFile
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF { //nolint:errorlint // a wrapped io.EOF is a body without its closing boundary
			break
		}
		if err != nil {
			return uploadedFile{}, uploadProblem(err, body, maxBytes)
		}
		if part.FormName() != "file" {
			if _, err := io.Copy(io.Discard, part); err != nil {
				return uploadedFile{}, uploadProblem(err, body, maxBytes)
			}
			continue
		}
		if file != nil {
			return uploadedFile{}, invalidFile("was sent twice; send one file per request")
		}
		if part.FileName() == "" {
			return uploadedFile{}, invalidFile("must be a file with a name, not a text field")
		}
		body.budget += maxBytes + 1
		hash := sha256.New()
		size, err := io.Copy(hash, io.LimitReader(part, maxBytes+1))
		if err != nil {
			return uploadedFile{}, uploadProblem(err, body, maxBytes)
		}
		if size > maxBytes {
			return uploadedFile{}, problem.TooLarge(maxBytes)
		}
		body.budget -= maxBytes + 1 - size // the parts that follow must not use the bytes that the file did not need
		file = &uploadedFile{
			Name:        part.FileName(),
			Size:        size,
			ContentType: declaredType(part),
			SHA256:      hex.EncodeToString(hash.Sum(nil)),
		}
	}
	// Bytes may follow the form, and a chunked body ends with a chunk of its own.
	if _, err := io.Copy(io.Discard, body); err != nil {
		return uploadedFile{}, uploadProblem(err, body, maxBytes)
	}
	if file == nil {
		return uploadedFile{}, invalidFile("is missing")
	}
	return *file, nil
}

func declaredType(part *multipart.Part) string {
	mediaType, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
	if err != nil {
		return "application/octet-stream"
	}
	return mediaType
}

func invalidFile(detail string) *problem.Problem {
	return problem.Invalid([]problem.FieldError{{Field: "file", Detail: detail}})
}

func uploadProblem(err error, body *framedBody, maxBytes int64) *problem.Problem {
	switch {
	case body.failed != nil:
		err = body.failed
	case errors.Is(err, multipart.ErrMessageTooLarge):
		p := problem.TooLarge(UploadFraming)
		p.Detail = "The form has too many part headers."
		return p
	}
	p := bodyProblem(err)
	switch p.Status {
	case http.StatusRequestEntityTooLarge:
		p = problem.TooLarge(maxBytes) // the limit that clients know
		if errors.Is(err, errFraming) {
			p.Detail = fmt.Sprintf("The form is larger than the limit of %d bytes besides the file.", UploadFraming)
		}
		return p
	case http.StatusBadRequest:
		p.Detail = fmt.Sprintf("The body is not a complete multipart form: %.100s.", err)
	}
	return p
}

// framedBody bounds everything in a form except the file, because mime/multipart
// would hold up to 10 MiB of part headers in memory.
type framedBody struct {
	io.ReadCloser
	budget int64 // bytes that may still be read
	// failed is the error that stopped reading, or nil. It is kept because
	// mime/multipart reports another error if the body ends within a part header.
	failed error
}

var errFraming error = &http.MaxBytesError{Limit: UploadFraming}

func (b *framedBody) Read(p []byte) (int, error) {
	if b.budget <= 0 {
		b.failed = errFraming
		return 0, b.failed
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.budget)])
	b.budget -= int64(n)
	if err != nil && err != io.EOF {
		b.failed = err
	}
	return n, err
}
