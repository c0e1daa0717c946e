"""A network of the published DHT nodes: cipnode as member, announcer, finder and relay."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
from harness import NO_ROUTE, SystemTest  # noqa: E402


class StockNetworkTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.network = self.stock("dht-peers.mjs", "testnet", "--nodes", "12", "--seconds", "110")
        ready = self.network.event("ready", 60)
        self.bootstrap = ready["bootstrap"][0]
        self.stock_nodes = {node["address"] for node in ready["nodes"]} | {self.bootstrap}

    def test_the_stock_client_finds_the_key_that_cipnode_announces(self):
        node = self.join(self.bootstrap)
        found = self.eventually(
            lambda: self.stock_result("dht-peers.mjs", "find-peer", "--bootstrap", self.bootstrap, "--key", node.ready["keyHex"]).code == 0,
            30, "the stock client finds the key")
        self.assertTrue(found)

    def test_a_stock_server_is_found_and_its_hello_answered(self):
        seed = "07" * 32
        server = self.stock("dht-peers.mjs", "listen", "--seed", seed, "--bootstrap", self.bootstrap, "--seconds", "90")
        key = server.event("listening", 30)["key"]
        node = self.join(self.bootstrap)
        found = self.ok("--json", "find", key, home=node).object
        self.assertTrue(found["found"])
        self.assertTrue(found["hello"]["ok"])
        self.assertEqual(found["hello"]["peer"], "stock")
        self.assertEqual(found["hello"]["transport"], "none")

    def test_a_stock_hello_with_the_trailer_opens_a_bound_stream_to_cipnode(self):
        node = self.join(self.bootstrap)
        hello = self.eventually(
            lambda: self.hello_of_stock(node), 30, "a hello of the stock client is answered")
        self.assertEqual(hello["extension"]["capabilities"] & 1, 1)
        self.assertIn(node.ready["tcp"], hello["extension"]["tcp4"])

    def hello_of_stock(self, node):
        result = self.stock_result("dht-peers.mjs", "hello", "--bootstrap", self.bootstrap, "--key", node.ready["keyHex"], "--no-udx",
                                   "--seed", "09" * 32)
        return result.object if result.code == 0 else None

    def test_two_cipnodes_that_know_only_stock_nodes_connect_by_a_relayed_hello(self):
        # Ephemeral: in nobody's table and storing nothing, so that only stock nodes can relay.
        writer = self.join(self.bootstrap, flags=["--ephemeral"])
        reader = self.join(self.bootstrap, flags=["--ephemeral"])
        found = self.eventually(lambda: self.found(writer.ready["key"], reader), 30, "the writer is found")
        self.assertEqual((found["hello"]["peer"], found["hello"]["transport"]), ("cipnode", "tcp"))
        self.assertLessEqual(set(found["relays"]), self.stock_nodes)
        self.assertIn(found["hello"]["via"], self.stock_nodes)

        self.ok("feed", "create", "log", home=writer)
        made = self.ok("--json", "feed", "append", "log", "--lines", home=writer, stdin=b"one\ntwo\nthree\n").object
        got = self.ok("--json", "--timeout", "40s", "feed", "download", made["key"], home=reader).object
        self.assertEqual(got["treeHash"], made["treeHash"])
        peer = self.ok("--json", "peers", home=reader).object
        self.assertEqual((peer["key"], peer["stream"]), (writer.ready["key"], "bound"))

    def found(self, key, home):
        result = self.cipnode("--json", "find", key, home=home)
        return result.object if result.code == 0 else None

    def test_a_stock_server_that_left_is_known_but_not_reachable(self):
        server = self.stock("dht-peers.mjs", "listen", "--seed", "08" * 32, "--bootstrap", self.bootstrap, "--seconds", "90")
        key = server.event("listening", 30)["key"]
        node = self.join(self.bootstrap)
        self.ok("find", key, home=node)
        server.kill()
        gone = self.cipnode("--json", "find", key, home=node)
        self.assertEqual(gone.code, NO_ROUTE, repr(gone))


if __name__ == "__main__":
    unittest.main(verbosity=2)
