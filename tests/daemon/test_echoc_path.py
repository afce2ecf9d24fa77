"""echoc path over loopback: what it compares, its messages about other services, and its limits. (The
tests in tests/path have faulty paths.)"""
import json
import signal
import socket

import servers
from clients import recv_until_eof
from expect import DEADLINE, Skip, eventually, expect, expect_equal, expect_match, scaled
from harness import Echod
from servers import Server
from tap import main, private_network, test
from verbs import finish, popen, run

ALL = "[listen who]\naddress = %s\nport = 0\nservice = whoami\n" \
      "[listen tcp]\naddress = %s\nport = 0\n" \
      "[listen udp]\naddress = %s\nport = 0\nprotocol = udp\n"


def look(echod, *options, **how):
    return run("path", *options, "--echo-port", echod.address("tcp")[1],
               "--udp-port", echod.address("udp")[1], *echod.address("who"), **how)


def kinds(done, type):
    return sorted(o["kind"] for o in done.objects(type))


@test("there are no findings over loopback, IPv4 and IPv6; notes list what was tried")
def sound():
    for host in ("127.0.0.1", "::1"):
        with Echod(ALL % (host, host, host)) as echod:
            done = look(echod, "--flows", 8, "--idle", "200ms").ended(0)
            lines = done.out.splitlines()
            expect_match(r"^PATH to \S+ from \S+$", lines[0], "the first line")
            expect_equal(lines[-1], "nothing found", "the last one")
            expect("0 hops: there is no router in between" in lines, "the hops: " + done.out)
            expect("a connection is alive after 200ms of silence" in lines, "the silence")
            done = look(echod, "--flows", 8, "--json").ended(0)
            expect_equal(done.objects("finding"), [], "the findings")
            expect_equal([done.summary[k] for k in ("findings", "hops", "status")], [0, 0, 0], "sums")
            expect(look(echod, "--flows", 8, "-q").ended(0).out.count("\n") == 3, "--quiet")


@test("ECN of SYNs is tested if the sysctl requests it")
def ecn():
    if not private_network():
        raise Skip("the sysctl is of a network of one's own")
    name = "/proc/sys/net/ipv4/tcp_ecn"
    with open(name, encoding="ascii") as file:
        before = file.read()
    try:
        with open(name, "w", encoding="ascii") as file:
            file.write("1")
    except OSError as error:
        raise Skip("tcp_ecn cannot be set here: %s" % error)
    with Echod(ALL % (("127.0.0.1",) * 3)) as echod:
        done = look(echod, "--flows", 2, "--json").ended(0)
    with open(name, "w", encoding="ascii") as file:
        file.write(before)
    expect("ecn" not in kinds(done, "note"), "ECN was not tried: " + done.out)


@test("a missing echo service is a note by default, a finding if the user names the port")
def without_echo():
    with Echod("[listen who]\naddress = 127.0.0.1\nport = 0\nservice = whoami\n") as echod:
        with socket.socket() as unused, socket.socket(type=socket.SOCK_DGRAM) as silent:
            unused.bind(("127.0.0.1", 0))
            silent.bind(("127.0.0.1", 0))
            port, other = unused.getsockname()[1], silent.getsockname()[1]
            done = run("path", "--json", "--echo-port", port, *echod.address("who")).ended(1)
            expect_equal(kinds(done, "finding"), ["tcp"], "the findings")
            expect("udp" in kinds(done, "note"), "the note: " + done.out)
            done = run("path", "--json", "--udp-port", other, *echod.address("who")).ended(1)
            expect("udp" in kinds(done, "finding"), "the finding: " + done.out)


@test("without UDP, flows are tested over TCP")
def tcp_flows():
    with Echod("[listen who]\naddress = 127.0.0.1\nport = 0\nservice = whoami\n"
               "[listen tcp]\naddress = 127.0.0.1\nport = 0\n") as echod:
        done = run("path", "--json", "--flows", 8, "--echo-port", echod.address("tcp")[1],
                   *echod.address("who")).ended(0)
        expect_equal([n for n in kinds(done, "note") if n in ("bulk", "flows", "udp")],
                     ["bulk", "flows", "udp"], "the notes")


@test("connections that the server ends are a separate finding, neither loss nor a dead path")
def ended_flows():
    def serve(conn, number):
        """The first two are not of the flows."""
        if number > 2 and number % 2:
            conn.recv(56)
            conn.close()
        else:
            servers.echo(conn, number)

    with Echod("[listen who]\naddress = 127.0.0.1\nport = 0\nservice = whoami\n") as echod, Server(serve) as server:
        done = run("path", "--json", "--flows", 8, "--echo-port", server.address[1], *echod.address("who")).ended(1)
        expect_equal(kinds(done, "finding"), ["refused"], "the findings")
        expect_match(r"^4 of 8 flows were refused or ended early: (closed by the server|Connection reset by peer)$",
                     done.objects("finding")[0]["text"], "the sentence")
        expect("loss" not in kinds(done, "note"), "loss is noted: " + done.out)


WHO = "[listen who]\naddress = 127.0.0.1\nport = 0\nservice = whoami\n"


def damaged(data):
    return data[:len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1:]


@test("an unknown host or service is reported, in JSON, too")
def unknown():
    expect_match("^echoc: .*nobody.invalid", run("path", "nobody.invalid").ended(2).err, "the host")
    with Echod(WHO) as echod:
        for option in ((), ("--json",)):
            done = run("path", *option, "--echo-port", "no-such-service", *echod.address("who")).ended(2)
            expect_match("no-such-service", done.err, "the service")
        expect_match("neither a number nor a service name", done.objects("error")[0]["reason"], "the reason in JSON")


@test("datagrams that come back damaged, or cut, are counted as what they are")
def damaged_datagrams():
    for change, kind in ((damaged, "corrupted"), (lambda data: data[:len(data) // 2], "truncated")):
        def answers(data, n, change=change):
            return [change(data) if n % 7 == 0 else data]

        with Echod(WHO) as echod, Server(servers.changing_datagrams(answers), "udp") as server:
            done = run("path", "--json", "--flows", 8, "--udp-port", server.address[1], *echod.address("who"))
        texts = [o["text"] for o in done.ended(1).objects("finding") if o["kind"] == kind]
        expect_match(r"^[1-9]\d* of \d+ probes came back %s$" % kind, "\n".join(texts), "the sentence")


@test("where only the first flow is answered, the output reports that no other one is")
def one_answered():
    first = []

    def serve(sock, data, peer):
        if peer in first or not first:
            first.append(peer)
            sock.sendto(data, peer)

    with Echod(WHO) as echod, Server(serve, "udp") as server:
        done = run("path", "--json", "--flows", 3, "--udp-port", server.address[1], *echod.address("who")).ended(1)
    texts = "\n".join(o["text"] for o in done.objects("finding"))
    expect_match("^none of 3 flows gets anything back$", texts, "the sentence")


@test("an echo service over TCP that damages much, or is silent, is named as what it is")
def odd_echo():
    def damage_much(conn, number):
        seen = 0
        for data in servers.pieces(conn):
            seen += len(data)
            conn.sendall(damaged(data) if seen > 10000 else data)

    for serve, kind, sentence in ((damage_much, "bulk", "^64 KiB over one connection come back damaged$"),
                                  (servers.silent, "tcp", ": silence$")):
        with Echod(WHO) as echod, Server(serve) as server:
            done = run("path", "--json", "--flows", 2, "-t", scaled("1s", "5s"), "--echo-port", server.address[1],
                       *echod.address("who")).ended(1)
        texts = [o["text"] for o in done.objects("finding") if o["kind"] == kind]
        expect_match(sentence, "\n".join(texts), "the sentence, of " + done.out)


@test("with another service, a message says what the server has to configure")
def other_services():
    advice = "is not a whoami service of echod: add to the server's echod.conf a section"
    for service in ("echo", "daytime", "discard"):
        with Echod(listen="service = %s\n" % service) as echod:
            done = run("path", *echod.address()).ended(1)
            expect(advice in done.err, "the sentence: " + done.err)
            done = run("path", "--json", *echod.address()).ended(1)
            expect(advice in done.objects("error")[0]["reason"], "and in JSON")
            expect_equal(done.summary["status"], 1, "the summary")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        done = run("path", *unused.getsockname()).ended(1)
    expect_match("connection refused", done.err, "standard error with a port that is not listened on")


def sending(text):
    def serve(conn, number):
        conn.sendall(text if isinstance(text, bytes) else text(conn))
        conn.shutdown(socket.SHUT_WR)
        recv_until_eof(conn)
    return serve


def answer(conn, **more):
    peer, local = conn.getpeername(), conn.getsockname()
    return json.dumps(dict({"listener": "a", "peer": peer[0], "peer_port": peer[1],
                            "local": local[0], "local_port": local[1], "proxy": None}, **more)).encode()


QUICK = ("path", "--json", "--flows", 1)


@test("an older echod that does not report the SYN is a note, not a finding")
def older():
    with Server(sending(answer)) as server:
        done = run(*QUICK, *server.operands).ended(0)
    expect_match("this version of echod is too old", "\n".join(o["text"] for o in done.objects("note")), "note")


@test("addresses that differ are printed; data from the server cannot control the terminal")
def made_up():
    def serve(conn):
        return answer(conn, peer="192.0.2.9", peer_port=1, syn=None, syn_missing="\x1b[31m\n\u202e")
    with Server(sending(serve)) as server:
        done = run("path", "--flows", 1, *server.operands).ended(1)
    expect_match(r"^127\.0\.0\.1:\d+ arrived as 192\.0\.2\.9:1: NAT$", done.out, "the sentence")
    expect(not [c for c in done.out if ord(c) < 32 and c != "\n"] and "\u202e" not in done.out,
           "control characters in the output: %r" % done.out)


@test("behind a proxy that sends the client's address, a note says that the SYN is the proxy's")
def proxied():
    def serve(conn):
        return answer(conn, peer="127.0.0.1", proxy="192.0.2.1", proxy_port=5, syn="proxy", syn_ttl=1)
    with Server(sending(serve)) as server:
        done = run(*QUICK, *server.operands).ended(0)
    expect("proxy" in kinds(done, "note"), "the note: " + done.out)


@test("contradicting options are rejected; Ctrl-C ends the examination")
def refused():
    for options, complaint in ((("-U", "/x"), "--unix"), (("--proxy", "v1", "h"), "--proxy"),
                               (("-u", "h"), "needs a connection"), (("--flows", 5000, "h"), "4096"),
                               (("--echo-port", "0", "h"), "--echo-port"),
                               (("--udp-port", "99999", "h"), "--udp-port")):
        expect_match(complaint, run("path", *options).ended(2).err, "standard error")
    with Server(lambda conn, number: conn.recv(1)) as server:  # sends nothing
        process = popen("path", "-t", "0", *server.operands)
        eventually(lambda: server.connections, "echoc has connected")
        process.send_signal(signal.SIGINT)
        finish(process).ended(2)
    with Echod(ALL % (("127.0.0.1",) * 3)) as echod:
        process = popen("path", "--flows", 1, "--idle", "%ds" % (2 * DEADLINE), "--echo-port",
                        echod.address("tcp")[1], *echod.address("who"))
        echod.log.wait(" info: session of .* on tcp: ")  # the report has begun
        process.send_signal(signal.SIGINT)
        expect_match("^stopped$", finish(process).ended(2).out, "the end")


main()
