#!/bin/sh
# Runs targets of the Makefile one after another, and prints how long each took.
# It stops at the first one that fails.
set -eu
cd "$(dirname "$0")/.."

times=
for part; do
	echo "== $part"
	began=$(date +%s)
	status=0
	make --no-print-directory "$part" || status=$?
	seconds=$(($(date +%s) - began))
	times="$times$(printf '%4d:%02d  %s' $((seconds / 60)) $((seconds % 60)) "$part")
"
	if [ "$status" -ne 0 ]; then
		printf '%s         %s failed\n' "$times" "$part" >&2
		exit "$status"
	fi
done
printf '%s' "$times"
