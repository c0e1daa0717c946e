"""Writers and readers killed by signal 9 at random moments, again and again: what was confirmed, and what a
peer has seen, is there afterwards, and no feed ever gets two histories."""
import os
import random
import subprocess
import threading
import time
import unittest

from harness import BINARY, SystemTest

ROUNDS = int(os.environ.get("CIPNODE_CRASH_ROUNDS", "50"))
LINES = 20


class Appender(threading.Thread):
    """Appends numbered lines, one command after the other, until the node is gone."""

    def __init__(self, home, first):
        super().__init__(daemon=True)
        self.home, self.next, self.ending = home, first, False
        self.confirmed = []  # [first number, count] of commands that ended with 0
        self.start()

    def run(self):
        while True:
            lines = "".join(f"{number:015d}\n" for number in range(self.next, self.next + LINES)).encode()
            done = subprocess.run([BINARY, "--home", str(self.home), "--timeout", "10s", "-q", "feed", "append", "log", "--lines"],
                                  input=lines, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            if done.returncode == 0:
                self.confirmed.append(self.next)
            self.next += LINES
            if done.returncode != 0 or self.ending:
                return


class CrashTest(SystemTest):
    def info(self, node, feed):
        result = self.cipnode("--json", "feed", "info", feed, home=node)
        return result.object if result.code == 0 else None

    def numbers(self, node, feed):
        out = self.ok("feed", "cat", feed, home=node, seconds=120).out
        self.assertEqual(len(out) % 15, 0)
        return [int(out[at : at + 15]) for at in range(0, len(out), 15)]

    def test_killed_writers_and_readers_keep_what_was_confirmed_or_seen(self):
        dice = random.Random(7)
        contact = self.join()
        writer, reader = self.join(contact.contact), self.join(contact.contact)
        key = self.ok("--json", "feed", "create", "log", home=writer).object["key"]
        self.ok("feed", "append", "log", "--lines", home=writer, stdin=b"%015d\n" % 0)
        self.ok("feed", "seed", key, home=reader)
        confirmed, number, seen_growing = {0}, 1, 0
        for _ in range(ROUNDS):
            started = self.start([BINARY, "--home", reader.home, "-q", "--timeout", "20s", "feed", "download", key, "--peer",
                                  writer.ready["tcp"]], lines=False)
            appender = Appender(writer.home, number)
            time.sleep(dice.uniform(0.05, 0.5))
            victims = dice.choice([[writer], [reader], [writer, reader]])
            before = self.info(reader, key) if reader not in victims else None
            appender.ending = True
            for victim in victims:
                victim.kill()
            appender.join(30)
            # A command that found no node may have started one.
            self.cipnode("-q", "stop", home=writer)
            started.close()
            for first in appender.confirmed:
                confirmed.update(range(first, first + LINES))
            number = appender.next
            if reader in victims:
                reader = self.join(contact.contact, home=reader.home)
            seen = self.info(reader, key)
            if before:
                self.assertGreaterEqual(seen["length"], before["length"])
            # The writer comes back knowing all that the reader may have seen of it.
            writer = self.join(contact.contact, home=writer.home)
            own = self.info(writer, "log")
            self.assertGreaterEqual(own["length"], max(len(confirmed), seen["length"]))
            self.assertEqual((own["fork"], own["frozen"]), (0, None))
            self.assertEqual((seen["fork"], seen["frozen"]), (0, None))
            seen_growing += seen["length"] > 1
        self.assertGreater(seen_growing, ROUNDS // 2, "the reader took part")

        got = self.ok("--json", "feed", "download", key, "--peer", writer.ready["tcp"], home=reader, seconds=120).object
        own = self.info(writer, "log")
        self.assertEqual(got["treeHash"], own["treeHash"])
        numbers = self.numbers(writer, "log")
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertLessEqual(confirmed, set(numbers))
        self.assertEqual(self.numbers(reader, key), numbers)


if __name__ == "__main__":
    unittest.main(verbosity=2)
