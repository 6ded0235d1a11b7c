package database

import "testing"

// libpq takes the directory of a socket as the host of a URL, percent-encoded.
func TestSocketAsHost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		url  string
		port uint16
	}{
		{"postgres://ada:pw@%2Frun%2Fpostgre%20sql/app", 5432},
		{"postgresql://ada:pw@%2frun%2fpostgre%20sql/app", 5432},
		{"postgres://ada:pw@%2Frun%2Fpostgre%20sql:5433/app?sslmode=disable", 5433},
		{"postgres://ada:pw@/app?host=/run/postgre%20sql", 5432},
	}
	for _, tt := range tests {
		config, err := parsePostgresURL(tt.url)
		if err != nil {
			t.Errorf("%s: %v", tt.url, err)
			continue
		}
		if config.Host != "/run/postgre sql" || config.Port != tt.port || config.User != "ada" || config.Password != "pw" || config.Database != "app" {
			t.Errorf("%s: host %q, port %d, user %q, database %q", tt.url, config.Host, config.Port, config.User, config.Database)
		}
	}
	for _, text := range []string{"postgres://ada:p%2@%2Frun/app", "postgres://ada@%2/app", "postgres://ada@%zz/app"} {
		if _, err := parsePostgresURL(text); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}
