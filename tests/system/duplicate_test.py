"""One identity in two places: a copied home and its original meet, say so and do not append; a node that comes
back at another port is no duplicate of itself."""
import shutil
import unittest

from harness import CONFLICT, SystemTest


class DuplicateTest(SystemTest):
    def copy_of(self, home):
        copy = self.new_home()
        shutil.copytree(home, copy, ignore=shutil.ignore_patterns("control.sock", "lock"))
        return copy

    def duplicate_of(self, node):
        return self.ok("--json", "status", home=node).object["duplicate"]

    def append(self, node):
        return self.cipnode("--json", "feed", "append", "log", home=node, stdin=b"more")

    def test_original_and_copy_meet_and_neither_appends(self):
        first = self.join()
        self.join(first.contact)
        home = self.new_home()
        original = self.join(first.contact, home=home)
        self.ok("feed", "create", "log", home=original)
        self.ok("feed", "append", "log", home=original, stdin=b"one")
        self.ok("publish", "news", "one", home=original)
        self.assertIsNone(self.duplicate_of(original))
        self.assertEqual(original.stop(), 0)
        copied = self.copy_of(home)

        original = self.join(first.contact, home=home)
        self.assertEqual(self.append(original).code, 0, "no false alarm after a restart at another port")
        copy = self.join(first.contact, home=copied)
        for node, other in ((copy, original), (original, copy)):
            met = self.eventually(lambda n=node: self.duplicate_of(n), 45, "the other holder is met")
            self.assertEqual(met["address"], other.contact)
            refused = self.append(node)
            self.assertEqual(refused.code, CONFLICT, repr(refused))
            self.assertIn(other.contact, refused.error["message"])
            self.assertEqual(self.cipnode("publish", "news", "two", home=node).code, CONFLICT)
            checks = self.cipnode("--json", "doctor", home=node)
            self.assertEqual(checks.code, CONFLICT, repr(checks))
            identity = next(line for line in checks.objects if line["check"] == "identity")
            self.assertFalse(identity["ok"])
            self.assertIn(other.contact, node.stderr())

        # The user decides: the copy goes, and the original is begun anew.
        self.assertEqual(copy.stop(), 0)
        self.assertEqual(original.stop(), 0)
        original = self.join(first.contact, home=home)
        self.ok("feed", "append", "log", home=original, stdin=b"two")
        self.assertIsNone(self.duplicate_of(original))

    def test_a_node_that_was_killed_and_comes_back_elsewhere_is_no_duplicate(self):
        first = self.join()
        self.join(first.contact)
        home = self.new_home()
        node = self.join(first.contact, home=home)
        self.ok("feed", "create", "log", home=node)
        node.kill()
        node = self.join(first.contact, home=home)
        self.ok("feed", "append", "log", home=node, stdin=b"one")
        # Its own announce of the former run has been asked by then.
        checks = self.eventually(lambda: self.looked(node), 30, "it has looked for another holder")
        self.assertTrue(checks["ok"], checks)
        self.assertIsNone(self.duplicate_of(node))

    def looked(self, node):
        checks = self.cipnode("--json", "doctor", home=node).objects
        line = next(line for line in checks if line["check"] == "identity")
        return line if not line["ok"] or "answers" in line["message"] else None


if __name__ == "__main__":
    unittest.main(verbosity=2)
