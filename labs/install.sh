#!/bin/sh
# Installs from Debian what the labs need (with the argument "test": what the system tests need too; "bench": OVN beside it; the
# name of a lab: what that one needs), without starting a daemon, now or at the next boot. Does nothing, and calls no apt, where
# all of it is there already.
set -eu

packages="openvswitch-switch mininet ethtool ndisc6 iputils-ping iperf3 iproute2 procps"
[ "${1:-}" = bench ] && packages="$packages ovn-central ovn-host python3-grpcio python3-matplotlib"
watchers="tcpdump tshark python3-scapy thc-ipv6"
clients="isc-dhcp-client isc-dhcp-relay dhcpcd-base dibbler-client wide-dhcpv6-client systemd"
routers="radvd"
bgp="gobgpd bird2"
delegating="kea-dhcp6-server dibbler-server"
cloud="cloud-init curl"
ike="strongswan-swanctl strongswan-charon libcharon-extra-plugins"
case "${1:-}" in
test) packages="$packages $watchers $clients $routers $delegating dnsmasq-base bind9-dnsutils ipv6toolkit keepalived iperf ssmping smcroute nftables tayga $cloud $ike $bgp" ;;
gateway) packages="$packages $watchers $routers" ;;
exposure) packages="$packages $watchers $routers $bgp" ;;
uplink) packages="$packages $watchers $routers $delegating" ;;
nat64) packages="$packages $watchers $routers tayga" ;;
provider) packages="$packages $watchers $clients $routers dnsmasq-base" ;;
delegation) packages="$packages $watchers $clients $routers" ;;
multicast) packages="$packages $watchers iperf ssmping smcroute nftables" ;;
attack) packages="$packages $watchers ipv6toolkit" ;;
sriov | trunk) packages="$packages $watchers $clients curl" ;;
addresses | groups | nics) packages="$packages $watchers $clients" ;;
metadata) packages="$packages $watchers $clients $cloud" ;;
ipsec) packages="$packages $watchers $ike" ;;
esac

missing=
for package in $packages; do
    case "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)" in
    ii*) ;;
    *) missing="$missing $package" ;;
    esac
done
if [ -z "$missing" ]; then
    echo "install: all of it is here: $packages"
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "install: root is needed to install:$missing" >&2
    exit 1
fi

# A policy-rc.d that answers 101 keeps packages from starting their daemons. One that somebody else put
# there stays as it is; ours goes again, however this script ends.
policy=/usr/sbin/policy-rc.d
ours=
cleanup() { [ -z "$ours" ] || rm -f "$policy"; }
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ! -e "$policy" ]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

echo "install:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
# DHCPv6 clients, servers, a relay and a router that the next boot would start on the machine's own interfaces.
for service in dibbler-client dibbler-server tayga wide-dhcpv6-client isc-dhcp-relay radvd; do
    case "$missing " in
    *" $service "*) update-rc.d "$service" disable >/dev/null ;;
    esac
done
case "$missing " in
*" strongswan-charon "*) deb-systemd-helper disable strongswan-starter.service >/dev/null && update-rc.d ipsec disable >/dev/null ;;
esac
# BGP speakers.
for service in gobgpd bird; do
    case "$missing " in
    *" $service"*) deb-systemd-helper disable "$service.service" >/dev/null 2>&1 || update-rc.d "$service" disable >/dev/null ;;
    esac
done
case "$missing " in
*" kea-dhcp6-server "*) deb-systemd-helper disable kea-dhcp6-server.service >/dev/null ;;
esac
# cloud-init that the next boot would take this machine for a new one with.
case "$missing " in
*" cloud-init "*) touch /etc/cloud/cloud-init.disabled ;;
esac
echo "install: done, no daemon started"
