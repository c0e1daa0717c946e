"""Secrets of a home go to a file and into another home, and never fork a feed on the way; health."""
import os
import pty
import select
import signal
import subprocess
import time
import unittest

from harness import BINARY, CONFLICT, CORRUPT, NO_DAEMON, NO_ROUTE, NOT_FOUND, REFUSED, USAGE, SystemTest


class IdentityTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.home, self.file = self.new_home(), self.folder / "identity.bak"

    def fails(self, code, *args, **options):
        result = self.cipnode("--json", *args, **options)
        self.assertEqual(result.code, code, repr(result))
        self.assertTrue(result.error["hint"])
        return result.error

    def make(self, blocks=5):
        self.ok("feed", "create", "log", home=self.home)
        self.ok("feed", "append", "log", "--lines", stdin=b"".join(b"%d\n" % i for i in range(blocks)), home=self.home)
        self.ok("topic", "create", "--private", home=self.home)

    def info(self, home):
        return self.ok("--json", "feed", "info", "log", home=home).object

    def test_a_new_home_goes_on_where_the_old_one_ended(self):
        self.make()
        self.ok("id", "export", self.file, home=self.home)  # a node runs
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        self.ok("stop", home=self.home)
        again = self.folder / "again"
        self.ok("id", "export", again, home=self.home)  # none runs
        self.fails(NO_DAEMON, "status", home=self.home)
        other = self.new_home()
        done = self.ok("--json", "id", "import", again, home=other).object
        self.assertEqual((done["feeds"], done["topics"]), (1, 1))
        self.fails(NO_DAEMON, "status", home=other)
        self.assertEqual(self.ok("id", home=self.home).out, self.ok("id", home=other).out)
        info = self.info(other)
        self.assertEqual((info["length"], info["contiguousLength"], info["writable"]), (5, 0, True))
        self.assertEqual(info["treeHash"], self.info(self.home)["treeHash"])
        topics = [topic["topic"] for topic in self.ok("--json", "topic", "ls", home=other).objects]
        self.assertEqual(topics, [topic["topic"] for topic in self.ok("--json", "topic", "ls", home=self.home).objects])
        self.ok("stop", home=self.home)
        self.ok("stop", home=other)  # it met the first home, which counts for a minute
        # The first home may have appended since, and there is nobody to ask.
        refused = self.fails(NO_ROUTE, "feed", "append", "log", stdin=b"six", home=other)
        self.assertIn("restored from a backup or imported", refused["message"])
        self.assertIn("--assume-latest", refused["hint"])
        appended = self.ok("--json", "feed", "append", "log", "--assume-latest", stdin=b"six", home=other).object
        self.assertEqual(appended["length"], 6)
        self.ok("feed", "append", "log", stdin=b"seven", home=other)

    def test_what_was_appended_after_the_export_counts(self):
        self.make()
        self.ok("id", "export", self.file, home=self.home)
        self.ok("feed", "append", "log", stdin=b"later", home=self.home)
        key = self.info(self.home)["key"]
        self.ok("stop", home=self.home)
        holder = self.start([BINARY, "--home", self.home, "--json", "feed", "seed", "log", "--listen", "127.0.0.1:0"])
        original = holder.event("ready")["tcp"]
        reader = self.join()
        self.ok("feed", "download", key, "--peer", original, home=reader)
        self.ok("feed", "seed", key, home=reader)
        address = reader.ready["tcp"]
        other = self.new_home()
        self.ok("id", "import", self.file, home=other)
        # While the first home runs, nothing is appended at all.
        twin = self.fails(CONFLICT, "feed", "append", "log", "--peer", original, stdin=b"fork", home=other)
        self.assertIn("another node with the identity of this home", twin["message"])
        holder.stop()
        self.cipnode("stop", home=self.home)
        self.ok("stop", home=other)
        longer = self.fails(CONFLICT, "feed", "append", "log", "--peer", address, stdin=b"fork", home=other)
        self.assertIn("longer history", longer["message"])
        self.ok("feed", "download", "log", "--peer", address, home=other)
        info = self.info(other)
        self.assertEqual((info["length"], info["contiguousLength"]), (6, 6))
        self.assertEqual(self.ok("--json", "feed", "append", "log", "--peer", address, stdin=b"seven", home=other).object["length"], 7)

    def test_files_that_are_none_change_nothing(self):
        self.make()
        self.ok("id", "export", self.file, home=self.home)
        whole = self.file.read_bytes()
        other = self.new_home()
        bad = self.folder / "bad"
        for text, code in ((b"", USAGE), (b"garbage", USAGE), (os.urandom(4000), USAGE), (whole[:-1], CORRUPT), (whole[:20], CORRUPT),
                           (whole[:100] + bytes([whole[100] ^ 1]) + whole[101:], CORRUPT), (whole + b"x", CORRUPT)):
            bad.write_bytes(text)
            self.fails(code, "id", "import", bad, home=other)
            self.assertFalse(other.exists())
        self.fails(USAGE, "id", "import", self.folder / "none", home=other)
        self.fails(USAGE, "id", "import", self.folder, home=other)

    def test_another_identity_is_refused_and_the_same_one_merges(self):
        self.make()
        self.ok("id", "export", self.file, home=self.home)
        other = self.new_home()
        key = self.ok("id", home=other).out
        self.fails(CONFLICT, "id", "import", self.file, home=other)
        self.ok("feed", "ls", home=other)  # starts a node
        self.fails(CONFLICT, "id", "import", self.file, home=other)
        self.assertEqual(self.ok("id", home=other).out, key)
        self.ok("feed", "create", "more", home=self.home)
        done = self.ok("--json", "id", "import", self.file, home=self.home).object
        self.assertEqual((done["feeds"], done["topics"], done["keys"]), (0, 0, 0))
        self.assertEqual(self.info(self.home)["length"], 5)

    def test_an_export_replaces_no_file_unasked_and_is_whole(self):
        self.fails(NOT_FOUND, "id", "export", self.file, home=self.home)
        self.assertFalse(self.home.exists())
        self.make()
        self.file.write_text("mine")
        self.fails(CONFLICT, "id", "export", self.file, home=self.home)
        self.assertEqual(self.file.read_text(), "mine")
        self.ok("id", "export", self.file, "--yes", home=self.home)
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        out = self.ok("id", "export", "-", home=self.home).out
        self.assertTrue(out.startswith(b"cipnode-identity"))
        other = self.new_home()
        self.ok("id", "import", "-", stdin=out, home=other)
        self.fails(USAGE, "id", "export", "/nonexistent/x", home=self.home)

    def test_a_damaged_identity_comes_back(self):
        self.make()
        self.ok("id", "export", self.file, home=self.home)
        key = self.ok("id", home=self.home).out
        self.ok("stop", home=self.home)
        (self.home / "identity").write_bytes(b"short")
        self.fails(CORRUPT, "id", home=self.home)
        self.ok("id", "import", self.file, home=self.home)
        self.assertEqual(self.ok("id", home=self.home).out, key)
        self.assertEqual((self.home / "identity.damaged").read_bytes(), b"short")
        self.assertEqual(self.info(self.home)["length"], 5)


    def test_a_sealed_export_opens_with_its_passphrase_alone(self):
        self.make()
        secret, wrong = self.folder / "secret", self.folder / "wrong"
        secret.write_text("correct horse\n")
        wrong.write_text("correct horses\n")
        done = self.ok("--json", "id", "export", self.file, "--passphrase-file", secret, home=self.home).object
        self.assertTrue(done["sealed"])
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        plain = self.folder / "plain"
        self.ok("id", "export", plain, home=self.home)
        self.assertNotIn(plain.read_bytes()[17:49], self.file.read_bytes())
        other = self.new_home()
        self.fails(REFUSED, "id", "import", self.file, "--passphrase-file", wrong, home=other)
        self.fails(USAGE, "id", "import", self.file, home=other)
        whole = self.file.read_bytes()
        bad = self.folder / "bad"
        for text in (whole[:-1], whole[:60], whole[:200] + bytes([whole[200] ^ 1]) + whole[201:]):
            bad.write_bytes(text)
            self.fails(CORRUPT, "id", "import", bad, "--passphrase-file", secret, home=other)
        self.assertFalse(other.exists())
        done = self.ok("--json", "id", "import", self.file, "--passphrase-file", secret, home=other).object
        self.assertEqual((done["feeds"], done["topics"]), (1, 1))
        self.assertEqual(self.ok("id", home=self.home).out, self.ok("id", home=other).out)

    def typed(self, *args, answers, home):
        """Runs a command at a terminal of its own, where the answers are typed as it asks; its exit code and all that the terminal showed."""
        master, slave = pty.openpty()
        process = subprocess.Popen([BINARY, "--home", home, *args], stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        shown, left, deadline = b"", list(answers), time.monotonic() + 60
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    piece = os.read(master, 4096)
                except OSError:
                    break
                if not piece:
                    break
                shown += piece
            if left and shown.endswith(b": "):
                shown += b"\n"  # what is typed is not shown: the prompt has been answered
                answer = left.pop(0)
                if answer is signal.SIGINT:
                    process.send_signal(signal.SIGINT)
                else:
                    os.write(master, answer + b"\n")
        code = process.wait(60)
        os.close(master)
        return code, shown

    def test_a_passphrase_is_typed_unseen(self):
        self.make()
        secret = b"correct horse battery"
        code, shown = self.typed("id", "export", self.file, "--passphrase", answers=[secret, secret], home=self.home)
        self.assertEqual(code, 0, shown)
        self.assertIn(b"Once more: ", shown)
        self.assertNotIn(b"horse", shown)
        other = self.new_home()
        code, shown = self.typed("id", "import", self.file, answers=[secret + b"!"], home=other)
        self.assertEqual(code, REFUSED, shown)
        self.assertNotIn(b"horse", shown)
        code, shown = self.typed("id", "import", self.file, answers=[signal.SIGINT], home=other)
        self.assertEqual(code, 130, shown)
        self.assertFalse(other.exists())
        code, shown = self.typed("id", "import", self.file, answers=[secret], home=other)
        self.assertEqual(code, 0, shown)
        self.assertIn(b"two histories", shown)


class HealthTest(SystemTest):
    def test_health_is_8_without_a_node_and_0_with_a_sound_one(self):
        home = self.new_home()
        result = self.cipnode("--json", "health", home=home)
        self.assertEqual(result.code, NO_DAEMON)
        node = self.join()
        health = self.ok("--json", "health", home=node).object
        self.assertTrue(health["ok"])
        self.assertEqual(len({check["check"] for check in health["checks"]}), len(health["checks"]))
        self.assertTrue(all(check["ok"] and check["message"] for check in health["checks"]))
        self.assertIn(b"ok    database", self.ok("health", home=node).out)

    def test_health_names_what_is_wrong_with_its_code(self):
        node = self.join("127.0.0.1:9", flags=("--quota", "1000"))
        self.cipnode("feed", "create", "log", home=node)
        result = self.cipnode("--json", "health", home=node)
        self.assertFalse(result.object["ok"])
        bad = {check["check"]: check["code"] for check in result.object["checks"] if not check["ok"]}
        self.assertEqual(bad.get("network"), 4)
        self.assertEqual(result.code, next(iter(bad.values())))


if __name__ == "__main__":
    unittest.main()
