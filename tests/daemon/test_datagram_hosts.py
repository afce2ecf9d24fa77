"""Datagrams between hosts with several addresses: each is answered whole, from the address that it
was sent to, and broadcasts are not answered."""
import contextlib
import socket

from datagrams import Forger, client, expect_answer, expect_nothing, section, counter
from expect import DEADLINE, eventually, expect_equal
from managed import Managed
from tap import main, test
from wire import WIRE, Wire

PORT = 7777
IPV4 = ["198.51.100.1/24", "198.51.100.3/24"], ["198.51.100.2/24"]
IPV6 = ["2001:db8::1/64", "2001:db8::3/64", "fe80::1/64"], ["2001:db8::2/64", "fe80::2/64"]
# One that is not on the wire: the host has it elsewhere.
BEHIND_IPV4, BEHIND_IPV6 = "203.0.113.1", "2001:db8:1::1"


@contextlib.contextmanager
def served(addresses, everywhere):
    """An echod HERE that listens EVERYWHERE. Gives it and a function that makes clients THERE."""
    with Wire(*addresses) as (here, there):
        def asking(host=there.hosts[0]):
            with there.inside():
                return client(host)

        with Managed(section(port=PORT, address=everywhere, more="datagram_rate = 0"),
                     prepare=here.start_here) as echod:
            yield echod, here, there, asking


def give(here, there, address, bits):
    """Gives HERE an ADDRESS that THERE reaches through the first one."""
    expect_equal(here.ip("addr", "add", "%s/%d" % (address, bits), "dev", "lo"), 0, "its status")
    expect_equal(there.ip("route", "add", "%s/%d" % (address, bits), "via", here.hosts[0]), 0,
                 "that of the route")


def take_back(here, address, bits):
    here.ip("addr", "del", "%s/%d" % (address, bits), "dev", "lo")


@test("IPv4: the reply comes from the requested address, of several, on any interface")
def several_ipv4():
    with served(IPV4, "0.0.0.0") as (_, here, there, asking), asking() as sock:
        give(here, there, BEHIND_IPV4, 32)
        for host in here.hosts + [BEHIND_IPV4] + here.hosts:
            expect_answer(sock, (host, PORT))
        take_back(here, BEHIND_IPV4, 32)


@test("IPv6: the reply comes from the requested address, of several, on any interface")
def several_ipv6():
    with served(IPV6, "::") as (_, here, there, asking), asking() as sock:
        give(here, there, BEHIND_IPV6, 128)
        for host in here.hosts[:2] + [BEHIND_IPV6] + here.hosts[:2]:
            expect_answer(sock, (host, PORT))
        take_back(here, BEHIND_IPV6, 128)


@test("IPv6: a link-local address replies on the interface of the request")
def link_local():
    with served(IPV6, "::") as (_, _, there, _):
        with there.inside(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.settimeout(DEADLINE)
            sock.bind(("fe80::2", 0, 0, there.index))
            to = ("fe80::1", PORT, 0, there.index)
            sock.sendto(b"ping", to)
            expect_equal(sock.recvfrom(100), (b"ping", to), "the answer, and where it comes from")


@test("a fragmented datagram is answered whole")
def fragments():
    for addresses, everywhere in ((IPV4, "0.0.0.0"), (IPV6, "::")):
        with served(addresses, everywhere) as (_, here, _, asking), asking() as sock:
            for size in (0, 1452, 1453, 1472, 1473, 9000, 65507):
                expect_answer(sock, (here.hosts[0], PORT),
                              bytes(i * 7 % 253 for i in range(size)))


@test("broadcast and multicast datagrams from the network are not answered")
def to_everybody():
    with served(IPV4, "0.0.0.0") as (echod, here, _, asking):
        with asking() as sock, asking() as later:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, WIRE.encode())
            # The last one is a group that every host is a member of.
            for number, host in enumerate(("198.51.100.255", "255.255.255.255", "224.0.0.1"), 1):
                sock.sendto(b"ping", (host, PORT))
                expect_nothing(sock, later, (here.hosts[0], PORT))
                eventually(lambda: counter(echod, "unanswered_not_unicast") == number,
                           "the datagram arrived and is counted")


@test("datagrams from the network to all IPv6 nodes are not answered")
def to_every_node():
    with served(IPV6, "::") as (echod, here, there, asking), asking() as sock, asking() as later:
        sock.sendto(b"ping", ("ff02::1", PORT, 0, there.index))
        expect_nothing(sock, later, (here.hosts[0], PORT))
        eventually(lambda: counter(echod, "unanswered_not_unicast") == 1, "the datagram arrived and is counted")


@test("nothing is sent to a broadcast or multicast address that was forged as the source")
def from_everybody():
    with served(IPV4, "0.0.0.0") as (echod, here, there, asking), there.inside():
        with Forger() as forger, asking() as later, client("0.0.0.0", PORT + 1) as everybody:
            everybody.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                                 socket.inet_aton("224.1.2.3") + socket.inet_aton(there.hosts[0]))
            for source in ("198.51.100.255", "255.255.255.255", "224.1.2.3"):
                forger.send((source, PORT + 1), (here.hosts[0], PORT))
                expect_nothing(everybody, later, (here.hosts[0], PORT))
        expect_equal(counter(echod, "datagrams_out"), 3, "datagrams that were answered")


main()
