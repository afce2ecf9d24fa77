"""Runs echod for the daemon tests, with its log and clients.

A test script defines functions with @test("what it shows") and ends with main(). Each runs the
real echod on loopback, on ports that the kernel chooses. Tests do not sleep for a fixed time: they
wait for a printed line, a record or a condition, each with a generous deadline.

ECHOD_SRCDIR, ECHOD_BUILDDIR  where sources and programs are
ECHOD_WRAPPER                 a command to run echod under: "valgrind -q --error-exitcode=99"
ECHOD_SLOW=1                  smaller counts and tenfold deadlines: for sanitizers and valgrind
ECHOD_SIDE_BY_SIDE=N          runs N cases of a script at once (tap.py)
"""
import fcntl
import os
import re
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from clients import expect_echo, fill
from expect import DEADLINE, Failure, Skip, eventually, expect, expect_equal
from proc import children, descendants, descriptors, read_proc, stat_fields, tcp_connections, title
from programs import ECHOD, nobody, true_root
from tap import PR_SET_PDEATHSIG, libc, running

WRAPPER = shlex.split(os.environ.get("ECHOD_WRAPPER", ""))
# valgrind has descriptors of its own, and its own command line in place of the program's.
VALGRIND = any("valgrind" in word for word in WRAPPER)
F_SETPIPE_SZ = 1031  # fcntl has it from Python 3.10 on


# ---- configuration ----

def ini(server="", listen=""):
    """A configuration with one listener, "local", on a port that the kernel chooses."""
    # At the end of each worker, memcheck slowly scans the range of the slots, which are unmapped.
    if VALGRIND and "max_clients" not in server:
        server = ("max_clients = 250\n" + server).rstrip()
    return ("[server]\n%s\n[listen local]\n" % server +
            ("" if "address" in listen else "address = 127.0.0.1\n") +
            ("" if "protocol" in listen or "port =" in listen else "port = 0\n") + listen + "\n")


def clean_environment(extra=None):
    dropped = ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "JOURNAL_STREAM",
               "LANGUAGE")
    env = {k: v for k, v in os.environ.items() if k not in dropped}
    env.update({"LC_ALL": "C.UTF-8", "TZ": "UTC"})
    env.update(extra or {})
    return env


def run_echod(*args, config=None, timeout=None, **popen):
    """Runs echod to its end. Returns (status, standard output, standard error)."""
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        os.chmod(where, 0o755)
        command = WRAPPER + [ECHOD]
        if config is not None:
            path = os.path.join(where, "echod.conf")
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(config)
            command += ["--config", path]
        popen.setdefault("env", clean_environment())
        done = subprocess.run(command + list(args), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout or DEADLINE, check=False, **popen)
        return (done.returncode, done.stdout.decode("utf-8", "replace"),
                done.stderr.decode("utf-8", "replace").replace(where + "/", ""))


def inetd(client, config=None, stderr=subprocess.PIPE, prepare=None):
    """Starts echod --inetd for the socket CLIENT. Returns its process, for a with block."""
    file = tempfile.NamedTemporaryFile("w", prefix="echod-test-", suffix=".conf")
    with file:
        file.write(config or ini())
        file.flush()
        process = subprocess.Popen(WRAPPER + [ECHOD, "--inetd", "--config", file.name],
                                   stdin=client, stdout=client, stderr=stderr,
                                   preexec_fn=prepare, env=clean_environment())
        # The file is removed only after it has read its configuration.
        eventually(lambda: process.poll() is not None or
                   len(read_proc(process.pid, "task/%d/children" % process.pid).split()) > 0 or
                   stat_fields(process.pid)[:1] == [b"Z"], "echod has started its scribe")
    client.close()
    return process


def unprivileged():
    """Popen arguments that make echod run without root's privileges. Skips if that is impossible."""
    if os.geteuid() != 0:
        return {}
    if not true_root():
        raise Skip("root of a user namespace cannot become another user")
    return nobody()


# ---- the log ----

# A warning that builds for tests log.
RELAXED = re.compile(r" warning: this build is for tests: ")

class Log:
    """Collects echod's standard error in a thread, from start() on."""

    def __init__(self, fd):
        self.fd = fd
        self.text = b""
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.started = False

    def start(self):
        self.started = True
        self.thread.start()

    def _collect(self):
        while True:
            data = os.read(self.fd, 65536)
            with self.changed:
                self.text += data
                self.changed.notify_all()
            if not data:
                return

    def lines(self):
        """The complete lines so far, without the RELAXED warning."""
        return [line for line in self.all_lines() if not RELAXED.search(line)]

    def all_lines(self):
        with self.changed:
            text = self.text
        return text.decode("utf-8", "surrogateescape").split("\n")[:-1]

    def matching(self, pattern):
        return [line for line in self.lines() if re.search(pattern, line)]

    def wait(self, pattern, timeout=None, count=1):
        """Waits until COUNT lines match PATTERN. Returns them."""
        deadline = time.monotonic() + (timeout or DEADLINE)
        while True:
            found = self.matching(pattern)
            if len(found) >= count:
                return found
            with self.changed:
                self.changed.wait(0.05)
            if time.monotonic() > deadline:
                raise Failure("the log has %d of %d lines that match %s" %
                              (len(found), count, pattern))


# ---- a running echod ----

class Echod:
    """A running echod, in a with block, which ends it and checks that it ended well."""

    def __init__(self, config=None, *, server="", listen="", args=(), env=None, read_log=True,
                 ready=True, prepare=None, pass_fds=(), stderr_pipe_size=None, **popen):
        """CONFIG, or SERVER and LISTEN for ini(); @DIR@ in it becomes a private directory.
        READ_LOG: whether to read its standard error from the start. READY: whether to wait until
        it listens. PREPARE: called in the child before it executes echod."""
        self.dir = tempfile.mkdtemp(prefix="echod-test-")
        os.chmod(self.dir, 0o755)
        self.config = self.path("echod.conf")
        text = config if config is not None else ini(server, listen)
        self.write("echod.conf", text.replace("@DIR@", self.dir))
        if os.geteuid() != 0:
            self.enable_core_dumps()
        self.sockets, self.listening = [], {}
        self.popen, self.daemon_pid, self.scribe_pid, self.descriptor_count = None, None, None, 0
        running.append(self)
        out = os.pipe2(os.O_CLOEXEC)
        err = os.pipe2(os.O_CLOEXEC)
        if stderr_pipe_size:
            fcntl.fcntl(err[1], F_SETPIPE_SZ, stderr_pipe_size)
        self.out, self.log = out[0], Log(err[0])
        self._launch(args, env, prepare, out[1], err[1], pass_fds, popen)
        os.close(out[1])
        os.close(err[1])
        if read_log:
            self.log.start()
        if ready:
            self.wait_ready()

    def _launch(self, args, env, prepare, out, err, pass_fds, popen):
        def in_child():
            # If the script is killed, its daemon is, too.
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if prepare:
                prepare()

        self.popen = subprocess.Popen(self.command(args), stdin=subprocess.DEVNULL, stdout=out,
                                      stderr=err, env=clean_environment(env), preexec_fn=in_child,
                                      pass_fds=pass_fds, **popen)

    def command(self, args):
        return WRAPPER + [ECHOD, "--config", self.config] + list(args)

    def enable_core_dumps(self):
        """Makes /proc/PID/fd of its processes readable to us: without core_dumps only root can read it."""
        os.mkdir(self.config + ".d")
        self.write(self.config + ".d/test.conf", "[server]\ncore_dumps = yes\n")

    # -- files --

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), 0o644)

    # -- starting and stopping --

    @property
    def pid(self):
        return self.daemon_pid or self.popen.pid

    def wait_ready(self):
        """Reads the addresses that it listens on. echod prints these lines in one write when ready."""
        selector = selectors.DefaultSelector()
        selector.register(self.out, selectors.EVENT_READ)
        expect(selector.select(DEADLINE), "echod prints where it listens")
        text = os.read(self.out, 65536).decode()
        selector.close()
        if not text:
            status = self.popen.wait(DEADLINE)
            raise Failure("echod ended with status %d while starting" % status)
        for line in text.splitlines():
            match = re.fullmatch(r"listening on (.+) \((\S+), (\S+)\)", line)
            expect(match, "an unexpected line on standard output: " + line)
            self.listening.setdefault(match.group(2), []).append(parse_address(match.group(1)))
        if not self.daemon_pid:
            self.scribe_pid = self.scribe() or children(self.pid)[0]
            # The scribe starts in parallel with the daemon; its title distinguishes it from a worker.
            eventually(lambda: VALGRIND or title(self.scribe_pid) == "echod: scribe",
                       "the scribe has its title")
            eventually(self._is_silent, "standard output is given up")
            self.descriptor_count = len(descriptors(self.pid))

    def _is_silent(self):
        found = descriptors(self.pid)
        return found[1] == "/dev/null" and "/dev/null" not in [found[fd] for fd in found if fd > 2]

    def kill(self, number):
        os.kill(self.pid, number)

    def wait(self):
        """Waits for the end of the daemon. Returns its exit status."""
        return self.popen.wait(DEADLINE)

    def stop(self):
        """Ends it gracefully, clients first, and checks how it ended."""
        for sock in self.sockets:
            sock.close()
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        expect_equal(self.popen.wait(DEADLINE), 0, "the exit status of echod")
        self.check_log()

    def check_log(self):
        """Checks for reports of sanitizers and valgrind: on standard error, and in workers' statuses."""
        if self.log.started:
            self.log.thread.join(DEADLINE)
        found = self.log.matching(r"Sanitizer|runtime error:|^==\d+==|unexpected status")
        expect(not found, "echod misbehaves: " + " / ".join(found[:5]))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None and not self.daemon_pid and self.popen.returncode is None:
            self.stop()
        elif kind is None:
            self.check_log()
        if kind is None:
            self.clean_up()
        return False

    def clean_up(self):
        """Removes whatever is left, however the test ended."""
        for sock in self.sockets:
            sock.close()
        if self.popen and self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        if self in running:
            running.remove(self)
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- clients --

    def address(self, name="local", index=0):
        return self.listening[name][index]

    @property
    def port(self):
        return self.address()[1]

    def connect(self, name="local", index=0, source=None, buffers=None):
        """A client. SOURCE: its address. BUFFERS: the size of its kernel buffers in bytes."""
        address = self.address(name, index)
        family = (socket.AF_UNIX if isinstance(address, (str, bytes)) else
                  socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        sock = socket.socket(family, socket.SOCK_STREAM)
        self.sockets.append(sock)
        sock.settimeout(DEADLINE)
        if buffers:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
        if source:
            sock.bind((source, 0))
        sock.connect(address)
        return sock

    def echoing(self, **how):
        """A client whose worker has answered, and so has been set up."""
        sock = self.connect(**how)
        expect_echo(sock)
        return sock

    def unread(self, **how):
        """A client with echo pending: it has sent without reading until all buffers are full.
        Returns it, and the number of bytes that it has yet to receive."""
        sock = self.connect(buffers=8192, **how)
        return sock, fill(sock, b"unread" * 10000)

    # -- its processes --

    def scribe(self):
        """The scribe's process ID; None while there is none."""
        if VALGRIND:
            return (children(self.pid) or [None])[0]
        found = [pid for pid in children(self.pid) if title(pid) == "echod: scribe"]
        return found[0] if found else None

    def fork_servers(self):
        """The process IDs of the fork servers; the last one is the one that takes jobs."""
        return [pid for pid in children(self.pid)
                if read_proc(pid, "comm") == b"echod-forkserv\n"
                and title(pid).startswith("echod: fork server")]

    def workers(self):
        """The process IDs of the workers. Zombies are among them."""
        return [pid for server in self.fork_servers() for pid in children(server)]

    def family(self):
        """The process IDs of all that it started."""
        return descendants(self.pid)

    def wait_closed_clients(self):
        """Waits until the daemon has closed its copies of the clients' sockets."""
        eventually(lambda: len(descriptors(self.pid)) == self.descriptor_count,
                   "the daemon has as many descriptors as at the start")

    def wait_no_workers(self):
        eventually(lambda: not self.workers(), "no worker is left")

    def worker_of(self, sock):
        """The worker that holds the other end of the TCP connection SOCK."""
        ports = (sock.getpeername()[1], sock.getsockname()[1])

        def holders():
            """Until it is accepted it has no inode."""
            link = "socket:[%d]" % tcp_connections().get(ports, 0)
            return [pid for pid in self.workers() if link in descriptors(pid).values()]
        found = eventually(holders, "the connection has a worker")
        expect_equal(len(found), 1, "the number of workers that hold one connection")
        return found[0]



def parse_address(text):
    """What connect(2) takes for an address as echod prints it."""
    text = re.sub("^(udp|dgram|seqpacket) ", "", text)
    if text.startswith("unix:@"):
        return b"\0" + text[6:].encode()
    if text.startswith("unix:"):
        return text[5:]
    host, _, port = text.rpartition(":")
    return (host.strip("[]"), int(port))
