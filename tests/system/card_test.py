"""The contact card: a peer that can be dialled over TCP but that no datagram leaves any more is found and fetched from by
its card. Four network namespaces on one bridge with addresses that look public and lead nowhere else. Needs root."""
import os
import subprocess
import unittest

from harness import NO_ROUTE, SystemTest

# The bridge lives in a namespace of its own, so that the host's network is not touched at all.
SWITCH = f"cipc{os.getpid()}s"
HOSTS = [f"cipc{os.getpid()}{letter}" for letter in "abcd"]
FIRST, SECOND, WRITER, READER = range(4)
# Contacts with public addresses are handed out in the public network alone; its bootstrap nodes are replaced by ours.
NETWORK = ["--network", "hyperswarm"]


def address(index):
    return f"203.0.113.{index + 1}"


def ip(*args, namespace=None):
    command = ["ip", *(["-n", namespace] if namespace else []), *args]
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class CardTest(SystemTest):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.fail("network namespaces need root")
        # Not in tearDown, which is not called when a node of setUp does not start; cleanups run last first.
        self.addCleanup(self.remove_namespaces)
        self.addCleanup(self.end_processes)
        ip("netns", "add", SWITCH)
        ip("link", "add", "bridge", "type", "bridge", namespace=SWITCH)
        ip("link", "set", "bridge", "up", namespace=SWITCH)
        for index, host in enumerate(HOSTS):
            ip("netns", "add", host)
            ip("link", "add", "eth0", "type", "veth", "peer", "name", f"port{index}", "netns", SWITCH, namespace=host)
            ip("addr", "add", f"{address(index)}/24", "dev", "eth0", namespace=host)
            ip("link", "set", "lo", "up", namespace=host)
            ip("link", "set", "eth0", "up", namespace=host)
            ip("link", "set", f"port{index}", "master", "bridge", namespace=SWITCH)
            ip("link", "set", f"port{index}", "up", namespace=SWITCH)
        self.first = self.member(FIRST)
        self.second = self.member(SECOND, self.first)

    def end_processes(self):
        for process in reversed(self.processes):
            process.close()

    def remove_namespaces(self):
        for name in [*HOSTS, SWITCH]:
            subprocess.run(["ip", "netns", "del", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def host(self, index):
        return ["ip", "netns", "exec", HOSTS[index]]

    def member(self, index, *contacts, flags=(), home=None):
        """A node of the network at address(index)."""
        # With a contact of its own the first node asks no public bootstrap node either.
        bootstrap = [f"{address(FIRST)}:49737"] if contacts else ["127.0.0.1:9"]
        flags = [*NETWORK, "--announce-public", "--log", "node=info", *flags]
        flags += ["--public"] if index in (FIRST, SECOND) else []
        return self.join(*bootstrap, prefix=self.host(index), listen=f"{address(index)}:49737", flags=flags, home=home)

    def command(self, node, index, *args, **options):
        return self.cipnode("--json", *NETWORK, *args, home=node, prefix=self.host(index), **options)

    def cut_datagrams(self, index):
        """From now on this host sends no UDP; TCP goes on."""
        ip("rule", "add", "ipproto", "udp", "prohibit", "priority", "5", namespace=HOSTS[index])

    def writer_with_feed(self, flags):
        """A node whose feed is announced and that then falls silent in the DHT; and the key of that feed."""
        writer = self.member(WRITER, self.first, flags=flags)
        made = self.command(writer, WRITER, "feed", "create", "log").object
        self.command(writer, WRITER, "feed", "append", "log", "--lines", stdin=b"a\nb\nc\n")
        self.eventually(lambda: self.command(self.second, SECOND, "find", "--feed", made["key"]).code == 0, 30, "the announce of the feed")
        return writer, made["key"]

    def stored_card(self, writer):
        """The bytes under the writer's identity key, as a third party reads them."""
        got = self.command(self.second, SECOND, "get", writer.ready["key"])
        return bytes_of(got.object) if got.code == 0 else None

    def test_a_peer_without_datagrams_is_found_and_dialled_by_its_card(self):
        writer, feed = self.writer_with_feed(["--contact-card"])
        card = self.eventually(lambda: self.stored_card(writer), 30, "the card")
        self.assertTrue(card.startswith(b"cipnode\x01"), card)
        self.assertIn(bytes([203, 0, 113, WRITER + 1]) + (49737).to_bytes(2, "little"), card)
        self.cut_datagrams(WRITER)

        reader = self.member(READER, self.first)
        found = self.command(reader, READER, "--timeout", "40s", "find", writer.ready["key"])
        self.assertEqual(found.code, 0, repr(found))
        self.assertFalse(found.object["hello"]["ok"], "no hello reaches it")
        self.assertEqual(found.object["addresses"], [f"{address(WRITER)}:49737"])
        got = self.command(reader, READER, "--timeout", "50s", "feed", "download", feed, seconds=70)
        self.assertEqual(got.code, 0, repr(got))
        self.assertEqual(got.object["blocks"], 3)
        line = reader.event("peer", match=lambda event: event["key"] == writer.ready["key"])
        self.assertEqual((line["direction"], line["address"]), ("out", f"{address(WRITER)}:49737"))

    def test_without_the_switch_nothing_is_stored_and_the_peer_is_out_of_reach(self):
        writer, feed = self.writer_with_feed([])
        self.cut_datagrams(WRITER)
        reader = self.member(READER, self.first)
        self.assertEqual(self.command(reader, READER, "--timeout", "40s", "find", writer.ready["key"]).code, NO_ROUTE)
        self.assertNotEqual(self.command(reader, READER, "--timeout", "12s", "feed", "download", feed).code, 0)
        self.assertIsNone(self.stored_card(writer))

    def test_a_run_without_the_switch_takes_the_card_back_once(self):
        writer, _ = self.writer_with_feed(["--contact-card"])
        card = self.eventually(lambda: self.stored_card(writer), 30, "the card")
        writer.stop()
        again = self.member(WRITER, self.first, home=writer.home)
        empty = self.eventually(lambda: changed(self.stored_card(again), card), 30, "a card that leads nowhere")
        self.assertEqual(empty, b"cipnode\x01" + bytes([1, 1, 1]) + bytes([4, 1, 1]), "no endpoints, and an expiry long past")
        seq = self.command(self.second, SECOND, "get", writer.ready["key"]).object["seq"]
        again.stop()
        third = self.member(WRITER, self.first, home=writer.home)
        self.eventually(lambda: self.command(self.second, SECOND, "find", third.ready["key"]).code == 0, 30, "the third run")
        self.assertEqual(self.command(self.second, SECOND, "get", writer.ready["key"]).object["seq"], seq, "it is taken back once")


def changed(card, before):
    return card if card is not None and card != before else None


def bytes_of(got):
    import base64
    return base64.b64decode(got["valueBase64"]) if "valueBase64" in got else got["value"].encode()


if __name__ == "__main__":
    unittest.main(verbosity=2)
