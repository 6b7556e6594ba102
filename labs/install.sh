#!/bin/sh
# Installs from Debian what the labs need (with the argument "test": what the system tests need too; "bench": OVN beside it),
# without starting a daemon. Does nothing, and calls no apt, where all of it is there already.
set -eu

packages="openvswitch-switch mininet ethtool ndisc6 iputils-ping iperf3 iproute2 procps"
[ "${1:-}" = bench ] && packages="$packages ovn-central ovn-host python3-grpcio python3-matplotlib"
[ "${1:-}" = test ] && packages="$packages tcpdump tshark python3-scapy thc-ipv6"

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
echo "install: done, no daemon started"
