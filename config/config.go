// Package config reads the settings from the environment, once. envconfig
// fetches their text and the functions here parse it, so that all mistakes are
// reported together. No other package reads the environment.
package config

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/origin"
)

// variables holds the text of the settings. A default that depends on APP_ENV is
// applied where the value is parsed. .env.example explains each setting.
type variables struct {
	AppEnv string `envconfig:"APP_ENV" default:"development"`
	Host   string `envconfig:"HOST"`
	Port   string `envconfig:"PORT" default:"8080"`

	AllowedOrigins     *string `envconfig:"ALLOWED_ORIGINS"` // nil: not set; "" is a value
	AllowedOriginRegex string  `envconfig:"ALLOWED_ORIGIN_REGEX"`
	CORSCredentials    string  `envconfig:"CORS_ALLOW_CREDENTIALS" default:"true"`
	CORSMethods        string  `envconfig:"CORS_ALLOWED_METHODS" default:"GET,HEAD,POST,PUT,PATCH,DELETE"`
	CORSHeaders        string  `envconfig:"CORS_ALLOWED_HEADERS" default:"Authorization,Content-Type,If-Match,X-Request-ID"`
	CORSExposed        string  `envconfig:"CORS_EXPOSED_HEADERS" default:"X-Request-ID,X-RateLimit-Limit,X-RateLimit-Remaining,X-RateLimit-Reset,RateLimit,RateLimit-Policy,Retry-After,Location,ETag"`
	CORSMaxAge         string  `envconfig:"CORS_MAX_AGE" default:"10m"`

	TrustedProxies string `envconfig:"TRUSTED_PROXIES"`
	AllowedHosts   string `envconfig:"ALLOWED_HOSTS"`
	HTTPSRedirect  string `envconfig:"HTTPS_REDIRECT" default:"false"`
	HSTSMaxAge     string `envconfig:"HSTS_MAX_AGE" default:"8760h"`

	Limits
	RateLimitMaxClients string `envconfig:"RATE_LIMIT_MAX_CLIENTS" default:"100000"`

	RedisURL        string `envconfig:"REDIS_URL"`
	RedisURLFile    string `envconfig:"REDIS_URL_FILE"`
	RedisPrefix     string `envconfig:"REDIS_PREFIX" default:"ratelimit:"`
	DatabaseURL     string `envconfig:"DATABASE_URL" default:"file:app.db"`
	DatabaseURLFile string `envconfig:"DATABASE_URL_FILE"`

	SessionSecret             string `envconfig:"SESSION_SECRET"`
	SessionSecretFile         string `envconfig:"SESSION_SECRET_FILE"`
	SessionSecretPrevious     string `envconfig:"SESSION_SECRET_PREVIOUS"`
	SessionSecretPreviousFile string `envconfig:"SESSION_SECRET_PREVIOUS_FILE"`
	SessionSameSite           string `envconfig:"SESSION_SAMESITE" default:"lax"`

	MaxBodyBytes     string `envconfig:"MAX_BODY_BYTES" default:"1048576"`
	MaxUploadBytes   string `envconfig:"MAX_UPLOAD_BYTES" default:"10485760"`
	MaxBufferedBytes string `envconfig:"MAX_BUFFERED_BYTES" default:"33554432"`
	IdleTimeout      string `envconfig:"IDLE_TIMEOUT" default:"120s"`

	LogLevel        string `envconfig:"LOG_LEVEL" default:"info"`
	LogFormat       string `envconfig:"LOG_FORMAT"`
	ShutdownDelay   string `envconfig:"SHUTDOWN_DELAY" default:"0s"`
	ShutdownTimeout string `envconfig:"SHUTDOWN_TIMEOUT" default:"15s"`
	MetricsAddr     string `envconfig:"METRICS_ADDR"`
}

// Settings is what the server runs with. Every value has passed the checks.
type Settings struct {
	Warnings []string // what is probably a mistake, but does not stop startup

	Production bool
	Host       string // "" listens on all interfaces
	Port       int    // 0 picks a free one

	Origins         *origin.Policy
	CORSCredentials bool
	CORSMethods     []string // {"*"}: any
	CORSHeaders     []string // {"*"}: any
	CORSExposed     []string
	CORSMaxAge      time.Duration

	TrustedProxies forwarded.Proxies
	AllowedHosts   origin.HostList
	HTTPSRedirect  bool
	HSTSMaxAge     time.Duration // 0: no header

	Limits              Limits
	RateLimitMaxClients int

	RedisURL    Secret // "": counters in this process
	RedisPrefix string // begins every key in Redis
	DatabaseURL Secret // file:… or postgres://…

	SessionSecret         Secret // "": generate one; in production never empty
	SessionSecretPrevious Secret // reads cookies, writes none; "": none
	SessionSameSite       http.SameSite

	MaxBodyBytes     int64
	MaxUploadBytes   int64
	MaxBufferedBytes int64 // of all JSON bodies that are being read
	IdleTimeout      time.Duration

	LogLevel        slog.Level
	LogJSON         bool
	ShutdownDelay   time.Duration
	ShutdownTimeout time.Duration
	MetricsAddr     string // "": off
}

// Error lists every mistake in the settings.
type Error struct{ mistakes []string }

// Error lists the mistakes, one on each line.
func (e *Error) Error() string {
	if len(e.mistakes) == 1 {
		return "1 setting is invalid:\n  " + e.mistakes[0]
	}
	return fmt.Sprintf("%d settings are invalid:\n  %s", len(e.mistakes), strings.Join(e.mistakes, "\n  "))
}

// WrongDatabase returns the error for a mistake in DATABASE_URL that shows only
// when the database is opened. The cause must not contain a password.
func WrongDatabase(cause error) error {
	return &Error{mistakes: []string{"DATABASE_URL cannot be used: " + cause.Error()}}
}

// Check lets the package that will open a URL check it.
type Check struct {
	Variable string             // DATABASE_URL or REDIS_URL
	URL      func(string) error // changes nothing; the error contains no password
}

// Load reads the environment, and from the file .env in the working directory what
// the environment does not set. A variable that is set to nothing but blanks
// counts as not set, except for ALLOWED_ORIGINS in the environment, where it means
// that no other origin may call. Of a URL without a Check, only the form is
// checked. The error is an *Error.
func Load(checks ...Check) (Settings, error) {
	const file = ".env"
	var mistakes mistakes
	fromFile, err := readFile(file)
	if err != nil {
		mistakes = append(mistakes, err.Error())
	}
	warnings := unknownNames(os.Environ(), fromFile, file)
	if err := fillEnvironment(fromFile, file); err != nil {
		mistakes = append(mistakes, err.Error())
	}
	var v variables
	envconfig.MustProcess("", &v) // cannot fail: every field is text
	settings := mistakes.parse(v, checks)
	if len(mistakes) > 0 {
		return Settings{}, &Error{mistakes: mistakes}
	}
	settings.Warnings = append(warnings, settings.Warnings...)
	return settings, nil
}

// Names lists the variables, in the order of the documentation.
func Names() []string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[variables]()) {
		if name := field.Tag.Get("envconfig"); name != "" { // embedded structs have none
			names = append(names, name)
		}
	}
	return names
}

// parse turns text into settings. It continues after a mistake; the settings
// must be used only if there is none.
func (m *mistakes) parse(v variables, checks []Check) Settings {
	production := v.AppEnv == "production"
	if !production && v.AppEnv != "development" {
		m.add("APP_ENV", v.AppEnv, "is unknown; write development or production")
	}
	credentials := m.boolean("CORS_ALLOW_CREDENTIALS", v.CORSCredentials)
	origins, originWarnings := m.origins(v.AllowedOrigins, v.AllowedOriginRegex, production, credentials)
	s := Settings{
		Production: production,
		Host:       m.host("HOST", v.Host, production),
		Port:       int(m.integer("PORT", v.Port, 0, 65535)),

		Origins:         origins,
		CORSCredentials: credentials,
		CORSMethods:     m.corsMethods("CORS_ALLOWED_METHODS", v.CORSMethods),
		CORSHeaders:     m.corsHeaders("CORS_ALLOWED_HEADERS", v.CORSHeaders),
		CORSExposed:     m.corsExposed("CORS_EXPOSED_HEADERS", v.CORSExposed, credentials),
		CORSMaxAge:      m.duration("CORS_MAX_AGE", v.CORSMaxAge, 24*time.Hour),

		TrustedProxies: m.trustedProxies("TRUSTED_PROXIES", v.TrustedProxies),
		AllowedHosts:   m.allowedHosts("ALLOWED_HOSTS", v.AllowedHosts, production),
		HTTPSRedirect:  m.boolean("HTTPS_REDIRECT", v.HTTPSRedirect),
		HSTSMaxAge:     m.duration("HSTS_MAX_AGE", v.HSTSMaxAge, maxDuration),

		Limits:              m.limits(v.Limits),
		RateLimitMaxClients: int(m.integer("RATE_LIMIT_MAX_CLIENTS", v.RateLimitMaxClients, 1, 1<<30)),

		RedisURL:              m.url("REDIS_URL", v.RedisURL, v.RedisURLFile, checks, "redis://", "rediss://", "unix://", "redis-sentinel://", "rediss-sentinel://"),
		RedisPrefix:           m.redisPrefix("REDIS_PREFIX", v.RedisPrefix),
		DatabaseURL:           m.url("DATABASE_URL", v.DatabaseURL, v.DatabaseURLFile, checks, "file:", "postgres://", "postgresql://"),
		SessionSecret:         m.sessionSecret("SESSION_SECRET", v.SessionSecret, v.SessionSecretFile, production),
		SessionSecretPrevious: m.sessionSecret("SESSION_SECRET_PREVIOUS", v.SessionSecretPrevious, v.SessionSecretPreviousFile, false),
		SessionSameSite:       m.sameSite("SESSION_SAMESITE", v.SessionSameSite),

		MaxBodyBytes:     m.integer("MAX_BODY_BYTES", v.MaxBodyBytes, 1, maxBytes),
		MaxUploadBytes:   m.integer("MAX_UPLOAD_BYTES", v.MaxUploadBytes, 1, maxBytes),
		MaxBufferedBytes: m.integer("MAX_BUFFERED_BYTES", v.MaxBufferedBytes, 1, maxBytes),
		IdleTimeout:      m.idleTimeout("IDLE_TIMEOUT", v.IdleTimeout),

		LogLevel:        m.logLevel("LOG_LEVEL", v.LogLevel),
		LogJSON:         m.logJSON("LOG_FORMAT", v.LogFormat, production),
		ShutdownDelay:   m.duration("SHUTDOWN_DELAY", v.ShutdownDelay, maxDuration),
		ShutdownTimeout: m.duration("SHUTDOWN_TIMEOUT", v.ShutdownTimeout, maxDuration),
		MetricsAddr:     m.listenAddress("METRICS_ADDR", v.MetricsAddr),
	}
	if s.HTTPSRedirect && v.AllowedHosts == "" {
		m.add("HTTPS_REDIRECT", v.HTTPSRedirect, "needs ALLOWED_HOSTS, because otherwise any Host that a client sends would become a redirect target; set ALLOWED_HOSTS to this API's names")
	}
	if origins.AllowsAny() && s.SessionSameSite == http.SameSiteNoneMode {
		m.add("SESSION_SAMESITE", v.SessionSameSite, "cannot be used with ALLOWED_ORIGINS=*: a page of any site could act with the user's session; write lax or strict, or list the origins")
	}
	if s.Port != 0 && strings.HasSuffix(s.MetricsAddr, fmt.Sprintf(":%d", s.Port)) {
		m.add("METRICS_ADDR", s.MetricsAddr, "has the port of the API (PORT); write an address with another port, which the public cannot reach")
	}
	for _, warning := range originWarnings {
		s.Warnings = append(s.Warnings, describe(warning.Setting, warning.Value, warning.Error()))
	}
	s.Warnings = append(s.Warnings, unlikely(s, v)...)
	return s
}

// unlikely warns about settings that are valid but rarely intended.
func unlikely(s Settings, v variables) []string {
	var warnings []string
	if !slices.Contains(s.CORSHeaders, "*") && !slices.ContainsFunc(s.CORSHeaders, func(h string) bool { return strings.EqualFold(h, "Content-Type") }) {
		warnings = append(warnings, describe("CORS_ALLOWED_HEADERS", v.CORSHeaders, "lacks Content-Type, so no page on another origin can send JSON; add it"))
	}
	if s.AllowedHosts.IsAny() { // only in production
		warnings = append(warnings, "ALLOWED_HOSTS is not set, so requests for any Host are served; set it to this API's names, such as api.example.com")
	}
	if s.MaxBufferedBytes < s.MaxBodyBytes {
		warnings = append(warnings, describe("MAX_BUFFERED_BYTES", v.MaxBufferedBytes, fmt.Sprintf("is less than MAX_BODY_BYTES (%d), so the largest bodies are always rejected; write at least that number", s.MaxBodyBytes)))
	}
	return warnings
}

// entries splits a comma-separated list and trims blanks around the entries.
func (m *mistakes) entries(name, list string) []string {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	var all []string
	for entry := range strings.SplitSeq(list, ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			all = append(all, entry)
		}
	}
	if len(all) <= strings.Count(list, ",") {
		m.add(name, list, "has an empty entry; remove the extra comma")
	}
	return all
}

// distinct drops repeated entries.
func distinct(list []string) []string {
	var kept []string
	for _, entry := range list {
		if !slices.Contains(kept, entry) {
			kept = append(kept, entry)
		}
	}
	return kept
}
