"""Runs in a host: answers TCP and UDP with the host's own name, notes which echo requests arrived, and
probes others on order. Orders and answers are lines of JSON on stdin and stdout; it ends with its input."""

import json
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

PORT = 7000
ECHO_REQUEST = {socket.IPPROTO_ICMPV6: 128, socket.IPPROTO_ICMP: 8}
# Bytes of a nonce, as ping -p takes them (16 at most) and fills the packet with.
NONCE = 8

name = sys.argv[1]
payloads = []
arrived = []


def serve_tcp(listener):
    """Tells each caller who it reached; one that is slow to hang up keeps no other waiting."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer_tcp, args=(connection,), daemon=True).start()


def answer_tcp(connection):
    """Tells one caller, and waits until it hangs up."""
    with connection:
        try:
            connection.settimeout(3)
            connection.sendall(name.encode() + b"\n")
            connection.recv(1)
        except OSError:
            pass


def serve_udp(listener):
    """Tells each sender who it reached, and notes what came from whom."""
    while True:
        data, sender = listener.recvfrom(2048)
        arrived.append([data.decode(errors="replace"), sender[0]])
        try:
            listener.sendto(name.encode(), sender)
        except OSError:
            pass


def listen_echo(family, protocol):
    """Notes the payload of every echo request that arrives here, answered by the kernel beside us."""
    with socket.socket(family, socket.SOCK_RAW, protocol) as raw:
        while True:
            data = raw.recv(65535)
            start = (data[0] & 15) * 4 if family == socket.AF_INET else 0
            if data[start] == ECHO_REQUEST[protocol]:
                payloads.append(data[start + 8:])


def ask_tcp(to, timeout):
    """Who is at the other end."""
    try:
        with socket.create_connection((to, PORT), timeout=timeout) as connection:
            return connection.makefile().readline().strip() or None
    except OSError:
        return None


def ask_udp(to, timeout, text="?"):
    """Who answers; asked twice, as the first packet through a tunnel may be lost."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.settimeout(timeout / 2)
        for _ in range(2):
            try:
                sender.sendto(text.encode(), (to, PORT))
                return sender.recv(2048).decode()
            except OSError:
                pass
    return None


def ping(to, nonce, count, wait):
    """How many echo requests were answered."""
    done = subprocess.run(["ping", "-q", "-n", "-c", str(count), "-i", "0.3", "-W", str(wait), "-p", nonce, to],
                          capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if " received" in line:
            return int(line.split(" received")[0].split(",")[-1])
    return 0


def probe(target):
    """One target by ping, TCP and UDP."""
    to = target["to"]
    answer = {"key": target["key"]}
    if "ping" in target["kinds"]:
        answer["ping"] = ping(to, target["nonce"], target["count"], 1)
    if "tcp" in target["kinds"]:
        answer["tcp"] = ask_tcp(to, 3)
    if "udp" in target["kinds"]:
        answer["udp"] = ask_udp(to, 2)
    return answer


def obey(order):
    """Does what an order says; its answer."""
    what = order["do"]
    if what == "tcp":
        return {"answer": ask_tcp(order["to"], order["timeout"])}
    if what == "udp":
        return {"answer": ask_udp(order["to"], order["timeout"], order.get("text", "?"))}
    if what == "probe":
        with ThreadPoolExecutor(max(1, len(order["targets"]))) as pool:
            return {"answers": list(pool.map(probe, order["targets"]))}
    if what == "arrived":
        return {"udp": list(arrived)}
    if what == "nonces":
        seen = b"|".join(payloads)
        return {"seen": [nonce for nonce in order["nonces"] if bytes.fromhex(nonce) in seen]}
    raise ValueError(what)


def main():
    """Starts the servers, then takes orders."""
    tcp = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.bind(("::", PORT))
    for work, args in ((serve_tcp, (tcp,)), (serve_udp, (udp,)),
                       (listen_echo, (socket.AF_INET6, socket.IPPROTO_ICMPV6)),
                       (listen_echo, (socket.AF_INET, socket.IPPROTO_ICMP))):
        threading.Thread(target=work, args=args, daemon=True).start()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(obey(json.loads(line))), flush=True)


main()
