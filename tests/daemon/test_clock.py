"""The clock: stepped to and fro while echod runs, and of a machine that has been up for years. (It is that
of the processes alone: a library stands between them and the C library, or a time namespace.)"""
import mmap
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from clients import expect_echo, recv_until_eof
from expect import Skip, eventually, expect, expect_equal
from managed import Managed, listen, plain_processes
from programs import SANITIZED
from tap import libc, main, test

DAY = 86400
YEARS = 10 * 365 * DAY
CLONE_NEWTIME = 0x80

# The offset is in a file that the test writes to. Only the clock that can be stepped is: CLOCK_MONOTONIC
# never is.
LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile const long *offset;
__attribute__((constructor)) static void begin(void)
{
    int fd = open(getenv("ECHOD_TEST_CLOCK"), O_RDONLY | O_CLOEXEC);
    offset = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
}
int clock_gettime(clockid_t id, struct timespec *ts)
{
    int (*real)(clockid_t, struct timespec *);
    *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int r = real(id, ts);
    if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        ts->tv_sec += *offset;
    return r;
}
time_t time(time_t *t)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (t)
        *t = ts.tv_sec;
    return ts.tv_sec;
}
int gettimeofday(struct timeval *tv, void *zone)
{
    struct timespec ts;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &ts);
    *tv = (struct timeval){ts.tv_sec, ts.tv_nsec / 1000};
    return 0;
}
"""


class Clock:
    """One that is stepped, in a with block. .env is for the program that sees it."""

    def __enter__(self):
        self.where = tempfile.TemporaryDirectory(prefix="echod-test-")
        compiler = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
        if not compiler or SANITIZED:
            raise Skip("no library can stand between: there is no compiler, or a sanitizer is first")
        library, path = self.where.name + "/clock.so", self.where.name + "/offset"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, "-x", "c", "-", "-ldl"],
                       input=LIBRARY.encode(), check=True)
        with open(path, "wb") as file:
            file.write(bytes(4096))
        self.file = open(path, "rb+")
        self.page = mmap.mmap(self.file.fileno(), 4096)
        self.env = {"LD_PRELOAD": library, "ECHOD_TEST_CLOCK": path}
        return self

    def step(self, seconds):
        """To SECONDS from the true time."""
        self.page[:8] = struct.pack("l", seconds)

    def __exit__(self, *_):
        self.page.close()
        self.file.close()
        self.where.cleanup()


def stamp(line):
    return time.mktime(time.strptime(line[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone


def expect_logged_at(echod, offset):
    """A session that ends now is logged with the time of the clock as it stands."""
    sock = echod.echoing()
    name = "%s:%d" % sock.getsockname()
    sock.close()
    line = echod.log.wait(" session of %s " % name)[0]
    expect(abs(stamp(line) - time.time() - offset) < DAY / 2, "it is logged with the time: " + line)


@test("a clock that is stepped by a day, either way: sessions go on, times are those of the clock, and a time "
      "limit neither comes early nor stays away")
def stepped():
    plain_processes()
    with Clock() as clock:
        config = "[server]\nidle_timeout = 1s\n" + listen("local")
        with Managed(config, env=clock.env) as echod:
            for offset in (0, DAY, -DAY, YEARS, 0):
                idle = echod.echoing()
                begin = time.monotonic()
                clock.step(offset)
                expect_logged_at(echod, offset)
                expect_equal(recv_until_eof(idle), b"", "what an idle client gets")
                expect(time.monotonic() - begin >= 0.9, "it had its time")
                echod.reload()
                expect(echod.ask("status")["uptime_seconds"] < DAY / 2, "the time that it is up")
            log = "\n".join(echod.log.lines())
            expect(" warning: " not in log and " error: " not in log, "nothing is complained of")


@test("a fork server, a scribe and a worker that end while the clock is stepped are replaced in time")
def stepped_while_replacing():
    plain_processes()
    with Clock() as clock, Managed("[server]\ncrash_penalty = 0\n" + listen("local"), env=clock.env) as echod:
        for offset in (DAY, -DAY):
            for pid in [echod.scribe()] + echod.fork_servers():
                os.kill(pid, signal.SIGKILL)
            clock.step(offset)
            expect_echo(echod.connect())
            eventually(echod.scribe, "there is a scribe")
            expect_logged_at(echod, offset)


def enter_time_namespace():
    """In a child: its machine was started ten years ago."""
    if libc.unshare(CLONE_NEWTIME) < 0:
        os._exit(99)
    with open("/proc/self/timens_offsets", "w", encoding="ascii") as file:
        file.write("monotonic %d 0\nboottime %d 0\n" % (YEARS, YEARS))
    fd = os.open("/proc/self/ns/time_for_children", os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWTIME) < 0:
        os._exit(99)
    os.close(fd)


def needs_time_namespace():
    if os.geteuid() != 0 or subprocess.run(["true"], preexec_fn=enter_time_namespace, check=False).returncode:
        raise Skip("time namespaces cannot be had here")


@test("a machine that has been up for ten years: limits of time are kept, and a reload keeps the uptime")
def up_for_years():
    plain_processes()
    needs_time_namespace()
    with Managed("[server]\nidle_timeout = 1s\n" + listen("local"), prepare=enter_time_namespace) as echod:
        idle = echod.echoing()
        begin = time.monotonic()
        expect_equal(recv_until_eof(idle), b"", "what an idle client gets")
        expect(time.monotonic() - begin >= 0.9, "it had its time")
        echod.reload()
        expect(echod.ask("status")["uptime_seconds"] < DAY, "the time that it is up")
        expect_echo(echod.connect())


main()
