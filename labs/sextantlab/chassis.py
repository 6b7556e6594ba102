"""A hypervisor: its own Open vSwitch in its own namespace, with the bridge that Sextant programs."""

import json
import os
import re
import zlib
from dataclasses import dataclass

from mininet.node import Switch

from .capture import Capture
from .ovs import OvsPair

# The bridge that Sextant programs, and the one that holds the tunnel endpoint's address.
BRIDGE = "br-int"
UNDERLAY_BRIDGE = "br-phy"

# By which fields' prefixes the switch looks up rows, by table: from the pipeline's declaration, by `make docs`.
with open(os.path.join(os.path.dirname(__file__), "prefixes.json"), encoding="ascii") as _file:
    PREFIXES = json.load(_file)


@dataclass
class ChassisSpec:
    """What an intent calls a chassis."""

    name: str
    datapath_id: int
    tunnel_ip: str
    managed: bool = False  # the lab makes the underlay only, and plugs nothing: the rest is the controller's


class Chassis(Switch):
    """One hypervisor as a Mininet switch."""

    def __init__(self, name, spec=None, fabric=None, rundir=None, **params):
        super().__init__(name, **{**params, "dpid": f"{spec.datapath_id:016x}", "inNamespace": True})
        self.spec = spec
        self.fabric = fabric
        self.ovs = OvsPair(self, os.path.join(rundir, name))
        # The kernel must not speak IPv6 on switch-side interfaces: it would reach the hosts.
        self.cmd("sysctl -qw net.ipv6.conf.default.disable_ipv6=1; ip link set lo up")

    def start(self, controllers):
        """Starts the switch and plugs what was linked to this node so far."""
        self.ovs.start()
        if self.spec.managed:
            return self._start_managed()
        mac = self._mac
        orders = [
            "--", "add-br", BRIDGE, "--", "set", "bridge", BRIDGE, "datapath_type=netdev", "fail_mode=secure",
            "protocols=OpenFlow13", f"other-config:datapath-id={self.dpid}", "other-config:disable-in-band=true",
            f"other-config:hwaddr={mac.replace('02:aa', '02:ab')}",
        ]
        for table, fields in PREFIXES.items():
            orders += ["--", f"--id=@t{table}", "create", "Flow_Table", f"prefixes={fields}",
                       "--", "set", "bridge", BRIDGE, f"flow_tables:{table}=@t{table}"]
        names = [intf.name for intf in self.intfList() if intf.name != "lo"]
        self.cmd("; ".join(f"ip link set {name} up" for name in names))
        trunk = self.fabric.encap == "vlan"
        for name in names:
            if name != self.physical or trunk:
                orders += ["--", "add-port", BRIDGE, name]
        if not trunk:
            orders += self._underlay(mac) + [
                "--", "add-port", BRIDGE, self.fabric.interface, "--", "set", "interface", self.fabric.interface,
                f"type={self.fabric.encap}", "options:remote_ip=flow", "options:key=flow",
            ]
        self.ovs.vsctl(*orders)
        if not trunk:
            self._address_underlay()
        return None

    def _start_managed(self):
        """The underlay, which is the machine's own; the bridge and its ports are not there."""
        names = [intf.name for intf in self.intfList() if intf.name != "lo"]
        self.cmd("; ".join(f"ip link set {name} up" for name in names))
        self.ovs.vsctl(*self._underlay(self._mac))
        self._address_underlay()

    @property
    def _mac(self):
        return "02:aa:" + zlib.crc32(self.name.encode()).to_bytes(4, "big").hex(":")

    def _address_underlay(self):
        length = 64 if ":" in self.spec.tunnel_ip else 24
        self.cmd(f"sysctl -qw net.ipv6.conf.{UNDERLAY_BRIDGE}.disable_ipv6=0; ip link set {UNDERLAY_BRIDGE} up;"
                 f"ip addr add {self.spec.tunnel_ip}/{length} dev {UNDERLAY_BRIDGE}" + (" nodad" if length == 64 else ""))

    def stop(self, deleteIntfs=True):
        """Ends the switch; the kernel takes the namespace and its interfaces."""
        self.ovs.stop()
        super().stop(deleteIntfs)

    def restart_switch(self):
        """Ends ovs-vswitchd and starts it again: it comes back without a single flow."""
        self.ovs.restart_vswitchd()
        self.ovs.await_file(BRIDGE + ".mgmt")

    def plug(self, interface, iface_id=None):
        """Makes an interface of this namespace a port of the bridge, as a virtual machine's manager does: with whose it is."""
        self.cmd(f"ip link set {interface} up")
        ids = ["--", "set", "interface", interface, f"external_ids:iface-id={iface_id}"] if iface_id else []
        self.ovs.vsctl("add-port", BRIDGE, interface, *ids)

    def unplug(self, interface):
        """Takes a port off the bridge; the interface stays."""
        self.ovs.vsctl("del-port", BRIDGE, interface)

    def hand_over(self, interface, other, iface_id=None):
        """A port goes to another chassis, as a machine does that migrates; its host keeps the other end."""
        self.unplug(interface)
        self.cmd(f"ip link set {interface} netns {other.pid}")
        other.plug(interface, iface_id)

    def flows(self, match=""):
        """The bridge's flows, as ovs-ofctl prints them, without the heading."""
        lines = self.ovs.ofctl("dump-flows", BRIDGE, *([match] if match else [])).splitlines()
        return [line.strip() for line in lines if "cookie=" in line]

    def log_messages(self):
        """From now on the switch notes each OpenFlow message in its log."""
        # Else it leaves out those beyond ten a second.
        self.ovs.appctl("vlog/disable-rate-limit", "vconn")
        self.ovs.appctl("vlog/set", "vconn:file:dbg")

    def messages(self, direction):
        """The names of the OpenFlow messages noted so far that the switch `sent` or `received`."""
        with open(self.ovs.path("vsw.log"), encoding="utf-8", errors="replace") as log:
            return re.findall(rf"\|vconn\|DBG\|.*?: {direction}(?: \(Success\))?: (\w+)", log.read())

    def punted(self):
        """The packets that the switch has sent to a controller since messages are noted, each in Open vSwitch's words."""
        with open(self.ovs.path("vsw.log"), encoding="utf-8", errors="replace") as log:
            sent = r"\|vconn\|DBG\|[^\n]*?: sent(?: \(Success\))?: \w*PACKET_IN\w*"
            return re.findall(sent + r"(.*?)(?=\n\d{4}-\d\d-\d\dT|\Z)", log.read(), re.DOTALL)

    def capture(self, interface=None, expression=""):
        """A capture on one of this chassis' interfaces, by default the one towards the other chassis."""
        return Capture(self, interface or self.physical, expression)

    @property
    def database(self):
        """Where a controller reaches the database."""
        return "unix:" + self.ovs.path("db.sock")

    @property
    def management(self):
        """Where a controller reaches the bridge."""
        return self.ovs.management(BRIDGE)

    @property
    def physical(self):
        """The interface towards the other chassis. On a VLAN fabric it is itself the port that the intent names."""
        return self.fabric.physical

    def _underlay(self, mac):
        return [
            "--", "add-br", UNDERLAY_BRIDGE, "--", "set", "bridge", UNDERLAY_BRIDGE, "datapath_type=netdev",
            f"other-config:hwaddr={mac}", "--", "add-port", UNDERLAY_BRIDGE, self.physical,
        ]
