"""The Debian packages in a bare Debian 12: installed, used by an ordinary user as the README begins, upgraded with data in
place, removed and purged; and the service under a systemd of its own. Needs root, and the mirror of this machine's apt once."""
import functools
import json
import os
import re
import shlex
import shutil
import unittest

from debian_root import CACHE, LOWER, USER, DebianRoot, make_base, make_machine, make_packages, mounted, run
from harness import FULL, NO_DAEMON, NOT_FOUND, OK, ROOT, USAGE, SystemTest

# Of the range that systemd takes users of services from.
SERVICE_USER = 61184
PACKAGES = ("cipnode", "libcipnode-dev", "cipnode-doc")
# A watchdog that a test can wait for.
WATCHDOG = "[Service]\nWatchdogSec=2s\nRestartSec=100ms\n"


@functools.cache
def packages():
    """Made once for all tests."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = make_packages()
    unittest.addModuleCleanup(shutil.rmtree, folder)
    return folder


class PackageTest(SystemTest):
    """A test with a system of its own."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise AssertionError("a system of its own, its mounts and its network need root")
        cls.debs = packages()
        cls.base = make_base([cls.deb("new", name) for name in PACKAGES])

    @classmethod
    def deb(cls, which, name="cipnode"):
        return next((cls.debs / which).glob(f"{name}_*.deb"))

    def setUp(self):
        super().setUp()
        self.system = DebianRoot(self.base, self.folder)
        self.root = self.system.root

    def tearDown(self):
        self.system.close()
        super().tearDown()

    def inside(self, script, **options):
        return self.system.run(script, **options)

    def well(self, script, **options):
        result = self.inside(script, **options)
        self.assertEqual(result.code, OK, repr(result))
        return result

    def put(self, which, package="cipnode"):
        """The package, where the system can read it."""
        shutil.copy(self.deb(which, package), self.root / "var/cache")
        return f"/var/cache/{self.deb(which, package).name}"

    def install(self, which="new", packages=("cipnode",)):
        files = " ".join(self.put(which, package) for package in packages)
        return self.well(f"apt-get install -y --no-install-recommends {files}", seconds=300)

    def version(self):
        return self.well("dpkg-query -W -f '${Version}' cipnode").text

    def state(self):
        return self.inside("dpkg-query -W -f '${db:Status-Abbrev}' cipnode").text.strip()


class FirstSessionTest(PackageTest):
    def test_the_first_session_of_the_readme_as_an_ordinary_user(self):
        self.install()
        session = (ROOT / "README.md").read_text().split("## A first session\n")[1].split("\n## ")[0]
        commands = re.findall(r"(?m)^    \$ (.*)$", session)
        self.assertGreater(len(commands), 7)
        written = re.search(r"cipnode feed create .*\n(?: .*\n)*? +key +(\w+)\n", session)[1]
        said, key = [], None
        for command in commands:
            said.append(self.well(command.replace(written, key or written), user=USER).text)
            if "feed create" in command:
                key = re.search(r"(?m)^key +(\w+)$", said[-1])[1]
        self.assertIn("appended 1,000 blocks", "".join(said))
        self.assertRegex("".join(said), r"(?m)^found +peer$")
        self.assertEqual(said[-1], "hi\n")
        for home in ("", "--home /tmp/b"):
            self.well(f"cipnode {home} stop", user=USER)

    def test_everything_is_where_it_belongs(self):
        self.install()
        files = self.well("dpkg -L cipnode").text.split("\n")
        for file in ("/usr/bin/cipnode", "/lib/systemd/system/cipnode.service", "/usr/lib/systemd/user/cipnode.service",
                     "/etc/cipnode/config.toml", "/usr/sbin/cipnode-service", "/usr/share/bash-completion/completions/cipnode",
                     "/usr/share/zsh/vendor-completions/_cipnode", "/usr/share/man/man1/cipnode-feed-append.1.gz",
                     "/usr/share/man/man5/cipnode-config.5.gz"):
            self.assertIn(file, files)
        self.assertFalse([file for file in files if "debug" in file])
        self.assertLess(self.deb("new").stat().st_size, 10_000_000)
        result = self.inside("cipnode-service status")
        self.assertEqual(result.code, NO_DAEMON, result)
        self.assertIn(b"systemd does not run here", result.err)

    def test_all_packages_go_together_and_leave_nothing_behind(self):
        before = self.files()
        self.install(packages=PACKAGES)
        for file in ("usr/include/cipnode/store/feed.hpp", "usr/share/doc/cipnode/operating.md"):
            self.assertTrue((self.root / file).exists(), file)
        self.assertTrue((self.root / "usr/lib/cmake/cipnode/cipnodeConfig.cmake").exists(), "find_package finds it")
        self.well(f"apt-get purge -y {' '.join(PACKAGES)}", seconds=120)
        self.assertEqual(self.files() - before, set())

    def files(self):
        """Of the program, wherever they are."""
        return {path for top in ("etc", "usr") for path in (self.root / top).rglob("*cipnode*")}

    def test_lintian_finds_no_error(self):
        changes = next((self.debs / "new").glob("*.changes"))
        said = run("lintian", "--allow-root", "--fail-on", "error", "--tag-display-limit", "0", changes)
        self.assertNotRegex(said, r"(?m)^E:")


class UpgradeTest(PackageTest):
    def make_service_state(self):
        """The home of the service with a feed in it, as the service leaves it."""
        self.well(f"mkdir -p -m 755 /var/lib/private && mkdir -m 700 /var/lib/private/cipnode && "
                  f"chown {SERVICE_USER}:{SERVICE_USER} /var/lib/private/cipnode && ln -s private/cipnode /var/lib/cipnode")
        self.as_service("feed create log && echo one | cipnode feed append log --lines && cipnode stop")

    def as_service(self, command):
        return self.well(f"setpriv --reuid={SERVICE_USER} --regid={SERVICE_USER} --clear-groups sh -c "
                         f"{shlex.quote('cipnode ' + command)}", CIPNODE_HOME="/var/lib/cipnode", XDG_CONFIG_HOME="/etc")

    def test_an_upgrade_keeps_what_was_written_and_what_was_set(self):
        self.install("old")
        self.assertEqual(self.version(), LOWER)
        self.make_service_state()
        self.well("cipnode join --detach && cipnode feed create log && seq 3 | cipnode feed append log --lines", user=USER)
        self.well("echo 'listen = \"0.0.0.0:5000\"' >>/etc/cipnode/config.toml")
        self.install("new")
        self.assertNotEqual(self.version(), LOWER)
        self.assertIn("5000", self.well("cat /etc/cipnode/config.toml").text)
        with self.subTest("a node that runs is used by the new program, and ends when it is told to"):
            self.assertEqual(self.well("cipnode feed cat log", user=USER).text, "123")
            self.well("cipnode stop", user=USER)
            self.assertEqual(self.well("cipnode feed cat log && cipnode stop >&2", user=USER).text, "123")
        self.assertEqual(self.as_service("feed cat log && cipnode stop >&2").text, "one")

    def test_removal_keeps_the_state_of_the_service_and_purge_takes_it_away(self):
        self.install()
        self.make_service_state()
        self.well("cipnode feed create log && cipnode stop", user=USER)
        removed = self.well("apt-get remove -y cipnode")
        self.assertIn("stay in /var/lib/cipnode", removed.text + removed.err.decode())
        self.assertTrue((self.root / "var/lib/private/cipnode/identity").exists())
        self.assertTrue((self.root / "etc/cipnode/config.toml").exists())
        self.assertFalse((self.root / "usr/bin/cipnode").exists())
        with self.subTest("installed again it goes on"):
            self.install()
            self.assertEqual(self.as_service("feed cat log && cipnode stop >&2").text, "one")
        purged = self.well("apt-get purge -y cipnode")
        self.assertIn("removing the identity and the feeds of the service", purged.text + purged.err.decode())
        for gone in ("var/lib/private/cipnode", "var/lib/cipnode", "etc/cipnode"):
            self.assertFalse(os.path.lexists(self.root / gone), gone)
        self.assertTrue((self.root / f"home/{USER}/.local/share/cipnode/identity").exists(), "homes of users are theirs")


class BadInputTest(PackageTest):
    def test_a_configuration_that_was_interrupted_is_finished_by_the_next(self):
        self.install("old")
        self.well(f"dpkg --unpack {self.put('new')}")
        self.assertEqual(self.state(), "iU")
        self.well("cipnode version")
        self.assertIn("cipnode", self.well("dpkg --audit").text)
        script = self.root / "var/lib/dpkg/info/cipnode.postinst"
        whole = script.read_text()
        script.write_text("#!/bin/sh\nkill -9 $PPID\n")
        self.assertNotEqual(self.inside("dpkg --configure cipnode").code, OK)
        script.write_text(whole)
        self.well("dpkg --configure -a")
        self.assertEqual(self.state(), "ii")
        self.assertEqual(self.well("dpkg --audit").text, "")

    def test_a_full_var_is_told_by_what_writes_there(self):
        self.install()
        self.system.stack.enter_context(mounted("tmpfs", "none", self.root / "var/lib/cipnode", "-o", "size=64k,mode=777"))
        result = self.inside("cipnode --no-daemon feed create log", user=USER, CIPNODE_HOME="/var/lib/cipnode/home")
        self.assertEqual(result.code, 11, result)
        self.assertIn(b"free some space", result.err)

    def test_a_setting_of_a_later_version_is_named(self):
        self.install()
        self.well("echo 'teleport = true' >>/etc/cipnode/config.toml")
        result = self.inside("cipnode join", user=USER, XDG_CONFIG_HOME="/etc")
        self.assertEqual(result.code, USAGE, result)
        self.assertRegex(result.err.decode(), r"/etc/cipnode/config.toml, line \d+: unknown setting 'teleport'\n.*remove it")


class ServiceTest(PackageTest):
    """The service as systemd runs it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.base = make_machine(cls.base)

    def setUp(self):
        super().setUp()
        self.install("old")
        self.system.boot()

    def show(self, *names):
        said = self.well(f"systemctl show cipnode {' '.join('-p ' + name for name in names)}").text
        return dict(line.split("=", 1) for line in said.splitlines())

    def start(self):
        result = self.inside("systemctl start cipnode")
        self.assertEqual(result.code, OK, (result, self.inside("systemctl status cipnode; journalctl -u cipnode").text))

    def test_a_service_from_its_installation_to_its_purge(self):
        self.assertEqual(self.show("ActiveState", "UnitFileState"), {"ActiveState": "inactive", "UnitFileState": "disabled"})
        self.start()
        before = self.show("MainPID", "StatusText", "NRestarts")
        self.assertEqual(before["StatusText"], "0 contacts, 0 peers, 0 feeds open")
        with self.subTest("started twice it is the same one"):
            self.start()
            self.assertEqual(self.show("MainPID")["MainPID"], before["MainPID"])
        with self.subTest("commands run as its user, with their streams and exit codes"):
            self.well("cipnode-service feed create log")
            self.well("cipnode-service feed append log", stdin=b"written before")
            self.assertEqual(self.well("cipnode-service feed cat log").text, "written before")
            self.assertEqual(self.inside("cipnode-service feed cat none").code, NOT_FOUND)
            self.assertEqual(self.well("stat -c %U%a /var/lib/private/cipnode").text, "cipnode700\n")
        with self.subTest("what it logs has its severity"):
            said = self.well("journalctl -u cipnode -o cat -p info").text
            self.assertRegex(said, r"(?m)^node: ready on 0\.0\.0\.0:49737$")
            self.assertNotIn("ready on", self.well("journalctl -u cipnode -o cat -p notice").text)
        with self.subTest("a reload takes settings over, and refuses wrong ones"):
            self.well("echo 'quota = \"5000000\"' >>/etc/cipnode/config.toml; systemctl reload cipnode")
            self.assertEqual(json.loads(self.well("cipnode-service --json status").text)["disk"]["quota"], 5_000_000)
            self.assertIn("quota is 5000000 from now on", self.well("journalctl -u cipnode -o cat").text)
            self.well("echo 'teleport = true' >>/etc/cipnode/config.toml")
            self.assertNotEqual(self.inside("systemctl reload cipnode").code, OK)
            self.assertIn("unknown setting 'teleport'", self.well("journalctl -u cipnode -o cat").text)
            self.well("sed -i '/teleport\\|quota/d' /etc/cipnode/config.toml; systemctl reload cipnode")
            self.assertEqual(self.show("MainPID", "NRestarts"), {"MainPID": before["MainPID"], "NRestarts": "0"})
        with self.subTest("an upgrade restarts it, with what it had"):
            self.install("new")
            after = self.show("MainPID", "ActiveState")
            self.assertEqual(after["ActiveState"], "active")
            self.assertNotEqual(after["MainPID"], before["MainPID"])
            self.assertEqual(self.well("cipnode-service feed cat log").text, "written before")
        with self.subTest("stopped, it leaves no user behind"):
            self.well("systemctl stop cipnode", seconds=20)
            self.assertEqual(self.show("Result")["Result"], "success")
            self.assertNotEqual(self.inside("getent passwd cipnode").code, OK)
        with self.subTest("a purge stops it and takes its state away"):
            self.start()
            pid = self.show("MainPID")["MainPID"]
            self.well("apt-get purge -y cipnode")
            self.assertNotEqual(self.inside("systemctl is-active cipnode").code, OK)
            self.assertNotEqual(self.inside(f"test -e /proc/{pid}").code, OK)
            self.assertFalse(os.path.lexists(self.root / "var/lib/private/cipnode"))

    def test_a_node_that_hangs_is_ended_and_started_again(self):
        self.install("new")
        self.well(f"mkdir -p /etc/systemd/system/cipnode.service.d && printf '{WATCHDOG}' >/etc/systemd/system/cipnode.service.d/fast.conf "
                  "&& systemctl daemon-reload")
        self.start()
        pid = self.show("MainPID")["MainPID"]
        self.assertEqual(self.inside("sleep 5; systemctl is-active cipnode").text, "active\n", "it lives while its loop turns")
        self.assertEqual(self.show("MainPID")["MainPID"], pid)
        self.well(f"kill -STOP {pid}")
        self.eventually(lambda: self.show("NRestarts", "ActiveState") == {"NRestarts": "1", "ActiveState": "active"}, 20, "a new one")
        self.assertIn("Watchdog timeout", self.well("journalctl -u cipnode -o cat").text)

    def test_the_service_of_a_user_is_the_node_of_the_users_commands(self):
        self.install("new")
        place = "XDG_RUNTIME_DIR=/run/user/1000"
        self.well(f"mkdir -p /run/user/1000 && chown {USER}: /run/user/1000 && systemd-run --property=User={USER} --property=Delegate=yes "
                  f"--property=Type=notify --setenv={place} --setenv=HOME=/home/{USER} /lib/systemd/systemd --user")
        said = self.well(f"setpriv --reuid={USER} --regid={USER} --init-groups env HOME=/home/{USER} {place} sh -ec '"
                         "systemctl --user start cipnode; cipnode --json status; systemctl --user show cipnode -p MainPID; "
                         "systemctl --user stop cipnode; systemctl --user show cipnode -p Result'").text
        pid = re.search(r'"pid":(\d+)', said)[1]
        self.assertIn(f"MainPID={pid}\n", said)
        self.assertIn("Result=success\n", said)

    def test_what_a_new_start_would_meet_again_stays_down_with_its_reason(self):
        self.install("new")
        self.well("echo 'teleport = true' >>/etc/cipnode/config.toml")
        self.assertNotEqual(self.inside("systemctl start cipnode").code, OK)
        self.assertEqual(self.show("ActiveState", "ExecMainStatus"), {"ActiveState": "failed", "ExecMainStatus": str(USAGE)})
        self.assertIn("unknown setting 'teleport'", self.well("journalctl -u cipnode -o cat -p err").text)
        with self.subTest("a full disk"):
            self.well("sed -i /teleport/d /etc/cipnode/config.toml && mkdir -p /var/lib/private/cipnode && "
                      "mount -t tmpfs -o size=64k none /var/lib/private/cipnode")
            self.assertNotEqual(self.inside("systemctl start cipnode").code, OK)
            shown = self.show("ExecMainStatus", "StatusText")
            self.assertEqual(shown["ExecMainStatus"], str(FULL))
            self.assertIn("free some space", shown["StatusText"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
