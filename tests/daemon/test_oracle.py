"""Repeated crashes as an oracle: guessing the stack canary byte by byte."""
import threading

from expect import DEADLINE, Failure, eventually, expect, expect_equal
from planted import KEEPING, Planted, needs_planted
from tap import main, test

ROOM = 64  # OVERFLOW_ROOM of obey.c
CANARY = 8  # bytes, of which the first is 0
GUESSES = 256 * (CANARY - 1)  # of every byte but the first, at most
LAYOUTS = 4  # as many guesses as so many attacks would take
SESSIONS = 300  # fewer than the canary takes, and more than one layout endures
SERVER = "[server]\nmax_per_source = 0\nmax_clients = 500\n%s\n"
LISTEN = "[listen local]\naddress = 127.0.0.1\nport = 0\n"
FREE = "crash_penalty = 0"
WITNESSES = 50


class Refused(Exception):
    """The attacker is not let in any more."""


def survives(echod, data):
    """Whether a worker lives on that has copied DATA to its stack."""
    worker = echod.obedient()
    reply = worker.ask("OVERFLOW", data)
    worker.close()
    echod.sockets.remove(worker.sock)
    if reply.startswith("echod: "):
        raise Refused(reply)
    return reply == "OK"


def find_canary(echod):
    """The offset of the canary from the buffer: its first byte is 0, and nothing else is there."""
    for length in range(ROOM, ROOM + 64):
        if not survives(echod, b"\xff" * (length + 1)):
            return length
    raise Failure("nothing is noticed by the stack protector")


class Attack:
    """.guesses: how many it took, .known: the bytes of the canary that were found."""

    def __init__(self, echod, offset):
        self.echod, self.filling, self.known, self.guesses = echod, b"\xff" * offset, b"\0", 0

    def next_byte(self):
        """Finds one more byte. Returns whether it did."""
        for value in range(256):
            self.guesses += 1
            guess = self.known + bytes([value])
            if survives(self.echod, self.filling + guess):
                self.known = guess
                return True
        return False

    def run(self, most):
        """Returns whether the whole canary is known after MOST guesses at most; what it knows has
        to be right still."""
        while len(self.known) < CANARY and self.guesses < most:
            if not self.next_byte():
                self.known = b"\0"  # another layout: from the beginning
        return len(self.known) == CANARY and survives(self.echod, self.filling + self.known)


class OtherClients:
    """Earlier sessions, and clients at other addresses that connect and disconnect, in a with
    block: none may be affected."""

    def __init__(self, echod):
        self.echod, self.stopping, self.served, self.failures = echod, False, 0, []
        self.sessions = [echod.obedient(source="127.0.0.%d" % (2 + i % 20))
                         for i in range(WITNESSES)]
        self.pids = [session.number("PID") for session in self.sessions]
        self.thread = threading.Thread(target=self._connect_repeatedly, daemon=True)

    def _connect_repeatedly(self):
        while not self.stopping:
            try:
                one = self.echod.obedient(source="127.0.0.%d" % (30 + self.served % 20))
                one.number("PID")
                one.close()
                self.echod.sockets.remove(one.sock)
                self.served += 1
            except (OSError, Failure) as error:
                self.failures.append(repr(error))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stopping = True
        self.thread.join(DEADLINE)
        if kind is None:
            expect_equal(self.failures, [], "failures of clients at other addresses")
            expect(self.served > 0, "no client at another address was served")
            expect_equal([session.number("PID") for session in self.sessions], self.pids,
                         "the workers of the earlier sessions")


@test("if workers keep their layout, an attacker finds the canary byte by byte")
def oracle():
    needs_planted()
    with Planted(SERVER % FREE + LISTEN, daemon=KEEPING) as echod:
        with OtherClients(echod):
            attack = Attack(echod, find_canary(echod))
            expect(attack.run(GUESSES), "%d bytes after %d guesses" %
                   (len(attack.known), attack.guesses))
        expect_equal(echod.ask("status")["fork_servers"], 1, "the fork servers")


@test("if a new fork server follows each crash, the canary is not found with many times the guesses")
def fresh_layouts():
    needs_planted()
    with Planted(SERVER % FREE + LISTEN) as echod:
        with OtherClients(echod):
            attack = Attack(echod, find_canary(echod))
            expect(not attack.run(LAYOUTS * GUESSES), "the canary was found after %d guesses" %
                   attack.guesses)


@test("sessions from before the first crash do not help to find the canary")
def sessions_in_stock():
    needs_planted()
    with Planted(SERVER % FREE + LISTEN) as echod:
        stock = [echod.obedient() for _ in range(SESSIONS)]
        expect_equal(len({session.number("PID") for session in stock}), SESSIONS, "the workers")
        crashes = 0
        for session in stock:
            reply = session.ask("OVERFLOW", b"\xff" * 2 * ROOM)
            expect(reply == "", "the reply: " + reply)
            if "that the sandbox forbids" not in session.record():
                break
            crashes += 1
            # It is the daemon that ends the rest, so it has to know of each.
            eventually(lambda: echod.ask("status")["crashed"] == crashes, "the crash is counted")
        expect(8 < crashes < 100, "%d of %d sessions could be used" % (crashes, SESSIONS))
        echod.log.wait(" error: too many workers of one fork server crashed; ")
        for session in stock:
            session.record()
        expect(echod.obedient().number("PID") > 0, "new clients are served")
        eventually(lambda: echod.ask("status")["clients"] == 1, "the others are gone")


@test("the canary is not found when there is no place for another fork server")
def no_place():
    needs_planted()
    with Planted(SERVER % FREE + LISTEN) as echod:
        kept, crashes = [], 0
        # Each fork server has a session that holds it, until one is ended by us.
        while not echod.log.matching("too many workers of one fork server crashed"):
            kept.append(echod.obedient())
            for _ in range(40):
                survives(echod, b"\xff" * 2 * ROOM)
                crashes += 1
            expect(crashes < 40 * 64, "%d crashes with %d sessions held" % (crashes, len(kept)))
        expect(len(kept) > 20, "the fork servers: %d" % len(kept))
        expect(echod.obedient().number("PID") > 0, "new clients are served")


@test("by default, a source that crashes a worker is refused for a while, and no other is")
def crash_penalty():
    needs_planted()
    with Planted(SERVER % "" + LISTEN) as echod:
        with OtherClients(echod):
            expect(not survives(echod, b"\xff" * 4 * ROOM), "the worker did not crash")
            echod.log.wait("session of 127.0.0.1:.*: its worker ")  # from here on it is known
            try:
                survives(echod, b"")
                raise Failure("a client that crashed a worker is admitted again")
            except Refused as refusal:
                expect("echod: access denied after a crash, try again in " in str(refusal),
                       "the reason for the refusal: %s" % refusal)


main()
