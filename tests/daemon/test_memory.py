"""Out of memory: whichever allocation of a program fails, it exits with a message and a status of its manual,
or works without. (For all other calls: ./dev faults.)"""
import os
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "faults"))

import places
import short_runs
from expect import Skip, expect, expect_equal
from programs import SANITIZED
from tap import main, test

MEMORY = {"malloc", "calloc", "realloc", "reallocarray", "strdup", "strndup", "asprintf", "open_memstream",
          "fmemopen", "fopencookie", "fdopen", "mmap", "mmap64"}


def trials_of(runs, operands):
    """A trial for each request for memory, of each run the first; of what many functions share, each of some."""
    plan = places.Plan(full=False, seed=1)
    for run in runs:
        usual, found = places.census(run, operands, 1)
        for fault in plan.of_places(run.group, [place for place in found if place.function in MEMORY]):
            yield places.Trial(run, fault, usual)


@test("out of memory, each program reports it or works without")
def memory():
    if SANITIZED:
        raise Skip("a sanitizer has to be loaded first, and has memory of its own")
    servers = places.Servers()
    trials = list(trials_of(short_runs.every_run(), servers.operands))
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        list(pool.map(lambda trial: trial.make(servers.operands, 1), trials))
    servers.stop()
    expect_equal(["%s: %s: %s" % (t.run.name, t.fault, t.problem) for t in trials if t.problem], [], "failures")
    ended = [trial for trial in trials if "out of memory" in "".join(map(str, trial.end))]
    for program in ("echod", "echoc", "check_echo", "echod-generator"):
        expect(any(t.run.name.startswith(program + " ") for t in ended), "%s runs out of memory" % program)


main()
