#!/bin/bash
# A disk may run out of files before it runs out of bytes: what makes room works then as well, and nothing that was written is lost.
. "$(dirname "$0")/feeds.inc.sh"
limit 90
need_root
tmpfs "$T/small" size=120m,nr_inodes=400
A=$T/small/a
random 8000000 >"$T/bytes"
for n in one two; do
  feed "$A" $n
  cip --home "$A" feed append $n --file "$T/bytes" --block-size 64k >/dev/null || verdict 77 "a feed of 8 MB does not fit"
done
cip --home "$A" stop >/dev/null
mkdir "$T/small/other"
for i in $(seq 400); do : >"$T/small/other/$i" || break; done 2>/dev/null
check "no file is left" is "$(df --output=iavail "$T/small" | tail -1 | tr -d ' ')" 0
within 20 "$BIN" --home "$A" feed ls
check "feeds are listed ($(head -1 "$T/err"))" is "$RC" 0
within 20 "$BIN" --home "$A" feed clear two --range 0..60 --yes
check "feed clear ($(head -1 "$T/err"))" is "$RC" 0
within 20 "$BIN" --home "$A" feed drop one --yes
check "feed drop ($(head -1 "$T/err"))" is "$RC" 0
rm -r "$T/small/other"
sleep 5
within 20 "$BIN" --home "$A" feed append two --file "$T/bytes" --block-size 64k
check "with files there is room again ($(head -1 "$T/err"))" is "$RC" 0
within 20 "$BIN" --home "$A" feed verify two
check "the other feed is whole ($(head -1 "$T/err"))" is "$RC" 0
cip --home "$A" stop >/dev/null
finish "a disk without files"
