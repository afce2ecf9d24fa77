"""echoc when something fails: each failure has its message and its status (echoc(1))."""
import os
import re
import socket
import subprocess
import tempfile
import threading

from clients import recv_exactly, reset
from echoc import (CLOSED, LOCAL_IO, NO_CONNECTION, OK, SILENT, USAGE, Server, Silent, fails,
                   finish, read_line, run, start)
from expect import DEADLINE, Skip, expect, expect_equal, expect_match, scaled
from harness import Echod
from servers import fill_backlog
from tap import main, private_network, test

MUCH = bytes(4 << 20)  # more than all buffers hold
TRY_HELP = "\nechoc: try 'echoc --help'\n\\Z"
SOON = "200ms"  # a timeout, where there is nothing else to come
LATER = scaled("1s", "10s")  # where something has to come before


# ---- no connection ----

def reserved():
    """A socket whose port nobody can listen on."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


@test("a refused connection is reported")
def refused():
    with reserved() as sock:
        port = sock.getsockname()[1]
        for option in ((), ("--quiet",)):
            fails(NO_CONNECTION, r"connection refused by 127\.0\.0\.1:%d "
                  r"\(is the server running\?\)\n\Z" % port, "127.0.0.1", port, "hello", *option)


@test("a Unix socket that is missing, unused or not a socket is reported")
def unix_refused():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where, \
            socket.socket(socket.AF_UNIX) as stale:
        path = where + "/socket"
        fails(NO_CONNECTION, r"cannot connect to unix:%s: no such socket "
              r"\(is the server running\?\)\n\Z" % path, "--unix", path, "hello")
        stale.bind(path)
        fails(NO_CONNECTION, r"connection refused by unix:%s \(is" % path, "--unix", path, "hello")
        fails(NO_CONNECTION, r"cannot connect to unix:%s: the file is not a socket\n\Z" % where,
              "--unix", where, "hello")


@test("an unknown host is reported")
def unknown_host():
    if not private_network():
        raise Skip("a resolver elsewhere might be asked")
    fails(NO_CONNECTION, r"cannot find the address of no-such-host\.invalid port 7: \w.*\n\Z",
          "no-such-host.invalid", "7", "hello")
    fails(NO_CONNECTION, r"cannot find the address of no-such-host\.invalid:7 port 7777: \w.* "
          r"\(separate HOST and PORT by a space, not a colon\)\n\Z", "no-such-host.invalid:7")
    fails(NO_CONNECTION, r"cannot find the address of 127\.0\.0\.1:7 port hello: the port is neither a number nor "
          r"a service name \(separate HOST and PORT by a space, not a colon\)\n\Z", "127.0.0.1:7", "hello")


@test("an unknown service, or an address of the wrong family, is reported")
def no_address():
    fails(NO_CONNECTION, r"cannot find the address of 127\.0\.0\.1 port nosuchservice: "
          r"the port is neither a number nor a service name\nechoc: the operand after HOST is the PORT; to send this text: "
          r"echoc 127\.0\.0\.1 7777 'nosuchservice' \(echoc --help lists the verbs\)\n\Z", "127.0.0.1", "nosuchservice")
    fails(NO_CONNECTION, r".*: the port is neither a number nor a service name\n\Z", "-q", "127.0.0.1", "nosuchservice")
    fails(2, r".*: the port is neither a number nor a service name\n\Z", "ping", "127.0.0.1", "nosuchservice")
    for option, host, family in (("-4", "::1", 4), ("-6", "127.0.0.1", 6)):
        fails(NO_CONNECTION, r"cannot find the address of %s port 7777: it has no IPv%d address\n\Z"
              % (host, family), option, host)


@test("a link-local address without its interface is reported")
def link_local():
    fails(NO_CONNECTION, r"cannot connect to \[fe80::1\]:7777: a link-local address requires an interface, "
          r"as in fe80::1%eth0\n\Z", "fe80::1", "7777", "hello")


@test("a connection that is not accepted in time is reported")
def timed_out_connecting():
    with reserved() as listener:
        clients = fill_backlog(listener)
        port = listener.getsockname()[1]
        fails(NO_CONNECTION, r"timed out connecting to 127\.0\.0\.1:%d\n\Z" % port,
              "--timeout", SOON, "127.0.0.1", port, "hello")
        for client in clients:
            client.close()
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where, \
            socket.socket(socket.AF_UNIX) as listener:
        listener.bind(where + "/socket")
        clients = fill_backlog(listener)
        fails(NO_CONNECTION, r"timed out connecting to unix:%s/socket\n\Z" % where,
              "--timeout", SOON, "--unix", where + "/socket", "hello")
        for client in clients:
            client.close()


# ---- silence ----

@test("a server that does not answer is reported")
def silent():
    with Silent() as server:
        fails(SILENT, r"connected to 127\.0\.0\.1:\d+, but no reply within %s\n\Z" % SOON,
              "-t", SOON, *server.at, "hello")


@test("the output of a server that stops answering is printed up to then")
def falls_silent():
    with Silent(b"wait...") as server:
        status, out, err = run("--timeout=" + LATER, *server.at, "hello")
        expect_equal((status, out), (SILENT, b"wait..."), "status and output")
        expect_match(r"\Aechoc: 127\.0\.0\.1:\d+ sent 7 bytes, then nothing within %s\n\Z" % LATER,
                     err, "standard error")


@test("a server that stops reading is reported")
def takes_nothing():
    with Silent(reads=False) as server:
        process = start("-t", SOON, *server.at)
        status, out, err = finish(process, MUCH * 4)
        expect_equal((status, out), (SILENT, b""), "status and output")
        expect_match("^echoc: connected to .*, but no reply within %s$" % SOON, err, "standard error")


def stays(process, seconds):
    """That a program continues can only be observed for a while."""
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
    expect_equal(status, None, "the status of an echoc that should go on")


@test("--timeout 0 means no timeout")
def never():
    with Silent(farewell=b"at last") as server:
        process = start("-t", "0", *server.at, "hello", stdin=subprocess.DEVNULL)
        stays(process, 0.5)
        server.resume.set()
        expect_equal(finish(process), (OK, b"at last", ""), "status, output and errors")


@test("the timeout does not apply before the first message, or after an answer")
def idle_input():
    limit = scaled(1, 10)
    with Echod() as echod:
        process = start("-t", "%ds" % limit, *echod.address())
        stays(process, limit * 1.2)
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        expect_equal(read_line(process.stdout), b"hello\n", "the reply")
        stays(process, limit * 1.2)
        expect_equal(finish(process, b"bye"), (OK, b"bye", ""), "status, output and errors")


# ---- the end of the connection ----

@test("a server that closes without a reply is reported")
def no_reply():
    with Server(lambda sock: sock.recv(1024)) as server:
        fails(CLOSED, r"127\.0\.0\.1:%d closed the connection without a reply\n\Z" % server.at[1],
              *server.at, "hello")
    with Echod(listen="service = discard\nport = 0") as echod:
        fails(CLOSED, r"127\.0\.0\.1:\d+ closed the connection without a reply\n\Z",
              *echod.address(), send=b"hello")
        expect_equal(run(*echod.address()), (OK, b"", ""), "result without input or reply")


@test("the greeting of a server that closes with the message unread is printed")
def greets_and_closes():
    def serve(sock):
        sock.recv(1, socket.MSG_PEEK)  # the message is there, but stays where it is
        sock.sendall(b"Thank you for connecting")

    with Server(serve) as server:
        status, out, err = run(*server.at, "hello")
        expect_equal((status, out), (CLOSED, b"Thank you for connecting"), "status and output")
        expect_equal(err, "echoc: 127.0.0.1:%d reset the connection after 24 bytes\n" %
                     server.at[1], "standard error")


@test("a server that closes while data is being sent is reported")
def closes_early():
    def takes_some(sock):
        recv_exactly(sock, 100000)

    def resets(sock):
        takes_some(sock)
        reset(sock)

    def stops_sending(sock):
        takes_some(sock)
        sock.shutdown(socket.SHUT_WR)
        gone.wait(DEADLINE)

    tcp, unix = socket.AF_INET, socket.AF_UNIX
    for serve, family, how in ((takes_some, tcp, "(reset|closed)"), (resets, tcp, "reset"),
                               (stops_sending, tcp, "closed"), (takes_some, unix, "(reset|closed)"),
                               (stops_sending, unix, "closed")):
        gone = threading.Event()
        with Server(serve, family) as server:
            fails(CLOSED, r"\S+ %s the connection without a reply, before everything was sent\n\Z"
                  % how, *server.at, send=MUCH * 4)
            gone.set()


@test("the last data of a server that no longer reads is printed")
def final_data():
    def serve(sock):
        sock.recv(1)  # a client that had not begun to speak would have missed nothing
        sock.shutdown(socket.SHUT_RD)  # over a Unix socket, the client gets EPIPE
        sock.sendall(b"too much\n")

    with Server(serve, socket.AF_UNIX) as server:
        status, out, err = run(*server.at, send=MUCH)
        expect_equal((status, out), (CLOSED, b"too much\n"), "status and output")
        expect_match("^echoc: unix:.* (closed|reset) the connection after 9 bytes, "
                     "before everything was sent$", err, "standard error")


@test("the reason of a daemon that refuses a message is printed")
def refused_message():
    with Echod(listen="service = message\nmax_message = 10\nport = 0") as echod:
        status, out, _ = run(*echod.address(), send=b"x" * 100000)
        expect_equal((status in (OK, CLOSED), out),
                     (True, b"ERR a message has at most 10 bytes\n"), "status and output")


# ---- standard input and output ----

@test("standard input that cannot be read is an error")
def input_unreadable():
    directory = os.open("/", os.O_RDONLY)
    with Echod() as echod:
        fails(LOCAL_IO, r"cannot read standard input: Is a directory\n\Z", *echod.address(),
              stdin=directory)
    os.close(directory)


@test("standard output that cannot be written is an error, also for --help and --version")
def output_full():
    with Echod() as echod, open("/dev/full", "wb") as full:
        for args in ((*echod.address(), "hello"), ("--help",), ("--version",)):
            status, _, err = run(*args, stdout=full)
            expect_equal((status, err), (LOCAL_IO, "echoc: cannot write standard output: "
                                         "No space left on device\n"), "status and errors")


@test("a reader that stops, such as head(1), ends echoc without a message")
def output_closed():
    with Echod() as echod, tempfile.TemporaryFile() as file:
        file.write(MUCH)
        file.seek(0)
        process = start(*echod.address(), stdin=file)
        expect_equal(os.read(process.stdout.fileno(), 1), b"\0", "the first byte")
        process.stdout.close()
        expect_equal(process.wait(DEADLINE), LOCAL_IO, "the status")
        expect_equal(process.stderr.read(), b"", "standard error")


@test("a reader that leaves while there is no output ends echoc without a message")
def output_left():
    pipe, pair = os.pipe(), [end.detach() for end in socket.socketpair()]
    for reader, writer in (pipe, pair):
        with Echod() as echod:
            process = start(*echod.address(), stdout=writer)
            os.close(writer)
            process.stdin.write(b"x")
            process.stdin.flush()
            expect_equal(os.read(reader, 1), b"x", "the reply")
            os.close(reader)
            expect_equal(process.wait(DEADLINE), LOCAL_IO, "the status")
            expect_equal(process.stderr.read(), b"", "standard error")


# ---- the command line ----

@test("a wrong command line is reported, with a reference to the help")
def usage():
    no_port = "PORT is neither 1 to 65535 nor a service name: "
    no_span = r"--timeout: not a time span \(500ms, 10s, 1min 30s, 0\): "
    cases = [([], "HOST is missing"), ([""], "HOST is missing"),
             (["-x", "::1"], "invalid option -- 'x'"),
             (["--nonsense", "::1"], "unrecognized option '--nonsense'"),
             (["--verify=1", "::1"], "option '--verify' doesn't allow an argument"),
             (["--ver", "::1"], "option '--ver' is ambiguous"),
             (["::1", "-t"], "option requires an argument -- 't'"),
             (["--unix"], "option '--unix' requires an argument"),
             (["--unix", "relative"], "the path of a Unix socket must begin with / or @: relative"),
             (["--unix", "/" + "x" * 108], "too long for the path of a Unix socket: /x+"),
             (["-4", "--unix", "/x"], "-4 and -6 cannot be combined with --unix"),
             (["--udp", "--unix", "/x"], "--udp, --source and --dscp cannot be combined with --unix"),
             (["--source", "::1", "--unix", "/x"], "--udp, --source and --dscp cannot be combined with --unix")]
    cases += [(["::1", "--", port], no_port + re.escape(port))
              for port in ("0", "65536", "070000", "9" * 30, "", "-1", "+7", " 7")]
    cases += [(["-t", span, "::1"], no_span + re.escape(span))
              for span in ("", "soon", "-1", "1 parsec", "9" * 30)]
    for args, reason in cases:
        fails(USAGE, reason + ".*" + TRY_HELP, *args)


main()
