package tests

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// A response reaches the client even if the server has not read the body and
// closes the connection after the response. This holds both for direct clients
// and for nginx with its default settings, which uses HTTP/1.0.
func TestUnreadBodies(t *testing.T) {
	t.Parallel()
	s := start(t, unlimited...)
	hosts := map[string]string{"keep-alive": s.host, "1.0": s.host, "close": s.host}
	if _, err := exec.LookPath("nginx"); err != nil && os.Getenv("CI") != "true" {
		t.Log("SKIP one part: nginx is missing; apt-get install --no-install-recommends nginx-light")
	} else {
		hosts["nginx"] = startDefaultNginx(t, s)
	}
	requests := []struct {
		method, path, headers string
		size, want            int
	}{
		{"POST", "/api/session", "Origin: https://evil.example\r\n" + jsonType, 200_000, 403},
		{"POST", "/api/upload", "Origin: https://evil.example\r\nContent-Type: multipart/form-data; boundary=x", 3_000_000, 403},
		{"OPTIONS", "/api/session", "Accept: */*", 200_000, 204},
		{"GET", "/api/hello", "Accept: */*", 200_000, 200},
		{"GET", "/openapi.yaml", "Accept: */*", 900_000, 200},
		{"DELETE", "/api/session", "Accept: */*", 200_000, 204},
		{"POST", "/api/session", jsonType, 900_000, 413},
		{"POST", "/api/session", "Content-Type: text/plain", 900_000, 415},
	}
	for mode, host := range hosts {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			version, headers := "1.1", ""
			switch mode {
			case "1.0":
				version = "1.0"
			case "close":
				headers = "Connection: close\r\n"
			}
			exchange := func(i int) error {
				request := requests[i%len(requests)]
				conn, err := net.DialTimeout("tcp", host, patience)
				if err != nil {
					return err
				}
				defer conn.Close()
				if _, err := fmt.Fprintf(conn, "%s %s HTTP/%s\r\nHost: %s\r\n%s%s\r\nContent-Length: %d\r\n\r\n%s", request.method, request.path, version, s.host,
					headers, request.headers, request.size, strings.Repeat("x", request.size)); err != nil {
					return fmt.Errorf("%s %s: send: %w", request.method, request.path, err)
				}
				response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: request.method})
				if err != nil {
					return fmt.Errorf("%s %s: %w", request.method, request.path, err)
				}
				defer response.Body.Close()
				if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != request.want {
					return fmt.Errorf("%s %s: got %d, %v; want %d", request.method, request.path, response.StatusCode, err, request.want)
				}
				return nil
			}
			var clients sync.WaitGroup
			for client := range 4 {
				clients.Go(func() {
					for i := range 5 * len(requests) {
						if err := exchange(client + i); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			clients.Wait()
		})
	}
}

// startDefaultNginx starts nginx in front of s, with only the settings that it
// needs to run here, and returns its host.
func startDefaultNginx(t *testing.T, s *server) string {
	t.Helper()
	dir, port := t.TempDir(), fixedPort(t)
	paths := ""
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		paths += fmt.Sprintf("%s_temp_path %s/%s; ", name, dir, name)
	}
	file := writeFile(t, dir, "nginx.conf", fmt.Sprintf(`pid %s/nginx.pid;
events {}
http {
  access_log off; client_max_body_size 0; %s
  server { listen 127.0.0.1:%s; location / { proxy_pass http://%s; proxy_set_header Host $http_host; } }
}
`, dir, paths, port, s.host))
	globals := "daemon off;"
	if os.Getuid() == 0 {
		globals += " user root;" // only the owner of the test directory can read it
	}
	nginx := spawn(t, exec.Command("nginx", "-e", "stderr", "-g", globals, "-c", file))
	host := "127.0.0.1:" + port
	nginx.waitFor(t, "nginx", func() bool {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
	return host
}
