#!/bin/sh
# Runs targets of the Makefile one after another, and prints how long each took.
# It stops at the first one that fails. As go test does with packages, it does not
# repeat the tests of the page, those in browsers or those of the template if they
# passed with the same inputs, except in CI. To repeat them, call their targets.
set -eu
cd "$(dirname "$0")/.."

# inputs PART: prints a hash of everything that a part depends on, or nothing for a
# part that always runs. The file at the end changes with every Debian package.
inputs() {
	command -v npm >/dev/null || return 0
	tests=
	case ${CI:+CI}$1 in
	test-template) tests=-tests ;;
	esac
	case ${CI:+CI}$1 in
	test-page | test-browsers | test-template)
		make -s frontend-dev/node_modules e2e/node_modules >&2 || return 0
		go -C tools run ./inputs $tests .. go node npm "${CHROMIUM:-/usr/bin/chromium}" "${FIREFOX:-/usr/bin/firefox-esr}" \
			"${CADDY:-caddy}" redis-server curl python3 xvfb-run /var/lib/dpkg/status || true
		;;
	esac
}

times=
for part; do
	echo "== $part"
	began=$(date +%s)
	status=0
	cached=
	inputs=$(inputs "$part")
	passed=bin/passed-$part
	if [ -n "$inputs" ] && [ "$inputs" = "$(cat "$passed" 2>/dev/null)" ]; then
		cached=' (cached)'
		echo "It passed, and nothing that it depends on has changed. make $part repeats it."
	else
		rm -f "$passed"
		make --no-print-directory "$part" || status=$?
		[ -z "$inputs" ] || [ "$status" -ne 0 ] || { mkdir -p bin && echo "$inputs" >"$passed"; }
	fi
	seconds=$(($(date +%s) - began))
	times="$times$(printf '%4d:%02d  %s' $((seconds / 60)) $((seconds % 60)) "$part$cached")
"
	if [ "$status" -ne 0 ]; then
		printf '%s         %s failed\n' "$times" "$part" >&2
		exit "$status"
	fi
done
printf '%s' "$times"
