"""`cmake --install`: small files that run, and debug information in a file of its own that a debugger finds."""
import os
import re
import struct
import subprocess
import unittest
import zlib
from pathlib import Path

from harness import BINARY, SystemTest

BUILD = Path(BINARY).resolve().parent.parent


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=200)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def build_id(file):
    return re.search(r"Build ID: ([0-9a-f]+)", run("readelf", "-n", file))[1]


class InstallTest(SystemTest):
    def install(self, *flags):
        prefix = self.folder / f"prefix{len(list(self.folder.glob('prefix*')))}"
        run("cmake", "--install", BUILD, "--prefix", prefix, *flags)
        return prefix

    def check_program(self, program):
        self.assertLess(program.stat().st_size, 10_000_000)
        sections = run("readelf", "-S", "--wide", program)
        self.assertNotRegex(sections, r"\.debug_|\.symtab")
        self.assertIn(".gnu_debuglink", sections)
        self.assertIn("storeFormat", run(program, "version"))

    def check_link(self, program, debug):
        link = self.folder / "link"
        run("objcopy", "--dump-section", f".gnu_debuglink={link}", program, self.folder / "copy")
        name, crc = link.read_bytes().split(b"\0")[0].decode(), struct.unpack("<I", link.read_bytes()[-4:])[0]
        self.assertEqual(name, debug.name)
        self.assertEqual(crc, zlib.crc32(debug.read_bytes()))
        self.assertEqual(build_id(program), build_id(debug))

    def test_the_program_is_small_and_its_debug_file_belongs_to_it(self):
        prefix = self.install()
        program, debug = prefix / "bin/cipnode", prefix / "bin/.debug/cipnode.debug"
        self.check_program(program)
        self.check_link(program, debug)
        self.assertIn(".debug_info", run("readelf", "-S", "--wide", debug))
        for library in prefix.glob("lib/**/*.a"):
            self.assertNotIn(".debug_info", run("readelf", "-S", "--wide", library), library)
        everything = sum(f.stat().st_size for f in prefix.rglob("*") if f.is_file() and f != debug)
        self.assertLess(everything, 40_000_000)
        with self.subTest("over itself"):
            run("cmake", "--install", BUILD, "--prefix", prefix)
            self.check_program(program)
            self.check_link(program, debug)

    def test_pages_and_completions_are_where_man_and_shells_look(self):
        share = self.install() / "share"
        for file in ("man/man1/cipnode.1", "man/man1/cipnode-feed-append.1", "man/man5/cipnode-config.5",
                     "man/man7/cipnode-protocol.7", "bash-completion/completions/cipnode", "zsh/site-functions/_cipnode",
                     "fish/vendor_completions.d/cipnode.fish"):
            self.assertGreater((share / file).stat().st_size, 300, file)

    def test_with_strip_and_without_the_debug_file(self):
        prefix = self.install("--strip", "--component", "Unspecified")
        self.check_program(prefix / "bin/cipnode")
        self.assertFalse((prefix / "bin/.debug").exists())
        with self.subTest("staged"):
            stage = self.folder / "stage"
            subprocess.run(["cmake", "--install", BUILD, "--prefix", "/usr"], check=True, capture_output=True, timeout=200,
                           env={**os.environ, "DESTDIR": str(stage)})
            self.check_program(stage / "usr/bin/cipnode")


if __name__ == "__main__":
    unittest.main(verbosity=2)
