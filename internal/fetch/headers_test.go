package fetch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/api/internal/fetch"
)

// https://fetch.spec.whatwg.org/#cors-safelisted-request-header
func TestIsSafelistedRequestHeader(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		want        bool
	}{
		{"Accept", "*/*", true},
		{"Accept", strings.Repeat("a", 128), true},
		{"Accept", strings.Repeat("a", 129), false},
		{"Accept", "text/html;level=1", true},
		{"Accept", `text/html;q="0.5"`, false},
		{"Accept", "a\tb", true},
		{"Accept", "a\x01b", false},
		{"Accept", "a\x7f", false},
		{"Accept", "caf\xe9", true},
		{"Accept-Language", "bzh", true},
		{"Accept-Language", "en-US,en;q=0.9, *", true},
		{"Accept-Language", "en_US", false},
		{"Accept-Language", "en\tUS", false},
		{"Accept-Language", "fran\xe7ais", false},
		{"Content-Language", "eu", true},
		{"Content-Language", "en@x", false},
		{"Content-Type", "text/plain", true},
		{"Content-Type", "Text/Plain;charset=utf-8", true},
		{"Content-Type", `text/plain;charset="utf-8"`, false},
		{"Content-Type", "application/x-www-form-urlencoded", true},
		{"Content-Type", "multipart/form-data; boundary=x", true},
		{"Content-Type", "text/plain, text/plain", false},
		{"Content-Type", "text /plain", false},
		{"Content-Type", "application/json", false},
		{"Content-Type", "", false},
		{"Content-Type", "text/plain;x=" + strings.Repeat("a", 115), true},
		{"Content-Type", "text/plain;x=" + strings.Repeat("a", 116), false},
		{"Range", "bytes=0-255", true},
		{"Range", "bytes=0-", true},
		{"Range", "bytes=-5", false},
		{"Range", "bytes=5-4", false},
		{"Range", "bytes=10-9", false},
		{"Range", "bytes=9-10", true},
		{"Range", "bytes=0-1,2-3", false},
		{"Range", "bytes= 0-1", false},
		{"Range", "bytes 0-", false},
		{"Save-Data", "on", false},
		{"Authorization", "basics", false},
		{"X-Requested-With", "XMLHttpRequest", false},

		// web-platform-tests, fetch/api/cors/resources/not-cors-safelisted.json
		{"accept", `"`, false},
		{"accept-language", "\x01", false},
		{"accept-language", "@", false},
		{"content-language", "\x01", false},
		{"content-type", "text/html", false},
		{"last-event-id", `"`, false},
		{"test", "hi", false},
	} {
		if got := fetch.Standard().IsSafelistedRequestHeader(tt.name, tt.value); got != tt.want {
			t.Errorf("%s: %q: got %v, want %v", tt.name, tt.value, got, tt.want)
		}
	}
}

// https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names
func TestUnsafeHeaderNames(t *testing.T) {
	nine := func(length int) fetch.Header { // safelisted values of 9 × length bytes
		var h fetch.Header
		for i := range 9 {
			name := []string{"Accept", "Accept-Language", "Content-Language"}[i%3]
			h = append(h, fetch.Field{Name: name, Value: strings.Repeat("a", length)})
		}
		return h
	}
	for _, tt := range []struct {
		name string
		h    fetch.Header
		want []string
	}{
		{"none", nil, nil},
		{"sorted and in lower case", fetch.Header{{Name: "X-B", Value: "1"}, {Name: "x-a", Value: "1"}, {Name: "Accept", Value: "*/*"}}, []string{"x-a", "x-b"}},
		{"a name is listed once", fetch.Header{{Name: "X-A", Value: "1"}, {Name: "x-a", Value: "2"}}, []string{"x-a"}},
		{"1,017 bytes in all", nine(113), nil},
		{"1,026 bytes in all", nine(114), []string{"accept", "accept-language", "content-language"}},
	} {
		if diff := cmp.Diff(tt.want, fetch.Standard().UnsafeHeaderNames(tt.h)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// https://fetch.spec.whatwg.org/#forbidden-request-header
func TestIsForbiddenRequestHeader(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		want        bool
	}{
		{"Cookie", "a=b", true},
		{"ORIGIN", "https://a.example", true},
		{"Sec-Fetch-Site", "same-origin", true},
		{"Proxy-Authorization", "x", true},
		{"Secret", "x", false},
		{"User-Agent", "x", false},
		{"X-HTTP-Method-Override", "PUT", false},
		{"X-HTTP-Method-Override", "GET, trace", true},
	} {
		if got := fetch.IsForbiddenRequestHeader(tt.name, tt.value); got != tt.want {
			t.Errorf("%s: %s: got %v, want %v", tt.name, tt.value, got, tt.want)
		}
	}
}

// https://fetch.spec.whatwg.org/#concept-filtered-response-cors
func TestExposedHeaders(t *testing.T) {
	for _, tt := range []struct {
		expose      []string
		credentials fetch.Credentials
		want        string
	}{
		{nil, fetch.CredentialsOmit, "cache-control content-type"},
		{[]string{"X-One, etag"}, fetch.CredentialsInclude, "cache-control content-type etag x-one"},
		{[]string{"X-One", "etag"}, fetch.CredentialsOmit, "cache-control content-type etag x-one"},
		{[]string{"*"}, fetch.CredentialsOmit, "access-control-expose-headers cache-control content-type etag x-one"},
		{[]string{"*"}, fetch.CredentialsInclude, "cache-control content-type"},
		{[]string{"X-One, not a token"}, fetch.CredentialsOmit, "cache-control content-type"},
		{[]string{"Set-Cookie"}, fetch.CredentialsOmit, "cache-control content-type"},
	} {
		h := fetch.Header{{Name: "Content-Type", Value: "a/b"}, {Name: "Cache-Control", Value: "no-store"}, {Name: "ETag", Value: "1"},
			{Name: "X-One", Value: "1"}, {Name: "Set-Cookie", Value: "a=b"}}
		for _, value := range tt.expose {
			h = append(h, fetch.Field{Name: "Access-Control-Expose-Headers", Value: value})
		}
		if got := strings.Join(fetch.ExposedHeaders(tt.credentials, h), " "); got != tt.want {
			t.Errorf("%q, credentials %s: got %q, want %q", tt.expose, tt.credentials, got, tt.want)
		}
	}
}

// https://fetch.spec.whatwg.org/#methods
func TestNormalizeMethod(t *testing.T) {
	for in, want := range map[string]string{"get": "GET", "pUt": "PUT", "delete": "DELETE", "patch": "patch", "PATCH": "PATCH", "Query": "Query"} {
		if got := fetch.NormalizeMethod(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestWhyPreflight(t *testing.T) {
	h := fetch.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "Accept", Value: "*/*"}}
	got := fmt.Sprint(fetch.Standard().WhyPreflight("PUT", h))
	if want := "[method PUT header content-type (only text/plain and the types of HTML forms need none)]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
