#!/usr/bin/env python3
"""Does the quick suite notice a condition that is wrong? Changes one at a time and runs it.

Works in a copy of the tree, in build-mutate, and can be interrupted and restarted: the result for a change is
kept until its line is edited, and changes that survived are tried again with new tests. Several changes are
tried in parallel, each in an isolated place (place.py), which needs root. For each change, the tests that
reach its line (reach.py) are run, quick ones first, up to the first one that fails, fails again, and passes
without the change.
"""
import argparse
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
from place import HERE, TREE, WORK, apart, prepare  # noqa: E402
from reach import Reach, forget, of_sources, sources  # noqa: E402
from sites import changes  # noqa: E402
from suite import Test, programs  # noqa: E402

REASONS = HERE / "reasons.txt"
GOAL = 90
SETTLED = ("not C", "no difference")


class Kept:
    """A dictionary that is stored in a file in WORK."""

    def __init__(self, name):
        self.path, self.lock = WORK / name, threading.Lock()
        self.entries = json.loads(self.path.read_text()) if self.path.exists() else {}

    def get(self, key):
        with self.lock:
            return self.entries.get(key)

    def put(self, key, value):
        with self.lock:
            self.entries[key] = value
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps(self.entries))
            part.replace(self.path)


def side_by_side(lanes, function, items):
    """Calls FUNCTION for each of ITEMS, LANES at a time. Raises its exceptions."""
    with ThreadPoolExecutor(lanes) as pool:
        try:
            return list(pool.map(function, items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


# ---- facts about the tests ---------

def learn(name, known, state):
    """Records the result of the program NAME without a change, and the lines that it reaches; nothing if it
    fails."""
    test, began = Test(name), time.monotonic()
    if (known.get(name) or {}).get("state") == [test.digest(), state]:
        return
    done = subprocess.run(apart(sys.executable, str(HERE / "suite.py"), name), stdout=subprocess.PIPE, text=True,
                          check=True)
    cases = json.loads(done.stdout)
    entry = {"state": [test.digest(), state], "cases": cases}
    if cases is not None:
        done = subprocess.run(apart(sys.executable, str(HERE / "reach.py"), name), stdout=subprocess.PIPE,
                              text=True, check=True)
        entry.update(json.loads(done.stdout))
    known.put(name, entry)
    print(f"{name}: " + ("fails as it is: left out" if cases is None else
                         f"{sum(s for _, s in cases):.1f} s, {time.monotonic() - began:.0f} s in all"), flush=True)


def known_tests(lanes):
    """Returns the list of tests, and their Reach."""
    known, state = Kept("tests.json"), of_sources()
    forget()
    side_by_side(lanes, lambda name: learn(name, known, state), programs())
    usable = {name: known.get(name) for name in programs() if known.get(name)["cases"] is not None}
    return [Test(name, entry["cases"]) for name, entry in usable.items()], Reach(usable)


def words(name):
    return set(re.split(r"[_/.]", name)) - {"py", "c", "src", "tests", "daemon", "test"}


def in_order(change, tests, reach, results):
    """Those of TESTS that may detect CHANGE, the most promising first: quick ones, those that detected other
    changes of the file, and those with a similar name. Last are those whose reach is not completely known."""
    noticed = [r["verdict"] for k, r in list(results.entries.items()) if k.startswith(change.name + ":")]

    def rank(test):
        hits = sum(f"noticed by {test.name}:" in verdict for verdict in noticed)
        near = len(words(change.name) & words(test.name))
        return not reach.reaches(test.name, change.name, change.line), test.daemon, -hits, -near, test.usual()

    return sorted((t for t in tests if reach.reaches(t.name, change.name, change.line) or
                   not reach.complete(t.name)), key=rank)


# ---- a change ----

def ask(change, tests):
    """The verdict of judge.py on CHANGE with TESTS. Without tests, CHANGE is only compiled."""
    judge = subprocess.Popen(apart(sys.executable, str(HERE / "judge.py")), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True, bufsize=1,
                             env=dict(os.environ, CCACHE_DISABLE="1"))
    task = {"name": change.name, "text": change.text, "tests": [(t.name, t.cases) for t in tests]}
    print(json.dumps(task), file=judge.stdin, flush=True)
    by_name = {t.name: t for t in tests}
    with judge:
        for line in judge.stdout:
            said = json.loads(line)
            if "verdict" in said:
                return said["verdict"]
            print(json.dumps(passes(by_name[said["failed"]], said["case"])), file=judge.stdin, flush=True)
    sys.exit(f"mutate.py: judge.py ended early, of {change}")


def passes(test, case):
    """Whether CASE of TEST passes with the unchanged sources."""
    done = subprocess.run(apart(sys.executable, str(HERE / "suite.py"), test.name, case),
                          stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout) is not None


def choose(everything, count, lanes, results):
    """The first COUNT changes of EVERYTHING that make a difference to the object files."""
    def sift(change):
        if results.get(change.key) is None:
            results.put(change.key, {"verdict": ask(change, [])})

    chosen = []
    while everything and len(chosen) < count:
        some, everything = everything[:count - len(chosen)], everything[count - len(chosen):]
        side_by_side(lanes, sift, some)
        chosen += [c for c in some if results.get(c.key)["verdict"] not in SETTLED]
    return chosen


def judge_one(change, tests, reach, results):
    known, began = results.get(change.key), time.monotonic()
    if known["verdict"].startswith("noticed"):
        return
    seen = known.get("seen", {})
    digests = {t.name: t.digest() for t in tests}
    left = [t for t in in_order(change, tests, reach, results) if seen.get(t.name) != digests[t.name]]
    verdict = ask(change, left) if left else "survives"
    results.put(change.key, {"verdict": verdict, "seen": digests if verdict == "survives" else {}})
    print(f"{change}: {verdict}, {time.monotonic() - began:.0f} s", flush=True)


# ---- all changes ----

def reasons():
    """Reads why changes need not be detected: lines with the key of a change, each followed by the indented
    reason."""
    found, key = {}, None
    for line in REASONS.read_text().splitlines() if REASONS.exists() else []:
        if line.startswith("  ") and key:
            found[key] = f"{found.get(key, '')} {line.strip()}".strip()
        elif not line.startswith("#"):
            key = line
    return found


def report(chosen, results):
    verdicts = {c.key: results.get(c.key)["verdict"] for c in chosen}
    judged = [c for c in chosen if verdicts[c.key] != "differs"]
    survivors = [c for c in judged if verdicts[c.key] == "survives"]
    known = reasons()
    for change in survivors:
        print(f"survives: {change}\n  {known.get(change.key) or 'no reason is known; key: ' + change.key}")
    open_ = [c for c in survivors if c.key not in known]
    rate = 100 * (len(judged) - len(survivors)) / max(1, len(judged))
    print(f"{len(judged) - len(survivors)} of {len(judged)} changes noticed: {rate:.1f} % (goal: {GOAL} %); "
          f"{len(open_)} of the others without a reason; {len(chosen) - len(judged)} not judged")
    return rate >= GOAL and not open_ and len(judged) == len(chosen)


def shuffled(seed, files):
    every = [c for name in sources() if not files or any(f in name for f in files)
             for c in changes(name, (TREE / name).read_text())]
    random.Random(seed).shuffle(every)
    return every


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="which changes are chosen (1)")
    parser.add_argument("--count", type=int, default=200, help="how many (200)")
    parser.add_argument("--lanes", type=int, default=os.cpu_count() + 1, metavar="N",
                        help="how many are tried side by side (one more than there are processors)")
    parser.add_argument("files", nargs="*", help="only in files whose name contains this")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("mutate.py: this is for root: what is wrong on purpose runs in namespaces")
    prepare()
    tests, reach = known_tests(arguments.lanes)
    results = Kept("results.json")
    chosen = choose(shuffled(arguments.seed, arguments.files), arguments.count, arguments.lanes, results)
    try:
        side_by_side(arguments.lanes, lambda change: judge_one(change, tests, reach, results), chosen)
    except KeyboardInterrupt:
        print("ended early")
    return 0 if report(chosen, results) else 1


if __name__ == "__main__":
    sys.exit(main())
