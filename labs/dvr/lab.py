#!/usr/bin/python3
"""Distributed routing for two tenants with the very same addresses, on three hypervisors; see README.md."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

import wiring  # noqa: E402
from sextantlab import Lab, LabFailed, Matrix, keep, run_lab, wait_until  # noqa: E402


def steps(isolation, progress):
    """Brings everything up, shows it, and takes it down."""
    with progress.step("lab up: 3 chassis over an IPv6-only underlay, 11 hosts"):
        lab = Lab(isolation, wiring.CHASSIS, wiring.HOSTS).__enter__()
    try:
        controller = lab.controller
        with progress.step("controller up"):
            controller.start()
            progress.say(f"gRPC on {controller.grpc}, HTTP on {controller.http}")
        with progress.step("sextant apply -f labs/dvr/site.yaml --wait 30s"):
            progress.say(controller.apply(os.path.join(HERE, "site.yaml")))
        with progress.step("chassis connected"):
            wait_until("every chassis connected", lambda: all(c["status"]["connected"] for c in controller.get("chassis")))
            progress.say(controller.call("get", "chassis"))
        with progress.step("ports Active"):
            wait_until("every port Active", lambda: inactive(controller) == [])
            for tenant in ("acme", "umbra"):
                progress.say(controller.call("get", "ports", "--tenant", tenant))
        with progress.step("addresses, autoconfigured by each host's kernel"):
            for host in lab.hosts.values():
                found = host.wait_address(wiring.PREFIX[host.spec.network])
                if found != wiring.address(host):
                    raise LabFailed(f"{host.name} has {found}, expected {wiring.address(host)}")
                progress.say(f"{host.name:10} {host.spec.chassis}  {host.spec.network:4}  {' '.join(host.addresses())}")
        with progress.step("who reaches whom, by ping and TCP"):
            matrix = Matrix(list(lab.hosts.values()), wiring.address, wiring.expected)
            progress.say(matrix.table())
            progress.say("same: on one network; routed: by the router of their chassis; across: routed to another chassis;")
            progress.say(".: not reached, as it must be; !: not as expected")
            if not matrix.ok:
                progress.say(matrix.words())
                raise LabFailed(f"{len(matrix.reasons)} answers of the matrix are not as expected")
        if keep():
            lab.stay()
    except Exception as error:
        print(f"FAILED: {error}\nThe controller's last words:\n{lab.controller.tail()}", flush=True)
        if keep():
            lab.stay()
        raise
    finally:
        with progress.step("lab down"):
            lab.stop()


def inactive(controller):
    """The ports that are not Active yet."""
    ports = [port for tenant in ("acme", "umbra") for port in controller.get("ports", "--tenant", tenant)]
    return [port["name"] for port in ports if port["status"]["phase"] != "Active"]


if __name__ == "__main__":
    run_lab("lab dvr", steps)
