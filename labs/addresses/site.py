"""The lab while it runs: what its parts ask of it."""

import contextlib
import os

from sextantlab import Lab, LabFailed, wait_until

from . import wiring

HERE = os.path.dirname(os.path.abspath(__file__))


class Site:
    """The lab with its controller up, its intent applied, and a place to say what is seen."""

    def __init__(self, lab, say):
        self.lab = lab
        self.controller = lab.controller
        self.say = say

    def host(self, port):
        """A port's host."""
        return self.lab.host("acme", port)

    def port(self, name):
        """A port as the controller shows it."""
        found = self.controller.get("port", name, "--tenant", "acme")
        return found[0] if isinstance(found, list) else found

    def assigned(self, name):
        """A port's own global address."""
        addresses = [a for a in self.port(name)["status"]["addresses"] if not a.startswith("fe80:")]
        if len(addresses) != 1:
            raise LabFailed(f"{name} has {addresses}, one address was expected")
        return addresses[0]

    def leases(self, name):
        """A port's leases."""
        return self.controller.get("leases", "--port", f"acme/{name}")

    def punts(self):
        """How often each end of a client's message was counted, by its name."""
        head = 'sextant_punts_total{operation="dhcp6",result="'
        return {name[len(head):-2]: int(count) for name, count in self.controller.metrics().items() if name.startswith(head)}

    def wait_active(self, *ports):
        """Waits until ports are Active, by default those of all hosts."""
        names = set(ports or (host.spec.port for host in self.lab.hosts.values()))

        def active():
            found = self.controller.get("ports", "--tenant", "acme")
            return names <= {port["name"] for port in found if port["status"]["phase"] == "Active"}

        wait_until(f"{sorted(names)} Active", active)

    def restart(self):
        """kill -9 and start again, until all ports are Active."""
        self.controller.kill()
        self.controller.start()
        self.wait_active()


@contextlib.contextmanager
def site(isolation, say, *ports):
    """A site with the hosts of some ports, or all."""
    with Lab(isolation, wiring.CHASSIS, wiring.hosts(*ports)) as lab:
        lab.controller.start()
        lab.controller.apply(os.path.join(HERE, "site.yaml"), wait=None)
        here = Site(lab, say)
        here.wait_active()
        yield here


def expect(good, words):
    """What must be."""
    if not good:
        raise LabFailed(words)
