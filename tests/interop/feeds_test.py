"""Feeds with the published packages of line 11 and line 10, over plain TCP: every kind of feed, in both
directions, and through a cipnode that only relays."""
import hashlib
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
from harness import BINARY, SystemTest, content  # noqa: E402

LINES = {"11": [], "10": ["--v10"]}
MIB = 1 << 20

# name, blocks, bytes of a block, flags of `feed create`
OURS = [
    ("one", 1, 10, []),
    ("few", 7, 1000, []),
    ("zero", 20, 0, []),
    ("many", 10000, 100, []),
    ("64k", 16, 65536, []),
    ("15m", 2, 15 * MIB, []),
    ("compat", 100, 50, ["--compat"]),
    ("encrypted", 100, 50, ["--encrypted"]),
    ("encrypted-compat", 40, 50, ["--encrypted", "--compat"]),
]

# name, flags of `feed-peer seed`, lines that can make it
STOCK = [
    ("empty", ["--blocks", "0"], LINES),
    ("one", ["--blocks", "1", "--size", "10"], LINES),
    ("zero", ["--blocks", "20", "--size", "0"], LINES),
    ("many", ["--blocks", "10000", "--size", "100"], LINES),
    ("64k", ["--blocks", "16", "--size", "65536"], LINES),
    ("15m", ["--blocks", "2", "--size", str(15 * MIB)], LINES),
    ("varied", ["--blocks", "200", "--size", "300", "--size-mode", "varied"], LINES),
    ("compat", ["--blocks", "100", "--size", "50", "--compat"], LINES),
    ("encrypted", ["--blocks", "100", "--size", "50", "--encrypted"], LINES),
    ("version 0", ["--blocks", "30", "--manifest-version", "0"], LINES),
    ("version 2", ["--blocks", "30", "--manifest-version", "2"], ["11"]),
    ("two of three signers", ["--blocks", "30", "--signers", "3", "--quorum", "2"], ["11"]),
    ("three of four signers, version 0", ["--blocks", "30", "--signers", "4", "--quorum", "3", "--manifest-version", "0"], ["11"]),
]


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def blocks_of(indexes, size):
    return b"".join(content(i, size) for i in indexes)


class StockFeedsTest(SystemTest):
    def our_feed(self, home, name, blocks, size, flags=()):
        """Creates a feed in `home`; what append said, with its bytes and its encryption key."""
        made = self.ok("--json", "feed", "create", name, *flags, home=home).object
        data = blocks_of(range(blocks), size)
        how = ["--block-size", str(size)] if size else ["--lines"]
        more = self.ok("--json", "feed", "append", name, *how, home=home, stdin=data or b"\n" * blocks).object
        self.assertEqual(more["length"], blocks)
        return {**made, **more, "data": data, "encrypted": "--encrypted" in flags}

    def seed(self, home, *keys):
        seeder = self.start([BINARY, "--home", home, "--json", "feed", "seed", *keys, "--listen", "127.0.0.1:0"])
        return seeder, seeder.event("ready")["tcp"]

    def follow(self, home, key, at):
        return self.start([BINARY, "--home", home, "--json", "feed", "follow", key, "--peer", at])

    def stock_seed(self, line, *flags):
        stock = self.stock("feed-peer.mjs", "seed", *flags, *LINES[line])
        there = stock.event("listening")
        return stock, there, f"127.0.0.1:{there['port']}"

    def stock_reader(self, line, key, at, *flags):
        return self.stock("feed-peer.mjs", "download", "--key", key, "--connect", at, *map(str, flags), *LINES[line])

    def expect_all(self, feed):
        """What a stock reader of the whole feed checks."""
        flags = ["--expect-length", feed["length"], "--expect-tree-hash", feed["treeHash"]]
        # Without the key of an encrypted feed the tree alone tells that all of it came.
        return flags if feed["encrypted"] else [*flags, "--expect-hash", sha256(feed["data"])]

    def key_file(self, name, key):
        path = self.folder / name
        path.write_text(key + "\n")
        return path

    def finished(self, reader):
        self.assertEqual(reader.wait(60), 0, f"{reader.command} {reader.events[-3:]} {reader.stderr()}")

    # The matrix.

    def test_stock_readers_download_our_feeds_of_every_kind(self):
        home = self.new_home()
        feeds = {name: self.our_feed(home, name, *rest) for name, *rest in OURS}
        seeder, at = self.seed(home, *(feed["key"] for feed in feeds.values()))
        for name, feed in feeds.items():
            # Line 11 must be told that an encrypted feed is compat (feeds.md 13).
            compat = ["--compat"] if name == "encrypted-compat" else []
            readers = [self.stock_reader(line, feed["key"], at, *self.expect_all(feed), *compat) for line in LINES]
            for line, reader in zip(LINES, readers):
                with self.subTest(line=line, feed=name):
                    self.finished(reader)
        self.assertEqual(seeder.stop(), 0, seeder.stderr())

    def test_we_download_stock_feeds_of_every_kind(self):
        home = self.new_home()
        for name, flags, lines in STOCK:
            seeds = {line: self.stock_seed(line, *flags) for line in lines}
            for line, (stock, there, at) in seeds.items():
                with self.subTest(line=line, feed=name):
                    key = there["key"]
                    secret = there["encryptionKey"]
                    fetch = ["--encryption-key-file", self.key_file(f"{key}.key", secret)] if secret else []
                    got = self.ok("--json", "feed", "download", key, "--peer", at, *fetch, home=home).object
                    self.assertEqual(got["blocks"], there["length"])
                    self.assertEqual(got["treeHash"], there["treeHash"] or hashlib.blake2b(b"\2", digest_size=32).hexdigest())
                    if there["length"]:
                        whole = self.ok("feed", "cat", key, *fetch, home=home).out
                        self.assertEqual(sha256(whole), there["contentSha256"])
                stock.stop()

    def test_sparse_stock_feeds_give_us_what_they_have_in_any_order(self):
        home = self.new_home()
        for line in LINES:
            with self.subTest(line=line):
                _, there, at = self.stock_seed(line, "--blocks", "512", "--size", "20", "--clear", "128..256")
                for start, end in [(500, 512), (300, 400), (100, 128), (256, 300), (0, 10)]:
                    part = self.ok("feed", "cat", there["key"], "--range", f"{start}..{end}", "--peer", at, home=home).out
                    self.assertEqual(part, blocks_of(range(start, end), 20))
                missing = self.cipnode("--timeout", "3s", "feed", "cat", there["key"], "--range", "130..131", "--peer", at, home=home)
                self.assertNotEqual(missing.code, 0)
                self.assertEqual(missing.out, b"")

    def test_stock_readers_get_what_we_have_of_a_sparse_feed_in_any_order(self):
        writer, reader = self.new_home(), self.new_home()
        feed = self.our_feed(writer, "shared", 400, 20)
        _, at = self.seed(writer, feed["key"])
        self.ok("feed", "cat", feed["key"], "--range", "100..200", "--peer", at, home=reader)
        self.ok("feed", "cat", feed["key"], "--range", "390..400", "--peer", at, home=reader)
        # It serves what it holds; --peer is not given, so it fetches no more.
        _, sparse = self.seed(reader, feed["key"])
        order = [199, 150, 100, 399, 390, 151, 101]
        for line in LINES:
            with self.subTest(line=line):
                self.finished(self.stock_reader(line, feed["key"], sparse, "--blocks-list", ",".join(map(str, order)),
                                                "--expect-hash", sha256(blocks_of(order, 20))))

    def test_stock_readers_find_byte_offsets_in_our_feed(self):
        home = self.new_home()
        feed = self.our_feed(home, "shared", 50, 1000)
        _, at = self.seed(home, feed["key"])
        for line in LINES:
            with self.subTest(line=line):
                reader = self.stock_reader(line, feed["key"], at, "--range", "0..1", "--seek", "34567")
                self.finished(reader)
                self.assertEqual(reader.event("result")["seek"], [34, 567])

    # Live feeds.

    def test_we_follow_stock_feeds_while_they_grow(self):
        for line in LINES:
            for push in ([], ["--push-live"] if line == "11" else None):
                if push is None:
                    continue
                with self.subTest(line=line, push=push):
                    _, there, at = self.stock_seed(line, "--blocks", "5", "--size", "20", "--live-append-every", "100",
                                                   "--live-append-count", "10", *push)
                    follower = self.follow(self.new_home(), there["key"], at)
                    follower.wait_until(lambda: any(e.get("index") == 14 for e in follower.events), 30, "block 14")
                    self.assertEqual([e["index"] for e in follower.events], list(range(15)))
                    self.assertEqual(follower.stop(), 0)

    def test_stock_readers_follow_our_feed_from_empty_on(self):
        home = self.new_home()
        made = self.ok("--json", "feed", "create", "shared", home=home).object
        _, at = self.seed(home, made["key"])
        data = blocks_of(range(12), 20)
        readers = {(line, push): self.stock_reader(line, made["key"], at, "--expect-length", "12", "--range", "0..12",
                                                   "--expect-hash", sha256(data), *push)
                   for line, push in [("11", ()), ("11", ("--allow-push",)), ("10", ())]}
        for index in range(12):
            self.ok("feed", "append", "shared", home=home, stdin=content(index, 20))
        for (line, push), reader in readers.items():
            with self.subTest(line=line, push=push):
                self.finished(reader)

    def test_we_follow_a_stock_writer_who_truncates(self):
        for line in LINES:
            with self.subTest(line=line):
                stock, there, at = self.stock_seed(line, "--blocks", "40", "--size", "20", "--truncate-to", "25",
                                                   "--truncate-after", "1500", "--append-after-truncate", "10")
                home = self.new_home()
                self.follow(home, there["key"], at)
                _, relay = self.seed(home, there["key"])
                cut = stock.event("truncate", 30)
                self.eventually(lambda: self.info(home, there["key"])["fork"] == 1, 20, "the fork")
                self.eventually(lambda: self.info(home, there["key"])["contiguousLength"] == 35, 20, "all blocks")
                now = self.info(home, there["key"])
                self.assertEqual((now["length"], now["treeHash"]), (35, cut["treeHash"]))
                data = blocks_of(range(25), 20) + blocks_of(range(1000025, 1000035), 20)
                self.assertEqual(self.ok("feed", "cat", there["key"], home=home).out, data)
                # Whoever comes after the cut begins with the later fork.
                late = self.ok("--json", "feed", "download", there["key"], "--peer", at, home=self.new_home()).object
                self.assertEqual((late["blocks"], late["treeHash"]), (35, cut["treeHash"]))
                self.finished(self.stock_reader(line, there["key"], relay, "--expect-fork", "1", "--expect-length", "35",
                                                "--expect-hash", sha256(data)))

    def test_stock_readers_follow_our_writer_who_truncates(self):
        home = self.new_home()
        feed = self.our_feed(home, "cut", 40, 20)
        _, at = self.seed(home, feed["key"])
        readers = {line: self.stock_reader(line, feed["key"], at, "--expect-length", "40", "--linger", "60000") for line in LINES}
        for reader in readers.values():
            reader.event("result", 30)
        self.ok("feed", "truncate", "cut", "25", "--yes", home=home)
        more = blocks_of(range(1000025, 1000035), 20)
        self.ok("feed", "append", "cut", "--block-size", "20", home=home, stdin=more)
        data = feed["data"][:25 * 20] + more
        for line in LINES:
            with self.subTest(line=line):
                self.finished(self.stock_reader(line, feed["key"], at, "--expect-fork", "1", "--expect-length", "35",
                                                "--expect-hash", sha256(data)))

    def info(self, home, key):
        return self.ok("--json", "feed", "info", key, home=home).object

    # Through a node that can neither write nor read the feed.

    def test_a_blind_cipnode_relays_stock_feeds(self):
        home = self.new_home()
        kinds = [("11", ["--encrypted"]), ("10", ["--encrypted"]), ("11", ["--signers", "3", "--quorum", "2"])]
        seeds = [(line, *self.stock_seed(line, "--blocks", "50", "--size", "100", *flags)) for line, flags in kinds]
        _, relay = self.seed(home, *(there["key"] for _, _, there, _ in seeds))
        for _, _, there, at in seeds:
            self.follow(home, there["key"], at)
        for line, stock, there, _ in seeds:
            self.eventually(lambda key=there["key"]: self.info(home, key)["contiguousLength"] == 50, 30, "the feed at the relay")
            stock.stop()
            secret = ["--encryption-key", there["encryptionKey"]] if there["encryptionKey"] else []
            with self.subTest(line=line, encrypted=bool(secret)):
                self.finished(self.stock_reader(line, there["key"], relay, "--expect-length", "50", "--expect-tree-hash",
                                                there["treeHash"], "--expect-hash", there["contentSha256"], *secret))

    # Lies.

    def test_what_a_lying_stock_peer_sends_is_not_taken(self):
        home = self.new_home()
        for tamper in ["block:3", "node", "size", "signature"]:
            with self.subTest(tamper=tamper):
                _, there, at = self.stock_seed("11", "--blocks", "16", "--tamper", tamper)
                got = self.cipnode("--json", "feed", "download", there["key"], "--peer", at, home=home)
                self.assertNotEqual(got.code, 0, repr(got))
                error = json.loads(got.err.splitlines()[-1])["error"]
                # A wrong node below the head makes a head that nobody signed.
                self.assertEqual(error["class"], "corrupt" if tamper == "block:3" else "refused", error)
                self.assertIn(f"{at} sent", error["message"])
                self.assertNotIn("a peer", error["message"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
