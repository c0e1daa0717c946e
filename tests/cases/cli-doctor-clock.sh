#!/bin/bash
# A clock that is years off, either way, is no plausible one.
. "$(dirname "$0")/cli.inc.sh"
limit 60
clock_shim
YEAR=31557600
# clock NAME YEARS: what doctor says of the clock of a node that shows so many years more
clock() {
  SHIFT_S=$(($2 * YEAR)) LD_PRELOAD=$CLOCK within 20 "$BIN" --home "$T/$1" --json doctor
  grep '"check":"clock"' "$T/out" >"$T/clock"
  SHIFT_S=$(($2 * YEAR)) LD_PRELOAD=$CLOCK cip --home "$T/$1" stop >/dev/null
}
clock ahead 63
check "63 years ahead: $(cat "$T/clock")" grep -q 'years ahead' "$T/clock"
clock behind -20
check "20 years behind: $(cat "$T/clock")" grep -q 'years behind' "$T/clock"
clock right 0
check "no year off: $(cat "$T/clock")" grep -q 'plausible' "$T/clock"
finish "a clock that is years off is found"
