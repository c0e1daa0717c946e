"""Feeds between real nodes that know each other's key and one unrelated contact."""
import hashlib
import os
import random
import unittest

from harness import BINARY, NO_ROUTE, SystemTest, real_lines


def blocks_of_20_mb():
    return random.Random(7).randbytes(20 * 1024 * 1024)


class FeedsTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.contact = self.join()
        self.writer = self.join(self.contact.contact)

    def lines_feed(self):
        lines = real_lines().split(b"\n")[:5000]
        self.ok("feed", "create", "lines", home=self.writer)
        return self.ok("--json", "feed", "append", "lines", "--lines", home=self.writer, stdin=b"\n".join(lines)).object, b"".join(lines)

    def large_feed(self):
        data = blocks_of_20_mb()
        self.ok("feed", "create", "large", home=self.writer)
        made = self.ok("--json", "feed", "append", "large", "--block-size", "64k", home=self.writer, stdin=data).object
        return made, data

    def check_download(self, made, data):
        reader = self.join(self.contact.contact)
        got = self.ok("--json", "feed", "download", made["key"], home=reader, seconds=120).object
        self.assertEqual(got["treeHash"], made["treeHash"])
        self.assertEqual(got["blocks"], made["length"])
        self.assertEqual(got["bytes"], len(data))
        # What came over streams that began with a hello, by the writer's key.
        peers = {peer["key"]: peer for peer in self.ok("--json", "peers", home=reader).objects}
        self.assertIn(self.writer.ready["key"], peers)
        stream = peers[self.writer.ready["key"]]
        self.assertEqual(stream["stream"], "bound")
        self.assertGreaterEqual(stream["bytesIn"], len(data))
        self.writer.kill()
        here = self.ok("feed", "cat", made["key"], home=reader)
        self.assertEqual(hashlib.sha256(here.out).digest(), hashlib.sha256(data).digest())

    def test_five_thousand_real_lines_arrive_by_key_alone_over_a_bound_stream(self):
        made, data = self.lines_feed()
        self.assertEqual(made["length"], 5000)
        self.check_download(made, data)

    def test_twenty_megabytes_in_large_blocks_arrive_by_key_alone_over_a_bound_stream(self):
        made, data = self.large_feed()
        self.assertEqual(made["length"], 320)
        self.check_download(made, data)

    def test_a_download_of_a_range_counts_no_blocks_of_another_one(self):
        made, _ = self.large_feed()
        reader = self.join(self.contact.contact)
        part = self.start([BINARY, "--home", reader.home, "--json", "feed", "download", made["key"], "--range", "100..110"])
        self.ok("feed", "download", made["key"], home=reader, seconds=120)
        self.assertEqual(part.wait(), 0, part.stderr())
        # Some may have come by the other one before this one began.
        self.assertLessEqual(part.events[-1]["blocks"], 10)
        self.assertLessEqual(part.events[-1]["bytes"], 10 * 65536)

    def test_an_own_feed_is_served_whatever_is_seeded(self):
        made, _ = self.lines_feed()
        refused = self.cipnode("--json", "feed", "unseed", "lines", home=self.writer)
        self.assertEqual(refused.code, 2, refused)
        self.assertIn("own feed", refused.error["message"])
        seeded = self.ok("--json", "feed", "seed", "lines", home=self.writer)
        self.assertEqual(seeded.object["key"], made["key"])
        self.assertIn(b"own feed", seeded.err)
        # Of a topic: its feeds go with it alone.
        feed = self.ok("--json", "publish", "news", "hi", home=self.writer).object["feed"]
        self.ok("subscribe", "news", "--since", "start", "--count", "1", home=self.contact)
        for node in (self.writer, self.contact):
            refused = self.cipnode("--json", "feed", "unseed", feed, home=node)
            self.assertEqual(refused.code, 2, refused)
            self.assertIn("topic", refused.error["message"])

    def test_a_peer_is_named_by_the_key_of_its_node(self):
        made, data = self.lines_feed()
        reader = self.join(self.contact.contact)
        self.assertEqual(self.ok("feed", "cat", made["key"], "--peer", self.writer.ready["key"], home=reader).out, data)
        # Who never was there is not found, and that is said.
        stranger = self.ok("--json", "id", home=self.new_home()).object["key"]
        for command in ("cat", "download"):
            refused = self.cipnode("--json", "feed", command, os.urandom(32).hex(), "--peer", stranger, home=reader)
            self.assertEqual(refused.code, NO_ROUTE, refused)
            self.assertIn("cannot be greeted", refused.error["message"])
        refused = self.cipnode("--json", "feed", "append", "lines", "--peer", stranger, home=self.restarted_writer(), stdin=b"x")
        self.assertEqual(refused.code, NO_ROUTE, refused)
        told = self.ok("feed", "seed", made["key"], "--peer", "nowhere.invalid:1", home=reader)
        self.assertIn(b"nowhere.invalid:1 cannot be resolved", told.err)

    def restarted_writer(self):
        self.writer.kill()
        return self.join(self.contact.contact, home=self.writer.home)

    def test_a_reader_killed_in_the_middle_resumes_without_fetching_again_what_it_had(self):
        made, data = self.large_feed()
        reader = self.join(self.contact.contact)
        # Slowed by its range: the first part is committed, the reader dies while it fetches the rest.
        half = self.ok("--json", "feed", "download", made["key"], "--range", "0..160", home=reader, seconds=120).object
        self.assertEqual(half["blocks"], 160)
        under_way = self.start([BINARY, "--home", reader.home, "--json", "feed", "download", made["key"]])
        self.eventually(lambda: self.blocks_here(reader, made["key"]) > 160, 30, "a block of the second half")
        # The command dies first: it would go on with the next node before what is missing has been counted.
        under_way.kill()
        reader.kill()

        again = self.join(self.contact.contact, home=reader.home)
        before = self.blocks_here(again, made["key"])
        self.assertGreaterEqual(before, 160)
        got = self.ok("--json", "feed", "download", made["key"], home=again, seconds=120).object
        self.assertEqual(got["treeHash"], made["treeHash"])
        peers = {peer["key"]: peer for peer in self.ok("--json", "peers", home=again).objects}
        fetched = peers[self.writer.ready["key"]]["bytesIn"]
        missing = (made["length"] - before) * 65536
        self.assertLess(fetched, missing + (1 << 20))
        self.assertEqual(self.ok("feed", "cat", made["key"], home=again).out, data)

    def blocks_here(self, node, key):
        info = self.cipnode("--json", "feed", "info", key, home=node)
        return info.object["contiguousLength"] if info.code == 0 else 0

    def test_a_seeder_without_a_dht_fetches_from_a_named_peer_and_passes_on(self):
        def seed(home, *args):
            return self.start([BINARY, "--home", home, "--json", "feed", "seed", *args, "--listen", "127.0.0.1:0"]).event("ready")["tcp"]

        source, relay, reader = self.new_home(), self.new_home(), self.new_home()
        made = {name: self.ok("--json", "feed", "create", name, *flags, home=source).object
                for name, flags in (("plain", []), ("secret", ["--encrypted"]))}
        data = {name: os.urandom(200_000) for name in made}
        for name in made:
            self.ok("feed", "append", name, "--block-size", "5000", home=source, stdin=data[name])
        keys = [made[name]["key"] for name in made]
        passed_on = seed(relay, *keys, "--peer", seed(source, *keys))
        secret = self.folder / "key"
        secret.write_text(made["secret"]["encryptionKey"])
        for name, more in (("plain", []), ("secret", ["--encryption-key-file", secret])):
            got = self.ok("feed", "cat", made[name]["key"], "--peer", passed_on, *more, home=reader)
            self.assertEqual(got.out, data[name])
        # The relay knows no encryption key: what it holds is not what was written.
        self.assertNotEqual(self.cipnode("feed", "cat", made["secret"]["key"], home=relay).out, data["secret"])
        # Feeds that come later, and blocks that come later, travel on the same way.
        self.ok("feed", "append", "plain", home=source, stdin=b"later")
        follower = self.start([BINARY, "--home", self.new_home(), "--json", "feed", "follow", made["plain"]["key"], "--peer", passed_on])
        follower.wait_until(lambda: any(e.get("text") == "later" for e in follower.events), 20, "the later block")

    def test_an_encrypted_feed_is_read_with_its_encryption_key_alone(self):
        made = self.ok("--json", "feed", "create", "secret", "--encrypted", home=self.writer).object
        self.ok("feed", "append", "secret", "--lines", home=self.writer, stdin=b"one\ntwo\n")
        key_file = self.folder / "key"
        key_file.write_text(made["encryptionKey"])
        reader, relay = self.join(self.contact.contact), self.join(self.contact.contact)
        read = self.ok("feed", "cat", made["key"], "--encryption-key-file", key_file, home=reader).out
        self.assertEqual(read, b"onetwo")
        self.assertNotIn(b"one", self.ok("feed", "cat", made["key"], home=relay).out)

    def test_an_encryption_key_belongs_to_the_command_that_it_was_given_to(self):
        made = self.ok("--json", "feed", "create", "secret", "--encrypted", home=self.writer).object
        self.ok("feed", "append", "secret", "--lines", home=self.writer, stdin=b"one\ntwo\n")
        right, wrong = self.folder / "right", self.folder / "wrong"
        right.write_text(made["encryptionKey"])
        wrong.write_text("y" * 52)
        reader = self.join(self.contact.contact)
        key = made["key"]
        follower = self.start([BINARY, "--home", reader.home, "--json", "feed", "follow", key, "--encryption-key-file", right])
        follower.wait_until(lambda: len(follower.events) == 2, 20, "the first blocks")
        for method in ("cat", "follow"):
            refused = self.cipnode("--json", "feed", method, key, "--encryption-key-file", wrong, home=reader)
            self.assertEqual((refused.code, refused.out), (7, b""), repr(refused))
        self.ok("feed", "append", "secret", home=self.writer, stdin=b"three")
        follower.wait_until(lambda: len(follower.events) == 3, 20, "the block appended meanwhile")
        self.assertEqual([e.get("text") for e in follower.events], ["one", "two", "three"])
        # Nobody's key stayed: who gives none gets the blocks as they are stored.
        self.assertNotIn(b"one", self.ok("feed", "cat", key, home=reader).out)
        self.assertEqual(self.ok("feed", "cat", key, "--encryption-key-file", right, home=reader).out, b"onetwothree")
        # At home the key is known: the same is welcome, another one is not, and the author's stays.
        self.ok("feed", "cat", "secret", "--encryption-key-file", right, home=self.writer)
        refused = self.cipnode("--json", "feed", "download", "secret", "--encryption-key-file", wrong, home=self.writer)
        self.assertEqual(refused.code, 7, repr(refused))

    def test_appends_are_refused_by_a_reader_and_unknown_keys_are_not_found(self):
        made, _ = self.lines_feed()
        reader = self.join(self.contact.contact)
        self.ok("feed", "download", made["key"], home=reader)
        refused = self.cipnode("--json", "feed", "append", made["key"], home=reader, stdin=b"x")
        self.assertEqual(refused.code, 7, repr(refused))
        unknown = self.cipnode("--json", "--timeout", "8s", "feed", "download", "y" * 52, home=reader)
        self.assertEqual(unknown.code, 3, repr(unknown))

    def test_an_append_survives_a_kill_right_after_it_was_confirmed(self):
        self.ok("feed", "create", "log", home=self.writer)
        made = self.ok("--json", "feed", "append", "log", home=self.writer, stdin=os.urandom(100)).object
        self.writer.kill()
        again = self.join(self.contact.contact, home=self.writer.home)
        info = self.ok("--json", "feed", "info", "log", home=again).object
        self.assertEqual((info["length"], info["treeHash"]), (1, made["treeHash"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
