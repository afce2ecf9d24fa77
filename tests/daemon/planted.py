"""An echod whose workers execute their clients' commands (tests/planted/obey.c), as if an attacker had
taken control of them."""
import os
import re

from expect import Skip
from harness import VALGRIND
from managed import Managed
from obedient import Obedient
from programs import BUILDDIR, ECHOD, SANITIZED, SRCDIR

PLANTED = os.path.join(BUILDDIR, "tests/planted")
FORKSERVER = os.path.join(PLANTED, "echod-forkserver")  # its workers execute commands
KEEPING = os.path.join(PLANTED, "echod")  # keeps its fork server after a crash


def relaxed():
    """Whether the build has no system call filter."""
    with open(os.path.join(BUILDDIR, "config.h"), encoding="ascii") as file:
        return "#define RELAXED_SANDBOX 1" in file.read()


def needs_planted():
    if VALGRIND or SANITIZED:
        raise Skip("instrumented builds change memory, system calls and signals")
    if not os.path.exists(FORKSERVER):
        raise Skip("tests/planted/echod-forkserver is not built: \"make check\" does that")


def needs_filter():
    needs_planted()
    if relaxed():
        raise Skip("this build has no system call filter (--enable-relaxed-sandbox)")


class Planted(Managed):
    """Runs a copy of DAEMON (the real one, or KEEPING) with the planted fork server. Set crash_penalty
    to 0 in the configuration if its source must remain able to connect after a crash."""

    def __init__(self, *args, daemon=ECHOD, **more):
        super().__init__(*args, copied=True, programs=(daemon, FORKSERVER), **more)

    def _launch(self, args, env, prepare, out, err, pass_fds, popen):
        self.runtime = self.path("run")
        os.mkdir(self.runtime)
        os.chown(self.runtime, popen.get("user", -1), popen.get("group", -1))
        self.owner = popen
        super()._launch(args, env, prepare, out, err, pass_fds, popen)

    def ctl(self, *args, **popen):
        return super().ctl(*args, **{**self.owner, **popen})

    def obedient(self, name="local", source=None):
        return Obedient(self, self.connect(name, source=source), name)

    def kill_process(self, pid, number):
        os.kill(pid, number)


def names_on_the_list():
    with open(os.path.join(SRCDIR, "src/forkserver/syscalls.c"), encoding="utf-8") as file:
        return set(re.findall(r'^    \{"(\w+)", "', file.read(), re.M))
