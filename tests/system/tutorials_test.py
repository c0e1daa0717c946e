"""The tutorials, docs/tutorials/*.md: every command of a page is run as it stands there, and what the page shows as output is
what comes. A page is one session of bash in a home directory and a network of its own, where only loopback is up.

    ```sh      commands; each must succeed
    ```text    after an sh block: its output, stdout and stderr as a terminal shows them
    ```cpp     a piece of docs/examples, word by word
    any other block behind a line that ends with `FILE`: is the content of that file

In an output a line `...` stands for any lines and `…` for any text. <!-- differs: relays walk --> above it, which no reader sees, says
that lines that begin with these words differ from run to run; what the page shows of them is one of many. Keys, hashes and ids differ from run to run: one of the page
stands for the same one everywhere on the page, and no other does. Durations, rates and process ids differ too, and stand for any;
spaces may be more or fewer. ~/cipnode is the source tree. CIP_UPDATE_GOLDEN=1 writes what came into the blocks that do not fit it.
"""
import contextlib
import os
import re
import signal
import subprocess
import unittest
from pathlib import Path

from harness import BINARY, ROOT, SystemTest

PAGES = sorted((ROOT / "docs/tutorials").glob("*.md"))
FENCE = re.compile(r"(?:`(?P<file>[^`\n]+)`:\n\n)?(?:^<!-- differs: (?P<differs>[^\n]*) -->\n)?"
                   r"^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.M | re.S)
READER = "/home/you"
PATIENCE = 100  # seconds for a page

NAME = r"\b(?:[ybndrfg8ejkmcpqxot1uwisza345h769]{52}|[0-9a-f]{16,})\b"
MEASURE = r"\d[\d,.]* (?:µs|ms|s|min|h|blocks/s|[kMG]?B/s)(?![\w/])"
PART = re.compile(rf"(?P<name>{NAME})|(?P<pid>\bpid +\d+)|(?P<measure>{MEASURE})|(?P<any>…)|(?P<space> +)|(?P<text>.)", re.S)
SAME = {"pid": r"pid +\d+", "measure": MEASURE, "any": ".*?", "space": " +"}

# Runs what it gets as blocks, and says after each how it ended.
SESSION = """
ip link set lo up || exit
for block in "$@"; do . "$block" </dev/null; printf '\\n\\0'; done
"""


def line_pattern(line, known):
    """The line as a regular expression. A name that is known stands for itself; others are groups, which are returned."""
    out, groups = "", []
    for part in PART.finditer(line.strip()):
        kind, text = part.lastgroup, part[0]
        if kind != "name":
            out += SAME.get(kind) or re.escape(text)
        elif text in known:
            out += re.escape(known[text])
        elif text in groups:
            out += f"(?P=n{groups.index(text)})"
        else:
            out += f"(?P<n{len(groups)}>{NAME})"
            groups.append(text)
    return out + " *", groups


def fits(shown, came, known, differ=()):
    """Whether the lines that came are those that are shown, but for those that begin with a word that is in `differ`; `known` learns
    what names of the page stand for."""
    if not shown:
        return not came
    if shown[0].strip() == "...":
        return any(fits(shown[1:], came[i:], known, differ) for i in range(len(came) + 1))
    if not came:
        return False
    first = shown[0].split(maxsplit=1)[:1]
    pattern, groups = line_pattern(f"{first[0]} …" if first and first[0] in differ else shown[0], known)
    match = re.fullmatch(pattern, came[0].strip())
    if not match:
        return False
    learned = {name: match[f"n{i}"] for i, name in enumerate(groups)}
    if len({*known.values(), *learned.values()}) < len(known) + len(learned):
        return False
    before = dict(known)
    known.update(learned)
    if fits(shown[1:], came[1:], known, differ):
        return True
    known.clear()
    known.update(before)
    return False


def lines_of(text):
    """Without empty lines at the end, and without those that a progress bar wrote over."""
    return [line.rpartition("\r")[2].rstrip() for line in text.rstrip("\n").split("\n")] if text.strip() else []


class Page:
    def __init__(self, path):
        self.path, self.text = path, path.read_text()
        self.files, self.pieces = {}, []
        self.blocks = []  # commands, and the match of the output that is shown or None
        before = None
        for block in FENCE.finditer(self.text):
            if block["kind"] == "sh":
                self.blocks.append([block["body"], None])
            elif block["kind"] == "text" and before == "sh":
                self.blocks[-1][1] = block
            elif block["kind"] == "cpp":
                self.pieces.append(block["body"])
            elif block["file"]:
                self.files[block["file"]] = block["body"]
            before = block["kind"]
        fences = re.findall(r"(?m)^```.*$", self.text)
        if fences[1::2] != ["```"] * (len(fences) // 2) or [f[3:] for f in fences[::2]] != [b["kind"] for b in FENCE.finditer(self.text)]:
            raise ValueError(f"{path}: blocks that were not understood")

    def update(self, outputs):
        text = self.text
        for (_, shown), came in reversed(list(zip(self.blocks, outputs))):
            if shown and came is not None:
                text = text[:shown.start("body")] + came + text[shown.end("body"):]
        self.path.write_text(text)


class TutorialsTest(SystemTest):
    def tearDown(self):
        for socket in self.folder.rglob("control.sock"):
            self._end_background_node(socket.parent)
        super().tearDown()

    def reader(self, page):
        """A home directory with the program, the source tree and the files of the page."""
        home, programs = self.folder / "you", self.folder / "bin"
        (home / "cipnode/build").mkdir(parents=True)
        programs.mkdir()
        (programs / "cipnode").symlink_to(Path(BINARY).resolve())
        (home / "cipnode/build/release").symlink_to(Path(BINARY).resolve().parent.parent)
        for name in ("docs", "scripts", "tests"):
            (home / "cipnode" / name).symlink_to(ROOT / name)
        for name, content in page.files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(content)
        return home, {"HOME": str(home), "PATH": f"{programs}:{os.environ['PATH']}", "LANG": "C.UTF-8", "NO_COLOR": "1",
                      "PYTHONDONTWRITEBYTECODE": "1", "CMAKE_CXX_COMPILER_LAUNCHER": "ccache", "CMAKE_GENERATOR": "Ninja"}

    def play(self, page):
        """The output of each block, as far as the session came."""
        home, env = self.reader(page)
        blocks = []
        for number, (commands, _) in enumerate(page.blocks):
            blocks.append(self.folder / f"block-{number}.sh")
            blocks[-1].write_text(commands)
        unshare = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        output = self.folder / "output"
        with output.open("wb") as file:
            session = subprocess.Popen([*unshare, "bash", "--norc", "-eo", "pipefail", "-c", SESSION, "bash", *map(str, blocks)],
                                       stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=home, env=env,
                                       start_new_session=True)
        try:
            code = session.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = f"nothing within {PATIENCE} s"
        finally:  # what a page began and did not end, too
            with contextlib.suppress(ProcessLookupError):
                os.killpg(session.pid, signal.SIGKILL)
            session.wait()
        outputs = output.read_bytes().decode(errors="replace").replace(str(home), READER).split("\n\0")
        return outputs, code

    def check(self, path):
        page = Page(path)
        self.assertGreater(len(page.blocks), 2)
        examples = "".join(path.read_text() for path in sorted((ROOT / "docs/examples").rglob("*.cpp")))
        for piece in page.pieces:
            self.assertIn(piece, examples, f"{path.name}: this piece stands in no example")
        outputs, code = self.play(page)
        # What names of the page stand for; outputs that do not fit, and those with the names that the page has for them.
        known, wrong, renamed = {}, [None] * len(page.blocks), [None] * len(page.blocks)
        for number, ((commands, shown), came) in enumerate(zip(page.blocks, outputs)):
            if shown and not fits(lines_of(shown["body"]), lines_of(came), known, (shown["differs"] or "").split()):
                wrong[number] = "".join(line + "\n" for line in lines_of(came))
                page_names = {came: shown for shown, came in known.items()}
                renamed[number] = re.sub(NAME, lambda name: page_names.get(name[0], name[0]), wrong[number])
                known.update({name: name for name in re.findall(NAME, renamed[number]) if name not in known})
        if os.environ.get("CIP_UPDATE_GOLDEN"):
            page.update(renamed)
        if code != 0:
            self.fail(f"{path.name}: a command ended with {code}:\n{page.blocks[len(outputs) - 1][0]}\n{outputs[-1]}")
        if os.environ.get("CIP_UPDATE_GOLDEN"):
            return
        for (commands, shown), came in zip(page.blocks, wrong):
            if came is not None:
                self.fail(f"{path.name}: of\n\n{commands}\nthe page shows\n\n{shown['body']}\nand this came\n\n{came}")

    def test_an_output_fits_in_what_may_differ_and_in_nothing_else(self):
        one, two, three = ("y" * 52, "b" * 52, "n" * 52)
        self.assertTrue(fits([f"key  {one}", "took 1.25 ms", "..."], [f"key    {two}", "took 9 ms", "x", "y"], {}))
        self.assertTrue(fits(["...", "last …"], ["first", "last one"], {}))
        self.assertFalse(fits(["stored 3"], ["stored 4"], {}))
        self.assertFalse(fits(["stored 3"], ["stored 3", "more"], {}))
        self.assertFalse(fits(["took 3 blocks"], ["took 4 blocks"], {}))
        self.assertTrue(fits(["pid 7 at 3 MB/s"], ["pid 999 at 1,062 kB/s"], {}))
        self.assertTrue(fits(["walk  3 requests"], ["walk  4 requests"], {}, ["walk"]))
        self.assertFalse(fits(["walk  3 requests"], ["talk  4 requests"], {}, ["walk"]))
        known = {}
        self.assertTrue(fits([one], [two], known))
        self.assertFalse(fits([one], [three], known), "a name stands for the same everywhere")
        self.assertFalse(fits([three], [two], known), "two names do not stand for one")


def add_page(path):
    setattr(TutorialsTest, f"test_{path.stem}", lambda self: self.check(path))


for tutorial in PAGES:
    add_page(tutorial)

if __name__ == "__main__":
    unittest.main(verbosity=2)
