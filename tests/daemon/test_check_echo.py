"""check_echo: the four states of a monitoring plugin, and its one line of output."""
import os
import re
import socket
import tempfile

import servers
from expect import Skip, expect, expect_equal, expect_match, scaled
from harness import Echod
from hosts import with_hosts
from servers import Server, changing
from tap import main, private_network, test
from verbs import CHECK_ECHO, run

LINE = (r"^ECHO %s - (\d+) bytes returned by (\S+) in (\d+\.\d{6}) s \| "
        r"time=(\d+\.\d{6})s;([^; ]*);([^; ]*);0 size=(\d+)B\n$")
WAIT = scaled("1", "5")


def check(*args):
    done = run(*args, program=[CHECK_ECHO])
    if done.status != 3:
        expect_equal(done.err, "", "standard error")
    return done


def of(server):
    address = server.address
    return ["-H", address] if isinstance(address, str) else ["-H", address[0], "-p", address[1]]


def failed(done, why):
    """CRITICAL, in one line that contains the reason WHY."""
    done.ended(2)
    expect_match(r"\AECHO CRITICAL - [^|\n]*%s[^|\n]*\n\Z" % why, done.out, "the line")


@test("OK is one line with the time, its thresholds and the size as performance data")
def ok():
    with Echod() as echod:
        host, port = echod.address()
        match = re.match(LINE % "OK", check("-H", host, "-p", port).ended(0).out)
        expect(match, "the line without thresholds")
        expect_equal(match.group(1, 2, 5, 6, 7), ("56", "%s:%d" % (host, port), "", "", "56"), "the fields")
        expect_equal(match.group(3), match.group(4), "the time in words and as data")
        done = check("-H", host, "-p", port, "-w", "100", "-c", "~:200.5").ended(0)
        match = re.match(LINE % "OK", done.out)
        expect_equal(match and match.group(5, 6), ("100", "~:200.5"), "the thresholds")


@test("a time outside of the ranges is WARNING or CRITICAL, whichever is worse")
def thresholds():
    with Server(servers.echo) as server:
        for args, status, word in ((("-w", "0.0"), 1, "WARNING"), (("-c", "0"), 2, "CRITICAL"),
                                   (("-w", "0", "-c", "0"), 2, "CRITICAL"),
                                   (("-w", "0", "-c", "100"), 1, "WARNING"),
                                   (("-w", "100:"), 1, "WARNING"), (("-w", ":100"), 0, "OK"), (("-c", "@0:100"), 2, "CRITICAL"),
                                   (("-w", "@100:200", "-c", "~:100"), 0, "OK")):
            done = check(*of(server), *args).ended(status)
            expect_match(LINE % word, done.out, "the line with %s" % (args,))


@test("Unix sockets, datagrams and IPv6 can be checked")
def transports():
    with Server(servers.echo, "unix") as server:
        check(*of(server)).ended(0)
    with Server(servers.echo_datagram, "udp") as server:
        check("-u", *of(server)).ended(0)
        check("-u", "-s", "hello", *of(server)).ended(0)
    with Server(servers.echo, family=socket.AF_INET6) as server:
        check("-6", *of(server)).ended(0)
        failed(check("-4", *of(server)), "cannot find the address")


@test("-s sends a text with escapes, which must come back; -e is a text that the answer must contain")
def texts():
    with Echod(listen="greeting = 220 ready\\n") as echod:
        args = ("-H", *echod.address()[:1], "-p", echod.port)
        check(*args).ended(0)
        check(*args, "-e", "220 ").ended(0)
        check(*args, "-s", "hello", "-e", "hello").ended(0)
        failed(check(*args, "-s", "hello"), r"unexpected reply: 220 ready\\x0a")
    with Server(servers.echo) as server:
        done = check(*of(server), "-s", r"a\n\x00\\").ended(0)
        expect_match("size=4B$", done.out, "the size")
        expect_match("^ECHO OK - 1 byte returned by", check(*of(server), "-s", "x").ended(0).out, "one")
    with Server(changing(lambda data, n: b"ok|\x1b")) as server:
        failed(check(*of(server), "-s", "x" * 56), r"unexpected reply: ok/\\x1b")
        check(*of(server), "-s", "x" * 56, "-e", "ok").ended(0)


@test("every fault is CRITICAL, with a description")
def failures():
    for serve, why in ((servers.silent, "timed out waiting for the echo"),
                       (servers.read_and_close, "closed the connection without an echo"),
                       (servers.resetting, "Connection reset by peer"),
                       (changing(lambda d, n: d[:30]), "truncated: 30 of 56 bytes"),
                       (changing(lambda d, n: d[:40] + b"\0\0" + d[42:]), "corrupted at byte 4[12]"),
                       (changing(lambda d, n: b"OK\n"), "timed out waiting for the echo; it sent: OK")):
        with Server(serve) as server:
            failed(check(*of(server), "-t", WAIT), why)
    with Server(servers.silent) as server:
        failed(check(*of(server), "-t", WAIT, "-s", "x"), "timed out waiting for a reply")
        failed(check(*of(server), "-t", WAIT, "-e", "x"), "timed out waiting for a reply")


@test("a refusal is CRITICAL, with the server's reason")
def refused():
    config = "[listen local]\naddress = 127.0.0.1\nport = 0\ndeny = 127.0.0.0/8\n"
    with Echod(config) as echod:
        failed(check("-H", "127.0.0.1", "-p", echod.port), "closed the connection without an echo; it sent: "
               "echod: access denied")


@test("no connection and unknown names are CRITICAL")
def unreachable():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        failed(check("-H", "127.0.0.1", "-p", sock.getsockname()[1]), "connection refused by 127")
    failed(check("-H", "name.invalid"), "cannot find the address of name.invalid port 7777")
    failed(check("-H", "/nonexistent/socket"), "no such socket")


@test("a path or host name cannot begin performance data or a second line")
def hostile_names():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        os.mkdir(where + "/p|q\n")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(where + "/p|q\n/s")
            listener.listen()
            failed(check("-H", where + "/p|q\n/s", "-t", WAIT), "p/q.*timed out")
            listener.close()
            failed(check("-v", "-H", where + "/p|q\n/s"), "connection refused by unix:.*p/q")
    failed(check("-H", "a|b\nc"), r"address of a/b\?c port 7777")
    for args in (("-H", "/" + "x" * 120), ("-H", "x", "-p", "a|b\nc"), ("-H", "x", "-w", "1|2")):
        expect_match(r"\AECHO UNKNOWN - [^|\n]*\n\Z", check(*args).ended(3).out, "with %s" % (args,))
    expect_match("too long for the path of a Unix socket",
                 check("-H", "/" + "x" * 120).ended(3).out, "output")


@test("a lookup that takes too long is CRITICAL")
def slow_lookup():
    if not private_network():
        raise Skip("port 53 may be somebody else's in this network")
    with tempfile.TemporaryDirectory() as where, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 53))
        program = [*with_hosts(where, "127.0.0.1 localhost\n", "127.0.0.1"), CHECK_ECHO]
        failed(run("-H", "name.test", "-t", 1, program=program), "the name lookup timed out after 1s")


@test("help, version and wrong usage are UNKNOWN")
def unknown():
    expect_match("^Usage: check_echo ", check("--help").ended(3).out, "the help")
    expect_match(r"^check_echo \(echod\) \d", check("-V").ended(3).out, "the version")
    for args in ([], ["-H", ""], ["-H", "x", "y"], ["-x"], ["-H", "x", "-w", "soon"],
                 ["-H", "x", "-w", "2:1"], ["-H", "x", "-p", "99999"], ["-H", "x", "-t", "0"],
                 ["-H", "x", "-s", r"\q"], ["-H", "x", "-s", ""], ["-H", "/x", "-u"]):
        expect_match("^ECHO UNKNOWN - ", check(*args).ended(3).out, "the line for %s" % args)


main()
