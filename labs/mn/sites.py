"""The intents of this lab's topologies, and `sites.py` writes them: one network for whoever is at a port, bridges by name."""

import os

HERE = os.path.dirname(os.path.abspath(__file__))

# Mininet's `--topo`, and the names and datapath ids that it gives its switches.
TOPOLOGIES = {
    "tree,2": {f"s{n}": n for n in range(1, 4)},
    "torus,3,3": {f"s{x}x{y}": 256 * x + y for x in range(1, 4) for y in range(1, 4)},
    "linear,8": {f"s{n}": n for n in range(1, 9)},
}

TEXT = """\
# mn --topo {topo}: one IPv6 network over links between bridges. Hosts get a port where they are first seen.
tenant: lab
chassis:
{chassis}
fabric: {{encap: links}}
networks:
  - {{name: lab, auto_ports: true}}
subnets:
  - {{name: lab6, network: lab, cidr: "2001:db8:1::/64", ipv6_ra_mode: slaac, ipv6_address_mode: slaac}}
routers:
  - {{name: r1, interfaces: [{{subnet: lab6}}]}}
"""


def path(topo):
    """The file of a topology."""
    return os.path.join(HERE, f"{topo.replace(',', '-')}.yaml")


def text(topo):
    """The intent of a topology."""
    chassis = "\n".join(f'  - {{name: {name}, datapath_id: "{dpid:016x}"}}' for name, dpid in TOPOLOGIES[topo].items())
    return TEXT.format(topo=topo, chassis=chassis)


if __name__ == "__main__":
    for topology in TOPOLOGIES:
        with open(path(topology), "w", encoding="ascii") as file:
            file.write(text(topology))
