"""The conditions that must hold after a life (life.py), whichever call failed in it."""
import re
import signal
from collections import Counter

from expect import Failure, expect

# sysexits(3), and the status of the dynamic loader if it cannot load a library.
STATUSES = set(range(64, 79)) | {127}
# If one of these fails, the dynamic loader crashes.
LOADER = ("mmap", "mprotect", "brk")
# Limits during a lasting fault: log lines per second, plus queued ones; failed calls; CPU usage.
LINES, MORE_LINES, FAILURES, PROCESSOR = 1, 5, 500, 0.5
MESSAGE = re.compile(r" message from .*: (message \d+ of this life)$")


def before_main(life):
    return not life.echod.log.all_lines() or life.supervisor.taking_over


def of_end(life, status):
    """Checks the end of LIFE. Returns the result in one word."""
    messages = "\n".join(life.echod.log.all_lines())
    if status == 0 and life.open_at_end:
        return "served on"
    if status == -signal.SIGSEGV and life.fault.name in LOADER and before_main(life):
        return "ended by the dynamic loader"
    expect(status in STATUSES, "the exit status is %s" % status)
    expect(messages, "echod ended without a message, status %s" % status)
    if not life.echod.listening:
        return "did not start"
    if life.supervisor.taking_over:
        return "ended while taking over"
    raise Failure("echod ended with status %s" % status)


def of_messages(life):
    text = "\n".join(life.echod.log.all_lines())
    logged = Counter(match.group(1) for match in map(MESSAGE.search, text.splitlines()) if match)
    missing = set(life.visitor.acknowledged) - set(logged)
    expect(not missing, "acknowledged, and not in the log: %s" % sorted(missing))
    strange = set(logged) - set(life.visitor.sent)
    expect(not strange, "logged, and never sent: %s" % sorted(strange))


def of_window(life):
    """Checks that a lasting fault neither keeps the processor busy nor floods the log."""
    if not life.window:
        return
    seconds = life.window["seconds"]
    expect(life.window["lines"] <= LINES * seconds + MORE_LINES, "%(lines)d lines in %(seconds).1f s" % life.window)
    expect(life.window["failures"] <= FAILURES * seconds, "%(failures)d tries in %(seconds).1f s" % life.window)
    expect(life.window["processor"] <= PROCESSOR * seconds,
           "%(processor).1f s of the processor in %(seconds).1f s" % life.window)
