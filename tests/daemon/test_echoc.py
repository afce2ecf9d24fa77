"""echoc when everything works: what it sends, prints and returns."""
import os
import re
import shutil
import socket
import subprocess
import tempfile

from echoc import NO_CONNECTION, OK, Server, fails, finish, prints, read_line, run, start
from expect import (DEADLINE, Failure, Skip, eventually, expect, expect_equal, expect_match,
                    scaled)
from harness import Echod
from hosts import with_hosts
from proc import read_proc, rss_kib
from programs import ECHOC
from tap import main, private_network, test

# 251 is a prime, so the pattern is not aligned to any buffer and a lost block shows.
PATTERN = bytes(i % 251 for i in range(251 * 261))
MIB = 1 << 20
UNIX = "[listen local]\nprotocol = unix\naddress = "


def pattern(count):
    return (PATTERN * (count // len(PATTERN) + 1))[:count]


def need_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        raise Skip("this machine has no IPv6") from None


# ---- what is sent ----

@test("messages are sent with a newline each, and only the replies are printed")
def messages():
    with Echod() as echod:
        prints(b"hello\n", *echod.address(), "hello")
        prints(b"one\ntwo words\n\n\xc3\xa4\n", *echod.address(), "one", "two words", "", "\xe4")
        prints(b"", *echod.address(), "--no-newline", "")
        prints(b"onetwo", "-n", *echod.address(), "one", "two")


@test("options may follow operands; after -- there are no options")
def options_anywhere():
    with Echod() as echod:
        prints(b"-n--raw", *echod.address(), "-n", "--", "-n", "--raw")
        prints(b"-t\n", "--", *echod.address(), "-t")


@test("standard input is sent byte for byte; an empty one needs no reply")
def standard_input():
    with Echod() as echod:
        for data in (b"", b"\n", b"no newline", bytes(range(256))):
            prints(data, *echod.address(), send=data)


@test("with a message on the command line, standard input is not read")
def input_untouched():
    with Echod() as echod, tempfile.TemporaryFile() as file:
        file.write(b"for somebody else")
        file.flush()
        file.seek(0)
        prints(b"hello\n", *echod.address(), "hello", stdin=file)
        expect_equal(os.lseek(file.fileno(), 0, os.SEEK_CUR), 0, "offset of standard input")


def copies(data, *where):
    """echoc ... <file >copy; the copy has to be identical."""
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as copy:
        file.write(data)
        file.flush()
        file.seek(0)
        expect_equal(run(*where, stdin=file, stdout=copy), (OK, None, ""), "status and errors")
        copy.seek(0)
        back = copy.read()
    expect_equal(len(back), len(data), "the size of the copy")
    expect(back == data, "the copy is identical")


@test("a file of any size comes back as an identical copy")
def copy_files():
    with Echod() as echod:
        for size in (0, 1, 64 * 1024, 4 * MIB):
            copies(pattern(size), *echod.address())
        echod.log.wait("closed by the client; %d bytes in, %d out" % (4 * MIB, 4 * MIB))


@test("a server that reads only as fast as its replies are read loses nothing")
def lock_step():
    def serve(sock):
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, buffer, 65536)
        while True:
            data = sock.recv(65536)
            if not data:
                return
            sock.sendall(data)  # stands still unless the client reads while it has more to send

    for family in (socket.AF_INET, socket.AF_UNIX):
        with Server(serve, family) as server:
            copies(pattern(8 * MIB), *server.at)


@test("a late reader of the output gets every byte, while the memory of echoc is bounded")
def output_read_late():
    def position():
        return int(re.search(rb"pos:\s*(\d+)", read_proc(process.pid, "fdinfo/0")).group(1))

    def is_stalled(seconds):
        before = position()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return 0 < before == position()
        raise Failure("echoc ended with status %d" % process.returncode)

    with Echod() as echod, tempfile.TemporaryFile() as file:
        data = pattern(24 * MIB)
        file.write(data)
        file.seek(0)
        process = start(*echod.address(), "-t", scaled("2s", "20s"), stdin=file)
        eventually(lambda: is_stalled(scaled(2.5, 21)), "echoc stalls without a timeout")
        expect(0 < rss_kib(process.pid) < scaled(8, 200) * 1024, "echoc buffers everything in memory")
        status, out, err = finish(process)
        expect_equal((status, err), (OK, ""), "status and errors")
        expect(out == data, "every byte is there")


@test("each line of input is sent at once, and its reply is printed at once")
def dialogue():
    with Echod() as echod:
        process = start(*echod.address())
        for line in (b"one\n", b"two\n"):
            process.stdin.write(line)
            process.stdin.flush()
            expect_equal(read_line(process.stdout), line, "the reply")
        expect_equal(finish(process), (OK, b"", ""), "status, further output and errors")


# ---- services ----

@test("a greeting is printed before anything is sent")
def greeting():
    with Echod(listen=r"greeting = Welcome\n" "\nport = 0") as echod:
        process = start(*echod.address())
        expect_equal(read_line(process.stdout), b"Welcome\n", "the greeting")
        expect_equal(finish(process, b"hello"), (OK, b"hello", ""), "status, output and errors")


@test("the replies of a message service are printed")
def message_service():
    with Echod(listen="service = message\nport = 0") as echod:
        prints(b"OK\nOK\n", *echod.address(), "one", "two")
        echod.log.wait("info: message from .* on local: two$")


@test("a server that sends a greeting and closes is a success if there was nothing to send")
def greets_and_closes():
    with Server(lambda sock: sock.sendall(b"Thank you for connecting")) as server:
        prints(b"Thank you for connecting", *server.at)
    with Server(lambda sock: sock.sendall(b"Thank you for connecting")) as server:
        process = start(*server.at)  # its input stays open
        expect_equal(process.wait(DEADLINE), OK, "the status")
        expect_equal(finish(process)[1:], (b"Thank you for connecting", ""), "output and errors")


# ---- where to ----

@test("the default port is 7777")
def default_port():
    if not private_network():
        raise Skip("others may use port 7777 in this network")
    with Echod(listen="port = 7777") as echod:
        prints(b"hello", echod.address()[0], send=b"hello")


@test("IPv4 and IPv6; an IPv6 address may stand in brackets")
def families():
    need_ipv6()
    with Echod("[listen four]\naddress = 127.0.0.1\nport = 0\n"
               "[listen six]\naddress = ::1\nport = 0\n") as echod:
        four, six = echod.address("four")[1], echod.address("six")[1]
        prints(b"hello\n", "::1", six, "hello")
        prints(b"hello\n", "[::1]", six, "hello")
        prints(b"hello\n", "-6", "::1", six, "hello")
        prints(b"hello\n", "--ipv4", "localhost", four, "hello")


REFUSED = r"connection refused by %s:%d \(is the server running\?\)\s"
# Gives a program its own idea of names.
@test("the addresses of a name are tried in turn until one accepts; -v prints each")
def several_addresses():
    need_ipv6()
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        program = with_hosts(where, "127.0.0.1 many\n::1 many\n") + [ECHOC]
        with socket.socket(socket.AF_INET6) as taken, Echod() as echod:
            port = echod.port
            taken.bind(("::1", port))  # bound, but nobody listens
            status, out, err = run("-v", "many", port, "hello", program=program)
            expect_equal((status, out), (OK, b"hello\n"), "status and output")
            expect_match(r"\Aechoc: trying \[::1\]:{0}\n"
                         r"echoc: connection refused by \[::1\]:{0} .*\n"
                         r"echoc: trying 127.0.0.1:{0}\n"
                         r"echoc: connected from 127.0.0.1:\d+ to 127.0.0.1:{0}\n"
                         r"echoc: sent 6 bytes to 127.0.0.1:{0}, got 6 bytes in \d+\.\d+ s\n"
                         r"echoc: TCP round trip .*, 0 retransmits, 0 lost, .*\n\Z"
                         .format(port), err, "standard error with -v")
            for options in ([], ["-4"]):
                prints(b"hello\n", "many", port, "hello", *options, program=program)
            fails(NO_CONNECTION, REFUSED % (r"\[::1\]", port) + r"\Z", "-6", "many", port, "hello",
                  program=program)
        fails(NO_CONNECTION, REFUSED % (r"\[::1\]", port) + "echoc: " +
              REFUSED % ("127.0.0.1", port) + r"\Z", "many", port, "hello", program=program)


@test("--unix leads to a Unix socket, by its path or by its abstract name")
def unix():
    with Echod(UNIX + "@DIR@/echo.sock\n") as echod:
        prints(b"one\ntwo\n", "--unix", echod.path("echo.sock"), "one", "two")
        copies(pattern(MIB), "--unix", echod.path("echo.sock"))
    name = "@echod-test-%d" % os.getpid()
    with Echod(UNIX + name + "\n"):
        prints(b"hello\n", "--unix=" + name, "hello")


# ---- about itself ----

@test("--help and --version print to standard output")
def about():
    for option in ("--help", "-h"):
        status, out, err = run(option)
        expect_equal((status, err), (OK, ""), "status and errors of " + option)
        expect_match(r"\AUsage: echoc \[OPTION\]", out.decode(), "the help")
    for option in ("--version", "-V"):
        status, out, err = run(option, "--nonsense")
        expect_equal((status, err), (OK, ""), "status and errors of " + option)
        expect_match(r"\Aechoc \(echod\) \d+\.\d+\S*\n\Z", out.decode(), "the version")


main()
