"""Stock Mininet, as anybody types it: IPv6 between all pairs, in under ten seconds."""

import importlib.util
import os
import sys

MN = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "labs", "mn")

ALONE = True  # it says how long something may take


def lab():
    """labs/mn/lab.py, which has a name that others have too."""
    sys.path.insert(0, MN)
    spec = importlib.util.spec_from_file_location("mn_lab", os.path.join(MN, "lab.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def all_pairs(isolation, topo):
    """One topology in a lab of its own; the switches' IPv6 is on, and no sysctl was written."""
    mn = lab()
    surroundings = mn.Surroundings(isolation)
    try:
        surroundings.start_switch()
        _, seconds = mn.all_pairs(surroundings, topo)
        print(f"mn --topo {topo}: {seconds:.1f} s")
    finally:
        surroundings.end()


def test_tree(isolation):
    all_pairs(isolation, "tree,2")


def test_torus(isolation):
    all_pairs(isolation, "torus,3,3")


def test_linear(isolation):
    all_pairs(isolation, "linear,8")


def test_the_intents_are_those_of_the_topologies(isolation):
    sites = lab().sites
    for topo in sites.TOPOLOGIES:
        with open(sites.path(topo), encoding="ascii") as file:
            assert file.read() == sites.text(topo), topo
