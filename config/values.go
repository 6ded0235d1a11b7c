package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/origin"
)

const (
	// maxBytes bounds the sizes: twice as much is read and thrown away.
	maxBytes = 1 << 40
	// maxDuration bounds the durations that have no bound of their own.
	maxDuration = 10 * 365 * 24 * time.Hour
	// minSecret is the least length of SESSION_SECRET in bytes.
	minSecret = 32
)

// mistakes collects what is wrong. Its methods parse one variable each; what
// they return after adding a mistake is good for nothing.
type mistakes []string

func (m *mistakes) add(name, value, wrong string) {
	*m = append(*m, describe(name, value, wrong))
}

// describe says what is wrong with a value, which it shows up to a length that
// fits a terminal.
func describe(name, value, wrong string) string {
	if len(value) > 200 {
		value = value[:200] + "…"
	}
	// As it was written where that can be read: %q would double the
	// backslashes of a regex.
	quoted := `"` + value + `"`
	if strings.Contains(value, `"`) || strings.ContainsFunc(value, func(r rune) bool { return !strconv.IsPrint(r) }) {
		quoted = strconv.Quote(value)
	}
	return name + "=" + quoted + " " + wrong
}

// addAll adds the mistakes that package origin found.
func (m *mistakes) addAll(found []*origin.Mistake) {
	for _, mistake := range found {
		m.add(mistake.Setting, mistake.Value, mistake.Error())
	}
}

// addSecret adds a mistake without the value.
func (m *mistakes) addSecret(name, wrong string) {
	*m = append(*m, name+" "+wrong)
}

// oneOf returns the choice that the value is, in any case.
func (m *mistakes) oneOf(name, value string, choices ...string) string {
	for _, choice := range choices {
		if strings.EqualFold(value, choice) {
			return choice
		}
	}
	m.add(name, value, "is unknown; write "+strings.Join(choices, " or "))
	return ""
}

func (m *mistakes) boolean(name, value string) bool {
	b, err := strconv.ParseBool(value)
	if err != nil {
		m.add(name, value, "is neither true nor false; write one of the two")
	}
	return b
}

func (m *mistakes) integer(name, value string, least, most int64) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	wrong := ""
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		wrong = "is no whole number"
	case err != nil || n < least || n > most:
		wrong = "is not in range"
	}
	if wrong != "" {
		m.add(name, value, fmt.Sprintf("%s; write a whole number from %d to %d", wrong, least, most))
	}
	return n
}

func (m *mistakes) duration(name, value string, most time.Duration) time.Duration {
	d, err := time.ParseDuration(value)
	if err != nil {
		if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
			hint := value + "s"
			if seconds%60 == 0 {
				hint = fmt.Sprintf("%ds or %dm", seconds, seconds/60)
			}
			m.add(name, value, "has no unit; write "+hint)
		} else {
			m.add(name, value, "is no duration; write for example 90s, 10m or 24h")
		}
		return 0
	}
	if d < 0 || d > most {
		m.add(name, value, fmt.Sprintf("is out of range; write a duration from 0s to %s", strings.TrimSuffix(most.String(), "0m0s")))
	}
	return d
}

func (m *mistakes) host(name, value string, production bool) string {
	if value == "" {
		if production {
			return ""
		}
		return "127.0.0.1"
	}
	host := strings.Trim(value, "[]")
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	if err := origin.CheckHost(host); err != nil {
		m.add(name, value, err.Error()+"; write an IP address such as 127.0.0.1 or 0.0.0.0, without scheme and port")
	}
	return host
}

func (m *mistakes) listenAddress(name, value string) string {
	if value == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(value)
	if err == nil && host != "" && origin.CheckHost(host) != nil {
		_, err = netip.ParseAddr(host)
	}
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		m.add(name, value, "is no address to listen on; write host:port, for example 127.0.0.1:9090")
	}
	return value
}

func (m *mistakes) trustedProxies(name, value string) forwarded.Proxies {
	var networks []netip.Prefix
	for _, entry := range m.entries(name, value) {
		network, err := forwarded.ParseNetwork(entry)
		if err != nil {
			m.add(name, entry, err.Error())
			continue
		}
		networks = append(networks, network)
	}
	return forwarded.NewProxies(networks...)
}

// allowedHosts returns the default of the environment for "".
func (m *mistakes) allowedHosts(name, value string, production bool) origin.HostList {
	if value == "" && production {
		return origin.AnyHost()
	}
	if value == "" {
		return origin.LocalHosts()
	}
	hosts, mistakes := origin.ParseHosts(m.entries(name, value))
	m.addAll(mistakes)
	return hosts
}

// redisPrefix excludes blanks, which no log shows, and braces, which would put
// the keys of all clients into one slot of a Redis Cluster.
func (m *mistakes) redisPrefix(name, value string) string {
	const most = 100
	if len(value) > most || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || r == '{' || r == '}' }) {
		m.add(name, value, fmt.Sprintf("is not a prefix for keys; write up to %d printable ASCII characters without blanks and braces, such as myapp:ratelimit:", most))
	}
	return value
}

// idleTimeout excludes 0, for which net/http would take another timeout.
func (m *mistakes) idleTimeout(name, value string) time.Duration {
	d := m.duration(name, value, maxDuration)
	if d == 0 && strings.Trim(value, "0hmsuµn") == "" {
		m.add(name, value, "would keep no connection; write a duration such as 120s, longer than the proxy in front keeps one")
	}
	return d
}

// fromFile returns the value or, where NAME_FILE is set, the file's content
// without the newline at its end.
func (m *mistakes) fromFile(name, value, file string) (string, bool) {
	if file == "" {
		return value, true
	}
	if strings.Contains(file, "://") { // a URL with its password, in the wrong variable
		m.addSecret(name+"_FILE", "holds a value where the name of a file belongs; write that value into "+name)
		return "", false
	}
	content, err := os.ReadFile(file)
	if err != nil {
		m.add(name+"_FILE", file, "cannot be read ("+pathless(err)+"); name a file that this process may read")
		return "", false
	}
	text := strings.TrimRight(string(content), "\r\n")
	if text == "" {
		m.add(name+"_FILE", file, "is an empty file; put the value into it")
		return "", false
	}
	return text, true
}

// pathless is the reason alone: the message names the file already.
func pathless(err error) string {
	text := err.Error()
	return text[strings.LastIndex(text, ": ")+len(": "):]
}

func (m *mistakes) url(name, value, file string, checks []Check, schemes ...string) Secret {
	text, ok := m.fromFile(name, value, file)
	if !ok || text == "" {
		return Secret{}
	}
	refuse := func(wrong string) {
		if shown := withoutSecrets(text); file == "" && shown != "" {
			m.add(name, shown, wrong)
		} else {
			m.addSecret(name, wrong) // a file may be the wrong one, and hold a secret alone
		}
	}
	for _, scheme := range schemes {
		rest, found := strings.CutPrefix(text, scheme)
		if !found {
			continue
		}
		if scheme == "file:" && rest == "" {
			refuse("names no file; write file:app.db")
			return Secret{}
		}
		// What net/url says of a bad URL would quote the password.
		if _, err := url.Parse(text); scheme != "file:" && err != nil || rest == "" {
			refuse("is no complete URL after " + scheme + "; percent-encode special characters in the password")
			return Secret{}
		}
		for _, check := range checks {
			if check.Variable != name {
				continue
			}
			if err := check.URL(text); err != nil {
				refuse("cannot be used: " + err.Error())
			}
		}
		return Secret{text}
	}
	wrong := "has no scheme"
	if scheme := schemeOf(text); scheme != "" {
		wrong = fmt.Sprintf("has a scheme that is not known here (%q)", scheme)
	}
	refuse(wrong + "; write " + strings.Join(schemes, "…, ") + "…")
	return Secret{}
}

// schemeOf is the part of a URL that is surely no secret, or "".
func schemeOf(text string) string {
	scheme, _, found := strings.Cut(text, "://")
	if !found || len(scheme) > 20 || strings.ContainsFunc(scheme, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '+' || r == '-')
	}) {
		return ""
	}
	return scheme
}

// address and databaseFile are what people write who forget the scheme.
var (
	address      = regexp.MustCompile(`^[a-z0-9.-]+:(6379|5432)$`) // with another port it may be user:password
	databaseFile = regexp.MustCompile(`^(sqlite3?:)?[a-zA-Z0-9._/-]+\.(db|sqlite3?)$`)
)

// withoutSecrets is a URL but for its user, password and query, or "" where
// these cannot be told from the rest: what has no :// may be a password alone,
// an @ of which net/url makes no user stands behind a password with a / # or ?
// in it, and key=value pairs are libpq's other form.
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

func (m *mistakes) sessionSecret(name, value, file string, production bool) Secret {
	text, ok := m.fromFile(name, value, file)
	switch {
	case !ok:
	case text == "" && production:
		m.addSecret(name, "is missing; production needs one that stays the same: write the output of `openssl rand -hex 32`")
	case text != "" && len(text) < minSecret:
		m.addSecret(name, fmt.Sprintf("has %d bytes; write at least %d, such as the output of `openssl rand -hex 32`", len(text), minSecret))
	}
	return Secret{text}
}

func (m *mistakes) sameSite(name, value string) http.SameSite {
	switch m.oneOf(name, value, "lax", "strict", "none") {
	case "strict":
		return http.SameSiteStrictMode
	case "none":
		return http.SameSiteNoneMode
	}
	return http.SameSiteLaxMode
}

func (m *mistakes) logLevel(name, value string) slog.Level {
	switch m.oneOf(name, value, "debug", "info", "warn", "error") {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}

func (m *mistakes) logJSON(name, value string, production bool) bool {
	if value == "" {
		return production
	}
	return m.oneOf(name, value, "text", "json") == "json"
}
