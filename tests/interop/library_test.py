"""docs/examples/feeds, a program that uses cipnode as a library: built against an installed package as any
program would be, it appends, reads, and exchanges feeds with itself, with cipnode and with the stock packages."""
import hashlib
import re
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "system"))
from harness import BINARY, ROOT, SystemTest  # noqa: E402


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


class LibraryTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.prefix = self.folder / "prefix"
        run("cmake", "--install", Path(BINARY).resolve().parent.parent, "--prefix", self.prefix, "--component", "Unspecified")

    def build(self, source):
        build = self.folder / "build"
        run("cmake", "-S", source, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={self.prefix}",
            "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
        run("cmake", "--build", build)
        return build

    def test_the_program_in_the_documentation_runs_more_than_once(self):
        page = (ROOT / "docs/api.md").read_text()
        source = self.folder / "mine"
        source.mkdir()
        (source / "CMakeLists.txt").write_text("".join(re.findall(r"```cmake\n(.*?)```", page, re.S)))
        (source / "main.cpp").write_text("".join(re.findall(r"```cpp\n(.*?)```", page, re.S)))
        program = self.build(source) / "mine"
        said = [subprocess.run([program], cwd=source, capture_output=True, text=True, timeout=60) for _ in range(3)]
        self.assertEqual([done.returncode for done in said], [0, 0, 0], said)
        words = [done.stdout.split() for done in said]
        self.assertEqual([w[1:] for w in words], [["1", "hello"], ["2", "hello"], ["3", "hello"]])
        self.assertEqual(len({w[0] for w in words}), 1, "it is the same feed")

    def feeds(self, *args):
        return run(self.program, *args)

    def seed(self, folder, key):
        seeder = self.start([self.program, "seed", folder, key])
        seeder.wait_until(lambda: seeder.events, 20, "the address")
        return seeder.events[0]["line"].strip()

    def test_a_program_on_the_installed_package_appends_reads_and_replicates(self):
        self.program = self.build(ROOT / "docs/examples/feeds") / "feeds"
        mine, copy = self.folder / "mine", self.folder / "copy"
        texts = ["one", "two", "", "four"]
        self.feeds("append", mine, *texts[:2])
        key, length = self.feeds("append", mine, *texts[2:]).split()
        self.assertEqual(length, "4")
        printed = "".join(text + "\n" for text in texts)
        self.assertEqual(self.feeds("read", mine, key), printed)
        at = self.seed(mine, key)
        with self.subTest("to itself"):
            self.assertEqual(self.feeds("fetch", copy, key, at), "4 blocks\n")
            self.assertEqual(self.feeds("read", copy, key), printed)
        with self.subTest("to cipnode"):
            got = self.ok("feed", "cat", key, "--peer", at, home=self.new_home())
            self.assertEqual(got.out, b"onetwofour")
        for line in ([], ["--v10"]):
            with self.subTest("to stock", line=line):
                reader = self.stock("feed-peer.mjs", "download", "--key", key, "--connect", at, "--expect-length", "4",
                                    "--expect-hash", hashlib.sha256(b"onetwofour").hexdigest(), *line)
                self.assertEqual(reader.wait(60), 0, reader.stderr())
        with self.subTest("from stock"):
            stock = self.stock("feed-peer.mjs", "seed", "--blocks", "50", "--size", "10")
            there = stock.event("listening")
            self.assertEqual(self.feeds("fetch", copy, there["key"], f"127.0.0.1:{there['port']}"), "50 blocks\n")
        with self.subTest("a feed that the peer does not have"):
            refused = subprocess.run([self.program, "fetch", copy, "0" * 64, at], capture_output=True, text=True, timeout=60)
            self.assertEqual((refused.returncode, refused.stderr), (1, "feeds: the peer does not have this feed\n"))
        with self.subTest("the program is installed too"):
            self.assertIn("storeFormat", run(self.prefix / "bin/cipnode", "version"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
