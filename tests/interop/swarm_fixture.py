"""Cipnodes and programs built on Hyperswarm in one network of stock nodes."""
import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
from harness import SystemTest, content  # noqa: E402

FEED_STRIDE = 1_000_000  # block i of stock feed c has the content of block i + c * this


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def stock_content(feed, blocks, size):
    return b"".join(content(feed * FEED_STRIDE + i, size) for i in range(blocks))


class SwarmFixture(SystemTest):
    def setUp(self):
        super().setUp()
        self.network = self.swarm_peer("testnet", "--nodes", "6", "--no-stdin", alone=True)
        self.bootstrap = self.network.event("ready")["bootstrap"][0]

    def swarm_peer(self, command, *args, alone=False, stdin=None):
        contact = [] if alone else ["--bootstrap", self.bootstrap]
        stop = [] if stdin is not None else ["--no-stdin"]
        return self.stock("swarm-peer.mjs", command, *map(str, args), *contact, *stop, "--timeout", "150", stdin=stdin)

    def node(self, *flags, home=None):
        return self.join(self.bootstrap, flags=flags, home=home)

    def seed(self, *args, **options):
        seeder = self.swarm_peer("seed", *args, **options)
        return seeder, seeder.event("ready")

    def our_feed(self, node, name, blocks, size):
        made = self.ok("--json", "feed", "create", name, home=node).object
        data = b"".join(content(i, size) for i in range(blocks))
        self.ok("feed", "append", name, "--block-size", size, home=node, stdin=data)
        return {**made, "data": data}

    def peers(self, node):
        return self.ok("--json", "peers", home=node).objects

    def tell(self, peer, line):
        """Says a line to a stock peer that was started with stdin=PIPE, and returns its answer."""
        name = line.split()[0]

        def answers():
            return [event for event in peer.events if event.get("event") == name]

        before = len(answers())
        peer.process.stdin.write(f"{line}\n".encode())
        peer.process.stdin.flush()
        peer.wait_until(lambda: len(answers()) > before, 20, f"the answer to {line}")
        return answers()[-1]

    def udx(self, node):
        return self.ok("--json", "status", home=node).object["udx"]
