"""Datagrams: a loop between two echods, which a forged datagram begins. They run on two hosts, network
namespaces that are joined by a wire; a raw socket on it sends the forged datagram."""
import contextlib
import socket

from datagrams import Forger, client, section, counter
from expect import eventually, expect, expect_equal
from managed import Managed
from tap import main, test
from wire import Wire

# Of so many equal datagrams one is left out (src/worker/datagram_repeats.h).
MOST = 256
UNLIMITED = "datagram_rate = 0\n"
# Whatever the kernel chose could be the same on both hosts.
PORT, OTHER_PORT = 7777, 7778


HOSTS = {socket.AF_INET: (["198.51.100.1/24"], ["198.51.100.2/24"]),
         socket.AF_INET6: (["2001:db8::1/64"], ["2001:db8::2/64"])}


@contextlib.contextmanager
def two_echods(one=UNLIMITED, two=UNLIMITED, port=OTHER_PORT, family=socket.AF_INET):
    """An echod on each host, and a forger on that of the second one. ONE, TWO: more of their
    listeners."""
    with Wire(*HOSTS[family]) as (here, there):
        with there.inside():
            forger = Forger(family)
        with forger, Managed(section(port=PORT, address=here.hosts[0], more=one),
                             prepare=here.start_here) as first:
            with Managed(section(port=port, address=there.hosts[0], more=two),
                         prepare=there.start_here) as second:
                yield forger, first, second


def received(*echods):
    return sum(counter(echod, "datagrams_in") for echod in echods)


def dropped(*echods):
    return sum(counter(echod, "unanswered_loop") for echod in echods)


def expect_quiet(*echods):
    """No datagram loops: the only traffic that is counted is that of a client of both."""
    before = received(*echods)
    with client(echods[0].address()[0]) as sock:
        for number in range(50):
            for echod in echods:
                sock.sendto(b"%d" % number, echod.address())
                sock.recv(100)
    expect_equal(received(*echods), before + 50 * len(echods), "datagrams received")


def expect_loop_broken(count, *echods):
    """COUNT looping datagrams were dropped, and none loops any more."""
    eventually(lambda: dropped(*echods) >= count, "looping datagrams are dropped")
    expect_quiet(*echods)
    expect_equal(dropped(*echods), count, "dropped datagrams")


def same_port(family):
    with two_echods(port=PORT, family=family) as (there, one, two), Forger(family) as here:
        for number in range(10):
            there.send(two.address(), one.address(), b"to one %d" % number)
            here.send(one.address(), two.address(), b"to two %d" % number)
        for echod in (one, two):
            eventually(lambda: counter(echod, "unanswered_own_port") == 10, "the datagrams are counted")
            expect_equal((counter(echod, "datagrams_in"), counter(echod, "datagrams_out")), (10, 0),
                         "datagrams in and out")


def other_port(family):
    with two_echods(family=family) as (forger, one, two):
        forger.send(two.address(), one.address())
        eventually(lambda: dropped(one, two) == 1, "the looping datagram is dropped")
        expect(MOST <= received(one, two) <= 2 * MOST, "%d datagrams looped" % received(one, two))
        expect_loop_broken(1, one, two)


for protocol, of_hosts in (("IPv4", socket.AF_INET), ("IPv6", socket.AF_INET6)):
    test("with the same port: neither side answers, so no loop begins (%s)" % protocol)(
        lambda family=of_hosts: same_port(family))
    test("with other ports: a loop ends after %d datagrams at most on each side (%s)" %
         (MOST, protocol))(lambda family=of_hosts: other_port(family))


@test("many loops at once are all broken")
def many():
    with two_echods() as (forger, one, two):
        for number in range(20):
            forger.send(two.address(), one.address(), b"number %d" % number)
        expect_loop_broken(20, one, two)


@test("a loop of daytime replies, which keep changing, is broken")
def daytime():
    with two_echods(UNLIMITED + "service = daytime") as (forger, one, two):
        forger.send(two.address(), one.address())
        eventually(lambda: dropped(one, two) == 1, "the looping datagram is dropped")
        expect_quiet(one, two)


@test("a loop between message and echo is broken")
def message():
    with two_echods(UNLIMITED + "service = message") as (forger, one, two):
        forger.send(two.address(), one.address())
        eventually(lambda: dropped(one, two) == 1, "the looping datagram is dropped")
        expect(counter(one, "datagram_messages") <= MOST + 1, "too many messages were stored")
        expect_quiet(one, two)


@test("a loop that exceeds the rate is broken by it")
def rate():
    with two_echods("datagram_rate = 20/s") as (forger, one, two):
        for number in range(5):
            forger.send(two.address(), one.address(), b"number %d" % number)
        eventually(lambda: counter(one, "unanswered_rate") == 5, "all looping datagrams are dropped")
        expect(received(one, two) <= 100, "%d datagrams looped" % received(one, two))


main()
