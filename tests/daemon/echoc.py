"""Runs echoc to its end or step by step, and provides servers for it."""
import fcntl
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import termios
import threading

from clients import recv_until_eof
from expect import DEADLINE, Failure, expect, expect_equal, expect_match
from harness import clean_environment
from programs import ECHOC

# What echoc(1) documents as its exit status.
OK, DIFFERS, SILENT, CLOSED, USAGE, TOO_LONG, NO_CONNECTION, LOCAL_IO = 0, 1, 3, 4, 64, 65, 69, 74


def start(*args, program=(ECHOC,), **popen):
    """An echoc that runs; its input, output and errors are pipes by default."""
    for name in ("stdin", "stdout", "stderr"):
        popen.setdefault(name, subprocess.PIPE)
    return subprocess.Popen(list(program) + [str(arg) for arg in args], env=clean_environment(),
                            **popen)


def finish(process, send=None):
    """Sends it SEND, and waits for its end. Returns (status, output, standard error as text)."""
    out, err = process.communicate(send, timeout=DEADLINE * 2)
    text = (err or b"").decode()
    expect(not re.search("Sanitizer|runtime error:", text), "echoc misbehaves: " + text)
    return process.returncode, out, text


def run(*args, send=b"", **popen):
    """Runs echoc to its end, with SEND as its standard input by default."""
    return finish(start(*args, **popen), None if "stdin" in popen else send)


def prints(expected, *args, **how):
    """Runs echoc, which has to print EXPECTEDand nothing else, and to succeed."""
    expect_equal(run(*args, **how), (OK, expected, ""), "status, output and errors of %s" % (args,))


def fails(status, reason, *args, **how):
    """Runs echoc, which has to print nothing and to end with STATUS for a REASON (a pattern)."""
    got, out, err = run(*args, **how)
    expect_equal((got, out), (status, b""), "status and standard output (standard error: %s)" % err.strip())
    expect_match("^echoc: " + reason, err, "standard error")


def read_line(file):
    """The next line of a pipe, in bounded time."""
    selector = selectors.DefaultSelector()
    selector.register(file, selectors.EVENT_READ)
    line = b""
    while not line.endswith(b"\n"):
        expect(selector.select(DEADLINE), "a line does not come; so far: %r" % line)
        more = os.read(file.fileno(), 1)
        expect(more, "the lines end with %r" % line)
        line += more
    selector.close()
    return line


class Server:
    """Serves one client by SERVE, which gets its socket; in a with block, which ends it."""

    def __init__(self, serve, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        self.dir, self.error, self.serve = None, None, serve
        self.listener = socket.socket(family, kind)
        if family == socket.AF_UNIX:
            self.dir = tempfile.mkdtemp(prefix="echod-test-")
            self.listener.bind(self.dir + "/socket")
        else:
            self.listener.bind(("127.0.0.1", 0))
        self.listener.settimeout(DEADLINE)
        self.listener.listen()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            sock = self.listener.accept()[0]
            with sock:
                sock.settimeout(DEADLINE)
                self.serve(sock)
        except Exception as error:  # to be raised where the test sees it
            self.error = error

    @property
    def at(self):
        """The operands or options of echoc that lead here."""
        name = self.listener.getsockname()
        return ("--unix", name) if self.dir else name[:2]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes it, should it wait for a client
        self.thread.join(DEADLINE * 2)
        self.listener.close()
        if self.dir:
            shutil.rmtree(self.dir)
        if kind is None and self.error:
            raise Failure("the server failed: %r" % self.error) from self.error
        return False


class Silent(Server):
    """READS to the end, or nothing; sends WORDS; and then is silent until it is to RESUME."""

    def __init__(self, words=b"", reads=True, farewell=b""):
        self.resume = threading.Event()

        def serve(sock):
            if reads:
                recv_until_eof(sock)
            sock.sendall(words)
            self.resume.wait(DEADLINE)
            sock.sendall(farewell)

        super().__init__(serve)

    def __exit__(self, *how):
        self.resume.set()
        return super().__exit__(*how)


class Terminal:
    """A terminal that echoc runs on. It shows nothing but what echoc writes to it."""

    def __init__(self, *args, **popen):
        self.fd, slave = os.openpty()
        mode = termios.tcgetattr(slave)
        mode[1] &= ~termios.OPOST  # a newline stays one
        mode[3] &= ~termios.ECHO
        termios.tcsetattr(slave, termios.TCSANOW, mode)
        self.seen = b""

        def in_child():
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # what runs in the background ignores it

        self.process = start(*args, **dict({"stdin": slave, "stdout": slave}, **popen),
                             start_new_session=True, preexec_fn=in_child)
        os.close(slave)

    def type(self, data):
        os.write(self.fd, data)

    def _read(self):
        selector = selectors.DefaultSelector()
        selector.register(self.fd, selectors.EVENT_READ)
        expect(selector.select(DEADLINE), "the terminal shows no more than %r" % self.seen)
        selector.close()
        try:
            return os.read(self.fd, 65536)
        except OSError:
            return b""  # EIO: nobody has it open any more

    def shows(self, text):
        """Waits until as many bytes as TEXT has are shown, and expects them to be those."""
        while len(self.seen) < len(text):
            more = self._read()
            expect(more, "the terminal was left with %r" % self.seen)
            self.seen += more
        expect_equal(self.seen, text, "the terminal's output")
        self.seen = b""

    def finish(self):
        """Waits for the end. Returns (status, what else was shown, standard error)."""
        status, _, err = finish(self.process)
        while True:
            more = self._read()
            if not more:
                return status, self.seen, err
            self.seen += more

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        os.close(self.fd)
        return False
