"""The scenes of scripts/demo. Every command is printed before it runs, so that it can be typed again."""
import json
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BINARY = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin/cipnode"
NODES = 6


class Demo:
    def __init__(self, folder):
        self.folder, self.nodes = Path(folder), []

    def say(self, text):
        print(f"\n== {text}", flush=True)

    def show(self, args, stdin=None):
        line = " ".join(shlex.quote(a) for a in args)
        print(f"$ cipnode {line.replace(str(self.folder) + '/', '')}" + (" < lines" if stdin else ""), flush=True)

    def run(self, home, *args, stdin=None, quiet=False):
        args = ["--home", str(self.folder / home), *args]
        if not quiet:
            self.show(args, stdin)
        done = subprocess.run([BINARY, *args], input=stdin, stdout=subprocess.PIPE)
        if done.returncode != 0:
            sys.exit(f"demo: that command failed with exit code {done.returncode}")
        return done.stdout.decode()

    def start_node(self, contact):
        home = f"node-{len(self.nodes) + 1}"
        args = ["--home", str(self.folder / home), "--json", "join", *([contact] if contact else []), "--listen", "127.0.0.1:0", "--no-lan"]
        self.show(args)
        process = subprocess.Popen([BINARY, *args], stdout=subprocess.PIPE)
        ready = json.loads(process.stdout.readline())
        self.nodes.append((home, process, ready))
        print(f"  {ready['key']} at {ready['udp']}", flush=True)
        return ready

    def stop(self):
        for _, process, _ in self.nodes:
            process.send_signal(signal.SIGTERM)
        for _, process, _ in self.nodes:
            process.wait(10)

    def join(self):
        self.say(f"{NODES} nodes join on loopback, each through the first")
        first = self.start_node(None)
        for _ in range(NODES - 1):
            self.start_node(first["udp"])

    def find(self):
        self.say("node 2 finds node 6 by its key alone; the route is printed hop by hop")
        print(self.run("node-2", "find", self.nodes[5][2]["key"], "--trace"))

    def topic(self):
        self.say("a message travels over a topic: node 3 subscribes, node 4 publishes, and the history stays")
        print(self.run("node-4", "publish", "weather", "rain at noon"), end="")
        shown = ["--home", str(self.folder / "node-3"), "subscribe", "weather", "--since", "start", "--count", "2"]
        self.show(shown)
        reader = subprocess.Popen([BINARY, *shown], stdout=subprocess.PIPE)
        time.sleep(0.5)
        print(self.run("node-4", "publish", "weather", "sun in the evening"), end="")
        print(reader.communicate(timeout=60)[0].decode(), end="")

    def feed(self):
        self.say("a feed replicates: node 1 writes 10,000 lines, node 5 downloads them by key alone")
        made = json.loads(self.run("node-1", "--json", "feed", "create", "log"))
        lines = "".join(f"measurement {i}: {i * i % 977}\n" for i in range(10_000)).encode()
        print(self.run("node-1", "feed", "append", "log", "--lines", stdin=lines), end="")
        print(self.run("node-5", "feed", "download", made["key"]), end="")

    def size(self):
        self.say("how large is a network? 2,000 simulated nodes, estimated from 16 lookups")
        print(self.run("node-1", "sim", "size", "--nodes", "2000", "--walks", "16", "--seed", "1"), end="")


def main():
    with tempfile.TemporaryDirectory(prefix="cipnode-demo-") as folder:
        demo = Demo(folder)
        try:
            demo.join()
            demo.find()
            demo.topic()
            demo.feed()
            demo.size()
        finally:
            demo.stop()
    print("\nThat was the demo. `cipnode --help` lists every command; README.md continues from here.")


main()
