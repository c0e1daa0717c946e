"""What an operation waits for does not come any more: it ends, or goes on, and says why."""
import json
import os
import socket
import subprocess
import threading
import time
import unittest

from harness import BINARY, SystemTest

NOT_FOUND, NO_ROUTE, REFUSED, INCOMPATIBLE, CONFLICT = 3, 4, 7, 10, 12
BLOCK = 64 << 10


class WaitTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.author = self.join()
        self.key = self.ok("--json", "feed", "create", "log", home=self.author).object["key"]

    def append(self, *lines):
        return self.ok("--json", "feed", "append", "log", "--lines", home=self.author, stdin="\n".join(lines).encode()).object

    def follow(self, home, feed, *flags):
        return self.start([BINARY, "--home", home.home, "--json", "feed", "follow", feed, *flags])

    def texts(self, follower):
        return [event["text"] for event in follower.events if "text" in event]

    def see(self, follower, texts, seconds=30):
        follower.wait_until(lambda: self.texts(follower) == texts, seconds, f"{texts} from {self.texts(follower)}")

    def fetch(self, *args, home=None, seconds=50):
        return self.cipnode("--json", "feed", *args, home=home or self.new_home(), seconds=seconds)

    # Histories that are replaced under a reader.

    def check_follow_over_a_cut(self, home, feed, *flags):
        self.append("a", "b", "c")
        follower = self.follow(home, feed, *flags)
        self.see(follower, ["a", "b", "c"])
        self.ok("feed", "truncate", "log", 1, "--yes", home=self.author)
        cut = follower.event("truncated", 30)
        self.assertEqual((cut["oldLength"], cut["length"], cut["fork"], cut["key"]), (3, 1, 1, self.key))
        self.append("b", "d", "e", "f")  # b again, and more than there was before
        self.see(follower, ["a", "b", "c", "b", "d", "e", "f"])
        self.assertIn("cut", follower.stderr())

    def test_the_author_follows_its_own_feed_over_a_cut(self):
        self.check_follow_over_a_cut(self.author, "log")

    def test_a_reader_follows_over_a_cut(self):
        self.check_follow_over_a_cut(self.join(self.author.contact), self.key, "--peer", self.author.ready["tcp"])

    def test_cat_ends_when_what_it_reads_is_cut(self):
        self.ok("feed", "append", "log", "--block-size", BLOCK, home=self.author, stdin=os.urandom(400 * BLOCK))
        cat = subprocess.Popen([BINARY, "--home", self.author.home, "feed", "cat", "log"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.addCleanup(cat.kill)
        cat.stdout.read(BLOCK)  # and no more for now
        self.ok("feed", "truncate", "log", 1, "--yes", home=self.author)
        rest, error = cat.communicate(timeout=30)
        self.assertEqual(cat.returncode, CONFLICT, error)
        self.assertIn(b"cut", error)
        self.assertLess(len(rest), 399 * BLOCK)

    def test_cat_fetches_what_is_cleared_meanwhile(self):
        data = os.urandom(400 * BLOCK)
        self.ok("feed", "append", "log", "--block-size", BLOCK, home=self.author, stdin=data)
        reader = self.join(self.author.contact)
        self.ok("feed", "download", self.key, "--peer", self.author.ready["tcp"], home=reader)
        cat = subprocess.Popen([BINARY, "--home", reader.home, "feed", "cat", self.key, "--range", "0..400", "--peer",
                                self.author.ready["tcp"]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.addCleanup(cat.kill)
        head = cat.stdout.read(BLOCK)
        self.ok("feed", "clear", self.key, "--range", "300..400", home=reader)
        rest, error = cat.communicate(timeout=40)
        self.assertEqual(cat.returncode, 0, error)
        self.assertEqual(head + rest, data)

    def test_cat_of_an_own_feed_that_is_cleared_meanwhile_ends(self):
        self.ok("feed", "append", "log", "--block-size", BLOCK, home=self.author, stdin=os.urandom(400 * BLOCK))
        cat = subprocess.Popen([BINARY, "--home", self.author.home, "feed", "cat", "log"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.addCleanup(cat.kill)
        cat.stdout.read(BLOCK)
        self.ok("feed", "clear", "log", "--range", "300..400", "--yes", home=self.author)
        _, error = cat.communicate(timeout=50)
        self.assertIn(cat.returncode, (NOT_FOUND, NO_ROUTE), error)

    # Input that does not end.

    def test_a_command_that_is_killed_before_its_input_ended_signs_nothing(self):
        self.append("a")
        command = self.start([BINARY, "--home", self.author.home, "feed", "append", "log"], stdin=subprocess.PIPE)
        command.process.stdin.write(b"half a block")
        command.process.stdin.flush()
        time.sleep(0.5)
        command.kill()
        self.append("b")
        self.assertEqual(self.ok("feed", "cat", "log", home=self.author).out, b"ab")

    # Peers that are of no help, and why.

    def serve(self, answer):
        """A TCP server that hands each connection to answer(); its address."""
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)

        def run():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        threading.Thread(target=run, daemon=True).start()
        return f"127.0.0.1:{server.getsockname()[1]}"

    def test_a_peer_that_closes_in_the_handshake_is_named_with_that_reason(self):
        at = self.serve(lambda connection: connection.recv(16))
        got = self.fetch("download", self.key, "--peer", at)
        self.assertEqual(got.code, NO_ROUTE, repr(got))
        self.assertIn(f"{at} closed the connection during the handshake", got.error["message"])

    def test_a_peer_that_speaks_something_else_is_incompatible(self):
        at = self.serve(lambda connection: (connection.recv(16), connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), connection.recv(1)))
        got = self.fetch("cat", self.key, "--peer", at)
        self.assertEqual(got.code, INCOMPATIBLE, repr(got))
        self.assertIn("another protocol", got.error["message"])

    def test_a_peer_that_does_not_let_us_in_refuses(self):
        closed = self.join(flags=["--allow", self.key])
        got = self.fetch("follow", self.key, "--peer", closed.ready["tcp"])
        self.assertEqual(got.code, REFUSED, repr(got))
        self.assertIn("does not let this node in", got.error["message"])

    def test_a_peer_that_nobody_listens_at_is_not_reached(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            at = f"127.0.0.1:{server.getsockname()[1]}"
        got = self.fetch("download", self.key, "--peer", at)
        self.assertEqual(got.code, NO_ROUTE, repr(got))
        self.assertIn(at, got.error["message"])

    def test_what_no_peer_has_ends_the_download_with_what_is_missing(self):
        self.append(*map(str, range(100)))
        part = self.join(self.author.contact)
        self.ok("feed", "download", self.key, "--range", "0..57", "--peer", self.author.ready["tcp"], home=part)
        self.author.stop()  # before the seed, which would fetch the rest
        self.ok("feed", "seed", self.key, home=part)
        got = self.fetch("download", self.key, "--peer", part.ready["tcp"])
        self.assertEqual(got.code, NOT_FOUND, repr(got))
        self.assertIn("nobody has block", got.error["message"])
        notices = [json.loads(line) for line in got.err.splitlines() if b"notice" in line]
        self.assertTrue(any("waiting" in line["notice"] for line in notices), repr(got))


if __name__ == "__main__":
    unittest.main(verbosity=2)
