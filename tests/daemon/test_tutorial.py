"""The clients of socket tutorials are served as their authors expect."""
import socket

from clients import expect_silence, recv_exactly, recv_until_eof
from expect import DEADLINE, expect_equal
from harness import Echod
from tap import main, test

ONE_MESSAGE = ("service = message\nmax_messages = 1\nmessage_pause = 200ms\nreply =\n"
               "port = 0")
MESSAGE_RECORD = r" info: message from 127\.0\.0\.1:\d+ on local: hello$"


@test("the echo client of the Python documentation gets its line back in one recv(1024)")
def python_echo_client():
    with Echod() as echod:
        host, port = echod.address()
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(DEADLINE)
            s.connect((host, port))
            s.sendall(b"Hello, world")
            data = s.recv(1024)
        expect_equal(repr(data), "b'Hello, world'", "output of the client")


@test("a listener can have the address localhost")
def localhost():
    with Echod(listen="address = localhost\nport = 0") as echod:
        with socket.create_connection(echod.address(), timeout=DEADLINE) as s:
            s.sendall(b"Hello, world")
            expect_equal(s.recv(1024), b"Hello, world", "the echo")


@test("one message without a newline is stored after a pause, and the client sees the end")
def message_and_wait():
    with Echod(listen=ONE_MESSAGE) as echod:
        sock = echod.connect()
        sock.sendall(b"hello")
        expect_equal(recv_until_eof(sock), b"", "data received by the client")
        echod.log.wait(MESSAGE_RECORD)
        sock.close()
        echod.log.wait(r"session of .*: closed because the service was complete; "
                       r"5 bytes in, 0 out, ")


@test("one message without a newline is stored if the client half-closes")
def message_and_half_close():
    with Echod(listen=ONE_MESSAGE) as echod:
        sock = echod.connect()
        sock.sendall(b"hello")
        sock.shutdown(socket.SHUT_WR)
        expect_equal(recv_until_eof(sock), b"", "data received by the client")
        expect_equal(len(echod.log.wait(MESSAGE_RECORD)), 1, "the number of messages")


@test("one message without a newline is stored if the client closes")
def message_and_close():
    with Echod(listen=ONE_MESSAGE) as echod:
        sock = echod.connect()
        sock.sendall(b"hello")
        sock.close()
        expect_equal(len(echod.log.wait(MESSAGE_RECORD)), 1, "the number of messages")
        echod.log.wait(r" info: session of .* 5 bytes in, 0 out, ")


@test("a greeting is sent first, exactly as configured")
def greeting():
    with Echod(listen="greeting = Hello, client") as echod:
        sock = echod.connect()
        expect_equal(recv_exactly(sock, 13), b"Hello, client", "the greeting")
        expect_silence(sock, 0.2, "a greeting has no newline that was not written")
        sock.sendall(b"and back")
        expect_equal(recv_exactly(sock, 8), b"and back", "the echo after the greeting")
        sock.close()
        echod.log.wait(r"closed by the client; 8 bytes in, 21 out, ")


@test("the escapes of a greeting are sent as the bytes that they stand for")
def greeting_escapes():
    with Echod(listen=r"greeting = a\tb\\c\x00\r\n") as echod:
        expect_equal(recv_exactly(echod.connect(), 8), b"a\tb\\c\0\r\n", "the greeting")


main()
