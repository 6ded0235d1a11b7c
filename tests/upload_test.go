package tests

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUpload(t *testing.T) {
	t.Parallel()
	s := start(t, append(unlimited, "MAX_UPLOAD_BYTES=1000", "MAX_BODY_BYTES=10")...)
	exact := strings.Repeat("x", 1000)
	tests := []struct {
		name   string
		parts  []part
		status int
		want   result // without SHA256
	}{
		{"text", []part{{"file", "a.txt", "text/plain", "hello"}}, 201, result{Name: "a.txt", Size: 5, ContentType: "text/plain"}},
		{"empty file", []part{{"file", "empty", "application/octet-stream", ""}}, 201, result{Name: "empty", ContentType: "application/octet-stream"}},
		{"bytes", []part{{"file", "ü.bin", "image/png", "\x00\xff\x89PNG\r\n"}}, 201, result{Name: "ü.bin", Size: 8, ContentType: "image/png"}},
		{"a path as the name", []part{{"file", "../../etc/passwd", "text/plain", "x"}}, 201, result{Name: "passwd", Size: 1, ContentType: "text/plain"}},
		{"exactly the limit", []part{{"file", "a", "text/plain", exact}}, 201, result{Name: "a", Size: 1000, ContentType: "text/plain"}},
		{"one byte more", []part{{"file", "a", "text/plain", exact + "x"}}, 413, result{}},
		{"twice the limit", []part{{"file", "a", "text/plain", exact + exact}}, 413, result{}},
		{"a field before the file", []part{{"comment", "", "", "hi"}, {"file", "a", "text/plain", "x"}}, 201, result{Name: "a", Size: 1, ContentType: "text/plain"}},
		{"no file", []part{{"comment", "", "", "hi"}}, 422, result{}},
		{"a file in another field", []part{{"picture", "a.png", "image/png", "x"}}, 422, result{}},
		{"file twice", []part{{"file", "a", "text/plain", "x"}, {"file", "b", "text/plain", "y"}}, 422, result{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			form, formType := upload(t, tt.parts...)
			a := s.do(t, "POST", "/api/upload", form, formType)
			if tt.status != http.StatusCreated {
				p := checkProblem(t, a, tt.status)
				if tt.status == http.StatusUnprocessableEntity {
					checkErrors(t, p, "file")
				}
				return
			}
			checkJSON(t, a, http.StatusCreated)
			sum := sha256.Sum256([]byte(tt.parts[len(tt.parts)-1].content))
			tt.want.SHA256 = hex.EncodeToString(sum[:])
			if diff := cmp.Diff(tt.want, decode[result](t, a)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	form, formType := upload(t, part{"file", "a.txt", "text/plain", "hello"})
	for _, broken := range []struct{ name, body, contentType string }{
		{"cut off", form[:len(form)-20], formType},
		{"cut off inside the file", form[:len(form)-68], formType},
		{"empty", "", formType},
		{"another boundary", form, "Content-Type: multipart/form-data; boundary=other"},
	} {
		t.Run(broken.name, func(t *testing.T) {
			a := s.do(t, "POST", "/api/upload", broken.body, broken.contentType)
			if a.status != http.StatusBadRequest && a.status != http.StatusUnprocessableEntity {
				t.Errorf("status: got %d, want 400 or 422; body %s", a.status, a.body)
			}
			checkProblem(t, a, a.status)
		})
	}
	a := s.do(t, "POST", "/api/upload", form, "Content-Type: multipart/form-data")
	if a.status != http.StatusBadRequest && a.status != http.StatusUnsupportedMediaType {
		t.Errorf("no boundary: got %d, want 400 or 415", a.status)
	}
}

// A large upload is held neither in memory nor on disk.
func TestUploadIsStreamed(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	s := start(t, append(unlimited, "MAX_UPLOAD_BYTES=100000000", "TMPDIR="+tmp)...)
	s.get(t, "/api/hello")
	content := bytes.Repeat([]byte("0123456789abcdef"), 4<<20) // 64 MiB
	form, formType := upload(t, part{"file", "big.bin", "application/octet-stream", string(content)})
	before := s.peakMemory(t)
	a := s.do(t, "POST", "/api/upload", form, formType)
	checkStatus(t, a, http.StatusCreated)
	sum := sha256.Sum256(content)
	if got := decode[result](t, a); got.SHA256 != hex.EncodeToString(sum[:]) || got.Size != int64(len(content)) {
		t.Errorf("got %+v, want %d bytes and sum %x", got, len(content), sum)
	}
	if grown := s.peakMemory(t) - before; grown > 32<<20 {
		t.Errorf("memory grew by %d MiB during an upload of 64 MiB, want at most 32 MiB", grown>>20)
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("temporary directory: got %v, %v, want it empty", left, err)
	}
	files, err := os.ReadDir(s.cmd.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasPrefix(file.Name(), "app.db") {
			t.Errorf("the working directory contains %s", file.Name())
		}
		if info, err := file.Info(); err == nil && info.Size() > 1<<20 {
			t.Errorf("%s has %d bytes after the upload, want at most 1 MiB", file.Name(), info.Size())
		}
	}
}

func TestDefaultUploadLimit(t *testing.T) {
	t.Parallel()
	s := start(t)
	for size, status := range map[int]int{10 << 20: http.StatusCreated, 10<<20 + 1: http.StatusRequestEntityTooLarge, 20 << 20: http.StatusRequestEntityTooLarge} {
		form, formType := upload(t, part{"file", "a", "application/octet-stream", strings.Repeat("x", size)})
		checkStatus(t, s.do(t, "POST", "/api/upload", form, formType), status)
	}
}

// result is the body of a successful response to an upload.
type result struct {
	Name        string `json:"name"`
	Size        int64  `json:"size"`
	ContentType string `json:"content_type"`
	SHA256      string `json:"sha256"`
}

// peakMemory returns the largest resident set of the process, in bytes.
func (p *process) peakMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		without(t, "this test reads /proc; run it on Linux")
	}
	var kilobytes int64
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes)
	}
	return kilobytes << 10
}

// part is a part of a multipart form.
type part struct{ field, file, contentType, content string }

// upload returns a multipart form and its Content-Type header.
func upload(t *testing.T, parts ...part) (body, header string) {
	t.Helper()
	var text bytes.Buffer
	form := multipart.NewWriter(&text)
	for _, p := range parts {
		h := make(textproto.MIMEHeader)
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q`, p.field))
		if p.file != "" {
			h.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename=%q`, p.field, p.file))
		}
		if p.contentType != "" {
			h.Set("Content-Type", p.contentType)
		}
		w, err := form.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, p.content)
	}
	form.Close()
	return text.String(), "Content-Type: " + form.FormDataContentType()
}
