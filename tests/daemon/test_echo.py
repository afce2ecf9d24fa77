"""The echo service: every byte comes back, whatever the client does."""
import os
import socket

from clients import expect_echo, fill, recv_exactly, recv_until_eof, reset, send_while_reading
from expect import Skip, eventually, expect, expect_equal, scaled
from harness import Echod
from proc import rss_kib, state
from tap import main, test

# 251 is a prime, so the pattern is not aligned to any buffer and a lost block shows.
PATTERN = bytes(i % 251 for i in range(251 * 261))


def pattern(count):
    return (PATTERN * (count // len(PATTERN) + 1))[:count]


def half_close(count):
    with Echod() as echod:
        sock = echod.connect()
        data = pattern(count)
        back = send_while_reading(sock, data)
        expect_equal(len(back), count, "the number of bytes that came back")
        expect(back == data, "the bytes that came back are those that were sent")
        echod.log.wait(r"closed by the client; %d byte%s in, %d out" %
                       (count, "" if count == 1 else "s", count))


@test("one byte comes back to a client that half-closes, then the end")
def one_byte():
    half_close(1)


@test("64 KiB come back to a client that half-closes, then the end")
def one_buffer():
    half_close(64 * 1024)


@test("4 MiB come back to a client that half-closes, then the end")
def many_buffers():
    half_close(4 * 1024 * 1024)


@test("every byte value comes back unchanged")
def binary():
    with Echod() as echod:
        data = bytes(range(256)) + bytes(reversed(range(256)))
        expect_equal(send_while_reading(echod.connect(), data), data, "the echo")


@test("many small writes come back as one stream")
def small_writes():
    with Echod() as echod:
        sock = echod.connect()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pieces = [pattern(1 + i % 7) for i in range(scaled(2000, 200))]
        for piece in pieces:
            sock.sendall(piece)
        sock.shutdown(socket.SHUT_WR)
        expect_equal(recv_until_eof(sock), b"".join(pieces), "the echo")


@test("each small request is answered before the next is sent")
def ping_pong():
    with Echod() as echod:
        sock = echod.connect()
        for i in range(scaled(1000, 100)):
            expect_echo(sock, b"request %d\n" % i)


@test("a client that does not read for a while gets every byte, with bounded memory")
def back_pressure():
    with Echod() as echod:
        sock = echod.echoing()
        worker = echod.worker_of(sock)
        before = rss_kib(worker)
        sent = fill(sock, PATTERN)
        eventually(lambda: state(worker) == "S", "the worker sleeps")
        expect(sent > 128 * 1024, "the buffers took only %d bytes" % sent)
        grown = rss_kib(worker) - before
        expect(0 < before, "the worker has no memory")
        expect(grown < scaled(512, 8192), "the worker grew by %d KiB for one client" % grown)
        sock.shutdown(socket.SHUT_WR)
        back = recv_until_eof(sock)
        expect_equal(len(back), sent, "the number of bytes that came back")
        expect(back == pattern(sent), "the bytes that came back are those that were sent")


@test("a reset while the worker receives ends the session and is recorded as a reset")
def reset_while_receiving():
    with Echod() as echod:
        reset(echod.echoing())
        record = echod.log.wait(r"session of 127\.0\.0\.1:\d+ on local")[0]
        expect(" info: " in record, "a reset is no more than information: " + record)
        expect(": reset by the client; 4 bytes in, 4 out, " in record, record)
        echod.wait_no_workers()


@test("a reset while the worker sends ends the session and is recorded as a reset")
def reset_while_sending():
    with Echod() as echod:
        sock = echod.connect()
        fill(sock, PATTERN)
        reset(sock)
        echod.log.wait(r" info: session of .*: reset by the client; \d+ bytes in")
        echod.wait_no_workers()


@test("a client that closes without reading its echo does no harm")
def close_unread():
    with Echod() as echod:
        sock = echod.connect()
        sock.sendall(PATTERN)
        sock.close()
        echod.log.wait(r" info: session of .*: (reset|closed) by the client; ")
        expect_echo(echod.connect())


@test("IPv6")
def ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        raise Skip("this machine has no IPv6") from None
    with Echod(listen="address = ::1\nport = 0") as echod:
        sock = echod.connect()
        expect_equal(send_while_reading(sock, PATTERN), PATTERN, "the echo")
        echod.log.wait(r"session of \[::1\]:\d+ on local: closed by the client; ")


@test("a Unix socket with a path")
def unix_path():
    with Echod("[listen local]\nprotocol = unix\naddress = @DIR@/echo.sock\n") as echod:
        expect_equal(echod.address(), echod.path("echo.sock"), "the printed address")
        sock = echod.connect()
        expect_equal(send_while_reading(sock, PATTERN), PATTERN, "the echo")
        echod.log.wait(r"session of unix on local: closed by the client; ")


@test("an abstract Unix socket")
def unix_abstract():
    # Abstract names belong to the network namespace; where that is shared, the ID keeps us apart.
    with Echod("[listen local]\nprotocol = unix\naddress = @echod-test-%d\n" %
               os.getpid()) as echod:
        sock = echod.connect()
        expect_equal(send_while_reading(sock, PATTERN), PATTERN, "the echo")


@test("consecutive clients are each served by a new process")
def one_after_the_other():
    with Echod() as echod:
        pids = set()
        for _ in range(10):
            sock = echod.echoing()
            pids.add(echod.worker_of(sock))
            sock.shutdown(socket.SHUT_WR)
            expect_equal(recv_until_eof(sock), b"", "data after the echo")
        expect_equal(len(pids), 10, "the number of workers")


@test("a client that half-closes early gets the rest of its echo")
def owed_bytes():
    with Echod() as echod:
        sock = echod.connect(buffers=4096)
        sent = fill(sock, PATTERN)
        sock.shutdown(socket.SHUT_WR)
        expect_equal(recv_exactly(sock, sent), pattern(sent), "the echo")
        expect_equal(recv_until_eof(sock), b"", "data after the echo")


@test("urgent data is echoed in its place")
def urgent():
    with Echod() as echod:
        sock = echod.connect()
        for text, flags in ((b"ab", 0), (b"c", socket.MSG_OOB), (b"de", socket.MSG_OOB), (b"f", 0)):
            sock.send(text, flags)
        sock.shutdown(socket.SHUT_WR)
        expect_equal(recv_until_eof(sock), b"abcdef", "the echo")


main()
