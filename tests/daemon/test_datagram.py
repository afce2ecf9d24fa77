"""Datagrams: which are answered, how, and from which address."""
import os
import re
import signal
import socket
import struct

from clients import expect_echo, recv_exactly, recv_until_eof
from datagrams import (add_ipv6, client, datagram_workers, expect_answer, expect_nothing, named,
                       need_network, section, counter, worker_of)
from expect import DEADLINE, Skip, eventually, expect, expect_equal, expect_match
from harness import inetd, run_echod
from managed import Managed, listen
from proc import title
from tap import main, test

BROADCAST = ("127.255.255.255", 0)


# ---- whole, and from the right address ----

@test("echo: from 0 to 65,507 bytes, whole")
def sizes():
    with Managed(section()) as echod, client() as sock:
        for size in (0, 1, 512, 1472, 1473, 9000, 65507):
            expect_answer(sock, echod.address(), bytes(i * 7 % 253 for i in range(size)))


@test("echo over IPv6: up to 65,527 bytes")
def sizes_ipv6():
    with Managed(section(address="::1")) as echod:
        if not echod.listening:
            raise Skip("no IPv6 on this machine")
        with client("::1") as sock:
            for size in (0, 1, 1452, 1453, 65507, 65527):
                expect_answer(sock, echod.address(), os.urandom(size))


@test("many datagrams of many clients at once: each client gets its own replies in order")
def batches():
    with Managed(section(more="datagram_rate = 0")) as echod:
        socks = [client() for _ in range(20)]
        for number in range(8):
            for i, sock in enumerate(socks):
                sock.sendto(b"%d of %d" % (number, i), echod.address())
        for i, sock in enumerate(socks):
            for number in range(8):
                expect_equal(sock.recv(100), b"%d of %d" % (number, i), "an answer")
            sock.close()


@test("on 0.0.0.0 a reply comes from the address that the request was sent to")
def several_addresses():
    with Managed(section(address="0.0.0.0")) as echod, client() as sock:
        for host in ("127.0.0.1", "127.0.0.2", "127.3.2.1"):
            expect_answer(sock, (host, echod.port))


@test("on [::] a reply comes from the address that the request was sent to, link-local ones included")
def several_addresses_ipv6():
    with Managed(section(address="::")) as echod:
        index = add_ipv6("fd00::1", 128)
        for address in ("fd00::2", "fe80::1", "fe80::2"):
            add_ipv6(address, 128)
        with client("::1") as sock:
            for host in ("fd00::1", "::1", "fd00::2"):
                expect_answer(sock, (host, echod.port))
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.settimeout(DEADLINE)
            sock.bind(("fe80::2", 0, 0, index))
            sock.sendto(b"ping", ("fe80::1", echod.port, 0, index))
            expect_equal(sock.recvfrom(100), (b"ping", ("fe80::1", echod.port, 0, index)),
                         "the answer, and where it comes from")


@test("address = * has a worker for IPv4 and one for IPv6; TCP can use the same port")
def any_address():
    with Managed(section(address="*")) as echod:
        expect_equal(len(echod.listening["local"]), 2, "the number of sockets")
        (_, four), (_, six) = echod.listening["local"]
        with client() as sock:
            expect_answer(sock, ("127.0.0.1", four))
        with client("::1") as sock:
            expect_answer(sock, ("::1", six))
        expect_equal(len(datagram_workers(echod)), 2, "the number of workers")
        echod.configure(section(address="*") + listen("tcp", four))
        echod.reload()
        expect_echo(echod.connect("tcp"))
        with client() as sock:
            expect_answer(sock, ("127.0.0.1", four))


# ---- services ----

@test("a datagram worker has a title, and does not count as a client")
def no_client():
    config = "[server]\nmax_clients = 1\n" + section("one") + section("two") + listen("tcp")
    with Managed(config) as echod:
        with client() as sock:
            for name in ("one", "two"):
                expect_answer(sock, echod.address(name))
                expect_equal(title(worker_of(echod, name)), "echod: udp 127.0.0.1:%d %s echo" %
                             (echod.address(name)[1], name), "the title of a worker")
        expect_echo(echod.connect("tcp"))
        expect_equal(len(echod.ask("list")), 1, "the number of clients")
        found = echod.ask("status")
        expect_equal((found["clients"], found["served"], found["listeners"]), (1, 1, 3),
                     "clients, clients served, listeners")


@test("daytime replies with the time to any datagram; discard does not reply")
def daytime_and_discard():
    config = section("time", more="service = daytime") + section("away", more="service = discard")
    with Managed(config) as echod, client() as sock:
        for data in (b"", b"what time is it?"):
            sock.sendto(data, echod.address("time"))
            expect_match(rb"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\r\n$".decode(),
                         sock.recv(100).decode(), "the time")
        sock.sendto(b"anything", echod.address("away"))
        eventually(lambda: counter(echod, "datagrams_in") == 3, "the datagram to discard is counted")
        expect_equal((counter(echod, "datagrams_out"), counter(echod, "datagram_bytes_in")), (2, 24),
                     "datagrams sent, bytes received")


@test("message: each datagram is a message, and is answered with OK once stored, or with the reason why not")
def messages():
    more = "service = message\nreply = got it\nmax_message = 20"
    with Managed(section(more=more)) as echod, client() as sock:
        for data, text in ((b"hello", "hello"), (b"hello\n", "hello"), (b"two\r\nlines\r\n",
                           r"two\\x0d\\x0alines"), (b"", ""), (b"\xff" * 20, r"(\\xff){20}")):
            expect_answer(sock, echod.address(), data, b"got it\n")
            echod.log.wait(r" info: message from 127\.0\.0\.1:%d on local: %s$" %
                           (sock.getsockname()[1], text))
        expect_answer(sock, echod.address(), b"x" * 21, b"ERR a message has at most 20 bytes\n")
        expect_equal((counter(echod, "datagram_messages"), counter(echod, "unanswered_too_long")),
                     (5, 1), "messages stored, messages too long")


@test("message without a reply sends nothing, so equal datagrams are never taken for a loop")
def no_reply():
    with Managed(section(more="service = message\nreply =\nmax_message = 20\n"
                         "datagram_rate = 0")) as echod:
        with client("127.0.0.2", echod.port) as sock:
            for number in range(600):
                sock.sendto(b"I am here", echod.address())
                if number % 100 == 99:
                    eventually(lambda: counter(echod, "datagram_messages") == number + 1,
                               "the messages are stored")
            sock.sendto(b"x" * 21, echod.address())
            eventually(lambda: counter(echod, "unanswered_too_long") == 1, "the datagram is counted")
        found = echod.log.wait(r" info: message from 127\.0\.0\.2:%d on local: I am here$" %
                               echod.port, count=600)
        expect_equal((len(found), counter(echod, "datagrams_out")), (600, 0),
                     "messages in the log, datagrams sent")


# ---- datagrams that are not answered ----

@test("a source port below 1024 is not answered")
def low_port():
    need_network()
    with Managed(section()) as echod, client() as later:
        for number, port in enumerate((1, 7, 100, 1023), 1):
            with client(port=port) as sock:
                sock.sendto(b"ping", echod.address())
                expect_nothing(sock, later, echod.address())
            eventually(lambda: counter(echod, "unanswered_low_port") == number, "the datagram is counted")
        with client(port=1024) as sock:
            expect_answer(sock, echod.address())


@test("a source port that is one of our own is not answered, whatever the address")
def own_port():
    with Managed(section("one") + section("two")) as echod, client() as later:
        for number, name in enumerate(("one", "two"), 1):
            with client("127.0.0.2", echod.address(name)[1]) as sock:
                sock.sendto(b"ping", echod.address("one"))
                expect_nothing(sock, later, echod.address("one"))
            eventually(lambda: counter(echod, "unanswered_own_port") == number, "the datagram is counted")


@test("a datagram to a broadcast address is not answered")
def broadcast():
    need_network()
    with Managed(section(address="0.0.0.0")) as echod, client() as sock, client() as later:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.sendto(b"ping", (BROADCAST[0], echod.port))
        expect_nothing(sock, later, ("127.0.0.1", echod.port))
        eventually(lambda: counter(echod, "unanswered_not_unicast") == 1, "the datagram is counted")


@test("a datagram to a multicast address is not answered")
def multicast():
    need_network()
    with Managed(section(address="0.0.0.0")) as echod:
        with client() as sock, client() as later, client("0.0.0.0") as member:
            group = socket.inet_aton("239.1.2.3") + socket.inet_aton("127.0.0.1")
            member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                            socket.inet_aton("127.0.0.1"))
            sock.sendto(b"ping", ("239.1.2.3", echod.port))
            expect_nothing(sock, later, ("127.0.0.1", echod.port))
            eventually(lambda: counter(echod, "unanswered_not_unicast") == 1, "the datagram is counted")


@test("allow and deny apply to datagrams")
def access():
    more = "allow = 127.0.0.0/30\ndeny = 127.0.0.2"
    with Managed(section(more=more)) as echod, client() as later:
        for number, host in enumerate(("127.0.0.2", "127.0.0.4"), 1):
            with client(host) as sock:
                sock.sendto(b"ping", echod.address())
                expect_nothing(sock, later, echod.address())
            eventually(lambda: counter(echod, "unanswered_denied") == number, "the datagram is counted")


@test("check-access agrees with what happens to datagrams, to which client limits do not apply")
def check_access():
    config = ("[server]\nmax_clients = 1\n" + section(more="deny = 127.0.0.2") + listen("tcp") +
              unix("file", "unix-dgram"))
    with Managed(config) as echod:
        echod.echoing(name="tcp")
        for address, listener, verdict in (("127.0.0.1", "tcp", "refused"),
                                           ("127.0.0.1", "local", "allowed"),
                                           ("127.0.0.2", "local", "denied"),
                                           ("unix", "file", "allowed")):
            out = echod.ctl("check-access", address, listener)[1]
            expect(out.startswith(verdict + ": "), "unexpected verdict: " + out)


# ---- Unix sockets ----

def unix(name, protocol, more=""):
    return "[listen %s]\nprotocol = %s\naddress = @DIR@/%s\n%s\n" % (name, protocol, name, more)


@test("unix-dgram: a sender with a name gets a reply; one without is counted")
def unix_dgram():
    with Managed(unix("file", "unix-dgram")) as echod:
        with named(echod.path("client")) as sock:
            for size in (0, 1, 65536):
                expect_answer(sock, echod.address("file"), os.urandom(size))
            sock.sendto(b"x" * 65537, echod.address("file"))
            expect_nothing(sock, sock, echod.address("file"))
        with named("\0echod-test-datagram-%d" % os.getpid()) as sock:
            expect_answer(sock, echod.address("file"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"ping", echod.address("file"))
        eventually(lambda: counter(echod, "unanswered_unnamed") == 1, "the datagram is counted")
        expect_equal(counter(echod, "unanswered_too_long"), 1, "datagrams that were too long")


@test("unix-dgram: passed descriptors are closed, and the worker does not wait for a sender that does not read")
def unix_dgram_hostile():
    with Managed(unix("file", "unix-dgram")) as echod:
        worker = worker_of(echod, "file")
        with named(echod.path("good")) as good, named(echod.path("bad")) as bad:
            expect_answer(good, echod.address("file"))
            before = len(os.listdir("/proc/%d/fd" % worker))
            for _ in range(20):
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", bad.fileno()))]
                try:
                    good.sendmsg([b"ping"], rights, 0, echod.address("file"))
                except PermissionError:  # the kernel turns them away (test_rights.py)
                    good.sendto(b"ping", echod.address("file"))
                expect_equal(good.recv(10), b"ping", "the answer")
            expect_equal(len(os.listdir("/proc/%d/fd" % worker)), before, "open descriptors")
            for number in range(1000):
                bad.sendto(b"%d" % number, echod.address("file"))
            expect_answer(good, echod.address("file"))
        expect(counter(echod, "unanswered_not_sent") > 0, "no unsent reply is counted")


@test("unix-dgram: a client that makes the server answer itself does not keep it busy")
def unix_dgram_loop():
    with Managed(unix("file", "unix-dgram")) as echod:
        worker = worker_of(echod, "file")
        os.kill(worker, signal.SIGSTOP)
        with named(echod.path("client")) as sock:
            for number in range(5):
                sock.sendto(b"loop %d" % number, echod.address("file"))
        os.unlink(echod.path("client"))
        os.symlink(echod.address("file"), echod.path("client"))
        os.kill(worker, signal.SIGCONT)
        eventually(lambda: counter(echod, "unanswered_loop") == 5, "each datagram is dropped as a loop")
        before = counter(echod, "datagrams_in")
        with named(echod.path("good")) as good:
            expect_answer(good, echod.address("file"))
        expect_equal(counter(echod, "datagrams_in"), before + 1, "datagrams received")


@test("unix-dgram: messages are stored, also from senders without a name")
def unix_dgram_messages():
    with Managed(unix("file", "unix-dgram", "service = message")) as echod:
        with named(echod.path("client")) as sock:
            expect_answer(sock, echod.address("file"), b"hello", b"OK\n")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"nobody", echod.address("file"))
        echod.log.wait(r" info: message from unix:\S+/client on file: hello$")
        echod.log.wait(r" info: message from unix on file: nobody$")


def seqpacket(echod, name="file"):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.settimeout(DEADLINE)
    sock.connect(echod.address(name))
    return sock


@test("unix-seqpacket: packets are echoed one by one, with a process per client; too long a packet ends the session")
def packets():
    with Managed(unix("file", "unix-seqpacket", "greeting = hi")) as echod:
        with seqpacket(echod) as sock:
            expect_equal(sock.recv(100), b"hi", "the greeting")
            for size in (1, 5, 65536, 2):
                sock.send(b"p" * size)
            for size in (1, 5, 65536, 2):
                expect_equal(sock.recv(1 << 17), b"p" * size, "a packet")
            expect_equal([row["listener"] for row in echod.ask("list")], ["file"], "the clients")
        echod.log.wait(r" session of unix on file: closed by the client; 65544 bytes in, 65546 out")
        with seqpacket(echod) as sock:
            sock.send(b"p" * 65537)
            expect_equal(sock.recv(100), b"hi", "the greeting")
            expect_equal(sock.recv(100), b"", "the end")
        echod.log.wait(r" notice: session of unix on file: closed because its message was too long")


@test("unix-seqpacket: each packet is a message")
def packet_messages():
    more = "service = message\nmax_message = 10\nmax_messages = 3"
    with Managed(unix("file", "unix-seqpacket", more)) as echod:
        with seqpacket(echod) as sock:
            for data in (b"one", b"two\nlines\n", b"three\r\n"):
                sock.send(data)
                expect_equal(sock.recv(100), b"OK\n", "the reply")
            expect_equal(sock.recv(100), b"", "the end")
        for text in ("one", r"two\\x0alines", "three"):
            echod.log.wait(r" info: message from unix on file: %s$" % text)
        for data in (b"x" * 11, b"x" * 70000):
            with seqpacket(echod) as sock:
                sock.send(data)
                expect_equal(sock.recv(100), b"ERR a message has at most 10 bytes\n", "the error")
                expect_equal(sock.recv(100), b"", "the end")


# ---- configuration ----

@test("a UDP port in use exits with status 69, even if the other program would share it")
def in_use():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        status, _, err = run_echod(config=section(port=port))
    expect_equal(status, 69, "the exit status")
    expect_match(r" error: listener local: 127\.0\.0\.1:%d is in use by another program "
                 r"\(ss -uanp sport = :%d shows which\)$" % (port, port), err, "standard error")


@test("two datagram listeners on one port are an error; a stream listener on the same port is not")
def clashes():
    status, _, err = run_echod(config=section("one", 7777) + section("two", 7777) +
                               listen("tcp", 7777))
    expect_equal(status, 78, "the exit status")
    expect_equal(len(re.findall("is already used by", err)), 1, "the number of clashes")
    expect_match(r"\[listen two\] address: 127\.0\.0\.1:7777 is already used by \[listen one\]$",
                 err, "standard error")
    both = unix("a", "unix-dgram").replace("@DIR@", "/run")
    other = both.replace("[listen a]", "[listen b]").replace("unix-dgram", "unix")
    status, _, err = run_echod(config=both + other)
    expect_equal(status, 78, "the exit status")
    expect_match(r"\[listen b\] address: unix:/run/a is already used by \[listen a\]$", err,
                 "standard error")


@test("--inetd never matches a connection with a datagram listener")
def inetd_connection():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        ours = socket.create_connection(server.getsockname(), timeout=DEADLINE)
        theirs, port = server.accept()[0], server.getsockname()[1]
    config = section("dgram", port) + listen("tcp", port, "greeting = a connection")
    with ours, inetd(theirs, config) as process:
        expect_equal(recv_exactly(ours, 12), b"a connection", "the greeting")
        ours.shutdown(socket.SHUT_WR)
        expect_equal(recv_until_eof(ours), b"", "data after the reply")
        expect_equal(process.wait(DEADLINE), 0, "the exit status")
        process.stderr.close()


main()
