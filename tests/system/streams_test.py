"""Standard input and output that fail: an error is neither the end of the input nor success."""
import os
import pty
import subprocess
import unittest

from harness import BINARY, FULL, INTERNAL, OK, USAGE, SystemTest

MEMORY = "/proc/self/mem"  # reading at address 0 is EIO


class StreamsTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.home = self.new_home()

    def run_with(self, *args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, close=(), home=True):
        command = [BINARY, *(["--home", str(self.home)] if home else []), *map(str, args)]

        def shut():
            for fd in close:
                os.close(fd)

        done = subprocess.run(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, timeout=60, preexec_fn=shut if close else None)
        return done

    def length(self):
        return self.ok("--json", "feed", "info", "log", home=self.home).object["length"]

    def test_input_that_breaks_off_is_not_appended(self):
        self.ok("feed", "create", "log", home=self.home)
        for args in (("feed", "append", "log"), ("feed", "append", "log", "--lines"), ("publish", "news"), ("publish", "news", "--lines")):
            with self.subTest(args=args), open(MEMORY, "rb") as broken:
                done = self.run_with(*args, stdin=broken)
                self.assertEqual(done.returncode, INTERNAL, done.stderr)
                self.assertIn(b"cannot be read", done.stderr)
                done = self.run_with(*args, "--file", MEMORY)
                self.assertEqual(done.returncode, INTERNAL, done.stderr)
        self.assertEqual(self.length(), 0)

    def test_folders_and_a_closed_stdin_are_usage_errors(self):
        self.ok("feed", "create", "log", home=self.home)
        for args in (("feed", "append", "log"), ("publish", "news"), ("put",), ("id", "import", "-")):
            with self.subTest(args=args):
                folder = os.open("/tmp", os.O_RDONLY)
                done = self.run_with(*args, stdin=folder)
                os.close(folder)
                self.assertEqual(done.returncode, USAGE, done.stderr)
                done = self.run_with(*args, close=(0,))
                self.assertEqual(done.returncode, USAGE, done.stderr)
        for args in (("feed", "append", "log", "--file", "/tmp"), ("publish", "news", "--file", "/tmp"), ("put", "--file", "/tmp")):
            self.assertEqual(self.run_with(*args).returncode, USAGE)
        self.assertEqual(self.length(), 0)

    def test_lines_before_the_break_are_appended_and_told(self):
        self.ok("feed", "create", "log", home=self.home)
        master, terminal = pty.openpty()
        process = subprocess.Popen([BINARY, "--home", str(self.home), "--json", "feed", "append", "log", "--lines"],
                                   stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(terminal)
        os.write(master, b"one\ntwo\n")
        self.eventually(lambda: self.length() == 2, 20, "two lines are appended")
        os.close(master)  # hangs up
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, INTERNAL, err)
        self.assertIn(b'"appended":2', out)
        self.assertIn(b"2 blocks", err)
        self.assertEqual(self.length(), 2)

    def test_output_that_cannot_be_written_is_no_success(self):
        self.ok("feed", "create", "log", home=self.home)
        self.ok("feed", "append", "log", stdin=b"x" * 100000, home=self.home)
        commands = (("--help",), ("version",), ("help", "join"), ("completion", "bash"), ("feed", "cat", "log"), ("--json", "feed", "ls"),
                    ("feed", "ls"), ("id",), ("sim", "metrics"), ("sim", "routing", "--nodes", "30", "--lookups", "5"))
        for args in commands:
            with self.subTest(args=args):
                with open("/dev/full", "wb") as full:
                    done = self.run_with(*args, stdout=full)
                self.assertEqual(done.returncode, FULL, done.stderr)
                self.assertIn(b"cannot write to stdout", done.stderr)
                done = self.run_with(*args, close=(1,))
                self.assertEqual(done.returncode, INTERNAL, done.stderr)
                self.assertIn(b"cannot write to stdout", done.stderr)

    def test_a_reader_that_has_enough_is_no_error(self):
        self.ok("feed", "create", "log", home=self.home)
        self.ok("feed", "append", "log", "--lines", stdin=b"".join(b"%d\n" % i for i in range(20000)), home=self.home)
        for args in (("--json", "feed", "follow", "log"), ("feed", "cat", "log"), ("--help",)):
            with self.subTest(args=args):
                process = subprocess.Popen([BINARY, "--home", str(self.home), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                process.stdout.read(10)
                process.stdout.close()
                err = process.stderr.read()
                process.stderr.close()
                self.assertEqual(process.wait(30), OK, err)

    def test_a_cursor_stays_before_what_was_not_written(self):
        self.ok("publish", "news", "--lines", stdin=b"one\ntwo\n", home=self.home)
        args = ("subscribe", "news", "--since", "start", "--durable", "me", "--until-synced")
        with open("/dev/full", "wb") as full:
            self.assertEqual(self.run_with(*args, stdout=full).returncode, FULL)
        self.assertEqual(self.ok(*args, home=self.home).out, b"one\ntwo\n")
        self.assertEqual(self.ok(*args, home=self.home).out, b"")

    def test_files_of_results_are_whole_or_an_error(self):
        sim = ("sim", "routing", "--nodes", "30", "--lookups", "5")
        for flag in ("--csv", "--svg", "--html"):
            with self.subTest(flag=flag):
                self.assertEqual(self.run_with(*sim, flag, "/dev/full", home=False).returncode, FULL)
                self.assertEqual(self.run_with(*sim, flag, "/nonexistent/x", home=False).returncode, USAGE)
                self.assertEqual(self.run_with(*sim, flag, "/tmp", home=False).returncode, USAGE)
                kept = self.folder / "kept"
                kept.write_text("before")
                done = self.run_with(*sim, "--churn", "trace:/tmp", flag, kept, home=False)
                self.assertEqual(done.returncode, USAGE, done.stderr)
                self.assertEqual(kept.read_text(), "before")


if __name__ == "__main__":
    unittest.main()
