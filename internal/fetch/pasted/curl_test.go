package pasted_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/api/internal/fetch/pasted"
)

func TestCurl(t *testing.T) {
	for _, tt := range []struct {
		name, command string
		want          pasted.Call
	}{
		{
			"as Chromium copies it",
			"curl 'https://api.example.com/items/1?a=b' \\\n  -X 'PUT' \\\n  -H 'accept: */*' \\\n  -H 'accept-language: en' \\\n  -H 'content-type: application/json' \\\n" +
				"  -b 'session=abc; theme=dark' \\\n  -H 'origin: https://app.example.com' \\\n  -H 'priority: u=1, i' \\\n  -H 'referer: https://app.example.com/' \\\n" +
				"  -H 'sec-fetch-mode: cors' \\\n  -H 'user-agent: Mozilla/5.0' \\\n  --data-raw $'{\"name\":\"it\\'s \\u00e9\"}'",
			pasted.Call{
				URL: "https://api.example.com/items/1?a=b", Origin: "https://app.example.com", Method: "PUT", Mode: "cors", Credentials: "include",
				Headers: [][2]string{{"accept", "*/*"}, {"accept-language", "en"}, {"content-type", "application/json"}},
				Cookies: []string{"session=abc", "theme=dark"}, Body: `{"name":"it's é"}`, HasBody: true,
			},
		},
		{
			"as Chromium copies it for cmd.exe",
			"curl ^\"https://api.example.com/a?b=1^&c=2^\" ^\r\n  -H ^\"content-type: application/json^\" ^\r\n  --data-raw ^\"^{^\\^\"a^\\^\":1^}^\"",
			pasted.Call{URL: "https://api.example.com/a?b=1&c=2", Headers: [][2]string{{"content-type", "application/json"}}, Body: `{"a":1}`, HasBody: true},
		},
		{
			"as Firefox copies it",
			"curl 'https://api.example.com/a' --compressed -H 'User-Agent: x' -H 'Referer: https://app.example.com:8443/page' -H 'Cache-Control: no-cache'",
			pasted.Call{URL: "https://api.example.com/a", Origin: "https://app.example.com:8443"},
		},
		{
			"as people write it",
			`curl -sS -k localhost:8080/api -XDELETE -H "X-Odd: a \"b\" \$c" -H Empty\; -u me:pw`,
			pasted.Call{URL: "http://localhost:8080/api", Method: "DELETE", Headers: [][2]string{{"X-Odd", `a "b" $c`}, {"Empty", ""}, {"Authorization", "Basic bWU6cHc="}}},
		},
		{
			"a form",
			"curl -d a=1 --data b=2 https://a.example/",
			pasted.Call{URL: "https://a.example/", Headers: [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}, Body: "a=1&b=2", HasBody: true},
		},
		{
			"a query",
			"curl -G -d a=1 --url=https://a.example/?x",
			pasted.Call{URL: "https://a.example/?x&a=1"},
		},
		{
			"JSON",
			"curl --json @file https://a.example/",
			pasted.Call{URL: "https://a.example/", Headers: [][2]string{{"Content-Type", "application/json"}, {"Accept", "application/json"}}, HasBody: true},
		},
	} {
		got, err := pasted.Curl(tt.command)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestCurlErrors(t *testing.T) {
	for command, want := range map[string]string{
		"":                                    "does not begin with curl",
		"wget https://a.example":              "does not begin with curl",
		"curl":                                "has no URL",
		"curl -H":                             "-H lacks its value",
		"curl 'https://a.example":             "' is not closed",
		`curl "https://a.example`:             `" is not closed`,
		"curl $'a":                            "$' is not closed",
		"curl https://a.example https://b":    "two URLs",
		"curl https://a.example --frobnicate": "--frobnicate is not known",
		"curl https://a.example ; rm -rf /":   "outside quotes",
		"curl https://a.example | sh":         "outside quotes",
		`curl $'\xzz'`:                        "hexadecimal",
	} {
		if _, err := pasted.Curl(command); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", command, err, want)
		}
	}
}

func FuzzCurl(f *testing.F) {
	f.Add(`curl 'https://a.example' -H "a: b" $'\u00e9' --data-raw x`)
	f.Add("curl ^\"https://a.example^\" ^\r\n -XPUT")
	f.Fuzz(func(t *testing.T, command string) {
		call, err := pasted.Curl(command)
		if err == nil && call.URL == "" {
			t.Error("neither a URL nor an error")
		}
	})
}
