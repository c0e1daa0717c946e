"""A network of the published DHT nodes: cipnode as member, announcer, finder and relay."""
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
from harness import NO_ROUTE, NOT_FOUND, SystemTest  # noqa: E402


TOPIC = "5a" * 32


class DhtTest(SystemTest):
    """Operations of either side against a network, whoever its members are."""

    def stock_ok(self, *args):
        result = self.stock_result("dht-peers.mjs", *args, "--bootstrap", self.bootstrap)
        self.assertEqual(result.code, 0, repr(result))
        return result.object

    def stock_code(self, *args):
        return self.stock_result("dht-peers.mjs", *args, "--bootstrap", self.bootstrap).code

    def check_values(self, node):
        """What one side puts the other one gets."""
        put = self.ok("--json", "put", "of cipnode", home=node).object
        self.assertEqual(self.stock_ok("get", "--hash", put["hash"])["text"], "of cipnode")
        self.assertEqual(put["refused"], 0)
        largest = self.stock_ok("put", "--hex", "ab" * 1000)
        self.assertEqual(largest["refused"], 0)
        self.assertEqual(self.ok("get", largest["hash"], home=node).out, b"\xab" * 1000)
        self.immutables = [put["hash"], largest["hash"]]

    def check_mutable_values(self, node):
        put = self.ok("--json", "put", "--key", "name", "--seq", "3", "of cipnode", home=node).object
        got = self.stock_ok("get-mutable", "--key", put["keyHex"])
        self.assertEqual((got["text"], got["seq"]), ("of cipnode", 3))
        mine = self.stock_ok("put-mutable", "--seed", "01" * 32, "--seq", "7", "--value", "of stock")
        got = self.ok("--json", "get", "key:" + mine["key"], home=node).object
        self.assertEqual((got["value"], got["seq"]), ("of stock", 7))
        newer = self.stock_ok("put-mutable", "--seed", "01" * 32, "--seq", "8", "--value", "newer")
        self.assertGreater(newer["accepted"], 0)
        self.assertEqual(self.ok("get", "key:" + mine["key"], home=node).out, b"newer")
        # Old numbers are refused with the codes that stock nodes use.
        old = self.stock_result("dht-peers.mjs", "put-mutable", "--seed", "01" * 32, "--seq", "2", "--value", "old",
                                "--bootstrap", self.bootstrap).object
        self.assertEqual(old["errors"], [17], old)
        self.mutables = [put["keyHex"], mine["key"]]

    def check_announces(self, node):
        key = self.stock_ok("announce", "--topic", TOPIC, "--seed", "02" * 32)["key"]
        found = [peer["key"] for peer in self.ok("--json", "lookup", TOPIC, home=node).objects]
        self.assertEqual(len(found), 1)
        self.assertEqual(self.ok("--json", "announce", TOPIC, home=node).object["target"], TOPIC)
        peers = {peer["key"] for peer in self.stock_ok("lookup", "--topic", TOPIC)["peers"]}
        self.assertEqual(peers, {key, node.ready["keyHex"]})
        self.stock_ok("unannounce", "--topic", TOPIC, "--seed", "02" * 32)
        found = [peer["key"] for peer in self.ok("--json", "lookup", TOPIC, home=node).objects]
        self.assertEqual(found, [node.ready["key"]])

    def check_find_node(self, node):
        target = "77" * 32
        ours = [entry["node"] for entry in self.ok("--json", "find", "--node", target, home=node).object["nodes"]]
        theirs = [entry["id"] for entry in self.stock_ok("find-node", "--target", target)["closest"]]
        # The searcher itself is in no result of its own.
        both = [entry for entry in theirs if entry != node.ready["node"]]
        self.assertEqual([entry for entry in ours if entry in both][:5], both[:5])


class StockNetworkTest(DhtTest):
    def setUp(self):
        super().setUp()
        self.network = self.stock("dht-peers.mjs", "testnet", "--nodes", "12", "--seconds", "110")
        ready = self.network.event("ready", 60)
        self.bootstrap = ready["bootstrap"][0]
        self.stock_nodes = {node["address"] for node in ready["nodes"]} | {self.bootstrap}

    def test_values_and_announces_pass_both_ways_through_stock_nodes(self):
        node = self.join(self.bootstrap, flags=["--ephemeral"])
        self.check_values(node)
        self.check_mutable_values(node)
        self.check_announces(node)
        self.check_find_node(node)
        node.stop()
        self.assertNotEqual(self.stock_code("lookup", "--topic", TOPIC), 0, "the announce was taken back")

    def test_values_and_announces_pass_both_ways_with_cipnodes_among_stock_nodes(self):
        nodes = [self.join(self.bootstrap) for _ in range(4)]
        self.eventually(lambda: all(self.ok("--json", "status", home=n).object["persistent"] for n in nodes), 10, "members")
        self.check_values(nodes[0])
        self.check_mutable_values(nodes[1])
        self.check_announces(nodes[2])
        self.check_find_node(nodes[3])
        stored = [self.ok("--json", "status", home=n).object["stored"]["immutables"] for n in nodes]
        self.assertEqual(stored, [2, 2, 2, 2], "all 16 nodes are among the 20 closest")

    def test_a_stock_client_is_refused_cleanly_by_a_node_without_udx(self):
        node = self.join(self.bootstrap, flags=["--transport", "tcp"])
        self.eventually(lambda: self.stock_code("find-peer", "--key", node.ready["keyHex"]) == 0, 30, "the key is announced")
        begun = time.monotonic()
        refused = self.stock_result("dht-peers.mjs", "connect", "--key", node.ready["keyHex"], "--bootstrap", self.bootstrap)
        self.assertEqual(refused.code, 1, repr(refused))
        self.assertLess(time.monotonic() - begun, 8, "it is told at once")

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
        self.assertEqual(found["hello"]["transport"], "offered")

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
        self.assertEqual((found["hello"]["peer"], found["hello"]["transport"]), ("cipnode", "offered"))
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


class CipnodeNetworkTest(DhtTest):
    """All members are cipnodes; stock programs are their clients."""

    def setUp(self):
        super().setUp()
        self.nodes = [self.join()]
        self.bootstrap = self.nodes[0].contact
        self.nodes += [self.join(self.bootstrap) for _ in range(3)]
        self.members = {node.contact for node in self.nodes}

    def restart(self):
        """Every node ends, and comes back at its address with what it knew and stored."""
        for node in self.nodes:
            node.stop()
        again = []
        for node in self.nodes:
            again.append(self.join(home=node.home, listen=node.contact))
        self.nodes = again

    def test_stock_clients_and_cipnodes_share_values_that_survive_a_restart_of_all_nodes(self):
        self.check_values(self.nodes[0])
        self.check_mutable_values(self.nodes[1])
        self.check_find_node(self.nodes[2])
        self.restart()
        self.assertEqual(self.stock_ok("get", "--hash", self.immutables[0])["text"], "of cipnode")
        self.assertEqual(self.stock_ok("get", "--hash", self.immutables[1])["value"], "ab" * 1000)
        self.assertEqual(self.stock_ok("get-mutable", "--key", self.mutables[0])["text"], "of cipnode")
        self.assertEqual(self.stock_ok("get-mutable", "--key", self.mutables[1])["text"], "newer")
        self.assertEqual(self.ok("get", self.immutables[1], home=self.nodes[3]).out, b"\xab" * 1000)

    def test_announces_of_both_survive_a_restart_of_all_nodes(self):
        client = self.join(self.bootstrap, flags=["--ephemeral"])
        self.check_announces(client)
        key = self.stock_ok("announce", "--topic", TOPIC, "--seed", "03" * 32)["key"]
        client.kill()
        self.restart()
        peers = {peer["key"] for peer in self.stock_ok("lookup", "--topic", TOPIC)["peers"]}
        self.assertEqual(peers, {key, client.ready["keyHex"]})
        found = {peer["key"] for peer in self.ok("--json", "lookup", TOPIC, home=self.nodes[2]).objects}
        self.assertEqual(len(found), 2)
        self.assertIn(client.ready["key"], found)

    def test_a_restarted_network_is_entered_again_without_bootstrap(self):
        self.restart()
        for node in self.nodes:
            self.eventually(lambda n=node: self.ok("--json", "status", home=n).object["dht"]["contacts"] == 3, 20,
                            "the others are found by saved contacts")

    def test_hellos_between_stock_peers_are_relayed_by_cipnodes(self):
        server = self.stock("dht-peers.mjs", "listen", "--seed", "04" * 32, "--firewalled", "--bootstrap", self.bootstrap, "--seconds", "60")
        listening = server.event("listening", 30)
        self.assertLessEqual(set(listening["relays"]), self.members)
        hello = self.stock_ok("hello", "--key", listening["key"])
        self.assertTrue(hello["relayed"], hello)
        self.assertIn(hello["via"], self.members)
        self.assertEqual(hello["payload"]["error"], 0)
        # The whole way of the stock client: hello, path, stream with an echo.
        connected = self.stock_ok("connect", "--key", listening["key"])
        self.assertTrue(connected["echoed"])

    def test_a_stock_server_is_found_and_told_gone_through_cipnodes(self):
        server = self.stock("dht-peers.mjs", "listen", "--seed", "05" * 32, "--firewalled", "--bootstrap", self.bootstrap, "--seconds", "60")
        key = server.event("listening", 30)["key"]
        found = self.ok("--json", "find", key, home=self.nodes[3]).object
        self.assertEqual((found["hello"]["peer"], found["hello"]["transport"]), ("stock", "offered"))
        server.stop()
        gone = self.cipnode("--json", "find", key, home=self.nodes[3])
        self.assertIn(gone.code, (NOT_FOUND, NO_ROUTE), repr(gone))

    def test_many_stock_servers_come_and_go_without_disturbing_the_members(self):
        for seed in range(6):
            self.stock_ok("announce", "--topic", TOPIC, "--seed", f"{seed:02x}" * 32)
        self.assertEqual(len(self.stock_ok("lookup", "--topic", TOPIC)["peers"]), 6)
        for node in self.nodes:
            self.assertEqual(self.ok("--json", "status", home=node).object["dht"]["contacts"], 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
