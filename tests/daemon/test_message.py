"""The services message and discard."""
import os
import resource
import signal
import socket

from clients import expect_silence, recv_exactly, recv_until_eof
from expect import Skip, expect, expect_equal, scaled
from harness import VALGRIND, Echod
from tap import main, test


def messages(more=""):
    return Echod(listen="service = message\nport = 0\n" + more)


def send_until_eof(echod, data):
    """Sends DATA and half-closes. Returns all that comes back."""
    sock = echod.connect()
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
    return recv_until_eof(sock)


def stored(echod, count):
    """The texts of the messages in the log, in their order."""
    lines = echod.log.wait(r" info: message from ", count=count)
    return [line.partition(" on local: ")[2] for line in lines]


@test("each line is stored and acknowledged, in order")
def lines():
    with messages() as echod:
        expect_equal(send_until_eof(echod, b"one\ntwo\nthree\n"), b"OK\nOK\nOK\n", "the replies")
        expect_equal(stored(echod, 3), ["one", "two", "three"], "the messages")
        echod.log.wait(r"session of .*: closed by the client; 14 bytes in, 9 out, ")


@test("an unfinished line at SIGTERM is not stored, and the client gets the reason")
def half_a_line():
    for how in ("kill", "stop"):
        with messages() as echod:
            sock = echod.connect()
            sock.sendall(b"whole\ntransfer 100")
            expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")
            if how == "kill":
                os.kill(echod.worker_of(sock), signal.SIGTERM)
            else:
                echod.kill(signal.SIGTERM)
                echod.log.wait(r" info: stopping: up to ")
                echod.kill(signal.SIGTERM)
            expect_equal(recv_until_eof(sock),
                         b"ERR the message did not end in time and was not stored\n",
                         "the reply")
            echod.log.wait(r"session of .*: closed on request; 18 bytes in, ")
            expect_equal(stored(echod, 1), ["whole"], "the messages")


@test("a message is acknowledged while the connection stays open")
def dialogue():
    with messages() as echod:
        sock = echod.connect()
        for text in (b"one\n", b"two\n"):
            sock.sendall(text)
            expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")
        expect_silence(sock, 0.2, "a message has one reply")


@test("a line that arrives in pieces is one message")
def pieces():
    with messages() as echod:
        sock = echod.connect()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"in pieces":
            sock.sendall(bytes([byte]))
        expect_silence(sock, 0.2, "no newline, no message")
        sock.sendall(b"\n")
        expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")
        expect_equal(stored(echod, 1), ["in pieces"], "the messages")


@test("the CR of a CR LF belongs to the end of the line, any other one to the message")
def carriage_returns():
    with messages() as echod:
        expect_equal(send_until_eof(echod, b"dos\r\na\rb\r\r\n"), b"OK\nOK\n", "the replies")
        expect_equal(stored(echod, 2), ["dos", r"a\x0db\x0d"], "the messages")


@test("an empty line is an empty message")
def empty():
    with messages() as echod:
        expect_equal(send_until_eof(echod, b"\n\r\n"), b"OK\nOK\n", "the replies")
        expect_equal(stored(echod, 2), ["", ""], "the messages")


@test("the end of the stream ends the last message")
def end_of_stream():
    with messages() as echod:
        expect_equal(send_until_eof(echod, b"one\nrest"), b"OK\nOK\n", "the replies")
        expect_equal(stored(echod, 2), ["one", "rest"], "the messages")


@test("a client that sends nothing stores no message")
def nothing():
    with messages() as echod:
        expect_equal(send_until_eof(echod, b""), b"", "the replies")
        send_until_eof(echod, b"marker\n")
        expect_equal(stored(echod, 1), ["marker"], "the messages")


@test("a message of exactly max_message bytes is stored, whatever ends it")
def longest():
    with messages("max_message = 10") as echod:
        for end in (b"\n", b"\r\n", b""):
            expect_equal(send_until_eof(echod, b"x" * 10 + end), b"OK\n", "the reply, ended by %r" % end)
        expect_equal(stored(echod, 3), ["x" * 10] * 3, "the messages")


@test("a longer message is refused with the reason, ends the connection, and is not stored")
def too_long():
    with messages("max_message = 10") as echod:
        for data in (b"x" * 11 + b"\n", b"x" * 11, b"x" * 100000):
            sock = echod.connect()
            sock.sendall(data)
            expect_equal(recv_until_eof(sock), b"ERR a message has at most 10 bytes\n", "the reply")
            sock.close()
        echod.log.wait(r" notice: session of .*: closed because its message was too long; ",
                       count=3)
        send_until_eof(echod, b"marker\n")
        expect_equal(stored(echod, 1), ["marker"], "the messages")


@test("messages before one that is too long are stored and acknowledged")
def good_before_bad():
    with messages("max_message = 10") as echod:
        expect_equal(send_until_eof(echod, b"good\n" + b"x" * 11 + b"\nlost\n"),
                     b"OK\nERR a message has at most 10 bytes\n", "the replies")
        echod.wait_no_workers()
        expect_equal(stored(echod, 1), ["good"], "the messages")


@test("the longest message fits into one record even if every byte is escaped")
def largest():
    with messages("max_message = 65536") as echod:
        expect_equal(send_until_eof(echod, b"\xff" * 65536 + b"\n"), b"OK\n", "the reply")
        expect(stored(echod, 1)[0] == r"\xff" * 65536, "the message is stored as a whole")


@test("max_messages = 2 closes after two, and a third is not stored")
def two():
    with messages("max_messages = 2") as echod:
        sock = echod.connect()
        sock.sendall(b"one\ntwo\nthree\n")
        expect_equal(recv_until_eof(sock), b"OK\nOK\n", "the replies")
        sock.close()
        echod.log.wait(r"closed because the service was complete; ")
        expect_equal(stored(echod, 2), ["one", "two"], "the messages")


@test("the reply is the configured one")
def reply():
    with messages("reply = 250 \\\\o/ taken") as echod:
        expect_equal(send_until_eof(echod, b"one\n"), b"250 \\o/ taken\n", "the reply")


@test("a pause ends a message, and the connection continues")
def pause():
    with messages("message_pause = 100ms") as echod:
        sock = echod.connect()
        sock.sendall(b"one")
        expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")
        sock.sendall(b"two\n")
        expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")
        expect_silence(sock, 0.3, "a pause without a byte before it is no message")
        expect_equal(stored(echod, 2), ["one", "two"], "the messages")


@test("messages of several clients at once are not mixed")
def several_clients():
    with messages() as echod:
        socks = [echod.connect() for _ in range(10)]
        for i, sock in enumerate(socks):
            sock.sendall(b"first half %d, " % i)
        for i, sock in enumerate(socks):
            sock.sendall(b"second half %d\n" % i)
        for sock in socks:
            expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")
        expect_equal(sorted(stored(echod, 10)),
                     ["first half %d, second half %d" % (i, i) for i in range(10)],
                     "the messages")


@test("discard receives everything, counts it and sends nothing")
def discard():
    with Echod(listen="service = discard\nport = 0") as echod:
        expect_equal(send_until_eof(echod, b"x" * 1000000), b"", "the answer")
        echod.log.wait(r"closed by the client; 1000000 bytes in, 0 out, ")


@test("more messages wait for a blocked log than there are descriptors, and none is refused")
def many_waiting():
    if VALGRIND:
        raise Skip("valgrind has descriptors of its own")

    def prepare():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    count = scaled(150, 60)
    with Echod(server="max_per_source = 0", listen="service = message\nport = 0",
               prepare=prepare) as echod:
        os.kill(echod.scribe_pid, signal.SIGSTOP)
        socks = [echod.connect() for _ in range(count)]
        for sock in socks:
            sock.sendall(b"hello\n")
        expect_silence(socks[-1], 0.3, "no reply is due while the scribe is stopped")
        os.kill(echod.scribe_pid, signal.SIGCONT)
        for sock in socks:
            expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")
            sock.close()  # one who stays has one of the descriptors
        expect_equal(len(stored(echod, count)), count, "the number of messages")


main()
