"""Runs echoc, and parses its output."""
import json
import os
import subprocess

from expect import DEADLINE, Failure, expect, expect_equal, shorten
from harness import WRAPPER, clean_environment
from proc import read_proc
from programs import BUILDDIR, ECHOC

# May follow a time if this machine is busy.
LOOKED = r"( on the wire, [\d.]+ ms until this machine looked)?"
CHECK_ECHO = os.path.join(BUILDDIR, "check_echo")


class Done:
    """The result of a program: .status, .out and .err as text."""

    def __init__(self, status, out, err):
        self.status, self.raw = status, out
        self.out, self.err = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
        expect("Sanitizer" not in self.err and "runtime error" not in self.err,
               "echoc misbehaves: " + self.err)

    def ended(self, status):
        """Checks the exit STATUS. Returns itself."""
        expect_equal(self.status, status, "the exit status, with %s / %s" %
                     (shorten(self.out), shorten(self.err)))
        return self

    def objects(self, kind=None):
        """The JSON objects, one per line; with KIND, only those of that type."""
        found = [json.loads(line) for line in self.out.splitlines()]
        return [o for o in found if kind in (None, o["type"])]

    @property
    def summary(self):
        found = self.objects("summary")
        expect_equal(len(found), 1, "the number of summaries in " + shorten(self.out))
        return found[0]

    def verdicts(self):
        """{sequence number of a probe: its verdicts}; strays have the key None."""
        found = {}
        for o in self.objects("probe"):
            found.setdefault(o.get("seq"), []).append(o["verdict"])
        return found


def popen(*args, program=(ECHOC,), env=None, **how):
    how = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, **how}
    return subprocess.Popen(WRAPPER + [*program] + [str(a) for a in args], stdout=subprocess.PIPE,
                            env=clean_environment(env), **how)


def finish(process, data=None):
    """Waits for the end of PROCESS."""
    try:
        out, err = process.communicate(data, timeout=DEADLINE)
    except subprocess.TimeoutExpired as expired:
        where = [read_proc(process.pid, name).decode().strip() for name in ("stat", "syscall", "wchan")]
        raise Failure("%s does not end; it is at %s, and has printed %s" %
                      (process.args, " / ".join(where), shorten(expired.stdout))) from expired
    return Done(process.returncode, out, err)


def run(*args, data=None, **how):
    if data is not None:
        how["stdin"] = subprocess.PIPE
    return finish(popen(*args, **how), data)
