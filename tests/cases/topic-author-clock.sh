#!/bin/bash
# Another machine's clock decides nothing: messages of authors a minute behind and an hour ahead are new when they are, recent when they are, and never repeated.
. "$(dirname "$0")/cli.inc.sh"
limit 100
clock_shim
A=$T/a
up "$A" --listen 127.0.0.1:0 --no-lan
AT=$(cip --home "$A" --json status | grep -o '"udp":"[^"]*"' | cut -d'"' -f4)
for shift in -60 3600; do
  B=$T/b$shift TOPIC=t$shift
  SHIFT_S=$shift LD_PRELOAD=$CLOCK up "$B" "$AT" --listen 127.0.0.1:0 --no-lan
  "$BIN" --home "$A" subscribe "$TOPIC" >"$T/live" 2>/dev/null & SUB=$!
  PIDS+=($SUB); disown
  entered() { cip --home "$A" topic ls | grep -qe "$TOPIC"; }
  until_true 10 entered
  sleep 3
  SHIFT_S=$shift LD_PRELOAD=$CLOCK publish_once "$B" "$TOPIC" first
  got() { [ "$(cat "$T/live")" = first ]; }
  until_true 15 got
  RC=$?
  check "an author $shift s off: its first message is shown live" is "$RC" 0
  kill "$SUB"
  # A home that meets the topic only now has all of it as history.
  C=$T/c$shift
  up "$C" "$AT" --listen 127.0.0.1:0 --no-lan
  timeout 20 "$BIN" --home "$C" subscribe "$TOPIC" --since 60s --until-synced >"$T/recent" 2>/dev/null
  check "... and is one of the last 60 s: $(tr '\n' ' ' <"$T/recent")" is "$(cat "$T/recent")" first
  for n in 1 2; do
    timeout 20 "$BIN" --home "$C" subscribe "$TOPIC" --idle 4s >"$T/again" 2>/dev/null
    check "... and is not repeated by start $n: $(cat "$T/again")" test ! -s "$T/again"
  done
  # What was learnt here and when is still known after a restart, the author gone.
  cip --home "$B" stop >/dev/null
  cip --home "$C" stop >/dev/null
  up "$C" "$AT" --listen 127.0.0.1:0 --no-lan
  timeout 20 "$BIN" --home "$C" subscribe "$TOPIC" --since 10m --until-synced >"$T/recent" 2>/dev/null
  check "... and one of the last 10 min after a restart" is "$(cat "$T/recent")" first
done
finish "the clock here and what was learnt decide"
