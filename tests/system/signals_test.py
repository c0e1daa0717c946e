"""SIGINT and SIGTERM to commands that something holds up: a pipe that nobody reads, a program of --exec."""
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

    # --exec

    def executing(self, home, command, *flags):
        process = subprocess.Popen(
            [BINARY, "-q", "--home", str(home), "subscribe", "weather", "--since", "start", *flags, "--exec", command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.addCleanup(self.put_away, process)
        return process

    def printed_again(self, node):
        return self.ok("-q", "subscribe", "weather", "--since", "start", "--durable", "d", "--until-synced", home=node).out

    def begun(self, log):
        return log.read_text().split() if log.exists() else []

    def test_a_signal_lets_the_command_under_way_end_and_begins_no_other(self):
        node = self.join()
        for message in ("m1", "m2", "m3"):
            self.ok("publish", "weather", message, home=node)
        for flags in ((), ("--json",)):
            for number in (signal.SIGTERM, signal.SIGINT):
                with self.subTest(signal=number.name, flags=flags):
                    log = self.folder / f"log-{number.name}{len(flags)}"
                    name = f"d-{number.name}{len(flags)}"
                    write = f"cat >> {log}; echo >> {log}; sleep 1; echo end >> {log}"
                    process = self.executing(node.home, write, "--durable", name, *flags)
                    self.eventually(lambda: self.begun(log) == ["m1"], 20, "the first command")
                    self.assertEqual(self.end(process, number, 5), OK)
                    self.assertEqual(self.begun(log), ["m1", "end"])
                    self.assertEqual(len(process.stdout.read().splitlines()), len(flags))
                    # The one that ended is dealt with, the others come again.
                    rest = self.ok("-q", "subscribe", "weather", "--durable", name, "--until-synced", home=node)
                    self.assertEqual(rest.out.split(), [b"m2", b"m3"])

    def test_a_command_that_the_signal_ended_too_has_not_dealt_with_its_message(self):
        node = self.join()
        self.ok("publish", "weather", "m1", home=node)
        log = self.folder / "log"
        process = self.executing(node.home, f"echo x > {log}; exec sleep 30", "--durable", "d")
        self.eventually(lambda: self.begun(log), 20, "the command")
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        self.assertEqual(process.wait(LIMIT), OK)
        self.assertEqual(process.stderr.read(), b"")
        self.assertEqual(self.printed_again(node), b"m1\n")

    def test_a_second_sigint_waits_for_nothing(self):
        node = self.join()
        self.ok("publish", "weather", "m1", home=node)
        log = self.folder / "log"
        process = self.executing(node.home, f"echo x > {log}; exec sleep 5", "--durable", "d")
        self.eventually(lambda: self.begun(log), 20, "the command")
        process.send_signal(signal.SIGINT)
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(0.5)
        self.assertEqual(self.end(process, signal.SIGINT, 0.5), 130)
        self.assertEqual(self.printed_again(node), b"m1\n")


if __name__ == "__main__":
    unittest.main()
