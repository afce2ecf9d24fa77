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

# The time limit for a case, or for a program without progress reports: a multiple of the time that it takes
# without a change, plus some seconds.
PATIENCE, LEAST = 4, 25
# The time limit in seconds if that time is not known.
LONGEST = 900
# The name of the failed case if a program fails after its last case.
END = "the end"


class Test:
    """A test program. CASES: [name, seconds] in order, if known."""

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
        """The time limit in seconds for the case NUMBER, or for CASE if it is run alone."""
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
    """The result of a run: the cases that passed, as [name, seconds], whether any was skipped, and the case
    that FAILED or None."""

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
    """Yields the lines that CHILD prints; None if it prints nothing for LIMIT() seconds."""
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
    """Runs TEST, or only its CASE if the program supports that. Returns its Outcome."""
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
    """Repeats CASE alone, or else TEST, to exclude a chance failure. Returns the case that fails again."""
    return case if attempt(test, case).failed else attempt(test).failed


def programs():
    """The names of all test programs of the quick suite."""
    return listed("unit_tests") + listed("fuzz_targets") + listed("daemon_tests")


def main():
    """As a program, in an isolated place: suite.py NAME [CASE] prints the cases that passed as JSON, or null
    if one failed."""
    outcome = attempt(Test(sys.argv[1]), *sys.argv[2:])
    json.dump(None if outcome.failed else outcome.passed, sys.stdout)


if __name__ == "__main__":
    main()
