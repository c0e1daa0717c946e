"""Publish and subscribe between real processes, across crashes."""
import os
import unittest

from harness import SystemTest, real_lines

ALL_BYTES = bytes(range(256))


class TopicsTest(SystemTest):
    def subscriber(self, contact, topic, *flags, home=None):
        """A node of its own with a subscription that prints messages NUL-free and raw."""
        node = self.join(*([contact] if contact else []), home=home)
        from harness import BINARY
        node.subscription = self.start([BINARY, "--home", node.home, "subscribe", topic, *flags], lines=False)
        return node

    def wait_for(self, node, expected, seconds):
        node.subscription.wait_until(lambda: len(node.subscription.raw) >= len(expected), seconds,
                                     f"{len(expected)} bytes (have {len(node.subscription.raw)})")
        self.assertTrue(bytes(node.subscription.raw) == expected, "the bytes differ from those published")

    def test_a_real_file_line_by_line_reaches_all_and_outlives_its_publisher(self):
        text = real_lines()
        self.assertGreaterEqual(len(text), 1_000_000)
        self.assertLessEqual(text.count(b"\n"), 32_000)
        expected = text + ALL_BYTES + b"\n"
        topic = "news"

        first = self.join()
        # Durable subscribers hold what they printed, so that later ones get it without the author.
        readers = [self.subscriber(first.contact, topic, "--since", "start") for _ in range(3)]
        publisher = self.join(first.contact)

        lines = self.ok("--json", "publish", topic, "--lines", home=publisher, stdin=text, seconds=300).objects
        self.assertEqual(len(lines), text.count(b"\n"))
        self.assertEqual([line["seq"] for line in lines], list(range(1, len(lines) + 1)))
        confirmed = self.ok("--json", "publish", topic, "--confirm", "3", home=publisher, stdin=ALL_BYTES, seconds=120).object
        self.assertGreaterEqual(confirmed["confirmed"], 3)
        self.assertEqual(confirmed["bytes"], 256)
        for reader in readers:
            self.wait_for(reader, expected, 120)

        publisher.kill()
        readers[0].kill()
        late = self.subscriber(first.contact, topic, "--since", "start")
        self.wait_for(late, expected, 120)

    def test_new_messages_alone_come_by_default_and_count_ends_a_subscription(self):
        first = self.join()
        second = self.join(first.contact)
        self.ok("publish", "weather", "before", home=first)
        from harness import BINARY
        live = self.start([BINARY, "--home", second.home, "--json", "subscribe", "weather", "--count", "2"])
        # The subscription counts as started once the publisher sees it write.
        seen = []

        def published():
            self.ok("--json", "publish", "weather", f"after {len(seen)}", home=first)
            seen.append(1)
            return live.process.poll() is not None
        self.eventually(published, 60, "two messages")
        self.assertEqual(live.wait(), 0)
        texts = [event["text"] for event in live.events]
        self.assertEqual(len(texts), 2)
        self.assertNotIn("before", texts)
        self.assertEqual(live.events[0]["topic"], "weather")
        self.assertEqual(live.events[1]["seq"], live.events[0]["seq"] + 1)

    def test_a_subscription_reads_several_topics_with_a_cursor_for_each(self):
        node = self.join()
        for topic, text in (("weather", "rain"), ("tides", "high"), ("weather", "sun")):
            self.ok("publish", topic, text, home=node)

        def read(*args):
            got = self.ok("--json", "subscribe", *args, home=node).objects
            return sorted((event["topic"], event["text"]) for event in got)
        everything = [("tides", "high"), ("weather", "rain"), ("weather", "sun")]
        self.assertEqual(read("weather", "tides", "weather", "--since", "start", "--until-synced"), everything)
        self.assertEqual(len(read("weather", "tides", "--since", "start", "--count", "2")), 2)
        durable = ("weather", "tides", "--since", "start", "--durable", "desk", "--until-synced")
        self.assertEqual(read(*durable), everything)
        self.ok("publish", "tides", "low", home=node)
        self.assertEqual(read(*durable), [("tides", "low")])
        self.assertEqual(read(*durable), [])
        wrong = self.cipnode("subscribe", "weather", "tides/#", home=node)
        self.assertEqual(wrong.code, 2, repr(wrong))

    def test_a_message_above_the_limit_is_refused_by_name_and_writes_nothing(self):
        node = self.join()
        big = self.cipnode("--json", "publish", "weather", home=node, stdin=os.urandom((1 << 20) + 1))
        self.assertEqual(big.code, 2, repr(big))
        self.assertIn("1 MiB", big.error["message"] + big.error["hint"])
        after = self.ok("--json", "publish", "weather", "small", home=node).object
        self.assertEqual(after["seq"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
