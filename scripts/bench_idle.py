"""The idle part of scripts/bench: what a node costs while nobody asks it for anything, with no feeds and with a hundred to
serve, beside a stock peer that does the same in the same network of stock nodes over the same seconds.

All of it runs on a loopback of its own, where each node that is measured has an address of its own: nftables counts what
goes there and comes from there, headers of IP included, whatever the program itself counts. Needs root."""
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench_common import BINARY, INTEROP, Line, cpu_seconds, memory_mib, row, run_json

NETWORK_NODES = 50
FEEDS, BLOCKS, BLOCK_BYTES = 100, 10, 1_000
# A young node announces its key again after 10, 20, 40 and 80 s, then every 5 minutes; feeds after 10 s and so on up to 320 s,
# then every 10 to 12 minutes, and a stock peer does that too. One whole such period is measured, and it begins after youth.
KEY_YOUTH, KEY_PERIOD = 160, 300
FEED_YOUTH, FEED_PERIOD = 640, 660
OURS, STOCK = "127.0.0.2", "127.0.0.3"
STOCK_SEED = "77" * 32
LIFETIME = 7_200  # of a stock process that nobody ends


def z32(key):
    """32 bytes as cipnode prints them."""
    number = int.from_bytes(key, "big") << 4
    return "".join("ybndrfg8ejkmcpqxot1uwisza345h769"[number >> 5 * (51 - i) & 31] for i in range(52))


def key_of(node):
    ready = node.event("ready")
    return bytes.fromhex(ready.get("keyHex") or ready["key"])


class Loopback:
    """A network namespace with nothing in it but a loopback, and counters for the two addresses that are measured."""

    def __init__(self):
        if os.geteuid() != 0:
            sys.exit("bench: idle counts datagrams in a network namespace of its own, which needs root")
        self.name = f"cipbench{os.getpid()}"
        self.place = ["ip", "netns", "exec", self.name]

    def __enter__(self):
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        subprocess.run(["ip", "-n", self.name, "link", "set", "lo", "up"], check=True)
        counters, rules = "", ""
        for address in (OURS, STOCK):
            name = address.rsplit(".", 1)[1]
            counters += f"counter in{name} {{}}\ncounter out{name} {{}}\n"
            rules += f"ip saddr {address} counter name out{name}\nip daddr {address} counter name in{name}\n"
        table = f"table ip idle {{\n{counters}chain sent {{ type filter hook output priority 0;\n{rules}}}\n}}\n"
        subprocess.run([*self.place, "nft", "-f", "-"], input=table.encode(), check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "del", self.name], check=True)

    def moved(self, address):
        listed = subprocess.run([*self.place, "nft", "-j", "list", "counters"], check=True, stdout=subprocess.PIPE).stdout
        counters = {entry["counter"]["name"]: entry["counter"] for entry in json.loads(listed)["nftables"] if "counter" in entry}
        name = address.rsplit(".", 1)[1]
        return {f"{way}{what}": counters[f"{way}{name}"][what] for way in ("in", "out") for what in ("bytes", "packets")}


class Scene:
    """The network of stock nodes with an observer in it, and what was started beside them; all ended with it."""

    def __init__(self, loopback, folder, nodes=NETWORK_NODES):
        self.loopback, self.folder, self.nodes = loopback, Path(folder), nodes
        self.ends = contextlib.ExitStack()

    def __enter__(self):
        self.bootstrap = self.stock("testnet", "--nodes", self.nodes, alone=True).event("ready")["bootstrap"][0]
        return self

    def __exit__(self, *_):
        self.ends.close()

    def line(self, command):
        line = Line([*self.loopback.place, *command])
        self.ends.callback(lambda: line.process.poll() is None and line.stop())
        return line

    def stock(self, command, *args, alone=False):
        contact = [] if alone else ["--bootstrap", self.bootstrap]
        return self.line(["node", INTEROP / "swarm-peer.mjs", command, *args, *contact, "--no-stdin", "--timeout", LIFETIME])

    def join(self, home, address, *flags):
        return self.line([BINARY, "--home", home, "--json", "join", self.bootstrap, "--listen", f"{address}:0", "--no-lan", *flags])

    def until_found(self, *wanted):
        """Waits until somebody else finds (target, key) for all of `wanted` in the DHT."""
        home = self.folder / "observer"
        observer = self.join(home, "127.0.0.1", "--ephemeral")
        observer.event("ready")
        left = list(wanted)
        while left:
            left = [(target, key) for target, key in left if z32(key) not in self.keys_at(home, target)]
            time.sleep(0.2)
        observer.stop()

    @staticmethod
    def keys_at(home, target):
        done = subprocess.run([str(BINARY), "--home", str(home), "--json", "lookup", target], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return [json.loads(line)["key"] for line in done.stdout.splitlines()]


class Usage:
    """What a process used from the making of this object to measure()."""

    def __init__(self, loopback, line, address):
        self.loopback, self.pid, self.address = loopback, line.process.pid, address
        self.begun, self.before = time.monotonic(), self.look()

    def look(self):
        wakes = sum(int(text.split("\nvoluntary_ctxt_switches:")[1].split()[0])
                    for text in (task.read_text() for task in Path(f"/proc/{self.pid}/task").glob("*/status")))
        written = int(Path(f"/proc/{self.pid}/io").read_text().split("\nwrite_bytes:")[1].split()[0])
        return {"cpu": 100 * cpu_seconds(self.pid), "wakes": wakes, "written": written, **self.loopback.moved(self.address)}

    def measure(self):
        seconds = time.monotonic() - self.begun
        return {**{what: (n - self.before[what]) / seconds for what, n in self.look().items()}, **memory_mib(self.pid)}


FIGURES = [("Pss", "PSS", "MiB"), ("Rss", "RSS", "MiB"), ("cpu", "of a core", "%"), ("wakes", "wake-ups", "/s"),
           ("outbytes", "sent", "B/s"), ("inbytes", "received", "B/s"), ("outpackets", "packets sent", "/s"),
           ("inpackets", "packets received", "/s"), ("written", "written to disk", "B/s")]


def measured(what, loopback, nodes, seconds, wanted):
    """`nodes`: the stock process and ours."""
    usages = [Usage(loopback, node, address) for node, address in zip(nodes, (STOCK, OURS))]
    time.sleep(seconds)
    stock, ours = (usage.measure() for usage in usages)
    for key, name, unit in FIGURES:
        yield row(f"{what}, {name}", unit, "lower", [stock[key]], [ours[key]], wanted.get(key, ""))


def idle(loopback, folder, youth, seconds):
    with Scene(loopback, folder) as scene:
        ours, stock = scene.join(scene.folder / "idle", OURS), scene.stock("serve", "--seed", STOCK_SEED, "--host", STOCK)
        keys = [key_of(ours), key_of(stock)]
        scene.until_found(*[(hashlib.blake2b(key, digest_size=32).hexdigest(), key) for key in keys])
        time.sleep(youth)
        yield from measured(f"idle among {NETWORK_NODES} stock nodes", loopback, (stock, ours), seconds, {"Pss": "32"})


def make_feeds(folder):
    home, targets = folder / "serves", []
    base = [BINARY, "--json", "--home", home, "--no-daemon", "feed"]
    data = folder / "data"
    data.write_bytes(os.urandom(BLOCKS * BLOCK_BYTES))
    for i in range(FEEDS):
        targets.append(run_json(*base, "create", f"feed{i}")[-1]["discoveryKey"])
        with data.open("rb") as file:
            run_json(*base, "append", f"feed{i}", "--block-size", BLOCK_BYTES, stdin=file)
    return home, targets


def make_stock_feeds(loopback, folder):
    """In a network of its own: what it announces there nobody finds in the other."""
    flags = ["--cores", FEEDS, "--blocks", BLOCKS, "--size", BLOCK_BYTES, "--key-seed", STOCK_SEED, "--seed", STOCK_SEED,
             "--storage", folder / "stock", "--host", STOCK]
    with Scene(loopback, folder, nodes=3) as scene:
        made = scene.stock("seed", *flags).event("ready")
    return flags, [feed["discoveryKey"] for feed in made["feeds"]]


def until_settled(scene, start, targets):
    """Starts a node that serves feeds; the node, and the seconds until everybody can find all of them."""
    begun = time.monotonic()
    node = start()
    key = key_of(node)
    scene.until_found(*[(target, key) for target in targets])
    return node, time.monotonic() - begun


def serving(loopback, folder, youth, seconds):
    home, targets = make_feeds(Path(folder))
    stock_flags, stock_targets = make_stock_feeds(loopback, Path(folder))
    what = f"{FEEDS} feeds served"
    with Scene(loopback, folder) as scene:
        ours, took = until_settled(scene, lambda: scene.join(home, OURS), targets)
        stock, stock_took = until_settled(scene, lambda: scene.stock("seed", *stock_flags), stock_targets)
        yield row(f"{what}, all found by others", "s", "lower", [stock_took], [took], "")
        time.sleep(youth)
        yield from measured(what, loopback, (stock, ours), seconds, {"Pss": "64"})


def rows(seconds, folder):
    """`seconds`: instead of a whole period after youth, which takes half an hour, so long and at once."""
    with Loopback() as loopback:
        for bench, youth, period in ((idle, KEY_YOUTH, KEY_PERIOD), (serving, FEED_YOUTH, FEED_PERIOD)):
            yield from bench(loopback, folder, *((0, seconds) if seconds else (youth, period)))
