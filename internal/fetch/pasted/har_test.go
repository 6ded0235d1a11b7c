package pasted_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/api/internal/fetch/pasted"
)

func TestHAR(t *testing.T) {
	const file = `{"log": {"pages": [{"id": "p1", "title": "https://app.example.com/page"}], "entries": [
		{"request": {"method": "OPTIONS", "url": "https://api.example.com/a", "headers": [
			{"name": "Origin", "value": "https://app.example.com"}, {"name": "Access-Control-Request-Method", "value": "PUT"}]},
		 "response": {"status": 204, "headers": [{"name": "Vary", "value": "Origin\nAccept"}]}},
		{"pageref": "p1", "request": {"method": "PUT", "url": "https://api.example.com/a", "headers": [{"name": ":authority", "value": "x"}],
			"postData": {"text": "{}"}}, "response": {"status": 0, "headers": []}},
		{"request": {"method": "GET", "url": "data:text/plain,x", "headers": []}, "response": {"status": 200, "headers": []}}
	]}}`
	got, err := pasted.HAR([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	want := []pasted.Entry{
		{
			Call: pasted.Call{
				URL: "https://api.example.com/a", Origin: "https://app.example.com", Method: "OPTIONS",
				Headers: [][2]string{{"Access-Control-Request-Method", "PUT"}},
			},
			Preflight: true, Asked: "PUT", Status: 204, Response: [][2]string{{"Vary", "Origin"}, {"Vary", "Accept"}},
		},
		{Call: pasted.Call{URL: "https://api.example.com/a", Origin: "https://app.example.com", Method: "PUT", Body: "{}", HasBody: true}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, bad := range []string{"", "[]", "{}", "<html>"} {
		if _, err := pasted.HAR([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func FuzzHAR(f *testing.F) {
	f.Add([]byte(`{"log": {"entries": [{"request": {"url": "https://a.example", "headers": [{"name": "Origin", "value": "null"}]}, "response": {"status": 200}}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = pasted.HAR(data)
	})
}
