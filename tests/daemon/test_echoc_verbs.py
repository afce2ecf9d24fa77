"""The other verbs of echoc: crr, load, hold, idle, sweep, whoami, daytime."""
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import servers
from expect import DEADLINE, Skip, eventually, expect, expect_equal, expect_match, scaled
from harness import Echod
from servers import Server, changing, changing_datagrams
from tap import main, private_network, test
from verbs import LOOKED, finish, popen, run

WAIT = scaled("1s", "5s")  # for what never comes
TIMEOUT = scaled("2s", "20s")  # for what may not come


def operands(echod):
    host, port = echod.address()
    return host, port


# ---- crr ----

@test("crr makes a connection for every probe, and times both")
def crr():
    connections = []

    def serve(conn, number):
        connections.append(number)
        servers.echo(conn, number)

    with Server(serve) as server:
        done = run("crr", "-i", 0, "-c", 5, *server.operands).ended(0)
        expect_equal(len(connections), 5, "connections")
        expect_match("^5 sent, 5 received, 0% loss", done.out, "the sum")
        expect_match("^connect min/avg", done.out, "the times of connecting")
        expect_match(r"^56 bytes from \S+: seq=5 connect=[\d.]+ ms time=[\d.]+ ms" + LOOKED + "$", done.out, "each")
        done = run("crr", "--json", "-i", 0, "-c", 3, *server.operands).ended(0)
        expect_equal(done.verdicts(), {1: ["intact"], 2: ["intact"], 3: ["intact"]}, "verdicts")
        expect_equal(min(o["connect_ms"] for o in done.objects("probe")),
                     done.summary["connect_min_ms"], "the least time of connecting")


@test("crr over datagrams has a new port for each")
def crr_udp():
    ports = set()

    def serve(sock, data, peer):
        ports.add(peer[1])
        sock.sendto(data, peer)

    with Server(serve, "udp") as server:
        run("crr", "-i", 0, "-c", 4, *server.operands).ended(0)
        expect(len(ports) > 1, "only one port was used: %s" % ports)


@test("crr reports a connection that fails, and continues")
def crr_faults():
    def serve(conn, number):
        (servers.resetting if number == 2 else servers.read_and_close if number == 3 else
         servers.echo)(conn, number)

    with Server(serve) as server:
        done = run("crr", "-i", 0, "-c", 4, *server.operands).ended(1)
        expect_match("^seq=2: Connection reset by peer$", done.out, "the reset")
        expect_match("^seq=3: the server closed the connection without a reply$", done.out, "close")
        expect_match("^4 sent, 2 received, 50% loss", done.out, "the sum")
        expect_match("^2 lost, 2 errors$", done.out, "the faults")


@test("crr ends on Ctrl-C, and fails if nobody listens")
def crr_end():
    with Server(servers.echo) as server:
        process = popen("crr", "-i", "20ms", *server.operands)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        expect_match(r"^\d+ sent, \d+ received", finish(process).ended(0).out, "the summary")
    done = run("crr", "-i", 0, "-c", 2, *server.operands).ended(1)
    expect_equal(done.err.count("connection refused by"), 2, "number of reported refusals")
    expect_match("^seq=2: Connection refused$", done.out, "the line of a probe")
    done = run("crr", "--json", "-i", 0, "-c", 2, *server.operands).ended(1)
    expect_equal(done.verdicts(), {1: ["error"], 2: ["error"]}, "verdicts")


@test("crr: Ctrl-\\ prints interim results, and loses nothing")
def crr_interim():
    asked, resume = threading.Event(), threading.Event()

    def serve(conn, number):
        data = conn.recv(56, socket.MSG_WAITALL)
        asked.set()
        resume.wait(DEADLINE)
        conn.sendall(data)
        conn.close()

    with Server(serve) as server:
        process = popen("crr", "--json", "-c", 1, *server.operands)
        asked.wait(DEADLINE)
        process.send_signal(signal.SIGQUIT)
        expect_match("^echoc: 0 of 1 came back", process.stderr.readline().decode(), "the interim")
        resume.set()
        expect_equal(finish(process).ended(0).summary["received"], 1, "replies received")


@test("crr -c N -w continues until N replies have arrived")
def crr_deadline():
    def serve(conn, number):
        (servers.resetting if number < 3 else servers.echo)(conn, number)

    with Server(serve) as server:
        s = run("crr", "--json", "-i", 0, "-c", 2, "-w", 20, *server.operands).ended(1).summary
        expect_equal((s["sent"], s["received"], s["errors"]), (4, 2, 2), "the sums")


# ---- load ----

@test("load opens the requested number of connections and counts them")
def load_count():
    with Echod() as echod:
        done = run("load", "--json", "-c", 50, "--connections", 5, "--messages", 3,
                   *operands(echod)).ended(0)
        s = done.summary
        expect_equal((s["connections"], s["messages"], s["errors"], s["causes"]), (50, 150, 0, {}),
                     "the sums")
        expect(s["rtt_p50_ms"] <= s["rtt_p99_ms"] <= s["rtt_max_ms"], "the percentiles")
        done = run("load", "-c", 20, *operands(echod)).ended(0)
        expect_match(r"^20 connections in [\d.]+ ms: \d+/s; 20 messages: \d+/s; 0 errors$", done.out,
                     "the line for people")


@test("load --json prints an object for each message, good or bad; with --quiet just the summary")
def load_objects():
    def serve(conn, number):  # the first is the one that finds the address
        kinds = (servers.echo, servers.resetting, servers.echo,
                 changing(lambda data, n: data[:20] + b"\0\0" + data[22:] if n == 2 else data))
        kinds[number - 1](conn, number)

    with Server(serve) as server:
        done = run("load", "--json", "-c", 3, "--connections", 1, "--messages", 2,
                   *server.operands).ended(1)
        found = [(o["connection"], o["verdict"], o.get("seq")) for o in done.objects("probe")]
        expect_equal(found, [(1, "error", None), (2, "intact", 1), (2, "intact", 2), (3, "intact", 1),
                             (3, "corrupted", 2)], "the objects")
        expect_equal(done.objects("probe")[0]["reason"], "Connection reset by peer", "reason of a failed connection")
        expect(all("connect_ms" in o for o in done.objects("probe")), "the times of connecting")
        intact = [o["rtt_ms"] for o in done.objects("probe") if o["verdict"] == "intact"]
        expect_equal((min(intact), max(intact)), (done.summary["rtt_min_ms"],
                                                  done.summary["rtt_max_ms"]), "the times")
    with Echod(server="max_per_source = 0") as echod:  # sessions may take a while to end
        done = run("load", "--json", "-c", 2000, "--connections", 20, *operands(echod)).ended(0)
        expect_equal(sorted(o["connection"] for o in done.objects("probe")),
                     list(range(1, 2001)), "the connections")
        done = run("load", "--json", "-q", "-c", 5, *operands(echod)).ended(0)
        expect_equal([o["type"] for o in done.objects()], ["summary"], "without them")


@test("load --json writes its output once a second, not per object")
def load_buffers():
    with Server(servers.echo) as server:
        process = popen("load", "--json", "--for", "1h", "--rate", 10, *server.operands)
        piece = os.read(process.stdout.fileno(), 1 << 16)
        expect(piece.endswith(b"}\n") and piece.count(b"\n") > 1, "lines are not written in batches: %r" % piece)
        process.send_signal(signal.SIGINT)
        finish(process).ended(0)


@test("load keeps N connections at once and keeps the rate")
def load_rate():
    with Server(servers.echo) as server:
        done = run("load", "--json", "-c", 10, "--rate", 50, *server.operands).ended(0)
        expect(done.summary["duration_ms"] >= 180, "ten at 50 a second take 9 intervals of 20 ms")
    with Server(servers.silent) as server:
        process = popen("load", "--connections", 4, "-t", 0, *server.operands)
        # One more is that which finds the address.
        eventually(lambda: len(server.connections) == 5, "four connections are open")
        try:
            process.wait(0.3)  # that there are no more can only be watched for a while
        except subprocess.TimeoutExpired:
            pass
        expect_equal(len(server.connections), 5, "the number of connections")
        process.send_signal(signal.SIGINT)
        finish(process).ended(1)


def adds_up(summary):
    """Checks that the schedule's numbers do. Returns the summary."""
    s = summary
    expect_equal((s["begun"] + s["not_begun"], s["connections"] + s["failed"] + s["unfinished"]),
                 (s["scheduled"], s["begun"]), "the sums of %s" % s)
    return s


@test("load --rate keeps the schedule with a server that hangs, and counts from when it was due")
def load_schedule():
    rate, stall = 100, 1.0
    resume, stopped = threading.Event(), threading.Event()
    resume.set()

    def serve(conn, number):
        resume.wait(DEADLINE)
        servers.echo(conn, number)

    def stand_still(server):
        eventually(lambda: len(server.connections) > 20, "load sends")
        resume.clear()
        began = time.monotonic()
        time.sleep(stall)
        lasted.append(time.monotonic() - began)
        resume.set()

    lasted = []
    for connections in (3, 1000):
        lasted.clear()
        with Server(serve, backlog=4096) as server:
            process = popen("load", "--json", "-q", "--rate", rate, "-c", 300, "--connections",
                            connections, *server.operands)
            stand_still(server)
            s = adds_up(finish(process).ended(0).summary)
        expect_equal((s["scheduled"], s["begun"], s["connections"]), (300, 300, 300), "the counts")
        # Those that were due meanwhile waited for half of it on the average; none less than is left.
        expect(s["rtt_avg_ms"] * 300 > rate * lasted[0] ** 2 / 2 * 1000 * 0.9, "the average: %s" % s)
        expect(s["rtt_max_ms"] > lasted[0] * 900, "the greatest: %s" % s)
        expect(s["rtt_p90_ms"] > (lasted[0] - 0.1 * 300 / rate) * 900, "most: %s" % s)
        expect(s["late"] > 0 or connections > 3, "late ones: %s" % s)


@test("load --rate counts connections that it cannot begin, up to a million a second")
def load_too_fast():
    with Server(servers.echo) as server:
        for rate in (700000, 1000000):
            done = run("load", "--json", "-q", "--rate", rate, "--for", "100ms", "-t", "200ms",
                       *server.operands).ended(1)
            s = adds_up(done.summary)
            expect_equal(s["scheduled"], rate // 10, "connections scheduled")
            expect(s["not_begun"] > 0 and s["late"] > 0, "no connection is late or not begun")
        done = run("load", "--rate", 50, "-c", 5, *server.operands).ended(0)
        expect_match(r"^5 scheduled = 5 begun.* \+ 0 not begun; "
                     r"begun = 5 completed \+ 0 failed \+ 0 unfinished$", done.out, "the line")


@test("load ends in time, and on Ctrl-C")
def load_time():
    with Echod() as echod:
        done = run("load", "--json", "--for", "300ms", "--rate", 20, *operands(echod)).ended(0)
        expect(300 <= done.summary["duration_ms"] < DEADLINE * 1000, "duration")
        with Server(servers.echo_datagram, "udp") as server:
            run("load", "-c", 10, *server.operands).ended(0)
        before = len(echod.log.lines())
        process = popen("load", "--for", "1h", "--rate", 20, *operands(echod))
        eventually(lambda: len(echod.log.lines()) > before + 2, "load sends")
        process.send_signal(signal.SIGQUIT)
        expect_match(r"^\d+ s: \d+ connections", process.stderr.readline().decode(), "the interim")
        process.send_signal(signal.SIGINT)
        expect_match("^--- .* load ---$", finish(process).ended(0).out, "the summary")


@test("load prints its progress on a terminal only, once a second")
def load_progress():
    with Echod() as echod:
        args = ("load", "--for", "1500ms", "--rate", 10, *operands(echod))
        expect_equal(run(*args).ended(0).err, "", "standard error that is no terminal")
        ours, theirs = os.openpty()
        process = popen(*args, stderr=theirs)
        expect_equal(process.wait(DEADLINE), 0, "the exit status")
        expect_match(r"^\r?1 s: \d+ connections, \d+/s, \d+ messages, 0 errors",
                     os.read(ours, 4096).decode(), "the progress")
        process.stdout.close()
        os.close(ours)
        os.close(theirs)


@test("load counts errors by cause")
def load_causes():
    def serve(conn, number):  # the first is the one that finds the address
        kinds = (servers.echo, servers.resetting, servers.read_and_close,
                 changing(lambda data, n: b"\0" * 20 + data[20:]), servers.echo)
        kinds[(number - 1) % 5](conn, number)

    with Server(serve) as server:
        done = run("load", "--json", "-c", 4, "--connections", 1, *server.operands).ended(1)
        expect_equal(done.summary["causes"],
                     {"Connection reset by peer": 1, "closed by the server before its reply": 1,
                      "corrupted reply": 1}, "the causes")
        expect_equal((done.summary["connections"], done.summary["errors"]), (1, 3), "the sums")
    with Server(servers.silent) as server:
        done = run("load", "-c", 2, "-t", WAIT, *server.operands).ended(1)
        expect_match("^ +2  no reply in time$", done.out, "silence")
    done = run("load", "-c", 2, *server.operands).ended(1)
    expect_match("connection refused by", done.err, "standard error with a closed port")


# ---- hold ----

@test("hold opens N and keeps them until the end")
def hold():
    with Echod() as echod:
        done = run("hold", 5, "--for", "200ms", *operands(echod)).ended(0)
        expect_equal(done.out, "5 of 5 opened\nheld 5 of 5 to the end; 0 refused, 0 closed\n", "output of hold")
        process = popen("hold", 3, *operands(echod))
        expect_equal(process.stdout.readline(), b"3 of 3 opened\n", "the line")
        eventually(lambda: len(echod.workers()) == 3, "three clients are connected")
        process.send_signal(signal.SIGQUIT)
        expect_match("^echoc: 3 of 3 held, 0 refused, 0 closed$",
                     process.stderr.readline().decode(), "the interim")
        process.send_signal(signal.SIGINT)
        finish(process).ended(0)


@test("hold reports which connection is refused, and what the server sent")
def hold_refused():
    with Echod(server="max_clients = 3") as echod:
        done = run("hold", 5, "--for", scaled("1s", "10s"), "--json", *operands(echod)).ended(1)
        reported = done.objects("connection")
        expect_equal(sorted(o["number"] for o in reported), [1, 2, 3, 4, 5], "numbers of the connections")
        for o in sorted(reported, key=lambda o: o["number"]):
            if o["number"] <= 3:
                expect_equal((o["event"], o["said"]), ("held", ""), "event and data of a held connection")
                continue
            expect(o["event"] in ("closed", "reset") and o["said"], "event or data of a refused connection: %s" % o)
        expect_equal((done.summary["held"], done.summary["closed"]), (3, 2), "the sums")
        echod.wait_no_workers()
        done = run("hold", 4, "--for", scaled("1s", "10s"), *operands(echod)).ended(1)
        expect_match(r"^connection 4 (closed|reset) after [\d.]+ ms: .*; the server sent: \S", done.out,
                     "the line")


@test("hold reports resets and refusals; N must be a number")
def hold_faults():
    all_there = threading.Event()

    def serve(conn, number):
        if number == 2:
            all_there.wait(DEADLINE)
            servers.reset(conn)
            return
        if number == 3:
            all_there.set()
        servers.silent(conn, number)

    with Server(serve) as server:
        done = run("hold", 3, "--for", scaled("2s", "5s"), *server.operands).ended(1)
        expect_match(r"^connection 2 reset after [\d.]+ ms: Connection reset by peer$", done.out,
                     "the reset")
    done = run("hold", 3, *server.operands).ended(1)
    expect_match("^connection 1 refused: Connection refused$", done.out, "the line of a refused connection")
    for args in (["many", "localhost"], ["0", "localhost"], ["3"], []):
        run("hold", *args).ended(2)
    expect_match("cannot be combined with --udp", run("hold", 1, "-u", "localhost").ended(2).err, "standard error")


# ---- idle ----

@test("idle finds the idle timeout of a server, and that the server closed")
def idle():
    with Echod(server="idle_timeout = 1500ms") as echod:
        done = run("idle", "--shortest", "500ms", "--json", *operands(echod)).ended(1)
        expect_equal(done.summary["how"], "fin", "how the connection ended")
        expect(1400 <= done.summary["cut_ms"] < DEADLINE * 1000, "time of the end: %s" % done.summary)
        expect(500 <= done.summary["alive_ms"] <= 1000, "longest silence survived")
    with Echod() as echod:
        done = run("idle", "--shortest", "50ms", "--longest", "200ms", *operands(echod)).ended(0)
        expect_equal(done.out.splitlines()[-1], "alive after 200ms of silence", "the end")


@test("idle reports resets, dropped connections, and a service other than echo")
def idle_faults():
    def after(reaction):
        """A server that echoes once, and then REACTION(conn)."""
        def serve(conn, number):
            conn.sendall(conn.recv(56, socket.MSG_WAITALL))
            reaction(conn)
        return serve

    quick = ("idle", "--shortest", "50ms", "-t", TIMEOUT)
    with Server(after(servers.reset)) as server:
        expect_match(r"cut at [\d.]+ ms: the connection was reset \(RST\)$",
                     run("idle", "--shortest", "10s", *server.operands).ended(1).out, "the reset")
    with Server(after(lambda conn: servers.silent(conn, 1))) as server:
        expect_match("^cut between 0 and [0-9ms ]+ of silence: nothing comes back$",
                     run(*quick, *server.operands).ended(1).out, "silence")
    with Server(servers.read_and_close) as server:
        expect_match("^echoc: this test needs an echo service", run(*quick, *server.operands).ended(1).err,
                     "no echo")
    run("idle", "--shortest", "2s", "--longest", "1s", "localhost").ended(2)
    run("idle", "--precision", "0", "localhost").ended(2)


def idle_limited(span):
    """Echoes, until nothing has come for SPAN seconds: like a firewall that drops idle connections."""
    def serve(conn, number):
        while True:
            begin = time.monotonic()
            data = conn.recv(56, socket.MSG_WAITALL)
            if not data or time.monotonic() - begin > span:
                return servers.silent(conn, number)
            conn.sendall(data)
    return serve


@test("idle narrows the range, with more connections, to the requested precision")
def idle_precision():
    with Server(idle_limited(2)) as server:
        done = run("idle", "--json", "--shortest", "1s", "--precision", "300ms", "-t", TIMEOUT,
                   *server.operands).ended(1)
        s = done.summary
        expect_equal((s["how"], s["noticed"]), ("silence", "by a probe"), "how the connection ended")
        # The server sees each silence begin earlier, and end later.
        expect(1000 <= s["alive_ms"] <= 2000 and s["cut_ms"] > s["alive_ms"], "range of the timeout: %s" % s)
        expect(s["cut_ms"] - s["alive_ms"] < 800, "range is too wide: %s" % s)
        verdicts = {o["verdict"] for o in done.objects("probe")}
        expect_equal(verdicts, {"alive", "silence"}, "the verdicts of the probes")


@test("idle has a connection for each silence")
def idle_connections():
    with Server(idle_limited(2)) as server:
        out = run("idle", "--shortest", "1s", "--longest", "3s", "--precision", "10s", "-t", TIMEOUT,
                  *server.operands).ended(1).out
        expect_match(r"^cut between 1s and \S.* of silence: nothing comes back$",
                     out.splitlines()[-1], "the end")
        expect_equal(len(server.connections), 3, "connections, of one for each silence")


@test("idle works with as few connections as it gets, and has a deadline")
def idle_few():
    with Echod(server="max_clients = 2") as echod:
        args = ("idle", "--shortest", "30ms", "--longest", "240ms", *operands(echod))
        done = run(*args).ended(0)
        expect_equal(done.out.splitlines(), ["idle for %s: alive" % t for t in
                     ("30ms", "60ms", "120ms", "240ms")] + ["alive after 240ms of silence"], "lines of the output")
        run(*args, "--connections", 1).ended(0)
    with Echod() as echod:
        done = run("idle", "--shortest", "50ms", "-w", "400ms", "--json", *operands(echod)).ended(0)
        expect(done.summary["alive_ms"] <= 3200, "silence beyond the deadline: %s" % done.summary)


@test("idle retries if a server does not accept the next connection at once")
def idle_again():
    def serve(conn, number):
        conn.close() if number in (2, 3) else servers.echo(conn, number)

    with Server(serve) as server:
        done = run("idle", "--shortest", "30ms", "--longest", "60ms", "--connections", 1,
                   *server.operands).ended(0)
        expect_equal(done.out.splitlines()[-1], "alive after 60ms of silence", "the end")
        expect_equal(len(server.connections), 4, "the connections")


@test("idle prints what is known so far on Ctrl-C")
def idle_interrupted():
    with Echod() as echod:
        process = popen("idle", "--shortest", "50ms", *operands(echod))
        expect_equal(process.stdout.readline(), b"idle for 50ms: alive\n", "the first line")
        process.send_signal(signal.SIGQUIT)
        expect_match("^echoc: alive after .*ms of silence", process.stderr.readline().decode(), "interim results")
        process.send_signal(signal.SIGINT)
        expect_match(r"^alive after \S+ of silence$", finish(process).ended(0).out, "the end")


# ---- sweep ----

@test("sweep: every size up to 64 KiB passes")
def sweep():
    with Echod() as echod:
        done = run("sweep", "--json", *operands(echod)).ended(0)
        sizes = [o["size"] for o in done.objects("probe")]
        expect_equal(sizes, [2 ** n for n in range(17)], "the sizes")
        done = run("sweep", "--smallest", 100, "--largest", 1000, *operands(echod)).ended(0)
        expect_equal(done.out.splitlines()[-1], "every size up to 1000 bytes passes", "the end")
    with Echod(listen="protocol = udp\nport = 0") as echod:
        done = run("sweep", "-u", "--json", *operands(echod)).ended(0)
        expect_equal((done.summary["passes"], done.summary["packet"]), (65507, 65535), "datagrams")


@test("sweep finds the size from which on datagrams are lost or truncated")
def sweep_black_hole():
    quick = ("sweep", "--smallest", 1000, "--largest", 1300, "-W", scaled("500ms", "2s"),
             "--tries", 2)
    with Server(changing_datagrams(lambda d, n: [d] if len(d) <= 1234 else []), "udp") as server:
        done = run(*quick, *server.operands).ended(1)
        expect_match(r"^1234 bytes \(an IP packet of 1262\) pass, 1235 do not: no reply: .* MTU black "
                     "hole", done.out.splitlines()[-1], "the end")
    with Server(changing_datagrams(lambda d, n: [d[:1024]]), "udp") as server:
        done = run(*quick, "--json", *server.operands).ended(1)
        expect_equal((done.summary["passes"], done.summary["fails"], done.summary["how"]),
                     (1024, 1025, "truncated"), "the tutorial's buffer of 1024 bytes")


@test("sweep finds the size at which a TCP server stops")
def sweep_tcp():
    def serve(conn, number):
        for data in servers.pieces(conn):
            if len(data) > 3000:
                return servers.silent(conn, number)
            conn.sendall(data)

    with Server(serve) as server:
        done = run("sweep", "--smallest", 2900, "--largest", 3100, "-W", scaled("1s", "3s"),
                   "--tries", 1, "--json", *server.operands).ended(1)
        expect_equal((done.summary["passes"], done.summary["fails"], done.summary["how"]),
                     (3000, 3001, "lost"), "the limit")
    with Server(servers.read_and_close) as server:
        done = run("sweep", "--tries", 1, *server.operands).ended(1)
        expect_equal(done.out.splitlines(), ["1 byte: the server closes the connection",
                                             "not even 1 byte passes: the server closes the connection"],
                     "nothing passes")


def interrupt(process, number):
    """Sends it a signal, and waits until that has been taken."""
    process.send_signal(number)
    path = "/proc/%d/status" % process.pid

    def is_taken():
        if process.poll() is not None:
            return True
        with open(path, encoding="ascii") as file:
            return int(re.search("^ShdPnd:\\s+(\\w+)", file.read(), re.M).group(1), 16) == 0

    eventually(is_taken, "the signal is taken")


@test("sweep is stopped by Ctrl-C: what is known is printed")
def sweep_interrupted():
    asked = threading.Event()

    def serve(conn, number):
        for data in servers.pieces(conn):
            if len(data) > 64:
                asked.set()
                return servers.silent(conn, number)
            conn.sendall(data)

    for option in ((), ("--json",)):
        asked.clear()
        with Server(serve) as server:
            process = popen("sweep", "-W", "10min", *option, *server.operands)
            asked.wait(DEADLINE)
            interrupt(process, signal.SIGQUIT)
            interrupt(process, signal.SIGINT)
            done = finish(process)
        if option:
            expect_equal((done.summary["passes"], done.summary["how"]), (64, "stopped"), "the limit")
        else:
            expect_match("^stopped: up to 64 bytes pass$", done.out, "the limit")


def connecting(port):
    """How many connections to PORT are not taken yet."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file][1:]
    return sum(row[2].endswith(":%04X" % port) and row[3] == "02" for row in rows)


@test("while a connection is not taken, Ctrl-\\ and Ctrl-C are heeded: crr, hold, idle, sweep, ping")
def interrupted_connecting():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        clients = servers.fill_backlog(listener)
        port = listener.getsockname()[1]
        for verb in (("crr", "-c", 2), ("hold", 2), ("idle", "--shortest", "1s"), ("sweep",), ("ping", "-c", 2),
                     ("ping", "--flows", 2, "-c", 2)):
            before = connecting(port)
            process = popen(verb[0], "-t", "10min", *verb[1:], "127.0.0.1", port)
            eventually(lambda: connecting(port) > before, "a connection attempt begins")
            interrupt(process, signal.SIGQUIT)
            interrupt(process, signal.SIGINT)
            done = finish(process)
            expect(done.status in (0, 1) and "Interrupted" not in done.err,
                   "%s: status %d, %s%s" % (verb, done.status, done.out, done.err))
        for sock in clients:
            sock.close()


@test("sweep reports that datagrams are refused")
def sweep_refused():
    with Server(servers.echo_datagram, "udp") as server:
        pass
    done = run("sweep", "-u", "--smallest", 9, "--largest", 8, *server.operands).ended(2)
    expect("--smallest is larger than --largest" in done.err, done.err)
    done = run("sweep", "-u", "--smallest", 2, *server.operands).ended(1)
    expect_equal(done.out.splitlines()[-1],
                 "not even 2 bytes pass: it is refused, as 127.0.0.1 reports (is the server "
                 "running?)", "the end")


@test("sweep sets DF, so the MTU of the interface is the limit, which is not a fault")
def sweep_mtu():
    if not private_network():
        raise Skip("the MTU of loopback can be changed in a network of one's own only")
    SIOCSIFMTU = 0x8922
    with Server(servers.echo_datagram, "udp") as server, socket.socket() as sock:
        fcntl.ioctl(sock, SIOCSIFMTU, struct.pack("16si12x", b"lo", 1500))
        try:
            done = run("sweep", "--json", *server.operands).ended(0)
        finally:
            fcntl.ioctl(sock, SIOCSIFMTU, struct.pack("16si12x", b"lo", 65536))
        s = done.summary
        expect_equal((s["passes"], s["packet"], s["fails"], s["how"]),
                     (1472, 1500, 1473, "too_large"), "the limit")


# ---- whoami and daytime ----

def speaking(text):
    def serve(conn, number):
        conn.sendall(text)
        conn.close()
    return serve


@test("whoami and daytime print the reply, byte for byte unless on a terminal")
def speaks():
    with Server(speaking(b"127.0.0.1:5\x1b\n")) as server:
        expect_equal(run("whoami", *server.operands).ended(0).raw, b"127.0.0.1:5\x1b\n", "the text")
        expect_equal(run("daytime", "--json", *server.operands).ended(0).summary["text"],
                     "127.0.0.1:5\\x1b\n", "the escaped reply in JSON")
    with Server(lambda sock, data, peer: sock.sendto(b"noon\r\n", peer), "udp") as server:
        expect_equal(run("daytime", *server.operands).ended(0).raw, b"noon\r\n", "a datagram")


@test("a server that sends nothing, or without end, is reported")
def does_not_speak():
    with Echod() as echod:
        done = run("whoami", *operands(echod)).ended(1)
        expect_match(r": the server sent nothing \(is it another service\?\)$", done.err, "an echo service")
        done = run("whoami", "--json", *operands(echod)).ended(1)
        expect_match("^the server sent nothing", done.objects("error")[0]["reason"], "the reason in JSON")
    with Server(servers.greeting(b"well...")) as server:
        run("whoami", *server.operands).ended(0)

    def never_ending(conn, number):
        conn.sendall(b"well...")
        conn.settimeout(None)
        conn.recv(1)
        conn.recv(1)
        socket.socketpair()[0].recv(1)

    with Server(never_ending) as server:
        done = run("daytime", "-t", WAIT, *server.operands).ended(1)
        expect_equal(done.out, "well...", "output of daytime")
        expect_match("sent nothing, or did not close, in time$", done.err, "standard error of daytime")
    done = run("daytime", *server.operands).ended(1)
    expect_match("connection refused", done.err, "standard error with a closed port")


main()
