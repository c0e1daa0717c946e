"""Real processes for system tests: cipnode nodes and stock peers on loopback, each ended by its own
process id. Every wait has a deadline; nothing sleeps for a fixed time to be lucky."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("CIPNODE_BINARY", str(ROOT / "build/release/bin/cipnode"))
INTEROP = ROOT / "tests/interop"

OK, INTERNAL, USAGE, NOT_FOUND, NO_ROUTE, TIMEOUT, UNCONFIRMED, REFUSED, NO_DAEMON, BUSY = range(10)
INCOMPATIBLE, FULL, CONFLICT, CORRUPT = 10, 11, 12, 13


class Result:
    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    @property
    def text(self):
        return self.out.decode()

    @property
    def objects(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    @property
    def object(self):
        return self.objects[-1]

    @property
    def error(self):
        """The error object that --json prints as the last line of stderr."""
        return json.loads(self.err.splitlines()[-1])["error"]

    def __repr__(self):
        return f"{' '.join(map(str, self.args))}\nexit {self.code}\nstdout: {self.out[-1500:]!r}\nstderr: {self.err[-3000:]!r}"


class Process:
    """A running program whose stdout is JSON lines (or raw bytes with lines=False)."""

    def __init__(self, command, cwd=None, env=None, lines=True, stdin=None):
        self.command = [str(part) for part in command]
        self.err_file = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=self.err_file,
            stdin=stdin if stdin is not None else subprocess.DEVNULL)
        self.events, self.raw = [], bytearray()
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._read_lines if lines else self._read_raw, daemon=True)
        self.reader.start()

    def _read_lines(self):
        for line in self.process.stdout:
            with self.changed:
                try:
                    self.events.append(json.loads(line))
                except ValueError:
                    self.events.append({"event": "not json", "line": line.decode(errors="replace")})
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def _read_raw(self):
        while chunk := self.process.stdout.read1(1 << 16):
            with self.changed:
                self.raw += chunk
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        self.err_file.seek(0)
        return self.err_file.read().decode(errors="replace")

    def wait_until(self, condition, seconds, what):
        """Waits until condition() is true; it is asked again after every output line."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while not condition():
                left = deadline - time.monotonic()
                ended = self.process.poll() is not None and not self.reader.is_alive()
                if left <= 0 or ended:
                    raise AssertionError(
                        f"{what} did not come ({'ended with %s' % self.process.returncode if ended else 'deadline'}): "
                        f"{' '.join(self.command)}\nevents: {self.events[-5:]}\nstderr: {self.stderr()[-3000:]}")
                self.changed.wait(min(left, 0.2))

    def event(self, name, seconds=20, match=lambda event: True):
        found = []

        def there():
            found[:] = [e for e in self.events if e.get("event") == name and match(e)]
            return bool(found)

        self.wait_until(there, seconds, f"event {name!r}")
        return found[0]

    def wait(self, seconds=20):
        code = self.process.wait(seconds)
        self.reader.join(5)
        return code

    def stop(self, seconds=10):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)

    def close(self):
        self.kill()
        self.reader.join(5)
        self.process.stdout.close()
        if self.process.stdin:
            try:
                self.process.stdin.close()
            except OSError:
                pass
        self.err_file.close()


class SystemTest(unittest.TestCase):
    """A test with its own folder; what it started is ended when it ends."""

    maxDiff = 2000

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="cipnode-test-"))
        self.processes = []
        self.homes = 0

    def tearDown(self):
        for process in reversed(self.processes):
            process.close()
        for home in self.folder.glob("home-*"):
            self._end_background_node(home)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_background_node(self, home):
        subprocess.run([BINARY, "--home", str(home), "-q", "stop"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=30)

    def new_home(self):
        self.homes += 1
        return self.folder / f"home-{self.homes}"

    def start(self, command, **options):
        process = Process(command, **options)
        self.processes.append(process)
        return process

    def join(self, *contacts, home=None, flags=(), prefix=(), listen="127.0.0.1:0", lan=False):
        """A foreground node that has printed its ready line; `.ready` is that line, `.home` its home."""
        home = home or self.new_home()
        command = [*prefix, BINARY, "--home", home, "--json", "join", *contacts]
        command += ["--listen", listen] if listen else []
        command += [] if lan else ["--no-lan"]
        node = self.start([*command, *flags])
        node.home = home
        node.ready = node.event("ready")
        node.contact = node.ready["udp"]
        return node

    def cipnode(self, *args, home=None, stdin=b"", seconds=60, prefix=(), env=None):
        """Runs a command to its end. `home` may be a node or a folder."""
        home = home.home if isinstance(home, Process) else home
        command = [*prefix, BINARY, *(["--home", home] if home else []), *args]
        command = [str(part) for part in command]
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds,
                              env={**os.environ, **(env or {})})
        return Result(command, done.returncode, done.stdout, done.stderr)

    def ok(self, *args, **options):
        result = self.cipnode(*args, **options)
        self.assertEqual(result.code, OK, repr(result))
        return result

    def eventually(self, condition, seconds, what):
        """Asks again until condition() gives something true; for states that only a command shows."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                self.fail(f"{what}: not within {seconds} s")
            time.sleep(0.1)

    # Stock peers.

    def seeder(self, key, contact):
        """A node that keeps the feed, with all that its writer has so far."""
        keeper = self.join(contact)
        self.ok("feed", "seed", key, home=keeper)
        return keeper

    def wait_for_length(self, home, key, length):
        def held():
            return self.ok("--json", "feed", "info", key, home=home).object["contiguousLength"]

        self.eventually(lambda: held() == length, 20, f"{length} blocks of the feed arrive")

    def stock(self, program, *args, **options):
        return self.start(["node", INTEROP / program, *args], **options)

    def stock_result(self, program, *args, seconds=60):
        done = subprocess.run(["node", INTEROP / program, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=seconds)
        return Result([program, *args], done.returncode, done.stdout, done.stderr)


def content(index, size):
    """The bytes that stock test feeds hold at a block (interop/feed-peer.mjs help)."""
    base = index * 31 + (index >> 8) * 17
    rows = (bytes((base + row * 13 + j * 7) % 256 for j in range(256)) for row in range(min(256, (size >> 8) + 1)))
    whole = b"".join(rows)  # rows repeat after 256
    return (whole * (size // len(whole) + 1))[:size]


def real_lines():
    """A real text of at least 1 MB made of files of this project and its build dependencies."""
    files = sorted((ROOT / "tests/vectors").glob("*/*.json"))
    text = b"".join(path.read_bytes() for path in files)
    # Bounded in lines: an author may burst 32,768 messages.
    header = Path("/usr/include/doctest/doctest.h")
    text += header.read_bytes()
    while len(text) < 1_000_000:
        text += files[0].read_bytes()
    return text if text.endswith(b"\n") else text + b"\n"


if __name__ == "__main__":
    unittest.main()
