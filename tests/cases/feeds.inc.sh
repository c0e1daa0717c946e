# Sourced by the feeds-*.sh cases: a network of their own, the helpers of lib.sh, and an end that leaves nothing behind.
# A case exits 0 (HOLDS), 1 (FALLS SHORT) or 77 (CANNOT RUN). Run one at a time: CIPNODE=... bash feeds-NAME.sh
if [ -z "${CASE_INSIDE:-}" ] && unshare -n -m true 2>/dev/null; then
  CASE_INSIDE=1 exec unshare -n -m bash "$0" "$@"
fi
[ -n "${CASE_INSIDE:-}" ] && ip link set lo up
export TMPDIR=$(mktemp -d /tmp/cip-case-XXXXXX)
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh" || exit 77
: >"$T/err"
export CIPNODE_NO_LAN=1 CIPNODE_QUOTA=4G
umask 022

eval "_$(declare -f verdict)" # lib.sh's verdict, behind ours
verdict() {
  trap - EXIT
  for lock in $(find "$T" -maxdepth 5 -name lock 2>/dev/null); do
    p=$(head -1 "$lock" 2>/dev/null)
    [ -n "$p" ] && [ "$(readlink "/proc/$p/exe")" = "$BIN" ] && kill -9 "$p"
  done
  for p in "${PIDS[@]}"; do kill -CONT "$p" 2>/dev/null; kill -9 "$p" 2>/dev/null; done
  for m in $(awk -v t="$T/" 'index($2, t) == 1 {print $2}' /proc/mounts | sort -r); do umount -l "$m"; done
  rm -rf "$TMPDIR"
  _verdict "$@"
}
need_root() { [ "$(id -u)" = 0 ] && [ -n "${CASE_INSIDE:-}" ] || verdict 77 "needs root and namespaces"; }
cip() { "$BIN" "$@" 2>>"$T/talk"; } # cip ARGS...: stdout passes, talk is kept aside
tmpfs() { mkdir -p "$1" && mount -t tmpfs -o "$2" tmpfs "$1" || verdict 77 "no tmpfs here"; } # tmpfs DIR OPTIONS
feed() { cip --home "$1" --json feed create "${@:2}" >"$T/made" || verdict 77 "feed create fails"; KEY=$(field "$T/made" key) KEYHEX=$(field "$T/made" keyHex); } # feed HOME NAME [FLAGS]
length() { cip --home "$1" --json feed info "$2" | grep -o '"length":[0-9]*' | head -1 | cut -d: -f2; } # length HOME FEED
random() { head -c "$1" /dev/urandom; }
# serve HOME PORT FEEDS...: seeds them on a port of their own
serve() {
  "$BIN" --home "$1" --json feed seed "${@:3}" --listen "127.0.0.1:$2" >"$T/served.$2" 2>/dev/null &
  PIDS+=($!)
  disown
  for _ in $(seq 50); do grep -qs ready "$T/served.$2" && return; sleep 0.1; done
  verdict 77 "cannot serve"
}
node_of() { head -1 "$1/lock"; } # the pid of the node of a home
# within SECONDS COMMAND...: RC is 124 when it took longer; stdout and stderr in $T/out and $T/err
within() { timeout -k 1 "$1" "${@:2}" >"$T/out" 2>"$T/err" </dev/null; RC=$?; }
finish() { # finish TEXT: the verdict over all checks
  [ ${#BAD[@]} = 0 ] && verdict 0 "$1"
  verdict 1 "${BAD[*]}"
}
# shim: sets SHIM, a library that makes writes fail on demand
shim() { SHIM=$T/shim.so; cc -shared -fPIC -O1 -w -o "$SHIM" "$(dirname "${BASH_SOURCE[0]}")/shim.c" -ldl 2>/dev/null || verdict 77 "no C compiler"; }
