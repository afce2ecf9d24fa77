#!/usr/bin/env python3
"""Runs a server of doc/TOUR.md and tests it as a client: prints which cases it passes.

Usage: client.py PROGRAM [CASE...]
       client.py --list
"""
import ctypes
import sys

sys.dont_write_bytecode = True
from cases import CASES  # noqa: E402
from stage import NotYet  # noqa: E402

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    """Orphaned workers become children of this process, which observes them and cleans up."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def verdict(program, name):
    """Runs the case NAME with PROGRAM. Returns "passes", or "not yet: " and what happened."""
    try:
        CASES[name](program)
        return "passes"
    except NotYet as reason:
        return "not yet: %s" % reason


def main(arguments):
    if arguments == ["--list"]:
        for name, function in CASES.items():
            print("%-12s  %s" % (name, function.__doc__))
        return 0
    if not arguments or arguments[0].startswith("-") or set(arguments[1:]) - set(CASES):
        print(__doc__.strip(), file=sys.stderr)
        return 64
    become_subreaper()
    for name in arguments[1:] or CASES:
        print("%-12s  %s" % (name, verdict(arguments[0], name)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
