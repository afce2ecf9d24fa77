"""idle_timeout and session_timeout. No test depends on how late a timeout is."""
import signal
import time

from clients import expect_echo, recv_exactly, recv_until_eof
from expect import eventually, expect, expect_equal, scaled
from harness import Echod
from proc import state
from tap import main, test

# Longer than this script may stand still: it is to be in time.
TIMEOUT = scaled(3, 10)
IDLE = r" info: session of 127\.0\.0\.1:\d+ on local: closed because it was idle; "
SESSION = r" info: session of 127\.0\.0\.1:\d+ on local: closed because it reached session_timeout; "
PATTERN = bytes(range(251)) * 261


def early_client(echod, data):
    """A client whose DATA is there before its worker is: it cannot come too late."""
    echod.kill(signal.SIGSTOP)
    eventually(lambda: state(echod.pid) == "T", "the daemon is stopped")
    sock = echod.connect()
    sock.sendall(data)
    echod.kill(signal.SIGCONT)
    return sock


@test("a client that sends nothing is closed after idle_timeout, not before")
def idle():
    with Echod(server="idle_timeout = 300ms") as echod:
        start = time.monotonic()
        sock = echod.connect()
        expect_equal(recv_until_eof(sock), b"", "data received by the idle client")
        passed = time.monotonic() - start
        expect(passed >= 0.29, "the client was closed after only %.3f s" % passed)
        echod.log.wait(IDLE + "0 bytes in, 0 out, ")


@test("a client that falls silent gets its echo and is disconnected")
def falls_silent():
    with Echod(server="idle_timeout = 300ms") as echod:
        sock = early_client(echod, b"last words")
        expect_equal(recv_until_eof(sock), b"last words", "data received by the client")
        echod.log.wait(IDLE + "10 bytes in, 10 out, ")


@test("a client that never reads is closed after idle_timeout")
def never_reads():
    with Echod(server="idle_timeout = 300ms") as echod:
        sock = echod.connect()
        sent = send_until_closed(sock)
        echod.log.wait(IDLE + r"\d+ bytes in, \d+ out, ")
        expect(sent > 0, "nothing was sent")
        eventually(lambda: not echod.workers(), "the worker ends")


def send_until_closed(sock):
    """Sends without reading, until the other side gives up. Returns the number of bytes."""
    sent = 0
    try:
        while sent < 1 << 28:
            sent += sock.send(PATTERN)
    except (ConnectionError, TimeoutError):
        pass
    return sent


@test("a client that keeps sending is not idle")
def not_idle():
    with Echod(server="idle_timeout = %ds" % TIMEOUT) as echod:
        sock = echod.connect()
        end = time.monotonic() + TIMEOUT + 0.5
        while time.monotonic() < end:
            expect_echo(sock)
            time.sleep(0.05)


@test("idle_timeout = 0 means no limit")
def never_idle():
    with Echod(server="idle_timeout = 0") as echod:
        sock = echod.echoing()
        time.sleep(0.5)  # whatever else 0 might mean would have come by now
        expect_echo(sock)


@test("a busy client is closed after session_timeout, not before")
def session():
    with Echod(server="session_timeout = %ds" % TIMEOUT) as echod:
        start = time.monotonic()
        sock = echod.connect()
        rounds = 0
        while True:
            try:
                sock.sendall(b"ping")
                if not sock.recv(4):
                    break
            except ConnectionError:
                break
            rounds += 1
            expect(rounds < 10000000, "the session never ends")
        passed = time.monotonic() - start
        expect(passed >= TIMEOUT - 0.01, "the client was closed after only %.3f s" % passed)
        expect(rounds > 1, "the client was served")
        echod.log.wait(SESSION)


@test("a silent client is closed after session_timeout if that is sooner than idle_timeout")
def session_of_silent():
    with Echod(server="session_timeout = 300ms\nidle_timeout = 1h") as echod:
        expect_equal(recv_until_eof(echod.connect()), b"", "data received by the client")
        echod.log.wait(SESSION)


@test("a client that does not read is closed after session_timeout, too")
def session_of_unreading():
    with Echod(server="session_timeout = 500ms\nidle_timeout = 0") as echod:
        send_until_closed(echod.connect())
        echod.log.wait(SESSION)
        eventually(lambda: not echod.workers(), "the worker ends")


@test("a message in pieces does not extend idle_timeout, and message_pause does not count as idle")
def message_pause():
    with Echod(server="idle_timeout = 1s",
               listen="service = message\nmessage_pause = 200ms\nport = 0") as echod:
        sock = early_client(echod, b"one")
        expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply after the pause")
        expect_equal(recv_until_eof(sock), b"", "data after the reply")
        echod.log.wait(IDLE + "3 bytes in, 3 out, ")
        expect_equal(len(echod.log.matching("message from")), 1, "the number of messages")


@test("an unfinished message at idle_timeout is refused, and recorded as idle")
def message_cut():
    with Echod(server="idle_timeout = 300ms", listen="service = message\nport = 0") as echod:
        sock = early_client(echod, b"never ended")
        words = recv_until_eof(sock)
        expect_equal(words[:4], b"ERR ", "the first bytes of the reply")
        sock.close()
        echod.log.wait(IDLE + "11 bytes in, %d out, " % len(words))
        expect_equal(echod.log.matching("message from"), [], "the messages")


main()
