"""Nodes behind NATs reach each other through nodes that are not: holes punched for streams over UDX, in network
namespaces with the NATs of the world. Needs root."""
import time
import unittest

from nat_fixture import NatFixture
from natlab import Lab


class NatTest(NatFixture):
    def feed_of(self, node):
        self.ok("feed", "create", "log", home=node, prefix=node.on)
        return self.ok("--json", "feed", "append", "log", "--lines", home=node, prefix=node.on, stdin=b"a\nb\n").object

    def download(self, node, feed, seconds):
        begun = time.monotonic()
        result = self.cipnode("--json", "--timeout", f"{seconds}s", "feed", "download", feed["key"], home=node, prefix=node.on)
        return result, time.monotonic() - begun

    def peers(self, node):
        return self.ok("--json", "peers", home=node, prefix=node.on).objects

    def check_pair(self, a_kind, b_kind, *flags, seconds=30, same=False, **network):
        with Lab(a_kind, b_kind, delay=10, same=same) as lab:
            contacts = self.network(lab, **network)
            a, b = (self.behind(lab, side, contacts, *flags) for side in "ab")
            for seeds, reads in ((a, b), (b, a)):
                feed = self.feed_of(seeds)
                result, took = self.download(reads, feed, seconds)
                self.assertEqual(result.code, 0, f"{a_kind}-{b_kind} after {took:.1f} s: {result!r}")
                self.assertEqual(result.object["treeHash"], feed["treeHash"])
            for node, other in ((a, b), (b, a)):
                peers = [peer for peer in self.peers(node) if peer["key"] == other.ready["key"]]
                self.assertEqual([peer["stream"] for peer in peers], ["bound"], "one stream for the pair")
            self.end_all()

    def test_two_nodes_behind_nats_that_keep_their_ports(self):
        self.check_pair("port", "port")

    def test_one_node_on_the_internet_is_enough(self):
        self.check_pair("port", "port", nodes=1)

    def test_two_nodes_behind_one_router_meet_inside(self):
        self.check_pair("port", "port", same=True)

    def test_a_node_behind_two_nats_in_a_row(self):
        self.check_pair("cgnat", "addr")

    def test_a_filter_on_the_host_is_opened_as_a_nat_is(self):
        self.check_pair("firewall", "port")

    def test_a_node_that_leaves_tcp_out_is_reached_behind_its_nat_by_one_that_has_none(self):
        self.check_pair("port", "open", "--transport", "udx")

    def test_a_nat_that_changes_its_ports_is_guessed(self):
        self.check_pair("sym", "port", seconds=50)

    def test_two_of_those_are_refused_with_the_reason(self):
        with Lab("sym", "sym", delay=10) as lab:
            contacts = self.network(lab)
            a, b = (self.behind(lab, side, contacts) for side in "ab")
            result, took = self.download(b, self.feed_of(a), 20)
            self.assertEqual(result.code, 4, repr(result))
            self.assertIn("both NATs change ports", result.error["message"])
            self.end_all()


if __name__ == "__main__":
    unittest.main(verbosity=2)
