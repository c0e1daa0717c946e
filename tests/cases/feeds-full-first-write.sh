#!/bin/bash
# A disk that is full, or nearly, when a home is made: exit 11, never an abort; with room the same command works.
. "$(dirname "$0")/feeds.inc.sh"
limit 100
need_root
for free in 0 16 64 128 200 300 450 600; do
  tmpfs "$T/small" size=8m
  dd if=/dev/zero of="$T/small/other" bs=1k count=$((8192 - free - 8)) >/dev/null 2>&1
  within 15 "$BIN" --home "$T/small/a" --json feed create log
  check "$free KiB free: feed create exits $RC ($(head -c 120 "$T/err"))" rc_in 0 11
  WAS=$RC
  within 15 "$BIN" --home "$T/small/a" --json --no-daemon feed append log --file /etc/hostname
  check "$free KiB free: append exits $RC" rc_in 0 3 11
  rm "$T/small/other"
  sleep 5
  [ "$WAS" = 0 ] || within 15 "$BIN" --home "$T/small/a" --json feed create log
  check "$free KiB free: made once there is room (exit $RC)" rc_in 0 3 11
  within 15 "$BIN" --home "$T/small/a" --json feed append log --file /etc/hostname
  check "$free KiB free: appended once there is room (exit $RC: $(head -c 120 "$T/err"))" is "$RC" 0
  cip --home "$T/small/a" stop >/dev/null
  umount -l "$T/small"
done
finish "a full disk at the first write is exit 11"
