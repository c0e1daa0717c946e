"""The live view of a node: on a terminal drawn over itself and left clean, elsewhere plain text or JSON lines."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

from harness import BINARY, NO_DAEMON, SystemTest


class TopTest(SystemTest):
    def nodes(self):
        """Two nodes, one of which fetches a feed of the other, and a topic."""
        writer = self.join()
        reader = self.join(writer.contact)
        key = self.ok("--json", "feed", "create", "log", home=writer).object["key"]
        self.ok("feed", "append", "log", "--lines", home=writer, stdin=b"one\ntwo\n")
        self.ok("publish", "news", "hello", home=writer)
        self.ok("feed", "seed", key, home=reader)
        self.eventually(lambda: self.ok("--json", "feed", "info", key, home=reader).object["contiguousLength"] == 2, 20, "the feed arrives")
        return writer, reader

    def test_samples_are_json_lines_until_a_signal(self):
        writer, _ = self.nodes()
        top = self.start([BINARY, "--home", writer.home, "--json", "top", "--interval", "200ms"])
        top.wait_until(lambda: len(top.events) >= 3, 20, "three samples")
        self.assertEqual(top.stop(), 0)
        sample = top.events[2]
        self.assertEqual((sample["peerCount"], sample["topicCount"]), (1, 1))
        self.assertGreaterEqual(sample["seconds"], 0.19)
        self.assertEqual([feed["length"] for feed in sample["feeds"] if feed["name"] == "log"], [2])
        self.assertEqual([topic["topic"] for topic in sample["topics"]], ["news"])
        self.assertTrue(all({"key", "address", "bytesInPerSecond"} <= set(peer) for peer in sample["peers"]))
        for value in sample["drops"].values():
            self.assertEqual(sorted(value), ["count", "perSecond"])

    def test_rates_are_those_of_the_interval(self):
        writer, reader = self.nodes()
        top = self.start([BINARY, "--home", writer.home, "--json", "top", "--interval", "100ms"])
        top.wait_until(lambda: top.events, 20, "a sample")
        self.ok("feed", "append", "log", "--block-size", "50000", home=writer, stdin=os.urandom(5_000_000))

        def moved():
            sent = max((peer["bytesOutPerSecond"] for sample in top.events for peer in sample["peers"]), default=0)
            grown = max((feed["bytesPerSecond"] for sample in top.events for feed in sample["feeds"]), default=0)
            return sent > 1_000_000 and grown > 1_000_000

        top.wait_until(moved, 20, "rates of what was appended and sent")
        top.wait_until(lambda: all(p["bytesOutPerSecond"] < 100_000 for p in top.events[-1]["peers"]), 20, "rates go down again")
        self.assertEqual(top.stop(), 0)

    def test_once_is_one_sample_and_plain_text_without_a_terminal(self):
        writer, _ = self.nodes()
        shown = self.ok("top", "--once", "--interval", "100ms", home=writer).text
        for word in ("drops", "log", "news", "contact"):
            self.assertIn(word, shown)
        self.assertNotIn("\x1b", shown)
        self.assertEqual(len(self.ok("--json", "top", "--once", home=writer).objects), 1)
        home = self.new_home()
        self.assertEqual(self.cipnode("top", "--once", home=home).code, NO_DAEMON)
        self.assertFalse(home.exists())

    def test_on_a_terminal_it_fits_follows_the_size_and_leaves_no_trace(self):
        writer, _ = self.nodes()
        master, slave = pty.openpty()

        def resize(rows, columns):
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

        resize(12, 60)
        before = termios.tcgetattr(slave)
        process = subprocess.Popen([BINARY, "--home", writer.home, "top", "--interval", "100ms"], stdin=slave, stdout=slave, stderr=slave,
                                   start_new_session=True, env={**os.environ, "TERM": "xterm"})
        shown = b""

        def read_until(condition, what):
            nonlocal shown
            deadline = time.monotonic() + 20
            while not condition():
                self.assertLess(time.monotonic(), deadline, what)
                if select.select([master], [], [], 0.1)[0]:
                    shown += os.read(master, 65536)

        def frames():
            return [frame for frame in shown.decode(errors="replace").split("\x1b[H")[1:] if frame.endswith("\x1b[J") or "\x1b[J" in frame]

        def rows_of(frame):
            return frame.split("\x1b[J")[0].replace("\x1b[K", "").replace("\x1b[2J", "").split("\r\n")

        try:
            read_until(lambda: len(frames()) >= 2, "two frames")
            self.assertLess(len(rows_of(frames()[1])), 13)
            self.assertLessEqual(max(map(len, rows_of(frames()[1]))), 60)
            self.assertEqual(shown.count(b"\x1b[2J"), 1)
            resize(40, 120)
            read_until(lambda: shown.count(b"\x1b[2J") == 2, "the view of the new size")
            count = len(frames())
            read_until(lambda: len(frames()) > count + 1, "more frames")
            self.assertGreater(max(map(len, rows_of(frames()[-2]))), 60)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(10), 0)
            read_until(lambda: not select.select([master], [], [], 0.2)[0], "the end")
            # Nothing has to be put back: no other screen, no hidden cursor, the terminal as it was.
            self.assertNotIn(b"\x1b[?", shown)
            self.assertEqual(termios.tcgetattr(slave), before)
        finally:
            process.kill()
            process.wait()
            os.close(master)
            os.close(slave)


if __name__ == "__main__":
    unittest.main(verbosity=2)
