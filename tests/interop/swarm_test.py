"""Streams over UDX with programs that are built on Hyperswarm, by key alone: whoever greets whom, whoever has the
feed, and what happens when one of the two goes away."""
import unittest

from swarm_fixture import SwarmFixture, sha256, stock_content
from harness import BINARY, content


class SwarmTest(SwarmFixture):
    # Feeds.

    def test_feeds_that_a_hyperswarm_program_seeds_are_fetched_by_their_keys_alone(self):
        _, there = self.seed("--cores", 2, "--blocks", 400, "--size", 3000)
        node = self.node()
        for number, feed in enumerate(there["feeds"]):
            got = self.ok("--json", "feed", "download", feed["key"], home=node).object
            self.assertEqual((got["blocks"], got["treeHash"]), (400, feed["treeHash"]))
            whole = self.ok("feed", "cat", feed["key"], home=node).out
            self.assertEqual(whole, stock_content(number, 400, 3000))
        # Both came over one stream, which this node called for.
        peers = self.peers(node)
        self.assertEqual(len(peers), 1, peers)
        peer = peers[0]
        self.assertEqual((peer["transport"], peer["stream"], peer["direction"]), ("udx", "hello", "out"))
        self.assertGreaterEqual(peer["mtu"], 1200)
        self.assertIsNotNone(peer["rttMs"])
        status = self.ok("--json", "status", home=node).object["udx"]
        self.assertEqual(status["streams"], 1)
        self.assertGreater(status["packetsIn"], 800)

    def test_a_feed_of_ours_is_fetched_by_a_hyperswarm_program_that_has_its_key_alone(self):
        node = self.node()
        feed = self.our_feed(node, "ours", 400, 3000)
        reader = self.swarm_peer("download", "--key", feed["keyHex"], "--length", 400)
        got = reader.event("feed", 60)
        self.assertEqual((got["length"], got["contentSha256"]), (400, sha256(feed["data"])))
        self.assertEqual(reader.wait(20), 0)
        # It is gone, and said so.
        self.eventually(lambda: not self.peers(node), 10, "the stream ends")

    def test_what_is_appended_later_arrives_both_ways(self):
        seeder, there = self.seed("--blocks", 10, stdin=-1)
        node = self.node()
        key = there["feeds"][0]["key"]
        follower = self.start([BINARY, "--home", node.home, "--json", "feed", "follow", key])
        follower.wait_until(lambda: sum("index" in e for e in follower.events) == 10, 30, "the first ten")
        seeder.process.stdin.write(b"append 5\n")
        seeder.process.stdin.flush()
        follower.wait_until(lambda: sum("index" in e for e in follower.events) == 15, 30, "what was appended")

        feed = self.our_feed(node, "ours", 10, 100)
        reader = self.swarm_peer("download", "--key", feed["keyHex"], "--length", 10, "--live")
        reader.event("feed", 60)
        self.ok("feed", "append", "ours", "--lines", home=node, stdin=b"more\n")
        self.assertEqual(reader.event("append", 30)["length"], 11)

    # Streams.

    def test_a_peer_that_was_killed_is_noticed_and_found_again(self):
        seed = "11" * 32
        storage = self.folder / "stock"
        flags = ["--blocks", 50, "--seed", seed, "--key-seed", seed, "--storage", storage]
        seeder, there = self.seed(*flags)
        node = self.node()
        key = there["feeds"][0]["key"]
        self.ok("feed", "seed", key, home=node)
        self.eventually(lambda: self.peers(node), 20, "the stream is up")
        seeder.kill()
        self.eventually(lambda: not self.peers(node), 20, "the peer's death is noticed")
        seeder, there = self.seed(*flags)
        self.eventually(lambda: self.peers(node), 60, "it is found again")

    def test_two_that_look_for_each_other_have_one_stream(self):
        topic = "22" * 32
        node = self.node()
        self.ok("publish", "talk", "hi", home=node)
        feed = self.our_feed(node, "ours", 5, 100)
        key = feed["discoveryKey"]
        # It is server and client for the feed's topic, and so is the node.
        peer = self.swarm_peer("swarm", "--topic", f"{key},{topic}", "--server", "--client")
        peer.event("connection", 60)
        self.eventually(lambda: len(self.peers(node)) == 1, 20, "one stream")

    # What is said of them.

    def test_find_tells_what_a_stock_peer_offers_and_who_may_not_use_it(self):
        _, there = self.seed("--blocks", 5)
        node = self.node()
        hello = self.ok("--json", "find", there["key"], home=node).object["hello"]
        self.assertEqual((hello["peer"], hello["transport"]), ("stock", "offered"))
        self.ok("feed", "download", there["feeds"][0]["key"], home=node)
        hello = self.ok("--json", "find", there["key"], home=node).object["hello"]
        self.assertEqual(hello["transport"], "udx")

        alone = self.node("--transport", "tcp")
        hello = self.ok("--json", "find", there["key"], home=alone).object["hello"]
        self.assertEqual(hello["transport"], "none")
        missed = self.cipnode("--timeout", "8s", "feed", "download", there["feeds"][0]["key"], home=alone)
        self.assertNotEqual(missed.code, 0)
        self.assertEqual(self.peers(alone), [])

    def test_cipnodes_that_leave_tcp_have_their_stream_over_udx(self):
        writer, reader = self.node("--transport", "udx"), self.node()
        feed = self.our_feed(writer, "ours", 200, 3000)
        got = self.ok("feed", "cat", feed["key"], home=reader).out
        self.assertEqual(got, feed["data"])
        self.assertEqual([peer["transport"] for peer in self.peers(reader)], ["udx"])


if __name__ == "__main__":
    unittest.main()
