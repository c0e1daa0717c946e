"""A home is backed up while its node works, and restored somewhere else without ever forking a feed."""
import os
import shutil
import signal
import subprocess
import time
import unittest

from harness import BINARY, BUSY, CONFLICT, CORRUPT, FULL, INCOMPATIBLE, NO_ROUTE, NOT_FOUND, REFUSED, USAGE, Process, SystemTest

MB = 1_000_000


class RestoreTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.backup = self.folder / "backup"

    def fails(self, code, *args, **options):
        result = self.cipnode("--json", *args, **options)
        self.assertEqual(result.code, code, repr(result))
        self.assertTrue(result.error["hint"])
        return result.error

    def append(self, home, text, *flags, feed="log"):
        return self.ok("--json", "feed", "append", feed, "--lines", *flags, home=home, stdin=text.encode()).object["length"]

    def info(self, home, feed="log"):
        return self.ok("--json", "feed", "info", feed, home=home).object

    def stop(self, home):
        self.ok("stop", home=home)
        if isinstance(home, Process):
            self.assertEqual(home.wait(), 0)

    def restored(self):
        home = self.new_home()
        self.ok("restore", self.backup, home=home)
        return home

    def left_beside(self):
        return [entry.name for entry in self.folder.iterdir() if entry.name.startswith("backup")]

    def test_a_home_in_full_use_is_backed_up_whole(self):
        node = self.join()
        self.ok("feed", "create", "log", home=node)
        self.ok("publish", "news", "hello", home=node)
        (node.home / "config.toml").write_text('log = "info"\n')
        writer = subprocess.Popen([BINARY, "--home", node.home, "feed", "append", "log", "--lines"], stdin=subprocess.PIPE)
        lines = 0
        backed_up = None
        while backed_up is None or backed_up.poll() is None:
            for _ in range(50):
                writer.stdin.write(f"line {lines} {'x' * 5000}\n".encode())
                lines += 1
            writer.stdin.flush()
            if backed_up is None and lines > 2000:
                before = self.info(node)["length"]
                backed_up = subprocess.Popen([BINARY, "--home", node.home, "--json", "backup", self.backup], stdout=subprocess.DEVNULL)
        self.assertEqual(backed_up.returncode, 0)
        writer.stdin.close()
        self.assertEqual(writer.wait(60), 0)
        self.assertEqual(self.info(node)["length"], lines)
        self.assertEqual(self.backup.stat().st_mode & 0o777, 0o700)
        self.assertEqual((self.backup / "identity").stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.left_beside(), ["backup"])
        self.stop(node)

        home = self.restored()
        self.assertEqual(self.ok("id", home=home).out, self.ok("id", home=node.home).out)
        self.assertEqual((home / "config.toml").read_text(), 'log = "info"\n')
        length = self.info(home)["length"]
        self.assertGreaterEqual(length, before)
        self.assertLessEqual(length, lines)
        self.assertEqual(self.ok("--json", "feed", "verify", "log", home=home).object["blocks"], length)
        self.assertEqual(self.ok("feed", "cat", "log", "--range", f"{length - 1}..{length}", home=home).out[:len(f"line {length - 1} ")],
                         f"line {length - 1} ".encode())
        self.assertEqual([t["topic"] for t in self.ok("--json", "topic", "ls", home=home).objects], ["news"])

    def test_a_restored_home_appends_behind_what_it_wrote_after_the_backup(self):
        hub = self.join()
        writer = self.join(hub.contact)
        key = self.ok("--json", "feed", "create", "log", home=writer).object["key"]
        self.append(writer, "one\ntwo\n")
        keeper = self.seeder(key, hub.contact)
        self.ok("backup", self.backup, home=writer)
        self.append(writer, "three\n")
        self.wait_for_length(keeper, key, 3)
        self.stop(writer)

        restored = self.join(hub.contact, home=self.restored())
        refused = self.fails(CONFLICT, "feed", "append", "log", home=restored, stdin=b"another history")
        self.assertIn("3 blocks, here 2", refused["message"])
        self.ok("feed", "download", key, home=restored)
        self.assertEqual(self.append(restored, "four\n"), 4)
        self.wait_for_length(keeper, key, 4)
        infos = [self.info(home, key) for home in (restored, keeper)]
        self.assertEqual([i["frozen"] for i in infos], [None, None])
        self.assertEqual(infos[0]["treeHash"], infos[1]["treeHash"])

    def test_a_restored_home_waits_for_one_who_has_the_feed(self):
        hub = self.join()
        writer = self.join(hub.contact)
        key = self.ok("--json", "feed", "create", "log", home=writer).object["key"]
        self.append(writer, "one\n")
        self.ok("publish", "news", "one", home=writer)
        self.ok("feed", "create", "notes", home=writer)
        self.ok("backup", self.backup, home=writer)
        self.ok("feed", "download", key, home=hub)
        self.ok("feed", "seed", key, home=hub)
        self.stop(writer)
        # Alone, nothing tells whether more was written elsewhere; a home that was never restored goes on.
        home = self.restored()
        for command in (("feed", "append", "log"), ("feed", "append", "notes"), ("publish", "news")):
            refused = self.fails(NO_ROUTE, *command, home=home, stdin=b"another history")
            self.assertIn("restored from a backup or imported", refused["message"])
            self.assertIn("--assume-latest", refused["hint"])
        self.fails(CONFLICT, "feed", "truncate", "log", "0", "--yes", home=home)
        self.stop(home)
        for source in (self.backup, home):
            with self.subTest("what is salvaged of it waits as well", source=source):
                saved = self.new_home()
                self.ok("salvage", saved, home=source)
                self.fails(NO_ROUTE, "feed", "append", "log", home=saved, stdin=b"another history")
                self.stop(saved)
        self.ok("feed", "create", "later", home=home)
        self.assertEqual(self.append(home, "new\n", feed="later"), 1)
        # Said once it holds, also after a restart.
        self.assertEqual(self.append(home, "note\n", "--assume-latest", feed="notes"), 1)
        self.stop(home)
        self.assertEqual(self.append(home, "note\n", feed="notes"), 2)
        self.ok("publish", "news", "two", "--assume-latest", home=home)
        self.stop(home)
        # In reach of somebody who has the feed it is asked for, and that holds too.
        node = self.join(hub.contact, home=home)
        self.assertEqual(self.append(node, "two\n"), 2)
        self.stop(node)
        self.stop(hub)
        self.assertEqual(self.append(home, "three\n"), 3)

    def test_a_restored_home_publishes_behind_what_its_topic_has_seen(self):
        hub = self.join()
        author, reader = self.join(hub.contact), self.join(hub.contact)
        subscriber = self.start([BINARY, "--home", reader.home, "--json", "subscribe", "news", "--since", "start"])
        self.ok("publish", "news", "one", "--confirm", "1", home=author)
        self.ok("backup", self.backup, home=author)
        self.ok("publish", "news", "two", "--confirm", "1", home=author)
        self.stop(author)
        restored = self.join(hub.contact, home=self.restored())
        refused = self.fails(CONFLICT, "publish", "news", "another two", home=restored)
        self.assertIn("longer history", refused["message"])
        self.ok("publish", "news", "three", "--confirm", "1", home=restored)
        subscriber.wait_until(lambda: len(subscriber.events) >= 3, 20, "three messages")
        self.assertEqual([(e["seq"], e["text"]) for e in subscriber.events], [(1, "one"), (2, "two"), (3, "three")])

    def test_without_a_node_the_command_reads_the_home_itself(self):
        home = self.new_home()
        self.fails(NOT_FOUND, "backup", self.backup, home=home)
        self.assertFalse(home.exists())
        self.ok("feed", "create", "log", home=home)
        self.append(home, "one\n")
        self.stop(home)
        done = self.ok("--json", "backup", self.backup, home=home).object
        self.assertEqual(sorted(done), ["bytes", "created", "dir", "files", "key", "keyHex"])
        self.assertEqual(done["files"], sum(len(files) for _, _, files in os.walk(self.backup)) - 1)
        self.fails(8, "status", home=home)
        self.fails(CONFLICT, "backup", self.backup, home=home)
        self.fails(USAGE, "backup", home / "database" / "backup", home=home)
        self.assertEqual(self.info(self.restored())["length"], 1)

    def test_what_is_no_whole_backup_makes_no_home(self):
        home = self.new_home()
        self.ok("feed", "create", "log", home=home)
        self.ok("backup", self.backup, home=home)
        other = self.new_home()
        self.fails(USAGE, "restore", self.folder / "nothing", home=other)
        self.fails(BUSY, "restore", self.backup, home=home)
        self.stop(home)
        self.fails(CONFLICT, "restore", self.backup, home=home)
        manifest = (self.backup / "manifest").read_text()
        (self.backup / "manifest").write_text(manifest.replace("cipnode backup 1", "cipnode backup 9"))
        self.fails(INCOMPATIBLE, "restore", self.backup, home=other)
        (self.backup / "manifest").write_text(manifest)
        identity = (self.backup / "identity").read_bytes()
        (self.backup / "identity").write_bytes(bytes([identity[0] ^ 1]) + identity[1:])
        self.fails(CORRUPT, "restore", self.backup, home=other)
        self.assertEqual(list(other.glob("*")), [other / "lock"])
        (self.backup / "identity").write_bytes(identity)
        self.ok("restore", self.backup, home=other)

    def test_what_stands_is_told_although_stdout_is_full(self):
        home = self.new_home()
        self.ok("--no-daemon", "feed", "create", "log", home=home)
        other, secrets = self.new_home(), self.folder / "secrets"
        for command, left in ((["--home", home, "backup", self.backup], "the backup"), (["--home", other, "restore", self.backup], "is restored"),
                              (["--home", home, "id", "export", secrets], "is written")):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([BINARY, *command], stdout=full, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(done.returncode, FULL, done.stderr)
            self.assertIn(left, done.stderr.decode())
        self.assertTrue(secrets.exists())
        self.assertEqual(self.ok("id", home=other).out, self.ok("id", home=home).out)

    def test_a_backup_that_may_not_be_read_is_not_called_another_folder(self):
        home = self.new_home()
        self.ok("--no-daemon", "feed", "create", "log", home=home)
        self.ok("backup", self.backup, home=home)
        program, place = self.folder / "cipnode", self.folder / "place"
        shutil.copy(BINARY, program)
        place.mkdir()
        os.chown(place, 54321, 54321)
        self.folder.chmod(0o755)
        done = subprocess.run(["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "env", "HOME=/nonexistent", program, "--home",
                               place / "home", "restore", self.backup], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, REFUSED, done.stderr)
        self.assertIn("may read it", done.stderr.decode())

    def test_a_backup_is_no_home_and_stays_one(self):
        home = self.new_home()
        self.ok("feed", "create", "log", home=home)
        self.append(home, "one\n")
        self.ok("backup", self.backup, home=home)
        self.stop(home)
        before = sorted(file.name for file in self.backup.rglob("*"))
        for command in (("feed", "append", "log"), ("--no-daemon", "feed", "append", "log"), ("join", "--detach", "--no-lan")):
            refused = self.fails(REFUSED, *command, home=self.backup, stdin=b"another history")
            self.assertIn("is a backup", refused["message"])
            self.assertIn("restore", refused["hint"])
        self.assertEqual(sorted(file.name for file in self.backup.rglob("*")), before)
        self.assertEqual(self.info(self.restored())["length"], 1)

    def large_home(self):
        home = self.new_home()
        self.ok("feed", "create", "log", home=home)
        self.ok("feed", "append", "log", "--block-size", "100000", home=home, stdin=os.urandom(200 * MB), seconds=120)
        return home

    def interrupted(self, home, number):
        process = self.start([BINARY, "--home", home, "--json", "backup", self.backup], lines=False)
        deadline = time.monotonic() + 20
        while not self.left_beside() and time.monotonic() < deadline:
            time.sleep(0.001)
        process.process.send_signal(number)
        process.wait()
        return process

    def test_an_interrupted_backup_leaves_nothing_and_a_killed_one_no_backup(self):
        home = self.large_home()
        process = self.interrupted(home, signal.SIGINT)
        self.assertEqual(process.process.returncode, 130)
        self.assertIn("nothing is left of the backup", process.stderr())
        self.assertEqual(self.left_beside(), [])
        self.interrupted(home, signal.SIGKILL)
        left = self.left_beside()
        self.assertEqual(len(left), 1)
        self.assertIn(".partial-", left[0])
        self.fails(USAGE, "restore", self.folder / left[0], home=self.new_home())
        self.assertFalse((self.folder / left[0] / "identity").exists(), "without it, it is no home either")
        # The node holds nothing for the one that is gone, and the next backup is whole.
        self.ok("backup", self.backup, home=home, seconds=120)
        self.assertEqual(self.info(self.restored())["contiguousLength"], 2000)

    def test_a_full_disk_is_told_and_keeps_no_half_backup(self):
        home = self.large_home()
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "none", disk], check=True)
        try:
            refused = self.fails(FULL, "backup", disk / "backup", home=home)
            self.assertIn("nothing is left of the backup", refused["message"])
            self.assertEqual(list(disk.iterdir()), [])
            self.ok("backup", self.backup, home=home, seconds=120)
            other = disk / "home"
            self.fails(FULL, "restore", self.backup, home=other)
            self.assertEqual(list(other.iterdir()), [other / "lock"])
        finally:
            subprocess.run(["umount", disk], check=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
