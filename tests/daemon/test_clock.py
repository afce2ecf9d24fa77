"""The clock: stepped while echod runs, and on a machine with years of uptime. (Only the clock of the processes
is changed, by a library between them and the C library, or by a time namespace.)"""
import os
import signal
import subprocess
import time

from clients import expect_echo, recv_until_eof
from clock import Clock
from expect import Skip, eventually, expect, expect_equal
from managed import Managed, listen, plain_processes
from tap import libc, main, test

DAY = 86400
YEARS = 10 * 365 * DAY
CLONE_NEWTIME = 0x80

def stamp(line):
    return time.mktime(time.strptime(line[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone


def expect_logged_at(echod, offset):
    """A session that ends now is logged with the time of the clock as it stands."""
    sock = echod.echoing()
    name = "%s:%d" % sock.getsockname()
    sock.close()
    line = echod.log.wait(" session of %s " % name)[0]
    expect(abs(stamp(line) - time.time() - offset) < DAY / 2, "the record has the wrong time: " + line)


@test("a clock that is stepped by a day, either way: sessions go on, times are those of the clock, and a time "
      "limit applies neither early nor never")
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
                expect_equal(recv_until_eof(idle), b"", "data received by an idle client")
                expect(time.monotonic() - begin >= 0.9, "the idle client was closed too early")
                echod.reload()
                expect(echod.ask("status")["uptime_seconds"] < DAY / 2, "uptime_seconds")
            log = "\n".join(echod.log.lines())
            expect(" warning: " not in log and " error: " not in log, "a warning or an error was logged")


@test("a fork server, scribe and worker that end while the clock is stepped are replaced in time")
def stepped_while_replacing():
    plain_processes()
    with Clock() as clock, Managed("[server]\ncrash_penalty = 0\n" + listen("local"), env=clock.env) as echod:
        for offset in (DAY, -DAY):
            for pid in [echod.scribe()] + echod.fork_servers():
                os.kill(pid, signal.SIGKILL)
            clock.step(offset)
            expect_echo(echod.connect())
            eventually(echod.scribe, "a scribe runs")
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


@test("after ten years of uptime, time limits work and a reload keeps the uptime")
def up_for_years():
    plain_processes()
    needs_time_namespace()
    with Managed("[server]\nidle_timeout = 1s\n" + listen("local"), prepare=enter_time_namespace) as echod:
        idle = echod.echoing()
        begin = time.monotonic()
        expect_equal(recv_until_eof(idle), b"", "data received by an idle client")
        expect(time.monotonic() - begin >= 0.9, "the idle client was closed too early")
        echod.reload()
        expect(echod.ask("status")["uptime_seconds"] < DAY, "uptime_seconds")
        expect_echo(echod.connect())


main()
