"""What is plugged where in this lab: the cables to `site.yaml`."""

from sextantlab import ChassisSpec, HostSpec, eui64

PREFIX = "2001:db8:a::/64"
GATEWAY = "2001:db8:a::1"
CHASSIS = [ChassisSpec(f"hv{n}", n, f"fd00:a::{n}") for n in (1, 2)]
PLACES = {"attacker": ("hv1", 0x66, 66), "victim": ("hv1", 1, 11), "far": ("hv2", 2, 12), "honest": ("hv1", 3, 13)}
HOSTS = [HostSpec("acme", name, "red", chassis, f"02:00:00:00:01:{mac:02x}", addresses=[f"10.1.0.{v4}/24"],
                  routes=["default via 10.1.0.1"])
         for name, (chassis, mac, v4) in PLACES.items()]
MACS = {spec.port: spec.mac for spec in HOSTS}
ADDRESSES = {spec.port: eui64(PREFIX, spec.mac) for spec in HOSTS}
LOCALS = {spec.port: eui64("fe80::/64", spec.mac) for spec in HOSTS}
