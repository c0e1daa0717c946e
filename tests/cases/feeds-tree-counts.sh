#!/bin/bash
# The quota counts what is on the disk: 300,000 empty blocks are 20 MB of tree, and `status` says so within a factor of two of the database.
. "$(dirname "$0")/feeds.inc.sh"
limit 100
A=$T/a
feed "$A" log
yes '' | head -300000 | cip --home "$A" feed append log --lines >/dev/null
run --home "$A" --json status
OWN=$(grep -o '"own":[0-9]*' "$T/out" | cut -d: -f2)
cip --home "$A" stop >/dev/null
run --home "$A" --json feed ls
cip --home "$A" stop >/dev/null
DB=$(field <(cip --home "$A" --json paths) database)
DU=$(du -sb "$DB" | cut -f1)
check "300,000 empty blocks count as $OWN bytes; the database has $DU" test "$OWN" -ge $((DU / 2)) -a "$OWN" -ge 19000000
check "... and not more than it has" test "$OWN" -le $((DU * 3 / 2))
CIPNODE_QUOTA=10M run --home "$A" --json feed ls
echo more >"$T/in"
CIPNODE_QUOTA=10M timeout 20 "$BIN" --home "$A" feed append log --file "$T/in" >"$T/out" 2>"$T/err"
RC=$?
check "above the quota more is refused: exit $RC" is "$RC" 11
finish "$OWN bytes of $DU are accounted"
