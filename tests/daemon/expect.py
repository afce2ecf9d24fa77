"""Expectations, and functions that wait for conditions instead of sleeping for a fixed time."""
import os
import re
import time

SLOW = os.environ.get("ECHOD_SLOW") == "1"
# Seconds that the loop below takes on a fast, idle machine.
USUAL = 0.03


def slowness():
    """How many times slower this process runs than on a fast, idle machine: because of the processor,
    the load, or a control group that limits CPU time."""
    began = time.monotonic()
    for _ in range(1000000):
        pass
    return max(1, min((time.monotonic() - began) / USUAL, 20))


# Reached only when the awaited event never happens. It does not measure performance.
DEADLINE = int(min((200 if SLOW else 30) * slowness(), 1200))


class Failure(Exception):
    """An expectation was not met."""


class Skip(Exception):
    """The test is impossible in this environment; the message is the reason."""


def scaled(normal, slow):
    """A count: NORMAL, or SLOW if every step takes ten times as long (ECHOD_SLOW)."""
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
    """Polls until GET returns EXPECTED."""
    deadline = time.monotonic() + DEADLINE
    while get() != expected and time.monotonic() < deadline:
        time.sleep(0.005)
    expect_equal(get(), expected, what)


def eventually(predicate, what, timeout=None):
    """Polls until PREDICATE returns something true, and returns that."""
    deadline = time.monotonic() + (timeout or DEADLINE)
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure("it never happened that " + what)
        time.sleep(0.005)
