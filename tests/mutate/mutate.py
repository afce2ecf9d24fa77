#!/usr/bin/env python3
"""Does the quick suite notice a condition that is wrong? Changes one at a time and runs it.

Works in a copy of the tree, in build-mutate, and can be ended and started again: what was found of a
change is kept, until the line that it is about changes. Of each change first the unit tests that include
a header of its folder are run, then the others, then the daemon tests, up to the first that fails. A daemon
that is wrong may kill and remove what it should not: so each test has processes, /tmp and /run of its own,
which takes root.
"""
import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

sys.dont_write_bytecode = True
from sites import changes  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build-mutate"
TREE, BUILD, RESULTS = WORK / "tree", WORK / "build", WORK / "results.json"
REASONS = Path(__file__).resolve().parent / "reasons.txt"
FOLDERS = ("src/daemon", "src/worker", "src/config", "src/net")
GOAL = 90
APART = ["unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
         'mount -t tmpfs tmpfs /tmp && mount -t tmpfs tmpfs /run && "$@"; exit $?', "sh"]
# A test has so many times as long as without a change, and so many seconds more.
PATIENCE, LEAST = 5, 60


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)


# ---- the copy of the tree ----

def copy_tree():
    names = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                cwd=ROOT).stdout.split("\0")
    for name in filter(None, names):
        source, target = ROOT / name, TREE / name
        if not source.is_file():
            continue
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for path in [p for p in TREE.glob("src/**/*.[ch]") if not (ROOT / p.relative_to(TREE)).exists()]:
        path.unlink()


def make(*targets):
    return run(["make", "-s", "-C", str(BUILD), f"-j{os.cpu_count()}", *targets])


def configure():
    compiler = "ccache gcc" if shutil.which("ccache") else "gcc"
    if not (BUILD / "Makefile").exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        for command in (["autoreconf", "-fi"], [f"{TREE}/configure", "-q", f"CC={compiler}",
                                                "CFLAGS=-g -O1"]):
            done = run(command, cwd=TREE if command[0] == "autoreconf" else BUILD)
            if done.returncode:
                sys.exit(done.stdout)
    done = make("all")
    if done.returncode:
        sys.exit(done.stdout)


# ---- the tests ----

def listed(variable):
    text = (TREE / "Makefile.am").read_text().replace("\\\n", " ")
    return re.search(rf"^{variable} = (.*)$", text, re.M).group(1).split()


def includes(test):
    return re.findall(r'#include "([^"]+)"', (TREE / f"{test}.c").read_text())


class Test:
    def __init__(self, name):
        self.name, self.usual = name, None
        self.unit = not name.endswith(".py")
        self.headers = includes(name) if self.unit else []

    def passes(self):
        """Whether it does, in time; how long it took is remembered of the first time."""
        began = time.monotonic()
        limit = PATIENCE * self.usual + LEAST if self.usual else 900
        command = [str(BUILD / self.name)] if self.unit else [sys.executable, str(TREE / self.name)]
        environment = dict(os.environ, ECHOD_SRCDIR=str(TREE), ECHOD_BUILDDIR=str(BUILD),
                           CMOCKA_MESSAGE_OUTPUT="TAP")
        child = subprocess.Popen(APART + command, cwd=BUILD, env=environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 start_new_session=True)
        try:
            text, _ = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            child.communicate()
            return False
        good = child.returncode == 0 and not re.search(r"^not ok", text, re.M)
        if good and self.usual is None:
            self.usual = time.monotonic() - began
        return good

    def nearness(self, name):
        """To the source NAME: the less, the nearer; what takes less time goes first."""
        header, folder = name[4:].replace(".c", ".h"), name[4:].rpartition("/")[0]
        words = set(re.split(r"[_/.]", name)) & set(re.split(r"[_/.]", self.name)) - {"py", "c", "daemon"}
        if self.unit:
            near = 0 if header in self.headers else \
                1 if any(h.startswith(folder) for h in self.headers) else 2
        else:
            near = 3
        return near, -len(words), self.usual or 0


def first_failure(tests):
    """A test that fails, or None; daemon tests run side by side. What fails by chance does so
    once: each is asked again."""
    for test in (t for t in tests if t.unit):
        if not test.passes() and not test.passes():
            return test
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(test.passes): test for test in tests if not test.unit}
        for done in as_completed(running):
            if not done.result() and not running[done].passes():
                for other in running:
                    other.cancel()
                return running[done]
    return None


def usual_times(tests):
    """What each test takes without a change; one that fails even so, on this machine, is left out."""
    kept = WORK / "usual.json"
    known = json.loads(kept.read_text()) if kept.exists() else {}
    for test in tests:
        test.usual = known.get(test.name)
        if test.name not in known:
            known[test.name] = test.usual = test.usual if test.passes() else None
            print(f"{test.name}: " + (f"{test.usual:.1f} s" if test.usual else "fails as it is: left out"),
                  flush=True)
            kept.write_text(json.dumps(known))
    return [test for test in tests if test.usual]


# ---- a change ----

def fingerprint(name):
    """Of the objects that are made of the source NAME."""
    stem = Path(name).stem
    objects = sorted((BUILD / name).parent.glob(f"*{stem}.o"))
    code = b"".join(run(["objdump", "-drs", "-j.text", "-j.rodata", "-j.data", str(path)]).stdout.encode()
                    for path in objects)
    return hashlib.sha256(code).hexdigest()


def build(name, text, tests):
    """Makes all that TESTS need, with TEXT as the source NAME. Returns whether that can be done."""
    (TREE / name).write_text(text)
    return not make("all").returncode and not make(
        *listed("planted_programs"), *(t.name for t in tests if t.unit)).returncode


def result_of(change, tests):
    """"noticed by NAME", "survives"; "no difference" in what the compiler makes of it, or "not C"."""
    original = (TREE / change.name).read_text()
    before = fingerprint(change.name)
    near = sorted(tests, key=lambda t: t.nearness(change.name))
    try:
        if not build(change.name, change.text, near):
            return "not C"
        if fingerprint(change.name) == before:
            return "no difference"
        while True:
            failure = first_failure(near)
            build(change.name, original, near)
            if not failure:
                return "survives"
            if failure.passes():
                return f"noticed by {failure.name}"
            near.remove(failure)  # it fails as it is, at the moment: what it said counts for nothing
            build(change.name, change.text, near)
    finally:
        build(change.name, original, near)


def reasons():
    """Why a change need not be noticed: a line of its key, and below it, indented, the reason."""
    found, key = {}, None
    for line in REASONS.read_text().splitlines() if REASONS.exists() else []:
        if line.startswith("  ") and key:
            found[key] = f"{found.get(key, '')} {line.strip()}".strip()
        elif not line.startswith("#"):
            key = line
    return found


def report(chosen, results):
    counted = [c for c in chosen if results[c.key] == "survives" or results[c.key].startswith("noticed")]
    survivors = [c for c in counted if results[c.key] == "survives"]
    known = reasons()
    for change in survivors:
        print(f"survives: {change}\n  {known.get(change.key) or 'no reason is known; key: ' + change.key}")
    open_ = [c for c in survivors if c.key not in known]
    rate = 100 * (len(counted) - len(survivors)) / max(1, len(counted))
    print(f"{len(counted) - len(survivors)} of {len(counted)} changes noticed: {rate:.1f} % (goal: {GOAL} %); "
          f"{len(open_)} of the others without a reason")
    return rate >= GOAL and not open_


def chosen_changes(seed, files):
    names = sorted(str(p.relative_to(TREE)) for folder in FOLDERS for p in (TREE / folder).rglob("*.c"))
    every = [c for name in names if not files or any(f in name for f in files)
             for c in changes(name, (TREE / name).read_text())]
    random.Random(seed).shuffle(every)
    return every


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="which changes are chosen (1)")
    parser.add_argument("--count", type=int, default=200, help="how many (200)")
    parser.add_argument("files", nargs="*", help="only in files whose name contains this")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("mutate.py: this is for root: what is wrong on purpose runs in namespaces")
    copy_tree()
    configure()
    units, daemons = listed("unit_tests"), listed("daemon_tests")
    if make(*units, *listed("planted_programs")).returncode:
        sys.exit("the unit tests cannot be built")
    tests = usual_times([Test(name) for name in units + daemons])
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    chosen = []
    for change in chosen_changes(arguments.seed, arguments.files):
        if len(chosen) == arguments.count:
            break
        if results.get(change.key) in (None, "survives"):
            began = time.monotonic()
            results[change.key] = result_of(change, tests)
            RESULTS.write_text(json.dumps(results, indent=1))
            print(f"{change}: {results[change.key]}, {time.monotonic() - began:.0f} s", flush=True)
        if results[change.key] not in ("not C", "no difference"):
            chosen.append(change)
    return 0 if report(chosen, results) else 1


if __name__ == "__main__":
    sys.exit(main())
