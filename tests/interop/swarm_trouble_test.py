"""Streams with programs that are built on Hyperswarm when something goes wrong: streams that come and go, calls that
cross, peers that sleep or die, and strangers who forge packets. CIPNODE_LONG=1 does more of the same."""
import os
import socket
import struct
import subprocess
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from own_loopback import OwnLoopback
from swarm_fixture import SwarmFixture, sha256, stock_content
from harness import BINARY

LONG = bool(os.environ.get("CIPNODE_LONG"))
# A peer's death is noticed within 20 s; asking for it takes a moment.
NOTICED = 22

DATA, SACK, MESSAGE, DESTROY, HEARTBEAT = 1, 4, 8, 16, 32


def packet(kind, stream, seq=0, ack=0, payload=b""):
    return struct.pack("<BBBBIIII", 0xFF, 1, kind, 0, stream, 1 << 20, seq % 2**32, ack % 2**32) + payload


def resident(node):
    """Bytes of memory that a program holds."""
    status = Path(f"/proc/{node.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def open_files(node):
    return len(list(Path(f"/proc/{node.pid}/fd").iterdir()))


class Forger:
    """Somebody at another address who knows the id of a stream, and sends what he likes to it."""

    def __init__(self, to, stream):
        self.to, self.stream, self.sent = to, stream, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.9", 0))
        self.socket.setblocking(False)

    def send(self, kind, **fields):
        try:
            self.socket.sendto(packet(kind, self.stream, **fields), self.to)
            self.sent += 1
        except BlockingIOError:
            pass

    def round(self, number):
        """Data in the lane and far ahead of it, resets, and acknowledgements of what was and was not sent."""
        junk = bytes(1152)
        self.send(DATA, seq=number, payload=junk)
        self.send(DATA, seq=number + 5000, payload=junk)
        self.send(DATA, seq=number * 7919, payload=junk)
        self.send(DESTROY, seq=number)
        self.send(DESTROY, seq=number + 4000)
        self.send(HEARTBEAT)
        self.send(0, ack=number)
        self.send(SACK, ack=number, payload=struct.pack("<II", number + 1, number + 9000))
        self.send(MESSAGE, payload=b"empty")

    def heard(self):
        try:
            return self.socket.recv(2048)
        except BlockingIOError:
            return None

    def close(self):
        self.socket.close()


class SwarmTroubleTest(SwarmFixture):
    def all_at_once(self, run, things):
        with ThreadPoolExecutor(len(things)) as pool:
            return list(pool.map(run, things))

    # Coming and going.

    def test_a_thousand_streams_one_after_the_other_leave_nothing_behind(self):
        streams = 10_000 if LONG else 1000
        node = self.node()
        feed = self.our_feed(node, "ours", streams, 1000)
        turns = self.swarm_peer("turns", "--key", node.ready["keyHex"], "--feed", feed["keyHex"], "--streams", streams)
        turns.event("turns", 60, lambda event: event["done"] >= 300)
        memory, files = resident(node), open_files(node)
        self.assertEqual(turns.event("done", 140)["contentSha256"], sha256(feed["data"]))
        self.eventually(lambda: self.udx(node)["streams"] == 0, 10, "all streams are gone")
        self.assertEqual(self.peers(node), [])
        self.assertLess(resident(node) - memory, 6_000_000)
        self.assertLessEqual(open_files(node), files + 8)

    def test_of_two_calls_that_cross_one_stream_stays(self):
        rounds = 50 if LONG else 10  # with five peers each
        # Of their keys, 00e3… to fec1…, the first is smaller than ours and the last greater.
        seeds = [byte * 32 for byte in ("4f", "02", "3b", "53", "73")]
        node = self.node()
        own = node.ready["keyHex"]
        callers = [self.seed("--seed", seed, "--key-seed", seed, "--client", "--blocks", 1, stdin=subprocess.PIPE) for seed in seeds]
        for _, there in callers:
            self.ok("feed", "seed", there["feeds"][0]["key"], home=node)

        def has_one(peer):
            stats = self.tell(peer, "stats")
            return stats["connections"] == 1 and stats["connecting"] == 0

        def cross(caller):
            peer, _ = caller
            self.tell(peer, "hangup")
            time.sleep(0.98)  # so that its call leaves when ours does, a second after the stream went down
            self.tell(peer, f"call {own}")
            self.eventually(lambda: has_one(peer), 30, "one stream")
            self.tell(peer, "append 1")

        for peer, _ in callers:
            self.eventually(lambda: has_one(peer), 30, "the first stream")
        for number in range(rounds):
            self.all_at_once(cross, callers)
            self.eventually(lambda: len(self.peers(node)) == len(callers), 20, "one stream with each")
            for _, there in callers:
                key = there["feeds"][0]["key"]
                # What was appended meanwhile comes over the stream that stayed.
                self.eventually(lambda: self.length(node, key) == number + 2, 20, "what was appended")
        self.assertEqual(self.udx(node)["streams"], len(callers))
        # Of two calls that cross the one from the greater key stays: ours, with the first of them, which called as well.
        stats = self.tell(callers[0][0], "stats")
        self.assertGreater(stats["client"]["attempted"] + stats["server"]["opened"], rounds + 1, "no calls crossed")

    def length(self, node, key):
        return self.ok("--json", "feed", "info", key, home=node).object["length"]

    # Several feeds.

    def test_one_stream_carries_feeds_both_ways_at_once(self):
        node = self.node()
        ours = [self.our_feed(node, f"ours{i}", 300, 3000 + i) for i in range(4)]
        keys = ",".join(feed["keyHex"] for feed in ours)
        store, there = self.seed("--cores", 4, "--blocks", 300, "--size", 3000, "--fetch", keys, "--length", 300)

        def fetch(number):
            got = self.ok("feed", "cat", there["feeds"][number]["key"], home=node).out
            self.assertEqual(got, stock_content(number, 300, 3000))

        self.all_at_once(fetch, range(4))
        for feed in ours:
            got = store.event("feed", 60, lambda event: event["key"] == feed["keyHex"])
            self.assertEqual((got["length"], got["contentSha256"]), (300, sha256(feed["data"])))
        self.assertEqual(len(self.peers(node)), 1)
        self.assertEqual(self.udx(node)["streams"], 1)

    # Sleep and death.

    def test_a_peer_that_was_suspended_is_called_again_in_the_middle_of_a_download_and_later(self):
        blocks, size = 20_000, 3000
        seeder, there = self.seed("--blocks", blocks, "--size", size, stdin=subprocess.PIPE)
        key = there["feeds"][0]["key"]
        node = self.node()
        reader = self.start([BINARY, "--home", node.home, "--timeout", "60s", "feed", "cat", key], lines=False)
        reader.wait_until(lambda: len(reader.raw) > 2_000_000, 30, "the first blocks")
        self.tell(seeder, "suspend")
        self.eventually(lambda: not self.peers(node), 20, "the stream is gone")
        self.assertLess(len(reader.raw), blocks * size, "it was in the middle")
        self.assertIsNone(reader.process.poll())
        self.tell(seeder, "resume")
        reader.wait_until(lambda: len(reader.raw) == blocks * size, 40, "the rest")
        self.assertEqual(sha256(reader.raw), there["feeds"][0]["contentSha256"])
        self.assertEqual(reader.wait(20), 0)

        follower = self.start([BINARY, "--home", node.home, "--json", "feed", "follow", key, "--from", blocks])
        self.tell(seeder, "suspend")
        self.eventually(lambda: not self.peers(node), 20, "the stream is gone again")
        self.tell(seeder, "append 5")
        self.tell(seeder, "resume")
        follower.wait_until(lambda: sum("index" in event for event in follower.events) == 5, 40, "what was appended meanwhile")

    def test_a_death_is_noticed_by_who_is_left_whoever_called(self):
        survivor, victim = self.node(), self.node()

        def calls_us(node):
            feed = self.our_feed(node, "ours", 5, 100)
            reader = self.swarm_peer("download", "--key", feed["keyHex"], "--length", 5, "--live")
            reader.event("feed", 60)
            return reader

        def is_called(node):
            seeder, there = self.seed("--blocks", 5, "--ephemeral")
            self.ok("feed", "download", there["feeds"][0]["key"], home=node)
            self.ok("feed", "seed", there["feeds"][0]["key"], home=node)
            return seeder

        doomed = [calls_us(survivor), is_called(survivor)]
        left = [calls_us(victim), is_called(victim)]
        self.assertEqual(sorted(peer["direction"] for peer in self.peers(survivor)), ["in", "out"])
        self.assertEqual(sorted(peer["direction"] for peer in self.peers(victim)), ["in", "out"])
        for process in [*doomed, victim]:
            process.kill()
        deadline = time.monotonic() + NOTICED
        self.eventually(lambda: not self.peers(survivor), NOTICED, "the deaths of stock peers are noticed")
        for peer in left:
            peer.event("disconnection", max(deadline - time.monotonic(), 0.1))

    # Strangers.

    def test_forged_packets_change_neither_a_transfer_nor_memory(self):
        blocks, size = 10_000, 3000
        seeder, there = self.seed("--blocks", blocks, "--size", size)
        node = self.node()
        key = there["feeds"][0]["key"]
        reader = self.start([BINARY, "--home", node.home, "--timeout", "60s", "feed", "cat", key], lines=False)
        known = seeder.event("connection", 30)
        host, port = known["via"].split(":")
        forger = Forger((host, int(port)), known["remoteId"])
        self.addCleanup(forger.close)
        done = threading.Event()

        def forge():
            number = 0
            while not done.is_set():
                forger.round(number)
                number += 1
                time.sleep(0.0005)

        reader.wait_until(lambda: len(reader.raw) > 100_000, 30, "the stream is proven")
        thread = threading.Thread(target=forge)
        thread.start()
        try:
            reader.wait_until(lambda: len(reader.raw) == blocks * size, 60, "all of it")
        finally:
            done.set()
            thread.join()
        self.assertEqual(sha256(reader.raw), there["feeds"][0]["contentSha256"])

        # What stock would keep of these is 115 MB (udx.md 12, 2).
        memory = resident(node)
        for number in range(100_000):
            forger.send(DATA, seq=number + 20_000, payload=bytes(1152))
            if number % 100 == 0:
                time.sleep(0.001)
        drops = self.ok("--json", "status", home=node).object["drops"]
        self.assertLess(resident(node) - memory, 16_000_000)
        self.assertEqual(reader.wait(20), 0)

        # It is the same stream, and nothing was answered.
        self.assertEqual([e["event"] for e in seeder.events if "connection" in e["event"]], ["connection"])
        self.assertGreater(drops.get("udx_source", 0), 1000, drops)
        self.assertIsNone(forger.heard())


class NarrowTest(OwnLoopback, SwarmFixture):
    def setUp(self):
        self.use_own_loopback()
        super().setUp()

    @unittest.skipUnless(LONG, "takes a minute")
    def test_a_download_from_a_peer_whose_interface_turned_narrow_is_finished_by_another_call(self):
        # Stock repeats what it cut for a wide path until it gives up (udx.md 12, 8).
        blocks, size = 60_000, 3000
        seeder, there = self.seed("--blocks", blocks, "--size", size)
        node = self.node()
        reader = self.start([BINARY, "--home", node.home, "--timeout", "60s", "feed", "cat", there["feeds"][0]["key"]], lines=False)
        reader.wait_until(lambda: len(reader.raw) > 3_000_000, 30, "the first blocks")
        self.set_mtu(1300)
        reader.wait_until(lambda: len(reader.raw) == blocks * size, 90, "the rest")
        self.assertEqual(sha256(reader.raw), there["feeds"][0]["contentSha256"])
        self.assertGreater(sum(event["event"] == "connection" for event in seeder.events), 1, "it was in the middle")


if __name__ == "__main__":
    unittest.main()
