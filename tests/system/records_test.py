"""Records of the DHT from the command line: put, get, announce, lookup, size; what is stored survives
the nodes that store it."""
import os
import unittest

from harness import CONFLICT, NOT_FOUND, NO_ROUTE, USAGE, SystemTest

TARGET = "5a" * 32


class RecordsTest(SystemTest):
    def overlay(self, count):
        nodes = [self.join()]
        for _ in range(count - 1):
            nodes.append(self.join(nodes[0].contact))
        return nodes

    def test_values_pass_byte_for_byte_between_nodes(self):
        writer, other, reader = self.overlay(3)
        for value in (b"hello world", b"", bytes(range(256)), os.urandom(1000)):
            put = self.ok("--json", "put", home=writer, stdin=value).object
            self.assertEqual(put["stored"], 3)
            self.assertEqual(put["refused"], 0)
            self.assertEqual(self.ok("get", put["hash"], home=reader).out, value)

    def test_a_mutable_value_is_replaced_and_an_old_one_refused(self):
        writer, reader = self.overlay(2)
        first = self.ok("--json", "put", "--key", "status", "--seq", "5", "one", home=writer).object
        self.ok("put", "--key", "status", "two", home=writer)
        got = self.ok("--json", "get", first["key"], home=reader).object
        self.assertEqual(got["value"], "two")
        self.assertGreater(got["seq"], 5)
        # Hex digits may be a hash or a key.
        self.assertEqual(self.ok("get", first["keyHex"], home=reader).out, b"two")
        old = self.cipnode("--json", "put", "--key", "status", "--seq", "4", "old", home=writer)
        self.assertEqual(old.code, CONFLICT, repr(old))
        same = self.cipnode("--json", "put", "--key", "status", "--seq", str(got["seq"]), "other", home=writer)
        self.assertEqual(same.code, CONFLICT, repr(same))

    def test_bad_requests_have_their_codes(self):
        node, other = self.overlay(2)
        self.assertEqual(self.cipnode("put", home=node, stdin=b"x" * 1001).code, USAGE)
        self.assertEqual(self.cipnode("get", TARGET, home=node).code, NOT_FOUND)
        self.assertEqual(self.cipnode("get", "nonsense", home=node).code, USAGE)
        self.assertEqual(self.cipnode("lookup", TARGET, home=node).code, NOT_FOUND)
        # Whoever else runs on this machine is found over the local network.
        alone = self.cipnode("--no-daemon", "--bootstrap", "127.0.0.1:9", "--timeout", "8s", "get", TARGET, home=self.new_home(),
                             env={"CIPNODE_NO_LAN": "true"})
        self.assertEqual(alone.code, NO_ROUTE, repr(alone))

    def test_an_announce_is_found_until_its_node_leaves(self):
        announcer, other, reader = self.overlay(3)
        self.assertEqual(self.ok("--json", "announce", TARGET, home=announcer).object["target"], TARGET)
        found = self.ok("--json", "lookup", TARGET, home=reader).object
        self.assertEqual(found["key"], announcer.ready["key"])
        self.assertGreaterEqual(found["namedBy"], 2)
        self.ok("announce", "topic:weather", home=announcer)
        self.ok("lookup", "topic:weather", home=reader)
        announcer.stop()
        self.eventually(lambda: self.cipnode("lookup", TARGET, home=reader).code == NOT_FOUND, 10, "the announce is taken back")

    def test_what_is_stored_survives_all_nodes_that_store_it(self):
        nodes = self.overlay(3)
        value = self.ok("--json", "put", "kept", home=nodes[0]).object["hash"]
        key = self.ok("--json", "put", "--key", "k", "kept too", home=nodes[0]).object["key"]
        nodes[0].stop()
        for node in nodes[1:]:
            self.eventually(lambda n=node: self.ok("--json", "status", home=n).object["stored"]["immutables"] == 1, 5, "it is stored")
            node.stop()
        again = self.join(home=nodes[1].home)
        reader = self.join(again.contact)
        self.assertEqual(self.ok("get", value, home=reader).out, b"kept")
        self.assertEqual(self.ok("get", key, home=reader).out, b"kept too")

    def test_an_announce_survives_a_killed_storing_node(self):
        holder = self.join()
        announcer = self.join(holder.contact, flags=["--ephemeral"])
        self.ok("announce", TARGET, home=announcer)
        self.eventually(lambda: self.ok("--json", "status", home=holder).object["stored"]["records"] == 1, 5, "it is stored")
        announcer.kill()
        holder.kill()
        again = self.join(home=holder.home)
        self.assertEqual(self.ok("--json", "lookup", TARGET, home=again).object["key"], announcer.ready["key"])

    def test_the_size_of_a_small_overlay_is_its_size(self):
        nodes = self.overlay(6)
        size = self.ok("--json", "size", home=nodes[2]).object
        self.assertLessEqual(abs(size["estimate"] - 6), 1, size)


if __name__ == "__main__":
    unittest.main(verbosity=2)
