#!/bin/bash
# A topic drop that fails is not done: subscriptions go on, and what is published afterwards arrives.
. "$(dirname "$0")/feeds.inc.sh"
limit 60
shim
A=$T/a
export FAIL_FLAG=$T/flag
LD_PRELOAD=$SHIM cip --home "$A" join -d --listen 127.0.0.1:0 >/dev/null
cip --home "$A" publish t m0 >/dev/null
timeout 40 "$BIN" --home "$A" subscribe t >"$T/got" 2>"$T/told" &
SUBSCRIBER=$!
sleep 1
echo 5 >"$T/flag"
within 20 "$BIN" --home "$A" topic drop t --yes
rm "$T/flag"
check "the drop fails: exit $RC ($(head -1 "$T/err"))" is "$RC" 1
sleep 3
check "the subscription goes on ($(head -1 "$T/told"))" kill -0 "$SUBSCRIBER"
within 20 "$BIN" --home "$A" publish t m1
check "it is published to: exit $RC" is "$RC" 0
sleep 1
check "and the message arrives" grep -q m1 "$T/got"
within 20 "$BIN" --home "$A" topic drop t --yes
check "then it can be dropped: exit $RC ($(head -1 "$T/err"))" is "$RC" 0
wait "$SUBSCRIBER"
RC=$?
check "which ends the subscription: exit $RC" is "$RC" 3
check "with a reason" grep -q "was dropped" "$T/told"
cip --home "$A" stop >/dev/null
finish "a topic drop that fails"
