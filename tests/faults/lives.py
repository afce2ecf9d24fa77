"""Makes each libc call of the daemon fail: lives.py [--full] [--seed N] [--only TEXT] [--jobs N]

Like faults.py, it runs lives of echod (life.py), but selects a call by its place in the program, like
places.py. A statically linked fork server is excluded, because its libc calls cannot be replaced.
"""
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "daemon")]

import tap

if __name__ == "__main__":
    tap.enter_network()

import checks
from expect import expect
from faults import LIFETIME, prepare
from life import Life
from places import Plan, arguments
from preload import Table

# Without memory for what is set up at the start, echod ends (base/memory.h).
NEEDED = ("src/base/memory.c", "src/base/text.c")

# Calls that cannot fail, or whose failure echod need not survive: a function or its caller, and the reason.
IMPOSSIBLE = {
    "kill": "a child that was not waited for can always be signalled by who runs as its user",
    "getsockname": "of an open socket it cannot fail, and without it nobody learns where echod listens",
    "sysconf": "the size of a page is known",
    "store_requests_accept": "of a socket pair whose other end is open",
    "store_requests_serve": "likewise",
}


def is_possible(place):
    return not IMPOSSIBLE.keys() & {place.function, *place.callers}


class Counting:
    """Replaces a supervisor by a TABLE for preload.c."""

    def __init__(self, table):
        self.table, self.seen, self._stage, self.taking_over = table, Counter(), "start", False

    @property
    def hits(self):
        return range(self.table.hits)

    @property
    def stage(self):
        return self._stage

    @stage.setter
    def stage(self, name):
        self._stage, self.taking_over = name, name in ("reload", "SIGHUP")

    @property
    def active(self):
        return self.table.layout.key != 0

    @active.setter
    def active(self, value):
        if not value:
            self.table.layout.key = 0


def live(depth, fault=None, usual=None):
    """Runs a life. Returns (the life, its places)."""
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        os.chmod(where, 0o755)
        table = Table(where + "/calls", depth, fault)
        life = Life({}, fault, usual, counting=Counting(table))
        try:
            status = life.run()
            life.echod.log.thread.join(10)
            life.outcome = checks.of_end(life, status)
            expect(fault or status == 0, "a life without a fault ends with status %d" % status)
            checks.of_messages(life)
            checks.of_window(life)
            return life, [] if fault else table.places()
        finally:
            life.echod.clean_up()


def allowed(fault, usual):
    """The permitted descriptors: USUAL, and a standard output that could not be closed."""
    return usual + ["pipe"] * ("detach_silence" in fault.place.callers)


class Result:
    def __init__(self, fault):
        self.fault, self.problem, self.log, self.outcome, self.hit = fault, "", [], "FAILED", False
        self.status = None


def try_one(depth, fault, usual):
    result = Result(fault)
    signal.signal(signal.SIGALRM, tap.on_alarm)
    signal.alarm(LIFETIME)
    try:
        life = live(depth, fault, allowed(fault, usual))[0]
        result.outcome, result.hit = life.outcome, bool(life.supervisor.hits)
        result.status, result.log = life.echod.popen.returncode, life.echod.log.all_lines()
    except Exception as error:  # any error: the other faults must be tried
        result.problem = "%s: %s" % (type(error).__name__, error)
        result.log = tap.running[0].log.all_lines()[-12:] if tap.running else []
    signal.alarm(0)
    tap.kill_all()
    return result


def report(result):
    print("\nFAILED %s\n  %s" % (result.fault, result.problem))
    for line in result.log:
        print("  | " + line.encode("ascii", "backslashreplace").decode()[:180])
    sys.stdout.flush()


def main():
    args, begin, results = arguments(__doc__), time.monotonic(), []
    tap.libc.prctl(tap.PR_SET_CHILD_SUBREAPER, 1)
    life, places = live(args.depth)
    places = [place for place in places if is_possible(place) and not place.where.startswith(NEEDED)]
    found = [fault for fault in Plan(args.full, args.seed).of_places("", places)
             if re.search(args.only, str(fault))]
    print("%d lives, each with a fault; seed %d" % (len(found), args.seed))
    sys.stdout.flush()
    if args.list:
        print("\n".join(map(str, found)))
        found.clear()
    with ProcessPoolExecutor(args.jobs, initializer=prepare) as pool:
        for future in as_completed([pool.submit(try_one, args.depth, fault, life.open_at_end) for fault in found]):
            results.append(future.result())
            if results[-1].problem:
                report(results[-1])
    outcomes = Counter(result.outcome for result in results)
    print("\n%s; %d s in all" % (", ".join("%d %s" % (n, what) for what, n in sorted(outcomes.items())),
                                 time.monotonic() - begin))
    sys.exit(1 if outcomes["FAILED"] else 0)


if __name__ == "__main__":
    main()
