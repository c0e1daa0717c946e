#!/bin/bash
# TAB in bash offers names of the home that the line names, also when that is written with ~ or a variable, and within quotes that are open.
. "$(dirname "$0")/cli.inc.sh"
limit 50
mkdir -p "$T/bin" && ln -s "$BIN" "$T/bin/cipnode"
export PATH=$T/bin:$PATH X=$HOME/x
up "$HOME/x" --listen 127.0.0.1:0 --no-lan
for f in myfeed other; do cip --home "$HOME/x" feed create $f >/dev/null; done
source <("$BIN" completion bash)
offers() { # offers LINE WORD
  COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=($1 "") COMP_CWORD=1
  _cipnode
  [[ " ${COMPREPLY[*]} " == *" $2 "* ]]
}
for home in "$HOME/x" '~/x' '$HOME/x' '${X}' '"$X"' "'$HOME/x'"; do
  check "--home $home feed cat: a name" offers "cipnode --home $home feed cat my" myfeed
done
check "a name within quotes" offers "cipnode --home ~/x feed cat 'my" myfeed
check "help completes commands" offers "cipnode help fe" feed
check "... and those of groups" offers "cipnode help feed ap" append
check "files complete" offers "cipnode publish t --file $T/bi" "$T/bin"
cat >"$T/tab.py" <<'P2'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
def read(until, seconds=8):
    out, end = b"", time.monotonic() + seconds
    while time.monotonic() < end and until not in out:
        if select.select([fd], [], [], 0.1)[0]: out += os.read(fd, 4096)
    return out
os.write(fd, b"bind 'set enable-bracketed-paste off'; source <(cipnode completion bash); PS1=; echo re''ady\n")
read(b"ready\r\n")
os.write(fd, sys.argv[1].encode() + b"\t")
time.sleep(2)
os.write(fd, b"\n")
print(read(sys.argv[2].encode()).decode(errors="replace"))
os.write(fd, b"exit\n"); os.close(fd); os.waitpid(pid, 0)
P2
check "a real TAB behind ~" sh -c "python3 $T/tab.py 'cipnode --home ~/x feed info my' 'fork' | grep -q 'info myfeed'"
check "a real TAB within quotes" sh -c "python3 $T/tab.py \"cipnode --home ~/x feed info 'my\" 'fork' | grep -q \"info 'myfeed'\""
cip --home "$HOME/x" stop >/dev/null
finish "names come with ~, variables and quotes"
