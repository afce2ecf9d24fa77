"""What happens after a minute: records of datagrams are written, and earlier crashes are forgotten. The
tests have to wait that long."""
import os
import signal

from datagrams import client, expect_answer, section, counter, worker_of
from expect import DEADLINE, eventually, eventually_equal, expect_equal, expect_match
from managed import Managed
from tap import main, test

MINUTE = 60


def crash(echod, count):
    """Kills the worker. Returns the delay in the record, number COUNT."""
    pid = worker_of(echod)
    os.kill(pid, signal.SIGKILL)
    line = echod.log.wait(r" warning: the worker of local .* was killed by signal 9 ",
                          count=count)[-1]
    eventually(lambda: worker_of(echod) not in (0, pid), "another worker is there")
    return line.rpartition(" in ")[2]


@test("traffic is summarised each minute; after a minute, the restart delay of a worker is 250 ms again")
def minute():
    with Managed(section("local") + section("quiet")) as echod, client() as sock:
        expect_answer(sock, echod.address())
        eventually_equal(lambda: counter(echod, "datagrams_out"), 1, "the answers that are counted")
        expect_equal([crash(echod, 1), crash(echod, 2)], ["250ms", "500ms"], "the pauses")
        expect_answer(sock, echod.address(), b"more")
        found = echod.log.wait(" info: datagrams on ", timeout=MINUTE + DEADLINE)
        expect_equal(len(found), 1, "the number of records")
        expect_match(r"datagrams on local \(127\.0\.0\.1:\d+\): 2 in, 2 out, 8 bytes in, 8 out$",
                     found[0], "the record")
        eventually(lambda: echod.ask("datagrams")[0]["seconds"] > MINUTE, "the minute is over",
                   timeout=MINUTE + DEADLINE)
        expect_equal(crash(echod, 3), "250ms", "the pause after a minute's life")


main()
