"""echoc --verify succeeds if, and only if, every byte comes back as it was sent."""
import re

from clients import recv_exactly, recv_until_eof
from echoc import CLOSED, DIFFERS, OK, SILENT, Server, Silent, fails, prints, run
from expect import expect_equal, expect_match, scaled
from harness import Echod
from tap import main, test

MUCH = bytes(4 << 20)  # more than all buffers hold
LATER = scaled("1s", "10s")


@test("--verify prints a result instead of the replies; --quiet omits it")
def verify():
    with Echod() as echod:
        for data in (b"", b"x", MUCH):
            status, out, err = run("--verify", *echod.address(), send=data)
            expect_equal((status, out), (OK, b""), "status and output")
            expect_match(r"\Aechoc: \S+:%d returned all %d bytes? as sent in \d+\.\d+ s\n\Z"
                         % (echod.port, len(data)), err, "standard error")
        prints(b"", "--verify", "--quiet", *echod.address(), "hello")


def answering(answer):
    def serve(sock):
        recv_until_eof(sock)
        sock.sendall(answer)
    return Server(serve)


@test("--verify reports a byte that differs: the first, another, or one too many")
def differs():
    cases = ((b"jello", 1, "sent 0x68, got 0x6a", "; a greeting also counts as a difference"),
             (b"hellO", 5, "sent 0x6f, got 0x4f", ""),
             (b"hello!", 6, "sent nothing, got 0x21", ""))
    for answer, position, bytes_found, hint in cases:
        with answering(answer) as server:
            fails(DIFFERS, re.escape("127.0.0.1:%d: the reply differs at byte %d (%s)%s\n" %
                                     (server.at[1], position, bytes_found, hint)) + r"\Z",
                  "--verify", *server.at, send=b"hello")


@test("--verify ends at the first difference, however much is still to be sent")
def differs_at_once():
    with Echod(listen="greeting = \\x01\nport = 0") as echod:
        fails(DIFFERS, r"\S+: the reply differs at byte 1 \(sent (nothing|0x00), got 0x01\); a "
              "greeting", "--verify", *echod.address(), send=MUCH)


@test("--verify finds a difference far into the data")
def differs_far_in():
    def serve(sock):
        sock.sendall(recv_exactly(sock, 3000000) + b"\x07")
        recv_until_eof(sock)

    with Server(serve) as server:
        fails(DIFFERS, r"\S+: the reply differs at byte 3000001 \(sent 0x00, got 0x07\)\n\Z",
              "--verify", *server.at, send=MUCH)


@test("--verify reports missing data, from a server that closes, resets or stops")
def short():
    with answering(b"hell") as server:
        fails(CLOSED, r"\S+ closed the connection after 4 bytes of the 5 that were sent\n\Z",
              "--verify", *server.at, send=b"hello")
    with answering(b"") as server:
        fails(CLOSED, r"\S+ closed the connection without a reply\n\Z",
              "--verify", *server.at, send=b"hello")
    with Silent(b"h") as server:
        fails(SILENT, r"\S+ sent 1 byte, then nothing within %s\n\Z" % LATER,
              "-t", LATER, "--verify", *server.at, send=b"hello")


main()
