"""Behind a proxy: the PROXY protocol, and that the client in the header counts as the client."""
import fcntl
import json
import os
import resource
import signal
import socket
import struct
import threading
import time

from clients import expect_echo, expect_silence, recv_exactly, recv_until_eof, reset
from expect import (DEADLINE, Skip, eventually, eventually_equal, expect, expect_equal,
                    expect_match, scaled)
from harness import VALGRIND, inetd, ini, run_echod
from managed import Managed
from proc import title
from tap import main, test

SIOCOUTQ = 0x5411  # bytes sent that were not received
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
PROXIED = "port = 0\nproxy_protocol = any\nproxy_trust = 127.0.0.1\n"
UNIX = "protocol = unix\naddress = @DIR@/echo.sock\nproxy_protocol = any\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"
UNKNOWN = b"PROXY UNKNOWN\r\n"
DENIED = b"echod: access denied\n"
MANY = b"echod: too many clients from your address, try again later\n"


# ---- what a proxy sends ----

def family_of(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def v1(source="192.0.2.1", port=4242):
    kind, destination = ("TCP6", "2001:db8::ff") if ":" in source else ("TCP4", "203.0.113.1")
    return ("PROXY %s %s %s %d 80\r\n" % (kind, source, destination, port)).encode()


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def v2(source="192.0.2.1", port=4242, tlvs=b"", checksum=False):
    family = family_of(source)
    destination = "2001:db8::ff" if ":" in source else "203.0.113.1"
    block = (socket.inet_pton(family, source) + socket.inet_pton(family, destination) +
             struct.pack("!HH", port, 80) + tlvs)
    if checksum:
        block += b"\x03\0\x04" + bytes(4)
    header = SIGNATURE + struct.pack("!BBH", 0x21, 0x21 if ":" in source else 0x11,
                                     len(block)) + block
    return header[:-4] + struct.pack("!I", crc32c(header)) if checksum else header


FORMS = {"v1": v1(), "v1, IPv6": v1("2001:db8::7"), "v2": v2(), "v2, IPv6": v2("2001:db8::7"),
         "v2, TLVs": v2(tlvs=b"\x04\0\x02xx\xe0\0\0"), "v2, checksum": v2(checksum=True)}


def proxied(server="", more="", kind="", **how):
    return Managed(server=server, listen=(kind or PROXIED) + more, **how)


def connect(echod, header, name="local"):
    """A client behind a proxy, which sends HEADER."""
    sock = echod.connect(name)
    sock.sendall(header)
    return sock


def expect_served(echod, header):
    sock = connect(echod, header)
    expect_echo(sock)
    return sock


def expect_refused(echod, header, words):
    expect_equal(recv_until_eof(connect(echod, header)), words, "the reply to a refused client")


def expect_ended(sock):
    """It ends without a byte; by a reset, if there was something that was not read."""
    try:
        expect_equal(recv_until_eof(sock), b"", "data received before the end")
    except ConnectionResetError:
        pass


def by_proxy(sock):
    return " by the proxy 127.0.0.1:%d" % sock.getsockname()[1]


# ---- headers ----

@test("each form of the header is accepted, and the record shows client and proxy")
def forms():
    with proxied() as echod:
        for name, header in FORMS.items():
            sock = connect(echod, header + b"glued to it")
            expect_equal(recv_exactly(sock, 11), b"glued to it", "the echo, " + name)
            host = r"\[2001:db8::7\]" if "IPv6" in name else r"192\.0\.2\.1"
            proxy = by_proxy(sock)
            sock.close()
            echod.log.wait(r" info: session of %s:4242%s on local: closed by the client; "
                           r"11 bytes in, 11 out, " % (host, proxy))


@test("a header may arrive in two parts, split anywhere, followed by data of the client")
def split_anywhere():
    with proxied(kind=UNIX) as echod:
        for header in (v1(), v2(tlvs=b"\x04\0\x01x"), v2(checksum=True)):
            data = header + b"hello"
            for cut in range(1, len(data), scaled(1, 5)):
                sock = echod.connect()
                sock.sendall(data[:cut])
                eventually(lambda: taken(sock, cut, header), "the first part is taken")
                sock.sendall(data[cut:])
                expect_equal(recv_exactly(sock, 5), b"hello", "the echo, cut at %d" % cut)
                sock.close()


def taken(sock, cut, header):
    """Whether the worker has received what was sent of HEADER. (Of a Unix socket that is seen.)"""
    left = struct.unpack("i", fcntl.ioctl(sock, SIOCOUTQ, bytes(4)))[0]
    return left == 0 or cut > len(header)


@test("a header may arrive byte by byte")
def byte_by_byte():
    with proxied() as echod:
        for header in (v1(), v2(checksum=True)):
            sock = echod.connect()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in header:
                sock.sendall(bytes([byte]))
            expect_echo(sock)


@test("LOCAL and UNKNOWN connections are served as clients at the proxy's address")
def own_connections():
    with proxied() as echod:
        for header in (LOCAL, UNKNOWN, SIGNATURE + b"\x21\0\0\x03abc"):
            sock = expect_served(echod, header)
            port = sock.getsockname()[1]
            sock.close()
            echod.log.wait(r" info: session of 127\.0\.0\.1:%d on local: closed by the client; 4"
                           % port)


def ends_as(echod, header, why):
    sock = connect(echod, header)
    port = sock.getsockname()[1]
    expect_ended(sock)
    echod.log.wait(r" notice: session of 127\.0\.0\.1:%d on local: not served: its PROXY header "
                   r"was missing or wrong: %s; 0 bytes in, 0 out, " % (port, why))


@test("a missing or invalid header, or a wrong checksum: nothing is echoed, and the reason is recorded")
def wrong_headers():
    bad = bytearray(v2(checksum=True))
    bad[18] ^= 1
    with proxied(more="greeting = hello\\n") as echod:
        for header in (b"hello, is there anybody?\n", b"GET / HTTP/1.0\r\n\r\n",
                       v1().replace(b"\r\n", b"\n"), v1().replace(b"4242", b"04242"),
                       v1("192.0.2.256"), SIGNATURE + b"\x21\x11\0\0"):
            ends_as(echod, header, "Protocol error")
        ends_as(echod, bytes(bad), "Bad message")


@test("each version is accepted only where it is configured")
def versions():
    for version, other in (("v1", v2()), ("v2", v1())):
        trust = PROXIED.replace("any", version)
        with proxied(kind=trust) as echod:
            expect_served(echod, v1() if version == "v1" else v2())
            ends_as(echod, other, "Protocol not supported")


@test("a header must be complete after three seconds")
def deadline():
    with proxied(server="idle_timeout = 1s") as echod:
        since = time.monotonic()
        silent, half = connect(echod, b""), connect(echod, b"PROXY TCP4 ")
        for sock in (silent, half):
            expect_ended(sock)
            expect(2.9 < time.monotonic() - since < DEADLINE, "the connection was not closed after three seconds")
            echod.log.wait(r"session of 127\.0\.0\.1:%d on local: .* or wrong: Timer expired; 0"
                           % sock.getsockname()[1])


@test("a health check by the proxy, without a header, leaves no session record")
def health_check():
    with proxied() as echod:
        sock = echod.connect()
        port = sock.getsockname()[1]
        sock.close()
        echod.wait_no_workers()
        expect_served(echod, v1()).close()
        echod.log.wait(r"session of 192\.0\.2\.1:4242 ")
        expect(not echod.log.matching(r"session of 127\.0\.0\.1:%d " % port), "the health check has a session record")


# ---- trust ----

@test("only addresses in proxy_trust may send a header; others are refused with the reason")
def trust():
    with proxied(kind=PROXIED.replace("127.0.0.1", "127.0.0.2")) as echod:
        sock = echod.connect()
        expect_equal(recv_until_eof(sock), DENIED, "the reply to a refused client")
        echod.log.wait(r" info: refused 127\.0\.0\.1:%d on local: not a trusted proxy$"
                       % sock.getsockname()[1])
        sock = echod.connect(source="127.0.0.2")
        sock.sendall(v1())
        expect_echo(sock)


@test("proxy_protocol without proxy_trust is an error, except on a Unix socket, whose mode decides")
def trust_missing():
    status, _, err = run_echod("--check-config", config=ini(listen="proxy_protocol = v1\n"))
    expect_equal(status, 78, "the exit status")
    expect_match("set proxy_trust to the addresses of the proxies, or anybody could forge the header", err,
                 "standard error")
    safe = "proxy_protocol = v1\nprotocol = unix\naddress = /run/echod/s\nmode = 0660\n"
    status, _, err = run_echod("--check-config", config=ini(listen=safe))
    expect_equal((status, err), (0, ""), "exit status and standard error")
    status, _, err = run_echod("--check-config", config=ini(listen=safe.replace("0660", "0666")))
    expect_equal(status, 0, "the exit status where everybody may connect")
    expect_match(r"warning: .* proxy_protocol: every local user may connect to the socket, ", err, "standard error")


@test("over a Unix socket, allow and deny apply to the client in the header")
def unix_socket():
    with proxied(kind=UNIX, more="deny = 192.0.2.128/25\n") as echod:
        expect_served(echod, v1()).close()
        echod.log.wait(r"session of 192\.0\.2\.1:4242 by the proxy unix on local: closed")
        expect_refused(echod, v2("192.0.2.200"), DENIED)
        expect_served(echod, LOCAL)


# ---- who is let in ----

@test("allow and deny apply to the client in the header, with the usual reasons")
def access_rules():
    more = "allow = 192.0.2.0/24, 2001:db8::/64\ndeny = 192.0.2.128/25\n"
    with proxied(more=more) as echod:
        expect_served(echod, v1())
        expect_served(echod, v2("2001:db8::1"))
        for header, peer in ((v1("192.0.2.200"), r"192\.0\.2\.200"),
                             (v2("198.51.100.1"), r"198\.51\.100\.1"),
                             (v2("2001:db8:1::1"), r"\[2001:db8:1::1\]"),
                             (v1("::ffff:192.0.2.200"), r"192\.0\.2\.200")):
            sock = connect(echod, header)
            expect_equal(recv_until_eof(sock), DENIED, "the reply to a refused client")
            echod.log.wait(r" info: refused %s:4242%s on local: not allowed$" %
                           (peer, by_proxy(sock)))
        expect_refused(echod, LOCAL, DENIED)
        echod.wait_closed_clients()
        eventually(lambda: len(echod.workers()) == 2, "the workers of those who were refused end")
        status = echod.ask("status")
        expect_equal((status["served"], status["refused"]), (2, 5), "counts of served and refused clients")
        expect(not echod.log.matching(r"session of .*(not allowed|refused)"), "a refused client has a session record")


@test("max_per_source counts the clients in the headers, IPv6 ones by /64")
def per_source():
    with proxied(server="max_per_source = 2") as echod:
        for first, second, other in (("192.0.2.1", "192.0.2.1", "192.0.2.2"),
                                     ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")):
            gone, stays = expect_served(echod, v1(first)), expect_served(echod, v2(second))
            expect_refused(echod, v2(first, port=1), MANY)
            expect_served(echod, v1(other))
            gone.close()
            eventually(lambda: served_again(echod, first), "a place is free again")
            stays.close()
        echod.log.wait(r" info: refused 192\.0\.2\.1:1 by the proxy 127\.0\.0\.1:\d+ on local: too "
                       r"many clients from its source$")


@test("behind a proxy, a client over a limit waits for a moment, and is served if another leaves meanwhile")
def kept():
    for _ in range(10):
        with proxied(server="max_per_source = 1") as echod:
            first = expect_served(echod, v1())
            second = connect(echod, v1(port=1) + b"x")
            eventually(lambda: "192.0.2.1:1" in [row["peer"] for row in echod.ask("list")] or
                       echod.log.matching("refused"), "the client is listed or refused")
            first.close()
            if recv_exactly(second, 1) == b"x":
                return
            # The machine was too slow, and that moment over.
            echod.log.wait(r"refused 192\.0\.2\.1:1 by .*: too many clients from its source$")
    expect(False, "the waiting client was never served")


def served_again(echod, source):
    sock = connect(echod, v1(source) + b"x")
    return recv_exactly(sock, 1) == b"x"


@test("the proxy counts as a source only for its own connections")
def proxy_is_no_source():
    with proxied(server="max_per_source = 1") as echod:
        for i in range(5):
            expect_served(echod, v1("192.0.2.%d" % (i + 1)))
        silent = [echod.connect() for _ in range(3)]
        expect_served(echod, LOCAL)
        expect_refused(echod, UNKNOWN, MANY)
        for sock in silent:
            reset(sock)


@test("max_clients counts connections without a header yet")
def full():
    with proxied(server="max_clients = 2") as echod:
        first, second = echod.connect(), expect_served(echod, v1())
        sock = echod.connect()
        expect_equal(recv_until_eof(sock), b"echod: too many clients, try again later\n", "words")
        first.sendall(v1("192.0.2.7"))
        expect_echo(first)  # the last place is its own
        expect_echo(second)


@test("echoctl check-access applies to the client in a header")
def check_access():
    for kind in (PROXIED, UNIX):
        with proxied(kind=kind, more="deny = 192.0.2.128/25\n") as echod:
            expect_equal(echod.ask("check-access", "198.51.100.1", "local")["verdict"], "allowed",
                         "check-access for a client that no rule denies")
            status, out, _ = echod.ctl("check-access", "192.0.2.200", "local")
            expect_equal((status, "denied" in out), (1, True), "check-access for a client in deny")


# ---- who is shown ----

@test("echoctl list, the process title and whoami show the client")
def shown():
    config = ("[listen local]\naddress = 127.0.0.1\n" + PROXIED +
              "[listen who]\naddress = 127.0.0.1\nservice = whoami\n" + PROXIED)
    with Managed(config) as echod:
        waiting = echod.connect()
        eventually(lambda: [c["peer"] for c in echod.ask("list")] ==
                   ["127.0.0.1:%d" % waiting.getsockname()[1]], "the proxy is shown at first")
        waiting.sendall(v1())
        expect_echo(waiting)
        clients = echod.ask("list")
        expect_equal([(c["peer"], c["state"]) for c in clients], [("192.0.2.1:4242", "serving")],
                     "the list")
        expect_equal(title(clients[0]["id"]), "echod: 192.0.2.1:4242 local echo", "the title")
        sock = connect(echod, v2("2001:db8::7", port=1), name="who")
        reply = json.loads(recv_until_eof(sock))
        expect_equal((reply["peer"], reply["peer_port"]), ("2001:db8::7", 1), "the client")
        expect_equal((reply["proxy"], reply["proxy_port"]), sock.getsockname(), "the proxy")
        expect_equal((reply["destination"], reply["destination_port"]), ("2001:db8::ff", 80),
                     "the destination of the client")
        expect_equal((reply["local"], reply["family"]), ("127.0.0.1", "ipv4"), "the connection")


@test("messages are recorded as the client's")
def messages():
    with proxied(more="service = message\n") as echod:
        expect_equal(recv_exactly(connect(echod, v1() + b"hello\n"), 3), b"OK\n", "the reply")
        echod.log.wait(r" info: message from 192\.0\.2\.1:4242 on local: hello$")


@test("greeting, daytime and chargen wait for the header")
def speakers():
    for service in ("echo", "daytime", "chargen"):
        more = "service = %s\ngreeting = hi\\n\n" % service
        with proxied(more=more) as echod:
            sock = echod.connect()
            expect_silence(sock, 0.2, "nothing is due before the header")
            sock.sendall(v1())
            expect_equal(recv_exactly(sock, 3), b"hi\n", "the greeting")


# ---- reloads and stops ----

@test("a client whose header arrives after a reload is admitted and counted")
def reload_between():
    if VALGRIND:
        raise Skip("under valgrind a reload takes longer than a header may")
    with proxied(server="max_per_source = 2") as echod:
        waiting, served = echod.connect(), expect_served(echod, v1())
        eventually(lambda: len(echod.workers()) == 2, "both clients have workers")
        echod.reload()
        expect_echo(served)
        waiting.sendall(v1(port=2))
        expect_echo(waiting)
        expect_refused(echod, v1(port=3), MANY)
        # A refused client is in the list until its worker has ended.
        eventually_equal(lambda: sorted(c["peer"] for c in echod.ask("list")),
                         ["192.0.2.1:2", "192.0.2.1:4242"], "clients in the list")
        echod.reload()
        expect_refused(echod, v1(port=3), MANY)
        proxy = by_proxy(served)
        served.close()
        echod.log.wait(r"session of 192\.0\.2\.1:4242%s on local: closed by" % proxy)


@test("no access request is lost during repeated reloads")
def reload_under_load():
    with proxied(server="max_per_source = 0") as echod:
        done, failures, count = threading.Event(), [], [0]

        def keep_coming():
            while not done.is_set():
                try:
                    sock = socket.create_connection(echod.address(), DEADLINE)
                    with sock:
                        sock.sendall(v2() + b"x")
                        if sock.recv(1) != b"x":
                            failures.append("no echo")
                    count[0] += 1
                except OSError as error:
                    failures.append(repr(error))

        threads = [threading.Thread(target=keep_coming) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(scaled(15, 3)):
            before = count[0]
            echod.hang_up()
            eventually(lambda: count[0] > before + 8, "clients are served")
        done.set()
        for thread in threads:
            thread.join()
        expect_equal(failures[:3], [], "failures")


@test("a client whose listener is removed before its header arrives is refused")
def reload_takes_it_away():
    if VALGRIND:
        raise Skip("under valgrind a reload takes longer than a header may")
    config = "[listen %s]\naddress = 127.0.0.1\n" + PROXIED
    with Managed(config % "local") as echod:
        sock = echod.connect()
        eventually(echod.workers, "the client has a worker")
        echod.configure(config % "other")
        echod.reload()
        sock.sendall(v1())
        expect_equal(recv_until_eof(sock), DENIED, "the reply to a refused client")


@test("access requests are answered if signals cannot be queued")
def no_queue():
    def no_signals():
        resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))

    with proxied(server="max_per_source = 2", prepare=no_signals) as echod:
        served = [expect_served(echod, v1()) for _ in range(2)]
        expect_refused(echod, v2(), MANY)
        for i in range(scaled(20, 3)):
            served.append(expect_served(echod, v2("198.51.100.%d" % i)))


@test("a stop ends a connection at once whose header has not arrived")
def stop():
    with proxied(server="drain_timeout = 0") as echod:
        sock, half = echod.connect(), connect(echod, b"PROXY TCP4")
        eventually(lambda: len(echod.workers()) == 2, "they have workers")
        echod.kill(signal.SIGTERM)
        expect_ended(sock)
        expect_ended(half)
        expect_equal(echod.wait(), 0, "the exit status")
        echod.log.wait(r"session of .*: closed on request; ", count=2)


@test("--inetd reads the header, too")
def under_inetd():
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(b"\0echod-test-%d" % os.getpid())
        listener.listen()
        ours = socket.socket(socket.AF_UNIX)
        ours.settimeout(DEADLINE)
        ours.connect(listener.getsockname())
        theirs = listener.accept()[0]
    config = "[listen a]\nprotocol = unix\naddress = @echod-test-%d\nproxy_protocol = v1\n"
    with ours, inetd(theirs, config % os.getpid()) as process:
        ours.sendall(v1() + b"hello")
        expect_equal(recv_exactly(ours, 5), b"hello", "the echo")
        ours.close()
        expect_equal(process.wait(DEADLINE), 0, "the exit status")
        expect_match(r"session of 192\.0\.2\.1:4242 by the proxy unix on a: closed by the client",
                     process.stderr.read().decode(), "standard error")


main()
