"""Clients of each service, which may get the right answer or an error.

A visit returns if the answer was right. It raises Refused for an error that a client can recognise, Slow (a
kind of Refused) if there is no answer within TIMEOUT, and Wrong for anything else.
"""
import contextlib
import json
import os
import re
import socket
import struct

from expect import Failure, SLOW

TIMEOUT = 60 if SLOW else 8
# echod's answers to clients that it refuses, and to messages that it could not store.
REFUSALS = re.compile(rb"(echod: [a-z][^\n]*|ERR the message (could not be stored|did not end in time[^\n]*))\n")
PATTERN = bytes(range(32, 127))


class Refused(Exception):
    """An error that a client may get."""


class Slow(Refused):
    """There was no answer."""


class Wrong(Failure):
    """An answer that no client may get."""


def is_prefix(data, expected):
    return expected[:len(data)] == data


def judge(data, expected):
    """Judges a wrong answer DATA. It may be the beginning of EXPECTED, with or without a refusal after it."""
    same = len(os.path.commonprefix([data, expected]))
    if data[same:] and not any(REFUSALS.fullmatch(data[i:]) for i in range(same + 1)):
        raise Wrong("%r instead of %r" % (data[:100], expected[:100]))
    raise Refused("closed after %d of %d bytes" % (len(data), len(expected)))


@contextlib.contextmanager
def errors():
    """A context manager that turns a socket's errors into Refused."""
    try:
        yield
    except (socket.timeout, TimeoutError, BlockingIOError) as error:
        raise Slow("no answer") from error
    except OSError as error:
        raise Refused(str(error)) from error


def receive(sock, expected):
    """Receives EXPECTED, or raises Refused, Slow or Wrong."""
    data = b""
    while len(data) < len(expected):
        with errors():
            more = sock.recv(1 << 17 if sock.type == socket.SOCK_SEQPACKET else len(expected) - len(data))
        if not more:
            judge(data, expected)
        data += more
        if not is_prefix(data, expected):
            judge(data + drained(sock), expected)


def drained(sock):
    data = b""
    try:
        while True:
            more = sock.recv(65536)
            if not more:
                return data
            data += more
    except OSError:
        return data


def everything(sock):
    data = b""
    while True:
        with errors():
            more = sock.recv(65536)
        if not more:
            return data
        data += more


class Visitor:
    """Clients of ECHOD. All messages differ. .acknowledged: those that were answered with OK; .sent: all."""

    def __init__(self, echod):
        self.echod, self.acknowledged, self.sent, self.count = echod, [], [], 0
        self.timeout = TIMEOUT

    def open(self, name, kind=socket.SOCK_STREAM):
        address = self.echod.address(name)
        family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
        sock = socket.socket(family, kind)
        sock.settimeout(self.timeout)
        try:
            with errors():
                if kind == socket.SOCK_DGRAM and family == socket.AF_UNIX:
                    self.count += 1
                    path = self.echod.path("client-%d" % self.count)
                    sock.bind(path)
                    os.chmod(path, 0o666)
                sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return sock

    def echo(self, sock, data=None):
        self.count += 1
        data = data or b"echo %d, and a little more" % self.count
        with errors():
            sock.sendall(data)
        receive(sock, data)

    def store(self, sock):
        self.count += 1
        text = "message %d of this life" % self.count
        self.sent.append(text)
        with errors():
            sock.sendall(text.encode() + b"\n")
        receive(sock, b"OK\n")
        self.acknowledged.append(text)

    def datagram(self, sock):
        """Sends a datagram up to three times, as it may be lost, and accepts late answers."""
        tried, refused = [], None
        for _ in range(3):
            self.count += 1
            tried.append(b"datagram %d" % self.count)
            sock.settimeout(self.timeout / 4)
            try:
                sock.send(tried[-1])
                data = sock.recv(1 << 16)
            except (socket.timeout, TimeoutError, BlockingIOError):
                continue
            except ConnectionError as error:
                refused = error
                continue
            if data not in tried:
                raise Wrong("%r instead of %r" % (data, tried))
            return
        if refused:
            raise Refused(str(refused))
        raise Slow("no answer to three datagrams")


def visit_tcp(visitor, name="local"):
    with visitor.open(name) as sock:
        visitor.echo(sock)
        visitor.echo(sock, b"x" * 100000)
        with errors():
            sock.shutdown(socket.SHUT_WR)
        if everything(sock):
            raise Wrong("data after the echo")


def visit_short(visitor, name):
    with visitor.open(name) as sock:
        visitor.echo(sock)


def visit_unix(visitor):
    visit_tcp(visitor, "unix")


def visit_packets(visitor):
    with visitor.open("packets", socket.SOCK_SEQPACKET) as sock:
        visitor.echo(sock)


def visit_udp(visitor, name="udp"):
    with visitor.open(name, socket.SOCK_DGRAM) as sock:
        with errors():
            visitor.datagram(sock)


def visit_datagrams(visitor):
    visit_udp(visitor, "dgram")


def visit_message(visitor):
    with visitor.open("stored") as sock:
        for _ in range(3):
            visitor.store(sock)


def visit_discard(visitor):
    with visitor.open("discard") as sock:
        with errors():
            sock.sendall(b"x" * 1000)
            sock.shutdown(socket.SHUT_WR)
        data = everything(sock)
        if data:
            judge(data, b"")


def visit_daytime(visitor):
    with visitor.open("daytime") as sock:
        data = everything(sock)
    if not re.fullmatch(rb"[\w ,:+-]+\r?\n", data):
        judge(data, b"")


def visit_chargen(visitor):
    with visitor.open("chargen") as sock:
        receive(sock, b"".join((PATTERN * 2)[i:i + 72] + b"\r\n" for i in range(20)))


def visit_whoami(visitor):
    with visitor.open("whoami") as sock:
        data = everything(sock)
        port = sock.getsockname()[1]
    if not data.endswith(b"}\n"):
        if data.startswith(b"{"):
            raise Refused("cut off")
        judge(data, b"")
    if json.loads(data)["peer_port"] != port:
        raise Wrong("whoami describes another client: %r" % data)


def visit_proxied(visitor):
    with visitor.open("proxied") as sock:
        with errors():
            sock.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 1024 7\r\n")
        visitor.echo(sock)


def visit_inherited(visitor):
    visit_short(visitor, "inherited")


def visit_refused(visitor):
    with visitor.open("refused") as sock:
        data = drained(sock)
    if data != b"echod: access denied\n":
        judge(data, b"echod: access denied\n")


def visit_reset(visitor):
    """A client that resets the connection before it is served."""
    with visitor.open("local") as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


VISITS = {"tcp": visit_tcp, "unix": visit_unix, "unix-seqpacket": visit_packets, "udp": visit_udp,
          "unix-dgram": visit_datagrams, "message": visit_message, "discard": visit_discard,
          "daytime": visit_daytime, "chargen": visit_chargen, "whoami": visit_whoami,
          "proxied": visit_proxied, "inherited": visit_inherited, "refused": visit_refused,
          "reset": visit_reset}
