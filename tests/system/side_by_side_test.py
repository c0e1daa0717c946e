"""Commands side by side on one home, while another node takes part: nothing is refused for what this home itself
wrote meanwhile, nothing is lost, nothing comes twice."""
import json
import subprocess
import unittest

from harness import BINARY, SystemTest

SIDE_BY_SIDE = 20


class SideBySideTest(SystemTest):
    def all_at_once(self, home, commands):
        """Starts all commands, each (arguments, input), then waits: their exit codes and what they printed."""
        running = []
        for args, data in commands:
            process = subprocess.Popen([BINARY, "--home", str(home), "--json", *args], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            process.stdin.write(data)
            process.stdin.close()
            process.stdin = None
            running.append(process)
        done = [(*process.communicate(timeout=60), process.returncode) for process in running]
        wrong = [(code, err.decode()) for _, err, code in done if code != 0]
        self.assertEqual(wrong, [])
        return [out for out, _, _ in done]

    def test_appends_side_by_side_are_all_there_once(self):
        replica = self.join()
        writer = self.join(replica.contact)
        made = self.ok("--json", "feed", "create", "log", home=writer).object
        self.ok("feed", "append", "log", home=writer, stdin=b"first")
        self.ok("feed", "seed", made["key"], home=replica)
        written = {b"first"}
        # A process asks others how long the feed is before it first appends: each round is a new one.
        for turn in range(3):
            writer.stop()
            writer = self.join(replica.contact, home=writer.home)
            texts = [f"{turn}-{i}".encode() for i in range(SIDE_BY_SIDE)]
            self.all_at_once(writer.home, [(["feed", "append", "log"], text) for text in texts])
            written |= set(texts)
        length = len(written)
        lines = []
        for node in (writer, replica):
            follower = self.start([BINARY, "--home", node.home, "--json", "feed", "follow", made["key"]])
            follower.wait_until(lambda: len(follower.events) >= length, 30, f"{length} blocks")
            lines.append([event["text"].encode() for event in follower.events])
        self.assertEqual(sorted(lines[0]), sorted(written))
        self.assertEqual(lines[0], lines[1])

    def test_lines_of_one_append_keep_their_order_among_those_of_others(self):
        writer = self.join()
        made = self.ok("--json", "feed", "create", "log", home=writer).object
        inputs = ["".join(f"{i}:{n}\n" for n in range(50)).encode() for i in range(6)]
        self.all_at_once(writer.home, [(["feed", "append", "log", "--lines"], data) for data in inputs])
        follower = self.start([BINARY, "--home", writer.home, "--json", "feed", "follow", made["key"]])
        follower.wait_until(lambda: len(follower.events) >= 300, 30, "300 blocks")
        texts = [event["text"] for event in follower.events]
        for i in range(6):
            self.assertEqual([text for text in texts if text.startswith(f"{i}:")], [f"{i}:{n}" for n in range(50)])

    def test_first_messages_of_many_topics_are_all_taken(self):
        reader = self.join()
        author = self.join(reader.contact)
        topics = [f"topic-{i}" for i in range(40)]
        self.all_at_once(reader.home, [(["topic", "create", topic], b"") for topic in topics])
        self.all_at_once(author.home, [(["publish", topic], topic.encode()) for topic in topics])
        for topic in topics[::8]:
            got = self.ok("subscribe", topic, "--since", "start", "--count", "1", home=reader)
            self.assertEqual(got.out, topic.encode() + b"\n")

    def test_first_messages_of_one_topic_go_into_one_feed(self):
        author = self.join()
        texts = [f"message {i}".encode() for i in range(SIDE_BY_SIDE)]
        self.all_at_once(author.home, [(["publish", "news"], text) for text in texts])
        info = self.ok("--json", "topic", "info", "news", home=author).object
        self.assertEqual([feed["own"] for feed in info["feeds"]], [True])
        got = self.ok("subscribe", "news", "--since", "start", "--count", str(len(texts)), home=author)
        self.assertEqual(sorted(got.out.splitlines()), sorted(texts))

    def test_listings_side_by_side_close_a_feed_under_nobody(self):
        writer = self.join()
        made = self.ok("--json", "feed", "create", "log", home=writer).object
        self.ok("feed", "append", "log", home=writer, stdin=b"text")
        reader = self.join(writer.contact)
        self.ok("feed", "cat", made["key"], home=reader)
        listings = self.all_at_once(reader.home, [(["feed", "ls"], b"")] * SIDE_BY_SIDE)
        # Peers of the feed come and go meanwhile.
        listed = {(info["key"], info["length"], info["held"]) for info in map(json.loads, listings)}
        self.assertEqual(listed, {(made["key"], 1, 1)})


class UsesTest(SystemTest):
    def test_a_feed_in_use_says_by_whom_and_goes_once_that_has_ended(self):
        node = self.join()
        made = self.ok("--json", "feed", "create", "log", home=node).object
        self.ok("feed", "append", "log", home=node, stdin=b"text")
        follower = self.start([BINARY, "--home", node.home, "--json", "feed", "follow", "log"])
        follower.wait_until(lambda: follower.events, 20, "the block")
        busy = self.cipnode("--json", "feed", "drop", "log", "--yes", home=node)
        self.assertEqual(busy.code, 9, repr(busy))
        self.assertIn("feed follow", busy.error["message"])
        follower.kill()  # its connection closes, without a word
        self.eventually(lambda: self.cipnode("feed", "drop", "log", "--yes", home=node).code == 0, 10, "the drop")
        self.assertEqual(self.cipnode("feed", "info", made["key"], home=node).code, 3)

    def test_a_seeded_feed_and_one_that_others_fetch_are_dropped_after_a_restart(self):
        writer = self.join()
        made = self.ok("--json", "feed", "create", "log", home=writer).object
        self.ok("feed", "append", "log", "--lines", home=writer, stdin=b"one\ntwo\n")
        seeder = self.join(writer.contact, flags=["--seed", made["key"]])
        length = lambda node: self.ok("--json", "feed", "info", made["key"], home=node).object["contiguousLength"]
        self.eventually(lambda: length(seeder) == 2, 20, "the feed")
        self.ok("feed", "cat", made["key"], home=seeder)
        self.cipnode("--timeout", "1s", "feed", "follow", made["key"], home=seeder)
        seeder.stop()
        seeder = self.join(writer.contact, home=seeder.home)
        self.ok("feed", "drop", made["key"], "--yes", home=seeder)
        self.assertEqual(self.ok("--json", "feed", "ls", home=seeder).out, b"")
        # Its peer goes on, and drops the original while it is read over the network.
        follower = self.start([BINARY, "--home", seeder.home, "--json", "feed", "follow", made["key"]])
        follower.wait_until(lambda: len(follower.events) == 2, 20, "both blocks")
        writer.stop()
        writer = self.join(home=writer.home)
        self.ok("feed", "drop", "log", "--yes", home=writer)

    def test_asking_for_what_nobody_has_leaves_no_feed_behind(self):
        first = self.join()
        node = self.join(first.contact)
        for method in ("cat", "download", "follow"):
            self.cipnode("--timeout", "1s", "feed", method, "y" * 52, home=node)
        self.eventually(lambda: self.ok("--json", "feed", "ls", home=node).out == b"", 10, "an empty list")


if __name__ == "__main__":
    unittest.main()
