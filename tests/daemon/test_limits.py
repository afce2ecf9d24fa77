"""Access control: the number of clients, in total and per source, and lists of addresses."""
import os
import re
import signal
import socket
import subprocess

from clients import expect_echo, expect_silence, recv_exactly, recv_until_eof
from expect import DEADLINE, Skip, eventually, expect, expect_equal, scaled
from harness import Echod
from managed import Managed, listen
from proc import descriptors, is_alive, state
from tap import as_network_admin, main, private_network, test

FULL = b"echod: too many clients, try again later\n"
MANY = b"echod: too many clients from your address, try again later\n"
DENIED = b"echod: access denied\n"


def expect_refused(echod, words, reason, **how):
    sock = echod.connect(**how)
    expect_equal(recv_until_eof(sock), words, "the reply to a refused client")
    host, port = sock.getsockname()[:2]
    name = ("[%s]:%d" if ":" in host else "%s:%d") % (host, port)
    echod.log.wait(re.escape(" info: refused %s on local: %s" % (name, reason)) + "$")


@test("when_full = refuse: the client gets the reason, and is admitted once another has left")
def refuse():
    with Echod(server="max_clients = 2") as echod:
        first, second = echod.echoing(), echod.echoing()
        expect_refused(echod, FULL, "full")
        expect_echo(first)
        first.close()
        eventually(lambda: len(echod.workers()) == 1, "the first worker is gone")
        expect_echo(echod.connect())
        expect_echo(second)


@test("a refused client that sends first also gets the reason")
def refuse_speaker():
    with Echod(server="max_clients = 1") as echod:
        echod.echoing()
        for _ in range(20):
            sock = echod.connect()
            try:
                sock.sendall(b"hello")
            except ConnectionError:
                pass  # refused and reset already, which is no reason to lose the words
            expect_equal(sock.recv(1024), FULL, "the reply to a refused client")


@test("when_full = queue: the next client is served once another has left, not before")
def queue():
    with Echod(server="max_clients = 1\nwhen_full = queue") as echod:
        first = echod.echoing()
        second = echod.connect()
        second.sendall(b"waiting")
        expect_silence(second, 0.3, "the second client has to wait")
        expect_equal(len(echod.workers()), 1, "the number of workers")
        expect_echo(first)
        first.close()
        expect_equal(second.recv(1024), b"waiting", "the echo once there is room")
        second.close()
        echod.log.wait(" 7 bytes in, 7 out, ")
        expect_equal(echod.log.matching("refused"), [], "the refusals")


@test("when_full = queue: all of many waiting clients are served")
def queue_crowd():
    with Echod(server="max_clients = 3\nwhen_full = queue") as echod:
        crowd = [echod.connect() for _ in range(30)]
        for i, sock in enumerate(crowd):
            sock.sendall(b"client %d" % i)
        for i, sock in enumerate(crowd):
            expect_equal(sock.recv(1024), b"client %d" % i, "the echo")
            expect(len(echod.workers()) <= 3, "there are more than three workers")
            sock.close()


@test("max_per_source counts each address separately, and only current clients")
def per_source():
    with Echod(server="max_per_source = 2") as echod:
        first = echod.echoing(source="127.0.0.2")
        echod.echoing(source="127.0.0.2")
        expect_refused(echod, MANY, "too many clients from its source", source="127.0.0.2")
        echod.echoing(source="127.0.0.3")
        echod.echoing(source="127.0.0.3")
        expect_refused(echod, MANY, "too many clients from its source", source="127.0.0.3")
        first.close()
        eventually(lambda: len(echod.workers()) == 3, "the first worker is gone")
        expect_echo(echod.connect(source="127.0.0.2"))


@test("max_per_source counts over all listeners")
def per_source_over_listeners():
    config = ("[server]\nmax_per_source = 1\n[listen local]\naddress = 127.0.0.1\nport = 0\n"
              "[listen other]\naddress = 127.0.0.1\nport = 0\n")
    with Echod(config) as echod:
        echod.echoing(name="other")
        expect_refused(echod, MANY, "too many clients from its source")


# ---- those who come while a limit is reached ----

def one_after_the_other(echod, count, waits):
    """COUNT clients that come as soon as the one before has closed; if WAITS, once it has seen that
    echod has, too. Returns how many were refused."""
    refused = 0
    for _ in range(count):
        with socket.create_connection(echod.address(), timeout=DEADLINE) as sock:
            try:
                sock.sendall(b"ping")
                refused += recv_exactly(sock, 4) != b"ping"
                if waits:
                    sock.shutdown(socket.SHUT_WR)
                    recv_until_eof(sock)
            except ConnectionError:
                refused += 1
    return refused


@test("a client that closes and reconnects at once is not refused because of its old session")
def one_at_a_time():
    count = scaled(200, 50)
    for limit in ("max_per_source = 1", "max_clients = 1"):
        with Echod(server=limit) as echod:
            for waits in (True, False):
                # A machine that has much to do may take longer than a client is kept. Were it not
                # kept, half of them would be refused.
                refused = one_after_the_other(echod, count, waits)
                expect(refused <= count // 10, "%d of %d were refused (%s)" %
                       (refused, count, limit))


@test("a client over a limit waits for a moment, and is served if another leaves meanwhile")
def kept():
    for _ in range(10):
        with Echod(server="max_per_source = 1") as echod:
            first = echod.echoing()
            echod.wait_closed_clients()
            second = echod.connect()
            second.sendall(b"ping")
            eventually(lambda: len(descriptors(echod.pid)) > echod.descriptor_count or
                       echod.log.matching("refused"), "the client is accepted")
            first.close()
            if second.recv(4) == b"ping":
                return
            # The machine was too slow, and that moment over.
            echod.log.wait("refused .*: too many clients from its source")
    expect(False, "the waiting client was never served")


@test("a client over a limit continues to wait during a reload, and is served if another leaves")
def kept_over_a_reload():
    for _ in range(10):
        with Managed(server="max_per_source = 1") as echod:
            first = echod.echoing()
            echod.wait_closed_clients()
            second = echod.connect()
            second.sendall(b"ping")
            eventually(lambda: len(descriptors(echod.pid)) > echod.descriptor_count or
                       echod.log.matching("refused"), "the client is accepted")
            echod.hang_up()
            first.close()
            if second.recv(4) == b"ping":
                return
            # The machine was too slow, and that moment over.
            echod.log.wait("refused .*: too many clients from its source")
    expect(False, "the waiting client was never served")


@test("a waiting client whose listener is removed by a reload is refused with the reason")
def kept_for_nothing():
    for _ in range(10):
        with Managed("[server]\nmax_per_source = 1\n" + listen("local") + listen("other")) as echod:
            first = echod.echoing()
            echod.wait_closed_clients()
            second = echod.connect(name="other")
            eventually(lambda: len(descriptors(echod.pid)) > echod.descriptor_count or
                       echod.log.matching("refused"), "the client is accepted")
            echod.configure("[server]\nmax_per_source = 1\n" + listen("local"))
            echod.hang_up()
            words = recv_until_eof(second)
            expect_echo(first)
            if words == DENIED:
                echod.log.wait(r" info: refused 127\.0\.0\.1:\d+ on other: not allowed$")
                return
            expect_equal(words, MANY, "the reply to a client that waited too long")
    expect(False, "no client waited long enough")


@test("clients beyond the waiting list are refused with the same reason, also during reloads")
def crowd_over_reloads():
    with Managed(server="max_per_source = 1") as echod:
        first = echod.echoing()
        for _ in range(5):
            socks = [echod.connect() for _ in range(10)]
            echod.reload()
            for sock in socks:
                expect_equal(recv_until_eof(sock), MANY, "the reply to a refused client")
        expect_echo(first)


@test("an echod that stops serves no waiting client")
def not_over_a_stop():
    for _ in range(10):
        with Echod(server="max_clients = 1") as echod:
            first = echod.echoing()
            echod.wait_closed_clients()
            worker = echod.workers()[0]
            second = echod.connect()
            second.sendall(b"ping")
            eventually(lambda: len(descriptors(echod.pid)) > echod.descriptor_count or
                       echod.log.matching("refused"), "the client is accepted")
            # It finds both at once: that it is to stop, and that there is room.
            os.kill(echod.pid, signal.SIGSTOP)
            eventually(lambda: state(echod.pid) == "T", "the daemon is stopped")
            too_late = echod.log.matching("refused")
            first.close()
            eventually(lambda: not is_alive(worker), "the first worker has ended")
            os.kill(echod.pid, signal.SIGTERM)
            os.kill(echod.pid, signal.SIGCONT)
            answer = second.recv(1024)
            if answer == b"ping":
                continue  # the end of the first one had been read before the daemon stood still
            expect_equal(answer, FULL, "the reply to the second client")
            if not too_late:
                return
    expect(False, "the second client is never kept")


@test("clients beyond the waiting list are refused with the same reason")
def waiting_list_full():
    with Echod(server="max_per_source = 1") as echod:
        first = echod.echoing()
        for sock in [echod.connect() for _ in range(60)]:
            expect_equal(recv_until_eof(sock), MANY, "the reply to a refused client")
        echod.log.wait("refused .*: too many clients from its source", count=60)
        echod.wait_closed_clients()
        expect_echo(first)


# ---- what a source is ----

@test("source_prefix sets the bits of an IPv4 address that make a source")
def source_prefix():
    with Echod(server="max_per_source = 1\nsource_prefix = 30, 64") as echod:
        first = echod.echoing(source="127.0.0.4")
        expect_refused(echod, MANY, "too many clients from its source", source="127.0.0.7")
        echod.echoing(source="127.0.0.3")
        echod.echoing(source="127.0.0.8")
        first.close()
        eventually(lambda: len(echod.workers()) == 2, "the first worker is gone")
        expect_echo(echod.connect(source="127.0.0.6"))


def add_ipv6_addresses(*addresses):
    if not private_network():
        raise Skip("the host's loopback is given no further addresses")
    for address in addresses:
        added = subprocess.run(["ip", "-6", "addr", "add", address + "/128", "dev", "lo", "nodad"],
                               stderr=subprocess.DEVNULL, preexec_fn=as_network_admin,
                               check=False).returncode
        if added != 0:
            raise Skip("the loopback interface cannot be given IPv6 addresses")


@test("max_per_source counts an IPv6 /64 as one")
def per_source_ipv6():
    add_ipv6_addresses("fd00:0:0:1::1", "fd00:0:0:1::2", "fd00:0:0:2::1")
    with Echod(server="max_per_source = 1", listen="address = ::1\nport = 0") as echod:
        echod.echoing(source="fd00:0:0:1::1")
        expect_refused(echod, MANY, "too many clients from its source", source="fd00:0:0:1::2")
        echod.echoing(source="fd00:0:0:2::1")


@test("source_prefix sets the bits of an IPv6 address that make a source, up to all of them")
def source_prefix_ipv6():
    # 10::/60 holds networks 10 to 1f.
    add_ipv6_addresses("fd00:0:1:10::1", "fd00:0:1:1f::1", "fd00:0:1:20::1", "fd00:0:1:20::2")
    with Echod(server="max_per_source = 1\nsource_prefix = 32, 60",
               listen="address = ::1\nport = 0") as echod:
        echod.echoing(source="fd00:0:1:10::1")
        expect_refused(echod, MANY, "too many clients from its source", source="fd00:0:1:1f::1")
        echod.echoing(source="fd00:0:1:20::1")
    with Echod(server="max_per_source = 1\nsource_prefix = 32, 128",
               listen="address = ::1\nport = 0") as echod:
        echod.echoing(source="fd00:0:1:20::1")
        echod.echoing(source="fd00:0:1:20::2")
        expect_refused(echod, MANY, "too many clients from its source", source="fd00:0:1:20::2")


@test("one user, even root, cannot take every place over a Unix socket, unless max_per_source = 0")
def per_source_unix():
    config = ("[server]\nmax_clients = 6\nmax_per_source = %d\n[listen local]\n"
              "protocol = unix\naddress = @DIR@/s\n[listen net]\naddress = 127.0.0.1\nport = 0\n")
    with Echod(config % 3) as echod:
        for sock in [echod.echoing() for _ in range(3)]:
            expect_echo(sock)
        expect_equal(recv_until_eof(echod.connect()), MANY, "the reply to one more client")
        expect_echo(echod.connect("net"))
    with Echod(config % 0) as echod:
        for sock in [echod.echoing() for _ in range(6)]:
            expect_echo(sock)


@test("allow admits only the addresses that it lists")
def allow():
    with Echod(listen="allow = 127.0.0.2, 127.1.0.0/16, ::1") as echod:
        expect_refused(echod, DENIED, "not allowed", source="127.0.0.1")
        expect_refused(echod, DENIED, "not allowed", source="127.0.0.3")
        expect_refused(echod, DENIED, "not allowed", source="127.2.0.1")
        expect_echo(echod.connect(source="127.0.0.2"))
        expect_echo(echod.connect(source="127.1.2.3"))


@test("deny refuses the addresses that it lists, even if allow lists them, too")
def deny():
    with Echod(listen="allow = 127.0.0.0/8\ndeny = 127.0.0.2/31") as echod:
        expect_refused(echod, DENIED, "not allowed", source="127.0.0.2")
        expect_refused(echod, DENIED, "not allowed", source="127.0.0.3")
        expect_echo(echod.connect(source="127.0.0.4"))


@test("an allow list of IPv4 addresses admits no IPv6 client")
def allow_other_family():
    with Echod(listen="address = ::1\nport = 0\nallow = 0.0.0.0/0") as echod:
        expect_refused(echod, DENIED, "not allowed")


@test("refused clients take no place")
def refused_take_no_place():
    with Echod(server="max_clients = 1\nmax_per_source = 1", listen="deny = 127.0.0.2") as echod:
        for _ in range(5):
            expect_equal(recv_until_eof(echod.connect(source="127.0.0.2")), DENIED, "the words")
        expect_echo(echod.connect())


main()
