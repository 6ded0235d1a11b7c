#!/bin/sh
# Removes one defense of the server after another, and checks that the simulation
# notices. The source files do not change, because each change is made in an
# overlay. SEEDS sets how many seeds of each of the two simulations run.
set -eu
cd "$(dirname "$0")/.."
SEEDS=${SEEDS:-100}
export SEEDS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missed=0

# without NAME FILE SED-EXPRESSION
without() {
  sed "$3" "$2" >"$work/changed.go"
  if cmp -s "$2" "$work/changed.go"; then
    echo "$1: the expression changes nothing in $2" >&2
    exit 1
  fi
  printf '{"Replace": {"%s/%s": "%s/changed.go"}}' "$PWD" "$2" "$work" >"$work/overlay.json"
  if go test -count=1 -overlay "$work/overlay.json" -run '^TestSimulation' . >"$work/output" 2>&1; then
    echo "$1: NOT FOUND in $SEEDS seeds"
    missed=1
  elif ! grep -q -- '--- FAIL: TestSimulation[A-Za-z]*/' "$work/output"; then
    cat "$work/output"
    exit 1
  else
    echo "$1: found by $(grep -c -- '--- FAIL: TestSimulation[A-Za-z]*/' "$work/output") seeds, first by $(
      sed -n 's/^.*--- FAIL: \(TestSimulation[A-Za-z]*\/[0-9]*\).*/\1/p' "$work/output" | sort -t / -k 2n | head -n 1)"
    grep -A 1 -- '--- FAIL: TestSimulation[A-Za-z]*/' "$work/output" | sed -n '2s/^ *\([a-z_]*.go:[0-9]*: \)*/  /p' | cut -c 1-200
  fi
}

without 'the budget for bodies' middleware/body_limit.go 's/if more > 0 \&\& b/if more < 0 \&\& b/'
without 'dropping connections to a server that takes no writes' internal/database/postgres.go 's/return c.PgConn().CustomData()\[generation\] != .*/return false/'
without 'reading what is left of a body' internal/requestbody/requestbody.go '/io.CopyN(io.Discard/d'
without 'the buffer of the log' internal/logwriter/logwriter.go 's/w.pending = append(w.pending, line...)/w.out.Write(line)/'
without 'eviction by network' internal/ratelimit/key.go "s/if key\[i\] == '.' .*/if false {/"
without 'eviction of what was looked at' internal/ratelimit/shard.go 's/victim = s.merge(first, now)/_ = first; victim = s.merge(*head, now)/'
without 'the outcome of a commit' internal/database/postgres.go 's/ \&\& !errors.Is(err, pgconn.ErrConnClosed)$//'
without 'the watch on an idle database' internal/database/health.go '/^\t*db.watch(ctx)$/d'
without 'the sliding window' internal/ratelimit/window.go 's/if now-w.start < w.length {/if now-w.start < 10*w.length {/'
without 'the denial of origins' middleware/cors.go 's/case len(lines) == 1 \&\& m.options.Origins.Allows(lines\[0\]):/case len(lines) == 1 \&\& lines[0] != "null":/'
without 'the defense against forged X-Forwarded-For' internal/forwarded/forwarded.go 's/range slices.Backward(lines) {/range slices.Clone(lines) {/'
without 'the check of what Redis replies' internal/ratelimit/redis_script.go 's/return reply{}, errReply/return reply{granted: true}, nil/'
without 'the counter that new clients share' internal/ratelimit/memory.go '/) incrementOwn(/,/^}/s/if i == none {/if false {/'
without 'the rule that weak ETags never match' handlers/items.go 's/if !weak {/if weak || !weak {/'
without 'the last item of a page in its cursor' internal/items/store.go 's/encodeCursor(seqs\[limit-1\])/encodeCursor(seqs[0])/'
without 'the 404 for other spellings of an ID' handlers/items.go 's/if err != nil || id.String() != c.Param("id") {/if err != nil {/'
exit $missed
