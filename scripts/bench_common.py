"""What the parts of scripts/bench share: programs to drive, processes that print JSON lines, rows of figures."""
import json
import os
import signal
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "build/release/bin"
BINARY = PROGRAMS / "cipnode"
INTEROP = ROOT / "tests/interop"


class Line:
    """A process that prints JSON lines."""

    def __init__(self, command, talks=False):
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE if talks else None,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def say(self, line):
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def event(self, name):
        for line in self.process.stdout:
            event = json.loads(line)
            if event.get("event") == name:
                return event
        sys.exit(f"bench: no {name!r} from {' '.join(map(str, self.process.args))}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.process.stdout.close()


def run_json(*command, stdin=None):
    done = subprocess.run([str(c) for c in command], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr.decode()[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def memory_mib(pid):
    """What of it is in memory: Rss, and Pss, which shares with other processes what it shares with them."""
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    return {words[0][:-1]: int(words[1]) / 1024 for words in lines}


def pss_mib(pid):
    return memory_mib(pid)["Pss"]


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def row(what, unit, better, stock, cipnode, wanted):
    """One line of the report from the rounds of both sides; `stock` is empty where nothing compares."""
    stock = [value for value in stock if value is not None]
    return {"what": what, "unit": unit, "better": better, "stock": statistics.median(stock) if stock else None,
            "cipnode": statistics.median(cipnode), "wanted": wanted, "stockRounds": stock, "cipnodeRounds": cipnode}
