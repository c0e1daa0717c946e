#!/bin/bash
# Messages that nobody holds any more: a late subscriber goes past them as soon as everybody was asked, says so, and comes to its end.
. "$(dirname "$0")/feeds.inc.sh"
limit 150
A=$T/a B=$T/b C=$T/c D=$T/d
cip --home "$A" join -d --listen 127.0.0.1:0 --no-lan >/dev/null
AT=$(cip --home "$A" --json status | grep -o '"udp":"[^"]*"' | cut -d'"' -f4)
seq 9 | cip --home "$A" publish --lines t >/dev/null
ALL="1 2 3 4 5 6 7 8 9 "
cip --home "$C" join -d --listen 127.0.0.1:0 --no-lan "$AT" >/dev/null
within 20 "$BIN" --home "$C" subscribe t --since start --count 9
check "another has all: exit $RC" is "$(tr '\n' ' ' <"$T/out")" "$ALL"
FEED=$(cip --home "$A" --json topic info t | grep -o '"feed":"[^"]*"' | cut -d'"' -f4)
cip --home "$A" feed clear "$FEED" --range 3..6 --yes >/dev/null || verdict 77 "feed clear fails"
REST="1 2 6 7 8 9 "
late() { # late TEXT HOME LIMIT_MS ARGS...
  local t=$(date +%s%N)
  within 30 "$BIN" --home "$2" subscribe t --since start "${@:4}"
  t=$((($(date +%s%N) - t) / 1000000))
  check "$1: exit $RC after $t ms" test "$RC" = 0 -a "$t" -lt "$3"
  check "$1: all that there is ($(tr '\n' ' ' <"$T/out"))" is "$(tr '\n' ' ' <"$T/out")" "$REST"
  check "$1: it says what is not" grep -q "messages 3 to 5 of .* are not here any more" "$T/err"
}
cip --home "$B" join -d --listen 127.0.0.1:0 --no-lan "$AT" >/dev/null
cip --home "$D" join -d --listen 127.0.0.1:0 --no-lan "$AT" >/dev/null
within 20 "$BIN" --home "$D" subscribe t --since start --until-synced
check "what one of the others has is not passed: exit $RC" is "$(tr '\n' ' ' <"$T/out")" "$ALL"
check "nothing is said to be missing: $(cat "$T/err")" test ! -s "$T/err"
cip --home "$D" stop >/dev/null
kill -9 "$(node_of "$C")"
late "with the last who had them killed" "$B" 16000 --until-synced
late "beside the author" "$B" 14000 --until-synced
late "the author itself" "$A" 14000 --until-synced
late "for a while" "$B" 14000 --count 6
within 20 "$BIN" --home "$B" --json subscribe t --since start --until-synced
check "as JSON: $(grep missing "$T/out")" grep -q '"event":"missing".*"from":3,"to":5' "$T/out"
cip --home "$A" stop >/dev/null
late "with the author gone" "$B" 14000 --until-synced
cip --home "$B" stop >/dev/null
late "alone, from cold" "$B" 14000 --until-synced
cip --home "$B" stop >/dev/null
finish "nothing waits for what cannot come"
