"""Away from the network a node knows: commands about the own disk do not wait for it, those that need it say soon
that nobody answers. Bounds are generous: the machine may be busy."""
import time
import unittest

from harness import NO_ROUTE, NOT_FOUND, SystemTest

# Nobody listens on port 9; a datagram to it is lost like one to a host that is gone.
GONE = "127.0.0.1:9"
UNKNOWN = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"
NO_LAN = {"CIPNODE_NO_LAN": "1"}


class OfflineTest(SystemTest):
    def timed(self, *args, code=0, limit, home, **options):
        begun = time.monotonic()
        result = self.cipnode(*args, home=home, env=NO_LAN, **options)
        took = time.monotonic() - begun
        self.assertEqual(result.code, code, repr(result))
        self.assertLess(took, limit, f"{args} took {took:.2f} s\n{result!r}")
        return result, took

    def home_that_knew_others(self):
        """A home with a feed and a topic, whose only contact is gone."""
        home = self.new_home()
        other = self.join()
        node = self.join(other.contact, home=home)
        self.ok("feed", "create", "log", home=home)
        self.ok("feed", "append", "log", home=home, stdin=b"one")
        self.ok("publish", "news", "one", home=home)
        self.assertEqual(node.stop(), 0)
        other.kill()
        return home

    def test_local_commands_do_not_wait_for_contacts_that_are_gone(self):
        home = self.home_that_knew_others()
        self.timed("feed", "ls", home=home, limit=1.5)
        self.timed("stop", home=home, limit=1.5)
        self.timed("feed", "append", "log", home=home, stdin=b"two", limit=3)
        warm = []
        for _ in range(20):
            for args in (["feed", "ls"], ["feed", "info", "log"], ["topic", "ls"], ["status"], ["feed", "cat", "log"]):
                warm.append(self.timed(*args, home=home, limit=1)[1])
        self.assertLess(sorted(warm)[len(warm) // 2], 0.15, "half of the commands of a warm node take less")
        self.timed("publish", "news", "two", home=home, limit=1.5)
        self.timed("feed", "append", "log", home=home, stdin=b"three", limit=1)
        self.timed("stop", home=home, limit=1.5)

    def test_commands_that_need_others_say_soon_that_nobody_answers(self):
        home = self.home_that_knew_others()
        self.timed("put", "value", code=NO_ROUTE, home=home, limit=5)
        for args in (["put", "value"], ["get", "5a" * 32], ["size"], ["lookup", "5a" * 32], ["find", UNKNOWN],
                     ["doctor"], ["feed", "download", UNKNOWN]):
            self.timed(*args, code=NO_ROUTE, home=home, limit=2)

    def test_what_became_of_a_contact_is_said(self):
        cases = {GONE: "127.0.0.1:9 does not answer", "no-such-host.invalid:4001": "no-such-host.invalid:4001 cannot be resolved"}
        for contact, words in cases.items():
            result = self.cipnode("--timeout", "1s", "join", contact, "-d", "--no-lan", "--listen", "127.0.0.1:0", home=self.new_home())
            self.assertEqual(result.code, NO_ROUTE, repr(result))
            self.assertIn(words, result.err.decode())

    def test_a_peer_named_by_name_is_dialled(self):
        writer = self.join()
        key = self.ok("--json", "feed", "create", "log", home=writer).object["key"]
        self.ok("feed", "append", "log", home=writer, stdin=b"one")
        port = writer.ready["tcp"].split(":")[1]
        got = self.ok("feed", "cat", key, "--peer", f"localhost:{port}", home=self.new_home(), env=NO_LAN)
        self.assertEqual(got.out, b"one")
        lost = self.cipnode("feed", "cat", UNKNOWN, "--peer", "no-such-host.invalid:4001", home=self.new_home(), env=NO_LAN)
        self.assertEqual(lost.code, NO_ROUTE, repr(lost))
        self.assertIn("no-such-host.invalid", lost.err.decode())

    def test_a_new_feed_is_found_at_once_and_an_unknown_one_missed_soon(self):
        first = self.join()
        writer, reader = self.join(first.contact), self.join(first.contact)
        _, took = self.timed("feed", "download", UNKNOWN, code=NOT_FOUND, home=reader, limit=3)
        key = self.ok("--json", "feed", "create", "log", home=writer).object["key"]
        self.ok("feed", "append", "log", home=writer, stdin=b"one")
        self.timed("feed", "download", key, home=reader, limit=3)


class LoadedTest(SystemTest):
    def test_a_node_that_says_ready_has_loaded_its_topics_and_feeds(self):
        home, count = self.new_home(), 300
        node = self.join(home=home)
        for i in range(count):
            self.ok("topic", "create", f"topic-{i}", home=home)
        self.ok("feed", "create", "log", home=home)
        self.assertEqual(node.stop(), 0)
        self.join(home=home)
        for name in ("topic-0", f"topic-{count - 1}", "topic-150"):
            self.ok("topic", "info", name, home=home)
        status = self.ok("--json", "status", home=home).object
        self.assertEqual((status["topics"], status["feeds"]), (count, 1))
        self.ok("stop", home=home)
        # Nor does a node that is started for a command answer before.
        self.ok("topic", "info", f"topic-{count - 1}", home=home, env=NO_LAN)


if __name__ == "__main__":
    unittest.main(verbosity=2)
