"""echoc with message boundaries: UDP, and Unix datagram and seqpacket sockets."""
import os
import socket

import servers
from echoc import (CLOSED, DIFFERS, NO_CONNECTION, OK, SILENT, TOO_LONG, Server as OneClient,
                   Terminal, fails, prints, read_line, run, start)
from echoc import finish as finish_process
from expect import expect_equal, expect_match, scaled
from harness import Echod
from servers import Server, changing_datagrams
from tap import main, test
from verbs import CHECK_ECHO, run as run_verb

WAIT = scaled("300ms", "3s")  # for what never comes
UDP_MAX = 65507  # of IPv4


def collecting(found):
    """Echoes, and keeps what came."""
    def change(data, n):
        found.append(data)
        return [data]
    return changing_datagrams(change)


# ---- what is sent ----

@test("send -u: each MESSAGE is a datagram, and each line of standard input")
def messages():
    found = []
    with Server(collecting(found), "udp") as server:
        prints(b"one\ntwo words\n\n", *server.operands, "one", "two words", "")
        prints(b"onetwo", "-n", *server.operands, "one", "", "two")
        expect_equal(found, [b"one\n", b"two words\n", b"\n", b"one", b"", b"two"], "datagrams for the MESSAGEs")
        del found[:]
        prints(b"a\n\nno newline", *server.operands, send=b"a\n\nno newline")
        prints(b"ab", "-n", *server.operands, send=b"a\nb\n")
        prints(b"", *server.operands, send=b"")
        expect_equal(found, [b"a\n", b"\n", b"no newline", b"a", b"b"], "datagrams for the lines")


@test("send -u: a line is sent, and its answer printed, before the next one is written")
def dialogue():
    with Server(servers.echo_datagram, "udp") as server:
        process = start(*server.operands)
        for line in (b"one\n", b"two\n"):
            process.stdin.write(line)
            process.stdin.flush()
            expect_equal(read_line(process.stdout), line, "the reply")
        expect_equal(finish_process(process), (OK, b"", ""), "status, further output and errors")


@test("send -u: on a terminal, answers are escaped and printed line by line")
def terminal():
    with Server(changing_datagrams(lambda data, n: [b"\x1b" + data]), "udp") as server, \
            Terminal(*server.operands) as shown:
        shown.type(b"hello\n")
        shown.shows(b"\\x1bhello\n")
        shown.type(b"\x04")
        expect_equal(shown.finish()[:2], (OK, b""), "status and what else is shown")


@test("send -u: a line that does not fit in a datagram is an error")
def sizes():
    with Server(servers.echo_datagram, "udp") as server:
        data = b"x" * UDP_MAX
        prints(data, *server.operands, send=data)
        fails(TOO_LONG, r"message 1 is too long for a datagram to 127\.0\.0\.1:\d+\n\Z",
              *server.operands, send=data + b"x")
        fails(TOO_LONG, "message 1 is too long", *server.operands, send=b"x" * (1 << 20))
        status, out, err = run(*server.operands, "-n", "one", "x" * (UDP_MAX + 1))
        expect_equal((status, out), (TOO_LONG, b"one"), "status and output")
        expect_match("^echoc: message 2 is too long", err, "standard error")


# ---- what goes wrong ----

@test("send -u: a message without an answer is reported, the next one is sent, and the status is 3")
def unanswered():
    with Server(changing_datagrams(lambda data, n: [data] if n == 2 else []), "udp") as server:
        status, out, err = run(*server.operands, "-t", WAIT, "a", "b", "c")
        expect_equal((status, out), (SILENT, b"b\n"), "status and output")
        expect_match(r"\Aechoc: no reply to message 1 from 127\.0\.0\.1:\d+ within %s\n"
                     r"echoc: no reply to message 3 from \S+ within %s\n\Z" % (WAIT, WAIT), err,
                     "standard error")


@test("send -u: a late answer is not taken for that to the next message")
def late():
    held = []

    def serve(sock, data, peer):
        held.append((data, peer))
        for answer in held if len(held) == 2 else ():
            sock.sendto(*answer)

    with Server(serve, "udp") as server:
        status, out, _ = run(*server.operands, "--verify", "-v", "-t", WAIT, "first", "second")
        expect_equal(status, SILENT, "the status: nothing differs")
        expect_equal([data for data, _ in held], [b"first\n", b"second\n"], "datagrams received by the server")
    del held[:]
    with Server(serve, "udp") as server:
        expect_equal(run(*server.operands, "-t", WAIT, "first", "second")[:2], (SILENT, b"second\n"),
                     "status and output")


@test("send -u: an ICMP error is reported at once if nobody listens")
def refused():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    fails(NO_CONNECTION, r"connection refused by 127\.0\.0\.1:%d \(is the server running\?\)\n\Z" % port,
          "-t", 0, "-u", "127.0.0.1", port, "a", "b")
    done = run_verb("send", "--json", "-u", "127.0.0.1", port, "a", "b").ended(NO_CONNECTION)
    expect_equal([(o["seq"], o["verdict"], o["reason"]) for o in done.objects("probe")],
                 [(1, "error", "Connection refused")], "in JSON")


@test("send -u --verify: each answer must equal the message")
def verify():
    with Server(servers.echo_datagram, "udp") as server:
        status, out, err = run("--verify", *server.operands, "a", "bc")
        expect_equal((status, out), (OK, b""), "status and output")
        expect_match(r" returned all 5 bytes as sent in ", err, "standard error")
    for change, why in ((lambda d: d[:3] + b"?" + d[4:], r"at byte 4 \(sent 0x6c, got 0x3f\)"),
                        (lambda d: d[:3], r"at byte 4 \(sent 0x6c, got nothing\)"),
                        (lambda d: d + b"!", r"at byte 7 \(sent nothing, got 0x21\)")):
        with Server(changing_datagrams(lambda d, n, c=change: [c(d) if n == 2 else d]),
                    "udp") as server:
            fails(DIFFERS, r"\S+: the reply to message 2 differs %s\n\Z" % why, "--verify",
                  *server.operands, "hello", "hello", "never sent")


@test("send -u --json: an object for each message, and a summary")
def in_json():
    answers = {1: lambda d: [d], 2: lambda d: [], 3: lambda d: [b"\x00?"]}
    with Server(changing_datagrams(lambda d, n: answers[n](d)), "udp") as server:
        done = run_verb("send", "--json", "-n", "-t", WAIT, *server.operands, "a", "b", "c").ended(3)
        expect_equal([(o["seq"], o["verdict"], o.get("text")) for o in done.objects("probe")],
                     [(1, "intact", "a"), (2, "overdue", None), (3, "different", "\\x00?")], "objects of the probes")
        expect_equal((done.summary["messages"], done.summary["unanswered"]), (3, 1), "the sums")
    with Server(servers.echo_datagram, "udp") as server:
        done = run_verb("send", "--json", "-n", *server.operands, "").ended(0)
        expect_equal([(o["verdict"], o["bytes"]) for o in done.objects("probe")], [("intact", 0)],
                     "result for an empty datagram")


# ---- Unix sockets ----

CONFIG = """
[listen dgram]
protocol = unix-dgram
address = @DIR@/dgram
[listen packets]
protocol = unix-seqpacket
address = @DIR@/packets
[listen greeting]
protocol = unix-seqpacket
address = @DIR@/greeting
greeting = hi\\n
[listen daytime]
protocol = unix-dgram
address = @DIR@/daytime
service = daytime
"""


@test("--unix detects datagram and seqpacket sockets")
def unix():
    with Echod(CONFIG) as echod:
        for name in ("dgram", "packets"):
            where = ("--unix", echod.path(name))
            prints(b"one\ntwo\n", *where, "one", "two")
            prints(b"a\nb", *where, send=b"a\nb")
            done = run_verb("ping", "--json", "-c", 5, "-i", 0, "-s", 60000, *where).ended(0)
            expect_equal(done.summary["received"], 5, "replies received")
            run_verb("crr", "-c", 2, "-i", 0, *where).ended(0)
            run_verb("load", "-c", 20, "--messages", 2, *where).ended(0)
            expect_equal(run_verb("sweep", "--json", *where).ended(0).summary["passes"], 65536, name)
            run_verb("-H", where[1], program=[CHECK_ECHO]).ended(0)
        run_verb("hold", 3, "--for", "50ms", "--unix", echod.path("packets")).ended(0)
        run_verb("idle", "--shortest", "50ms", "--longest", "100ms", "--unix",
                 echod.path("packets")).ended(0)
        for verb in (("hold", 3), ("idle",), ("ping", "--proxy", "v1")):
            expect_match("Protocol wrong type for socket",
                         run_verb(*verb, "--unix", echod.path("dgram")).ended(1).err, "no connection")
        prints(b"hi\none\n", "--unix", echod.path("greeting"), "one")
        expect_match(r"^\d{4}-", run_verb("daytime", "--unix", echod.path("daytime")).ended(0).out,
                     "the time")


@test("--unix: abstract names of each type")
def abstract():
    name = "@echod-test-%d" % os.getpid()
    for protocol in ("unix-dgram", "unix-seqpacket"):
        with Echod("[listen local]\nprotocol = %s\naddress = %s\n" % (protocol, name)):
            prints(b"hello\n", "--unix", name, "hello")
    fails(NO_CONNECTION, "connection refused by unix:%s" % name, "--unix", name, "hello")


@test("a seqpacket server that closes too early, or not at all, is reported")
def packets():
    def serve(answers, then):
        def one(sock):
            for _ in range(answers):
                sock.sendall(sock.recv(1024))
            then(sock)
        return one

    def packet_server(one):
        return OneClient(one, socket.AF_UNIX, socket.SOCK_SEQPACKET)

    # It takes one more, for what it left unread would be lost, and perhaps the last reply with it.
    with packet_server(serve(1, lambda sock: sock.recv(1024))) as server:
        status, out, err = run(*server.at, "one", "two", "three")
        expect_equal((status, out), (CLOSED, b"one\n"), "status and output")
        expect_match("closed the connection after 4 bytes, before everything was sent$", err, "standard error")
    with packet_server(serve(2, lambda sock: sock.recv(1024))) as server:
        done = run_verb("ping", "-i", 0, "-c", 3, *server.at).ended(1)
        expect_match("^echoc: .* closed the connection$", done.err, "standard error")
        expect_match(" 2 received", done.out, "the sum")
    with packet_server(serve(1, lambda sock: sock.recv(1))) as server:
        prints(b"one\n", *server.at, "one")


@test("output that cannot be written is an error")
def full():
    with Server(servers.echo_datagram, "udp") as server, open("/dev/full", "wb") as full_device:
        for more in ((), ("--json",)):
            status, _, err = run(*server.operands, *more, "hello", stdout=full_device)
            expect_equal(status, 74, "the status")
            expect_match("^echoc: cannot write standard output: No space left", err, "standard error")


main()
