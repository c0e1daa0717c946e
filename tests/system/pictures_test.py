"""Pictures of the simulator as other programs show them: every SVG is rendered by librsvg, and no text leaves the picture."""
import os
import re
import signal
import struct
import subprocess
import unittest
import xml.etree.ElementTree
import zlib
from pathlib import Path

from harness import BINARY, SystemTest

SVG = "{http://www.w3.org/2000/svg}"
SMALL = ["--nodes", "100", "--seed", "4"]
CHURN = ["churn", *SMALL, "--duration", "10min", "--samples", "4", "--lookups", "5"]
SCENARIOS = {
    "routing": ["routing", *SMALL, "--lookups", "40", "--runs", "2"],
    "one size": ["size", *SMALL, "--walks", "4"],
    "sizes": ["size", *SMALL, "--walks", "4", "--runs", "4"],
    "churn": [*CHURN, "--runs", "3"],
    "paper": ["paper", "K2", "--nodes", "10000", "--lookups", "50"],
    "metrics": ["metrics"],
}


def pixels(png):
    """The pixels of a PNG of 8 bits and 3 or 4 channels, as librsvg writes it: 3 when nothing shines through."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    channels = {2: 3, 6: 4}[kind]
    assert depth == 8, depth
    packed, at = b"", 8
    while at < len(png):
        size, name = struct.unpack(">I4s", png[at:at + 8])
        packed += png[at + 8:at + 8 + size] if name == b"IDAT" else b""
        at += size + 12
    raw, line = zlib.decompress(packed), channels * width
    above, out = bytearray(line), []
    for row in range(height):
        start = row * (line + 1)
        rule, here = raw[start], bytearray(raw[start + 1:start + 1 + line])
        for i in range(line):
            a, b = (here[i - channels] if i >= channels else 0), above[i]
            c = above[i - channels] if i >= channels else 0
            if rule == 4:
                p = a + b - c
                guess = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            else:
                guess = (0, a, b, (a + b) // 2)[rule]
            here[i] = (here[i] + guess) & 255
        out += [tuple(here[i:i + channels]) for i in range(0, line, channels)]
        above = here
    return out


def texts(root):
    """Text, left, right and line of what is written level, in the coordinates of the picture; widths are a lower estimate."""
    def walk(element, dx, dy):
        moved = re.match(r"translate\((\S+) (\S+)\)", element.get("transform", ""))
        if moved:
            dx, dy = dx + float(moved[1]), dy + float(moved[2])
        if element.tag == SVG + "text" and "rotate" not in element.get("transform", ""):
            width = len(element.text) * float(element.get("font-size")) * 0.5
            left = dx + float(element.get("x")) - width * {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor")]
            yield element.text, left, left + width, dy + float(element.get("y"))
        for child in element:
            yield from walk(child, dx, dy)
    return list(walk(root, 0, 0))


class PicturesTest(SystemTest):
    def drawn(self, words):
        name = self.folder / "picture.svg"
        self.ok("sim", *words, "--svg", name, seconds=120)
        return name

    def test_librsvg_shows_colours_on_white(self):
        for scenario, words in SCENARIOS.items():
            with self.subTest(scenario):
                png = subprocess.run(["rsvg-convert", "--zoom", "0.5", self.drawn(words)], capture_output=True, check=True, timeout=60).stdout
                seen = pixels(png)
                white = sum(p[:3] == (255, 255, 255) for p in seen) / len(seen)
                black = sum(max(p[:3]) < 20 for p in seen) / len(seen)
                self.assertGreater(white, 0.5)
                self.assertLess(black, 0.05)
                coloured = {p for p in seen if max(p[:3]) - min(p[:3]) > 60}
                self.assertGreater(len(coloured), 5)
                clear = sum(p[3:] not in ((), (255,)) for p in seen) / len(seen)
                self.assertLess(clear, 0.01, "the ground is part of the picture, but for a last row that scaling halves")

    def test_texts_stay_in_the_picture_and_off_each_other(self):
        for scenario, words in SCENARIOS.items():
            with self.subTest(scenario):
                root = xml.etree.ElementTree.parse(self.drawn(words)).getroot()
                width, height = (float(n) for n in root.get("viewBox").split()[2:])
                written = texts(root)
                self.assertGreater(len(written), 10)
                for text, left, right, y in written:
                    self.assertTrue(0 <= left and right <= width and 10 <= y <= height, (text, left, right, y))
                for i, (a, a_left, a_right, a_y) in enumerate(written):
                    for b, b_left, b_right, b_y in written[i + 1:]:
                        apart = abs(a_y - b_y) >= 10 or a_right <= b_left or b_right <= a_left
                        self.assertTrue(apart, f"{a!r} and {b!r} lie on each other")

    def test_a_drawing_needs_no_browser(self):
        for scenario, words in SCENARIOS.items():
            with self.subTest(scenario):
                self.assertNotRegex(self.drawn(words).read_text(), r"var\(|currentColor|<style|@media|class=|href=")

    def test_every_metric_is_in_its_picture(self):
        root = xml.etree.ElementTree.parse(self.drawn(["metrics"])).getroot()
        told = " ".join(text for text, *_ in texts(root))
        for line in self.ok("--json", "sim", "metrics").objects:
            self.assertIn(f"{line['metric']}: {line['definition']}", told)

    def test_a_page_prints_on_paper(self):
        name = self.folder / "page.html"
        self.ok("sim", *CHURN, "--html", name, seconds=60)
        page = name.read_text()
        self.assertNotRegex(page, r"prefers-color-scheme|var\(|color-scheme")
        printed = page.split("@media print{", 1)[1].split("</style>")[0]
        self.assertRegex(printed, r"white-space:pre-wrap")
        self.assertIn("break-inside:avoid", page)
        self.assertIn("@page", page)

    def test_without_a_result_a_picture_says_why(self):
        process = self.start([BINARY, "sim", "size", "--nodes", "3000", "--walks", "100000", "--start", "join",
                              "--svg", self.folder / "none.svg"])

        def catches():
            caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())[1]
            return int(caught, 16) >> (signal.SIGINT - 1) & 1
        process.wait_until(catches, 20, "that it catches an interrupt")
        os.kill(process.pid, signal.SIGINT)
        self.assertEqual(process.wait(20), 130)
        self.assertIn("Interrupted", (self.folder / "none.svg").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
