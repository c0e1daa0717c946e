"""An overlay on hosts of the internet, and nodes behind NATs that join it, in a laboratory of network namespaces."""
from harness import SystemTest
from natlab import PUBLIC

# Six nodes on three hosts: a NAT shows what it does by what four of them see.
NODES = [(host, f"{address}:{port}") for port in (4001, 4002) for host, address in PUBLIC.items()]


class NatFixture(SystemTest):
    def network(self, lab, nodes=len(NODES)):
        """The nodes on the internet; returns their addresses."""
        known = []
        for host, address in NODES[:nodes]:
            self.join(*known, prefix=lab.on(host), listen=address, flags=["--public"])
            known.append(address)
        return known

    def behind(self, lab, side, contacts, *flags):
        node = self.join(*contacts, prefix=lab.on(side), listen=None, flags=flags)
        node.on = lab.on(side)
        return node

    def end_all(self):
        """Before the laboratory goes."""
        for process in self.processes:
            process.close()
