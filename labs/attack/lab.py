#!/usr/bin/python3
"""Attackers against a protected network, with tools that others wrote; see README.md. ATTACK=WORD runs cases with that in their name."""

import contextlib
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE)]

from attack import cases, wiring  # noqa: E402
from attack.trial import Ground  # noqa: E402
from sextantlab import Lab, LabFailed, keep, run_lab, wait_until  # noqa: E402


@contextlib.contextmanager
def ground(isolation):
    """The lab, ready."""
    with Lab(isolation, wiring.CHASSIS, wiring.HOSTS) as lab:
        lab.controller.start()
        lab.controller.apply(os.path.join(HERE, "site.yaml"), wait=None)
        names = set(wiring.PLACES)

        def active():
            return names <= {p["name"] for p in lab.controller.get("ports", "--tenant", "acme") if p["status"]["phase"] == "Active"}

        wait_until("all ports Active", active)
        here = Ground(lab)
        here.settle()
        yield here


def verdict(case, outcome):
    """A line of the table."""
    counted = ", ".join(f"{name} {count}" for name, count in sorted(outcome.drops.items())) or "-"
    words = "HARM: " + "; ".join(outcome.faults(case)) if outcome.faults(case) else "stopped"
    if case.waits and not outcome.sent and not outcome.faults(case):
        words = "it heard nothing to answer"
    if outcome.legal and not outcome.faults(case):
        words = f"{outcome.legal} legal ones: {case.why}"
    return f"{case.family:9}  {case.name:44}  {outcome.sent:7}  {len(outcome.arrived):7}  {words}  [{counted}]"


HEAD = f"{'family':9}  {'attack':44}  {'sent':>7}  {'arrived':>7}  verdict  [dropped by name]"


def attack_all(here, chosen, say):
    """Runs attacks one after the other; why any of them is not as it must be."""
    say(HEAD)
    wrong = []
    for case in chosen:
        outcome = here.run(case)
        say(verdict(case, outcome))
        wrong += [f"{case.name}: {words}" for words in outcome.faults(case)]
    return wrong


def steps(isolation, progress):
    """All attacks, or those of a name."""
    word = os.environ.get("ATTACK", "")
    chosen = [case for case in cases.ALL if word in f"{case.family} {case.name}"]
    with contextlib.ExitStack() as stack:
        with progress.step("2 chassis, an attacker, two victims, an honest neighbour"):
            here = stack.enter_context(ground(isolation))
        try:
            with progress.step(f"{len(chosen)} attacks"):
                wrong = attack_all(here, chosen, progress.say)
                if wrong:
                    raise LabFailed(f"{len(wrong)} attacks are not as they must be:\n" + "\n".join(wrong))
        finally:
            if keep():
                here.lab.stay()


if __name__ == "__main__":
    run_lab("lab attack", steps)
