#!/bin/bash
# After a failed write, whatever its reason, the same node writes again by itself once the disk lets it; meanwhile it reads on and says
# so, what failed is not there, and a kill afterwards loses nothing acknowledged.
. "$(dirname "$0")/feeds.inc.sh"
limit 150
shim
export FAIL_FLAG=$T/flag
for errno in 28 122 24 5 30; do # ENOSPC EDQUOT EMFILE EIO EROFS
  A=$T/a$errno
  LD_PRELOAD=$SHIM node "$A" --listen 127.0.0.1:0 || verdict 77 "no node"
  feed "$A" log
  echo first | cip --home "$A" feed append log --lines >/dev/null
  echo $errno >"$FAIL_FLAG"
  for i in 1 2 3; do
    within 15 "$BIN" --home "$A" --json feed append log --file /etc/hostname
    case $errno in 28 | 122) check "errno $errno: append $i is refused as full" is "$RC" 11 ;; 30) check "errno $errno: append $i is refused" is "$RC" 7 ;; *) check "errno $errno: append $i fails as such" is "$RC" 1 ;; esac
  done
  check "errno $errno: not called damage" test -z "$(grep -i corrupt "$T/err")"
  check "errno $errno: reading goes on" is "$(cip --home "$A" feed cat log)" first
  cip --home "$A" --json status >"$T/status"
  check "errno $errno: status says so ($(field "$T/status" database))" test "$(field "$T/status" database)" != ok
  check "errno $errno: and why" test -n "$(field "$T/status" databaseProblem)"
  rm "$FAIL_FLAG"
  T0=$SECONDS AGAIN=no
  while [ $((SECONDS - T0)) -lt 20 ]; do
    echo second | cip --home "$A" feed append log --lines >/dev/null && { AGAIN=yes; break; }
    sleep 0.3
  done
  check "errno $errno: written again without a restart ($((SECONDS - T0)) s)" is "$AGAIN" yes
  check "errno $errno: nothing of what failed is there" is "$(cip --home "$A" feed cat log)" firstsecond
  check "errno $errno: still the same process" kill -0 "$PID"
  cip --home "$A" --json status >"$T/status"
  check "errno $errno: status is content again" is "$(field "$T/status" database)" ok
  kill -9 "$PID"
  sleep 0.2
  check "errno $errno: all of it after a kill" is "$(cip --home "$A" feed cat log)" firstsecond
  cip --home "$A" stop >/dev/null
done
finish "five kinds of failed writes heal without a restart"
