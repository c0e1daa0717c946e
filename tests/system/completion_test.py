"""TAB in real shells: bash, zsh and fish complete commands, flags, values and names of the node that runs. They
start no node, and wait for none."""
import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest
from pathlib import Path

from harness import BINARY, SystemTest

SHARE = Path(BINARY).resolve().parent.parent / "share"

# Prints the line that is typed, in brackets, and empties it: keys are dealt with one after the other, so that what a
# TAB did is done by then. Ctrl-X is nothing in either shell without a second key.
SHOW = {
    "bash": r"""bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; bind -x '"\C-x": printf "<%s>\n" "$READLINE_LINE"; READLINE_LINE='""",
    "zsh": r"""show() { print -r -- "<$BUFFER>"; BUFFER=; zle reset-prompt }; zle -N show; bindkey '^X' show; unsetopt beep zle_bracketed_paste 2>/dev/null; autoload -U compinit; compinit -u -D""",
}
START = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}


class Terminal:
    """A shell that somebody sits at."""

    def __init__(self, shell, setup, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(START[shell][0], START[shell], env)
        self.seen = b""
        # The words are split, so that the echo of this line is not taken for its answer.
        self.type(f"PS1=; {SHOW[shell]}; {setup}; echo sh''ell ready\n")
        self.until(rb"shell ready\r")

    def type(self, text):
        os.write(self.fd, text.encode())

    def until(self, pattern, seconds=30):
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            if time.monotonic() > end or not self.more():
                raise AssertionError(f"{pattern} did not come: {self.seen[-2000:]}")
        self.seen = self.seen[found.end():]
        return found

    def more(self):
        if not select.select([self.fd], [], [], 0.1)[0]:
            return True
        try:
            piece = os.read(self.fd, 4096)
        except OSError:
            return False
        self.seen += piece
        return bool(piece)

    def tab(self, line):
        """The line after TAB."""
        self.type(line + "\t\x18")
        return self.until(rb"<(cipnode[^>\r\n]*)>")[1].decode()

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


class CompletionTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.home = self.new_home()
        folder = self.folder / "bin"
        folder.mkdir()
        os.symlink(os.path.abspath(BINARY), folder / "cipnode")
        self.env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "CIPNODE_HOME": str(self.home), "TERM": "dumb",
                    "HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder / "config")}

    def terminal(self, shell, setup):
        terminal = Terminal(shell, setup, self.env)
        self.addCleanup(terminal.close)
        return terminal

    def fish(self, line):
        """What fish offers behind a line: words, each with what it means."""
        done = subprocess.run(["fish", "--no-config", "-c", 'cipnode completion fish | source; complete -C "$argv[1]"', line],
                              capture_output=True, text=True, timeout=60, env=self.env)
        self.assertEqual(done.stderr, "")
        return dict((line + "\t").split("\t")[:2] for line in done.stdout.splitlines())

    def bash(self, *words):
        """What the function in bash offers at the end of a command line."""
        script = f"""source <(cipnode completion bash)
COMP_WORDS=(cipnode {' '.join(f"'{word}'" for word in words)}) COMP_CWORD={len(words)}
_cipnode
printf '%s\\n' "${{COMPREPLY[@]}}" """
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, env=self.env)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def make_names(self):
        node = self.join(home=self.home)
        self.ok("feed", "create", "weather-log", home=self.home)
        self.ok("topic", "create", "tides", home=self.home)
        return node

    def check_lines(self, terminal):
        for line, completed in (("cipnode pub", "cipnode publish "), ("cipnode feed tru", "cipnode feed truncate "),
                                ("cipnode subscribe --unt", "cipnode subscribe --until-synced "),
                                ("cipnode --log-format j", "cipnode --log-format json "),
                                ("cipnode --log sto", "cipnode --log store="),
                                ("cipnode subscribe t --since la", "cipnode subscribe t --since last:"),
                                ("cipnode config sh", "cipnode config show ")):
            with self.subTest(line):
                self.assertEqual(terminal.tab(line), completed)
        (self.folder / "some-file").write_text("x")
        self.assertEqual(terminal.tab(f"cipnode publish --file {self.folder}/som").strip(),
                         f"cipnode publish --file {self.folder}/some-file")
        self.assertEqual(terminal.tab("cipnode feed cat wea"), "cipnode feed cat wea")
        self.assertFalse(self.home.exists(), "TAB makes no home and starts no node")
        self.make_names()
        self.assertEqual(terminal.tab("cipnode feed cat wea"), "cipnode feed cat weather-log ")
        self.assertEqual(terminal.tab("cipnode subscribe ti"), "cipnode subscribe tides ")

    def test_bash(self):
        self.assertEqual(self.bash("completion", ""), ["bash", "zsh", "fish"])
        self.check_lines(self.terminal("bash", "source <(cipnode completion bash)"))

    def test_zsh(self):
        self.check_lines(self.terminal("zsh", "source <(cipnode completion zsh)"))

    def test_fish(self):
        self.assertEqual(self.fish("cipnode pub"), {"publish": "Publish a message to a topic: the argument, a file or stdin"})
        self.assertEqual(set(self.fish("cipnode completion ")), {"bash", "zsh", "fish"})
        self.assertEqual(set(self.fish("cipnode subscribe --unt")), {"--until-synced"})
        self.assertEqual(set(self.fish("cipnode --log-format=j")), {"--log-format=json"})
        (self.folder / "some-file").write_text("x")
        self.assertEqual(set(self.fish(f"cipnode publish --file {self.folder}/som")), {f"{self.folder}/some-file"})
        self.assertEqual(self.fish("cipnode feed cat "), {})
        self.assertFalse(self.home.exists(), "TAB makes no home and starts no node")
        self.make_names()
        self.assertEqual(set(self.fish("cipnode feed cat wea")), {"weather-log"})
        self.assertEqual(set(self.fish("cipnode subscribe ti")), {"tides"})

    def test_shells_find_what_is_installed_by_themselves(self):
        zsh = self.terminal("zsh", f"fpath=({SHARE}/zsh/site-functions $fpath); compinit -u -D")
        self.assertEqual(zsh.tab("cipnode pub"), "cipnode publish ")
        bash = self.terminal("bash", f"source {SHARE}/bash-completion/completions/cipnode")
        self.assertEqual(bash.tab("cipnode pub"), "cipnode publish ")
        done = subprocess.run(["fish", "--no-config", "-c", f"set fish_complete_path {SHARE}/fish/vendor_completions.d; "
                               "complete -C 'cipnode pub'"], capture_output=True, text=True, timeout=60, env=self.env)
        self.assertTrue(done.stdout.startswith("publish\t"), done)

    def complete(self, *words):
        return self.cipnode("__complete", "--", *words, home=self.home)

    def test_a_silent_node_holds_up_nobody(self):
        node = self.make_names()
        self.assertIn(b"weather-log", self.complete("feed", "cat", "").out)
        os.kill(node.pid, signal.SIGSTOP)
        begun = time.monotonic()
        silent = self.complete("feed", "cat", "")
        self.assertEqual((silent.code, silent.out, silent.err), (0, b"", b""))
        # A fifth of a second where nothing else runs.
        self.assertLess(time.monotonic() - begun, 2)

    def test_settings_that_are_wrong_or_that_no_node_is_wanted_change_nothing(self):
        self.make_names()
        (self.home / "config.toml").write_text("no such line\n")
        self.assertEqual(self.complete("pub").out.split(b"\t")[0], b"publish")
        self.assertIn(b"weather-log", self.complete("feed", "cat", "").out)
        (self.home / "config.toml").write_text("no-daemon = true\n")
        self.assertIn(b"weather-log", self.complete("feed", "cat", "").out)


if __name__ == "__main__":
    unittest.main()
