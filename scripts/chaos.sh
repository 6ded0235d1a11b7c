#!/bin/sh
# Runs the tests that docs/reliability.md names, ROUNDS times each, with the race
# detector. `make test` runs each of them once. Then runs the simulation, if there
# is one, with SEEDS seeds.
#
#	make chaos [ROUNDS=10] [SEEDS=20000]
set -eu
cd "$(dirname "$0")/.."

# One line for each package: its directory and the names of its tests.
packages=$(grep -o '\[Test[A-Za-z0-9_]*\](\.\./[a-z0-9_/]*_test\.go)' docs/reliability.md |
	sed 's|^.\(Test[A-Za-z0-9_]*\)](\.\.\(.*\)/.*|.\2 \1|' | sort -u |
	awk '{ names[$1] = names[$1] "|" $2 } END { for (dir in names) print dir, substr(names[dir], 2) }' | sort)
status=0
while read -r dir names; do
	echo "== $dir: $names"
	go test -race -shuffle=on -count="${ROUNDS:-10}" -timeout 4h -run "^($names)\$" "$dir" </dev/null || status=1
done <<END
$packages
END
echo '== simulation'
SEEDS=${SEEDS:-20000} go test -count=1 -timeout 4h -run '^TestSimulation' . || status=1
exit $status
