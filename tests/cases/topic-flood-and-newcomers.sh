#!/bin/bash
# Messages of several authors beyond the share of topics, while members come: what is given up for want of room must not end the node.
. "$(dirname "$0")/feeds.inc.sh"
limit 110
R=$T/r
CIPNODE_QUOTA=2M cip --home "$R" join -d --listen 127.0.0.1:0 >/dev/null
cip --home "$R" topic create t >/dev/null
P=$(cip --home "$R" --json status | grep -o '"udp":"[^"]*"' | head -1 | cut -d'"' -f4)
random 130000 >"$T/m"
for i in 1 2 3 4 5; do cip --home "$T/p$i" join -d --listen 127.0.0.1:0 "$P" >/dev/null; done
for round in $(seq 12); do
  wait_for=()
  for i in 1 2 3 4 5; do
    "$BIN" --home "$T/p$i" publish t --file "$T/m" >/dev/null 2>&1 &
    wait_for+=($!)
  done
  wait "${wait_for[@]}"
done
cip --home "$T/late" join -d --listen 127.0.0.1:0 "$P" >/dev/null
cip --home "$T/late" topic create t >/dev/null
sleep 2
run --home "$R" --json status
check "the node is there: exit $RC" is "$RC" 0
check "it knows the peer that came last" test "$(field "$T/out" peers)" -ge 1
for i in 1 2 3 4 5; do cip --home "$T/p$i" stop >/dev/null; done
cip --home "$T/late" stop >/dev/null
cip --home "$R" stop >/dev/null
finish "the flood goes by and the node stays up"
