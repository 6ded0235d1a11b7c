// Package handlers answers the routes, one file a resource: parse, call,
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

// readJSON reads the body, one JSON object, into the struct that into points
// to. Each field has a json tag and is a pointer, nil where the body leaves it
// out. It is stricter than encoding/json: exact names, no unknown or repeated
// ones, no trailing data, no invalid UTF-8 or \u escapes that are no character,
// null for no field. Fields of the wrong type stay nil and come back as
// mistyped, so that the caller can tell of them and of broken rules at once.
func readJSON(c *gin.Context, into any) (mistyped []problem.FieldError, wrong *problem.Problem) {
	if !hasMediaType(c.Request, "application/json") {
		return nil, problem.UnsupportedMediaType("application/json")
	}
	body, err := io.ReadAll(c.Request.Body)
	if err != nil {
		return nil, bodyProblem(err)
	}
	return decodeObject(body, into)
}

func decodeObject(body []byte, into any) (mistyped []problem.FieldError, wrong *problem.Problem) {
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
		name := token.(string) // the decoder takes nothing else for a key
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, malformed(err)
		}
		field, known := fields[name]
		if !known {
			return nil, problem.BadRequest(fmt.Sprintf("The field %.100q is unknown.", name))
		}
		if seen[name] {
			return nil, problem.BadRequest(fmt.Sprintf("The field %q is there twice.", name))
		}
		seen[name] = true
		if hasHalfPair(value) {
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

// hasHalfPair is whether valid JSON has a \u escape that is one half of a
// surrogate pair and stands alone. encoding/json would make it U+FFFD.
func hasHalfPair(value []byte) bool {
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

// escapedUnit is the UTF-16 unit of the \u escape that value begins with, 0
// where there is none.
func escapedUnit(value []byte) rune {
	if len(value) < 6 || value[0] != '\\' || value[1] != 'u' {
		return 0
	}
	unit, _ := strconv.ParseUint(string(value[2:6]), 16, 16) // of valid JSON: four digits
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

// jsonType says what a field of the Go type takes, in the words of JSON.
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
		return problem.BadRequest("The body is empty or ends too early; it must be one JSON object.")
	}
	return problem.BadRequest(fmt.Sprintf("The body is not valid JSON: %.100s.", err))
}

// bodyProblem tells why a body could not be read to its end.
func bodyProblem(err error) *problem.Problem {
	var tooLarge *http.MaxBytesError
	var network net.Error
	switch {
	case errors.As(err, &tooLarge):
		return problem.TooLarge(tooLarge.Limit)
	case errors.As(err, &network) && network.Timeout():
		return problem.Timeout()
	}
	p := problem.BadRequest("The body could not be read to its end.")
	p.Cause = err
	return p
}

// hasMediaType compares the one Content-Type of the request, its parameters
// aside; of charsets only UTF-8 is good (RFC 8259, 8.1).
func hasMediaType(r *http.Request, want string) bool {
	values := r.Header["Content-Type"]
	if len(values) != 1 {
		return false
	}
	got, parameters, err := mime.ParseMediaType(values[0])
	charset, hasCharset := parameters["charset"]
	return err == nil && got == want && (!hasCharset || strings.EqualFold(charset, "utf-8"))
}
