"""Makes each system call of echod fail: faults.py [--full] [--seed N] [--only TEXT] [--jobs N]

Runs a life without a fault, which counts all calls, and then a life (life.py) for each fault of the plan.
Prints each fault that causes a problem, with the problem and a command to repeat it.
"""
import argparse
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "daemon")]

import tap

if __name__ == "__main__":
    tap.enter_network()

import checks
import errors
import plan
import tools
from expect import Failure, eventually, expect_equal
from life import Life
from supervisor import PRETENDED
from syscalls import name_of

LIFETIME = 240
# Calls that occur only by chance: if a signal interrupts another call.
PASSING_BY = {"restart_syscall", "rt_sigreturn", "clock_nanosleep"}
NAMES = {number: name_of(number) for number in range(470) if name_of(number)}
NUMBERS = {name: number for number, name in NAMES.items()}


class Census:
    """The calls of a life without a fault: all of them, and those before it serves; and its usual state."""

    def __init__(self, seen, before, usual):
        self.seen, self.before, self.usual = seen, before, usual


def census_of_life():
    life = Life(NAMES)
    try:
        status = life.run()
        if status != 0:
            raise Failure("a life without a fault ends with status %d" % status)
        checks.of_messages(life)
        return Census(life.supervisor.seen, life.before, life.open_at_end)
    finally:
        life.echod.clean_up()


def names_of_strace():
    """The calls that strace -c counts in such a life."""
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        life = Life(NAMES, trace=where + "/trace")
        try:
            expect_equal(life.run(), 0, "exit status under strace")
            eventually(lambda: os.path.getsize(where + "/trace") > 0, "strace has written its counts")
        finally:
            life.echod.clean_up()
        with open(where + "/trace", encoding="ascii") as file:
            return set(re.findall(r"^ *[\d.]+ .* (\w+)$", file.read(), re.M)) - {"total"}


def census_of_tool(tool):
    """The calls of the tool itself; the processes that it starts are those of a life."""
    supervisor, usual = tool.run(NAMES)
    seen = Counter({key: count for key, count in supervisor.seen.items() if key[0] == tool.name})
    return Census(seen, Counter(), usual)


class Result:
    def __init__(self, fault):
        self.fault, self.outcome, self.problem, self.log = fault, "", "", []
        self.hits, self.recovered_in = [], 0.0


def calls_for(fault):
    return {NUMBERS[name]: name for name in (fault.name, "execve", PRETENDED)}


def live(result, usual):
    life = Life(calls_for(result.fault), result.fault, usual)
    try:
        status = life.run()
        life.echod.log.thread.join(10)
        result.outcome = checks.of_end(life, status)
        checks.of_messages(life)
        checks.of_window(life)
    finally:
        result.hits, result.recovered_in = life.supervisor.hits, life.recovered_in
        result.log = life.echod.log.all_lines()[-15:]


def use(tool, result, usual):
    supervisor, end = tool.run(calls_for(result.fault), result.fault)
    result.hits = supervisor.hits
    result.log = str(end[-1]).splitlines()[-5:]
    result.outcome = tool.check(end, usual, result.fault)


def try_one(name, fault, usual):
    """Runs a life, or the tool NAME, with FAULT. Returns a Result."""
    tool = next((each for each in tools.every_tool() if each.name == name), None)
    result = Result(fault)
    signal.signal(signal.SIGALRM, tap.on_alarm)
    signal.alarm(LIFETIME)
    try:
        use(tool, result, usual) if tool else live(result, usual)
    except Exception as error:  # any error: the other faults must be tried
        result.problem = "%s: %s" % (type(error).__name__, error)
    signal.alarm(0)
    tap.kill_all()
    return result


def prepare():
    """Prepares a process that runs lives."""
    tap.libc.prctl(tap.PR_SET_CHILD_SUBREAPER, 1)
    tap.running.clear()  # the echod for echoctl belongs to the parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="each error of each call, at several places: hours")
    parser.add_argument("--seed", type=int, default=1, help="what is chosen by chance (1)")
    parser.add_argument("--only", default="", help="faults whose name matches this regular expression")
    parser.add_argument("--jobs", type=int, default=3 * (os.cpu_count() or 1), help="lives side by side")
    return parser.parse_args()


def report_coverage(censuses, results, mistakes):
    """Prints, for each call of each kind of process, at how many of its occurrences it was made to fail.
    MISTAKES: include calls that fail only because of a mistake of the caller."""
    tried = defaultdict(set)
    for result in results:
        if result.hits:
            tried[result.fault.kind, result.fault.name].add(result.fault.nth)
    life, tools = censuses[None], {tool: census for tool, census in censuses.items() if tool}
    kinds = sorted({kind for kind, *_ in plan.points(life.seen, mistakes)})
    print("\nCoverage: places where the call failed / was seen\n%-26s%s" % ("", "".join("%-18s" % k for k in kinds)))
    for name in sorted({row[1] for row in plan.points(life.seen, mistakes)}):
        cells = ["%d/%d" % (len(tried[k, name]), life.seen[k, name]) if (k, name) in life.seen else "" for k in kinds]
        print("%-26s%s" % (name, "".join("%-18s" % cell for cell in cells)))
    for tool, census in [(None, life)] + sorted(tools.items(), key=lambda item: item[0].name):
        rows = list(plan.points(census.seen, mistakes))
        untried = ["%s of the %s" % (n, k) if not tool else n for k, n, *_ in rows if not tried[k, n]]
        print("%-30s %3d of %3d calls failed%s" % (tool.name if tool else "the life of echod", len(rows) - len(untried),
                                                   len(rows), untried and "; not " + ", ".join(untried) or ""))
    for name, reason in errors.LEFT_OUT.items():
        print("never tried: %s: %s" % (name, reason))


def report(result):
    print("\nFAILED %s (%s)\n  %s" % (result.fault, ", ".join(sorted({stage for stage, _ in result.hits})) or
                                    "the fault was never injected", result.problem))
    for line in result.log:
        print("  | " + line.encode("ascii", "backslashreplace").decode())
    sys.stdout.flush()


def everything():
    """The censuses: {tool, or None for echod's life: its census}."""
    censuses = {None: census_of_life()}
    names = names_of_strace()
    unseen = names - {name for _, name in censuses[None].seen} - PASSING_BY
    expect_equal(unseen, set(), "calls that strace -c sees and the census does not")
    print("strace -c sees %d calls in such a life, and the census as well" % len(names))
    for tool in tools.every_tool():
        censuses[tool] = census_of_tool(tool)
    return censuses


def try_all(args, censuses):
    """Tries all faults, and prints each failure when it occurs. Returns the results."""
    choose = plan.whole if args.full else plan.part
    chosen = [(tool and tool.name, fault, census.usual) for tool, census in censuses.items()
              for fault in choose(census, args.seed) if re.search(args.only, str(fault)) and
              (tool is None or tool.bears_lasting or not fault.lasts)]
    print("%d lives and runs, each with a fault; seed %d" % (len(chosen), args.seed))
    sys.stdout.flush()
    results = []
    with ProcessPoolExecutor(args.jobs, initializer=prepare) as pool:
        for future in as_completed([pool.submit(try_one, *each) for each in chosen]):
            results.append(future.result())
            if results[-1].problem:
                report(results[-1])
    return results


def main():
    args = arguments()
    begin = time.monotonic()
    tap.libc.prctl(tap.PR_SET_CHILD_SUBREAPER, 1)
    with tools.asked():
        censuses = everything()
        results = try_all(args, censuses)
    report_coverage(censuses, results, args.full)
    outcomes = Counter(result.outcome if not result.problem else "FAILED" for result in results)
    print("\n%s" % ", ".join("%d %s" % (n, outcome) for outcome, n in sorted(outcomes.items())))
    print("the slowest recovery took %.2f s; %d s in all" %
          (max([r.recovered_in for r in results] or [0]), time.monotonic() - begin))
    sys.exit(1 if outcomes["FAILED"] else 0)


if __name__ == "__main__":
    main()
