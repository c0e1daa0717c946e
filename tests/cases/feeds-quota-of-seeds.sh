#!/bin/bash
# The quota binds what a node fetches by itself: feeds that it seeds are fetched as far as there is room, however fast they come, also after a restart.
. "$(dirname "$0")/feeds.inc.sh"
limit 90
S=$T/s B=$T/b
SEEDS=()
for i in 1 2 3 4; do
  feed "$S" "log$i"
  SEEDS+=(--seed "$KEY")
  random 3000000 | cip --home "$S" feed append "log$i" --block-size 10000 >/dev/null
done
cip --home "$S" stop >/dev/null
"$BIN" --home "$S" join -d --listen 127.0.0.1:4001 --public >/dev/null 2>&1 || verdict 77 "cannot serve"
kept() { cip --home "$B" --json status | grep -o '"kept":[0-9]*' | cut -d: -f2; }
join() { cip --home "$B" join 127.0.0.1:4001 -d --listen 127.0.0.1:0 --quota 4M "$@" >/dev/null; }
join "${SEEDS[@]}"
for _ in $(seq 40); do
  [ "$(kept)" -ge 4000000 ] && break
  sleep 0.5
done
sleep 2
KEPT=$(kept)
check "the room is used: $KEPT" test "$KEPT" -ge 4000000
check "kept is within the quota: $KEPT" test "$KEPT" -le 4194304
cip --home "$B" stop >/dev/null
join
sleep 3
KEPT=$(kept)
check "and after a restart: $KEPT" test "$KEPT" -le 4194304
within 20 "$BIN" --home "$B" health
check "health says that it is full ($(grep -m1 quota "$T/out"))" is "$RC" 11
cip --home "$B" stop >/dev/null
cip --home "$S" stop >/dev/null
finish "seeds stay within the quota"
