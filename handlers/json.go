// Package handlers implements the routes, one file per resource: parse, call,
// write. Bad input becomes a problem that names what is wrong.
package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/problem"
)

// MaxJSON is the largest body in bytes that the JSON routes of this package
// need. It is generous: even if every character is escaped, an item has about 13 KB.
const MaxJSON = 256 << 10

// readJSON reads the body, which is one JSON object, into the struct that into
// points to. Each field has a json tag and is a pointer; it is nil if the body
// lacks it. readJSON is stricter than encoding/json: names match exactly;
// unknown names, repeated names, trailing data, invalid UTF-8, \u escapes of
// half a surrogate pair, and null as the value of a field are errors. Fields of the wrong
// type stay nil and are returned as mistyped, so that the caller can report
// them together with the rules that other fields break.
func readJSON(c *gin.Context, into any) (mistyped []problem.FieldError, wrong *problem.Problem) {
	if wrong := checkContent(c, "application/json"); wrong != nil {
		return nil, wrong
	}
	body, err := io.ReadAll(c.Request.Body)
	if err != nil {
		return nil, bodyProblem(err)
	}
	return decodeObject(body, into)
}

func decodeObject(body []byte, into any) (mistyped []problem.FieldError, wrong *problem.Problem) {
	if bytes.HasPrefix(body, []byte("\ufeff")) {
		return nil, problem.BadRequest("The body begins with a byte order mark (EF BB BF), which JSON must not have; send UTF-8 without it.")
	}
	if !utf8.Valid(body) {
		return nil, problem.BadRequest("The body is not valid UTF-8.")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if token, err := decoder.Token(); err != nil {
		return nil, malformed(err)
	} else if token != json.Delim('{') {
		return nil, problem.BadRequest("The body must be one JSON object.")
	}
	fields := fieldsOf(into)
	seen := make(map[string]bool)
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, malformed(err)
		}
		name := token.(string) // the decoder accepts nothing else as a key
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, malformed(err)
		}
		field, known := fields[name]
		if !known {
			return nil, problem.BadRequest(fmt.Sprintf("The field %.100q is unknown.", name))
		}
		if seen[name] {
			return nil, problem.BadRequest(fmt.Sprintf("The field %q appears twice.", name))
		}
		seen[name] = true
		if hasLoneSurrogate(value) {
			return nil, problem.BadRequest(fmt.Sprintf("The field %q has half of a surrogate pair: a \\u escape from d800 to dfff without its other half.", name))
		}
		if string(value) == "null" || json.Unmarshal(value, field.Addr().Interface()) != nil {
			field.SetZero()
			mistyped = append(mistyped, problem.FieldError{Field: name, Detail: "must be " + jsonType(field.Type().Elem())})
		}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, malformed(err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, problem.BadRequest("The body has data after the JSON object.")
	}
	return mistyped, nil
}

// hasLoneSurrogate reports whether valid JSON has a \u escape of one half of a
// surrogate pair without the other half. encoding/json would replace it with
// U+FFFD.
func hasLoneSurrogate(value []byte) bool {
	for {
		i := bytes.IndexByte(value, '\\')
		if i < 0 {
			return false
		}
		value = value[i:]
		unit := escapedUnit(value)
		switch {
		case !utf16.IsSurrogate(unit):
			value = value[2:]
		case utf16.DecodeRune(unit, escapedUnit(value[6:])) != unicode.ReplacementChar:
			value = value[12:]
		default:
			return true
		}
	}
}

// escapedUnit returns the UTF-16 unit of the \u escape that value begins with,
// or 0 if it begins with something else.
func escapedUnit(value []byte) rune {
	if len(value) < 6 || value[0] != '\\' || value[1] != 'u' {
		return 0
	}
	unit, _ := strconv.ParseUint(string(value[2:6]), 16, 16) // valid JSON has four digits here
	return rune(unit)
}

// fieldsOf maps the JSON names of a struct's fields to the fields.
func fieldsOf(into any) map[string]reflect.Value {
	fields := make(map[string]reflect.Value)
	structure := reflect.ValueOf(into).Elem()
	for i := range structure.NumField() {
		fields[structure.Type().Field(i).Tag.Get("json")] = structure.Field(i)
	}
	return fields
}

// jsonType names the JSON type of a field of the Go type.
func jsonType(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.String:
		return "a string"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case reflect.Int <= t.Kind() && t.Kind() <= reflect.Uint64:
		return "a whole number"
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		return "a number"
	}
	return "of another type"
}

func malformed(err error) *problem.Problem {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return problem.BadRequest("The body is empty or ends too early; it must be one complete JSON object.")
	}
	return problem.BadRequest(fmt.Sprintf("The body is not valid JSON: %.100s.", err))
}

// bodyProblem tells the client why its body could not be read to its end.
func bodyProblem(err error) *problem.Problem {
	var refused *problem.Problem
	var tooLarge *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &refused): // by a middleware that wraps the body
		return refused
	case errors.As(err, &tooLarge):
		return problem.TooLarge(tooLarge.Limit)
	case errors.As(err, &network) && network.Timeout():
		return problem.Timeout()
	}
	p := problem.BadRequest("The body could not be read to its end.")
	p.Cause = err
	return p
}

// checkContent returns nil if the headers declare a body of the media type want
// without a Content-Encoding. The only parameter that counts is charset: it must be
// UTF-8 (RFC 8259, 8.1), which many clients spell utf8.
func checkContent(c *gin.Context, want string) *problem.Problem {
	if encoding := strings.Join(c.Request.Header["Content-Encoding"], ", "); encoding != "" {
		c.Header("Accept-Encoding", "identity") // RFC 9110, 15.5.16
		p := problem.UnsupportedMediaType(want)
		p.Detail = fmt.Sprintf("Send the body without Content-Encoding; this one has %.100q.", encoding)
		return p
	}
	sent := "has no Content-Type"
	switch types := c.Request.Header["Content-Type"]; len(types) {
	case 0:
	case 1:
		mediaType, parameters, err := mime.ParseMediaType(types[0])
		charset, hasCharset := parameters["charset"]
		isUTF8 := !hasCharset || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
		switch {
		case err == nil && mediaType == want && isUTF8:
			return nil
		case err == nil && mediaType == want:
			want += "; charset=utf-8"
		}
		sent = fmt.Sprintf("has %.100q", types[0])
	default:
		sent = "has several Content-Type lines"
	}
	p := problem.UnsupportedMediaType(want)
	p.Detail = strings.TrimSuffix(p.Detail, ".") + "; this one " + sent + "."
	return p
}
