"""What a user may get wrong: one sentence with a hint and the exit code of its class, nothing lost."""
import os
import shutil
import socket
import unittest

from harness import BUSY, CORRUPT, NO_DAEMON, NO_ROUTE, NOT_FOUND, USAGE, SystemTest


class BadInputTest(SystemTest):
    def fails(self, code, *args, **options):
        result = self.cipnode("--json", *args, **options)
        self.assertEqual(result.code, code, repr(result))
        self.assertEqual(result.out, b"")
        error = result.error
        self.assertEqual(error["code"], code)
        self.assertTrue(error["message"])
        self.assertTrue(error["hint"], error)
        return error

    def test_wrong_usage_is_told_with_what_would_be_right(self):
        home = self.new_home()
        self.assertIn("publish", self.fails(USAGE, "publsh", home=home)["hint"])
        self.assertIn("--listen", self.fails(USAGE, "join", "--lisen", "x", home=home)["hint"])
        self.fails(USAGE, "find", "not-a-key", home=home)
        self.fails(USAGE, "join", "127.0.0.1", home=home)
        self.fails(USAGE, "join", "--listen", "127.0.0.1:99999", home=home)
        self.fails(USAGE, "--timeout", "soon", "find", "y" * 52, home=home)
        self.assertFalse(home.exists() and any(home.iterdir()), "wrong usage touches no home")

    def test_a_home_that_cannot_be_written(self):
        blocked = self.folder / "file"
        blocked.write_text("not a folder")
        self.fails(1, "id", home=blocked / "home")

    def test_an_explicit_port_that_is_taken(self):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.fails(BUSY, "join", "--no-lan", "--listen", f"127.0.0.1:{taken.getsockname()[1]}", home=self.new_home())

    def test_a_home_in_use(self):
        node = self.join()
        error = self.fails(BUSY, "join", "--no-lan", "--listen", "127.0.0.1:0", home=node)
        self.assertIn(str(node.pid), error["message"] + error["hint"])
        error = self.fails(BUSY, "--no-daemon", "feed", "ls", home=node)
        self.assertIn(str(node.pid), error["message"] + error["hint"])

    def test_commands_about_a_running_node_start_none(self):
        home = self.new_home()
        for command in ("stop", "status", "peers", "routes"):
            self.fails(NO_DAEMON, command, home=home)

    def test_after_stop_the_home_is_free(self):
        home = self.new_home()
        for _ in range(3):
            self.ok("join", "--no-lan", "--listen", "127.0.0.1:0", "--detach", home=home)
            self.ok("stop", home=home)
            error = self.fails(NO_DAEMON, "status", home=home)
            self.assertIn("no node runs", error["message"])

    def test_a_corrupted_database_is_named_and_left_alone(self):
        home = self.new_home()
        self.ok("--no-daemon", "feed", "create", "log", home=home)
        database = next(p for p in home.rglob("CURRENT")).parent
        saved = self.folder / "saved"
        shutil.copytree(database, saved)
        (database / "CURRENT").write_bytes(os.urandom(16))
        self.fails(CORRUPT, "--no-daemon", "feed", "ls", home=home)
        shutil.rmtree(database)
        shutil.copytree(saved, database)
        self.assertIn("log", self.ok("--no-daemon", "--json", "feed", "ls", home=home).text)

    def test_what_nobody_has_and_where_nobody_answers(self):
        node = self.join()
        self.fails(NOT_FOUND, "feed", "info", "nosuchname", home=node)
        self.fails(NO_ROUTE, "--bootstrap", "127.0.0.1:9", "--timeout", "3s", "find", node.ready["key"], home=self.new_home())
        self.fails(NO_ROUTE, "--timeout", "3s", "join", "127.0.0.1:9", "--no-lan", "--listen", "127.0.0.1:0", "--detach",
                   home=self.new_home())


if __name__ == "__main__":
    unittest.main(verbosity=2)
