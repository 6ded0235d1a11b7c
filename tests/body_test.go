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
	tests := []struct {
		contentType string
		accepted    bool
	}{
		{"application/json", true},
		{"application/json; charset=utf-8", true},
		{"application/json;charset=UTF-8", true},
		{"Application/JSON", true},
		{"", false},
		{"text/plain", false},
		{"text/plain; application/json", false},
		{"application/x-www-form-urlencoded", false},
		{"multipart/form-data; boundary=x", false},
		{"application/jsonx", false},
		{"application", false},
		{"application/xml", false},
		{"text/json", false},
	}
	for _, tt := range tests {
		t.Run(tt.contentType, func(t *testing.T) {
			for _, path := range []string{"/api/session"} {
				var headers []string
				if tt.contentType != "" {
					headers = []string{"Content-Type: " + tt.contentType}
				}
				a := s.do(t, "POST", path, `{"name":"a"}`, headers...)
				if tt.accepted {
					checkStatus(t, a, http.StatusCreated)
				} else {
					checkProblem(t, a, http.StatusUnsupportedMediaType)
				}
			}
		})
	}
	for _, contentType := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/mixed; boundary=x"} {
		checkProblem(t, s.do(t, "POST", "/api/upload", "x", "Content-Type: "+contentType), http.StatusUnsupportedMediaType)
	}
	checkProblem(t, s.do(t, "POST", "/api/upload", "x"), http.StatusUnsupportedMediaType)
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
		{"more than the route takes", []string{"MAX_BODY_BYTES=1000000"}, 256 << 10},
		{"set", []string{"MAX_BODY_BYTES=1000"}, 1000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.env...)
			for _, path := range []string{"/api/session"} {
				checkStatus(t, s.do(t, "POST", path, padded(tt.limit), jsonType), http.StatusCreated)
				checkProblem(t, s.do(t, "POST", path, padded(tt.limit+1), jsonType), http.StatusRequestEntityTooLarge)
				long := `{"name":"` + strings.Repeat("a", tt.limit) + `"}`
				checkProblem(t, s.do(t, "POST", path, long, jsonType), http.StatusRequestEntityTooLarge)
			}
		})
	}
}

// Up to twice the limit is read before the answer, or a browser that is still
// sending would see a broken connection. The bodies are larger than what the
// sockets' buffers take.
func TestLargeBodyIsReadBeforeItIsRefused(t *testing.T) {
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
				t.Errorf("%s, %s: the server hung up before the body was sent: %v", request.path, framing, err)
			} else {
				checkProblem(t, readAnswer(t, conn, "POST"), http.StatusRequestEntityTooLarge)
			}
			conn.Close()
		}
	}
}

// A body that stalls is given up on; the client learns why.
func TestStalledBody(t *testing.T) {
	t.Parallel()
	s := start(t)
	form, formType := upload(t, part{"file", "a", "text/plain", "hello"})
	for _, request := range []struct{ name, path, header, sent string }{
		{"JSON", "/api/session", jsonType, `{"name":`},
		{"JSON, nothing of it sent", "/api/session", jsonType, ``},
		{"upload", "/api/upload", formType, form[:len(form)-70]},
		{"upload, in a part's headers", "/api/upload", formType, form[:60+len("Content-Disp")]},
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

// A body is one JSON object, and nothing that merely resembles one.
func TestMalformedJSON(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	text := strings.Repeat
	for _, tt := range []struct{ name, body string }{
		{"malformed", `{"name":"a"`},
		{"not JSON", `name=a`},
		{"single quotes", `{'name':'a'}`},
		{"trailing comma", `{"name":"a",}`},
		{"trailing text", `{"name":"a"} x`},
		{"two documents", `{"name":"a"}{"name":"b"}`},
		{"trailing brace", `{"name":"a"}}`},
		{"empty", ``},
		{"blank", "  \n"},
		{"null", `null`},
		{"list", `[]`},
		{"list of items", `[{"name":"a"}]`},
		{"text", `"name"`},
		{"number", `5`},
		{"true", `true`},
		{"deep", text("[", 20000)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := s.do(t, "POST", "/api/session", tt.body, jsonType)
			checkErrors(t, checkProblem(t, a, http.StatusBadRequest))
			checkHeaders(t, a, map[string]string{"Set-Cookie": absent})
		})
	}
	checkStatus(t, s.do(t, "POST", "/api/session", " \n{\"name\":\"a\"}\r\n ", jsonType), http.StatusCreated)
}
