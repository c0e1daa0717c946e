#!/bin/bash
# What is not the node's stays as it is: files and sockets of other programs under the names of a home, and the
# files of a home under the name of a copy.
. "$(dirname "$0")/feeds.inc.sh"
limit 90
# keep FILE, then same FILE: it is byte for byte as it was
keep() { cp "$1" "$T/kept"; }
same() { cmp -s "$1" "$T/kept"; }
# foreign NAME TEXT: a folder with such a file in it is no place for a node
foreign() {
  local d=$T/d
  rm -rf "$d" && mkdir -p "$(dirname "$d/$1")" && printf "$2" >"$d/$1" && keep "$d/$1"
  run --home "$d" feed ls
  check "feed ls beside a foreign $1: refused" is "$RC" 7
  check "the $1 is named" grep -qF "$d/${1%/*}" "$T/err"
  check "the $1 is as it was" same "$d/$1"
  run --home "$d" join --detach --listen 127.0.0.1:0
  check "join --detach beside a foreign $1: refused" is "$RC" 7
  check "the $1 is as it was after join" same "$d/$1"
  check "nothing else is in the folder of $1" is "$(find "$d" -type f | wc -l)" 1
}
foreign control.sock 'precious\n'
foreign node.log 'a log of others\n'
foreign node.log.1 'an older log of others\n'
foreign lock '4711\n'
foreign lock '4711'
foreign lock '4711\nmysqld\nhost\n'
foreign database 'one file\n'
foreign database.reserve 'kept\n'
foreign database.spare/1 ''
foreign database.mark ''

# listener SOCKET: a program of somebody else that accepts there
listener() {
  python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8)
while True: s.accept()[0].close()' "$1" &
  PIDS+=($!)
  LISTENER=$!
  disown
  for _ in $(seq 50); do [ -S "$1" ] && return; sleep 0.1; done
  verdict 77 "no listener"
}
alive() { [ -S "$1" ] && python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$1"; }
mkdir "$T/s" && listener "$T/s/control.sock"
run --home "$T/s" feed ls
check "a socket of others, no home: refused" is "$RC" 7
check "that socket is still there" alive "$T/s/control.sock"

H=$T/h1
run --home "$H" id
check "a home is made" is "$RC" 0
echo precious >"$H/control.sock" && keep "$H/control.sock"
run --home "$H" feed ls
check "a file in place of the socket of a home: refused" is "$RC" 7
check "it is named" grep -qF "$H/control.sock" "$T/err"
check "that file is as it was" same "$H/control.sock"
rm "$H/control.sock"
listener "$H/control.sock"
run --home "$H" feed ls
check "a live socket of others in a home: busy" is "$RC" 9
check "the socket of others still works" alive "$H/control.sock"
kill -9 "$LISTENER"
sleep 0.2
run --home "$H" feed ls
check "a stale socket is replaced" is "$RC" 0
check "a node has it now" alive "$H/control.sock"
rm "$H/control.sock"
listener "$H/control.sock"
kill -TERM "$(node_of "$H")"
for _ in $(seq 100); do [ -s "$H/lock" ] || break; sleep 0.1; done
check "a node that ends leaves the socket of another program" alive "$H/control.sock"
kill -9 "$LISTENER"

# Of several commands at once in a new home, none takes what another has just made for foreign.
for i in 1 2 3 4; do
  "$BIN" --home "$T/many" feed ls >/dev/null 2>"$T/many.$i" </dev/null &
  many[$i]=$!
done
for i in 1 2 3 4; do
  wait "${many[$i]}"
  RC=$?
  check "command $i of four at once: $(head -1 "$T/many.$i")" is "$RC" 0
done

feed "$T/e" log
cip --home "$T/e" stop >/dev/null
for name in identity lock control.sock config.toml node.log database/CURRENT database/new database.inventory; do
  [ -e "$T/e/$name" ] && keep "$T/e/$name" || rm -f "$T/kept"
  run --home "$T/e" id export "$T/e/$name" --yes
  check "id export over the home's $name: usage" is "$RC" 2
  if [ -e "$T/kept" ]; then
    check "the home's $name is as it was" same "$T/e/$name"
  else
    check "no $name was made" [ ! -e "$T/e/$name" ]
  fi
done
ln -s e "$T/link"
cp "$T/e/identity" "$T/kept"
(cd "$T/e/database" && run --home "$T/link" id export ../identity --yes && exit "$RC")
check "by another way to the same file" same "$T/e/identity"
run --home "$T/e" id export "$T/e/backup"
check "another name in the home is free" is "$RC" 0
finish "files of others and of the home are left alone"
