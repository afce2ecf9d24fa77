"""Log rate limit: beyond a burst of 1000, ends and refusals are counted, not logged individually; the
counts add up, and warnings are always logged."""
import os
import re
import signal
import time

from clients import expect_echo, recv_until_eof
from expect import eventually, expect, expect_equal
from managed import Managed
from tap import main, test

BURST = 1000
BACKLOG = 100  # of a listening socket, even where somaxconn is small
SUMMARY = (r" notice: too many to log individually: (\d+) more sessions? ended, (\d+) more clients? (?:was|were) "
           r"refused$")
DENIED = "127.0.0.2"
LISTEN = "port = 0\ndeny = " + DENIED


def refusals(echod, count):
    """Lets COUNT clients be refused, as fast as the daemon can, however slow this script is: they
    are there before it continues."""
    for first in range(0, count, BACKLOG):
        echod.kill(signal.SIGSTOP)
        socks = [echod.connect(source=DENIED) for _ in range(min(BACKLOG, count - first))]
        echod.kill(signal.SIGCONT)
        for sock in socks:
            recv_until_eof(sock)
            echod.sockets.remove(sock)
            sock.close()


def sessions(echod, count):
    """Lets COUNT clients be served, and waits until all have gone."""
    for _ in range(count):
        with echod.echoing() as sock:
            echod.sockets.remove(sock)
    eventually(lambda: echod.ask("status")["clients"] == 0, "all clients are gone")


def summaries(echod):
    """How many summaries there are, and the sums of their counts: of sessions, of refusals."""
    found = [re.search(SUMMARY, line).groups() for line in echod.log.matching(SUMMARY)]
    return len(found), sum(int(pair[0]) for pair in found), sum(int(pair[1]) for pair in found)


def expect_sums(echod, ended, refused):
    """That every one of ENDED sessions and REFUSED clients has a record, or is in a summary.
    Where the machine was so slow that the log was full, only their sum is known."""
    singly = (len(echod.log.matching(r" info: session of ")),
              len(echod.log.matching(r" info: refused ")))
    _, more_ended, more_refused = summaries(echod)
    dropped = sum(int(re.search(r"(\d+) records? (?:was|were) dropped", line).group(1))
                  for line in echod.log.matching(r"records? (?:was|were) dropped"))
    expect_equal(sum(singly) + more_ended + more_refused + dropped, ended + refused,
                 "records, and those in summaries")
    if dropped == 0:
        expect_equal((singly[0] + more_ended, singly[1] + more_refused), (ended, refused),
                     "sessions and refusals")


@test("more than %d at once are summarised after some seconds, and then single ones logged again" %
      BURST)
def summarised():
    with Managed(listen=LISTEN) as echod:
        start = time.monotonic()
        refusals(echod, BURST + 400)
        sessions(echod, 50)
        crashed, closed = echod.echoing(), echod.echoing()
        os.kill(echod.worker_of(crashed), signal.SIGKILL)
        echod.log.wait(r" warning: session of 127\.0\.0\.1:%d on local: its worker was killed by "
                       r"signal 9 \(SIGKILL\); " % crashed.getsockname()[1])
        early = summaries(echod)[0]
        if time.monotonic() - start < 5:  # else it may be time already
            expect_equal(early, 0, "the summaries before it is time")
        echod.log.wait(SUMMARY)
        expect(time.monotonic() - start > 4.5, "the summary comes too soon")
        singly = len(echod.log.matching(" info: refused "))
        refusals(echod, 10)
        echod.log.wait(" info: refused ", count=singly + 10)
        name = r" info: session of 127\.0\.0\.1:%d on local: closed by " % closed.getsockname()[1]
        closed.close()
        echod.log.wait(name)
        expect_equal(echod.ask("status")["refused"], BURST + 410, "the refusals in the status")
        echod.stop()
        expect_sums(echod, 51, BURST + 410)


@test("records of refused clients do not suppress those of sessions")
def apart():
    with Managed(listen=LISTEN) as echod:
        refusals(echod, BURST + 200)
        sock = echod.echoing()
        name = r" info: session of 127\.0\.0\.1:%d on local: " % sock.getsockname()[1]
        sock.close()
        echod.log.wait(name)


@test("counts that are not reported yet are reported at the stop")
def at_the_stop():
    with Managed(listen=LISTEN) as echod:
        refusals(echod, BURST + 400)
        sessions(echod, 20)
        echod.stop()
        expect_sums(echod, 20, BURST + 400)


@test("counts that are not reported yet survive a reload")
def over_a_reload():
    with Managed(listen=LISTEN) as echod:
        refusals(echod, BURST + 400)
        echod.reload()
        refusals(echod, 10)
        echod.stop()
        expect_sums(echod, 0, BURST + 410)


@test("log_level = debug logs every record")
def debug():
    with Managed(server="log_level = debug", listen=LISTEN) as echod:
        refusals(echod, BURST + 200)
        sessions(echod, 20)
        expect_echo(echod.connect())
        echod.stop()
        expect_equal(summaries(echod)[0], 0, "the number of summaries")
        expect_sums(echod, 21, BURST + 200)


main()
