"""Datagrams: two echods that a forged one sets upon each other. They stand on two addresses of a
network namespace, with a port each as on two hosts."""
from datagrams import Forger, client, expect_answer, section, tally
from expect import eventually, expect, expect_equal
from managed import Managed
from tap import main, test

# Of so many equal datagrams one is left out (src/worker/repeats.h).
MOST = 256
UNLIMITED = "datagram_rate = 0\n"


def beside(one):
    """The configuration of another echod, with another address, and port, than ONE."""
    return section(port=one.port ^ 1, address="127.0.0.2", more=UNLIMITED)


def received(*echods):
    return sum(tally(echod, "datagrams_in") for echod in echods)


def left_out(*echods):
    return sum(tally(echod, "unanswered_loop") for echod in echods)


def expect_over(count, *echods):
    """That COUNT datagrams went round, and none does any more."""
    eventually(lambda: left_out(*echods) >= count, "what goes round is left out")
    for echod in echods:
        with client("127.0.0.9") as sock:
            expect_answer(sock, echod.address(), b"over?",
                          None if echod.ask("datagrams")[0]["service"] == "echo" else b"OK\n")
    before = received(*echods)
    with client("127.0.0.9") as sock:  # whatever went round would pass this by
        for number in range(50):
            expect_answer(sock, echods[0].address(), b"%d" % number)
    expect_equal(received(*echods), before + 50, "what else has come")
    expect_equal(left_out(*echods), count, "those that were left out")


@test("with the same port: it is over before it begins, on both sides")
def same_port():
    with Forger() as forger, Managed(section(more=UNLIMITED)) as one:
        with Managed(section(port=one.port, address="127.0.0.2", more=UNLIMITED)) as two:
            for number in range(10):
                forger.send(two.address(), one.address(), b"to one %d" % number)
                forger.send(one.address(), two.address(), b"to two %d" % number)
            eventually(lambda: (tally(one, "unanswered_own_port"),
                                tally(two, "unanswered_own_port")) == (10, 10), "all are counted")
            for echod in (one, two):
                expect_equal((tally(echod, "datagrams_in"), tally(echod, "datagrams_out")),
                             (10, 0), "datagrams in and out")


@test("with other ports: it is over after %d datagrams at most on each side" % MOST)
def other_port():
    with Forger() as forger, Managed(section(more=UNLIMITED)) as one:
        with Managed(beside(one)) as two:
            forger.send(two.address(), one.address())
            eventually(lambda: left_out(one, two) == 1, "it is left out")
            expect(received(one, two) <= 2 * MOST, "%d went round" % received(one, two))
            expect_over(1, one, two)


@test("many at once, each the same again and again, are all over")
def many():
    with Forger() as forger, Managed(section(more=UNLIMITED)) as one:
        with Managed(beside(one)) as two:
            for number in range(20):
                forger.send(two.address(), one.address(), b"number %d" % number)
            expect_over(20, one, two)


@test("the time of day, which is never the same for long, goes round no longer")
def daytime():
    with Forger() as forger, Managed(section(more=UNLIMITED + "service = daytime")) as one:
        with Managed(beside(one)) as two:
            forger.send(two.address(), one.address())
            eventually(lambda: left_out(one, two) == 1, "it is left out")
            before = received(one, two)
            with client("127.0.0.9") as sock:
                for number in range(50):
                    expect_answer(sock, two.address(), b"%d" % number)
            expect_equal(received(one, two), before + 50, "what else has come")


@test("a reply to a message that is echoed, and so a message again, does not, either")
def message():
    with Forger() as forger, Managed(section(more=UNLIMITED + "service = message")) as one:
        with Managed(beside(one)) as two:
            forger.send(two.address(), one.address())
            eventually(lambda: left_out(one, two) == 1, "it is left out")
            expect(tally(one, "datagram_messages") <= MOST + 1, "so many messages were stored")


@test("what goes round faster than the rate ends there")
def rate():
    with Forger() as forger, Managed(section(more="datagram_rate = 20/s")) as one:
        with Managed(beside(one)) as two:
            for number in range(5):
                forger.send(two.address(), one.address(), b"number %d" % number)
            eventually(lambda: tally(one, "unanswered_rate") == 5, "all are left out")
            expect(received(one, two) <= 100, "%d went round" % received(one, two))


main()
