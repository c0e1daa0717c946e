"""What an operation waits for does not come any more: it ends, or goes on, and says why."""
import json
import os
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import BINARY, SystemTest

NOT_FOUND, NO_ROUTE, TIMEOUT, REFUSED, INCOMPATIBLE, CONFLICT = 3, 4, 5, 7, 10, 12
BLOCK = 64 << 10


def pass_on(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass


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

    def test_a_reader_that_learns_of_a_cut_late_is_told_from_where_the_feed_was_rewritten(self):
        self.append(*(f"old{number}" for number in range(13)))
        reader = self.join(self.author.contact)
        follower = self.follow(reader, self.key, "--peer", self.author.ready["tcp"])
        follower.wait_until(lambda: len(self.texts(follower)) == 13, 30, "the old blocks")
        os.kill(reader.pid, signal.SIGSTOP)
        self.ok("feed", "truncate", "log", 0, "--yes", home=self.author)
        self.append("x", "y", "z")
        os.kill(reader.pid, signal.SIGCONT)
        cut = follower.event("truncated", 30)
        self.assertEqual((cut["from"], cut["oldLength"], cut["length"]), (0, 13, 3))
        follower.wait_until(lambda: self.texts(follower)[13:] == ["x", "y", "z"], 30, "the new blocks")
        self.assertIn("rewrote the feed from block 0 on, which has 3 blocks now; it had 13 blocks", follower.stderr())

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
        tries = []
        at = self.serve(lambda connection: tries.append(connection.recv(16)))
        got = self.fetch("download", self.key, "--peer", at)
        self.assertEqual(got.code, NO_ROUTE, repr(got))
        self.assertIn(f"{at} closed the connection during the handshake", got.error["message"])
        self.assertGreater(len(tries), 3)
        notices = [line for line in got.err.splitlines() if b"closes connections" in line]
        self.assertEqual(len(notices), 1, repr(got))

    def test_a_peer_that_has_no_place_for_a_moment_is_dialled_again(self):
        self.append("a", "b")
        tries = []

        def full_at_first(connection):
            tries.append(connection)
            if len(tries) <= 3:
                return
            host, port = self.author.ready["tcp"].split(":")
            with socket.create_connection((host, int(port))) as author:
                back = threading.Thread(target=pass_on, args=(author, connection), daemon=True)
                back.start()
                pass_on(connection, author)

        got = self.ok("--json", "feed", "download", self.key, "--peer", self.serve(full_at_first), home=self.new_home())
        self.assertEqual(got.object["blocks"], 2)
        self.assertEqual(len(tries), 4)

    def test_an_encryption_key_that_does_not_fit_is_refused(self):
        made = self.ok("--json", "feed", "create", "secret", "--encrypted", home=self.author).object
        right, wrong = self.folder / "right", self.folder / "wrong"
        right.write_text(made["encryptionKey"])
        wrong.write_text(os.urandom(32).hex())
        peer = ["--peer", self.author.ready["tcp"]]
        empty = self.ok("--json", "feed", "download", made["key"], *peer, "--encryption-key-file", wrong, home=self.new_home())
        self.assertIn(b"the encryption key was not tried", empty.err)
        self.ok("feed", "append", "secret", "--lines", home=self.author, stdin=b"a\nb\nc\n")
        reader = self.new_home()
        for feed in made["key"], made["key"], self.key:  # the second time its blocks are here
            self.append("plain")
            got = self.fetch("download", feed, *peer, "--encryption-key-file", wrong, home=reader)
            self.assertEqual(got.code, REFUSED, repr(got))
            self.assertIn("block 0: it is not encrypted with the key given", got.error["message"])
        got = self.ok("--json", "feed", "download", made["key"], *peer, "--encryption-key-file", right, home=reader)
        self.assertEqual(got.object["length"], 3)
        self.assertNotIn(b"not tried", got.err)

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

    def fill(self):
        """250 MB, so that a download is under way for a while."""
        self.ok("feed", "append", "log", "--block-size", BLOCK, home=self.author, stdin=os.urandom(4000 * BLOCK))

    def begin_download(self, *flags, home=None):
        home = home or self.join(self.author.contact)
        download = self.start([BINARY, "--home", home.home, "--json", *flags, "feed", "download", self.key])
        self.eventually(lambda: self.blocks_of(home) > 20, 10, "blocks")
        return download

    def blocks_of(self, home):
        info = self.cipnode("--json", "feed", "info", self.key, home=home)
        return info.object["contiguousLength"] if info.code == 0 else 0

    def check_ends_in_seconds(self, download):
        began = time.monotonic()
        self.assertEqual(download.wait(), NOT_FOUND, download.stderr())
        self.assertLess(time.monotonic() - began, 12, download.stderr())
        return json.loads(download.stderr().splitlines()[-1])["error"]["message"]

    def test_what_the_author_clears_meanwhile_ends_the_download(self):
        self.fill()
        download = self.begin_download()
        self.ok("feed", "clear", "log", "--range", "300..4000", "--yes", home=self.author)
        self.assertIn("nobody has block", self.check_ends_in_seconds(download))

    def test_a_feed_that_the_author_drops_meanwhile_ends_the_download(self):
        self.fill()
        download = self.begin_download()
        self.ok("feed", "drop", "log", "--yes", home=self.author)
        self.assertIn("do not have the feed", self.check_ends_in_seconds(download))

    def test_who_sets_a_time_waits_until_then_and_is_told_once_why(self):
        self.fill()
        download = self.begin_download("--timeout", "14s")
        self.ok("feed", "clear", "log", "--range", "300..4000", "--yes", home=self.author)
        began = time.monotonic()
        download.wait()
        self.assertGreater(time.monotonic() - began, 10, download.stderr())
        notices = [line for line in download.stderr().splitlines() if "notice" in line]
        self.assertEqual(len(notices), 1, download.stderr())
        self.assertIn("still waiting: of 4000 blocks", notices[0])

    # A node that does not answer.

    def test_a_node_that_stands_still_holds_no_command_beyond_its_time(self):
        self.addCleanup(self.author.process.send_signal, signal.SIGCONT)
        began = time.monotonic()
        under_way = self.start([BINARY, "--home", self.author.home, "--json", "--timeout", "4s", "subscribe", "news"])
        time.sleep(1)
        self.author.process.send_signal(signal.SIGSTOP)
        for command in ["status"], ["feed", "append", "log"]:
            asked = time.monotonic()
            got = self.cipnode("--json", "--timeout", "1s", *command, home=self.author)
            self.assertEqual(got.code, TIMEOUT, repr(got))
            self.assertAlmostEqual(time.monotonic() - asked, 1, delta=0.7)
        self.assertEqual(under_way.wait(), TIMEOUT, under_way.stderr())
        self.assertAlmostEqual(time.monotonic() - began, 4, delta=0.9)

    # Peers that come later.

    def check_another_seeder_is_found(self, end):
        self.fill()
        seeder, reader = self.join(self.author.contact), self.join(self.author.contact)
        self.ok("feed", "download", self.key, home=seeder)
        download = self.begin_download(home=reader)
        self.author.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.author.kill)
        time.sleep(4)  # the lookups of the beginning are over
        self.assertIsNone(download.process.poll(), "the transfer was over before the author stood still")
        end()
        self.ok("feed", "seed", self.key, home=seeder)
        self.assertEqual(download.wait(10), 0, download.stderr())

    def test_another_seeder_is_found_when_the_author_has_gone(self):
        self.check_another_seeder_is_found(self.author.kill)

    def test_another_seeder_is_found_while_the_author_does_not_answer(self):
        self.check_another_seeder_is_found(lambda: None)

    def test_a_search_finds_who_begins_to_seed_meanwhile(self):
        self.append("a", "b")
        seeder, reader = self.join(self.author.contact), self.join(self.author.contact)
        self.ok("feed", "download", self.key, home=seeder)
        self.author.kill()
        download = self.start([BINARY, "--home", reader.home, "--json", "--timeout", "40s", "feed", "download", self.key])
        time.sleep(3)  # four lookups found nobody who answers
        self.ok("feed", "seed", self.key, home=seeder)
        self.assertEqual(download.wait(4), 0, download.stderr())

    def test_an_empty_feed_is_not_waited_for(self):
        reader = self.join(self.author.contact)
        for flags in [], ["--peer", self.author.ready["tcp"]]:
            got = self.ok("--json", "feed", "download", self.key, *flags, home=reader)
            self.assertLess(got.object["tookMs"], 1500)
            self.assertEqual(got.object["length"], 0)

    def test_what_no_peer_has_ends_the_download_with_what_is_missing(self):
        self.append(*map(str, range(100)))
        part = self.join(self.author.contact)
        self.ok("feed", "download", self.key, "--range", "0..57", "--peer", self.author.ready["tcp"], home=part)
        self.author.stop()  # before the seed, which would fetch the rest
        self.ok("feed", "seed", self.key, home=part)
        self.check_ends_in_seconds(self.start([BINARY, "--home", self.join().home, "--json", "feed", "download", self.key, "--peer", part.ready["tcp"]]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
