"""A control group with a memory limit, of version 2 or 1, whichever the machine lets root make."""
import os
import signal
import time
from pathlib import Path

V2_MOUNTS = [Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")]
V1_MOUNT = Path("/sys/fs/cgroup/memory")


class MemoryGroup:
    """`prefix` in front of a command runs it in the group; nothing of it is swapped out."""

    def __init__(self, limit):
        mount, self.is_v2 = self._mount()
        self.limit = limit
        self.folder = mount / f"cipnode-test-{os.getpid()}"
        self.folder.mkdir()
        try:
            self._set("memory.max" if self.is_v2 else "memory.limit_in_bytes", limit)
            swap = "memory.swap.max" if self.is_v2 else "memory.memsw.limit_in_bytes"
            if (self.folder / swap).exists():
                self._set(swap, 0 if self.is_v2 else limit)
        except OSError:
            self.folder.rmdir()
            raise
        self.prefix = ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', self.folder]

    @staticmethod
    def _mount():
        for mount in V2_MOUNTS:
            shared = mount / "cgroup.subtree_control"
            if shared.exists() and "memory" in (mount / "cgroup.controllers").read_text().split():
                if "memory" not in shared.read_text().split():
                    shared.write_text("+memory")
                return mount, True
        if (V1_MOUNT / "memory.limit_in_bytes").exists():
            return V1_MOUNT, False
        raise AssertionError("this machine has no control group with a memory controller")

    def _set(self, name, value):
        (self.folder / name).write_text(str(value))

    def _count(self, name, key):
        lines = (line.split() for line in (self.folder / name).read_text().splitlines())
        return next(int(words[1]) for words in lines if words[0] == key)

    def kills(self):
        """Processes that the kernel ended for want of memory."""
        return self._count("memory.events" if self.is_v2 else "memory.oom_control", "oom_kill")

    def was_full(self):
        """Whether something had to make room for something else."""
        if self.is_v2:
            return self._count("memory.events", "max") > 0
        # Version 1 does not count where memory and swap have the same limit.
        return int((self.folder / "memory.max_usage_in_bytes").read_text()) > self.limit * 15 // 16

    def remove(self):
        deadline = time.monotonic() + 10
        while pids := (self.folder / "cgroup.procs").read_text().split():
            if time.monotonic() > deadline:
                raise AssertionError(f"still in the group: {pids}")
            for pid in pids:
                os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.05)
        self.folder.rmdir()
