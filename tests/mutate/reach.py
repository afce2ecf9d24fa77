"""The lines that each test program reaches, from a build with gcov: other tests cannot detect a change there.

As a program, in an isolated place: runs a test and prints the lines that it reached, as JSON.
"""
import hashlib
import json
import os
import subprocess
import sys
from collections import defaultdict

from place import COVERED, HERE, TREE
from suite import Test, attempt

FOLDERS = ("src/daemon", "src/worker", "src/config", "src/net", "src/ipc", "src/forkserver", "src/service")


def sources():
    return sorted(str(p.relative_to(TREE)) for folder in FOLDERS for p in (TREE / folder).rglob("*.c"))


def of_sources():
    """The state of the sources, on which line numbers depend."""
    texts = b"".join((TREE / name).read_bytes() for name in sources())
    return hashlib.sha256(texts).hexdigest()[:16]


def forget():
    subprocess.run([sys.executable, str(HERE.parent / "coverage" / "report.py"), "clear", str(COVERED)],
                   check=True)


def counted():
    """{source: ([lines with code], [those that were reached])}"""
    notes = [note for folder in FOLDERS for note in (COVERED / folder).rglob("*.gcno")
             if note.with_suffix(".gcda").stat().st_size]
    if not notes:
        return {}
    text = subprocess.run(["gcov", "--json-format", "--stdout", *map(str, notes)], cwd=COVERED, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    found = defaultdict(lambda: (set(), set()))
    for line in filter(None, text.splitlines()):
        for file in json.loads(line)["files"]:
            name = os.path.relpath(os.path.join(COVERED, file["file"]), TREE)
            for entry in file["lines"]:
                found[name][0].add(entry["line_number"])
                if entry["count"]:
                    found[name][1].add(entry["line_number"])
    return {name: (sorted(code), sorted(reached)) for name, (code, reached) in found.items()
            if name.startswith("src/")}


class Reach:
    """The reach of all tests, from KEPT, which is stored as JSON."""

    def __init__(self, kept):
        self.kept = kept
        self.code = defaultdict(set)
        for entry in kept.values():
            for name, (code, _) in entry["lines"].items():
                self.code[name].update(code)

    def line_of(self, name, line):
        """The line under which gcov counts LINE: the last line with code up to LINE."""
        return max((known for known in self.code[name] if known <= line), default=line)

    def reaches(self, test, name, line):
        _, reached = self.kept[test]["lines"].get(name, ([], []))
        return self.line_of(name, line) in reached

    def complete(self, test):
        """Whether TEST ran completely in the build with gcov, where some cases may be impossible."""
        return self.kept[test]["complete"]


def main():
    outcome = attempt(Test(sys.argv[1]), build=COVERED)
    json.dump({"complete": not outcome.failed and not outcome.skipped, "lines": counted()}, sys.stdout)


if __name__ == "__main__":
    main()
