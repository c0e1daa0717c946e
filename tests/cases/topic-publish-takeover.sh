#!/bin/bash
# `publish --lines` goes on at the node that `join` begins: every line is published once, in order, one that was half read too.
. "$(dirname "$0")/cli.inc.sh"
limit 90
A=$T/a
trap '' PIPE
mkfifo "$T/in"
"$BIN" --home "$A" publish --lines t <"$T/in" >"$T/published" 2>"$T/told" & P=$!
PIDS+=($P)
exec 7>"$T/in"
echo one >&7
running() { cip --home "$A" subscribe t --since start --until-synced | grep -qx one; }
until_true 20 running || verdict 77 "the first line is not published"
printf 'tw' >&7
sleep 0.5
t=$(ms)
within 30 "$BIN" --home "$A" join -d --listen 127.0.0.1:0 --no-lan
t=$(($(ms) - t))
check "join takes over in $t ms, exit $RC" test "$RC" = 0 -a $t -lt 5000
echo o >&7
echo three >&7
exec 7>&-
ended $P 20
check "publish ends with $RC ($(head -1 "$T/told"))" is "$RC" 0
check "it tells of all lines: $(cat "$T/published")" grep -q "published 3 messages" "$T/published"
within 20 "$BIN" --home "$A" subscribe t --since start --until-synced
check "all are there once: $(tr '\n' ' ' <"$T/out")" is "$(tr '\n' ' ' <"$T/out")" "one two three "
cip --home "$A" stop >/dev/null

# A stream of lines that does not pause.
B=$T/b
{ for i in $(seq 8); do seq $((i * 2500 - 2499)) $((i * 2500)); sleep 0.3; done; } |
  "$BIN" --home "$B" publish --lines t >"$T/published" 2>"$T/told" & P=$!
PIDS+=($P)
sleep 1.2
within 30 "$BIN" --home "$B" join -d --listen 127.0.0.1:0 --no-lan
check "join takes over from it, exit $RC" is "$RC" 0
ended $P 30
check "publish ends with $RC ($(head -1 "$T/told"))" is "$RC" 0
within 30 "$BIN" --home "$B" subscribe t --since start --until-synced
check "20,000 lines are there once, in order: $(wc -l <"$T/out")" cmp "$T/out" <(seq 20000)
cip --home "$B" stop >/dev/null
finish "lines go on at the new node"
