"""A call fails in the program that takes over at a reload, which has no way back: it continues, or exits with a
record and a status that systemd restarts it for. (For all calls of the daemon: ./dev faults --full.)"""
import os
import re
import sys
from concurrent.futures import ProcessPoolExecutor

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "faults"))

import lives
import tap
from expect import Skip, expect, expect_equal
from faults import prepare
from places import Fault
from programs import SANITIZED
from tap import main, test
from ways import ways_of

# The function that calls, what is called, and whether the daemon has to go on wherever that fails, but at
# its first start.
CALLS = (("slots_adopt", "mmap64", False), ("slots_adopt", "fstat64", False), ("open_at", "open64", True),
         ("open_at", "fstat64", True), ("sockopts_reset", "fcntl64", True),
         ("settings_deserialize", "fdopen", False))
MOST = 14  # times that one of these comes in a life, and more


def faults_of(places):
    for caller, function, lives_on in CALLS:
        found = [place for place in places if place.function == function and caller in place.callers]
        expect(found, "%s is called by %s: %s" % (function, caller, sorted(set(map(str, places)))))
        for place in found:
            for nth in range(1, min(place.count, MOST) + 1):
                yield Fault(place, ways_of(place)[0], nth), lives_on


def try_one(fault, usual):
    """Returns (what is wrong, how it ended, its exit status, its log)."""
    result = lives.try_one(1, fault, usual)
    return result.problem, result.outcome, result.status, result.log


def judge(fault, lives_on, result):
    """What is wrong with that; "": nothing."""
    problem, outcome, status, log = result
    if problem or outcome in ("served on", "did not start"):
        return problem
    if outcome != "ended while taking over" or lives_on:
        return outcome
    if status != 71 or not any(re.search(" error: cannot read the (state|settings) ", line) for line in log):
        return "status %d without a message: %s" % (status, log[-3:])
    return ""


@test("after a takeover, the new program works without what fails, or exits so that systemd restarts it")
def faults_in_takeovers():
    if SANITIZED:
        raise Skip("a sanitizer has to be loaded first, and has memory of its own")
    tap.libc.prctl(tap.PR_SET_CHILD_SUBREAPER, 1)
    life, places = lives.live(1)
    tried = list(faults_of(places))
    with ProcessPoolExecutor(os.cpu_count() or 1, initializer=prepare) as pool:
        results = list(pool.map(try_one, [fault for fault, _ in tried], [life.open_at_end] * len(tried)))
    wrong = [(str(fault), judge(fault, lives_on, result))
             for (fault, lives_on), result in zip(tried, results)]
    expect_equal([each for each in wrong if each[1]], [], "faults with wrong outcomes")
    outcomes = [result[1] for result in results]
    expect("ended while taking over" in outcomes and "served on" in outcomes, "the outcomes: %s" % outcomes)


main()
