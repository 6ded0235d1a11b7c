package tests

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/api/config"
)

// Every invalid setting stops startup with a message that names the variable
// and the value. The unit tests of config list what is invalid; here is one
// example of each kind.
func TestInvalidSettings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		setting string   // "NAME=value"
		env     []string // what else must be set to make the setting invalid
		want    []string // in the message, besides the name and the value
	}{
		{setting: "ALLOWED_ORIGINS=*", want: []string{"CORS_ALLOW_CREDENTIALS=false"}},
		{setting: "ALLOWED_ORIGINS=https://a.com?", want: []string{"query"}},
		{setting: "ALLOWED_ORIGINS=https://a.com#", want: []string{"fragment"}},
		{setting: "ALLOWED_ORIGINS=https://bücher.example", want: []string{"https://xn--bcher-kva.example"}},
		{setting: "ALLOWED_ORIGINS=https://example.*"},
		{setting: "ALLOWED_ORIGINS=https://*.com:8443", want: []string{"public suffix"}},
		{setting: "ALLOWED_ORIGINS=http://localhost.example.com", env: production, want: []string{"https"}},
		{setting: "ALLOWED_ORIGIN_REGEX=https://app.example.com", want: []string{"https://appxexample.com"}},
		{setting: "CORS_ALLOW_CREDENTIALS=yes", want: []string{"true", "false"}},
		{setting: "CORS_ALLOWED_METHODS=trace"},
		{setting: "CORS_ALLOWED_HEADERS=X-Ü"},
		{setting: "CORS_EXPOSED_HEADERS=*", want: []string{"CORS_ALLOW_CREDENTIALS"}},
		{setting: "CORS_MAX_AGE=25h", want: []string{"24h"}},
		{setting: "HTTPS_REDIRECT=true", want: []string{"ALLOWED_HOSTS"}},
		{setting: "TRUSTED_PROXIES=1.2.3.4/0"},
		{setting: "ALLOWED_HOSTS=api.example.com/path"},
		{setting: "APP_ENV=staging", want: []string{"development", "production"}},
		{setting: "LOG_LEVEL=loud", want: []string{"info"}},
		{setting: "LOG_FORMAT=xml", want: []string{"text", "json"}},
		{setting: "SESSION_SAMESITE=loose", want: []string{"lax", "strict", "none"}},
		{setting: "PORT=65536", want: []string{"65535"}},
		{setting: "RATE_LIMIT_SESSION=5-Y", want: []string{"100-M"}},
		{setting: "RATE_LIMIT_MAX_CLIENTS=many"},
		{setting: "HSTS_MAX_AGE=31536000", want: []string{"31536000s"}},
		{setting: "MAX_UPLOAD_BYTES=1e6"},
		{setting: "SHUTDOWN_TIMEOUT=15 s"},
		{setting: "METRICS_ADDR=9090", want: []string{":9090"}},
	}
	for _, tt := range tests {
		t.Run(tt.setting, func(t *testing.T) {
			t.Parallel()
			message := launchInvalid(t, t.TempDir(), append(tt.env, tt.setting)...)
			name, value, _ := strings.Cut(tt.setting, "=")
			checkContains(t, message, name, value)
			checkContains(t, message, tt.want...)
		})
	}
}

// A missing value cannot be quoted, so the message says that it is missing.
func TestMissingValues(t *testing.T) {
	t.Parallel()
	checkContains(t, launchInvalid(t, t.TempDir(), "ALLOWED_ORIGINS=https://a.com, ,https://b.com"), "ALLOWED_ORIGINS", "empty")
	checkContains(t, launchInvalid(t, t.TempDir(), "APP_ENV=production"), "ALLOWED_ORIGINS", "SESSION_SECRET", "32")
}

func TestAllMistakesAreReportedTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, ".env", "LOG_LEVEL=loud\nMAX_UPLOAD_BYTES=10MB\n")
	invalid := []string{
		"APP_ENV=test", "PORT=70000", "ALLOWED_ORIGINS=https://a.com/,b.com", "ALLOWED_ORIGIN_REGEX=.*",
		"CORS_ALLOW_CREDENTIALS=perhaps", "CORS_ALLOWED_METHODS=TRACE", "CORS_ALLOWED_HEADERS=Cookie", "CORS_EXPOSED_HEADERS=Set-Cookie",
		"CORS_MAX_AGE=10", "TRUSTED_PROXIES=*", "HTTPS_REDIRECT=true", "HSTS_MAX_AGE=1y", "RATE_LIMIT_DEFAULT=1",
		"RATE_LIMIT_UPLOAD=0-S", "RATE_LIMIT_SESSION=-", "RATE_LIMIT_MAX_CLIENTS=no", "REDIS_URL=http://a", "DATABASE_URL=mysql://a",
		"SESSION_SECRET=short", "SESSION_SAMESITE=maybe", "MAX_BODY_BYTES=big", "LOG_FORMAT=csv", "SHUTDOWN_DELAY=later",
		"SHUTDOWN_TIMEOUT=never", "SESSION_SECRET_FILE=missing-file",
	}
	message := launchInvalid(t, dir, invalid...)
	for _, setting := range invalid {
		name, _, _ := strings.Cut(setting, "=")
		checkContains(t, message, name)
	}
	checkContains(t, message, "LOG_LEVEL", "MAX_UPLOAD_BYTES", `https://a.com/`, "b.com")
}

// The same message reports mistakes inside URLs. Finding them opens nothing.
func TestInvalidURLs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		database, redis string
		want            []string
	}{
		{"file:app.db?mode=memory", "redis://:hunter2@h?read_timeout=1s", []string{"has parameters", "other parameters are not supported"}},
		{"file://app.db", "redis://:hunter2@h:99999/x", []string{`DATABASE_URL="file://app.db"`, "names a host", `REDIS_URL="redis://xxxxx@h:99999/x"`, "not a Redis URL"}},
		{"file:none/app.db", "redis://h/x", []string{`DATABASE_URL="file:none/app.db"`, "its directory must exist", "not a Redis URL"}},
		{"file:/dev/null", "redis://h/x", []string{"is a directory or a device", "not a Redis URL"}},
		{"file::memory:", "redis://h?addr=user:hunter2@h:2", []string{"names no file", "not a Redis URL"}},
		{"postgres://u:hunter2@h/d?sslmode=maybe", "redis://h?addr=:::hunter2", []string{"sslmode", "not a Redis URL"}},
	} {
		t.Run(tt.database, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			message := launchInvalid(t, dir, "CORS_MAX_AGE=5", "DATABASE_URL="+tt.database, "REDIS_URL="+tt.redis)
			checkContains(t, message, append(tt.want, "3 settings are invalid", "CORS_MAX_AGE", "DATABASE_URL", "REDIS_URL")...)
			checkLacks(t, message, "hunter2")
			checkNoFiles(t, dir)
		})
	}
	// A valid database file is not created if another setting is invalid.
	dir := t.TempDir()
	checkContains(t, launchInvalid(t, dir, "REDIS_URL=redis://h?x=1"), "1 setting is invalid", "REDIS_URL")
	checkNoFiles(t, dir)
}

// A message about a secret does not contain the secret.
func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	const password = "correct-horse"
	tests := []struct {
		name  string
		env   []string
		files map[string]string
		want  []string
	}{
		{name: "short secret in a file", env: []string{"SESSION_SECRET_FILE=secret"},
			files: map[string]string{"secret": password + "\n"}, want: []string{"SESSION_SECRET", "32"}},
		{name: "a newline does not make a secret longer", env: []string{"SESSION_SECRET_FILE=secret"},
			files: map[string]string{"secret": secret[1:] + "\n"}, want: []string{"SESSION_SECRET", "32"}},
		{name: "secret file is a directory", env: []string{"SESSION_SECRET_FILE=."}, want: []string{"SESSION_SECRET_FILE"}},
		{name: "missing secret file", env: []string{"REDIS_URL_FILE=nowhere"}, want: []string{"REDIS_URL_FILE", "nowhere"}},
		{name: "secret instead of its file", env: []string{"SESSION_SECRET_FILE=" + password + secret[1:]}, want: []string{"SESSION_SECRET_FILE", "write the value into SESSION_SECRET"}},
		{name: "port of the database", env: []string{"DATABASE_URL=postgres://me:" + password + "@db:port/app"}, want: []string{"DATABASE_URL"}},
		{name: "control character in the database URL", env: []string{"DATABASE_URL=postgres://me:" + password + "\n@db/app"}, want: []string{"DATABASE_URL"}},
		{name: "Redis URL in a file", env: []string{"REDIS_URL_FILE=url"},
			files: map[string]string{"url": "redis://:" + password + "%zz@cache\n"}, want: []string{"REDIS_URL"}},
		{name: "unfinished quote in .env", files: map[string]string{".env": "LOG_LEVEL=info\nSESSION_SECRET=\"" + password + "\n"}, want: []string{".env"}},
		{name: "invalid name in .env", files: map[string]string{".env": "SESSION-SECRET!=" + password + "\n"}, want: []string{".env"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range tt.files {
				writeFile(t, dir, name, text)
			}
			message := launchInvalid(t, dir, tt.env...)
			checkContains(t, message, tt.want...)
			checkLacks(t, message, password, secret[1:])
		})
	}
}

func TestSecretIsNotLogged(t *testing.T) {
	t.Parallel()
	s := start(t, "SESSION_SECRET="+secret, "LOG_LEVEL=debug")
	s.do(t, "POST", "/api/session", `{"name":"Ada"}`, jsonType)
	checkLacks(t, s.stderr.String(), secret)
}

func TestDatabaseThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "garbage.db", strings.Repeat("this is not a database\n", 100))
	tests := []struct{ value, want string }{
		{"file:missing/app.db", "missing/app.db"},
		{"file:garbage.db", "garbage.db"},
		{"file:.", "directory"},
		{"file:", "file:"},
	}
	for _, tt := range tests {
		t.Run(tt.value, func(t *testing.T) {
			t.Parallel()
			checkContains(t, launchInvalid(t, dir, "DATABASE_URL="+tt.value), "DATABASE_URL", tt.want)
		})
	}
}

// A setting comes from the environment, then from .env, then from the defaults.
// The allowed origin shows which of the three was used.
func TestPrecedenceOfSettings(t *testing.T) {
	t.Parallel()
	const fromEnv, fromFile = "https://env.example.com", "https://file.example.com"
	tests := []struct {
		name    string
		file    string // .env
		env     []string
		allowed []string
		denied  []string
	}{
		{"defaults", "", nil, []string{vite, "http://127.0.0.1:5173", "http://localhost:3000"}, []string{fromEnv, "http://127.0.0.1:3000"}},
		{"file with a comment, export and quotes", "# origins\nexport ALLOWED_ORIGINS=\"" + fromFile + "\" # one\n", nil, []string{fromFile}, []string{vite}},
		{"environment over file", "ALLOWED_ORIGINS=" + fromFile + "\n", []string{"ALLOWED_ORIGINS=" + fromEnv}, []string{fromEnv}, []string{fromFile, vite}},
		{"empty ALLOWED_ORIGINS in the environment over file", "ALLOWED_ORIGINS=" + fromFile + "\n", []string{"ALLOWED_ORIGINS="}, nil, []string{fromFile, vite}},
		{"file over an empty regex in the environment", `ALLOWED_ORIGIN_REGEX=https://[a-z]+\.file\.example\.com` + "\n", []string{"ALLOWED_ORIGIN_REGEX="},
			[]string{vite, "https://a.file.example.com"}, []string{fromFile}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tt.file != "" {
				writeFile(t, dir, ".env", tt.file)
			}
			s := startIn(t, dir, append([]string{"PORT=0"}, tt.env...)...)
			for _, origin := range tt.allowed {
				checkReadable(t, s.get(t, "/api/hello", "Origin: "+origin), origin)
			}
			for _, origin := range tt.denied {
				checkDenied(t, s.get(t, "/api/hello", "Origin: "+origin))
			}
		})
	}
}

// An empty variable counts as not set, except for ALLOWED_ORIGINS.
func TestEmptyVariables(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, ".env", "PORT=0\nRATE_LIMIT_SESSION=7-M\nRATE_LIMIT_DEFAULT=8-M\nRATE_LIMIT_UPLOAD=\n")
	env := []string{"RATE_LIMIT_DEFAULT=9-M"}
	for _, name := range config.Names() {
		if name != "RATE_LIMIT_DEFAULT" && name != "ALLOWED_ORIGINS" {
			env = append(env, name+"=")
		}
	}
	s := startIn(t, dir, env...)
	if strings.HasSuffix(s.host, ":8080") {
		t.Errorf("got %s, want the port that .env asks for", s.host)
	}
	checkHeaders(t, s.do(t, "POST", "/api/session", ""), map[string]string{"X-RateLimit-Limit": "7"})
	checkHeaders(t, s.get(t, "/api/hello"), map[string]string{"X-RateLimit-Limit": "9"})
	checkHeaders(t, s.do(t, "POST", "/api/upload", ""), map[string]string{"X-RateLimit-Limit": "5"})
	checkReadable(t, s.get(t, "/api/hello", "Origin: "+vite), vite)
	preflight := s.do(t, "OPTIONS", "/api/hello", "", "Origin: "+vite, "Access-Control-Request-Method: PUT")
	checkHeaders(t, preflight, map[string]string{"Access-Control-Max-Age": "600"})
}

// These settings resemble invalid ones, but are valid.
func TestUnusualSettings(t *testing.T) {
	t.Parallel()
	for _, env := range [][]string{
		{"ALLOWED_ORIGINS=https://a.com:80,http://a.com:443,https://a-b.c--d.example.com:1"},
		{"CORS_EXPOSED_HEADERS=*", "CORS_ALLOW_CREDENTIALS=false", "CORS_MAX_AGE=24h", "HSTS_MAX_AGE=0", "SHUTDOWN_TIMEOUT=0s"},
		{"TRUSTED_PROXIES=10.0.0.1, 10.1.0.0/16,::1,fd00::/8", "RATE_LIMIT_DEFAULT=1-S", "RATE_LIMIT_SESSION=off", "RATE_LIMIT_MAX_CLIENTS=1"},
	} {
		t.Run(strings.Join(env, " "), func(t *testing.T) {
			t.Parallel()
			checkStatus(t, start(t, env...).get(t, "/healthz"), http.StatusOK)
		})
	}
}

// Another program may be using port 8080 on this machine. The server either
// listens on it or reports that it is taken.
func TestDefaultPort(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir())
	p.waitFor(t, "exit or startup", func() bool { return p.ended() || len(p.stderr.messages("listening")) > 0 })
	checkContains(t, p.stderr.String(), "127.0.0.1:8080")
}

func TestDefaultHost(t *testing.T) {
	t.Parallel()
	development := start(t)
	if !strings.HasPrefix(development.host, "127.0.0.1:") {
		t.Errorf("development listens on %s, want 127.0.0.1", development.host)
	}
	_, port, _ := net.SplitHostPort(development.host)
	if conn, err := net.Dial("tcp", "127.0.0.2:"+port); err == nil {
		conn.Close()
		t.Error("development also listens on 127.0.0.2, want only 127.0.0.1")
	}
	production := startProduction(t)
	_, port, _ = net.SplitHostPort(production.host)
	conn, err := net.Dial("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatalf("production does not listen on all interfaces: %v", err)
	}
	conn.Close()
	if other := start(t, "HOST=127.0.0.3"); !strings.HasPrefix(other.host, "127.0.0.3:") {
		t.Errorf("with HOST=127.0.0.3 the server listens on %s", other.host)
	}
}

func TestDefaultDatabase(t *testing.T) {
	t.Parallel()
	s := start(t)
	if _, err := os.Stat(filepath.Join(s.cmd.Dir, "app.db")); err != nil {
		t.Errorf("app.db is not in the working directory: %v", err)
	}
}

func TestSecretFromFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "secret", secret+"\n")
	direct := start(t, "SESSION_SECRET="+secret)
	file := startIn(t, dir, "PORT=0", "SESSION_SECRET_FILE=secret")
	other := start(t, "SESSION_SECRET=x"+secret)
	cookie := signIn(t, direct, "Ada")
	checkStatus(t, file.get(t, "/api/session", cookie), http.StatusOK)
	checkStatus(t, other.get(t, "/api/session", cookie), http.StatusUnauthorized)
	checkLacks(t, file.stderr.String(), secret)
}

func TestFileSettingsInEnvFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "url", "file:other.db\n")
	writeFile(t, dir, ".env", "PORT=0\nDATABASE_URL_FILE=url\n")
	startIn(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "other.db")); err != nil {
		t.Errorf("the database named by DATABASE_URL_FILE does not exist: %v", err)
	}
}

func TestLogFormat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		env  []string
		json bool
	}{
		{"text in development", nil, false},
		{"JSON in production", production, true},
		{"JSON in development", []string{"LOG_FORMAT=json"}, true},
		{"text in production", append(production, "LOG_FORMAT=text"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.env...)
			s.get(t, "/api/hello")
			for _, line := range s.stderr.lines() {
				if got := strings.HasPrefix(line, "{"); got != tt.json {
					t.Errorf("line %s: JSON is %t, want %t", line, got, tt.json)
				}
			}
		})
	}
}

func TestLogLevel(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	quiet := launch(t, t.TempDir(), "PORT="+port, "LOG_LEVEL=error")
	s := &server{process: quiet, URL: "http://127.0.0.1:" + port, client: newClient("")}
	eventually(t, func() error {
		_, err := s.try("GET", "/api/hello", "")
		return err
	})
	s.get(t, "/api/hello", "Origin: https://evil.com")
	if text := quiet.stderr.String(); text != "" {
		t.Errorf("LOG_LEVEL=error: got\n%s\nwant an empty log", text)
	}
	quiet.signal(t, syscall.SIGTERM)
	quiet.wait(t)

	usual := start(t)
	usual.get(t, "/healthz")
	usual.get(t, "/api/hello", "X-Request-ID: last")
	usual.waitFor(t, "log line about /api/hello", func() bool { return len(usual.linesWith("request_id=last")) > 0 })
	if lines := usual.linesWith("level=DEBUG"); len(lines) > 0 {
		t.Errorf("default LOG_LEVEL: got %q, want no line at level DEBUG", lines)
	}

	verbose := start(t, "LOG_LEVEL=debug")
	verbose.get(t, "/healthz")
	verbose.waitFor(t, "log line about /healthz", func() bool {
		return slices.ContainsFunc(verbose.stderr.lines(), func(line string) bool {
			return logFields(line)["level"] == "DEBUG" && strings.Contains(line, "/healthz")
		})
	})
}

// launchInvalid runs the server with invalid settings and returns its message.
// The server must exit with status 2 before it listens.
func launchInvalid(t *testing.T, dir string, env ...string) string {
	t.Helper()
	p := launch(t, dir, append([]string{"PORT=0"}, env...)...)
	p.waitFor(t, "exit or startup", func() bool {
		return p.ended() || len(p.stderr.messages("listening")) > 0
	})
	if !p.ended() || len(p.stderr.messages("listening")) > 0 {
		t.Fatalf("the server listens, want it to exit; log:\n%s", p.stderr)
	}
	if status := p.wait(t); status != 2 {
		t.Errorf("exit status: got %d, want 2; log:\n%s", status, p.stderr)
	}
	return p.stderr.String()
}

// checkNoFiles checks that the directory is empty.
func checkNoFiles(t *testing.T, dir string) {
	t.Helper()
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("files in the working directory: got %v, %v, want none", files, err)
	}
}
