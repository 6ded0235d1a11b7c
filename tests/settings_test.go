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
)

// refused runs the program, which must end with status 2 before it listens,
// and returns its message.
func refused(t *testing.T, dir string, env ...string) string {
	t.Helper()
	p := launch(t, dir, append([]string{"PORT=0"}, env...)...)
	p.waitFor(t, "end or start", func() bool {
		return p.ended() || len(p.stderr.messages("listening")) > 0
	})
	if !p.ended() || len(p.stderr.messages("listening")) > 0 {
		t.Fatalf("it listens, want a refusal; log:\n%s", p.stderr)
	}
	if status := p.wait(t); status != 2 {
		t.Errorf("exit status: got %d, want 2; log:\n%s", status, p.stderr)
	}
	return p.stderr.String()
}

// Pages in native shells and browser extensions have origins, too.
func TestAppOrigins(t *testing.T) {
	t.Parallel()
	origins := []string{"capacitor://localhost", "ionic://localhost", "tauri://localhost", "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
		"safari-web-extension://2B5E3D2C-1F2A-4B6C-9D8E-7F6A5B4C3D2E", "app://obsidian.md"}
	s := start(t, "ALLOWED_ORIGINS="+strings.Join(origins, ","), "ALLOWED_ORIGIN_REGEX=moz-extension://[0-9a-f-]+")
	for _, origin := range append(origins, "moz-extension://0f8b3c62-8a0e-4c1d-9b2f-3d4e5f607182") {
		checkReadable(t, s.get(t, "/api/hello", "Origin: "+origin), origin)
		checkPreflight(t, s.preflight(t, "/api/session", origin, "POST"), origin)
	}
	for _, origin := range []string{"capacitor://localhost:1", "capacitor://evil", "chrome-extension://bcdefghijklmnopabcdefghijklmnopa",
		"safari-web-extension://2b5e3d2c-1f2a-4b6c-9d8e-7f6a5b4c3d2e", "moz-extension://", "moz-extension://evil.com", "evil-extension://0f8b3c62"} {
		checkDenied(t, s.raw(t, "GET /api/hello HTTP/1.1", "Origin: "+origin))
	}
}

// Each row is one wrong setting: NAME=value, what else must be set for it,
// and what the message must say besides the two.
func TestWrongSettingIsRefused(t *testing.T) {
	t.Parallel()
	production := []string{"APP_ENV=production", "SESSION_SECRET=" + secret, "ALLOWED_ORIGINS=" + app}
	withoutCredentials := []string{"CORS_ALLOW_CREDENTIALS=false"}
	tests := []struct {
		setting string
		beside  []string
		says    []string
	}{
		{setting: "ALLOWED_ORIGINS=*", says: []string{"CORS_ALLOW_CREDENTIALS=false"}},
		{setting: "ALLOWED_ORIGINS=*", beside: []string{"CORS_ALLOW_CREDENTIALS=true"}, says: []string{"CORS_ALLOW_CREDENTIALS"}},
		{setting: "ALLOWED_ORIGINS=*,https://a.com", beside: withoutCredentials},
		{setting: "ALLOWED_ORIGINS=https://a.com, *", beside: withoutCredentials},
		{setting: "ALLOWED_ORIGINS=*,*", beside: withoutCredentials},

		{setting: "ALLOWED_ORIGINS=example.com", says: []string{"https://example.com"}},
		{setting: "ALLOWED_ORIGINS=localhost:5173", says: []string{"http"}},
		{setting: "ALLOWED_ORIGINS=//a.com", says: []string{"https://a.com"}},
		{setting: "ALLOWED_ORIGINS=https://a.com/", says: []string{"slash", "https://a.com"}},
		{setting: "ALLOWED_ORIGINS=https://a.com/app", says: []string{"path"}},
		{setting: "ALLOWED_ORIGINS=https://a.com?x=1", says: []string{"query"}},
		{setting: "ALLOWED_ORIGINS=https://a.com?", says: []string{"query"}},
		{setting: "ALLOWED_ORIGINS=https://a.com#top", says: []string{"fragment"}},
		{setting: "ALLOWED_ORIGINS=https://a.com#", says: []string{"fragment"}},
		{setting: "ALLOWED_ORIGINS=https://me@a.com", says: []string{"user"}},
		{setting: "ALLOWED_ORIGINS=https://A.com", says: []string{"upper", "https://a.com"}},
		{setting: "ALLOWED_ORIGINS=HTTPS://a.com", says: []string{"https://a.com"}},
		{setting: "ALLOWED_ORIGINS=https://a.com:443", says: []string{"default port"}},
		{setting: "ALLOWED_ORIGINS=http://a.com:80", says: []string{"default port"}},
		{setting: "ALLOWED_ORIGINS=https://a.com:", says: []string{"port"}},
		{setting: "ALLOWED_ORIGINS=https://a.com:0", says: []string{"port"}},
		{setting: "ALLOWED_ORIGINS=https://a.com:65536", says: []string{"65535"}},
		{setting: "ALLOWED_ORIGINS=https://a.com:99999999999999999999", says: []string{"port"}},
		{setting: "ALLOWED_ORIGINS=http://localhost:05173", says: []string{"http://localhost:5173"}},
		{setting: "ALLOWED_ORIGINS=https://a.com:80a", says: []string{"port"}},
		{setting: "ALLOWED_ORIGINS=https://a.com:-1"},
		{setting: "ALLOWED_ORIGINS=ftp://a.com", says: []string{"http"}},
		{setting: "ALLOWED_ORIGINS=wss://a.com", says: []string{"http"}},
		{setting: "ALLOWED_ORIGINS=file://", says: []string{"http"}},
		{setting: "ALLOWED_ORIGINS=null"},
		{setting: "ALLOWED_ORIGINS=https://é.com", says: []string{"https://xn--9ca.com"}},
		{setting: "ALLOWED_ORIGINS=https://bücher.example", says: []string{"https://xn--bcher-kva.example"}},
		{setting: "ALLOWED_ORIGINS=https://*.bücher.example", says: []string{"xn--bcher-kva.example"}},
		{setting: "ALLOWED_ORIGINS=https://a..com"},
		{setting: "ALLOWED_ORIGINS=https://.a.com"},
		{setting: "ALLOWED_ORIGINS=https://-a.com"},
		{setting: "ALLOWED_ORIGINS=https://a-.com"},
		{setting: "ALLOWED_ORIGINS=https://127.1"},
		{setting: "ALLOWED_ORIGINS=http://1.2.3.4.5"},
		{setting: "ALLOWED_ORIGINS=http://256.1.1.1"},
		{setting: "ALLOWED_ORIGINS=http://0x7f.0.0.1"},
		{setting: "ALLOWED_ORIGINS=http://[::1"},
		{setting: "ALLOWED_ORIGINS=http://[0:0:0:0:0:0:0:1]", says: []string{"[::1]"}},
		{setting: "ALLOWED_ORIGINS=https://"},
		{setting: "ALLOWED_ORIGINS=https://a b.com"},
		{setting: "ALLOWED_ORIGINS=https://a.com https://b.com"},
		{setting: "ALLOWED_ORIGINS=https://a.com;https://b.com"},
		{setting: `ALLOWED_ORIGINS="https://a.com"`},
		{setting: "ALLOWED_ORIGINS=https://a.com%00"},
		{setting: `ALLOWED_ORIGINS=https:\\a.com`},
		{setting: "ALLOWED_ORIGINS=https://" + strings.Repeat("a", 64) + ".com"},

		{setting: "ALLOWED_ORIGINS=https://*.com", says: []string{"public suffix"}},
		{setting: "ALLOWED_ORIGINS=https://*.co.uk", says: []string{"public suffix"}},
		{setting: "ALLOWED_ORIGINS=https://*.github.io", says: []string{"public suffix"}},
		{setting: "ALLOWED_ORIGINS=https://*.vercel.app", says: []string{"public suffix"}},
		{setting: "ALLOWED_ORIGINS=https://*.com:8443", says: []string{"public suffix"}},
		{setting: "ALLOWED_ORIGINS=https://*.amazonaws.com", says: []string{"public suffix"}},
		{setting: "ALLOWED_ORIGINS=https://*.core.windows.net", says: []string{"public suffix"}},
		{setting: "ALLOWED_ORIGINS=https://*.platform.sh", says: []string{"public suffix"}},
		{setting: "ALLOWED_ORIGINS=https://*"},
		{setting: "ALLOWED_ORIGINS=https://a.*.com"},
		{setting: "ALLOWED_ORIGINS=https://*a.com"},
		{setting: "ALLOWED_ORIGINS=https://a*.example.com"},
		{setting: "ALLOWED_ORIGINS=https://*.*.example.com"},
		{setting: "ALLOWED_ORIGINS=https://example.*"},
		{setting: "ALLOWED_ORIGINS=https://example.com:*"},
		{setting: "ALLOWED_ORIGINS=*://example.com"},
		{setting: "ALLOWED_ORIGINS=*.example.com", says: []string{"https://*.example.com"}},
		{setting: "ALLOWED_ORIGINS=http://*.1.2.3.4"},

		{setting: "ALLOWED_ORIGINS=http://app.example.com", beside: production, says: []string{"https"}},
		{setting: "ALLOWED_ORIGINS=http://*.example.com", beside: production, says: []string{"https"}},
		{setting: "ALLOWED_ORIGINS=http://10.0.0.1:8080", beside: production, says: []string{"https"}},
		{setting: "ALLOWED_ORIGINS=http://localhost.example.com", beside: production, says: []string{"https"}},

		{setting: "ALLOWED_ORIGIN_REGEX=("},
		{setting: "ALLOWED_ORIGIN_REGEX=https://a)|(b"},
		{setting: `ALLOWED_ORIGIN_REGEX=https://a\.com(?=x)`},
		{setting: "ALLOWED_ORIGIN_REGEX=.*"},
		{setting: "ALLOWED_ORIGIN_REGEX=.+"},
		{setting: "ALLOWED_ORIGIN_REGEX=^.*$"},
		{setting: "ALLOWED_ORIGIN_REGEX=https?://.*"},
		{setting: "ALLOWED_ORIGIN_REGEX=https://.+"},
		{setting: "ALLOWED_ORIGIN_REGEX=https://[a-z.]+"},
		{setting: "ALLOWED_ORIGIN_REGEX=null", says: []string{"null"}},
		{setting: `ALLOWED_ORIGIN_REGEX=https://a\.example\.com|null`, says: []string{"null"}},
		{setting: `ALLOWED_ORIGIN_REGEX=https://.*example\.com`, says: []string{"https://evilexample.com"}},
		{setting: "ALLOWED_ORIGIN_REGEX=https://app.example.com", says: []string{"https://appxexample.com"}},
		{setting: `ALLOWED_ORIGIN_REGEX=https://app\.example\.com.*`},
		{setting: `ALLOWED_ORIGIN_REGEX=.*\.example\.com`},
		{setting: `ALLOWED_ORIGIN_REGEX=https://app\.example.com`, says: []string{"https://app.examplexcom"}},
		{setting: `ALLOWED_ORIGIN_REGEX=https://[a-z0-9.-]+\.amazonaws\.com`, says: []string{".amazonaws.com in"}},
		{setting: `ALLOWED_ORIGIN_REGEX=https://example\.com|https://bcd.{40}`, says: []string{"https://bcd"}},

		{setting: "CORS_ALLOWED_HEADERS=Origin"},
		{setting: "CORS_ALLOWED_HEADERS=cookie"},
		{setting: "CORS_ALLOWED_HEADERS=Host"},
		{setting: "CORS_ALLOWED_HEADERS=Content-Length"},
		{setting: "CORS_ALLOWED_HEADERS=Sec-Fetch-Site"},
		{setting: "CORS_ALLOWED_HEADERS=Proxy-Authorization"},
		{setting: "CORS_ALLOWED_HEADERS=Access-Control-Allow-Origin"},
		{setting: "CORS_ALLOWED_HEADERS=Content Type"},
		{setting: "CORS_ALLOWED_HEADERS=X-Ü"},
		{setting: "CORS_ALLOWED_HEADERS=X-A:"},
		{setting: "CORS_ALLOWED_HEADERS=*,Authorization"},
		{setting: "CORS_EXPOSED_HEADERS=Set-Cookie"},
		{setting: "CORS_EXPOSED_HEADERS=*", says: []string{"CORS_ALLOW_CREDENTIALS"}},
		{setting: "CORS_ALLOWED_METHODS=CONNECT"},
		{setting: "CORS_ALLOWED_METHODS=TRACE"},
		{setting: "CORS_ALLOWED_METHODS=TRACK"},
		{setting: "CORS_ALLOWED_METHODS=trace"},
		{setting: "CORS_ALLOWED_METHODS=P@ST"},
		{setting: "CORS_MAX_AGE=600", says: []string{"600s", "10m"}},
		{setting: "CORS_MAX_AGE=25h", says: []string{"24h"}},
		{setting: "CORS_MAX_AGE=24h1s", says: []string{"24h"}},
		{setting: "CORS_MAX_AGE=-1s"},
		{setting: "CORS_MAX_AGE=soon"},
		{setting: "CORS_ALLOW_CREDENTIALS=yes", says: []string{"true", "false"}},

		{setting: "HTTPS_REDIRECT=true", says: []string{"ALLOWED_HOSTS"}},
		{setting: "HTTPS_REDIRECT=maybe", says: []string{"true", "false"}},
		{setting: "TRUSTED_PROXIES=*"},
		{setting: "TRUSTED_PROXIES=proxy.internal"},
		{setting: "TRUSTED_PROXIES=0.0.0.0/0"},
		{setting: "TRUSTED_PROXIES=::/0"},
		{setting: "TRUSTED_PROXIES=10.0.0.0/33"},
		{setting: "TRUSTED_PROXIES=10.0.0"},
		{setting: "TRUSTED_PROXIES=10.0.0.1:80"},
		{setting: "TRUSTED_PROXIES=1.2.3.4/0"},
		{setting: "TRUSTED_PROXIES=::ffff:0.0.0.0/96"},
		{setting: "ALLOWED_HOSTS=https://api.example.com"},
		{setting: "ALLOWED_HOSTS=api.example.com/path"},
		{setting: "ALLOWED_HOSTS=*.com", says: []string{"public suffix"}},
		{setting: "ALLOWED_HOSTS=*.1.2.3.4", says: []string{"IP address"}},

		{setting: "APP_ENV=staging", says: []string{"development", "production"}},
		{setting: "APP_ENV=Production", says: []string{"production"}},
		{setting: "LOG_LEVEL=loud", says: []string{"info"}},
		{setting: "LOG_FORMAT=xml", says: []string{"text", "json"}},
		{setting: "SESSION_SAMESITE=loose", says: []string{"lax", "strict", "none"}},
		{setting: "PORT=65536", says: []string{"65535"}},
		{setting: "PORT=-1", says: []string{"65535"}},
		{setting: "PORT=http", says: []string{"not a whole number"}},

		{setting: "RATE_LIMIT_DEFAULT=100", says: []string{"100-M"}},
		{setting: "RATE_LIMIT_DEFAULT=0-M"},
		{setting: "RATE_LIMIT_SESSION=-1-M"},
		{setting: "RATE_LIMIT_SESSION=5-Y"},
		{setting: "RATE_LIMIT_UPLOAD=five-M"},
		{setting: "RATE_LIMIT_UPLOAD=99999999999999999999-M"},
		{setting: "RATE_LIMIT_SESSION=5 per minute"},
		{setting: "RATE_LIMIT_SESSION=5-M-M"},
		{setting: "RATE_LIMIT_SESSION=0"},
		{setting: "RATE_LIMIT_MAX_CLIENTS=0"},
		{setting: "RATE_LIMIT_MAX_CLIENTS=-5"},
		{setting: "RATE_LIMIT_MAX_CLIENTS=many"},
		{setting: "HSTS_MAX_AGE=-1h"},
		{setting: "HSTS_MAX_AGE=31536000", says: []string{"31536000s"}},
		{setting: "MAX_BODY_BYTES=1MB"},
		{setting: "MAX_BODY_BYTES=-1"},
		{setting: "MAX_UPLOAD_BYTES=1e6"},
		{setting: "MAX_UPLOAD_BYTES=-10"},
		{setting: "SHUTDOWN_DELAY=-1s"},
		{setting: "SHUTDOWN_DELAY=5", says: []string{"5s"}},
		{setting: "SHUTDOWN_TIMEOUT=-1s"},
		{setting: "SHUTDOWN_TIMEOUT=15 s"},
		{setting: "METRICS_ADDR=9090", says: []string{":9090"}},
	}
	for _, tt := range tests {
		name, value, _ := strings.Cut(tt.setting, "=")
		t.Run(tt.setting, func(t *testing.T) {
			t.Parallel()
			message := refused(t, t.TempDir(), append(tt.beside, tt.setting)...)
			checkContains(t, message, append(tt.says, name)...)
			// A list's wrong entry is the offending value, not the list; and
			// a message quotes what a terminal would not show.
			shown := func(text string) bool {
				return strings.Contains(message, text) || strings.Contains(message, strings.Trim(quoted(text), `"`))
			}
			if !shown(value) && !slices.ContainsFunc(strings.Split(value, ","), func(entry string) bool {
				return strings.TrimSpace(entry) != "" && shown(strings.TrimSpace(entry))
			}) {
				t.Errorf("got:\n%s\nwant the value %q in it", message, value)
			}
		})
	}
}

// An entry that is empty has no value to show, and what is missing has none
// either.
func TestMissingValueIsRefused(t *testing.T) {
	t.Parallel()
	production := []string{"APP_ENV=production"}
	tests := []struct {
		name string
		env  []string
		says []string
	}{
		{"empty entry in the middle", []string{"ALLOWED_ORIGINS=https://a.com,,https://b.com"}, []string{"ALLOWED_ORIGINS", "empty"}},
		{"empty entry at the end", []string{"ALLOWED_ORIGINS=https://a.com,"}, []string{"ALLOWED_ORIGINS", "empty"}},
		{"blank entry", []string{"ALLOWED_ORIGINS=https://a.com, ,https://b.com"}, []string{"ALLOWED_ORIGINS", "empty"}},
		{"production without origins", append(production, "SESSION_SECRET="+secret), []string{"ALLOWED_ORIGINS"}},
		{"production without secret", append(production, "ALLOWED_ORIGINS="+app), []string{"SESSION_SECRET", "32"}},
		{"production with an empty secret", append(production, "ALLOWED_ORIGINS="+app, "SESSION_SECRET="), []string{"SESSION_SECRET", "32"}},
		{"production without either", production, []string{"ALLOWED_ORIGINS", "SESSION_SECRET"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkContains(t, refused(t, t.TempDir(), tt.env...), tt.says...)
		})
	}
}

func TestAllMistakesComeTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, ".env", "LOG_LEVEL=loud\nMAX_UPLOAD_BYTES=10MB\n")
	wrong := []string{
		"APP_ENV=test", "PORT=70000", "ALLOWED_ORIGINS=https://a.com/,b.com", "ALLOWED_ORIGIN_REGEX=.*",
		"CORS_ALLOW_CREDENTIALS=perhaps", "CORS_ALLOWED_METHODS=TRACE", "CORS_ALLOWED_HEADERS=Cookie", "CORS_EXPOSED_HEADERS=Set-Cookie",
		"CORS_MAX_AGE=10", "TRUSTED_PROXIES=*", "HTTPS_REDIRECT=true", "HSTS_MAX_AGE=1y", "RATE_LIMIT_DEFAULT=1",
		"RATE_LIMIT_UPLOAD=0-S", "RATE_LIMIT_SESSION=-", "RATE_LIMIT_MAX_CLIENTS=no", "REDIS_URL=http://a", "DATABASE_URL=mysql://a",
		"SESSION_SECRET=short", "SESSION_SAMESITE=maybe", "MAX_BODY_BYTES=big", "LOG_FORMAT=csv", "SHUTDOWN_DELAY=later",
		"SHUTDOWN_TIMEOUT=never", "SESSION_SECRET_FILE=missing-file",
	}
	message := refused(t, dir, wrong...)
	for _, setting := range wrong {
		name, _, _ := strings.Cut(setting, "=")
		checkContains(t, message, name)
	}
	checkContains(t, message, "LOG_LEVEL", "MAX_UPLOAD_BYTES", `https://a.com/`, "b.com")
}

// What is wrong inside of URLs is part of the one message, and nothing was
// opened to find out.
func TestWrongURLsAreReportedTogether(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		database, redis string
		says            []string
	}{
		{"file:app.db?mode=memory", "redis://:hunter2@h?read_timeout=1s", []string{"has parameters", "other parameters are not known"}},
		{"file://app.db", "redis://:hunter2@h:99999/x", []string{`DATABASE_URL="file://app.db"`, "names a host", `REDIS_URL="redis://xxxxx@h:99999/x"`, "not a Redis URL"}},
		{"file:none/app.db", "redis://h/x", []string{`DATABASE_URL="file:none/app.db"`, "its directory must exist", "not a Redis URL"}},
		{"file:/dev/null", "redis://h/x", []string{"is a directory or a device", "not a Redis URL"}},
		{"file::memory:", "redis://h?addr=user:hunter2@h:2", []string{"names no file", "not a Redis URL"}},
		{"postgres://u:hunter2@h/d?sslmode=maybe", "redis://h?addr=:::hunter2", []string{"sslmode", "not a Redis URL"}},
	} {
		t.Run(tt.database, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			message := refused(t, dir, "CORS_MAX_AGE=5", "DATABASE_URL="+tt.database, "REDIS_URL="+tt.redis)
			checkContains(t, message, append(tt.says, "3 settings are wrong", "CORS_MAX_AGE", "DATABASE_URL", "REDIS_URL")...)
			checkLacks(t, message, "hunter2")
			if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
				t.Errorf("got %v, %v in the working directory, want nothing", files, err)
			}
		})
	}
	// The file is not made when another setting is wrong.
	dir := t.TempDir()
	checkContains(t, refused(t, dir, "REDIS_URL=redis://h?x=1"), "1 setting is wrong", "REDIS_URL")
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("got %v, %v in the working directory, want nothing", files, err)
	}
}

// Where a secret is wrong the message says so without it.
func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	const password = "correct-horse"
	tests := []struct {
		name  string
		env   []string
		files map[string]string
		says  []string
	}{
		{name: "short secret", env: []string{"SESSION_SECRET=" + password}, says: []string{"SESSION_SECRET", "32"}},
		{name: "short secret in a file", env: []string{"SESSION_SECRET_FILE=secret"},
			files: map[string]string{"secret": password + "\n"}, says: []string{"SESSION_SECRET", "32"}},
		{name: "a newline does not make a secret longer", env: []string{"SESSION_SECRET_FILE=secret"},
			files: map[string]string{"secret": secret[1:] + "\n"}, says: []string{"SESSION_SECRET", "32"}},
		{name: "missing secret file", env: []string{"SESSION_SECRET_FILE=nowhere"}, says: []string{"SESSION_SECRET_FILE", "nowhere"}},
		{name: "secret file is a directory", env: []string{"SESSION_SECRET_FILE=."}, says: []string{"SESSION_SECRET_FILE"}},
		{name: "missing database file", env: []string{"DATABASE_URL_FILE=nowhere"}, says: []string{"DATABASE_URL_FILE", "nowhere"}},
		{name: "missing redis file", env: []string{"REDIS_URL_FILE=nowhere"}, says: []string{"REDIS_URL_FILE", "nowhere"}},
		{name: "database scheme", env: []string{"DATABASE_URL=mysql://me:" + password + "@db/app"}, says: []string{"DATABASE_URL", "mysql", "postgres://"}},
		{name: "database without a scheme", env: []string{"DATABASE_URL=me:" + password + "@db/app"}, says: []string{"DATABASE_URL", "postgres://"}},
		{name: "database port", env: []string{"DATABASE_URL=postgres://me:" + password + "@db:port/app"}, says: []string{"DATABASE_URL"}},
		{name: "database escape", env: []string{"DATABASE_URL=postgres://me:" + password + "%zz@db/app"}, says: []string{"DATABASE_URL"}},
		{name: "database control character", env: []string{"DATABASE_URL=postgres://me:" + password + "\n@db/app"}, says: []string{"DATABASE_URL"}},
		{name: "database in a file", env: []string{"DATABASE_URL_FILE=url"},
			files: map[string]string{"url": "mysql://me:" + password + "@db/app\n"}, says: []string{"DATABASE_URL"}},
		{name: "redis scheme", env: []string{"REDIS_URL=http://:" + password + "@cache:6379"}, says: []string{"REDIS_URL", "redis://"}},
		{name: "redis without a scheme", env: []string{"REDIS_URL=" + password + "@cache:6379"}, says: []string{"REDIS_URL", "redis://"}},
		{name: "redis escape", env: []string{"REDIS_URL=redis://:" + password + "%zz@cache:6379"}, says: []string{"REDIS_URL"}},
		{name: "redis in a file", env: []string{"REDIS_URL_FILE=url"},
			files: map[string]string{"url": "http://:" + password + "@cache\n"}, says: []string{"REDIS_URL"}},
		{name: "malformed .env", files: map[string]string{".env": "SESSION_SECRET '" + password + "\n"}, says: []string{".env"}},
		{name: "unfinished quote in .env", files: map[string]string{".env": "LOG_LEVEL=info\nSESSION_SECRET=\"" + password + "\n"}, says: []string{".env"}},
		{name: "strange name in .env", files: map[string]string{".env": "SESSION-SECRET!=" + password + "\n"}, says: []string{".env"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range tt.files {
				writeFile(t, dir, name, text)
			}
			message := refused(t, dir, tt.env...)
			checkContains(t, message, tt.says...)
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

func TestDatabaseThatCannotBeOpenedIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, "garbage.db", strings.Repeat("this is no database\n", 100))
	tests := []struct{ value, says string }{
		{"file:missing/app.db", "missing/app.db"},
		{"file:garbage.db", "garbage.db"},
		{"file:.", "directory"},
		{"file:", "file:"},
	}
	for _, tt := range tests {
		t.Run(tt.value, func(t *testing.T) {
			t.Parallel()
			checkContains(t, refused(t, dir, "DATABASE_URL="+tt.value), "DATABASE_URL", tt.says)
		})
	}
}

func TestUnreadableEnvFileIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".env"), 0o700); err != nil {
		t.Fatal(err)
	}
	checkContains(t, refused(t, dir), ".env")
}

// The allowed origin tells which of three sources a setting came from.
func TestSettingsComeFromEnvironmentThenFile(t *testing.T) {
	t.Parallel()
	const fromEnv, fromFile = "https://env.example.com", "https://file.example.com"
	tests := []struct {
		name    string
		file    string
		env     []string
		allowed []string
		denied  []string
	}{
		{"neither: the defaults", "", nil, []string{vite, "http://127.0.0.1:5173", "http://localhost:3000"}, []string{fromEnv, "http://127.0.0.1:3000"}},
		{"file alone", "ALLOWED_ORIGINS=" + fromFile + "\n", nil, []string{fromFile}, []string{vite}},
		{"file with quotes, comment and export", "# origins\nexport ALLOWED_ORIGINS=\"" + fromFile + "\" # one\n", nil, []string{fromFile}, []string{vite}},
		{"environment alone", "", []string{"ALLOWED_ORIGINS=" + fromEnv}, []string{fromEnv}, []string{vite}},
		{"environment wins", "ALLOWED_ORIGINS=" + fromFile + "\n", []string{"ALLOWED_ORIGINS=" + fromEnv}, []string{fromEnv}, []string{fromFile, vite}},
		{"empty origins in the environment stand", "ALLOWED_ORIGINS=" + fromFile + "\n", []string{"ALLOWED_ORIGINS="}, nil, []string{fromFile, vite}},
		{"empty origins in the environment stand without a file", "", []string{"ALLOWED_ORIGINS="}, nil, []string{vite}},
		{"blanks are trimmed", "", []string{"ALLOWED_ORIGINS= " + fromEnv + " ,\t" + fromFile + " "}, []string{fromEnv, fromFile}, []string{vite}},
		{"an empty regex falls back to the file", `ALLOWED_ORIGIN_REGEX=https://[a-z]+\.file\.example\.com` + "\n", []string{"ALLOWED_ORIGIN_REGEX="},
			[]string{vite, "https://a.file.example.com"}, []string{fromFile}},
		{"an empty regex falls back to the default", "", []string{"ALLOWED_ORIGIN_REGEX="}, []string{vite}, []string{"null"}},
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

func TestEmptyCountsAsNotSet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, ".env", "RATE_LIMIT_SESSION=7-M\nRATE_LIMIT_DEFAULT=8-M\nRATE_LIMIT_UPLOAD=\n")
	env := []string{"PORT=0", "RATE_LIMIT_SESSION=", "RATE_LIMIT_DEFAULT=9-M"}
	for _, name := range []string{
		"APP_ENV", "HOST", "ALLOWED_ORIGIN_REGEX", "CORS_ALLOW_CREDENTIALS", "CORS_ALLOWED_METHODS", "CORS_ALLOWED_HEADERS", "CORS_EXPOSED_HEADERS",
		"CORS_MAX_AGE", "TRUSTED_PROXIES", "ALLOWED_HOSTS", "HTTPS_REDIRECT", "HSTS_MAX_AGE", "RATE_LIMIT_MAX_CLIENTS",
		"REDIS_URL", "DATABASE_URL", "SESSION_SECRET", "SESSION_SAMESITE", "MAX_BODY_BYTES", "MAX_UPLOAD_BYTES", "LOG_LEVEL", "LOG_FORMAT",
		"SHUTDOWN_DELAY", "SHUTDOWN_TIMEOUT", "METRICS_ADDR", "SESSION_SECRET_FILE", "DATABASE_URL_FILE", "REDIS_URL_FILE",
	} {
		env = append(env, name+"=")
	}
	s := startIn(t, dir, env...)
	checkHeaders(t, s.do(t, "POST", "/api/session", ""), map[string]string{"X-RateLimit-Limit": "7"})
	checkHeaders(t, s.get(t, "/api/hello"), map[string]string{"X-RateLimit-Limit": "9"})
	checkHeaders(t, s.do(t, "POST", "/api/upload", ""), map[string]string{"X-RateLimit-Limit": "5"})
	checkReadable(t, s.get(t, "/api/hello", "Origin: "+vite), vite)
	preflight := s.do(t, "OPTIONS", "/api/hello", "", "Origin: "+vite, "Access-Control-Request-Method: PUT")
	checkHeaders(t, preflight, map[string]string{"Access-Control-Max-Age": "600"})
}

func TestEmptyPortFallsBackToTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, dir, ".env", "PORT=0\n")
	startIn(t, dir, "PORT=") // would trip over whoever has 8080 if the file did not count
}

// Who else runs on 8080 is not known here: the server listens there, or it
// says that the address is taken.
func TestDefaultPort(t *testing.T) {
	t.Parallel()
	p := launch(t, t.TempDir())
	p.waitFor(t, "end or start", func() bool { return p.ended() || len(p.stderr.messages("listening")) > 0 })
	checkContains(t, p.stderr.String(), "127.0.0.1:8080")
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
		t.Errorf("the database that DATABASE_URL_FILE names is not there: %v", err)
	}
}

func TestDefaultDatabase(t *testing.T) {
	t.Parallel()
	s := start(t)
	if _, err := os.Stat(filepath.Join(s.dir, "app.db")); err != nil {
		t.Errorf("no app.db in the working directory: %v", err)
	}
}

func TestDefaultHost(t *testing.T) {
	t.Parallel()
	development := start(t)
	if !strings.HasPrefix(development.host, "127.0.0.1:") {
		t.Errorf("listens on %s, want 127.0.0.1", development.host)
	}
	_, port, _ := net.SplitHostPort(development.host)
	if conn, err := net.Dial("tcp", "127.0.0.2:"+port); err == nil {
		conn.Close()
		t.Error("development listens on 127.0.0.2 too, want 127.0.0.1 alone")
	}
	production := startProduction(t)
	_, port, _ = net.SplitHostPort(production.host)
	conn, err := net.Dial("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatalf("production does not listen on all interfaces: %v", err)
	}
	conn.Close()
	if other := start(t, "HOST=127.0.0.3"); !strings.HasPrefix(other.host, "127.0.0.3:") {
		t.Errorf("HOST=127.0.0.3: listens on %s", other.host)
	}
}

// startProduction starts with what production asks for.
func startProduction(t *testing.T, env ...string) *server {
	t.Helper()
	return start(t, append([]string{"APP_ENV=production", "SESSION_SECRET=" + secret, "ALLOWED_ORIGINS=" + app}, env...)...)
}

func TestProductionAccepts(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{
		"ALLOWED_ORIGINS=",
		"ALLOWED_ORIGINS=http://localhost:5173",
		"ALLOWED_ORIGINS=http://127.0.0.1:5173,http://[::1]:5173",
		"ALLOWED_ORIGINS=https://*.example.com,https://xn--9ca.com,https://a.com:8443",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			checkStatus(t, startProduction(t, setting).get(t, "/api/hello"), http.StatusOK)
		})
	}
	t.Run("http without credentials", func(t *testing.T) {
		t.Parallel()
		startProduction(t, "ALLOWED_ORIGINS=http://app.example.com", "CORS_ALLOW_CREDENTIALS=false")
	})
}

// What looks like a row of the refusals and is none.
func TestDevelopmentAccepts(t *testing.T) {
	t.Parallel()
	for _, env := range [][]string{
		{"ALLOWED_ORIGINS=http://app.example.com,http://*.example.com"},
		{"ALLOWED_ORIGINS=https://*.example.co.uk,https://*.me.github.io,http://*.localhost:5173"},
		{"ALLOWED_ORIGINS=http://192.168.1.5:5173,https://a-b.c--d.example.com:1,https://a.com:65535"},
		{"ALLOWED_ORIGINS=https://a.com:80,http://a.com:443"},
		{`ALLOWED_ORIGIN_REGEX=https://[a-z0-9-]+\.example\.com`, "ALLOWED_ORIGINS="},
		{`ALLOWED_ORIGIN_REGEX=^https://(app|www)\.example\.com$`},
		{"CORS_EXPOSED_HEADERS=*", "CORS_ALLOW_CREDENTIALS=false"},
		{"CORS_MAX_AGE=24h", "HSTS_MAX_AGE=0", "SHUTDOWN_DELAY=0s"},
		{"TRUSTED_PROXIES=10.0.0.1, 10.1.0.0/16,::1,fd00::/8"},
		{"HTTPS_REDIRECT=true", "ALLOWED_HOSTS=api.example.com,*.example.org"},
		{"RATE_LIMIT_DEFAULT=1-S", "RATE_LIMIT_UPLOAD=7-D", "RATE_LIMIT_SESSION=off", "RATE_LIMIT_MAX_CLIENTS=1"},
		{"SESSION_SECRET=" + secret, "SESSION_SAMESITE=none", "LOG_LEVEL=debug", "LOG_FORMAT=json"},
		{"SHUTDOWN_TIMEOUT=0s"},
	} {
		t.Run(strings.Join(env, " "), func(t *testing.T) {
			t.Parallel()
			checkStatus(t, start(t, env...).get(t, "/healthz"), http.StatusOK)
		})
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
		{"json in production", []string{"APP_ENV=production", "SESSION_SECRET=" + secret, "ALLOWED_ORIGINS="}, true},
		{"json in development", []string{"LOG_FORMAT=json"}, true},
		{"text in production", []string{"APP_ENV=production", "SESSION_SECRET=" + secret, "ALLOWED_ORIGINS=", "LOG_FORMAT=text"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tt.env...)
			s.get(t, "/api/hello")
			for _, line := range s.stderr.lines() {
				if got := strings.HasPrefix(line, "{"); got != tt.json {
					t.Errorf("line %s: json is %t, want %t", line, got, tt.json)
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
		t.Errorf("LOG_LEVEL=error: got\n%s\nwant nothing", text)
	}
	quiet.signal(t, syscall.SIGTERM)
	quiet.wait(t)

	usual := start(t)
	usual.get(t, "/healthz")
	usual.get(t, "/api/hello", "X-Request-ID: last")
	usual.waitFor(t, "line about /api/hello at info", func() bool { return len(usual.linesWith("request_id=last")) > 0 })
	if lines := usual.linesWith("level=DEBUG"); len(lines) > 0 {
		t.Errorf("default LOG_LEVEL: got %q, want nothing at debug", lines)
	}

	loud := start(t, "LOG_LEVEL=debug")
	loud.get(t, "/healthz")
	loud.waitFor(t, "line about /healthz at debug", func() bool {
		return slices.ContainsFunc(loud.stderr.lines(), func(line string) bool {
			return logFields(line)["level"] == "DEBUG" && strings.Contains(line, "/healthz")
		})
	})
}
