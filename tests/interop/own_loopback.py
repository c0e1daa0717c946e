"""A loopback that only the programs of a test use, so that it can be told how wide it is. Needs root."""
import os
import subprocess


def ip(*args):
    subprocess.run(["ip", *args], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class OwnLoopback:
    """For a SystemTest: what is started after use_own_loopback() is in a network namespace of its own."""

    namespace = None

    def use_own_loopback(self):
        if os.geteuid() != 0:
            self.fail("network namespaces need root")
        self.namespace = f"cip{os.getpid()}l"
        ip("netns", "add", self.namespace)
        self.addCleanup(ip, "netns", "del", self.namespace)
        ip("-n", self.namespace, "link", "set", "lo", "up")
        self.set_mtu(1500)

    def set_mtu(self, mtu):
        ip("-n", self.namespace, "link", "set", "lo", "mtu", str(mtu))

    def start(self, command, **options):
        place = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        return super().start([*place, *command], **options)
