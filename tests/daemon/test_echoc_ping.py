"""echoc ping: round trips, and reports of every kind of fault."""
import os
import shutil
import signal
import socket
import tempfile

import servers
from expect import DEADLINE, Skip, expect, expect_equal, expect_match, scaled
from harness import Echod
from servers import Server, changing, changing_datagrams
from tap import main, test
from verbs import LOOKED, finish, popen, run

QUICK = ("ping", "-i", "20ms")
WAIT = scaled("1s", "5s")  # for what never comes


def operands(echod):
    host, port = echod.address()
    return host, port


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1:]


@test("over TCP, every reply is printed, and the summary has the times")
def tcp():
    with Echod() as echod:
        done = run(*QUICK, "-c", 3, *operands(echod)).ended(0)
        lines = done.out.splitlines()
        expect_match(r"^ECHO 127\.0\.0\.1:\d+: 56 bytes; connected in [\d.]+ ms$", lines[0], "first")
        for n in (1, 2, 3):
            expect_match(r"^56 bytes from 127\.0\.0\.1:\d+: seq=%d time=[\d.]+ ms%s$" % (n, LOOKED), lines[n],
                         "the line of a reply")
        expect_match(r"^3 sent, 3 received, 0% loss, time [\d.]+ ms$", done.out, "the sum")
        expect_match(r"^connect [\d.]+ ms$", done.out, "the connect time")
        expect_match(r"^round trip min/avg/p50/p99/max/mdev = ([\d.]+/){5}[\d.]+ ms$", done.out,
                     "the round trips")
        expect_equal(done.err, "", "standard error")


@test("over a Unix socket and IPv6, every reply is printed, and the summary has the times")
def unix_and_ipv6():
    with Echod(listen="protocol = unix\naddress = @DIR@/sock") as echod:
        done = run(*QUICK, "--json", "-c", 3, "--unix", echod.address()).ended(0)
        expect_equal(done.summary["received"], 3, "replies received")
        expect_match("^unix:/.*/sock$", done.summary["address"], "the address")
    with Server(servers.echo, family=socket.AF_INET6) as server:
        done = run(*QUICK, "--json", "-c", 3, *server.operands).ended(0)
        expect_match(r"^\[::1\]:\d+$", done.summary["address"], "the address")


@test("over UDP, no connection is needed")
def udp():
    with Echod(listen="protocol = udp\nport = 0") as echod:
        done = run(*QUICK, "--json", "-u", "-c", 3, *operands(echod)).ended(0)
        expect_equal(done.verdicts(), {1: ["intact"], 2: ["intact"], 3: ["intact"]}, "verdicts")
        expect("connect_min_ms" not in done.summary, "a connect time is reported")


@test("--json prints an object for each probe, and a summary whose times are in order")
def json():
    with Echod() as echod:
        done = run(*QUICK, "--json", "-c", 5, *operands(echod)).ended(0)
        expect_equal([o["type"] for o in done.objects()], ["probe"] * 5 + ["summary"], "types")
        s = done.summary
        times = [s["rtt_%s_ms" % key] for key in ("min", "p50", "p99", "max")]
        expect_equal(times, sorted(times), "the percentiles")
        expect(s["rtt_min_ms"] <= s["rtt_avg_ms"] <= s["rtt_max_ms"], "the mean is between them")
        expect_equal((s["sent"], s["received"], s["lost"], s["status"]), (5, 5, 0, 0), "the sums")


@test("every size comes back, from one byte to a mebibyte")
def sizes():
    with Echod() as echod:
        for size in (1, 2, 3, 4, 5, 12, 13, 27, 28, 29, 1448, 65536, 1048576):
            done = run(*QUICK, "--json", "-i", 0, "-c", 5, "-s", size, *operands(echod)).ended(0)
            expect_equal(done.verdicts(), {n: ["intact"] for n in range(1, 6)}, "%d bytes" % size)
        run("ping", "-c", 1, "-s", 1048577, *operands(echod)).ended(2)


@test("a corrupted reply is reported with the byte, and does not count as a reply")
def corrupted():
    with Server(changing(lambda data, n: flip(data, 40) if n == 2 else data)) as server:
        done = run(*QUICK, "-c", 3, *server.operands).ended(1)
        expect_match(r"seq=2 time=[\d.]+ ms" + LOOKED + r" \(corrupted at byte 41: sent 0x\w\w, got 0x\w\w\)$",
                     done.out, "the reply")
        expect_match("^3 sent, 2 received, 33% loss", done.out, "the sum")
        expect_match("^1 corrupted$", done.out, "the faults")


@test("a corrupted sequence number does not hide the probe")
def corrupted_number():
    with Server(changing(lambda data, n: flip(data, 0) if n == 2 else data)) as server:
        done = run(*QUICK, "--json", "-c", 3, *server.operands).ended(1)
        expect_equal(done.verdicts()[2], ["corrupted"], "the verdict")
        expect_equal(done.objects("probe")[1]["differs_at"], 1, "offset of the difference")


@test("a truncated reply is reported, over TCP once nothing follows")
def truncated():
    with Server(changing(lambda data, n: data[:20] if n == 2 else data)) as server:
        done = run(*QUICK, "-c", 3, "-W", WAIT, *server.operands).ended(1)
        expect_match(r"^20 of 56 bytes from .* seq=2 time=[\d.]+ ms" + LOOKED + r" \(truncated\)$", done.out, "a line")
        expect_match("^1 truncated$", done.out, "the faults")
    with Server(changing_datagrams(lambda data, n: [data[:20]]), "udp") as server:
        done = run(*QUICK, "--json", "-c", 2, *server.operands).ended(1)
        expect_equal(done.verdicts(), {1: ["truncated"], 2: ["truncated"]}, "verdicts of datagrams")


@test("a server that cuts replies at a NUL byte is reported")
def c_string():
    with Server(changing(lambda data, n: data.split(b"\0")[0])) as server:
        done = run(*QUICK, "--json", "-c", 1, "-W", WAIT, *server.operands).ended(1)
        expect_equal(done.verdicts(), {1: ["truncated"]}, "the verdict")


@test("a duplicate is reported")
def duplicate():
    with Server(changing_datagrams(lambda data, n: [data] * (2 if n == 1 else 1)), "udp") as server:
        done = run(*QUICK, "--json", "-c", 3, *server.operands).ended(0)
        expect_equal(done.verdicts()[1], ["intact", "duplicate"], "verdicts of a duplicated datagram")
        expect_equal((done.summary["received"], done.summary["lost"]), (3, 0), "the sums")
    with Server(changing(lambda data, n: data * 2)) as server:
        done = run(*QUICK, "--json", "-c", 2, *server.operands).ended(0)
        expect_equal(done.verdicts()[1], ["intact", "duplicate"], "over TCP")


@test("reordered replies are reported")
def reordered():
    held = []

    def swap(data, n):
        if n == 1:
            held.append(data)
            return []
        return [data] + [held.pop()] if held else [data]

    with Server(changing_datagrams(swap), "udp") as server:
        done = run(*QUICK, "--json", "-c", 3, *server.operands).ended(0)
        expect_equal(done.verdicts(), {2: ["intact"], 1: ["reordered"], 3: ["intact"]}, "verdicts")


@test("a lost probe is reported and counted, and does not delay the others")
def lost():
    with Server(changing_datagrams(lambda data, n: [data] if n != 2 else []), "udp") as server:
        done = run(*QUICK, "-c", 3, "-W", WAIT, *server.operands).ended(0)
        expect_match("^no reply to seq=2 within %s$" % WAIT, done.out, "the line")
        expect_match("^3 sent, 2 received, 33% loss", done.out, "the sum")
        expect_match("^1 lost$", done.out, "the faults")


@test("a reply to a probe that was given up is late, not lost")
def late():
    held = []

    def hold_the_first(data, n):
        held.append(data)
        return held if n == 2 else []

    with Server(changing_datagrams(hold_the_first), "udp") as server:
        done = run("ping", "-i", "1s", "--json", "-c", 2, "-W", "500ms", *server.operands).ended(0)
        expect_equal(done.verdicts()[1], ["overdue", "late"], "the verdicts")
        expect_equal(done.summary["lost"], 0, "lost probes")


@test("a partial reply of a slow server is late, not truncated")
def slow():
    with Server(servers.slow(scaled(1, 5))) as server:
        done = run("ping", "--json", "-i", "50ms", "-W", "200ms", "-c", scaled(40, 200),
                   *server.operands).ended(0)
        expect_equal(done.verdicts()[1], ["overdue", "late"], "the verdicts on the first")
        expect_equal((done.summary["truncated"], done.summary["stray"]), (0, 0), "the faults")
    with Server(servers.trickling) as server:
        for verb in (("ping", "-i", "20ms", "-c", 3), ("crr", "-i", 0, "-c", 3), ("load", "-c", 3),
                     ("sweep", "--largest", 1024), ("send", "--verify")):
            run(*verb, *server.operands).ended(0)


@test("a greeting is a stray, and the replies after it are recognised")
def greets():
    with Server(servers.greeting(b"Welcome\x1b[2J to us\n")) as server:
        done = run(*QUICK, "-c", 3, *server.operands).ended(0)
        expect_match(r"^18 bytes from \S+ that were not sent: Welcome\\x1b\[2J to us\\x0a$",
                     done.out, "the greeting, escaped")
        expect_match("^3 sent, 3 received, 0% loss", done.out, "the sum")
    with Server(servers.greeting(b"x" * 500)) as server:
        done = run(*QUICK, "--json", "-c", 3, *server.operands).ended(0)
        expect_equal(done.summary["received"], 3, "replies received after a greeting longer than a probe")
        strays = [o for o in done.objects("probe") if o["verdict"] == "stray"]
        expect_equal(sum(o["bytes"] for o in strays), 500, "the bytes that are strays")


@test("another service is recognised by the data that it sends; without replies the status is 1")
def other_service():
    with Server(changing(lambda data, n: b"OK\n")) as server:
        done = run(*QUICK, "-c", 1, "-W", WAIT, *server.operands).ended(1)
        expect_match(r"^3 bytes from \S+ that were not sent: OK\\x0a$", done.out, "stray bytes reported")


@test("a server that reads once and closes is reported")
def reads_and_closes():
    with Server(servers.read_and_close) as server:
        done = run(*QUICK, "-c", 3, *server.operands).ended(1)
        expect_match(r"^echoc: \S+ closed the connection$", done.err, "standard error")
        expect_match("^[123] sent, 0 received, 100% loss", done.out, "the sum")


@test("a reset is reported")
def resets():
    with Server(servers.resetting) as server:
        done = run(*QUICK, "-c", 3, *server.operands).ended(1)
        expect_match(r"^echoc: the connection to \S+ broke: Connection reset by peer$", done.err,
                     "standard error")


@test("a half-close by the server is reported, and earlier replies count")
def half_closes():
    with Server(servers.half_closing) as server:
        done = run(*QUICK, "-c", 3, *server.operands).ended(1)
        expect_match(r"^echoc: \S+ closed the connection$", done.err, "standard error")
        expect_match("^[123] sent, 1 received", done.out, "the sum")


@test("waiting ends after -W or at the deadline -w, with status 1")
def silence():
    with Server(servers.silent) as server:
        done = run(*QUICK, "-c", 2, "-W", WAIT, *server.operands).ended(1)
        expect_match("^no reply to seq=2 within %s$" % WAIT, done.out, "the line")
        run(*QUICK, "-w", "300ms", *server.operands).ended(1)


@test("-w ends in time, and with -c it requires all replies")
def deadline():
    with Echod() as echod:
        run("ping", "-w", "1s", "-i", "100ms", *operands(echod)).ended(0)
        run("ping", "-w", "300ms", "-i", "100ms", "-c", 100, *operands(echod)).ended(1)


@test("-w with -c continues until enough replies have arrived, as in ping(8); an error ends it")
def deadline_and_count():
    with Server(changing_datagrams(lambda data, n: [data] if n >= 3 else []), "udp") as server:
        done = run(*QUICK, "-c", 2, "-w", 20, "--json", *server.operands).ended(0)
        expect_equal(done.summary["received"], 2, "replies")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    done = run("ping", "-u", "-w", 3600, "127.0.0.1", port).ended(1)
    expect_match(r"^\d+ sent, 0 received", done.out, "the sum")


@test("a refused connection or datagram is status 1; an unknown name is status 2")
def refused():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        done = run("ping", "-c", 1, "127.0.0.1", port).ended(1)
        expect_match("^echoc: connection refused by 127.0.0.1:", done.err, "standard error")
        done = run("ping", "--json", "-c", 1, "127.0.0.1", port).ended(1)
        expect_equal(done.objects()[0]["type"], "error", "in JSON")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    # Of another address than 127.0.0.1, or its own port, which may be that one, would answer it.
    done = run(*QUICK, "-u", "-c", 2, "-W", WAIT, "127.0.0.9", port).ended(1)
    expect_match("^seq=1: Connection refused, reported by 127.0.0.9$", done.out, "the error for a datagram")
    run("ping", "-c", 1, "name.invalid").ended(2)


@test("wrong options are status 2, with a message")
def usage():
    for args, why in ((["-c", "0", "x"], "not a number from 1 to"), ([], "HOST is missing"),
                      (["-i", "soon", "x"], "not a time span"), (["x", "y", "z"], "unexpected operand"),
                      (["-u", "--proxy", "v1", "x"], "cannot be combined with --udp"),
                      (["--proxy", "v3", "x"], "not v1 or v2"), (["--dscp", "64", "x"], "not a code"),
                      (["--source", "here", "x"], "not a numeric address"),
                      (["-4", "--source", "::1", "x"], "other family"),
                      (["--plot", "x.pdf", "127.0.0.1", "1"], None)):
        done = run("ping", *args)
        expect(done.status == 2 or why is None and done.status == 1, "status of %s" % args)
        expect_match(why or "refused", done.err, "standard error")


@test("Ctrl-C prints the summary, Ctrl-\\ interim results")
def signals():
    with Echod() as echod:
        process = popen(*QUICK, *operands(echod))
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(signal.SIGQUIT)
        line = process.stderr.readline().decode()
        expect_match(r"^echoc: \d+ of \d+ came back, \d+% loss, p50/p99 = ", line, "the interim")
        process.send_signal(signal.SIGINT)
        done = finish(process).ended(0)
        expect_match(r"^\d+ sent, \d+ received", done.out, "the summary")


@test("Ctrl-C also ends an attempt to connect")
def stop_while_connecting():
    with socket.socket() as sock:  # its backlog is full: what comes is dropped
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
        process = popen("ping", "-v", "-t", "0", *sock.getsockname())
        expect_match("trying", process.stderr.readline().decode(), "standard error while connecting")
        process.send_signal(signal.SIGINT)
        finish(process).ended(1)
        for filler in fillers:
            filler.close()


@test("-q prints the summary only, -D the time before each line")
def quiet_and_timestamps():
    with Echod() as echod:
        done = run(*QUICK, "-q", "-c", 3, *operands(echod)).ended(0)
        expect("seq=" not in done.out and "3 received" in done.out, "only the summary")
        done = run(*QUICK, "-D", "-c", 2, *operands(echod)).ended(0)
        expect_match(r"^\[\d{10}\.\d{6}\] 56 bytes from .* seq=2 ", done.out, "the time")


@test("a reader that stops ends it")
def broken_pipe():
    with Echod() as echod:
        process = popen(*QUICK, *operands(echod))
        process.stdout.readline()
        process.stdout.close()
        process.wait(DEADLINE)
        expect_equal(process.returncode, 2, "the exit status")
        process.stderr.close()


@test("--histogram prints a histogram whose counts add up, also in JSON")
def histogram():
    with Echod() as echod:
        done = run(*QUICK, "-i", 0, "-q", "-c", 200, "--histogram", *operands(echod)).ended(0)
        rows = [line.split() for line in done.out.splitlines() if " - " in line and "#" in line]
        expect_equal(sum(int(row[3]) for row in rows), 200, "the sum of the bars of " + done.out)
        done = run(*QUICK, "-i", 0, "--json", "-c", 200, "--histogram", *operands(echod)).ended(0)
        found = done.objects("histogram")
        expect_equal(sum(o["count"] for o in found), 200, "the sum of counts")
        for a, b in zip(found, found[1:]):
            expect(a["from_ms"] < a["to_ms"] <= b["from_ms"], "the rows ascend: %s %s" % (a, b))


def flawed(data, n):
    """Loses the third of ten, and damages the sixth."""
    return [] if n % 10 == 3 else [flip(data, 40) if n % 10 == 6 else data]


@test("--plot draws a title, lost and damaged probes, and lines at percentiles")
def plot_text():
    if not shutil.which("gnuplot"):
        raise Skip("gnuplot is not installed")
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        for args in (("ping", "-i", "1ms", "-c", 20, "-W", scaled("300ms", "3s")),
                     ("load", "-c", 20, "--rate", 1000, "-t", scaled("300ms", "3s"))):
            with Server(changing_datagrams(flawed), "udp") as server:
                done = run(*args, "-q", "--plot", where + "/x.svg", *server.operands).ended(1)
            expect_equal(done.err, "", "standard error")
            with open(where + "/x.svg", encoding="utf-8") as file:
                drawn = file.read()
            for text in ("echoc %s: round trips of 56 bytes to 127.0.0.1:%d (UDP), 20" %
                         (args[0], server.address[1]), "16 intact, 2 damaged, 2 lost", "intact<",
                         "damaged<", "lost<", "p50: ", "p99: ", "round trip, ms"):
                expect(text in drawn, "%s is drawn of %s" % (text, args[0]))
        with Server(servers.silent) as server:
            for count in (1, 3):
                done = run("ping", "-q", "-c", count, "-i", 0.01, "-W", 0.1, "--plot",
                           where + "/x.svg", *server.operands).ended(1)
                expect_equal(done.err, "", "standard error without any reply")


@test("--plot works with any file name, and reports a missing gnuplot")
def plot():
    with Echod() as echod:
        args = (*QUICK, "-q", "-c", 3, *operands(echod))
        done = run(*args, "--plot", echod.path("x.svg"), env={"PATH": "/nonexistent"}).ended(2)
        expect_match("^echoc: --plot draws with gnuplot, which is not installed", done.err, "standard error")
        done = run(*args, "--plot", echod.path("x.pdf")).ended(2)
        expect_match(r"not a file name that ends in \.svg or \.png", done.err, "standard error")
        if not shutil.which("gnuplot"):
            raise Skip("gnuplot is not installed")
        for name, begin in (("it's.svg", b"<?xml"), ("|x.svg", b"<?xml"), ("x.png", b"\x89PNG")):
            run(*args, "--plot", echod.path(name)).ended(0)
            with open(echod.path(name), "rb") as file:
                expect_equal(file.read(5)[:len(begin)], begin, "the beginning of " + name)


main()
