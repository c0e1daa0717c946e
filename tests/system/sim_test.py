"""Figures of the simulator that are published or can be computed."""
import unittest

from harness import SystemTest


class SimTest(SystemTest):
    def test_routing_in_ten_thousand_nodes_meets_the_computed_figures(self):
        run = self.ok("sim", "routing", "--strategy", "kademlia", "--nodes", "10000", "--lookups", "2000", "--latency", "const:50ms",
                      "--seed", "1", "--json", seconds=240).objects
        result = next(o for o in run if o.get("strategy") == "kademlia")
        self.assertEqual(result["success"], 1)
        self.assertAlmostEqual(result["hopsToClosest"], 2.38, delta=0.05 * 2.38)
        self.assertLessEqual(result["requests"], 40)
        self.assertGreater(result["exactK"], 0.999)

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

    def test_impossible_parameters_are_refused_before_any_work(self):
        for flags in (["--nodes", "0"], ["--nodes", "100", "--k", "0"], ["--nodes", "100", "--dead", "1.5"], ["--latency", "slow"]):
            result = self.cipnode("--json", "sim", "routing", *flags)
            self.assertEqual(result.code, 2, repr(result))
            self.assertTrue(result.error["hint"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
