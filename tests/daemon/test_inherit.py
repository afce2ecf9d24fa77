"""Sockets that systemd passes (LISTEN_FDS), and notifications to it (NOTIFY_SOCKET)."""
import errno
import fcntl
import os
import re
import select
import socket
import struct
import tempfile
import time

from clients import expect_echo, recv_until_eof
from expect import DEADLINE, Failure, eventually, expect, expect_equal
from harness import Echod
from proc import descriptors
from tap import main, test

SO_TIMESTAMPNS, SO_TIMESTAMPING, SO_RXQ_OVFL, IP_RECVERR = 35, 37, 40, 11
TIMES_OF_SENDING = 2 | 16  # SOF_TIMESTAMPING_TX_SOFTWARE, _SOFTWARE: into the queue of errors


class Activated(Echod):
    """An echod that is started with sockets."""

    def __init__(self, config, *socks, pid=None, **more):
        high = [os.dup(sock.fileno()) for sock in socks]
        env = {"LISTEN_FDS": str(len(socks))}
        # Only a shell's $$ knows the process ID before the program runs, and exec keeps it.
        self.script = 'export LISTEN_PID=%s; exec "$@"' % (pid or "$$")
        self.places = {fd: 3 + i for i, fd in enumerate(high)}
        try:
            super().__init__(config, env=env, prepare=self.place, pass_fds=range(3, 3 + len(socks)),
                             **more)
        finally:
            for fd in high:
                os.close(fd)

    def place(self):
        """In the child: moves the sockets to where they belong."""
        above = 3 + len(self.places)
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, above) for fd in self.places]
        for place, fd in enumerate(high):
            os.dup2(fd, 3 + place, True)

    def command(self, args):
        return ["/bin/sh", "-c", self.script, "sh"] + super().command(args)


class Announced(Activated):
    """COUNT: what LISTEN_FDS says; GONE: descriptors that are closed then."""

    def __init__(self, config, *socks, count, gone=(), **more):
        self.count, self.gone = count, gone
        super().__init__(config, *socks, **more)

    def command(self, args):
        words = super().command(args)
        closing = "".join("exec %d>&-; " % fd for fd in self.gone if fd < 10)
        words[2] = "export LISTEN_FDS='%s'; %s%s" % (self.count, closing, words[2])
        return words


def bound(host="127.0.0.1", v6only=None):
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if v6only is not None:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    sock.bind((host, 0))
    sock.listen()
    return sock


def tcp(address, port, name="local"):
    return "[listen %s]\naddress = %s\nport = %d\n" % (name, address, port)


@test("an inherited socket is used, and no other one is opened")
def inherited():
    with bound() as sock:
        port = sock.getsockname()[1]
        with Activated(tcp("127.0.0.1", port), sock) as echod:
            expect_equal(echod.address(), ("127.0.0.1", port), "the printed address")
            expect_echo(echod.connect())
            echod.log.wait(r" info: listening on \S+:%d \(local, echo\), inherited$" % port)
            expect_equal(echod.log.matching(" warning: "), [], "the warnings")


@test("clients that connected before the start are served")
def early_clients():
    with bound() as sock:
        early = socket.create_connection(sock.getsockname(), timeout=DEADLINE)
        with Activated(tcp("127.0.0.1", sock.getsockname()[1]), sock), early:
            expect_echo(early)


@test("an unused inherited socket is closed with a warning, a missing one is opened")
def stray():
    with bound() as wanted, bound() as unwanted:
        config = tcp("127.0.0.1", wanted.getsockname()[1], "one") + tcp("127.0.0.1", 0, "two")
        with Activated(config, unwanted, wanted) as echod:
            expect_echo(echod.connect("one"))
            expect_echo(echod.connect("two"))
            echod.log.wait(r" warning: closing inherited socket 127\.0\.0\.1:%d: no \[listen\] "
                           r"section matches it$" % unwanted.getsockname()[1])
            inode = "socket:[%d]" % os.fstat(unwanted.fileno()).st_ino
            expect(inode not in descriptors(echod.pid).values(), "the stray is closed")


@test("inherited descriptors that are not listening sockets are closed with a warning")
def odd_descriptors():
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagram.bind(("127.0.0.1", 0))
    idle = socket.socket()
    idle.bind(("127.0.0.1", 0))
    with datagram, idle, open("/dev/null", encoding="ascii") as null:
        with Activated(tcp("127.0.0.1", 0), null, datagram, idle) as echod:
            expect_echo(echod.connect())
            echod.log.wait(" warning: closing inherited descriptor 3: it is not a socket that "
                           "can listen$")
            echod.log.wait(" warning: closing inherited socket udp .*: no .* section matches it$")
            echod.log.wait(r" warning: closing inherited socket 127\S+: it is not listening; ")


@test("a dual-stack socket serves 0.0.0.0 and ::, and its IPv4 clients are IPv4 in the log")
def dual_stack():
    with bound("::", v6only=0) as sock:
        port = sock.getsockname()[1]
        config = tcp("0.0.0.0, ::", port) + "deny = 127.0.0.2\n"
        with Activated(config, sock) as echod:
            for host, shown in (("127.0.0.1", r"127\.0\.0\.1"), ("::1", r"\[::1\]")):
                with socket.create_connection((host, port), timeout=DEADLINE) as client:
                    expect_echo(client)
                echod.log.wait(r" info: session of %s:\d+ on local: closed " % shown)
            denied = socket.create_connection(("127.0.0.1", port), DEADLINE, ("127.0.0.2", 0))
            with denied as client:
                expect_equal(recv_until_eof(client), b"echod: access denied\n",
                             "the reply to an IPv4 client in deny")


@test("a dual-stack socket for one family only causes a warning")
def dual_stack_for_one():
    for host, more in (("0.0.0.0", "IPv6"), ("::", "IPv4")):
        with bound("::", v6only=0) as sock:
            port = sock.getsockname()[1]
            with Activated(tcp(host, port), sock) as echod:
                expect_echo(echod.connect())
                echod.log.wait(r" warning: inherited socket \[::\]:%d also accepts %s, which no "
                               r"\[listen\] section names: set BindIPv6Only=ipv6-only in the "
                               r"socket unit$" % (port, more))
    with bound("::", v6only=0) as sock, Activated(tcp("*", sock.getsockname()[1]), sock) as echod:
        expect_equal(echod.log.matching(" also accepts IPv"), [], "the warnings where both families are configured")


@test("a descriptor in LISTEN_FDS that is not open causes a warning, and none of ours is taken for it")
def listen_fds_closed():
    with bound() as sock:
        port = sock.getsockname()[1]
        for count, gone, port in (("1", [3], 0), ("3", [3, 5], port), ("64", range(5, 67), port)):
            with Announced(tcp("127.0.0.1", port), sock, sock, count=count, gone=gone) as echod:
                expect_echo(echod.connect())
                found = echod.log.wait(" warning: LISTEN_FDS includes descriptor ", count=len(gone))
                expect_equal([int(re.search(r"descriptor (\d+),", line)[1]) for line in found],
                             list(gone), "the descriptors in the warnings")
                expect_equal("inherited" in echod.log.wait(" listening on ")[0], port > 0,
                             "whether the open socket is used")


@test("an invalid LISTEN_FDS does no harm, and is reported")
def announced_nonsense():
    for count in ("", "x", "-1", "+1", "99999999999", "2147483647"):
        with bound() as sock, Announced(tcp("127.0.0.1", 0), sock, count=count) as echod:
            expect_echo(echod.connect())
            echod.log.wait(" warning: LISTEN_FDS is not a number of descriptors that can be open, ")
    with bound() as sock, Announced(tcp("127.0.0.1", 0), sock, count="0") as echod:
        expect_echo(echod.connect())
        expect_equal(echod.log.matching(" warning: "), [], "the warnings for none")


@test("a NOTIFY_SOCKET or WATCHDOG_USEC that cannot be used does no harm, and is reported")
def manager_nonsense():
    nobody = " warning: cannot notify the service manager: NOTIFY_SOCKET=%s: "
    for env, warning in (({"NOTIFY_SOCKET": "/nonexistent"}, nobody % "/nonexistent"),
                         ({"NOTIFY_SOCKET": "@echod-test-nobody"}, nobody % "@echod-test-nobody"),
                         ({"NOTIFY_SOCKET": "rubbish"}, nobody % "rubbish"),
                         ({"WATCHDOG_USEC": "10s"}, " warning: the watchdog is not fed: WATCHDOG_USEC "),
                         ({"WATCHDOG_USEC": "9000000", "WATCHDOG_PID": "me"},
                          " warning: the watchdog is not fed: ")):
        with Echod(env=env) as echod:
            expect_echo(echod.connect())
            echod.log.wait(warning)


@test("sockets of other families are strays; an IPv4 address in IPv6's form is that IPv4 address")
def families():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as netlink, \
            socket.socket(socket.AF_INET6) as mapped:
        netlink.bind((0, 0))
        mapped.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        mapped.bind(("::ffff:127.0.0.1", 0))
        mapped.listen()
        port = mapped.getsockname()[1]
        with Activated(tcp("127.0.0.1", port), netlink, mapped) as echod:
            echod.log.wait(" warning: closing inherited descriptor 3: it is not a socket that can ")
            expect_equal(echod.address(), ("127.0.0.1", port), "the printed address")
            expect_echo(echod.connect())


@test("a passed connection (Accept=yes) causes a message that says what to set")
def accepted():
    with bound() as sock, socket.create_connection(sock.getsockname(), timeout=DEADLINE) as client:
        server, _ = sock.accept()
        with server, Activated(tcp("127.0.0.1", 0), server) as echod:
            echod.log.wait(r" warning: closing inherited socket 127\.0\.0\.1:%d: it is a connection "
                           r"from 127\.0\.0\.1:%d, not a listener; set Accept=no in the socket "
                           r"unit, or start echod with --inetd$" %
                           (sock.getsockname()[1], client.getsockname()[1]))


@test("a passed Unix socket is recognised under every path that leads to it")
def other_paths():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        for name in ("real", "other"):
            os.mkdir(os.path.join(where, name))
        os.symlink("real", os.path.join(where, "link"))
        os.symlink("../real/s", os.path.join(where, "other", "t"))
        for kind, name in ((socket.SOCK_STREAM, "unix"), (socket.SOCK_DGRAM, "unix-dgram")):
            for path in ("real/s", "link/s", "other/../real/s", "other/t"):
                with socket.socket(socket.AF_UNIX, kind) as sock:
                    sock.bind(os.path.join(where, "real", "s"))
                    if kind == socket.SOCK_STREAM:
                        sock.listen()
                    config = "[listen local]\nprotocol = %s\naddress = %s/%s\n" % (name, where, path)
                    with Activated(config, sock) as echod:
                        echod.log.wait(r" info: listening on .*real/s \(local, echo\), inherited$")
                        expect_equal(echod.log.matching(" warning: "), [], "the warnings")
                os.unlink(os.path.join(where, "real", "s"))


def timeval(seconds):
    return struct.pack("ll", seconds, 0)


@test("options that the opener of a socket has set are reset, also for clients")
def options_reset():
    with bound() as sock, socket.socket(socket.AF_UNIX) as local, \
            tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        local.bind(os.path.join(where, "s"))
        local.listen()
        usual = [s.getsockopt(socket.SOL_SOCKET, o) for s in (sock, local)
                 for o in (socket.SO_RCVBUF, socket.SO_SNDBUF)]
        for s in (sock, local):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(1))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval(1))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1000)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
            fcntl.fcntl(s, fcntl.F_SETFL, os.O_ASYNC)
        for option in (socket.TCP_CORK, socket.TCP_DEFER_ACCEPT, socket.TCP_USER_TIMEOUT):
            sock.setsockopt(socket.IPPROTO_TCP, option, 1)
        config = (tcp("127.0.0.1", sock.getsockname()[1]) +
                  "[listen file]\nprotocol = unix\naddress = %s/s\n" % where)
        with Activated(config, sock, local) as echod:
            for name in ("local", "file"):
                expect_echo(echod.connect(name))
            expect_equal([s.getsockopt(socket.SOL_SOCKET, o) for s in (sock, local)
                          for o in (socket.SO_RCVBUF, socket.SO_SNDBUF)], usual, "the buffers")
            for s in (sock, local):
                got = [s.getsockopt(socket.SOL_SOCKET, o, size) for o, size in
                       ((socket.SO_LINGER, 4), (socket.SO_RCVTIMEO, 16), (socket.SO_SNDTIMEO, 16))]
                expect_equal(got, [bytes(4), bytes(16), bytes(16)], "lingering and time limits")
                expect_equal(s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT), 1, "SO_RCVLOWAT")
                flags = fcntl.fcntl(s, fcntl.F_GETFL)
                expect_equal(flags & (os.O_ASYNC | os.O_NONBLOCK), os.O_NONBLOCK, "the flags")
            expect_equal([sock.getsockopt(socket.IPPROTO_TCP, o) for o in
                          (socket.TCP_CORK, socket.TCP_DEFER_ACCEPT, socket.TCP_USER_TIMEOUT)],
                         [0, 0, 0], "TCP_CORK, TCP_DEFER_ACCEPT, TCP_USER_TIMEOUT")


@test("options for error queue and timestamps that the opener of a datagram socket has set are reset, too")
def datagram_options_reset():
    options = ((socket.SOL_SOCKET, SO_TIMESTAMPNS), (socket.SOL_SOCKET, SO_RXQ_OVFL),
               (socket.IPPROTO_IP, IP_RECVERR))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        for level, option in options:
            sock.setsockopt(level, option, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, TIMES_OF_SENDING)
        config = tcp("127.0.0.1", sock.getsockname()[1]) + "protocol = udp\n"
        with Activated(config, sock) as echod, socket.socket(type=socket.SOCK_DGRAM) as client:
            echod.log.wait(r" info: listening on udp .*, inherited$")
            expect_equal([sock.getsockopt(*option) for option in options], [0, 0, 0],
                         "SO_TIMESTAMPNS, SO_RXQ_OVFL, IP_RECVERR")
            expect_equal(sock.getsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING), 0, "SO_TIMESTAMPING")
            # Whoever shares it may ask for them later: they are thrown away.
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, TIMES_OF_SENDING)
            client.settimeout(DEADLINE)
            client.connect(sock.getsockname())
            for _ in range(50):
                client.send(b"again")
                expect_equal(client.recv(100), b"again", "the answer")
            eventually(lambda: no_error_is_queued(sock), "queued errors are discarded")
            expect_equal(echod.log.matching(" warning: "), [], "the warnings")


def no_error_is_queued(sock):
    """poll(2) reports errors even if no event is requested."""
    poll = select.poll()
    poll.register(sock, 0)
    return not poll.poll(0)


@test("larger buffers, as set by a socket unit, are kept")
def large_buffers():
    with bound() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 200000)
        size = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        with Activated(tcp("127.0.0.1", sock.getsockname()[1]), sock) as echod:
            expect_echo(echod.connect())
            expect_equal(sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), size, "the buffer")


@test("the file of an inherited Unix socket is not removed at the stop")
def unix_file():
    with socket.socket(socket.AF_UNIX) as sock:
        with Echod() as helper:
            path = helper.path("s")
            sock.bind(path)
            sock.listen()
            with Activated("[listen local]\nprotocol = unix\naddress = %s\n" % path, sock) as echod:
                expect_echo(echod.connect())
                echod.stop()
            expect(os.path.exists(path), "the file is gone")


@test("LISTEN_FDS for another process is ignored")
def other_pid():
    with bound() as sock:
        with Activated(tcp("127.0.0.1", 0), sock, pid=1) as echod:
            expect_echo(echod.connect())
            expect(echod.port != sock.getsockname()[1], "echod took the socket")


@test("an inherited socket stays open for the next daemon after a stop")
def next_one():
    with bound() as sock:
        port = sock.getsockname()[1]
        with Activated(tcp("127.0.0.1", port), sock) as echod:
            expect_echo(echod.connect())
        client = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        with Activated(tcp("127.0.0.1", port), sock), client:
            expect_echo(client)


# ---- notifications to systemd ----

class Manager:
    """The socket at which a service manager listens."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.name = "echod-test-notify-%d" % os.getpid()
        self.sock.bind("\0" + self.name)
        self.sock.settimeout(DEADLINE)
        self.env = {"NOTIFY_SOCKET": "@" + self.name}

    def wait(self, line):
        """Waits for a message that has LINE. Returns all its lines."""
        for _ in range(1000):
            lines = self.sock.recv(4096).decode().splitlines()
            if line in lines:
                return lines
        raise Failure("no message has the line " + line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


@test("READY=1 is sent once the daemon listens")
def ready():
    with Manager() as manager, Echod(env=manager.env, ready=False) as echod:
        manager.wait("READY=1")
        echod.wait_ready()
        expect_echo(echod.connect())


@test("READY=1 is not sent if the daemon cannot listen")
def never_ready():
    with Manager() as manager, bound() as sock:
        with Echod(tcp("127.0.0.1", sock.getsockname()[1]), env=manager.env, ready=False) as echod:
            expect_equal(echod.wait(), 69, "the exit status")
        manager.sock.setblocking(False)
        try:
            expect(b"READY" not in manager.sock.recv(4096), "READY=1 was sent")
        except BlockingIOError:
            pass


@test("STOPPING=1 is sent when a stop begins")
def stopping():
    with Manager() as manager, Echod(env=manager.env) as echod:
        manager.wait("READY=1")
        sock = echod.echoing()
        echod.kill(15)
        manager.wait("STOPPING=1")
        expect_echo(sock)
        sock.close()
        expect_equal(echod.wait(), 0, "the exit status")


@test("the status has the number of clients")
def status():
    with Manager() as manager, Echod(server="max_clients = 7", env=manager.env) as echod:
        lines = manager.wait("READY=1")
        expect(any(line.startswith("STATUS=0/7 clients, 1 listener") for line in lines),
               "the status is %s" % lines)
        echod.echoing()

        eventually(lambda: b"STATUS=1/7 clients" in manager.sock.recv(4096),
                   "the status counts the client")


@test("the watchdog is notified in time, with and without clients")
def watchdog():
    with Manager() as manager:
        env = dict(manager.env, WATCHDOG_USEC="50000")
        with Echod(env=env) as echod:
            expect_watchdog(manager, "without a client")
            echod.echoing()
            expect_watchdog(manager, "with a client")


def expect_watchdog(manager, when):
    """Expects WATCHDOG=1, which is due every 25 ms, within a generous deadline."""
    start = time.monotonic()
    for _ in range(30):
        manager.wait("WATCHDOG=1")
    passed = time.monotonic() - start
    expect(passed < DEADLINE, "thirty notifications took %.1f s %s" % (passed, when))


@test("an empty RUNTIME_DIRECTORY counts as none")
def no_runtime_directory():
    with Echod(env={"RUNTIME_DIRECTORY": ""}) as echod:
        expect_echo(echod.connect())
        expect_equal(echod.log.matching(" /control"), [], "log lines about a control socket in /")
        expect(not os.path.lexists("/control"), "there is a control socket in /")


@test("a listener that was shut down is paused alone, logged, and resumed once it works")
def one_pauses():
    socks = [bound() for _ in range(3)]
    config = "".join("[listen l%d]\naddress = 127.0.0.1\nport = %d\n" %
                     (i, sock.getsockname()[1]) for i, sock in enumerate(socks))
    with Activated(config, *socks) as echod:
        for i in range(3):
            expect_echo(echod.connect(name="l%d" % i))
        socks[0].shutdown(socket.SHUT_RDWR)
        line = echod.log.wait(r" error: listener l0 \(127\.0\.0\.1:\d+\): no connection can be ")[0]
        expect(line.endswith("restart the socket unit that passed it"), "the advice is missing: " + line)
        for i in (1, 2):
            expect_echo(echod.connect(name="l%d" % i))
        socks[0].listen()
        echod.log.wait(r" notice: listener l0 \(127\.0\.0\.1:\d+\): accepting connections again$")
        echod.listening["l0"] = [socks[0].getsockname()]  # the kernel has chosen another port
        expect_echo(echod.connect(name="l0"))
        expect_equal(len(echod.log.matching("no connection can be accepted")), 1, "its records")
    for sock in socks:
        sock.close()


@test("a listener of any type that was shut down is paused alone, without a busy loop")
def others_pause():
    kinds = {"tcp": (socket.AF_INET, socket.SOCK_STREAM), "udp": (socket.AF_INET, socket.SOCK_DGRAM),
             "unix": (socket.AF_UNIX, socket.SOCK_STREAM),
             "unix-seqpacket": (socket.AF_UNIX, socket.SOCK_SEQPACKET),
             "unix-dgram": (socket.AF_UNIX, socket.SOCK_DGRAM)}
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        socks = {kind: socket.socket(*how) for kind, how in kinds.items()}
        config = ""
        for kind, sock in socks.items():
            sock.bind(os.path.join(where, kind) if "unix" in kind else ("127.0.0.1", 0))
            if kinds[kind][1] != socket.SOCK_DGRAM:
                sock.listen()
            config += "[listen %s]\nprotocol = %s\n" % (kind, kind) + (
                "address = %s\n" % sock.getsockname() if "unix" in kind else
                "address = 127.0.0.1\nport = %d\n" % sock.getsockname()[1])
        with Activated(config, *socks.values()) as echod:
            expect_echo(echod.connect("tcp"))
            for kind, sock in socks.items():
                if kind != "tcp":
                    shut_down(sock)
            for kind in ("unix", "unix-seqpacket"):
                echod.log.wait(r" error: listener %s \(unix:\S+\): no connection can be accepted: "
                               "Invalid argument; retrying, " % kind)
            for kind in ("udp", "unix-dgram"):
                # More than once: each lives but for a moment, and the pause in between grows.
                echod.log.wait(r" warning: the worker of %s \(\S+\) exited with the status \d+: Cannot "
                               "send after transport endpoint shutdown; " % kind, count=2)
            expect_echo(echod.connect("tcp"))
        for sock in socks.values():
            sock.close()


def shut_down(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError as error:  # of a UDP socket without a peer, which is shut down all the same
        expect_equal(error.errno, errno.ENOTCONN, "the error")


main()
