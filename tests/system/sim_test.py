"""Figures of the simulator that are published or can be computed."""
import json
import os
import signal
import subprocess
import sys
import time
import unittest
import xml.etree.ElementTree

from harness import BINARY, ROOT, SystemTest

# With assertions and sanitizers, where the other has optimizations.
DEBUG_BINARY = os.environ.get("CIPNODE_DEBUG_BINARY", str(ROOT / "build/dev/bin/cipnode"))


class SimTest(SystemTest):
    def test_routing_in_ten_thousand_nodes_meets_the_computed_figures(self):
        run = self.ok("sim", "routing", "--strategy", "kademlia", "--nodes", "10000", "--lookups", "2000", "--latency", "const:50ms",
                      "--seed", "1", "--json", seconds=240).objects
        result = next(o for o in run if o.get("strategy") == "kademlia")
        self.assertEqual(result["success"], 1)
        self.assertAlmostEqual(result["hopsToClosest"], 2.38, delta=0.05 * 2.38)
        self.assertAlmostEqual(result["hopsFirst"], 1.82, delta=0.05 * 1.82)
        self.assertLessEqual(result["requests"], 40)
        self.assertGreater(result["exactK"], 0.999)

    def test_an_independent_model_gives_the_same_hops_and_requests(self):
        for model_tables, start in (("own", "oracle"), ("shared", "shared")):
            model = subprocess.run([sys.executable, ROOT / "docs/examples/kademlia_rounds.py", "10000", "3000", "1", model_tables],
                                   capture_output=True, text=True, check=True, timeout=100).stdout.split()
            model = {name: float(value) for name, value in zip(model[::2], model[1::2])}
            for strategy in ("kademlia", "kademlia-rounds"):
                run = self.ok("sim", "routing", "--strategy", strategy, "--nodes", "10000", "--lookups", "3000", "--start", start, "--json",
                              seconds=240).objects
                ours = next(o for o in run if o.get("strategy") == strategy)
                for name, field in (("hops-to-closest", "hopsToClosest"), ("hops-first", "hopsFirst"), ("requests", "requests")):
                    self.assertAlmostEqual(ours[field], model[name], delta=0.03 * model[name], msg=f"{strategy} {start} {name}")

    def test_size_estimates_lie_within_three_standard_deviations_of_the_truth(self):
        for nodes in (500, 5000):
            run = self.ok("sim", "size", "--nodes", str(nodes), "--walks", "16", "--seed", "3", "--json", seconds=240).objects
            result = next(o for o in run if o.get("estimator") == "density")
            sd = result["truth"] / (16 * 20 - 2) ** 0.5
            self.assertEqual(result["truth"], nodes)
            self.assertLess(abs(result["estimate"] - result["truth"]), 3 * sd)
            self.assertLess(result["low"], result["estimate"])
            self.assertGreater(result["high"], result["estimate"])

    def test_the_trace_of_a_seed_repeats_and_differs_from_another(self):
        def trace(seed):
            run = self.ok("sim", "routing", "--strategy", "kademlia", "--nodes", "500", "--lookups", "100", "--seed", seed, "--json",
                          seconds=120).objects
            return next(o["trace"] for o in run if "trace" in o)
        self.assertEqual(trace("5"), trace("5"))
        self.assertNotEqual(trace("5"), trace("6"))

    def test_a_debug_build_and_a_release_build_leave_the_same_trace(self):
        for words in (["routing", "--strategy", "kademlia", "--nodes", "300", "--lookups", "50", "--latency", "king", "--loss", "0.05"],
                      ["churn", "--nodes", "60", "--churn", "weibull:0.6:20min", "--duration", "10min", "--lookups", "4", "--start", "join"]):
            traces = set()
            for binary in (BINARY, DEBUG_BINARY):
                run = subprocess.run([binary, "--json", "sim", *words, "--seed", "9"], capture_output=True, text=True, timeout=200)
                self.assertEqual(run.returncode, 0, run)
                traces.add(next(o["trace"] for o in map(json.loads, run.stdout.splitlines()) if "trace" in o))
            self.assertEqual(len(traces), 1, words)

    def test_a_hundred_worlds_drawn_from_seeds_keep_their_invariants_and_heal(self):
        run = self.ok("sim", "safety", "--seed", "100", "--runs", "100", "--jobs", "2", seconds=200)
        self.assertEqual(run.text.count(": held"), 100)

    def test_every_byte_comes_once_and_in_order_over_a_hundred_thousand_paths(self):
        run = self.ok("sim", "safety", "--what", "streams", "--runs", "100000", "--jobs", "2", seconds=250)
        self.assertEqual(run.text.count(": held"), 100_000)

    def test_impossible_parameters_are_refused_before_any_work(self):
        for flags in (["--nodes", "0"], ["--nodes", "100", "--k", "0"], ["--nodes", "100", "--dead", "1.5"], ["--latency", "slow"]):
            result = self.cipnode("--json", "sim", "routing", *flags)
            self.assertEqual(result.code, 2, repr(result))
            self.assertTrue(result.error["hint"])

    def test_every_strategy_has_a_line_and_a_summary(self):
        run = self.ok("sim", "routing", "--nodes", "200", "--lookups", "50", "--runs", "3", "--jobs", "2", "--json", seconds=120).objects
        names = {"kademlia", "kademlia-rounds", "greedy", "ring", "flood"}
        self.assertEqual({o["strategy"] for o in run if "summary" in o}, names)
        self.assertEqual([o["run"] for o in run if o.get("strategy") == "ring" and "run" in o], [0, 1, 2])

    def test_jobs_change_nothing_but_time(self):
        def traces(jobs):
            run = self.ok("sim", "size", "--nodes", "300", "--runs", "4", "--jobs", jobs, "--loss", "0.02", "--json", seconds=120).objects
            return [o["trace"] for o in run if o.get("estimator") == "density" and "trace" in o]
        self.assertEqual(traces("1"), traces("2"))
        self.assertEqual(len(set(traces("1"))), 4)

    def test_files_hold_every_sample_and_a_page_without_links(self):
        names = {kind: self.folder / f"out.{kind}" for kind in ("csv", "svg", "html")}
        flags = [word for kind, name in names.items() for word in (f"--{kind}", name)]
        self.ok("sim", "routing", "--nodes", "200", "--lookups", "40", "--strategy", "kademlia", *flags, seconds=60)
        self.assertEqual(len(names["csv"].read_text().splitlines()), 41)
        self.assertEqual(xml.etree.ElementTree.parse(names["svg"]).getroot().tag, "{http://www.w3.org/2000/svg}svg")
        page = names["html"].read_text()
        self.assertIn("cipnode sim routing --nodes 200", page)
        self.assertNotRegex(page, r"(src|href)=|https?://|@import|url\(")

    def test_bad_input_is_refused_before_any_work_with_file_and_line(self):
        trace = self.folder / "trace"
        trace.write_text("10s 3 leave\n20s three join\n")
        empty = self.folder / "empty"
        empty.touch()
        cases = ((["--churn", f"trace:{trace}"], "trace:2"), (["--csv", self.folder / "no" / "such.csv"], "such.csv"),
                 (["--nodes", "15000000"], "memory"), (["--churn", f"trace:{empty}"], "empty"), (["--nat", "0.7", "--dead", "0.3"], "cannot be found"))
        for flags, expected in cases:
            result = self.cipnode("--json", "sim", "routing", "--nodes", "100", *flags)
            self.assertEqual(result.code, 2, repr(result))
            self.assertIn(expected, result.error["message"])
            self.assertTrue(result.error["hint"])
            self.assertEqual(result.out, b"")

    def test_an_interrupt_prints_what_there_is(self):
        process = subprocess.Popen([BINARY, "--json", "sim", "routing", "--strategy", "kademlia", "--nodes", "2000", "--lookups", "9000000"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            time.sleep(4)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=20)
        finally:
            process.kill()
        self.assertEqual(process.returncode, 130)
        first = json.loads(out.splitlines()[0])
        self.assertTrue(first["interrupted"])
        self.assertGreater(first["lookups"], 0)

    def test_churn_ends_and_the_network_heals(self):
        run = self.ok("sim", "churn", "--nodes", "200", "--churn", "weibull:0.6:1h", "--duration", "30min", "--lookups", "10", "--json",
                      seconds=200).objects
        whole = next(o for o in run if "healedSeconds" in o)
        self.assertGreater(whole["left"], 20)
        self.assertLessEqual(whole["healedSeconds"], 3600)
        self.assertEqual(len([o for o in run if o.get("healing") is False]), 24)


if __name__ == "__main__":
    unittest.main(verbosity=2)
