"""Homes of released versions (tests/fixtures/homes, made by scripts/home_fixture) open with the program of the tree and hold what they
held; homes of later versions and damaged ones are refused and not changed by a byte."""
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import tarfile
import time
import unittest

import database_log
from database_log import FEEDS, META, RECORDS, TOPICS
from harness import BINARY, CONFLICT, CORRUPT, INCOMPATIBLE, NO_ROUTE, OK, ROOT, SystemTest

FIXTURES = sorted((ROOT / "tests/fixtures/homes").glob("*.tar.xz"))
# The number of a format that no program has for long.
LATER = 200


def hashes(home):
    """Of all that a home holds, but for the words of nodes in the background."""
    return {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in home.rglob("*") if path.is_file() and path.name != "node.log"}


class HomesTest(SystemTest):
    def unpacked(self, fixture):
        """The home of a fixture, and what must be found in it."""
        version = fixture.name.removesuffix(".tar.xz")
        folder = self.folder / f"fixture-{version}"
        with tarfile.open(fixture) as archive:
            archive.extractall(folder)
        home = self.new_home()
        (folder / version / "home").rename(home)
        manifest = json.loads((folder / version / "manifest.json").read_text())
        self.assertEqual(manifest["version"], version)
        return home, manifest

    def with_each_fixture(self, check):
        self.assertTrue(FIXTURES)
        for fixture in FIXTURES:
            with self.subTest(fixture.name):
                check(*self.unpacked(fixture))

    # What is in a home.

    def check_feed(self, home, feed, appended):
        key = feed["key"]
        info = self.ok("--json", "feed", "info", key, home=home).object
        if key not in appended:
            told = {part: feed[part] for part in info if part in feed}
            self.assertEqual({part: info[part] for part in told}, told)
        self.assertEqual(info["length"], feed["length"] + len(appended.get(key, {})))
        for part, digest in {**feed["blocks"], **appended.get(key, {})}.items():
            held = self.ok("feed", "cat", key, "--range", part, home=home).out
            self.assertEqual(hashlib.sha256(held).hexdigest(), digest, f"blocks {part} of {feed['name'] or key}")
        verified = self.ok("--json", "feed", "verify", key, home=home).object
        self.assertEqual((verified["blocks"], verified["bad"]), (feed["checked"] + len(appended.get(key, {})), []))

    def check_feeds(self, home, manifest, appended):
        listed = {feed["key"]: feed.get("name") for feed in self.ok("--json", "feed", "ls", home=home).objects}
        self.assertEqual(listed, {feed["key"]: feed["name"] for feed in manifest["feeds"]})
        for feed in manifest["feeds"]:
            self.check_feed(home, feed, appended)
            if feed["name"]:
                self.assertEqual(self.ok("--json", "feed", "info", feed["name"], home=home).object["key"], feed["key"])

    def check_topics(self, home, manifest, published):
        listed = {topic["topic"]: topic["id"] for topic in self.ok("--json", "topic", "ls", home=home).objects}
        self.assertEqual(listed, {topic["topic"]: topic["id"] for topic in manifest["topics"]})
        for topic in manifest["topics"]:
            info = self.ok("--json", "topic", "info", topic["topic"], home=home).object
            self.assertEqual(sorted(feed["feed"] for feed in info["feeds"]), topic["feeds"])
            told = self.ok("--json", "subscribe", topic["topic"], "--since", "start", "--until-synced", home=home).objects
            found = sorted((message["author"], message["seq"], message["text"], message["time"]) for message in told)
            wanted = sorted((message["author"], message["seq"], message["text"], message["time"]) for message in topic["messages"])
            self.assertEqual([message for message in found if message[2] not in published], wanted)

    def check_settings(self, home, manifest):
        shown = {setting["key"]: setting for setting in self.ok("--json", "config", "show", home=home).objects}
        for key, value in manifest["settings"].items():
            self.assertEqual((shown[key]["value"], shown[key]["origin"]), (value, "file"))

    def check_unread(self, home, manifest, published):
        """What durable subscribers have not read, which moves their cursors."""
        for topic in manifest["topics"]:
            for name, texts in topic["durable"].items():
                unread = ("--json", "subscribe", topic["topic"], "--durable", name, "--until-synced")
                self.assertEqual([message["text"] for message in self.ok(*unread, home=home).objects], [*texts, *published])
                self.assertEqual(self.ok(*unread, home=home).objects, [])

    def append_everywhere(self, home, manifest):
        """One block to each own feed; by key, its range and its hash."""
        appended = {}
        for feed in (feed for feed in manifest["feeds"] if feed["writable"]):
            block = f"appended to {feed['name']} by a later program".encode()
            done = self.ok("--json", "feed", "append", feed["name"], home=home, stdin=block).object
            self.assertEqual((done["key"], done["length"]), (feed["key"], feed["length"] + 1))
            appended[feed["key"]] = {f"{feed['length']}..{done['length']}": hashlib.sha256(block).hexdigest()}
        return appended

    def check_home(self, home, manifest):
        node = self.join(home=home)
        self.assertEqual({part: node.ready[part] for part in ("key", "keyHex")}, manifest["identity"])
        self.check_feeds(home, manifest, {})
        self.check_topics(home, manifest, ())
        self.check_settings(home, manifest)
        status = self.ok("--json", "status", home=home).object
        self.assertEqual((status["key"], status["topics"]), (manifest["identity"]["key"], len(manifest["topics"])))
        # Blocks that are not here are somewhere else: nobody takes them for there.
        with_hole = [feed for feed in manifest["feeds"] if feed["contiguousLength"] < feed["length"]]
        self.assertTrue(with_hole)
        for feed in with_hole:
            missing = f"{feed['contiguousLength']}..{feed['contiguousLength'] + 1}"
            read = self.cipnode("feed", "cat", feed["key"], "--range", missing, home=home)
            self.assertEqual((read.code, read.out), (NO_ROUTE, b""), repr(read))
        for name in manifest["spentNames"]:
            self.assertEqual(self.cipnode("feed", "create", name, "--derive", home=home).code, CONFLICT)

        appended = self.append_everywhere(home, manifest)
        for topic in manifest["topics"]:
            self.ok("publish", topic["topic"], "from a later program", home=home)
        self.assertEqual(node.stop(), OK)
        node = self.join(self.join().contact, home=home)
        self.check_feeds(home, manifest, appended)
        self.check_topics(home, manifest, ("from a later program",))
        self.check_unread(home, manifest, ("from a later program",))
        self.eventually(lambda: self.cipnode("health", home=home).code == OK, 20, "health is fine")
        self.assertEqual(node.stop(), OK)

    def test_homes_of_released_versions_hold_what_they_held_and_go_on(self):
        self.with_each_fixture(self.check_home)

    def check_contacts(self, home, manifest):
        node = self.join(home=home)
        checks = self.cipnode("--json", "health", home=home).object["checks"]
        network = next(check for check in checks if check["check"] == "network")
        self.assertIn("known from an earlier run", network["message"])
        for contact in manifest["contacts"]:
            self.assertIn(contact, network["message"])
        self.assertEqual(node.stop(), OK)

    def test_contacts_of_earlier_runs_are_asked(self):
        self.with_each_fixture(self.check_contacts)

    def clock_shim(self):
        """A library that moves the wall clock of a process by the seconds in $CLOCK_SHIFT_FILE."""
        library = self.folder / "shim.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, ROOT / "tests/cases/shim.c", "-ldl"], check=True)
        return library

    def check_stored(self, home, manifest):
        # Records last for minutes: it is the time at which the fixture was made.
        shift = self.folder / "shift"
        shift.write_text(str(manifest["made"] // 1000 - int(time.time())))
        node = self.join(home=home, prefix=["env", f"LD_PRELOAD={self.shim}", f"CLOCK_SHIFT_FILE={shift}"])
        reader = self.join(node.contact)
        for value in manifest["values"]:
            self.assertEqual(self.ok("get", value["name"], home=reader).text, value["value"])
        for target in manifest["announces"]:
            self.ok("lookup", target, home=reader)
        self.assertEqual(node.stop(), OK)

    def test_what_a_home_stored_for_the_network_is_served_again(self):
        self.shim = self.clock_shim()
        self.with_each_fixture(self.check_stored)

    # What is refused.

    def one_fixture(self):
        home, manifest = self.unpacked(FIXTURES[-1])
        # Not all tables are as the version left them: the program of the tree has had it.
        self.assertEqual(self.join(home=home).stop(), OK)
        return home, manifest

    def copy_of(self, home):
        copy = self.new_home()
        shutil.copytree(home, copy)
        return copy

    def assert_refused(self, home, code, message):
        before = hashes(home)
        for command in (("--no-daemon", "feed", "ls"), ("join", "--listen", "127.0.0.1:0"), ("topic", "ls"),
                        ("backup", self.folder / "backup")):
            refused = self.cipnode("--json", *command, home=home)
            self.assertEqual(refused.code, code, repr(refused))
            self.assertRegex(refused.error["message"], message)
            self.assertTrue(refused.error["hint"])
            self.assertEqual(hashes(home), before, f"{command} changed the home")
        self.assertFalse((self.folder / "backup").exists())

    def test_a_home_of_which_a_part_has_a_later_format_is_refused_and_not_changed(self):
        home, manifest = self.one_fixture()
        key = bytes.fromhex(next(feed["keyHex"] for feed in manifest["feeds"] if feed["writable"]))
        number = struct.pack(">I", 1)  # of a feed
        later = bytes([LATER]) + bytes(40)
        # A record of the DHT is framed: version, time at which it goes, length and bytes of the value.
        framed = bytes([1]) + struct.pack("<Q", int(time.time() * 1000) + 10**9) + bytes([len(later)]) + later
        layout = self.ok("--json", "version").object["storeFormat"] + 1

        def table(name):
            return bytes([len(name)]) + name.encode() + bytes(32)

        parts = (
            ("its layout", META, b"!format", struct.pack("<I", layout)),
            ("the entry of a feed", META, b"f" + number, later),
            ("a key of the key ring", META, b"r" + key, later),
            ("the list of contacts", META, b"scontacts/default", later),
            ("the list of names of contacts", META, b"scontact-names/default", later),
            ("what is known of the authors of a topic", META, b"stopic/" + b"0" * 64, later),
            ("what is known of the clock of this home", META, b"sown-clock/" + b"0" * 64, later),
            ("the head of a feed", FEEDS, number + b"h", later),
            ("the manifest of a feed", FEEDS, number + b"m", later),
            ("the evidence against a feed", FEEDS, number + b"e", later),
            ("the entry of a topic", TOPICS, b"t" + bytes(32), later),
            ("the frame of a record", RECORDS, table("records/default"), later),
            ("a record of the DHT", RECORDS, table("records/default"), framed),
            ("a record of the DHT", RECORDS, table("forwards/default"), framed),
            ("a record of the DHT", RECORDS, table("mutables/default"), framed),
            ("a record of the DHT", RECORDS, table("immutables/default"), framed),
            ("a value that this home put", RECORDS, table("own/default"), framed))
        for what, family, place, value in parts:
            with self.subTest(what, place=place):
                copy = self.copy_of(home)
                database_log.put(copy, family, place, value)
                found = layout if family == META and place == b"!format" else LATER
                self.assert_refused(copy, INCOMPATIBLE, rf"does not know: {what} has format {found}, and this program reads \d+")

    def test_files_beside_the_database_say_their_formats_too(self):
        home, _ = self.one_fixture()
        copy = self.copy_of(home)
        inventory = copy / "database.inventory"
        inventory.write_bytes(re.sub(rb"^cipnode database \d+ *\n", b"%-63b\n" % b"cipnode database 200", inventory.read_bytes()))
        self.assert_refused(copy, INCOMPATIBLE, r"does not know: the file database\.inventory has format 200, and this program reads \d+")
        self.assertEqual(self.cipnode("salvage", self.folder / "saved", home=copy).code, INCOMPATIBLE)
        copy = self.copy_of(home)
        (copy / "identity").write_bytes(b"cipnode identity 200\n" + bytes(32))
        self.assert_refused(copy, INCOMPATIBLE, r"newer cipnode: it has format 200, and this program reads \d+")
        self.assertEqual(self.cipnode("id", home=copy).code, INCOMPATIBLE)

    def test_nothing_is_salvaged_of_a_home_of_a_later_version(self):
        home, _ = self.one_fixture()
        database_log.put(home, FEEDS, struct.pack(">I", 1) + b"h", bytes([LATER]))
        before = hashes(home)
        self.assertEqual(self.cipnode("salvage", self.folder / "saved", home=home).code, INCOMPATIBLE)
        self.assertEqual(hashes(home), before)

    def test_a_damaged_part_is_named_and_not_changed(self):
        home, _ = self.one_fixture()

        def cut(path, size):
            os.truncate(path, size)

        def newest(copy, pattern):
            return max(path for path in (copy / "database").glob(pattern) if path.stat().st_size)

        damages = (("identity", lambda copy: cut(copy / "identity", 31)),
                   ("database.inventory", lambda copy: cut(copy / "database.inventory", 100)),
                   ("CURRENT|manifest", lambda copy: (copy / "database/CURRENT").write_bytes(b"garbage\n")),
                   ("MANIFEST-", lambda copy: cut(newest(copy, "MANIFEST-*"), 100)),
                   (r"\.log was cut", lambda copy: cut(newest(copy, "*.log"), 5)),
                   (r"\.sst|size mismatch", lambda copy: cut(newest(copy, "*.sst"), 100)))
        for what, damage in damages:
            with self.subTest(what):
                copy = self.copy_of(home)
                damage(copy)
                self.assert_refused(copy, CORRUPT, what)


if __name__ == "__main__":
    unittest.main(verbosity=2)
