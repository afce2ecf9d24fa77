"""Hostile servers: every verb ends in time, with the right message and status."""
import os
import resource
import socket
import subprocess
import threading

import servers
from expect import DEADLINE, expect, expect_equal, expect_match, scaled, slowness
from harness import WRAPPER, clean_environment
from servers import Server, fill_backlog
from tap import main, test
from verbs import CHECK_ECHO, ECHOC, Done, run

SHORT = scaled("300ms", "3s")
# What no verb may need beyond what it begins with.
MEMORY_MAX = 64 << 20


def flooding(text):
    """Sends TEXT again and again, as fast as it is read, whatever comes."""
    def serve(conn, number):
        while True:
            conn.sendall(text * (100000 // len(text)))
    return serve


def never_reading(conn, number):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    threading.Event().wait(DEADLINE)


def more_than_was_asked(conn, number):
    for data in servers.pieces(conn):
        conn.sendall(data * 10 + b"more" + data * 10)  # in between, as DATA may be the last probes at once


def reset_at_once(conn, number):
    servers.reset(conn)


FLOODS = (flooding(b"hello\n"), flooding(b"\0" + os.urandom(1000)))  # neither begins with what is sent

# Verbs, their exit statuses with a flood of data that they did not send, and a pattern of their output.
ENDS = (
    (("ping", "-q", "-c", 2, "-i", "10ms", "-W", SHORT), (1,), r"^2 sent, 0 received, 100% loss"),
    (("ping", "-q", "-i", 0, "-w", SHORT), (1,), " 0 received, 100% loss"),
    (("ping", "-q", "--flows", 3, "-c", 2, "-i", "10ms", "-W", SHORT), (1,),
     "^nothing came back on any flow$"),
    (("crr", "-q", "-c", 2, "-i", 0, "-t", SHORT), (1,), "^2 sent, 0 received, 100% loss"),
    (("load", "-c", 4, "--connections", 2, "-t", SHORT), (1,), "^ +4  no reply in time$"),
    (("load", "--rate", 20, "-c", 4, "-t", SHORT), (1,),
     r"4 scheduled = 4 begun \(\d+ late.*\) \+ 0 not begun; begun = 0 completed \+ 4 failed"),
    (("hold", "--for", SHORT, 3), (0,), "^held 3 of 3 to the end"),
    (("idle", "--shortest", "10ms", "--longest", "10ms", "-t", SHORT), (1,),
     "^echoc: this test needs an echo service"),
    (("sweep", "-W", SHORT, "--tries", 1, "--smallest", 100), (1,), "^not even 100 bytes pass: no reply"),
    (("whoami", "-t", SHORT), (1,), "the server sent more than 64 KiB: it is another service$"),
    (("daytime", "--json", "-t", SHORT), (1,), "the server sent more than 64 KiB"),
    (("path", "-t", SHORT), (1,), "it is not a whoami service of echod"),
    (("send", "--verify"), (1,), "the reply differs at byte 1"),
)


def measured(*args, program=ECHOC):
    """Runs it to its end. Returns it, and how much memory it needed at most."""
    process = subprocess.Popen(WRAPPER + [program] + [str(a) for a in args],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=clean_environment())
    watchdog = threading.Timer(DEADLINE, process.kill)
    watchdog.start()
    err = []
    reader = threading.Thread(target=lambda: err.append(process.stderr.read()))
    reader.start()
    out = process.stdout.read()
    reader.join()
    _, status, usage = os.wait4(process.pid, 0)
    watchdog.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    return Done(process.returncode, out, err[0]), usage.ru_maxrss * 1024


def least_memory(program):
    return measured("--help", program=program)[1]


def ends(args, server, statuses, pattern, least, program=ECHOC):
    operands = [*server.operands, "x"] if args[0] == "send" else server.operands
    done, memory = measured(*args, *operands, program=program)
    expect(done.status in statuses, "%s ends with %d (%s / %s)" %
           (args, done.status, done.out[-300:], done.err[-300:]))
    expect_match(pattern, done.out + done.err, "output of %s" % (args,))
    expect(memory < least + MEMORY_MAX, "%s needs %d bytes" % (args, memory))


@test("a server that sends without end delays no verb and fills no memory")
def floods():
    least = least_memory(ECHOC)
    for flood in FLOODS:
        with Server(flood) as server:
            for args, statuses, pattern in ENDS:
                ends(args, server, statuses, pattern, least)


@test("a server that sends without end does not affect check_echo")
def check_floods():
    least = least_memory(CHECK_ECHO)
    for flood in FLOODS:
        with Server(flood) as server:
            host, port = server.address
            for options in ((), ("-s", "x"), ("-e", "yes")):
                done, memory = measured("-H", host, "-p", port, "-t", SHORT, *options,
                                        program=CHECK_ECHO)
                done.ended(2)
                expect_match(r"\AECHO CRITICAL - [^|\n]*\n\Z", done.out, "the line")
                expect(memory < least + MEMORY_MAX, "check_echo needs %d bytes" % memory)


@test("endless datagrams delay no verb")
def datagram_floods():
    def serve(sock, data, peer):
        for _ in range(scaled(20000, 2000)):
            sock.sendto(b"what?", peer)

    verbs = (("ping", "-q", "-c", 2, "-i", "10ms", "-W", SHORT), ("crr", "-q", "-c", 2, "-t", SHORT),
             ("sweep", "-W", SHORT, "--tries", 1), ("load", "-c", 2, "-t", SHORT))
    for args in verbs:
        with Server(serve, "udp") as server:
            run(*args, *server.operands).ended(1)
    # The server may still answer the first message when the second one comes.
    patient = ("send", "-t", "%ds" % DEADLINE)
    with Server(serve, "udp") as server:
        run(*patient, *server.operands, "a", "b").ended(0)
        run(*patient, *server.operands, data=b"a\nb\n").ended(0)


@test("a server that sends more than was requested is reported as such")
def more():
    with Server(more_than_was_asked) as server:
        done = run("ping", "-q", "-c", 2, "-i", "100ms", *server.operands).ended(0)
        expect_match(r"^\d+ duplicate, \d+ stray$", done.out, "duplicates and strays")
        run("send", "--verify", *server.operands, "x").ended(1)
        host, port = server.address
        run("-H", host, "-p", port, program=[CHECK_ECHO]).ended(0)
        done = run("-H", host, "-p", port, "-s", "x", program=[CHECK_ECHO]).ended(2)
        expect_match("unexpected reply: x", done.out, "the line")


@test("datagrams that come back longer, or damaged, are named as what they are")
def odd_datagrams():
    with Server(servers.changing_datagrams(lambda data, n: [data + b"more"]), "udp") as server:
        done = run("ping", "-c", 1, "-W", SHORT, *server.operands).ended(1)
        expect_match(r"\(corrupted: longer than the probe\)", done.out, "the line")
    with Server(servers.changing_datagrams(lambda data, n: [data[:-1] + bytes([data[-1] ^ 1])]), "udp") as server:
        done = run("sweep", "--tries", 1, "--smallest", 100, "-W", SHORT, *server.operands).ended(1)
        expect_match("^not even 100 bytes pass: it comes back corrupted$", done.out, "the end")


@test("a server that stops reading is given up in time")
def takes_nothing():
    large = ("-s", 1048576)
    with Server(never_reading) as server:
        for args in (("ping", "-q", "-c", 2, *large, "-W", SHORT), ("crr", "-q", "-c", 1, *large, "-t", SHORT),
                     ("load", "-c", 2, *large, "-t", SHORT),
                     ("sweep", "-W", SHORT, "--tries", 1, "--smallest", 1048576, "--largest", 1048576),
                     ("ping", "-q", "--flows", 2, "-c", 2, *large, "-W", SHORT)):
            run(*args, *server.operands).ended(1)


@test("a connection that is reset at once is reported as reset, not as closed")
def resets():
    with Server(reset_at_once) as server:
        for _ in range(5):
            done = run("ping", "-q", "-c", 1, *server.operands).ended(1)
            expect_match("reset", done.err, "standard error of ping")
            done = run("load", "-q", "-c", 5, *server.operands).ended(1)
            expect_match("reset", done.out + done.err, "output of load")
            done = run("path", *server.operands).ended(1)
            expect_match(" reset the connection$", done.err, "standard error of path")


@test("flows that the server ends are not reported as dead paths")
def ended_flows():
    def closing(conn, number):
        """Serves the first, which finds the address, and every other one."""
        servers.echo(conn, number) if number % 2 else conn.close()

    with Server(closing) as server:
        done = run("ping", "--flows", 4, "-c", 2, "-i", "10ms", "-W", SHORT, *server.operands).ended(1)
        expect("is dead" not in done.out and "everything" not in done.out, "no path is blamed: " + done.out)
        expect_match("closed by the server|reset", done.out, "standard output")


@test("idle reports a server that keeps sending, whose connection is never idle")
def never_idle():
    def chattering(conn, number):
        conn.sendall(conn.recv(56, socket.MSG_WAITALL))
        while True:
            conn.sendall(b".")
            threading.Event().wait(0.01)

    with Server(chattering) as server:
        done = run("idle", "--shortest", "%dms" % (500 * slowness()), *server.operands).ended(1)
        expect_match("^echoc: the server keeps sending", done.err, "standard error")


main()
