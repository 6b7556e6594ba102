"""A pair of ovsdb-server and ovs-vswitchd of its own, in the namespace of a Mininet node."""

import os
import subprocess
import time

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class OvsPair:
    """Both daemons of one node, their folder, and the tools pointed at them."""

    def __init__(self, node, rundir):
        self.rundir = rundir
        self._node = node
        self._processes = []
        self._env = dict(os.environ, OVS_RUNDIR=rundir, OVS_LOGDIR=rundir, OVS_DBDIR=rundir)

    def start(self):
        """Starts both and waits until the switch takes orders."""
        os.makedirs(self.rundir)
        self._run(["ovsdb-tool", "create", self.path("conf.db"), SCHEMA])
        self._spawn(self._database())
        self.await_file("db.sock")
        self.vsctl("--no-wait", "init")
        self.start_vswitchd()

    def start_vswitchd(self):
        """Starts the switch alone (its database is up)."""
        self._spawn(["ovs-vswitchd", "unix:" + self.path("db.sock"), "--unixctl=" + self.path("vsw.ctl"),
                     "--log-file=" + self.path("vsw.log")])
        self.await_file("vsw.ctl")

    def restart_vswitchd(self):
        """Ends the switch and starts it again."""
        switch = self._processes.pop()
        switch.terminate()
        switch.wait()
        self.start_vswitchd()

    def kill_vswitchd(self):
        """kill -9 of the switch alone; `start_vswitchd` brings it back, without a single flow."""
        switch = self._processes.pop()
        switch.kill()
        switch.wait()
        os.remove(self.path("vsw.ctl"))

    def restart_database(self, away=1.0):
        """Ends the database server and starts it again after so many seconds; the switch goes on meanwhile."""
        server = self._processes.pop(0)
        server.terminate()
        server.wait()
        time.sleep(away)
        self._spawn(self._database())
        self._processes.insert(0, self._processes.pop())

    def _database(self):
        return ["ovsdb-server", self.path("conf.db"), "--remote=punix:" + self.path("db.sock"),
                "--unixctl=" + self.path("ovsdb.ctl"), "--log-file=" + self.path("ovsdb.log")]

    @property
    def switch(self):
        """The switch's process."""
        return self._processes[-1]

    def stop(self):
        """Ends both, the switch first."""
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes = []

    def kill(self):
        """Ends both at once, as a crash does."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes = []

    def path(self, name):
        """A file in this pair's folder."""
        return os.path.join(self.rundir, name)

    def management(self, bridge):
        """The OpenFlow management socket of a bridge, as `ovs-ofctl` and the controller take it."""
        return "unix:" + self.path(bridge + ".mgmt")

    def vsctl(self, *args):
        """ovs-vsctl; its output."""
        return self._run(["ovs-vsctl", "--retry", "--timeout=20", "--db=unix:" + self.path("db.sock"), *args])

    def appctl(self, *args):
        """ovs-appctl towards the switch; its output."""
        return self._run(["ovs-appctl", "-t", self.path("vsw.ctl"), *args])

    def ofctl(self, command, bridge, *args):
        """ovs-ofctl in OpenFlow 1.3; its output."""
        return self._run(["ovs-ofctl", "-O", "OpenFlow13", command, self.management(bridge), *args])

    def _run(self, command):
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command[:4])} ...: {done.stderr.strip()}")
        return done.stdout

    def _spawn(self, command):
        self._processes.append(self._node.popen(
            [*command, "--no-chdir", "-vconsole:off"], env=self._env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def await_file(self, name):
        """Waits until a daemon has made a file (a socket) in this pair's folder."""
        deadline = time.monotonic() + 20
        while not os.path.exists(self.path(name)):
            if self._processes[-1].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self._node.name}: {self._processes[-1].args[-3:]} did not start, see {self.rundir}")
            time.sleep(0.01)
