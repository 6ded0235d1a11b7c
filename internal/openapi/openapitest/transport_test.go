package openapitest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"example.com/api/internal/openapi/openapitest"
)

const (
	goodThing = `{"id":"1","name":"Tea","created_at":"2026-11-21T09:30:15.123Z"}`
	thingPath = "/things/1"
	invalid   = `{"type":"about:blank","title":"Unprocessable Content","status":422,"detail":"x","errors":[{"field":"name","detail":"x"}]}`
)

// When Load validates the description, the library checks the examples of bodies
// and parameters, but not those of headers and schemas.
func TestExamplesAreTrue(t *testing.T) {
	description, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	check := func(where string, schema *openapi3.Schema, example any) {
		t.Helper()
		if err := schema.VisitJSON(example, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%s: example %v: %v", where, example, err)
		}
	}
	for name, schema := range description.Components.Schemas {
		for _, example := range schema.Value.Examples {
			check("schema "+name, schema.Value, example)
		}
	}
	for path, item := range description.Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				for name, header := range response.Value.Headers {
					if header.Value.Example != nil {
						check(fmt.Sprintf("%s %s %s %s", method, path, status, name), header.Value.Schema.Value, header.Value.Example)
					}
				}
			}
		}
	}
	allow := description.Components.Headers["Allow"].Value // no operation has it
	check("header Allow", allow.Schema.Value, allow.Example)
}

// Each row is a response and what the transport reports about it.
func TestTransportReports(t *testing.T) {
	text, err := os.ReadFile("testdata/description.yaml")
	if err != nil {
		t.Fatal(err)
	}
	description, err := openapitest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name                      string
		method, path, requestBody string
		status                    int
		header                    string // one line that differs from a good response's
		body                      string
		want                      string // part of the report, "" for none
	}{
		{"as described", "GET", thingPath, "", 200, "", goodThing, ""},
		{"HEAD", "HEAD", thingPath, "", 200, "", "", ""},
		{"a field has another name", "GET", thingPath, "", 200, "", strings.Replace(goodThing, "created_at", "createdAt", 1), "created_at"},
		{"an additional field", "GET", thingPath, "", 200, "", strings.Replace(goodThing, "{", `{"colour":"red",`, 1), "colour"},
		{"an additional field, deeper down", "GET", "/things", "", 200, "", `{"things":[` + strings.Replace(goodThing, "{", `{"colour":"red",`, 1) + `]}`, "colour"},
		{"a field of another type", "GET", thingPath, "", 200, "", strings.Replace(goodThing, `"Tea"`, "7", 1), "name"},
		{"a time that is not one", "GET", thingPath, "", 200, "", strings.Replace(goodThing, "T09:30:15.123Z", "", 1), "created_at"},
		{"another status", "GET", thingPath, "", 202, "", goodThing, "the description of getThing lacks this status"},
		{"another media type", "GET", thingPath, "", 200, "Content-Type: text/plain", goodThing, "text/plain"},
		{"a missing header", "GET", thingPath, "", 200, "X-RateLimit-Remaining: ", goodThing, "X-RateLimit-Remaining"},
		{"a header of another form", "GET", thingPath, "", 200, "RateLimit: 99", goodThing, "RateLimit"},
		{"no body", "DELETE", thingPath, "", 204, "", "", ""},
		{"a body where none is described", "GET", thingPath, "", 308, "Location: https://api.example.com/", "moved", "there is a body"},
		{"a redirect without a target", "GET", thingPath, "", 308, "", "", "Location"},
		{"no path", "GET", "/api/nothing", "", 200, "", "{}", "the description of no path lacks this status"},
		{"a method that is not described", "TRACE", thingPath, "", 200, "", "{}", "the description of no method lacks this status"},
		{"405 without Allow", "TRACE", thingPath, "", 405, "Content-Type: application/problem+json", `{"type":"about:blank","title":"x","status":405,"detail":"x"}`, "Allow"},
		{"a problem that names another status", "GET", thingPath, "", 404, "Content-Type: application/problem+json", strings.Replace(invalid, `,"errors":[{"field":"name","detail":"x"}]`, "", 1), "says status 422"},
		{"an invalid request is accepted", "PATCH", thingPath, `{"colour":"red"}`, 200, "", goodThing, "accepted a request that is invalid"},
		{"a valid request is rejected", "PATCH", thingPath, `{"name":"Tea"}`, 422, "Content-Type: application/problem+json", invalid, "rejected a request that is valid"},
		{"an invalid request is rejected", "PATCH", thingPath, `{"name":""}`, 422, "Content-Type: application/problem+json", invalid, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for _, line := range []string{
					"Content-Type: application/json", "X-Request-ID: a", "X-RateLimit-Limit: 100", "X-RateLimit-Remaining: 99",
					"X-RateLimit-Reset: 1795253520", `RateLimit-Policy: "default";q=100;w=60`, `RateLimit: "default";r=99;t=60`, tt.header,
				} {
					if name, value, _ := strings.Cut(line, ": "); value != "" {
						w.Header().Set(name, value)
					} else if name != "" {
						w.Header().Del(name)
					}
				}
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			}))
			defer server.Close()
			var reports []string
			transport := &openapitest.Transport{
				Base:        http.DefaultTransport,
				Description: description,
				Report:      func(format string, args ...any) { reports = append(reports, fmt.Sprintf(format, args...)) },
			}
			request, err := http.NewRequestWithContext(t.Context(), tt.method, server.URL+tt.path, strings.NewReader(tt.requestBody))
			if err != nil {
				t.Fatal(err)
			}
			if tt.requestBody != "" {
				request.Header.Set("Content-Type", "application/json")
			}
			response, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			got := strings.Join(reports, "\n")
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("reports: got %q, want %q", got, tt.want)
			}
		})
	}
}
