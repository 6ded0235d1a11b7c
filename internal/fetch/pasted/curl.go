package pasted

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxCommand bounds a copied command, in bytes.
const maxCommand = 1 << 20

// Curl reads a curl command, as Chromium, Firefox and Safari copy it (for
// POSIX shells or for cmd.exe) and as people write it.
func Curl(command string) (Call, error) {
	if len(command) > maxCommand {
		return Call{}, fmt.Errorf("the command is longer than %d MiB", maxCommand>>20)
	}
	words, err := split(command)
	if err != nil {
		return Call{}, err
	}
	if len(words) == 0 || words[0] != "curl" && words[0] != "curl.exe" {
		return Call{}, errors.New("the command does not begin with curl")
	}
	var (
		c    Call
		data []string
		form bool
		get  bool
	)
	for i := 1; i < len(words); i++ {
		name, value, attached := option(words[i])
		if name == "" {
			if c.URL != "" {
				return Call{}, fmt.Errorf("there are two URLs, %q and %q", c.URL, words[i])
			}
			c.URL = words[i]
			continue
		}
		switch kindOf(name) {
		case unknownOption:
			return Call{}, fmt.Errorf("the option %s is not known", name)
		case plainOption:
			switch name {
			case "-I", "--head":
				c.Method = "HEAD"
			case "-G", "--get":
				get = true
			}
			continue
		}
		if !attached {
			if i++; i == len(words) {
				return Call{}, fmt.Errorf("the option %s lacks its value", name)
			}
			value = words[i]
		}
		switch name {
		case "--url":
			c.URL = value
		case "-X", "--request":
			c.Method = value
		case "-H", "--header":
			if header, text, found := strings.Cut(value, ":"); found {
				c.addHeader(strings.TrimSpace(header), strings.TrimSpace(text))
			} else if header, found := strings.CutSuffix(value, ";"); found {
				c.addHeader(strings.TrimSpace(header), "")
			}
		case "-e", "--referer":
			c.setReferrer(value)
		case "-b", "--cookie":
			c.addHeader("Cookie", value)
		case "-u", "--user":
			c.addHeader("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(value)))
		case "-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json":
			if name == "--json" {
				if !c.hasHeader("Content-Type") {
					c.addHeader("Content-Type", "application/json")
				}
				if !c.hasHeader("Accept") {
					c.addHeader("Accept", "application/json")
				}
			}
			if strings.HasPrefix(value, "@") && name != "--data-raw" {
				value = "" // a file, which is not read: its content does not matter here
			}
			data = append(data, value)
		case "-F", "--form":
			form = true
		}
	}
	if c.URL == "" {
		return Call{}, errors.New("the command has no URL")
	}
	if !strings.Contains(c.URL, "://") {
		c.URL = "http://" + c.URL // as curl does
	}
	switch body := strings.Join(data, "&"); {
	case form:
		c.HasBody = true
		if !c.hasHeader("Content-Type") {
			c.addHeader("Content-Type", "multipart/form-data; boundary=corscheck")
		}
	case data == nil:
	case get:
		separator := "?"
		if strings.Contains(c.URL, "?") {
			separator = "&"
		}
		c.URL += separator + body
	default:
		c.Body, c.HasBody = body, true
		if !c.hasHeader("Content-Type") {
			c.addHeader("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	return c, nil
}

// option splits a word into an option and the value attached to it. The name
// is empty for a word that is not an option.
func option(word string) (name, value string, attached bool) {
	switch {
	case strings.HasPrefix(word, "--"):
		return strings.Cut(word, "=")
	case len(word) > 2 && word[0] == '-' && kindOf(word[:2]) == valueOption:
		return word[:2], word[2:], true
	case len(word) > 1 && word[0] == '-':
		return word, "", false
	}
	return "", "", false
}

type optionKind int

const (
	unknownOption optionKind = iota
	plainOption
	valueOption
)

func kindOf(name string) optionKind {
	switch name {
	case "--url", "-X", "--request", "-H", "--header", "-e", "--referer", "-b", "--cookie", "-u", "--user",
		"-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json", "-F", "--form",
		"-A", "--user-agent", "-o", "--output", "-m", "--max-time", "--connect-timeout", "--retry", "--max-redirs",
		"-x", "--proxy", "--cacert", "--cert", "-E", "--key", "--resolve", "--connect-to", "-w", "--write-out", "-c", "--cookie-jar":
		return valueOption
	case "-I", "--head", "-G", "--get", "--compressed", "-k", "--insecure", "-s", "--silent", "-S", "--show-error",
		"-L", "--location", "-i", "--include", "-v", "--verbose", "-f", "--fail", "-g", "--globoff", "-N", "--no-buffer",
		"-0", "--http1.0", "--http1.1", "--http2", "--http2-prior-knowledge", "--http3", "-4", "-6", "--ipv4", "--ipv6",
		"-sS", "-sk", "-ks", "-sL", "-iL", "-Li", "-si", "-is", "-sv", "-vs", "-Ls", "-O", "-J", "-#", "--progress-bar", "--path-as-is":
		return plainOption
	}
	return unknownOption
}

// split divides a command into words as a POSIX shell does, or cmd.exe where
// the command is quoted for that. Nothing is expanded.
func split(command string) ([]string, error) {
	if strings.Contains(command, `^"`) {
		command = uncaret(command)
	}
	var (
		words []string
		word  strings.Builder
		open  bool // a word has begun; it may be empty, as in ''
	)
	for i := 0; i < len(command); i++ {
		switch b := command[i]; {
		case b == ' ' || b == '\t' || b == '\n' || b == '\r':
			if open {
				words, open = append(words, word.String()), false
				word.Reset()
			}
		case b == '\\':
			if i++; i < len(command) {
				if command[i] == '\r' && i+1 < len(command) && command[i+1] == '\n' {
					i++
				}
				if command[i] != '\n' {
					word.WriteByte(command[i])
					open = true
				}
			}
		case b == '\'':
			end := strings.IndexByte(command[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("a ' is not closed")
			}
			word.WriteString(command[i+1 : i+1+end])
			i, open = i+1+end, true
		case b == '"':
			text, n, err := doubleQuoted(command[i+1:])
			if err != nil {
				return nil, err
			}
			word.WriteString(text)
			i, open = i+n, true
		case b == '$' && i+1 < len(command) && command[i+1] == '\'':
			text, n, err := ansiQuoted(command[i+2:])
			if err != nil {
				return nil, err
			}
			word.WriteString(text)
			i, open = i+1+n, true
		case strings.IndexByte(";|&<>`", b) >= 0 && !open:
			return nil, fmt.Errorf("the command has a %q outside quotes; copy one curl command alone", b)
		default:
			word.WriteByte(b)
			open = true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

// doubleQuoted reads up to the closing quote and returns how many bytes it
// took with the quote.
func doubleQuoted(s string) (string, int, error) {
	var text strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return text.String(), i + 1, nil
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte("\\\"$`\n", s[i+1]) >= 0:
			if i++; s[i] != '\n' {
				text.WriteByte(s[i])
			}
		default:
			text.WriteByte(s[i])
		}
	}
	return "", 0, errors.New(`a " is not closed`)
}

// ansiQuoted reads the inside of $'…'.
func ansiQuoted(s string) (string, int, error) {
	var text strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\'' {
			return text.String(), i + 1, nil
		}
		if s[i] != '\\' || i+1 == len(s) {
			text.WriteByte(s[i])
			continue
		}
		i++
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i]]
		if digits == 0 {
			if at := strings.IndexByte("nrtabfve", s[i]); at >= 0 {
				text.WriteByte("\n\r\t\a\b\f\v\x1b"[at])
			} else {
				text.WriteByte(s[i])
			}
			continue
		}
		end := i + 1
		for end < len(s) && end <= i+digits && strings.IndexByte("0123456789abcdefABCDEF", s[end]) >= 0 {
			end++
		}
		n, err := strconv.ParseUint(s[i+1:end], 16, 32)
		if err != nil {
			return "", 0, fmt.Errorf(`\%c is not followed by a hexadecimal number`, s[i])
		}
		if s[i] == 'x' {
			text.WriteByte(byte(n))
		} else {
			text.WriteRune(rune(n))
		}
		i = end - 1
	}
	return "", 0, errors.New("a $' is not closed")
}

// uncaret removes cmd.exe's escapes: ^ before a character, and ^ at the end of
// a line, which continues the line.
func uncaret(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '^' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		if s[i] == '\r' && i+1 < len(s) && s[i+1] == '\n' {
			i++
		}
		if s[i] == '\n' {
			out.WriteByte(' ')
		} else {
			out.WriteByte(s[i])
		}
	}
	return out.String()
}
