"""Datagrams: clients that send them, and a raw socket that forges them.

Tests need no pause to show that a datagram is not answered: a worker serves datagrams in order, so once a
later one is answered, an answer to the earlier one would have arrived.
"""
import os
import errno
import fcntl
import socket
import struct

from expect import DEADLINE, Failure, Skip, eventually, expect_equal
from proc import title
from tap import private_network

TRIES = 100
SIOCGIFINDEX, SIOCSIFADDR, IFA_F_TENTATIVE = 0x8933, 0x8916, 0x40


def section(name="local", port=0, address="127.0.0.1", more=""):
    return ("[listen %s]\nprotocol = udp\naddress = %s\nport = %d\n%s\n" %
            (name, address, port, more))


def port_of_nobody():
    """A port without any socket on any address, since echod does not answer its own ports."""
    try:
        probe = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    except OSError:
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def client(host="127.0.0.1", port=0):
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(DEADLINE)
    for _ in range(TRIES):
        try:
            sock.bind((host, port or port_of_nobody()))
            return sock
        except OSError as error:  # a client of another thread has taken the port in the meantime
            if port or error.errno != errno.EADDRINUSE:
                raise
    raise Failure("no port was free in %d tries" % TRIES)


def named(path):
    """A Unix client that is bound to PATH, so that it can be answered."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.settimeout(DEADLINE)
    sock.bind(path)
    if path[0] not in (0, "\0"):
        os.chmod(path, 0o666)  # the worker is another user if we are root
    return sock


def expect_answer(sock, address, data=b"ping", expected=None):
    """Sends DATA to ADDRESS, and expects EXPECTED, by default DATA, from there."""
    sock.sendto(data, address)
    found, source = sock.recvfrom(1 << 17)
    expect_equal(found, data if expected is None else expected, "the answer")
    expect_equal(source[:2] if isinstance(source, tuple) else source, address[:2]
                 if isinstance(address, tuple) else address, "the address that it comes from")


def expect_nothing(sock, later, address):
    """Expects that SOCK has received nothing once LATER, another client, is answered by ADDRESS."""
    expect_answer(later, address, b"later")
    sock.setblocking(False)
    try:
        found = sock.recvfrom(1 << 17)
    except BlockingIOError:
        found = None
    sock.settimeout(DEADLINE)
    expect_equal(found, None, "the datagram that arrived")


def counter(echod, name):
    """A counter of the status, which sums those of all workers."""
    return echod.ask("status")[name]


def worker_of(echod, name="local", index=0):
    """The process ID of the worker of a datagram listener, once it has one."""
    return eventually(lambda: [row["pid"] for row in echod.ask("datagrams")
                               if row["listener"] == name][index], "the listener has a worker")


def datagram_workers(echod):
    return [pid for pid in echod.workers() if title(pid).startswith("echod: udp ")]


# ---- tests that need their own network ----

def need_network():
    if not private_network():
        raise Skip("this test needs a network namespace of its own")


def checksum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data[:len(data) // 2 * 2]))
    total += data[-1] << 8 if len(data) % 2 else 0
    while total >> 16:
        total = (total >> 16) + (total & 0xffff)
    return ~total & 0xffff or 0xffff


def ipv4_packet(source, to, data):
    udp = struct.pack(">HHHH", source[1], to[1], 8 + len(data), 0) + data
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0,
                       socket.inet_aton(source[0]), socket.inet_aton(to[0])) + udp


def ipv6_packet(source, to, data):
    addresses = b"".join(socket.inet_pton(socket.AF_INET6, a[0]) for a in (source, to))
    udp = struct.pack(">HHHH", source[1], to[1], 8 + len(data), 0) + data
    summed = checksum(addresses + struct.pack(">II", len(udp), socket.IPPROTO_UDP) + udp)
    return (struct.pack(">IHBB", 6 << 28, len(udp), socket.IPPROTO_UDP, 64) + addresses +
            udp[:6] + struct.pack(">H", summed) + udp[8:])


class Forger:
    """Sends datagrams from any source address."""

    def __init__(self, family=socket.AF_INET):
        need_network()
        self.packet = ipv6_packet if family == socket.AF_INET6 else ipv4_packet
        self.sock = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def send(self, source, to, data=b"forged"):
        self.sock.sendto(self.packet(source, to, data), (to[0], 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()


def add_ipv6(address, bits, interface="lo"):
    """Adds an IPv6 address to our network."""
    need_network()
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        found = fcntl.ioctl(sock, SIOCGIFINDEX, struct.pack("16si", interface.encode(), 0))
        index = struct.unpack("16si", found)[1]
        request = socket.inet_pton(socket.AF_INET6, address) + struct.pack("=Ii", bits, index)
        try:
            fcntl.ioctl(sock, SIOCSIFADDR, request)
        except FileExistsError:
            pass
    eventually(lambda: is_usable(address), address + " may be used")
    return index


def is_usable(address):
    """Whether duplicate address detection has finished for the IPv6 ADDRESS."""
    wanted = socket.inet_pton(socket.AF_INET6, address).hex()
    with open("/proc/net/if_inet6", encoding="ascii") as file:
        flags = [int(line.split()[4], 16) for line in file if line.startswith(wanted)]
    return flags and not flags[0] & IFA_F_TENTATIVE
