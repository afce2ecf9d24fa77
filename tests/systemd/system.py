"""echod in the machine: its units, configuration and clients."""
import json
import socket
import struct
import threading
import time

from clients import fill
from expect import DEADLINE, Failure, eventually, expect, expect_equal

CONFIG = "/etc/echod/echod.conf"
UNITS = "/etc/systemd/system/"
EXAMPLES = "/usr/share/doc/echod/examples/"
CLIENT_DEADLINE = DEADLINE
ALL_UNITS = ["echod.socket", "echod-inetd.socket", "echod.service", "echod@*.service",
             "echod-inetd@*.service"]


class Session:
    """A client that stays connected."""

    def __init__(self, port):
        self.port = port
        self.sock = socket.create_connection(("127.0.0.1", port), CLIENT_DEADLINE)
        self.port_of_ours = self.sock.getsockname()[1]

    def ask(self, data):
        """Sends DATA and returns as many bytes of the answer, or fewer if it ends earlier."""
        self.sock.sendall(data)
        got = b""
        while len(got) < len(data):
            more = self.sock.recv(len(data) - len(got))
            if not more:
                break
            got += more
        return got

    def read(self, count):
        """The next COUNT bytes, or fewer if the connection ends earlier."""
        got = bytearray()
        while len(got) < count:
            more = self.sock.recv(min(count - len(got), 1 << 18))
            if not more:
                break
            got += more
        return bytes(got)

    def echo(self, what="a session"):
        data = b"%d " % time.monotonic_ns()
        try:
            expect_equal(self.ask(data), data, "the echo of " + what)
        except OSError as error:
            raise Failure("%s has no echo: %s" % (what, error)) from error

    def ends(self):
        """Waits for the server. Returns whether it has closed the connection."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def reset(self):
        """Closes the connection with a reset, like a client that dies."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


class Load:
    """Clients that continually connect, receive an echo and close; none may fail."""

    def __init__(self, port, threads=4, limit=None):
        self.port = port
        self.limit = limit
        self.count = 0
        self.failures = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def end(self):
        """Ends the load, after the connections that have already begun."""
        self.stopping.set()

    def __exit__(self, *_):
        self.end()
        for thread in self.threads:
            thread.join(2 * CLIENT_DEADLINE)

    def take(self):
        """Whether to make another connection."""
        with self.lock:
            if self.stopping.is_set() or (self.limit is not None and self.count >= self.limit):
                return False
            self.count += 1
            return True

    def work(self):
        while self.take():
            try:
                session = Session(self.port)
                session.echo("a connection")
                session.close()
            except (OSError, Failure) as error:
                with self.lock:
                    self.failures.append(str(error))
            time.sleep(0.0005)

    def wait_for(self, more):
        """Waits until MORE connections were made after this call."""
        wanted = self.count + more
        eventually(lambda: self.count >= wanted or self.failures, "%d connections are made" % more)

    def expect_none_failed(self, least):
        """After the end: expects that no connection failed, of at least LEAST."""
        expect(not any(thread.is_alive() for thread in self.threads), "a client has not finished")
        expect_equal((len(self.failures), self.failures[:3]), (0, []),
                     "failures of %d connections" % self.count)
        expect(self.count >= least, "only %d connections" % self.count)


def activate(s, listen, *more):
    """Switches to echod.socket, with the options LISTEN, and MORE for configure()."""
    s.configure(listen, *more)
    s.run("systemctl", "enable", "-q", "echod.socket")
    s.run("systemctl", "daemon-reload")
    s.start("echod.socket")


class System:
    """The machine, with operations that the cases share."""

    def __init__(self, machine, source):
        self.machine = machine
        self.source = source
        self.run, self.output = machine.run, machine.output
        self.sessions = []
        self.marked = 0

    def provide(self):
        """After the boot: installs the build in the directory SOURCE."""
        self.machine.install(self.source)
        self.run("systemd-sysusers")
        self.run("systemctl", "daemon-reload")

    # -- before each case --

    def reset(self, after_failure=False):
        """Restores the state after the installation, whatever the previous case did."""
        for session in self.sessions:
            session.close()
        self.sessions = []
        self.run("systemctl", "kill", "-s", "CONT", "systemd-journald.service")
        if after_failure:
            self.run("systemctl", "kill", "-s", "KILL", *ALL_UNITS, check=False)
        self.run("systemctl", "disable", "-q", "--no-reload", "echod.service", "echod.socket",
                 "echod-inetd.socket", "echod@two.service", "echod@a.service", "echod@b.service")
        self.run("systemctl", "stop", *ALL_UNITS, check=False)
        for name in ("echod.service.d", "echod@.service.d", "echod-inetd@.service.d", "echod.socket.d"):
            self.machine.remove(UNITS + name)
        self.run("rm", "-rf", "/run/echod-generator")
        self.machine.remove("/etc/echod")
        self.machine.write(CONFIG, self.machine.read(EXAMPLES + "echod.conf"))
        self.run("systemctl", "daemon-reload")
        self.run("systemctl", "reset-failed")
        self.run("systemctl", "reset-failed", "echod.service", check=False)
        self.mark()

    # -- configuration --

    def configure(self, listen="port = 7777", server="", more="", path=CONFIG):
        self.machine.write(path, "[server]\n%s\n[listen local]\n%s\n%s\n" % (server, listen, more))

    def configure_wrongly(self, path=CONFIG):
        """Writes a wrong configuration. Returns the place of the mistake as messages must name it."""
        self.machine.write(path, "[server]\n\n[listen local]\nport = seven\n")
        return path + ":4"

    def drop_in(self, unit, text):
        self.machine.write("%s%s.d/test.conf" % (UNITS, unit), text)
        self.run("systemctl", "daemon-reload")

    def generated(self, unit):
        """The names of the generator's drop-ins for UNIT."""
        return self.run("ls", "/run/systemd/generator/%s.d" % unit, check=False).stdout.split()

    # -- units --

    def show(self, name, unit="echod.service"):
        return self.output("systemctl", "show", "--value", "-p", name, unit).strip()

    def main_pid(self, unit="echod.service"):
        return int(self.show("MainPID", unit))

    def start(self, unit="echod.service"):
        self.run("systemctl", "start", unit)

    def restart(self, unit="echod.service"):
        self.run("systemctl", "restart", unit)

    def reload(self, unit="echod.service"):
        self.run("systemctl", "reload", unit)

    def expect_state(self, expected, unit="echod.service"):
        expect_equal(self.show("ActiveState", unit), expected, "the state of " + unit)

    def exposure(self, unit):
        """The exposure score by "systemd-analyze security"."""
        text = self.output("systemd-analyze", "security", "--no-pager", unit)
        return float(text.split("Overall exposure level for %s: " % unit)[1].split()[0])

    def expect_verified(self, *units):
        """Expects that "systemd-analyze verify" finds no fault in the units and their drop-ins."""
        for unit in units:
            done = self.run("systemd-analyze", "verify", "--man=no", unit, check=False)
            expect_equal((done.stderr, done.returncode), ("", 0), "result of systemd-analyze verify " + unit)

    def members(self, unit="echod.service"):
        """The processes in the cgroup of UNIT."""
        path = "/sys/fs/cgroup%s/cgroup.procs" % self.show("ControlGroup", unit)
        return [int(pid) for pid in self.output("cat", path).split()]

    def is_alive(self, pid):
        return self.run("test", "-e", "/proc/%d" % pid, check=False).returncode == 0

    def status_of(self, pid):
        """The content of /proc/PID/status."""
        lines = self.output("cat", "/proc/%d/status" % pid).splitlines()
        return {line.split(":", 1)[0]: line.split(":", 1)[1].strip() for line in lines}

    def control(self, command, *options):
        return self.machine.json("echoctl", *options, "--json", command)

    # -- clients --

    def connect(self, port=7777):
        session = Session(port)
        self.sessions.append(session)
        return session

    def session(self, port=7777):
        """A client that has received its first echo."""
        session = self.connect(port)
        session.echo("a new session")
        return session

    def busy_session(self, port=7777):
        """A client with echo pending: it has sent without reading until all buffers are full. Returns it,
        and the number of bytes that it has yet to receive."""
        session = Session(port)
        return session, fill(session.sock, b"busy" * 10000)

    def refuses(self, port):
        try:
            Session(port).close()
        except ConnectionRefusedError:
            return True
        return False

    # -- the journal --

    def mark(self):
        """Excludes older records from since() and all that uses it."""
        last = json.loads(self.output("journalctl", "-q", "-n", "1", "-o", "json"))
        self.marked = int(last["__REALTIME_TIMESTAMP"])

    def since(self):
        """An option of journalctl for that. (--after-cursor= would omit the first matching record.)"""
        return "--since=@%d.%06d" % divmod(self.marked + 1, 1000000)

    def records(self, *matches):
        self.run("journalctl", "--sync")
        text = self.output("journalctl", "-q", "-o", "json", "--all", self.since(), *matches)
        return [json.loads(line) for line in text.splitlines()]

    def messages(self, *matches):
        return [str(record.get("MESSAGE")) for record in self.records(*matches)]

    def journal_end(self):
        """The last lines of the journal, for diagnostics."""
        return self.output("journalctl", "-q", "-n", "25", "-o", "short-precise", self.since())

    def await_record(self, what, *matches):
        return eventually(lambda: self.records(*matches), "the journal has " + what)[0]
