#!/bin/bash
# The quota binds what strangers write to a topic: a flood goes by, seeded and own feeds stay whole, other authors and own messages pass.
. "$(dirname "$0")/cli.inc.sh"
limit 150
A=$T/a B=$T/b C=$T/c
up "$C" --listen 127.0.0.1:0 --no-lan
AT=$(cip --home "$C" --json status | grep -o '"udp":"[^"]*"' | cut -d'"' -f4)
up "$B" "$AT" --listen 127.0.0.1:0 --no-lan
up "$A" "$AT" --listen 127.0.0.1:0 --no-lan --quota 12M
disk() { cip --home "$A" --json status | grep -o "\"$1\":[0-9]*" | head -1 | cut -d: -f2; }
cip --home "$C" feed create books >/dev/null
head -c 4000000 /dev/urandom | cip --home "$C" feed append books --block-size 64k >/dev/null
KEY=$(cip --home "$C" --json feed info books | grep -o '"key":"[^"]*"' | cut -d'"' -f4)
cip --home "$A" feed seed "$KEY" >/dev/null
seeded() { [ "$(cip --home "$A" --json feed info "$KEY" | grep -o '"contiguousLength":[0-9]*' | cut -d: -f2)" = 62 ]; }
until_true 30 seeded
check "the seeded feed is here" seeded
"$BIN" --home "$A" subscribe crowd >"$T/got" 2>/dev/null & PIDS+=($!); disown
entered() { cip --home "$A" topic ls | grep -q crowd; }
until_true 20 entered || verdict 77 "subscribe does not enter the topic"
publish_once "$B" crowd hello
hello() { grep -q hello "$T/got"; }
until_true 20 hello
check "the topic works" hello
head -c 500000 /dev/zero | tr '\0' x >"$T/mega"
for _ in $(seq 60); do cip --home "$B" publish crowd --file "$T/mega" >/dev/null; done
publish_once "$B" crowd after-the-flood
after() { grep -q after-the-flood "$T/got"; }
until_true 40 after
check "messages go on after a flood of 30 MB" after
within_quota() { [ $(($(disk own) + $(disk kept) + $(disk cache))) -le 12582912 ]; }
until_true 20 within_quota
check "all is within the quota: $(cip --home "$A" --json status | grep -o '"disk":[^}]*')" within_quota
check "the flood was given up, and it is said" grep -q topic_feed_given_up <(cip --home "$A" --json status)
check "the seeded feed is whole" seeded
publish_once "$C" crowd quiet
quiet() { grep -q quiet "$T/got"; }
until_true 20 quiet
check "another author is heard" quiet
run --home "$A" publish crowd mine
check "own messages are written: exit $RC" is "$RC" 0
finish "a flood in a topic stays within the quota"
