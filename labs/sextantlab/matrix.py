"""Who reaches whom: every host probes every other at once; what is seen is held against what is expected.

Each echo request carries a nonce of its pair and each host answers TCP and UDP with its own name, so that
hosts of different tenants with the very same address are told apart.
"""

import os
from concurrent.futures import ThreadPoolExecutor


class Matrix:
    """The result of one round of probes."""

    def __init__(self, hosts, address_of, expected, kinds=("ping", "tcp"), count=3):
        """`address_of(host)` is where the others look for it; `expected(source, target)` is a word such as
        `same` or `routed` where it must be reached, and None where it must not."""
        self.hosts = hosts
        self.kinds = kinds
        self.reasons = []
        self.cells = {}
        run = os.urandom(4).hex()
        pairs = [(s, t) for s in range(len(hosts)) for t in range(len(hosts)) if s != t]
        nonces = {pair: f"{run}{pair[0]:04x}{pair[1]:04x}" for pair in pairs}
        answers = self._probe(nonces, address_of, count)
        seen = self._arrivals(nonces)
        for pair in pairs:
            self._judge(pair, expected(hosts[pair[0]], hosts[pair[1]]), answers[pair], nonces[pair] in seen[pair[1]])

    @property
    def ok(self):
        """All as expected."""
        return not self.reasons

    def words(self, most=12):
        """Why it is not as expected: the first few reasons, a line each."""
        more = [f"and {len(self.reasons) - most} more"] if len(self.reasons) > most else []
        return "\n".join(self.reasons[:most] + more)

    def table(self):
        """A line a source: what it was seen to reach, with `!` where that is not what was expected."""
        names = [host.name for host in self.hosts]
        wide = max(len(name) for name in names)
        width = max([len(cell) for cell in self.cells.values()] + [len(name) for name in names]) + 1
        lines = [" " * wide + "".join(f" {name:>{width}}" for name in names)]
        for s, name in enumerate(names):
            row = (" -" if s == t else self.cells[s, t] for t in range(len(names)))
            lines.append(f"{name:<{wide}}" + "".join(f" {cell:>{width}}" for cell in row))
        return "\n".join(lines)

    def _probe(self, nonces, address_of, count):
        def of(source):
            targets = [
                {"key": list(pair), "to": address_of(self.hosts[pair[1]]), "nonce": nonce, "kinds": self.kinds, "count": count}
                for pair, nonce in nonces.items() if pair[0] == source
            ]
            return self.hosts[source].ask({"do": "probe", "targets": targets})["answers"]

        for host in self.hosts:
            host.agent  # started one after the other, before any of them is probed
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            rows = list(pool.map(of, range(len(self.hosts))))
        return {tuple(answer["key"]): answer for row in rows for answer in row}

    def _arrivals(self, nonces):
        """Which nonces each host saw arrive."""
        order = {"do": "nonces", "nonces": list(nonces.values())}
        return [set(host.ask(order)["seen"]) if "ping" in self.kinds else set() for host in self.hosts]

    def _judge(self, pair, word, answer, arrived):
        source, target = (self.hosts[index] for index in pair)
        wrong = []
        for kind in self.kinds:
            if kind == "ping":
                reached = arrived and (answer["ping"] > 0 or word is None)
                detail = f"{answer['ping']} replies, its requests {'arrived' if arrived else 'never arrived'} there"
            else:
                reached = answer[kind] == target.name
                detail = f"answered by {answer[kind] or 'nobody'}"
            if reached != (word is not None):
                wrong.append(kind)
                expected = "expected to reach" if word else "must not reach"
                self.reasons.append(f"{source.name} {expected} {target.name} by {kind}: {detail}")
        self.cells[pair] = "!" + ",".join(wrong) if wrong else word or "."
