#!/usr/bin/python3
"""One address, three web servers on two of three chassis: who answers whom, and how long it takes to leave one; see README.md."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

import anycast_site as site  # noqa: E402
from sextantlab import LabFailed, keep, run_lab  # noqa: E402

ROUNDS = 5


def steps(isolation, progress):
    """Brings everything up, shows it, and takes it down."""
    with progress.step("lab up: 3 chassis, 3 servers, 5 clients; controller; sextant apply"):
        service = site.Service(isolation).__enter__()
    try:
        with progress.step("the service"):
            progress.say(service.lab.controller.call("get", "anycast_services", "--tenant", "acme"))
        with progress.step("who answers whom: the nearest, else one of all"):
            for client in ("c1", "b1", "c2", "c3", "b3"):
                chassis = service.hosts[client].spec.chassis
                for address in (site.ADDRESS, site.ADDRESS4):
                    progress.say(f"{client} on {chassis} asks {address:15} 60 times: {site.spread(service.ask(client, 60, address))}")
                progress.say(f"   {service.neighbor(client) or 'reaches it by its router'}")
                progress.say(f"   trace: {service.trace(client)}")
        with progress.step(f"c1's server is killed, {ROUNDS} times: how long until another answers"):
            outages(service, progress, service.kill, service.serve)
        with progress.step("its neighbour cache meanwhile"):
            progress.say(service.neighbor("c1"))
        if keep():
            service.lab.stay()
    finally:
        with progress.step("lab down"):
            service.__exit__()


def outages(service, progress, leave, back):
    """What a client of the nearest server sees when that goes and comes back."""
    found = []
    for _ in range(ROUNDS):
        watch = service.watch("c1", seconds=2)
        leave("ns1")
        seconds, who = watch.outage("ns1")
        found.append(seconds)
        progress.say(f"{seconds * 1000:5.0f} ms, then {who} answers")
        back("ns1")
        service.wait_health({"ns1": "alive"})
    if min(found) > 0.5:
        raise LabFailed(f"{found}: half a second was expected at most")


if __name__ == "__main__":
    run_lab("lab anycast", steps)
