"""Feeds: what scripts/bench measures of them. Both ends of a download are processes of their own, with their storage on
the same disk; the blocks are the same and the tree hashes are compared."""
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench_common import BINARY, INTEROP, PROGRAMS, Line, pss_mib, row, run_json

DOWNLOADS = [("100 B blocks", 50_000, 100, "blocks/s", "50 times stock"), ("64 KiB blocks", 1_600, 65_536, "MB/s", "3 times stock")]
APPEND_BLOCKS, APPEND_BATCH = 200_000, 1_000
STORE = PROGRAMS / "cip_bench_store"
TIMEOUT = 240_000


def content(blocks, size):
    """The deterministic blocks of the interop peer (feed-peer.mjs help), made by table."""
    line = bytes((j * 7 + (j >> 8) * 13) % 256 for j in range(size))
    shift = [bytes((byte + c) % 256 for byte in range(256)) for c in range(256)]
    for i in range(blocks):
        yield line.translate(shift[(i * 31 + (i >> 8) * 17) % 256])


class StockSeeder:
    def __init__(self, folder, blocks, size):
        self.process = Line(["node", INTEROP / "feed-peer.mjs", "seed", "--blocks", blocks, "--size", size, "--storage",
                             f"{folder}/seed", "--timeout", TIMEOUT])
        there = self.process.event("listening")
        self.key, self.address = there["key"], f"127.0.0.1:{there['port']}"


class CipnodeSeeder:
    def __init__(self, folder, blocks, size):
        home, data = f"{folder}/seed", Path(folder) / "data"
        with data.open("wb") as file:
            file.writelines(content(blocks, size))
        base = [BINARY, "--json", "--no-daemon", "--home", home, "feed"]
        self.key = run_json(*base, "create", "bench")[-1]["keyHex"]
        with data.open("rb") as file:
            run_json(*base, "append", "bench", "--block-size", size, stdin=file)
        data.unlink()
        # In this process, so that its memory can be measured and nothing outlives it.
        self.process = Line([BINARY, "--json", "--no-daemon", "--home", home, "feed", "seed", self.key, "--listen", "127.0.0.1:0"])
        self.address = self.process.event("ready")["tcp"]


def stock_reads(folder, seeder, blocks):
    got = run_json("node", INTEROP / "feed-peer.mjs", "download", "--key", seeder.key, "--connect", seeder.address, "--range",
                    f"0..{blocks}", "--storage", f"{folder}/read", "--timeout", TIMEOUT)[-1]
    return got["blocksPerSec"], got["treeHash"]


def cipnode_reads(folder, seeder, blocks):
    got = run_json(BINARY, "--json", "--no-daemon", "--home", f"{folder}/read", "feed", "download", seeder.key, "--peer",
                   seeder.address)[-1]
    if got["blocks"] != blocks:
        sys.exit("bench: not all blocks arrived")
    return got["blocksPerSecond"], got["treeHash"]


PAIRS = {"stock": (StockSeeder, stock_reads), "cipnode": (CipnodeSeeder, cipnode_reads),
         "stockToCipnode": (StockSeeder, cipnode_reads), "cipnodeToStock": (CipnodeSeeder, stock_reads)}


def download(pair, folder, blocks, size):
    seed, read = PAIRS[pair]
    with tempfile.TemporaryDirectory(dir=folder) as storage:
        seeder = seed(storage, blocks, size)
        rest()
        try:
            return read(storage, seeder, blocks)
        finally:
            seeder.process.stop()


def rest():
    """A download that takes a tenth of a second must not pay for what the steps before it left to write and to tidy up."""
    os.sync()
    time.sleep(1)


def downloads(rounds, folder):
    for what, blocks, size, unit, wanted in DOWNLOADS:
        scale = 1 if unit == "blocks/s" else size / 1e6
        rates = {pair: [] for pair in PAIRS}
        for _ in range(rounds):
            for pair, values in rates.items():
                rate, tree_hash = download(pair, folder, blocks, size)
                values.append(rate * scale)
                if pair == "stock":
                    expected = tree_hash
                if tree_hash != expected:
                    sys.exit("bench: the sides moved different blocks")
        yield row(f"download, {what}", unit, "higher", rates["stock"], rates["cipnode"], wanted)
        yield row("  stock seeds, cipnode reads", unit, "higher", rates["stock"], rates["stockToCipnode"], "")
        yield row("  cipnode seeds, stock reads", unit, "higher", rates["stock"], rates["cipnodeToStock"], "")


class CountingRelay:
    """Passes the bytes of one connection on, both ways, and counts those that come back."""

    def __init__(self, address):
        self.to = (address.split(":")[0], int(address.split(":")[1]))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.back = 0
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        reader, _ = self.listener.accept()
        seeder = socket.create_connection(self.to)
        threading.Thread(target=self.copy, args=(reader, seeder, False), daemon=True).start()
        self.copy(seeder, reader, True)

    def copy(self, source, sink, counts):
        while data := source.recv(1 << 16):
            self.back += len(data) if counts else 0
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


def wire(folder):
    """Bytes from seeder to reader for each block of 100 B, those of the block left out."""
    blocks, size, overhead = 10_000, 100, {}
    for side, (seed, read) in (("stock", PAIRS["stock"]), ("cipnode", PAIRS["cipnode"])):
        with tempfile.TemporaryDirectory(dir=folder) as storage:
            seeder = seed(storage, blocks, size)
            relay = CountingRelay(seeder.address)
            seeder.address = relay.address
            read(storage, seeder, blocks)
            seeder.process.stop()
            overhead[side] = relay.back / blocks - size
    yield row("download, 100 B blocks, wire overhead", "B/block", "lower", [overhead["stock"]], [overhead["cipnode"]], "68")


def stock_append(folder):
    with tempfile.TemporaryDirectory(dir=folder) as storage:
        return run_json("node", INTEROP / "append-bench.mjs", f"{storage}/feed", APPEND_BLOCKS, 100, APPEND_BATCH)[-1]["blocksPerSec"]


def store_bench(folder, *args):
    with tempfile.TemporaryDirectory(dir=folder) as storage:
        return run_json(STORE, storage, *args)[-1]


def appends(rounds, folder):
    stock, ours, single = [], [], []
    for _ in range(rounds):
        stock.append(stock_append(folder))
        ours.append(store_bench(folder, "append", APPEND_BLOCKS, 100, APPEND_BATCH)["blocksPerSecond"])
        single.append(store_bench(folder, "synced", 200)["ratio"])
    yield row("append, 100 B, batches of 1,000", "blocks/s", "higher", stock, ours, "5 times stock")
    yield row("append, one synced block", "fdatasync", "lower", [], single, "1.3")


def long_feed(folder):
    """The cache of runs is what a program asks for when it opens a database; a node takes the default."""
    for cache, wanted in ((320, "300000"), (16, "")):
        found = store_bench(folder, "read", 1_000_000, 100, 500_000, cache)
        yield row(f"random reads, 100 B of 10^6, {cache} MiB cache", "/s", "higher", [], [found["readsPerSecond"]], wanted)
    yield row("open a feed of 10^6 blocks", "ms", "lower", [], [found["openMs"]], "10")


def linear(rounds, folder):
    """Whether cost grows with length alone: the time of a download less that of one block, i.e. of connecting."""
    def seconds(blocks):
        rate, _ = download("cipnode", folder, blocks, 100)
        return blocks / rate

    connecting = statistics.median(seconds(1) for _ in range(max(rounds, 3)))
    for blocks in (10_000, 100_000, 1_000_000):
        # Short ones are measured more often.
        rates = [blocks / (seconds(blocks) - connecting) for _ in range(max(rounds, 5) if blocks < 1_000_000 else 1)]
        yield row(f"download, 100 B, {blocks:,} blocks", "blocks/s", "higher", [], rates, "within 20 %")


def seeder_memory(folder):
    """The most that the seeder of a feed of 10^6 blocks takes while four readers fetch it."""
    blocks, peak = 1_000_000, 0
    with tempfile.TemporaryDirectory(dir=folder) as storage:
        seeder = CipnodeSeeder(storage, blocks, 100)
        readers = [subprocess.Popen([str(BINARY), "--json", "--no-daemon", "--home", f"{storage}/{n}", "feed", "download", seeder.key,
                                     "--peer", seeder.address], stdout=subprocess.DEVNULL) for n in range(4)]
        while any(reader.poll() is None for reader in readers):
            peak = max(peak, pss_mib(seeder.process.process.pid))
            time.sleep(0.1)
        seeder.process.stop()
        if any(reader.returncode != 0 for reader in readers):
            sys.exit("bench: a reader failed")
    yield row("seeder of 10^6 blocks, 4 readers, PSS", "MiB", "lower", [], [peak], "64")


def limits(folder):
    """What this machine can do at most of what a download of 64 KiB blocks consists of."""
    with tempfile.TemporaryDirectory(dir=folder) as storage:
        found = run_json(PROGRAMS / "cip_bench_limits", storage)[-1]
    names = {"blake2b": "BLAKE2b", "secretStream": "secret stream", "tcp": "TCP over loopback, both ends", "disk": "RocksDB, 64 KiB blocks"}
    for key, name in names.items():
        yield row(f"limit: {name}", "MB/s", "higher", [], [found[key]], "")
    # A reader decrypts, hashes and writes; a seeder reads (about as fast as TCP moves it) and encrypts.
    reader = 1 / sum(1 / found[key] for key in names)
    seeder = 1 / (2 / found["tcp"] + 1 / found["secretStream"])
    yield row("limit: a reader, one thread", "MB/s", "higher", [], [reader], "")
    yield row("limit: both ends on two cores", "MB/s", "higher", [], [2 / (1 / reader + 1 / seeder)], "")


def rows(rounds, folder):
    yield from downloads(rounds, folder)
    yield from wire(folder)
    yield from appends(rounds, folder)
    yield from long_feed(folder)
    yield from linear(rounds, folder)
    yield from seeder_memory(folder)
