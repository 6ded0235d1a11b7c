package config

import (
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// minSecret is the least length of SESSION_SECRET in bytes.
const minSecret = 32

// Secret is text that must not appear in logs or messages. Only Reveal returns the
// text. Printing a Secret in any way shows a placeholder.
type Secret struct{ text string }

// Reveal returns the text.
func (s Secret) Reveal() string { return s.text }

// IsSet reports whether there is any text.
func (s Secret) IsSet() bool { return s.text != "" }

// Format keeps the text out of fmt and log/slog, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// fromFile returns the value or, if NAME_FILE is set, the content of that file
// without the newline at its end. It reports false after adding a mistake.
func (m *mistakes) fromFile(name, value, file string) (string, bool) {
	if file == "" {
		return value, true
	}
	content, err := readSmallFile(file)
	switch {
	case err != nil && !fileForm.MatchString(file): // it may be the secret itself
		m.addSecret(name+"_FILE", "cannot be read ("+err.Error()+") and may hold the value instead of the name of a file; name a file that this process may read, or write the value into "+name)
		return "", false
	case err != nil:
		m.add(name+"_FILE", file, "cannot be read ("+err.Error()+"); name a file that this process may read")
		return "", false
	}
	text := strings.TrimRight(string(content), "\r\n")
	if text == "" {
		m.add(name+"_FILE", file, "is an empty file; write the value into it")
		return "", false
	}
	return text, true
}

// fileForm matches the name of a file that begins like a path, or that is too short to
// be a secret.
var fileForm = regexp.MustCompile(`^([/.].*|[A-Za-z0-9._/-]{1,31})$`)

func (m *mistakes) sessionSecret(name, value, file string, required bool) Secret {
	text, ok := m.fromFile(name, value, file)
	switch {
	case !ok:
	case text == "" && required:
		m.addSecret(name, "is missing; production needs one that stays the same: write the output of `openssl rand -hex 32`")
	case text != "" && len(text) < minSecret:
		m.addSecret(name, fmt.Sprintf("has %d bytes; write at least %d, such as the output of `openssl rand -hex 32`", len(text), minSecret))
	}
	return Secret{text}
}

func (m *mistakes) url(name, value, file string, checks []Check, schemes ...string) Secret {
	text, _ := m.fromFile(name, value, file)
	if text == "" {
		return Secret{}
	}
	var check func(string) error
	for _, c := range checks {
		if c.Variable == name {
			check = c.URL
		}
	}
	wrong, shown := wrongURL(text, schemes, check), withoutSecrets(text)
	switch {
	case wrong == "":
	case file == "" && shown != "":
		m.add(name, shown, wrong)
	default:
		m.addSecret(name, wrong) // the file may be the wrong one and contain another secret
	}
	return Secret{text}
}

// wrongURL returns what is wrong with a URL that must begin with one of the schemes,
// or "". If there is a check, it decides: net/url would reject the host of
// postgres://user@%2Frun%2Fpostgresql/app, which is valid.
func wrongURL(text string, schemes []string, check func(string) error) string {
	i := slices.IndexFunc(schemes, func(scheme string) bool { return strings.HasPrefix(text, scheme) })
	if i < 0 {
		wrong := "has no scheme"
		if scheme := schemeOf(text); scheme != "" {
			wrong = fmt.Sprintf("has a scheme that is not supported (%q)", scheme)
		}
		return wrong + "; write " + strings.Join(schemes, "…, ") + "…"
	}
	if text == "file:" {
		return "names no file; write file:app.db"
	}
	_, err := url.Parse(text) // its error would quote the password
	if text == schemes[i] || err != nil && check == nil && schemes[i] != "file:" {
		return "is not a complete URL after " + schemes[i] + "; percent-encode special characters in the password"
	}
	if check == nil {
		return ""
	}
	if err := check(text); err != nil {
		return "cannot be used: " + err.Error()
	}
	return ""
}

// schemeOf returns the scheme of a URL, or "" if what stands there may be a secret.
func schemeOf(text string) string {
	scheme, _, found := strings.Cut(text, "://")
	if !found || !schemeForm.MatchString(scheme) {
		return ""
	}
	return scheme
}

// schemeForm matches a scheme that is too short to be a secret.
var schemeForm = regexp.MustCompile(`^[A-Za-z0-9+-]{1,20}$`)

// address and databaseFile match values whose scheme was forgotten.
var (
	address      = regexp.MustCompile(`^[a-z0-9.-]+:(6379|5432)$`) // with another port it may be user:password
	databaseFile = regexp.MustCompile(`^(sqlite3?:)?[a-zA-Z0-9._/-]+\.(db|sqlite3?)$`)
)

// withoutSecrets returns a URL without its user, password and query. It returns ""
// if it cannot tell these from the rest. Text without :// may be a password. An @
// that net/url does not take for the end of the user may follow a password that
// contains a / # or ?. And key=value pairs are another form that libpq accepts.
func withoutSecrets(text string) string {
	if strings.HasPrefix(text, "file:") || address.MatchString(text) || databaseFile.MatchString(text) {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || schemeOf(text) == "" || u.Fragment != "" || (u.User != nil) != (strings.Count(text, "@") == 1) {
		return ""
	}
	shown, _, hasQuery := strings.Cut(text, "?")
	scheme, rest, _ := strings.Cut(shown, "://")
	if u.User != nil {
		_, host, _ := strings.Cut(rest, "@")
		rest = "xxxxx@" + host
	}
	if strings.ContainsAny(strings.TrimPrefix(rest, "xxxxx@"), "@=; ") {
		return ""
	}
	shown = scheme + "://" + rest
	if hasQuery {
		shown += "?…"
	}
	return shown
}
