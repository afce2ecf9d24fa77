"""HAProxy in front of echod, with the configuration of etc/examples: who the client is, what a health
check gets, and that the other backend serves when one is gone."""
import contextlib
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

from clients import expect_echo, recv_exactly, recv_until_eof
from expect import DEADLINE, Failure, Skip, eventually, expect, expect_equal, scaled
from harness import Log, clean_environment
from managed import Managed
from programs import SRCDIR
from tap import PR_SET_PDEATHSIG, libc, main, test
from wire import Wire

BEHIND = "port = 0\nproxy_protocol = v2\nproxy_trust = 127.0.0.1\n"
SOURCES = ["127.0.0.%d" % n for n in range(11, 15)]
FULL = b"echod: too many clients, try again later\n"


class HAProxy:
    """HAProxy with the example's configuration, for BACKENDS (echods) instead of its servers; in a
    with block. It listens on a socket that was bound here, so that nobody waits for it."""

    def __init__(self, *backends):
        if not shutil.which("haproxy"):
            raise Skip("haproxy is not installed")
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(1024)
        self.address = self.sock.getsockname()
        self.file = tempfile.NamedTemporaryFile("w", suffix=".cfg")
        self.file.write(self._configuration(backends))
        self.file.flush()
        self.process, self.log = None, None

    def _configuration(self, backends):
        with open(os.path.join(SRCDIR, "etc", "examples", "haproxy.cfg"), encoding="utf-8") as file:
            text = file.read()
        ports = iter(echod.port for echod in backends)
        text = re.sub(r"(?m)^    server .*\n", lambda line: self._server(line[0], next(ports, 0)),
                      text)
        text, count = re.subn(r"(?m)^    bind .*$", "    bind fd@%d" % self.sock.fileno(), text)
        expect_equal(count, 1, "the lines that bind")
        text, count = re.subn(r" inter 2s ", " inter %dms " % scaled(500, 2000), text)
        expect_equal(count, 1, "the lines with an interval")
        return "global\ndefaults\n" + text

    def _server(self, line, port):
        if not port:
            return ""
        return re.sub(r"[\d.]+:7777", "127.0.0.1:%d" % port, line)

    def __enter__(self):
        def in_child():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

        output = os.pipe2(os.O_CLOEXEC)
        self.process = subprocess.Popen(["haproxy", "-db", "-f", self.file.name],
                                        stdin=subprocess.DEVNULL, stdout=output[1],
                                        stderr=output[1], env=clean_environment(),
                                        pass_fds=[self.sock.fileno()], preexec_fn=in_child)
        os.close(output[1])
        self.log = Log(output[0])
        self.log.start()
        self.sock.close()
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print("\n".join("# haproxy: " + line for line in self.log.lines()))
        self.process.kill()
        self.process.wait()
        self.file.close()

    def connect(self, source="127.0.0.11"):
        sock = socket.socket()
        sock.settimeout(DEADLINE)
        sock.bind((source, 0))
        sock.connect(self.address)
        return sock


def name_of(sock):
    return "%s:%d" % sock.getsockname()


def session(name, port=""):
    """A pattern: the beginning of the record of the client NAME."""
    return (r" session of %s%s by the proxy 127\.0\.0\.1:\d+ on local: " %
            (re.escape(name), port))


class Crowd:
    """Clients of HAPROXY, from several addresses, that connect, get an echo and disconnect, in a with block."""

    def __init__(self, haproxy):
        self.haproxy, self.stopping = haproxy, False
        self.served, self.failures = [], []  # names; (whether it came after the kill, reason)
        self.killed = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(source,), daemon=True)
                        for source in SOURCES]

    def _run(self, source):
        while not self.stopping:
            late, name, failure = self.killed.is_set(), None, None
            try:
                with self.haproxy.connect(source) as sock:
                    name = name_of(sock)
                    sock.sendall(b"load")
                    expect_equal(recv_exactly(sock, 4), b"load", "the echo")
            except (OSError, Failure) as error:
                failure = repr(error)
            with self.lock:
                if failure:
                    self.failures.append((late, failure))
                else:
                    self.served.append((late, name))

    def of(self, late):
        with self.lock:
            return [name for came_late, name in self.served if came_late == late]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join(DEADLINE)


def refuses(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


@test("two echods behind HAProxy: both serve, and know the client; when one is killed, whoever "
      "connects afterwards is served by the other")
def killed():
    everything = {"server": "log_level = debug", "listen": BEHIND}  # else floods are summarised
    with Managed(**everything) as one, Managed(**everything) as other:
        with HAProxy(one, other) as haproxy, Crowd(haproxy) as crowd:
            for echod in (one, other):
                for source in SOURCES:
                    echod.log.wait(session(source, r":\d+") + "closed")
            one.kill(signal.SIGKILL)
            one.popen.wait()
            eventually(lambda: refuses(one.port), "a worker that was just forked lets go, too")
            crowd.killed.set()
            eventually(lambda: len(crowd.of(True)) >= 50, "50 more are served")
            haproxy.log.wait(r"Server echo/echo-a is DOWN")
        expect_equal([why for late, why in crowd.failures if late], [], "errors of clients after the kill")
        for name in crowd.of(True):
            other.log.wait(session(name) + "closed by the client; 4 bytes in, 4 out, ")
        for line in one.log.matching(" session of ") + other.log.matching(" session of "):
            expect(re.search(r" info: session of 127\.0\.0\.1[1-4]:| debug: ", line), line)


def served(haproxy):
    """A client that is served: the place that it could have may be a health check's just now."""
    def attempt():
        sock = haproxy.connect()
        sock.sendall(b"ping")
        if sock.recv(4) == b"ping":
            return sock
        sock.close()
        return None

    return eventually(attempt, "a client is served")


@test("a health check leaves no session record; a full echod with reserved places stays in service")
def checked():
    config = "max_clients = 5\nreserved = 2\nmonitor = 127.0.0.1"
    with Managed(server=config, listen=BEHIND) as echod, HAProxy(echod) as haproxy:
        socks = [served(haproxy) for _ in range(3)]
        before = echod.ask("status")["served"]
        eventually(lambda: echod.ask("status")["served"] >= before + 5, "five checks are served")
        refused = haproxy.connect("127.0.0.12")
        name = name_of(refused)
        expect_equal(recv_until_eof(refused), FULL, "the reply to one more client")
        refused.close()
        echod.log.wait(r" refused %s by the proxy \S+ on local: full( but for monitors)?$" %
                       re.escape(name))
        expect_equal(haproxy.log.matching("DOWN"), [], "records of HAProxy")
        expect_equal(echod.log.matching("session of "), [], "the sessions that are logged")
        socks.pop().close()
        eventually(lambda: len(echod.log.matching("session of ")) == 1, "the record of the session is logged")
        for sock in socks + [served(haproxy)]:
            sock.close()


# ---- the examples as they are ----

def example(*path):
    with open(os.path.join(SRCDIR, *path), encoding="utf-8") as file:
        return file.read()


@contextlib.contextmanager
def four_hosts():
    """HAProxy's, here, with a wire to each of three: two backends, with the addresses of the
    example, and a client."""
    with contextlib.ExitStack() as stack:
        hosts = []
        for name, address in (("echo-a", "198.51.100.21"), ("echo-b", "198.51.100.22"),
                              ("client", "203.0.113.5")):
            here, there = stack.enter_context(Wire(["198.51.100.10/32"], [address + "/32"], name))
            here.reach(address)
            there.reach("198.51.100.10")
            hosts.append(there)
        yield hosts


@contextlib.contextmanager
def haproxy_as_it_is():
    if not shutil.which("haproxy"):
        raise Skip("haproxy is not installed")
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write("global\ndefaults\n" + example("etc", "examples", "haproxy.cfg"))
        file.flush()
        process = subprocess.Popen(["haproxy", "-db", "-f", file.name], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=clean_environment())
        try:
            yield
        finally:
            process.kill()
            process.wait()


@test("the examples as they are, on hosts of their own: each machine serves, knows the client, and "
      "takes over from the other one")
def as_they_are():
    config = re.search(r"(?ms)^```ini\n(.*?)^```$", example("doc", "SCALING.md"))[1]
    with four_hosts() as (host_a, host_b, host_c):
        with Managed(config, prepare=host_a.start_here) as one, haproxy_as_it_is():
            with Managed(config, prepare=host_b.start_here) as other:
                def connect():
                    with host_c.inside(), socket.socket() as sock:
                        sock.settimeout(DEADLINE)
                        sock.connect(("198.51.100.10", 7777))
                        expect_echo(sock)
                        return True

                def serves(echod):
                    return connect() and echod.log.matching(
                        r" session of 203\.0\.113\.5:\d+ by the proxy 198\.51\.100\.10:\d+ on "
                        "local: closed by the client; 4 bytes in, 4 out, ")

                eventually(lambda: is_served(connect), "HAProxy listens")
                for echod in (one, other):
                    eventually(lambda: serves(echod), "echod serves the client and records its address")
                with host_a.inside(), socket.create_connection(("127.0.0.1", 7777)) as sock:
                    expect_equal(recv_until_eof(sock), b"echod: access denied\n",
                                 "the reply to a client other than the proxy")
                other.kill(signal.SIGKILL)
                other.popen.wait()
                with host_b.inside():
                    eventually(lambda: refuses(7777), "a worker that was just forked lets go")
                for _ in range(10):
                    connect()


def is_served(connect):
    try:
        return connect()
    except ConnectionRefusedError:
        return None


@test("allow and deny behind HAProxy apply to the client")
def denied():
    with Managed(listen=BEHIND + "deny = 127.0.0.12, 127.0.0.1\n") as echod:
        with HAProxy(echod) as haproxy:
            with haproxy.connect("127.0.0.11") as sock:
                expect_echo(sock)
            with haproxy.connect("127.0.0.12") as sock:
                expect_equal(recv_until_eof(sock), b"echod: access denied\n", "the words")
            echod.log.wait(r" refused 127\.0\.0\.12:\d+ by the proxy 127\.0\.0\.1:\d+ on local: "
                           r"not allowed$")


main()
