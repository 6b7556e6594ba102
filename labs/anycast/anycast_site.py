"""What is plugged where in this lab, and the servers and clients on it. The system tests use it too."""

import json
import os
import subprocess
import sys
import time

from sextantlab import ChassisSpec, HostSpec, Lab, LabFailed, eui64, wait_until  # noqa: F401

HERE = os.path.dirname(os.path.abspath(__file__))
ADDRESS = "2001:db8:a::53"
ADDRESS4 = "10.1.0.53"
PREFIX = {"red": "2001:db8:a::/64", "blue": "2001:db8:b::/64"}
SERVERS = ("ns1", "ns2", "ns3")

CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2, 3)]


def _host(name, network, chassis, last, *services):
    subnet = "10.1.0" if network == "red" else "10.2.0"
    mac = f"02:00:00:00:0{1 if network == 'red' else 2}:{last:02}"
    number = last if network == "blue" or last > 20 else last + 10
    return HostSpec("acme", name, network, chassis, mac, addresses=[f"{subnet}.{number}/24", *services],
                    routes=[f"default via {subnet}.1"])


# With duplicate address detection, which nobody objects to.
SERVED = (f"{ADDRESS}/128", f"{ADDRESS4}/32")
HOSTS = [
    _host("ns1", "red", "hv1", 1, *SERVED), _host("ns2", "red", "hv2", 2, *SERVED), _host("ns3", "red", "hv2", 3, *SERVED),
    _host("c1", "red", "hv1", 21), _host("c2", "red", "hv2", 22), _host("c3", "red", "hv3", 23),
    _host("b1", "blue", "hv1", 31), _host("b3", "blue", "hv3", 33),
]


class Service:
    """The lab with its controller up, the site applied, and a web server in each of the instances."""

    def __init__(self, isolation):
        self.isolation = isolation
        self.lab = Lab(isolation, CHASSIS, HOSTS)
        self.servers = {}

    def __enter__(self):
        self.lab.__enter__()
        try:
            self.lab.controller.start()
            for name in SERVERS:
                self.serve(name)
            self.lab.controller.apply(os.path.join(HERE, "site.yaml"), wait=None)
            for name, host in self.hosts.items():
                host.wait_address(PREFIX[host.spec.network])
            self.wait_health({name: "alive" for name in SERVERS})
        except BaseException:
            print("the controller's last words:\n" + self.lab.controller.tail())
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in list(self.servers):
            self.kill(name)
        self.lab.stop()

    @property
    def hosts(self):
        """The hosts by the names of their ports."""
        return {host.spec.port: host for host in self.lab.hosts.values()}

    def serve(self, name):
        """Starts the servers of an instance: one for each address."""
        host = self.hosts[name]
        self.servers[name] = [host.popen([sys.executable, os.path.join(HERE, "server.py"), name, address],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                              for address in (ADDRESS, ADDRESS4)]

    def kill(self, name):
        """kill -9."""
        for process in self.servers.pop(name):
            process.kill()
            process.wait()

    def service(self, name="web"):
        """A service as the controller shows it."""
        found = self.lab.controller.get("anycast_service", name, "--tenant", "acme")
        return found[0] if isinstance(found, list) else found

    def health(self, name="web"):
        """The health of each instance."""
        return {one["port"]: one["health"] for one in self.service(name)["status"].get("instances", [])}

    def wait_health(self, wanted, services=("web", "web4")):
        """Waits until instances stand as wanted."""
        for name in services:
            try:
                wait_until("health", lambda: all(self.health(name).get(port) == word for port, word in wanted.items()))
            except LabFailed:
                raise LabFailed(f"{name}: {self.service(name)['status']}, {wanted} was expected") from None

    def ask(self, client, count=1, address=ADDRESS):
        """Who answers each of `count` requests of a client, each over a connection of its own; None: nobody within 2 s."""
        return [answer for _, answer in self.client(client, address, "count", count)]

    def client(self, client, address, *args):
        """What a client saw: a list of times (seconds of the monotonic clock) and who answered."""
        done = self.hosts[client].run(sys.executable, os.path.join(HERE, "client.py"), address, *map(str, args))
        if done.returncode != 0:
            raise LabFailed(f"{client}: {done.stdout}")
        return json.loads(done.stdout)

    def watch(self, client, address=ADDRESS, seconds=4, patience=0.05):
        """Starts a client that asks every few milliseconds for a while, and gives each server `patience` seconds."""
        return Watch(self.hosts[client], address, seconds, patience)

    def neighbor(self, client, address=ADDRESS):
        """What a client's kernel has in its neighbour cache for an address."""
        family = "-6" if ":" in address else "-4"
        return self.hosts[client].run("ip", family, "neigh", "show", address).stdout.strip()

    def trace(self, client, address=ADDRESS):
        """The last line of a trace of a TCP segment from a client."""
        source = self.hosts[client].addresses(6 if ":" in address else 4)[0]
        packet = f"tcp from {source} to {address} sport 40000 dport 80"
        return self.lab.controller.call("trace", "--port", f"acme/{client}", packet).strip().splitlines()[-1]


class Watch:
    """A client that asks again and again while something happens."""

    def __init__(self, host, address, seconds, patience):
        command = [sys.executable, os.path.join(HERE, "client.py"), address, "seconds", str(seconds), str(patience)]
        self._process = host.popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        time.sleep(0.5)

    def answers(self):
        """When it asked, and who answered."""
        output, _ = self._process.communicate(timeout=60)
        return json.loads(output)

    def outage(self, gone):
        """From when the event was to the first answer of another from whereon `gone` never answers: seconds, and who it was."""
        answers = self.answers()
        last = max((at for at, who in answers if who == gone), default=None)
        if last is None:
            raise LabFailed(f"{gone} never answered: {answers[:5]} ...")
        after = [(at, who) for at, who in answers if at > last and who is not None]
        if not after:
            raise LabFailed(f"nobody answered after {gone}: {answers[-5:]}")
        return after[0][0] - last, after[0][1]


def spread(answers):
    """How many answers each had."""
    return {who: answers.count(who) for who in sorted(set(answers), key=str)}
