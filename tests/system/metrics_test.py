"""What monitors read of a node: docs/monitoring.md names every metric that it prints and no other, the dashboard shows
and the alerts look at metrics that there are."""
import json
import re
import unittest

from harness import ROOT, SystemTest

PAGE = ROOT / "docs/monitoring.md"
DASHBOARD = ROOT / "docs/monitoring/dashboard.json"
ALERTS = ROOT / "docs/monitoring/alerts.yml"
METRIC = r"\bcipnode_[a-z_]+\b"


class MetricsTest(SystemTest):
    def printed(self):
        """Metrics of a node that has dropped something; the text is what Prometheus takes, line by line."""
        node = self.join()
        stranger = self.join(node.contact, flags=["--deny", node.ready["key"]])
        self.cipnode("find", stranger.ready["key"], home=node)
        metrics = {}
        for home in (node, stranger):
            help_of, kind_of = {}, {}
            for line in self.ok("status", "--metrics", home=home).text.splitlines():
                if head := re.fullmatch(r"# (HELP|TYPE) (\w+) (.+)", line):
                    about = help_of if head[1] == "HELP" else kind_of
                    self.assertNotIn(head[2], about, "said once")
                    about[head[2]] = head[3]
                    continue
                match = re.fullmatch(r'([a-z_]+)(\{reason="[^"\\]+"\})? (\d+(?:\.\d+)?(?:e[+-]?\d+)?)', line)
                self.assertTrue(match, line)
                metrics[match[1]] = (kind_of.get(match[1]), help_of.get(match[1]))
        return metrics

    def test_page_dashboard_and_alerts_name_what_a_node_prints(self):
        printed = self.printed()
        self.assertIn("cipnode_drops_total", printed)
        rows = re.findall(r"(?m)^\| `(cipnode_\w+)` \| (gauge|counter) \| ([^;|]+?)(?:; [^|]*)? \|$", PAGE.read_text())
        self.assertEqual({name: (kind, text.replace("`", "")) for name, kind, text in rows},
                         {name: (kind, (text or "").split("; ")[0]) for name, (kind, text) in printed.items()})
        printed = set(printed)
        shown = set(re.findall(METRIC, DASHBOARD.read_text()))
        self.assertEqual(shown, printed, "the dashboard shows all")
        asked = set(re.findall(METRIC, "".join(re.findall(r"(?m)^ +expr: (.*)$", ALERTS.read_text()))))
        self.assertLessEqual(asked, printed)
        self.assertGreater(len(asked), 5)

    def test_only_counters_are_taken_as_rates(self):
        kinds = dict(re.findall(r"(?m)^\| `(cipnode_\w+)` \| (gauge|counter) \|", PAGE.read_text()))
        for file in (DASHBOARD, ALERTS):
            rates = set(re.findall(r"rate\((cipnode_\w+)", file.read_text()))
            self.assertEqual({kinds[name] for name in rates}, {"counter"}, file)
        bare = re.findall(r'"expr": "(cipnode_\w+)', DASHBOARD.read_text())
        self.assertEqual({kinds[name] for name in bare}, {"gauge"})

    def test_the_page_explains_every_alert(self):
        alerts = re.findall(r"- alert: (\w+)", ALERTS.read_text())
        self.assertEqual(re.findall(r"(?m)^\| `(Cipnode\w+)` \|", PAGE.read_text()), alerts)

    def test_panels_of_the_dashboard_do_not_lie_on_each_other(self):
        places = [panel["gridPos"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
        cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
        self.assertEqual(len(cells), len(set(cells)))
        self.assertLess(max(x for x, _ in cells), 24)

    def test_looking_after_a_node_is_no_drop(self):
        node = self.join()
        peer = self.join(node.contact)
        for command in ("doctor", "health", "doctor", "peers", "doctor"):
            self.cipnode(command, home=node)
        for home in (node, peer):
            drops = self.ok("--json", "status", home=home).object["drops"]
            self.assertEqual([reason for reason in drops if reason.startswith("stream_")], [])

    def test_without_a_node_there_are_none(self):
        self.assertEqual(self.cipnode("status", "--metrics", home=self.new_home()).code, 8)


if __name__ == "__main__":
    unittest.main(verbosity=2)
