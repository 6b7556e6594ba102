"""DHCPv6 clients as Debian has them, each in a host's network and in mount and process namespaces of its own.

Clients write to fixed paths: their folder below /var/lib, /run, /etc/resolv.conf. Each finds them in a folder of its own inside
the lab's, which stays from one start to the next, so that a client knows its DUID and leases again; the machine's are untouched.
"""

import glob
import ipaddress
import os
import shutil
import signal
import subprocess
import time

# Replaces what clients write to, then becomes the client. /etc becomes a folder of links to the machine's, but for some.
BOX = r"""
set -eu
home=$1; shift
mount --bind /etc /mnt
mount --bind "$home/etc" /etc
mount --bind "$home/run" /run
for folder in dhcp dhcpcd dibbler dhcpv6; do mount --bind "$home/lib" "/var/lib/$folder"; done
mount --bind "$home/log" /var/log
# Where nobody may write to it, networkd doesn't wait for a device manager that there is none of here.
mount --bind /sys /sys; mount -o remount,bind,ro /sys
exec "$@" >>"$home/said" 2>&1
"""


# Gives an interface an address of a delegated prefix, for clients that leave that to a script.
ASSIGN = """\
give() {{ [ "$3" = 0 ] && take "$1" || ip -6 addr replace "${{1%%/*}}1/64" dev {0} preferred_lft "$2" valid_lft "$3"; }}
take() {{ ip -6 addr del "${{1%%/*}}1/64" dev {0}; }}
"""


class Dhcp6Client:
    """One client on one host. `settings`: it asks for settings alone; `advertised`: a router advertises there; `downstream`: it asks
    for a prefix alone, and gives that interface an address of it."""

    name = ""
    own_files = ()  # what it has of its own in /etc: path and text
    forms = False  # whether it forms addresses in the kernel's place
    minds_zero = True  # whether it gives up a prefix that it is told to have a lifetime of 0
    keeps_settings = True  # whether it makes anything of settings that come without an address

    def __init__(self, host, settings=False, advertised=True, device="eth0", downstream=""):
        self.host = host
        self.device = device
        self.settings = settings
        self.advertised = advertised
        self.downstream = downstream
        self._process = None
        self._before = set()
        self.home = os.path.join(os.environ["SEXTANT_LAB_RUNDIR"], "clients", host.name, device, self.name)
        self._furnish()

    def start(self):
        """Starts it; what was in its resolv.conf is gone."""
        self._write("etc/resolv.conf", "")
        self._await_ready()
        self._before = set(self._addresses())
        self._process = self._popen(self.command())

    def wait(self, prefix=None, settings=True, timeout=30):
        """Waits until it has an address of a prefix, if one is named, and if `settings` knows servers; the address."""
        prefix = ipaddress.ip_network(prefix) if prefix else None
        deadline = time.monotonic() + timeout
        while True:
            inside = [address for address in self._addresses() if prefix and ipaddress.ip_address(address) in prefix]
            if (inside or not prefix) and (self.told()[0] or not settings):
                return inside[0] if inside else None
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} on {self.host.name} has {self._addresses()} and was told {self.told()} "
                                   f"after {timeout} s; it said:\n{self.said()}")
            time.sleep(0.1)

    def wait_delegated(self, prefix, timeout=30):
        """Waits until the interface downstream has an address of a prefix; the address."""
        deadline = time.monotonic() + timeout
        while True:
            for address in self.delegated():
                if ipaddress.ip_address(address) in ipaddress.ip_network(prefix):
                    return address
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} on {self.host.name}: {self.downstream} has {self.delegated()}, nothing of {prefix} "
                                   f"after {timeout} s; it said:\n{self.said()}")
            time.sleep(0.1)

    def delegated(self):
        """The usable global addresses of the interface downstream."""
        return self.host.addresses(device=self.downstream) if self.downstream else []

    def command(self):
        """Its command line, for the foreground."""
        raise NotImplementedError

    def vanish(self):
        """Ends it at once: it says nothing to the server, and what it had configured goes too."""
        self._signal(signal.SIGKILL)
        self._await_end()
        for address in set(self._addresses()) - self._before:
            self.host.run("ip", "addr", "del", address, "dev", self.device)
        if self.downstream:
            self.host.run("ip", "-6", "addr", "flush", "dev", self.downstream, "scope", "global")
            self.host.run("ip", "-6", "route", "flush", "proto", "dhcp")

    def release(self):
        """Ends it in order: it gives back what it has."""
        self._signal(signal.SIGTERM)
        self._await_end()

    def forget(self):
        """The next start is another machine's: it has no DUID and no leases."""
        shutil.rmtree(self.home)
        self._furnish()

    def told(self):
        """DNS servers and domains that it was told by DHCPv6, as its script wrote them into resolv.conf."""
        servers, domains = [], []
        for line in self._read("etc/resolv.conf").splitlines():
            word, *values = line.split() or [""]
            if word == "nameserver":
                servers += values
            elif word in ("search", "domain"):
                domains += [value.rstrip(".") for value in values]
        return sorted(set(servers)), sorted(set(domains))

    def getent(self, *words):
        """What the C library finds of a name, with the resolv.conf that the client made; lines of words."""
        box = 'mount --bind "$1/etc/resolv.conf" /etc/resolv.conf; shift; exec getent "$@"'
        done = self.host.run("unshare", "--mount", "--propagation", "private", "sh", "-ec", box, "sh", self.home, *words)
        return [line.split() for line in done.stdout.splitlines()]

    def said(self, lines=15):
        """The end of what it printed."""
        return "\n".join(self._read("said").splitlines()[-lines:])

    def _await_ready(self):
        """Most clients end at once where the interface has no link-local address that is no longer tentative."""
        self.host.wait_link_local(self.device)

    def _addresses(self):
        return self.host.addresses(device=self.device)

    def _back_to_kernel(self):
        """The kernel forms addresses and minds router advertisements again, from the beginning."""
        settings = (f"accept_ra={2 if self.downstream else 1}", "autoconf=1", "addr_gen_mode=0", "disable_ipv6=1", "disable_ipv6=0")
        self.host.cmd("; ".join(f"sysctl -qw net.ipv6.conf.{self.device}.{setting}" for setting in settings))

    def _popen(self, command):
        for leftover in (*glob.glob(f"{self.home}/run/*"), *glob.glob(f"{self.home}/lib/*.pid")):
            shutil.rmtree(leftover) if os.path.isdir(leftover) else os.remove(leftover)
        box = ["unshare", "--mount", "--uts", "--pid", "--fork", "--propagation", "private",
               "sh", "-c", BOX, "sh", self.home, *command]
        return self.host.popen(box, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _signal(self, number):
        """Signals the client itself, the only child of `unshare`; with it go its helpers."""
        with open(f"/proc/{self._process.pid}/task/{self._process.pid}/children", encoding="ascii") as children:
            for child in children.read().split():
                os.kill(int(child), number)

    def _await_end(self, patience=10):
        """Waits until it has ended, and ends it by force if it does not."""
        try:
            self._process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._process = None

    def _furnish(self):
        if os.path.exists(self.home):
            return
        for folder in ("etc", "run", "lib", "log/dibbler"):
            os.makedirs(os.path.join(self.home, folder))
        own = {"resolv.conf": "", **dict(self.own_files)}
        for name in os.listdir("/etc"):
            if name not in {path.split("/")[0] for path in own}:
                os.symlink(f"/mnt/{name}", os.path.join(self.home, "etc", name))
        for path, text in own.items():
            self._write(f"etc/{path}", text)
        for folder in (self.home, os.path.join(self.home, "lib")):
            os.chmod(folder, 0o755)

    def _write(self, path, text):
        path = os.path.join(self.home, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def _read(self, path):
        path = os.path.join(self.home, path)
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()


class Dhclient(Dhcp6Client):
    """ISC's dhclient, with Debian's configuration and script."""

    name = "dhclient"
    HOOK = """\
case $reason in
BOUND6|RENEW6|REBIND6) [ -z "$new_ip6_prefix" ] || give "$new_ip6_prefix" "$new_preferred_life" "$new_max_life" ;;
DEPREF6|EXPIRE6|RELEASE6|STOP6) [ -z "$old_ip6_prefix" ] || take "$old_ip6_prefix" ;;
esac
"""

    def command(self):
        sort = ["-P"] if self.downstream else ["-S"] if self.settings else []
        return ["dhclient", "-6", "-d", "-v", *sort, *self._hooked(), self.device]

    def release(self):
        self._signal(signal.SIGKILL)
        self._process.wait()
        sort = ["-P"] if self.downstream else []
        self._process = self._popen(["dhclient", "-6", "-d", "-v", *sort, *self._hooked(), "-r", self.device])
        self._await_end()

    def _hooked(self):
        """Options that put a hook behind its script."""
        if not self.downstream:
            return []
        self._write("etc/dhclient.hooked", "#!/bin/sh\n/sbin/dhclient-script\n" + ASSIGN.format(self.downstream) + self.HOOK)
        return ["-sf", "/etc/dhclient.hooked"]


class Dhcpcd(Dhcp6Client):
    """dhcpcd, which goes by router advertisements: it takes them from the kernel. Two messages are enough for it (rapid commit).
    Its hook notes what DHCPv6 told."""

    name = "dhcpcd"
    forms = True
    slaac = "hwaddr"
    HOOK = '#!/bin/sh\n[ -z "$new_dhcp6_name_servers" ] || env | grep ^new_dhcp6_ >/etc/told\n'
    own_files = (("dhcpcd.hook", HOOK),)

    def command(self):
        self._write("etc/told", "")
        config = ["duid", "persistent", "option dhcp6_name_servers, dhcp6_domain_search, rapid_commit", f"slaac {self.slaac}"]
        if not self.advertised:
            config += ["noipv6rs", "inform6" if self.settings else "ia_na"]
        if self.downstream:
            config += ["option dhcp6_reconfigure_accept", f"allowinterfaces {self.device} {self.downstream}",
                       f"interface {self.downstream}", "noipv6rs", f"interface {self.device}", f"ia_pd 1 {self.downstream}/1/64"]
        self._write("etc/dhcpcd.conf.lab", "\n".join(config) + "\n")
        return ["dhcpcd", "-6", "-B", "-d", "-f", "/etc/dhcpcd.conf.lab", "-c", "/etc/dhcpcd.hook", self.device]

    def told(self):
        values = dict(line.split("=", 1) for line in self._read("etc/told").splitlines())
        return (sorted(values.get("new_dhcp6_name_servers", "").split()),
                sorted(name.rstrip(".") for name in values.get("new_dhcp6_domain_search", "").split()))

    def vanish(self):
        super().vanish()
        self._back_to_kernel()

    def release(self):
        self._signal(signal.SIGALRM)
        self._await_end()


class Dibbler(Dhcp6Client):
    """dibbler-client."""

    name = "dibbler"
    own_files = (("dibbler/client.conf", ""),)

    HOOK = """\
case $1 in
add|update) [ -z "$PREFIX1" ] || give "$PREFIX1" "$PREFIX1PREF" "$PREFIX1VALID" ;;
delete|expire) [ -z "$PREFIX1" ] || take "$PREFIX1" ;;
esac
"""

    def command(self):
        ask = "  pd\n" if self.downstream else "" if self.settings else "  ia\n"
        once = "stateless\n" if self.settings else ""
        if self.downstream:
            self._write("etc/dibbler/notify", "#!/bin/sh\n" + ASSIGN.format(self.downstream) + self.HOOK)
            once = f'script "/etc/dibbler/notify"\ndownlink-prefix-ifaces "{self.downstream}"\n'
        self._write("etc/dibbler/client.conf",
                    f"log-level 7\n{once}iface {self.device} {{\n{ask}  option dns-server\n  option domain\n}}\n")
        return ["dibbler-client", "run"]


class Dhcp6c(Dhcp6Client):
    """The WIDE project's dhcp6c, with Debian's script."""

    name = "dhcp6c"

    def command(self):
        ask = "send ia-pd 1;" if self.downstream else "information-only;" if self.settings else "send ia-na 1;"
        assigned = (f"id-assoc pd 1 {{ prefix-interface {self.downstream} {{ sla-id 1; sla-len 8; }}; }};\n" if self.downstream
                    else "id-assoc na 1 { };\n")
        self._write("etc/dhcp6c.lab",
                    f'interface {self.device} {{ {ask} request domain-name-servers, domain-name;\n'
                    f'script "/etc/wide-dhcpv6/dhcp6c-script"; }};\n{assigned}')
        return ["dhcp6c", "-f", "-D", "-c", "/etc/dhcp6c.lab", self.device]


class DhcpcdPrivate(Dhcpcd):
    """dhcpcd as Debian sets it up: it forms stable private addresses (RFC 7217), the link-local one too."""

    name = "dhcpcd-private"
    slaac = "private"

    def _await_ready(self):
        """It leaves a link-local address that there is, so it comes first, as when a machine boots."""
        self.host.cmd(f"sysctl -qw net.ipv6.conf.{self.device}.addr_gen_mode=1; ip -6 addr flush dev {self.device}")


class Networkd(Dhcp6Client):
    """systemd-networkd, which takes router advertisements itself. That of Debian 12 asks for settings alone, and forgets them;
    and it ignores prefixes with lifetimes of 0."""

    name = "networkd"
    forms = True
    minds_zero = False
    keeps_settings = False
    own_files = (("systemd/network/lab.network", ""),)

    def command(self):
        config = ["[Match]", f"Name={self.device}", "[Network]", "DHCP=ipv6", "LLMNR=no", "[IPv6AcceptRA]", "UseDNS=no", "UseDomains=no",
                  "[DHCPv6]", "UseDomains=yes"]
        if not self.advertised:
            config.append(f"WithoutRA={'information-request' if self.settings else 'solicit'}")
        if self.downstream:
            config += ["UseAddress=no"]
            below = ["[Match]", f"Name={self.downstream}", "[Network]", "DHCPPrefixDelegation=yes", "IPv6AcceptRA=no", "LLMNR=no",
                     "[DHCPPrefixDelegation]", f"UplinkInterface={self.device}", "SubnetId=1", "Announce=no"]
            self._write("etc/systemd/network/below.network", "\n".join(below) + "\n")
        self._write("etc/systemd/network/lab.network", "\n".join(config) + "\n")
        # It gives up root's rights early; what it notes is its user's.
        return ["sh", "-c", "cd /run; mkdir systemd; for d in . links leases lldp; do "
                "install -d -o systemd-network -g systemd-network systemd/netif/$d; done; "
                "SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=debug exec /lib/systemd/systemd-networkd"]

    def told(self):
        lines = [line for note in glob.glob(f"{self.home}/run/systemd/netif/links/*") for line in self._read(note).splitlines()]
        noted = dict(line.split("=", 1) for line in lines if line.startswith(("DNS=", "DOMAINS=")) and not line.endswith("="))
        return sorted(noted.get("DNS", "").split()), sorted(name.rstrip(".") for name in noted.get("DOMAINS", "").split())

    def vanish(self):
        super().vanish()
        self._back_to_kernel()


CLIENTS = (Dhclient, Dibbler, Dhcp6c, Dhcpcd, Networkd)

