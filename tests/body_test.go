package tests

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestContentTypes(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	checkStatus(t, s.do(t, "POST", "/api/session", `{"name":"a"}`, "Content-Type: application/json;charset=UTF-8"), http.StatusCreated)
	for path, contentTypes := range map[string][]string{
		"/api/session": {"text/plain; application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "application", "text/json"},
		"/api/upload":  {"application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/mixed; boundary=x"},
	} {
		for _, contentType := range contentTypes {
			t.Run(path+" "+contentType, func(t *testing.T) {
				checkProblem(t, s.do(t, "POST", path, `{"name":"a"}`, "Content-Type: "+contentType), http.StatusUnsupportedMediaType)
			})
		}
		checkProblem(t, s.do(t, "POST", path, `{"name":"a"}`), http.StatusUnsupportedMediaType)
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	padded := func(size int) string {
		body := `{"name":"a"}`
		return body + strings.Repeat(" ", size-len(body))
	}
	tests := []struct {
		name  string
		env   []string
		limit int
	}{
		{"default", nil, 256 << 10},
		{"more than the route allows", []string{"MAX_BODY_BYTES=1000000"}, 256 << 10},
		{"set", []string{"MAX_BODY_BYTES=1000"}, 1000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.env...)
			checkStatus(t, s.do(t, "POST", "/api/session", padded(tt.limit), jsonType), http.StatusCreated)
			checkProblem(t, s.do(t, "POST", "/api/session", padded(tt.limit+1), jsonType), http.StatusRequestEntityTooLarge)
			long := `{"name":"` + strings.Repeat("a", tt.limit) + `"}`
			checkProblem(t, s.do(t, "POST", "/api/session", long, jsonType), http.StatusRequestEntityTooLarge)
		})
	}
}

// The server reads a body of up to twice the limit before it rejects it. A
// browser that is still sending would otherwise see a broken connection. The
// bodies are larger than the socket buffers.
func TestLargeBodyIsReadBeforeItIsRejected(t *testing.T) {
	t.Parallel()
	const limit = 16 << 20
	s := start(t, fmt.Sprintf("MAX_BODY_BYTES=%d", limit), fmt.Sprintf("MAX_UPLOAD_BYTES=%d", limit))
	object := []byte(`{"name":"` + strings.Repeat("a", 2*limit-11) + `"}`)
	form, formType := upload(t, part{"file", "a", "text/plain", strings.Repeat("a", 2*limit-1000)})
	for _, request := range []struct {
		path, header string
		body         []byte
	}{{"/api/session", jsonType, object}, {"/api/upload", formType, []byte(form)}} {
		for _, framing := range []string{fmt.Sprintf("Content-Length: %d", len(request.body)), "Transfer-Encoding: chunked"} {
			conn := s.dial(t)
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s\r\n\r\n", request.path, s.host, request.header, framing)
			body := request.body
			if strings.HasPrefix(framing, "Transfer") {
				body = fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			}
			if _, err := conn.Write(body); err != nil {
				t.Errorf("%s, %s: the server closed the connection before the whole body was sent: %v", request.path, framing, err)
			} else {
				checkProblem(t, readAnswer(t, conn, "POST"), http.StatusRequestEntityTooLarge)
			}
			conn.Close()
		}
	}
}

// The server stops waiting for a body that stalls and tells the client why.
func TestStalledBody(t *testing.T) {
	t.Parallel()
	s := start(t)
	form, formType := upload(t, part{"file", "a", "text/plain", "hello"})
	for _, request := range []struct{ name, path, header, sent string }{
		{"JSON", "/api/session", jsonType, `{"name":`},
		{"JSON, no byte sent", "/api/session", jsonType, ``},
		{"upload", "/api/upload", formType, form[:len(form)-70]},
		{"upload, in the headers of a part", "/api/upload", formType, form[:60+len("Content-Disp")]},
	} {
		t.Run(request.name, func(t *testing.T) {
			t.Parallel()
			conn := s.dial(t)
			defer conn.Close()
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n%s\r\nContent-Length: 1000\r\n\r\n%s", request.path, s.host, vite, request.header, request.sent)
			a := readAnswer(t, conn, "POST")
			checkProblem(t, a, http.StatusRequestTimeout)
			checkReadable(t, a, vite)
		})
	}
}

// A malformed body gets 400 and sets no cookie.
func TestMalformedJSON(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	for _, tt := range []struct{ name, body string }{
		{"incomplete", `{"name":"a"`},
		{"form", `name=a`},
		{"empty", ``},
		{"array of objects", `[{"name":"a"}]`},
		{"true", `true`},
		{"deeply nested", strings.Repeat("[", 20_000)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := s.do(t, "POST", "/api/session", tt.body, jsonType)
			checkErrors(t, checkProblem(t, a, http.StatusBadRequest))
			checkHeaders(t, a, map[string]string{"Set-Cookie": absent})
		})
	}
	checkStatus(t, s.do(t, "POST", "/api/session", " \n{\"name\":\"a\"}\r\n ", jsonType), http.StatusCreated)
}
