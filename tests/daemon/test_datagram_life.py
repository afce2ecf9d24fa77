"""The life of datagram workers: they crash, are replaced, reloaded and stopped; their counts are
reported; and inherited sockets are used."""
import contextlib
import os
import re
import signal
import socket
import threading
import time

from datagrams import (client, expect_answer, expect_nothing, named, section, counter,
                        worker_of)
from expect import (DEADLINE, Failure, eventually, eventually_equal, expect, expect_equal,
                    scaled)
from harness import Echod
from managed import Manager, Managed, Passed, listen, plain_processes
from proc import is_alive, state, title
from tap import main, test


def restarts(echod, count, cause=r"was killed by signal 9 \(SIGKILL\)"):
    """The delay in the record of restart number COUNT."""
    pattern = (r" warning: the worker of local \(127\.0\.0\.1:%d\) %s; starting another one "
               r"in (\S+)$" % (echod.port, cause))
    return re.search(pattern, echod.log.wait(pattern, count=count)[-1])[1]


def counters(echod, *names):
    found = echod.ask("status")
    return [found[name] for name in names]


def replaced(echod, pid):
    return eventually(lambda: worker_of(echod) not in (0, pid) and worker_of(echod),
                      "another worker is there")


# ---- crashes ----

@test("a killed datagram worker is replaced after growing delays, and no datagram is lost")
def killed():
    with Managed(section()) as echod, client() as sock:
        expect_answer(sock, echod.address())
        for number, (seconds, pause) in enumerate(((0.25, "250ms"), (0.5, "500ms"), (1, "1s"))):
            # An answer is counted once it was sent, and so not if the worker is killed in between.
            eventually_equal(lambda: counter(echod, "datagrams_out"), 1 + 5 * number, "the answers")
            pid, killed_at = worker_of(echod), time.monotonic()
            os.kill(pid, signal.SIGKILL)
            expect_equal(restarts(echod, number + 1), pause, "the pause")
            meanwhile = worker_of(echod)
            if time.monotonic() - killed_at < seconds:  # else the next one may be there
                expect_equal(meanwhile, 0, "the worker meanwhile")
            for i in range(5):
                sock.sendto(b"waits %d" % i, echod.address())
            for i in range(5):
                expect_equal(sock.recv(100), b"waits %d" % i, "the answer of the next one")
            replaced(echod, pid)
        eventually_equal(lambda: counters(echod, "crashed", "datagrams_in", "datagrams_out"),
                         [3, 16, 16], "crashes, datagrams in, out")


@test("when a fork server is killed, its datagram workers end as lost and are replaced, and no datagram is lost")
def fork_server_killed():
    with Managed(section()) as echod, client() as sock:
        expect_answer(sock, echod.address())
        pid = worker_of(echod)
        os.kill(pid, signal.SIGSTOP)  # what comes now waits in the socket
        sock.sendto(b"meanwhile", echod.address())
        os.kill(echod.fork_servers()[0], signal.SIGKILL)
        os.kill(pid, signal.SIGCONT)
        expect_equal(sock.recv(100), b"meanwhile", "the answer of either worker")
        replaced(echod, pid)
        expect_answer(sock, echod.address())
        eventually(lambda: not is_alive(pid), "the earlier worker has ended")
        expect_equal(counter(echod, "datagrams_in"), 3, "the datagrams that were counted")


@test("counts of datagrams are no warning: at that level they are not logged")
def counts_at_level_warning():
    with Echod("[server]\nlog_level = warning\n[listen u]\naddress = 127.0.0.1\nport = 0\nprotocol = udp\n",
               ready=True) as echod:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.settimeout(DEADLINE)
            sock.connect(echod.address("u"))
            sock.send(b"hello")
            expect_equal(sock.recv(100), b"hello", "the answer")
        echod.kill(15)
        expect_equal(echod.wait(), 0, "the exit status")
        expect_equal(echod.log.matching("datagrams on"), [], "records of datagram counts")


@test("a datagram worker that dies does not affect others or clients")
def others():
    with Managed(section("local") + section("two") + listen("tcp")) as echod, client() as sock:
        stays = echod.echoing(name="tcp")
        second = worker_of(echod, "two")
        os.kill(worker_of(echod), signal.SIGUSR1)
        restarts(echod, 1, r"was killed by signal 10 \(SIGUSR1\)")
        expect_answer(sock, echod.address("two"))
        expect_equal(worker_of(echod, "two"), second, "the other worker")
        stays.sendall(b"here")
        expect_equal(stays.recv(4), b"here", "the echo of a client")


@test("a datagram worker that gets SIGTERM is replaced, and not recorded as a crash")
def terminated():
    with Managed(section()) as echod, client() as sock:
        os.kill(worker_of(echod), signal.SIGTERM)
        restarts(echod, 1, "was terminated by another process")
        expect_answer(sock, echod.address())
        expect_equal(counter(echod, "crashed"), 0, "the crashes")


@test("when the daemon is killed, its datagram workers end")
def orphans():
    with Managed(section(), read_log=False) as echod:
        worker = worker_of(echod)
        echod.kill(signal.SIGKILL)
        echod.wait()
        eventually(lambda: not is_alive(worker), "the worker ends")


# ---- stopping ----

@test("a stop answers datagrams that have already arrived")
def stop():
    with Managed(section()) as echod, client() as sock:
        worker = worker_of(echod)
        os.kill(worker, signal.SIGSTOP)
        eventually(lambda: state(worker) == "T", "the worker is stopped")
        for number in range(50):
            sock.sendto(b"%d" % number, echod.address())
        echod.kill(signal.SIGTERM)
        echod.log.wait(" info: stopping$")
        os.kill(worker, signal.SIGCONT)
        for number in range(50):
            expect_equal(sock.recv(100), b"%d" % number, "an answer")
        expect_equal(echod.wait(), 0, "the exit status")


@test("neither a worker that hangs nor endless datagrams delay a stop")
def stop_hard():
    with Managed("[server]\ndrain_timeout = 1h\n" + section(more="datagram_rate = 0") +
                 section("stuck")) as echod:
        os.kill(worker_of(echod, "stuck"), signal.SIGSTOP)
        stop = threading.Event()

        def send():
            with client() as sock:
                while not stop.is_set():
                    sock.sendto(b"x", echod.address())

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        try:
            eventually(lambda: counter(echod, "datagrams_in") > 100, "they are answered")
            echod.kill(signal.SIGTERM)
            expect_equal(echod.wait(), 0, "the exit status, long before drain_timeout")
        finally:
            stop.set()
            sender.join(DEADLINE)


@test("at a stop, datagram workers end before clients do")
def drain():
    with Managed("[server]\n" + section() + listen("tcp")) as echod:
        stays, worker = echod.echoing(name="tcp"), worker_of(echod)
        echod.kill(signal.SIGTERM)
        eventually(lambda: not is_alive(worker), "the datagram worker ends")
        stays.sendall(b"here")
        expect_equal(stays.recv(4), b"here", "the echo")
        stays.close()
        expect_equal(echod.wait(), 0, "the exit status")


# ---- reloading ----

class Pings(threading.Thread):
    """A client that sends some datagrams at a time until it is stopped; each must be answered."""

    def __init__(self, address, at_once):
        super().__init__(daemon=True)
        self.address, self.at_once = address, at_once
        self.stopping, self.answered, self.failure = threading.Event(), 0, None

    def run(self):
        try:
            with client() as sock:
                while not self.stopping.is_set():
                    self.ping(sock)
        except (OSError, Failure) as error:
            self.failure = error

    def ping(self, sock):
        texts = [b"%d of %d" % (i, self.answered) for i in range(self.at_once)]
        for text in texts:
            sock.sendto(text, self.address)
        found = sorted(sock.recv(100) for _ in texts)
        expect_equal(found, sorted(texts), "the answers")
        self.answered += len(texts)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join(DEADLINE)


@test("ten reloads under load lose no datagram, and the counts continue")
def reload():
    config = section(more="datagram_rate = 0")
    with Managed(config) as echod:
        with Pings(echod.address(), 1) as single, Pings(echod.address(), 20) as many:
            workers = {worker_of(echod)}
            for _ in range(10):
                aim = single.answered + 20, many.answered + 100
                echod.reload()
                workers.add(worker_of(echod))
                eventually(lambda: single.failure or many.failure or
                           (single.answered, many.answered) > aim, "the clients continue")
        expect_equal((single.failure, many.failure), (None, None), "failures of the clients")
        expect_equal(len(workers), 11, "the number of workers")
        answered = single.answered + many.answered
        eventually_equal(lambda: counters(echod, "datagrams_in", "datagrams_out"), [answered] * 2,
                         "counts in the status")
        echod.kill(signal.SIGTERM)
        echod.wait()
        # The scribe ends after the daemon.
        eventually_equal(lambda: sum(int(re.search(r": (\d+) in, ", line)[1]) for line in
                                     echod.log.matching(r" info: datagrams on local ")),
                         answered, "counts in all records")


@test("a Unix datagram socket is served after reloads, and after its worker got SIGTERM")
def reload_unix():
    plain_processes()
    with Managed("[listen local]\nprotocol = unix-dgram\naddress = @DIR@/dgram\n") as echod:
        with named(echod.path("client")) as sock:
            for _ in range(3):
                echod.reload()
                expect_answer(sock, echod.address())
            os.kill(worker_of(echod), signal.SIGTERM)
            sock.sendto(b"waits", echod.address())
            expect_equal(sock.recv(100), b"waits", "the answer of the next one")


@test("a reload applies new settings, and ends the worker of a removed listener")
def reload_changes():
    with Managed(section("local") + section("two")) as echod, client() as sock:
        expect_answer(sock, echod.address("two"))
        gone, port = worker_of(echod, "two"), echod.port
        echod.configure(section("local", more="service = message\nreply = stored"))
        echod.reload()
        expect_equal(echod.port, port, "the port, which the kernel chose once")
        expect_answer(sock, echod.address(), b"x", b"stored\n")
        expect_equal(title(worker_of(echod)), "echod: udp 127.0.0.1:%d local message" % port,
                     "the title")
        eventually(lambda: not is_alive(gone), "the other worker ends")
        expect_equal(len(echod.ask("datagrams")), 1, "the number of datagram sockets")
        expect_equal(counter(echod, "datagrams_in"), 2, "the datagrams of both")
        echod.configure(listen("tcp"))
        echod.reload()
        expect_equal(echod.ask("datagrams"), [], "the datagram sockets")
        echod.log.wait(r" info: no longer listening on udp 127\.0\.0\.1:%d \(local\)$" % port)
        expect_equal(counter(echod, "datagrams_in"), 2, "the datagrams, which are still counted")
        echod.configure(listen("tcp"))
        echod.reload()
        expect_equal(counter(echod, "datagrams_in"), 2, "the datagrams after one more reload")
    with Managed(listen("tcp")) as echod:
        expect("datagrams_in" not in echod.ask("status"), "datagrams are counted without any")


@test("a reload can open an address that conflicts with that of a worker that is still ending")
def reload_address():
    with Managed(section()) as echod, client() as sock:
        port = echod.port
        echod.configure(section(port=port, address="0.0.0.0"))
        echod.reload()
        expect_answer(sock, ("127.0.0.2", port))
        echod.configure(listen("local"))
        echod.reload()
        stays = echod.echoing()
        echod.configure(section())
        echod.reload()
        expect_answer(sock, echod.address())
        stays.sendall(b"here")
        expect_equal(stays.recv(4), b"here", "the echo of an earlier client")


@test("a failed reload leaves the datagram workers alone")
def rejected():
    with Managed(section()) as echod, client() as sock:
        worker = worker_of(echod)
        echod.configure(section(more="datagram_rate = many"))
        echod.rejects("datagram_rate: \"many\" is not a rate")
        expect_equal(worker_of(echod), worker, "the worker")
        expect_answer(sock, echod.address())


@test("a worker that waits for a message to be stored may finish during a reload")
def reload_storing():
    with Managed(section(more="service = message")) as echod, client() as sock:
        expect_answer(sock, echod.address(), b"first", b"OK\n")
        os.kill(echod.scribe_pid, signal.SIGSTOP)
        eventually(lambda: state(echod.scribe_pid) == "T", "the scribe is stopped")
        worker = worker_of(echod)
        sock.sendto(b"second", echod.address())
        eventually(lambda: counter(echod, "datagrams_in") == 2, "the second datagram is counted")
        echod.reload()
        expect(is_alive(worker), "the worker was not waited for")
        os.kill(echod.scribe_pid, signal.SIGCONT)
        expect_equal(sock.recv(100), b"OK\n", "the reply")
        eventually(lambda: not is_alive(worker), "the earlier worker ends")
        eventually(lambda: counter(echod, "datagram_messages") == 2, "both messages are counted")
        expect_answer(sock, echod.address(), b"third", b"OK\n")


# ---- a port that is shared ----

SHARED = "reuse_port = yes\ndatagram_rate = 0\n"


@test("reuse_port: two instances share a port; when one ends, the other gets all datagrams")
def shared():
    with Managed(section(more=SHARED)) as first:
        with Managed(section(port=first.port, more=SHARED)) as second:
            socks = [client() for _ in range(40)]
            for sock in socks:
                expect_answer(sock, first.address())
            counts = counter(first, "datagrams_in"), counter(second, "datagrams_in")
            expect_equal((sum(counts), min(counts) > 0), (40, True), "datagrams, and whether both got some")
            first.stop()
            for sock in socks:
                expect_answer(sock, second.address())
                sock.close()
            expect_equal(counter(second, "datagrams_in"), counts[1] + 40, "the datagrams of one")


@test("a failed reload with a shared port takes no datagram from the others")
def shared_dry_run():
    with socket.socket() as busy, Managed(section(more=SHARED)) as first:
        busy.bind(("127.0.0.1", 0))
        with Managed(section("own")) as second, contextlib.ExitStack() as stack:
            second.configure(section("own") + section(port=first.port, more=SHARED) +
                             listen("busy", busy.getsockname()[1]))
            # The kernel chooses by the client's port: some would meet the one that is tried.
            load = [stack.enter_context(Pings(first.address(), 20)) for _ in range(6)]
            for _ in range(scaled(20, 3)):
                aim = [pings.answered + 20 for pings in load]
                second.rejects("listener busy: .* is in use")
                eventually(lambda: all(pings.failure or pings.answered > least
                                       for pings, least in zip(load, aim)), "the clients continue")
        expect_equal([pings.failure for pings in load], [None] * 6, "failures of the clients")


# ---- sockets that are there already ----

def passed(kind=socket.SOCK_DGRAM, host="127.0.0.1"):
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    sock.bind((host, 0))
    return sock


@test("an inherited socket is used, and datagrams that arrived before are answered from the right address")
def inherited():
    with passed(host="0.0.0.0") as given, client() as sock:
        port = given.getsockname()[1]
        for number, host in enumerate(("127.0.0.1", "127.0.0.2", "127.0.0.3")):
            sock.sendto(b"%d" % number, (host, port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.sendto(b"to all", ("127.255.255.255", port))
        with Passed(section(port=port, address="0.0.0.0"), given) as echod:
            for number in range(3):
                expect_equal(sock.recvfrom(100), (b"%d" % number, ("127.0.0.%d" % (number + 1),
                                                                   port)), "an answer")
            expect_answer(sock, ("127.0.0.2", port))
            expect_equal(echod.ask("listeners")[0]["from"], "socket-unit", "its origin")
            eventually_equal(lambda: counter(echod, "datagrams_out"), 4, "datagrams sent")


@test("an inherited [::] that takes IPv4, too, serves both, from the right address; rules for IPv4 "
      "apply to such clients")
def inherited_both():
    with passed(host="::") as given, client() as sock:
        port = given.getsockname()[1]
        config = section(port=port, address="*", more="deny = 127.0.0.3")
        with Passed(config, given) as echod:
            expect_equal(len(echod.ask("listeners")), 1, "the number of listeners")
            for host in ("127.0.0.1", "127.0.0.2"):
                expect_answer(sock, (host, port))
            with client("::1") as six:
                expect_answer(six, ("::1", port))
            with client("127.0.0.3") as denied:
                denied.sendto(b"ping", ("127.0.0.1", port))
                expect_nothing(denied, sock, ("127.0.0.1", port))
            expect_equal(counter(echod, "unanswered_denied"), 1, "denied datagrams")


@test("inherited sockets with the same address are distinguished by type; unused ones are closed")
def inherited_types():
    with passed() as given, socket.socket() as stream, passed() as connected:
        port = given.getsockname()[1]
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a client may have had it
        stream.bind(("127.0.0.1", port))
        stream.listen()
        connected.connect(("127.0.0.1", 9))
        other = connected.getsockname()[1]
        config = section(port=port) + listen("tcp", port)
        with Passed(config, stream, connected, given) as echod, client() as sock:
            expect_answer(sock, ("127.0.0.1", port))
            echod.echoing(name="tcp")
            echod.log.wait(r" warning: closing inherited socket udp 127\.0\.0\.1:%d: it is connected "
                           r"to 127\.0\.0\.1:9, and receives from no other address$" % other)
            rows = echod.ask("listeners")
            expect_equal([(row["protocol"], row["from"]) for row in rows],
                         [("udp", "socket-unit"), ("tcp", "socket-unit")], "the listeners")


@test("an inherited Unix datagram socket and a seqpacket socket are used")
def inherited_unix():
    name = "\0echod-test-life-%d" % os.getpid()
    with named(name) as given, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as packets:
        packets.bind(name)  # another type has other names
        packets.listen()
        config = "".join("[listen %s]\nprotocol = %s\naddress = @%s\n" % (p, p, name[1:])
                         for p in ("unix-dgram", "unix-seqpacket"))
        with Passed(config, packets, given) as echod, named(name + "-client") as sock:
            expect_answer(sock, echod.address("unix-dgram"))
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
                sock.settimeout(DEADLINE)
                sock.connect(name)
                sock.send(b"packet")
                expect_equal(sock.recv(100), b"packet", "the echo")
            expect_equal([row["from"] for row in echod.ask("listeners")], ["socket-unit"] * 2,
                         "origins of the listeners")


@test("systemd keeps the sockets, and datagrams wait while no daemon runs")
def stored():
    with Manager() as manager:
        with Managed(section(), env=manager.env) as echod, client() as sock:
            expect_answer(sock, echod.address())
            _, message = manager.wait("FDNAME=echod-listen-local")
            address = echod.address()
        kept = message[2][0]
        with client() as sock:
            sock.sendto(b"waits", address)
            with Passed(section(port=address[1]), kept, names=["echod-listen-local"]) as echod:
                expect_equal(sock.recvfrom(100), (b"waits", address), "the answer")
                expect_equal(echod.ask("listeners")[0]["from"], "fd-store", "its origin")


# ---- reports ----

@test("at the stop, unreported traffic is logged once for each socket")
def summary():
    with Echod(section("local") + section("quiet")) as echod:
        with client() as sock, client("127.0.0.2", echod.port) as own:
            expect_answer(sock, echod.address(), b"four")
            own.sendto(b"never", echod.address())
            expect_answer(sock, echod.address(), b"seventeen bytes !")
        echod.stop()
        found = echod.log.matching(r" info: datagrams on ")
        expect_equal(len(found), 1, "the number of records")
        expect(found[0].endswith("datagrams on local (127.0.0.1:%d): 3 in, 2 out, 26 bytes in, "
                                 "21 out; not answered: 1 from a port of echod itself" %
                                 echod.port), "the record: " + found[0])


@test("log_sessions = no also omits these records")
def no_summary():
    with Echod("[server]\nlog_sessions = no\n" + section()) as echod:
        with client() as sock:
            expect_answer(sock, echod.address())
        echod.stop()
        expect_equal(echod.log.matching("datagrams on"), [], "the records")


@test("echoctl datagrams, status and metrics count the same")
def counts():
    with Managed(section() + section("two")) as echod, client() as sock:
        for data in (b"a" * 10, b"b" * 100):
            expect_answer(sock, echod.address(), data)
        expect_answer(sock, echod.address("two"), b"c")
        eventually_equal(lambda: [[row[key] for key in (
            "listener", "received", "sent", "bytes_in", "bytes_out", "unanswered", "overflowed")]
                                  for row in echod.ask("datagrams")],
                         [["local", 2, 2, 110, 110, 0, 0], ["two", 1, 1, 1, 1, 0, 0]], "the rows")
        found = echod.ask("status")
        expect_equal((found["datagrams_in"], found["datagram_bytes_out"], found["bytes_in"]),
                     (3, 111, 0), "the status")
        text = re.sub(r"\{.*\}", "", echod.ctl("metrics")[1])  # the label
        for line in ("echod_datagrams_received_total 3", "echod_datagram_sent_bytes_total 111",
                     "echod_datagrams_unanswered_rate_total 0"):
            expect(line in text.splitlines(), "the metrics lack: " + line)
        expect_equal([row["protocol"] for row in echod.ask("listeners")], ["udp", "udp"],
                     "the protocols")


@test("metrics_file includes the datagrams of running workers")
def metrics_file():
    with Managed(section()) as echod, client() as sock:
        expect_answer(sock, echod.address())
        echod.configure("[server]\nmetrics_file = @DIR@/echod.prom\n" + section())
        echod.reload()
        expect_answer(sock, echod.address())
        expect_answer(sock, echod.address())

        def written():
            try:
                with open(echod.path("echod.prom"), encoding="ascii") as file:
                    return re.search(r"^echod_datagrams_received_total\{.*\} (\d)$", file.read(),
                                     re.M)
            except FileNotFoundError:
                return None

        expect(int(eventually(written, "the metrics file exists")[1]) >= 1, "the metrics file counts no datagrams")
        expect_equal(echod.log.matching("metrics_file"), [], "log records about metrics_file")


@test("datagrams that the kernel drops are counted")
def overflow():
    with Managed(section(more="datagram_rate = 0")) as echod, client() as sock:
        worker = worker_of(echod)
        os.kill(worker, signal.SIGSTOP)
        eventually(lambda: state(worker) == "T", "the worker is stopped")
        for _ in range(2000):
            sock.sendto(b"x" * 1000, echod.address())
        eventually(lambda: echod.ask("datagrams")[0]["overflowed"] > 0, "some are counted")
        os.kill(worker, signal.SIGCONT)
        eventually(lambda: counter(echod, "datagrams_in") +
                   echod.ask("datagrams")[0]["overflowed"] == 2000, "all dropped datagrams are counted")


main()
