"""Tests echod under systemd, installed in a Debian container that is booted with systemd as PID 1.

    run.py [--suite bookworm|trixie | --here] [--packages DIRECTORY] [PATTERN]

Runs the cases whose names match PATTERN: those for the build in ECHOD_BUILDDIR, or those for the Debian
packages in DIRECTORY. With --here, uses this machine in place of a container: echod is installed,
changed and purged on it. Prints TAP and a closing line. Needs root.
"""
import argparse
import os
import re
import signal
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "daemon"))
sys.dont_write_bytecode = True

import cases_service  # the cases, in the order of these imports
import cases_activation
import cases_generator
import cases_failure
import cases_sandbox
import cases_package
import cases_upgrade
from cases import cases, package_cases
from expect import DEADLINE, Failure, Skip
from here import Here
from machine import Machine, base_tarball, enter, need_tools
from packages import Packaged
from system import System

SOURCE = os.environ.get("ECHOD_SRCDIR") or os.path.join(HERE, "..", "..")
SCRATCH = os.path.abspath(os.path.join(SOURCE, "build-systemd"))
BUILD = os.path.abspath(os.environ.get("ECHOD_BUILDDIR") or os.path.join(SOURCE, "build"))
CASE_DEADLINE = 5 * DEADLINE


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", choices=("bookworm", "trixie"), default="bookworm")
    parser.add_argument("--here", action="store_true")
    parser.add_argument("--packages", metavar="DIRECTORY", type=os.path.abspath)
    parser.add_argument("pattern", nargs="?", default="")
    return parser.parse_args()


def comment(text):
    for line in text.splitlines():
        print("# " + line.encode("ascii", "backslashreplace").decode())


def on_alarm(number, frame):
    raise Failure("the case takes too long")


def diagnose(error, system):
    lines = [str(error)] if isinstance(error, Failure) else []
    lines += traceback.format_exception(type(error), error, error.__traceback__)[-4:]
    comment("\n".join(lines))
    try:
        comment("the journal:\n" + system.journal_end())
    except Exception as trouble:  # the journal is only for information
        comment("no journal: %s" % trouble)


def run_case(number, case, system):
    """Runs CASE. Returns "passed", "failed" or "skipped"."""
    name, function = case
    begun = time.monotonic()
    signal.alarm(CASE_DEADLINE)
    try:
        function(system)
    except Skip as skip:
        print("ok %d - %s # SKIP %s" % (number, name, skip))
        return "skipped"
    except Exception as error:  # any error: the other cases must run
        signal.alarm(0)
        print("not ok %d - %s" % (number, name))
        diagnose(error, system)
        return "failed"
    finally:
        signal.alarm(0)
        comment("%.1f s" % (time.monotonic() - begun))
    print("ok %d - %s" % (number, name))
    return "passed"


def run_cases(chosen, system):
    results = []
    print("1..%d" % len(chosen), flush=True)
    for number, case in enumerate(chosen, 1):
        system.reset(after_failure=results[-1:] == ["failed"])
        results.append(run_case(number, case, system))
        sys.stdout.flush()
    return results


def bail_out(error):
    comment(str(error))
    print("Bail out! the container cannot be used")
    print("0 passed, 1 failed")
    sys.exit(1)


def test(chosen, system, tarball):
    machine = system.machine
    try:
        machine.prepare(tarball)
        system.provide()
        results = run_cases(chosen, system)
    except Skip as skip:
        print("1..0 # SKIP %s" % skip)
        return
    except (Failure, subprocess.CalledProcessError) as error:
        bail_out(error)
    finally:
        machine.stop()
    if "skipped" in results:
        print("# %d skipped" % results.count("skipped"))
    print("%d passed, %d failed" % (results.count("passed"), results.count("failed")))
    sys.exit(1 if "failed" in results else 0)


def container(suite, name):
    """The machine in a new container, and the tarball to fill it with. Containers with different NAMEs may
    run at the same time."""
    need_tools()
    tarball = base_tarball(SCRATCH, suite)
    return Machine(enter(), os.path.join(SCRATCH, "%s-%s" % (suite, name))), tarball


def main():
    args = arguments()
    try:
        machine, tarball = (Here(), None) if args.here else container(
            args.suite, "packages" if args.packages else "built")
    except Skip as skip:
        print("1..0 # SKIP %s" % skip)
        return
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    system = Packaged(machine, args.packages) if args.packages else System(machine, BUILD)
    chosen = [case for case in (package_cases if args.packages else cases)
              if re.search(args.pattern, case[0])]
    test(chosen, system, tarball)


if __name__ == "__main__":
    main()
