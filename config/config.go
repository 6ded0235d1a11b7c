// Package config reads the settings from the environment, once, and refuses
// what cannot be meant. envconfig fetches the text; the types here parse it,
// so that all mistakes come out in one message. No other package reads the
// environment.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/joho/godotenv"
	"github.com/kelseyhightower/envconfig"

	"example.com/api/internal/forwarded"
	"example.com/api/internal/origin"
)

// variables is the environment's text. Defaults that depend on APP_ENV stand
// where the value is parsed; .env.example tells the meaning of each.
type variables struct {
	AppEnv string `envconfig:"APP_ENV" default:"development"`
	Host   string `envconfig:"HOST"`
	Port   string `envconfig:"PORT" default:"8080"`

	AllowedOrigins     *string `envconfig:"ALLOWED_ORIGINS"` // nil: not set, which "" is not
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

// Settings is what the server runs by. Every value has passed the checks.
type Settings struct {
	Warnings []string // what is likely a mistake, but does not stop the server

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

// Secret is text that must not appear in logs or messages. Reveal is the only
// way to the text; every way of printing shows a placeholder.
type Secret struct{ text string }

// Reveal returns the text.
func (s Secret) Reveal() string { return s.text }

// IsSet reports whether there is any text.
func (s Secret) IsSet() bool { return s.text != "" }

// Format keeps the text out of fmt and log/slog, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// Error is every mistake in the settings.
type Error struct{ mistakes []string }

// Error lists the mistakes, one a line.
func (e *Error) Error() string {
	if len(e.mistakes) == 1 {
		return "1 setting is wrong:\n  " + e.mistakes[0]
	}
	return fmt.Sprintf("%d settings are wrong:\n  %s", len(e.mistakes), strings.Join(e.mistakes, "\n  "))
}

// WrongDatabase is the mistake that only opening the database shows. The
// cause must not hold a password.
func WrongDatabase(cause error) error {
	return &Error{mistakes: []string{"DATABASE_URL cannot be used: " + cause.Error()}}
}

// Check is what the package that opens a URL has to say of it beforehand.
type Check struct {
	Variable string             // DATABASE_URL or REDIS_URL
	URL      func(string) error // changes nothing; the error holds no password
}

// Load reads the environment and the file .env in the working directory,
// which fills in what the environment leaves out. A variable set to nothing but
// blanks counts as left out, but for ALLOWED_ORIGINS, where it means nobody.
// Without a check of a URL only its form is looked at. The error is an *Error.
func Load(checks ...Check) (Settings, error) {
	var mistakes mistakes
	if err := fillEnvironment(".env"); err != nil {
		mistakes = append(mistakes, err.Error())
	}
	var v variables
	envconfig.MustProcess("", &v) // every field is text, which always fits
	settings := mistakes.parse(v, checks)
	if len(mistakes) > 0 {
		return Settings{}, &Error{mistakes: mistakes}
	}
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

// fillEnvironment takes from the file what the environment leaves out, and
// removes what is set to blanks, so that envconfig's defaults apply.
func fillEnvironment(file string) error {
	text, err := os.ReadFile(file)
	var fromFile map[string]string
	if err == nil {
		fromFile, err = godotenv.UnmarshalBytes(bytes.TrimPrefix(text, []byte("\uFEFF"))) // as editors on Windows begin
	}
	var unread *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	case errors.As(err, &unread):
		err = fmt.Errorf("%s cannot be read (%w): let the server's user read it, or remove it", file, unread.Err)
	case err != nil:
		// godotenv's error quotes the rest of the file: secrets.
		err = fmt.Errorf("%s cannot be parsed: write one NAME=value a line, quotes closed", file)
	default:
		for name := range fromFile {
			if words := strings.Fields(name); len(words) > 1 { // so godotenv takes a line without a =
				err = fmt.Errorf("%s has a line without = after its name%s: write NAME=value", file, known(words[0]))
			}
		}
	}
	// Of a variable and its _FILE, the environment's one wins over the file's.
	for _, name := range Names() {
		if base, ok := strings.CutSuffix(name, "_FILE"); ok && !isBlank(os.Getenv(base)) {
			delete(fromFile, name)
		}
	}
	for _, name := range Names() {
		value, set := os.LookupEnv(name)
		switch {
		case !isBlank(value) || set && name == "ALLOWED_ORIGINS":
		case !isBlank(fromFile[name]):
			os.Setenv(name, fromFile[name])
		default:
			os.Unsetenv(name)
		}
	}
	return err
}

// known is " (NAME)" for the name of a setting, and nothing for other text,
// which may be a secret.
func known(name string) string {
	if !slices.Contains(Names(), name) {
		return ""
	}
	return " (" + name + ")"
}

// isBlank is what counts as left out: a blank list of hosts would be none at all.
func isBlank(value string) bool { return strings.TrimSpace(value) == "" }

// parse turns text into settings. It goes on after a mistake; the settings
// are good only if none was made.
func (m *mistakes) parse(v variables, checks []Check) Settings {
	production := v.AppEnv == "production"
	if !production && v.AppEnv != "development" {
		m.add("APP_ENV", v.AppEnv, "is unknown; write development or production")
	}
	credentials := m.boolean("CORS_ALLOW_CREDENTIALS", v.CORSCredentials)
	origins, warnings := m.origins(v.AllowedOrigins, v.AllowedOriginRegex, production, credentials)
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
	for _, warning := range warnings {
		s.Warnings = append(s.Warnings, describe(warning.Setting, warning.Value, warning.Error()))
	}
	if s.HTTPSRedirect && v.AllowedHosts == "" {
		m.add("HTTPS_REDIRECT", v.HTTPSRedirect, "needs ALLOWED_HOSTS, else any Host that a client sends becomes a redirect target; set it to this API's names")
	}
	if s.MetricsAddr != "" && s.Port != 0 && strings.HasSuffix(s.MetricsAddr, fmt.Sprintf(":%d", s.Port)) {
		m.add("METRICS_ADDR", s.MetricsAddr, "is the port of the API (PORT); metrics need one that the public cannot reach")
	}
	return s
}

// entries splits a comma-separated list, blanks around entries trimmed.
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
		m.add(name, list, "has an empty entry; take out the comma that is too many")
	}
	return all
}

// distinct drops the entries that came before.
func distinct(list []string) []string {
	var kept []string
	for _, entry := range list {
		if !slices.Contains(kept, entry) {
			kept = append(kept, entry)
		}
	}
	return kept
}
