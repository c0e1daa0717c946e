#!/bin/bash
# A writer that cuts or clears its feed while somebody downloads it is no liar: the download goes on with the new history, and is done at once.
. "$(dirname "$0")/feeds.inc.sh"
limit 90
A=$T/a S=$T/s
cip --home "$A" join -d --listen 127.0.0.1:4001 --public >/dev/null
cip --home "$S" join 127.0.0.1:4001 -d --listen 127.0.0.1:0 >/dev/null
random 30000000 >"$T/bytes"
MIDDLE=0
for i in 1 2 3 4 5; do
  feed "$A" "f$i"
  cip --home "$A" feed append "f$i" --file "$T/bytes" --block-size 3000 >/dev/null
  cip --home "$S" feed info "$KEY" >/dev/null
  timeout 40 "$BIN" --home "$S" --json feed download "$KEY" >"$T/got" 2>"$T/err" &
  DOWNLOAD=$!
  BEGIN=$(date +%s%N)
  sleep "0.0$((2 * i))"
  cip --home "$A" feed truncate "f$i" 5000 --yes >/dev/null
  wait "$DOWNLOAD"
  RC=$?
  TOOK=$((($(date +%s%N) - BEGIN) / 1000000))
  check "round $i ends with what there is ($(head -c 200 "$T/err"))" is "$RC" 0
  check "round $i at once: $TOOK ms" test "$TOOK" -lt 10000
  grep -q '"length":5000' "$T/got" && MIDDLE=$((MIDDLE + 1))
done
check "some were cut in the middle: $MIDDLE" test "$MIDDLE" -gt 0
cip --home "$S" stop >/dev/null
cip --home "$A" stop >/dev/null
finish "a cut during a download"
