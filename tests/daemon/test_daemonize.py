"""Other ways to run: --daemon with a pid file, and --inetd."""
import fcntl
import os
import re
import select
import socket
import struct
import subprocess
import tempfile

from clients import expect_echo, recv_exactly, recv_until_eof, reset, send_while_reading
from expect import DEADLINE, eventually, expect, expect_equal, expect_match
from harness import ECHOD, WRAPPER, Echod, clean_environment, inetd, ini, run_echod
from proc import descriptors, read_proc, stat_fields
from tap import main, test


class Daemon(Echod):
    """An echod that has left: its first process is gone, the pid file names the one that serves."""

    def __init__(self, config=None, **more):
        super().__init__(config, args=["--daemon", "--pid-file", "@PID@"], ready=False, **more)
        expect_equal(self.popen.wait(DEADLINE), 0, "the exit status of the first process")
        with open(self.path("pid"), encoding="ascii") as file:
            self.pid_file = file.read()
        self.daemon_pid = int(self.pid_file)
        self.wait_ready()

    def command(self, args):
        return super().command([self.path("pid") if a == "@PID@" else a for a in args])

    def stop(self):
        for sock in self.sockets:
            sock.close()
        pid = self.daemon_pid
        os.kill(pid, 15)
        status = eventually(lambda: self.status(pid), "the daemon ends")
        expect_equal(os.waitstatus_to_exitcode(status[0]), 0, "the exit status of the daemon")
        self.daemon_pid = None
        self.check_log()

    @staticmethod
    def status(pid):
        """Its status, once it has ended: an orphan is the child of the test, once its parent has ended."""
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return None
        return (status,) if ended else None

    def __exit__(self, kind, value, trace):
        if kind is None and self.daemon_pid:
            self.stop()
        return super().__exit__(kind, value, trace)


# ---- --daemon ----

@test("--daemon returns once it listens, and the pid file names the process that serves")
def daemon():
    with Daemon() as echod:
        expect_echo(echod.connect())
        expect_equal(echod.pid_file, "%d\n" % echod.pid, "the pid file")
        expect(echod.pid != echod.popen.pid, "the daemon is the process that was started")


@test("the daemon has no terminal, a session of its own, and does not keep its directory busy")
def detached():
    with Daemon() as echod:
        fields = stat_fields(echod.pid)
        session, terminal = int(fields[3]), int(fields[4])
        expect(session not in (os.getsid(0), echod.pid), "its session is %d" % session)
        expect_equal(terminal, 0, "its terminal")
        expect_equal(os.readlink("/proc/%d/cwd" % echod.pid), "/", "its directory")
        links = descriptors(echod.pid)
        expect_equal((links[0], links[1]), ("/dev/null", "/dev/null"), "its standard streams")
        expect_echo(echod.connect())


@test("the pid file is removed at the stop, and the status is 0")
def pid_file_removed():
    with Daemon() as echod:
        path = echod.path("pid")
        expect(os.path.exists(path), "there is no pid file")
        echod.stop()
        expect(not os.path.exists(path), "the pid file is still there")


@test("a pid file that now belongs to another daemon is not removed at the stop")
def pid_file_of_another():
    with Daemon() as first:
        path = first.path("pid")
        os.unlink(path)
        with open(path, "w", encoding="ascii") as file:
            file.write("4711\n")
        first.stop()
        with open(path, encoding="ascii") as file:
            expect_equal(file.read(), "4711\n", "the file")
        os.unlink(path)


@test("a pid file path that is not a regular file exits with status 73 at once")
def odd_pid_file():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        os.mkfifo(os.path.join(where, "fifo"))
        for name, reason in ((os.path.join(where, "fifo"), "it is not a regular file"),
                             ("/dev/full", "it is not a regular file"), (where, "Is a directory")):
            status, _, err = run_echod("--daemon", "--pid-file", name, config=ini())
            expect_equal(status, 73, "the exit status")
            expect_match(" error: cannot write the pid file %s: %s$" % (re.escape(name), reason), err,
                         "standard error")


@test("a second instance with the same pid file fails with the reason and does no harm")
def second_instance():
    with Daemon() as echod:
        path = echod.path("pid")
        status, out, err = run_echod("--daemon", "--pid-file", path, config=ini())
        expect_equal((status, out), (69, ""), "the exit status and standard output")
        expect_match(r" error: another echod is already running: it has locked %s$" % path, err,
                     "standard error")
        with open(path, encoding="ascii") as file:
            expect_equal(file.read(), echod.pid_file, "the pid file")
        expect_echo(echod.connect())


@test("the pid file is locked by the daemon itself")
def pid_file_locked():
    with Daemon() as echod, open(echod.path("pid"), "r+", encoding="ascii") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        expect(False, "the pid file could be locked")


@test("the pid file of a crashed daemon is reused")
def stale_pid_file():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        with Daemon() as first:
            with open(os.path.join(where, "pid"), "w", encoding="ascii") as file:
                file.write("1234567890\n" * 10)
            first.stop()
        path = os.path.join(where, "pid")

        class Second(Daemon):
            def path(self, name):
                return path if name == "pid" else super().path(name)

        with Second() as echod:
            expect_equal(echod.pid_file, "%d\n" % echod.pid, "the pid file")
            expect_echo(echod.connect())


@test("a daemon that cannot start prints the reason on the terminal and returns its status")
def failures():
    with socket.socket() as busy, tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        pid = os.path.join(where, "pid")
        for config, pid_file, status, reason in (
                (ini(listen="port = %d" % port), pid, 69, r"127\.0\.0\.1:%d is in use" % port),
                (ini(listen="grreting = x"), pid, 78, "did you mean greeting"),
                (ini(), os.path.join(where, "no", "pid"), 73, "cannot write .*: No such file")):
            found, _, err = run_echod("--daemon", "--pid-file", pid_file, config=config)
            expect_equal(found, status, "the exit status")
            expect_match(reason, err, "standard error")
            expect_equal(os.listdir(where), [], "the files that are left")


@test("--daemon accepts relative paths although it changes its directory")
def relative_paths():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        with open(os.path.join(where, "my.conf"), "w", encoding="ascii") as file:
            file.write(ini())
        done = subprocess.run(WRAPPER + [ECHOD, "-d", "-c", "my.conf", "-p", "my.pid"], cwd=where,
                              env=clean_environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=DEADLINE,
                              check=False)
        expect_equal(done.returncode, 0, "the exit status")
        with open(os.path.join(where, "my.pid"), encoding="ascii") as file:
            pid = int(file.read())
        os.kill(pid, 15)
        eventually(lambda: Daemon.status(pid), "the daemon ends")
        expect_equal(os.listdir(where), ["my.conf"], "the files that are left")


# ---- --inetd ----

def expect_served(ours, process):
    data = bytes(range(256)) * 100
    expect_equal(send_while_reading(ours, data), data, "the echo")
    expect_equal(process.wait(DEADLINE), 0, "the exit status")


@test("--inetd serves the client on standard input, and exits with 0")
def inetd_socketpair():
    ours, theirs = socket.socketpair()
    with ours, inetd(theirs) as process:
        expect_served(ours, process)
        expect_match(r" info: session of unix on local: closed by the client; 25600 bytes in, "
                     "25600 out, ", process.stderr.read().decode(), "standard error")


def accepted():
    """The two ends of a TCP connection, and the port of the server's."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ours = socket.create_connection(listener.getsockname(), timeout=DEADLINE)
        return ours, listener.accept()[0], listener.getsockname()[1]


@test("--inetd with a wrong kind of standard input prints what the unit needs and exits with status 64")
def inetd_other_input():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with inetd(listener.dup()) as process:
            expect_equal(process.wait(DEADLINE), 64, "the exit status")
            expect_match("standard input is a listening socket: set Accept=yes in the socket unit, "
                         "or start echod without --inetd$", process.stderr.read().decode(), "standard error")
    status, _, err = run_echod("--inetd", config=ini(), env=dict(clean_environment(), LISTEN_FDS="1"))
    expect_equal(status, 64, "the exit status")
    expect_match(r"standard input is not a connected socket: .* \(the unit needs StandardInput=socket\)$",
                 err, "standard error")


@test("--inetd resets the options that the socket was passed with")
def inetd_odd_socket():
    ours, theirs, _ = accepted()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 10000)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 1))
    theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    theirs.setblocking(False)
    copy = theirs.dup()
    with ours, copy, inetd(theirs) as process:
        expect_echo(ours)
        expect_equal(copy.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT), 1, "SO_RCVLOWAT")
        expect_equal(copy.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 4), bytes(4), "SO_LINGER")
        expect_equal(copy.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1, "SO_KEEPALIVE")
        copy.close()
        expect_served(ours, process)


@test("--inetd finds the listener of the connection by its port")
def inetd_tcp():
    ours, theirs, port = accepted()
    config = ("[listen other]\nport = 0\ngreeting = wrong\n"
              "[listen mine]\nport = %d\ngreeting = right\n" % port)
    with ours, inetd(theirs, config) as process:
        expect_equal(recv_exactly(ours, 5), b"right", "the greeting")
        expect_served(ours, process)
        expect_match(r" info: session of 127\.0\.0\.1:%d on mine: closed by the client; " %
                     ours.getsockname()[1], process.stderr.read().decode(), "standard error")


@test("--inetd: a connection that was reset before the start is recorded as reset, not as an error")
def inetd_reset():
    ours, theirs, port = accepted()
    reset(ours)
    eventually(lambda: select.select([theirs], [], [], 0)[0], "the reset arrives")
    with inetd(theirs, "[listen mine]\nport = %d\n" % port) as process:
        expect_equal(process.wait(DEADLINE), 0, "the exit status")
        expect_match(r"(?m)^.*\bmine\b.*\breset\b.*$", process.stderr.read().decode(), "standard error")
    ours, theirs, port = accepted()
    reset(ours)
    eventually(lambda: select.select([theirs], [], [], 0)[0], "the reset arrives")
    with inetd(theirs, "[server]\nlog_level = warning\n[listen mine]\nport = %d\n" % port) as process:
        expect_equal(process.wait(DEADLINE), 0, "the exit status")
        expect_equal(process.stderr.read(), b"", "standard error where that is no warning")


@test("--inetd: no log record goes to the client even if standard error is its socket")
def inetd_stderr():
    ours, theirs, port = accepted()
    config = ini(server="log_level = debug", listen="port = %d" % port)
    with ours, inetd(theirs, config, stderr=subprocess.STDOUT) as process:
        expect_served(ours, process)


@test("--inetd: no warning about the configuration goes to the client")
def inetd_warning():
    ours, theirs = socket.socketpair()
    with ours, inetd(theirs, ini(listen="reply = unused"), stderr=subprocess.STDOUT) as process:
        expect_served(ours, process)


@test("--inetd: no error of the configuration goes to the client")
def inetd_error():
    ours, theirs = socket.socketpair()
    ours.settimeout(DEADLINE)
    with ours, inetd(theirs, ini(listen="secret = x"), stderr=subprocess.STDOUT) as process:
        expect_equal(recv_until_eof(ours), b"", "data received by the client")
        expect_equal(process.wait(DEADLINE), 78, "the exit status")


@test("--inetd stores messages, too")
def inetd_message():
    ours, theirs = socket.socketpair()
    ours.settimeout(DEADLINE)
    with ours, inetd(theirs, ini(listen="service = message")) as process:
        ours.sendall(b"hello\n")
        expect_equal(recv_exactly(ours, 3), b"OK\n", "the reply")
        ours.shutdown(socket.SHUT_WR)
        expect_equal(recv_until_eof(ours), b"", "data after the reply")
        expect_equal(process.wait(DEADLINE), 0, "the exit status")
        expect_match(r" info: message from unix on local: hello$", process.stderr.read().decode(),
                     "standard error")


@test("--inetd refuses a client in deny with the reason")
def inetd_denied():
    ours, theirs, port = accepted()
    config = ini(listen="port = %d\ndeny = 127.0.0.0/8" % port)
    with ours, inetd(theirs, config) as process:
        expect_equal(recv_until_eof(ours), b"echod: access denied\n", "data received by the client")
        process.wait(DEADLINE)


@test("--inetd without a client on standard input exits with status 64 and the reason")
def inetd_without_client():
    status, out, err = run_echod("--inetd", config=ini())
    expect_equal((status, out), (64, ""), "the exit status and standard output")
    expect_match(r"--inetd: standard input is not a connected socket: ", err, "standard error")


@test("--inetd with a connection that no [listen] section matches exits with status 78 and the reason")
def inetd_other_type():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, inetd(theirs) as process:
        expect_equal(process.wait(DEADLINE), 78, "the exit status")
        expect_match(r"--inetd: no \[listen\] section matches this connection$",
                     process.stderr.read().decode().strip(), "standard error")
        expect_equal(ours.recv(1), b"", "data received by the client")


@test("--inetd serves a connection to another path by the first section of its type")
def inetd_other_path():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where, \
            socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as ours:
        ours.settimeout(DEADLINE)
        listener.bind(where + "/here")
        listener.listen()
        ours.connect(where + "/here")
        config = "[listen local]\nprotocol = unix\naddress = %s/there, %s/here.too\n" % (where, where)
        with inetd(listener.accept()[0], config) as process:
            expect_served(ours, process)


@test("--inetd serves a connection by the section that has its path, first or last")
def inetd_own_path():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(where + "/here")
        listener.listen()
        others = "[listen others]\nprotocol = unix\naddress = %s/there\nservice = discard\n" % where
        for paths in ("/here, @/there.too", "/there.too, @/here"):
            config = others + "[listen mine]\nprotocol = unix\naddress = @%s\n" % paths
            with socket.socket(socket.AF_UNIX) as ours:
                ours.settimeout(DEADLINE)
                ours.connect(where + "/here")
                with inetd(listener.accept()[0], config.replace("@/", where + "/")) as process:
                    expect_served(ours, process)


@test("--inetd ends at SIGTERM, and the client gets what it is owed")
def inetd_stop():
    ours, theirs = socket.socketpair()
    ours.settimeout(DEADLINE)
    with ours, inetd(theirs) as process:
        expect_echo(ours)
        process.send_signal(15)
        expect_equal(recv_until_eof(ours), b"", "data received by the client")
        expect_equal(process.wait(DEADLINE), 0, "the exit status")


main()
