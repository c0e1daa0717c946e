#!/bin/bash
# What a command did although its stdout could not be written is told: a node that `join --detach` started runs and has a pid, a change stands.
. "$(dirname "$0")/cli.inc.sh"
limit 50
detach() { "$BIN" --home "$T/a" "$@" join --listen 127.0.0.1:0 --no-lan --detach; } # detach GLOBAL FLAGS...
tells() { grep -q "the node runs, with pid $(head -1 "$T/a/lock" | grep -oE '[0-9]+' | head -1)" "$T/err" && grep -q "cipnode stop" "$T/err"; }
detach >/dev/full 2>"$T/err"
RC=$?
check "on a full disk: exit $RC, not 11" is "$RC" 11
check "... it says that the node runs, its pid, how to stop it" tells
RC=0
check "... and the node runs" cip --home "$T/a" status
"$BIN" --home "$T/a" feed create log >/dev/full 2>"$T/err"
RC=$?
check "feed create: exit $RC, not 11" is "$RC" 11
check "... it says that the feed stands" grep -q "stands" "$T/err"
RC=0
check "... and the feed is there" cip --home "$T/a" feed info log
cip --home "$T/a" stop >/dev/null
detach --json >&- 2>"$T/err"
RC=$?
check "stdout closed: exit $RC, not 1" is "$RC" 1
check "... it says so as JSON" json_lines "$T/err"
check "... with pid and what to do" tells
cip --home "$T/a" stop >/dev/null
finish "what was done is told on stderr when stdout takes nothing"
