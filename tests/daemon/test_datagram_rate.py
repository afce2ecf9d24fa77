"""Datagrams: the rate limit per source is exact, and any number of sources takes the same memory."""
import time

from datagrams import Forger, client, expect_answer, section, counter, worker_of
from expect import eventually, eventually_equal, expect, expect_equal, scaled
from managed import Managed
from proc import rss_kib
from tap import main, test

RATE = 50


def flood(sock, echod, count, marker):
    """Sends COUNT datagrams that differ. Returns how many seconds it took."""
    began = time.monotonic()
    for number in range(count):
        sock.sendto(b"%s %d" % (marker, number), echod.address())
    return time.monotonic() - began


def drain(sock):
    """How many answers are there."""
    sock.setblocking(False)
    count = 0
    try:
        while True:
            sock.recv(100)
            count += 1
    except BlockingIOError:
        return count


@test("a source gets a burst of answers, then the rate; others are not affected")
def limited():
    with Managed(section(more="datagram_rate = %d/s" % RATE)) as echod:
        with client() as sock, client("127.0.0.2") as other:
            began, answered = time.monotonic(), 0
            for number in range(10):
                flood(sock, echod, 100, b"round %d" % number)
                expect_answer(other, echod.address(), b"round %d" % number)
                answered += drain(sock)
            took = time.monotonic() - began
            expect(answered >= RATE, "only %d were answered" % answered)
            expect(answered <= RATE * (took + 1) + 1, "%d were answered in %.3f s" %
                   (answered, took))
            found = echod.ask("status")
            expect_equal(found["unanswered_rate"], 1000 - answered, "those beyond the rate")
            eventually_equal(lambda: counter(echod, "datagrams_out"), answered + 10,
                             "those that were answered")


@test("all ports of an address are one source, which recovers even if it keeps sending")
def recovers():
    with Managed(section(more="datagram_rate = 20/s")) as echod:
        with client() as one, client() as two:
            flood(one, echod, 100, b"first")
            eventually(lambda: counter(echod, "unanswered_rate") >= 60, "the limit is reached")
            two.settimeout(0.5)

            def answered():
                two.sendto(b"again", echod.address())
                try:
                    return two.recv(100) == b"again"
                except TimeoutError:
                    return False

            eventually(answered, "the source is answered again")
            refused = counter(echod, "unanswered_rate")
            began = time.monotonic()
            # More at once than a burst, so that the rate is exceeded by a slow sender, too.
            eventually(lambda: flood(one, echod, 60, b"x") and drain(one) and
                       time.monotonic() > began + 2, "the source is answered while it keeps sending")
            expect(counter(echod, "unanswered_rate") > refused, "no datagram exceeded the rate")


@test("a rate of 0 means no limit")
def unlimited():
    with Managed(section(more="datagram_rate = 0")) as echod, client() as sock:
        for number in range(scaled(5000, 500)):
            expect_answer(sock, echod.address(), b"%d" % number)
        expect_equal(counter(echod, "unanswered_rate"), 0, "those beyond the rate")


@test("%d forged sources take no memory and lock nobody out" % scaled(50000, 5000))
def forged():
    count = scaled(50000, 5000)
    with Forger() as forger, Managed(section()) as echod, client("127.0.0.9") as sock:
        worker, memory = worker_of(echod), []
        expect_answer(sock, echod.address())
        for number in range(count):
            source = "127.%d.%d.%d" % (1 + number // 62500, number // 250 % 250, 1 + number % 250)
            forger.send((source, 2000 + number % 3000), echod.address())
            if number % 100 == 0:  # and no more wait at once: they would find the queue full
                expect_answer(sock, echod.address(), b"%d" % number)
            if number % (count // 2) == 0:
                memory.append(rss_kib(worker))
        expect_answer(sock, echod.address(), b"the last one")
        found = echod.ask("datagrams")[0]
        expect_equal((found["received"], found["overflowed"]), (count + count // 100 + 2, 0),
                     "those that came")
        memory.append(rss_kib(worker))
        expect(memory[1] - memory[0] < 2048 and memory[2] - memory[1] < 128,
               "the worker grew: %s KiB" % memory)
        expect_equal(worker_of(echod), worker, "the worker")


main()
