"""Stopping: connected clients may finish, for a while; nothing is lost or left behind."""
import os
import re
import signal

from clients import expect_echo, recv_exactly, recv_until_eof
from expect import eventually, expect, expect_equal
from harness import Echod
from managed import Managed
from proc import children, is_alive, read_proc, state
from tap import main, test

DATA = bytes(range(256)) * 64


USER_SIGNALS = 1 << signal.SIGUSR1 - 1 | 1 << signal.SIGUSR2 - 1


def ignored(pid):
    """The signals that PID ignores, as proc(5) has them: a bit for each, from 1 on."""
    status = read_proc(pid, "status").decode()
    return int(re.search(r"^SigIgn:\s+(\w+)$", status, re.MULTILINE)[1], 16)


def drain(echod, clients):
    """Sends SIGTERM and waits until the daemon logs that it got it."""
    echod.kill(signal.SIGTERM)
    echod.log.wait(r" info: stopping: up to \w+ for %d clients? to finish; idle " % clients)


def is_refused(echod):
    try:
        echod.connect()
    except ConnectionRefusedError:
        return True
    return False


def expect_end(echod):
    family = children(echod.pid)
    expect_equal(echod.wait(), 0, "the exit status")
    expect_equal([pid for pid in family if is_alive(pid)], [], "the children that are left")


@test("SIGTERM without clients ends the daemon at once, with status 0")
def no_clients():
    with Echod(server="drain_timeout = 1d") as echod:
        echod.kill(signal.SIGTERM)
        expect_end(echod)
        expect_equal(len(echod.log.wait(r" info: stopping$")), 1, "the number of its records")


@test("SIGINT without clients ends the daemon at once, with status 0")
def interrupt():
    with Echod() as echod:
        echod.kill(signal.SIGINT)
        expect_end(echod)


@test("SIGTERM: connected clients are served, new ones refused, and the daemon ends with the last one")
def drained():
    with Echod(server="drain_timeout = 1d") as echod:
        (first, to_first), (second, to_second) = echod.unread(), echod.unread()
        drain(echod, 2)
        expect(is_refused(echod), "a new client is refused")
        recv_exactly(first, to_first)
        first.close()
        eventually(lambda: len(echod.workers()) == 1, "the first worker ends")
        expect(is_alive(echod.pid), "the daemon waits for the second client")
        recv_exactly(second, to_second)
        second.close()
        expect_end(echod)
        # A slow machine may find them idle before they close.
        echod.log.wait(r" info: session of .*: closed (by the client|on request); ",
                       count=2)


@test("SIGTERM: an idle client is disconnected, one in the middle of an exchange is not")
def idle():
    with Echod(server="drain_timeout = 1d\nmax_per_source = 0") as echod:
        socks = [echod.echoing() for _ in range(50)]
        silent = echod.connect()
        eventually(lambda: len(echod.workers()) == 51, "the silent one has a worker")
        busy, count = echod.unread()
        drain(echod, 52)
        for sock in socks + [silent]:
            expect_equal(recv_until_eof(sock), b"", "data received by the idle client")
        eventually(lambda: len(echod.workers()) == 1, "their workers have ended")
        expect(is_alive(echod.pid), "the daemon waits for the one that is not idle")
        recv_exactly(busy, count)
        expect_equal(recv_until_eof(busy), b"", "data after the echo")
        expect_end(echod)
        expect_equal(echod.log.matching("ending the session"), [], "records of sessions that had to be ended")
        echod.log.wait(r": closed on request; 4 bytes in, 4 out, ", count=50)


@test("SIGTERM: a client with an unfinished message is not idle, one with a finished message is")
def half_a_message():
    config = "port = 0\nservice = message\n"
    with Managed(server="drain_timeout = 1d", listen=config) as echod:
        idle_one, half = echod.connect(), echod.connect()
        for sock in (idle_one, half):
            sock.sendall(b"whole\n")
            expect_equal(recv_exactly(sock, 3), b"OK\n", "the acknowledgement")
        half.sendall(b"half ")
        eventually(lambda: sum(row["bytes_in"] for row in echod.ask("list")) == 17, "the half message has arrived")
        drain(echod, 2)
        expect_equal(recv_until_eof(idle_one), b"", "data received by the idle client")
        half.sendall(b"and half\n")
        expect_equal(recv_exactly(half, 3), b"OK\n", "the acknowledgement of the other")
        expect_equal(recv_until_eof(half), b"", "its end, now that it is idle, too")
        expect_end(echod)
        echod.log.wait(r" info: message from .*: half and half$")


@test("drain_timeout ends the remaining sessions as if their clients had closed")
def drain_timeout():
    with Echod(server="drain_timeout = 300ms") as echod:
        socks = [echod.echoing() for _ in range(3)]
        drain(echod, 3)
        for sock in socks:
            expect_equal(recv_until_eof(sock), b"", "data received by the client")
        expect_end(echod)
        echod.log.wait(r" notice: ending the sessions of 3 clients$")
        echod.log.wait(r" info: session of .*: closed on request; 4 bytes in, 4 out, ",
                       count=3)


@test("a second SIGTERM skips the wait, and the echo still arrives")
def second_signal():
    with Echod(server="drain_timeout = 1d") as echod:
        sock = echod.connect()
        sock.sendall(DATA)
        expect_equal(recv_exactly(sock, 1), DATA[:1], "the first byte of the echo")
        drain(echod, 1)
        echod.kill(signal.SIGTERM)
        expect_end(echod)
        expect_equal(recv_until_eof(sock), DATA[1:], "the rest of the echo")


@test("data sent before the second SIGTERM is echoed before the end")
def sent_before():
    with Echod(server="drain_timeout = 1d") as echod:
        sock = echod.echoing()
        worker = echod.worker_of(sock)
        os.kill(worker, signal.SIGSTOP)
        eventually(lambda: state(worker) == "T", "the worker is stopped")
        sock.sendall(DATA)
        drain(echod, 1)
        echod.kill(signal.SIGTERM)
        echod.log.wait(r" notice: ending the session of 1 client$")
        os.kill(worker, signal.SIGCONT)
        expect_equal(recv_until_eof(sock), DATA, "the echo")
        expect_end(echod)


@test("a worker that does not end is killed, which is not logged as a warning")
def hanging_worker():
    with Echod(server="drain_timeout = 100ms") as echod:
        sock = echod.echoing()
        os.kill(echod.worker_of(sock), signal.SIGSTOP)
        echod.kill(signal.SIGTERM)
        expect_end(echod)
        echod.log.wait(r" info: session of .*: killed because it did not end when told to; ")
        expect_equal(echod.log.matching(" warning: "), [], "the warnings")


@test("a third SIGTERM kills the workers")
def third_signal():
    with Echod(server="drain_timeout = 1d") as echod:
        sock = echod.echoing()
        os.kill(echod.worker_of(sock), signal.SIGSTOP)
        drain(echod, 1)
        echod.kill(signal.SIGTERM)
        echod.log.wait(r" notice: ending the session of 1 client$")
        echod.kill(signal.SIGTERM)
        expect_end(echod)
        echod.log.wait(r" info: session of .*: killed because it did not end when told to; ")


@test("a client that does not read does not delay a stop")
def unread():
    with Echod(server="drain_timeout = 100ms") as echod:
        sock = echod.connect(buffers=8192)
        sock.setblocking(False)
        worker = eventually(echod.workers, "a worker runs")[0]
        eventually(lambda: fills(sock) and state(worker) == "S", "the buffers are full")
        echod.kill(signal.SIGTERM)
        expect_end(echod)
        echod.log.wait(r" info: session of .*: (killed because it did not end when told to|closed on request); ")


def fills(sock):
    try:
        sock.send(DATA)
    except BlockingIOError:
        return True
    return False


@test("SIGHUP reloads, and ends no session")
def hangup():
    with Echod() as echod:
        sock = echod.echoing()
        echod.kill(signal.SIGHUP)
        echod.log.wait(r" notice: reloaded: 1 listener, 1 client kept$")
        expect_echo(sock)
        expect_echo(echod.connect())


@test("SIGUSR1 and SIGUSR2 end neither daemon nor scribe, also after a reload")
def user_signals():
    with Echod() as echod:
        sock = echod.echoing()
        for reloads in (1, 2):
            for pid in (echod.pid, echod.scribe_pid):
                os.kill(pid, signal.SIGUSR1)
                os.kill(pid, signal.SIGUSR2)
            echod.kill(signal.SIGHUP)
            echod.log.wait(r" notice: reloaded: 1 listener, 1 client kept$", count=reloads)
            expect_echo(sock)
        expect_equal(echod.scribe(), echod.scribe_pid, "the scribe")
        expect_equal(ignored(echod.scribe_pid) & USER_SIGNALS, USER_SIGNALS,
                     "the signals that the scribe ignores")


@test("Ctrl-C in a terminal also signals the workers, and clients are still served")
def interrupt_group():
    with Echod(server="drain_timeout = 1d", start_new_session=True) as echod:
        sock, count = echod.unread()
        os.killpg(echod.pid, signal.SIGINT)
        echod.log.wait(r" info: stopping: up to 1d for 1 client to finish; idle ")
        recv_exactly(sock, count)
        sock.close()
        expect_end(echod)
        echod.log.wait(r" info: session of .*: closed .*; %d bytes in, %d out, " %
                       (count, count))


main()
