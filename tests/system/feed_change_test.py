"""What takes away from a feed, as a user does it: cut, clear, drop, and the check of what is on disk."""
import contextlib
import os
import unittest

from harness import CONFLICT, CORRUPT, NOT_FOUND, REFUSED, USAGE, SystemTest

BLOCK, BLOCKS = 65536, 400  # more than RocksDB keeps in memory before it writes files


class FeedChangeTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.writer = self.join()
        self.ok("feed", "create", "log", home=self.writer)
        self.data = os.urandom(BLOCK * BLOCKS)
        self.made = self.append(self.data)
        self.key = self.made["key"]

    def append(self, data):
        return self.ok("--json", "feed", "append", "log", "--block-size", BLOCK, home=self.writer, stdin=data).object

    def info(self, node):
        return self.ok("--json", "feed", "info", self.key, home=node).object

    def disk(self, node):
        total = 0
        for path in (node.home / "database").iterdir():
            with contextlib.suppress(FileNotFoundError):  # the database removes what it needs no longer
                total += path.stat().st_blocks * 512
        return total

    def read_from(self, node, *args):
        return self.ok("feed", "cat", self.key, "--peer", self.writer.ready["tcp"], *args, home=node).out

    def test_readers_follow_a_cut_feed_into_its_new_history(self):
        reader = self.join(self.writer.contact)
        self.ok("feed", "seed", self.key, home=reader)
        self.eventually(lambda: self.info(reader)["contiguousLength"] == BLOCKS, 60, "the whole feed")
        cut = self.ok("--json", "feed", "truncate", "log", 100, "--yes", home=self.writer).object
        self.assertEqual((cut["length"], cut["fork"]), (100, 1))
        more = os.urandom(BLOCK * 3)
        again = self.append(more)
        self.eventually(lambda: self.info(reader)["treeHash"] == again["treeHash"], 60, "the new history")
        self.eventually(lambda: self.info(reader)["contiguousLength"] == 103, 60, "its blocks")
        self.assertEqual(self.info(reader)["fork"], 1)
        self.assertEqual(self.read_from(reader), self.data[: 100 * BLOCK] + more)

    def test_only_the_writer_cuts_and_not_beyond_the_length(self):
        reader = self.join(self.writer.contact)
        self.read_from(reader, "--range", "0..1")
        self.assertEqual(self.cipnode("feed", "truncate", self.key, 1, "--yes", home=reader).code, REFUSED)
        self.assertEqual(self.cipnode("feed", "truncate", "log", BLOCKS + 1, "--yes", home=self.writer).code, USAGE)
        self.assertEqual(self.cipnode("feed", "truncate", "log", 1, home=self.writer).code, USAGE)
        self.assertEqual(self.info(self.writer)["length"], BLOCKS)

    def test_cleared_blocks_give_their_disk_back_and_are_fetched_again(self):
        reader = self.join(self.writer.contact)
        self.ok("feed", "download", self.key, "--peer", self.writer.ready["tcp"], home=reader)
        full = self.disk(reader)
        self.assertGreater(full, len(self.data) // 2)
        cleared = self.ok("--json", "feed", "clear", self.key, "--range", "0..380", home=reader).object
        self.assertEqual(cleared["cleared"], 380)
        self.assertEqual(self.info(reader)["held"], 20)
        # A held block keeps the file that it is in, and which blocks share one is a matter of how they came.
        self.ok("feed", "clear", self.key, "--range", "380..400", home=reader)
        self.eventually(lambda: self.disk(reader) < full - 200 * BLOCK, 20, "the disk is given back")
        self.assertEqual(self.read_from(reader, "--range", "15..30"), self.data[15 * BLOCK : 30 * BLOCK])
        self.assertEqual(self.cipnode("feed", "clear", "log", "--range", "0..5", home=self.writer).code, USAGE)

    def test_a_dropped_feed_is_gone_with_its_disk_and_its_name_is_free(self):
        dropped = self.ok("--json", "feed", "drop", "log", "--yes", home=self.writer).object
        self.assertEqual(dropped["key"], self.key)
        self.eventually(lambda: self.disk(self.writer) < len(self.data) // 4, 20, "the disk is given back")
        self.assertEqual(self.cipnode("feed", "info", "log", home=self.writer).code, NOT_FOUND)
        self.assertEqual(self.cipnode("feed", "info", self.key, home=self.writer).code, NOT_FOUND)
        again = self.ok("--json", "feed", "create", "log", home=self.writer).object
        self.assertNotEqual(again["key"], self.key)

    def test_a_derived_name_that_was_dropped_never_starts_again(self):
        self.ok("feed", "create", "diary", "--derive", home=self.writer)
        self.ok("feed", "append", "diary", home=self.writer, stdin=b"first")
        self.ok("feed", "drop", "diary", "--yes", home=self.writer)
        self.assertEqual(self.cipnode("feed", "create", "diary", "--derive", home=self.writer).code, CONFLICT)

    def flip_a_bit(self, node):
        self.assertEqual(node.stop(), 0)
        self.ok("--no-daemon", "feed", "ls", home=node)  # opening writes what the log still holds into files
        blobs = sorted((node.home / "database").glob("*.blob"), key=lambda path: path.stat().st_size)
        with blobs[-1].open("r+b") as blob:
            blob.seek(blobs[-1].stat().st_size // 2)
            byte = blob.read(1)
            blob.seek(-1, os.SEEK_CUR)
            blob.write(bytes([byte[0] ^ 1]))

    def test_a_damaged_block_of_a_replica_is_fetched_again(self):
        reader = self.join(self.writer.contact)
        self.ok("feed", "download", self.key, "--peer", self.writer.ready["tcp"], home=reader)
        self.flip_a_bit(reader)
        reader = self.join(self.writer.contact, home=reader.home)
        read = self.ok("feed", "cat", self.key, home=reader)
        self.assertEqual(read.out, self.data)
        self.assertIn(b"fetched again", read.err)
        verified = self.ok("--json", "feed", "verify", self.key, home=reader).object
        self.assertEqual((verified["blocks"], verified["bad"]), (BLOCKS, []))

    def test_a_damaged_block_of_a_replica_that_nobody_gives_again_is_damage(self):
        reader = self.join(self.writer.contact)
        self.ok("feed", "download", self.key, "--peer", self.writer.ready["tcp"], home=reader)
        self.flip_a_bit(reader)
        self.writer.stop()
        reader = self.join(home=reader.home)
        self.assertEqual(self.cipnode("feed", "cat", self.key, home=reader).code, CORRUPT)

    def test_a_flipped_bit_on_disk_is_found_by_verify_and_by_reading(self):
        whole = self.ok("--json", "feed", "verify", "log", home=self.writer).object
        self.assertEqual((whole["blocks"], whole["bad"]), (BLOCKS, []))
        self.flip_a_bit(self.writer)
        damaged = self.cipnode("--no-daemon", "--json", "feed", "verify", "log", home=self.writer)
        self.assertEqual(damaged.code, CORRUPT, repr(damaged))
        self.assertEqual([part["kind"] for part in damaged.object["bad"]], ["block"])
        index = damaged.object["bad"][0]["index"]
        read = self.cipnode("--no-daemon", "feed", "cat", "log", "--range", f"{index}..{index + 1}", home=self.writer)
        self.assertEqual(read.code, CORRUPT, repr(read))
        self.assertEqual(read.out, b"")
        before = self.ok("--no-daemon", "feed", "cat", "log", "--range", f"0..{index}", home=self.writer).out
        self.assertEqual(before, self.data[: index * BLOCK])


if __name__ == "__main__":
    unittest.main(verbosity=2)
