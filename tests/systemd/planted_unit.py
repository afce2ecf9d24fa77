"""A unit whose workers execute their clients' commands (tests/planted/obey.c), otherwise as it is shipped,
including its sandbox. planted.py does the same without systemd."""
import os
import re
import shutil
import socket

from expect import Failure, eventually, expect
from obedient import Obedient
from system import CLIENT_DEADLINE, CONFIG, activate

# Below /usr/lib, which is in ExecPaths= of the unit.
PLACE = "/usr/lib/echod-planted/"
PORTS = {"local": 7777, "stored": 7779}
SERVER = "crash_penalty = 0\nmax_per_source = 0"
STORED = "[listen stored]\nport = %(stored)d\nservice = message" % PORTS
LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")


def plant(s):
    """Installs the daemon, and next to it the planted fork server, in the machine."""
    planted = os.path.join(s.source, "tests/planted/echod-forkserver")
    if not os.path.exists(planted):
        raise Failure("%s is not built: make -C %s %s" %
                      (planted, s.source, "tests/planted/echod-forkserver"))
    os.makedirs(s.machine.tree + PLACE, exist_ok=True)
    for program in (planted, s.machine.tree + "/usr/sbin/echod"):
        shutil.copy(program, s.machine.tree + PLACE)


def remove_planted(s):
    s.machine.remove(PLACE)


class Records:
    """The log of a unit, as lines in the format of standard error."""

    def __init__(self, s, unit):
        self.s, self.unit, self.known = s, unit, []

    def read(self):
        self.known = [" %s: %s" % (LEVELS[int(record["PRIORITY"])], record.get("MESSAGE"))
                      for record in self.s.records("-u", self.unit)]

    def matching(self, pattern):
        self.read()
        return self.found(pattern)

    def found(self, pattern):
        return [line for line in self.known if re.search(pattern, line)]

    def wait(self, pattern):
        """Waits for a line that matches PATTERN. Returns all that do."""
        return self.found(pattern) or eventually(lambda: self.matching(pattern),
                                                 "the journal has " + pattern)


def obey(echod, name, source):
    """A client from the address SOURCE, whose worker executes its commands."""
    sock = socket.create_connection(("127.0.0.1", PORTS[name]), CLIENT_DEADLINE, (source, 0))
    echod.socks.append(sock)
    return Obedient(echod, sock, name)


class PlantedUnit:
    """The service UNIT, started in a with block, as a target for attacks.py. INSTANCE: its name, for
    echoctl. PASSED: whether echod.socket passes its sockets."""

    def __init__(self, s, unit="echod.service", instance=None, passed=False):
        self.s, self.unit, self.passed = s, unit, passed
        self.options = ("--instance", instance) if instance else ()
        self.config = "/etc/echod/%s.conf" % instance if instance else CONFIG
        self.log = Records(s, unit)
        self.socks = []

    def __enter__(self):
        template = re.sub("@.*", "@.service", self.unit)
        listen = "port = %(local)d" % PORTS
        self.s.drop_in(template, "[Service]\nExecStart=\nExecStart=%sechod --config %s\n" %
                       (PLACE, self.config))
        self.s.run("systemctl", "reset-failed")  # and how often a unit was started lately
        if self.passed:
            activate(self.s, listen, SERVER, STORED)
        else:
            self.s.configure(listen, SERVER, STORED, self.config)
        self.s.mark()
        self.s.start(self.unit)
        return self

    def __exit__(self, *_):
        for sock in self.socks:
            sock.close()
        self.s.run("systemctl", "stop", "echod.socket", self.unit)

    @property
    def pid(self):
        return self.s.main_pid(self.unit)

    def obedient(self, name="local", source="127.0.0.1"):
        return obey(self, name, source)

    def kill_process(self, pid, number):
        self.s.run("kill", "-%d" % number, str(pid))

    def ask(self, command):
        return self.s.control(command, *self.options)

    def ctl(self, command):
        """The exit status and standard output, as of Managed.ctl()."""
        done = self.s.run("echoctl", *self.options, command)
        return done.returncode, done.stdout


class PlantedInetd:
    """The same for echod-inetd.socket, which starts an echod for each client, without a control
    socket."""

    def __init__(self, s):
        self.s, self.log, self.socks = s, Records(s, "echod-inetd@*.service"), []

    def __enter__(self):
        self.s.drop_in("echod-inetd@.service",
                       "[Service]\nExecStart=\nExecStart=-%sechod --inetd\n" % PLACE)
        self.s.run("systemctl", "reset-failed")
        self.s.mark()
        self.s.start("echod-inetd.socket")
        return self

    def __exit__(self, *_):
        for sock in self.socks:
            sock.close()
        self.s.run("systemctl", "stop", "echod-inetd.socket", "echod-inetd@*.service")

    def obedient(self, name="local", source="127.0.0.1"):
        return obey(self, name, source)
