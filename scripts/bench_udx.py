"""Streams over UDX: raw ones and feeds, the published packages beside cipnode and each with the other, on loopback and
through a bad network. Every end is a process of its own; what arrived is compared."""
import os
import sys
import tempfile
import time
from pathlib import Path

from bench_common import BINARY, INTEROP, PROGRAMS, Line, row, run_json
from bench_feeds import content

PEER = PROGRAMS / "cip_udx_peer"
SWARM = ["node", INTEROP / "swarm-peer.mjs"]
IDS, OTHER_IDS = ["--id", 100, "--remote-id", 200], ["--id", 200, "--remote-id", 100]
RAW_BYTES, SLOW_BYTES = 400_000_000, 20_000_000
FEEDS = [("64 KiB blocks", 1_600, 65_536, "MB/s", "3 times stock"), ("100 B blocks", 50_000, 100, "blocks/s", "20 times stock")]
# name, what the proxy does, wanted
PATHS = [("50 ms, 2 % loss", {"loss": 0.02, "delay": 25}, "as stock"), ("50 ms, 10 % loss", {"loss": 0.1, "delay": 25}, "as stock")]
PAIRS = [("stock", "stock"), ("cipnode", "cipnode"), ("stock", "cipnode"), ("cipnode", "stock")]


def peer(side, command, *args, large=False):
    if side == "stock":
        return [*SWARM, f"udx-{command}", "--no-stdin", "--timeout", 120, *args]
    # The hash of ours that is fast; the other side prints its own.
    return [PEER, command, "--timeout", 120, "--hash", "blake2b", *(["--large"] if large else []), *args]


def raw(server_is, client_is, size, path=None):
    """MB/s of one stream from client to server, and what the proxy between them counted."""
    large = server_is == client_is == "cipnode" and path is None
    flags = ["--mode", "sink", "--bytes", size]
    server = Line(peer(server_is, "serve", *IDS, *flags, large=large))
    to, proxy = server.event("ready")["address"], None
    if path:
        settings = [word for name, value in path.items() for word in (f"--{name}", value)]
        proxy = Line([*SWARM, "proxy", "--timeout", 120, "--to", to, *settings], talks=True)
        to = proxy.event("ready")["address"]
    lines = run_json(*peer(client_is, "open", *OTHER_IDS, "--to", to, *flags, large=large))
    result = next(line for line in lines if line["event"] == "stream")
    arrived = server.event("closed")["bytesIn"]
    if not result["ok"] or arrived != size:
        sys.exit(f"bench: {arrived} of {size} bytes arrived")
    counts = None
    if proxy:
        proxy.say("stats")
        counts = proxy.event("stats")
        proxy.stop()
    server.stop()
    return result["mbPerSec"], counts


def raw_rows(rounds):
    rates = {pair: [] for pair in PAIRS}
    for _ in range(rounds):
        for pair, values in rates.items():
            values.append(raw(*pair, RAW_BYTES)[0])
    stock = rates["stock", "stock"]
    yield row("stream, loopback, hashed at both ends", "MB/s", "higher", stock, rates["cipnode", "cipnode"], "2 times stock")
    yield row("  stock reads, cipnode writes", "MB/s", "higher", stock, rates["stock", "cipnode"], "0.95 of stock")
    yield row("  cipnode reads, stock writes", "MB/s", "higher", stock, rates["cipnode", "stock"], "0.95 of stock")


def path_rows(rounds):
    for name, path, wanted in PATHS:
        rates = {pair: [] for pair in PAIRS[:2]}
        for _ in range(rounds):
            for pair, values in rates.items():
                values.append(raw(*pair, SLOW_BYTES, path)[0])
        yield row(f"stream, {name}", "MB/s", "higher", *rates.values(), wanted)
    lost = {pair: [] for pair in PAIRS[:2]}
    rates = {pair: [] for pair in PAIRS[:2]}
    for _ in range(rounds):
        for pair in lost:
            rate, counts = raw(*pair, SLOW_BYTES, {"rate": 2_000_000, "queue": 200_000, "delay": 25})
            rates[pair].append(rate)
            lost[pair].append(100 * counts["queueFull"] / (counts["queueFull"] + counts["forwarded"]))
    yield row("stream, bottleneck of 2 MB/s", "MB/s", "higher", *rates.values(), "")
    yield row("  lost to its queue", "%", "lower", *lost.values(), "5")


class Network:
    """A testnet of stock nodes that both sides meet in."""

    def __init__(self):
        self.process = Line([*SWARM, "testnet", "--nodes", 5, "--no-stdin", "--timeout", 600])
        self.contact = self.process.event("ready")["bootstrap"][0]


def stock_seeds(network, folder, blocks, size):
    seeder = Line([*SWARM, "seed", "--no-stdin", "--timeout", 300, "--blocks", blocks, "--size", size, "--storage",
                   f"{folder}/seed", "--bootstrap", network.contact])
    return seeder, seeder.event("ready")["feeds"][0]["key"]


def cipnode_joins(network, home, *flags):
    node = Line([BINARY, "--home", home, "--json", "join", network.contact, "--listen", "127.0.0.1:0", "--no-lan", *flags])
    node.event("ready")
    return node


def cipnode_seeds(network, folder, blocks, size):
    home = f"{folder}/seed"
    seeder = cipnode_joins(network, home, "--transport", "udx")
    key = run_json(BINARY, "--json", "--home", home, "feed", "create", "bench")[-1]["keyHex"]
    data = Path(folder) / "data"
    with data.open("wb") as file:
        file.writelines(content(blocks, size))
    with data.open("rb") as file:
        run_json(BINARY, "--json", "--home", home, "feed", "append", "bench", "--block-size", size, stdin=file)
    data.unlink()
    return seeder, key


def stock_reads(network, folder, key, blocks):
    got = run_json(*SWARM, "download", "--no-stdin", "--timeout", 120, "--key", key, "--length", blocks, "--storage",
                   f"{folder}/read", "--bootstrap", network.contact)
    feed = next(line for line in got if line["event"] == "feed")
    return feed["blocksPerSec"], feed["treeHash"]


def cipnode_reads(network, folder, key, blocks):
    node = cipnode_joins(network, f"{folder}/read", "--transport", "udx")
    got = run_json(BINARY, "--json", "--home", f"{folder}/read", "feed", "download", key)[-1]
    node.stop()
    return got["blocksPerSecond"], got["treeHash"]


SEEDS = {"stock": stock_seeds, "cipnode": cipnode_seeds}
READS = {"stock": stock_reads, "cipnode": cipnode_reads}


def feed_rows(rounds, folder):
    network = Network()
    for what, blocks, size, unit, wanted in FEEDS:
        scale = 1 if unit == "blocks/s" else size / 1e6
        rates, hashes = {pair: [] for pair in PAIRS}, set()
        for _ in range(rounds):
            for (seeds, reads), values in rates.items():
                with tempfile.TemporaryDirectory(dir=folder) as storage:
                    seeder, key = SEEDS[seeds](network, storage, blocks, size)
                    os.sync()
                    time.sleep(1)
                    rate, tree_hash = READS[reads](network, storage, key, blocks)
                    seeder.stop()
                values.append(rate * scale)
                hashes.add(tree_hash)
        stock = rates["stock", "stock"]
        yield row(f"feed over UDX, {what}", unit, "higher", stock, rates["cipnode", "cipnode"], wanted)
        yield row("  stock seeds, cipnode reads", unit, "higher", stock, rates["stock", "cipnode"], "0.95 of stock")
        yield row("  cipnode seeds, stock reads", unit, "higher", stock, rates["cipnode", "stock"], "0.95 of stock")
        if len(hashes) != 1:
            sys.exit("bench: the sides moved different blocks")
    network.process.stop()


def rows(rounds, folder):
    yield from raw_rows(rounds)
    yield from path_rows(rounds)
    yield from feed_rows(rounds, folder)
