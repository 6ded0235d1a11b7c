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

func TestComposeHardensEveryService(t *testing.T) {
	t.Parallel()
	compose := readCompose(t)
	for name, s := range compose.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 ||
			!slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.MemLimit == "" {
			t.Errorf("%s: got %+v, want a read-only root, no capabilities, no new privileges and a memory limit", name, s)
		}
		if s.Healthcheck == nil && s.Image != compose.Services["api-1"].Image { // which has its own
			t.Errorf("%s has no health check", name)
		}
		if s.Logging.Driver != "json-file" || s.Logging.Options["max-size"] == "" || s.Logging.Options["max-file"] == "" {
			t.Errorf("%s: got the log options %+v, want a bound on the size and the number of files", name, s.Logging)
		}
	}
	if got := len(compose.Services); got != 5 {
		t.Errorf("got %d services, want 5: proxy, api-1, api-2, redis and postgres", got)
	}
}

// The API trusts the address of the proxy, so Docker must not assign that address
// to a replica that starts earlier. Clients must not connect over IPv6, because
// Docker would then pass on the same address for all of them.
func TestComposeNetwork(t *testing.T) {
	t.Parallel()
	compose := readCompose(t)
	proxy := compose.Services["proxy"]
	address := netip.MustParseAddr(proxy.Networks.(map[string]any)["edge"].(map[string]any)["ipv4_address"].(string))
	network := compose.Networks["edge"].IPAM.Config[0]
	if !network.Subnet.Contains(address) || network.IPRange.Contains(address) || !network.Subnet.Contains(network.IPRange.Addr()) {
		t.Errorf("the proxy has %s; want an address in %s that is not in %s, the range for the other services", address, network.Subnet, network.IPRange)
	}
	for _, port := range proxy.Ports {
		if !strings.HasPrefix(port, "0.0.0.0:") {
			t.Errorf("port %s is also open on IPv6", port)
		}
	}
	for name, s := range compose.Services {
		if name != "proxy" && len(s.Ports) > 0 {
			t.Errorf("%s has ports %v, want none", name, s.Ports)
		}
	}
	// Building one image twice at the same time fails.
	if first, second := compose.Services["api-1"], compose.Services["api-2"]; first.Image != second.Image ||
		first.Build == nil || second.Build != nil || second.PullPolicy != "never" {
		t.Errorf("got %+v and %+v, want one image that only api-1 builds", first, second)
	}
}

// The settings in compose.yaml are valid and fit together. With them the server
// starts even without Redis and PostgreSQL.
func TestComposeStartsTheServer(t *testing.T) {
	t.Parallel()
	compose := readCompose(t)
	api := compose.Services["api-1"]
	if !maps.Equal(api.Environment, compose.Services["api-2"].Environment) {
		t.Error("the replicas have different environments")
	}
	secrets := makeSecrets(t)
	env := []string{"APP_ENV=production", "HOST=127.0.0.1", "PORT=0"} // as in the image, except for the address
	for name, value := range api.Environment {
		if !slices.Contains(config.Names(), name) && name != "GOMEMLIMIT" && name != "GOGC" {
			t.Errorf("%s is not a setting", name)
		}
		if file, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
			if !slices.Contains(api.Secrets, file) || compose.Secrets[file].File != "secrets/"+file {
				t.Errorf("%s=%s: the service cannot read this secret", name, value)
			}
			value = filepath.Join(secrets, file)
		}
		env = append(env, name+"="+value)
	}
	s := startIn(t, t.TempDir(), append(env, "SHUTDOWN_DELAY=0s")...) // saves time
	if got, want := s.get(t, "/readyz").body, `{"status":"ready","redis":"down","database":"down"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	listening := s.stderr.messages("listening")[0]
	proxy := compose.Services["proxy"].Networks.(map[string]any)["edge"].(map[string]any)["ipv4_address"]
	if got, want := listening["trusted_proxies"], fmt.Sprint(proxy, "/32"); got != want {
		t.Errorf("trusted proxies: got %s, want only the proxy, %s", got, want)
	}
	duration := func(text string) time.Duration {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Error(err)
		}
		return d
	}
	const shutdownTimeout = 15 * time.Second // the default
	grace := duration(api.StopGracePeriod)
	if drained := duration(api.Environment["SHUTDOWN_DELAY"]) + shutdownTimeout; grace < drained+5*time.Second {
		t.Errorf("stop_grace_period: got %s, want at least 5s more than shutdown takes, %s", grace, drained)
	}
	checkMemoryLimit(t, api.Environment["GOMEMLIMIT"], api.MemLimit)
}

// Proxy, page and API agree on their host names, both by default and with the
// variables that docs/deployment.md shows.
func TestComposeNames(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(readFile(t, "docs/deployment.md"), "```sh\nAPI_HOST=")
	own, _, found := strings.Cut("API_HOST="+rest, "\n```")
	if !found {
		t.Fatal("docs/deployment.md does not show how to set host names")
	}
	for _, variables := range [][]string{nil, strings.Split(own, "\n")} {
		compose := readCompose(t, variables...)
		api, proxy := compose.Services["api-1"].Environment, compose.Services["proxy"]
		if page := proxy.Environment["PAGE_SITE"]; api["ALLOWED_ORIGINS"] != page {
			t.Errorf("%q: the page is at %s, but the API allows %s", variables, page, api["ALLOWED_ORIGINS"])
		}
		site := proxy.Environment["API_SITE"]
		if site != "https://"+api["ALLOWED_HOSTS"] || len(variables) > 0 && site != strings.TrimPrefix(variables[1], "API_SITE=") {
			t.Errorf("%q: the API is at %s, but allows the host %s", variables, site, api["ALLOWED_HOSTS"])
		}
		if built := proxy.Build.(map[string]any)["args"].(map[string]any)["VITE_API_URL"]; built != site {
			t.Errorf("%q: the API is at %s, but the page calls %v", variables, site, built)
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

// The secrets match each other. In Redis they allow only what the rate limiter
// needs.
func TestComposeSecrets(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("redis-server"); err != nil {
		without(t, "redis-server is missing; apt-get install --no-install-recommends redis-server")
	}
	secrets := makeSecrets(t)
	secret := func(name string) string { return readFile(t, filepath.Join(secrets, name)) }
	if dir, err := os.Stat(secrets); err != nil || dir.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v, want a directory that only its owner may enter", dir.Mode(), err)
	}
	if got := len(secret("session_secret")); got != 64 {
		t.Errorf("session_secret has %d bytes, want 64", got)
	}
	database, err := url.Parse(secret("database_url"))
	if err != nil {
		t.Fatal(err)
	}
	if password, _ := database.User.Password(); password != secret("postgres_password") || len(password) != 64 {
		t.Error("database_url does not have the password of postgres_password, or it is not 64 bytes long")
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
	redisCLI := func(args ...string) string {
		text, _ := exec.Command("redis-cli", append([]string{"-p", port, "--no-auth-warning"}, args...)...).CombinedOutput()
		return strings.TrimSpace(string(text))
	}
	password, _ := redisURL.User.Password()
	as := []string{"--user", "api", "--pass", password}
	for _, tc := range []struct{ name, got, want string }{
		{"health check", redisCLI("ping"), "PONG"},
		{"no password", redisCLI("get", "ratelimit:default:127.0.0.1"), "NOPERM"},
		{"another key", redisCLI(append(as, "get", "sessions")...), "NOPERM"},
		{"another command", redisCLI(append(as, "flushall")...), "NOPERM"},
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
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never responds
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
		{"running server", []string{"PORT=" + port}, 0, ""},
		{"running server, HOST is all interfaces", []string{"PORT=" + port, "HOST=0.0.0.0"}, 0, ""},
		{"no server", []string{"PORT=1"}, 1, "refused"},
		{"another server", []string{"PORT=" + otherPort}, 1, "404 Not Found, not 200"},
		{"server that hangs", []string{"PORT=" + silentPort}, 1, "deadline exceeded"},
		{"unknown port", []string{"PORT=0"}, 1, "set PORT to a number"},
		{"invalid settings", []string{"PORT=" + port, "APP_ENV=prod"}, 2, "APP_ENV"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := launchWith(t, []string{"healthcheck"}, dir, tc.env...)
			if status := p.wait(t); status != tc.status {
				t.Errorf("exit status: got %d, want %d", status, tc.status)
			}
			if text := p.stderr.String(); !strings.Contains(text, tc.want) || tc.want == "" && text != "" {
				t.Errorf("message: got %q, want %q", text, tc.want)
			}
			checkNoFiles(t, dir)
		})
	}
}

// The image and make build use the same command. It builds a small static
// binary.
func TestImageIsBuiltLikeMakeBuild(t *testing.T) {
	t.Parallel()
	command := regexp.MustCompile(`CGO_ENABLED=0 go build .* -o (bin/\S+) \.`)
	inMakefile := command.FindStringSubmatch(readFile(t, "Makefile"))
	inDockerfile := command.FindStringSubmatch(readFile(t, "Dockerfile"))
	if inMakefile == nil || !slices.Equal(inMakefile, inDockerfile) {
		t.Fatalf("Makefile: %q, Dockerfile: %q, want the same command", inMakefile, inDockerfile)
	}
	binary := filepath.Join(t.TempDir(), "api")
	build := exec.Command("sh", "-c", strings.Replace(inMakefile[0], inMakefile[1], binary, 1))
	build.Dir = ".."
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if file, err := os.Stat(binary); err != nil || file.Size() > 27<<20 { // the base image adds 2 MB
		t.Errorf("got %d bytes, %v, want at most 27 MiB", file.Size(), err)
	}
	if text, err := exec.Command("go", "version", "-m", binary).Output(); err != nil || !strings.Contains(string(text), "CGO_ENABLED=0") {
		t.Errorf("got %v, %s, want a binary without cgo", err, text)
	}
}

// composeFile is the part of deploy/compose.yaml that the tests read.
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
		Logging         struct {
			Driver  string
			Options map[string]string
		}
		Healthcheck *struct{ Test []string }
		Networks    any
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

// readCompose parses deploy/compose.yaml. Like Compose, it replaces variables,
// using their defaults unless variables holds "NAME=value".
func readCompose(t *testing.T, variables ...string) composeFile {
	t.Helper()
	text := regexp.MustCompile(`\$\{(\w+):-([^}]*)\}`).ReplaceAllStringFunc(readFile(t, "deploy/compose.yaml"), func(reference string) string {
		name, value, _ := strings.Cut(strings.Trim(reference, "${}"), ":-")
		for _, variable := range variables {
			if given, found := strings.CutPrefix(variable, name+"="); found {
				value = given
			}
		}
		return value
	})
	var compose composeFile
	if err := yaml.Unmarshal([]byte(text), &compose); err != nil {
		t.Fatal(err)
	}
	return compose
}

// makeSecrets runs a copy of deploy/secrets.sh and returns the directory that it
// creates.
func makeSecrets(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	script := writeFile(t, dir, "secrets.sh", readFile(t, "deploy/secrets.sh"))
	if text, err := exec.Command("sh", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return filepath.Join(dir, "secrets")
}

// checkMemoryLimit checks that the soft limit of the Go runtime is about nine
// tenths of the memory limit of the container.
func checkMemoryLimit(t *testing.T, runtime, container string) {
	t.Helper()
	mebibytes := func(text string) float64 {
		n, err := strconv.ParseFloat(regexp.MustCompile(`^\d+`).FindString(text), 64)
		if err != nil {
			t.Fatalf("got the size %q, want a number and a unit", text)
		}
		return n
	}
	if share := mebibytes(runtime) / mebibytes(container); share < 0.85 || share > 0.95 {
		t.Errorf("GOMEMLIMIT=%s is %.2f of the limit %s, want about 0.9", runtime, share, container)
	}
}
