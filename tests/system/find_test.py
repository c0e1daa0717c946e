"""Finding peers: 200 real nodes on loopback sockets, entered through the first."""
import unittest

from harness import NO_ROUTE, NOT_FOUND, USAGE, SystemTest

# Of 200, one in five is found over two referrals or more by who has just entered; of 100, hardly any.
PROCESSES, NODES_EACH = 4, 50
# A public key (of the seed of 32 zero bytes) that no node of these tests has.
UNKNOWN = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"


class FindTest(SystemTest):
    def overlay(self):
        """The nodes, in four processes; gives their ready lines and the processes."""
        ready, hosts = [], []
        for index in range(PROCESSES):
            flags = ["--test-nodes", str(NODES_EACH)]
            host = self.join(*([ready[0]["udp"]] if ready else []), flags=flags)
            host.wait_until(lambda h=host: sum(e.get("event") == "ready" for e in h.events) >= NODES_EACH, 60, "all its nodes ready")
            ready += [e for e in host.events if e["event"] == "ready"]
            hosts.append(host)
        return ready, hosts

    def test_a_key_never_heard_of_is_found_over_referrals_and_absent_ones_are_told_apart(self):
        ready, hosts = self.overlay()
        self.assertEqual(len({line["key"] for line in ready}), PROCESSES * NODES_EACH)
        searcher = self.join(ready[0]["udp"])
        for line in ready[1::10]:
            self.check_found(line, self.find_in_time(line["key"], home=searcher))

        # Whoever has just entered through one contact knows few nodes, so its walks go further.
        depths = []
        for line in ready[1:]:
            result = self.find_in_time(line["key"], flags=["--no-daemon", "--bootstrap", ready[0]["udp"]])
            self.check_found(line, result)
            depths.append(len(result["hops"]) - 1)
            if depths[-1] >= 2:
                break
        self.assertGreaterEqual(max(depths), 2, f"referrals of the walks: {depths}")

        unknown = self.cipnode("--json", "find", UNKNOWN, home=searcher)
        self.assertEqual(unknown.code, NOT_FOUND, repr(unknown))
        self.assertEqual(unknown.error["class"], "not_found")

        impossible = self.cipnode("--json", "find", "y" * 52, home=searcher)
        self.assertEqual(impossible.code, USAGE, repr(impossible))

        victim = self.join(ready[0]["udp"])
        self.find_in_time(victim.ready["key"], home=searcher)
        victim.kill()
        dead = self.cipnode("--json", "find", victim.ready["key"], home=searcher)
        self.assertEqual(dead.code, NO_ROUTE, repr(dead))

        for host in hosts:
            self.assertEqual(host.stop(), 0, host.stderr()[-2000:])

    def find_in_time(self, key, home=None, flags=()):
        """Announces follow a growing overlay with a delay: a find may have to be asked again."""
        def ask():
            result = self.cipnode("--json", *flags, "find", key, home=home or self.new_home())
            return result.object if result.code == 0 else None
        return self.eventually(ask, 60, f"{key} is found")

    def check_found(self, line, result):
        self.assertTrue(result["found"])
        self.assertEqual(result["key"], line["key"])
        self.assertIn(line["tcp"], result["addresses"])
        self.assertGreaterEqual(len(result["relays"]), 1)
        self.assertTrue(result["hello"]["ok"])
        self.assertEqual((result["hello"]["peer"], result["hello"]["transport"]), ("cipnode", "offered"))
        self.assertGreater(result["hello"]["rttMs"], 0)
        for hop in result["hops"]:
            self.assertEqual(set(hop), {"node", "address", "sharedBits", "rttMs"})
        shared = [hop["sharedBits"] for hop in result["hops"]]
        self.assertEqual(shared, sorted(shared), "each hop is at least as close as the one before")

    def test_find_prints_its_route_for_a_reader(self):
        first = self.join()
        second = self.join(first.contact)
        third = self.join(first.contact)
        shown = self.ok("find", third.ready["key"], "--trace", home=second).text
        self.assertIn(third.ready["tcp"], shown)
        self.assertIn(third.ready["key"], shown)

    def test_no_contact_that_answers_is_no_route(self):
        alone = self.cipnode("--json", "--bootstrap", "127.0.0.1:9", "--timeout", "3s", "find", UNKNOWN, home=self.new_home())
        self.assertEqual(alone.code, NO_ROUTE, repr(alone))


if __name__ == "__main__":
    unittest.main(verbosity=2)
