"""Who reaches whom over each encapsulation: same network, routed on one chassis, routed across chassis, and
never between two tenants that use the very same prefixes and MAC addresses."""

import wiring
from common import address4, dvr, some_hosts
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


def test_matrix_notices_both_kinds_of_wrong(isolation):
    """A host that is reached though it must not be, and one that is not though it must be."""
    with dvr(isolation, hosts=some_hosts("acme-vm1", "acme-vm2", "umbra-vm7")) as lab:
        upside_down = Matrix(list(lab.hosts.values()), wiring.address,
                             lambda source, target: None if wiring.expected(source, target) else "same", KINDS)
        pairs = {("acme-vm1", "acme-vm2"), ("acme-vm1", "umbra-vm7"), ("acme-vm2", "umbra-vm7")}
        wrong = {(words.split()[0], kind) for words in upside_down.reasons for kind in KINDS if f"by {kind}:" in words}
        assert len(upside_down.reasons) == 2 * len(pairs) * len(KINDS), upside_down.words(99)
        assert wrong == {(host, kind) for host in lab.hosts for kind in KINDS}
