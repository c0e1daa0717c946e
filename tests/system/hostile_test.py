"""Garbage on both ports: afterwards the node is what it was, and what was dropped is counted."""
import json
import random
import re
import socket
import unittest

from harness import ROOT, SystemTest

DATAGRAMS = 3000
CONNECTIONS = 150


def golden_datagrams():
    requests = json.loads((ROOT / "tests/vectors/dht/requests.json").read_text())
    text = json.dumps(requests)
    return [bytes.fromhex(h) for h in re.findall(r'"hex": "(03[0-9a-f]{20,})"', text)]


def memory_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


class HostileTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(11)
        self.first = self.join()
        self.second = self.join(self.first.contact)
        self.ok("find", self.second.ready["key"], home=self.first)
        self.ok("feed", "create", "log", home=self.first)
        self.made = self.ok("--json", "feed", "append", "log", home=self.first, stdin=b"block").object
        self.ok("feed", "download", self.made["key"], home=self.second)

    def address(self, name):
        host, port = self.first.ready[name].rsplit(":", 1)
        return host, int(port)

    def status(self):
        return self.ok("--json", "status", home=self.first).object

    def routes(self):
        return sorted(line["address"] for line in self.ok("--json", "routes", home=self.first).objects)

    def streams(self):
        return sorted(line["key"] for line in self.ok("--json", "peers", home=self.first).objects)

    def bad_datagram(self, golden):
        kind = self.random.randrange(3)
        if kind == 0:
            # Never the first byte of a request, a response or a stream packet: those might decode.
            return bytes([self.random.choice([0x01, 0x04, 0x23, 0x33, 0x77, 0xF0])]) + self.random.randbytes(self.random.randrange(1, 1200))
        if kind == 1:
            whole = self.random.choice(golden)
            return whole[: self.random.randrange(2, 9)]
        # A length or flag that promises more than there is.
        return bytes([0x03, 0xFF]) + self.random.randbytes(self.random.randrange(1, 40))

    def test_undecodable_datagrams_change_nothing_and_are_all_counted(self):
        golden = golden_datagrams()
        self.assertGreater(len(golden), 10)
        routes, streams, before = self.routes(), self.streams(), self.status()
        memory = memory_kib(self.first.pid)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for index in range(DATAGRAMS):
                sock.sendto(self.bad_datagram(golden), self.address("udp"))
                if index % 100 == 99:
                    self.status()  # so that no buffer of the kernel overflows
        def drops():
            now = self.status()["drops"]
            return sum(now.values()) - sum(before["drops"].values())
        self.eventually(lambda: drops() >= DATAGRAMS, 10, "every datagram counted")
        self.assertEqual(drops(), DATAGRAMS, self.status()["drops"])
        self.assertEqual(self.routes(), routes)
        self.assertEqual(self.streams(), streams)
        self.assertLess(memory_kib(self.first.pid), memory + 8192)
        self.ok("find", self.second.ready["key"], home=self.first)

    def test_mutated_datagrams_leave_table_and_records_as_they_were(self):
        golden = golden_datagrams()
        routes, streams = self.routes(), self.streams()
        memory = memory_kib(self.first.pid)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for index in range(DATAGRAMS):
                mutated = bytearray(self.random.choice(golden))
                for _ in range(self.random.randrange(1, 4)):
                    mutated[self.random.randrange(len(mutated))] ^= 1 << self.random.randrange(8)
                sock.sendto(mutated, self.address("udp"))
                if index % 100 == 99:
                    self.status()
        self.assertEqual(self.routes(), routes)
        self.assertEqual(self.streams(), streams)
        self.assertLess(memory_kib(self.first.pid), memory + 8192)
        result = self.ok("--json", "find", self.second.ready["key"], home=self.first).object
        self.assertTrue(result["found"])

    def test_garbage_on_the_tcp_port_closes_that_connection_alone(self):
        before, streams = self.status(), self.streams()
        memory = memory_kib(self.first.pid)
        closed = 0
        for index in range(CONNECTIONS):
            with socket.create_connection(self.address("tcp"), timeout=10) as sock:
                kind = index % 3
                if kind == 0:
                    garbage = b"\xff\xff\xff" + self.random.randbytes(200)
                elif kind == 1:
                    garbage = b"\x20\x00\x00" + b"\x00" * 32  # a handshake with a point of small order
                else:
                    garbage = b"\x38\x00\x00" + self.random.randbytes(56)  # a stream id nobody waits for
                sock.sendall(garbage)
                try:
                    while sock.recv(4096):
                        pass
                except ConnectionError:
                    pass
                closed += 1
        self.assertEqual(closed, CONNECTIONS)
        self.assertEqual(self.streams(), streams)
        drops = lambda: sum(self.status()["drops"].values()) - sum(before["drops"].values())
        self.eventually(lambda: drops() >= CONNECTIONS, 10, "every closed connection counted")
        self.assertLess(memory_kib(self.first.pid), memory + 8192)
        appended = self.ok("--json", "feed", "append", "log", home=self.first, stdin=b"more").object
        got = self.ok("--json", "feed", "download", self.made["key"], home=self.second).object
        self.assertEqual(got["treeHash"], appended["treeHash"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
