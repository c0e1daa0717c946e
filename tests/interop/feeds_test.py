"""Feeds with the published packages of line 11 and line 10, over plain TCP, in both directions."""
import hashlib
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
from harness import BINARY, SystemTest, content  # noqa: E402

LINES = {"11": [], "10": ["--v10"]}


class StockFeedsTest(SystemTest):
    def our_feed(self, blocks, size, *create_flags):
        home = self.new_home()
        self.ok("feed", "create", "shared", *create_flags, home=home)
        data = b"".join(content(i, size) for i in range(blocks))
        made = self.ok("--json", "feed", "append", "shared", "--block-size", str(size), home=home, stdin=data).object
        self.assertEqual(made["length"], blocks)
        return home, made, data

    def seed(self, home, key):
        seeder = self.start([BINARY, "--home", home, "--json", "feed", "seed", key, "--listen", "127.0.0.1:0"])
        return seeder, seeder.event("ready")["tcp"]

    def stock_download(self, key, at, data, line, *more):
        return self.stock_result("feed-peer.mjs", "download", "--key", key, "--connect", at,
                                 "--expect-hash", hashlib.sha256(data).hexdigest(), *LINES[line], *more)

    def test_a_stock_reader_downloads_our_feed(self):
        for line in LINES:
            for blocks, size, flags in [(1, 10, ()), (7, 1000, ()), (3000, 100, ()), (40, 65536, ()), (100, 50, ("--compat",))]:
                with self.subTest(line=line, blocks=blocks, size=size, flags=flags):
                    home, made, data = self.our_feed(blocks, size, *flags)
                    seeder, at = self.seed(home, made["key"])
                    got = self.stock_download(made["key"], at, data, line, "--expect-length", str(blocks),
                                              "--expect-tree-hash", made["treeHash"])
                    self.assertEqual(got.code, 0, repr(got))
                    self.assertEqual(seeder.stop(), 0, seeder.stderr())

    def test_we_download_a_stock_feed(self):
        for line in LINES:
            for blocks, size, flags in [(1, 10, []), (7, 1000, []), (3000, 100, []), (40, 65536, []), (100, 50, ["--compat"]),
                                        (200, 300, ["--size-mode", "varied"])]:
                with self.subTest(line=line, blocks=blocks, size=size, flags=flags):
                    stock = self.stock("feed-peer.mjs", "seed", "--blocks", blocks, "--size", size, *flags, *LINES[line])
                    there = stock.event("listening")
                    home = self.new_home()
                    got = self.ok("--json", "feed", "download", there["key"], "--peer", f"127.0.0.1:{there['port']}", home=home).object
                    self.assertEqual(got["blocks"], blocks)
                    self.assertEqual(got["treeHash"], there["treeHash"])
                    whole = self.ok("feed", "cat", there["key"], home=home).out
                    self.assertEqual(hashlib.sha256(whole).hexdigest(), there["contentSha256"])

    def test_we_follow_a_stock_feed_while_it_grows(self):
        for line in LINES:
            with self.subTest(line=line):
                stock = self.stock("feed-peer.mjs", "seed", "--blocks", "5", "--size", "20", "--live-append-every", "200",
                                   "--live-append-count", "10", *LINES[line])
                there = stock.event("listening")
                follower = self.start([BINARY, "--home", self.new_home(), "--json", "feed", "follow", there["key"],
                                       "--peer", f"127.0.0.1:{there['port']}"])
                follower.wait_until(lambda: any(e.get("index") == 14 for e in follower.events), 30, "block 14")
                self.assertEqual([e["index"] for e in follower.events], list(range(15)))
                self.assertEqual(follower.stop(), 0)

    def test_a_stock_reader_follows_our_feed_while_it_grows(self):
        for line in LINES:
            with self.subTest(line=line):
                home, made, data = self.our_feed(5, 20)
                seeder, at = self.seed(home, made["key"])
                more = b"".join(content(i, 20) for i in range(5, 12))
                reader = self.stock("feed-peer.mjs", "download", "--key", made["key"], "--connect", at, "--expect-length", "12",
                                    "--range", "0..12", "--expect-hash", hashlib.sha256(data + more).hexdigest(), *LINES[line])
                for index in range(5, 12):
                    self.ok("feed", "append", "shared", home=home, stdin=content(index, 20))
                self.assertEqual(reader.wait(60), 0, f"{reader.events} {reader.stderr()}")

    def test_what_a_lying_stock_peer_sends_is_not_taken(self):
        for tamper in ["block:3", "node", "signature"]:
            with self.subTest(tamper=tamper):
                stock = self.stock("feed-peer.mjs", "seed", "--blocks", "16", "--tamper", tamper)
                there = stock.event("listening")
                home = self.new_home()
                got = self.cipnode("--json", "--timeout", "5s", "feed", "download", there["key"],
                                   "--peer", f"127.0.0.1:{there['port']}", home=home)
                self.assertNotEqual(got.code, 0, repr(got))
                error = json.loads(got.err.splitlines()[-1])["error"]
                self.assertIn(error["class"], ("corrupt", "timeout", "not_found", "no_route"), error)


if __name__ == "__main__":
    unittest.main(verbosity=2)
