"""Programs of others: iperf, ssmping and smcroute join as they do anywhere."""

import re
import signal
import subprocess
import time

from sextantlab import wait_until
from sextantlab.site import expect

from . import wiring
from .members import listeners

PORTS = ["red4"]
GROUP = "ff3e::8000:5"
GROUP4 = "239.5.5.5"


def show(site):
    """One after the other."""
    for group, options in ((f"{GROUP}%eth0", ["-V"]), (GROUP4, [])):
        iperf(site, group, options)
    ssmping(site)
    smcroute(site)


def iperf(site, group, options):
    """On two hypervisors and the other network: the same bytes each."""
    names, servers = ("red2", "red3", "blue2"), []
    bare = group.split("%")[0]
    for name in names:
        command = ["iperf", "-s", "-u", "-B", group, *options, "-i", "1"]
        servers.append(site.host(name).popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                             stderr=subprocess.STDOUT, text=True))
    wait_until("iperf's servers listen", lambda: listeners(site, bare) == sorted(names), timeout=10)
    sent = site.host("red1").run("iperf", "-c", group, "-u", *options, "-T", "8", "-t", "2", "-b", "2M", "-l", "1000")
    time.sleep(1)
    total = int(re.search(r"Sent (\d+) datagrams", sent.stdout)[1])
    for name, server in zip(names, servers):
        server.send_signal(signal.SIGINT)
        said = server.communicate(timeout=10)[0]
        reports = re.findall(r"(\d+)/\s*(\d+) \(", said)
        expect(reports, f"{name}: iperf says {said}")
        lost, seen = (sum(int(r[i]) for r in reports) for i in (0, 1))
        expect(seen >= total * 0.9 and lost <= total * 0.02, f"{name}: {lost} lost of {seen}, {total} sent: {said}")
    site.say(f"iperf {bare}: {total} datagrams to {', '.join(names)}")
    wait_until("iperf's servers have left", lambda: listeners(site, bare) == [], timeout=10)


def ssmping(site):
    """From a client's request the server answers by unicast, and to a group of its own source."""
    server = site.host("red1").popen(["ssmpingd"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        for client in ("red3", "blue3"):
            done = site.host(client).run("timeout", "-s", "INT", "6", "ssmping", "-6", "-c", "4", wiring.address(site.host("red1")))
            heard = len(re.findall(r"^multicast from", done.stdout, re.M))
            expect(heard >= 3, f"{client}: {done.stdout}")
            site.say(f"ssmping from {client}: {heard} of 4 answered by multicast")
    finally:
        server.terminate()
        server.wait(timeout=5)


def smcroute(site):
    """Joins for a router that has no program that listens."""
    host = site.host("red4")
    folder = f"{site.lab.isolation.rundir}/smcroute"
    host.cmd(f"mkdir -p {folder}; : > {folder}/conf")
    sock, pid = f"{folder}/sock", f"{folder}/pid"
    daemon = host.popen(["smcrouted", "-n", "-N", "-f", f"{folder}/conf", "-P", pid, "-u", sock], stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        time.sleep(1)
        for group in (GROUP, GROUP4):
            done = host.run("smcroutectl", "-u", sock, "join", "eth0", group)
            expect(done.returncode == 0, f"smcroutectl: {done.stdout}")
            wait_until(f"red4 listens to {group}", lambda g=group: listeners(site, g) == ["red4"], timeout=10)
        site.say("smcroute: joins seen")
    finally:
        daemon.terminate()
        daemon.communicate(timeout=5)
