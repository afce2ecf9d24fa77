"""Any process of echod is killed, again and again, under load: later clients are served, no acknowledged
message is lost, and nothing is left behind."""
import os
import random
import re
import signal
import socket
import time
from collections import Counter

from clients import recv_exactly
from expect import DEADLINE, SLOW, expect, expect_equal
from managed import Passed, bound, plain_processes
from proc import children, descendants, title
from senders import OPEN, Senders, kill, quiet
from tap import main, test

SECONDS = 20 if SLOW else 60
PAUSE = 0.5  # between two kills
SECTIONS = ("[listen local]\naddress = 127.0.0.1\nport = %d\n"
            "[listen stored]\naddress = 127.0.0.1\nport = %d\nservice = message\n")


class Restarted:
    """A manager, as systemd is one: it holds the listeners, and starts another echod when one has ended."""

    def __init__(self):
        self.sockets = {"local": bound(), "stored": bound()}
        self.config = OPEN + SECTIONS % tuple(sock.getsockname()[1] for sock in self.sockets.values())
        self.echods, self.usual = [], None
        self.start()

    def start(self):
        self.echods.append(Passed(self.config, *self.sockets.values()))
        if len(self.echods) == 1:
            self.usual = quiet(self.now)

    @property
    def now(self):
        return self.echods[-1]

    def address(self, name="local", index=0):
        return self.sockets[name].getsockname()

    def processes(self):
        """{kind: [pid]}"""
        found = {"daemon": [self.now.pid], "scribe": [], "fork server": self.now.fork_servers(),
                 "worker": self.now.workers()}
        for pid in children(self.now.pid):
            if title(pid) == "echod: scribe":
                found["scribe"].append(pid)
        return {kind: pids for kind, pids in found.items() if pids}

    def kill_one(self, chance):
        """Kills some process. Returns its kind."""
        found = self.processes()
        kind = chance.choice([kind for kind in found if kind != "daemon" or chance.random() < 0.5])
        kill([chance.choice(found[kind])])
        if kind == "daemon":
            expect_equal(self.now.popen.wait(DEADLINE), -signal.SIGKILL, "exit status of the daemon")
            self.start()
        return kind

    def log(self):
        """All that was logged, by each of them; what the scribe of a dead one still writes is waited for."""
        for echod in self.echods[:-1]:
            echod.log.thread.join(DEADLINE)
        return "\n".join(line for echod in self.echods for line in echod.log.lines())

    def close(self):
        for echod in self.echods[:-1]:
            echod.clean_up()
        self.now.stop()
        self.now.clean_up()
        for sock in self.sockets.values():
            sock.close()


def seconds_until_served(address):
    """How long a client that comes now waits for its echo. One that loses its worker comes again."""
    begin = time.monotonic()
    while True:
        try:
            with socket.create_connection(address, DEADLINE) as sock:
                sock.sendall(b"new")
                expect_equal(recv_exactly(sock, 3), b"new", "the echo")
                return time.monotonic() - begin
        except Exception:
            expect(time.monotonic() - begin < DEADLINE, "new clients are served")


def messages(text):
    return Counter(re.findall(r" message from .*: the message (\S+)\.$", text, re.M))


@test("any process, the daemon included, is killed twice a second: new clients are served, each message "
      "that got OK is in the log, and nothing is left")
def anything():
    plain_processes()
    seed = int(os.environ.get("ECHOD_SEED", "9"))
    chance = random.Random(seed)
    manager = Restarted()
    killed, waits = Counter(), []
    with Senders(manager, senders=8, may_fail=True) as load:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            killed[manager.kill_one(chance)] += 1
            waits.append(seconds_until_served(manager.address()))
            time.sleep(max(0, PAUSE - waits[-1]))
        load.wait_more()
    expect_equal(load.wrong, [], "failures")
    expect_equal(quiet(manager.now), manager.usual, "descriptors and clients")
    logged = messages(manager.log())
    expect_equal(set(load.stored) - set(logged), set(), "messages that got OK, and are not in the log")
    expect_equal(set(logged) - set(load.sent), set(), "messages in the log that were not sent")
    print("# ECHOD_SEED=%d; killed: %s; the longest until a client was served: %.2f s" %
          (seed, ", ".join("%d %s" % (n, kind) for kind, n in sorted(killed.items())), max(waits)))
    print("# %d messages got OK (%d a second), %d are in the log twice or more" %
          (len(load.stored), len(load.stored) / SECONDS, sum(n > 1 for n in logged.values())))
    left = manager.now.family()
    manager.close()
    expect(not set(left) & set(descendants(os.getpid())), "processes outlived the daemon")


main()
