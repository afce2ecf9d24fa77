"""Abuses echod: abuse.py [--seconds N] [--only TEXT] [--seed N]

Each abuse runs for N seconds (120) in two halves: at the end, memory and descriptors of echod must be as
after the first half. Meanwhile, a client from another address must be served.
"""
import argparse
import os
import random
import re
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "daemon")]

import tap

if __name__ == "__main__":
    tap.enter_network()

from abuses import ABUSES
from clients import expect_echo
from expect import DEADLINE, Failure, eventually, expect, expect_equal
from managed import Managed
from proc import children, descriptors, read_proc
from versions import Versions

THREADS = 4
# Permitted growth of memory, for the allocator and for pages first touched late: in KiB, and as a fraction.
MORE, MORE_OF_ALL = 1024, 0.1
# Permitted records: of sessions and of refusals, a burst and a rate per second each (doc/DESIGN.md, Floods);
# and of echod itself.
BURST, RATE, OWN = 2 * 1000, 2 * 100, 200


def memory(pid):
    """The memory of PID in KiB, with its proportion of shared pages (PSS)."""
    match = re.search(rb"^Pss:\s+(\d+)", read_proc(pid, "smaps_rollup"), re.M)
    return int(match.group(1)) if match else 0


class Abused:
    """An echod, and the abuse that it is subjected to."""

    def __init__(self, abuse, seed, quick):
        self.abuse, self.many = abuse, abuse.quick if quick else abuse.many
        self.seed, self.stopping, self.rounds, self.failures = seed, False, 0, []
        self.echod = Managed(abuse.config, copied=True)
        self.echod.versions = Versions(self.echod)
        self.longest = 0.0

    def own(self):
        """The process IDs of the daemon, its scribe and its fork servers."""
        return [self.echod.pid] + children(self.echod.pid)

    def rest(self):
        """Waits until no client is served. Returns (memory, descriptors)."""
        echod = self.echod
        eventually(lambda: echod.ask("status")["clients"] == 0, "no client is served", 3 * DEADLINE)
        eventually(lambda: len(echod.fork_servers()) == 1, "one fork server runs", 3 * DEADLINE)
        eventually(lambda: len(children(echod.pid)) == 2, "no other child is left")
        self.served()
        eventually(lambda: echod.ask("status")["clients"] == 0, "no client is served")
        return sum(map(memory, self.own())), sum(len(descriptors(pid)) for pid in self.own())

    def served(self):
        """Serves a client from another address. (It retries while echod is full, as the refusal suggests.)"""
        begin = time.monotonic()
        while True:
            with self.echod.connect(source="127.0.0.1") as sock:
                try:
                    expect_echo(sock)
                    break
                except (OSError, Failure) as error:
                    expect(time.monotonic() - begin < 2 * DEADLINE, "another address is not served in time: %s" % error)
                finally:
                    self.echod.sockets.remove(sock)
            time.sleep(0.05)
        self.longest = max(self.longest, time.monotonic() - begin)

    def attack(self, number):
        chance = random.Random(self.seed + number)
        while not self.stopping:
            try:
                self.abuse.round(self.echod, chance, self.many)
                self.rounds += 1
            except Exception as error:
                self.failures.append(repr(error))
                return

    def half(self, seconds):
        """Repeats the abuse for SECONDS."""
        self.stopping = False
        threads = [threading.Thread(target=self.attack, args=(i,), daemon=True)
                   for i in range(1 if self.abuse.name.startswith("re-exec") else THREADS)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.served()
            time.sleep(0.2)
        self.stopping = True
        for thread in threads:
            thread.join(6 * DEADLINE)
            expect(not thread.is_alive(), "a round did not end")
        expect_equal(self.failures, [], "failures")

    def run(self, seconds):
        """Runs both halves. Returns a summary."""
        begin = time.monotonic()
        self.half(seconds / 2)
        before = self.rest()
        self.half(seconds / 2)
        after = self.rest()
        limit = before[0] + MORE + before[0] * MORE_OF_ALL
        expect(after[0] <= limit, "memory: %d KiB at the half, %d at the end" % (before[0], after[0]))
        expect_equal(after[1], before[1], "the descriptors at the end, and at the half")
        self.check_log(time.monotonic() - begin)
        return "%d rounds of %d; %d and %d KiB, %d descriptors; the longest wait of others %.2f s" % (
            self.rounds, self.many, before[0], after[0], after[1], self.longest)

    def check_log(self, seconds):
        """Checks that the log grows no faster than the rate limit permits."""
        lines = [line for line in self.echod.log.lines() if " message from " not in line]
        own = OWN + (40 * self.rounds * self.many if self.abuse.name.startswith("re-exec") else 0)
        limit = BURST + RATE * seconds + own
        expect(len(lines) <= limit, "%d lines in %.0f s" % (len(lines), seconds))
        crashed = [line for line in lines if "was killed by signal" in line]
        expect_equal(crashed, [], "records of crashes")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120, help="of each abuse (120); under 60 it does less at once")
    parser.add_argument("--only", default="", help="abuses whose name matches this regular expression")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    args, failed = arguments(), 0
    tap.libc.prctl(tap.PR_SET_CHILD_SUBREAPER, 1)
    for abuse in ABUSES:
        if not re.search(args.only, abuse.name):
            continue
        try:
            abused = Abused(abuse, args.seed, args.seconds < 60)
            print("ok: %s: %s" % (abuse.name, abused.run(args.seconds)))
            abused.echod.stop()
        except Exception as error:
            failed += 1
            print("FAILED: %s: %s" % (abuse.name, error))
            tap.diagnose(error)
        sys.stdout.flush()
        tap.kill_all()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
