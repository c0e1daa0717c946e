"""What a node is and how it comes and goes: a join takes over from a node that was started for a command, commands under way
go on at the new node, a node in the background is a daemon, and what belongs to others is left alone."""
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
import unittest

from harness import BINARY, BUSY, CORRUPT, INTERNAL, NO_DAEMON, OK, REFUSED, USAGE, SystemTest

JOIN = ("join", "--no-lan", "--listen", "127.0.0.1:0")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class LifecycleTest(SystemTest):
    def setUp(self):
        super().setUp()
        os.environ["CIPNODE_NO_LAN"] = "1"
        self.home = self.new_home()

    def status(self):
        return self.ok("--json", "status", home=self.home).object

    def detach(self, *flags, home=None):
        return self.ok("--json", *JOIN, "--detach", *flags, home=home or self.home).object

    def run_on(self, *args):
        """A command that stays under way; its stdout is JSON lines."""
        return self.start([BINARY, "--home", self.home, "--json", *args])


class ReloadTest(LifecycleTest):
    def settings(self, *lines):
        self.home.mkdir(exist_ok=True)
        (self.home / "config.toml").write_text("".join(line + "\n" for line in lines))

    def reload(self):
        said = self.ok("--json", "config", "reload", home=self.home).object
        return {change["key"]: (change["from"], change["to"]) for change in said["atOnce"]}, [change["key"] for change in said["atNextStart"]]

    def test_changed_settings_hold_at_once_or_are_said_to_wait(self):
        self.settings('quota = "5000000"')
        node = self.join(home=self.home)
        self.assertEqual(self.reload(), ({}, []))
        key = "y" * 52
        self.settings('quota = "9000000"', 'log = "dht=debug"', f'seed = "{key}"', "contact-card = true")
        at_once, waits = self.reload()
        self.assertEqual(at_once, {"quota": (5_000_000, 9_000_000), "log": (None, "dht=debug"), "seed": (None, [key])})
        self.assertEqual(waits, ["contact-card"])
        self.assertEqual(self.status()["disk"]["quota"], 9_000_000)
        self.assertEqual(self.ok("--json", "log", "level", home=self.home).object["levels"]["dht"], "debug")
        self.eventually(lambda: any(feed["key"] == key for feed in self.ok("--json", "feed", "ls", home=self.home).objects), 10, "the new feed")
        self.assertEqual(self.reload(), ({}, ["contact-card"]))
        with self.subTest("what is gone is as if nobody had said it"):
            self.settings()
            self.assertEqual(set(self.reload()[0]), {"quota", "log", "seed"})
            self.assertEqual(self.ok("--json", "log", "level", home=self.home).object["levels"]["dht"], "warning")
        with self.subTest("a mistake changes nothing"):
            self.settings('quota = "7000000"', "teleport = true")
            refused = self.cipnode("config", "reload", home=self.home)
            self.assertEqual(refused.code, USAGE)
            self.assertIn("line 2: unknown setting 'teleport'", refused.err.decode())
            self.settings('quota = "many"')
            self.assertEqual(self.cipnode("config", "reload", home=self.home).code, USAGE)
            self.settings()
            self.assertEqual(self.reload(), ({}, []))
        self.assertEqual(node.stop(), OK)
        self.assertEqual(self.cipnode("config", "reload", home=self.home).code, NO_DAEMON)

    def test_what_was_typed_holds_also_in_the_background(self):
        self.settings('quota = "5000000"', 'idle-exit = "1h"')
        self.detach("--idle-exit", "2h")
        self.settings('quota = "6000000"', 'idle-exit = "3h"')
        self.assertEqual(self.reload(), ({"quota": (5_000_000, 6_000_000)}, []))
        self.settings("no-lan = true")
        self.assertEqual(self.reload()[0]["quota"], (6_000_000, None))

    def test_a_node_ends_by_the_idle_time_that_was_set_while_it_ran(self):
        self.settings()
        node = self.join(home=self.home)
        self.settings('idle-exit = "1s"')
        self.assertEqual(self.reload()[0], {"idle-exit": (None, "1s")})
        self.assertEqual(node.wait(20), OK)


class TakeOverTest(LifecycleTest):
    def test_a_join_takes_over_from_a_node_that_a_command_started_with_all_its_flags(self):
        self.ok("feed", "ls", home=self.home)
        before = self.status()
        port = free_port()
        ready = self.ok("--json", "--network", "office", "join", "--detach", "--listen", f"127.0.0.1:{port}", "--public", "--quota",
                        "5000000", home=self.home).object
        self.assertEqual(ready["udp"], f"127.0.0.1:{port}")
        after = self.status()
        self.assertNotEqual(after["pid"], before["pid"])
        self.assertEqual((after["network"], after["disk"]["quota"], after["udp"]), ("office", 5_000_000, f"127.0.0.1:{port}"))
        self.assertEqual(after["key"], before["key"])
        # It stays: nothing ends it but a signal or stop.
        self.assertNotIn("idle-exit", " ".join(self.command_line(after["pid"])))

    @staticmethod
    def command_line(pid):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [part.decode() for part in file.read().split(b"\0")]

    def test_beside_a_node_that_was_joined_a_join_is_refused_and_changes_nothing(self):
        pid = self.detach()["pid"]
        for flags in ([], ["--detach"]):
            second = self.cipnode("--json", *JOIN, "--ephemeral", *flags, home=self.home)
            self.assertEqual(second.code, BUSY, repr(second))
            self.assertIn(f"pid {pid} (cipnode join --detach)", second.error["message"])
        self.assertEqual(self.status()["pid"], pid)

    def test_of_joins_at_once_one_wins_and_the_others_are_busy(self):
        self.ok("feed", "ls", home=self.home)
        joins = [subprocess.Popen([BINARY, "--home", self.home, "--json", *JOIN, "--detach"], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE) for _ in range(4)]
        ends = [(join.communicate(timeout=60), join.returncode) for join in joins]
        self.assertEqual(sorted(code for _, code in ends), [OK, BUSY, BUSY, BUSY], ends)
        winner = next(json.loads(out.splitlines()[-1]) for (out, _), code in ends if code == OK)
        self.assertEqual(self.status()["pid"], winner["pid"])

    def test_a_join_while_the_node_is_stopping_anyway_waits_for_it(self):
        self.detach()
        os.kill(self.status()["pid"], signal.SIGTERM)
        self.eventually(lambda: "joined running" not in (self.home / "lock").read_text(), 10, "the node to leave")
        self.detach()
        self.status()

    def test_a_command_beside_no_daemon_is_told_which_command_holds_the_home(self):
        self.ok("feed", "create", "log", home=self.home)
        self.ok("stop", home=self.home)
        holder = self.start([BINARY, "--home", self.home, "--no-daemon", "--json", "feed", "follow", "log"])
        self.eventually(lambda: (self.home / "lock").read_text().startswith(str(holder.pid)), 20, "the lock")
        busy = self.cipnode("--json", *JOIN, home=self.home)
        self.assertEqual(busy.code, BUSY)
        self.assertIn(f"pid {holder.pid} (cipnode feed follow --no-daemon)", busy.error["message"])


class SocketGoneTest(LifecycleTest):
    def test_a_node_whose_socket_was_deleted_is_named_and_stopped(self):
        pid = self.detach()["pid"]
        (self.home / "control.sock").unlink()
        status = self.cipnode("--json", "status", home=self.home)
        self.assertEqual(status.code, BUSY, status)
        self.assertIn(f"kill {pid}", status.error["hint"])
        stopped = self.ok("--json", "stop", home=self.home)
        self.assertEqual(stopped.object["pid"], pid)
        self.assertEqual(self.cipnode("status", home=self.home).code, NO_DAEMON)


class HomeGoneTest(LifecycleTest):
    def test_a_node_whose_home_is_removed_ends_and_says_so(self):
        node = self.join(home=self.home)
        shutil.rmtree(self.home)
        self.assertEqual(node.wait(20), CORRUPT, "no manager of services makes a new home in its place")
        self.assertIn(f"the home {self.home} was removed while its node ran", node.stderr())
        self.assertFalse(self.home.exists(), "nothing is left that looks like a home")

    def test_a_node_whose_lock_alone_is_removed_ends_and_all_is_there_for_the_next(self):
        node = self.join(home=self.home)
        self.ok("feed", "create", "log", home=self.home)
        (self.home / "lock").unlink()
        self.assertEqual(node.wait(20), INTERNAL)
        self.assertIn(f"the file {self.home / 'lock'} was removed", node.stderr())
        self.assertIn(b"log", self.ok("--no-daemon", "feed", "ls", home=self.home).out)


class GoOnTest(LifecycleTest):
    def publish(self, *texts):
        self.ok("publish", "news", "--lines", home=self.home, stdin="".join(f"{text}\n" for text in texts).encode())

    def texts(self, subscriber):
        return [event["text"] for event in subscriber.events]

    def test_a_subscription_loses_and_doubles_nothing(self):
        for since in ("new", "start"):
            with self.subTest(since=since):
                self.home = self.new_home()
                self.publish("old")
                subscriber = self.run_on("subscribe", "news", "--since", since)
                began = ["old"] if since == "start" else []
                time.sleep(2.3)  # until then `new` is what was there before the command
                self.publish("a", "b")
                subscriber.wait_until(lambda: self.texts(subscriber) == [*began, "a", "b"], 20, "messages")
                self.detach()
                self.publish("c", "d")
                subscriber.wait_until(lambda: len(self.texts(subscriber)) >= len(began) + 4, 20, "messages after the change")
                self.publish("e")
                subscriber.wait_until(lambda: "e" in self.texts(subscriber), 20, "the last message")
                self.assertEqual(self.texts(subscriber), [*began, "a", "b", "c", "d", "e"])
                self.assertEqual(subscriber.stop(), 0)
                self.ok("stop", home=self.home)

    def test_a_subscription_that_printed_nothing_yet_loses_nothing(self):
        self.publish("old")
        subscriber = self.run_on("subscribe", "news")
        time.sleep(2.3)
        self.detach()
        self.publish("a")
        subscriber.wait_until(lambda: subscriber.events, 20, "the message")
        self.assertEqual(self.texts(subscriber), ["a"])

    def test_a_subscription_ends_after_its_count_over_both_nodes(self):
        self.publish("a", "b")
        subscriber = self.run_on("subscribe", "news", "--since", "start", "--count", "3")
        subscriber.wait_until(lambda: len(subscriber.events) == 2, 20, "messages")
        self.detach()
        self.publish("c", "d")
        self.assertEqual(subscriber.wait(), 0)
        self.assertEqual(self.texts(subscriber), ["a", "b", "c"])

    def test_a_followed_feed_goes_on_at_the_next_block(self):
        self.ok("feed", "create", "log", home=self.home)
        self.ok("feed", "append", "log", "--lines", home=self.home, stdin=b"0\n1\n")
        follower = self.run_on("feed", "follow", "log")
        fresh = self.run_on("feed", "follow", "log", "--from", "new")
        follower.wait_until(lambda: len(follower.events) == 2, 20, "blocks")
        time.sleep(0.5)
        self.detach()
        self.ok("feed", "append", "log", "--lines", home=self.home, stdin=b"2\n3\n")
        follower.wait_until(lambda: len(follower.events) >= 4, 20, "blocks after the change")
        fresh.wait_until(lambda: len(fresh.events) >= 2, 20, "blocks after the change")
        self.assertEqual([event["index"] for event in follower.events], [0, 1, 2, 3])
        self.assertEqual([event["index"] for event in fresh.events], [2, 3])

    def test_a_download_and_a_cat_go_on(self):
        source = self.join()
        made = self.ok("--json", "feed", "create", "big", home=source).object
        body = os.urandom(200_000)
        self.ok("feed", "append", "big", "--block-size", "1000", home=source, stdin=body)
        os.kill(source.pid, signal.SIGSTOP)
        peer = ("--peer", source.contact, "--timeout", "60s")
        download = self.run_on("feed", "download", made["key"], *peer)
        cat = self.start([BINARY, "--home", self.home, "feed", "cat", made["key"], *peer], lines=False)
        self.eventually(lambda: (self.home / "lock").exists() and "running" in (self.home / "lock").read_text(), 20, "the node")
        self.detach()
        os.kill(source.pid, signal.SIGCONT)
        self.assertEqual(download.wait(60), 0, download.stderr())
        self.assertTrue(download.events[-1]["inSync"])
        self.assertEqual(cat.wait(60), 0, cat.stderr())
        self.assertEqual(bytes(cat.raw), body)

    def append_slowly(self, *flags):
        self.ok("feed", "create", "log", home=self.home)
        return self.start([BINARY, "--home", self.home, "--json", "feed", "append", "log", *flags], stdin=subprocess.PIPE)

    def write(self, process, data):
        process.process.stdin.write(data)
        process.process.stdin.flush()

    def take_over_from_append(self):
        began = time.monotonic()
        self.detach()
        self.assertLess(time.monotonic() - began, 5)

    def test_an_append_tells_of_all_its_blocks_over_both_nodes(self):
        for flags, blocks in ((["--lines"], [b"one", b"two", b"three", b"four"]), (["--block-size", "5"], [b"one\nt", b"wo\nth", b"ree\nf", b"our\n"]),
                              ([], [b"one\ntwo\nthree\nfour\n"])):
            with self.subTest(flags=flags):
                self.home = self.new_home()
                append = self.append_slowly(*flags)
                self.write(append, b"one\ntwo\nthr")
                time.sleep(1)
                self.take_over_from_append()
                self.write(append, b"ee\nfour\n")
                append.process.stdin.close()
                self.assertEqual(append.wait(), 0, append.stderr())
                told = append.events[-1]
                self.assertEqual((told["appended"], told["length"], told["bytes"]), (len(blocks), len(blocks), sum(map(len, blocks))))
                for index, block in enumerate(blocks):
                    self.assertEqual(self.ok("feed", "cat", "log", "--range", f"{index}..{index + 1}", home=self.home).out, block)
                self.ok("stop", home=self.home)

    def test_a_stream_of_lines_and_a_large_block_are_appended_once(self):
        lines = b"".join(b"%d\n" % number for number in range(20_000))
        for flags, data in ((["--lines"], lines), ([], os.urandom(6_000_000))):
            with self.subTest(flags=flags):
                self.home = self.new_home()
                append = self.append_slowly(*flags)
                third = len(data) // 3
                self.write(append, data[:third])
                join = self.start([BINARY, "--home", self.home, "--json", *JOIN, "--detach"])
                self.write(append, data[third:2 * third])
                self.assertEqual(join.wait(), 0)
                self.write(append, data[2 * third:])
                append.process.stdin.close()
                self.assertEqual(append.wait(), 0, append.stderr())
                self.assertEqual(append.events[-1]["appended"], 20_000 if flags else 1)
                whole = self.ok("feed", "cat", "log", home=self.home).out
                self.assertTrue(whole == (data.replace(b"\n", b"") if flags else data), f"{len(whole)} of {len(data)} bytes")
                self.ok("stop", home=self.home)

    def test_a_join_waits_for_what_is_under_way_no_longer_than_its_timeout(self):
        publish = self.run_on("publish", "news", "hi", "--confirm", "1")
        self.eventually(lambda: self.cipnode("topic", "info", "news", home=self.home).code == OK, 20, "the topic")
        time.sleep(1)
        began = time.monotonic()
        self.detach("--timeout", "2s")
        self.assertLess(time.monotonic() - began, 6)
        self.assertEqual(publish.wait(), 6, publish.stderr())

    def test_feeds_are_served_at_the_same_port_again(self):
        self.ok("feed", "create", "log", home=self.home)
        self.ok("feed", "append", "log", home=self.home, stdin=b"x")
        server = self.run_on("feed", "seed", "log", "--listen", "127.0.0.1:0")
        ready = server.event("ready")
        self.detach()
        other = self.new_home()
        got = self.ok("feed", "cat", ready["keys"][0], "--peer", ready["tcp"], home=other)
        self.assertEqual(got.out, b"x")
        self.assertEqual(len(server.events), 1)
        self.assertEqual(server.stop(), 0)

    def test_commands_during_the_change_are_done_once(self):
        self.ok("feed", "create", "log", home=self.home)
        join = subprocess.Popen([BINARY, "--home", self.home, *JOIN, "--detach"], stdout=subprocess.DEVNULL)
        for number in range(10):
            self.ok("feed", "append", "log", home=self.home, stdin=b"%d" % number)
        self.assertEqual(join.wait(60), 0)
        self.assertEqual(self.ok("feed", "cat", "log", home=self.home).out, b"0123456789")


class NetworkTest(LifecycleTest):
    def test_a_node_of_another_network_refuses_what_is_for_this_one(self):
        self.ok(*JOIN, "--detach", home=self.home)
        for command in (["publish", "news", "secret"], ["feed", "create", "log"], ["find", "y" * 52], ["stop"], ["status"]):
            refused = self.cipnode("--json", "--network", "private", *command, home=self.home)
            self.assertEqual(refused.code, BUSY, repr(refused))
            self.assertIn("network default", refused.error["message"])
            self.assertIn("private", refused.error["message"])
            self.assertIn("cipnode stop", refused.error["hint"])
        self.assertEqual(self.ok("--json", "topic", "ls", home=self.home).out, b"")
        self.assertEqual(self.ok("--json", "feed", "ls", home=self.home).out, b"")

    def test_what_is_about_the_home_is_for_whatever_node_runs(self):
        self.ok("--network", "private", *JOIN, "--detach", home=self.home)
        self.assertEqual(self.status()["network"], "private")
        for command in (["peers"], ["routes"], ["feed", "ls"], ["topic", "ls"]):
            self.ok(*command, home=self.home)
        self.assertEqual(self.cipnode("publish", "news", "x", home=self.home).code, BUSY)
        self.ok("--network", "private", "publish", "news", "x", home=self.home)
        self.ok("publish", "news", "x", home=self.home, env={"CIPNODE_NETWORK": "private"})
        self.ok("stop", home=self.home)


class DaemonTest(LifecycleTest):
    def descriptors(self, pid):
        out = {}
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                out[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
            except FileNotFoundError:
                pass
        return out

    def test_a_detached_node_inherits_nothing(self):
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        extra = os.open(self.folder, os.O_RDONLY)
        os.set_inheritable(extra, True)
        os.dup2(writing, 77, inheritable=True)
        done = subprocess.run([BINARY, "--home", self.home, "--json", *JOIN, "--detach"], stdout=subprocess.PIPE, close_fds=False,
                              cwd=self.folder, timeout=60)
        os.close(77)
        os.close(writing)
        os.close(extra)
        pid = json.loads(done.stdout.splitlines()[-1])["pid"]
        files = self.descriptors(pid)
        self.assertEqual((files[0], files[1]), ("/dev/null", "/dev/null"))
        self.assertEqual(files[2], str(self.home / "node.log"))
        self.assertNotIn(str(self.folder), files.values())
        os.set_blocking(reading, False)
        self.assertEqual(os.read(reading, 1), b"")  # the end: nobody holds the other side
        os.close(reading)
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        with open(f"/proc/{pid}/comm") as file:
            self.assertEqual(file.read(), "cipnode\n")
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        self.assertEqual(int(fields[3]), pid)  # a session of its own
        with open(f"/proc/{pid}/status") as file:
            self.assertIn("Umask:\t0077", file.read())

    def test_closed_standard_descriptors_become_no_lock_and_no_log_of_the_database(self):
        node = subprocess.Popen(["bash", "-c", f"exec {BINARY} --home {self.home} {' '.join(JOIN)} <&- >&- 2>&-"])
        try:
            self.eventually(lambda: self.cipnode("status", home=self.home).code == OK, 20, "the node")
            files = self.descriptors(node.pid)
            self.assertEqual([files[fd] for fd in (0, 1, 2)], ["/dev/null"] * 3)
        finally:
            node.terminate()
            node.wait(20)

    def test_a_hangup_ends_a_node_in_the_foreground_unless_it_is_ignored(self):
        node = self.join(home=self.home)
        node.process.send_signal(signal.SIGHUP)
        self.assertEqual(node.wait(), 0)
        self.assertFalse((self.home / "control.sock").exists())
        kept = self.join(home=self.home, prefix=["nohup"])
        kept.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        self.assertEqual(self.status()["pid"], kept.ready["pid"])

    def test_a_hangup_gives_a_detached_node_a_new_log(self):
        pid = self.detach("--log", "info")["pid"]
        log, moved = self.home / "node.log", self.home / "node.log.old"
        self.assertEqual(mode(log), 0o600)
        log.rename(moved)
        os.kill(pid, signal.SIGHUP)
        self.eventually(log.exists, 10, "a new log")
        self.assertEqual(mode(log), 0o600)
        self.ok("stop", home=self.home)
        self.assertIn(b"ready on", moved.read_bytes())

    def test_the_log_of_a_running_node_takes_more_when_it_is_told_to(self):
        nobody = self.new_home()
        self.assertEqual(self.cipnode("log", "level", home=nobody).code, NO_DAEMON)
        self.assertFalse(nobody.exists())
        node = self.join()
        self.assertEqual(set(self.ok("--json", "log", "level", home=node).object["levels"].values()), {"warning"})
        levels = self.ok("--json", "log", "level", "dht=debug", home=node).object["levels"]
        self.assertEqual((levels["dht"], levels["store"]), ("debug", "warning"))
        self.assertEqual(self.cipnode("log", "level", "dht=loud", home=node).code, USAGE)

    def test_what_the_background_finds_out_comes_with_its_words_and_code(self):
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = self.cipnode("--json", "join", "--no-lan", "--detach", "--listen", f"127.0.0.1:{port}", home=self.home)
        taken.close()
        self.assertEqual((busy.code, str(port) in busy.error["message"]), (BUSY, True), repr(busy))
        for command in (["join", "--detach"], ["feed", "ls"], ["id"]):
            wrong = self.cipnode("--json", "--log", "dht=loud", *command, home=self.home)
            self.assertEqual((wrong.code, "--log" in wrong.error["message"]), (USAGE, True), repr(wrong))
        (self.home / "identity").chmod(0o644)
        for command in (["join", "--detach", "--no-lan"], ["feed", "ls"]):
            open_key = self.cipnode("--json", *command, home=self.home)
            self.assertEqual(open_key.code, REFUSED, repr(open_key))
            self.assertIn("chmod 600", open_key.error["hint"])

    def test_a_signal_to_who_waits_for_a_detached_node_ends_the_node_too(self):
        waiting = subprocess.Popen([BINARY, "--home", self.home, *JOIN, "127.0.0.1:1", "--detach", "--timeout", "30s"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.eventually(lambda: (self.home / "lock").exists() and (self.home / "lock").read_text(), 20, "the lock")
        waiting.send_signal(signal.SIGINT)
        self.assertEqual(waiting.wait(20), 130)
        self.eventually(lambda: self.cipnode("status", home=self.home).code == NO_DAEMON, 20, "the end of the node")

    def test_without_HOME_the_home_is_that_of_the_passwd_database(self):
        found = subprocess.run(["env", "-i", BINARY, "--json", "paths"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if os.path.isdir(os.path.expanduser(f"~{os.environ.get('USER', 'root')}")):
            self.assertEqual(found.returncode, 0)
            self.assertTrue(json.loads(found.stdout)["home"].endswith("/.local/share/cipnode"))
        program = self.folder / "cipnode"
        shutil.copy(BINARY, program)
        self.folder.chmod(0o755)
        nobody = subprocess.run(["env", "-i", "setpriv", "--reuid=54321", "--clear-groups", program, "--json", "id"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(nobody.returncode, USAGE, nobody.stderr)
        self.assertIn(b"--home", nobody.stderr)


class PrivateFilesTest(LifecycleTest):
    def test_in_a_folder_that_others_use_every_secret_is_private_by_itself(self):
        for wanted in (0o1777, 0o2775, 0o755):
            home = self.new_home()
            home.mkdir()
            home.chmod(wanted)
            self.ok("feed", "create", "log", "--encrypted", home=home)
            found = {name: mode(home / name) & 0o777 for name in ("identity", "lock", "control.sock", "node.log", "database")}
            self.assertEqual(found, {"identity": 0o600, "lock": 0o600, "control.sock": 0o600, "node.log": 0o600, "database": 0o700})
            self.assertEqual(mode(home), wanted)


if __name__ == "__main__":
    unittest.main()
