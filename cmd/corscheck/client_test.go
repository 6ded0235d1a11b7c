package main

import (
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(headers(200, "Access-Control-Allow-Origin: *"))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := corscheck(t, s.URL, "--origin", "https://app.example.com"); status != exitUnreachable || !strings.Contains(stderr, "--cacert") {
		t.Errorf("without the CA: got status %d, %q", status, stderr)
	}
	// httptest's certificate is for example.com, too.
	status, stdout, stderr := corscheck(t, "https://example.com:"+u.Port(), "--origin", "https://app.example.com", "--cacert", ca, "--resolve", "example.com:"+u.Port()+":127.0.0.1")
	if status != exitAllowed || !strings.Contains(stdout, "200 OK (HTTP/2)") {
		t.Errorf("got status %d, %s%s", status, stdout, stderr)
	}
	if status, _, stderr := corscheck(t, "https://other.example:"+u.Port(), "--origin", "https://app.example.com", "--cacert", ca, "--resolve", "other.example:"+u.Port()+":127.0.0.1"); status != exitUnreachable || !strings.Contains(stderr, "certificate for another name") {
		t.Errorf("another name: got status %d, %q", status, stderr)
	}
	if status, _, stderr := corscheck(t, "https://localhost:"+portOf(t, serve(t, headers(200))), "--origin", "https://app.example.com"); status != exitUnreachable || !strings.Contains(stderr, "does not speak TLS") {
		t.Errorf("plain http: got status %d, %q", status, stderr)
	}
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// What the browser adds to a request of its own.
func TestSentHeaders(t *testing.T) {
	var got []http.Header
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header)
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Methods", "*")
	})
	if status, stdout, _ := corscheck(t, address, "--origin", testPage, "--method", "DELETE"); status != exitAllowed || len(got) != 2 {
		t.Fatalf("got status %d, %d requests\n%s", status, len(got), stdout)
	}
	for _, h := range got {
		for name, want := range map[string]string{"Origin": testPage, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Referer": testPage + "/", "Accept": "*/*"} {
			if h.Get(name) != want {
				t.Errorf("%s: got %q, want %q", name, h.Get(name), want)
			}
		}
	}
	if got[0].Get("Access-Control-Request-Method") != "DELETE" || got[1].Get("Access-Control-Request-Method") != "" {
		t.Errorf("got %v", got)
	}
}

// raw serves bytes as they are, endlessly if they end in an ellipsis.
func raw(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 4096))
				repeated, endless := strings.CutSuffix(text, "…")
				_, err := conn.Write([]byte(repeated))
				line := repeated[strings.LastIndex(strings.TrimSuffix(repeated, "\n"), "\n")+1:]
				for endless && err == nil {
					_, err = conn.Write([]byte(line))
				}
			}()
		}
	}()
	return fmt.Sprintf("http://localhost:%d/", l.Addr().(*net.TCPAddr).Port)
}

func TestHostileServers(t *testing.T) {
	const allowed = "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\n"
	for _, tt := range []struct {
		name, response string
		status         int
		want           string
	}{
		{"endless body", allowed + "\r\n" + "x\n…", exitAllowed, "ALLOWED"},
		{"endless problem", allowed + "Content-Type: application/problem+json\r\n\r\n{\n…", exitAllowed, "ALLOWED"},
		{"endless headers", allowed + "X-A: b\r\n…", exitUnreachable, "gave no response"},
		{"endless interim responses", "HTTP/1.1 103 Early Hints\r\n\r\n\r\n…", exitUnreachable, "gave no response"},
		{"no HTTP", "\x00\x01\x02\r\n\r\n", exitUnreachable, "gave no response"},
		{"nothing", "", exitUnreachable, "gave no response"},
		{"terminal escapes", "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: \x1b]0;pwned\x07\x1b[2J\u202eevil\xff\r\nContent-Length: 0\r\n\r\n", exitUnreachable, `\x1b]0;pwned`},
		{"bytes outside ASCII", "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: \u202eevil\xff\r\nContent-Length: 0\r\n\r\n", exitBlocked, `\u{202e}evil`},
		{"escapes in a problem", "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\nContent-Length: 27\r\n\r\n{\"detail\": \"\\u001b[31mred\"}", exitBlocked, `\x1b[31mred`},
		{"escapes in a redirect", "HTTP/1.1 302 Found\r\nAccess-Control-Allow-Origin: *\r\nLocation: ftp://a/%1b\u202e\r\nContent-Length: 0\r\n\r\n", exitBlocked, `ftp://a/%1b\u202e`},
	} {
		status, stdout, stderr := corscheck(t, raw(t, tt.response), "--origin", testPage)
		if status != tt.status || !strings.Contains(stdout+stderr, tt.want) {
			t.Errorf("%s: got status %d, %s%s", tt.name, status, stdout, stderr)
		}
		if i := strings.IndexFunc(stdout+stderr, func(r rune) bool { return r < ' ' && r != '\n' || r == '\u202e' || r == 0x7f }); i >= 0 {
			t.Errorf("%s: the output holds %q", tt.name, (stdout + stderr)[i:i+1])
		}
	}
}

func TestRedirectLoop(t *testing.T) {
	requests := 0
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Location", fmt.Sprintf("/%d", requests))
		w.WriteHeader(http.StatusFound)
	})
	status, stdout, _ := corscheck(t, address, "--origin", testPage)
	if status != exitBlocked || !strings.Contains(stdout, "more than 20 redirects") || requests > 21 {
		t.Errorf("got status %d after %d requests\n%s", status, requests, stdout)
	}
}

func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := newClient(options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if c.timeout != requestTimeout || requestTimeout > 30*time.Second {
		t.Errorf("the timeout is %v", c.timeout)
	}
	c.timeout = 50 * time.Millisecond
	o, err := parseOptions([]string{"http://" + l.Addr().String(), "--origin", testPage}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := check(t.Context(), c, o.request); err == nil || !strings.Contains(unreachable(err), "did not answer within") {
		t.Errorf("got %v", err)
	}
}
