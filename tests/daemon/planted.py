"""An echod whose workers do what their clients say (tests/planted/obey.c): what an attacker can do
who has taken one over."""
import ctypes
import os
import re

from expect import Skip, expect, expect_equal
from harness import VALGRIND
from managed import Managed
from programs import BUILDDIR, ECHOD, SANITIZED, SRCDIR

PLANTED = os.path.join(BUILDDIR, "tests/planted")
FORKSERVER = os.path.join(PLANTED, "echod-forkserver")  # obeys its clients
KEEPING = os.path.join(PLANTED, "echod")  # keeps its fork server after a crash
# Arguments that no call can do anything with.
NOTHING = (-1,) * 6


def relaxed():
    """Whether the build has no filter of system calls."""
    with open(os.path.join(BUILDDIR, "config.h"), encoding="ascii") as file:
        return "#define RELAXED_SANDBOX 1" in file.read()


def needs_planted():
    if VALGRIND or SANITIZED:
        raise Skip("what instruments a program changes its memory, its calls and its signals")
    if not os.path.exists(FORKSERVER):
        raise Skip("tests/planted/echod-forkserver is not built: \"make check\" does that")


def needs_filter():
    needs_planted()
    if relaxed():
        raise Skip("this build has no system call filter (--enable-relaxed-sandbox)")


class Planted(Managed):
    """Crashes are not punished unless the configuration says so. DAEMON: the real one, or
    KEEPING."""

    def __init__(self, *args, daemon=ECHOD, **more):
        super().__init__(*args, copied=True, programs=(daemon, FORKSERVER), **more)

    def _launch(self, args, env, prepare, out, err, pass_fds, popen):
        self.runtime = self.path("run")
        os.mkdir(self.runtime)
        os.chown(self.runtime, popen.get("user", -1), popen.get("group", -1))
        self.owner = popen
        super()._launch(args, env, prepare, out, err, pass_fds, popen)

    def ctl(self, *args, **popen):
        return super().ctl(*args, **{**self.owner, **popen})

    def obedient(self, name="local", source=None):
        return Obedient(self, self.connect(name, source=source))


class Obedient:
    """A worker that obeys, and its client."""

    def __init__(self, echod, sock):
        self.echod, self.sock, self.unread = echod, sock, b""
        self.address = "%s:%d" % sock.getsockname()

    def send(self, *words):
        """A worker that has ended already is noticed by receive()."""
        line = " ".join(word.hex() if isinstance(word, bytes) else str(word) for word in words)
        try:
            self.sock.sendall(line.encode() + b"\n")
        except OSError:
            pass

    def receive(self):
        """The reply, or "": it has ended."""
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
        """Makes a call. Returns what it returned, negative errno on failure; None: it ended."""
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
        """The record of its session, once it is there."""
        return self.echod.log.wait(r" session of %s " % re.escape(self.address))[0]

    def close(self):
        self.sock.close()


def result_of(reply):
    if not reply:
        return None
    result, error = map(int, reply.split())
    return -error if result == -1 and error else result


# ---- names and numbers of system calls ----

libseccomp = None


def _library():
    global libseccomp
    if not libseccomp:
        try:
            libseccomp = ctypes.CDLL("libseccomp.so.2")
        except OSError:
            raise Skip("libseccomp.so.2 is not installed") from None
        libseccomp.seccomp_syscall_resolve_num_arch.restype = ctypes.c_char_p
    return libseccomp


def number_of(name):
    """Negative: there is none here."""
    return _library().seccomp_syscall_resolve_name(name.encode())


def name_of(number):
    """None: nothing has the number, for libseccomp."""
    name = _library().seccomp_syscall_resolve_num_arch(0, number)  # 0: SCMP_ARCH_NATIVE
    return name.decode() if name else None


def names_on_the_list():
    with open(os.path.join(SRCDIR, "src/forkserver/syscalls.c"), encoding="utf-8") as file:
        return set(re.findall(r'^    \{"(\w+)", "', file.read(), re.M))
