"""Hosts behind NATs on one machine: network namespaces and nftables, nothing else. Needs root.

    with Lab("port", "sym", delay=10) as lab: subprocess.run([*lab.on("a"), "cipnode", ...])

     a 10.1.0.2 -- router --+
                            +-- internet 5.0.0.0/16 (bridge; with delay a switch in user space) -- pub1 5.0.10.1, pub2 5.0.11.1, pub3 5.0.12.1
     b 10.2.0.3 -- router --+       routers 5.0.1.1, 5.0.2.1; carriers 100.64.x.0/24

    open       no NAT: a public address, everybody gets in
    firewall   no NAT, answers only
    full       keeps the port, everybody gets in once it was used
    addr       keeps the port, addresses that it has sent to get in
    port       keeps the port, addresses and ports that it has sent to get in
    rst        the same, but strangers by TCP get a reset
    sym        another port for each destination, who was sent to gets in
    cgnat      port behind port
    cgnatsym   port behind sym

Every lab has names of its own (natlab and the process id), touches nothing outside its namespaces, and has no route out of
them. It ends with its process: at exit, by signal, or at the latest after `lifetime` seconds; what a killed one leaves
behind the next lab removes.
"""
import atexit
import ctypes
import fcntl
import heapq
import itertools
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

# One flat network plays the internet. The hosts lie in different /24s; addresses only look public.
PUBLIC = {"pub1": "5.0.10.1", "pub2": "5.0.11.1", "pub3": "5.0.12.1"}
SIDE = {"a": 1, "b": 2}
KINDS = ("open", "firewall", "full", "addr", "port", "rst", "sym", "cgnat", "cgnatsym")
V6 = "2a0f:5000"
_numbers = itertools.count()


def ip(*args, netns=None, check=True):
    subprocess.run(["ip", *(["-n", netns] if netns else []), *args], check=check, stdout=subprocess.DEVNULL,
                   stderr=None if check else subprocess.DEVNULL)


def set_offload(netns, device):
    """Frames that a user space switch passes on need their checksums, and must not be joined."""
    code = ("import ctypes,fcntl,socket,struct,sys\n"
            "s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n"
            "for c in (0x17,0x1f,0x24,0x2c):\n"
            " b=ctypes.create_string_buffer(struct.pack('II',c,0))\n"
            " try: fcntl.ioctl(s,0x8946,struct.pack('16sP8x',sys.argv[1].encode(),ctypes.addressof(b)))\n"
            " except OSError: pass\n")
    subprocess.run(["ip", "netns", "exec", netns, sys.executable, "-c", code, device], check=True)


def clean():
    """Removes what labs left behind whose process was killed outright."""
    for line in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.splitlines():
        name = line.split()[0]
        owner = name[6:].split("n")[0] if name.startswith("natlab") else ""
        if owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            for pid in subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split():
                os.kill(int(pid), signal.SIGKILL)
            ip("netns", "del", name, check=False)


# What the router does, by kind. `wan` and `lan` are its devices. `learn` remembers who sent from a port: the mapping
# is then independent of the destination, and `pass` decides who may use it from outside.
def rules(kind):
    learn = accept = ""
    source = "masquerade"
    refuse = "drop"
    if kind in ("full", "addr"):
        learn = "".join(f"""
    oifname "wan" update @{p}_host {{ {p} sport timeout 300s : ip saddr . {p} sport }}
    oifname "wan" update @{p}_may {{ {p} sport . ip daddr timeout 300s }}""" for p in ("tcp", "udp"))
        may = {"full": "", "addr": "{p} dport . ip saddr @{p}_may "}[kind]
        accept = "".join(f"""
    iifname "wan" {may.format(p=p)}dnat ip to {p} dport map @{p}_host""" for p in ("tcp", "udp"))
    elif kind == "sym":
        source = "masquerade fully-random"
    elif kind == "rst":
        refuse = "meta l4proto tcp reject with tcp reset"
    tables = "".join(f"""
  map {p}_host {{ type inet_service : ipv4_addr . inet_service; flags dynamic,timeout; }}
  set {p}_may {{ type inet_service . ipv4_addr; flags dynamic,timeout; }}""" for p in ("tcp", "udp"))
    # A prerouting chain must exist even when empty, and what is for the router itself must be dropped: accepted
    # datagrams of a peer would take the port number that the host's own connection is about to keep.
    return f"""
table ip nat {{{tables}
  chain before {{ type nat hook prerouting priority -100;{accept}
  }}
  chain after {{ type nat hook postrouting priority 100;{learn}
    oifname "wan" {source}
  }}
}}
table inet filter {{
  chain through {{ type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" accept
    ct status dnat accept
    meta l4proto ipv6-icmp accept
  }}
  chain self {{ type filter hook input priority 0; policy accept;
    ct state established,related accept
    iifname != "wan" accept
    meta l4proto {{ icmp, ipv6-icmp }} accept
    {refuse}
    drop
  }}
}}
"""


HOST_FIREWALL = """
table inet filter {
  chain self {
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
  }
}
"""


class Lab:
    """`a`, `b`: kinds. `same`: both behind one router of kind `a` (cgnat: homes of their own behind one carrier)."""

    def __init__(self, a="port", b="port", same=False, delay=0.0, v6=False, lifetime=600):
        if os.geteuid() != 0:
            raise SystemExit("network namespaces need root")
        for kind in (a, b):
            if kind not in KINDS:
                raise SystemExit(f"{kind}: not one of {', '.join(KINDS)}")
        self.kinds, self.same, self.delay, self.v6 = {"a": a, "b": a if same else b}, same, delay, v6
        self.prefix = f"natlab{os.getpid()}n{next(_numbers)}"
        self.names, self.ports, self.addresses = [], [], {}
        self.lifetime, self.down, self.stop = lifetime, False, threading.Event()

    # --- as a context

    def __enter__(self):
        atexit.register(self.close)
        threading.Thread(target=self._expire, daemon=True).start()
        clean()
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _expire(self):
        if not self.stop.wait(self.lifetime) and not self.down:
            print("natlab: lifetime is over", file=sys.stderr)
            self.close()
            os._exit(3)

    def close(self):
        if self.down:
            return
        self.down = True
        self.stop.set()
        for name in self.names:              # only processes inside our own namespaces
            pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()
            for pid in pids:
                if int(pid) != os.getpid():
                    try:
                        os.kill(int(pid), signal.SIGKILL)
                    except ProcessLookupError:
                        pass
        for name in self.names:
            ip("netns", "del", name, check=False)
        atexit.unregister(self.close)

    # --- what tests use

    def on(self, host):
        """The words in front of a command that runs it on this host: a, b, pub1, pub2, pub3."""
        return ["ip", "netns", "exec", self._name(host)]

    def address(self, host):
        return self.addresses[host]

    # --- building

    def _name(self, what):
        return f"{self.prefix}{what}"

    def _space(self, what):
        name = self._name(what)
        ip("netns", "add", name)
        self.names.append(name)
        ip("link", "set", "lo", "up", netns=name)
        subprocess.run(["ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"], stderr=subprocess.DEVNULL)
        return name

    def _bridge(self, space, device):
        ip("link", "add", device, "type", "bridge", "forward_delay", "0", netns=space)
        ip("link", "set", device, "up", netns=space)

    def _plug(self, space, device, into, bridge, address, bits, gateway=None):
        """A cable from `device` in `space` to `bridge` in the namespace `into` (or to the user space switch)."""
        port = f"p{len(self.ports)}"
        self.ports.append((into, port))
        ip("link", "add", device, "type", "veth", "peer", "name", port, "netns", into, netns=space)
        if bridge:
            ip("link", "set", port, "master", bridge, netns=into)
        ip("link", "set", port, "up", netns=into)
        ip("addr", "add", f"{address}/{bits}", "dev", device, netns=space)
        ip("link", "set", device, "up", netns=space)
        if gateway:
            ip("route", "add", "default", "via", gateway, netns=space)
        if self.delay:
            set_offload(space, device)
            set_offload(into, port)

    def _six(self, space, device, address, gateway=None):
        if self.v6:
            ip("-6", "addr", "add", f"{V6}:{address}/64", "dev", device, "nodad", netns=space)
            if gateway:
                ip("-6", "route", "add", "default", "via", f"{V6}:{gateway}", netns=space)

    def _router(self, name, kind, number, into, bridge, wan, bits, gateway=None):
        """A router with a bridge `lan` of its own, 10.NUMBER.0.0/24 or the shared range of carriers."""
        space = self._space(name)
        self._plug(space, "wan", into, bridge, wan, bits, gateway)
        self._bridge(space, "lan")
        inner = f"100.64.{number}.1" if name.startswith("carrier") else f"10.{number}.0.1"
        ip("addr", "add", f"{inner}/24", "dev", "lan", netns=space)
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            subprocess.run(["ip", "netns", "exec", space, "sysctl", "-qw", f"{key}=1"], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "netns", "exec", space, "nft", "-f", "-"], input=rules(kind).encode(), check=True)
        return space

    def _build(self):
        self.net = self._space("net")
        bridge = None if self.delay else "wan"
        if bridge:
            self._bridge(self.net, bridge)
        for name, address in PUBLIC.items():
            self._plug(self._space(name), "eth0", self.net, bridge, address, 16)
            self.addresses[name] = address
        self.outside, routers, carriers = {}, {}, {}
        for side, n in SIDE.items():
            kind, outside = self.kinds[side], f"5.0.{n}.1"
            first = SIDE["a"] if self.same else n
            self.outside[side] = f"5.0.{first}.1"
            host = self._space(side)
            if kind in ("open", "firewall"):
                self._plug(host, "eth0", self.net, bridge, outside, 16)
                self.outside[side] = self.addresses[side] = outside
                self._six(host, "eth0", f"ffff::{n}")
                if kind == "firewall":
                    subprocess.run([*self.on(side), "nft", "-f", "-"], input=HOST_FIREWALL.encode(), check=True)
                continue
            if kind.startswith("cgnat"):
                if first not in carriers:
                    carriers[first] = self._router(f"carrier{first}", "sym" if kind == "cgnatsym" else "port", first, self.net, bridge,
                                                   f"5.0.{first}.1", 16)
                routers[n] = self._router(f"home{n}", "port", n, carriers[first], "lan", f"100.64.{first}.{n + 1}", 24, f"100.64.{first}.1")
                home = n
            else:
                if first not in routers:
                    routers[first] = self._router(f"home{first}", kind, first, self.net, bridge, f"5.0.{first}.1", 16)
                    self._six(routers[first], "wan", f"ffff::{first}")
                    self._six(routers[first], "lan", f"{first}::1")
                home = first
            self.addresses[side] = f"10.{home}.0.{n + 1}"
            self._plug(host, "eth0", routers[home], "lan", self.addresses[side], 24, f"10.{home}.0.1")
            self._six(host, "eth0", f"{home}::{n + 1}", f"{home}::1")
        if self.v6:
            for i, name in enumerate(PUBLIC):
                self._six(self._name(name), "eth0", f"ffff::a{i}")
            for side, n in SIDE.items():     # everybody on the wan knows where the two networks are
                for space in [self._name(p) for p in PUBLIC] + [self._name(f"home{m}") for m in routers] + [self._name(s) for s in SIDE]:
                    ip("-6", "route", "add", f"{V6}:{n}::/64", "via", f"{V6}:ffff::{n}", netns=space, check=False)
        if self.delay:
            self._switch()

    def _switch(self):
        """The internet as a learning switch in user space: this kernel may have no netem."""
        ready = threading.Event()

        def work():
            fd = os.open(f"/run/netns/{self.net}", os.O_RDONLY)
            if ctypes.CDLL(None, use_errno=True).setns(fd, 0) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            os.close(fd)
            sockets = []
            for into, port in self.ports:
                if into == self.net:
                    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
                    s.bind((port, 3))
                    s.setblocking(False)
                    sockets.append(s)
            ready.set()
            where, queue, count, delay = {}, [], itertools.count(), self.delay / 1000
            while not self.down:
                wait = max(0.0, queue[0][0] - time.monotonic()) if queue else 0.2
                for s in select.select(sockets, [], [], wait)[0]:
                    try:
                        while True:
                            frame, origin = s.recvfrom(65535)
                            if origin[2] != 4:   # not what we sent ourselves
                                where[frame[6:12]] = s
                                heapq.heappush(queue, (time.monotonic() + delay, next(count), s, frame))
                    except OSError:
                        pass
                while queue and queue[0][0] <= time.monotonic():
                    _, _, source, frame = heapq.heappop(queue)
                    to = where.get(frame[:6])
                    for s in [to] if to else sockets:
                        if s is not source:
                            try:
                                s.send(frame)
                            except OSError:
                                pass
            for s in sockets:
                s.close()

        threading.Thread(target=work, daemon=True).start()
        if not ready.wait(5):
            raise RuntimeError("the switch did not start")
