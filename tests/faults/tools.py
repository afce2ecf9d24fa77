"""Short lives: a program runs to its end while one of its system calls fails.

It must either fail with a message and an exit status, or complete its task.
"""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import checks
from clients import recv_exactly, recv_until_eof
from expect import Failure, eventually, expect, expect_equal
from harness import clean_environment
from life import RECOVERY, calls_of, launcher_of
from managed import Managed, listen
from proc import descendants, is_alive
from programs import BUILDDIR, ECHOCTL, ECHOD
from supervisor import Supervisor

CONFIG = "[server]\nmax_clients = 50\n" + listen("local") + listen("stored", 0, "service = message")
GENERATOR = os.path.join(BUILDDIR, "echod-generator")


class Tool:
    """A program with ARGUMENTS, in which {DIR} is a directory with echod.conf, and {CONTROL} is the control
    socket of an echod."""

    serves = None  # an echod for echoctl to ask, without any fault
    bears_lasting = True  # it can end during any lasting fault

    def __init__(self, name, *arguments):
        self.name, self.arguments = name, arguments

    def run(self, names, fault=None):
        """Runs it. Returns (supervisor, result)."""
        with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
            os.chmod(where, 0o755)
            with open(os.path.join(where, "echod.conf"), "w", encoding="ascii") as file:
                file.write(CONFIG)
            return self.run_in(where, names, fault)

    def run_in(self, where, names, fault, **popen):
        control = self.serves.control if self.serves else ""
        words = [word.format(DIR=where, CONTROL=control) for word in self.arguments]
        with open(where + "/out", "wb") as out, open(where + "/err", "wb") as err:
            popen = {"stdin": subprocess.DEVNULL, "stdout": out, **popen}
            process = subprocess.Popen(launcher_of(calls_of(names, fault)) + words, stderr=err,
                                       env=clean_environment(), **popen)
        supervisor = Supervisor(process.pid, names, fault, self.name)
        return supervisor, self.end(process, where)

    def end(self, process, where):
        return (process.wait(RECOVERY),) + output_of(where)

    def check(self, end, usual, fault):
        """Checks END, the result with FAULT, against USUAL, the result without one. Returns the result in
        one word."""
        status, out, err = end
        if status == 0:
            expect_equal(comparable(out), comparable(usual[1]), "standard output")
            return "went well"
        if status == -signal.SIGSEGV and fault.name in checks.LOADER:
            return "ended by the dynamic loader"
        expect(0 < status < 128, "the exit status is %d" % status)
        # The write of the message may be the call that failed.
        expect(err or fault.name in ("write", "writev"), "no message with exit status %d" % status)
        return "failed with a sentence"


def output_of(where):
    texts = []
    for name in ("out", "err"):
        with open(os.path.join(where, name), encoding="utf-8", errors="replace") as file:
            texts.append(file.read().replace(where, "DIR"))
    return tuple(texts)


def comparable(text):
    """TEXT without times, counts and column widths, which differ between runs."""
    return re.sub(r"\d+(\.\d+)?", "N", re.sub(r"[ =-]+", " ", text))


class Generator(Tool):
    """The generator: it always succeeds, since a boot must continue, and reports what it did not write."""

    def run_in(self, where, names, fault, **popen):
        help_text = subprocess.run([GENERATOR, "--help"], capture_output=True, text=True, check=True).stdout
        directory = where + "/root" + re.search(r"configurations (/\S+)/\*\.conf", help_text).group(1)
        os.makedirs(directory)
        for path in ("/root/run", "/generated"):
            os.mkdir(where + path)
        for name in ("echod", "two"):
            shutil.copy(where + "/echod.conf", "%s/%s.conf" % (directory, name))
        return super().run_in(where, names, fault, **popen)

    def end(self, process, where):
        files = {}
        status = process.wait(RECOVERY)
        for path, _, names in os.walk(where + "/generated"):
            for name in names:
                with open(os.path.join(path, name), encoding="utf-8") as file:
                    files[os.path.relpath(file.name, where)] = file.read()
        return (status, files) + output_of(where)

    def check(self, end, usual, fault):
        status, files, _, err = end
        if files == usual[1] and status == 0:
            return "went well"
        if status in (127, -signal.SIGSEGV) and not files:
            return "ended by the dynamic loader"
        wrong = [name for name, text in files.items() if text != usual[1].get(name)]
        expect(not wrong, "wrong contents of %s" % wrong)
        expect(err or fault.name == "write",
               "%d of %d files written, without a message" % (len(files), len(usual[1])))
        return "failed with a sentence"


class Inetd(Tool):
    """echod --inetd with one client as standard input. Like any echod, it waits while its loop cannot run."""

    bears_lasting = False

    def run_in(self, where, names, fault, **popen):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = socket.create_connection(listener.getsockname(), RECOVERY)
            self.inside = listener.accept()[0]
        return super().run_in(where, names, fault, stdin=self.inside, stdout=self.inside)

    def end(self, process, where):
        self.inside.close()
        got = b""
        with self.client as client, contextlib.suppress(ConnectionError, Failure):
            client.sendall(b"hello")
            got = recv_exactly(client, 5)
            with contextlib.suppress(OSError):  # ENOTCONN: it is refused, and has been reset
                client.shutdown(socket.SHUT_WR)
            got += recv_until_eof(client)
        status = process.wait(RECOVERY)
        eventually(lambda: not descendants(process.pid), "all processes of echod end")
        return (status, got) + output_of(where)

    def check(self, end, usual, fault):
        status, got, _, err = end
        expect(got in (b"hello", b"") or re.fullmatch(rb"(hello)?echod: [^\n]*\n", got), "the client gets %r" % got)
        if got == b"hello":
            return "went well"
        if status == -signal.SIGSEGV and fault.name in checks.LOADER:
            return "ended by the dynamic loader"
        expect(err or got, "the client gets nothing, and no reason is reported; status %d" % status)
        return "failed with a sentence"


class Detached(Tool):
    """echod as a daemon: the exit status of the program that was started is 0 if it serves."""

    def end(self, process, where):
        status = process.wait(RECOVERY)
        try:
            with open(where + "/pid", encoding="ascii") as file:
                pid = int(file.read())
        except (FileNotFoundError, ValueError):
            pid = 0
        alive = bool(pid) and is_alive(pid)
        if alive:
            os.kill(pid, signal.SIGTERM)
            eventually(lambda: not is_alive(pid), "echod stops")
        return (status,) + output_of(where) + (alive,)

    def check(self, end, usual, fault):
        expect_equal(end[3], end[0] == 0, "whether echod serves, with status %d" % end[0])
        return super().check((end[0], "", end[2]), (0, ""), fault)


def every_tool():
    echoctl = [Tool("echoctl " + words, ECHOCTL, "-s", "{CONTROL}", *words.split())
               for words in ("status", "--json status", "list", "listeners", "metrics", "check-access 127.0.0.1 local",
                             "reload", "kill 1")]
    echod = [Tool("echod " + words, ECHOD, "--config", "{DIR}/echod.conf", *words.split())
             for words in ("--check-config", "--dump-config", "--list-options", "--version", "--help")]
    return echoctl + echod + [
        Generator("generator", GENERATOR, "--root", "{DIR}/root", "{DIR}/generated"),
        Inetd("echod --inetd", ECHOD, "--config", "{DIR}/echod.conf", "--inetd"),
        Detached("echod --daemon", ECHOD, "--config", "{DIR}/echod.conf", "--daemon", "--pid-file", "{DIR}/pid")]


@contextlib.contextmanager
def asked():
    """A context manager with an echod for echoctl."""
    with Managed(CONFIG) as echod:
        echod.echoing()
        Tool.serves = echod
        yield
        Tool.serves = None
