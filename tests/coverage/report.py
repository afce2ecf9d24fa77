#!/usr/bin/env python3
"""Reports the test coverage of src by gcov(1), for ./dev coverage.

report.py clear BUILDDIR    resets all counters, and lets programs of any user update them
report.py show BUILDDIR     prints lines and branches of each file, and lines that were not reached;
                            those with a reason in tests/coverage/reasons.txt are counted separately

Fails if the coverage is below the goals.
"""
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REASONS = Path(__file__).resolve().parent / "reasons.txt"
GOALS = {"lines": 98.5, "branches": 93.0}


def notes(build):
    return sorted(build.glob("src/**/*.gcno"))


def clear(build):
    """Resets the counters. Creates empty, writable files, because workers run as a user who cannot create
    files there."""
    for note in build.glob("**/*.gcno"):
        counts = note.with_suffix(".gcda")
        counts.write_bytes(b"")
        counts.chmod(0o666)


def gcov(note):
    """The list of sources in the output of gcov --json-format for an object. Ignores that gcov fails for an
    object without counters."""
    counts = note.with_suffix(".gcda")
    counted = counts.exists() and counts.stat().st_size > 0
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["gcov", "--json-format", "--branch-probabilities", str(note)], cwd=scratch,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=counted)
        found = list(Path(scratch).glob("*.gz"))
        return json.loads(gzip.decompress(found[0].read_bytes()))["files"] if found else []


class Source:
    """The lines with code in a file, with the counts of each line and of its branches."""

    def __init__(self):
        self.lines = defaultdict(int)
        self.branches = defaultdict(dict)

    def add(self, lines):
        for line in lines:
            number = line["line_number"]
            self.lines[number] += line["count"]
            for index, branch in enumerate(line["branches"]):
                if not branch["throw"]:
                    known = self.branches[number]
                    known[index] = known.get(index, 0) + branch["count"]

    def missed(self):
        return sorted(n for n, count in self.lines.items() if count == 0)

    def missed_branches(self):
        """The lines that were reached without taking all branches, with the number of those not taken."""
        return {n: left for n, ways in self.branches.items() if self.lines[n]
                for left in [sum(count == 0 for count in ways.values())] if left}


def read(build):
    sources = defaultdict(Source)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for files in pool.map(gcov, notes(build)):
            for file in files:
                name = os.path.relpath(os.path.join(build, file["file"]), ROOT)
                if name.startswith("src/") and (ROOT / name).exists():  # excludes renamed files
                    sources[name].add(file["lines"])
    return dict(sorted(sources.items()))


def reasons():
    """[(expression for NAME: LINE, reason)]. In the file, each reason is followed by indented expressions."""
    found, reason = [], None
    for line in REASONS.read_text().splitlines():
        if line.startswith("  "):
            found.append((re.compile(line.strip()), reason))
        elif line and not line.startswith("#"):
            reason = line
    return found


def reason_of(known, name, text):
    for expression, reason in known:
        if expression.search(f"{name}: {text.strip()}"):
            return reason
    return None


def explain(sources):
    """Prints the lines that were not reached, by reason. Returns the number of lines without a reason."""
    by_reason, known = defaultdict(list), reasons()
    for name, source in sources.items():
        text = (ROOT / name).read_text().splitlines()
        for number in source.missed():
            by_reason[reason_of(known, name, text[number - 1])].append(
                f"  {name}:{number}: {text[number - 1].strip()}")
    for reason in sorted(filter(None, by_reason)):
        print(f"\n{reason}: {len(by_reason[reason])}")
        print("\n".join(by_reason[reason]))
    if by_reason[None]:
        print(f"\nNO REASON: {len(by_reason[None])}")
        print("\n".join(by_reason[None]))
    return len(by_reason[None])


def total(what, reached, all_):
    percent = 100 * reached / max(1, all_)
    print(f"{what}: {reached} of {all_}, {percent:.2f} % (goal: {GOALS[what]} %)")
    return percent >= GOALS[what]


def show(build):
    sources = read(build)
    for name, source in sources.items():
        lines, missed = len(source.lines), len(source.missed())
        ways = sum(len(b) for b in source.branches.values())
        left = sum(c == 0 for b in source.branches.values() for c in b.values())
        if missed or left:
            print(f"{name}: {missed} of {lines} lines, {left} of {ways} branches not reached")
    if os.environ.get("ECHOD_BRANCHES"):
        for name, source in sources.items():
            text = (ROOT / name).read_text().splitlines()
            for number, left in source.missed_branches().items():
                print(f"  {name}:{number}: {left} ways left: {text[number - 1].strip()}")
    unexplained = explain(sources)
    print()
    lines = sum(len(s.lines) for s in sources.values())
    good = total("lines", lines - sum(len(s.missed()) for s in sources.values()), lines)
    counts = [c for s in sources.values() for b in s.branches.values() for c in b.values()]
    good = total("branches", sum(c > 0 for c in counts), len(counts)) and good
    if unexplained:
        print(f"{unexplained} lines are not reached, and have no reason in {REASONS.relative_to(ROOT)}")
    return 0 if good else 1


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("clear", "show"):
        sys.exit(__doc__)
    build = Path(sys.argv[2]).resolve()
    return clear(build) if sys.argv[1] == "clear" else show(build)


sys.exit(main())
