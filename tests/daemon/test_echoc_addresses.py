"""Host names with several addresses, deadlines, and lack of resources, for every verb."""
import contextlib
import os
import re
import resource
import socket
import struct
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import servers
from expect import Skip, expect, expect_equal, expect_match, scaled
from hosts import with_hosts
from servers import Server, fill_backlog
from tap import main, private_network, test
from verbs import CHECK_ECHO, ECHOC, run

PING = ("ping", "-c", 1)
# Every verb that takes an echo, and what it prints of the address.
VERBS = (PING, ("crr", "-c", 1), ("load", "-c", 2), ("sweep", "--largest", 2), ("send",))
CONNECTED = (("hold", "--for", "10ms", 1), ("idle", "--shortest", "1ms", "--longest", "1ms"))
SHORT, LONG = scaled("300ms", "3s"), 60


def operands(verb, host, port):
    return (*verb, host, port, *(["hello"] if verb[0] == "send" else []))


@contextlib.contextmanager
def black_hole(host, port):
    """An address that answers no SYN: its backlog is full."""
    with socket.socket() as listener:
        listener.bind((host, port))
        clients = fill_backlog(listener)
        yield
        for client in clients:
            client.close()


@contextlib.contextmanager
def names(text, server=""):
    with tempfile.TemporaryDirectory() as where:
        yield with_hosts(where, text, server)


def check(*args, program):
    return run(*args, program=[*program, CHECK_ECHO])


@test("an address that drops SYNs does not delay the attempt at the next one")
def dropped_syn():
    with names("127.0.0.2 two.test\n127.0.0.3 two.test\n") as program, \
            Server(servers.echo, host="127.0.0.3") as server:
        port = server.address[1]
        with black_hole("127.0.0.2", port):
            for verb in (*VERBS, *CONNECTED):
                run(*operands(verb, "two.test", port),
                    "-t", LONG, program=[*program, ECHOC]).ended(0)
            done = check("-H", "two.test", "-p", port, "-t", LONG, program=program).ended(0)
            expect_match("returned by 127.0.0.3:", done.out, "the addresses that are named")
            done = run("path", "-t", LONG, "two.test", port, program=[*program, ECHOC]).ended(1)
            expect_match(r"^echoc: 127\.0\.0\.3:\d+: it is not a whoami service", done.err, "path")


@test("an address that was not tried is not mentioned")
def untried():
    with names("".join("127.0.0.%d many.test\n" % i for i in range(2, 9))) as program, \
            contextlib.ExitStack() as stack:
        with socket.socket() as sock:
            sock.bind(("127.0.0.2", 0))
            port = sock.getsockname()[1]
        for i in range(2, 9):
            stack.enter_context(black_hole("127.0.0.%d" % i, port))
        done = run(*PING, "-t", "15ms", "many.test", port, program=[*program, ECHOC]).ended(1)
        messages = done.err.splitlines()
        expect(0 < len(messages) < 7, "not one message for each address tried: %s" % messages)
        expect_match(r"^echoc: timed out connecting to 127\.0\.0\.2:", messages[0], "the first message")
        done = check("-H", "many.test", "-p", port, "-t", "15ms", program=program).ended(2)
        expect("127.0.0.8" not in done.out, "check_echo names an address that was not tried")


@test("-t and -w end a slow lookup, in every verb")
def slow_lookup():
    if not private_network():
        raise Skip("port 53 may be somebody else's in this network")
    resolver = "127.0.0.1\noptions timeout:30 attempts:5"
    with names("127.0.0.1 localhost\n", resolver) as program, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 53))
        for verb in (*VERBS, *CONNECTED, ("whoami",), ("daytime",)):
            done = run(*operands(verb, "name.test", 7), "-t", SHORT, program=[*program, ECHOC])
            done.ended(69 if verb[0] == "send" else 2)
            expect_match("^echoc: cannot find the address of name.test port 7: "
                         "the name lookup timed out$", done.err, "standard error of %s" % verb[0])
        for verb in (PING, ("crr",), ("idle",)):
            run(*verb, "-t", LONG, "-w", SHORT, "name.test", program=[*program, ECHOC]).ended(2)
        done = check("-H", "name.test", "-t", SHORT, program=program).ended(2)
        expect_match(r"\AECHO CRITICAL - .*the name lookup timed out after \S+\n\Z", done.out, "output of check_echo")


def answer_late(sock, pause):
    """Answers queries for addresses of IPv4 with 127.0.0.1, each after PAUSE seconds."""
    while True:
        query, peer = sock.recvfrom(512)
        if peer == sock.getsockname():
            return
        time.sleep(pause)
        end = query.index(b"\0", 12) + 5
        answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1])
        sock.sendto(query[:2] + b"\x81\x80" + struct.pack(">HHHH", 1, 1, 0, 0) + query[12:end] +
                    answer, peer)


@test("-w, and the timeout of check_echo, include the lookup")
def late_lookup():
    if not private_network():
        raise Skip("port 53 may be somebody else's in this network")
    resolver = "127.0.0.1\noptions timeout:60 attempts:1"
    with names("127.0.0.1 localhost\n", resolver) as program, Server(servers.echo) as server, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 53))
        thread = threading.Thread(target=answer_late, args=(sock, 1), daemon=True)
        thread.start()
        port = server.address[1]
        for args in (("ping",), ("ping", "--flows", 1), ("crr",)):
            done = run(*args, "-4", "-q", "-i", "10ms", "-w", "1500ms", "--json", "late.test", port,
                       program=[*program, ECHOC])
            # Half a second is left at most; without the lookup it would be enough for 150.
            expect(done.summary.get("sent", 0) <= 75, "%s sent: %s" % (args, done.out))
        check("-4", "-H", "late.test", "-p", port, "-t", "500ms", program=program).ended(2)
        sock.sendto(b"", sock.getsockname())
        thread.join()


@test("-w includes connecting")
def deadline():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with black_hole("127.0.0.1", port):
        for verb in (PING, ("crr", "-c", 1), ("idle",)):
            done = run(*verb, "-t", 0, "-w", SHORT, "127.0.0.1", port).ended(1)
            expect_match("timed out connecting to 127.0.0.1|timed out", done.out + done.err, "output")


@test("with datagrams, the next address is tried if the first one refuses or does not answer")
def datagrams():
    with names("127.0.0.2 two.test\n127.0.0.3 two.test\n") as program, \
            Server(servers.echo_datagram, "udp", host="127.0.0.3") as server, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        port = server.address[1]

        def ask(verb):
            return run(*operands(verb, "two.test", port), "-u", "-t", scaled("2s", "20s"),
                       program=[*program, ECHOC])

        def ask_check(*payload):
            return check("-u", "-H", "two.test", "-p", port, *payload, program=program)

        for _ in range(2):
            with ThreadPoolExecutor() as pool:  # each waits for the first for half of its time
                checks = [pool.submit(ask_check), pool.submit(ask_check, "-s", "x")]
                for done in pool.map(ask, VERBS):
                    expect_equal(done.ended(0).err, "", "standard error")
                ask(("whoami",)).ended(0)
            checks[0].result().ended(0)
            expect_match("returned by 127.0.0.3:", checks[1].result().ended(0).out, "the addresses that are named")
            if not silent.getsockname()[1]:
                silent.bind(("127.0.0.2", port))


@test("with datagrams, the reason for each address is printed if none answers")
def no_datagrams():
    with names("127.0.0.2 two.test\n127.0.0.3 two.test\n") as program, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.3", 0))
        port = silent.getsockname()[1]
        done = run("-u", "-t", SHORT, "two.test", port, "hello", program=[*program, ECHOC]).ended(3)
        expect_match(r"^echoc: connection refused by 127\.0\.0\.2:", done.err, "the first")
        expect_match(r"no reply to message 1 from 127\.0\.0\.3:", done.err, "the second")
        done = check("-u", "-t", SHORT, "-H", "two.test", "-p", port, program=program).ended(2)
        expect_match(r"127\.0\.0\.2.*; 127\.0\.0\.3:\d+: timed out waiting", done.out, "both")
        done = run("ping", "-u", "-c", 1, "-W", "100ms", "-t", SHORT, "two.test", port,
                   program=[*program, ECHOC]).ended(1)
        expect_match(r"^ECHO 127\.0\.0\.3:", done.out, "the one that does not refuse is asked")


@test("where no address takes a connection, path and check_echo -v report each one")
def no_connection():
    with names("127.0.0.2 two.test\n127.0.0.3 two.test\n") as program, socket.socket() as unused:
        unused.bind(("127.0.0.3", 0))
        port = unused.getsockname()[1]
        done = run("path", "-t", SHORT, "two.test", port, program=[*program, ECHOC]).ended(1)
        for host in ("127.0.0.2", "127.0.0.3"):
            expect_match("connection refused by %s" % host.replace(".", r"\."), done.err, "the reason")
        done = check("-v", "-t", SHORT, "-H", "two.test", "-p", port, program=program).ended(2)
        expect_equal(sorted(set(re.findall(r"127\.0\.0\.[23]", done.out))), ["127.0.0.2", "127.0.0.3"], "addresses")
        with Server(servers.echo, host="127.0.0.3") as server:
            done = check("-v", "-t", SHORT, "-H", "two.test", "-p", server.address[1], program=program).ended(0)
        expect_match(r"connection refused by 127\.0\.0\.2:", done.out, "the address that failed before")


@test("with datagrams, an address that cannot be sent to is skipped; --verbose prints each")
def unreachable():
    with names("127.0.0.2 two.test\n255.255.255.255 two.test\n") as program, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.2", 0))
        port = silent.getsockname()[1]
        done = run("daytime", "-u", "-v", "-t", SHORT, "two.test", port, program=[*program, ECHOC]).ended(1)
        expect_match(r"127\.0\.0\.2", done.err, "the silent one")
        expect_match(r"255\.255\.255\.255", done.err, "the other one")
        silent.close()
        done = run("ping", "-u", "-c", 1, "-t", SHORT, "two.test", port, program=[*program, ECHOC]).ended(1)
        expect_match(r"^echoc: connection refused by 127\.0\.0\.2", done.err, "the reason")


@contextlib.contextmanager
def one_local_port():
    """The kernel chooses 50000 for every socket that gets a port."""
    path = "/proc/sys/net/ipv4/ip_local_port_range"
    if not private_network():
        raise Skip("the range of local ports is not ours to change")
    with open(path, encoding="ascii") as file:
        before = file.read()
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write("50000 50000")
    except OSError as error:
        raise Skip("the range of local ports cannot be changed") from error
    try:
        yield 50000
    finally:
        with open(path, "w", encoding="ascii") as file:
            file.write(before)


@test("a datagram from a socket that is connected to itself is not an answer")
def to_itself():
    with one_local_port() as port:
        for host in ("127.0.0.1", "::1"):
            for verb in VERBS:
                done = run(*operands(verb, host, port), "-u")
                done.ended(69 if verb[0] == "send" else 1)
                expect_match("refused", done.out + done.err, "output of %s" % verb[0])
            for more in ((), ("-s", "x")):
                done = run("-u", "-H", host, "-p", port, *more, program=[CHECK_ECHO]).ended(2)
                expect_match("connection refused by", done.out, "output of check_echo")


@test("a missing IPv6 is not reported as a shortage: the refusal of the other address counts")
def without_ipv6():
    path = "/proc/sys/net/ipv6/conf/lo/disable_ipv6"
    if not private_network() or not os.path.exists(path):
        raise Skip("IPv6 is not ours to switch off")
    with names("::1 two.test\n127.0.0.1 two.test\n") as program, socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        try:
            with open(path, "w", encoding="ascii") as file:
                file.write("1")
        except OSError as error:
            raise Skip("IPv6 cannot be switched off") from error
        try:
            for verb in (PING, ("load", "-c", 1), ("send",)):
                done = run(*operands(verb, "two.test", port), program=[*program, ECHOC])
                done.ended(69 if verb[0] == "send" else 1)
                expect_match(r"connection refused by 127\.0\.0\.1:", done.err, "the reason")
            check("-H", "two.test", "-p", port, program=program).ended(2)
        finally:
            with open(path, "w", encoding="ascii") as file:
                file.write("0")


@test("running out of descriptors or ports has an exit status of its own")
def ran_short():
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))

    with Server(servers.echo) as server:
        for verb in (*VERBS, *CONNECTED):
            if verb[0] != "send":  # it needs no more
                run(*operands(verb, *server.address), preexec_fn=limit).ended(2)
        with one_local_port(), socket.create_connection(server.address):
            for verb in (*VERBS, *CONNECTED, ("whoami",)):
                done = run(*operands(verb, *server.address))
                done.ended(71 if verb[0] == "send" else 2)
                expect_match("^echoc: .*no local port is free", done.err, "standard error")
            host, port = server.address
            done = run("-H", host, "-p", port, program=[CHECK_ECHO]).ended(3)
            expect_match("^ECHO UNKNOWN - .*no local port is free", done.out, "the line")


main()
