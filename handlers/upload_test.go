package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"example.com/api/internal/problem"
)

// form is a multipart body of the given parts, each "headers\n\ncontent".
func form(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		headers, content, _ := strings.Cut(part, "\n\n")
		fmt.Fprintf(&b, "--x\r\n%s\r\n\r\n%s\r\n", strings.ReplaceAll(headers, "\n", "\r\n"), content)
	}
	return b.String() + "--x--\r\n"
}

func TestUpload(t *testing.T) {
	t.Parallel()
	const limit = 100
	file := func(content string) string {
		return "Content-Disposition: form-data; name=file; filename=\"a.txt\"\nContent-Type: text/plain; charset=utf-8\n\n" + content
	}
	const other = "Content-Disposition: form-data; name=other\n\nvalue"
	tests := []struct {
		name        string
		contentType string // "" means that of a form
		body        string
		status      int
		want        string // a part of the response
	}{
		{"a file", "", form(file("hello")), 201, `"name":"a.txt","size":5,"content_type":"text/plain"`},
		{"an empty file", "", form(file("")), 201, `"size":0`},
		{"a file among fields", "", form(other, file("hello"), other), 201, `"size":5`},
		{"a file of the limit", "", form(file(strings.Repeat("x", limit))), 201, `"size":100`},
		{"a file over the limit", "", form(file(strings.Repeat("x", limit+1))), 413, "limit of 100 bytes"},
		{"a path for a name", "", form("Content-Disposition: form-data; name=file; filename=\"../../etc/passwd\"\n\nx"), 201, `"name":"passwd"`},
		{"no type", "", form("Content-Disposition: form-data; name=file; filename=a\n\nx"), 201, `"content_type":"application/octet-stream"`},
		{"a type that is not valid", "", form("Content-Disposition: form-data; name=file; filename=a\nContent-Type: <x>\n\nx"), 201, `"content_type":"application/octet-stream"`},
		{"headers without an end", "", "--x\r\nX: " + strings.Repeat("y", UploadFraming), 413, "65536 bytes besides the file"},
		{"headers that end in the middle of a line", "", "--x\r\n" + strings.Repeat("X-6052: a\r\n", UploadFraming/10), 413, "65536 bytes besides the file"},
		{"many headers", "", "--x\r\n" + strings.Repeat("X: y\r\n", UploadFraming/6) + "\r\n", 413, "too many part headers"},
		{"a field as large as a file", "", form(other+strings.Repeat("y", UploadFraming), file("x")), 413, "65536 bytes besides the file"},
		{"bytes after the form", "", form(file("hello")) + strings.Repeat("y", UploadFraming/2), 201, `"size":5`},
		{"as many bytes after the form as there may be", "", form(file("hello")) + strings.Repeat("y", UploadFraming+len("hello")-len(form(file("hello")))), 201, `"size":5`},
		{"a byte more after the form", "", form(file("hello")) + strings.Repeat("y", UploadFraming+len("hello")-len(form(file("hello")))+1), 413, "besides the file"},
		{"too many bytes after the form", "", form(file("hello")) + strings.Repeat("y", UploadFraming), 413, "limit"},
		{"no file", "", form(other), 422, `{"field":"file","detail":"is missing"}`},
		{"no parts", "", "--x--\r\n", 422, "is missing"},
		{"a text field", "", form("Content-Disposition: form-data; name=file\n\nhello"), 422, "must be a file"},
		{"two files", "", form(file("a"), file("b")), 422, "sent twice"},
		{"cut off in the file", "", strings.TrimSuffix(form(file("hello")), "lo\r\n--x--\r\n"), 400, "not a complete multipart form"},
		{"cut off after the file", "", strings.TrimSuffix(form(file("hello")), "--x--\r\n"), 400, "not a complete multipart form"},
		{"an empty body", "", "", 400, "not a complete multipart form"},
		{"no form at all", "", "hello", 400, "not a complete multipart form"},
		{"no boundary", "multipart/form-data", form(file("hello")), 400, "no boundary. Do not set this header"},
		{"another type", "application/json", `{}`, 415, "multipart/form-data"},
		{"another multipart", "multipart/mixed; boundary=x", form(file("hello")), 415, "multipart/form-data"},
	}
	engine := gin.New()
	engine.POST("/", Upload(limit))
	for _, tt := range tests {
		body := strings.NewReader(tt.body)
		r := httptest.NewRequest("POST", "/", body)
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		if tt.contentType != "" {
			r.Header.Set("Content-Type", tt.contentType)
		}
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %d %s, want %d with %s", tt.name, w.Code, w.Body, tt.status, tt.want)
		}
		if w.Code == 201 && body.Len() > 0 {
			t.Errorf("%s: responded with %d bytes unread", tt.name, body.Len())
		}
		if w.Code >= 400 && w.Header().Get("Content-Type") != problem.ContentType {
			t.Errorf("%s: Content-Type %q", tt.name, w.Header().Get("Content-Type"))
		}
	}
}

// The other parts of a form must not use the bytes that a small file does not need.
func TestUploadOfASmallFileAndLargeParts(t *testing.T) {
	t.Parallel()
	engine := gin.New()
	engine.POST("/", Upload(1<<20))
	file, other := "Content-Disposition: form-data; name=file; filename=a\n\nx", "Content-Disposition: form-data; name=b"
	for name, part := range map[string]string{
		"field":  other + "\n\n" + strings.Repeat("y", UploadFraming),
		"header": other + "\nX: " + strings.Repeat("y", UploadFraming) + "\n\nz",
	} {
		for _, body := range []string{form(part, file), form(file, part)} {
			r := httptest.NewRequest("POST", "/", strings.NewReader(body))
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			w := httptest.NewRecorder()
			engine.ServeHTTP(w, r)
			if w.Code != 413 || !strings.Contains(w.Body.String(), "besides the file") {
				t.Errorf("%s: %d %s, want 413", name, w.Code, w.Body)
			}
		}
	}
}

// Over a real connection, the hash is that of the bytes that were sent.
func TestUploadHashesWhatWasSent(t *testing.T) {
	t.Parallel()
	engine := gin.New()
	engine.POST("/", Upload(1<<20))
	server := httptest.NewServer(engine)
	defer server.Close()
	content := bytes.Repeat([]byte{0, '\r', '\n', '-', '-', 'x', 0xff}, 50_000)
	body := form("Content-Disposition: form-data; name=file; filename=b.bin\n\n" + string(content))
	response, err := http.Post(server.URL, "multipart/form-data; boundary=x", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got uploadedFile
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%d %s: %v", response.StatusCode, text, err)
	}
	hash := sha256.Sum256(content)
	want := uploadedFile{Name: "b.bin", Size: int64(len(content)), ContentType: "application/octet-stream", SHA256: hex.EncodeToString(hash[:])}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Wherever in the form a body stops, the response says why it stopped.
func TestUploadThatStops(t *testing.T) {
	t.Parallel()
	engine := gin.New()
	engine.POST("/", Upload(100))
	whole := form("Content-Disposition: form-data; name=file; filename=a\n\nhello") + "behind"
	for i := range len(whole) + 1 {
		for status, err := range map[int]error{408: os.ErrDeadlineExceeded, 413: &http.MaxBytesError{Limit: 1}, 400: io.ErrUnexpectedEOF} {
			r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader(whole[:i]), failing{err}))
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			w := httptest.NewRecorder()
			engine.ServeHTTP(w, r)
			if w.Code != status {
				t.Errorf("after %q, %v: got %d %s, want %d", whole[:i], err, w.Code, w.Body, status)
			}
		}
	}
}
