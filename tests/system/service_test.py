"""A node under a service manager, without one: the socket that it reports to is the test's. And the units as systemd reads
them: that it takes them, what they leave open, and that they forbid nothing that a node does."""
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from harness import BINARY, BUSY, FULL, OK, REFUSED, ROOT, USAGE, SystemTest

UNIT = ROOT / "debian/cipnode.service"
USER_UNIT = ROOT / "debian/cipnode.user.service"
# docs/operating.md names it.
MOST_EXPOSURE = 1.1

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207


class Manager:
    """Listens as systemd does; `messages` are (time, datagram) in order."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.messages = []

    def hear(self, seconds):
        """The next datagram as its lines; None: nothing came."""
        self.socket.settimeout(seconds)
        try:
            text = self.socket.recv(65536).decode()
        except (TimeoutError, BlockingIOError):
            return None
        self.messages.append((time.monotonic(), text))
        return text.split("\n")

    def hear_until(self, line, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if line in (self.hear(max(0.01, deadline - time.monotonic())) or []):
                return
        raise AssertionError(f"{line} did not come in {seconds} s: {self.messages}")

    def times_of(self, line):
        return [at for at, text in self.messages if line in text.split("\n")]

    def close(self):
        self.socket.close()


class FrozenThread:
    """Holds up one thread of another process; the others run on."""

    def __init__(self, thread):
        self.thread = thread
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]

    def _ptrace(self, request):
        if self.libc.ptrace(request, self.thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")

    def __enter__(self):
        self._ptrace(PTRACE_SEIZE)
        self._ptrace(PTRACE_INTERRUPT)
        os.waitpid(self.thread, 0x40000000)  # __WALL

    def __exit__(self, *_):
        self._ptrace(PTRACE_DETACH)


class ManagedTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.address = str(self.folder / "notify")
        self.manager = Manager(self.address)
        self.home = self.new_home()

    def tearDown(self):
        super().tearDown()
        self.manager.close()

    def begin(self, *flags, address=None, watchdog_ms=None, home=None, **environment):
        """A node as a unit starts it."""
        wanted = {**os.environ, "NOTIFY_SOCKET": address or self.address, **environment}
        if watchdog_ms:
            wanted["WATCHDOG_USEC"] = str(watchdog_ms * 1000)
        return self.start([BINARY, "--home", home or self.home, "--json", "join", "--no-lan", "--listen", "127.0.0.1:0", *flags],
                          env=wanted)


class NotifyTest(ManagedTest):
    def test_ready_status_signs_of_life_and_the_end_come_in_their_order(self):
        node = self.begin(watchdog_ms=400)
        node.event("ready")
        self.assertEqual(self.manager.hear(10), ["READY=1", "STATUS=0 contacts, 0 peers, 0 feeds open"])
        for _ in range(5):
            self.assertEqual(self.manager.hear(5), ["WATCHDOG=1"])
        lives = self.manager.times_of("WATCHDOG=1")
        self.assertLess((lives[-1] - lives[0]) / 4, 0.35, "half of the time that the manager waits")
        node.process.send_signal(signal.SIGTERM)
        self.manager.hear_until("STOPPING=1", 5)
        self.assertEqual(node.wait(), OK)
        self.assertEqual(len(self.manager.times_of("READY=1")), 1)
        while (late := self.manager.hear(0.1)) is not None:
            self.assertEqual(late, ["WATCHDOG=1"], "it says goodbye")

    def test_a_socket_without_a_file(self):
        name = f"cipnode-test-{os.getpid()}"
        manager = Manager("\0" + name)
        self.addCleanup(manager.close)
        self.begin(address="@" + name)
        manager.hear_until("STATUS=0 contacts, 0 peers, 0 feeds open", 20)

    def test_the_status_is_told_when_it_changed_and_no_more_often_than_every_three_seconds(self):
        other = self.join()
        self.begin(other.contact)
        self.manager.hear_until("STATUS=1 contact, 0 peers, 0 feeds open", 20)
        for name in ("a", "b", "c"):
            self.ok("feed", "create", name, home=self.home)
        before = len(self.manager.messages)
        self.manager.hear_until("STATUS=1 contact, 0 peers, 3 feeds open", 10)
        self.assertLessEqual(len(self.manager.messages) - before, 2, self.manager.messages)
        self.assertIsNone(self.manager.hear(7), "nothing changed")

    def test_a_loop_that_does_not_turn_gives_no_sign_of_life(self):
        node = self.begin(watchdog_ms=400)
        node.event("ready")
        self.manager.hear_until("WATCHDOG=1", 10)
        with FrozenThread(node.pid):
            while self.manager.hear(0.3) is not None:  # what it had sent before
                pass
            self.assertIsNone(self.manager.hear(2))
        self.manager.hear_until("WATCHDOG=1", 5)

    def test_without_a_watchdog_or_with_that_of_another_process_there_are_no_signs_of_life(self):
        for more in ({}, {"WATCHDOG_USEC": "400000", "WATCHDOG_PID": "1"}):
            with self.subTest(more=more):
                node = self.begin(home=self.new_home(), **more)
                self.manager.hear_until("READY=1", 20)
                self.assertIsNone(self.manager.hear(1))
                node.stop()
                self.manager.hear_until("STOPPING=1", 5)

    def test_stop_and_the_idle_time_end_it_as_a_signal_does(self):
        self.begin()
        self.manager.hear_until("READY=1", 20)
        self.ok("stop", home=self.home)
        self.manager.hear_until("STOPPING=1", 5)
        self.begin("--idle-exit", "100ms")
        self.manager.hear_until("READY=1", 20)
        self.manager.hear_until("STOPPING=1", 10)

    def test_a_node_in_the_background_is_not_what_the_manager_started(self):
        named = {"NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": "400000"}
        self.ok("join", "--detach", "--no-lan", "--listen", "127.0.0.1:0", home=self.home, env=named)
        self.ok("feed", "ls", home=self.new_home(), env=named)
        self.assertIsNone(self.manager.hear(1))

    def test_a_manager_that_went_away_ends_nothing(self):
        node = self.begin(watchdog_ms=100)
        self.manager.hear_until("WATCHDOG=1", 20)
        self.manager.close()
        os.unlink(self.address)
        self.eventually(lambda: self.cipnode("status", home=self.home).code == OK, 10, "it answers")
        self.assertEqual(node.stop(), OK)


class FailedStartTest(ManagedTest):
    """What stands in `systemctl status`: the reason, and what to do."""

    def failed(self, node, code, *parts):
        self.assertEqual(node.wait(30), code, node.stderr())
        said = self.manager.hear(5)
        self.assertEqual(len(said), 1, said)
        for part in parts:
            self.assertIn(part, said[0])
        self.assertIsNone(self.manager.hear(0.1), "it was never ready")

    def test_a_unit_started_twice(self):
        first = self.begin()
        self.manager.hear_until("READY=1", 20)
        self.failed(self.begin(), BUSY, f"pid {first.pid} (cipnode join)", "cipnode stop")
        self.ok("status", home=self.home)

    def disk(self, options):
        """A file system of its own, which the state directory is."""
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", disk], check=True)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        return disk

    def test_a_home_that_cannot_be_written(self):
        self.failed(self.begin(home=self.disk("ro,size=1m") / "home"), REFUSED, "STATUS=", "not writable", "--home DIR")

    def test_a_full_disk(self):
        self.failed(self.begin(home=self.disk("size=64k") / "home"), FULL, "STATUS=", "free some space")


class SettingsTest(ManagedTest):
    def test_a_setting_of_a_later_version_is_named_with_its_line_and_what_to_do(self):
        folder = self.folder / "etc/cipnode"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text('log = "info"\nteleport = true\n')
        node = self.begin(XDG_CONFIG_HOME=str(folder.parent))
        self.assertEqual(node.wait(), USAGE)
        self.assertIn("config.toml, line 2: unknown setting 'teleport'", node.stderr())
        self.assertIn("remove", node.stderr())

    def test_the_settings_that_the_package_brings_are_those_of_this_version(self):
        folder = self.folder / "etc/cipnode"
        folder.mkdir(parents=True)
        shutil.copy(ROOT / "debian/config.toml", folder)
        text = (folder / "config.toml").read_text()
        self.assertIn("\n# listen = ", text)
        for settings in (text, re.sub(r"(?m)^# (?=[a-z-]+ = )", "", text)):
            (folder / "config.toml").write_text(settings)
            self.ok("paths", env={"XDG_CONFIG_HOME": str(folder.parent)}, home=self.home)


class JournalTest(SystemTest):
    def run_in_journal(self, *command):
        """What a command writes to a stderr that JOURNAL_STREAM names."""
        file = self.folder / "journal"
        with open(file, "w+b") as stream:
            place = os.fstat(stream.fileno())
            done = subprocess.run([BINARY, *map(str, command)], stdout=subprocess.PIPE, stderr=stream, timeout=60,
                                  env={**os.environ, "JOURNAL_STREAM": f"{place.st_dev}:{place.st_ino}"})
            stream.seek(0)
            return done.returncode, stream.read().decode().splitlines()

    def test_log_lines_carry_their_severity_and_no_time(self):
        join = ("--home", self.new_home(), "join", "--listen", "127.0.0.1:0", "--idle-exit", "100ms", "--no-lan")
        code, lines = self.run_in_journal("--log", "debug", *join)
        self.assertEqual(code, OK)
        self.assertIn("<6>node: nobody needs this node any more", lines)
        self.assertTrue(any(line.startswith("<7>dht: ") for line in lines), lines)
        for line in lines:
            self.assertRegex(line, r"^<[3-7]>(dht|store|overlay|node): ")

    def test_as_json_too(self):
        join = ("--home", self.new_home(), "join", "--listen", "127.0.0.1:0", "--idle-exit", "100ms", "--no-lan")
        _, lines = self.run_in_journal("--log", "info", "--log-format", "json", *join)
        said = {json.loads(line[3:])["message"]: line[:3] for line in lines}
        self.assertEqual(said["nobody needs this node any more"], "<6>")

    def test_why_a_command_failed_is_an_error(self):
        code, lines = self.run_in_journal("--home", self.new_home(), "status")
        self.assertNotEqual(code, OK)
        self.assertTrue(all(line.startswith("<3>") for line in lines), lines)

    def test_elsewhere_lines_are_dated_as_ever(self):
        join = ("join", "--listen", "127.0.0.1:0", "--idle-exit", "100ms", "--no-lan")
        done = self.ok("--log", "info", *join, home=self.new_home(), env={"JOURNAL_STREAM": "1:1"})
        self.assertRegex(done.err.decode().splitlines()[-1], r"^\d{4}-\d\d-\d\dT\S+ info node: ")


class UnitTest(SystemTest):
    def copy_of(self, unit, name="cipnode.service"):
        """The unit with the program under test, which systemd looks for."""
        text = unit.read_text()
        self.assertIn("ExecStart=/usr/bin/cipnode join\n", text)
        file = self.folder / name
        file.write_text(text.replace("/usr/bin/cipnode", BINARY))
        return file

    def analyze(self, *args):
        done = subprocess.run(["systemd-analyze", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60, env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder), "LC_ALL": "C"})
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_systemd_takes_the_units_as_they_are(self):
        # Documentation is installed by another package, so that it is not looked for.
        self.assertEqual(self.analyze("verify", "--man=no", self.copy_of(UNIT)), "")
        self.assertEqual(self.analyze("--user", "verify", "--man=no", self.copy_of(USER_UNIT)), "")

    def test_the_service_is_exposed_no_more_than_its_documentation_says(self):
        said = self.analyze("security", "--offline=yes", self.copy_of(UNIT))
        exposure = float(re.search(r"Overall exposure level for cipnode.service: ([0-9.]+)", said)[1])
        self.assertLessEqual(exposure, MOST_EXPOSURE)
        self.assertIn(f"`systemd-analyze security` gives it {exposure}", (ROOT / "docs/operating.md").read_text())

    def allowed_calls(self):
        """The system calls that the unit's filter lets through."""
        def members(group):
            names = set()
            for line in self.analyze("syscall-filter", group).splitlines()[1:]:
                word = line.strip()
                names |= members(word) if word.startswith("@") else {word} if word and word[0] != "#" else set()
            return names

        allowed = set()
        for line in re.findall(r"(?m)^SystemCallFilter=(.*)$", UNIT.read_text()):
            for group in line.lstrip("~").split():
                allowed = allowed - members(group) if line.startswith("~") else allowed | members(group)
        return allowed

    def test_a_node_asks_the_kernel_for_nothing_that_the_unit_forbids(self):
        trace = self.folder / "trace"
        node = self.join(prefix=["strace", "-f", "-qq", "-o", trace], lan=True)
        other = self.join()
        self.ok("feed", "create", "log", home=node)
        self.ok("feed", "append", "log", home=node, stdin=bytes(200_000))
        self.ok("publish", "news", "hi", home=node)
        self.ok("find", other.ready["key"], "--bootstrap", other.contact, home=node)
        self.ok("stop", home=node)
        node.wait()
        text = trace.read_text(errors="replace")
        called = set(re.findall(r"(?m)^\d+ +([a-z0-9_]+)\(", text))
        self.assertLessEqual({"epoll_wait", "fdatasync"}, called)
        self.assertEqual(called - self.allowed_calls() - {"exit_group"}, set())
        families = set(re.findall(r"socket\((AF_[A-Z0-9]+|PF_[A-Z0-9]+)", text))
        self.assertIn("AF_INET", families)
        allowed = re.search(r"(?m)^RestrictAddressFamilies=(.*)$", UNIT.read_text())[1].split()
        self.assertEqual(families - set(allowed), set())
        # MemoryDenyWriteExecute
        self.assertNotRegex(text, r"PROT_WRITE\|PROT_EXEC")


if __name__ == "__main__":
    unittest.main(verbosity=2)
