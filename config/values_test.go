package config_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"example.com/api/config"
)

func TestValuesAccepts(t *testing.T) {
	checkAccepts(t, []accepted{
		{[]string{"HSTS_MAX_AGE=0"}, func(s config.Settings) any { return s.HSTSMaxAge }, "0s"},
		{[]string{"TRUSTED_PROXIES=10.0.0.5, 2001:db8::/32"}, func(s config.Settings) any { return s.TrustedProxies }, "10.0.0.5/32,2001:db8::/32"},
		{[]string{"ALLOWED_HOSTS=API.example.com,*.example.org,127.0.0.1,[::1]", "HTTPS_REDIRECT=true"}, func(s config.Settings) any { return s.AllowedHosts }, "api.example.com,*.example.org,127.0.0.1,[::1]"},
		{[]string{"ALLOWED_HOSTS=*.localhost,*.svc.cluster.local,api.github.io,a.com"}, func(s config.Settings) any { return s.AllowedHosts }, "*.localhost,*.svc.cluster.local,api.github.io,a.com"},
		{[]string{"IDLE_TIMEOUT=11m", "MAX_BUFFERED_BYTES=1"}, func(s config.Settings) any { return fmt.Sprint(s.IdleTimeout, s.MaxBufferedBytes) }, "11m0s 1"},
		{[]string{"PORT=0"}, func(s config.Settings) any { return s.Port }, "0"},
		{[]string{"HOST=::1"}, func(s config.Settings) any { return s.Host }, "::1"},
		{[]string{"SESSION_SAMESITE=none"}, func(s config.Settings) any { return s.SessionSameSite == http.SameSiteNoneMode }, "true"},
		{[]string{"LOG_FORMAT=json", "LOG_LEVEL=debug"}, func(s config.Settings) any { return fmt.Sprint(s.LogJSON, s.LogLevel) }, "true DEBUG"},
		{[]string{"LOG_FORMAT=Json", "LOG_LEVEL=DEBUG"}, func(s config.Settings) any { return fmt.Sprint(s.LogJSON, s.LogLevel) }, "true DEBUG"},
		{[]string{"HOST=localhost"}, func(s config.Settings) any { return s.Host }, "localhost"},
		{[]string{"HOST=127.0.0.3"}, func(s config.Settings) any { return s.Host }, "127.0.0.3"},
		{[]string{"HOST=0.0.0.0"}, func(s config.Settings) any { return s.Host }, "0.0.0.0"},
		{[]string{"HOST=[::]"}, func(s config.Settings) any { return s.Host }, "::"},
		{[]string{"SESSION_SAMESITE=Strict"}, func(s config.Settings) any { return s.SessionSameSite == http.SameSiteStrictMode }, "true"},
		{[]string{"METRICS_ADDR=127.0.0.1:9090"}, func(s config.Settings) any { return s.MetricsAddr }, "127.0.0.1:9090"},
		{[]string{"METRICS_ADDR=localhost:65535"}, func(s config.Settings) any { return s.MetricsAddr }, "localhost:65535"},
		{[]string{"METRICS_ADDR=127.0.0.1:0", "PORT=0"}, func(s config.Settings) any { return s.MetricsAddr }, "127.0.0.1:0"},
		{[]string{"METRICS_ADDR=:9090"}, func(s config.Settings) any { return s.MetricsAddr }, ":9090"},
		{[]string{"METRICS_ADDR=:8080", "PORT=8081"}, func(s config.Settings) any { return s.MetricsAddr }, ":8080"},
		{[]string{"LOG_LEVEL=warn"}, func(s config.Settings) any { return s.LogLevel }, "WARN"},
		{[]string{"LOG_LEVEL=error"}, func(s config.Settings) any { return s.LogLevel }, "ERROR"},
		{[]string{"SHUTDOWN_DELAY=5s", "SHUTDOWN_TIMEOUT=0s"}, func(s config.Settings) any { return fmt.Sprint(s.ShutdownDelay, s.ShutdownTimeout) }, "5s 0s"},
		{[]string{"RATE_LIMIT_MAX_CLIENTS=1", "MAX_UPLOAD_BYTES=1"}, func(s config.Settings) any { return fmt.Sprint(s.RateLimitMaxClients, s.MaxUploadBytes) }, "1 1"},
		{[]string{"MAX_BODY_BYTES=1", "MAX_UPLOAD_BYTES=1099511627776"}, func(s config.Settings) any { return fmt.Sprint(s.MaxBodyBytes, s.MaxUploadBytes) }, "1 1099511627776"},
	})
}

// An address of a network interface is one of this machine, in either form.
func TestHostIsAnAddressOfThisMachine(t *testing.T) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var tests []accepted
	for _, address := range addresses {
		network, err := netip.ParsePrefix(address.String())
		if err != nil || !network.Addr().Is4() {
			continue
		}
		for _, host := range []string{network.Addr().String(), "::ffff:" + network.Addr().String()} {
			tests = append(tests, accepted{[]string{"HOST=" + host}, func(s config.Settings) any { return s.Host }, host})
		}
	}
	checkAccepts(t, tests)
}

func TestValuesRejects(t *testing.T) {
	checkRejects(t, []rejected{
		{[]string{"APP_ENV=Production"}, []string{`APP_ENV="Production"`}},
		{[]string{"APP_ENV=staging"}, []string{`APP_ENV="staging"`, "development or production"}},
		{[]string{"PORT=65536"}, []string{`PORT="65536"`, "0 to 65535"}},
		{[]string{"PORT=-1"}, []string{`PORT="-1"`, "out of range"}},
		{[]string{"PORT=99999999999999999999"}, []string{"out of range"}},
		{[]string{"PORT=http"}, []string{`PORT="http"`, "not a whole number", "0 to 65535"}},
		{[]string{"HOST=http://localhost"}, []string{`HOST="http://localhost"`, "without scheme"}},
		{[]string{"HOST=0.0.0.0:8080"}, []string{`HOST="0.0.0.0:8080"`}},
		{[]string{"HOST=LOCALHOST"}, []string{`HOST="LOCALHOST" is neither an IP address nor a host name in lower case`}},
		{[]string{"HOST=203.0.113.7"}, []string{`HOST="203.0.113.7" is not an address of this machine`, "0.0.0.0"}},
		{[]string{"HOST=2001:db8::1"}, []string{`HOST="2001:db8::1" is not an address of this machine`}},
		{[]string{"HOST=nowhere.invalid"}, []string{`HOST="nowhere.invalid" is not a name of this machine`, "0.0.0.0"}},
		{[]string{"SHUTDOWN_TIMEOUT=soon"}, []string{`SHUTDOWN_TIMEOUT="soon"`, "90s"}},
		{[]string{"HSTS_MAX_AGE=31536000"}, []string{"31536000s or 525600m"}},
		{[]string{"HTTPS_REDIRECT=true"}, []string{"ALLOWED_HOSTS"}},
		{[]string{"HTTPS_REDIRECT=true", "ALLOWED_HOSTS= "}, []string{"HTTPS_REDIRECT", "needs ALLOWED_HOSTS"}},
		{[]string{"ALLOWED_HOSTS=https://api.example.com"}, []string{`ALLOWED_HOSTS="https://api.example.com"`, "without scheme"}},
		{[]string{"ALLOWED_HOSTS=api.example.com:8080"}, []string{"ALLOWED_HOSTS"}},
		{[]string{"ALLOWED_HOSTS=*"}, []string{"ALLOWED_HOSTS"}},
		{[]string{"ALLOWED_HOSTS=*.com,*.github.io,*.amazonaws.com"}, []string{`ALLOWED_HOSTS="*.com" covers a whole public suffix`, `"*.github.io" covers`, `"*.amazonaws.com" covers`, "*.example.com"}},
		{[]string{"ALLOWED_HOSTS=*.1.2.3.4,*.[::1]"}, []string{`"*.1.2.3.4" has a *`, `"*.[::1]" has a *`, "list each address"}},
		{[]string{"TRUSTED_PROXIES=*"}, []string{`TRUSTED_PROXIES="*"`, "name the proxies"}},
		{[]string{"TRUSTED_PROXIES=proxy.example.com"}, []string{"not an IP address"}},
		{[]string{"TRUSTED_PROXIES=10.0.0.1,0.0.0.0/0,::/0"}, []string{`"0.0.0.0/0"`, `"::/0"`}},
		{[]string{"TRUSTED_PROXIES=0.0.0.0/1,128.0.0.0/1,2000::/3"}, []string{`"0.0.0.0/1" would let many clients choose their own address`, "/8 is the widest", `"128.0.0.0/1"`, `"2000::/3"`, "/16 is the widest"}},
		{[]string{"MAX_BODY_BYTES=1MB"}, []string{`MAX_BODY_BYTES="1MB"`}},
		{[]string{"MAX_UPLOAD_BYTES=-1"}, []string{"MAX_UPLOAD_BYTES"}},
		{[]string{"REDIS_PREFIX=a b"}, []string{`REDIS_PREFIX="a b" is not a prefix`, "shop-ratelimit:"}},
		{[]string{"REDIS_PREFIX={a}"}, []string{`REDIS_PREFIX="{a}" is not a prefix`}},
		{[]string{"REDIS_PREFIX=" + strings.Repeat("a", 65)}, []string{"REDIS_PREFIX", "1 to 64"}},
		{[]string{"REDIS_PREFIX=shop*"}, []string{`REDIS_PREFIX="shop*" is not a prefix`}},
		{[]string{"IDLE_TIMEOUT=0s"}, []string{`IDLE_TIMEOUT="0s" would keep no connection`, "120s"}},
		{[]string{"IDLE_TIMEOUT=600"}, []string{"1 setting is invalid", `IDLE_TIMEOUT="600"`, "600s or 10m"}},
		{[]string{"IDLE_TIMEOUT=-1s"}, []string{`IDLE_TIMEOUT="-1s"`}},
		{[]string{"MAX_BUFFERED_BYTES=0"}, []string{`MAX_BUFFERED_BYTES="0"`}},
		{[]string{"SESSION_SAMESITE=Relaxed"}, []string{`SESSION_SAMESITE="Relaxed"`, "lax or strict or none"}},
		{[]string{"SESSION_SAMESITE=none", "ALLOWED_ORIGINS=*", "CORS_ALLOW_CREDENTIALS=false"}, []string{`SESSION_SAMESITE="none" cannot be used with ALLOWED_ORIGINS=*`, "write lax or strict, or list the origins"}},
		{[]string{"LOG_LEVEL=LOUD"}, []string{`LOG_LEVEL="LOUD"`, "debug or info or warn or error"}},
		{[]string{"LOG_FORMAT=xml"}, []string{"text or json"}},
		{[]string{"METRICS_ADDR=9090"}, []string{`METRICS_ADDR="9090"`, "host:port"}},
		{[]string{"METRICS_ADDR=:8080"}, []string{"METRICS_ADDR", "PORT"}},
		{[]string{"METRICS_ADDR=nowhere at all:9090"}, []string{"METRICS_ADDR", "is not an address to listen on"}},
		{[]string{"METRICS_ADDR=127.0.0.1:65536"}, []string{"METRICS_ADDR", "is not an address to listen on"}},
		{[]string{"MAX_UPLOAD_BYTES=0"}, []string{`MAX_UPLOAD_BYTES="0" is out of range`}},
		{[]string{"MAX_BODY_BYTES=0"}, []string{`MAX_BODY_BYTES="0" is out of range`, "from 1 to"}},
		{[]string{"MAX_UPLOAD_BYTES=1099511627777"}, []string{"is out of range"}},
		{[]string{"SHUTDOWN_DELAY=90000h"}, []string{`SHUTDOWN_DELAY="90000h" is out of range; write a duration from 0s to 87600h`}},
		{[]string{"SHUTDOWN_DELAY=90000h", "SHUTDOWN_TIMEOUT=90000h"}, []string{"to 87600h\n"}},
		{[]string{"METRICS_ADDR=:909a"}, []string{"METRICS_ADDR", "is not an address to listen on"}},
		{[]string{"SHUTDOWN_DELAY=61", "SHUTDOWN_TIMEOUT=x"}, []string{`SHUTDOWN_DELAY="61" has no unit; write 61s` + "\n"}},
		{[]string{"LOG_FORMAT=" + strings.Repeat("x", 200)}, []string{`x" is unknown`}},
		{[]string{"TRUSTED_PROXIES=a,,b"}, []string{"TRUSTED_PROXIES=\"a,,b\" has an empty entry", `"a" is not an IP address`}},
		{[]string{"LOG_FORMAT=" + strings.Repeat("x", 201)}, []string{`LOG_FORMAT="` + strings.Repeat("x", 200) + `…" is unknown`}},
		{[]string{"LOG_FORMAT=a\"b"}, []string{`LOG_FORMAT="a\"b" is unknown`}},
		{[]string{"LOG_FORMAT=a\tb"}, []string{`LOG_FORMAT="a\tb" is unknown`}},
	})
}
