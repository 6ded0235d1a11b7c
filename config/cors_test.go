package config_test

import (
	"strings"
	"testing"

	"example.com/api/config"
)

func origins(s config.Settings) any { return s.Origins }

func TestCORSAccepts(t *testing.T) {
	checkAccepts(t, []accepted{
		{[]string{"ALLOWED_ORIGINS= https://a.com ,https://b.com:8443,https://a.com"}, origins, "https://a.com,https://b.com:8443"},
		{[]string{"ALLOWED_ORIGINS="}, origins, "none"},
		{[]string{"ALLOWED_ORIGINS=*", "CORS_ALLOW_CREDENTIALS=false"}, origins, "*"},
		{[]string{"CORS_ALLOWED_METHODS=*"}, func(s config.Settings) any { return s.CORSMethods }, "[*]"},
		{[]string{"CORS_ALLOWED_HEADERS=*"}, func(s config.Settings) any { return s.CORSHeaders }, "[*]"},
		{[]string{"CORS_EXPOSED_HEADERS=*", "CORS_ALLOW_CREDENTIALS=false"}, func(s config.Settings) any { return s.CORSExposed }, "[*]"},
		{[]string{"CORS_MAX_AGE=0"}, func(s config.Settings) any { return s.CORSMaxAge }, "0s"},
		{[]string{"CORS_MAX_AGE=24h"}, func(s config.Settings) any { return s.CORSMaxAge }, "24h0m0s"},
		{[]string{"CORS_ALLOWED_METHODS=GET,OPTIONS,GET"}, func(s config.Settings) any { return s.CORSMethods }, "[GET OPTIONS]"},
		{[]string{"CORS_EXPOSED_HEADERS=ETag, X-Request-ID,Accept-Patch,WWW-Authenticate,Content-Length,Date"}, func(s config.Settings) any { return s.CORSExposed }, "[ETag X-Request-ID Accept-Patch WWW-Authenticate Content-Length Date]"},
		{[]string{"CORS_ALLOWED_HEADERS=content-type, traceparent"}, func(s config.Settings) any { return s.CORSHeaders }, "[content-type traceparent]"},
		{[]string{"ALLOWED_ORIGINS=capacitor://localhost,https://*.example.com"}, origins, "capacitor://localhost,https://*.example.com"},
	})
}

func TestCORSRejects(t *testing.T) {
	checkRejects(t, []rejected{
		{[]string{"ALLOWED_ORIGINS=*"}, []string{`ALLOWED_ORIGINS="*"`, "CORS_ALLOW_CREDENTIALS=true", "CORS_ALLOW_CREDENTIALS=false"}},
		{[]string{"ALLOWED_ORIGINS=*,https://a.com", "CORS_ALLOW_CREDENTIALS=false"}, []string{"next to other origins"}},
		{[]string{"ALLOWED_ORIGINS=*", "ALLOWED_ORIGIN_REGEX=https://a\\.com", "CORS_ALLOW_CREDENTIALS=false"}, []string{"next to other origins"}},
		{[]string{"ALLOWED_ORIGINS=https://a.com,"}, []string{`ALLOWED_ORIGINS="https://a.com," has an empty entry; remove the extra comma`}},
		{[]string{"ALLOWED_ORIGINS=https://a.com,,https://b.com"}, []string{`ALLOWED_ORIGINS="https://a.com,,https://b.com" has an empty entry`}},
		{[]string{"ALLOWED_ORIGINS=https://app.example.com/"}, []string{`ALLOWED_ORIGINS="https://app.example.com/"`, "trailing slash", "write https://app.example.com"}},
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
		{[]string{"CORS_EXPOSED_HEADERS=X Y,é,X:"}, []string{`"X Y" is not a header name`, `"é" is`, `"X:" is`}},
		{[]string{"CORS_EXPOSED_HEADERS=set-cookie2,authorization,Origin,COOKIE,If-Match,Access-Control-Request-Method"},
			[]string{`"set-cookie2" is hidden`, `"authorization" is a request header`, `"Origin" is`, `"COOKIE" is`, `"If-Match" is`, `"Access-Control-Request-Method" is`, "CORS_ALLOWED_HEADERS"}},
		{[]string{"CORS_ALLOWED_METHODS=GET,*"}, []string{`CORS_ALLOWED_METHODS="*" is not a method`, "* alone"}},
		{[]string{"CORS_ALLOWED_HEADERS=access-control-max-age"}, []string{`"access-control-max-age" belongs to the CORS protocol`}},
		{[]string{"CORS_ALLOWED_HEADERS=Origin"}, []string{`"Origin" is set by the browser`}},
	})
}

// What package origin says of a regex is an error or a warning here.
func TestRegex(t *testing.T) {
	t.Chdir(t.TempDir())
	const preview = `ALLOWED_ORIGIN_REGEX=https://myapp-[a-z]+\.vercel\.app`
	_, err := load(t, production("ALLOWED_ORIGINS=", preview)...)
	if want := `ALLOWED_ORIGIN_REGEX="https://myapp-[a-z]+\.vercel\.app" lets https://myapp-evil.vercel.app in`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("in production: %v, want %q", err, want)
	}
	s, err := load(t, preview)
	if want := `ALLOWED_ORIGIN_REGEX="https://myapp-[a-z]+\.vercel\.app" lets https://myapp-evil.vercel.app in`; err != nil || len(s.Warnings) != 1 || !strings.HasPrefix(s.Warnings[0], want) {
		t.Errorf("in development: %v, %q, want the warning %q", err, s.Warnings, want)
	}
	if _, err = load(t, `ALLOWED_ORIGIN_REGEX=https://app.example.com`); err == nil || !strings.Contains(err.Error(), "https://appxexample.com") {
		t.Errorf("bare dots: %v", err)
	}
	if _, err = load(t, production("ALLOWED_ORIGINS=", `ALLOWED_ORIGIN_REGEX=https?://app\.example\.com`)...); err == nil || !strings.Contains(err.Error(), "plain http") {
		t.Errorf("plain http in production: %v", err)
	}
}
