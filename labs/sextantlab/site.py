"""A lab while it runs with one tenant's intent: what its parts ask of it."""

import contextlib
import os

from .lab import Lab, LabFailed, wait_until
from .script import keep, run_lab
from .watch import Watch


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
        names = set(ports or (host.spec.port for host in self.lab.hosts.values() if not host.spec.behind))

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
def site(isolation, say, folder, chassis, hosts):
    """A site with the intent of a lab's folder, its chassis and hosts."""
    with Lab(isolation, chassis, hosts) as lab:
        lab.controller.start()
        lab.controller.apply(os.path.join(folder, "site.yaml"), wait=None)
        here = Site(lab, say)
        here.wait_active()
        yield here


def watched(here, part, say):
    """Shows a part that is a module with `PORTS`, whose hosts are watched, and `show(site)`."""
    with Watch([here.host(port) for port in part.PORTS], say):
        part.show(here)


def checked(here, part, say):
    """Shows a part that is a function of the site and of how to say something."""
    part(here, say)


def run_parts(title, what, opened, parts, show=watched):
    """A lab's script: brings all up (`opened(isolation, say)`, in words `what`), shows part after part and takes it down. A part is
    a name and what `show` shows."""
    def steps(isolation, progress):
        with progress.step(what):
            up = opened(isolation, progress.say)
            here = up.__enter__()
        try:
            for name, part in parts:
                with progress.step(name):
                    show(here, part, progress.say)
            progress.say(here.controller.call("get", "ports", "--tenant", "acme"))
        except Exception as error:
            print(f"FAILED: {error}\nThe controller's last words:\n{here.controller.tail()}", flush=True)
            raise
        finally:
            if keep():
                here.lab.stay()
            with progress.step("lab down"):
                up.__exit__(None, None, None)

    run_lab(title, steps)


def expect(good, words):
    """What must be."""
    if not good:
        raise LabFailed(words)
