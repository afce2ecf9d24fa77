"""Hostile clients. Each function is one round of an abuse, which is repeated until the time is up. A round
takes a few seconds at most, and leaves no connection open."""
import contextlib
import os
import random
import socket
import struct

from expect import expect_equal
from managed import Load, listen, run_echoctl

ABUSER = "127.0.0.66"  # the address of hostile clients
EVERYTHING = ("".join(listen(name, more=more) for name, more in (
    ("local", ""), ("stored", "service = message"), ("chargen", "service = chargen"),
    ("discard", "service = discard"), ("whoami", "service = whoami"), ("udp", "protocol = udp"),
    ("proxied", "proxy_protocol = any\nproxy_trust = 127.0.0.0/8"))) +
    "".join("[listen %s]\nprotocol = %s\naddress = @DIR@/%s\n" % (name, protocol, name) for name, protocol in (
        ("unix", "unix"), ("packets", "unix-seqpacket"), ("dgram", "unix-dgram"))))
SERVER = "[server]\nlog_sessions = no\n"
MANY = SERVER + "max_per_source = 0\nmax_clients = 300\n"


class Abuse:
    """NAME; CONFIG for echod. ROUND is called with the echod, a random.Random, and MANY, the number of
    repetitions of what it does."""

    def __init__(self, name, config, round_, many, quick):
        self.name, self.config, self.round, self.many, self.quick = name, config, round_, many, quick


def open_to(echod, name, kind=socket.SOCK_STREAM):
    address = echod.address(name)
    sock = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX, kind)
    sock.settimeout(0.5)
    try:
        if isinstance(address, tuple):
            sock.bind((ABUSER, 0))
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def idle(echod, chance, many):
    """Many idle connections at once; those that are refused try again."""
    held = []
    for _ in range(many):
        with contextlib.suppress(OSError):
            held.append(open_to(echod, "local"))
    for sock in held:
        sock.close()


def never_read(echod, chance, many):
    held = []
    for i in range(many):
        with contextlib.suppress(OSError):
            held.append(open_to(echod, ("local", "chargen")[i % 2]))
            held[-1].settimeout(0.01)
            for _ in range(1000):  # chargen continues to read
                held[-1].sendall(b"x" * 65536)
    for sock in held:
        sock.close()


def resets(echod, chance, many):
    for _ in range(many):
        with contextlib.suppress(OSError):
            sock = open_to(echod, chance.choice(("local", "stored", "chargen", "whoami", "proxied")))
            with contextlib.suppress(OSError):
                if chance.random() < 0.7:
                    sock.send(os.urandom(chance.randint(1, 2000)))
            reset(sock)


def byte_by_byte(echod, chance, many):
    texts = {"stored": b"a message, one byte at a time\n", "local": b"so is this\n",
             "proxied": b"PROXY TCP4 192.0.2.7 192.0.2.1 1024 7\r\nand so on\n"}
    socks = []
    for i in range(many):
        name = list(texts)[i % len(texts)]
        with contextlib.suppress(OSError):
            socks.append((open_to(echod, name), texts[name]))
            socks[-1][0].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for i in range(max(map(len, texts.values()))):
        for sock, text in socks:
            with contextlib.suppress(OSError):
                sock.send(text[i:i + 1])
    for sock, _ in socks:
        sock.close()


def short(echod, chance, many):
    for _ in range(many):
        with contextlib.suppress(OSError), open_to(echod, "local") as sock:
            sock.sendall(b"x")
            sock.recv(1)


def rubbish(chance):
    """Input for a parser: random bytes, or the beginning of valid input followed by random bytes."""
    begin = chance.choice((b"", b"", b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n", b"PROXY TCP6 ", b"kill ", b"reload\n",
                           b"list "))
    return begin + chance.randbytes(chance.choice((0, 1, 15, 200, 5000)))


def garbage(echod, chance, many):
    for _ in range(many):
        name = chance.choice(sorted(echod.listening) + ["control"])
        kind = {"udp": socket.SOCK_DGRAM, "dgram": socket.SOCK_DGRAM,
                "packets": socket.SOCK_SEQPACKET}.get(name, socket.SOCK_STREAM)
        with contextlib.suppress(OSError):
            if name == "control":
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.settimeout(0.1)
                    sock.connect(echod.control)
                    sock.sendall(b"\0" + rubbish(chance))
                continue
            with open_to(echod, name, kind) as sock:
                sock.send(rubbish(chance))


def flood_log(echod, chance, many):
    """Clients that cause a record each time: refused, reset, or storing messages that look like records."""
    resets(echod, chance, many // 2)
    with contextlib.suppress(OSError), open_to(echod, "stored") as sock:
        for _ in range(many // 10):
            sock.sendall(chance.choice((b"\x1b[2J\r\0", b"2026-01-01 error: forged", b"\xff" * 900)) + b"\n")
            sock.recv(100)


def re_exec(echod, chance, many):
    """MANY reloads, with a change of version at every tenth; no client may be disconnected."""
    with Load(echod) as load:
        for i in range(many):
            if i % 10 == 0:
                echod.versions.install()
            expect_equal(run_echoctl("-s", echod.control, "reload"), (0, "", ""), "result of echoctl reload")
    expect_equal(load.failures, [], "clients disconnected by the reload")


ABUSES = (
    Abuse("10,000 idle connections of one source", SERVER + EVERYTHING, idle, 10000, 1000),
    Abuse("clients that never read", MANY + EVERYTHING, never_read, 60, 30),
    Abuse("a storm of resets", MANY + EVERYTHING, resets, 500, 200),
    Abuse("one byte at a time", MANY + EVERYTHING, byte_by_byte, 70, 50),
    Abuse("200,000 connections", MANY + EVERYTHING, short, 2000, 500),
    Abuse("garbage for each parser and socket", MANY + EVERYTHING, garbage, 300, 100),
    Abuse("log flooding", "[server]\nmax_per_source = 5\n" + EVERYTHING, flood_log, 500, 200),
    Abuse("re-execs, two versions alternating", MANY + EVERYTHING, re_exec, 500, 20),
)
