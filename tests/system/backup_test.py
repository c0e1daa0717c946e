"""A home that lost its database, was restored from an older copy, or runs twice: no feed ever forks by it."""
import shutil
import unittest

from harness import BINARY, CONFLICT, CORRUPT, NOT_FOUND, REFUSED, Process, SystemTest


def folder_of(home):
    return home.home if isinstance(home, Process) else home


class BackupTest(SystemTest):
    def make(self, home, name, blocks, *flags):
        feed = self.ok("--json", "feed", "create", name, *flags, home=home).object
        self.append(home, name, blocks)
        return feed["key"]

    def append(self, home, name, blocks, *flags):
        data = "".join(f"{folder_of(home).name} {i}\n" for i in range(blocks)).encode()
        return self.ok("--json", "feed", "append", name, "--lines", *flags, home=home, stdin=data).object

    def info(self, home, key):
        return self.ok("--json", "feed", "info", key, home=home).object

    def stopped(self, home):
        """The folder of a node, or of a home with one in the background, that has ended."""
        self.ok("stop", home=home)
        if isinstance(home, Process):
            self.assertEqual(home.wait(), 0)
        return folder_of(home)

    def copy_of(self, home):
        copy = home.with_name(f"{home.name}-copy")
        shutil.copytree(home, copy, ignore=shutil.ignore_patterns("control.sock"))
        return copy

    def assert_one_history(self, *homes_and_key):
        *homes, key = homes_and_key
        infos = [self.info(home, key) for home in homes]
        self.assertEqual([i["frozen"] for i in infos], [None] * len(infos))
        self.assertEqual(len({(i["fork"], i["length"], i["treeHash"]) for i in infos}), 1, infos)

    def test_a_restored_backup_asks_how_far_its_feed_went_and_goes_on_behind_it(self):
        hub = self.join()
        writer = self.join(hub.contact)
        key = self.make(writer, "log", 10)
        keeper = self.seeder(key, hub.contact)
        self.wait_for_length(keeper, key, 10)
        folder = self.stopped(writer)
        backup = self.copy_of(folder)
        writer = self.join(hub.contact, home=folder)
        self.append(writer, "log", 5)
        self.wait_for_length(keeper, key, 15)
        self.stopped(writer)

        restored = self.join(hub.contact, home=backup)
        refused = self.cipnode("--json", "feed", "append", "log", home=restored, stdin=b"another history")
        self.assertEqual(refused.code, CONFLICT, refused)
        self.assertIn("15 blocks, here 10", refused.error["message"])
        self.assertIn("feed download", refused.error["hint"])
        self.assertEqual(self.info(keeper, key)["length"], 15)
        # The way that the hint shows.
        self.ok("feed", "download", key, home=restored)
        self.assertEqual(self.info(restored, key)["contiguousLength"], 15)
        self.assertEqual(self.append(restored, "log", 1)["length"], 16)
        self.wait_for_length(keeper, key, 16)
        self.assert_one_history(restored, keeper, key)

    def test_a_copied_home_does_not_append_beside_the_original(self):
        hub = self.join()
        original = self.join(hub.contact)
        key = self.make(original, "log", 10)
        keeper = self.seeder(key, hub.contact)
        self.wait_for_length(keeper, key, 10)
        folder = self.stopped(original)
        original, copy = (self.join(hub.contact, home=home) for home in (folder, self.copy_of(folder)))
        # Neither does while the other runs: who starts beside another looks before it appends.
        refused = self.cipnode("--json", "feed", "append", "log", home=copy, stdin=b"another history")
        self.assertEqual(refused.code, CONFLICT, refused)
        self.eventually(lambda: self.cipnode("--json", "feed", "append", "log", home=original, stdin=b"another history").code == CONFLICT,
                        40, "the original is refused")
        # Alone, the copy may. The original asks how far its feed went by then, and goes on behind it.
        self.stopped(original)
        self.stopped(copy)
        copy = self.join(hub.contact, home=folder_of(copy))
        self.append(copy, "log", 1)
        self.wait_for_length(keeper, key, 11)
        self.stopped(copy)
        original = self.join(hub.contact, home=folder)
        refused = self.cipnode("--json", "feed", "append", "log", home=original, stdin=b"another history")
        self.assertEqual(refused.code, CONFLICT, refused)
        self.append(original, "log", 1)
        self.wait_for_length(keeper, key, 12)
        self.assert_one_history(original, keeper, key)

    def test_a_lost_database_starts_new_feeds_and_derived_ones_ask_first(self):
        hub = self.join()
        writer = self.join(hub.contact)
        random, derived = self.make(writer, "random", 5), self.make(writer, "derived", 5, "--derive")
        keeper = self.seeder(random, hub.contact)
        self.ok("feed", "seed", derived, home=keeper)
        for key in (random, derived):
            self.wait_for_length(keeper, key, 5)
        folder = self.stopped(writer)
        shutil.rmtree(folder / "database")
        refused = self.cipnode("--json", "feed", "ls", home=folder)
        self.assertEqual(refused.code, CORRUPT, refused)
        # Whoever wants to begin without it says so.
        (folder / "database.inventory").unlink()
        writer = self.join(hub.contact, home=folder)

        self.assertEqual(self.cipnode("feed", "append", "random", home=writer, stdin=b"x").code, NOT_FOUND)
        self.assertNotEqual(self.make(writer, "random", 1), random)
        self.ok("feed", "download", random, home=writer)
        self.assertEqual(self.cipnode("feed", "append", f"key:{random}", home=writer, stdin=b"x").code, REFUSED)

        again = self.ok("--json", "feed", "create", "derived", "--derive", home=writer).object
        self.assertEqual(again["key"], derived)
        refused = self.cipnode("--json", "feed", "append", "derived", home=writer, stdin=b"another history")
        self.assertEqual(refused.code, CONFLICT, refused)
        self.assertEqual(self.append(writer, "derived", 1)["length"], 6)
        self.wait_for_length(keeper, derived, 6)
        self.assert_one_history(writer, keeper, derived)

    def test_a_restored_backup_publishes_behind_what_its_topic_has_seen(self):
        hub = self.join()
        author, reader = self.join(hub.contact), self.join(hub.contact)
        subscriber = self.start([BINARY, "--home", folder_of(reader), "--json", "subscribe", "news", "--since", "start"])
        self.ok("publish", "news", "one", "--confirm", "1", home=author)
        folder = self.stopped(author)
        backup = self.copy_of(folder)
        author = self.join(hub.contact, home=folder)
        self.ok("publish", "news", "two", "--confirm", "1", home=author)
        self.stopped(author)
        restored = self.join(hub.contact, home=backup)
        refused = self.cipnode("--json", "publish", "news", "another two", home=restored)
        self.assertEqual(refused.code, CONFLICT, refused)
        self.ok("publish", "news", "three", "--confirm", "1", home=restored)
        subscriber.wait_until(lambda: len(subscriber.events) >= 3, 20, "three messages")
        self.assertEqual([(e["seq"], e["text"]) for e in subscriber.events], [(1, "one"), (2, "two"), (3, "three")])

    def test_without_a_dht_the_named_peers_are_asked(self):
        writer, keeper = self.new_home(), self.new_home()
        key = self.make(writer, "log", 3)
        backup = self.copy_of(self.stopped(writer))
        self.append(writer, "log", 2)
        self.stopped(writer)
        seeder = self.start([BINARY, "--home", folder_of(writer), "--json", "feed", "seed", "log", "--listen", "127.0.0.1:0"])
        self.ok("feed", "download", key, "--peer", seeder.event("ready")["tcp"], home=keeper)
        self.assertEqual(seeder.stop(), 0)
        self.stopped(writer)
        seeder = self.start([BINARY, "--home", folder_of(keeper), "--json", "feed", "seed", key, "--listen", "127.0.0.1:0"])
        at = seeder.event("ready")["tcp"]
        refused = self.cipnode("--json", "feed", "append", "log", "--peer", at, home=backup, stdin=b"another history")
        self.assertEqual(refused.code, CONFLICT, refused)
        self.assertEqual(self.append(backup, "log", 1, "--peer", at)["length"], 6)


if __name__ == "__main__":
    unittest.main(verbosity=2)
