"""The DHT part of scripts/bench: the stock peers beside cipnode, and what only one of them can be
asked for. Every function yields rows {what, unit, stock or None, cipnode, wanted, better}."""
import time
from pathlib import Path

from bench_common import BINARY, INTEROP, PROGRAMS, Line, cpu_seconds, pss_mib, row, run_json

DRIVER = PROGRAMS / "cip_bench_dht"
PEERS = ["node", INTEROP / "dht-peers.mjs"]

OPS = 300
OWN_NODES, YOUNG_SECONDS = 50, 30  # until their first announces are over
STOCK_NODES, PUT_NODES, KILL_NODES, DEAD_NODES = 50, 20, 40, 8
# A young node announces its key again after 10, 20, 40 and 80 s, then every 5 minutes: one whole
# such period is measured, and the network is as old as the node.
IDLE_NODES, IDLE_SECONDS, YOUTH_SECONDS = 1_000, 300, 160


def driver(*args):
    return {result["what"]: result for result in run_json(DRIVER, *args)}


def stock_bench(*args):
    return {result["what"]: result for result in run_json(*PEERS, "bench", *args) if result.get("event") == "result"}


def among_stock_nodes(rounds):
    """Both clients in turn against one network of stock nodes."""
    for nodes, what in ((STOCK_NODES, "find_node"), (PUT_NODES, "put")):
        network = Line([*PEERS, "testnet", "--nodes", nodes, "--seconds", 600])
        bootstrap = network.event("ready")["bootstrap"][0]
        stock, ours = [], []
        for _ in range(rounds):
            stock.append(stock_bench("--bootstrap", bootstrap, "--ops", OPS, "--concurrency", 1, "--values", 1))
            ours.append(driver("client", bootstrap, OPS, 1))
        network.stop()
        name = "immutable_put" if what == "put" else what
        for share in ("p50", "p99"):
            yield row(f"{what}, {nodes} stock nodes, {share}", "ms", "lower", [s[name][share + "ms"] for s in stock],
                      [o[what][share + "ms"] for o in ours], "half of stock" if share == "p50" else "")


def among_own_processes(rounds, folder):
    """Every node is a process of its own, as users run them."""
    network = []
    for i in range(OWN_NODES):
        contact = [network[0][1]] if network else []
        node = Line([BINARY, "--home", Path(folder) / f"own{i}", "--json", "join", *contact, "--listen", "127.0.0.1:0", "--no-lan"])
        network.append((node, node.event("ready")["udp"]))
    time.sleep(YOUNG_SECONDS)
    ours = [driver("client", network[0][1], OPS, 1)["find_node"] for _ in range(rounds)]
    for node, _ in network:
        node.stop()
    for share, wanted in (("p50", "0.4"), ("p99", "")):
        yield row(f"find_node, {OWN_NODES} own processes, {share}", "ms", "lower", [], [o[share + "ms"] for o in ours], wanted)


def in_one_process(rounds):
    """Both have all nodes in the client's process."""
    for concurrency, wanted in ((1, ("10 times stock", "0.3")), (32, ("3000", "50"))):
        stock, ours = [], []
        for _ in range(rounds):
            stock.append(stock_bench("--nodes", STOCK_NODES, "--ops", OPS, "--concurrency", concurrency, "--values", 1)["find_node"])
            ours.append(driver("network", STOCK_NODES, OPS * 10, concurrency)["find_node"])
        what = f"find_node, {STOCK_NODES} own nodes, {concurrency} at once"
        yield row(what, "/s", "higher", [s["perSecond"] for s in stock], [o["perSecond"] for o in ours], wanted[0])
        share = "p50ms" if concurrency == 1 else "p99ms"
        yield row(f"{what}, {share[:3]}", "ms", "lower", [s[share] for s in stock], [o[share] for o in ours], wanted[1])


def after_deaths(rounds):
    ours = [driver("kill", KILL_NODES, DEAD_NODES, OPS) for _ in range(rounds)]
    for phase, share, wanted in (("all alive", "p50", ""), ("just killed", "p50", "3 times"), ("just killed", "max", "1000"),
                                 ("second pass", "p50", "as before"), ("second pass", "max", "")):
        yield row(f"{DEAD_NODES} of {KILL_NODES} nodes, {phase}, {share}", "ms", "lower", [], [o[phase][share + "ms"] for o in ours], wanted)


def answers(rounds, folder):
    home = Path(folder) / "answers"
    node = Line([BINARY, "--home", home, "--json", "join", "--listen", "127.0.0.1:0", "--no-lan"])
    at = node.event("ready")["udp"]
    results, cpu = [], []
    for _ in range(rounds):
        before, begun = cpu_seconds(node.process.pid), time.monotonic()
        results.append(run_json(DRIVER, "load", at, 2)[-1])
        cpu.append((cpu_seconds(node.process.pid) - before) / (time.monotonic() - begun))
    node.stop()
    for kind in ("ping", "findNode"):
        # What it does with a whole core: load generator and kernel share the machine with it.
        yield row(f"{kind} requests answered", "/s", "higher", [], [r[kind + "PerSecond"] for r in results], "200000")
        yield row(f"{kind} requests answered per core", "/s", "higher", [], [r[kind + "PerSecond"] / c for r, c in zip(results, cpu)], "200000")


def idle(folder):
    crowd = Line([BINARY, "--json", "join", "--test-nodes", IDLE_NODES - 1])
    first = crowd.event("ready")["udp"]
    for _ in range(IDLE_NODES - 2):
        crowd.event("ready")
    home = Path(folder) / "idle"
    node = Line([BINARY, "--home", home, "--json", "join", first, "--listen", "127.0.0.1:0", "--no-lan"])
    node.event("ready")
    time.sleep(YOUTH_SECONDS)
    status = lambda: run_json(BINARY, "--home", home, "--json", "status")[-1]["dht"]
    before, cpu = status(), cpu_seconds(node.process.pid)
    time.sleep(IDLE_SECONDS)
    cpu = cpu_seconds(node.process.pid) - cpu
    after = status()
    moved = sum(after[k] - before[k] for k in ("bytesIn", "bytesOut"))
    pss = pss_mib(node.process.pid)
    node.stop()
    crowd.stop()
    what = f"idle node among {IDLE_NODES}"
    yield row(f"{what}, traffic", "kB/s", "lower", [], [moved / IDLE_SECONDS / 1000], "0.5")
    yield row(f"{what}, of a core", "%", "lower", [], [100 * cpu / IDLE_SECONDS], "0.2")
    yield row(f"{what}, PSS", "MiB", "lower", [], [pss], "32")


def simulated():
    result = run_json(BINARY, "--json", "sim", "routing", "--strategy", "kademlia", "--nodes", 10_000, "--seed", 1)[-1]
    yield row("requests per lookup, 10,000 simulated nodes", "", "lower", [], [result["requests"]["mean"]], "40")


def rows(rounds, folder):
    yield from among_stock_nodes(rounds)
    yield from among_own_processes(rounds, folder)
    yield from in_one_process(rounds)
    yield from after_deaths(rounds)
    yield from answers(rounds, folder)
    yield from idle(folder)
    yield from simulated()
