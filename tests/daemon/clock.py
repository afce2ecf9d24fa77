"""Changes the clock of the tested processes only, by a library that overrides clock functions of libc."""
import mmap
import shutil
import struct
import subprocess
import tempfile

from expect import Skip
from programs import SANITIZED

# The offset is in a file that the test writes. MONOTONIC is 1 if it applies to the monotonic clock, which a
# test can advance, and 0 for the realtime clock, which can be stepped.
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
    if (r == 0 && (MONOTONIC ? id == CLOCK_MONOTONIC : id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
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


def compiler():
    return next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)


def possible():
    return compiler() and not SANITIZED


class Clock:
    """A clock that can be stepped, in a with block; with MONOTONIC, the clock for time limits. .env is the
    environment for the tested program."""

    def __init__(self, monotonic=False):
        self.monotonic = monotonic

    def __enter__(self):
        self.where = tempfile.TemporaryDirectory(prefix="echod-test-")
        if not possible():
            raise Skip("no library can stand between: there is no compiler, or a sanitizer is first")
        library, path = self.where.name + "/clock.so", self.where.name + "/offset"
        subprocess.run([compiler(), "-DMONOTONIC=%d" % self.monotonic, "-shared", "-fPIC", "-o", library, "-x", "c", "-", "-ldl"],
                       input=LIBRARY.encode(), check=True)
        with open(path, "wb") as file:
            file.write(bytes(4096))
        self.file = open(path, "rb+")
        self.page = mmap.mmap(self.file.fileno(), 4096)
        self.env = {"LD_PRELOAD": library, "ECHOD_TEST_CLOCK": path}
        return self

    def step(self, seconds):
        """Sets the clock to SECONDS from the true time."""
        self.page[:8] = struct.pack("l", seconds)

    def __exit__(self, *_):
        self.page.close()
        self.file.close()
        self.where.cleanup()
