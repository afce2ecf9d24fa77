"""Expectations, and waiting for conditions, never by sleeping for a fixed time."""
import os
import re
import time

SLOW = os.environ.get("ECHOD_SLOW") == "1"
# What the loop below takes on a machine that is neither slow nor busy.
USUAL = 0.03


def slowness():
    """How many times slower this machine is now, as far as this process is let run: by its speed,
    by what else runs, and by a control group that gives it a part of a processor."""
    began = time.monotonic()
    for _ in range(1000000):
        pass
    return max(1, min((time.monotonic() - began) / USUAL, 20))


# Nobody waits so long but for what never happens. It is no measure of anything.
DEADLINE = int(min((200 if SLOW else 30) * slowness(), 1200))


class Failure(Exception):
    """What was expected did not happen."""


class Skip(Exception):
    """The environment makes the test impossible; the text says why."""


def scaled(normal, slow):
    """A count: NORMAL, or SLOW where every step costs ten times as much."""
    return slow if SLOW else normal


def shorten(value):
    text = repr(value)
    return text if len(text) <= 300 else "%s... (%d characters)" % (text[:300], len(text))


def expect(condition, what):
    if not condition:
        raise Failure(what)


def expect_equal(actual, expected, what):
    if actual != expected:
        raise Failure("%s: got %s, expected %s" % (what, shorten(actual), shorten(expected)))


def expect_match(pattern, text, what):
    if not re.search(pattern, text, re.M):
        raise Failure("%s: %s does not match %s" % (what, shorten(text), pattern))


def eventually_equal(get, expected, what):
    """Polls until GET gives EXPECTED."""
    deadline = time.monotonic() + DEADLINE
    while get() != expected and time.monotonic() < deadline:
        time.sleep(0.005)
    expect_equal(get(), expected, what)


def eventually(predicate, what, timeout=None):
    """Polls until PREDICATE gives something true, and returns that."""
    deadline = time.monotonic() + (timeout or DEADLINE)
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure("it never happened that " + what)
        time.sleep(0.005)
