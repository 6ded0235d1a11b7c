package pasted

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// maxDepth bounds how deep objects and arrays may nest.
const maxDepth = 50

// Fetch reads a fetch() call, as Chromium and Firefox copy it and as people
// write it with literals. Expressions are not evaluated.
func Fetch(call string) (Call, error) {
	if len(call) > maxCommand {
		return Call{}, fmt.Errorf("the call is longer than %d MiB", maxCommand>>20)
	}
	p := &parser{s: call}
	p.word("await")
	p.word("window.")
	p.word("globalThis.")
	if !p.word("fetch") || !p.symbol('(') {
		return Call{}, errors.New("the call does not begin with fetch(")
	}
	address, err := p.value(0)
	if err != nil {
		return Call{}, err
	}
	var c Call
	c.URL, err = text("the URL", address)
	if err != nil {
		return Call{}, err
	}
	if p.symbol(',') {
		if p.space(); p.peek() != ')' {
			init, err := p.value(0)
			if err != nil {
				return Call{}, err
			}
			if err := c.apply(init); err != nil {
				return Call{}, err
			}
			p.symbol(',')
		}
	}
	if !p.symbol(')') {
		return Call{}, p.wrong("the ) of fetch(…)")
	}
	return c, nil
}

// The values of a call. Besides these, a value is a string, a bool, a
// json.Number or nil.
type (
	object []member
	member struct {
		key   string
		value any
	}
	array []any
	// built is the result of JSON.stringify or a constructor.
	built struct {
		by  string
		arg any
	}
)

// apply reads fetch()'s second argument.
func (c *Call) apply(init any) error {
	options, ok := init.(object)
	if !ok {
		return errors.New("the second argument of fetch is not an object literal")
	}
	for _, m := range options {
		var err error
		switch m.key {
		case "method":
			c.Method, err = text(m.key, m.value)
		case "mode":
			c.Mode, err = text(m.key, m.value)
		case "redirect":
			c.Redirect, err = text(m.key, m.value)
		case "referrer":
			if page, ok := m.value.(string); ok {
				c.setReferrer(page)
			}
		case "headers":
			err = c.applyHeaders(m.value)
		case "body":
			err = c.applyBody(m.value)
		}
		if err != nil {
			return err
		}
	}
	for _, m := range options { // last, as a Cookie header sets it too
		if m.key == "credentials" {
			var err error
			if c.Credentials, err = text(m.key, m.value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Call) applyHeaders(value any) error {
	if b, ok := value.(built); ok {
		if value = b.arg; value == nil {
			return nil
		}
	}
	switch headers := value.(type) {
	case nil:
	case object:
		for _, m := range headers {
			v, err := text("the header "+m.key, m.value)
			if err != nil {
				return err
			}
			c.addHeader(m.key, v)
		}
	case array:
		for _, item := range headers {
			pair, ok := item.(array)
			if !ok || len(pair) != 2 {
				return errors.New("an element of headers is not a pair of name and value")
			}
			name, err := text("a header's name", pair[0])
			if err != nil {
				return err
			}
			v, err := text("the header "+name, pair[1])
			if err != nil {
				return err
			}
			c.addHeader(name, v)
		}
	default:
		return errors.New("headers is neither an object nor a list of pairs")
	}
	return nil
}

func (c *Call) applyBody(value any) error {
	switch body := value.(type) {
	case nil:
	case string:
		c.Body, c.HasBody = body, true
	case built:
		c.HasBody = true
		switch body.by {
		case "JSON.stringify":
			encoded, err := json.Marshal(plain(body.arg))
			if err != nil {
				return fmt.Errorf("the body: %w", err)
			}
			c.Body = string(encoded)
		case "URLSearchParams":
			if !c.hasHeader("Content-Type") {
				c.addHeader("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
			}
		case "FormData":
			if !c.hasHeader("Content-Type") {
				c.addHeader("Content-Type", "multipart/form-data; boundary=corscheck")
			}
		}
	default:
		return errors.New("the body is not a string, JSON.stringify(…), URLSearchParams or FormData")
	}
	return nil
}

// plain turns a value into one that encoding/json writes.
func plain(value any) any {
	switch v := value.(type) {
	case object:
		out := make(map[string]any, len(v))
		for _, m := range v {
			out[m.key] = plain(m.value)
		}
		return out
	case array:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case built:
		return plain(v.arg)
	}
	return value
}

// text turns a string or a number into a string.
func text(what string, value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	}
	return "", fmt.Errorf("%s is not a literal string", what)
}

// parser reads JavaScript literals.
type parser struct {
	s string
	i int
}

func (p *parser) wrong(want string) error {
	line := 1 + strings.Count(p.s[:p.i], "\n")
	if p.i == len(p.s) {
		return fmt.Errorf("line %d: the text ends where %s should be", line, want)
	}
	rest := p.s[p.i:min(len(p.s), p.i+20)]
	return fmt.Errorf("line %d: %q stands where %s should be", line, rest, want)
}

// space skips blanks and comments.
func (p *parser) space() {
	for p.i < len(p.s) {
		rest := p.s[p.i:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			p.i++
		case strings.HasPrefix(rest, "//"):
			if end := strings.IndexByte(rest, '\n'); end >= 0 {
				p.i += end
			} else {
				p.i = len(p.s)
			}
		case strings.HasPrefix(rest, "/*"):
			if end := strings.Index(rest[2:], "*/"); end >= 0 {
				p.i += end + 4
			} else {
				p.i = len(p.s)
			}
		default:
			return
		}
	}
}

func (p *parser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *parser) symbol(b byte) bool {
	p.space()
	if p.peek() == b && p.i < len(p.s) {
		p.i++
		return true
	}
	return false
}

func (p *parser) word(w string) bool {
	p.space()
	if strings.HasPrefix(p.s[p.i:], w) {
		p.i += len(w)
		return true
	}
	return false
}

// name reads an identifier, with dots in it.
func (p *parser) name() string {
	start := p.i
	for p.i < len(p.s) {
		b := p.s[p.i]
		if b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '$' || b == '.' || b >= 0x80 {
			p.i++
		} else {
			break
		}
	}
	return p.s[start:p.i]
}

func (p *parser) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("values nest deeper than %d levels", maxDepth)
	}
	p.space()
	switch b := p.peek(); {
	case b == '"' || b == '\'' || b == '`':
		return p.str()
	case b == '{':
		return p.object(depth)
	case b == '[':
		return p.array(depth)
	case b == '-' || b >= '0' && b <= '9':
		return p.number()
	}
	start := p.i
	switch name := p.name(); name {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null", "undefined":
		return nil, nil
	case "new":
		p.space()
		if by := p.name(); by != "" {
			return p.construction(by, depth)
		}
	case "JSON.stringify", "String":
		return p.construction(name, depth)
	}
	p.i = start
	return nil, p.wrong("a literal value")
}

// construction reads the arguments of a call, of which the first counts.
func (p *parser) construction(by string, depth int) (any, error) {
	if !p.symbol('(') {
		return nil, p.wrong("(")
	}
	var arg any
	for first := true; ; first = false {
		if p.symbol(')') {
			return built{by, arg}, nil
		}
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if first {
			arg = value
		}
		if !p.symbol(',') {
			if !p.symbol(')') {
				return nil, p.wrong(")")
			}
			return built{by, arg}, nil
		}
	}
}

func (p *parser) object(depth int) (any, error) {
	p.i++
	o := object{}
	for {
		if p.symbol('}') {
			return o, nil
		}
		var key string
		if b := p.peek(); b == '"' || b == '\'' {
			var err error
			if key, err = p.str(); err != nil {
				return nil, err
			}
		} else if key = p.name(); key == "" {
			return nil, p.wrong("a key")
		}
		if !p.symbol(':') {
			return nil, p.wrong(": and a literal value")
		}
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o = append(o, member{key, value})
		if !p.symbol(',') {
			if !p.symbol('}') {
				return nil, p.wrong(", or }")
			}
			return o, nil
		}
	}
}

func (p *parser) array(depth int) (any, error) {
	p.i++
	a := array{}
	for {
		if p.symbol(']') {
			return a, nil
		}
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, value)
		if !p.symbol(',') {
			if !p.symbol(']') {
				return nil, p.wrong(", or ]")
			}
			return a, nil
		}
	}
}

func (p *parser) number() (any, error) {
	start := p.i
	for p.i < len(p.s) && strings.IndexByte("+-.0123456789eE", p.s[p.i]) >= 0 {
		p.i++
	}
	if !json.Valid([]byte(p.s[start:p.i])) {
		p.i = start
		return nil, p.wrong("a number")
	}
	return json.Number(p.s[start:p.i]), nil
}

// str reads a string in any of JavaScript's quotes.
func (p *parser) str() (string, error) {
	quote := p.s[p.i]
	p.i++
	var out strings.Builder
	var units []uint16 // of \uXXXX escapes, which may be surrogate pairs
	flush := func() {
		out.WriteString(string(utf16.Decode(units)))
		units = nil
	}
	for p.i < len(p.s) {
		b := p.s[p.i]
		switch {
		case b == quote:
			p.i++
			flush()
			return out.String(), nil
		case b == '$' && quote == '`' && strings.HasPrefix(p.s[p.i:], "${"):
			return "", p.wrong("literal text, without ${…},")
		case b == '\n' && quote != '`':
			return "", p.wrong("the end of a string")
		case b != '\\':
			flush()
			out.WriteByte(b)
			p.i++
		default:
			if p.i+1 == len(p.s) {
				p.i++
				continue
			}
			escape := p.s[p.i+1]
			p.i += 2
			digits := map[byte]int{'u': 4, 'x': 2}[escape]
			switch {
			case digits > 0:
				if p.i+digits > len(p.s) {
					return "", p.wrong("a hexadecimal number")
				}
				n, err := strconv.ParseUint(p.s[p.i:p.i+digits], 16, 16)
				if err != nil {
					return "", p.wrong("a hexadecimal number")
				}
				units = append(units, uint16(n))
				p.i += digits
			case escape == '\n':
			default:
				flush()
				if at := strings.IndexByte("nrtbfv0", escape); at >= 0 {
					escape = "\n\r\t\b\f\v\x00"[at]
				}
				out.WriteByte(escape)
			}
		}
	}
	return "", p.wrong("the end of a string")
}
