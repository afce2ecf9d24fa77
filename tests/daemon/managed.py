"""An echod as administrators and systemd run it: with a control socket, a program that can be
replaced, passed sockets, and a service manager that it notifies."""
import array
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

from clients import recv_exactly
from expect import DEADLINE, Failure, Skip, eventually, expect_equal, expect_match
from harness import VALGRIND, WRAPPER, Echod, clean_environment, parse_address
from proc import descriptors
from programs import ECHOCTL, ECHOD, FORKSERVER

SO_TIMESTAMPNS = 35  # also the type of the message that brings the time

RELOADED = r" notice: reloaded: \d+ listeners?, \d+ clients? kept$"
REJECTED = r" error: reload failed, nothing has changed: "

# Installed in place of echod, this halts a dry run until it is released.
HOLDING = """#!/bin/sh
case "$*" in
--check-config*)
    exec 9<'{0}/go'
    echo $$ >'{0}/held.new'
    mv '{0}/held.new' '{0}/held'
    read -r word <&9
    exec 9<&- ;;
esac
exec '{1}' "$@"
"""


class Managed(Echod):
    """COPIED: run a copy of the program, which install() replaces. RUNTIME: the directory of the
    control socket, by default "run" in its private directory. PROGRAMS: a directory of programs to
    copy in place of the real ones."""

    def __init__(self, *args, copied=False, runtime=None, programs=(ECHOD, FORKSERVER), **more):
        self.copied, self.runtime, self.programs = copied, runtime, programs
        super().__init__(*args, **more)

    def _launch(self, args, env, *more):
        if self.copied:
            for program in self.programs:
                shutil.copy(program, self.dir)
        if not self.runtime:
            self.runtime = self.path("run")
            os.mkdir(self.runtime)
        super()._launch(args, dict(env or {}, RUNTIME_DIRECTORY=self.runtime), *more)

    def command(self, args):
        program = self.path("echod") if self.copied else ECHOD
        return WRAPPER + [program, "--config", self.config] + list(args)

    # -- the control socket --

    @property
    def control(self):
        return os.path.join(self.runtime, "control")

    def ctl(self, *args, **popen):
        """Runs echoctl. Returns (status, standard output, standard error)."""
        return run_echoctl("-s", self.control, *args, **popen)

    def ask(self, *args):
        """The answer that echoctl --json prints, which must succeed."""
        status, out, err = self.ctl("--json", *args)
        expect_equal((status, err), (0, ""), "status and standard error of echoctl %s" % (args,))
        return json.loads(out)

    # -- reloading --

    def configure(self, text):
        self.write("echod.conf", text.replace("@DIR@", self.dir))

    def reload(self):
        """Reloads, which must succeed, and updates the addresses that it listens on."""
        expect_equal(self.ctl("reload"), (0, "", ""), "result of echoctl reload")
        self.listening.clear()
        for row in self.ask("listeners"):
            self.listening.setdefault(row["listener"], []).append(parse_address(row["address"]))

    def hang_up(self, outcome=RELOADED):
        """Reloads by SIGHUP and waits for the OUTCOME in the log. Returns that line."""
        count = len(self.log.matching(outcome))
        self.kill(signal.SIGHUP)
        return self.log.wait(outcome, count=count + 1)[-1]

    def rejects(self, reason):
        """Reloads, which must fail for a REASON (a pattern) that is both printed and logged."""
        before = self._appearance()
        count = len(self.log.matching(REJECTED))
        status, out, err = self.ctl("reload")
        expect_equal((status, out), (1, ""), "status and standard output of echoctl reload")
        expect_match(reason, err, "standard error of echoctl reload")
        line = self.log.wait(REJECTED, count=count + 1)[-1]
        reason_printed = re.sub("^echoctl: ", "", err).splitlines()[0]
        expect_equal(re.split(REJECTED, line)[-1], reason_printed, "the reason in the log")
        eventually(lambda: self._appearance() == before, "everything is as it was")
        return err

    def _appearance(self):
        return self.ask("listeners"), open_files(self.pid), sorted(os.listdir(self.dir))

    # -- the program --

    def install(self, text=None, mode=0o755):
        """Replaces the program by the script TEXT, or by echod, as a package manager does."""
        new = self.path("echod.new")
        if text is None:
            shutil.copy(ECHOD, new)
        else:
            self.write("echod.new", text)
        os.chmod(new, mode)
        os.rename(new, self.path("echod"))

    def hold(self):
        """Installs a program that halts each dry run. Returns a function that continues one."""
        os.mkfifo(self.path("go"))
        self.install(HOLDING.format(self.dir, ECHOD))
        fifo = os.open(self.path("go"), os.O_RDWR | os.O_CLOEXEC)

        def release():
            os.write(fifo, b"go\n")
            os.close(fifo)

        return release

    def held(self):
        """Waits for a halted dry run. Returns its process ID."""
        eventually(lambda: os.path.exists(self.path("held")), "the dry run begins")
        with open(self.path("held"), encoding="ascii") as file:
            return int(file.read())


def open_files(pid):
    """The open files of PID, sorted, by name."""
    return sorted(descriptors(pid).values())


def bound(host="127.0.0.1"):
    """A socket that listens on a port that the kernel chooses."""
    sock = socket.socket()
    sock.bind((host, 0))
    sock.listen()
    return sock


reservations = []  # sockets


def free_port():
    """A port to listen on that the kernel will not choose for other sockets: one that does not listen
    is bound to it. (Both that socket and echod's have SO_REUSEADDR.)"""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    reservations.append(sock)
    return sock.getsockname()[1]


def plain_processes():
    if VALGRIND:
        raise Skip("valgrind has descriptors, a command line and an exec(3) of its own")


# ---- configurations ----

def listen(name, port=0, more=""):
    return "[listen %s]\naddress = 127.0.0.1\nport = %d\n%s\n" % (name, port, more)


def unix(name):
    return "[listen %s]\nprotocol = unix\naddress = @DIR@/%s\n" % (name, name)


# ---- echoctl ----

def run_echoctl(*args, **popen):
    """Runs echoctl. Returns (status, standard output, standard error)."""
    popen.setdefault("stdout", subprocess.PIPE)
    done = subprocess.run([ECHOCTL] + list(args), stdin=subprocess.DEVNULL, timeout=DEADLINE * 2,
                          stderr=subprocess.PIPE, check=False, env=clean_environment(), **popen)
    return done.returncode, (done.stdout or b"").decode(), done.stderr.decode()


class Asking:
    """An echoctl that is waiting for its answer."""

    def __init__(self, path, *args, **popen):
        self.process = subprocess.Popen([ECHOCTL, "-s", path] + list(args),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=clean_environment(), **popen)

    def result(self, timeout=DEADLINE * 2):
        out, err = self.process.communicate(timeout=timeout)
        return self.process.returncode, out.decode(), err.decode()


class Passed(Managed):
    """An echod that inherits SOCKS with NAMES, as systemd passes them."""

    def __init__(self, config, *socks, names=(), env=None, **more):
        high = [os.dup(sock.fileno()) for sock in socks]
        env = dict(env or {}, LISTEN_FDS=str(len(socks)))
        if names:
            env["LISTEN_FDNAMES"] = ":".join(names)
        self.places = {fd: 3 + i for i, fd in enumerate(high)}
        try:
            super().__init__(config, env=env, prepare=self.place, pass_fds=range(3, 3 + len(socks)),
                             **more)
        finally:
            for fd in high:
                os.close(fd)

    def place(self):
        """In the child: moves the sockets to the descriptors from 3 on."""
        above = 3 + len(self.places)
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, above) for fd in self.places]
        for place, fd in enumerate(high):
            os.dup2(fd, 3 + place, True)

    def command(self, args):
        # Via a shell: its $$ is the process ID that the program will have, as exec keeps it.
        return ["/bin/sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh"] + super().command(args)


class Manager:
    """The notification socket of a service manager. A thread reads it continuously, because services
    would block otherwise."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.name = "echod-test-managed-%d" % os.getpid()
        self.sock.bind("\0" + self.name)
        self.env = {"NOTIFY_SOCKET": "@" + self.name}
        self.messages = []  # (when it was sent, lines, sockets)
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()

    def _collect(self):
        while True:
            data, when, fds = self._receive()
            if data == b"end":
                return
            if data == b"BARRIER=1":  # sd_notify_barrier(3) waits for this
                os.close(fds.pop())
                continue
            with self.changed:
                self.messages.append((when, data.decode().splitlines(),
                                      [socket.socket(fileno=fd) for fd in fds]))
                self.changed.notify_all()

    def _receive(self):
        data, control, _, _ = self.sock.recvmsg(4096, 256)
        when, fds = 0, array.array("i")
        for _, kind, content in control:
            if kind == socket.SCM_RIGHTS:
                fds.frombytes(content)
            elif kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("ll", content)
                when = seconds + nanoseconds / 1e9
        return data, when, list(fds)

    def seen(self):
        with self.changed:
            return len(self.messages)

    def wait(self, line, since=0):
        """Waits for a message, from index SINCE on, in which a line matches LINE completely. Returns
        its index, and the message."""
        deadline = time.monotonic() + DEADLINE
        with self.changed:
            while True:
                for i, message in enumerate(self.messages[since:], since):
                    if any(re.fullmatch(line, text) for text in message[1]):
                        return i, message
                self.changed.wait(0.1)
                if time.monotonic() > deadline:
                    raise Failure("no message has a line %s: %s" %
                                  (line, [m[1] for m in self.messages[since:]]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"end", "\0" + self.name)
        self.thread.join(DEADLINE)
        self.sock.close()
        for _, _, socks in self.messages:
            for sock in socks:
                sock.close()


class Load:
    """Clients that connect, exchange 4 bytes and close, one after the other, in a with block."""

    def __init__(self, echod, threads=2):
        self.address = echod.address()
        self.served, self.failures, self.stopping = 0, [], False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _one(self):
        try:
            with socket.create_connection(self.address, timeout=DEADLINE) as sock:
                sock.sendall(b"load")
                expect_equal(recv_exactly(sock, 4), b"load", "the echo")
        except (OSError, Failure) as error:
            return repr(error)
        return None

    def _run(self):
        while not self.stopping:
            failure = self._one()
            with self.lock:
                if failure:
                    self.failures.append(failure)
                else:
                    self.served += 1

    def wait_more(self):
        """Waits until two more were served, so that at least one connected after this call."""
        aim = self.served + 2
        eventually(lambda: self.served >= aim or self.failures, "more clients are served")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join(DEADLINE)
