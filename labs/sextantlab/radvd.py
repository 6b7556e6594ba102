"""radvd, on an interface of a host that is itself a router."""

import os
import subprocess

CONFIG = """\
interface {interface} {{
    AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 60;
    AdvDefaultPreference {preference};
    prefix ::/64 {{ }};
    {more}
}};
"""


class Radvd:
    """Advertises the prefixes that an interface has addresses of when it is started, and what `more` says; used by `with`."""

    def __init__(self, host, interface, preference="medium"):
        self._host = host
        self._interface, self._preference = interface, preference
        self._home = os.path.join(os.environ["SEXTANT_LAB_RUNDIR"], "radvd", host.name)
        os.makedirs(self._home, exist_ok=True)
        self._process = None

    def __enter__(self, more=""):
        with open(self._path("conf"), "w", encoding="ascii") as file:
            file.write(CONFIG.format(interface=self._interface, preference=self._preference, more=more))
        with open(self._path("log"), "a", encoding="ascii") as log:
            self._process = self._host.popen(
                ["radvd", "-n", "-m", "stderr", "-C", self._path("conf"), "-p", self._path("pid")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()

    def restart(self, more=""):
        """Takes back what it said, and says something else."""
        self.__exit__()
        self.__enter__(more)

    def _path(self, name):
        return os.path.join(self._home, name)
