"""Makes each libc call of a short run fail: places.py [--full] [--seed N] [--only TEXT] [--jobs N]

While faults.py selects a call by its name, this program selects it by its place in the program. The calls
include memory allocations (preload.c).
"""
import argparse
import os
import random
import re
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "daemon")]

import tap

if __name__ == "__main__":
    tap.enter_network()

import short_runs
from errno import errorcode
from managed import Managed
from preload import NOTHING, SHORT, Table
from ways import ways_of

WORDS = {SHORT: "a byte at once", NOTHING: "nothing"}
# Files whose functions have many callers, so each of the first CALLS calls in them is made to fail.
COMMON = ("src/base/", "src/net/")
CALLS = 6


class Fault:
    """The NTH call at PLACE fails with ERROR; LASTS: so do all later ones."""

    def __init__(self, place, error, nth=1, lasts=False):
        self.place, self.error, self.nth, self.lasts = place, error, nth, lasts

    @property
    def name(self):
        return self.place.function

    def __str__(self):
        return "%s: %s, %d%s" % (self.place, WORDS.get(self.error) or errorcode.get(self.error) or self.error,
                                 self.nth, " and on" if self.lasts else "")


class Servers:
    """The echods that clients are run against; .operands: {name: the operands for its listener}. Nothing
    listens on the TCP port of "closed", and nothing answers datagrams to the port of "mute"."""

    def __init__(self):
        self.echods = [Managed(short_runs.SERVER), Managed(short_runs.CUTTING)]
        self.operands = {"control": self.echods[0].control, "unix": self.echods[0].path("unix")}
        self.unused = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        for sock, name in zip(self.unused, ("closed", "mute")):
            sock.bind(("127.0.0.1", 0))
            self.operands[name] = "%s %d" % sock.getsockname()
            self.operands[name + "_port"] = str(sock.getsockname()[1])
        for echod in self.echods:
            for name, addresses in echod.listening.items():
                if isinstance(addresses[0], tuple):
                    self.operands[name] = "%s %d" % addresses[0][:2]
                    self.operands[name + "_port"] = str(addresses[0][1])

    def stop(self):
        for each in self.unused:
            each.close()
        for echod in self.echods:
            echod.stop()


def run_once(run, operands, depth, fault=None):
    """Returns (the result of the run, the table)."""
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        os.chmod(where, 0o755)
        table = Table(where + "/calls", depth, fault)
        return run.run(where, operands, table.environment), table


class Plan:
    """The faults to try: all errors when a place is first seen, and one error of it in each other group."""

    def __init__(self, full, seed):
        self.full, self.known, self.chance = full, set(), random.Random(seed)

    def of_places(self, group, places):
        for place in sorted(places, key=lambda place: (place.lines, place.offsets)):
            ways = ways_of(place)
            key = place.key
            if self.full or key not in self.known:
                yield from self.whole(place, ways)
            elif (group, key) not in self.known and ways:
                yield Fault(place, self.chance.choice(ways), self.chance.randint(1, place.count))
            self.known |= {key, (group, key)}

    def whole(self, place, ways):
        for way in ways:
            yield Fault(place, way)
            if place.count > 1:
                yield Fault(place, way, 1, lasts=True) if way > 0 and self.full else \
                    Fault(place, way, self.chance.randint(2, place.count))
        if place.where.startswith(COMMON) and ways:
            for nth in range(2, min(place.count, CALLS) + 1):
                yield Fault(place, ways[0], nth)


def arguments(description):
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="everything in every run, and for good")
    parser.add_argument("--seed", type=int, default=1, help="what is chosen by chance (1)")
    parser.add_argument("--only", default="", help="those whose name matches this regular expression")
    parser.add_argument("--list", action="store_true", help="only print what would be tried")
    parser.add_argument("--depth", type=int, default=1, choices=(1, 2, 3),
                        help="callers that tell places apart (1); more in a build with -O0 alone")
    parser.add_argument("--jobs", type=int, default=2 * (os.cpu_count() or 1), help="runs side by side")
    return parser.parse_args()


class Trial:
    def __init__(self, run, fault, usual):
        self.run, self.fault, self.usual = run, fault, usual
        self.problem, self.hits, self.end, self.seconds = "", 0, ("", "", ""), 0.0

    def make(self, operands, depth):
        began = time.monotonic()
        try:
            self.end, table = run_once(self.run, operands, depth, self.fault)
            self.hits = table.hits
            self.run.check(self.end, self.usual, self.fault.error not in WORDS)
        except Exception as error:
            self.problem = "%s: %s" % (type(error).__name__, error)
        self.seconds = time.monotonic() - began
        return self


def show(trial):
    print("\nFAILED %s\n  %s\n  %s" % (trial.run.name, trial.fault, trial.problem))
    for line in "".join(map(str, trial.end[1:])).splitlines()[-6:]:
        print("  | " + line.encode("ascii", "backslashreplace").decode()[:150])
    sys.stdout.flush()


def census(run, operands, depth):
    """Returns (the result without a fault, the places of its calls)."""
    usual, table = run_once(run, operands, depth)
    places = table.places()
    if not places:
        raise tap.Failure("%s: no call was counted: %s" % (run.name, usual))
    run.check(usual, usual)
    return usual, places


def main():
    args, begin = arguments(__doc__), time.monotonic()
    tap.libc.prctl(tap.PR_SET_CHILD_SUBREAPER, 1)
    runs = [run for run in short_runs.every_run() if re.search(args.only, run.name)]
    servers, plan, trials = Servers(), Plan(args.full, args.seed), []
    with ThreadPoolExecutor(args.jobs) as pool:
        for run, (usual, places) in zip(runs, pool.map(lambda run: census(run, servers.operands, args.depth), runs)):
            trials += [Trial(run, fault, usual) for fault in plan.of_places(run.group, places)]
        print("%d runs, each with a fault, of %d; seed %d" % (len(trials), len(runs), args.seed))
        sys.stdout.flush()
        if args.list:
            for trial in trials:
                print("%s: %s" % (trial.run.name, trial.fault))
            trials.clear()
        for future in as_completed([pool.submit(trial.make, servers.operands, args.depth) for trial in trials]):
            if future.result().problem:
                show(future.result())
    servers.stop()
    failed, missed = sum(bool(t.problem) for t in trials), sum(not t.hits for t in trials)
    for trial in sorted(trials, key=lambda trial: -trial.seconds)[:5]:
        print("%.1f s: %s: %s" % (trial.seconds, trial.run.name, trial.fault))
    print("%d of %d runs FAILED; in %d the call did not come again; %d s" % (
        failed, len(trials), missed, time.monotonic() - begin))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
