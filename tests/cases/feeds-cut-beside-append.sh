#!/bin/bash
# An append and a cut of one feed side by side: one comes after the other, neither is refused. What is refused for want of room says how much of
# the input went in.
. "$(dirname "$0")/feeds.inc.sh"
limit 80
A=$T/a
feed "$A" log
seq 100 | cip --home "$A" feed append log --lines >/dev/null
for i in $(seq 15); do
  echo more | "$BIN" --home "$A" feed append log --lines >/dev/null 2>"$T/err.append" &
  p=$!
  run --home "$A" feed truncate log $((90 - i)) --yes
  check "cut $i: exit $RC" is "$RC" 0
  wait "$p"
  RC=$?
  cp "$T/err.append" "$T/err"
  check "append $i beside it: exit $RC" is "$RC" 0
done
run --home "$A" feed verify log
check "the feed verifies: exit $RC" is "$RC" 0
cip --home "$A" stop >/dev/null
B=$T/b
CIPNODE_QUOTA=1M cip --home "$B" join -d --listen 127.0.0.1:0 >/dev/null
feed "$B" small
random 3000000 >"$T/bytes"
run --home "$B" --json feed append small --file "$T/bytes" --block-size 10000
check "above the quota: exit $RC" is "$RC" 11
check "the words say how much went in: $ERR" grep -q "before that $(length "$B" small) block" "$T/err"
check "and so does the result: $OUT" is "$(field "$T/out" appended)" "$(length "$B" small)"
check "the feed is within the quota" test "$(length "$B" small)" -le 100
cip --home "$B" stop >/dev/null
finish "one after the other, and what went in is said"
