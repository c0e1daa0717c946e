#!/bin/bash
# The share of topics in the quota is used up by what durable subscribers keep: every running subscription hears that nothing more is
# stored, and hears when it goes on.
. "$(dirname "$0")/feeds.inc.sh"
limit 120
A=$T/a B=$T/b
cip --home "$B" join -d --listen 127.0.0.1:0 --no-lan >/dev/null
AT=$(cip --home "$B" --json status | grep -o '"udp":"[^"]*"' | cut -d'"' -f4)
CIPNODE_QUOTA=12M cip --home "$A" join -d --listen 127.0.0.1:0 --no-lan "$AT" >/dev/null
cip --home "$B" publish big hello >/dev/null
cip --home "$B" publish t hello >/dev/null
"$BIN" --home "$A" subscribe big --durable keep --since start >"$T/big" 2>/dev/null & PIDS+=($!)
"$BIN" --home "$A" subscribe t >"$T/got" 2>"$T/told" & PIDS+=($!)
"$BIN" --home "$A" --json subscribe t >/dev/null 2>"$T/told.json" & PIDS+=($!)
disown -a
wait_for() { for _ in $(seq "$1"); do "${@:2}" >/dev/null 2>&1 && return; sleep 0.5; done; return 1; }
wait_for 40 grep -q hello "$T/big" || verdict 77 "the topic does not work"
check "nothing is said while there is room" test ! -s "$T/told"
random 500000 >"$T/m"
for _ in $(seq 16); do cip --home "$B" publish big --file "$T/m" >/dev/null; done
check "a running subscription hears that there is no room" wait_for 60 grep -q "no room for more messages of others to t" "$T/told"
check "as JSON: $(head -1 "$T/told.json")" wait_for 4 grep -q '^{"notice":"there is no room' "$T/told.json"
timeout 3 "$BIN" --home "$A" subscribe t --idle 1s >/dev/null 2>"$T/later"
check "one that begins now hears it too" grep -q "no room for more messages" "$T/later"
cip --home "$B" publish t waits >/dev/null
sleep 2
check "what is written meanwhile waits" test ! -s "$T/got"
cip --home "$A" topic drop big >/dev/null
check "it hears that it goes on" wait_for 40 grep -q "there is room for messages of others to t again" "$T/told"
check "and gets what waited: $(cat "$T/got")" wait_for 40 grep -q waits "$T/got"
check "each is said once: $(grep -c . "$T/told")" is "$(grep -c "room for" "$T/told")" 2
for home in "$A" "$B"; do cip --home "$home" stop >/dev/null; done
finish "a subscription says when its topic stops for want of room, and when it goes on"
