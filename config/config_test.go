package config_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

func TestAccepts(t *testing.T) {
	t.Chdir(t.TempDir())
	tests := []struct {
		variables []string
		show      func(config.Settings) any
		want      string
	}{
		{[]string{"ALLOWED_ORIGINS= https://a.com ,https://b.com:8443,https://a.com"}, origins, "https://a.com,https://b.com:8443"},
		{[]string{"ALLOWED_ORIGINS="}, origins, "none"},
		{[]string{"ALLOWED_ORIGINS=https://*.example.com,http://*.localhost:5173"}, origins, "https://*.example.com,http://*.localhost:5173"},
		{[]string{"ALLOWED_ORIGINS=https://*.internal"}, origins, "https://*.internal"},
		{[]string{"ALLOWED_ORIGINS=https://xn--bcher-kva.example,https://*.xn--mnchen-3ya.example,https://xn--e1afmkfd.xn--p1ai"}, origins, "https://xn--bcher-kva.example,https://*.xn--mnchen-3ya.example,https://xn--e1afmkfd.xn--p1ai"},
		{[]string{"ALLOWED_ORIGINS=https://*.user.github.io"}, origins, "https://*.user.github.io"},
		{[]string{"ALLOWED_ORIGINS=https://*.me.s3.amazonaws.com,https://*.me.blob.core.windows.net"}, origins, "https://*.me.s3.amazonaws.com,https://*.me.blob.core.windows.net"},
		{[]string{"ALLOWED_ORIGINS=https://*.cs.rit.edu,https://*.me.ovh.net"}, origins, "https://*.cs.rit.edu,https://*.me.ovh.net"},
		{[]string{"ALLOWED_ORIGINS=*", "CORS_ALLOW_CREDENTIALS=false"}, origins, "*"},
		{[]string{"ALLOWED_ORIGINS=http://app.example.com"}, origins, "http://app.example.com"},
		{production("ALLOWED_ORIGINS=http://localhost:5173,http://127.0.0.1,http://[::1]:3000,http://*.localhost"), origins, "http://localhost:5173,http://127.0.0.1,http://[::1]:3000,http://*.localhost"},
		{production("ALLOWED_ORIGINS=http://app.example.com", "CORS_ALLOW_CREDENTIALS=false"), origins, "http://app.example.com"},
		{[]string{"CORS_ALLOWED_METHODS=*"}, func(s config.Settings) any { return s.CORSMethods }, "[*]"},
		{[]string{"CORS_ALLOWED_HEADERS=*"}, func(s config.Settings) any { return s.CORSHeaders }, "[*]"},
		{[]string{"CORS_EXPOSED_HEADERS=*", "CORS_ALLOW_CREDENTIALS=false"}, func(s config.Settings) any { return s.CORSExposed }, "[*]"},
		{[]string{"CORS_MAX_AGE=0"}, func(s config.Settings) any { return s.CORSMaxAge }, "0s"},
		{[]string{"CORS_MAX_AGE=24h"}, func(s config.Settings) any { return s.CORSMaxAge }, "24h0m0s"},
		{[]string{"HSTS_MAX_AGE=0"}, func(s config.Settings) any { return s.HSTSMaxAge }, "0s"},
		{[]string{"RATE_LIMIT_DEFAULT=off"}, func(s config.Settings) any { return s.Limits.Default.String() }, "default off"},
		{[]string{"RATE_LIMIT_DEFAULT=7-D"}, func(s config.Settings) any { return s.Limits.Default.String() }, "default 7-D"},
		{[]string{"TRUSTED_PROXIES=10.0.0.5, 2001:db8::/32"}, func(s config.Settings) any { return s.TrustedProxies }, "10.0.0.5/32,2001:db8::/32"},
		{[]string{"ALLOWED_HOSTS=API.example.com,*.example.org,127.0.0.1,[::1]", "HTTPS_REDIRECT=true"}, func(s config.Settings) any { return s.AllowedHosts }, "api.example.com,*.example.org,127.0.0.1,[::1]"},
		{[]string{"ALLOWED_HOSTS=*.localhost,*.svc.cluster.local,api.github.io,a.com"}, func(s config.Settings) any { return s.AllowedHosts }, "*.localhost,*.svc.cluster.local,api.github.io,a.com"},
		{[]string{"DATABASE_URL=postgresql://u:p@db/app"}, func(s config.Settings) any { return s.DatabaseURL.Reveal() }, "postgresql://u:p@db/app"},
		{[]string{"REDIS_URL=rediss-sentinel://u:p@h:26379/0?master=m", "REDIS_PREFIX=a:b:"}, func(s config.Settings) any { return s.RedisURL.Reveal() + s.RedisPrefix }, "rediss-sentinel://u:p@h:26379/0?master=ma:b:"},
		{[]string{"SESSION_SECRET_PREVIOUS=" + secret}, func(s config.Settings) any { return s.SessionSecretPrevious.Reveal() }, secret},
		{[]string{"IDLE_TIMEOUT=11m", "MAX_BUFFERED_BYTES=1"}, func(s config.Settings) any { return fmt.Sprint(s.IdleTimeout, s.MaxBufferedBytes) }, "11m0s 1"},
		{[]string{"PORT=0"}, func(s config.Settings) any { return s.Port }, "0"},
		{[]string{"HOST=::1"}, func(s config.Settings) any { return s.Host }, "::1"},
		{[]string{"SESSION_SAMESITE=none"}, func(s config.Settings) any { return s.SessionSameSite == http.SameSiteNoneMode }, "true"},
		{[]string{"LOG_FORMAT=json", "LOG_LEVEL=debug"}, func(s config.Settings) any { return fmt.Sprint(s.LogJSON, s.LogLevel) }, "true DEBUG"},
		{[]string{"LOG_FORMAT=Json", "LOG_LEVEL=DEBUG"}, func(s config.Settings) any { return fmt.Sprint(s.LogJSON, s.LogLevel) }, "true DEBUG"},
		{[]string{"PORT= ", "ALLOWED_HOSTS=\t ", "CORS_ALLOWED_METHODS= "}, func(s config.Settings) any { return fmt.Sprint(s.Port, s.AllowedHosts, len(s.CORSMethods)) }, "8080 localhost,*.localhost,IP addresses 6"},
		{[]string{"PORT=", "CORS_MAX_AGE=", "RATE_LIMIT_UPLOAD=", "APP_ENV=", "DATABASE_URL="}, func(s config.Settings) any { return fmt.Sprint(s.Port, s.CORSMaxAge, s.Limits.Upload) }, "8080 10m0s upload 5-M"},
	}
	for _, tt := range tests {
		s, err := load(t, tt.variables...)
		if err != nil {
			t.Errorf("%q: %v", tt.variables, err)
		} else if got := fmt.Sprint(tt.show(s)); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.variables, got, tt.want)
		}
	}
}

func origins(s config.Settings) any { return s.Origins }

func production(variables ...string) []string {
	return append([]string{"APP_ENV=production", "SESSION_SECRET=" + secret}, variables...)
}

func TestRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	tests := []struct {
		variables []string
		want      []string // parts of the message: variable and value, what is wrong, the remedy
	}{
		{[]string{"APP_ENV=Production"}, []string{`APP_ENV="Production"`}},
		{[]string{"APP_ENV=staging"}, []string{`APP_ENV="staging"`, "development or production"}},
		{[]string{"PORT=65536"}, []string{`PORT="65536"`, "0 to 65535"}},
		{[]string{"PORT=-1"}, []string{`PORT="-1"`, "not in range"}},
		{[]string{"PORT=99999999999999999999"}, []string{"not in range"}},
		{[]string{"PORT=http"}, []string{`PORT="http"`, "no whole number", "0 to 65535"}},
		{[]string{"HOST=http://localhost"}, []string{`HOST="http://localhost"`, "without scheme"}},
		{[]string{"HOST=0.0.0.0:8080"}, []string{`HOST="0.0.0.0:8080"`}},

		{[]string{"ALLOWED_ORIGINS=*"}, []string{`ALLOWED_ORIGINS="*"`, "CORS_ALLOW_CREDENTIALS=true", "CORS_ALLOW_CREDENTIALS=false"}},
		{[]string{"ALLOWED_ORIGINS=*,https://a.com", "CORS_ALLOW_CREDENTIALS=false"}, []string{"beside other origins"}},
		{[]string{"ALLOWED_ORIGINS=*", "ALLOWED_ORIGIN_REGEX=https://a\\.com", "CORS_ALLOW_CREDENTIALS=false"}, []string{"beside other origins"}},
		{[]string{"ALLOWED_ORIGINS=https://a.com,"}, []string{`ALLOWED_ORIGINS="https://a.com," has an empty entry; take out the comma`}},
		{[]string{"ALLOWED_ORIGINS=https://a.com,,https://b.com"}, []string{`ALLOWED_ORIGINS="https://a.com,,https://b.com" has an empty entry`}},
		{[]string{"ALLOWED_ORIGINS=https://app.example.com/"}, []string{`ALLOWED_ORIGINS="https://app.example.com/"`, "trailing slash", "write https://app.example.com"}},
		{[]string{"ALLOWED_ORIGINS=https://münchen.example"}, []string{"punycode", "https://xn--mnchen-3ya.example"}},
		{[]string{"ALLOWED_ORIGINS=https://xn--999999999.example.com"}, []string{"punycode"}},
		{[]string{"ALLOWED_ORIGINS=https://xn--a.com,https://xn--a-ecp.ru,https://*.xn--a.com"}, []string{`"https://xn--a.com" has a punycode label`, `"https://xn--a-ecp.ru" has`, `"https://*.xn--a.com" has`}},
		{[]string{"ALLOWED_ORIGINS=null,https://a..com,https://127.1"}, []string{`"null" is what`, "leave it out", `"https://a..com" has`, "https://app.example.com", `"https://127.1" has`}},
		{[]string{"ALLOWED_ORIGINS=https://*.com"}, []string{"public suffix", `"com"`}},
		{[]string{"ALLOWED_ORIGINS=https://*.co.uk"}, []string{"public suffix"}},
		{[]string{"ALLOWED_ORIGINS=https://*.github.io"}, []string{"public suffix"}},
		{[]string{"ALLOWED_ORIGINS=https://*.ck"}, []string{"public suffix"}},
		{[]string{"ALLOWED_ORIGINS=https://*.kawasaki.jp"}, []string{"public suffix"}},
		{[]string{"ALLOWED_ORIGINS=https://*.amazonaws.com"}, []string{"public suffix"}},
		{[]string{"ALLOWED_ORIGINS=https://*.eu-west-1.amazonaws.com"}, []string{"public suffix"}},
		{[]string{"ALLOWED_ORIGINS=https://*.iot.eu-west-1.amazonaws.com"}, []string{"public suffix"}},
		{[]string{"ALLOWED_ORIGINS=https://*.windows.net,https://*.core.windows.net,https://*.platform.sh,https://*.ovh.net"},
			[]string{`"https://*.windows.net" covers`, `"https://*.core.windows.net" covers`, `"https://*.platform.sh" covers`, `"https://*.ovh.net" covers`}},
		{[]string{"ALLOWED_ORIGINS=https://a.*.example.com"}, []string{"left-most label"}},
		{production("ALLOWED_ORIGINS=http://app.example.com"), []string{"plain http", "write https://"}},
		{production("ALLOWED_ORIGINS=http://*.example.com"), []string{"plain http"}},
		{production("ALLOWED_ORIGINS=http://127.0.0.1.example.com"), []string{"plain http"}},
		{production(), []string{"ALLOWED_ORIGINS is not set", "empty string in the environment"}},

		{[]string{"CORS_ALLOW_CREDENTIALS=yes"}, []string{`CORS_ALLOW_CREDENTIALS="yes"`, "true"}},
		{[]string{"CORS_ALLOWED_METHODS=GET,CONNECT"}, []string{`CORS_ALLOWED_METHODS="CONNECT"`}},
		{[]string{"CORS_ALLOWED_METHODS=TRACE,TRACK,UPDATE,get,G ET"}, []string{`"TRACE"`, `"TRACK"`, `"UPDATE"`, `"get"`, `"G ET"`}},
		{[]string{"CORS_ALLOWED_METHODS=GET,"}, []string{`CORS_ALLOWED_METHODS="GET," has an empty entry`}},
		{[]string{"CORS_ALLOWED_HEADERS=Origin,cookie,Host,content-length,Sec-Fetch-Site,Proxy-Authorization,Access-Control-Allow-Origin"},
			[]string{`"Origin"`, `"cookie"`, `"Host"`, `"content-length"`, `"Sec-Fetch-Site"`, `"Proxy-Authorization"`, `"Access-Control-Allow-Origin"`}},
		{[]string{"CORS_ALLOWED_HEADERS=X Y,é,X:"}, []string{`"X Y"`, `"é"`, `"X:"`}},
		{[]string{"CORS_ALLOWED_HEADERS=*,Authorization"}, []string{"* alone"}},
		{[]string{"CORS_EXPOSED_HEADERS=Set-Cookie"}, []string{`CORS_EXPOSED_HEADERS="Set-Cookie"`}},
		{[]string{"CORS_EXPOSED_HEADERS=*"}, []string{`CORS_EXPOSED_HEADERS="*"`, "list the headers"}},
		{[]string{"CORS_MAX_AGE=24h1s"}, []string{`CORS_MAX_AGE="24h1s"`, "24h"}},
		{[]string{"CORS_MAX_AGE=-1s"}, []string{`CORS_MAX_AGE="-1s"`}},
		{[]string{"CORS_MAX_AGE=600"}, []string{`CORS_MAX_AGE="600"`, "600s or 10m"}},
		{[]string{"SHUTDOWN_TIMEOUT=soon"}, []string{`SHUTDOWN_TIMEOUT="soon"`, "90s"}},
		{[]string{"HSTS_MAX_AGE=31536000"}, []string{"31536000s"}},

		{[]string{"HTTPS_REDIRECT=true"}, []string{"ALLOWED_HOSTS"}},
		{[]string{"HTTPS_REDIRECT=true", "ALLOWED_HOSTS= "}, []string{"HTTPS_REDIRECT", "needs ALLOWED_HOSTS"}},
		{[]string{"ALLOWED_HOSTS=https://api.example.com"}, []string{`ALLOWED_HOSTS="https://api.example.com"`, "without scheme"}},
		{[]string{"ALLOWED_HOSTS=api.example.com:8080"}, []string{"ALLOWED_HOSTS"}},
		{[]string{"ALLOWED_HOSTS=*"}, []string{"ALLOWED_HOSTS"}},
		{[]string{"ALLOWED_HOSTS=*.com,*.github.io,*.amazonaws.com"}, []string{`ALLOWED_HOSTS="*.com" covers a whole public suffix`, `"*.github.io" covers`, `"*.amazonaws.com" covers`, "*.example.com"}},
		{[]string{"ALLOWED_HOSTS=*.1.2.3.4,*.[::1]"}, []string{`"*.1.2.3.4" has a *`, `"*.[::1]" has a *`, "list each address"}},
		{[]string{"TRUSTED_PROXIES=*"}, []string{`TRUSTED_PROXIES="*"`, "name the proxies"}},
		{[]string{"TRUSTED_PROXIES=proxy.example.com"}, []string{"no IP address"}},
		{[]string{"TRUSTED_PROXIES=10.0.0.1,0.0.0.0/0,::/0"}, []string{`"0.0.0.0/0"`, `"::/0"`}},

		{[]string{"RATE_LIMIT_DEFAULT=0-M"}, []string{`RATE_LIMIT_DEFAULT="0-M"`, "off"}},
		{[]string{"RATE_LIMIT_UPLOAD=-5-S"}, []string{"RATE_LIMIT_UPLOAD"}},
		{[]string{"RATE_LIMIT_UPLOAD=+5-S"}, []string{"RATE_LIMIT_UPLOAD"}},
		{[]string{"RATE_LIMIT_SESSION=10/m"}, []string{"RATE_LIMIT_SESSION"}},
		{[]string{"RATE_LIMIT_DEFAULT=99999999999999999999-M"}, []string{"RATE_LIMIT_DEFAULT"}},
		{[]string{"RATE_LIMIT_MAX_CLIENTS=0"}, []string{"RATE_LIMIT_MAX_CLIENTS"}},
		{[]string{"MAX_BODY_BYTES=1MB"}, []string{`MAX_BODY_BYTES="1MB"`}},
		{[]string{"MAX_UPLOAD_BYTES=-1"}, []string{"MAX_UPLOAD_BYTES"}},

		{production("ALLOWED_ORIGINS=", "SESSION_SECRET="), []string{"SESSION_SECRET is missing", "openssl rand -hex 32"}},
		{[]string{"SESSION_SECRET=hunter2"}, []string{"SESSION_SECRET has 7 bytes", "at least 32"}},
		{[]string{"SESSION_SECRET_FILE=/nowhere"}, []string{`SESSION_SECRET_FILE="/nowhere"`, "cannot be read (no such file or directory)"}},
		{[]string{"SESSION_SECRET_PREVIOUS=hunter2"}, []string{"SESSION_SECRET_PREVIOUS has 7 bytes", "at least 32"}},
		{[]string{"SESSION_SECRET_PREVIOUS_FILE=/nowhere"}, []string{`SESSION_SECRET_PREVIOUS_FILE="/nowhere"`, "cannot be read"}},
		{[]string{"REDIS_PREFIX=a b"}, []string{`REDIS_PREFIX="a b" is not a prefix`, "myapp:ratelimit:"}},
		{[]string{"REDIS_PREFIX={a}"}, []string{`REDIS_PREFIX="{a}" is not a prefix`}},
		{[]string{"REDIS_PREFIX=" + strings.Repeat("a", 101)}, []string{"REDIS_PREFIX", "up to 100"}},
		{[]string{"IDLE_TIMEOUT=0s"}, []string{`IDLE_TIMEOUT="0s" would keep no connection`, "120s"}},
		{[]string{"IDLE_TIMEOUT=600"}, []string{`IDLE_TIMEOUT="600"`, "600s or 10m"}},
		{[]string{"IDLE_TIMEOUT=-1s"}, []string{`IDLE_TIMEOUT="-1s"`}},
		{[]string{"MAX_BUFFERED_BYTES=0"}, []string{`MAX_BUFFERED_BYTES="0"`}},
		{[]string{"RATE_LIMIT_DOCS=60"}, []string{`RATE_LIMIT_DOCS="60"`}},
		{[]string{"REDIS_URL=redis+sentinel://h"}, []string{`"redis+sentinel"`, "redis-sentinel://"}},
		{[]string{"SESSION_SAMESITE=Relaxed"}, []string{`SESSION_SAMESITE="Relaxed"`, "lax or strict or none"}},
		{[]string{"LOG_LEVEL=LOUD"}, []string{`LOG_LEVEL="LOUD"`, "debug or info or warn or error"}},
		{[]string{"LOG_FORMAT=xml"}, []string{"text or json"}},
		{[]string{"REDIS_URL=http://:hunter2@redis:6379"}, []string{"REDIS_URL", `"http"`, "redis://"}},
		{[]string{"DATABASE_URL=mysql://root:hunter2@db/app"}, []string{"DATABASE_URL", `"mysql"`, "postgres://"}},
		{[]string{"DATABASE_URL_FILE=postgres://u:hunter2@db/app"}, []string{"DATABASE_URL_FILE", "name of a file"}},
		{[]string{"DATABASE_URL=u:hunter2@h?x=http://y"}, []string{"DATABASE_URL", "file:"}},
		{[]string{"DATABASE_URL=app.db"}, []string{`DATABASE_URL="app.db" has no scheme`, "file:"}},
		{[]string{"DATABASE_URL=sqlite:/data/app.db"}, []string{`DATABASE_URL="sqlite:/data/app.db" has no scheme`, "file:"}},
		{[]string{"REDIS_URL=localhost:6379"}, []string{`REDIS_URL="localhost:6379" has no scheme`, "redis://"}},
		{[]string{"REDIS_URL=REDIS://h"}, []string{`REDIS_URL="REDIS://h" has a scheme that is not known here ("REDIS")`}},
		{[]string{"DATABASE_URL=user=api password=hunter2"}, []string{"DATABASE_URL has no scheme"}},
		{[]string{"REDIS_URL=hunter2:12345"}, []string{"REDIS_URL has no scheme"}},
		{[]string{"DATABASE_URL=u:hunter2@h/app.db"}, []string{"DATABASE_URL has no scheme"}},
		{[]string{"DATABASE_URL=postgresq://u:12/hunter2@db/app"}, []string{"DATABASE_URL has a scheme"}},
		{[]string{"DATABASE_URL=postgresq://u:12#hunter2@db/app"}, []string{"DATABASE_URL has a scheme"}},
		{[]string{"DATABASE_URL=postgresq://u:12?hunter2@db/app"}, []string{"DATABASE_URL has a scheme"}},
		{[]string{"DATABASE_URL=postgresq://u:hunter2@db/app?password=hunter2"}, []string{`DATABASE_URL="postgresq://xxxxx@db/app?…" has a scheme`}},
		{[]string{"REDIS_URL=http://hunter2@cache.internal:6379"}, []string{`REDIS_URL="http://xxxxx@cache.internal:6379" has a scheme`}},
		{[]string{"REDIS_URL=hunter2", "DATABASE_URL=postgres:u:hunter2"}, []string{"REDIS_URL has no scheme", "DATABASE_URL has no scheme"}},
		{[]string{"REDIS_URL=redis://"}, []string{`REDIS_URL="redis://" is no complete URL`}},
		{[]string{"REDIS_URL=http://cache.internal:6379/0"}, []string{`REDIS_URL="http://cache.internal:6379/0" has a scheme`}},
		{[]string{"DATABASE_URL=postgres://u:hunter2%@db/app"}, []string{"DATABASE_URL", "percent-encode"}},
		{[]string{"DATABASE_URL=file:"}, []string{`DATABASE_URL="file:" names no file; write file:app.db`}},
		{[]string{"METRICS_ADDR=9090"}, []string{`METRICS_ADDR="9090"`, "host:port"}},
		{[]string{"METRICS_ADDR=:8080"}, []string{"METRICS_ADDR", "PORT"}},
	}
	for _, tt := range tests {
		_, err := load(t, tt.variables...)
		var wrong *config.Error
		if !errors.As(err, &wrong) {
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
		if got := strings.Count(err.Error(), "\n  "); got != tt.want || !strings.HasPrefix(err.Error(), fmt.Sprintf("%d settings are wrong:", tt.want)) {
			t.Errorf("%q: %d mistakes in the message, want %d:\n%v", tt.variables, got, tt.want, err)
		}
	}
}

// A check is asked about its URL alone, where the scheme is known, and what it
// says joins the other mistakes.
func TestChecksOfURLs(t *testing.T) {
	t.Chdir(t.TempDir())
	asked := ""
	checks := []config.Check{
		{Variable: "DATABASE_URL", URL: func(url string) error { asked += "database " + url + "\n"; return errors.New("has a bad path") }},
		{Variable: "REDIS_URL", URL: func(url string) error { asked += "redis " + url + "\n"; return errors.New("has a bad node") }},
	}
	setenv(t, "PORT=x", "REDIS_URL=redis://h", "DATABASE_URL=file:x")
	_, err := config.Load(checks...)
	if want := "redis redis://h\ndatabase file:x\n"; asked != want {
		t.Errorf("asked %q, want %q", asked, want)
	}
	var wrong *config.Error
	if !errors.As(err, &wrong) {
		t.Fatalf("got %v, want a *config.Error", err)
	}
	for _, want := range []string{"3 settings", "PORT", `REDIS_URL="redis://h" cannot be used: has a bad node`, `DATABASE_URL="file:x" cannot be used: has a bad path`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	asked = ""
	setenv(t, "REDIS_URL=http://h", "DATABASE_URL=postgres://u:%@h")
	if _, err = config.Load(checks...); err == nil || asked != "" || !strings.HasPrefix(err.Error(), "2 settings") {
		t.Errorf("asked %q of wrong URLs: %v", asked, err)
	}
}

// A regex may leave labels open, never the domain that somebody registers.
func TestRegex(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, regex := range []string{
		`https://[a-z0-9-]+\.example\.com`, `^https://[^.]+\.example\.com$`, `https://(.+\.)?example\.com`, `https://(app|admin)\.example\.(com|net)`,
		`https://.*\.example\.com`, `https?://app\.example\.com`, `https://pr-\d+\.preview\.example\.co\.uk`, `http://localhost:\d+`, `http://(localhost|127\.0\.0\.1)(:\d{4})?`,
		`https://[a-z]+\.me\.github\.io`, `(?i)https://app\.example\.com`, `https://app[.]example[.]com`, `http://192\.168\.\d+\.\d+:5173`, `https://\w+\.example\.com(:8443)?`,
		`https://[a-z]+\.me\.ovh\.net`, `https://[a-z-]+\.me\.blob\.core\.windows\.net`, `https://app[.-]?\d{0,40}\.example\.com`,
		`https://(` + strings.Join(names(100), "|") + `)\.example\.com`, `https://((a|(b|(c|(d|(e|f)))))\.)?example\.com`,
		`https://example\.(de|dk)`, `https://example\.(?:io|in)`, `https://(?:shop\.de|shop\.dk|shop\.fr)`, `https://(app1|app2)\.com`, `https://app[12]\.com`,
		`https://(www\.)?example\.com`, `https://([a-z]+\.)*example\.com`, `http://[a-z]+\.localhost(:\d+)?`, `https://app-[0-9]{3}\.example\.com`,
	} {
		if _, err := load(t, "ALLOWED_ORIGIN_REGEX="+regex); err != nil {
			t.Errorf("%s: %v", regex, err)
		}
	}
	for regex, probe := range map[string]string{
		`.*`: "null", `.+`: "null", `null`: "null", `(null|https://app\.example\.com)`: "null", `.*null`: "null", `[a-z]+`: "null",
		`https?://.*`: "https://evil.example", `http://.*`: "http://evil.example", `https://.+`: "https://evil.example", `https://[^/]+`: "https://evil.example",
		`https://.*example\.com`: "https://evilexample.com", `https://app.example.com`: "https://appxexample.com", `https://app\.example\.com.*`: "https://app.example.com",
		`https://app\.example\..+`: "https://app.example.", `https://[a-z.]*example\.com`: "example.com", `https://[a-z]+\.com`: ".com", `https://[a-z-]+\.github\.io`: ".github.io",
		`https://app\.example\.com|.*`: "null", `https://(app|.+)`: "https://evil.example", `https://example\.[a-z]{2,3}`: "https://example.", `.*://app\.example\.com`: "://app.example.com", `[a-z]+://app\.example\.com`: "https://app.example.com", `.*example\.com`: "evilexample.com", `.+example\.com`: "evilexample.com",
		`http.*example\.com`: "evilexample.com", `^.*\.example\.com$`: "https://", `https://[\d.]+`: "https://203.0.113.7", `https:.{0,9}example\.com`: "evilexample.com", `https://app\.example\.com/`: "no origin",
		`example\.com`: "no origin", `https://(?:app\.example\.com|evil.*)`: "https://evil", `https://app\.example\.com\.?[a-z]*`: "https://app.example.com", `http://93\.184\.216\.\d+`: "http://93.184.216.",
		`https://www\.?example\.com`: "https://wwwexample.com", `https://app-*example\.com`: "https://app", `https://(www\.|dev)*example\.com`: "dev", `https://e+xample\.com`: "xample.com",
		`https://app[.-]example\.com`: "https://app-example.com", `https://[a-q]\.com`: "https://a.com", `https://pr-\d\.vercel\.app`: ".vercel.app", `https://app[1-5]\.com`: "https://app", `https://app[x.]example\.com`: "https://appxexample.com", `https://93\.184\.216\.\d`: "http", `https://example\.c[a-p]`: "https://example.c", `https://app[12]+\.com`: "https://app1", `https://app[12]?\.com`: "https://app1.com", `https://[ab][ab][ab][ab][ab]\.com`: ".com",
		`https://(dev-?)?example\.com`: "https://dev", `https://example\.com\.?(au)?`: "https://example.com", `https://app\.?(staging)?\.?example\.com`: "example.com",
		`https://[a-z0-9.-]+\.amazonaws\.com`: ".amazonaws.com", `https://app\.[a-z]+\.core\.windows\.net`: ".core.windows.net", `https://[a-z]+\.platform\.sh`: ".platform.sh",
		`https://[a-z]+\.iot\.eu-west-1\.amazonaws\.com`: ".iot.eu-west-1.amazonaws.com", `https://app\.example.com`: "https://app.examplexcom",
		`https://example\.com|https://bcd.{40}`: "https://bcdxxx", `https://example\.com|https://bcd.{100}`: `bcd.{100}`, `https://example\.com(\.au.{100})?`: `(\.au`,
		`https://(((((((((((a+)+)+)+)+)+)+)+)+)+)+)\.example\.com`: "as far as could be tried",
		`(https|ftp)://example\.com`:                               "the part ftp", `https://example\.com(:443)?`: "the part (:443)",
		`https://app\.example\.com(`: "does not compile", `a)|(.*`: "does not compile",
	} {
		_, err := load(t, "ALLOWED_ORIGIN_REGEX="+regex)
		if err == nil || !strings.Contains(err.Error(), probe) {
			t.Errorf("%s: %v, want an error that names %q", regex, err, probe)
		}
	}
	if _, err := load(t, production("ALLOWED_ORIGINS=", `ALLOWED_ORIGIN_REGEX=https?://app\.example\.com`)...); err == nil || !strings.Contains(err.Error(), "plain http") {
		t.Errorf("plain http by regex in production: %v", err)
	}
}

func names(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%c%dapp", 'a'+i*7%26, i))
	}
	return all
}

func TestDotEnv(t *testing.T) {
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(t.TempDir())
	write(".env", "PORT=1111\nCORS_MAX_AGE=1m\nALLOWED_ORIGINS=https://file.example\nALLOWED_ORIGIN_REGEX='https://[a-z]+\\.example\\.com$'\nOTHER=x # not ours\n")
	s, err := load(t, "PORT=2222", "CORS_MAX_AGE=")
	if err != nil {
		t.Fatal(err)
	}
	if s.Port != 2222 || s.CORSMaxAge != time.Minute || !s.Origins.Allows("https://file.example") || !s.Origins.Allows("https://a.example.com") {
		t.Errorf("port %d (environment), max age %s (file), origins %s (file)", s.Port, s.CORSMaxAge, s.Origins)
	}
	s, err = load(t, "ALLOWED_ORIGINS=", "ALLOWED_ORIGIN_REGEX=https://b\\.example\\.com")
	if err != nil || s.Origins.Allows("https://file.example") {
		t.Errorf("an empty ALLOWED_ORIGINS in the environment does not stand: %v, %v", s.Origins, err)
	}

	write("secret", secret+"\n")
	write(".env", "SESSION_SECRET=from-the-file-but-much-too-short\nSESSION_SECRET_FILE=nowhere\n")
	if s, err = load(t, "SESSION_SECRET="+secret); err != nil || s.SessionSecret.Reveal() != secret {
		t.Errorf("the environment's secret against the file's *_FILE: %v", err)
	}
	if s, err = load(t, "SESSION_SECRET_FILE=secret"); err != nil || s.SessionSecret.Reveal() != secret {
		t.Errorf("SESSION_SECRET_FILE: %v", err)
	}
	write("empty", "\n")
	if _, err = load(t, "SESSION_SECRET_FILE=empty"); err == nil || !strings.Contains(err.Error(), "empty file") {
		t.Errorf("an empty secret file: %v", err)
	}

	write(".env", "PORT=1\nthis is hunter2\nSESSION_SECRET=\"hunter2\n")
	if _, err = load(t); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), ".env") {
		t.Errorf("a malformed .env: %v", err)
	}
	write(".env", "ALLOWED_ORIGINS https://a.example\nPORT=1\n")
	if _, err = load(t); err == nil || !strings.Contains(err.Error(), "without = after its name (ALLOWED_ORIGINS)") {
		t.Errorf("a line without =: %v", err)
	}
	write(".env", "hunter2 hunter2: x\n")
	if _, err = load(t); err == nil || !strings.Contains(err.Error(), "without =") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a line without = or a name: %v", err)
	}
	write(".env", "\uFEFFPORT=1111\r\nCORS_MAX_AGE=1m\r\n")
	if s, err = load(t); err != nil || s.Port != 1111 || s.CORSMaxAge != time.Minute {
		t.Errorf("a file of a Windows editor: port %d, %v", s.Port, err)
	}
	os.Remove(".env")
	if err := os.Mkdir(".env", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err = load(t); err == nil {
		t.Error("a folder named .env is taken for none")
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := load(t, "SESSION_SECRET="+secret, "DATABASE_URL=postgres://u:"+secret+"@db/app")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if text := fmt.Sprintf(format, s.SessionSecret) + fmt.Sprintf(format, s.DatabaseURL); strings.Contains(text, secret) {
			t.Errorf("%s prints %s", format, text)
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
		t.Errorf(".env.example has %s, which is no setting", name)
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
		if strings.ContainsRune(value, 0) || strings.HasSuffix(name, "_FILE") {
			return // no environment can hold it, or it would read any file
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

// Whatever is wrong with a URL, its password is not shown.
func FuzzPasswordsAreHidden(f *testing.F) {
	f.Chdir(f.TempDir())
	for _, seed := range [][3]string{
		{"postgres", "", ""}, {"postgresq", "1/", "x"}, {"redis", "%", "#"}, {"http", "12?", "@"}, {"", "", ""},
		{"mysql", ":1 ", "="}, {"A", "0", "?"}, {"postgres", "0", "#"}, {"A", "#", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	wrong := func(string) error { return errors.New("is wrong") }
	f.Fuzz(func(t *testing.T, scheme, before, after string) {
		const password = "hunter2"
		for _, url := range []string{
			scheme + "://u:" + before + password + after + "@host/db",
			scheme + "://" + before + password + after + "@host:x",
			scheme + ":u:" + before + password + after + "@host",
			scheme + "://host/db?password=" + before + password + after,
			"user=u password=" + before + password + after + " host=" + scheme,
			password, "x:" + password, "redis:" + password,
		} {
			if strings.ContainsRune(url, 0) || strings.HasPrefix(url, "file:") {
				return // no environment can hold it; a path has no password
			}
			for _, variables := range [][]string{{"DATABASE_URL=" + url, "REDIS_URL=" + url}, {"DATABASE_URL_FILE=url", "REDIS_URL_FILE=url"}} {
				if err := os.WriteFile("url", []byte(url), 0o600); err != nil {
					t.Fatal(err)
				}
				setenv(t, variables...)
				_, err := config.Load(config.Check{Variable: "DATABASE_URL", URL: wrong}, config.Check{Variable: "REDIS_URL", URL: wrong})
				if err == nil || strings.Contains(err.Error(), password) {
					t.Fatalf("%q: got %v, want an error without the password", variables, err)
				}
			}
		}
	})
}
