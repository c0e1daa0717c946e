"""A disk that is slow or stands still when a test says so (held_disk.c)."""
import contextlib
import os
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "held_disk.c"


class HeldDisk:
    """`prefix` in front of a command: what it writes below `disk` is under control."""

    def __init__(self, folder, disk):
        self.control = folder / "held-disk"
        self.control.mkdir()
        library = self.control / "held_disk.so"
        subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", SOURCE, "-o", library],
                       check=True)
        self.prefix = ["env", f"LD_PRELOAD={library}", f"HELD_DISK={disk}", f"HELD_DISK_CONTROL={self.control}"]

    def log(self):
        with contextlib.suppress(FileNotFoundError):
            return (self.control / "log").read_text().splitlines()
        return []

    def waiting(self):
        return [line for line in self.log() if line.startswith("waits ")]

    def syncs_done(self):
        return sum(line.startswith("done ") for line in self.log())

    @contextlib.contextmanager
    def held(self, what):
        """`what`: "sync" or "write". The log begins anew."""
        file = self.control / f"hold-{what}"
        with contextlib.suppress(FileNotFoundError):
            (self.control / "log").unlink()
        file.touch()
        try:
            yield
        finally:
            file.unlink()

    def be_slow(self, ms):
        (self.control / "slow").write_text(str(ms))
