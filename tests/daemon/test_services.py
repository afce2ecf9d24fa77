"""The services that send without being asked: daytime, chargen, whoami."""
import datetime
import json
import os
import signal
import socket

from clients import recv_exactly, recv_until_eof
from expect import DEADLINE, Skip, eventually, expect, expect_equal, expect_match, scaled
from harness import Echod, inetd, ini, run_echod
from managed import RELOADED, Passed
from proc import title
from tap import main, private_network, test

ROUND = b"".join(bytes(32 + (line + column) % 95 for column in range(72)) + b"\r\n"
                 for line in range(95))
UNIX = "protocol = unix\naddress = @DIR@/echo.sock\n"
KINDS = ("", UNIX)  # over TCP, and over a Unix socket


def listening(service, kind="", server="", more=""):
    return Echod(server=server, listen=kind + "service = %s\n" % service + more)


# ---- daytime ----

SECOND = datetime.timedelta(seconds=1)


@test("daytime sends a line, the time in UTC, and closes")
def daytime():
    for kind in KINDS:
        with listening("daytime", kind) as echod:
            # time(2) may be some milliseconds behind, and so in the second before.
            before = (datetime.datetime.utcnow() - SECOND).replace(microsecond=0)
            line = recv_until_eof(echod.connect()).decode()
            expect(line.endswith("Z\r\n"), "the line ends with Z CR LF: %r" % line)
            reported = datetime.datetime.fromisoformat(line[:-3])
            expect(before <= reported <= datetime.datetime.utcnow(), "not the current time: " + line)
            for sock in echod.sockets:
                sock.close()
            echod.log.wait(r" info: session of .* on local: closed because the service was "
                           r"complete; 0 bytes in, 22 out")


@test("the greeting precedes the line of daytime")
def daytime_greeting():
    with listening("daytime", more="greeting = It is\\n\n") as echod:
        expect_match(r"\AIt is\n20..-", recv_until_eof(echod.connect()).decode(), "data received")


# ---- chargen ----

@test("chargen sends the rotating pattern until the client closes, which is recorded")
def chargen():
    for kind in KINDS:
        with listening("chargen", kind, more="greeting = hi\n") as echod:
            sock = echod.connect()
            expect_equal(recv_exactly(sock, 2), b"hi", "the greeting")
            rounds = scaled(50, 5)
            expect(recv_exactly(sock, rounds * len(ROUND)) == rounds * ROUND, "the pattern")
            sock.close()
            echod.log.wait(r" info: session of .* on local: (closed|reset) by the client; 0 bytes")
            echod.wait_no_workers()


@test("chargen receives from a client that does not read, and continues the pattern")
def chargen_flooded():
    with listening("chargen") as echod:
        sock = echod.connect()
        sock.sendall(b"x" * scaled(1 << 26, 1 << 23))
        expect(recv_exactly(sock, 10 * len(ROUND)) == 10 * ROUND, "the pattern")
        sock.shutdown(socket.SHUT_WR)
        recv_until_eof(sock)
        echod.log.wait(r"closed by the client; %d bytes in" % scaled(1 << 26, 1 << 23))


@test("chargen: a client that does not read is idle; session_timeout ends one that reads")
def chargen_times():
    with listening("chargen", server="idle_timeout = 100ms") as echod:
        echod.connect()
        echod.log.wait(r"session of .*: closed because it was idle; ")
    with listening("chargen", server="session_timeout = 200ms") as echod:
        expect(len(recv_until_eof(echod.connect())) > 0, "the pattern")
        echod.log.wait(r"session of .*: closed because it reached session_timeout; ")


@test("a stop ends clients of chargen in time, whether they read or not")
def chargen_stop():
    with listening("chargen", server="drain_timeout = 0") as echod:
        recv_exactly(echod.connect(), 100)
        recv_exactly(echod.connect(), 100)
        echod.kill(signal.SIGTERM)
        recv_until_eof(echod.sockets[0])
        expect_equal(echod.wait(), 0, "the exit status")
        expect_equal(len(echod.log.wait(r"session of .*: closed on request; ",
                                        count=2)), 2, "the sessions")
        expect(not echod.log.matching("cut off"), "a session was cut off")


# ---- whoami ----

def ask(echod):
    text = recv_until_eof(echod.connect())
    expect_equal(text[-1:], b"\n", "the end of the line")
    expect_equal(text.count(b"\n"), 1, "the number of lines")
    return json.loads(text)


@test("whoami describes both ends of a TCP connection in a line of JSON")
def whoami_tcp():
    with listening("whoami") as echod:
        reply = ask(echod)
        expect_equal((reply["peer"], reply["peer_port"]), echod.sockets[0].getsockname(), "the peer")
        expect_equal((reply["local"], reply["local_port"]), echod.address(), "the local end")
        expect_equal(reply["family"], "ipv4", "the family")
        expect_equal(reply["listener"], "local", "the listener")
        expect_equal(reply["host"], socket.gethostname(), "the host")
        expect(reply["mss"] > 0 and reply["rtt_us"] >= 0, "MSS and RTT: %r" % reply)
        expect_equal([reply[key] for key in ("retransmits", "lost", "rwnd_limited_us",
                                             "sndbuf_limited_us", "limited_by")],
                     [0, 0, 0, 0, "application"], "TCP facts of a path without faults")
        expect(all(isinstance(reply[key], int) for key in ("rttvar_us", "min_rtt_us", "busy_us",
                                                           "delivery_rate")), "numbers: %r" % reply)
        record = echod.log.wait(r"session of .*: closed because the service was complete; 0 bytes")
        expect_equal(len(record), 1, "the records")


@test("whoami reports the SYN as it arrived: DSCP, ECN, options, and what was negotiated")
def whoami_syn():
    with listening("whoami") as echod, socket.socket() as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 46 << 2)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 77)
        sock.settimeout(DEADLINE)
        sock.connect(echod.address())
        reply = json.loads(recv_until_eof(sock))
    expect_equal([reply["syn"], reply["syn_missing"], reply["syn_ttl"], reply["syn_dscp"]],
                 ["client", None, 77, 46], "whose SYN it is, and its marks")
    expect(reply["syn_mss"] > 500 and reply["sent_mss"] > 500, "an MSS each way: %r" % reply)
    names = reply["syn_options"].split(",")
    expect_equal([reply["syn_sack"], reply["syn_timestamps"], reply["syn_window_scale"] is not None],
                 [name in names for name in ("sack", "timestamps", "window_scale")],
                 "the options, each and in their order")
    expect(reply["agreed"] is not None, "no value for agreed")


@test("whoami reports the SYN on an inherited listener, and on one whose service was changed by a reload")
def whoami_syn_later():
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        given.listen()
        section = "[listen local]\naddress = 127.0.0.1\nport = %d\nservice = whoami\n"
        with Passed(section % given.getsockname()[1], given):
            with socket.create_connection(given.getsockname(), timeout=DEADLINE) as sock:
                expect_equal(json.loads(recv_until_eof(sock))["syn"], "client", "an inherited one")
    with listening("echo") as echod:
        echod.write("echod.conf", "[listen local]\naddress = 127.0.0.1\nport = %d\n"
                    "service = whoami\n" % echod.port)
        echod.kill(signal.SIGHUP)
        echod.log.wait(RELOADED)
        expect_equal(ask(echod)["syn"], "client", "the SYN on a listener that served echo before")


@test("whoami reports no SYN if the kernel used SYN cookies, with the reason")
def whoami_syn_cookies():
    if not private_network():
        raise Skip("this test needs a network namespace")
    try:
        with open("/proc/sys/net/ipv4/tcp_syncookies", "w", encoding="ascii") as file:
            file.write("2")  # always
    except OSError:
        raise Skip("tcp_syncookies cannot be set here")
    with listening("whoami") as echod:
        reply = ask(echod)
    expect_equal([reply["syn"], reply["syn_ttl"], reply["syn_options"]], [None] * 3, "the SYN")
    expect("SYN cookies" in reply["syn_missing"], "the reason: " + reply["syn_missing"])
    with open("/proc/sys/net/ipv4/tcp_syncookies", "w", encoding="ascii") as file:
        file.write("1")


@test("whoami shows the process ID of the worker, which waits for the client to close")
def whoami_worker():
    with listening("whoami") as echod:
        sock = echod.connect()
        reply = json.loads(recv_until_eof(sock))
        expect_equal(title(reply["pid"]), "echod: 127.0.0.1:%d local whoami" % sock.getsockname()[1],
                     "the title of that process")
        sock.close()
        eventually(lambda: not os.path.exists("/proc/%d" % reply["pid"]), "the worker ends")


@test("whoami reports an IPv4 client of an IPv6 socket as IPv4")
def whoami_mapped():
    with socket.socket(socket.AF_INET6) as given:
        given.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        given.bind(("::", 0))
        given.listen()
        port = given.getsockname()[1]
        with Passed("[listen local]\naddress = *\nport = %d\nservice = whoami\n" % port, given):
            with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as sock:
                reply = json.loads(recv_until_eof(sock))
    expect_equal((reply["family"], reply["peer"], reply["local"]), ("ipv4", "127.0.0.1", "127.0.0.1"),
                 "the client, and what it asked")


@test("whoami over a Unix socket has null for what does not apply")
def whoami_unix():
    with listening("whoami", UNIX) as echod:
        reply = ask(echod)
        expect_equal(reply["family"], "unix", "the family")
        expect_equal(reply["peer"], "unix", "the peer")
        expect_equal(reply["local"], "unix:" + echod.address(), "the local end")
        expect_equal([reply[key] for key in ("peer_port", "local_port", "mss", "rtt_us", "retransmits",
                                             "limited_by")], [None] * 6, "values that a Unix socket does not have")


@test("whoami is valid JSON, whatever bytes an address has")
def whoami_odd_name():
    with listening("whoami", UNIX) as echod:
        sock = socket.socket(socket.AF_UNIX)
        echod.sockets.append(sock)
        sock.settimeout(DEADLINE)
        sock.bind(b"\0echod \"test\" \\ \n \xff %d" % os.getpid())
        sock.connect(echod.address())
        reply = json.loads(recv_until_eof(sock))
        expect_equal(reply["peer"], 'unix:@echod "test" \\\\ \\x0a \\xff %d' % os.getpid(),
                     "the peer")


# ---- all of them ----

@test("--inetd provides daytime, chargen and whoami")
def under_inetd():
    patterns = {"daytime": r"\A20.*Z\r\n\Z", "whoami": r"\A{.*}\n\Z"}
    for service, pattern in patterns.items():
        ours, theirs = socket.socketpair()
        ours.settimeout(DEADLINE)
        with ours, inetd(theirs, ini(listen="service = " + service)) as process:
            reply = recv_until_eof(ours).decode()
            ours.close()
            expect_match(pattern, reply, "the reply")
            expect_equal(process.wait(DEADLINE), 0, "the exit status")
    ours, theirs = socket.socketpair()
    ours.settimeout(DEADLINE)
    with ours, inetd(theirs, ini(listen="service = chargen")) as process:
        expect_equal(recv_exactly(ours, len(ROUND)), ROUND, "the pattern")
        ours.close()
        expect_equal(process.wait(DEADLINE), 0, "the exit status")


@test("chargen over UDP is rejected with the reason")
def chargen_udp():
    status, _, err = run_echod("--check-config",
                               config="[listen a]\nprotocol = udp\nservice = chargen\n")
    expect_equal(status, 78, "the exit status")
    expect_match(r"service: chargen over udp would amplify forged traffic: use protocol = tcp",
                 err, "standard error")


main()
