#!/bin/sh
# Prints the directory of PostgreSQL's server programs, or fails if they are missing.
# internal/processtest/postgres.go looks in the same places.
set -eu

directory=
for program in \
	"$(command -v postgres || true)" \
	/usr/local/opt/postgresql@*/bin/postgres \
	/opt/homebrew/opt/postgresql@*/bin/postgres \
	/usr/pgsql-*/bin/postgres \
	/usr/libexec/postgresql*/postgres \
	/usr/lib/postgresql/*/bin/postgres; do
	test ! -x "$program" || directory=${program%/*}
done
test -n "$directory" && echo "$directory"
