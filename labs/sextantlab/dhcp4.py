"""DHCP clients for IPv4 as Debian has them, boxed as those for IPv6 are."""

from .dhcp6 import Dhcp6Client


class Dhcp4Client(Dhcp6Client):
    """One client on one host."""

    def wait_lease(self, prefix, timeout=30):
        """The address of a prefix, as soon as it is configured."""
        try:
            return self.host.wait_address(prefix, timeout, self.device)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; {self.name} said:\n{self.said()}") from error

    def vanish(self):
        """Ends it at once: it says nothing to the server, and what it had configured goes too."""
        super().vanish()
        self.host.run("ip", "-4", "addr", "flush", "dev", self.device)


class Dhclient4(Dhcp4Client):
    """ISC's dhclient, with Debian's configuration and script."""

    name = "dhclient4"

    def command(self):
        return ["dhclient", "-4", "-d", "-v", self.device]


class Dhcpcd4(Dhcp4Client):
    """dhcpcd, for IPv4 alone."""

    name = "dhcpcd4"

    def command(self):
        config = ["option domain_name_servers, domain_name, classless_static_routes, interface_mtu, rapid_commit", *self.more]
        self._write("etc/dhcpcd.conf.lab", "\n".join(config) + "\n")
        return ["dhcpcd", "-4", "-B", "-d", "-f", "/etc/dhcpcd.conf.lab", self.device]

    more = ()


class Dhcpcd4Mostly(Dhcpcd4):
    """The same, which can do without IPv4 (RFC 8925)."""

    name = "dhcpcd4mostly"
    more = ("option ipv6_only_preferred",)
