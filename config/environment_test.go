package config_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/api/config"
)

func TestBlanksAccepts(t *testing.T) {
	checkAccepts(t, []accepted{
		{[]string{"PORT= ", "ALLOWED_HOSTS=\t ", "CORS_ALLOWED_METHODS= "}, func(s config.Settings) any { return fmt.Sprint(s.Port, s.AllowedHosts, len(s.CORSMethods)) }, "8080 localhost,*.localhost,IP addresses 6"},
		{[]string{"PORT=", "CORS_MAX_AGE=", "RATE_LIMIT_UPLOAD=", "APP_ENV=", "DATABASE_URL="}, func(s config.Settings) any { return fmt.Sprint(s.Port, s.CORSMaxAge, s.Limits.Upload) }, "8080 10m0s upload 5-M"},
	})
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
	if _, err = load(t); err == nil || !strings.Contains(err.Error(), `SESSION_SECRET_FILE="nowhere"`) {
		t.Errorf("of a variable and its *_FILE in the same file the second does not win: %v", err)
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
	write(".env", "SESSION_SECRET=hunter2\x00hunter2\n")
	if _, err = load(t); err == nil || !strings.Contains(err.Error(), ".env has a value for SESSION_SECRET that contains a NUL byte") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a value with a NUL byte: %v", err)
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

func TestWarnings(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(".env", []byte("PORT=1\nOTHER=hunter2\nRATE_LIMIT_DEFUALT=hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fromFile := []string{`.env sets "OTHER", which is not a setting; remove it`, `.env sets "RATE_LIMIT_DEFUALT", which is not a setting; RATE_LIMIT_DEFAULT was probably meant`}
	tests := []struct {
		variables []string
		want      []string
	}{
		{nil, nil},
		{[]string{"ALLOWED_ORIGIN=hunter2"}, []string{"ALLOWED_ORIGIN is set, but there is no such setting; ALLOWED_ORIGINS was probably meant"}},
		{[]string{"TRUSTED_PROXY=hunter2"}, []string{"TRUSTED_PROXY is set, but there is no such setting; TRUSTED_PROXIES was probably meant"}},
		{[]string{"CORS_ALLOW_HEADERS=a"}, []string{"CORS_ALLOW_HEADERS is set, but there is no such setting; CORS_ALLOWED_HEADERS was probably meant"}},
		{[]string{"CORS_ALLOWED_ORIGINS=a"}, []string{"CORS_ALLOWED_ORIGINS is set, but there is no such setting; ALLOWED_ORIGINS was probably meant"}},
		{[]string{"ALLOWED_METHODS=a"}, []string{"ALLOWED_METHODS is set, but there is no such setting; CORS_ALLOWED_METHODS was probably meant"}},
		{[]string{"RATE_LIMIT_DEFUALT=a"}, []string{"RATE_LIMIT_DEFUALT is set, but there is no such setting; RATE_LIMIT_DEFAULT was probably meant"}},
		{[]string{"PROT=a"}, []string{"PROT is set, but there is no such setting; PORT was probably meant"}},
		{[]string{"APP_EVN=a"}, []string{"APP_EVN is set, but there is no such setting; APP_ENV was probably meant"}},
		{[]string{"DATABASE_URI=a"}, []string{"DATABASE_URI is set, but there is no such setting; DATABASE_URL was probably meant"}},
		{[]string{"allowed_origins=a"}, []string{"allowed_origins is set, but there is no such setting; ALLOWED_ORIGINS was probably meant"}},
		{[]string{"HOME=/root", "HOSTNAME=h", "PATH=" + os.Getenv("PATH"), "APP_NAME=a", "ALLOWED=b", "REDIS_HOST=c", "PORTAL=d"}, nil},
		{[]string{"CORS_ALLOWED_HEADERS=Authorization"}, []string{`CORS_ALLOWED_HEADERS="Authorization" lacks Content-Type, so no page on another origin can send JSON; add it`}},
		{[]string{"CORS_ALLOWED_HEADERS=content-type"}, nil},
		{[]string{"CORS_ALLOWED_HEADERS=*"}, nil},
		{[]string{"MAX_BUFFERED_BYTES=1048576"}, nil},
		{[]string{"MAX_BUFFERED_BYTES=1048575"}, []string{`MAX_BUFFERED_BYTES="1048575" is less than MAX_BODY_BYTES (1048576), so the largest bodies are always rejected; write at least that number`}},
		{production("ALLOWED_ORIGINS="), []string{"ALLOWED_HOSTS is not set, so requests for any Host are served; set it to this API's names, such as api.example.com"}},
		{production("ALLOWED_ORIGINS=", "ALLOWED_HOSTS=api.example.com"), nil},
	}
	for _, tt := range tests {
		s, err := load(t, tt.variables...)
		for _, variable := range tt.variables { // load unsets settings alone
			name, _, _ := strings.Cut(variable, "=")
			if !slices.Contains(config.Names(), name) && name != "PATH" && name != "HOME" {
				os.Unsetenv(name)
			}
		}
		if want := append(slices.Clone(fromFile), tt.want...); err != nil || !slices.Equal(sorted(s.Warnings), sorted(want)) {
			t.Errorf("%q: %v, warnings\n%s\nwant\n%s", tt.variables, err, strings.Join(s.Warnings, "\n"), strings.Join(want, "\n"))
		}
	}
}

func sorted(texts []string) []string {
	texts = slices.Clone(texts)
	slices.Sort(texts)
	return texts
}
