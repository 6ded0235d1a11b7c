package config_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/api/config"
)

// load reads the given variables and nothing else: "NAME=value", in an empty
// working directory. It cannot run in parallel, as the environment is one.
func load(t testing.TB, variables ...string) (config.Settings, error) {
	t.Helper()
	setenv(t, variables...)
	return config.Load()
}

func setenv(t testing.TB, variables ...string) {
	t.Helper()
	for _, name := range config.Names() {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
}

const secret = "0123456789abcdef0123456789abcdef"

func TestDefaults(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	got := join(s.Production, s.Host, s.Port, s.Origins, s.CORSCredentials, s.CORSMethods, s.CORSHeaders, s.CORSMaxAge,
		s.TrustedProxies, s.AllowedHosts, s.HTTPSRedirect, s.HSTSMaxAge, s.Limits.Default, s.Limits.Upload,
		s.Limits.Session, s.Limits.Docs, s.RateLimitMaxClients, s.RedisURL.IsSet(), s.RedisPrefix, s.DatabaseURL.Reveal(), s.SessionSecret.IsSet(), s.SessionSecretPrevious.IsSet(), s.SessionSameSite == http.SameSiteLaxMode,
		s.MaxBodyBytes, s.MaxUploadBytes, s.MaxBufferedBytes, s.IdleTimeout, s.LogLevel, s.LogJSON, s.ShutdownDelay, s.ShutdownTimeout, s.MetricsAddr == "")
	want := "false 127.0.0.1 8080 http://localhost:5173,http://127.0.0.1:5173,http://localhost:3000 true [GET HEAD POST PUT PATCH DELETE] [Authorization Content-Type If-Match X-Request-ID] 10m0s " +
		"none localhost,*.localhost,IP addresses false 8760h0m0s default 100-M upload 5-M session 10-M docs 60-M 100000 false ratelimit: file:app.db false false true 1048576 10485760 33554432 2m0s INFO false 0s 15s true"
	if got != want {
		t.Errorf("development:\n got %s\nwant %s", got, want)
	}
	s, err = load(t, "APP_ENV=production", "ALLOWED_ORIGINS=https://app.example.com", "SESSION_SECRET="+secret)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%v %q %v %v %v", s.Production, s.Host, s.Origins, s.LogJSON, s.AllowedHosts), `true "" https://app.example.com true any`; got != want {
		t.Errorf("production: got %s, want %s", got, want)
	}
}

func join(values ...any) string { return strings.TrimSpace(fmt.Sprintln(values...)) }

// accepted is a row of settings that are right, with one of them to look at.
type accepted struct {
	variables []string
	show      func(config.Settings) any
	want      string
}

func checkAccepts(t *testing.T, tests []accepted) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, tt := range tests {
		s, err := load(t, tt.variables...)
		if err != nil {
			t.Errorf("%q: %v", tt.variables, err)
		} else if got := fmt.Sprint(tt.show(s)); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.variables, got, tt.want)
		}
	}
}

// rejected is a row of settings that are wrong, with parts of the message: the
// variable and the value, what is wrong, the remedy.
type rejected struct {
	variables []string
	want      []string
}

// checkRejects also looks for hunter2, which stands for a password in the rows.
func checkRejects(t *testing.T, tests []rejected) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, tt := range tests {
		_, err := load(t, tt.variables...)
		_, ok := errors.AsType[*config.Error](err)
		if !ok {
			t.Errorf("%q: %v, want a *config.Error", tt.variables, err)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v\nwant %q in it", tt.variables, err, want)
			}
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the message has the secret: %v", tt.variables, err)
		}
	}
}

func production(variables ...string) []string {
	return append([]string{"APP_ENV=production", "SESSION_SECRET=" + secret}, variables...)
}

func TestAllMistakesInOneMessage(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		variables []string
		want      int
	}{
		{[]string{"PORT=x", "APP_ENV=y", "CORS_MAX_AGE=5", "TRUSTED_PROXIES=*", "ALLOWED_ORIGINS=a,b.com/"}, 6},
		{[]string{"ALLOWED_ORIGINS=*,https://a.com/,null", "ALLOWED_ORIGIN_REGEX=("}, 5}, // * beside others and with credentials
		{[]string{"ALLOWED_ORIGINS=a,,b", "ALLOWED_HOSTS=a,"}, 4},
	} {
		_, err := load(t, tt.variables...)
		if err == nil {
			t.Errorf("%q: no error", tt.variables)
			continue
		}
		if got := strings.Count(err.Error(), "\n  "); got != tt.want || !strings.HasPrefix(err.Error(), fmt.Sprintf("%d settings are invalid:", tt.want)) {
			t.Errorf("%q: %d mistakes in the message, want %d:\n%v", tt.variables, got, tt.want, err)
		}
	}
}

// The example, the settings and the README name the same variables; the
// example's defaults are those of the program.
func TestExampleDoesNotDrift(t *testing.T) {
	example, err := os.ReadFile(filepath.Join("..", ".env.example"))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(example)) {
		if name, value, found := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "#"), "="); found && !strings.ContainsAny(name, " `") {
			values[name] = strings.Trim(value, "'")
		}
	}
	for _, name := range config.Names() {
		if _, found := values[name]; !found {
			t.Errorf(".env.example lacks %s", name)
		}
		delete(values, name)
		if !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("README.md lacks %s", name)
		}
	}
	for name := range values {
		t.Errorf(".env.example has %s, which is not a setting", name)
	}

	// With every variable uncommented the program starts as it does with none.
	var lines []string
	for line := range strings.Lines(string(example)) {
		if name, _, found := strings.Cut(line, "="); found && strings.HasPrefix(name, "#") && !strings.ContainsAny(name, " `") {
			line = line[1:]
		}
		lines = append(lines, line)
	}
	t.Chdir(t.TempDir())
	plain, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(".env", []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	uncommented, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	plain.Origins, uncommented.Origins = nil, nil // compared as text
	if got, want := fmt.Sprintf("%+v", uncommented), fmt.Sprintf("%+v", plain); got != want {
		t.Errorf("the example's defaults are not the program's:\n got %s\nwant %s", got, want)
	}
}

func FuzzLoad(f *testing.F) {
	f.Chdir(f.TempDir())
	for _, seed := range []string{"https://a.com", "*", "https://*.com", "10m", "100-M", "[a-z]+", "0.0.0.0/0", "file:x", "\xff", "https://(a|b)\\.example\\.com"} {
		f.Add(uint8(0), seed)
	}
	names := config.Names()
	f.Fuzz(func(t *testing.T, n uint8, value string) {
		name := names[int(n)%len(names)]
		if strings.ContainsRune(value, 0) || strings.HasSuffix(name, "_FILE") || name == "HOST" {
			return // the environment cannot hold it, or it would read any file or look up any name
		}
		s, err := load(t, name+"="+value)
		if err != nil {
			return
		}
		for _, stranger := range []string{"https://evil.example", "null", "https://localhost.evil.example"} {
			if s.Origins.Allows(stranger) && !strings.Contains(value, "evil") {
				t.Fatalf("%s=%q lets %s in", name, value, stranger)
			}
		}
	})
}
