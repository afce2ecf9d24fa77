"""load with a server that hangs for a while: times count from when each connection was due, and from
when it was answered."""
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time

from expect import DEADLINE, Failure, expect, expect_equal
from tap import main, test
from verbs import finish, popen

RATE, TIME, STOPPED = 300, 3.0, 2.0  # a second, seconds, seconds
TOLERANCE = 0.02
ATTEMPTS = 5
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}


def serve():
    """An echo server of one process, which prints for each connection when it was accepted, and
    between which moments its answer was sent: seconds of CLOCK_MONOTONIC."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(listener.getsockname()[1], flush=True)
    ready, times = selectors.DefaultSelector(), {}
    ready.register(listener, selectors.EVENT_READ)
    ready.register(sys.stdin, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            if key.fileobj is sys.stdin:
                print(json.dumps(list(times.values())))
                return
            if key.fileobj is listener:
                conn = listener.accept()[0]
                ready.register(conn, selectors.EVENT_READ, len(times))
                times[len(times)] = [time.monotonic()]
                continue
            data = key.fileobj.recv(65536)
            if data:
                before = time.monotonic()
                key.fileobj.sendall(data)
                times[key.data] += [before, time.monotonic()]
            else:
                ready.unregister(key.fileobj)
                key.fileobj.close()


def percentile(values, share):
    """The least of VALUES that SHARE of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]


def stopped(process, begun):
    """Stops PROCESS for STOPPED seconds. Returns how long it was."""
    time.sleep(max(0, begun + (TIME - STOPPED) / 2 - time.monotonic()))
    os.kill(process.pid, signal.SIGSTOP)
    before = time.monotonic()
    time.sleep(STOPPED)
    os.kill(process.pid, signal.SIGCONT)
    return before, time.monotonic()


def load_beside(server):
    """Runs load beside SERVER, which is stopped meanwhile. Returns its summary, the times of the
    server's connections, and when it was stopped and went on."""
    port = server.stdout.readline().strip()
    process = popen("load", "--json", "-q", "--rate", RATE, "--for", "%gs" % TIME,
                    "--connections", 1000, "127.0.0.1", port)
    stop = stopped(server, time.monotonic())
    summary = finish(process).ended(0).summary
    out, _ = server.communicate("end\n", timeout=DEADLINE)
    return summary, [t for t in json.loads(out) if len(t) == 3], stop


def measure():
    """Compares what load says with what the server saw, and with the length of the stop."""
    server = subprocess.Popen([sys.executable, __file__, "serve"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        summary, times, (begin, end) = load_beside(server)
    finally:
        server.kill()
    count = int(RATE * TIME)
    expect_equal((summary["scheduled"], summary["connections"], len(times)), (count, count, count),
                 "the connections")
    # When the first was due: that moment to which the swiftest of all fits.
    first = min(accepted - n / RATE for n, (accepted, _, _) in enumerate(times))
    least = [before - first - n / RATE for n, (_, before, _) in enumerate(times)]
    most = [after - first - n / RATE for n, (_, _, after) in enumerate(times)]
    # The server answers what has piled up one after the other: so long after the stop for the last.
    catching_up = max([most[n] - (end - first - n / RATE) for n in range(count)
                       if first + n / RATE < end])
    for name, share in PERCENTILES.items():
        reported = summary["rtt_%s_ms" % name] / 1000
        low, high = percentile(least, share), percentile(most, share)
        expect(low * (1 - TOLERANCE) <= reported <= high * (1 + TOLERANCE),
               "%s is %.4f s, between %.4f and %.4f by the server" % (name, reported, low, high))
        # By the length of the stop and the rate: what was due meanwhile waits for the rest of it.
        model = (end - begin) - (1 - share) * count / RATE
        low, high = model * (1 - TOLERANCE) - 1 / RATE, (model + catching_up) * (1 + TOLERANCE)
        expect(low <= reported <= high + 1 / RATE,
               "%s is %.4f s, %.4f by the stop, and at most %.4f later" %
               (name, reported, model, catching_up))


@test("percentiles with a stopped server count from when connections were due")
def percentiles():
    """What the server saw is matched by order, which a machine that starves load for a while upsets: once.
    A fault of load shows each time."""
    for attempt in range(ATTEMPTS):
        try:
            return measure()
        except Failure:
            if attempt == ATTEMPTS - 1:
                raise


if sys.argv[1:] == ["serve"]:
    serve()
else:
    main()
