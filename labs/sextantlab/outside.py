"""A physical network beyond the fabric: a switch with VLANs that chassis are on by a trunk, and hosts behind access ports."""

import os

from mininet.node import Switch

from .host import Host
from .lab import Lab
from .ovs import OvsPair

# The chassis' interface to it.
TRUNK = "eth1"


class OutsideSwitch(Switch):
    """A learning switch that knows VLANs and nothing else. The kernel here has no VLAN interfaces: it makes the tags."""

    def __init__(self, name, rundir=None, **params):
        super().__init__(name, **{**params, "dpid": "fd", "inNamespace": True})
        self.ovs = OvsPair(self, os.path.join(rundir, name))
        self.vlans = {}  # of access ports: their VLANs; the others are trunks, whose untagged frames are what is untagged
        self.cmd("sysctl -qw net.ipv6.conf.default.disable_ipv6=1")

    def start(self, controllers):
        """Joins all links of this node."""
        ports = [intf.name for intf in self.intfList() if intf.name != "lo"]
        self.cmd("; ".join(f"ip link set {port} up" for port in ports))
        self.ovs.start()
        orders = ["--", "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"]
        for port in ports:
            tag = [f"tag={self.vlans[port]}"] if port in self.vlans else []
            orders += ["--", "add-port", "br0", port, *tag]
        self.ovs.vsctl(*orders)

    def stop(self, deleteIntfs=True):
        """Ends the switch."""
        self.ovs.stop()
        super().stop(deleteIntfs)

    def knows(self, vlan, mac):
        """The port at which it has learned a MAC; None: it has not."""
        numbers = {number: name for name, number in self._numbers()}
        for line in self.ovs.appctl("fdb/show", "br0").splitlines()[1:]:
            port, tag, learned, _age = line.split()
            if (int(tag), learned) == (vlan, mac):
                return numbers.get(port)
        return None

    def _numbers(self):
        for intf in self.intfList():
            if intf.name != "lo":
                yield intf.name, self.ovs.vsctl("get", "Interface", intf.name, "ofport").strip()


class OutsideLab(Lab):
    """A lab whose chassis, those of `trunks`, are on a physical network too, by eth1. `outside` are hosts there: pairs of a HostSpec and
    a VLAN (0: untagged)."""

    def __init__(self, isolation, chassis, hosts, trunks, outside, encap="geneve"):
        super().__init__(isolation, chassis, hosts, encap)
        self.switch = self.net.addSwitch("outside", cls=OutsideSwitch, rundir=isolation.rundir)
        for name in trunks:
            self.net.addLink(self.chassis[name], self.switch, intfName1=TRUNK, intfName2=f"{name}-{TRUNK}")
        self.outside = {}
        for spec, vlan in outside:
            host = self.net.addHost(spec.name, cls=Host, spec=spec, ip=None, mac=None)
            host.plug_into(self.net, self.switch)
            if vlan:
                self.switch.vlans[spec.interface] = vlan
            self.outside[spec.port] = host

    def __enter__(self):
        super().__enter__()
        for host in self.outside.values():
            host.configure()
        return self
