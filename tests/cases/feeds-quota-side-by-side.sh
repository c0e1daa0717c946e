#!/bin/bash
# The quota binds what arrives at the same time: of downloads that run side by side those are refused for which there is no room.
. "$(dirname "$0")/feeds.inc.sh"
limit 90
S=$T/s B=$T/b
KEYS=()
for i in 1 2 3 4; do
  feed "$S" "log$i"
  KEYS+=("$KEY")
  random 3000000 | cip --home "$S" feed append "log$i" --block-size 10000 >/dev/null
done
cip --home "$S" stop >/dev/null
serve "$S" 4001 log1 log2 log3 log4
CIPNODE_QUOTA=4M cip --home "$B" join -d --listen 127.0.0.1:0 >/dev/null
wait_for=()
for i in 0 1 2 3; do
  timeout 40 "$BIN" --home "$B" feed download "${KEYS[$i]}" --peer 127.0.0.1:4001 >/dev/null 2>"$T/err.$i" &
  wait_for+=($!)
done
done_count=0 full_count=0
for p in "${wait_for[@]}"; do
  wait "$p"
  RC=$?
  [ "$RC" = 0 ] && done_count=$((done_count + 1))
  [ "$RC" = 11 ] && full_count=$((full_count + 1))
done
cp "$T/err.0" "$T/err"
check "one fits: $done_count were done" is "$done_count" 1
check "the others are refused: $full_count were" is "$full_count" 3
sleep 2
kept=$(cip --home "$B" --json status | grep -o '"kept":[0-9]*' | cut -d: -f2)
check "kept is within the quota: $kept" test "$kept" -le 4200000
cip --home "$B" stop >/dev/null
finish "side by side as one after the other"
