"""echoc on a terminal: it works line by line, and escapes control characters."""
import signal
import subprocess

from clients import recv_exactly, recv_until_eof
from echoc import CLOSED, OK, Server, Terminal, finish, prints, read_line
from expect import expect_equal, expect_match
from harness import Echod
from tap import main, test

CONNECTED = b"echoc: connected to 127.0.0.1:%d; Ctrl-D ends\n"


@test("on a terminal, each line is answered before the next is typed; Ctrl-D ends")
def line_by_line():
    with Echod() as echod, Terminal(*echod.address()) as terminal:
        expect_equal(read_line(terminal.process.stderr), CONNECTED % echod.port, "standard error")
        for line in (b"Hello, echod\n", b"again\n"):
            terminal.type(line)
            terminal.shows(line)
        terminal.type(b"\x04")
        expect_equal(terminal.finish(), (OK, b"", ""), "status, what else is shown, errors")
        echod.log.wait("closed by the client; 19 bytes in, 19 out")


@test("a server that closes ends an interactive exchange with a message")
def server_leaves():
    def serve(sock):
        sock.sendall(recv_exactly(sock, 6))

    with Server(serve) as server, Terminal(*server.at) as terminal:
        terminal.type(b"hello\n")
        terminal.shows(b"hello\n")
        status, shown, err = terminal.finish()
        expect_equal((status, shown), (OK, b""), "status, what else is shown")
        expect_equal(err.splitlines()[1:], ["echoc: 127.0.0.1:%d closed the connection" %
                                            server.at[1]], "standard error")


@test("on a terminal, a server that closes without a reply is a failure, too")
def terminal_no_reply():
    with Server(lambda sock: sock.recv(1024)) as server, Terminal(*server.at) as terminal:
        terminal.type(b"hello\n")
        status, shown, err = terminal.finish()
        expect_equal((status, shown), (CLOSED, b""), "status and what is shown")
        expect_match("^echoc: .* closed the connection without a reply$", err, "standard error")


@test("Ctrl-C ends it at once, as any program")
def interrupt():
    with Echod() as echod, Terminal(*echod.address()) as terminal:
        read_line(terminal.process.stderr)
        terminal.type(b"\x03")
        expect_equal(terminal.finish()[0], -signal.SIGINT, "the status")


HOSTILE = (b"\x1b[31mred\x07\b\r\x7f \x80\x9b1m\x9f \xc2\x9b \xff\xfe \xc3( \xe2\x80\xae "
           b"back\\slash\ttab \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\n\xe2\x82")
SHOWN = (rb"\x1b[31mred\x07\x08\x0d\x7f \x80\x9b1m\x9f \xc2\x9b \xff\xfe \xc3( \xe2\x80\xae "
         rb"back\\slash" b"\ttab \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\n" rb"\xe2\x82")


def hostile(sock):
    recv_until_eof(sock)
    sock.sendall(HOSTILE)


@test("control characters are escaped on a terminal, and passed on with --raw")
def made_safe():
    for options, shown in (((), SHOWN), (("--raw",), HOSTILE)):
        with Server(hostile) as server, Terminal(*server.at, *options, "hello") as terminal:
            expect_equal(terminal.finish(), (OK, shown, ""), "status, what is shown, errors")


@test("a multibyte character that arrives in pieces is shown as one")
def pieces():
    def serve(sock):
        for byte in "\u20ac\U0001f600".encode():
            sock.sendall(bytes([byte]))
            recv_exactly(sock, 1)  # typed once the client sleeps again
        recv_until_eof(sock)

    with Server(serve) as server, Terminal(*server.at, stdin=subprocess.PIPE) as terminal:
        for shown in (b"", b"", b"\xe2\x82\xac", b"", b"", b"", b"\xf0\x9f\x98\x80"):
            if shown:
                terminal.shows(shown)
            terminal.process.stdin.write(b".")
            terminal.process.stdin.flush()
        expect_equal(terminal.finish(), (OK, b"", ""), "status, what else is shown, errors")


@test("if the output is not a terminal, every byte is passed on, even if the input is one")
def passed_on():
    with Server(hostile) as server:
        prints(HOSTILE, *server.at, "hello")
    with Server(hostile) as server, \
            Terminal(*server.at, stdout=subprocess.PIPE) as terminal:
        terminal.type(b"hello\n\x04")
        status, out, _ = finish(terminal.process)
        expect_equal((status, out), (OK, HOSTILE), "status and output")


main()
