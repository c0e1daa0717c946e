#!/bin/bash
# Whatever is missing of a home that had a database is exit 13 at every start; no file of the database is changed by it, and put back all
# is there again. A crash while the home is made never leads to it.
. "$(dirname "$0")/feeds.inc.sh"
limit 150
A=$T/a
feed "$A" log
seq 1 50 | cip --home "$A" feed append log --lines >/dev/null
cip --home "$A" stop >/dev/null
sums() { (cd "$1" && find database -type f -exec sha256sum {} + 2>/dev/null | sort -k2); }
# damage NAME COMMANDS: run inside a copy of the home
damage() {
  rm -rf "$T/b"
  cp -a "$A" "$T/b"
  (cd "$T/b" && eval "$2")
  local before=$(sums "$T/b") start
  for start in 1 2 3; do
    run --home "$T/b" --json feed ls
    check "$1, start $start: exit 13" is "$RC" 13
    check "$1: the way out is named" grep -q 'salvage\|backup' "$T/err"
  done
  check "$1: untouched" is "$(sums "$T/b")" "$before"
  check "$1: a command that would make something is refused" test "$("$BIN" --home "$T/b" feed create other >/dev/null 2>&1; echo $?)" = 13
}
damage "no folder" 'rm -r database'
damage "an empty folder" 'rm database/*'
damage "no CURRENT" 'rm database/CURRENT'
damage "an empty CURRENT" ': >database/CURRENT'
damage "CURRENT names another manifest" 'echo MANIFEST-099999 >database/CURRENT'
damage "no manifest" 'rm database/MANIFEST-*'
damage "an empty manifest" 'for f in database/MANIFEST-*; do : >$f; done'
damage "half a manifest" 'for f in database/MANIFEST-*; do truncate -s $(($(stat -c %s $f) / 2)) $f; done'
damage "no log" 'rm database/*.log'
damage "an empty log" 'for f in database/*.log; do : >$f; done'
damage "a cut log" 'for f in database/*.log; do truncate -s -1 $f; done'
damage "no identity" 'rm identity'
damage "an empty identity" ': >identity'
rm -rf "$T/b"
cp -a "$A" "$T/b"
run --home "$T/b" feed cat log
check "the copy itself is whole" is "$OUT" "$(seq 1 50 | tr -d '\n')"
cip --home "$T/b" stop >/dev/null
rm -f "$T/b/database.inventory"
run --home "$T/b" feed cat log
check "a home of an earlier version, without inventory, opens" is "$OUT" "$(seq 1 50 | tr -d '\n')"
for i in $(seq 12); do # killed while it is made
  timeout -s KILL 0.0$((i * 2 + 10)) "$BIN" --home "$T/c$i" --no-daemon feed ls >/dev/null 2>&1
  run --home "$T/c$i" --no-daemon feed ls
  check "killed after 0.0$((i * 2 + 10)) s: opens (exit $RC: $(head -c 160 "$T/err"))" is "$RC" 0
done
finish "what is missing is damage at every start, and is not touched"
