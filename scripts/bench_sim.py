"""The simulator part of scripts/bench: cipnode sim alone, since no stock program simulates production nodes. Rates are per second of
processor time, so that a busy machine says the same as an idle one; set-up is not part of them."""
from bench_common import BINARY, row, run_json

EVENT_LOOKUPS = {10_000: 20_000, 1_000_000: 60_000}
EVENTS_WANTED = {10_000: "400000", 1_000_000: "250000"}
UPKEEP_WANTED = {10_000: "100", 100_000: "8", 1_000_000: "0.8"}
GIB = 1 << 30


def sim(scenario, *flags):
    """The line of a run that says where its time went."""
    return next(o for o in run_json(BINARY, "--json", "sim", scenario, *flags) if "eventsPerCpuSecond" in o)


def events(rounds, nodes):
    runs = [sim("routing", "--strategy", "kademlia", "--nodes", nodes, "--lookups", EVENT_LOOKUPS[nodes]) for _ in range(rounds)]
    what = f"lookups, {nodes:,} nodes"
    yield row(f"{what}, events", "/s", "higher", [], [r["eventsPerCpuSecond"] for r in runs], EVENTS_WANTED[nodes])
    yield row(f"{what}, set-up", "s", "lower", [], [r["setUpMs"] / 1000 for r in runs], "")
    yield row(f"{what}, memory of a node", "B", "lower", [], [r["bytesPerNode"] for r in runs], "8192")
    yield row(f"{what}, peak memory", "GiB", "lower", [], [r["peakBytes"] / GIB for r in runs], "8")


def upkeep(nodes):
    """Idle nodes check and refresh their tables, and each looks something up every 10 minutes: one such round of all."""
    run = sim("churn", "--nodes", nodes, "--churn", "none", "--lookup-every", "10min", "--duration", "10min", "--samples", 1, "--lookups", 1)
    what = f"upkeep, {nodes:,} nodes"
    seconds = run["eventsCpuMs"] / 1000
    yield row(f"{what}, simulated seconds", "/s", "higher", [], [run["simulatedSeconds"] / seconds], UPKEEP_WANTED[nodes])
    yield row(f"{what}, events", "/s", "higher", [], [run["eventsPerCpuSecond"]], "")
    yield row(f"{what}, memory of a node", "B", "lower", [], [run["bytesPerNode"]], "")
    yield row(f"{what}, peak memory", "GiB", "lower", [], [run["peakBytes"] / GIB], "")


def rows(rounds, full):
    yield from events(rounds, 10_000)
    yield from upkeep(10_000)
    yield from upkeep(100_000)
    if full:
        yield from events(1, 1_000_000)
        yield from upkeep(1_000_000)
