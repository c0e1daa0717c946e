#!/bin/bash
# Every exit code that a command gives is on its --help page: topic dropped, node stopped, socket gone, database damaged, home of another.
. "$(dirname "$0")/cli.inc.sh"
limit 80
H=$T/a
listed() { "$BIN" $1 --help | sed -n '/^Exit codes/,$p' | grep -qE "^  $2 "; } # listed COMMAND CODE
gives() { # gives WHAT COMMAND WANTED: RC is what it gave
  check "$1: exit $RC, not $3" is "$RC" "$3"
  check "$2 --help lists $3" listed "$2" "$3"
}
up "$H" --listen 127.0.0.1:0 --no-lan
cip --home "$H" feed create log >/dev/null
echo x | cip --home "$H" feed append log >/dev/null
"$BIN" --home "$H" -q subscribe t 2>"$T/err" & S=$!
until_true 5 grep -q '"topic":"t"' <(cip --home "$H" topic ls --json) || sleep 1
cip --home "$H" topic drop t --yes >/dev/null
ended $S 5
gives "topic dropped" subscribe 3
"$BIN" --home "$H" -q subscribe t 2>"$T/err" & S=$!
"$BIN" --home "$H" -q feed follow log >/dev/null 2>"$T/err" & F=$!
"$BIN" --home "$H" -q feed seed log --listen 127.0.0.1:0 >"$T/seed" 2>"$T/seed.err" & D=$!
until_true 10 grep -q 127.0.0.1 "$T/seed"
sleep 0.5
cip --home "$H" stop >/dev/null
ended $S 5
gives "node stopped" subscribe 8
ended $F 5
gives "node stopped" "feed follow" 8
ended $D 5
gives "node stopped" "feed seed" 8
check "feed seed --listen confirms nothing when its node stops" sh -c "! grep -q confirmed $T/seed.err"
up "$H" --listen 127.0.0.1:0 --no-lan
N=$(head -1 "$H/lock" | grep -oE '[0-9]+' | head -1)
rm "$H/control.sock"
MAX=20 run --home "$H" status
gives "socket deleted" status 9
kill "$N"
until_true 10 bash -c "! kill -0 $N"
rm "$H/database/CURRENT"
run --home "$H" --json feed ls
gives "database damaged" "feed ls" 13
mkdir -p "$T/foreign" && echo "not ours" >"$T/foreign/lock"
run --home "$T/foreign" id
gives "folder of another program" id 7
finish "what happens is on the help pages"
