"""A Debian 12 of its own for tests of the packages: a bare system fetched once, over which each test lays a layer in memory;
with a network that knows nothing but itself, and with systemd as its first process where a test wants that.

The bare system and what the packages depend on are kept in build/package-test; without that folder they are fetched again."""
import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from harness import BINARY, ROOT, Result

SUITE = "bookworm"
CACHE = Path(os.environ.get("CIPNODE_PACKAGE_CACHE", ROOT / "build/package-test"))
BUILD = Path(BINARY).resolve().parent.parent
LOWER = "0.0.1"
USER = "alice"
# What a machine has besides the bare system when services run on it.
MANAGER = ["systemd", "systemd-sysv", "libnss-systemd", "dbus"]
CGROUPS = [Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")]


def run(*command, seconds=900, env=None):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=seconds, env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})})
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def mirrors():
    """Where this machine's apt has Debian's packages of the suite from: [(address, release)], the suite itself first."""
    said = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(ORIGIN) $(COMPONENT)", "Created-By: Packages")
    found = []
    for line in said.splitlines():
        address, release, origin, component = (line.split() + [""] * 4)[:4]
        if origin == "Debian" and component == "main" and release.split("-")[0] == SUITE and (address, release) not in found:
            found.append((address, release))
    found.sort(key=lambda entry: entry[1] != SUITE)
    if not found or found[0][1] != SUITE:
        raise AssertionError(f"the apt sources of this machine name no mirror of Debian {SUITE}: add one, then: apt-get update")
    return found


def patiently(act, seconds=10):
    """Does it again until it succeeds or the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except (AssertionError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@contextlib.contextmanager
def mounted(kind, source, target, *options):
    target.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", kind, *options, source, target)
    try:
        yield
    finally:
        # What was ended a moment ago may still hold it.
        patiently(lambda: run("umount", target))


def make_packages():
    """The packages of the build under test in `new`, and in `old` the program's with a lower version."""
    folder = CACHE / f"debs-{os.getpid()}"
    run(ROOT / "scripts/package", "--build", BUILD, "--output", folder / "new")
    made = next((folder / "new").glob("cipnode_*.deb"))
    unpacked = folder / "unpacked"
    run("dpkg-deb", "--raw-extract", made, unpacked)
    control = unpacked / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {LOWER}", control.read_text()))
    (folder / "old").mkdir()
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "--build", unpacked, folder / "old" / f"cipnode_{LOWER}_amd64.deb")
    return folder


def complete(folder, make):
    """A folder of the cache, which `make` fills when it is not there; half of one never has the name."""
    if not folder.exists():
        unfinished = CACHE / f"unfinished-{os.getpid()}"
        make(unfinished)
        unfinished.rename(folder)
    return folder


def make_base(packages):
    """A bare system whose apt has at hand what `packages` need, and a manager of services: they install without a network."""
    sources = mirrors()
    bare = complete(CACHE / f"bare-{SUITE}", lambda folder: run("debootstrap", "--variant=minbase", SUITE, folder, sources[0][0]))
    needs = "".join(run("dpkg-deb", "--field", package, "Depends") for package in packages)

    def fetch(folder):
        run("cp", "--archive", bare, folder)
        (folder / "etc/apt/sources.list").write_text("".join(f"deb {at} {release} main\n" for at, release in sources))
        resolver = folder / "etc/resolv.conf"
        resolver.unlink(missing_ok=True)
        shutil.copy("/etc/resolv.conf", resolver)
        for package in packages:
            shutil.copy(package, folder / "tmp")
        with mounted("proc", "proc", folder / "proc"):
            chroot = ("chroot", folder, "env", "DEBIAN_FRONTEND=noninteractive")
            run(*chroot, "apt-get", "update")
            for wanted in ([f"/tmp/{package.name}" for package in packages], MANAGER):
                run(*chroot, "apt-get", "install", "-y", "--no-install-recommends", "--download-only", *wanted)
            run("chroot", folder, "useradd", "--create-home", "--shell", "/bin/sh", USER)
        # The name server of this machine is no business of what runs in there.
        resolver.write_text("")
        for package in packages:
            (folder / "tmp" / package.name).unlink()

    return complete(CACHE / f"base-{hashlib.sha256((SUITE + needs).encode()).hexdigest()[:12]}", fetch)


def make_machine(base):
    """The same with a manager of services installed."""
    def install(folder):
        run("cp", "--archive", base, folder)
        with mounted("proc", "proc", folder / "proc"):
            run("chroot", folder, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "--no-install-recommends", *MANAGER)

    return complete(CACHE / base.name.replace("base", "machine"), install)


class DebianRoot:
    """A system over the base; close() takes it away, and ends what still runs in it."""

    def __init__(self, base, folder):
        self.stack = contextlib.ExitStack()
        self.root = folder / "root"
        self.enter = []
        disk = folder / "disk"
        try:
            self.stack.enter_context(mounted("tmpfs", "none", disk))
            for name in ("upper", "work"):
                (disk / name).mkdir()
            layers = f"lowerdir={base},upperdir={disk}/upper,workdir={disk}/work"
            self.stack.enter_context(mounted("overlay", "overlay", self.root, "-o", layers))
            self.stack.enter_context(mounted("proc", "proc", self.root / "proc"))
            self._make_network()
        except BaseException:
            self.close()
            raise
        self.stack.callback(self._end_all)

    def _make_network(self):
        network = f"cip{os.getpid()}p"
        run("ip", "netns", "add", network)
        self.stack.callback(run, "ip", "netns", "del", network)
        run("ip", "-n", network, "link", "set", "lo", "up")
        self.network = ["ip", "netns", "exec", network]
        self.enter = [*self.network, "chroot"]

    def close(self):
        self.stack.close()

    def _processes(self):
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(entry / "root") == str(self.root):
                    yield int(entry.name)

    def _end_all(self):
        deadline = time.monotonic() + 10
        while (left := list(self._processes())) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def run(self, script, user="root", seconds=120, stdin=b"", **environment):
        """Runs a line of shell in the system."""
        known = {"HOME": "/root" if user == "root" else f"/home/{USER}", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
                 "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **environment}
        command = [*self.enter, "env", "-i", "-C", "/", *[f"{name}={value}" for name, value in known.items()]]
        if self.enter[-1] == "chroot":
            command[len(self.enter):len(self.enter)] = [f"--userspec={user}:{user}", self.root]
        done = subprocess.run([str(part) for part in [*command, "sh", "-c", script]], input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=seconds)
        return Result([script], done.returncode, done.stdout, done.stderr)

    def boot(self):
        """Starts systemd as the first process of the system; from now on run() runs beside it, as root alone."""
        group = next((place for place in CGROUPS if (place / "cgroup.procs").exists()), None)
        if group is None:
            raise AssertionError("this machine has no cgroup2 file system: systemd needs one")
        group = group / f"cipnode-test-{os.getpid()}"
        group.mkdir()
        self.stack.callback(self._remove_group, group)
        command = f"echo $$ >{group}/cgroup.procs; exec unshare --pid --mount --uts --ipc --cgroup --fork sh -c '{BOOT}' boot {self.root}"
        starter = subprocess.Popen([*self.network, "sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        self.stack.callback(self._end_boot, starter)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            first = Path(f"/proc/{starter.pid}/task/{starter.pid}/children").read_text().split()
            if first and Path(f"/proc/{first[0]}/comm").read_text() == "systemd\n":
                self.enter = ["nsenter", f"--target={first[0]}", "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root", "--wd"]
                if self.run("systemctl is-system-running --wait", seconds=60).text.strip() in ("running", "degraded"):
                    return
            time.sleep(0.2)
        raise AssertionError("systemd did not start in the system")

    @staticmethod
    def _end_boot(starter):
        with contextlib.suppress(OSError):
            for first in Path(f"/proc/{starter.pid}/task/{starter.pid}/children").read_text().split():
                os.kill(int(first), signal.SIGKILL)  # and with the first process all others
        starter.wait(20)

    @staticmethod
    def _remove_group(group):
        for folder, _, _ in os.walk(group, topdown=False):
            patiently(lambda folder=folder: os.rmdir(folder))


# A system that is entered by chroot may make no user namespace, which units ask for: it becomes the root.
BOOT = """
set -e
mount --make-rprivate /
mount --bind $1 $1
cd $1
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do
  touch dev/$name
  mount --bind /dev/$name dev/$name
done
mkdir dev/pts dev/shm before
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
pivot_root . before
umount -l /before
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system
"""
