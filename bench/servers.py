"""The servers that are compared: how each is configured, started and ended."""
import contextlib
import itertools
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import accounting
from tools import Failed, die_with_parent

SOURCE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("ECHOD_BUILDDIR", SOURCE.parent / "build")).resolve()
# Below the range of ephemeral ports.
_ports = itertools.cycle(range(20000, 30000))
_numbers = itertools.count()

ECHOD_CONF = """\
[server]
max_clients = 100000
max_per_source = 0
source_rate = 0
idle_timeout = 0
drain_timeout = 0
log_sessions = {log}
[listen bench]
address = 127.0.0.1
port = {port}
{datagrams}
"""

XINETD_CONF = """\
service echo
{{
    id = bench
    type = INTERNAL UNLISTED
    socket_type = {type}
    protocol = {protocol}
    port = {port}
    bind = 127.0.0.1
    wait = {wait}
    user = {user}
    flags = NOLIBWRAP
    instances = UNLIMITED
    per_source = UNLIMITED
    cps = 1000000 1
}}
"""


@dataclass
class Kind:
    """A kind of server. COMMAND(start) returns the command line for a Start."""
    name: str
    command: object
    program: str = ""  # the program that must be installed
    datagrams: bool = False
    one_process: bool = False
    held_max: int = 1000  # the most held clients that it supports in reasonable time
    tools: dict = field(default_factory=dict)

    def missing(self):
        return self.program and not shutil.which(self.program, path=_path())


@dataclass
class Start:
    """The parameters of a command line."""
    kind: Kind
    port: int
    directory: Path
    datagrams: bool


def _path():
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin:" + str(BUILD)


# ---- commands --------------------------------------------------------------------------------

def _echod(start, log="yes"):
    conf = start.directory / "echod.conf"
    conf.write_text(ECHOD_CONF.format(
        port=start.port, log=log,
        datagrams="protocol = udp\ndatagram_rate = 0" if start.datagrams else ""))
    return [BUILD / "echod", "--config", conf]


def _echod_quiet(start):
    return _echod(start, log="no")


def _own(start):
    return [start.kind.tools[start.kind.name], start.port]


def _socat(start):
    if start.datagrams:
        return ["socat", f"UDP-RECVFROM:{start.port},bind=127.0.0.1,fork", "PIPE"]
    return ["socat", f"TCP-LISTEN:{start.port},bind=127.0.0.1,reuseaddr,fork,backlog=4096",
            "PIPE"]


def _xinetd(start):
    conf = start.directory / "xinetd.conf"
    kind = ("dgram", "udp", "yes") if start.datagrams else ("stream", "tcp", "no")
    conf.write_text(XINETD_CONF.format(port=start.port, type=kind[0], protocol=kind[1],
                                       wait=kind[2], user=os.geteuid()))
    return ["xinetd", "-dontfork", "-f", conf, "-pidfile", start.directory / "xinetd.pid"]


def _tcpserver(start):
    return ["tcpserver", "-c", 100000, "-b", 4096, "-HRl0", "127.0.0.1", start.port, "cat"]


def _ncat(start):
    return ["ncat", "-l", "-k", "-m", 100000, "--exec", "/bin/cat", "127.0.0.1", start.port]


def _socket_activate(start):
    return ["systemd-socket-activate", "-l", f"127.0.0.1:{start.port}", "--accept", "--inetd",
            "/bin/cat"]


def _python(start):
    return [sys.executable, SOURCE / "forking_server.py", start.port]


KINDS = [
    Kind("echod", _echod, program="echod", datagrams=True, held_max=100000),
    Kind("echod-quiet", _echod_quiet, program="echod", held_max=10000),
    Kind("loop", _own, held_max=100000),
    Kind("loop-static", _own, held_max=10000),
    Kind("loop-libsystemd", _own, held_max=10000),
    Kind("epoll", _own, datagrams=True, one_process=True, held_max=100000),
    Kind("socat", _socat, program="socat", datagrams=True, held_max=10000),
    Kind("xinetd", _xinetd, program="xinetd", datagrams=True, held_max=10000),
    Kind("tcpserver", _tcpserver, program="tcpserver", held_max=10000),
    Kind("ncat", _ncat, program="ncat"),
    Kind("socket-activate", _socket_activate, program="systemd-socket-activate"),
    Kind("python", _python),
]
# Only on request: the same server with other settings.
EXTRA = ("echod-quiet",)


# ---- a running server ------------------------------------------------------------------------

def _free_port():
    for port in itertools.islice(_ports, 10000):
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            try:
                stream.bind(("127.0.0.1", port))
                datagrams.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise SystemExit("bench: no port is free between 20000 and 30000")


@contextlib.contextmanager
def signals_blocked():
    """Delays the signals that end the bench."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGHUP, signal.SIGINT))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Server:
    """A running server of one of KINDS, in a with block, which ends all of its processes."""

    def __init__(self, kind, load, directory, datagrams=False):
        self.kind, self.datagrams = kind, datagrams
        self.directory = directory / f"{kind.name}-{next(_numbers)}"
        self.directory.mkdir(mode=0o755)
        self.runtime = self.directory / "run"
        self.runtime.mkdir(mode=0o755)
        self.port = _free_port()
        self.load = load.at(self.port)
        self.group = self.process = self.log_reader = None

    def start(self):
        """Starts the server. Returns the seconds until its first echo. If it raises, call stop()."""
        with signals_blocked():  # so that stop() knows the group
            self.group = accounting.Group(f"echod-bench-{os.getpid()}-{self.directory.name}")
        command = self.kind.command(Start(self.kind, self.port, self.directory, self.datagrams))
        env = {**os.environ, "PATH": _path(), "RUNTIME_DIRECTORY": str(self.runtime)}
        for name in ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "JOURNAL_STREAM"):
            env.pop(name, None)
        log = self._log()
        verb = "await-datagrams" if self.datagrams else "await"
        with self.load.session(verb, 10) as client:
            self._execute(command, env, log)
            begin = time.monotonic()
            result = client.report()
        if result["errors"] or self.process.poll() is not None:
            raise Failed(f"{self.kind.name} does not start" + self._last_words())
        return result["at"] - begin

    def _execute(self, command, env, log):
        self.process = subprocess.Popen([str(word) for word in command], env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=log, preexec_fn=self._become)
        if log != subprocess.DEVNULL:
            os.close(log)
        self.group.attach(self.process.pid)

    def _log(self):
        """The server's standard error: echod's log is read, as the journal would; others log little."""
        if not self.kind.name.startswith("echod"):
            return subprocess.DEVNULL
        self.log_reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE,
                                           stdout=open(self.directory / "log", "wb"),
                                           preexec_fn=die_with_parent)
        log = os.dup(self.log_reader.stdin.fileno())
        self.log_reader.stdin.close()
        return log

    def _become(self):
        die_with_parent()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
        self.group.enter()

    def _last_words(self):
        log = self.directory / "log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return f": {lines[-1]}" if lines else ""

    # -- costs --

    def settle(self, count=None):
        self.group.settle(len(self.group.processes()) if count is None else count)

    def cost(self, action):
        """Returns the CPU seconds of ACTION, until no more processes than before are left, and its result."""
        count, before = len(self.group.processes()), self.group.cpu()
        result = action()
        self.settle(count)
        return self.group.cpu() - before, result

    # -- for echod only --

    def echoctl(self, *words):
        """The output of echoctl."""
        command = [BUILD / "echoctl", "--socket", self.runtime / "control", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise Failed(f"echoctl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def drain(self, timeout=300):
        """Stops the server gracefully, and waits for its end."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{self.kind.name} still drains after {timeout} s") from error

    # -- the end --

    def stop(self):
        if self.group:
            self.group.kill()
        if self.process:
            self.process.wait()
        if self.log_reader:
            self.log_reader.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        try:
            self.start()
            self.settle()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
