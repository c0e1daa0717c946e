"""The documents as a site: it builds without a warning, every link inside leads somewhere, and nothing is fetched."""
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from harness import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import links  # noqa: E402
import reference  # noqa: E402

PAGE = """<html><head><link rel="stylesheet" href="style.css"></head><body><h1 id="top">One</h1>
<p>Text</p><ul><li>item</li></ul><p><a href="#top">up</a> <a href="https://example.org/">away</a></p></body></html>"""


class SiteTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="cipnode-test-"))
        self.addCleanup(subprocess.run, ["rm", "-rf", self.folder])

    def test_it_builds_and_every_link_leads_somewhere(self):
        made = subprocess.run([ROOT / "scripts/site", "--output", self.folder / "site"], capture_output=True, text=True, timeout=100)
        self.assertEqual((made.returncode, made.stdout, made.stderr), (0, "", ""))
        for page in (ROOT / "docs").rglob("*.md"):
            html = (self.folder / "site" / page.relative_to(ROOT / "docs")).with_suffix(".html")
            self.assertIn("</html>", html.read_text(), page)

    def test_the_reference_of_the_library_resolves_what_it_names(self):
        made = subprocess.run([ROOT / "scripts/site", "--api", "--output", self.folder / "site"], capture_output=True, text=True,
                              timeout=100)
        self.assertEqual((made.returncode, made.stderr), (0, ""))
        feed = (self.folder / "api/classcip_1_1store_1_1LocalFeed.html").read_text()
        self.assertIn("append", feed)
        head = (self.folder / "api/local__feed_8hpp.html").read_text()
        self.assertIn("Detailed Description", head)

    def test_comments_of_a_header_become_those_of_the_reference(self):
        header = "#pragma once\n\n// Head.\n\nnamespace a {\n\n// A loose one.\n\n// Of f; see #3.\nint f();\nint g;  // behind\n}\n"
        wanted = "#pragma once\n/// \\file\n/// Head.\n\nnamespace a {\n\n// A loose one.\n\n/// Of f; see \\#3.\nint f();\nint g;  ///< behind\n}\n"
        self.assertEqual(reference.converted(header), wanted)

    def test_what_the_page_of_the_library_names_wrongly_is_seen(self):
        headers = {"store/feed.hpp": "namespace store {\nclass Feed {\n  Length append();\n};\n}\n"}
        self.assertEqual(list(reference.unknown_names("`store::Feed`, `append()`, `store/feed.hpp`, `anything`", headers)), [])
        for name in ("store::Bee", "cut()", "store/bee.hpp"):
            self.assertEqual(len(list(reference.unknown_names(f"A `{name}`.", headers))), 1, name)

    def test_a_folder_with_something_else_is_not_emptied(self):
        (self.folder / "letter").write_text("dear")
        made = subprocess.run([ROOT / "scripts/site", "--output", self.folder], capture_output=True, text=True, timeout=100)
        self.assertEqual(made.returncode, 1)
        self.assertIn("holds something else", made.stderr)
        self.assertEqual((self.folder / "letter").read_text(), "dear")

    def test_every_page_can_be_found_from_every_other(self):
        named = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
        self.assertEqual(sorted(named), sorted(str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")))

    def problems(self, html):
        (self.folder / "index.html").write_text(html)
        (self.folder / "style.css").write_text("body { color: black }")
        return list(links.site_problems(self.folder))

    def test_what_is_wrong_in_a_site_is_seen(self):
        self.assertEqual(self.problems(PAGE), [])
        for right, wrong, complaint in (
                ("#top", "#nowhere", "no anchor"), ("style.css", "other.css", "no file"), ('"#top"', '"two.html"', "no file"),
                ("style.css", "https://example.org/style.css", "fetches"),
                ("<p>Text</p>", "<p>Text\n- item</p>", "without an empty line"),
                ("<li>item", "<li>item\n| a | b |", "without an empty line")):
            with self.subTest(wrong):
                self.assertIn(complaint, "".join(self.problems(PAGE.replace(right, wrong))))

    def test_what_is_wrong_in_a_page_is_seen(self):
        (self.folder / "two.md").write_text("# Two\n\n## A `heading`, long\n\n```\n[no](link.md)\n```\n")
        for link, complaint in (("two.md", ""), ("two.md#a-heading-long", ""), ("https://example.org", ""), ("#one", ""),
                                ("three.md", "no file"), ("two.md#elsewhere", "no heading"), ("#two", "no heading")):
            with self.subTest(link):
                (self.folder / "one.md").write_text(f"# One\n\n[there]({link})\n")
                said = "".join(links.markdown_problems(self.folder, ["one.md", "two.md"]))
                self.assertIn(complaint, said)
                self.assertEqual(said == "", complaint == "", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
