"""Descriptors that the peer of a Unix socket passes, and whose last close blocks for an hour: no process
waits for them, whether the kernel refuses them (Linux 6.16) or not."""
import functools
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

from clients import expect_echo, recv_until_eof
from expect import DEADLINE, Skip, eventually, expect, expect_equal
from managed import Managed
from proc import title
from tap import main, test

SO_PASSRIGHTS = 83
BOTH = ("[listen file]\nprotocol = unix\naddress = @DIR@/s\n"
        "[listen local]\naddress = 127.0.0.1\nport = 0\n")

# A kernel that does not know SO_PASSRIGHTS.
OLDER = """
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    if (level == SOL_SOCKET && name == 83) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}
"""


def kernel_refuses():
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_PASSRIGHTS, 0)
        except OSError:
            return False
    return True


@functools.lru_cache(maxsize=None)
def library():
    """The directory of older.so, which is removed at the end."""
    compiler = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
    if not compiler:
        raise Skip("no C compiler for a library")
    where = tempfile.TemporaryDirectory(prefix="echod-test-")
    os.chmod(where.name, 0o755)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", where.name + "/older.so", "-x", "c", "-"],
                   input=OLDER.encode(), check=True)
    return where


def older():
    """The environment of a program that runs as on a kernel before 6.16."""
    path = os.path.join(library().name, "older.so")
    options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return {"LD_PRELOAD": path, "ASAN_OPTIONS": options}


class Trapped(Managed):
    """TAKES: whether the kernel lets descriptors through."""

    def __init__(self, takes, server):
        self.takes = takes
        if not takes and not kernel_refuses():
            raise Skip("this kernel has no SO_PASSRIGHTS")
        super().__init__(config="[server]\n" + server + BOTH, env=older() if takes else None)

    def dial(self):
        """A peer of the control socket."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(DEADLINE)
        sock.connect(self.control)
        self.sockets.append(sock)
        return sock


class Trap:
    """A TCP connection that whoever closes it last waits for."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.mine = socket.create_connection(listener.getsockname())
            self.other = listener.accept()[0]
        self.mine.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
        self.mine.setblocking(False)
        try:
            while True:
                self.mine.send(b"x" * 65536)
        except BlockingIOError:
            pass

    def pass_over(self, sock, text=b"x"):
        """Returns whether the kernel took it; the peer of SOCK is then its only holder."""
        try:
            socket.send_fds(sock, [text], [self.mine.fileno()])
            taken = True
        except PermissionError:
            self.mine.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            taken = False
        self.mine.close()
        return taken


def set_traps(echod, connect, text=b"x", count=20):
    """Connects COUNT times, with a trap each, while the daemon stands still: else it could be done
    before we close the trap, which we would walk into. Returns the connections, and the traps."""
    socks, traps = [], []
    echod.kill(signal.SIGSTOP)
    for _ in range(count):
        socks.append(connect())
        traps.append(Trap())
        expect_equal(traps[-1].pass_over(socks[-1], text), echod.takes,
                     "whether passing a descriptor succeeds")
    echod.kill(signal.SIGCONT)
    return socks, traps


def refused(echod):
    """Refused clients that have passed a descriptor"""
    inside = echod.connect("file")
    expect_echo(inside)
    socks, traps = set_traps(echod, lambda: echod.connect("file"))
    for sock in socks:
        expect(b"too many clients" in sock.recv(100), "a client did not get the reason of its refusal")
    inside.close()
    echod.log.wait(r"session of unix on file: closed by the client")
    expect_echo(echod.connect("local"))
    expect_equal(len(traps), len(socks), "the number of traps")


def ended(echod):
    """Clients in the backlog that have passed one, as the daemon stops"""
    inside = echod.connect("file")
    expect_echo(inside)
    kept = set_traps(echod, lambda: echod.connect("file"))
    echod.kill(signal.SIGTERM)
    inside.close()
    expect_equal(echod.wait(), 0, "the exit status")
    expect(kept, "no trap exists at the end")


def control(echod):
    """Peers of the control socket that pass one with a request, or without"""
    socks, traps = set_traps(echod, echod.dial, b"status\n", 4)
    for sock in socks if echod.takes else []:
        expect(recv_until_eof(sock).startswith(b"ok\n"), "a request has no reply")
    more, others = set_traps(echod, echod.dial, b"s", 2)
    expect_echo(echod.connect("local"))
    for sock in socks + more:
        sock.close()  # one user has not all places
    expect_equal(echod.ctl("reload")[0], 0, "the exit status of a reload")
    expect_echo(echod.connect("local"))
    expect(traps + others, "no trap exists at the end")


def limits(echod):
    """A client that passes one cannot suspend its time limits"""
    socks, traps = set_traps(echod, lambda: echod.connect("file"), count=2)
    echod.log.wait(r"session of unix on file: closed because it was idle", count=2)
    expect_equal(len(traps), len(socks), "the number of traps")


def datagrams(echod):
    """Datagrams that pass one, to the one worker for all of them"""
    worker = eventually(lambda: [pid for pid in echod.workers() if "unix-dgram" in title(pid)],
                        "the datagram listener has a worker")[0]
    echod.kill(signal.SIGSTOP)
    os.kill(worker, signal.SIGSTOP)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(echod.path("d"))
        traps = [Trap() for _ in range(4)]
        for trap in traps:
            expect_equal(trap.pass_over(sock), echod.takes, "whether passing a descriptor succeeds")
    os.kill(worker, signal.SIGCONT)
    echod.kill(signal.SIGCONT)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(echod.path("client"))
        os.chmod(echod.path("client"), 0o666)  # the worker is somebody else
        sock.settimeout(DEADLINE)
        sock.sendto(b"ping", echod.path("d"))
        expect_equal(sock.recv(10), b"ping", "the answer to another one")


def case(function, server=""):
    for takes, where in ((False, "the kernel refuses it"), (True, "as on Linux before 6.16")):
        def run(takes=takes):
            with Trapped(takes, server) as echod:
                function(echod)
        test("%s: %s" % (function.__doc__, where))(run)


case(refused, "max_clients = 1\n")
case(ended, "max_clients = 1\nwhen_full = queue\n")
case(control)
case(limits, "idle_timeout = 300ms\n")
case(datagrams, "[listen datagrams]\nprotocol = unix-dgram\naddress = @DIR@/d\n")
main()
