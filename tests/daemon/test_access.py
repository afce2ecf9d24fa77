"""Who is let in, beyond what test_limits.py shows: how often one source may connect, and places
that are kept for monitors."""
import re
import time

from clients import expect_echo, expect_silence, recv_until_eof
from expect import DEADLINE, eventually, expect, expect_equal, expect_match, scaled
from harness import Echod, ini
from managed import Managed, listen, unix
from tap import main, test

FULL = b"echod: too many clients, try again later\n"
DENIED = b"echod: access denied\n"
RATE = rb"echod: too many connections from your address, try again in (\d+) s\n"


def expect_words(echod, words, reason, **how):
    """A client is refused by WORDS (a pattern), and the REASON is in the log. Returns the match."""
    sock = echod.connect(**how)
    said = recv_until_eof(sock)
    match = re.fullmatch(words, said)
    expect(match, "a refused client gets %r, not %r" % (words, said))
    echod.log.wait(re.escape(" info: refused 127.") + r"\S+:%d on local: %s$" %
                   (sock.getsockname()[1], re.escape(reason)))
    return match


def expect_rate(echod, **how):
    """A client is refused because of its rate. Returns the seconds it is told to wait."""
    return int(expect_words(echod, RATE, "too many connections of its source", **how)[1])


def visit(echod, **how):
    """A client that is served, and gone again once its worker is."""
    sock = echod.connect(**how)
    expect_echo(sock)
    sock.close()


# ---- the rate ----

@test("source_rate: as many at once, then a line says when the next one may come; others may")
def rate():
    with Echod(server="source_rate = 5/h") as echod:
        for _ in range(5):
            visit(echod, source="127.0.0.2")
        wait = expect_rate(echod, source="127.0.0.2")
        expect(600 < wait <= 720, "the next of five in an hour comes in 12 minutes, not %d s" % wait)
        visit(echod, source="127.0.0.3")
        echod.wait_no_workers()
        expect_rate(echod, source="127.0.0.2")  # that the others are gone does not matter


@test("source_rate heals by itself, also for a source that never stops trying")
def rate_heals():
    with Echod(server="source_rate = 1/s") as echod:
        begin = time.monotonic()
        served = 0
        while served < 3:
            sock = echod.connect()
            sock.sendall(b"ping")
            try:
                served += sock.recv(1024) == b"ping"
            except ConnectionError:
                pass  # refused: a reset may overtake the words
            sock.close()
            expect(time.monotonic() < begin + DEADLINE, "it is let in again")
        expect(time.monotonic() - begin >= 2, "three came within two seconds")


@test("source_rate counts over all listeners and by source_prefix; Unix sockets know no source")
def rate_of_a_source():
    config = ("[server]\nsource_rate = 2/h\nsource_prefix = 24, 64\n" + listen("local") +
              listen("other") + unix("file"))
    with Managed(config) as echod:
        visit(echod, source="127.0.1.1")
        visit(echod, name="other", source="127.0.1.2")
        expect_rate(echod, source="127.0.1.3")
        visit(echod, source="127.0.2.1")
        for _ in range(5):
            visit(echod, name="file")


@test("source_rate: clients that are refused for another reason are not counted")
def rate_of_refused():
    with Echod(server="source_rate = 2/h\nmax_clients = 1") as echod:
        first = echod.echoing()
        for _ in range(5):
            expect_words(echod, FULL, "full")
        first.close()
        echod.wait_no_workers()
        visit(echod)
        echod.wait_no_workers()
        expect_rate(echod)


@test("source_rate: a crowd of sources, one connection each, is let in")
def rate_crowd():
    with Echod(server="source_rate = 1/h\nlog_sessions = no") as echod:
        count = scaled(1500, 60)
        for n in range(count):
            visit(echod, source="127.%d.%d.1" % (1 + n // 250, 1 + n % 250))
        expect_rate(echod, source="127.1.1.1")
        expect_equal(len(echod.log.matching("refused")), 1, "the refusals")


@test("source_rate: a reload forgets who came, and takes another rate")
def rate_reload():
    with Managed(server="source_rate = 1/h") as echod:
        visit(echod)
        expect_rate(echod)
        echod.configure(ini("source_rate = 2/h"))
        echod.reload()
        visit(echod)
        visit(echod)
        expect_rate(echod)
        echod.configure(ini())
        echod.reload()
        for _ in range(5):
            visit(echod)


# ---- monitors ----

MONITORED = "max_clients = 3\nreserved = 1\nmonitor = 127.0.0.9, 127.9.0.0/16\n"


@test("reserved: a monitor is served when others are told that echod is full")
def reserved():
    with Echod(server=MONITORED) as echod:
        first = echod.echoing()
        echod.echoing()
        expect_words(echod, FULL, "full but for monitors")
        monitor = echod.echoing(source="127.0.0.9")
        expect_words(echod, FULL, "full", source="127.9.9.9")
        expect_words(echod, FULL, "full")
        monitor.close()
        eventually(lambda: len(echod.workers()) == 2, "the monitor is gone")
        expect_words(echod, FULL, "full but for monitors")
        expect_echo(echod.connect(source="127.9.0.1"))
        first.close()


@test("reserved: a monitor that is there already leaves the others their places")
def reserved_counts_all():
    with Echod(server=MONITORED) as echod:
        echod.echoing(source="127.0.0.9")
        echod.echoing()
        expect_words(echod, FULL, "full but for monitors")
        echod.echoing(source="127.0.0.9")


@test("reserved with when_full = queue: all wait once the last place is taken, monitors too")
def reserved_queue():
    with Echod(server=MONITORED + "when_full = queue") as echod:
        echod.echoing()
        echod.echoing()
        expect_words(echod, FULL, "full but for monitors")
        monitor = echod.echoing(source="127.0.0.9")
        waiting = echod.connect(source="127.0.0.9")
        waiting.sendall(b"waiting")
        expect_silence(waiting, 0.3, "the second monitor has to wait")
        monitor.close()
        expect_equal(waiting.recv(1024), b"waiting", "the echo once there is room")


@test("monitors are exempt from limits per source, and not from deny and allow")
def exempt():
    limits = "max_per_source = 1\nsource_rate = 1/h\nmonitor = 127.0.0.9, 127.0.0.10\n"
    with Echod(server=limits, listen="deny = 127.0.0.10") as echod:
        for _ in range(3):
            echod.echoing(source="127.0.0.9")
        expect_words(echod, DENIED, "not allowed", source="127.0.0.10")
        visit(echod)
        eventually(lambda: len(echod.workers()) == 3, "it is gone")
        expect_rate(echod)
    with Echod(server=limits, listen="allow = 127.0.0.1") as echod:
        expect_words(echod, DENIED, "not allowed", source="127.0.0.9")


@test("a client of a Unix socket is no monitor")
def unix_is_no_monitor():
    config = ("[server]\nmax_clients = 2\nreserved = 1\nmonitor = 0.0.0.0/0, ::/0\n" +
              listen("local") + unix("file"))
    with Managed(config) as echod:
        echod.echoing(name="file")
        expect_equal(recv_until_eof(echod.connect(name="file")), FULL, "what the second one gets")
        expect_echo(echod.connect())


@test("a reload changes monitors and reserved places")
def monitors_reload():
    with Managed(server="max_clients = 2") as echod:
        first = echod.echoing()
        echod.configure(ini("max_clients = 2\nreserved = 1\nmonitor = 127.0.0.9"))
        echod.reload()
        expect_match("too many clients", recv_until_eof(echod.connect()).decode(), "the words")
        expect_echo(echod.connect(source="127.0.0.9"))
        expect_echo(first)


main()
