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
	"time"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
)

// UploadFraming is what a multipart body may hold besides the file, in bytes:
// boundaries, part headers and other fields.
const UploadFraming = 64 << 10

const (
	// uploadStall is how long a client may send nothing.
	uploadStall = 10 * time.Second
	// slowestUpload is the bytes a second, half a Mbit/s, at which a file of
	// the limit has to get through.
	slowestUpload = 64 << 10
)

// Upload reads the file of a form as it arrives, hashes it and forgets it:
// nothing is held in memory whole or written to disk. maxBytes bounds the file.
func Upload(maxBytes int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !hasMediaType(c.Request, "multipart/form-data") {
			problem.Abort(c, problem.UnsupportedMediaType("multipart/form-data; boundary=…"))
			return
		}
		body := newPacedBody(c, maxBytes)
		c.Request.Body = body
		parts, err := c.Request.MultipartReader()
		if err != nil {
			problem.Abort(c, problem.BadRequest("The body cannot be read as a form: the Content-Type has no boundary."))
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

// readFile reads all parts, so that the client has sent everything when the
// answer comes. Other fields than file are passed over.
func readFile(parts *multipart.Reader, body *pacedBody, maxBytes int64) (uploadedFile, *problem.Problem) {
	var file *uploadedFile
	for {
		part, err := parts.NextRawPart()
		if err == io.EOF { // wrapped, it is a body without its closing boundary
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
			return uploadedFile{}, invalidFile("is there twice; send one file a request")
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
		body.budget -= maxBytes + 1 - size // what the file did not need is not for what follows
		file = &uploadedFile{
			Name:        part.FileName(),
			Size:        size,
			ContentType: declaredType(part),
			SHA256:      hex.EncodeToString(hash.Sum(nil)),
		}
	}
	// What is behind the form, too, and the end of a chunked body: closed with
	// bytes unread, a connection is reset and may lose the answer.
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

func uploadProblem(err error, body *pacedBody, maxBytes int64) *problem.Problem {
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
		p = problem.TooLarge(maxBytes) // the limit that users know
		if err == errFraming {
			p.Detail = fmt.Sprintf("The form is larger than the limit of %d bytes beside the file.", UploadFraming)
		}
		return p
	case http.StatusBadRequest:
		p.Detail = fmt.Sprintf("The body is no complete multipart form: %.100s.", err)
	}
	return p
}

// pacedBody gives a slow upload more time than the server's ReadTimeout as
// long as it goes on: a new deadline for each read, and one for all. Its budget
// is for all but the file: mime/multipart would hold 10 MiB of headers.
type pacedBody struct {
	io.ReadCloser
	budget     int64 // bytes that may still be read
	connection *http.ResponseController
	end        time.Time
	// failed is why the body could not be read on, nil so far: mime/multipart
	// says instead what is wrong with the part header that ended there.
	failed error
}

var errFraming error = &http.MaxBytesError{Limit: UploadFraming}

func newPacedBody(c *gin.Context, maxBytes int64) *pacedBody {
	body := &pacedBody{
		ReadCloser: c.Request.Body,
		budget:     UploadFraming,
		connection: http.NewResponseController(c.Writer),
		end:        time.Now().Add(uploadStall + time.Duration(maxBytes/slowestUpload)*time.Second),
	}
	// The answer has to go out even when the body took all its time.
	_ = body.connection.SetWriteDeadline(body.end.Add(uploadStall))
	return body
}

func (b *pacedBody) Read(p []byte) (int, error) {
	deadline := time.Now().Add(uploadStall)
	if deadline.After(b.end) {
		deadline = b.end
	}
	_ = b.connection.SetReadDeadline(deadline) // what cannot be set stays at ReadTimeout
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
