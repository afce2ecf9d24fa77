"""Limits of a control group on processes and memory. A client that cannot be served waits or gets the
reason, connected clients are served, and afterwards everything works as before."""
import os
import signal
import socket
import subprocess

from cgroup import Group
from clients import expect_echo
from expect import DEADLINE, Failure, eventually, expect, expect_equal
from managed import Managed, listen, plain_processes
from senders import OPEN, quiet
from tap import main, test

FEW, CLIENTS = 12, 40
MEMORY = 40 << 20


def try_echo(sock):
    """Whether SOCK is served; if not, it got a reason, or waits."""
    sock.settimeout(0.2)
    try:
        sock.sendall(b"ping")
        reply = sock.recv(200)
    except (socket.timeout, ConnectionError):
        return False
    expect(reply == b"ping" or reply.startswith(b"echod: ") or reply == b"", "the reply is %r" % reply)
    return reply == b"ping"


@test("pids.max: %d processes and %d clients: some clients are served, the others get a reason or wait" % (FEW, CLIENTS))
def processes():
    plain_processes()
    with Group("pids") as group:
        group.set(("pids.max", str(FEW)))
        with Managed(OPEN + listen("local"), prepare=group.enter) as echod:
            before = quiet(echod)
            socks = [echod.connect() for _ in range(CLIENTS)]
            served = [sock for sock in socks if try_echo(sock)]
            expect(0 < len(served) < FEW, "%d are served" % len(served))
            echod.log.wait(r" warning: cannot fork a worker: Resource temporarily unavailable; "
                           r"pausing, new connections wait until resources are free")
            for sock in served:
                expect_echo(sock)
            expect(len(echod.log.matching("cannot fork a worker")) < 5, "the failure to fork is logged too often")
            for sock in socks:
                sock.close()
            echod.echoing().close()
            echod.log.wait(r" notice: accepting connections again after \d+ pause")
            expect_equal(quiet(echod), before, "descriptors and clients")


@test("a fork server or scribe that dies at the limit of processes is replaced once there is room")
def no_room():
    plain_processes()
    with Group("pids") as group, Managed(OPEN + listen("local"), prepare=group.enter) as echod:
        before = quiet(echod)
        group.set(("pids.max", "1"))
        os.kill(echod.fork_servers()[0], signal.SIGKILL)
        sock = echod.connect()
        echod.log.wait(" error: cannot start a fork server, clients have to wait: Resource temporarily unavailable")
        os.kill(echod.scribe(), signal.SIGKILL)
        eventually(lambda: not echod.family(), "only the daemon is left")
        group.set(("pids.max", "max"))
        expect_echo(sock)
        sock.close()
        expect_equal(quiet(echod), before, "descriptors and clients")


def survived(echod):
    """Whether ECHOD lives, and then serves as before. The kernel may have chosen the daemon, too, which can be
    about to end still: only the kernel ends it."""
    try:
        eventually(lambda: echod.ask("status")["clients"] == 0, "the clients go")
        echod.echoing().close()
        return True
    except (Failure, OSError):
        if not ends(echod):
            raise
        return False


def ends(echod):
    """Whether the kernel has killed ECHOD. Waits a while for that."""
    try:
        return echod.popen.wait(DEADLINE) == -signal.SIGKILL
    except subprocess.TimeoutExpired:
        return False


@test("memory.max: when clients use up the memory, others are served, whatever process the kernel kills")
def memory():
    plain_processes()
    with Group("memory") as group:
        group.set(("memory.limit_in_bytes", str(MEMORY)), ("memory.max", str(MEMORY)), ("memory.swap.max", "0"))
        with Managed(OPEN + listen("local"), prepare=group.enter) as echod:
            for _ in range(3):
                socks = []
                for _ in range(200):
                    try:
                        socks.append(socket.create_connection(echod.address(), DEADLINE))
                        socks[-1].settimeout(0.05)
                        socks[-1].sendall(b"x" * 100000)
                    except OSError:
                        pass
                for sock in socks:
                    sock.close()
                if not survived(echod):
                    return
            quiet(echod)


main()
