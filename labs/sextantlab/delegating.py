"""Delegating routers (RFC 8415, 6.3): Kea and dibbler-server on a host of the physical network, each with folders of its own."""

import json
import os
import re
import signal
import subprocess


class Delegating:
    """A DHCPv6 server that delegates /56s of a pool; used by `with`. Seconds: T1, T2, preferred and valid lifetime."""

    name = ""

    def __init__(self, host, pool, times=(6, 24, 40, 60), device="eth0"):
        self.host = host
        self.device = device
        self.pool = pool
        self.times = times
        self._process = None
        self.home = os.path.join(os.environ["SEXTANT_LAB_RUNDIR"], "delegating", self.name)
        for folder in ("etc", "lib", "log"):
            os.makedirs(os.path.join(self.home, folder), exist_ok=True)
        self._write("log/said", "")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Starts it with what it has delegated."""
        self._configure()
        self.host.wait_link_local(self.device)
        with open(self._path("log/said"), "a", encoding="utf-8") as log:
            self._process = self.host.popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=dict(os.environ, **self._environment()))

    def stop(self):
        """Ends it."""
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def delegate(self, pool):
        """From now on it delegates of another pool."""
        self.pool = pool
        self.stop()
        self.start()

    def said(self):
        """What it says of what it does."""
        with open(self._path("log/said"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def _environment(self):
        return {}

    def _moved(self, folders, *command):
        """A command that has folders of its own in the places of fixed ones."""
        # Not all of them are there.
        mounts = ["mount -t tmpfs none /var/lib", "mkdir -p " + " ".join(folders.values())]
        mounts += [f"mount --bind {self._path(own)} {fixed}" for own, fixed in folders.items()]
        return ["unshare", "-m", "sh", "-c", " && ".join([*mounts, 'exec "$@"']), "sh", *command]

    def _path(self, name):
        return os.path.join(self.home, name)

    def _write(self, name, text):
        with open(self._path(name), "w", encoding="ascii") as file:
            file.write(text)


class Kea(Delegating):
    """ISC's kea-dhcp6. A change of its pool is read while it runs."""

    name = "kea"

    def delegate(self, pool):
        self.pool = pool
        self._configure()
        self._process.send_signal(signal.SIGHUP)

    def released(self, prefix):
        """Whether its lease file says that a prefix is nobody's any more: its last entry has a valid lifetime of 0."""
        entries = []
        for name in os.listdir(self._path("lib")):
            with open(self._path(f"lib/{name}"), encoding="ascii") as file:
                entries += [line.split(",") for line in file if line.startswith(prefix.split("/", maxsplit=1)[0] + ",")]
        return bool(entries) and entries[-1][2] == "0"

    def _configure(self):
        t1, t2, preferred, valid = self.times
        prefix, length = self.pool.split("/")
        pool = {"prefix": prefix, "prefix-len": int(length), "delegated-len": 56}
        subnet = {"id": 1, "subnet": "2001:db8:100::/64", "interface": self.device, "pd-pools": [pool]}
        config = {
            "interfaces-config": {"interfaces": [self.device]},
            "lease-database": {"type": "memfile", "persist": True, "name": self._path("lib/leases.csv"), "lfc-interval": 0},
            "renew-timer": t1, "rebind-timer": t2, "preferred-lifetime": preferred, "valid-lifetime": valid,
            "subnet6": [subnet],
            "loggers": [{"name": "kea-dhcp6", "severity": "INFO", "output_options": [{"output": "stdout"}]}],
        }
        self._write("etc/kea.conf", json.dumps({"Dhcp6": config}, indent=1))

    def _environment(self):
        return {"KEA_PIDFILE_DIR": self.home, "KEA_LOCKFILE_DIR": self.home}

    def _command(self):
        return self._moved({"lib": "/var/lib/kea"}, "kea-dhcp6", "-c", self._path("etc/kea.conf"))


class DibblerServer(Delegating):
    """dibbler-server."""

    name = "dibbler"

    def _configure(self):
        t1, t2, preferred, valid = self.times
        self._write("etc/server.conf",
                    f"log-level 7\niface {self.device} {{\n  t1 {t1}\n  t2 {t2}\n  prefered-lifetime {preferred}\n"
                    f"  valid-lifetime {valid}\n  pd-class {{\n    pd-pool {self.pool}\n    pd-length 56\n  }}\n}}\n")

    def released(self, prefix):
        """Whether it has said that a prefix was given back."""
        return re.search(r"PD.*(deleted|released|removed)|RELEASE", self.said()) is not None

    def _command(self):
        places = {"etc": "/etc/dibbler", "lib": "/var/lib/dibbler", "log": "/var/log/dibbler"}
        return self._moved(places, "dibbler-server", "run")
