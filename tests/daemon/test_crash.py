"""A worker or daemon that dies: its place is freed, its end is recorded, nothing is left behind."""
import os
import resource
import shutil
import signal
import subprocess
import tempfile

from clients import expect_echo, recv_until_eof
from expect import Skip, eventually, expect, expect_equal, scaled
from harness import Echod
from proc import descendants, is_alive, read_proc
from tap import main, reap_adopted, test

MANY = scaled(100, 20)
KILLED = (r" warning: session of 127\.0\.0\.1:\d+ on local: its worker was killed by signal 9 "
          r"\(SIGKILL\); 4 bytes in, [04] out, ")


def kill_one(echod):
    sock = echod.echoing()
    os.kill(echod.worker_of(sock), signal.SIGKILL)
    expect_equal(recv_until_eof(sock), b"", "data received by the client of a killed worker")
    record = echod.log.wait(KILLED)[0]
    expect("session of %s:%d " % sock.getsockname() in record, "the record names its client")
    expect_echo(echod.connect())


@test("a killed worker frees its place, and its record explains the end")
def one():
    with Echod(server="max_clients = 1") as echod:
        kill_one(echod)


@test("the record names a signal other than SIGKILL")
def other_signal():
    with Echod() as echod:
        os.kill(echod.worker_of(echod.echoing()), signal.SIGUSR1)
        echod.log.wait(r" warning: .*: its worker was killed by signal 10 \(SIGUSR1\); ")


def no_queued_signals():
    """The kernel then drops real-time signals, and the daemon has to look for itself."""
    resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))


def pending_limit(echod):
    for line in read_proc(echod.pid, "status").decode().splitlines():
        if line.startswith("SigQ:"):
            return int(line.split("/")[1])
    return None


def kill_many(echod):
    socks = [echod.echoing() for _ in range(MANY)]
    for pid in echod.workers():
        os.kill(pid, signal.SIGKILL)
    records = echod.log.wait(KILLED, count=MANY)
    expect_equal(len(records), MANY, "the number of records")
    for sock in socks:
        expect("\n".join(records).count("127.0.0.1:%d " % sock.getsockname()[1]) == 1,
               "clients without exactly one record")
    echod.wait_no_workers()
    for sock in [echod.connect() for _ in range(MANY)]:
        expect_echo(sock)


@test("%d workers killed at once all free their places" % MANY)
def many():
    with Echod(server="max_clients = %d" % MANY) as echod:
        kill_many(echod)


@test("%d workers killed at once free their places even if the signals for their ends are lost" % MANY)
def many_without_signals():
    with Echod(server="max_clients = %d" % MANY, prepare=no_queued_signals) as echod:
        expect_equal(pending_limit(echod), 0, "the limit of pending signals")
        kill_many(echod)


@test("if the signals for the ends of workers are lost, consecutive clients are still served")
def closing_without_signals():
    with Echod(server="max_clients = 2\nwhen_full = queue",
               prepare=no_queued_signals) as echod:
        for _ in range(4):
            sock = echod.echoing()
            sock.close()


@test("with SIGCHLD ignored by its parent, echod still notices the end of its children")
def sigchld_ignored():
    def prepare():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    with Echod(server="max_clients = 1", prepare=prepare) as echod:
        kill_one(echod)


@test("with every signal blocked by its parent, echod still works and stops")
def signals_blocked():
    def prepare():
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))

    with Echod(server="max_clients = 1", prepare=prepare) as echod:
        kill_one(echod)


# What monitors and allocators do that are preloaded: stand between a program and the C library.
BETWEEN = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/socket.h>
ssize_t send(int fd, const void *data, size_t len, int flags)
{
    ssize_t (*real)(int, const void *, size_t, int);
    *(void **)&real = dlsym(RTLD_NEXT, "send");
    return real(fd, data, len, flags);
}
"""


def compile_library(where):
    compiler = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
    if not compiler:
        raise Skip("no C compiler for a library")
    path = os.path.join(where, "between.so")
    made = subprocess.run([compiler, "-shared", "-fPIC", "-o", path, "-x", "c", "-", "-ldl"],
                          input=BETWEEN.encode(), check=False).returncode
    expect_equal(made, 0, "the exit status of the compiler")
    return path


@test("a preloaded library does not crash workers that call its functions")
def preloaded():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        # Sanitizers insist on being the first library.
        options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        env = {"LD_PRELOAD": compile_library(where), "ASAN_OPTIONS": options}
        with Echod(env=env) as echod:
            expect_echo(echod.connect())


@test("a killed daemon leaves neither worker nor scribe behind")
def daemon_killed():
    with Echod() as echod:
        socks = [echod.echoing() for _ in range(5)]
        family = echod.family()
        expect_equal(len(family), 7, "the number of its processes")
        echod.popen.kill()
        expect_equal(echod.popen.wait(), -signal.SIGKILL, "the status of the daemon")
        for sock in socks:
            expect_equal(recv_until_eof(sock), b"", "data received by its clients")
        eventually(lambda: not any(is_alive(pid) for pid in family), "its children end")


@test("no child is left when the daemon has stopped")
def daemon_stopped():
    with Echod() as echod:
        for _ in range(5):
            echod.echoing()
        family = echod.family()
        expect_equal(len(family), 7, "the number of its processes")
        echod.stop()
        expect_equal([pid for pid in family if os.path.exists("/proc/%d" % pid)], [],
                     "the children that are left")
        reap_adopted()
        expect_equal(descendants(os.getpid()), [], "the orphans that are left")


main()
