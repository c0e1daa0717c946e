"""Hosts without any route to elsewhere: three network namespaces on one bridge, default --listen, found
through local discovery alone. Needs root; the namespaces are made and removed by the test."""
import os
import subprocess
import unittest

from harness import SystemTest

# The bridge lives in a namespace of its own, so that the host's network is not touched at all.
SWITCH = f"cip{os.getpid()}s"
HOSTS = [f"cip{os.getpid()}{letter}" for letter in "abc"]


def ip(*args, namespace=None):
    command = ["ip", *(["-n", namespace] if namespace else []), *args]
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class NamespacesTest(SystemTest):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.fail("network namespaces need root")
        ip("netns", "add", SWITCH)
        ip("link", "add", "bridge", "type", "bridge", namespace=SWITCH)
        ip("link", "set", "bridge", "up", namespace=SWITCH)
        for index, host in enumerate(HOSTS):
            ip("netns", "add", host)
            ip("link", "add", "eth0", "type", "veth", "peer", "name", f"port{index}", "netns", SWITCH, namespace=host)
            ip("addr", "add", f"10.77.0.{index + 1}/24", "dev", "eth0", namespace=host)
            ip("link", "set", "lo", "up", namespace=host)
            ip("link", "set", "eth0", "up", namespace=host)
            ip("link", "set", f"port{index}", "master", "bridge", namespace=SWITCH)
            ip("link", "set", f"port{index}", "up", namespace=SWITCH)

    def tearDown(self):
        super().tearDown()
        for name in [*HOSTS, SWITCH]:
            subprocess.run(["ip", "netns", "del", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def host(self, index):
        return ["ip", "netns", "exec", HOSTS[index]]

    def test_four_nodes_on_three_hosts_find_each_other_with_the_cable_unplugged(self):
        places = [0, 0, 1, 2]
        nodes = [self.join(prefix=self.host(place), listen=None, lan=True) for place in places]
        self.assertEqual(nodes[0].ready["udp"], "0.0.0.0:49737")
        self.assertNotEqual(nodes[1].ready["udp"], nodes[0].ready["udp"], "the second node of a host takes the next port")
        for seeker, place in zip(nodes, places):
            for sought in nodes:
                if sought is seeker:
                    continue
                result = self.eventually(lambda s=seeker, w=sought, p=place: self.found(s, w, p), 60,
                                         f"{seeker.ready['udp']} on host {place} finds {sought.ready['key']}")
                self.assertTrue(result["hello"]["ok"])
                self.assertEqual(result["hello"]["transport"], "offered")

        self.ok("feed", "create", "log", home=nodes[1], prefix=self.host(0))
        made = self.ok("--json", "feed", "append", "log", "--lines", home=nodes[1], prefix=self.host(0), stdin=b"a\nb\n").object
        for place, reader in [(0, nodes[0]), (2, nodes[3])]:
            got = self.ok("--json", "--timeout", "40s", "feed", "download", made["key"], home=reader, prefix=self.host(place)).object
            self.assertEqual(got["treeHash"], made["treeHash"])

    def test_a_host_whose_address_changes_is_found_at_the_new_one(self):
        nodes = [self.join(prefix=self.host(place), listen=None, lan=True) for place in range(3)]
        self.eventually(lambda: self.found(nodes[0], nodes[2], 0), 60, "it is found where it was")
        ip("addr", "del", "10.77.0.3/24", "dev", "eth0", namespace=HOSTS[2])
        ip("addr", "add", "10.77.0.9/24", "dev", "eth0", namespace=HOSTS[2])
        self.eventually(lambda: "10.77.0.9:49737" in self.places(nodes[2], 2), 30, "it knows its new address")
        self.assertNotIn("10.77.0.3:49737", self.places(nodes[2], 2))
        self.eventually(lambda: "10.77.0.9:49737" in self.contacts(nodes[0], 0), 60, "others know it there")
        result = self.eventually(lambda: self.found(nodes[0], nodes[2], 0), 60, "it is found where it is")
        self.assertEqual(result["hello"]["transport"], "offered")

    def test_a_feed_travels_over_udx_where_no_tcp_gets_through(self):
        # What host c would send by TCP is lost in silence, its answers to others too.
        ip("rule", "add", "ipproto", "tcp", "blackhole", namespace=HOSTS[2])
        nodes = [self.join(prefix=self.host(place), listen=None, lan=True) for place in (0, 2)]
        self.eventually(lambda: self.found(nodes[1], nodes[0], 2), 60, "it is found")
        for seeds, place, reads, from_place in [(nodes[1], 2, nodes[0], 0), (nodes[0], 0, nodes[1], 2)]:
            self.ok("feed", "create", "log", home=seeds, prefix=self.host(place))
            made = self.ok("--json", "feed", "append", "log", "--lines", home=seeds, prefix=self.host(place), stdin=b"a\nb\n").object
            got = self.ok("--json", "--timeout", "40s", "feed", "download", made["key"], home=reads, prefix=self.host(from_place)).object
            self.assertEqual(got["treeHash"], made["treeHash"])
        for node, place in zip(nodes, (0, 2)):
            peers = self.ok("--json", "peers", home=node, prefix=self.host(place)).objects
            self.assertEqual([(peer["transport"], peer["stream"]) for peer in peers], [("udx", "bound")])

    def places(self, node, place):
        nat = self.ok("--json", "status", home=node, prefix=self.host(place)).object["nat"]
        return [entry["address"] for entry in nat["places"]]

    def contacts(self, node, place):
        return [entry["address"] for entry in self.ok("--json", "routes", home=node, prefix=self.host(place)).objects if "address" in entry]

    def found(self, seeker, sought, place):
        result = self.cipnode("--json", "--timeout", "5s", "find", sought.ready["key"], home=seeker, prefix=self.host(place))
        return result.object if result.code == 0 else None


if __name__ == "__main__":
    unittest.main(verbosity=2)
