"""Runs in a host: joins multicast groups, of all sources or of one, and notes what arrives and when; or sends. Orders and answers are lines
of JSON on stdin and stdout; it ends with its input."""

import json
import select
import socket
import struct
import sys
import time

PORT = 7500
# <linux/in.h>: the same for both families.
JOIN, LEAVE, JOIN_SOURCE, LEAVE_SOURCE = 42, 45, 46, 47
IP_MULTICAST_ALL, IPV6_MULTICAST_ALL = 49, 29

device = socket.if_nametoindex(sys.argv[1])
arrived = {}  # by group: [payload, sender, when]


def storage(address):
    """A `sockaddr_storage`."""
    if ":" in address:
        return struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, address), 0).ljust(128, b"\0")
    return struct.pack("=HH4s", socket.AF_INET, 0, socket.inet_pton(socket.AF_INET, address)).ljust(128, b"\0")


def receiver(family):
    """A socket that hears of its own groups only, and tells which."""
    heard = socket.socket(family, socket.SOCK_DGRAM)
    heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        heard.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        heard.setsockopt(socket.IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0)
        heard.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        heard.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
        heard.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
    heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    heard.bind(("", PORT))
    return heard


receivers = {}


def of(group):
    """The socket for a group. A new one for every 16: the kernel counts what one socket holds."""
    if group not in receivers:
        receivers[group] = receiver(socket.AF_INET6 if ":" in group else socket.AF_INET)
    return receivers[group]


def change(order):
    """Joins or leaves."""
    group, source = order["group"], order.get("source")
    level = socket.IPPROTO_IPV6 if ":" in group else socket.IPPROTO_IP
    joins = order["do"] == "join"
    wanted = struct.pack("=II", device, 0) + storage(group)
    if source:
        of(group).setsockopt(level, JOIN_SOURCE if joins else LEAVE_SOURCE, wanted + storage(source))
    else:
        of(group).setsockopt(level, JOIN if joins else LEAVE, wanted)
    if not joins:
        receivers.pop(group).close()
    return {"at": time.monotonic()}


def send(order):
    """Sends datagrams to a group, one after the other; when each went."""
    group, count, gap = order["group"], order.get("count", 1), order.get("gap", 0.005)
    family = socket.AF_INET6 if ":" in group else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as out:
        if family == socket.AF_INET6:
            out.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, device)
            out.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, order.get("hops", 8))
            out.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        else:
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", b"\0" * 4, b"\0" * 4, device))
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, order.get("hops", 8))
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        if order.get("source"):
            out.bind((order["source"], 0))
        for n in range(count):
            out.sendto(f"{order.get('text', '')}{n}".encode(), (group, PORT))
            time.sleep(gap)
    return {"sent": count}


def hear(heard):
    """Notes one datagram."""
    data, more, _, sender = heard.recvmsg(2048, 256)
    for level, kind, info in more:
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            group = socket.inet_ntop(socket.AF_INET6, info[:16])
        elif level == socket.IPPROTO_IP:
            group = socket.inet_ntop(socket.AF_INET, info[8:12])
        else:
            continue
        arrived.setdefault(group, []).append([data.decode(errors="replace"), sender[0].split("%")[0], time.monotonic()])


def obey(order):
    """Does what an order says; its answer."""
    if order["do"] in ("join", "leave"):
        return change(order)
    if order["do"] == "send":
        return send(order)
    if order["do"] == "take":
        return {"arrived": arrived.pop(order["group"], [])}
    raise ValueError(order["do"])


def main():
    """Takes orders, and hears."""
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([sys.stdin, *receivers.values()], [], [])
        for heard in ready:
            if heard is sys.stdin:
                continue
            hear(heard)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            print(json.dumps(obey(json.loads(line))), flush=True)


main()
