"""docs/examples/join.py, a program that is not ours but follows docs/protocol.md, is a member."""
import sys
import unittest

from harness import ROOT, SystemTest


class ExampleTest(SystemTest):
    def test_a_short_script_joins_and_is_pinged(self):
        nodes = [self.join()]
        nodes += [self.join(nodes[0].contact) for _ in range(3)]
        script = ROOT / "docs/examples/join.py"
        self.assertLessEqual(len(script.read_text().splitlines()), 60)
        member = self.start([sys.executable, script, nodes[1].contact, "60"])
        joined = member.event("joined")
        self.assertEqual(joined["nodes"], 4)
        member.event("pinged", match=lambda e: e["by"] in {n.contact for n in nodes})
        for node in nodes:
            self.eventually(lambda n=node: joined["address"] in [r["address"] for r in self.ok("--json", "routes", home=n).objects], 10,
                            "it is in the table")
        found = self.ok("--json", "find", "--node", joined["node"], home=nodes[2]).object
        self.assertEqual(found["nodes"][0]["address"], joined["address"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
