"""What lies between the chassis: one plain Ethernet switch that knows nothing of tunnels or tenants."""

import os
from dataclasses import dataclass

from mininet.node import Switch

from .ovs import OvsPair


@dataclass
class Fabric:
    """How the chassis reach each other, as the intent has it."""

    encap: str = "geneve"  # geneve, vxlan, gre or vlan
    interface: str = "sx-tun"

    @property
    def physical(self):
        """The name of a chassis' interface towards the physical switch."""
        return self.interface if self.encap == "vlan" else "phy0"


class PhysicalSwitch(Switch):
    """The physical switch. On a VLAN fabric it learns addresses per VLAN, as a real one does: tenants use the same."""

    def __init__(self, name, fabric=None, rundir=None, **params):
        super().__init__(name, **{**params, "dpid": "ff", "inNamespace": True})
        self.fabric = fabric
        self.ovs = OvsPair(self, os.path.join(rundir, name)) if fabric.encap == "vlan" else None
        self.cmd("sysctl -qw net.ipv6.conf.default.disable_ipv6=1")

    def start(self, controllers):
        """Joins all links of this node."""
        ports = [intf.name for intf in self.intfList() if intf.name != "lo"]
        up = "; ".join(f"ip link set {port} up" for port in ports)
        if self.ovs:
            self.cmd(up)
            self.ovs.start()
            orders = ["--", "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"]
            for port in ports:
                orders += ["--", "add-port", "br0", port]
            self.ovs.vsctl(*orders)
        else:
            joined = "; ".join(f"ip link set {port} master br0" for port in ports)
            self.cmd(f"ip link add name br0 type bridge mcast_snooping 0 forward_delay 0; ip link set br0 up; {joined}; {up}")

    def stop(self, deleteIntfs=True):
        """Ends the switch."""
        if self.ovs:
            self.ovs.stop()
        super().stop(deleteIntfs)
