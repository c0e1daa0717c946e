#!/bin/bash
# A clock that was set back keeps nobody from putting: the number of a value is beyond the last one, which the node knows or asks for.
. "$(dirname "$0")/cli.inc.sh"
limit 60
clock_shim
A=$T/a B=$T/b
up "$A" --listen 127.0.0.1:0 --no-lan
AT=$(cip --home "$A" --json status | grep -o '"udp":"[^"]*"' | cut -d'"' -f4)
up "$B" "$AT" --listen 127.0.0.1:0 --no-lan
run --home "$B" --json put --key status one
KEY=$(field "$T/out" key)
cip --home "$B" stop >/dev/null
# Two days back, and with a home that forgot what it put.
export SHIFT_S=-172800 LD_PRELOAD=$CLOCK
up "$B" "$AT" --listen 127.0.0.1:0 --no-lan
run --home "$B" --json put --key status two
check "put with a clock set back: exit $RC" is "$RC" 0
cip --home "$B" stop >/dev/null
C=$T/c
mkdir -m 700 "$C" && cp -p "$(cip --home "$B" --json paths | grep -o '"identity":"[^"]*"' | cut -d'"' -f4)" "$C/" # the same keys, and no memory
up "$C" "$AT" --listen 127.0.0.1:0 --no-lan
run --home "$C" --json put --key status three
check "... and with nothing known at home: exit $RC" is "$RC" 0
unset SHIFT_S LD_PRELOAD
run --home "$A" get "$KEY"
check "the last value counts: $OUT" is "$OUT" three
run --home "$C" put --key status --seq 5 four
check "a number of the user is the user's: exit $RC" is "$RC" 12
finish "puts go through whatever the clock shows"
