"""A file system that is full or becomes read-only: a start reports what it lacks, a reload changes
nothing, and clients are served."""
import os
import re
import subprocess

import clock
from clients import expect_echo
from expect import DEADLINE, eventually, eventually_equal, expect, expect_equal
from harness import clean_environment
from hosts import with_mount
from managed import Managed, listen
from proc import children
from programs import ECHOD
from tap import main, test

SMALL = "-t tmpfs -o size=64k,nr_inodes=6,mode=0755 tmpfs"


def small(name):
    return "[listen %s]\nprotocol = unix\naddress = @DIR@/small/%s\n" % (name, name)


class Small(Managed):
    """Its runtime directory, and @DIR@/small, are in a file system of a few files."""

    def _launch(self, args, env, *more):
        os.mkdir(self.path("small"))
        self.runtime = self.path("small/run")
        super()._launch(args, env, *more)

    def command(self, args):
        small = self.path("small")
        return (with_mount(SMALL, small) + ["sh", "-c", 'mkdir "$1" && shift && exec "$@"', "sh", small + "/run"] +
                super().command(args))

    @property
    def control(self):
        return self.seen(os.path.join(self.runtime, "control"))

    def seen(self, path):
        """PATH as it is in the daemon's file systems."""
        return "/proc/%d/root%s" % (self.pid, path)

    def fill(self):
        """Leaves no place for one more file. Returns what was made."""
        made = []
        try:
            while True:
                made.append(self.seen(self.path("small/file-%d" % len(made))))
                with open(made[-1], "wb") as file:
                    file.write(b"x" * 4096)
        except OSError:
            return made[:-1]

    def mount(self, how):
        """Mounts its small file system again, "ro" or "rw"."""
        subprocess.run(["nsenter", "-t", str(self.pid), "-m", "mount", "-o", "remount," + how, self.path("small")],
                       check=True)


@test("full file system: a reload that needs a file changes nothing, and works once there is room")
def full():
    with Small(listen("local")) as echod:
        inside = echod.echoing()
        made = echod.fill()
        expect(made, "no file was written")
        echod.configure(listen("local") + small("file"))
        echod.rejects("No space left on device")
        expect_echo(inside)
        expect_echo(echod.connect())
        for name in made:
            os.remove(name)
        echod.reload()
        expect_echo(inside)


@test("file system full at the start: echod exits with the reason, or serves")
def full_at_start():
    with Small("".join(map(small, "abcde")),
               ready=False) as echod:
        expect(echod.popen.wait(DEADLINE) in (69, 73, 77), "the exit status is %d" % echod.popen.returncode)
        eventually(lambda: echod.log.matching("No space left on device"), "the reason is logged")


@test("file system turned read-only: clients are served, a reload fails with the reason, and works later")
def read_only():
    with Small(listen("local")) as echod:
        inside = echod.echoing()
        echod.mount("ro")
        expect_echo(inside)
        expect_echo(echod.connect())
        echod.configure(listen("local") + small("file"))
        echod.rejects("its directory is read-only")
        echod.configure(listen("local"))
        echod.reload()
        expect_echo(inside)
        echod.mount("rw")
        echod.configure(listen("local") + small("file"))
        echod.reload()
        expect_echo(echod.connect())


@test("an error writing metrics is logged once, and metrics are written once they can be")
def metrics():
    if clock.possible():
        with clock.Clock(monotonic=True) as monotonic:
            check_metrics(monotonic.env, monotonic.step)
    else:
        check_metrics({}, lambda seconds: None)  # it takes its time


def check_metrics(env, step):
    """STEP(seconds) has so many seconds be over, for echod."""
    with Small("[server]\nmetrics_file = @DIR@/small/metrics.prom\n" + listen("local"), env=env) as echod:
        path = echod.seen(echod.path("small/metrics.prom"))
        eventually(lambda: os.path.exists(path), "they are written")
        os.remove(path)
        made = echod.fill()
        step(20)
        expect_echo(echod.connect())
        echod.log.wait(r" warning: .*metrics.*No space left on device")
        step(40)
        for _ in range(2):  # at the second it has seen that the time is over
            expect_echo(echod.connect())
        eventually_equal(lambda: len(children(echod.pid)), 2, "scribe and fork server, and no writer of metrics")
        for name in made:
            os.remove(name)
        step(60)
        expect_echo(echod.connect())
        eventually(lambda: os.path.exists(path), "they are written again", 3 * DEADLINE)
        echod.log.wait("metrics_file: writing .* again")
        expect_equal(len(echod.log.matching("No space left on device")), 1, "number of error records")


@test("a pid file without room on the disk: echod exits with the reason")
def pid_file():
    script = 'mkdir "$1/x" "$1/y" "$1/z" "$1/u" "$1/v"; d=$1; shift; exec "$@" --daemon --pid-file "$d/pid"'
    with Managed(listen("local")) as echod:  # for its directory, and its configuration
        small = echod.path("small")
        os.mkdir(small)
        done = subprocess.run(with_mount(SMALL, small) + ["sh", "-c", script, "sh", small, ECHOD, "--config",
                                                          echod.config],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE,
                              env=clean_environment(), check=False)
        expect_equal(done.returncode, 73, "the exit status")
        expect(re.search("cannot write .*pid: No space left on device", done.stderr), "standard error: " + done.stderr)


main()
