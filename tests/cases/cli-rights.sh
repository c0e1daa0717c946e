#!/bin/bash
# What rights forbid is exit 7: a folder or a file system that may not be written, an identity that may not be read. A home
# that may be read tells its identity all the same.
. "$(dirname "$0")/cli.inc.sh"
limit 60
need_root
chmod 755 "$TMPDIR" "$T"
mkdir -m 777 "$T/open"
cp "$BIN" "$T/cipnode" && chmod 755 "$T/cipnode"
H=$T/open/h
as_user() { # as_user COMMAND...: of a uid without a name
  timeout -k 1 20 setpriv --reuid=54321 --regid=54321 --clear-groups env HOME=/nonexistent "$T/cipnode" --home "$H" --no-daemon "$@" >"$T/out" 2>"$T/err" </dev/null
  RC=$?
}
refused() { check "$1: exit $RC ($(head -1 "$T/err"))" is "$RC" 7; }
as_user id
KEY=$(cat "$T/out")
check "a home is made, exit $RC" is "$RC" 0

chmod 500 "$H"
as_user id
check "the identity of a folder that is read-only: exit $RC" is "$RC $(cat "$T/out")" "0 $KEY"
as_user feed ls
refused "feed ls in a folder that is read-only"
H=$H/new as_user id
refused "a home in a folder that is read-only"
chmod 700 "$H"

as_user feed ls
check "feed ls, exit $RC" is "$RC" 0
mount --bind "$H" "$H" && mount -o remount,bind,ro "$H" || verdict 77 "no read-only mount"
as_user id
check "the identity on a file system that is read-only: exit $RC" is "$RC $(cat "$T/out")" "0 $KEY"
as_user feed ls
refused "feed ls on a file system that is read-only"
umount "$H"

chmod 500 "$H/database"
as_user feed ls
refused "a database that may not be written"
chmod 700 "$H/database"
chmod 000 "$H/identity"
as_user id
refused "an identity that may not be read"
chmod 600 "$H/identity"

"$BIN" --home "$H" id >"$T/out" 2>"$T/err" </dev/null
RC=$?
refused "the home of somebody without a name"
check "the hint can be typed: $(tail -1 "$T/err")" grep -q "sudo -u '#54321' cipnode" "$T/err"
finish "what rights forbid is refused"
