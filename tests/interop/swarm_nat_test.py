"""A cipnode and a program built on Hyperswarm, each behind a NAT of its own: holes are punched, whoever calls. In
network namespaces; needs root."""
import hashlib
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
from harness import content  # noqa: E402
from nat_fixture import NODES, NatFixture  # noqa: E402
from natlab import Lab  # noqa: E402

BLOCKS, SIZE = 20, 5000


class SwarmNatTest(NatFixture):
    def setUp(self):
        super().setUp()
        os.environ["CIP_NAT_LAB"] = "1"
        self.addCleanup(os.environ.pop, "CIP_NAT_LAB")

    def stock_on(self, lab, side, command, *args):
        peer = [*lab.on(side), "node", str(Path(__file__).resolve().parent / "swarm-peer.mjs"), command, *map(str, args)]
        return self.start([*peer, "--bootstrap", ",".join(address for _, address in NODES), "--host", "0.0.0.0", "--firewalled", "--no-stdin", "--timeout", "100"])

    def places(self, node):
        """The networks into which the streams of a node go."""
        return [peer["address"].rsplit(".", 1)[0] for peer in self.ok("--json", "peers", home=node, prefix=node.on).objects]

    def a_feed_each_way(self, lab):
        node = self.behind(lab, "b", self.network(lab))
        seeder = self.stock_on(lab, "a", "seed", "--blocks", BLOCKS, "--size", SIZE)
        feed = seeder.event("ready", 30)["feeds"][0]
        got = self.ok("--json", "--timeout", "40s", "feed", "download", feed["key"], home=node, prefix=node.on).object
        self.assertEqual(got["blocks"], BLOCKS)
        data = self.ok("feed", "cat", feed["key"], home=node, prefix=node.on).out
        self.assertEqual(hashlib.sha256(data).digest(), hashlib.sha256(b"".join(content(i, SIZE) for i in range(BLOCKS))).digest())
        places = self.places(node)
        seeder.close()

        made = self.ok("--json", "feed", "create", "log", home=node, prefix=node.on).object
        self.ok("feed", "append", "log", "--block-size", SIZE, home=node, prefix=node.on,
                stdin=b"".join(content(i, SIZE) for i in range(BLOCKS)))
        reader = self.stock_on(lab, "a", "download", "--key", made["key"], "--length", BLOCKS)
        done = reader.event("feed", 60)
        self.assertEqual(done["length"], BLOCKS)
        places += self.places(node)
        self.end_all()
        return places

    def test_a_feed_each_way_between_nats_that_keep_their_ports(self):
        with Lab("port", "port", delay=10) as lab:
            self.a_feed_each_way(lab)

    def test_behind_one_nat_they_meet_in_its_network(self):
        with Lab("port", "port", same=True, delay=10) as lab:
            self.assertEqual(set(self.a_feed_each_way(lab)), {"10.1.0"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
