"""Times by kernel timestamps, and TCP statistics: delays of the network, not of this machine."""
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import servers
from expect import DEADLINE, Skip, eventually, expect, expect_equal, expect_match
from harness import WRAPPER
from proc import stat_fields
from programs import ECHOC
from servers import Server
from tap import main, test
from verbs import CHECK_ECHO, finish, popen, run

PAUSE = 0.5  # for which a program does not get to look, seconds


class Interrupting:
    """An echo server that has the client stand still while the answer arrives."""

    def __init__(self):
        self.asked, self.resume, self.sent = (threading.Event() for _ in range(3))

    def answer(self, send):
        self.asked.set()
        self.resume.wait(DEADLINE)
        send()
        self.sent.set()

    def serve(self, conn, number):
        for data in servers.pieces(conn):
            self.answer(lambda data=data: conn.sendall(data))
        conn.close()

    def serve_datagram(self, sock, data, peer):
        self.answer(lambda: sock.sendto(data, peer))

    def interrupt(self, process):
        self.asked.wait(DEADLINE)
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: stat_fields(process.pid)[:1] == [b"T"], "echoc is stopped")
        answered = time.monotonic()
        self.resume.set()
        self.sent.wait(DEADLINE)
        time.sleep(PAUSE)
        process.send_signal(signal.SIGCONT)
        return answered


def interrupted(kind, *args, **how):
    server = Interrupting()
    with Server(server.serve_datagram if kind == "udp" else server.serve, kind) as at:
        operands = at.operands if not how else \
            [*at.operands[:-2], "-H", at.address[0], "-p", at.address[1]]
        process = popen(*args[:-1] if args[-1] == "hello" else args, *operands,
                        *(["hello"] if args[-1] == "hello" else []), **how)
        server.interrupt(process)
        return finish(process).ended(0)


@test("round trips do not include the time until a reply is read: TCP and UDP, each verb")
def arrival():
    for kind in ("tcp", "udp"):
        for args in (("ping", "-c", 1), ("crr", "-c", 1)):
            done = interrupted(kind, *args, "--json")
            probe = done.objects("probe")[0]
            expect(probe["seen_ms"] - probe["rtt_ms"] > PAUSE * 900, "the times: %s" % probe)
            expect_equal(done.summary["rtt_max_ms"], probe["rtt_ms"], "round trip in the summary")
            expect_equal(done.summary["seen_late"], 1, "replies seen late")
        done = interrupted(kind, "ping", "-c", 1)
        expect_match(r"time=[\d.]+ ms on the wire, [\d.]+ ms until this machine looked$", done.out,
                     "the line")
        expect_match(r"^this machine looked late at 1 reply, by up to [\d.]+ ms$", done.out, "the sum")
        begun = time.monotonic()
        done = interrupted(kind, "-t", "20s", program=[CHECK_ECHO])
        elapsed = time.monotonic() - begun
        took = float(done.out.split(" in ")[1].split()[0])
        expect(took < elapsed - 0.9 * PAUSE, "the time of check_echo, of %.3f s: %s" % (elapsed, done.out))
    probe = interrupted("udp", "send", "--json", "hello").objects("probe")[0]
    expect(probe["seen_ms"] - probe["rtt_ms"] > PAUSE * 900, "the times of send: %s" % probe)
    probe = interrupted("tcp", "load", "--json", "-c", 1).objects("probe")[0]
    expect(probe["seen_ms"] >= probe["rtt_ms"], "the times of load: %s" % probe)


@test("round trips do not include the time until a datagram is sent")
def departure():
    held = ["strace", "-f", "-o", "/dev/null", "-e", "trace=sendto",
            "-e", "inject=sendto:delay_enter=%d" % (PAUSE * 1000000)]
    if WRAPPER or not shutil.which("strace") or \
            subprocess.run([*held, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise Skip("this test needs strace(1) and permission to trace")
    for family in (socket.AF_INET, socket.AF_INET6):
        with Server(servers.echo_datagram, "udp", family) as server:
            done = run("ping", "-c", 2, "-i", 0, "-W", 0, "--json", *server.operands,
                       program=[*held, ECHOC],
                       env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}).ended(0)  # not traced
        for probe in done.objects("probe"):
            expect(probe["seen_ms"] - probe["rtt_ms"] > PAUSE * 900, "the times: %s" % probe)


FACTS = ["tcp_" + name for name in ("rtt_ms", "rtt_deviation_ms", "rtt_least_ms", "retransmits",
                                    "lost", "delivery_rate", "busy_ms", "window_limited_ms",
                                    "buffer_limited_ms", "limited_by")]
LINE = r"^(echoc: )?TCP round trip \S+ ms \(deviation \S+, least \S+\), \d+ retransmits?, \d+ lost, "


@test("only the summaries of ping, send and load have TCP statistics")
def tcp_info():
    with Server(servers.echo) as server:
        for args in (("ping", "-i", 0, "-c", 3), ("load", "-c", 3), ("send",)):
            more = ["hello"] if args == ("send",) else []
            s = run(*args, "-q", "--json", *server.operands, *more).ended(0).summary
            expect_equal([key for key in s if key.startswith("tcp_")], FACTS, "the keys")
            expect_equal((s["tcp_lost"], s["tcp_limited_by"]), (0, "application"), "TCP facts")
            done = run(*args, "-v", *server.operands, *more).ended(0)
            expect_match(LINE, done.out + done.err, "the line of %s" % args[0])
    for kind, serve in (("unix", servers.echo), ("udp", servers.echo_datagram)):
        with Server(serve, kind) as server:
            s = run("ping", "-c", 1, "--json", *server.operands).ended(0).summary
            expect(not any(key.startswith("tcp_") for key in s), "TCP facts without TCP: %s" % s)


@test("a limit by the receiver's window is reported")
def window_limited():
    def serve(conn, number):
        resume.wait(DEADLINE)
        servers.silent(conn, number)
        conn.close()

    resume = threading.Event()
    with Server(serve) as server, open("/dev/zero", "rb") as zero:
        reader, writer = os.pipe()
        process = popen("send", "--json", *server.operands, stdin=reader)
        os.close(reader)
        os.set_blocking(writer, False)
        block, since = zero.read(65536), [time.monotonic()]

        def stuck():
            try:
                os.write(writer, block)
                since[0] = time.monotonic()
            except BlockingIOError:
                pass
            return time.monotonic() - since[0] > PAUSE

        eventually(stuck, "nothing more is taken")
        os.close(writer)
        resume.set()
        s = finish(process).summary
        expect_equal(s["tcp_limited_by"], "receiver's window", "the limit: %s" % s)
        expect(s["tcp_window_limited_ms"] > 0, "no time is reported as limited: %s" % s)


main()
