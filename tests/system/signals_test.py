"""SIGINT and SIGTERM to commands that something holds up: a pipe that nobody reads."""
import fcntl
import os
import signal
import struct
import subprocess
import termios
import time
import unittest

from harness import BINARY, OK, SystemTest

LIMIT = 2.0  # seconds from a signal to the end, as cli.md says


class SignalsTest(SystemTest):

    def blocked(self, *args, home):
        """A command whose stdout is a pipe that nobody reads, and which is full."""
        process = subprocess.Popen([str(part) for part in [BINARY, "-q", "--home", home, *args]], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, pipesize=4096,
                                   env={**os.environ, "CIPNODE_NO_LAN": "true", "CIPNODE_LISTEN": "127.0.0.1:0"})
        self.addCleanup(self.put_away, process)
        self.eventually(lambda: self.held(process.stdout) > 0, 30, f"{args} fills its pipe of a page")
        time.sleep(0.5)  # now it waits for its reader
        return process

    def put_away(self, process):
        if process.poll() is None:
            process.kill()
        process.wait(10)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()

    def held(self, pipe):
        """Bytes that wait in a pipe."""
        return struct.unpack("i", fcntl.ioctl(pipe.fileno(), termios.FIONREAD, b"\0" * 4))[0]

    def end(self, process, number, seconds=LIMIT):
        process.send_signal(number)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.fail(f"{process.args[4:]} is there {seconds} s after {number.name}")

    def make_data(self, home):
        self.ok("feed", "create", "log", home=home)
        self.ok("feed", "append", "log", "--block-size", "64k", home=home, stdin=os.urandom(3_000_000))
        self.ok("publish", "weather", "--lines", home=home, stdin=b"0123456789012345678901234567890123456789\n" * 12_000)

    def test_a_signal_ends_what_writes_into_a_full_pipe(self):
        node = self.join()
        self.make_data(node.home)
        for args in (("feed", "cat", "log"), ("feed", "follow", "log"), ("feed", "follow", "log", "--json"),
                     ("subscribe", "weather", "--since", "start"), ("subscribe", "weather", "--since", "start", "--json")):
            for number in (signal.SIGTERM, signal.SIGINT):
                with self.subTest(args=args, signal=number.name):
                    # Blocks are larger than the pipe: output that was cut is no success.
                    clean = args[0] == "subscribe"
                    code = self.end(self.blocked(*args, home=node.home), number)
                    self.assertEqual(code, OK if clean else 128 + number)
        self.assertEqual(self.ok("status", "--json", home=node).object["pid"], node.pid)

    def test_a_signal_ends_a_command_with_its_own_node_that_writes_into_a_full_pipe(self):
        home = self.new_home()
        self.make_data(home)
        self.ok("stop", home=home)
        for args, code in ((("feed", "cat", "log"), 143), (("subscribe", "weather", "--since", "start"), OK)):
            with self.subTest(args=args):
                process = self.blocked("--no-daemon", *args, home=home)
                self.assertEqual(self.end(process, signal.SIGTERM), code)

    def test_a_signal_ends_a_simulation_that_writes_into_a_full_pipe(self):
        args = ("sim", "safety", "--runs", "2000", "--jobs", "2", "--json")
        process = self.blocked(*args, home=self.new_home())
        self.assertEqual(self.end(process, signal.SIGTERM), 143)

    def test_a_reader_that_goes_on_gets_all_of_a_line_that_was_begun(self):
        node = self.join()
        self.make_data(node.home)
        process = self.blocked("subscribe", "weather", "--since", "start", home=node.home)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=10)
        self.assertEqual(process.returncode, OK)
        self.assertTrue(out.endswith(b"6789\n"), out[-60:])

    def test_a_durable_subscription_brings_again_what_a_full_pipe_did_not_take(self):
        node = self.join()
        lines = [b"%06d %s" % (n, b"x" * 60) for n in range(4_000)]
        self.ok("publish", "weather", "--lines", home=node, stdin=b"\n".join(lines) + b"\n")
        durable = ("subscribe", "weather", "--since", "start", "--durable", "d")
        process = self.blocked(*durable, home=node.home)
        self.assertEqual(self.end(process, signal.SIGTERM), OK)
        printed = process.stdout.read().splitlines()
        rest = self.ok("-q", *durable, "--until-synced", home=node).out.splitlines()
        self.assertEqual(sorted(set(printed + rest)), lines)
        self.assertLess(len(rest), len(lines))


if __name__ == "__main__":
    unittest.main()
