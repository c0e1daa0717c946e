#!/bin/bash
# What a command says of the network, of another home and of a missing folder is what is so.
. "$(dirname "$0")/feeds.inc.sh"
limit 60
A=$T/a B=$T/b
cip --home "$B" join -d --listen 127.0.0.1:0 >/dev/null
P=$(cip --home "$B" --json status | grep -o '"udp":"[^"]*"' | head -1 | cut -d'"' -f4)
cip --home "$A" join "$P" -d --listen 127.0.0.1:0 >/dev/null
run -v --home "$A" put value
check "-v says what the DHT was asked: $ERR" grep -q "walk to" "$T/err"
cip --home "$A" stop >/dev/null
cip --home "$B" stop >/dev/null
run --home "$A" put value
check "put names the contact of the earlier run: exit $RC, $ERR" grep -q "$P" "$T/err"
run --home "$A" doctor
check "doctor does not deny it" sh -c "! grep -q 'no other node is known' '$T/out'"
run --home "$A" health
check "health is not well: exit $RC" is "$RC" 4
cip --home "$A" stop >/dev/null
mkdir "$T/gone"
cd "$T/gone"
rmdir "$T/gone"
run --home relative feed ls
check "a folder that is gone: exit $RC, $ERR" is "$RC" 2
cd /
finish "what is said is so"
