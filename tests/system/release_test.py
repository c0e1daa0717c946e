"""scripts/release, tried on a clone: it tags what is whole and complete, says what is not, and never pushes."""
import re
import shutil
import subprocess
import tempfile
import unittest
from datetime import date
from pathlib import Path

from harness import ROOT


class ReleaseTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="cipnode-test-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.origin, self.clone = self.folder / "origin", self.folder / "clone"
        self.origin.mkdir()
        (self.origin / "scripts").mkdir()
        for file in ("CMakeLists.txt", "CHANGELOG.md", "scripts/release"):
            shutil.copy(ROOT / file, self.origin / file)
        self.git("init", "--quiet", "--initial-branch=main", at=self.origin)
        # Whatever the project has released by now.
        self.write("CMakeLists.txt", r"cipnode VERSION \S+", "cipnode VERSION 0.3.0", at=self.origin)
        self.write("CHANGELOG.md", r"(?s)^(.*?)## .*", r"\1## [Unreleased]\n\n### Added\n\n- A thing.\n", at=self.origin)
        self.commit(self.origin)
        self.git("clone", "--quiet", self.origin, self.clone, at=self.folder)

    def git(self, *args, at=None):
        who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        return subprocess.run(["git", *who, *map(str, args)], cwd=at or self.clone, check=True, capture_output=True, text=True).stdout

    def commit(self, at=None):
        self.git("add", "--all", at=at)
        self.git("commit", "--quiet", "--message", "A change", at=at)

    def write(self, file, pattern, to, at=None):
        path = (at or self.clone) / file
        path.write_text(re.sub(pattern, to, path.read_text(), count=1))

    def release(self, *args, code=0):
        for key, value in (("user.name", "Test"), ("user.email", "test@example.org")):
            self.git("config", key, value)
        done = subprocess.run([self.clone / "scripts/release", *args], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done)
        return done.stdout + done.stderr

    def make_fixture(self, version):
        """A stand-in for what scripts/home_fixture makes: it is only looked whether there is one."""
        fixture = self.clone / f"tests/fixtures/homes/{version}.tar.xz"
        fixture.parent.mkdir(parents=True, exist_ok=True)
        fixture.write_text("a home")
        return fixture

    def prepared(self, version="0.4.0"):
        self.assertIn(f"scripts/home_fixture {version}", self.release("--prepare", version))
        self.make_fixture(version)
        self.commit()

    def test_a_release_is_prepared_checked_and_tagged_here_alone(self):
        self.prepared()
        changes = (self.clone / "CHANGELOG.md").read_text()
        self.assertIn(f"## [Unreleased]\n\n## [0.4.0] - {date.today()}\n\n### Added\n\n- A thing.\n", changes)
        self.assertIn("project(cipnode VERSION 0.4.0 ", (self.clone / "CMakeLists.txt").read_text())
        self.assertEqual(self.release("--check"), "v0.4.0 can be tagged\n")
        self.assertEqual(self.git("tag"), "")
        self.assertIn("as v0.4.0; publish it with", self.release())
        self.assertEqual(self.git("describe", "--exact-match"), "v0.4.0\n")
        self.assertIn("- A thing.", self.git("tag", "--list", "-n9", "v0.4.0"))
        self.assertEqual(self.git("tag", at=self.origin), "", "nothing is pushed")
        self.assertIn("a tag v0.4.0 already", self.release(code=1))

    def test_what_stands_against_a_release_is_said(self):
        self.assertIn("no section [0.3.0]", self.release(code=1))
        self.prepared()
        self.git("tag", "v0.5.0")
        self.assertIn("comes before 0.5.0", self.release(code=1))
        self.git("tag", "--delete", "v0.5.0")

        def against(file, pattern, to, complaint):
            with self.subTest(complaint):
                self.write(file, pattern, to)
                self.assertIn("not committed", self.release(code=1))
                self.commit()
                self.assertIn(complaint, self.release(code=1))
                self.git("reset", "--quiet", "--hard", "HEAD~")

        against("CHANGELOG.md", r" - \d{4}-\d\d-\d\d", "", "has no date")
        (self.clone / "tests/fixtures/homes/0.4.0.tar.xz").unlink()
        self.commit()
        self.assertIn("make it with scripts/home_fixture 0.4.0", self.release(code=1))
        self.git("reset", "--quiet", "--hard", "HEAD~")
        against("CHANGELOG.md", r"\[Unreleased\]\n", "[Unreleased]\n\n- More.\n", "unreleased still")
        against("CMakeLists.txt", r"VERSION 0\.4\.0", "VERSION 0.4", "no version of three numbers")
        (self.clone / "debian").mkdir()
        (self.clone / "debian/changelog").write_text("cipnode (0.3.9-1) unstable; urgency=medium\n")
        self.commit()
        self.assertIn("debian/changelog: 0.3.9-1 is not 0.4.0", self.release(code=1))
        self.write("debian/changelog", "0.3.9-1", "0.4.0-1")
        self.commit()
        self.release("--check")

    def test_a_fixture_that_was_made_before_its_version_was_finished_goes(self):
        early = self.make_fixture("0.4.0")
        self.commit()
        self.release("--prepare", "0.4.0")
        self.assertFalse(early.exists())

    def test_nothing_is_prepared_twice_or_without_a_change(self):
        self.assertIn("no version of three numbers", self.release("--prepare", "0.4", code=1))
        self.prepared()
        self.assertIn("nothing is unreleased", self.release("--prepare", "0.5.0", code=1))

    def test_the_change_log_of_the_project_has_a_section_for_what_comes(self):
        self.assertEqual((ROOT / "CHANGELOG.md").read_text().count("\n## [Unreleased]\n"), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
