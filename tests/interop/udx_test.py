"""Raw UDX streams against the published package, in both roles, through a bad network."""
import itertools
import os
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
from harness import SystemTest  # noqa: E402
from own_loopback import OwnLoopback  # noqa: E402

UDX_PEER = os.environ["CIPNODE_UDX_PEER"]
# A peer's death is noticed within 20 s; telling of it takes a moment.
NOTICED = 22


class UdxTest(OwnLoopback, SystemTest):
    def peer(self, who, command, *args, ids=(100, 200)):
        flags = ["--id", ids[0], "--remote-id", ids[1], "--timeout", 120, *args]
        if who == "ours":
            return self.start([UDX_PEER, command, *flags])
        return self.stock("swarm-peer.mjs", f"udx-{command}", "--no-stdin", *map(str, flags))

    def serve(self, who, *args):
        server = self.peer(who, "serve", *args)
        return server, server.event("ready")["address"]

    def open(self, who, to, *args):
        return self.peer(who, "open", "--to", to, *args, ids=(200, 100))

    def proxy(self, to, **settings):
        return self.told_proxy(to, **settings).event("ready")["address"]

    def told_proxy(self, to, **settings):
        """One that takes commands."""
        flags = [str(word) for name, value in settings.items() for word in (f"--{name}", value)]
        return self.stock("swarm-peer.mjs", "proxy", "--timeout", "120", "--to", to, *flags, stdin=subprocess.PIPE)

    def tell(self, proxy, line):
        proxy.process.stdin.write(f"{line}\n".encode())
        proxy.process.stdin.flush()

    def wait_for_large_packets(self, proxy, size, count=1_000_000):
        """Until packets above `size` and many bytes went through."""

        def went():
            self.tell(proxy, "stats")
            return any(event.get("largest", 0) > size and event["bytes"] > count for event in proxy.events[1:])

        self.eventually(went, 30, f"packets above {size}")

    def sent_by_ours(self, reader_is, ids):
        """Ours sends to `reader_is` through a slow path: server, proxy, client."""
        flags = ["--mode", "source", "--bytes", 10_000_000]
        server = self.peer("ours", "serve", *flags, ids=ids)
        proxy = self.told_proxy(server.event("ready")["address"], rate=2_000_000, queue=1_000_000, delay=5)
        client = self.peer(reader_is, "open", "--to", proxy.event("ready")["address"], *flags, ids=ids[::-1])
        return server, proxy, client

    def transfer(self, server_is, client_is, mode, size, streams=1, through=None, seconds=100):
        """Of each stream what the opening side says; all must be right."""
        flags = ["--mode", mode, "--bytes", size, "--streams", streams]
        server, at = self.serve(server_is, *flags)
        to = self.proxy(at, **through) if through else at
        client = self.open(client_is, to, *flags)
        client.event("done", seconds)
        lines = [event for event in client.events if event.get("event") == "stream"]
        self.assertEqual(len(lines), streams)
        for line in lines:
            self.assertTrue(line["ok"], f"{server_is} to {client_is}, {mode}, {through}: {line}")
        server.close()
        return lines

    def test_content_is_equal_in_both_roles_and_every_direction(self):
        for pair in (("ours", "stock"), ("stock", "ours"), ("ours", "ours")):
            for mode in ("echo", "sink", "source"):
                with self.subTest(pair=pair, mode=mode):
                    self.transfer(*pair, mode, 8_000_000)

    def test_content_is_equal_through_loss_reordering_and_delay(self):
        cases = list(itertools.product((("ours", "stock"), ("stock", "ours")), (0, 0.02, 0.1), (0, 0.05), (0, 25, 100)))

        def run(case):
            pair, loss, reorder, delay = case
            self.transfer(*pair, "echo", 400_000, through={"loss": loss, "reorder": reorder, "delay": delay, "seed": 3})

        # They wait more than they compute.
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(run, cases))

    def test_duplicates_are_taken_once(self):
        for pair in (("ours", "stock"), ("stock", "ours")):
            self.transfer(*pair, "echo", 1_000_000, through={"dup": 0.2, "delay": 5})

    def test_a_path_that_carries_less_is_found_out(self):
        for mtu, pair in itertools.product((1200, 1300, 1400), (("ours", "stock"), ("stock", "ours"))):
            lines = self.transfer(*pair, "echo", 400_000, through={"mtu": mtu, "delay": 2})
            self.assertLessEqual(lines[0]["mtu"], mtu)

    def test_a_bottleneck_with_a_short_queue_is_filled_and_not_flooded(self):
        self.transfer("stock", "ours", "sink", 4_000_000, through={"rate": 2_000_000, "queue": 200_000, "delay": 25})

    def test_a_hundred_streams_at_once(self):
        for pair in (("ours", "stock"), ("stock", "ours")):
            self.transfer(*pair, "echo", 50_000, streams=100)

    def test_a_reader_that_stops_for_30_s_and_a_path_that_turns_narrow(self):
        # Side by side, since they mostly wait.
        with ThreadPoolExecutor(3) as pool:
            runs = [pool.submit(self.reader_stops, "stock", (300, 301)), pool.submit(self.reader_stops, "ours", (302, 303)),
                    pool.submit(self.path_turns_narrow)]
            for run in runs:
                run.result()

    def reader_stops(self, writer_is, ids):
        """Ours stops for 30 s and gets all of it later."""
        flags = ["--mode", "source", "--bytes", 20_000_000]
        server = self.peer(writer_is, "serve", *flags, ids=ids)
        client = self.peer("ours", "open", "--to", server.event("ready")["address"], *flags, "--pause", 30_000, ids=ids[::-1])
        client.event("done", 80)
        line = client.event("stream")
        self.assertTrue(line["ok"], line)
        self.assertGreater(line["ms"], 29_900)

    def path_turns_narrow(self):
        """What was cut for a wider path never passes, and its sender gives up: the swarm calls again (udx.md 8)."""
        server, proxy, _ = self.sent_by_ours("stock", (400, 401))
        self.wait_for_large_packets(proxy, 1450)
        self.tell(proxy, "set mtu 1300")
        self.assertIsNotNone(server.event("closed", NOTICED)["error"])

    def test_an_interface_that_turns_narrow_in_the_middle_costs_no_stream(self):
        self.use_own_loopback()
        for reader_is in ("stock", "ours"):
            self.set_mtu(1500)
            server, proxy, client = self.sent_by_ours(reader_is, (100, 200))
            self.wait_for_large_packets(proxy, 1350)
            self.set_mtu(1300)
            self.assertFalse([event for event in server.events if event["event"] == "closed"], "it was in the middle")
            client.event("done", 40)
            line = client.event("stream")
            self.assertTrue(line["ok"], line)

    def test_a_peer_that_was_killed_is_noticed_by_who_sends_to_it(self):
        flags = ["--mode", "source", "--bytes", 4_000_000_000]
        server, at = self.serve("ours", *flags)
        client = self.open("stock", at, *flags)
        server.event("connected", 30)
        time.sleep(0.5)
        self.assertIsNone(client.process.poll())
        client.kill()
        self.assertIsNotNone(server.event("closed", NOTICED)["error"])


if __name__ == "__main__":
    unittest.main()
