"""What all verbs of echoc share: addresses, source, DSCP, the PROXY header, and other servers."""
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile

import servers
from clients import recv_exactly
from expect import (DEADLINE, Failure, Skip, eventually, eventually_equal, expect, expect_equal, expect_match,
                    scaled)
from harness import Echod, clean_environment
from hosts import with_hosts
from managed import free_port
from servers import Server
from tap import main, test
from verbs import ECHOC, finish, popen, run

ONE = ("ping", "-c", 1, "-i", 0)
IP_RECVTOS, IPV6_RECVTCLASS = 13, 66


# ---- addresses ----

@test("every address of a name is tried in turn, and the reason for each failure is printed")
def addresses():
    names = ("127.0.0.9 many.test\n127.0.0.8 many.test\n127.0.0.1 many.test\n"
             "127.0.0.9 none.test\n127.0.0.8 none.test\n")
    with tempfile.TemporaryDirectory() as where, Server(servers.echo) as server:
        program = [*with_hosts(where, names), ECHOC]
        port = server.address[1]
        done = run(*ONE, "-v", "many.test", port, program=program).ended(0)
        tried = re.findall(r"trying (\S+):", done.err)
        expect_equal(tried[-1], "127.0.0.1", "the last that was tried")
        expect_equal(done.err.count("connection refused by"), len(tried) - 1, "failures")
        done = run(*ONE, "--json", "none.test", port, program=program).ended(1)
        expect_equal(sorted(o["address"] for o in done.objects("error")),
                     ["127.0.0.8:%d" % port, "127.0.0.9:%d" % port], "in JSON")
        for address in ("127.0.0.8", "127.0.0.9"):
            expect_match("^echoc: connection refused by %s:" % address, done.err, "the reason")


@test("--source sets the source address, over TCP and UDP")
def source():
    peers = []

    def serve(conn, number):
        peers.append(conn.getpeername()[0])
        servers.echo(conn, number)

    def serve_datagram(sock, data, peer):
        peers.append(peer[0])
        sock.sendto(data, peer)

    with Server(serve) as server:
        run(*ONE, "--source", "127.0.0.5", *server.operands).ended(0)
    with Server(serve_datagram, "udp") as server:
        run(*ONE, "--source", "127.0.0.6", *server.operands).ended(0)
        expect_match("the source address is not local",
                     run(*ONE, "--source", "192.0.2.1", *server.operands).ended(2).err, "another's")
    expect_equal(peers, ["127.0.0.5", "127.0.0.6"], "the sources")


@test("--dscp marks packets over IPv4 and IPv6")
def dscp():
    for family, level, option in ((socket.AF_INET, socket.IPPROTO_IP, IP_RECVTOS),
                                  (socket.AF_INET6, socket.IPPROTO_IPV6, IPV6_RECVTCLASS)):
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(level, option, 1)
            sock.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
            sock.settimeout(DEADLINE)
            for text, code in (("ef", 46), ("AF41", 34), ("10", 10)):
                process = popen(*ONE, "-u", "--dscp", text, *map(str, sock.getsockname()[:2]))
                data, ancillary, _, peer = sock.recvmsg(2048, 64)
                sock.sendto(data, peer)
                finish(process).ended(0)
                expect_equal(ancillary[0][2][0] >> 2, code, "the code point of " + text)


# ---- the PROXY protocol ----

def expecting_proxy(headers):
    """An echo server behind a proxy: it keeps what comes before the first byte of payload."""
    def serve(conn, number):
        begin = recv_exactly(conn, 6)
        if begin == b"PROXY ":
            while not begin.endswith(b"\r\n"):
                begin += recv_exactly(conn, 1)
        else:
            begin += recv_exactly(conn, 10)
            begin += recv_exactly(conn, int.from_bytes(begin[14:16], "big"))
        headers.append(begin)
        servers.echo(conn, number)
    return serve


@test("--proxy sends a header of version 1, before everything else")
def proxy_1():
    headers = []
    with Server(expecting_proxy(headers)) as server:
        port = server.address[1]
        run(*ONE, "--proxy", "v1", *server.operands).ended(0)
        expect_match(r"\APROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ %d\r\n\Z" % port,
                     headers[0].decode(), "the header")
        run(*ONE, "--proxy", "v1=192.0.2.9:1234", *server.operands).ended(0)
        expect_equal(headers[1], b"PROXY TCP4 192.0.2.9 127.0.0.1 1234 %d\r\n" % port, "the source")
        run("load", "-c", 3, "--proxy", "v1=[2001:db8::1]:5", *server.operands).ended(0)
        eventually_equal(lambda: len(headers), 6, "the number of connections")
        expect_equal(set(headers[2:]), {b"PROXY TCP6 2001:db8::1 ::ffff:127.0.0.1 5 %d\r\n" % port},
                     "headers of every connection")
        done = run("send", "--proxy", "v1", *server.operands, "hello").ended(0)
        expect_equal(done.out, "hello\n", "output of send")


@test("--proxy sends a header of version 2")
def proxy_2():
    signature = b"\r\n\r\n\0\r\nQUIT\n"
    headers = []
    with Server(expecting_proxy(headers)) as server:
        run(*ONE, "--proxy", "v2=192.0.2.9:1234", *server.operands).ended(0)
        expect_equal(headers[0], signature + b"\x21\x11\0\x0c" + socket.inet_aton("192.0.2.9") +
                     socket.inet_aton("127.0.0.1") + (1234).to_bytes(2, "big") +
                     server.address[1].to_bytes(2, "big"), "the header")
    with Server(expecting_proxy(headers), "unix") as server:
        run(*ONE, "--proxy", "v2", *server.operands).ended(0)
        expect_equal(headers[1], signature + b"\x20\0\0\0", "over a Unix socket")


# ---- echod's other services ----

@test("whoami and daytime print the replies of echod; with --proxy, the claimed client")
def echod_services():
    config = ("[listen who]\naddress = 127.0.0.1\nport = 0\nservice = whoami\n"
              "proxy_protocol = any\nproxy_trust = 127.0.0.1\n"
              "[listen when]\naddress = 127.0.0.1\nport = 0\nservice = daytime\n")
    with Echod(config) as echod:
        for version in ("v1", "v2"):
            for source in ("192.0.2.7:4711", "[2001:db8::7]:4711"):
                done = run("whoami", "--proxy", version + "=" + source, *echod.address("who")).ended(0)
                reply = json.loads(done.out)
                expect_equal((reply["peer"], reply["peer_port"], reply["proxy"]),
                             (source.rpartition(":")[0].strip("[]"), 4711, "127.0.0.1"), "the peer")
        expect_match(r"^\d{4}-\d\d-\d\dT", run("daytime", *echod.address("when")).ended(0).out,
                     "the time")


# ---- other people's servers ----

class Program:
    """A server that is a program, ended with the block."""

    def __init__(self, *command, **popen_args):
        if not shutil.which(command[0], path=os.environ["PATH"] + ":/usr/sbin"):
            raise Skip(command[0] + " is not installed")
        env = clean_environment({"PATH": os.environ["PATH"] + ":/usr/sbin"})
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        env=env, start_new_session=True, **popen_args)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(DEADLINE)
        self.process.stderr.close()


def socat_port(program):
    """The port that socat reports."""
    for line in program.process.stderr:
        match = re.search(rb" N listening on .*:(\d+)$", line)
        if match:
            return match.group(1).decode()
    raise Failure("socat does not listen")


def takes_connections(path):
    """Whether a server listens at PATH: a file that is there may only be bound."""
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(path) == 0


@test("socat with cat is an echo server, over TCP and Unix sockets")
def socat():
    with Program("socat", "-d", "-d", "TCP4-LISTEN:0,bind=127.0.0.1,fork", "EXEC:cat") as program:
        port = socat_port(program)
        done = run("ping", "-c", 5, "-i", "10ms", "--json", "127.0.0.1", port).ended(0)
        expect_equal((done.summary["received"], done.summary["lost"]), (5, 0), "the sums")
        run("crr", "-c", 2, "-i", 0, "-s", 3000, "127.0.0.1", port).ended(0)
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, "sock")
        with Program("socat", "UNIX-LISTEN:%s,fork" % path, "EXEC:cat"):
            eventually(lambda: takes_connections(path), "socat listens")
            run("ping", "-c", 2, "-i", 0, "--unix", path).ended(0)


XINETD = """
defaults
{
    instances = 50
    log_type = FILE %(dir)s/log
}
service echo
{
    type = INTERNAL UNLISTED
    id = echo-stream
    socket_type = stream
    protocol = tcp
    user = %(user)s
    wait = no
    bind = 127.0.0.1
    port = %(port)d
}
service echo
{
    type = INTERNAL UNLISTED
    id = echo-dgram
    socket_type = dgram
    protocol = udp
    user = %(user)s
    wait = yes
    bind = 127.0.0.1
    port = %(port)d
}
service daytime
{
    type = INTERNAL UNLISTED
    id = daytime-stream
    socket_type = stream
    protocol = tcp
    user = %(user)s
    wait = no
    bind = 127.0.0.1
    port = %(daytime)d
}
"""


@test("xinetd's echo and daytime are answered as they are")
def xinetd():
    with tempfile.TemporaryDirectory() as where:
        port, daytime = free_port(), free_port()
        config = os.path.join(where, "xinetd.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(XINETD % {"dir": where, "port": port, "daytime": daytime,
                                 "user": pwd.getpwuid(os.geteuid()).pw_name})
        with Program("xinetd", "-dontfork", "-f", config, "-pidfile", os.path.join(where, "pid"),
                     stdout=subprocess.DEVNULL):
            eventually(lambda: run("ping", "-c", 1, "127.0.0.1", port).status == 0, "xinetd listens")
            args = ("-c", 5, "-i", 0, "-W", scaled("500ms", "5s"), "--json", "127.0.0.1", port)
            s = run("ping", *args).ended(0).summary
            expect_equal((s["received"], s["lost"]), (5, 0), "over TCP")
            s = run("ping", "-u", *args).ended(0).summary
            # Each datagram has a child of its own: between two of them xinetd may lose one.
            expect(s["received"] >= 3 and s["received"] + s["lost"] == 5, "over UDP: %s" % s)
            expect_match(r"\d\d:\d\d", run("daytime", "127.0.0.1", daytime).ended(0).out, "the time")


@test("each verb has help of less than a screen, and rejects unsupported options")
def helps():
    overview = run("--help").ended(0).out
    verbs = re.findall(r"^  (\w+) +\w", overview.split("The verbs:")[1].split("Without")[0], re.M)
    expect_equal(len(verbs), 10, "the verbs of " + overview)
    for verb in verbs:
        lines = run(verb, "--help").ended(0).out.splitlines()
        expect(len(lines) < 24 and max(map(len, lines)) <= 80, "the help of %s is too large" % verb)
        run(verb, "--turbo", "localhost").ended(64 if verb == "send" else 2)
    expect_match(r"^echoc \(echod\) \d", run("ping", "--version").ended(0).out, "the version")


@test("send is the default verb, and reaches a host named like a verb")
def send():
    with Echod() as echod:
        host, port = echod.address()
        expect_equal(run("send", host, port, "hello", "ping").ended(0).out, "hello\nping\n", "output of send")
        done = run("send", "--json", "-t", "9.5", host, port, "hello").ended(0)
        s = done.summary
        expect_equal((s["sent_bytes"], s["received_bytes"], s["status"]), (6, 6, 0), "in JSON")
        expect_equal("".join(o["text"] for o in done.objects("reply")), "hello\n", "the reply")
    with Server(servers.changing(lambda data, n: "\u20ac\"\x1b\\\xff".encode("latin-1", "ignore") +
                                 "\u20ac\xff\n".encode())) as server:
        done = run("send", "--json", "-n", *server.operands, "x" * 56).ended(0)
        expect_equal("".join(o["text"] for o in done.objects("reply")),
                     '"\\x1b\\\\\\xff\u20ac\xff\n', "escaped output with whole characters")
    expect_match("HOST is missing", run("ping").ended(2).err, "a verb alone")
    expect_match("cannot find the address of ping port 7", run("send", "ping", "7").ended(69).err,
                 "a host of that name")


@test("--json prints a summary even if the exchange could not begin")
def always_a_summary():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        for verb in ("send", "ping", "crr -c 1", "load", "hold 2", "idle", "sweep", "whoami", "daytime"):
            status = 69 if verb == "send" else 1
            done = run(*verb.split(), "--json", "127.0.0.1", port).ended(status)
            expect_equal(done.summary["status"], status, "the status of " + verb)
            expect_equal(done.objects("error")[0]["reason"], "Connection refused", "the reason")
            expect_equal(done.objects()[-1]["type"], "summary", "type of the last object")
            status = 69 if verb == "send" else 2
            done = run(*verb.split(), "--json", "name.invalid").ended(status)
            expect_equal(done.summary["status"], status, "the status of %s, of no name" % verb)


@test("results that cannot be written are an error")
def full():
    with Echod() as echod, open("/dev/full", "wb") as full_device:
        host, port = echod.address()
        done = subprocess.run([ECHOC, *map(str, ONE), host, str(port)], stdout=full_device,
                              stderr=subprocess.PIPE, timeout=DEADLINE, check=False)
        expect_equal(done.returncode, 2, "the exit status")


main()
