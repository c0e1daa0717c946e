"""The quota of disk: cache makes room, own and kept data that does not fit is refused, and the node stays up."""
import os
import time
import unittest

from harness import BINARY, FULL, SystemTest

MB = 1_000_000
BLOCK = 50_000


class QuotaTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.source = self.join()

    def feed(self, name, size):
        """A feed of the source with random bytes, in blocks of 50 kB."""
        data = os.urandom(size)
        key = self.ok("--json", "feed", "create", name, home=self.source).object["key"]
        self.ok("feed", "append", name, "--block-size", str(BLOCK), home=self.source, stdin=data)
        return key, data

    def small_node(self, quota):
        return self.join(self.source.contact, flags=["--quota", quota])

    def disk(self, node):
        return self.ok("--json", "status", home=node).object["disk"]

    def is_small(self, disk):
        """What is kept is the feed of a megabyte: its blocks, and a little for tree and directory."""
        return MB <= disk["kept"] <= MB + 10_000

    def test_more_than_the_quota_can_be_read_and_goes_again(self):
        key, data = self.feed("large", 6 * MB)
        node = self.small_node("2M")
        self.assertEqual(self.ok("feed", "cat", key, home=node).out, data)
        self.eventually(lambda: self.disk(node)["cache"] <= 2 << 20, 20, "the cache is within the quota")
        self.assertEqual(self.ok("feed", "cat", key, home=node).out, data)

    def test_du_says_what_each_feed_takes_and_adds_up_to_the_sums_of_status(self):
        kept, _ = self.feed("kept", MB)
        read, _ = self.feed("read", 2 * MB)
        node = self.small_node("100M")
        self.ok("feed", "download", kept, home=node)
        self.ok("feed", "cat", read, home=node)
        self.ok("feed", "create", "mine", home=node)
        self.ok("feed", "append", "mine", home=node, stdin=b"x" * 1000)
        self.ok("publish", "news", "hello", home=node)
        rows = self.ok("--json", "du", home=node).objects
        self.assertEqual([row["bytes"] for row in rows], sorted((row["bytes"] for row in rows), reverse=True))
        self.assertEqual([(row["class"], row["key"]) for row in rows[:2]], [("cache", read), ("kept", kept)])
        rows = [row for row in rows if row["class"] != "records"]
        self.assertIn(("own", "mine", None), [(row["class"], row["name"], row["topic"]) for row in rows])
        self.assertIn(("own", "news"), [(row["class"], row["topic"]) for row in rows])
        disk = self.disk(node)
        for name in ("own", "kept", "cache"):
            self.assertEqual(sum(row["bytes"] for row in rows if row["class"] == name), disk[name], name)

    def test_the_cache_that_was_read_longest_ago_goes_first(self):
        feeds = [self.feed(name, MB) for name in ("a", "b", "c")]
        node = self.small_node("2500k")
        for key, data in feeds:
            self.assertEqual(self.ok("feed", "cat", key, home=node).out, data)
        # A listing opens feeds, and what is open is not evicted: it waits until that is done.
        self.eventually(lambda: self.disk(node)["cache"] <= 2_500_000, 20, "the cache is within the quota")
        keys = [feed["key"] for feed in self.ok("--json", "feed", "ls", home=node).objects]
        self.assertEqual(keys, [key for key, _ in feeds[1:]], "the first feed is gone, the others are not")

    def test_a_download_that_does_not_fit_is_refused_and_the_node_stays(self):
        key, _ = self.feed("large", 6 * MB)
        small, data = self.feed("small", MB)
        node = self.small_node("2M")
        refused = self.cipnode("--json", "feed", "download", key, home=node)
        self.assertEqual(refused.code, FULL, refused)
        self.assertIn("--quota", refused.error["hint"])
        self.ok("feed", "download", small, home=node)
        self.eventually(lambda: self.is_small(disk := self.disk(node)) and disk["cache"] <= MB, 20, "only the small feed is kept")
        # What is kept is no cache: reading much does not push it out.
        self.ok("feed", "cat", key, home=node)
        self.eventually(lambda: self.disk(node)["cache"] == 0 or self.disk(node)["cache"] <= MB + (1 << 17), 20, "cache makes room")
        self.assertTrue(self.is_small(self.disk(node)))

    def test_own_blocks_that_do_not_fit_are_refused_whole(self):
        node = self.small_node("2M")
        self.ok("feed", "create", "mine", home=node)
        self.ok("feed", "append", "mine", home=node, stdin=bytes(MB))
        refused = self.cipnode("--json", "feed", "append", "mine", home=node, stdin=bytes(2 * MB))
        self.assertEqual(refused.code, FULL, refused)
        self.assertEqual(self.ok("--json", "feed", "info", "mine", home=node).object["length"], 1)
        refused = self.cipnode("--json", "publish", "news", home=node, stdin=bytes(MB))
        self.assertEqual(self.cipnode("--json", "publish", "news", "--lines", home=node, stdin=b"x" * 900_000 + b"\n" + b"y" * 900_000).code, FULL)

    def test_a_seeded_feed_is_fetched_as_far_as_there_is_room(self):
        key, _ = self.feed("large", 6 * MB)
        node = self.small_node("2M")
        self.ok("feed", "seed", key, home=node)
        near = (2 << 20) - 2 * BLOCK
        self.eventually(lambda: self.disk(node)["kept"] >= near, 20, "the room is used")
        time.sleep(1)
        self.assertLessEqual(self.disk(node)["kept"], 2 << 20)
        refused = self.cipnode("--json", "feed", "seed", self.feed("other", MB)[0], home=node)
        self.assertEqual(refused.code, FULL, refused)
        self.ok("feed", "unseed", key, home=node)
        self.eventually(lambda: self.disk(node)["kept"] == 0, 20, "what is no longer seeded is cache")

    def test_the_quota_is_a_setting(self):
        home = self.new_home()
        home.mkdir()
        (home / "config.toml").write_text('quota = "3M"\n')
        node = self.start([BINARY, "--home", home, "--json", "join", "--listen", "127.0.0.1:0", "--no-lan"])
        node.home = home
        node.event("ready")
        self.assertEqual(self.disk(node)["quota"], 3 << 20)


if __name__ == "__main__":
    unittest.main(verbosity=2)
