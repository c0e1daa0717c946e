"""A disk that is really full (a small file system in memory): nothing acknowledged is lost, the node stays up, and goes on once there is room."""
import contextlib
import hashlib
import os
import subprocess
import unittest

from harness import BINARY, BUSY, FULL, NO_DAEMON, OK, SystemTest

MB = 1_000_000


class DiskFullTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", self.disk], check=True)

    def tearDown(self):
        for process in self.processes:
            process.kill()
        self._end_background_node(self.disk / "home")
        subprocess.run(["umount", self.disk], check=True)
        super().tearDown()

    def on_no_room(self, *command, home):
        """The command, on a disk whose last bytes somebody else took: a node that tidies up gets some back after it was full."""
        self.fill_disk()
        return self.cipnode("--json", *command, home=home, stdin=bytes(100))

    def fill_disk(self):
        with contextlib.suppress(OSError), open(self.disk / "ballast", "ab", buffering=0) as ballast:
            while ballast.write(bytes(4096)):
                pass

    def make_room(self):
        subprocess.run(["mount", "-o", "remount,size=160m", self.disk], check=True)

    def node_on_small_disk(self, *contacts):
        return self.join(*contacts, home=self.disk / "home", flags=["--quota", "1G"])

    def length(self, node, feed):
        return self.ok("--json", "feed", "info", feed, home=node).object["length"]

    def fill(self, node):
        """Appends to the feed "log" until the disk refuses; what was acknowledged."""
        acknowledged = b""
        while len(acknowledged) < 100 * MB:
            data = os.urandom(MB)
            result = self.cipnode("--json", "feed", "append", "log", "--block-size", "50000", home=node, stdin=data)
            if result.code != OK:
                self.assertEqual(result.code, FULL, result)
                self.assertIn("no space left", result.error["message"])
                return acknowledged
            acknowledged += data
        self.fail("the disk did not fill")

    def test_a_writer_keeps_what_was_acknowledged_and_goes_on_when_there_is_room(self):
        node = self.node_on_small_disk()
        self.ok("feed", "create", "log", home=node)
        acknowledged = self.fill(node)
        self.eventually(lambda: self.cipnode("feed", "cat", "log", home=node).code == OK, 20, "it can be read on")
        for command in (["feed", "append", "log"], ["publish", "news"], ["feed", "create", "other"]):
            self.eventually(lambda: self.on_no_room(*command, home=node).code == FULL, 10, f"{command} is refused")
        written = self.ok("feed", "cat", "log", home=node).out
        self.assertTrue(written.startswith(acknowledged))
        length = self.length(node, "log")
        self.make_room()
        self.eventually(lambda: self.cipnode("feed", "append", "log", home=node, stdin=b"more").code == OK, 30, "it is written again")
        self.assertEqual(self.length(node, "log"), length + 1)
        self.eventually(lambda: self.cipnode("publish", "news", "hi", home=node).code == OK, 10, "messages are written again")
        self.ok("feed", "verify", "log", home=node)
        self.assertEqual(node.stop(), 0)
        again = self.join(home=node.home)
        self.assertEqual(self.ok("feed", "cat", "log", home=again).out, written + b"more")
        self.assertEqual(self.ok("subscribe", "news", "--since", "start", "--until-synced", home=again).text, "hi\n")

    def test_who_runs_in_a_home_is_known_although_the_disk_has_no_room_to_write_it_down(self):
        home = self.disk / "home"
        join = ["join", "--detach", "--listen", "127.0.0.1:0", "--no-lan"]
        self.ok("feed", "create", "log", "--no-daemon", home=home)
        self.fill_disk()
        for timeout in ("20s", "0"):
            pid = self.ok("--json", *join, home=home).object["pid"]
            again = self.cipnode("--json", *join, home=home, seconds=10)
            self.assertEqual(again.code, BUSY, again)
            self.assertIn(f"pid {pid}", again.error["message"])
            self.assertEqual(self.ok("--json", "stop", "--timeout", timeout, home=home, seconds=10).object["pid"], pid)
            self.assertEqual(self.cipnode("status", home=home).code, NO_DAEMON)

    def test_a_reader_keeps_what_came_and_fetches_the_rest_when_there_is_room(self):
        source = self.join()
        data = os.urandom(60 * MB)
        key = self.ok("--json", "feed", "create", "large", home=source).object["key"]
        self.ok("feed", "append", "large", "--block-size", "50000", home=source, stdin=data)
        node = self.node_on_small_disk(source.contact)
        refused = self.cipnode("--json", "feed", "download", key, home=node)
        self.assertEqual(refused.code, FULL, refused)
        self.ok("status", home=node)
        self.make_room()
        self.eventually(lambda: self.cipnode("feed", "download", key, home=node).code == OK, 40, "the rest comes")
        read = self.ok("feed", "cat", key, home=node).out
        self.assertEqual(hashlib.sha256(read).digest(), hashlib.sha256(data).digest())
        self.ok("feed", "verify", key, home=node)


if __name__ == "__main__":
    unittest.main()
