package config_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"example.com/api/config"
)

func TestSecretsAccepts(t *testing.T) {
	checkAccepts(t, []accepted{
		{[]string{"DATABASE_URL=postgresql://u:p@db/app"}, func(s config.Settings) any { return s.DatabaseURL.Reveal() }, "postgresql://u:p@db/app"},
		{[]string{"REDIS_URL=rediss-sentinel://u:p@h:26379/0?master=m", "REDIS_PREFIX=a:b:"}, func(s config.Settings) any { return s.RedisURL.Reveal() + s.RedisPrefix }, "rediss-sentinel://u:p@h:26379/0?master=ma:b:"},
		{[]string{"DATABASE_URL=file:100%.db"}, func(s config.Settings) any { return s.DatabaseURL.Reveal() }, "file:100%.db"},
		{[]string{"SESSION_SECRET_PREVIOUS=" + secret}, func(s config.Settings) any {
			return fmt.Sprint(s.SessionSecretPrevious.Reveal(), s.SessionSecretPrevious.IsSet())
		}, secret + "true"},
	})
}

func TestSecretsRejects(t *testing.T) {
	checkRejects(t, []rejected{
		{production("ALLOWED_ORIGINS=", "SESSION_SECRET="), []string{"SESSION_SECRET is missing", "openssl rand -hex 32"}},
		{[]string{"SESSION_SECRET=hunter2"}, []string{"SESSION_SECRET has 7 bytes", "at least 32"}},
		{[]string{"SESSION_SECRET=" + secret[1:]}, []string{"SESSION_SECRET has 31 bytes", "at least 32"}},
		{production("ALLOWED_ORIGINS=", "SESSION_SECRET=", "SESSION_SECRET_FILE=/nowhere"), []string{"1 setting is invalid", "cannot be read"}},
		{production("ALLOWED_ORIGINS=", "SESSION_SECRET=", "SESSION_SECRET_FILE="+os.DevNull), []string{"1 setting is invalid", "is an empty file"}},
		{production("ALLOWED_ORIGINS=", "SESSION_SECRET=", "SESSION_SECRET_FILE=a://hunter2"), []string{"1 setting is invalid", "may hold the value instead of the name of a file"}},
		{[]string{"SESSION_SECRET_FILE=hunter2/" + secret}, []string{"SESSION_SECRET_FILE cannot be read (no such file or directory)", "write the value into SESSION_SECRET"}},
		{[]string{"REDIS_URL_FILE=:hunter2@cache:6379", "DATABASE_URL_FILE=u:hunter2@db/app"}, []string{"REDIS_URL_FILE cannot be read", "DATABASE_URL_FILE cannot be read"}},
		{[]string{"SESSION_SECRET_FILE=./" + secret}, []string{`SESSION_SECRET_FILE="./` + secret + `" cannot be read`}},
		{[]string{"SESSION_SECRET_FILE=" + secret[1:]}, []string{`SESSION_SECRET_FILE="` + secret[1:] + `" cannot be read`}},
		{[]string{"SESSION_SECRET_FILE=/nowhere"}, []string{`SESSION_SECRET_FILE="/nowhere"`, "cannot be read (no such file or directory)"}},
		{[]string{"SESSION_SECRET_FILE=/dev/zero"}, []string{`SESSION_SECRET_FILE="/dev/zero"`, "cannot be read (it has more than 1048576 bytes)"}},
		{[]string{"SESSION_SECRET_FILE=."}, []string{"cannot be read (is a directory)"}},
		{[]string{"SESSION_SECRET_PREVIOUS=hunter2"}, []string{"SESSION_SECRET_PREVIOUS has 7 bytes", "at least 32"}},
		{[]string{"SESSION_SECRET_PREVIOUS_FILE=/nowhere"}, []string{`SESSION_SECRET_PREVIOUS_FILE="/nowhere"`, "cannot be read"}},
		{[]string{"REDIS_URL=redis+sentinel://h"}, []string{`"redis+sentinel"`, "redis-sentinel://"}},
		{[]string{"REDIS_URL=http://:hunter2@redis:6379"}, []string{"REDIS_URL", `"http"`, "redis://"}},
		{[]string{"DATABASE_URL=mysql://root:hunter2@db/app"}, []string{"DATABASE_URL", `"mysql"`, "postgres://"}},
		{[]string{"DATABASE_URL_FILE=postgres://u:hunter2@db/app"}, []string{"DATABASE_URL_FILE", "name of a file"}},
		{[]string{"DATABASE_URL=u:hunter2@h?x=http://y"}, []string{"DATABASE_URL", "file:"}},
		{[]string{"DATABASE_URL=app.db"}, []string{`DATABASE_URL="app.db" has no scheme`, "file:"}},
		{[]string{"DATABASE_URL=sqlite:/data/app.db"}, []string{`DATABASE_URL="sqlite:/data/app.db" has no scheme`, "file:"}},
		{[]string{"REDIS_URL=localhost:6379"}, []string{`REDIS_URL="localhost:6379" has no scheme`, "redis://"}},
		{[]string{"REDIS_URL=REDIS://h"}, []string{`REDIS_URL="REDIS://h" has a scheme that is not supported ("REDIS")`}},
		{[]string{"DATABASE_URL=user=api password=hunter2"}, []string{"DATABASE_URL has no scheme"}},
		{[]string{"REDIS_URL=hunter2:12345"}, []string{"REDIS_URL has no scheme"}},
		{[]string{"DATABASE_URL=u:hunter2@h/app.db"}, []string{"DATABASE_URL has no scheme"}},
		{[]string{"DATABASE_URL=postgresq://u:12/hunter2@db/app"}, []string{"DATABASE_URL has a scheme"}},
		{[]string{"DATABASE_URL=postgresq://u:12#hunter2@db/app"}, []string{"DATABASE_URL has a scheme"}},
		{[]string{"DATABASE_URL=postgresq://db/app#hunter2"}, []string{"DATABASE_URL has a scheme"}},
		{[]string{"DATABASE_URL=mysql://db/app;password=hunter2"}, []string{"DATABASE_URL has a scheme that is not supported (\"mysql\"); write file:…, postgres://…, postgresql://…"}},
		{[]string{"DATABASE_URL=postgresq://u:12?hunter2@db/app"}, []string{"DATABASE_URL has a scheme"}},
		{[]string{"DATABASE_URL=postgresq://u:hunter2@db/app?password=hunter2"}, []string{`DATABASE_URL="postgresq://xxxxx@db/app?…" has a scheme`}},
		{[]string{"REDIS_URL=http://hunter2@cache.internal:6379"}, []string{`REDIS_URL="http://xxxxx@cache.internal:6379" has a scheme`}},
		{[]string{"REDIS_URL=hunter2", "DATABASE_URL=postgres:u:hunter2"}, []string{"REDIS_URL has no scheme", "DATABASE_URL has no scheme"}},
		{[]string{"REDIS_URL=redis://"}, []string{`REDIS_URL="redis://" is not a complete URL`}},
		{[]string{"REDIS_URL=http://cache.internal:6379/0"}, []string{`REDIS_URL="http://cache.internal:6379/0" has a scheme`}},
		{[]string{"DATABASE_URL=postgres://u:hunter2%@db/app"}, []string{"DATABASE_URL", "percent-encode"}},
		{[]string{"DATABASE_URL=file:"}, []string{`DATABASE_URL="file:" names no file; write file:app.db`}},
	})
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
	_, ok := errors.AsType[*config.Error](err)
	if !ok {
		t.Fatalf("got %v, want a *config.Error", err)
	}
	for _, want := range []string{"3 settings", "PORT", `REDIS_URL="redis://h" cannot be used: has a bad node`, `DATABASE_URL="file:x" cannot be used: has a bad path`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	setenv(t, "DATABASE_URL=file:x")
	if _, err := config.Load(config.Check{Variable: "DATABASE_URL", URL: func(string) error { return nil }}); err != nil {
		t.Errorf("a check that finds nothing wrong: %v", err)
	}
	asked = ""
	setenv(t, "REDIS_URL=http://h", "DATABASE_URL=postgres://")
	if _, err = config.Load(checks...); err == nil || asked != "" || !strings.HasPrefix(err.Error(), "2 settings") {
		t.Errorf("asked %q of wrong URLs: %v", asked, err)
	}
	// The check knows more of its URLs than net/url does.
	setenv(t, "DATABASE_URL=postgres://u@%2Frun%2Fpostgresql/app")
	if _, err = config.Load(config.Check{Variable: "DATABASE_URL", URL: func(string) error { return nil }}); err != nil {
		t.Errorf("a URL whose host is the directory of a socket: %v", err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := load(t, "SESSION_SECRET="+secret, "DATABASE_URL=postgres://u:"+secret+"@db/app")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if text := fmt.Sprintf(format, s.SessionSecret) + fmt.Sprintf(format, s.DatabaseURL); text != "[secret][secret]" {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

// A file that is named by mistake may hold nothing but a secret.
func TestContentOfFilesIsNotShown(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("url", []byte("hunter2.db"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, "DATABASE_URL_FILE=url"); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "DATABASE_URL has no scheme") {
		t.Errorf("got %v, want an error without the content of the file", err)
	}
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
