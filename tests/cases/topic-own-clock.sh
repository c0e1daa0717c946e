#!/bin/bash
# Own messages that were written while the clock here was a day behind are recent once it is put right: at once, and after a restart.
. "$(dirname "$0")/feeds.inc.sh"
limit 60
shim
A=$T/a
export CLOCK_SHIFT_FILE=$T/shift
up() { LD_PRELOAD=$SHIM cip --home "$A" join -d --listen 127.0.0.1:0 --no-lan >/dev/null || verdict 77 "no node"; }
recent() { # recent TEXT EXPECTED...
  within 10 "$BIN" --home "$A" subscribe t --since 10m --until-synced
  check "$1: $(tr '\n' ' ' <"$T/out")" is "$(tr '\n' ' ' <"$T/out")" "${*:2} "
}
echo -86400 >"$T/shift"
up
cip --home "$A" publish t m0 >/dev/null
echo 0 >"$T/shift"
recent "recent while the node runs" m0
cip --home "$A" publish t m1 >/dev/null
cip --home "$A" stop >/dev/null
up
recent "recent after a restart" m0 m1
cip --home "$A" stop >/dev/null
# Set while no node runs.
echo -86400 >"$T/shift"
up
cip --home "$A" publish t m2 >/dev/null
cip --home "$A" stop >/dev/null
echo 0 >"$T/shift"
up
recent "recent when the clock was set between two nodes" m0 m1 m2
cip --home "$A" stop >/dev/null
finish "the clock here may be set: own messages keep their age"
