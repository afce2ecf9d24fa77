"""Processes and peers that hang: the daemon waits for none of them."""
import fcntl
import os
import signal
import socket
import tempfile

from clients import expect_echo, recv_exactly
from expect import DEADLINE, eventually, expect, expect_equal
from harness import F_SETPIPE_SZ
from managed import Managed, listen, plain_processes
from proc import state
from senders import MESSAGE, OPEN, current, quiet
from tap import main, test


class FullManager:
    """A service manager that does not read: its queue is full already."""

    def __init__(self, directory):
        path = os.path.join(directory, "notify")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path)
        self.sock.settimeout(DEADLINE)
        self.env = {"NOTIFY_SOCKET": path}
        self.queued = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                while sender.sendto(b"X=1", path):
                    self.queued += 1
            except BlockingIOError:
                pass

    def read_message(self):
        """The lines of the next message that echod sent."""
        while True:
            data = socket.recv_fds(self.sock, 4096, 8)[0]
            if data != b"X=1":
                return data.decode().splitlines()


@test("a service manager that does not read delays neither clients nor a stop")
def manager_not_reading():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        manager = FullManager(where)
        with Managed(env=manager.env) as echod:
            for _ in range(3):
                expect_echo(echod.connect())
            expect_equal(echod.ask("status")["served"], 3, "the clients that were served")
            echod.reload()
            expect_echo(echod.connect())
        expect(manager.queued > 0, "its queue was full")


@test("a service manager that reads again gets readiness, listeners and status")
def manager_reads_again():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        manager = FullManager(where)
        with Managed(env=manager.env) as echod:
            expect_echo(echod.connect())
            received = []
            eventually(lambda: received.append(manager.read_message()) or
                       (any("READY=1" in lines for lines in received) and
                        ["FDSTORE=1", "FDNAME=echod-listen-local"] in received),
                       "READY=1 and the listener come")
            expect(any(line.startswith("STATUS=") for lines in received for line in lines),
                   "a status comes: %s" % received)


@test("standard output is written only at the start")
def silent_output():
    config = "".join(listen("l%d" % i) for i in range(50))
    with Managed(config) as echod:
        fcntl.fcntl(echod.out, F_SETPIPE_SZ, 4096)
        for _ in range(3):
            expect_equal(echod.ctl("reload")[0], 0, "the status of a reload")
        expect_echo(echod.connect("l0"))
        expect_equal(os.read(echod.out, 1), b"", "standard output after the start")


def processes(echod):
    """{kind: process ID}, of one client of each kind of service."""
    return {"daemon": echod.pid, "scribe": echod.scribe(), "fork server": current(echod),
            "worker": echod.worker_of(echod.echoing()),
            "worker of messages": echod.worker_of(echod.connect("stored"))}


@test("each process is stopped (SIGSTOP) and continued: clients that connect meanwhile are served, and the counts are right")
def stopped_and_continued():
    plain_processes()
    with Managed(OPEN + listen("local") + listen("stored", more=MESSAGE)) as echod:
        before = quiet(echod)
        for kind in ("daemon", "scribe", "fork server", "worker", "worker of messages"):
            pid = processes(echod)[kind]
            os.kill(pid, signal.SIGSTOP)
            eventually(lambda: state(pid) == "T", "%s is stopped" % kind)
            waiting, storing = echod.connect(), echod.connect("stored")
            waiting.sendall(b"ping")
            storing.sendall(b"of a client that waits\n")
            os.kill(pid, signal.SIGCONT)
            expect_equal(recv_exactly(waiting, 4), b"ping", "the echo, the %s having been stopped" % kind)
            expect_equal(recv_exactly(storing, 3), b"OK\n", "the reply, the %s having been stopped" % kind)
            for sock in echod.sockets:
                sock.close()
            echod.sockets.clear()
            expect_equal(quiet(echod), before, "descriptors and clients")
        echod.log.wait("message from .*: of a client that waits$", count=5)
        expect_equal(len(echod.log.matching("message from .*: of a client that waits$")), 5, "the messages, each once")
        expect_equal(echod.log.matching(" warning: | error: "), [], "warnings and errors in the log")


main()
