"""A machine with 64 MiB for a node and its commands, and a disk that is slow or stands still: what hangs is what waits for the disk."""
import contextlib
import hashlib
import os
import threading
import unittest

from harness import BINARY, OK, TIMEOUT, SystemTest
from held_disk import HeldDisk
from memory_group import MemoryGroup
from service_test import Manager

MB = 1_000_000
LIMIT = 64 << 20
FEEDS = 100


class Watcher:
    """Asks a node for its status, again and again; `answers` are the exit codes."""

    def __init__(self, test, node):
        self.answers, self.over = [], threading.Event()
        self.thread = threading.Thread(target=self.run, args=(test, node))
        self.thread.start()

    def run(self, test, node):
        while not self.over.wait(0.1):
            self.answers.append(test.cipnode("status", home=node, seconds=120).code)

    def end(self):
        self.over.set()
        self.thread.join()


class SmallMemoryTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.group = MemoryGroup(LIMIT)
        self.other = self.join()

    def tearDown(self):
        for process in self.processes:
            process.kill()
        self.group.remove()
        super().tearDown()

    def here(self, *args, **options):
        """A command on the small machine, beside its node."""
        return self.ok("--json", *args, home=self.node, prefix=self.group.prefix, seconds=240, **options)

    def feed_of_other(self, name, data):
        key = self.ok("--json", "feed", "create", name, home=self.other).object["key"]
        self.ok("feed", "append", name, "--block-size", "65536", home=self.other, stdin=data)
        return key

    def import_a_large_file(self):
        file, data = self.folder / "large", os.urandom(110 * MB)
        file.write_bytes(data)
        self.here("feed", "create", "large")
        self.here("feed", "append", "large", "--file", file, "--block-size", "65536")
        return hashlib.sha256(data).digest()

    def seed_many(self):
        contents = {self.feed_of_other(f"seed{i}", data): data for i, data in enumerate(os.urandom(20_000) for _ in range(FEEDS))}
        self.here("feed", "seed", *contents)

        def all_here():
            held = {feed["key"]: feed for feed in self.here("feed", "ls").objects}
            return all(held[key]["contiguousLength"] == held[key]["length"] > 0 for key in contents)

        self.eventually(all_here, 120, "all feeds are here")
        return contents

    def read_by_a_third(self, contents):
        """From the small machine alone."""
        third = self.join(self.node.contact)
        for key, data in contents.items():
            self.assertEqual(self.ok("feed", "cat", key, "--peer", self.node.ready["tcp"], home=third).out, data)

    def subscribe_to(self, topic):
        lines = [f"message {i}\n" for i in range(1_000)]
        self.ok("publish", topic, "--lines", home=self.other, stdin="".join(lines).encode())
        got = self.here("subscribe", topic, "--since", "start", "--count", str(len(lines)), "--timeout", "60s").objects
        self.assertEqual([message["text"] + "\n" for message in got], lines)

    def test_a_node_does_all_its_work_within_64_mib(self):
        self.node = self.join(self.other.contact, prefix=self.group.prefix)
        watcher = Watcher(self, self.node)
        try:
            imported = self.import_a_large_file()
            seeded = self.seed_many()
            fetched = os.urandom(50 * MB)
            self.here("feed", "download", key := self.feed_of_other("fifty", fetched))
            self.subscribe_to("news")
            self.read_by_a_third(dict(list(seeded.items())[:10]))
            for feed, digest in (("large", imported), (key, hashlib.sha256(fetched).digest())):
                self.assertEqual(hashlib.sha256(self.ok("feed", "cat", feed, home=self.node, prefix=self.group.prefix).out).digest(), digest)
        finally:
            watcher.end()
        self.assertEqual(set(watcher.answers), {OK}, f"of {len(watcher.answers)} answers")
        self.assertIsNone(self.node.process.poll())
        self.assertEqual(self.group.kills(), 0)
        self.assertTrue(self.group.was_full(), "the limit was felt")


class HeldDiskTest(SystemTest):
    """A home on a disk that stands still while the test says so."""

    def setUp(self):
        super().setUp()
        self.home = self.new_home()
        self.disk = HeldDisk(self.folder, self.home)
        self.address = str(self.folder / "notify")
        self.manager = Manager(self.address)
        self.addCleanup(self.manager.close)
        watched = ["env", f"NOTIFY_SOCKET={self.address}", "WATCHDOG_USEC=400000"]
        self.node = self.join(home=self.home, prefix=[*watched, *self.disk.prefix])
        self.other = self.join(self.node.contact)
        self.keys = [self.ok("--json", "feed", "create", name, home=self.node).object["key"] for name in ("log", "old", "older")]
        for name in ("old", "older"):
            self.ok("feed", "append", name, home=self.node, stdin=name.encode())
        self.ok("publish", "news", "before", "--confirm", "0", home=self.node)

    def length(self, feed):
        return self.ok("--json", "feed", "info", feed, home=self.node).object["length"]

    @contextlib.contextmanager
    def hanging(self, held, *command):
        """The disk stands still, and the command waits for it; afterwards it must have gone on."""
        with self.disk.held(held):
            writer = self.start([BINARY, "--home", self.home, "--json", *command])
            self.eventually(self.disk.waiting, 10, "the disk is waited for")
            yield writer
            self.assertIsNone(writer.process.poll(), "nothing is acknowledged that the disk has not")
            self.assertEqual(writer.events, [])
            self.assertEqual(self.disk.syncs_done(), 0)
        self.assertEqual(writer.wait(), OK, writer.stderr())

    def node_answers(self, unread):
        self.ok("status", home=self.node)
        self.ok("peers", home=self.node)
        self.assertIn(b"older", self.ok("feed", "ls", home=self.node).out)
        self.assertEqual(self.ok("feed", "cat", "old", home=self.node).out, b"old")
        found = self.ok("--json", "find", self.node.ready["key"], home=self.other).object
        self.assertTrue(found["hello"]["ok"])
        ping = self.stock_result("dht-peers.mjs", "ping", "--bootstrap", self.node.contact, "--to", self.node.contact)
        self.assertEqual(ping.code, OK, ping)
        stored = self.ok("--json", "put", unread, home=self.other).object
        self.assertEqual((stored["stored"], stored["refused"]), (2, 0), "it stores records of others meanwhile")
        self.assertEqual(self.ok("feed", "cat", unread, home=self.other).out, b"old" if unread == self.keys[1] else b"older")

    def manager_hears_life(self):
        while self.manager.hear(0.01) is not None:  # what was sent before
            pass
        for _ in range(3):
            self.manager.hear_until("WATCHDOG=1", 10)

    def health_names_the_disk(self):
        health = self.cipnode("--json", "health", home=self.node)
        self.assertEqual(health.code, TIMEOUT, health)
        wrong = [check for check in health.object["checks"] if not check["ok"]]
        self.assertEqual([check["check"] for check in wrong], ["database"])
        self.assertIn(str(self.home), wrong[0]["hint"])

    def test_while_a_sync_hangs_the_node_answers_and_the_append_is_not_acknowledged(self):
        with self.hanging("sync", "feed", "append", "log"):
            self.node_answers(self.keys[1])
            self.health_names_the_disk()
            self.manager_hears_life()
        self.assertEqual(self.length("log"), 1)

    def test_while_all_writes_hang_it_is_the_same(self):
        with self.hanging("write", "publish", "news", "hi"):
            self.node_answers(self.keys[2])
            self.manager_hears_life()
        self.assertEqual(self.ok("subscribe", "news", "--since", "start", "--count", "2", home=self.node).text, "before\nhi\n")

    def test_on_a_slow_disk_each_append_is_acknowledged_after_a_sync_of_its_own(self):
        self.disk.be_slow(50)
        for length in range(1, 6):
            before = self.disk.syncs_done()
            self.assertEqual(self.ok("--json", "feed", "append", "log", home=self.node).object["length"], length)
            self.assertGreater(self.disk.syncs_done(), before)
        self.assertEqual(self.ok("feed", "cat", self.keys[2], home=self.other).out, b"older")
        self.node_answers(self.keys[1])
        self.assertEqual(self.node.stop(30), OK)


if __name__ == "__main__":
    unittest.main()
