"""Common code of the lint tests: the source tree, modified copies of it, C sources with blanked comments and
strings, and TAP.

A check is a function of a tree that yields a message for each fault. A case consists of a check that must
find no fault in the tree, and modified trees in which it must find one, which shows that the case can fail.
"""
import os
import re
import sys
from pathlib import Path

SRCDIR = Path(os.environ.get("ECHOD_SRCDIR", Path(__file__).resolve().parents[2]))
BUILDDIR = Path(os.environ.get("ECHOD_BUILDDIR", "."))


class Skip(Exception):
    """Raised by a check for which this machine lacks something."""


class Tree:
    """The files of the project, by name relative to its root, some of them possibly replaced."""

    def __init__(self, root=SRCDIR, changed=None):
        self.root = root
        self.changed = changed or {}  # name -> text, or None for a removed file

    def files(self, *patterns):
        """The sorted names of files that match any of the glob PATTERNS."""
        names = set()
        for pattern in patterns:
            names |= {str(p.relative_to(self.root)) for p in self.root.glob(pattern)
                      if p.is_file() and "__pycache__" not in p.parts}
            names |= {n for n in self.changed if Path("/" + n).match("/" + pattern)}
        return sorted(n for n in names if self.changed.get(n, "") is not None)

    def exists(self, name):
        if name in self.changed:
            return self.changed[name] is not None
        return (self.root / name).exists()

    def read(self, name):
        text = self.changed.get(name)
        return text if text is not None else (self.root / name).read_text(encoding="utf-8")

    def with_file(self, name, text):
        """A copy of this tree with TEXT as the file NAME; None removes the file."""
        return Tree(self.root, {**self.changed, name: text})

    def doctored(self, name, pattern, replacement):
        """A copy of this tree with the first match of the regular expression PATTERN in NAME replaced."""
        text, count = re.subn(pattern, replacement, self.read(name), count=1, flags=re.M)
        if count != 1:
            raise AssertionError(f"{name} has nothing to doctor that matches {pattern}")
        return self.with_file(name, text)


def blanked(text, strings=True):
    """The C source TEXT with comments and the contents of strings replaced by spaces, so that the
    positions of the rest are unchanged."""
    def blank(match):
        token = match.group()
        if token[0] == "/":
            return re.sub(r"[^\n]", " ", token)
        return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[-1] if strings else token

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def calls(text, names):
    """The calls of any of the functions NAMES in the C source TEXT: (line, name, arguments)."""
    code, text = blanked(text), blanked(text, strings=False)
    for match in re.finditer(r"(?<![\w.>])(%s)\s*\(" % "|".join(names), code):
        depth, end = 1, match.end()
        while depth and end < len(code):
            depth += {"(": 1, ")": -1}.get(code[end], 0)
            end += 1
        yield code.count("\n", 0, match.start()) + 1, match.group(1), text[match.end():end - 1]


def _complaints(check, tree):
    return [c for c in check(tree) if c]


class _Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def result(self, good, name, complaints=(), skip=None):
        self.count += 1
        self.failed += not good
        suffix = f" # SKIP {skip}" if skip else ""
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}{suffix}")
        for complaint in complaints:
            print(f"# {complaint}")


def main(cases):
    """Runs CASES, each (name, check, {name of a modification: function from tree to tree})."""
    tap, tree = _Tap(), Tree()
    for name, check, doctors in cases:
        try:
            found = _complaints(check, tree)
        except Skip as reason:
            tap.result(True, name, skip=reason)
            continue
        tap.result(not found, name, found)
        for what, doctor in doctors.items():
            noticed = set(_complaints(check, doctor(tree))) - set(found)
            tap.result(bool(noticed), f"{name}: notices {what}")
    print(f"1..{tap.count}")
    sys.exit(1 if tap.failed else 0)
