"""The journal, simulated by the test: it stops, starts again, and hangs. Acknowledged messages are in it, or
in standard error, which is also connected to it."""
import os
import socket
import struct
import threading

from clients import expect_echo, recv_exactly
from expect import DEADLINE, eventually, expect, expect_equal
from hosts import with_mount
from managed import Managed, listen, plain_processes
from tap import main, test

DIRECTORY = "/run/systemd/journal"
MESSAGE = listen("stored", more="service = message")


def fields_of(data):
    """{name: value} of a datagram in the native format of the journal; of a memfd's content likewise."""
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = struct.unpack("<Q", data[:8])[0]
            value, data = data[8:8 + size], data[9 + size:]
        found[name.decode()] = value.decode("utf-8", "replace")
    return found


class Journal:
    """It listens at WHERE/socket, whenever it was started."""

    def __init__(self, where):
        self.path, self.records, self.sock, self.thread = os.path.join(where, "socket"), [], None, None

    def start(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        os.chmod(self.path, 0o666)
        self.thread = threading.Thread(target=self._read, args=(self.sock,), daemon=True)
        self.thread.start()

    def _read(self, sock):
        while True:
            data, fds, _, _ = socket.recv_fds(sock, 1 << 20, 4)
            if data == b"end":
                return
            for fd in fds:
                with open(fd, "rb") as file:
                    file.seek(0)
                    data = file.read()
            self.records.append(fields_of(data))

    def stop(self):
        """All that it was sent before is read."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"end", self.path)
        self.thread.join(DEADLINE)
        self.sock.close()
        os.remove(self.path)

    def has(self, text):
        return any(text in record.get("MESSAGE", "") for record in list(self.records))


class Logged(Managed):
    """Its standard error is the journal's, as the manager of services arranges it. (What is sent there
    comes to .log.)"""

    def __init__(self, config, **more):
        super().__init__(config, ready=False, **more)
        self.wait_ready()

    def _launch(self, args, env, prepare, out, err, pass_fds, popen):
        os.mkdir(self.path("journal"))
        self.journal = Journal(self.path("journal"))
        self.journal.start()
        stat = os.fstat(err)
        env = dict(env or {}, JOURNAL_STREAM="%d:%d" % (stat.st_dev, stat.st_ino))
        super()._launch(args, env, prepare, out, err, pass_fds, popen)

    def command(self, args):
        os.makedirs(DIRECTORY, exist_ok=True)
        return with_mount("--bind", self.path("journal"), DIRECTORY) + super().command(args)


def store(sock, text):
    sock.sendall(text.encode() + b"\n")
    expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")


def is_logged(echod, text):
    """In the journal, or where standard error leads."""
    return echod.journal.has(text) or echod.log.matching(text + "$")


@test("the journal is stopped and started: clients are served, and every acknowledged message is stored")
def restarted():
    plain_processes()
    with Logged(listen("local") + MESSAGE) as echod:
        inside = echod.echoing()
        sock = echod.connect("stored")
        for i in range(5):
            store(sock, "before %d." % i)
            eventually(lambda: echod.journal.has("before %d." % i), "the journal reads it")
            echod.journal.stop()
            store(sock, "without %d." % i)
            eventually(lambda: is_logged(echod, "without %d." % i), "the acknowledged message is logged somewhere")
            expect_echo(inside)
            expect_echo(echod.connect())
            echod.journal.start()
            store(sock, "after %d." % i)
            eventually(lambda: echod.journal.has("after %d." % i), "the journal has it again")
        expect_equal(sum("after" in r.get("MESSAGE", "") for r in echod.journal.records), 5, "the messages, each once")


@test("records keep their fields in the journal, also those of sessions")
def records():
    plain_processes()
    with Logged(listen("local")) as echod:
        echod.echoing().close()
        record = eventually(lambda: [r for r in echod.journal.records if " session of " in " " + r["MESSAGE"]],
                            "the session is there")[0]
        expect_equal(record["SYSLOG_IDENTIFIER"], "echod", "SYSLOG_IDENTIFIER")
        expect("ECHOD_LISTENER" in record and "PRIORITY" in record, "its fields: %s" % record)


main()
