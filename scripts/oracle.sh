#!/bin/sh
# Runs seeded cases in Chromium and Firefox, and compares internal/fetch with what
# they did:
#
#	make oracle [CASES=2000] [SEED=20261127] [THIRD_PARTY_COOKIES=allow|block]
#	make oracle SEED=20261127 ONLY=17
#
# The default seed is the date, so that each day has new cases. ONLY replays one
# case.
set -eu
cd "$(dirname "$0")/.."

# In CI nothing may be missing.
skip() {
	echo "SKIP oracle: $1"
	test -z "${CI:-}"
	exit
}
command -v node >/dev/null || skip 'node is missing; install Node.js 20.19 or later'
test -x "${CHROMIUM:=/usr/bin/chromium}" ||
	skip "$CHROMIUM is missing; apt-get install chromium, or set CHROMIUM to its path"
test -x "${FIREFOX:=/usr/bin/firefox-esr}" ||
	skip "$FIREFOX is missing; apt-get install firefox-esr, or set FIREFOX to its path"
export CHROMIUM FIREFOX

seed=${SEED:-$(date -u +%Y%m%d)}
if [ -n "${ONLY:-}" ]; then
	echo "oracle: seed $seed, case $ONLY"
	set -- --only "$ONLY"
else
	echo "oracle: seed $seed, ${CASES:=2000} cases"
	set -- --cases "$CASES"
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
trap 'exit 1' INT TERM
(cd e2e && npm ci --silent --no-audit --no-fund)
node e2e/oracle/observe.mjs --seed "$seed" "$@" --third-party-cookies "${THIRD_PARTY_COOKIES:-allow}" --out "$out"
CORS_OBSERVATIONS=$out go test ./internal/fetch -run Observations -count=1 -v
