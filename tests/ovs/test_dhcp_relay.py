"""A DHCPv6 client behind ISC's dhcrelay gets the address of its port, if the relay's port may speak for others."""

import contextlib
import time

from sextantlab import ChassisSpec, HostSpec, Lab, wait_until
from sextantlab.dhcp6 import Dhclient
from sextantlab.host import Host

MAC = "02:00:00:00:08:0f"
SITE = """\
tenant: acme
chassis: [{name: hv1, datapath_id: "0000000000000001", tunnel_ip: "fd00:a::1"}]
fabric: {encap: geneve}
networks: [{name: n}, {name: far, dns_domain: far.example.net}]
subnets:
  - {name: six, network: n, cidr: "2001:db8:7::/64", ipv6_ra_mode: slaac, ipv6_address_mode: slaac}
  - {name: far6, network: far, cidr: "2001:db8:8::/64", ipv6_address_mode: dhcpv6-stateful, dns_nameservers: ["2001:db8::53"]}
ports:
  - {name: relay, network: n, mac_address: "02:00:00:00:07:0a", binding: {chassis: hv1, interface: acme-relay}, dhcp_relay: true}
  - {name: far, network: far, mac_address: "02:00:00:00:08:0f", fixed_ips: [{ip_address: "2001:db8:8::f00d"}]}
"""


@contextlib.contextmanager
def lab_of(isolation):
    """A hypervisor, a relay on it, and a host that is wired to the relay alone, as one on a pass-through NIC's segment."""
    lab = Lab(isolation, [ChassisSpec("hv1", 1, "fd00:a::1")], [HostSpec("acme", "relay", "n", "hv1", "02:00:00:00:07:0a")])
    relay = lab.host("acme", "relay")
    far = lab.net.addHost("acme-far", cls=Host, spec=HostSpec("acme", "far", "far", "none", MAC), ip=None, mac=None)
    lab.net.addLink(far, relay, intfName1="eth0", intfName2="eth1", addr1=MAC)
    lab.hosts["acme-far"] = far
    with lab:
        relay.cmd("ethtool -K eth1 tx off; ip link set eth1 up; ip addr add 2001:db8:8::1/64 dev eth1 nodad")
        lab.controller.start()
        lab.controller.apply_text(SITE, wait=None)
        wait_until("the relay has an address", lambda: relay.addresses() and "2001:db8:7" in " ".join(relay.addresses()))
        yield lab


def test_a_client_behind_a_relay(isolation):
    with lab_of(isolation) as lab:
        relay, far = lab.host("acme", "relay"), lab.host("acme", "far")
        process = relay.popen(["dhcrelay", "-6", "-d", "--no-pid", "-l", "eth1", "-u", "eth0"])
        try:
            with relay.capture("udp port 547") as wire:
                client = Dhclient(far)
                client.start()
                assert client.wait("2001:db8:8::/64") == "2001:db8:8::f00d"
                assert client.told() == (["2001:db8::53"], ["far.example.net"])
            said = wire.fields("dhcpv6.msgtype", "dhcpv6.linkaddr", "dhcpv6.peeraddr", display="udp.srcport == 547 && dhcpv6.msgtype == 13")
            assert said and all(row[1] == "2001:db8:8::1" and row[2].startswith("fe80::") for row in said), said
            faults = wire.fields("frame.number", "_ws.expert.message", display="_ws.expert.severity >= 0x600000 || _ws.malformed")
            assert faults == [], faults
            lease = lab.controller.get("leases", "--port", "acme/far")
            assert [entry["leased"] for entry in lease] == [["2001:db8:8::f00d"]], lease
            assert lab.controller.get("leases", "--port", "acme/relay") == []
            # Given back by the same way.
            client.release()
            wait_until("the lease is gone", lambda: lab.controller.get("leases", "--port", "acme/far") == [])
            # A port that may not speak for others is not heard.
            lab.controller.apply_text(SITE.replace(", dhcp_relay: true", ""), wait=None)
            time.sleep(0.5)
            client.forget()
            client.start()
            time.sleep(4)
            assert lab.controller.get("leases", "--port", "acme/far") == [] and far.addresses() == []
            client.vanish()
        finally:
            process.kill()
            process.wait()
