"""Access control beyond test_limits.py: how often a source may connect, and places that are reserved
for monitors."""
import itertools
import os
import re
import socket
import subprocess
import threading
import time

from clients import expect_echo, expect_silence, recv_until_eof
from expect import DEADLINE, Skip, eventually, expect, expect_equal, expect_match, scaled
from harness import Echod, ini, run_echod
from hosts import add_networks
from managed import Managed, listen, unix
from programs import NOBODY, nobody, true_root
from tap import main, test

FULL = b"echod: too many clients, try again later\n"
DENIED = b"echod: access denied\n"
RATE = rb"echod: too many connections from your address, try again in (\d+) s\n"


def expect_words(echod, words, reason, **how):
    """A client is refused by WORDS (a pattern), and the REASON is in the log. Returns the match."""
    sock = echod.connect(**how)
    reply = recv_until_eof(sock)
    match = re.fullmatch(words, reply)
    expect(match, "a refused client gets %r, not %r" % (words, reply))
    echod.log.wait(r" info: refused \S+:%d on local: %s$" %
                   (sock.getsockname()[1], re.escape(reason)))
    return match


def expect_rate(echod, **how):
    """A client is refused because of its rate. Returns the seconds that the client has to wait."""
    return int(expect_words(echod, RATE, "too many connections of its source", **how)[1])


def visit(echod, **how):
    """A client that is served, and gone again once its worker is."""
    sock = echod.connect(**how)
    expect_echo(sock)
    sock.close()


def is_served(sock):
    """Whether it is an echo that SOCK gets: one that is refused gets words, or just a reset."""
    try:
        sock.sendall(b"ping")
        return sock.recv(1024) == b"ping"
    except ConnectionError:
        return False


# ---- the rate ----

@test("source_rate: a burst is served, then a line says when the next connection is allowed; other sources are not affected")
def rate():
    add_networks("192.0.2.0/24", "198.51.100.0/24", "198.18.0.0/15")
    with Echod(server="source_rate = 5/h") as echod:
        for _ in range(5):
            visit(echod, source="192.0.2.2")
        wait = expect_rate(echod, source="192.0.2.2")
        expect(600 < wait <= 720, "the next of five in an hour comes in 12 min, not %d s" % wait)
        visit(echod, source="192.0.2.3")
        echod.wait_no_workers()
        expect_rate(echod, source="192.0.2.2")  # that the others are gone does not matter


@test("source_rate: a source recovers, even if it never stops trying")
def rate_recovers():
    add_networks("192.0.2.0/24", "198.51.100.0/24", "198.18.0.0/15")
    with Echod(server="source_rate = 1/s") as echod:
        begin = time.monotonic()
        served = 0
        while served < 3:
            sock = echod.connect(source="192.0.2.1")
            served += is_served(sock)
            sock.close()
            expect(time.monotonic() < begin + DEADLINE, "the client is still refused at the deadline")
        expect(time.monotonic() - begin >= 1.9, "three came within two seconds")


@test("source_rate counts over all listeners and by source_prefix")
def rate_of_a_source():
    add_networks("192.0.2.0/24", "198.51.100.0/24", "198.18.0.0/15")
    config = ("[server]\nsource_rate = 2/h\nsource_prefix = 24, 64\n" + listen("local") +
              listen("other"))
    with Managed(config) as echod:
        visit(echod, source="198.51.100.1")
        visit(echod, name="other", source="198.51.100.2")
        expect_rate(echod, source="198.51.100.3")
        visit(echod, source="192.0.2.1")


@test("source_rate does not count clients that are refused for another reason")
def rate_of_refused():
    add_networks("192.0.2.0/24", "198.51.100.0/24", "198.18.0.0/15")
    with Echod(server="source_rate = 2/h\nmax_clients = 1") as echod:
        first = echod.echoing(source="192.0.2.1")
        for _ in range(5):
            expect_words(echod, FULL, "full", source="192.0.2.1")
        first.close()
        echod.wait_no_workers()
        visit(echod, source="192.0.2.1")
        echod.wait_no_workers()
        expect_rate(echod, source="192.0.2.1")


@test("source_rate: many sources with one connection each are all admitted")
def rate_crowd():
    add_networks("192.0.2.0/24", "198.51.100.0/24", "198.18.0.0/15")
    with Echod(server="source_rate = 1/h\nlog_sessions = no") as echod:
        count = scaled(1500, 60)
        for n in range(count):
            visit(echod, source="198.18.%d.%d" % (1 + n // 250, 1 + n % 250))
        expect_rate(echod, source="198.18.1.1")
        echod.log.wait("refused")
        expect_equal(len(echod.log.matching("refused")), 1, "the refusals")


@test("source_rate: a reload clears the counts and applies a new rate")
def rate_reload():
    add_networks("192.0.2.0/24", "198.51.100.0/24", "198.18.0.0/15")
    with Managed(server="source_rate = 1/h") as echod:
        visit(echod, source="192.0.2.1")
        expect_rate(echod, source="192.0.2.1")
        echod.configure(ini("source_rate = 2/h"))
        echod.reload()
        visit(echod, source="192.0.2.1")
        visit(echod, source="192.0.2.1")
        expect_rate(echod, source="192.0.2.1")
        echod.configure(ini())
        echod.reload()
        for _ in range(5):
            visit(echod, source="192.0.2.1")


@test("with the defaults, sources that connect as fast as they can do not lock out others")
def connection_flood():
    add_networks("192.0.2.0/24", "198.51.100.0/24")
    with Managed(server="log_sessions = no") as echod:
        stop, attempts = threading.Event(), []
        threads = [threading.Thread(target=connect_repeatedly, args=(echod.address(), 10 * n, stop, attempts),
                                    daemon=True) for n in range(4)]
        for thread in threads:
            thread.start()
        try:
            # On a machine that is too slow for it nobody is refused, and that is right, too.
            eventually(lambda: echod.log.matching(r" info: refused 192\.0\.2\.\d+:\d+ on local: too many")
                       or len(attempts) > 5000, "some clients are refused", 10 * DEADLINE)
            for _ in range(20):
                visit(echod, source="198.51.100.1")
                visit(echod)
        finally:
            stop.set()
            for thread in threads:
                thread.join(DEADLINE)
        expect_equal([line for line in echod.log.matching("refused ") if "192.0.2." not in line], [],
                     "the others that were refused")


def connect_repeatedly(address, first, stop, attempts):
    """Connects and closes, from ten addresses of 192.0.2.0/24 from the FIRST on."""
    for n in itertools.cycle(range(first + 1, first + 11)):
        if stop.is_set():
            return
        with socket.socket() as sock:
            try:
                attempts.append(n)
                sock.bind(("192.0.2.%d" % n, 0))
                sock.connect(address)
            except OSError:
                pass  # its ports are used up for a moment


@test("on a Unix socket, each user is a source, root too, also after a reload")
def users():
    if not true_root():
        raise Skip("only root can be two users")
    with Managed("[server]\nmax_per_source = 1\n" + unix("file") + listen("local")) as echod:
        expect_echo(echod.connect(name="file"))
        with Visitor(echod.path("file")) as first:
            expect_equal(first.reply(), b"ping", "the echo")
            for _ in range(2):
                with Visitor(echod.path("file")) as second:
                    expect_match("too many clients", second.reply().decode(), "the reply to the user's second client")
                expect_equal(check(echod, "unix:%d" % NOBODY, "file")[0], 1, "check-access status of this user")
                expect_equal(check(echod, "unix:1", "file")[0], 0, "check-access status of another user")
                echod.reload()
            expect_echo(echod.connect(name="local"))
        eventually(lambda: check(echod, "unix:%d" % NOBODY, "file")[0] == 0, "the first is gone")
        with Visitor(echod.path("file")) as third:
            expect_equal(third.reply(), b"ping", "the echo")


class Visitor:
    """A client of a Unix socket that is the user nobody. It sends ping and stays connected."""

    SCRIPT = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
              "s.sendall(b'ping')\nsys.stdout.buffer.write(s.recv(100))\nsys.stdout.flush()\n"
              "sys.stdin.read()")

    def __init__(self, path):
        self.process = subprocess.Popen(["python3", "-c", self.SCRIPT, path], bufsize=0,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, **nobody())

    def reply(self):
        return self.process.stdout.read(100)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(DEADLINE)


# ---- monitors ----

MONITORED = "max_clients = 3\nreserved = 1\nmonitor = 127.0.0.9, 127.9.0.0/16\n"


@test("reserved: a monitor is served when others are refused because echod is full")
def reserved():
    with Echod(server=MONITORED) as echod:
        first = echod.echoing()
        echod.echoing()
        expect_words(echod, FULL, "full but for monitors")
        monitor = echod.echoing(source="127.0.0.9")
        expect_words(echod, FULL, "full", source="127.9.9.9")
        expect_words(echod, FULL, "full")
        monitor.close()
        eventually(lambda: len(echod.workers()) == 2, "the monitor is gone")
        expect_words(echod, FULL, "full but for monitors")
        expect_echo(echod.connect(source="127.9.0.1"))
        first.close()


@test("reserved: a connected monitor takes no place of the others")
def reserved_counts_all():
    with Echod(server=MONITORED) as echod:
        echod.echoing(source="127.0.0.9")
        echod.echoing()
        expect_words(echod, FULL, "full but for monitors")
        echod.echoing(source="127.0.0.9")


@test("reserved with when_full = queue: once the last place is taken, all wait, monitors too")
def reserved_queue():
    with Echod(server=MONITORED + "when_full = queue") as echod:
        echod.echoing()
        echod.echoing()
        expect_words(echod, FULL, "full but for monitors")
        monitor = echod.echoing(source="127.0.0.9")
        waiting = echod.connect(source="127.0.0.9")
        waiting.sendall(b"waiting")
        expect_silence(waiting, 0.3, "the second monitor has to wait")
        monitor.close()
        expect_equal(waiting.recv(1024), b"waiting", "the echo once there is room")


@test("monitors are exempt from limits per source, but not from allow and deny")
def exempt():
    add_networks("192.0.2.0/24")
    limits = "max_per_source = 1\nsource_rate = 1/h\nmonitor = 127.0.0.9, 127.0.0.10\n"
    with Echod(server=limits, listen="deny = 127.0.0.10") as echod:
        for _ in range(3):
            echod.echoing(source="127.0.0.9")
        expect_words(echod, DENIED, "not allowed", source="127.0.0.10")
        visit(echod, source="192.0.2.1")
        eventually(lambda: len(echod.workers()) == 3, "the worker of the closed client has ended")
        expect_rate(echod, source="192.0.2.1")
    with Echod(server=limits, listen="allow = 127.0.0.1") as echod:
        expect_words(echod, DENIED, "not allowed", source="127.0.0.9")


@test("a client of a Unix socket is never a monitor")
def unix_is_no_monitor():
    config = ("[server]\nmax_clients = 2\nreserved = 1\nmonitor = 0.0.0.0/0, ::/0\n" +
              listen("local") + unix("file"))
    with Managed(config) as echod:
        echod.echoing(name="file")
        expect_equal(recv_until_eof(echod.connect(name="file")), FULL, "reply to the second client")
        expect_echo(echod.connect())


@test("a reload changes monitors and reserved places")
def monitors_reload():
    with Managed(server="max_clients = 2") as echod:
        first = echod.echoing()
        echod.configure(ini("max_clients = 2\nreserved = 1\nmonitor = 127.0.0.9"))
        echod.reload()
        expect_match("too many clients", recv_until_eof(echod.connect()).decode(), "the words")
        expect_echo(echod.connect(source="127.0.0.9"))
        expect_echo(first)


# ---- echoctl check-access ----

def check(echod, address, listener="local"):
    """The exit status of echoctl check-access, and its line without the newline."""
    status, out, err = echod.ctl("check-access", address, listener)
    expect_equal((err, out.count("\n")), ("", 1), "standard error and the number of lines")
    return status, out.rstrip("\n")


@test("check-access prints the matching rule of a list with its file and line")
def check_lists():
    lists = "allow = 127.0.0.0/8, 2001:db8::/32\ndeny = 127.0.0.2, 2001:db8:1::/48"
    with Managed(listen("local", more=lists) + listen("open")) as echod:
        allow, deny = (" (%s:%d)" % (echod.config, line) for line in (4, 5))
        for address, listener, status, reply in (
                ("127.0.0.1", "local", 0, "allowed: %s on local: allow 127.0.0.0/8" + allow),
                ("127.0.0.2", "local", 1, "denied: %s on local: deny 127.0.0.2" + deny),
                ("192.0.2.1", "local", 1, "denied: %s on local: allow does not name it" + allow),
                ("2001:db8::1", "local", 0, "allowed: %s on local: allow 2001:db8::/32" + allow),
                ("2001:db8:1::1", "local", 1, "denied: %s on local: deny 2001:db8:1::/48" + deny),
                ("192.0.2.1", "open", 0, "allowed: %s on open: no rule is against it")):
            expect_equal(check(echod, address, listener), (status, reply % address), "the verdict")
        for address, shown in (("[2001:DB8::01]", "2001:db8::1"),
                               ("::ffff:127.0.0.2", "127.0.0.2")):
            expect_equal(check(echod, address), check(echod, shown), "the verdict on " + address)
        expect_equal(echod.ctl("--json", "check-access", "127.0.0.2", "local")[0], 1, "the status")
        expect_equal(echod.ask("check-access", "127.0.0.1", "local"),
                     {"verdict": "allowed", "address": "127.0.0.1", "listener": "local",
                      "rule": "allow 127.0.0.0/8", "origin": echod.config + ":4"}, "the JSON")


@test("a list of 5,000 networks on 5,000 lines works, also in a dump and after a reload, and check-access prints the line")
def long_list():
    networks = ["10.%d.%d.0/24" % divmod(n, 256) for n in range(5000)]
    lists = "".join("deny = %s\n" % network for network in networks)
    with Managed(listen("local", more=lists)) as echod:
        for _ in range(2):
            expect_echo(echod.connect())
            expect_equal(check(echod, "10.19.135.1"),  # the last one; its line is behind 3 others
                         (1, "denied: 10.19.135.1 on local: deny 10.19.135.0/24 (%s:%d)" %
                          (echod.config, 5003)), "the verdict about the last network")
            expect_equal(check(echod, "10.19.136.1")[0], 0, "the status of the next network")
            echod.reload()
        status, out, err = run_echod("--dump-config", "--config", echod.config)
        expect_equal((status, err), (0, ""), "the status of a dump")
        expect(max(map(len, out.splitlines())) <= 198, "every line of the dump can be read")
        dumped = re.findall(r"^deny *= (\S+) *; \S+:(\d+)$", out, flags=re.M)
        expect_equal(dumped, [(n, str(i + 4)) for i, n in enumerate(networks)], "networks and lines in the dump")


@test("check-access prints the file after a reload, also of drop-ins and files with odd names")
def check_after_reload():
    with Managed(listen("local", more="deny = 127.0.0.2")) as echod:
        os.makedirs(echod.path("echod.conf.d"), exist_ok=True)
        for name, text in (("a\tb\\x0a.conf", "\n[listen local]\ndeny = 127.0.0.3"),
                           ("b.conf", "[server]\nmax_per_source = 1")):
            echod.write("echod.conf.d/" + name, text)
        for _ in range(2):
            echod.reload()
            expect_equal(check(echod, "127.0.0.3")[1],
                         r"denied: 127.0.0.3 on local: deny 127.0.0.3 (%s.d/a\x09b\x0a.conf:3)" %
                         echod.config, "the rule of a drop-in")
            sock = echod.echoing()
            expect_equal(check(echod, "127.0.0.1")[1],
                         "refused: 127.0.0.1 on local: too many clients from its source (1 of 1) "
                         "(%s.d/b.conf:2)" % echod.config, "the limit of another")
            sock.close()
            echod.wait_no_workers()


@test("check-access prints the limit that is reached and its count, and does not change the count")
def check_limits():
    add_networks("192.0.2.0/24")
    config = MONITORED + "max_per_source = 2\nsource_rate = 3/h"
    with Managed(server=config) as echod:
        for _ in range(20):
            expect_equal(check(echod, "127.0.0.1")[0], 0, "the status")
        first, second = echod.echoing(), echod.echoing()
        expect_match(r"^refused: 127.0.0.1 on local: full but for monitors \(2 of 3\) \(.*:3\)$",
                     check(echod, "127.0.0.1")[1], "the reserved place")
        expect_match(r"^allowed: 127.0.0.9 on local: monitor 127.0.0.9 \(.*:4\)$",
                     check(echod, "127.0.0.9")[1], "a monitor")
        monitor = echod.echoing(source="127.0.0.9")
        expect_match(r"^refused: 127.0.0.9 on local: full \(3 of 3\) \(.*:2\)$",
                     check(echod, "127.0.0.9")[1], "a full server")
        monitor.close()
        first.close()
        eventually(lambda: echod.ask("status")["clients"] == 1, "they are gone")
        expect_echo(echod.connect(source="127.0.0.7"))
        second.close()
        eventually(lambda: echod.ask("status")["clients"] == 1, "the second is gone, too")
        for _ in range(3):
            visit(echod, source="192.0.2.1")
            eventually(lambda: echod.ask("status")["clients"] == 1, "the closed client is gone")
        expect_match(r"^refused: 192.0.2.1 on local: too many connections of its source, the next "
                     r"one in \d+ s \(.*:6\)$", check(echod, "192.0.2.1")[1], "the rate")
        expect_equal(echod.ask("status")["refused"], 0, "the refusals")


@test("check-access reports clients that would wait, Unix sockets, and default limits")
def check_others():
    config = ("[server]\nmax_clients = 1\nwhen_full = queue\n" + listen("local") + unix("file"))
    with Managed(config) as echod:
        expect_equal(check(echod, "unix", "file"),
                     (0, "allowed: unix on file: no rule is against it"), "a Unix socket")
        echod.echoing()
        expect_equal(check(echod, "127.0.0.1"),
                     (1, "waits: 127.0.0.1 on local: full (1 of 1) (%s:2)" % echod.config),
                     "the clients that would wait")
        expect_equal(check(echod, "unix", "file")[0], 1, "a Unix socket when all is full")
    if scaled(True, False):
        with Managed() as echod:
            for _ in range(100):
                echod.echoing()
            expect_match(r"too many clients from its source \(100 of 100\) \(default\)$",
                         check(echod, "127.0.0.1")[1], "the default")


@test("check-access rejects invalid arguments with the reason")
def check_errors():
    with Managed(listen("local") + unix("file")) as echod:
        wanted = "expected an address and the name of a listener"
        for operands, message in (
                (("localhost", "local"), "localhost is not an IP address"),
                (("127.0.0.1/8", "local"), "127.0.0.1/8 is not an IP address"),
                (("127.1", "local"), "127.1 is not an IP address"),
                (("::1::", "local"), "::1:: is not an IP address"),
                (("::1", "remote"), "there is no listener remote; echoctl listeners lists them"),
                (("::1", "loca"), "there is no listener loca; echoctl listeners lists them"),
                (("::1", "file"), "listener file is a Unix socket: use the address unix"),
                (("unix", "local"), "listener local is not a Unix socket: use an IP address"),
                (("unix:root", "file"), "unix:root is not an IP address"),
                (("unix:4294967295", "file"), "unix:4294967295 is not an IP address"),
                (("", "local"), wanted), (("::1 local", "local"), wanted)):
            expect_equal(echod.ctl("check-access", *operands), (1, "", "echoctl: %s\n" % message),
                         "result of check-access %s" % (operands,))
        for operands in ((), ("127.0.0.1",), ("127.0.0.1", "local", "more")):
            expect_equal(echod.ctl("check-access", *operands)[0], 64, "a bad command line")
        echod.ctl("check-access", "1" * 500, "l" * 500)
        expect_echo(echod.connect())


@test("check-access agrees with what happens to a client")
def check_agrees():
    add_networks("192.0.2.0/24")
    lists = "allow = 192.0.2.0/24\ndeny = 192.0.2.8/30"
    with Managed(server="max_per_source = 1\nsource_rate = 2/h\nsource_prefix = 31, 64",
                 listen="port = 0\n" + lists) as echod:
        live = 0
        for n in list(range(1, 14)) * 3:
            source = "192.0.2.%d" % n
            status, line = check(echod, source)
            sock = echod.connect(source=source)
            served = is_served(sock)
            expect_equal(served, status == 0, "whether %s is served, where check-access prints: %s" %
                         (source, line))
            live += served
            if served and n % 3 == 0:
                sock.close()
                live -= 1
                eventually(lambda: echod.ask("status")["clients"] == live, "the closed client is gone")
        expect(0 < live < 13, "not both served and refused clients: %d served" % live)


main()
