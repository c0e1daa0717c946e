#!/bin/bash
# What can be read of a damaged home is saved into a new one: feeds that verify, own ones with their keys; the damaged home is only read.
. "$(dirname "$0")/feeds.inc.sh"
limit 150
A=$T/a
feed "$A" small
SMALL=$KEY
seq 1 200 | cip --home "$A" feed append small --lines >/dev/null
feed "$A" large
LARGE=$KEY
random 30000000 >"$T/bytes"
cip --home "$A" feed append large --file "$T/bytes" --block-size 64k >/dev/null
cip --home "$A" topic create news >/dev/null
cip --home "$A" stop >/dev/null
cip --home "$A" --json feed ls >/dev/null && cip --home "$A" stop >/dev/null # writes out the log
seq 201 300 | cip --home "$A" feed append small --lines >/dev/null
run --home "$A" --json salvage "$T/none"
check "a home in use is refused: exit $RC" is "$RC" 9
cip --home "$A" stop >/dev/null
ID=$(cip --home "$A" id)
sums() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2); }
# rescue NAME COMMANDS: damages a copy of the home, salvages it into $T/n
rescue() { # exit 0, or the third argument
  rm -rf "$T/b" "$T/n"
  cp -a "$A" "$T/b"
  (cd "$T/b" && eval "$2")
  local before=$(sums "$T/b")
  run --home "$T/b" --json salvage "$T/n"
  check "$1: exit $RC ($(head -c 200 "$T/err"))" is "$RC" "${3:-0}"
  cp "$T/out" "$T/told"
  check "$1: one object per line" json_lines "$T/told"
  check "$1: only read" is "$(sums "$T/b")" "$before"
  check "$1: the identity" is "$(cip --home "$T/n" id)" "$ID"
  check "$1: nothing is left over" test ! -e "$T/n/salvage"
}
whole_small() { is "$(cip --home "$T/n" feed cat small)" "$(seq 1 300 | tr -d '\n')"; }
whole_large() { cip --home "$T/n" feed cat large | cmp - "$T/bytes"; }
verified() { "$BIN" --home "$T/n" feed verify "$1"; }
for what in "no CURRENT|rm database/CURRENT" "no manifest|rm database/MANIFEST-*" "an empty manifest|for f in database/MANIFEST-*; do : >\$f; done" "nothing is damaged|:"; do
  rescue "${what%%|*}" "${what#*|}"
  check "${what%%|*}: the small feed is whole" whole_small
  check "${what%%|*}: the large feed is whole" whole_large
  check "${what%%|*}: it verifies" verified large
  check "${what%%|*}: it is written on ($(echo more | cip --home "$T/n" --json feed append small --lines))" is "$(length "$T/n" small)" 301
  check "${what%%|*}: the topic" grep -q news <<<"$(cip --home "$T/n" topic ls)"
  cip --home "$T/n" stop >/dev/null
done
rescue "no logs" 'rm database/*.log' 13
check "no logs: says that they are gone" grep -q "of the database .* gone" "$T/err"
check "no logs: what was written out before" verified small
check "no logs: the large feed" whole_large
cip --home "$T/n" stop >/dev/null
rescue "a lost blob file" 'rm "$(ls -S database/*.blob | head -1)"'
check "a lost blob file: the small feed is whole" whole_small
check "a lost blob file: the large one verifies with what is left" verified large
check "a lost blob file: says how much is lost" grep -q '"lost":[1-9]' "$T/told"
cip --home "$T/n" stop >/dev/null
rescue "a lost table" 'rm "$(ls database/*.sst | head -1)"' 13
check "a lost table: names it" grep -q '"lostFiles":\["0[0-9]*.sst"\]' "$T/told"
rescue "a damaged log" 'for f in database/*.log; do [ -s $f ] && printf xxxx | dd of=$f bs=1 seek=40 conv=notrunc 2>/dev/null; done; true' 13
rescue "an empty database" 'rm database/*' 13
check "an empty database: says so" grep -q "nothing is left" "$T/err"
run --home "$T/b" salvage "$T/n"
check "a folder that holds something is refused: exit $RC" is "$RC" 2
run --home "$T/nothing" salvage "$T/n2"
check "nothing there: exit $RC" is "$RC" 3
finish "what verifies is salvaged"
