"""A worker that executes its client's commands (tests/planted/obey.c), in any echod."""
import re

from expect import expect, expect_equal
from syscalls import number_of


class Obedient:
    """A worker of the listener NAME that executes commands, and its client."""

    def __init__(self, echod, sock, name):
        self.echod, self.sock, self.name, self.unread = echod, sock, name, b""
        self.address = "%s:%d" % sock.getsockname()

    def send(self, *words):
        """Sends a command. If the worker has already ended, receive() reports that."""
        line = " ".join(word.hex() if isinstance(word, bytes) else str(word) for word in words)
        try:
            self.sock.sendall(line.encode() + b"\n")
        except OSError:
            pass

    def receive(self):
        """Returns the reply; "" if the worker has ended."""
        try:
            while b"\n" not in self.unread:
                data = self.sock.recv(65536)
                if not data:
                    return ""
                self.unread += data
        except ConnectionError:
            return ""
        line, _, self.unread = self.unread.partition(b"\n")
        return line.decode()

    def ask(self, *words):
        self.send(*words)
        return self.receive()

    def number(self, *words):
        reply = self.ask(*words)
        expect(re.fullmatch(r"\d+", reply), "no number: %r" % reply)
        return int(reply)

    def syscall(self, name, *arguments):
        """Makes a system call. Returns its result, or a negative errno; None if the worker ended."""
        self.send_syscall(number_of(name), arguments)
        return result_of(self.receive())

    def send_syscall(self, number, arguments):
        self.send("SYSCALL", number, *arguments, *[0] * (6 - len(arguments)))

    def write(self, address, data):
        for at in range(0, len(data), 2048):
            expect_equal(self.ask("WRITE", address + at, data[at:at + 2048]), "OK", "the reply")

    @property
    def slot(self):
        return self.number("SLOT")

    @property
    def buffer(self):
        return self.number("BUFFER")

    def record(self):
        """Waits for the record of its session, and returns it."""
        return self.echod.log.wait(" session of %s on %s: " % (re.escape(self.address), self.name))[0]

    def close(self):
        self.sock.close()


def result_of(reply):
    if not reply:
        return None
    result, error = map(int, reply.split())
    return -error if result == -1 and error else result
