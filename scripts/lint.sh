#!/bin/sh
# Runs every check that does not run the code, and lists at the end which of them
# failed. The tools are pinned in tools/; without Node.js or shellcheck, their
# checks are skipped, except in CI.
set -eu
cd "$(dirname "$0")/.."

failed=
check() {
	name=$1
	shift
	began=$(date +%s)
	"$@" || failed="$failed $name"
	printf '%4d s  %s\n' $(($(date +%s) - began)) "$name"
}

# skip PROGRAM REMEDY: reports that a program is missing.
skip() {
	echo "SKIP the checks of $1: $2"
	test -z "${CI:-}" || failed="$failed $1"
}

tool() { go tool -modfile=tools/go.mod "$@"; }

tidy() { go mod verify && go mod tidy -diff && go -C tools mod tidy -diff; }

tools() { go -C tools vet ./... && go -C tools test ./...; }

# The server and its tests also compile for the other systems that developers use.
other_systems() { go -C tools run ./othersystems ..; }

check go.mod tidy
check golangci-lint tool golangci-lint run ./...
check tools tools
check other-systems other_systems
check actionlint tool actionlint
if command -v shellcheck >/dev/null; then
	# shellcheck disable=SC2046 # one argument for each file
	check shellcheck shellcheck $(git ls-files '*.sh') .ci/run
else
	skip shellcheck 'install it'
fi
if command -v node >/dev/null; then
	check biome sh -c 'make -s tools/node_modules && tools/node_modules/.bin/biome ci --error-on-warnings'
else
	skip biome 'node is missing; install Node.js 20.19 or later'
fi

test -z "$failed" || {
	echo "lint: these checks failed:$failed" >&2
	exit 1
}
