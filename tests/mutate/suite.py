"""Runs a program of the quick suite, up to the first case that fails or takes too long."""
import hashlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time

from place import BUILD, TREE, listed, private

# A case, or a program that does not say how far it is, has so many times as long as it took without a
# change, and so many seconds more.
PATIENCE, LEAST = 4, 25
# For one about which nothing is known.
LONGEST = 900
# The case that failed, where a program ended badly after its last.
END = "the end"


class Test:
    """One program. CASES: [name, seconds], in their order, where that is known."""

    def __init__(self, name, cases=None):
        self.name, self.cases = name, cases
        self.daemon = name.endswith(".py")

    def digest(self):
        source = TREE / (self.name if self.daemon else f"{self.name}.c")
        return hashlib.sha256(source.read_bytes()).hexdigest()[:16]

    def usual(self):
        return sum(seconds for _, seconds in self.cases or [])

    def command(self, build, case):
        if not self.daemon:
            return [str(build / self.name)]
        return [sys.executable, str(TREE / self.name)] + ([f"^{re.escape(case)}$"] if case else [])

    def limit(self, number, case):
        """Seconds for the case NUMBER, or for CASE if it is run alone."""
        if self.cases is None:
            return LONGEST
        if not self.daemon:
            return PATIENCE * self.usual() + LEAST
        usual = dict(self.cases).get(case) if case else \
            self.cases[number][1] if number < len(self.cases) else None
        return LEAST if usual is None else PATIENCE * usual + LEAST

    def under_way(self, number, case):
        return case or (self.cases[number][0] if self.cases and number < len(self.cases) else END)


class Outcome:
    """Of a run: the cases that passed as [name, seconds], whether one was skipped, the one that FAILED
    or None."""

    def __init__(self):
        self.passed, self.skipped, self.failed, self.plan = [], False, None, None

    def take(self, line, seconds):
        found = re.match(r"(not )?ok \d+ - (.*?)( # SKIP.*)?$", line)
        if found and found.group(1):
            self.failed = found.group(2)
        elif found:
            self.passed.append([found.group(2), seconds])
            self.skipped = self.skipped or bool(found.group(3))
        elif re.match(r"1\.\.\d+", line):
            self.plan = int(line[3:].split()[0])


def lines(child, limit):
    """What CHILD prints, a line at a time; None if it prints nothing for LIMIT() seconds."""
    text = b""
    while True:
        if not select.select([child.stdout], [], [], limit())[0]:
            yield None
            return
        data = os.read(child.stdout.fileno(), 65536)
        if not data:
            return
        *whole, text = (text + data).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace")


def attempt(test, case=None, build=BUILD):
    """Runs TEST, or CASE of it alone if it has cases that can be. Returns its Outcome."""
    outcome, began = Outcome(), time.monotonic()
    case = case if test.daemon and case != END else None
    environment = dict(os.environ, ECHOD_SRCDIR=str(TREE), ECHOD_BUILDDIR=str(build),
                       CMOCKA_MESSAGE_OUTPUT="TAP", ECHOD_SIDE_BY_SIDE="1")
    child = subprocess.Popen(private(*test.command(build, case)), cwd=build, env=environment,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    for line in lines(child, lambda: test.limit(len(outcome.passed), case)):
        if line is None:
            outcome.failed = test.under_way(len(outcome.passed), case)
        else:
            now = time.monotonic()
            before = len(outcome.passed)
            outcome.take(line, now - began)
            began = now if len(outcome.passed) > before else began
        if outcome.failed:
            os.killpg(child.pid, signal.SIGKILL)
            break
    child.stdout.close()
    child.wait()
    if not outcome.failed and (child.returncode or len(outcome.passed) != outcome.plan):
        outcome.failed = END
    return outcome


def fails_again(test, case):
    """Whether what failed once was no chance: CASE, alone, or else TEST once more. Returns the case."""
    return case if attempt(test, case).failed else attempt(test).failed


def programs():
    """The names of all."""
    return listed("unit_tests") + listed("fuzz_targets") + listed("daemon_tests")


def main():
    """As a program, in a place apart: suite.py NAME [CASE] prints the cases that passed as JSON; null if
    one failed."""
    outcome = attempt(Test(sys.argv[1]), *sys.argv[2:])
    json.dump(None if outcome.failed else outcome.passed, sys.stdout)


if __name__ == "__main__":
    main()
