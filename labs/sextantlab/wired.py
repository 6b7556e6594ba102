"""Bridges that are wired to each other, as Mininet wires them: all in one namespace, on one Open vSwitch, without a sysctl."""

import os
import re

from mininet.net import Mininet
from mininet.node import Switch

from .capture import Capture
from .controller import Controller
from .host import Host, HostSpec
from .lab import Lab, eui64
from .ovs import OvsPair

TENANT = "acme"
PREFIX = "2001:db8:a::/64"


class Bridges(Switch):
    """The namespace that all bridges are in."""

    def __init__(self, name, plan=None, rundir=None, **params):
        super().__init__(name, **{**params, "dpid": "fe", "inNamespace": True})
        self.plan = plan  # bridge: its ports, in the order of their numbers
        self.ovs = OvsPair(self, os.path.join(rundir, name))

    def start(self, controllers):
        """Starts the switch and makes the bridges."""
        self.ovs.start()
        orders = []
        for number, (bridge, ports) in enumerate(self.plan.items(), 1):
            orders += ["--", "add-br", bridge, "--", "set", "bridge", bridge, "datapath_type=netdev", "fail_mode=secure",
                       "protocols=OpenFlow13", f"other-config:datapath-id={number:016x}",
                       "other-config:disable-in-band=true"]
            for ofport, port in enumerate(ports, 1):
                orders += ["--", "add-port", bridge, port, "--", "set", "interface", port, f"ofport_request={ofport}"]
        ports = [port for ports in self.plan.values() for port in ports]
        self.cmd("; ".join(f"ip link set {port} up" for port in ports))
        self.ovs.vsctl(*orders)

    def stop(self, deleteIntfs=True):
        """Ends the switch; the kernel takes the namespace and its interfaces."""
        self.ovs.stop()
        super().stop(deleteIntfs)


class WiredLab(Lab):
    """Bridges s1, s2, ..., cables between some of them, and hosts: `hosts` names bridges, and host N is on the Nth of
    them. A cable is a veth pair, or, if it is `breakable`, two with a wire between that can be cut in silence."""

    def __init__(self, isolation, cables, hosts, breakable=(), auto=False):
        self._prepare(isolation)
        self.auto = auto
        size = max(max(cable) for cable in cables)
        self.plan = {f"s{n}": [] for n in range(1, size + 1)}
        self.specs = []
        for number, bridge in enumerate(hosts, 1):
            mac = f"02:00:00:00:01:{number:02x}"
            self.specs.append(HostSpec(TENANT, f"vm{number}", "red", f"s{bridge}", mac, interface=f"vm{number}"))
            self.plan[f"s{bridge}"].append(f"vm{number}")
        self.cables = {}
        for cable in cables:
            ends = []
            for here in cable:
                port = f"s{here}-eth{len(self.plan[f's{here}']) + 1}"
                self.plan[f"s{here}"].append(port)
                ends.append(port)
            self.cables.setdefault(tuple(cable), []).append(tuple(ends))
        self.net = Mininet(controller=None, build=False)
        self.bridges = self.net.addSwitch("wired", cls=Bridges, plan=self.plan, rundir=isolation.rundir)
        self.chassis = {"wired": self.bridges}
        self._lay_cables(breakable)
        self.hosts = {}
        for spec in self.specs:
            host = self.net.addHost(spec.name, cls=Host, spec=spec, ip=None, mac=None)
            host.plug_into(self.net, self.bridges)
            self.hosts[spec.name] = host
        self.controller = Controller(isolation, self.binary(), lambda: [self.management(name) for name in self.plan])

    def _lay_cables(self, breakable):
        for cable, pairs in self.cables.items():
            for a, b in pairs:
                if cable in breakable:
                    self.bridges.cmd(
                        f"ip link add {a} type veth peer name w-{a}; ip link add {b} type veth peer name w-{b};"
                        # A wire carries all, what bridges say to each other too, and learns nothing.
                        f"ip link add w{a[1:]} type bridge mcast_snooping 0 forward_delay 0 group_fwd_mask 0x4000;"
                        f"for end in w-{a} w-{b}; do ip link set $end master w{a[1:]}; ip link set $end up;"
                        f" ip link set $end type bridge_slave learning off; done; ip link set w{a[1:]} up")
                else:
                    self.bridges.cmd(f"ip link add {a} type veth peer name {b}")

    def management(self, bridge):
        """Where a controller reaches a bridge."""
        return self.bridges.ovs.management(bridge)

    def port(self, here, there, number=0):
        """The port of one bridge that leads to another."""
        pairs = self.cables.get((here, there)) or [pair[::-1] for pair in self.cables[there, here]]
        return pairs[number][0]

    def unplug(self, here, there):
        """A port goes down, and with a veth its other end."""
        self.bridges.cmd(f"ip link set {self.port(here, there)} down")

    def plug(self, here, there):
        """It comes up again."""
        self.bridges.cmd(f"ip link set {self.port(here, there)} up")

    def cut(self, here, there):
        """A breakable cable carries nothing any more; both its ports stay up."""
        self.bridges.cmd(f"ip link set w-{self.port(here, there)} nomaster")

    def mend(self, here, there):
        """It carries again."""
        wire = self.cables.get((here, there)) or self.cables[there, here]
        end = f"w-{self.port(here, there)}"
        self.bridges.cmd(f"ip link set {end} master w{wire[0][0][1:]}; ip link set {end} type bridge_slave learning off")

    def host_at(self, number):
        """The Nth host."""
        return self.host(TENANT, f"vm{number}")

    def address(self, host):
        """The address that a host's kernel makes of the network's prefix."""
        return eui64(PREFIX, host.spec.mac)

    def capture(self, port, expression=""):
        """A capture on a bridge's port."""
        return Capture(self.bridges, port, expression)

    def flows(self, bridge, match=""):
        """A bridge's flows, as ovs-ofctl prints them, without the heading."""
        lines = self.bridges.ovs.ofctl("dump-flows", bridge, *([match] if match else [])).splitlines()
        return [line.strip() for line in lines if "cookie=" in line]

    def messages(self, direction):
        """The names of the OpenFlow messages that bridges `sent` or `received`, once the log is told to have them."""
        with open(self.bridges.ovs.path("vsw.log"), encoding="utf-8", errors="replace") as log:
            return re.findall(rf"\|vconn\|DBG\|.*?: {direction}(?: \(Success\))?: (\w+)", log.read())

    def log_messages(self):
        """From now on the switch notes each OpenFlow message in its log."""
        # Else it leaves out those beyond ten a second.
        self.bridges.ovs.appctl("vlog/disable-rate-limit", "vconn")
        self.bridges.ovs.appctl("vlog/set", "vconn:file:dbg")

    def site(self):
        """The intent: all bridges, one network, and the hosts' ports unless they are to be found."""
        lines = [f"tenant: {TENANT}", "chassis:"]
        lines += [f'  - {{name: {name}, datapath_id: "{n:016x}"}}' for n, name in enumerate(self.plan, 1)]
        lines += ["fabric: {encap: links}", "networks:", f"  - {{name: red, auto_ports: {str(self.auto).lower()}}}", "subnets:",
                  f"  - {{name: red6, network: red, cidr: {PREFIX}, ipv6_ra_mode: slaac, ipv6_address_mode: slaac}}",
                  "routers:", "  - {name: r1, interfaces: [{subnet: red6}]}"]
        if not self.auto:
            lines.append("ports:")
            lines += [f'  - {{name: {spec.port}, network: red, mac_address: "{spec.mac}", '
                      f"binding: {{chassis: {spec.chassis}, interface: {spec.interface}}}}}" for spec in self.specs]
        return "\n".join(lines) + "\n"

    def links(self):
        """The links that the controller knows, as pairs of port names."""
        return {(link["interface"], link["peer_interface"]) for link in self.controller.get("links")}
