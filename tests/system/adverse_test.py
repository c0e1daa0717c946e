"""What happens to machines: a home that may not be written any more, settings that cannot be read, limits of processes and files, a clock that is
years off. Each is told in a sentence with a way out, or changes nothing."""
import os
import shutil
import subprocess
import time
import unittest

from harness import BINARY, INTERNAL, OK, REFUSED, ROOT, USAGE, SystemTest

YEAR = 365 * 24 * 3600
NOBODY = 54321


class AdverseTest(SystemTest):
    def setUp(self):
        super().setUp()
        os.environ.update({"CIPNODE_NO_LAN": "1", "CIPNODE_LISTEN": "127.0.0.1:0"})

    def fails(self, code, *args, **options):
        result = self.cipnode("--json", *args, **options)
        self.assertEqual(result.code, code, repr(result))
        self.assertTrue(result.error["message"] and result.error["hint"], result)
        return result.error

    def as_nobody(self):
        """What runs the program as a user without rights, who may read it and has a folder of his own; and that folder."""
        place = self.folder / "nobody"
        place.mkdir()
        os.chown(place, NOBODY, NOBODY)
        self.folder.chmod(0o755)
        program = self.folder / "cipnode"
        shutil.copy(BINARY, program)
        program.chmod(0o755)
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env", "-u", "XDG_CONFIG_HOME", "HOME=/nonexistent"]
        return command, program, place

    def run_as_nobody(self, *args, env=(), limits=""):
        command, program, _ = self.nobody
        line = [*command, *env, "bash", "-c", f'{limits} exec "$0" "$@"', program, "--json", *args]
        done = subprocess.run([str(part) for part in line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=90)
        error = done.stderr.decode().splitlines()[-1] if done.returncode else ""
        return done.returncode, error


class ReadOnlyHomeTest(AdverseTest):
    COMMANDS = (("feed", "ls"), ("--no-daemon", "feed", "ls"), ("feed", "create", "more"), ("doctor",), ("join", "--no-lan", "--listen", "127.0.0.1:0"),
                ("join", "--detach", "--no-lan", "--listen", "127.0.0.1:0"))

    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", self.disk], check=True)
        self.home = self.disk / "home"
        self.ok("--no-daemon", "feed", "create", "log", home=self.home)
        self.ok("--no-daemon", "feed", "append", "log", home=self.home, stdin=b"written before")
        self.key = self.ok("id", home=self.home).out

    def tearDown(self):
        subprocess.run(["umount", self.disk], check=True)
        super().tearDown()

    def remount(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", self.disk], check=True)

    def files(self):
        return sorted((str(file), file.stat().st_size) for file in self.home.rglob("*"))

    def test_a_home_that_became_read_only_is_refused_changed_in_nothing_and_goes_on_later(self):
        before = self.files()
        self.remount("ro")
        for command in (*self.COMMANDS, ("backup", self.folder / "backup"), ("id", "export", self.folder / "identity")):
            with self.subTest(command=command):
                refused = self.fails(REFUSED, *command, home=self.home)
                self.assertIn("Read-only file system", refused["message"])
                self.assertIn("writable again", refused["hint"])
        self.assertEqual(self.ok("id", home=self.home).out, self.key)
        with self.subTest("a file that cannot be made there is told why"):
            refused = self.fails(USAGE, "id", "export", self.disk / "identity", home=self.new_home())
            self.assertIn("Read-only file system", refused["message"])
        with self.subTest("what can be read is saved elsewhere"):
            self.ok("salvage", self.folder / "home-saved", home=self.home)
            self.assertEqual(self.ok("--no-daemon", "feed", "cat", "log", home=self.folder / "home-saved").out, b"written before")
        self.assertEqual(self.files(), before)
        self.remount("rw")
        self.assertEqual(self.ok("--no-daemon", "feed", "cat", "log", home=self.home).out, b"written before")

    def test_a_folder_without_the_right_to_write_says_whose_right_is_missing(self):
        self.nobody = self.as_nobody()
        home = self.nobody[2] / "home"
        self.assertEqual(self.run_as_nobody("--home", home, "--no-daemon", "feed", "create", "log")[0], OK)
        home.chmod(0o500)
        code, error = self.run_as_nobody("--home", home, "--no-daemon", "feed", "ls")
        self.assertEqual(code, REFUSED)
        self.assertIn("not writable: Permission denied", error)
        self.assertIn("chmod u+rwx", error)


class UnreadableSettingsTest(AdverseTest):
    def test_settings_that_cannot_be_read_are_not_passed_over(self):
        home = self.new_home()
        home.mkdir()
        config = home / "config.toml"

        def make_binary():
            config.write_bytes(bytes(range(256)))

        def make_huge():
            config.write_bytes(b"# and so on\n" * 200_000)

        def make_future():
            config.write_text('log = "info"\nteleport = true\n[warp]\nspeed = 9.5\n')

        for make, said in ((config.mkdir, "directory"), (make_binary, "line 1"), (make_huge, "larger than"), (make_future, "'teleport'"),
                           (lambda: config.symlink_to("nowhere"), "No such file")):
            with self.subTest(said):
                make()
                for command in (("id",), ("feed", "ls"), ("join", "--no-lan", "--listen", "127.0.0.1:0")):
                    self.assertIn(said, self.fails(USAGE, *command, home=home)["message"])
                check = self.cipnode("config", "check", home=home)
                self.assertEqual(check.code, USAGE)
                self.assertIn(said, check.text + check.err.decode())
                self.ok("help", home=home)
                config.rmdir() if config.is_dir() else config.unlink()
        self.assertFalse(any(home.iterdir()), "nothing was made")

    def test_a_folder_of_settings_that_may_not_be_looked_into_is_no_missing_one(self):
        self.nobody = self.as_nobody()
        settings = self.folder / "etc/cipnode"
        settings.mkdir(parents=True)
        (settings / "config.toml").write_text('log = "info"\n')
        home, env = self.nobody[2] / "home", [f"XDG_CONFIG_HOME={settings.parent}"]
        self.assertEqual(self.run_as_nobody("--home", home, "id", env=env)[0], OK)
        settings.chmod(0o700)
        code, error = self.run_as_nobody("--home", home, "id", env=env)
        self.assertEqual(code, USAGE, error)
        self.assertIn("Permission denied", error)
        with self.subTest("the folder of another user, which HOME may be, holds no settings of ours"):
            settings.chmod(0o755)
            settings.parent.chmod(0o700)
            self.assertEqual(self.run_as_nobody("--home", home, "id", env=env)[0], OK)


class LimitsTest(AdverseTest):
    def setUp(self):
        super().setUp()
        self.nobody = self.as_nobody()
        self.home = self.nobody[2] / "home"
        self.assertEqual(self.run_as_nobody("--home", self.home, "--no-daemon", "feed", "create", "log")[0], OK)

    def test_without_descriptors_neither_disk_nor_format_is_blamed(self):
        refused = 0
        for most in range(5, 18):
            code, error = self.run_as_nobody("--home", self.home, "--no-daemon", "feed", "ls", limits=f"ulimit -n {most};")
            if code == OK:
                continue
            refused += 1
            with self.subTest(most=most):
                self.assertEqual(code, INTERNAL, error)
                self.assertIn("Too many open files", error)
                self.assertIn("ulimit -n", error)
        self.assertGreater(refused, 5)
        self.assertEqual(self.run_as_nobody("--home", self.home, "--no-daemon", "feed", "ls")[0], OK)

    def test_without_processes_neither_disk_nor_program_is_blamed(self):
        for command in (("--no-daemon", "feed", "ls"), ("feed", "ls"), ("join", "--detach", "--no-lan", "--listen", "127.0.0.1:0")):
            with self.subTest(command=command):
                code, error = self.run_as_nobody("--home", self.home, *command, limits="ulimit -u 1;")
                self.assertEqual(code, INTERNAL, error)
                self.assertIn("ulimit -u", error)
        self.assertEqual(self.run_as_nobody("--home", self.home, "--no-daemon", "feed", "ls")[0], OK)


    def test_without_memory_the_reason_is_told(self):
        join = ("--home", self.home, "join", "--detach", "--no-lan", "--listen", "127.0.0.1:0")
        told = 0
        most, code = 120_000, INTERNAL  # of addresses, in KiB; threads take much of it, the more the more processors there are
        while code != OK:
            with self.subTest(most=most):
                code, error = self.run_as_nobody(*join, limits=f"ulimit -v {most};")
                self.assertIn(code, (OK, INTERNAL), error)
                self.assertNotIn("terminate called", error)
            told += "before it was ready: not enough memory" in error
            most += most // 8
            self.assertLess(most, 100_000_000)
        self.assertGreater(told, 0, "by the node in the background, and passed on")
        self.assertEqual(self.run_as_nobody("--home", self.home, "stop")[0], OK)
        self.assertEqual(self.run_as_nobody("--home", self.home, "--no-daemon", "feed", "ls")[0], OK)


class WrongClockTest(AdverseTest):
    """Nodes whose wall clock is wrong, as the library of the cases makes it; the time that passes stays as it is."""

    def setUp(self):
        super().setUp()
        self.shift = self.folder / "shift"
        self.set_clock(0)
        library = self.folder / "shim.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-w", "-o", library, ROOT / "tests/cases/shim.c", "-ldl"], check=True)
        self.shifted = {"LD_PRELOAD": str(library), "CLOCK_SHIFT_FILE": str(self.shift)}
        self.hub = self.join()

    def set_clock(self, years):
        fresh = self.folder / "shift.new"
        fresh.write_text(str(years * YEAR))
        fresh.rename(self.shift)

    def wrong_node(self, home=None):
        prefix = ["env", *(f"{name}={value}" for name, value in self.shifted.items())]
        return self.join(self.hub.contact, home=home, prefix=prefix)

    def check(self, node, name):
        return next(check for check in self.cipnode("--json", "doctor", home=node).objects if check["check"] == name)

    def values_reach(self, node, text):
        """A signed value that this node puts is what the other one gets."""
        key = self.ok("--json", "put", "--key", "status", text, home=node).object["key"]
        self.assertEqual(self.ok("get", key, home=self.hub).text, text)

    def test_a_node_that_is_years_off_works_and_says_so(self):
        for years, side in ((-50, "behind"), (-10, "behind"), (30, "ahead")):
            with self.subTest(years=years):
                self.set_clock(years)
                node = self.wrong_node()
                clock = self.check(node, "clock")
                self.assertFalse(clock["ok"])
                self.assertIn(f"years {side}", clock["message"])
                self.assertIn("set the clock", clock["hint"])
                self.assertEqual(self.cipnode("doctor", home=node).code, INTERNAL)
                self.values_reach(node, f"put at {years}")
                topic = f"news of {years}"
                self.ok("publish", topic, "hello", home=node)
                self.assertEqual(self.ok("subscribe", topic, "--since", "1h", "--count", "1", home=self.hub, seconds=30).text, "hello\n")
                self.ok("find", node.ready["key"], home=self.hub)
                with self.subTest("put right, nothing of it stays behind"):
                    self.set_clock(0)
                    self.assertTrue(self.check(node, "clock")["ok"])
                    self.values_reach(node, f"put after {years}")
                    self.ok("publish", topic, "again", home=node)
                    said = self.ok("subscribe", topic, "--since", "start", "--count", "2", home=self.hub, seconds=30).text
                    self.assertEqual(said, "hello\nagain\n")
                node.stop()

    def test_a_clock_that_jumps_by_ten_years_breaks_nothing_that_runs(self):
        node = self.wrong_node()
        self.ok("publish", "news", "first", home=node)
        reader = self.start([BINARY, "--home", node.home, "--json", "subscribe", "news", "--since", "start"], env={**os.environ, **self.shifted})
        reader.wait_until(lambda: len(reader.events) == 1, 20, "the first message")
        sent = ["first"]
        for years in (-10, 10, 0):
            self.set_clock(years)
            self.assertEqual(self.check(node, "clock")["ok"], years >= 0, "within a program's life no clock is implausible")
            sent.append(f"at {years}")
            self.ok("publish", "news", sent[-1], home=node)
            self.values_reach(node, sent[-1])
            status = self.ok("--json", "status", home=node).object
            self.assertLess(status["uptimeMs"], 600_000)
            self.ok("health", home=node)
        reader.wait_until(lambda: len(reader.events) == len(sent), 20, "all messages")
        self.assertEqual([event["text"] for event in reader.events], sent)
        self.assertEqual(node.stop(), OK)

    def test_a_backup_of_another_decade_is_a_backup(self):
        self.set_clock(-20)
        node = self.wrong_node()
        self.ok("feed", "create", "log", home=node)
        self.ok("feed", "append", "log", home=node, stdin=b"one")
        self.ok("backup", self.folder / "backup", home=node, env=self.shifted)
        node.stop()
        self.set_clock(30)
        home = self.new_home()
        made = self.ok("--json", "restore", self.folder / "backup", home=home, env=self.shifted).object["created"] / 1000
        self.assertLess(made, time.time() - 19 * YEAR)
        self.assertEqual(self.ok("--no-daemon", "feed", "cat", "log", home=home, env=self.shifted).out, b"one")


if __name__ == "__main__":
    unittest.main(verbosity=2)
