"""Runs the tests of a script in a network namespace, and reports in TAP.

Most of a test is waiting, so tests of a script run in parallel: several processes, each with its own network
namespace, take one test after the other. The output is printed in the order of the tests.
ECHOD_SIDE_BY_SIDE=N sets the number of processes; 1: one after the other in this process.
"""
import ctypes
import contextlib
import fcntl
import io
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import traceback

from expect import DEADLINE, SLOW, Failure, Skip, eventually
from proc import children, descendants

TEST_DEADLINE = max(3600 if SLOW else 600, 4 * DEADLINE)
# With ECHOD_SLOW, tests use the processor most of the time, so running them in parallel gains nothing.
SIDE_BY_SIDE = int(os.environ.get("ECHOD_SIDE_BY_SIDE", 1 if SLOW else 3))
MESSAGE_MAX = 100000
CLONE_NEWNET = 0x40000000
running = []  # the daemons to clean up: harness.Echod
tests = []
libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_CAP_AMBIENT = 1, 36, 47
PR_CAP_AMBIENT_RAISE, PR_CAP_AMBIENT_CLEAR_ALL, CAP_NET_ADMIN = 2, 4, 12


def test(name):
    def register(function):
        tests.append((name, function))
        return function
    return register


def lo_up():
    SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        flags = struct.unpack("16sH14x", request)[1]
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def unshare_command():
    """The command that runs a program in a network namespace of its own; None if none works. If possible,
    not as root of a user namespace, because many tests concern an ordinary user."""
    ways = [[]] if os.geteuid() == 0 else [["--map-current-user", "--keep-caps"],
                                           ["--map-root-user"]]
    for way in ways:
        command = ["unshare", "--net"] + way
        if shutil.which("unshare") and subprocess.run(
                command + ["true"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                check=False).returncode == 0:
            return command
    return None


def enter_network():
    """Restarts this script in a network namespace of its own, if possible."""
    inside = os.environ.get("ECHOD_TEST_NETWORK")
    if inside == "private":
        lo_up()
        # The capabilities that this needed are not for the tested programs.
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    if inside:
        return
    command = unshare_command()
    os.environ["ECHOD_TEST_NETWORK"] = "private" if command else "host"
    if command:
        os.execvp("unshare", command + [sys.executable] + sys.argv)


def as_network_admin():
    """In a child: lets the program that it executes configure our private network."""
    libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0)


def private_network():
    return os.environ.get("ECHOD_TEST_NETWORK") == "private"


def kill_all():
    """Kills all processes that were started here, and reaps those that we adopted."""
    for pid in descendants(os.getpid()):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    for echod in list(running):
        echod.clean_up()
    reap_adopted()


def reap_adopted():
    """Reaps orphans of dead daemons, which are our children because we are their subreaper."""
    known = [echod.popen.pid for echod in running if echod.popen]
    for pid in children(os.getpid()):
        if pid not in known:
            try:
                os.waitpid(pid, os.WNOHANG | 0x40000000)  # __WALL: whatever its exit signal
            except OSError:
                pass


def nothing_left():
    reap_adopted()
    return not descendants(os.getpid())


def diagnose(error):
    lines = [str(error)] if isinstance(error, Failure) else []
    lines += traceback.format_exception(type(error), error, error.__traceback__)[-6:]
    for echod in running:
        lines += ["log of %d:" % echod.pid] + echod.log.lines()[-20:]
    for line in "\n".join(lines).splitlines():
        print("# " + line.encode("ascii", "backslashreplace").decode())


def on_alarm(number, frame):
    raise Failure("the test takes too long")


def run_one(number, name, function):
    signal.alarm(TEST_DEADLINE)
    try:
        function()
        eventually(nothing_left, "no process is left after the test")
    except Skip as skip:
        print("ok %d - %s # SKIP %s" % (number, name, skip))
        return True
    except Exception as error:  # any error: the other tests must run
        signal.alarm(0)
        print("not ok %d - %s" % (number, name))
        diagnose(error)
        return False
    finally:
        signal.alarm(0)
        kill_all()
        sys.stdout.flush()
    print("ok %d - %s" % (number, name))
    sys.stdout.flush()
    return True


def one_after_the_other(chosen):
    """Runs the tests in this process. Returns whether all pass."""
    return all([run_one(i + 1, *t) for i, t in enumerate(chosen)])


# ---- in parallel ----

def prepare_process():
    """Prepares a process that runs tests: it adopts orphans, and has default signal handling."""
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGALRM, on_alarm)
    # A shell's background job ignores SIGINT, and all programs started here would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def take_tests(chosen, numbers, results):
    """In a separate process: runs tests while there are NUMBERS, and sends the output of each."""
    while True:
        number = os.read(numbers, 2)
        if not number:
            return
        index = int.from_bytes(number, "big")
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            passed = run_one(index + 1, *chosen[index])
        results.send(number + bytes([passed]) + text.getvalue().encode()[:MESSAGE_MAX])


def start_process(chosen, numbers, results, first):
    """Forks a process that takes tests. All but the FIRST need a network namespace of their own; without
    one they take none."""
    pid = os.fork()
    if pid:
        return pid
    try:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        prepare_process()
        if not first and libc.unshare(CLONE_NEWNET) < 0:
            os._exit(0)
        if not first:
            lo_up()
        take_tests(chosen, numbers, results)
        os._exit(0)
    except BaseException:  # the child must not run any other code
        traceback.print_exc()
    finally:
        os._exit(1)


def print_in_order(results, chosen):
    """Prints the results. Returns whether all pass. A test whose process ended has failed."""
    known, printed = {}, 0
    for message in iter(lambda: results.recv(2 * MESSAGE_MAX), b""):
        known[int.from_bytes(message[:2], "big")] = message
        while printed in known:
            sys.stdout.write(known[printed][3:].decode())
            sys.stdout.flush()
            printed += 1
    for index in range(printed, len(chosen)):
        sys.stdout.write(known[index][3:].decode() if index in known else
                         "not ok %d - %s\n# its process ended\n" % (index + 1, chosen[index][0]))
    return len(known) == len(chosen) and all(message[2] for message in known.values())


def side_by_side(chosen, count):
    """Runs the tests, COUNT at a time. Returns whether all pass."""
    numbers, there = os.pipe2(os.O_CLOEXEC)
    here, results = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    results.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MESSAGE_MAX)
    os.write(there, b"".join(i.to_bytes(2, "big") for i in range(len(chosen))))
    os.close(there)
    pids = [start_process(chosen, numbers, results, i == 0) for i in range(count)]
    results.close()
    passed = print_in_order(here, chosen)
    for pid in pids:
        os.waitpid(pid, 0)
    return passed


def main(at_once=SIDE_BY_SIDE):
    """Runs the tests of the script, or those whose names match the argument; AT_ONCE in parallel."""
    enter_network()
    prepare_process()
    # For two hundred clients and sockets that are still closing.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    chosen = [t for t in tests if len(sys.argv) < 2 or re.search(sys.argv[1], t[0])]
    print("1..%d" % len(chosen))
    sys.stdout.flush()
    at_once = min(at_once, len(chosen)) if private_network() else 1
    passed = side_by_side(chosen, at_once) if at_once > 1 else one_after_the_other(chosen)
    sys.exit(0 if passed else 1)
