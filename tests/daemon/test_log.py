"""The log: its records, and that only those wait for it that have to."""
import os
import re
import signal

from clients import expect_echo, expect_silence, recv_exactly, recv_until_eof
from expect import eventually, expect, expect_equal, scaled
from harness import VALGRIND, Echod
from proc import descriptors, state, title
from tap import main, test

MESSAGE = "service = message\nport = 0\n"
RECORD = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|notice|info|debug): .")


def send_message(echod, text):
    sock = echod.connect()
    sock.sendall(text)
    return sock


def logged(echod, data):
    """How the message DATA looks in the log."""
    sock = send_message(echod, data + b"\n")
    expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")
    line = echod.log.wait(" message from 127.0.0.1:%d on local: " % sock.getsockname()[1])[0]
    return line.partition(" on local: ")[2]


# ---- what a client cannot do to it ----

INJECTIONS = (
    ("an escape sequence", b"\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
    ("the control characters", b"\0\x01\b\r\x7f.", r"\x00\x01\x08\x0d\x7f."),
    ("bytes that are not UTF-8", b"\xff\xc3(\xe2\x82", r"\xff\xc3(\xe2\x82"),
    ("an overlong encoding", b"\xc0\xaf\xe0\x80\x8a", r"\xc0\xaf\xe0\x80\x8a"),
    ("a surrogate", b"\xed\xa0\x80", r"\xed\xa0\x80"),
    ("C1 control characters", b"\xc2\x9b31m\xc2\x85", r"\xc2\x9b31m\xc2\x85"),
    ("a change of the writing direction", b"\xe2\x80\xae.", r"\xe2\x80\xae."),
    ("marks of a direction", b"\xe2\x80\x8f1\xd8\x9c2", r"\xe2\x80\x8f1\xd8\x9c2"),
    ("a line separator", b"\xe2\x80\xa8.", r"\xe2\x80\xa8."),
    ("a backslash", rb"\x0a \n \\", r"\\x0a \\n \\\\"),
    ("a percent sign", b"%s%n%d", "%s%n%d"),
    ("letters of the world", "gr\u00fc\u00df \u4e16 \U0001f600".encode(),
     "gr\u00fc\u00df \u4e16 \U0001f600"),
    ("what looks like a record", b"\r2026-01-01T00:00:00.000Z error: forged",
     r"\x0d2026-01-01T00:00:00.000Z error: forged"),
)


@test("the record of a message is one line without control characters, whatever bytes it has")
def injection():
    with Echod(listen=MESSAGE) as echod:
        for what, data, expected in INJECTIONS:
            expect_equal(logged(echod, data), expected, what)
        for line in echod.log.lines():
            expect(RECORD.match(line), "a line that is no record: " + ascii(line))


@test("a tab in a message is kept in its record")
def tab():
    with Echod(listen=MESSAGE) as echod:
        text = logged(echod, b"a\tb")
        expect(text in ("a\tb", r"a\x09b"), "the record has lost the tab: " + ascii(text))


@test("each line of a client becomes a record of its own, marked as its message")
def lines_are_marked():
    with Echod(listen=MESSAGE) as echod:
        sock = send_message(echod, b"innocent\n2026-01-01T00:00:00.000Z error: forged\n")
        expect_equal(recv_exactly(sock, 6), b"OK\nOK\n", "the replies")
        forged = echod.log.wait("forged")
        expect_equal(len(forged), 1, "the number of lines")
        expect(re.search(r"Z info: message from 127\.0\.0\.1:\d+ on local: 2026-01", forged[0]),
               forged[0])


# ---- a reader that does not read ----

CROWD = scaled(1000, 100)
# Sessions whose records fill every queue there is (about 1,700), and then some. Under valgrind a
# worker can take a second of CPU time to end, so there the queues do not fill.
FLOOD = 100 if VALGRIND else 4000


def crowd_of_probes(echod, count):
    """Clients that connect and close. The last ones may still wait to be served afterwards."""
    for _ in range(count // 50):
        for sock in [echod.connect() for _ in range(50)]:
            sock.close()
        echod.sockets.clear()


@test("no client waits for a log that nobody reads; dropped records are counted")
def reader_stops():
    # At this level there is a record of each session, and none is left to a summary.
    with Echod(server="log_level = debug\nmax_per_source = 0", read_log=False,
               stderr_pipe_size=4096) as echod:
        for _ in range(CROWD):
            sock = echod.echoing()
            sock.close()
        crowd_of_probes(echod, FLOOD)
        echod.echoing().close()
        echod.wait_no_workers()
        echod.log.start()
        if not VALGRIND:
            echod.log.wait(r" warning: \d+ records? (?:was|were) dropped: the log is too slow$")
        echod.stop()
        kept = len(echod.log.matching(r"session of"))
        dropped = sum(int(line.split()[2]) for line in echod.log.matching(r"records? (?:was|were) dropped"))
        expect_equal(kept + dropped, CROWD + FLOOD + 1, "the records, kept or dropped")


@test("a log that nobody reads does not delay a stop")
def reader_stops_and_stop():
    with Echod(server="log_level = debug\nmax_per_source = 0", read_log=False,
               stderr_pipe_size=4096) as echod:
        for _ in range(200):
            sock = echod.connect()
            sock.close()
        expect_echo(echod.connect())
        expect_equal(len(echod.workers()) > 0, True, "whether a worker runs")
        for sock in echod.sockets:
            sock.close()
        echod.kill(signal.SIGTERM)
        expect_equal(echod.wait(), 0, "the exit status")
        echod.log.start()


# ---- the scribe ----

def wait_scribe(echod, before):
    """Waits until another scribe works."""
    return eventually(lambda: echod.scribe() not in (None, before) and echod.scribe(),
                      "another scribe runs")


@test("a killed scribe is replaced, and the new one logs that")
def scribe_killed():
    with Echod() as echod:
        os.kill(echod.scribe_pid, signal.SIGKILL)
        echod.log.wait(r" error: the scribe was killed by signal 9 \(SIGKILL\); starting another one$")
        after = wait_scribe(echod, echod.scribe_pid)
        expect(VALGRIND or title(after) == "echod: scribe", "its title")
        echod.echoing().close()
        echod.log.wait(r" info: session of ")


@test("without a scribe, clients are served, and their sessions are recorded later")
def no_scribe():
    with Echod() as echod:
        os.kill(echod.scribe_pid, signal.SIGKILL)
        for _ in range(10):
            echod.echoing().close()
        expect_equal(len(echod.log.wait(r" info: session of .* 4 bytes in, 4 out, ", count=10)), 10,
                     "the number of records")


def unread(port, sock):
    """The bytes that the worker of SOCK, a client of PORT, has not read yet."""
    ends = ":%04X 0100007F:%04X" % (port, sock.getsockname()[1])
    with open("/proc/net/tcp", encoding="ascii") as file:
        line = next(line for line in file if ends in line)
    return int(line.split()[4].split(":")[1], 16)


def queue_message(echod, text):
    """Sends TEXT, for a stopped scribe, and waits until it is queued."""
    sock = echod.connect()
    sock.sendall(b"first\n")
    expect_equal(recv_exactly(sock, 3), b"OK\n", "the first reply")
    worker = echod.worker_of(sock)
    os.kill(echod.scribe_pid, signal.SIGSTOP)
    eventually(lambda: state(echod.scribe_pid) == "T", "the scribe is stopped")
    sock.sendall(text + b"\n")
    eventually(lambda: unread(echod.port, sock) == 0 and state(worker) == "S",
               "the worker waits for the scribe")
    return sock


@test("a message is acknowledged once the scribe has written it")
def acknowledged_when_written():
    with Echod(listen=MESSAGE) as echod:
        sock = queue_message(echod, b"second")
        expect_silence(sock, 0.5, "the message is not written yet")
        expect_equal(echod.log.matching(": second$"), [], "the record")
        os.kill(echod.scribe_pid, signal.SIGCONT)
        expect_equal(recv_exactly(sock, 3), b"OK\n", "the second reply")
        expect_equal(len(echod.log.wait(": second$")), 1, "the number of records")


@test("messages are not acknowledged before the log has taken them")
def acknowledged_when_taken():
    long = b"x" * 3000  # of three the pipe takes one at most
    with Echod(listen=MESSAGE + "max_message = 4096", read_log=False, stderr_pipe_size=4096) as echod:
        sock = echod.connect()
        sock.sendall((long + b"\n") * 3)
        timeout = sock.gettimeout()
        sock.settimeout(1)
        early = b""
        try:
            while len(early) < 9:
                early += sock.recv(9 - len(early))
        except TimeoutError:
            pass
        expect(len(early) <= 3, "the log took one message at most, and the replies are %r" % early)
        echod.log.start()
        sock.settimeout(timeout)
        expect_equal(early + recv_exactly(sock, 9 - len(early)), b"OK\n" * 3, "the replies in the end")
        expect_equal(len(echod.log.wait(" message from .*: x+$", count=3)), 3, "the number of records")


@test("a message whose scribe dies is stored and acknowledged by the next one")
def message_survives_scribe():
    with Echod(listen=MESSAGE) as echod:
        sock = queue_message(echod, b"precious")
        os.kill(echod.scribe_pid, signal.SIGKILL)
        expect_equal(recv_exactly(sock, 3), b"OK\n", "the second reply")
        expect_equal(len(echod.log.wait(r" message from .*: precious$")), 1, "its records")
        wait_scribe(echod, echod.scribe_pid)


@test("messages that arrive while there is no scribe are stored")
def messages_without_scribe():
    with Echod(listen=MESSAGE) as echod:
        os.kill(echod.scribe_pid, signal.SIGKILL)
        socks = [send_message(echod, b"number %d\n" % i) for i in range(10)]
        for sock in socks:
            expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")
        found = sorted(line.partition(" on local: ")[2]
                       for line in echod.log.wait(" message from ", count=10))
        expect_equal(found, ["number %d" % i for i in range(10)], "the messages")


@test("an echo does not wait for a stopped scribe")
def echo_without_scribe():
    with Echod() as echod:
        os.kill(echod.scribe_pid, signal.SIGSTOP)
        for _ in range(50):
            echod.echoing().close()
        os.kill(echod.scribe_pid, signal.SIGCONT)
        echod.log.wait(" info: session of ", count=50)


@test("SIGTERM, SIGINT and SIGHUP do not end the scribe")
def scribe_and_signals():
    with Echod() as echod:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(echod.scribe_pid, number)
        echod.echoing().close()
        echod.log.wait(" info: session of ")
        expect_equal(echod.scribe(), echod.scribe_pid, "the scribe")


# ---- what is recorded ----

def probe_and_wait(echod):
    crowd_of_probes(echod, CROWD)
    marker = echod.echoing()
    marker.close()
    echod.log.wait(r"session of 127\.0\.0\.1:\d+ on local: .* 4 bytes in, 4 out, ")
    # The queue of connections keeps its order, so all of them have a worker by now.
    echod.wait_no_workers()


@test("%d clients that send nothing leave no record at level info" % CROWD)
def probes():
    with Echod(server="max_per_source = 0") as echod:
        probe_and_wait(echod)
        echod.stop()
        expect_equal([line for line in echod.log.lines()
                      if not re.search("listening on|stopping| 4 bytes in, 4 out, ", line)], [],
                     "the other records")


@test("%d clients that send nothing leave a record each at level debug" % CROWD)
def probes_at_debug():
    with Echod(server="max_per_source = 0\nlog_level = debug") as echod:
        probe_and_wait(echod)
        echod.stop()
        expect_equal(len(echod.log.matching(r" debug: session of .* 0 bytes in, 0 out, ")), CROWD,
                     "the number of records")
        expect_equal(echod.log.matching(" (warning|error): "), [], "the warnings")


@test("log_sessions = no omits sessions that ended normally, and no others")
def log_sessions():
    with Echod(server="log_sessions = no") as echod:
        echod.echoing().close()
        echod.wait_no_workers()
        sock = echod.echoing()
        os.kill(echod.worker_of(sock), signal.SIGKILL)
        echod.log.wait(r" warning: session of .* killed by signal 9 ")
        expect_equal(len(echod.log.matching("session of")), 1, "the number of records")


@test("log_level = err omits everything else")
def log_level():
    with Echod(server="log_level = err") as echod:
        sock = echod.echoing()
        os.kill(echod.worker_of(sock), signal.SIGKILL)
        expect_equal(recv_until_eof(sock), b"", "data received by the client")
        echod.wait_no_workers()
        os.kill(echod.scribe_pid, signal.SIGKILL)
        echod.log.wait(r" error: the scribe was killed by signal 9")
        echod.stop()
        expect_equal(len(echod.log.lines()), 1, "the number of lines")


@test("messages are recorded whatever log_level is")
def messages_at_any_level():
    with Echod(server="log_level = err", listen=MESSAGE) as echod:
        expect_equal(logged(echod, b"kept"), "kept", "the record")


@test("the records of a stop are complete: the last session, then the end")
def last_records():
    with Echod() as echod:
        for _ in range(50):
            echod.echoing()
        echod.stop()
        expect_equal(len(echod.log.matching(" info: session of ")), 50, "the number of records")


main()
