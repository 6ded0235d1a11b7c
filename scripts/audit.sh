#!/bin/sh
# Looks for known vulnerabilities in the npm packages. Packages that browsers load
# may have none. Development tools may have none that is high or critical.
# SECURITY.md says what to do about a finding.
set -eu
cd "$(dirname "$0")/.."

failed=
audit() { # audit DIRECTORY OPTION...
	directory=$1
	shift
	echo "== npm audit $* ($directory)"
	(cd "$directory" && npm audit --package-lock-only "$@") || failed="$failed $directory"
}

audit frontend-dev --omit=dev
audit internal/openapi --omit=dev
for directory in internal/openapi frontend-dev e2e tools; do
	audit "$directory" --audit-level=high
done

test -z "$failed" || {
	echo "npm audit: these packages need an update:$failed" >&2
	exit 1
}
