"""Inherited state (descriptors, signals, limits, environment) does not affect echoc and check_echo."""
import fcntl
import os
import resource
import signal
import struct
import tempfile
import termios
import time

import servers
from expect import DEADLINE, Skip, eventually, expect, expect_equal, expect_match, scaled
from harness import F_SETPIPE_SZ, VALGRIND, Echod
from managed import Managed
from programs import ECHOCTL, SANITIZED
from servers import Server
from tap import main, test
from verbs import CHECK_ECHO, ECHOC, WRAPPER, clean_environment, popen, run, subprocess

SERVICES = ("[listen echo]\naddress = 127.0.0.1\nport = 0\n"
            "[listen who]\naddress = 127.0.0.1\nport = 0\nservice = whoami\n")
LOST = "echoc: cannot write standard output: "


def queued(fd):
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]


def through_full_pipe(*args, program=ECHOC, size=8192):
    """What ARGS prints into a small non-blocking pipe that is only read once it is full. (A pipe of one page
    is full to poll(2) as soon as there is a byte in it.)"""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK | fcntl.fcntl(writer, fcntl.F_GETFL))
    fcntl.fcntl(writer, F_SETPIPE_SZ, size)
    process = subprocess.Popen(WRAPPER + [program] + [str(a) for a in args], stdout=writer,
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               env=clean_environment())
    os.close(writer)
    eventually(lambda: queued(reader) > 3000 or process.poll() is not None, "the pipe is full")
    out = b""
    while True:
        piece = os.read(reader, 65536)
        out += piece
        if not piece:
            break
    os.close(reader)
    err = process.communicate()[1]
    expect_equal((process.returncode, err), (0, b""), "status and errors of %s" % (args,))
    return out.decode().splitlines()


@test("no line is lost if standard output is non-blocking and full")
def non_blocking():
    with Echod() as echod:
        at = echod.address()
        lines = through_full_pipe("ping", "-i", 0, "-c", 300, *at)
        expect_equal(sum(" seq=" in line for line in lines), 300, "lines of replies")
        expect_match("^round trip min/avg", "\n".join(lines), "the summary")
        expect_equal(len(through_full_pipe("ping", "--json", "-i", 0, "-c", 300, *at)), 301,
                     "objects of ping")
        expect_equal(len(through_full_pipe("load", "--json", "-c", 300, *at)), 301,
                     "objects of load")
        message = "x" * 9000
        expect_equal(through_full_pipe("send", *at, message), [message], "output of send")


def closing(*fds):
    return {"preexec_fn": lambda: [os.close(fd) for fd in fds]}


@test("a closed output is an error for every verb, and so is a closed input that is read")
def closed():
    with Echod(SERVICES) as echod:
        echo, who = echod.address("echo"), echod.address("who")
        for args, status in ((("send", *echo, "hello"), 74), (("--help",), 74),
                             (("ping", "-c", 1, *echo), 2), (("ping", "--help"), 2),
                             (("ping", "-q", "--json", "-c", 1, *echo), 2),
                             (("crr", "-c", 1, *echo), 2), (("load", "-c", 1, *echo), 2),
                             (("hold", "--for", "10ms", 1, *echo), 2),
                             (("idle", "--shortest", "1ms", "--longest", "1ms", *echo), 2),
                             (("sweep", "--largest", 2, *echo), 2), (("whoami", *who), 2)):
            done = run(*args, **closing(1)).ended(status)
            expect_equal(done.err, LOST + "Bad file descriptor\n", "standard error of %s" % (args,))
        done = run("send", *echo, **closing(0)).ended(74)
        expect_equal(done.err, "echoc: cannot read standard input: Bad file descriptor\n", "standard error")
        run("ping", "-c", 1, *echo, **closing(0)).ended(0)
        run("ping", "-c", 1, *echo, **closing(0, 2)).ended(0)
        host, port = echo
        run("-H", host, "-p", port, program=[CHECK_ECHO], **closing(0, 1)).ended(3)


@test("an output file at its size limit is an error, and causes no signal")
def file_size():
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    with Echod() as echod, tempfile.TemporaryFile() as file:
        process = subprocess.Popen(WRAPPER + [ECHOC, "ping", "-i", "0", "-c", "9",
                                              *map(str, echod.address())], preexec_fn=limit,
                                   stdout=file, stderr=subprocess.PIPE, env=clean_environment())
        err = process.communicate()[1].decode()
        expect_equal((process.returncode, err), (2, LOST + "File too large\n"), "status and errors")


@test("a reader that hangs does not prevent a signal from ending echoc")
def stalled_reader():
    with Server(servers.echo) as server:
        for args in (("ping", "-i", 0), ("crr", "-i", 0), ("load", "--json")):
            reader, writer = os.pipe()
            fcntl.fcntl(writer, F_SETPIPE_SZ, 8192)
            process = subprocess.Popen(WRAPPER + [ECHOC, *map(str, args), *server.operands], stdout=writer,
                                       stdin=subprocess.DEVNULL, env=clean_environment())
            os.close(writer)
            eventually(lambda: queued(reader) > 4096, "both pages of the pipe are in use")
            # The first may come while it still runs, and have it print the summary, for which there is no room.
            for _ in range(2):
                process.terminate()
                time.sleep(0.5)
            expect_equal(process.wait(DEADLINE), -signal.SIGTERM, "exit status of %s" % args[0])
            os.close(reader)


@test("echoctl loses no line if standard output is non-blocking and full")
def control_non_blocking():
    with Managed() as echod:
        lines = through_full_pipe("-s", echod.control, "metrics", program=ECHOCTL, size=4096)
        expect_equal(lines[-1], echod.ctl("metrics")[1].splitlines()[-1], "the last line")


@test("echoctl with closed standard streams works unless it has to print")
def control_closed():
    with Managed() as echod:
        for args, status in ((("status",), 74), (("--help",), 74), (("--version",), 74),
                             (("reload",), 0), (("kill", "99"), 1)):
            for fds in ((1,), (0, 1), (0, 1, 2)):
                done = run("-s", echod.control, *args, program=[ECHOCTL], **closing(*fds)).ended(status)
                if status == 74 and 2 not in fds:
                    expect_equal(done.err, "echoctl: cannot write standard output: Bad file descriptor\n",
                                 "standard error")


def descriptors(soft, hard=None):
    def limit():
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard or most))
    return {"preexec_fn": limit}


def stack(soft, hard=None):
    def limit():
        most = resource.getrlimit(resource.RLIMIT_STACK)[1]
        resource.setrlimit(resource.RLIMIT_STACK, (soft, hard or most))
    return {"preexec_fn": limit}


@test("too low a soft limit of descriptors or stack, or a low hard limit of the stack, has no effect")
def low_limits():
    if VALGRIND:
        raise Skip("valgrind needs descriptors and a stack of its own")
    limits = [descriptors(4)] + ([] if SANITIZED else [stack(65536), stack(102400, 102400)])
    with Managed(SERVICES) as echod:
        echo, who = echod.address("echo"), echod.address("who")
        for limit in limits:
            for args in (("send", *echo, "x"), ("ping", "-c", 1, *echo), ("crr", "-c", 1, "localhost", echo[1]),
                         ("ping", "--flows", 20, "-c", 1, *echo), ("load", "-c", 1, *echo),
                         ("hold", "--for", scaled("1s", "20s"), 20, *echo), ("sweep", "--largest", 2, *echo),
                         ("idle", "--shortest", "1ms", "--longest", "1ms", *echo),
                         ("path", "--flows", 2, "--echo-port", echo[1], *who), ("whoami", *who)):
                run(*args, **limit).ended(0)
            run("-H", "localhost", "-p", echo[1], program=[CHECK_ECHO], **limit).ended(0)
            run("-s", echod.control, "status", program=[ECHOCTL], **limit).ended(0)


@test("running out of descriptors in a lookup is not reported as an unknown name")
def lookup_without_descriptors():
    if VALGRIND:
        raise Skip("valgrind needs descriptors of its own")
    with Server(servers.echo) as server:
        port = server.address[1]
        done = run("send", "localhost", port, "x", **descriptors(4, 4)).ended(71)
        expect_equal(done.err, "echoc: cannot find the address of localhost port %s: Too many open files\n" % port,
                     "standard error")
        for verb in (("ping", "-c", 1), ("crr",), ("whoami",), ("path",), ("load",), ("hold", 1)):
            run(*verb, "localhost", port, **descriptors(4, 4)).ended(2)
        done = run("-H", "localhost", "-p", port, program=[CHECK_ECHO], **descriptors(4, 4)).ended(3)
        expect_match("^ECHO UNKNOWN - .*: Too many open files$", done.out, "the line")


@test("locale, time zone, directory and umask have no effect")
def environment():
    def elsewhere():
        os.chdir("/")
        os.umask(0o077)

    with Managed(SERVICES) as echod, tempfile.TemporaryDirectory() as where:
        echo, who = echod.address("echo"), echod.address("who")
        odd = {"LC_ALL": "de_DE.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": ":/nonexistent", "COLUMNS": "1",
               "TMPDIR": "/nonexistent", "HOME": "/nonexistent", "GNUTERM": "dumb"}
        done = run("ping", "-c", 2, "-i", 0, "--json", *echo, env=odd, preexec_fn=elsewhere).ended(0)
        expect_equal(done.summary["received"], 2, "replies received")
        page = where + "/page.html"
        run("path", "--flows", 1, "--echo-port", echo[1], "--page", page, *who, env=odd,
            preexec_fn=elsewhere).ended(0)
        expect_equal(os.stat(page).st_mode & 0o777, 0o600, "the mode of the page, by the caller's umask")


@test("signals that are inherited as blocked or ignored still work")
def signals():
    def blocked():
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))

    def ignored():
        for number in (signal.SIGCHLD, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)

    with Server(servers.silent) as server:
        for prepare in (blocked, ignored):
            process = popen(*server.operands, "hello", preexec_fn=prepare)
            eventually(lambda: len(server.connections) > 0, "echoc has connected")
            server.connections.clear()
            process.terminate()
            expect_equal(process.wait(), -signal.SIGTERM, "exit status after SIGTERM")
            process.communicate()
            host, port = server.address
            done = run("-H", host, "-p", port, "-t", "200ms", program=[CHECK_ECHO],
                       preexec_fn=prepare).ended(2)
            expect_match("timed out", done.out, "the line")
    with Server(servers.echo) as server, tempfile.TemporaryDirectory() as where:
        os.mkdir(where + "/bin")
        with open(where + "/bin/gnuplot", "w", encoding="ascii") as file:
            file.write("#!/bin/sh\ncat >/dev/null\nexit 1\n")
        os.chmod(where + "/bin/gnuplot", 0o755)
        done = run("ping", "-c", 1, "--plot", where + "/x.svg", *server.operands,
                   preexec_fn=ignored, env={"PATH": where + "/bin:/usr/bin:/bin"}).ended(2)
        expect("gnuplot could not draw" in done.err, "a child that failed is noticed")


main()
