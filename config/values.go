package config

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/origin"
)

const (
	// maxBytes bounds the sizes, of which twice as much is read and discarded.
	maxBytes = 1 << 40
	// maxDuration bounds the durations that have no bound of their own.
	maxDuration = 10 * 365 * 24 * time.Hour
	// lookupTimeout bounds the lookup of a name in HOST.
	lookupTimeout = 2 * time.Second
)

// mistakes collects what is wrong. Each of its methods parses one variable. What a
// method returns after adding a mistake must not be used.
type mistakes []string

func (m *mistakes) add(name, value, wrong string) {
	*m = append(*m, describe(name, value, wrong))
}

// describe says what is wrong with a value, which it shows up to 200 bytes.
func describe(name, value, wrong string) string {
	if len(value) > 200 {
		value = value[:200] + "…"
	}
	// A legible value is shown as it was written, because %q would double the
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

// oneOf returns the choice that equals the value, ignoring case.
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
		m.add(name, value, "is neither true nor false; write one of them")
	}
	return b
}

func (m *mistakes) integer(name, value string, least, most int64) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	wrong := ""
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		wrong = "is not a whole number"
	case n < least || n > most:
		wrong = "is out of range"
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
			m.add(name, value, "is not a duration; write for example 90s, 10m or 24h")
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
	addr, err := netip.ParseAddr(host)
	if err == nil {
		if !isLocal(addr) {
			m.add(name, value, "is not an address of this machine; write one that it has, or 0.0.0.0 for all of them")
		}
		return host
	}
	if origin.CheckHost(host) != nil {
		m.add(name, value, "is neither an IP address nor a host name in lower case; write an IP address such as 127.0.0.1 or 0.0.0.0, without scheme and port")
		return host
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	addresses, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if !slices.ContainsFunc(addresses, isLocal) {
		m.add(name, value, "is not a name of this machine; write an IP address that it has, or 0.0.0.0 for all of them")
	}
	return host
}

// isLocal reports whether this machine can listen on the address.
func isLocal(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsUnspecified() || addr.IsLoopback() {
		return true
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return true // unknown; listening will show
	}
	return slices.ContainsFunc(interfaces, func(own net.Addr) bool {
		network, _ := netip.ParsePrefix(own.String())
		return network.Addr().Unmap().WithZone("") == addr
	})
}

func (m *mistakes) listenAddress(name, value string) string {
	if value == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(value)
	if host != "" && origin.CheckHost(host) != nil {
		_, err = netip.ParseAddr(host)
	}
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		m.add(name, value, "is not an address to listen on; write host:port, for example 127.0.0.1:9090")
	}
	return value
}

func (m *mistakes) trustedProxies(name, value string) forwarded.Proxies {
	var networks []netip.Prefix
	for _, entry := range m.entries(name, value) {
		network, err := forwarded.ParseNetwork(entry)
		if err != nil {
			m.add(name, entry, err.Error())
		}
		networks = append(networks, network)
	}
	return forwarded.NewProxies(networks...)
}

// allowedHosts returns the default of development or production for "".
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

// redisPrefixForm excludes braces, which would put all keys on one node of a Redis
// Cluster, and characters that are wildcards in an ACL.
var redisPrefixForm = regexp.MustCompile(`^[A-Za-z0-9._:/-]{1,64}$`)

func (m *mistakes) redisPrefix(name, value string) string {
	if !redisPrefixForm.MatchString(value) {
		m.add(name, value, "is not a prefix for keys; write 1 to 64 of the characters A-Z a-z 0-9 . _ : / -, such as shop-ratelimit:")
	}
	return value
}

// idleTimeout excludes 0, for which net/http would use its read timeout.
func (m *mistakes) idleTimeout(name, value string) time.Duration {
	before := len(*m)
	d := m.duration(name, value, maxDuration)
	if d == 0 && len(*m) == before {
		m.add(name, value, "would keep no connection open; write a duration such as 120s, longer than the proxy in front keeps a connection")
	}
	return d
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
