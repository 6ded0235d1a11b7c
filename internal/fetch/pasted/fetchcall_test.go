package pasted_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/api/internal/fetch/pasted"
)

func TestFetch(t *testing.T) {
	for _, tt := range []struct {
		name, call string
		want       pasted.Call
	}{
		{
			"as Chromium copies it",
			`fetch("https://api.example.com/items", {
  "headers": {
    "accept": "*/*",
    "content-type": "application/json",
    "sec-ch-ua-mobile": "?0"
  },
  "referrer": "https://app.example.com/",
  "body": "{\"name\":\"\u00e9\ud83d\ude00\"}",
  "method": "POST",
  "mode": "cors",
  "credentials": "include"
});`,
			pasted.Call{
				URL: "https://api.example.com/items", Origin: "https://app.example.com", Method: "POST", Mode: "cors", Credentials: "include",
				Headers: [][2]string{{"accept", "*/*"}, {"content-type", "application/json"}, {"sec-ch-ua-mobile", "?0"}},
				Body:    `{"name":"é😀"}`, HasBody: true,
			},
		},
		{
			"as Firefox copies it",
			"await fetch(\"http://localhost:8080/api\", {\n    \"credentials\": \"omit\",\n    \"headers\": {},\n    \"referrer\": \"http://localhost:5173/\",\n    \"method\": \"GET\"\n});",
			pasted.Call{URL: "http://localhost:8080/api", Origin: "http://localhost:5173", Method: "GET", Credentials: "omit"},
		},
		{
			"as people write it",
			"fetch(`https://a.example/`, {\n  method: 'PUT', // replace\n  headers: new Headers({ 'X-Count': 3, 'x-a': 'it\\'s' }),\n  body: JSON.stringify({ a: [1, true, null], 'b': { c: 'd' }, }),\n  signal: undefined, redirect: 'error',\n})",
			pasted.Call{
				URL: "https://a.example/", Method: "PUT", Redirect: "error", Headers: [][2]string{{"X-Count", "3"}, {"x-a", "it's"}},
				Body: `{"a":[1,true,null],"b":{"c":"d"}}`, HasBody: true,
			},
		},
		{"a URL alone", "fetch('https://a.example/')", pasted.Call{URL: "https://a.example/"}},
		{"pairs", "fetch('https://a.example/', {headers: [['x-a', '1'], ['x-a', '2'],],},)", pasted.Call{URL: "https://a.example/", Headers: [][2]string{{"x-a", "1"}, {"x-a", "2"}}}},
		{
			"a form", "fetch('https://a.example/', {method: 'POST', body: new URLSearchParams({a: 'b'})})",
			pasted.Call{URL: "https://a.example/", Method: "POST", HasBody: true, Headers: [][2]string{{"Content-Type", "application/x-www-form-urlencoded;charset=UTF-8"}}},
		},
	} {
		got, err := pasted.Fetch(tt.call)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestFetchErrors(t *testing.T) {
	for call, want := range map[string]string{
		"":                            "does not begin with fetch(",
		"axios.get('/a')":             "does not begin with fetch(",
		"fetch(url)":                  `"url)" stands where a literal value should be`,
		"fetch('a', {method: m})":     `"m})" stands where a literal value should be`,
		"fetch('a', 1)":               "not an object literal",
		"fetch(`${host}/a`)":          "without ${…}",
		"fetch('a":                    "the text ends where the end of a string should be",
		"fetch('a', {headers: 1})":    "headers is neither",
		"fetch('a', {\n\n body: 1 })": "the body is not a string",
		"fetch('a', {a: " + strings.Repeat("[", 60): "nest deeper",
	} {
		if _, err := pasted.Fetch(call); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", call, err, want)
		}
	}
}

func FuzzFetch(f *testing.F) {
	f.Add(`fetch("https://a.example", {headers: {"a": 'b'}, body: JSON.stringify([1, {}]), x: new Headers([["a", "b"]])});`)
	f.Fuzz(func(t *testing.T, call string) {
		_, _ = pasted.Fetch(call)
	})
}
