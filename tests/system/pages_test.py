"""Pages of the manual: groff and mandoc have nothing to complain about, and what they show is what the program says."""
import re
import subprocess
import unittest
from pathlib import Path

from harness import BINARY, SystemTest

MAN = Path(BINARY).resolve().parent.parent / "share/man"


def shown(page, program=("groff", "-man", "-Tutf8", "-ww")):
    """The page as text, without what bold and underlined letters are made of."""
    done = subprocess.run([*program, str(page)], capture_output=True, text=True, timeout=60)
    return re.sub(r"\x1b\[[\d;]*m|.\x08", "", done.stdout), done.stderr


class PagesTest(SystemTest):
    def pages(self):
        pages = sorted(MAN.glob("man*/*"))
        self.assertGreater(len(pages), 50)
        return pages

    def test_there_is_a_page_for_every_command(self):
        names = {page.stem for page in self.pages()}
        self.assertLessEqual({"cipnode", "cipnode-join", "cipnode-feed-append", "cipnode-config", "cipnode-protocol"}, names)
        self.assertIn(MAN / "man5/cipnode-config.5", self.pages())
        self.assertIn(MAN / "man7/cipnode-protocol.7", self.pages())
        for line in self.ok("--help").text.splitlines():
            if command := re.match(r"  ([a-z]+)  ", line):
                self.assertIn(f"cipnode-{command[1]}", names)

    def test_groff_and_mandoc_find_nothing_wrong(self):
        for page in self.pages():
            with self.subTest(page.name):
                text, complaints = shown(page)
                self.assertEqual(complaints, "")
                self.assertIn("NAME", text)
                lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)], capture_output=True, text=True,
                                      timeout=60)
                self.assertEqual(lint.stdout, "")

    def test_no_line_is_wider_than_a_terminal_but_examples(self):
        for page in MAN.glob("man1/*"):
            text, _ = shown(page)
            options = text[:text.find("EXAMPLES")]
            with self.subTest(page.name):
                self.assertLessEqual(max(map(len, options.splitlines())), 80)

    def test_a_page_shows_what_can_be_typed(self):
        for program in (("groff", "-man", "-Tutf8", "-ww"), ("mandoc", "-T", "utf8")):
            text, _ = shown(MAN / "man1/cipnode-feed-append.1", program)
            self.assertIn("--block-size SIZE", text)
            self.assertIn("echo hello | cipnode feed append log --lines", text)
            self.assertIn("cipnode-feed-cat(1)", text)
            config, _ = shown(MAN / "man5/cipnode-config.5", program)
            self.assertIn('bootstrap = ["192.0.2.7:49737", "node.example:49737"]', config)
            protocol, _ = shown(MAN / "man7/cipnode-protocol.7", program)
            self.assertIn("03 04 3412 7f000001 49c2 00", protocol)


if __name__ == "__main__":
    unittest.main()
