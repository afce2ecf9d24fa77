"""Runs a stage of doc/TOUR.md and observes it, as a client and through /proc."""
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "daemon"))
from proc import (descriptors, is_alive, read_proc, seen_descendants, stat_fields,  # noqa: E402
                  state, tcp_connections)

SAMPLE = 0.02  # seconds between two looks at the server
# If all processes are asleep in this many consecutive looks, nothing more is expected to happen.
QUIET = 50
LOOKS = 15000  # five minutes, for a busy machine
SECRET = "a password that the daemon has read from its configuration"


class NotYet(Exception):
    """The stage does not pass the case; the message says what happens instead."""


def heed_hangup():
    """Restores the default action of SIGHUP, which nohup(1), for example, makes programs ignore."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Stage:
    """A context manager that runs PROGRAM as a server on an unused port."""

    def __init__(self, program, idle=None, listener=None, notify=None):
        self.directory = Path(tempfile.mkdtemp(prefix="tour-"))
        self.original = Path(program).resolve()
        self.program = self.directory / self.original.name
        self.listener = listener
        self.port = listener.getsockname()[1] if listener else free_port()
        self.arguments = [str(self.port)] + ([str(idle)] if idle else [])
        self.notify = notify
        self.popen = None
        self.workers = set()  # all processes of the server observed so far
        self.sockets = []
        self.install(self.original)
        helper = self.original.with_name("fork-server")
        if helper.exists():
            shutil.copy(helper, self.directory)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exception):
        for sock in self.sockets:
            sock.close()
        self.look()
        for pid in self.workers | {self.popen.pid}:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.popen.wait()
        reap(self.workers)
        shutil.rmtree(self.directory)

    def install(self, program):
        """Installs a copy of PROGRAM as the server; the previous one may be running."""
        new = self.directory / "new"
        shutil.copy(program, new)
        new.rename(self.program)

    def start(self):
        """Starts the server, and waits until it listens unless it was passed a listener."""
        environment = {**os.environ, "TOUR_SECRET": SECRET}
        command = [str(self.program), *self.arguments]
        passed = []
        if self.notify:
            environment["NOTIFY_SOCKET"] = self.notify.getsockname()
        if self.listener:
            environment["LISTEN_FDS"] = "1"
            # Via a shell: it knows the process ID that the program will have, and moves the listener to 3.
            script = 'exec 3<&"$0"; LISTEN_PID=$$ exec "$@"'
            passed = [self.listener.fileno()]
            command = ["bash", "-c", script, str(passed[0]), *command]
        with open(self.directory / "stderr", "ab") as stderr:
            self.popen = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                          stdout=subprocess.DEVNULL, stderr=stderr,
                                          pass_fds=passed, preexec_fn=heed_hangup)
        if not self.listener:
            self.wait(self.listens, "it does not listen")

    # ---- observing ----

    def messages(self):
        """The lines that the server has written to standard error."""
        return (self.directory / "stderr").read_text().splitlines()

    def listens(self):
        return (self.port, 0) in tcp_connections()

    def look(self):
        """The living processes of the server, including orphaned workers."""
        self.workers |= set(seen_descendants(self.popen.pid))
        return [pid for pid in self.workers | {self.popen.pid} if is_alive(pid)]

    def keeps(self, pid):
        """Whether the zombie PID has a living parent that is neither init nor this program."""
        fields = stat_fields(pid)
        return bool(fields) and int(fields[1]) not in (0, 1, os.getpid())

    def asleep(self):
        return all(state(pid) in ("S", "T", "Z", "") for pid in self.look())

    def ended(self):
        return self.popen.poll() is not None

    def end_message(self):
        if self.popen.returncode < 0:
            return "the server was killed by %s" % signal.Signals(-self.popen.returncode).name
        said = self.messages()
        return "the server ended: " + (said[-1] if said else "status %d" % self.popen.returncode)

    def holders(self, sock):
        """The processes that have the server's end of SOCK open, with the highest process ID first."""
        inode = tcp_connections().get((self.port, sock.getsockname()[1]))
        return [pid for pid in sorted(self.look(), reverse=True)
                if f"socket:[{inode}]" in descriptors(pid).values()]

    def worker(self, sock):
        """The process ID of the process that serves SOCK."""
        return self.wait(lambda: self.holders(sock), "the client is not accepted")[0]

    # ---- waiting ----

    def wait(self, condition, otherwise, quiet=QUIET):
        """Waits until CONDITION returns something true, and returns that. If all processes of the server
        are asleep instead, raises NotYet with the text OTHERWISE or, if it has ended, the reason for
        that. There is no time limit, as a busy server on a slow machine is not asleep."""
        looks_asleep = 0
        for _ in range(LOOKS):
            ended = self.ended()
            asleep = self.asleep()
            value = condition()
            if value:
                return value
            looks_asleep = looks_asleep + 1 if asleep else 0
            if ended and (looks_asleep >= quiet or not self.look()):
                raise NotYet(self.end_message())
            if looks_asleep >= quiet:
                raise NotYet(otherwise)
            time.sleep(SAMPLE)
        raise AssertionError("the server never becomes idle")

    def settle(self, looks=5):
        """Waits until all processes of the server are asleep."""
        asleep = 0
        for _ in range(LOOKS):
            asleep = asleep + 1 if self.asleep() else 0
            if asleep >= looks or self.ended():
                return
            time.sleep(SAMPLE)
        raise AssertionError("the server never becomes idle")

    # ---- clients ----

    def connect(self, receive_buffer=None):
        sock = socket.socket()
        self.sockets.append(sock)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            sock.connect(("127.0.0.1", self.port))
        except OSError as error:
            if self.ended():
                raise NotYet(self.end_message()) from error
            raise
        sock.setblocking(False)
        return sock

    def wait_readable(self, sock, otherwise, quiet=QUIET):
        if not readable(sock, SAMPLE):  # reading /proc takes longer than most answers
            self.wait(lambda: readable(sock), otherwise, quiet)

    def receive(self, sock, size, otherwise):
        """Receives SIZE bytes from SOCK."""
        got = b""
        while len(got) < size:
            self.wait_readable(sock, otherwise)
            part = receive_some(sock, size - len(got))
            if not part:
                raise NotYet("the connection ended after %d of %d bytes" % (len(got), size))
            got += part
        return got

    def receive_end(self, sock, otherwise, quiet=QUIET):
        """Receives from SOCK until its end."""
        got = b""
        while True:
            self.wait_readable(sock, otherwise, quiet)
            part = receive_some(sock, 65536)
            if not part:
                return got
            got += part

    def exchange(self, sock, message, otherwise="the client gets no answer"):
        """Sends MESSAGE and expects it back."""
        send_some(sock, message)
        back = self.receive(sock, len(message), otherwise)
        if back != message:
            raise NotYet("%r came back as %r" % (message, back))

    def client(self, otherwise="the client gets no answer"):
        """A connection whose first message was answered."""
        sock = self.connect()
        self.exchange(sock, b"hello\n", otherwise)
        return sock

    def terminate(self, signal_number=signal.SIGTERM):
        if not self.ended():
            os.kill(self.popen.pid, signal_number)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def readable(sock, timeout=0):
    return bool(select.select([sock], [], [], timeout)[0])


def receive_some(sock, size):
    """recv(2), but a connection that was reset counts as ended."""
    try:
        return sock.recv(size)
    except ConnectionResetError:
        return b""


def send_some(sock, data):
    """Sends without waiting. Returns how many bytes of DATA the socket has taken."""
    try:
        return sock.send(data)
    except BlockingIOError:
        return 0
    except (ConnectionResetError, BrokenPipeError):
        return len(data)  # receiving will show how the connection ended


def end_sending(sock):
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the server has reset the connection, which receiving will show


def reap(pids):
    for pid in pids:
        try:
            os.waitpid(pid, 0x40000000)  # __WALL
        except OSError:
            pass


__all__ = ["NotYet", "SAMPLE", "SECRET", "Stage", "descriptors", "end_sending", "is_alive",
           "read_proc", "readable", "receive_some", "send_some", "stat_fields", "state"]
