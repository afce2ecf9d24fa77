"""The benchmark's own programs, which are compiled for each run, and the interface of the load generator."""
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import time
from pathlib import Path

import machine

SOURCE = Path(__file__).resolve().parent
PR_SET_PDEATHSIG = 1
# Of the ephemeral ports (28,232 by default), some are left for other programs.
PORTS_OF_ONE_ADDRESS = 20000
SPARE_FILES = 100
PROGRAMS = {
    "load": ["load.c", "load_datagrams.c", "load_hold.c", "load_short.c", "load_socket.c",
             "load_stream.c"],
    "loop-static": ["bareloop.c", "-static"],
    "loop": ["bareloop.c"],
    # The cost of the library is to be measured, so the linker must not omit it.
    "loop-libsystemd": ["bareloop.c", "-Wl,--no-as-needed", "-lsystemd", "-Wl,-z,now"],
    "epoll": ["epoll.c"],
}


class Failed(Exception):
    """A measurement failed; the message is the reason."""


def compile_programs(directory, servers):
    """Compiles the load generator, and those of SERVERS that are ours. Returns a map of names to paths."""
    made = {}
    for name, words in PROGRAMS.items():
        if name != "load" and name not in servers:
            continue
        made[name] = directory / name
        arguments = [SOURCE / word if word.endswith(".c") else word for word in words]
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", made[name], *arguments],
                       check=True)
    return made


_libc = ctypes.CDLL(None)


def die_with_parent():
    """In a child: makes the kernel kill it when the benchmark ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def sum_of(reports):
    """The sum of several simultaneous REPORTS."""
    return {"done": sum(r["done"] for r in reports), "errors": sum(r["errors"] for r in reports),
            "seconds": max(r["seconds"] for r in reports), "at": max(r["at"] for r in reports)}


class Load:
    """The load generator for the port of one server."""

    def __init__(self, program, port=0):
        self.program = program
        self.port = port

    def at(self, port):
        return Load(self.program, port)

    def _command(self, words):
        return [str(word) for word in (self.program, self.port, *words)]

    def run(self, *words, timeout=120):
        """Runs it to its end. Returns its report."""
        try:
            done = subprocess.run(self._command(words), stdout=subprocess.PIPE, timeout=timeout,
                                  check=False, preexec_fn=die_with_parent)
            return json.loads(done.stdout)
        except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
            raise Failed(f"the client ended without a report: {words}") from error

    def session(self, *words):
        return Session(self._command(words))

    def holders(self, count, seconds):
        """COUNT held clients, in as many processes as necessary."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE_FILES
        most = min(PORTS_OF_ONE_ADDRESS, files)
        parts = -(-count // most)
        sizes = [count // parts + (number < count % parts) for number in range(parts)]
        return Holders([self.session("hold", number, size, seconds)
                        for number, size in enumerate(sizes, 1)])


class Session:
    """A load generator that keeps its connections until the end of the with block."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        preexec_fn=die_with_parent)

    def report(self, timeout=120):
        """The next report. Fails after TIMEOUT, or if the machine is short of memory."""
        deadline = time.monotonic() + timeout
        while not select.select([self.process.stdout], [], [], 0.2)[0]:
            if machine.mem_available() < machine.RESERVE:
                raise Failed("the machine is nearly out of memory")
            if time.monotonic() > deadline:
                raise Failed(f"no report of the client in {timeout} s")
        line = self.process.stdout.readline()
        if not line:
            raise Failed("the client ended without a report")
        return json.loads(line)

    def ask(self, line, timeout=120):
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise Failed("the client has ended") from error
        return self.report(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.process.stdin.close()
            self.process.wait(60)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Holders:
    """Several sessions that hold clients of one server together, in a with block."""

    def __init__(self, sessions):
        self.sessions = sessions

    def report(self, timeout):
        return sum_of([session.report(timeout) for session in self.sessions])

    def check(self):
        """Echoes a byte on each connection."""
        return sum_of([session.ask("check") for session in self.sessions])

    def close_some(self, count):
        """Closes COUNT connections of the first process, which must have as many."""
        return self.sessions[0].ask(f"close {count}")

    def __enter__(self):
        return self

    def __exit__(self, *about):
        for session in self.sessions:
            session.__exit__(*about)
