package tests

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"example.com/api/config"
)

// composeFile is what the tests below read of deploy/compose.yaml.
type composeFile struct {
	Services map[string]struct {
		Image           string
		Build           any
		PullPolicy      string `yaml:"pull_policy"`
		Ports           []string
		Environment     map[string]string
		Secrets         []string
		ReadOnly        bool     `yaml:"read_only"`
		CapDrop         []string `yaml:"cap_drop"`
		CapAdd          []string `yaml:"cap_add"`
		SecurityOpt     []string `yaml:"security_opt"`
		MemLimit        string   `yaml:"mem_limit"`
		StopGracePeriod string   `yaml:"stop_grace_period"`
		Healthcheck     *struct{ Test []string }
		Networks        any
	}
	Secrets  map[string]struct{ File string }
	Networks map[string]struct {
		IPAM struct {
			Config []struct {
				Subnet  netip.Prefix
				IPRange netip.Prefix `yaml:"ip_range"`
			}
		}
	}
}

// readFile reads a file by its absolute path, or by its path below the top of
// the repository.
func readFile(t *testing.T, name string) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join("..", name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readCompose reads the file as Compose does with these variables.
func readCompose(t *testing.T, variables ...string) composeFile {
	t.Helper()
	text := regexp.MustCompile(`\$\{(\w+):-([^}]*)\}`).ReplaceAllStringFunc(readFile(t, "deploy/compose.yaml"), func(reference string) string {
		name, standard, _ := strings.Cut(strings.Trim(reference, "${}"), ":-")
		for _, variable := range variables {
			if value, found := strings.CutPrefix(variable, name+"="); found {
				return value
			}
		}
		return standard
	})
	var compose composeFile
	if err := yaml.Unmarshal([]byte(text), &compose); err != nil {
		t.Fatal(err)
	}
	return compose
}

// makeSecrets runs deploy/secrets.sh beside a copy of itself and returns the
// folder that it made.
func makeSecrets(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	script := writeFile(t, dir, "secrets.sh", readFile(t, "deploy/secrets.sh"))
	if text, err := exec.Command("sh", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return filepath.Join(dir, "secrets")
}

func TestComposeHardensEveryService(t *testing.T) {
	t.Parallel()
	compose := readCompose(t)
	for name, s := range compose.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 ||
			!slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.MemLimit == "" {
			t.Errorf("%s: got %+v, want a read-only root, no capability, no new privileges and a limit of memory", name, s)
		}
		if s.Healthcheck == nil && s.Image != "api" { // of api it is in the image
			t.Errorf("%s has no health check", name)
		}
	}
	if got := len(compose.Services); got != 5 {
		t.Errorf("got %d services, want proxy, api-1, api-2, redis, postgres", got)
	}
}

// The proxy's address is what the API trusts: no replica that starts earlier
// may be given it. And no client may come over IPv6, which Docker would hand
// over as one address for all.
func TestComposeNetwork(t *testing.T) {
	t.Parallel()
	compose := readCompose(t)
	proxy := compose.Services["proxy"]
	address := netip.MustParseAddr(proxy.Networks.(map[string]any)["edge"].(map[string]any)["ipv4_address"].(string))
	given := compose.Networks["edge"].IPAM.Config[0]
	if !given.Subnet.Contains(address) || given.IPRange.Contains(address) || !given.Subnet.Contains(given.IPRange.Addr()) {
		t.Errorf("the proxy's %s must be in %s and not in %s, from which the others get theirs", address, given.Subnet, given.IPRange)
	}
	for _, port := range proxy.Ports {
		if !strings.HasPrefix(port, "0.0.0.0:") {
			t.Errorf("port %s is open on IPv6 too", port)
		}
	}
	for name, s := range compose.Services {
		if name != "proxy" && len(s.Ports) > 0 {
			t.Errorf("%s has ports %v, want none", name, s.Ports)
		}
	}
	// Built twice under one name at the same time, one of them fails.
	if first, second := compose.Services["api-1"], compose.Services["api-2"]; first.Image != second.Image ||
		first.Build == nil || second.Build != nil || second.PullPolicy != "never" {
		t.Errorf("got %+v and %+v, want one image that api-1 builds", first, second)
	}
}

// What compose.yaml sets is accepted by the program, starts it without Redis
// and PostgreSQL, and fits together.
func TestComposeStartsTheServer(t *testing.T) {
	t.Parallel()
	compose := readCompose(t)
	api := compose.Services["api-1"]
	if !maps.Equal(api.Environment, compose.Services["api-2"].Environment) {
		t.Error("the replicas differ")
	}
	secrets := makeSecrets(t)
	env := []string{"APP_ENV=production", "HOST=127.0.0.1", "PORT=0"} // the image's, but for a test's address
	for name, value := range api.Environment {
		if name != "GOMEMLIMIT" && !slices.Contains(config.Names(), name) {
			t.Errorf("%s is no setting", name)
		}
		if file, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
			if !slices.Contains(api.Secrets, file) || compose.Secrets[file].File != "secrets/"+file {
				t.Errorf("%s=%s: the secret is not given to the service", name, value)
			}
			value = filepath.Join(secrets, file)
		}
		env = append(env, name+"="+value)
	}
	s := startIn(t, t.TempDir(), append(env, "SHUTDOWN_DELAY=0s")...) // the test need not wait
	if got, want := s.get(t, "/readyz").body, `{"status":"ready","redis":"down","database":"down"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	listening := s.stderr.messages("listening")[0]
	proxy := compose.Services["proxy"].Networks.(map[string]any)["edge"].(map[string]any)["ipv4_address"]
	if got, want := listening["trusted_proxies"], fmt.Sprint(proxy, "/32"); got != want {
		t.Errorf("trusted proxies: got %s, want the proxy alone, %s", got, want)
	}
	duration := func(text string) time.Duration {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Error(err)
		}
		return d
	}
	const shutdownTimeout = 15 * time.Second // the default
	killed := duration(api.StopGracePeriod)
	if drained := duration(api.Environment["SHUTDOWN_DELAY"]) + shutdownTimeout; killed < drained+5*time.Second {
		t.Errorf("killed after %s, want 5s more than draining takes, %s", killed, drained)
	}
	checkMemoryLimit(t, api.Environment["GOMEMLIMIT"], api.MemLimit)
}

// checkMemoryLimit wants the collector's limit at about nine tenths of the
// container's.
func checkMemoryLimit(t *testing.T, collector, container string) {
	t.Helper()
	mebibytes := func(text string) float64 {
		n, err := strconv.ParseFloat(regexp.MustCompile(`^\d+`).FindString(text), 64)
		if err != nil {
			t.Fatalf("no size: %q", text)
		}
		return n
	}
	if share := mebibytes(collector) / mebibytes(container); share < 0.85 || share > 0.95 {
		t.Errorf("GOMEMLIMIT=%s is %.2f of the limit %s, want about 0.9", collector, share, container)
	}
}

// Proxy, page and API agree on their names: on the file's own, and on those
// that the documentation shows.
func TestComposeNames(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(readFile(t, "docs/deployment.md"), "```sh\nAPI_HOST=")
	own, _, found := strings.Cut("API_HOST="+rest, "\n```")
	if !found {
		t.Fatal("docs/deployment.md does not show names of one's own")
	}
	for _, variables := range [][]string{nil, strings.Split(own, "\n")} {
		compose := readCompose(t, variables...)
		api, proxy := compose.Services["api-1"].Environment, compose.Services["proxy"]
		if page := proxy.Environment["PAGE_SITE"]; api["ALLOWED_ORIGINS"] != page {
			t.Errorf("%q: the page is at %s, allowed is %s", variables, page, api["ALLOWED_ORIGINS"])
		}
		site := proxy.Environment["API_SITE"]
		if site != "https://"+api["ALLOWED_HOSTS"] || len(variables) > 0 && site != strings.TrimPrefix(variables[1], "API_SITE=") {
			t.Errorf("%q: the API is at %s, its host is %s", variables, site, api["ALLOWED_HOSTS"])
		}
		if built := proxy.Build.(map[string]any)["args"].(map[string]any)["VITE_API_URL"]; built != site {
			t.Errorf("%q: the API is at %s, the page calls %v", variables, site, built)
		}
		env := []string{"APP_ENV=production", "HOST=127.0.0.1", "PORT=0"}
		for name, value := range api {
			if !strings.HasSuffix(name, "_FILE") {
				env = append(env, name+"="+value)
			}
		}
		startIn(t, t.TempDir(), append(env, "SESSION_SECRET="+strings.Repeat("s", 32), "SHUTDOWN_DELAY=0s")...)
	}
}

// The secrets fit each other; in Redis they open what the limiter needs and
// no other key.
func TestComposeSecrets(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-server"); err != nil {
		without(t, "redis-server is missing; apt-get install --no-install-recommends redis-server")
	}
	secrets := makeSecrets(t)
	secret := func(name string) string { return readFile(t, filepath.Join(secrets, name)) }
	if folder, err := os.Stat(secrets); err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v, want a folder that only its owner may enter", folder.Mode(), err)
	}
	if got := len(secret("session_secret")); got != 64 {
		t.Errorf("session_secret has %d bytes, want 64", got)
	}
	database, err := url.Parse(secret("database_url"))
	if err != nil {
		t.Fatal(err)
	}
	if password, _ := database.User.Password(); password != secret("postgres_password") || len(password) != 64 {
		t.Error("database_url has not PostgreSQL's password")
	}

	port := freePort(t)
	server := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--aclfile", filepath.Join(secrets, "redis_acl"))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	redisURL, err := url.Parse(secret("redis_url"))
	if err != nil {
		t.Fatal(err)
	}
	redisURL.Host = net.JoinHostPort("127.0.0.1", port)
	s := start(t, "REDIS_URL="+redisURL.String())
	s.waitFor(t, "redis up", func() bool { return strings.Contains(s.get(t, "/readyz").body, `"redis":"up"`) })
	if got := s.get(t, "/api/hello").header.Get("X-RateLimit-Remaining"); got != "99" {
		t.Errorf("remaining: got %s, want 99", got)
	}
	asking := func(args ...string) string {
		text, _ := exec.Command("redis-cli", append([]string{"-p", port, "--no-auth-warning"}, args...)...).CombinedOutput()
		return strings.TrimSpace(string(text))
	}
	password, _ := redisURL.User.Password()
	as := []string{"--user", "api", "--pass", password}
	for _, tc := range []struct{ name, got, want string }{
		{"the health check", asking("ping"), "PONG"},
		{"a stranger", asking("get", "ratelimit:default:127.0.0.1"), "NOPERM"},
		{"another key", asking(append(as, "get", "sessions")...), "NOPERM"},
		{"another command", asking(append(as, "flushall")...), "NOPERM"},
	} {
		if !strings.HasPrefix(tc.got, tc.want) {
			t.Errorf("%s: got %q, want %s", tc.name, tc.got, tc.want)
		}
	}
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	startIn(t, t.TempDir(), "PORT="+port)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	_, otherPort, _ := net.SplitHostPort(other.Listener.Addr().String())
	_, silentPort, _ := net.SplitHostPort(silent.Addr().String())
	for _, tc := range []struct {
		name   string
		env    []string
		status int
		want   string
	}{
		{"a server", []string{"PORT=" + port}, 0, ""},
		{"a server on the address that is asked for all", []string{"PORT=" + port, "HOST=0.0.0.0"}, 0, ""},
		{"no server", []string{"PORT=1"}, 1, "refused"},
		{"another program", []string{"PORT=" + otherPort}, 1, "404 Not Found, not 200"},
		{"a program that hangs", []string{"PORT=" + silentPort}, 1, "deadline exceeded"},
		{"a port that nobody knows", []string{"PORT=0"}, 1, "set PORT to a number"},
		{"wrong settings", []string{"PORT=" + port, "APP_ENV=prod"}, 2, "APP_ENV"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := launchWith(t, []string{"healthcheck"}, dir, tc.env...)
			if status := p.wait(t); status != tc.status {
				t.Errorf("exit status %d, want %d", status, tc.status)
			}
			if text := p.stderr.String(); !strings.Contains(text, tc.want) || tc.want == "" && text != "" {
				t.Errorf("it says %q, want %q", text, tc.want)
			}
			if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
				t.Errorf("got %v, %v, want no file made", files, err)
			}
		})
	}
}

// The image's program is the one of make build: static, small, and it knows
// its version.
func TestImageIsBuiltLikeMakeBuild(t *testing.T) {
	t.Parallel()
	command := regexp.MustCompile(`CGO_ENABLED=0 go build .* -o bin/api \.`)
	inMakefile := command.FindString(readFile(t, "Makefile"))
	inDockerfile := command.FindString(readFile(t, "Dockerfile"))
	if inMakefile == "" || inMakefile != inDockerfile {
		t.Errorf("Makefile: %q, Dockerfile: %q, want the same", inMakefile, inDockerfile)
	}
	binary := filepath.Join(t.TempDir(), "api")
	build := exec.Command("sh", "-c", strings.Replace(inMakefile, "bin/api", binary, 1))
	build.Dir = ".."
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if file, err := os.Stat(binary); err != nil || file.Size() > 27<<20 { // the base image has 2 MB
		t.Errorf("got %d bytes, %v, want at most 27 MiB", file.Size(), err)
	}
	if text, err := exec.Command("go", "version", "-m", binary).Output(); err != nil || !strings.Contains(string(text), "CGO_ENABLED=0") {
		t.Errorf("got %v, %s, want no cgo", err, text)
	}
}
