"""Many simulations over several ranks of Open MPI, all on this machine."""
import csv
import os
import subprocess
import sys
import unittest

from harness import BINARY, ROOT, SystemTest

SWEEP = ROOT / "scripts/sweep"


class SweepTest(SystemTest):
    def sweep(self, text, *flags, environment=None):
        file = self.folder / "parameters"
        file.write_text(text)
        return subprocess.run([sys.executable, SWEEP, file, "--out", self.folder / "out", "--binary", BINARY, *flags],
                              capture_output=True, text=True, timeout=120, env=environment)

    def test_every_combination_runs_once_and_gives_what_it_gives_alone(self):
        result = self.sweep("# braces stand for each\nrouting --strategy kademlia --nodes {100,200} --lookups {10,20} --runs 2\n\nsize --nodes 300 --walks 4\n",
                            "--ranks", "3")
        self.assertEqual(result.returncode, 0, result)
        rows = list(csv.DictReader((self.folder / "out/results.csv").open()))
        self.assertEqual({row["job"] for row in rows}, {"0", "1", "2", "3", "4"})
        runs = [row for row in rows if row["strategy"] == "kademlia" and row["run"]]
        self.assertEqual([(row["nodes"], row["lookups"], row["run"]) for row in runs],
                         [(n, l, r) for n in ("100", "200") for l in ("10", "20") for r in ("0", "1")])
        alone = self.ok("--json", "sim", "routing", "--strategy", "kademlia", "--nodes", "200", "--lookups", "20", "--runs", "2").objects
        self.assertEqual([row["trace"] for row in runs if (row["nodes"], row["lookups"]) == ("200", "20")], [o["trace"] for o in alone if "trace" in o])
        report = (self.folder / "out/report.txt").read_text()
        self.assertIn("5 of 5 jobs on 1 hosts, 3 ranks", report)
        self.assertEqual(report.count("exactK 1"), 4)
        self.assertIn("coverage", report)

    def test_a_job_that_fails_is_named_and_the_others_go_on(self):
        result = self.sweep("routing --nodes 100 --k 0\nrouting --strategy kademlia --nodes 100 --lookups 5\n", "--ranks", "2")
        self.assertEqual(result.returncode, 1, result)
        self.assertIn("jobs failed: 0", result.stderr)
        self.assertIn("--k 0 is not possible", result.stdout)
        self.assertIn("exactK", result.stdout)

    def test_wrong_parameters_are_named_by_file_and_line_before_any_work(self):
        for text, expected in (("routing --nodes 100\nfly --nodes 100\n", "parameters:2: expected one of routing"),
                               ("routing --nodes {100,200\n", "parameters:1: expected braces in pairs"), ("routing --nodes {100,}\n", "parameters:1: expected a value"),
                               ("routing --csv out.csv\n", "parameters:1: expected no --csv"), ("# nothing\n", "expected at least one line")):
            result = self.sweep(text)
            self.assertEqual(result.returncode, 2, result)
            self.assertIn(expected, result.stderr)
            self.assertFalse((self.folder / "out").exists())
        result = self.sweep("routing --nodes 100\n", environment={**os.environ, "PATH": "/nowhere"})
        self.assertEqual(result.returncode, 2, result)
        self.assertIn("install Open MPI", result.stderr)


if __name__ == "__main__":
    unittest.main()
