#!/bin/bash
# A peer whose places are all taken by idle strangers for a few seconds: `feed download --peer` tries it again until it has a place, and
# says so; where nothing listens it ends at once.
. "$(dirname "$0")/feeds.inc.sh"
limit 60
A=$T/a
(ulimit -n 64; cip --home "$A" --json feed create log >"$T/made"; random 1000000 | cip --home "$A" feed append log --block-size 64k >/dev/null)
KEY=$(field "$T/made" key)
PORT=$(cip --home "$A" --json status | grep -o '"tcp":"[^"]*"' | grep -o '[0-9]*"$' | tr -d '"')
python3 - "$PORT" <<'PY' &
import socket, sys, time
end, held = time.monotonic() + 4, []
while time.monotonic() < end:  # whoever is turned away tries again, so that no place stays free
    try: held.append(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1))
    except OSError: pass
    time.sleep(0.01)
PY
PIDS+=($!)
disown
sleep 1
within 20 "$BIN" --home "$T/b" --json feed download "$KEY" --peer "127.0.0.1:$PORT"
check "the download goes through once there is a place (exit $RC)" is "$RC" 0
check "... and says meanwhile what it waits for" grep -q 'tried again' "$T/err"
SECONDS=0
within 20 "$BIN" --home "$T/b" feed download "$KEY" --peer "127.0.0.1:$(free_port)"
check "a port where nothing listens is no place to wait for (exit $RC)" is "$RC" 4
check "... it ended after $SECONDS s" test "$SECONDS" -lt 3
finish "tried again until there was a place"
