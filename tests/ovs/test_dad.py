"""Duplicate address detection across chassis: conflicts are answered and told, and nothing else is taken for one."""

import time
from concurrent.futures import ThreadPoolExecutor

import wiring
from common import dvr, some_hosts
from sextantlab import wait_until

ADDRESS = "2001:db8:a::d0d0"


def test_a_conflict_across_chassis_names_the_owner(isolation):
    with dvr(isolation, hosts=some_hosts("acme-vm1", "acme-vm2", "umbra-vm1")) as lab:
        owner, other, stranger = lab.host("acme", "vm1"), lab.host("acme", "vm2"), lab.host("umbra", "vm1")
        owner.run("ip", "addr", "add", f"{ADDRESS}/64", "dev", "eth0")
        wait_until("the first has it", lambda: ADDRESS in owner.addresses())
        for host in (other, stranger):
            host.run("ip", "addr", "add", f"{ADDRESS}/64", "dev", "eth0")
        wait_until("the second is refused", lambda: any(e["local"] == ADDRESS and e.get("dadfailed") for e in other.inet()))
        # Another tenant's network has addresses of its own.
        wait_until("a stranger has it", lambda: ADDRESS in stranger.addresses())
        told = [line for line in lab.controller.call("events").splitlines() if "address.conflict" in line]
        assert len(told) == 1 and "port acme/vm2" in told[0] and f"{ADDRESS} is port acme/vm1's" in told[0], told


def test_a_thousand_probes_are_no_conflict(isolation):
    """1,000 addresses in about 10 s; half of the hosts take a probe of their own that comes back for another's (no RFC 7527)."""
    with dvr(isolation) as lab:
        hosts = list(lab.hosts.values())
        each = -(-1000 // len(hosts))
        for host in hosts[::2]:
            host.run("sysctl", "-qw", "net.ipv6.conf.eth0.enhanced_dad=0", "net.ipv6.conf.all.enhanced_dad=0")

        def probe(numbered):
            number, host = numbered
            prefix = wiring.PREFIX[host.spec.network][:-len("/64")]
            own, failed = [f"{prefix}{number:x}:{n:x}" for n in range(1, each + 1)], 0
            for begin in range(0, each, 23):
                batch = own[begin:begin + 23]
                host.run("sh", "-c", "echo '%s' | ip -b -" % "\n".join(f"addr add {a}/64 dev eth0" for a in batch))
                deadline = time.monotonic() + 20
                while time.monotonic() < deadline:
                    there = {e["local"]: e for e in host.inet() if e["local"] in batch}
                    if len(there) == len(batch) and not any(e.get("tentative") and not e.get("dadfailed") for e in there.values()):
                        break
                    time.sleep(0.2)
                failed += sum(not e.get("dadfailed") is None for e in there.values()) + len(batch) - len(there)
                host.run("sh", "-c", "echo '%s' | ip -b -" % "\n".join(f"addr del {a}/64 dev eth0" for a in batch))
            return failed

        begin = time.monotonic()
        with ThreadPoolExecutor(len(hosts)) as pool:
            failed = list(pool.map(probe, enumerate(hosts, 0x100)))
        print(f"{each * len(hosts)} probes in {time.monotonic() - begin:.1f} s, {sum(failed)} taken for conflicts")
        assert sum(failed) == 0, failed
        assert "address.conflict" not in lab.controller.call("events")
