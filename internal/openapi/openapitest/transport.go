// Package openapitest compares the API's responses with its description. Only tests
// import it.
package openapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"example.com/api/internal/openapi"
	"example.com/api/internal/problem"
)

// Load returns the API's description.
func Load() (*openapi3.T, error) { return Parse(openapi.YAML()) }

// Parse parses a description and validates it and its examples. It makes the
// description of responses stricter. In tests, a field that is not described is an
// error, although clients must expect new fields.
func Parse(text []byte) (*openapi3.T, error) {
	description, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("load the description: %w", err)
	}
	if err := description.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("the description is not valid: %w", err)
	}
	for _, schema := range description.Components.Schemas {
		if more := &schema.Value.AdditionalProperties; len(schema.Value.Properties) > 0 && more.Has == nil {
			more.Has = new(bool)
		}
	}
	return description, nil
}

// Transport is an http.RoundTripper that reports where a request or its response
// differs from the description:
//
//   - The status, its required headers, the values of described headers and the
//     body must be as described. HEAD is compared with GET.
//   - A request that is accepted (2xx) must be valid according to the
//     description.
//   - A JSON body that is rejected (415, 422) must be invalid according to it.
//
// It ignores responses to preflights and request bodies other than JSON. Bodies
// that cannot be read twice (no GetBody) are not checked.
type Transport struct {
	Base        http.RoundTripper
	Description *openapi3.T
	Report      func(format string, args ...any) // as t.Errorf
	// Absent lists headers that this server is configured not to send, such as
	// those of a rate limit that is off.
	Absent []string

	mutex sync.Mutex
	seen  map[string]bool
}

// Seen returns the responses so far, as "operationId 200".
func (t *Transport) Seen() map[string]bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	seen := make(map[string]bool, len(t.seen))
	for response := range t.seen {
		seen[response] = true
	}
	return seen
}

// RoundTrip sends the request and reads the whole response.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.Base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	for _, wrong := range t.check(r, response, body) {
		t.Report("%s %s, %d: not as described: %v\n%.500s", r.Method, r.URL.Path, response.StatusCode, wrong, body)
	}
	return response, nil
}

func (t *Transport) check(r *http.Request, response *http.Response, body []byte) []error {
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		return nil
	}
	request, operation, wrong := t.request(r)
	if wrong != nil {
		return []error{wrong}
	}
	t.mutex.Lock()
	if t.seen == nil {
		t.seen = make(map[string]bool)
	}
	t.seen[fmt.Sprintf("%s %d", operation.OperationID, response.StatusCode)] = true
	t.mutex.Unlock()

	described := operation.Responses.Status(response.StatusCode)
	if described == nil {
		return []error{fmt.Errorf("the description of %s lacks this status", operation.OperationID)}
	}
	header := response.Header.Clone()
	for _, name := range t.Absent {
		if described.Value.Headers[name] != nil && header.Get(name) == "" {
			header.Set(name, fmt.Sprint(described.Value.Headers[name].Value.Example))
		}
	}
	return slices.Concat(
		checkRequest(request, response.StatusCode),
		checkHeaders(described.Value, header),
		checkResponse(request, described.Value, response.StatusCode, header, body, r.Method == http.MethodHead),
	)
}

// request finds the operation that describes r.
func (t *Transport) request(r *http.Request) (*openapi3filter.RequestValidationInput, *openapi3.Operation, error) {
	clone := r.Clone(r.Context())
	clone.Body = nil
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, nil, err
		}
		clone.Body = body
	}
	if clone.Method == http.MethodHead {
		clone.Method = http.MethodGet
	}
	template, item, parameters := t.find(clone.URL.Path)
	var operation *openapi3.Operation
	switch {
	case item == nil:
		operation = t.undescribed("no path", "404", "NoSuchPath")
	case clone.Method == http.MethodOptions:
		operation = t.undescribed("OPTIONS", "204", "Options")
	default:
		if operation = item.GetOperation(clone.Method); operation == nil {
			operation = t.undescribed("no method", "405", "MethodNotAllowed")
		}
	}
	if item == nil {
		item = &openapi3.PathItem{}
	}
	return &openapi3filter.RequestValidationInput{
		Request:    clone,
		PathParams: parameters,
		Route: &routers.Route{
			Spec: t.Description, Path: template, PathItem: item, Method: clone.Method, Operation: operation,
		},
		Options: &openapi3filter.Options{
			AuthenticationFunc:  openapi3filter.NoopAuthenticationFunc, // only the server can check a cookie
			SkipSettingDefaults: true,
		},
	}, operation, nil
}

// find returns the path of the description that matches path; exact matches
// come first.
func (t *Transport) find(path string) (string, *openapi3.PathItem, map[string]string) {
	if item := t.Description.Paths.Value(path); item != nil {
		return path, item, nil
	}
	got := strings.Split(path, "/")
	for template, item := range t.Description.Paths.Map() {
		want := strings.Split(template, "/")
		if len(want) != len(got) {
			continue
		}
		parameters := make(map[string]string)
		fits := true
		for i := range want {
			if name, ok := strings.CutPrefix(want[i], "{"); ok && got[i] != "" {
				parameters[strings.TrimSuffix(name, "}")] = got[i]
			} else if want[i] != got[i] {
				fits = false
			}
		}
		if fits {
			return template, item, parameters
		}
	}
	return "", nil, nil
}

// undescribed returns the operation for a request that the description has no
// operation for: its own response, and those that may reject any request.
func (t *Transport) undescribed(name, status, response string) *openapi3.Operation {
	all := t.Description.Components.Responses
	return &openapi3.Operation{OperationID: name, Responses: openapi3.NewResponses(
		openapi3.WithName(status, all[response].Value),
		openapi3.WithName("308", all["UseHTTPS"].Value),
		openapi3.WithName("400", all["WrongHost"].Value),
		openapi3.WithName("403", all["Forbidden"].Value),
	)}
}

// checkRequest checks that the server and the description agree on whether the
// request is valid.
func checkRequest(request *openapi3filter.RequestValidationInput, status int) []error {
	isJSON := strings.HasPrefix(request.Request.Header.Get("Content-Type"), "application/json")
	request.Options.ExcludeRequestBody = !isJSON
	switch {
	case request.Route.Operation.RequestBody != nil && request.Request.Body == nil:
		return nil // it cannot be read again
	case status < 300:
		if err := openapi3filter.ValidateRequest(request.Request.Context(), request); err != nil {
			return []error{fmt.Errorf("the server accepted a request that is invalid according to the description: %w", err)}
		}
	case isJSON && (status == http.StatusUnsupportedMediaType || status == http.StatusUnprocessableEntity):
		if err := openapi3filter.ValidateRequest(request.Request.Context(), request); err == nil {
			return []error{errors.New("the server rejected a request that is valid according to the description")}
		}
	}
	return nil
}

// checkHeaders checks what the library ignores: repeated headers, and redirects.
func checkHeaders(described *openapi3.Response, got http.Header) []error {
	var wrong []error
	for name, header := range described.Headers {
		if lines := len(got.Values(name)); lines > 1 || lines == 0 && header.Value.Required {
			wrong = append(wrong, fmt.Errorf("%d lines of the header %s", lines, name))
		}
	}
	return wrong
}

// checkResponse adds what the library does not check: a body where none is
// described, and a problem that names another status.
func checkResponse(request *openapi3filter.RequestValidationInput, described *openapi3.Response, status int, header http.Header, body []byte, head bool) []error {
	if (head || len(described.Content) == 0) && len(body) > 0 {
		return []error{errors.New("there is a body, but none is described")}
	}
	err := openapi3filter.ValidateResponse(request.Request.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request,
		Status:                 status,
		Header:                 header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options:                &openapi3filter.Options{ExcludeResponseBody: head},
	})
	if err != nil {
		return []error{err}
	}
	if header.Get("Content-Type") == problem.ContentType && !head {
		var said struct{ Status int }
		if err := json.Unmarshal(body, &said); err != nil {
			return []error{err}
		}
		if said.Status != status {
			return []error{fmt.Errorf("the problem says status %d", said.Status)}
		}
	}
	return nil
}
