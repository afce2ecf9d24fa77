"""What echoc and check_echo inherit from whoever starts them changes nothing."""
import fcntl
import os
import resource
import signal
import struct
import tempfile
import termios

import servers
from expect import eventually, expect, expect_equal, expect_match
from harness import F_SETPIPE_SZ, Echod
from servers import Server
from tap import main, test
from verbs import CHECK_ECHO, ECHOC, WRAPPER, clean_environment, popen, run, subprocess

LOST = "echoc: cannot write standard output: "


def queued(fd):
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]


def through_full_pipe(*args, program=ECHOC):
    """What ARGS prints into a small non-blocking pipe that is only read once it is full."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK | fcntl.fcntl(writer, fcntl.F_GETFL))
    fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
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


@test("no line is lost where standard output is non-blocking, and full")
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
        expect_equal(through_full_pipe("send", *at, message), [message], "what send prints")


def closing(*fds):
    return {"preexec_fn": lambda: [os.close(fd) for fd in fds]}


@test("an output that is closed is an error of every verb, and so is an input that is read")
def closed():
    with Echod("[listen echo]\naddress = 127.0.0.1\nport = 0\n"
               "[listen who]\naddress = 127.0.0.1\nport = 0\nservice = whoami\n") as echod:
        echo, who = echod.address("echo"), echod.address("who")
        for args, status in ((("send", *echo, "hello"), 74), (("--help",), 74),
                             (("ping", "-c", 1, *echo), 2), (("ping", "--help"), 2),
                             (("ping", "-q", "--json", "-c", 1, *echo), 2),
                             (("crr", "-c", 1, *echo), 2), (("load", "-c", 1, *echo), 2),
                             (("hold", "--for", "10ms", 1, *echo), 2),
                             (("idle", "--shortest", "1ms", "--longest", "1ms", *echo), 2),
                             (("sweep", "--largest", 2, *echo), 2), (("whoami", *who), 2)):
            done = run(*args, **closing(1)).ended(status)
            expect_equal(done.err, LOST + "Bad file descriptor\n", "what %s says" % (args,))
        done = run("send", *echo, **closing(0)).ended(74)
        expect_equal(done.err, "echoc: cannot read standard input: Bad file descriptor\n", "it")
        run("ping", "-c", 1, *echo, **closing(0)).ended(0)
        run("ping", "-c", 1, *echo, **closing(0, 2)).ended(0)
        host, port = echo
        run("-H", host, "-p", port, program=[CHECK_ECHO], **closing(0, 1)).ended(3)


@test("a file that has reached its limit of size is an error, and no signal")
def file_size():
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    with Echod() as echod, tempfile.TemporaryFile() as file:
        process = subprocess.Popen(WRAPPER + [ECHOC, "ping", "-i", "0", "-c", "9",
                                              *map(str, echod.address())], preexec_fn=limit,
                                   stdout=file, stderr=subprocess.PIPE, env=clean_environment())
        err = process.communicate()[1].decode()
        expect_equal((process.returncode, err), (2, LOST + "File too large\n"), "status and errors")


@test("signals that are blocked or ignored from the beginning act as always")
def signals():
    def blocked():
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))

    def ignored():
        for number in (signal.SIGCHLD, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)

    with Server(servers.silent) as server:
        for prepare in (blocked, ignored):
            process = popen(*server.operands, "hello", preexec_fn=prepare)
            eventually(lambda: len(server.connections) > 0, "it is connected")
            server.connections.clear()
            process.terminate()
            expect_equal(process.wait(), -signal.SIGTERM, "how SIGTERM ends it")
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
        expect("gnuplot could not write" in done.err, "a child that failed is noticed")


main()
