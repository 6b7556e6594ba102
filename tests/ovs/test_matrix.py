"""Who reaches whom over each encapsulation: same network, routed on one chassis, routed across chassis, and
never between two tenants that use the very same prefixes and MAC addresses."""

import wiring
from common import address4, dvr
from sextantlab import Matrix

KINDS = ("ping", "tcp", "udp")


def judge(lab, address_of=wiring.address):
    """All pairs, by ping, TCP and UDP."""
    matrix = Matrix(list(lab.hosts.values()), address_of, wiring.expected, KINDS)
    print(matrix.table())
    assert matrix.ok, matrix.words()


def run(isolation, encap, underlay):
    """The matrix over one fabric."""
    with dvr(isolation, encap=encap, underlay=underlay) as lab:
        judge(lab)


def test_geneve_over_ipv6(isolation):
    run(isolation, "geneve", 6)


def test_geneve_over_ipv4(isolation):
    run(isolation, "geneve", 4)


def test_vxlan_over_ipv6(isolation):
    run(isolation, "vxlan", 6)


def test_vxlan_over_ipv4(isolation):
    run(isolation, "vxlan", 4)


def test_gre_over_ipv6(isolation):
    run(isolation, "gre", 6)


def test_gre_over_ipv4(isolation):
    run(isolation, "gre", 4)


def test_vlan(isolation):
    run(isolation, "vlan", 6)


def test_dual_stack(isolation):
    with dvr(isolation, dual=True) as lab:
        judge(lab)
        judge(lab, address4)
