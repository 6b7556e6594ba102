"""Sextant under the bench: one `sextant controller`; bridges by their management sockets.

The northbound client is one persistent gRPC channel. Messages are written field by field (the contract is in ../proto), so
that no generated code is needed. A chassis has no agent: the controller is the process that programs every bridge.
"""
import json
import os
import socket
import time
import urllib.request

import grpc

import nslab
from driver import BaseDriver
from nslab import sh

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.environ.get("SEXTANT") or os.path.join(
    os.environ.get("CARGO_TARGET_DIR") or os.path.join(HERE, "..", "target"), "release", "sextant")
TENANT = "bench"
ACTIVE = 3                 # Phase
MODES = {"slaac": 1, "dhcpv6_stateful": 2, "dhcpv6_stateless": 3}      # Ipv6Mode
# A controller that is being started is tried again soon; a second would be the default.
AT_ONCE = [("grpc.%s_reconnect_backoff_ms" % which, 20) for which in ("initial", "min", "max")]
# By which fields' prefixes the switch looks up rows, by table: from the pipeline's declaration.
with open(os.path.join(HERE, "..", "labs", "sextantlab", "prefixes.json"), encoding="ascii") as _file:
    PREFIXES = json.load(_file)

# What the guard and security groups drop is counted there (docs/pipeline.md: accused, refused).
nslab.Chassis.learned = (24, 164)

# Where each interface is plugged: name of the port -> (chassis, interface). Intent names both.
PLACES = {}


def _remember():
    """Notes where the lab plugs what; the lab itself does nothing else than before."""
    plug, dummies = nslab.Vm.plug, nslab.Chassis.plug_dummies

    def vm_plug(self):
        PLACES[self.name] = (self.ch.name, self.dev)
        return plug(self)

    def plug_dummies(self, names, br="br-int"):
        PLACES.update({n: (self.name, n) for n in names})
        return dummies(self, names, br)

    nslab.Vm.plug, nslab.Chassis.plug_dummies = vm_plug, plug_dummies


_remember()


# -- protobuf, as far as it is needed ------------------------------------------------------------

def varint(n):
    out = b""
    while n > 0x7f:
        out, n = out + bytes([n & 0x7f | 0x80]), n >> 7
    return out + bytes([n])


def field(number, value):
    """A number, a text, or an embedded message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(message):
    """Field numbers and values of a message."""
    at = 0
    while at < len(message):
        key, at = read_varint(message, at)
        if key & 7 == 0:
            value, at = read_varint(message, at)
        else:
            size, at = read_varint(message, at)
            value, at = message[at:at + size], at + size
        yield key >> 3, value


def read_varint(message, at):
    n = shift = 0
    while True:
        byte = message[at]
        at, n, shift = at + 1, n | (byte & 0x7f) << shift, shift + 7
        if not byte & 0x80:
            return n, at


def resource(name, spec, tenant=TENANT):
    """Meta (name, tenant) and spec."""
    return field(1, field(1, name) + (field(2, tenant) if tenant else b"")) + field(2, spec)


IN, OUT = 1, 2             # RuleDirection
OPEN = "open"              # the group of ports without groups: everything may pass


def rule(direction, ethertype, protocol=None, ports=(), group=None):
    """Of a security group."""
    out = field(1, direction) + field(2, ethertype) + (field(3, protocol) if protocol else b"")
    return out + b"".join(field(4, p) for p in ports) + (field(8, group) if group else b"")


class Driver(BaseDriver):
    name = "sextant"
    dials = True           # bridges' management sockets; otherwise bridges connect, see attach()

    def start(self, lab):
        self.lab = lab
        self.grpc, self.http = free_port(), free_port()
        for ch in lab.chassis:
            ch.vsctl("add-port", "br-int", "sx-tun", "--", "set", "interface", "sx-tun", "type=geneve",
                     "options:remote_ip=flow", "options:key=flow", "options:csum=true")
            for table, prefixes in PREFIXES.items():
                ch.vsctl("--", "--id=@t", "create", "Flow_Table", "prefixes=" + prefixes, "--",
                         "set", "Bridge", "br-int", "flow_tables:%s=@t" % table)
        self._start()
        document = b"".join(
            field(2, resource(c.name, field(1, dpid(c)) + field(2, c.tun), tenant=None)) for c in lab.chassis)
        document += field(3, field(2, field(1, 1) + field(3, 9000)))
        self._apply(document)

    def _start(self):
        argv = [BINARY, "controller", "--data-dir", self.lab.run + "/sextant", "--grpc-listen",
                "[::1]:%d" % self.grpc, "--http-listen", "[::1]:%d" % self.http,
                "--openflow-listen", "unix:%s/of.sock" % self.lab.run]
        for ch in self.lab.chassis:
            argv += ["--openflow-connect", "unix:%s/br-int.mgmt" % ch.dir] if self.dials else [
                "--openflow-listen", door(ch)]
        self.lab.spawn("sextant", argv, env={"RUST_LOG": "warn"})
        self.channel = grpc.insecure_channel("[::1]:%d" % self.grpc, options=AT_ONCE)
        grpc.channel_ready_future(self.channel).result(20)

    def stop(self):
        self.channel.close()
        self.lab.kill("sextant")

    def call(self, service, method, message):
        raw = lambda b: b
        path = "/sextant.v1.%s/%s" % (service, method)
        return self.channel.unary_unary(path, request_serializer=raw, response_deserializer=raw)(message, timeout=900)

    def _apply(self, document):
        """The revision of a document's changes."""
        reply = self.call("IntentService", "Apply", field(1, field(1, TENANT) + document))
        return dict(fields(reply)).get(1, 0)

    def _wait(self, timeout=900):
        reply = self.call("IntentService", "WaitInstalled", field(2, timeout * 1000))
        answer = list(fields(reply))
        if (1, 1) not in answer:
            raise TimeoutError("not installed: %s" % [v for k, v in answer if k == 3])
        return time.monotonic()

    def sync(self, timeout=900):
        return self._wait(timeout)

    # -- model ----------------------------------------------------------
    def routers(self, names):
        self._group(OPEN, [rule(d, e) for d in (IN, OUT) for e in ("IPv6", "IPv4")])
        self.router_nets = {n: [] for n in names}
        self._apply(b"".join(field(6, resource(n, b"")) for n in names))

    def networks(self, nets):
        document = b""
        for n in nets:
            self.router_nets[n.router].append(n)
            document += field(4, resource(n.name, field(2, 1500)))
            spec = field(1, n.name) + field(2, n.prefix + "::/64") + field(3, n.prefix + "::1")
            document += field(5, resource("s" + n.name, spec + field(4, MODES[n.mode]) + field(5, MODES[n.mode])))
        document += b"".join(field(6, self._router(router)) for router in {n.router for n in nets})
        self._apply(document)

    def _router(self, name, routes=b""):
        nets = self.router_nets[name]
        return resource(name, b"".join(field(1, field(1, "s" + n.name) + field(3, n.gw_mac)) for n in nets) + routes)

    def route(self, router, prefix, nexthop):
        self._apply(field(6, self._router(router, field(2, field(1, prefix) + field(2, nexthop)))))

    def lead_out(self, ch, interface, prefix, routers, mapping):
        """A chassis' port leads to a physical network with a router at PREFIX::1; routers have an address there each, and one maps
        a prefix to another."""
        mappings = field(3, field(1, "physnet1") + field(2, interface))
        document = field(2, resource(ch.name, field(1, dpid(ch)) + field(2, ch.tun) + mappings + field(4, 1), tenant=None))
        document += field(4, resource("public", field(1, 2) + field(9, "physnet1"), tenant=None))
        document += field(5, resource("public6", field(1, "public") + field(2, prefix + "::/64") + field(3, prefix + "::1")))
        for router, address in routers.items():
            document += field(6, self._router(router, field(3, field(1, "public") + field(2, address))))
        document += field(14, resource("out", b"".join(field(i, text) for i, text in enumerate(mapping, 1))))
        self._apply(document)
        self._wait()

    def groups(self, names):
        for name in names:
            self._group(name, [
                rule(OUT, "IPv6"), rule(IN, "IPv6", group=name), rule(IN, "IPv6", "ipv6-icmp"),
                rule(IN, "IPv6", "tcp", ports=(22, 22)), rule(IN, "IPv6", "tcp", ports=(5201, 5299))])

    def _group(self, name, rules):
        self._apply(field(10, resource(name, b"".join(field(2, r) for r in rules))))

    def _port(self, p):
        chassis, interface = PLACES[p.name]
        fixed = field(1, field(1, "s" + p.net) + field(2, p.ip))
        spec = field(1, p.net) + field(2, p.mac) + field(3, fixed)
        spec += field(6, field(1, chassis) + field(2, interface))
        return resource(p.name, spec + field(20, field(1, p.group or OPEN)))

    def add_ports(self, ports, wait=False):
        out = {}
        if len(ports) == 1:
            self.call("PortService", "CreatePort", field(1, self._port(ports[0])))
        else:
            for i in range(0, len(ports), 250):
                self._apply(b"".join(field(7, self._port(p)) for p in ports[i:i + 250]))
        out["accepted"] = time.monotonic()
        if wait:
            out["installed"] = self._wait()
        return out

    def ghost_chassis(self, name, tunnel_ip):
        """A chassis that no bridge connects as."""
        self._apply(field(2, resource(name, field(1, "fe") + field(2, tunnel_ip), tenant=None)))

    def ghosts(self, ports, chassis):
        """Notes that ports are there."""
        PLACES.update({p.name: (chassis, p.name) for p in ports})
        return ports

    def keep_only(self, ports, chassis):
        """In one transaction, all ports of the tenant are these. Returns once these chassis have confirmed: when flows began to
        be sent."""
        document = field(1, TENANT) + b"".join(field(7, self._port(p)) for p in ports)
        self.call("IntentService", "Apply", field(1, document) + field(2, 1))
        accepted = time.monotonic()
        for ch in chassis:
            self.until_active(ch)
        return accepted

    def until_active(self, ch):
        """Returns when a chassis that is connected has confirmed all that is wanted of it."""
        is_active = lambda status: status.get(1) == ACTIVE and status.get(5) == 1
        while not is_active(dict(fields(dict(fields(self._chassis(ch))).get(3, b"")))):
            time.sleep(.01)

    def _chassis(self, ch):
        return self.call("ChassisService", "GetChassis", field(2, ch.name))

    def del_ports(self, ports):
        for p in ports:
            self.call("PortService", "DeletePort", field(1, TENANT) + field(2, p.name))

    def cli_add(self, p):
        """The same through a `sextant` process."""
        chassis, interface = PLACES[p.name]
        text = ("tenant: %s\nports: [{name: %s, network: %s, mac_address: '%s', fixed_ips: [{ip_address: '%s'}], "
                "binding: {chassis: %s, interface: %s}}]\n" % (TENANT, p.name, p.net, p.mac, p.ip, chassis, interface))
        sh([BINARY, "--server", "[::1]:%d" % self.grpc, "apply", "-f", "-", "--wait", "60s"], inp=text)

    # -- processes ------------------------------------------------------
    def procs(self):
        return {"sextant": self.lab.procs["sextant"].pid}

    def agent_start(self, ch):
        if "sextant" not in self.lab.procs:
            self._start()

    def agent_pid(self, ch):
        return self.lab.procs["sextant"].pid

    def passive(self):
        """From now on a bridge has a controller only while it is attached."""
        self.stop()
        self.dials = False
        self._start()

    def attach(self, ch):
        """The bridge gets its controller; returns when that says that they are connected: when the switch was done with its
        configuration, and began to connect."""
        ch.vsctl("set-controller", "br-int", door(ch))
        told = time.monotonic()
        while not self.is_connected(ch):
            time.sleep(.002)
        return told

    def is_connected(self, ch):
        return (5, 1) in fields(dict(fields(self._chassis(ch))).get(3, b""))

    def flow_mods(self):
        """Sent since the controller was started."""
        with urllib.request.urlopen("http://[::1]:%d/metrics" % self.http) as reply:
            lines = reply.read().decode().splitlines()
        return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("sextant_flow_mods_total"))

    def detach(self, ch):
        """The bridge loses its controller, and with it its flows; groups and meters are taken away, too."""
        ch.vsctl("del-controller", "br-int")
        for what in ("del-flows", "del-groups", "del-meters"):
            ch.ofctl(what)

    def agent_kill(self, ch, sig):
        if "sextant" in self.lab.procs:
            self.channel.close()
            self.lab.kill("sextant", sig)


def free_port():
    with socket.socket(socket.AF_INET6) as s:
        s.bind(("::1", 0))
        return s.getsockname()[1]


def door(ch):
    """The only path where Open vSwitch lets a bridge connect to a unix socket."""
    return "unix:%s/br-int.controller" % ch.dir


def dpid(ch):
    return ch.vsctl("get", "bridge", "br-int", "datapath_id").strip().strip('"')
