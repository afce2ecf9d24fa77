"""Finds the programs under test.

Some tests run them as another user. If that user cannot access the build directory (in root's home, for
example), they are copied to a place where everybody can.
"""
import atexit
import os
import shutil
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SRCDIR = os.environ.get("ECHOD_SRCDIR") or os.path.dirname(os.path.dirname(HERE))
BUILDDIR = os.path.abspath(os.environ.get("ECHOD_BUILDDIR") or os.path.join(SRCDIR, "build"))
NOBODY = 65534


def true_root():
    """Whether we are root outside any user namespace, so that root's exemptions apply."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return os.geteuid() == 0 and file.read().split() == ["0", "0", "4294967295"]


def nobody(**more):
    """Popen arguments for a process of the user nobody."""
    return dict({"user": NOBODY, "group": NOBODY, "extra_groups": []}, **more)


def _reachable():
    # Before tap.py has restarted the script, no program is run, and a copy would not be removed.
    if "ECHOD_TEST_NETWORK" not in os.environ or not true_root() or subprocess.run(["test", "-x", BUILDDIR + "/echod"], check=False,
                                         **nobody()).returncode == 0:
        return BUILDDIR
    where = tempfile.mkdtemp(prefix="echod-programs-")
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    os.chmod(where, 0o755)
    for program in ("echod", "echod-forkserver", "echoc", "echoctl"):
        shutil.copy(os.path.join(BUILDDIR, program), where)
    return where


PROGRAMS = _reachable()
ECHOD, ECHOC, ECHOCTL = (os.path.join(PROGRAMS, name) for name in ("echod", "echoc", "echoctl"))
FORKSERVER = os.path.join(PROGRAMS, "echod-forkserver")
# Sanitizer builds keep standard error where other builds close it.
with open(ECHOD, "rb") as program:
    SANITIZED = b"__asan_init" in program.read()
