"""Attacks by a worker that is under the control of an attacker, and their expected results.

Each attack runs on a new echod that is Planted, or on a PlantedUnit (tests/systemd/planted_unit.py), with
a listener "local" whose service is echo, and "stored" whose service is message.
"""
import itertools
import os
import platform
import re
import signal
import struct

from expect import Skip, expect, expect_equal
from syscalls import name_of, number_of

LISTENERS = ("local", "stored")
sources = itertools.count()
AT_ONCE = 32
# Arguments that are invalid for every call.
NOTHING = (-1,) * 6
FORBIDDEN = "its worker made a system call that the sandbox forbids: "

PAGE = os.sysconf("SC_PAGESIZE")
EBADF, EAGAIN, EPERM = 9, 11, 1
SPAWN = 0x00100000 | 35  # SPAWN_FLAGS of spawn.h
RW, RWX, RX = 3, 7, 5
SHARED, PRIVATE, FIXED, ANONYMOUS = 1, 2, 0x10, 0x20
MAPPED = SHARED | FIXED | 0x8000  # MAP_POPULATE
SOL_SOCKET, TCP = 1, 6
SLOT, NEXT, ME = "slot", "the page after the slot", "its own process"

# Calls that are permitted with any arguments.
FREE = """recvfrom sendto recvmmsg sendmmsg sendmsg recvmsg poll ppoll shutdown write getsockname
    getsockopt getppid dup3 close_range close wait4 rt_sigtimedwait pread64 rt_sigprocmask setitimer
    restart_syscall brk munmap clock_gettime gettimeofday time getrandom uname getpid gettid writev
    """.split()
# Calls that are permitted, but tested separately because they end the session.
ENDING = {"exit_group": (10,), "rt_sigreturn": None}
# Calls that depend on their arguments: those that are permitted, and those that are not.
CHECKED = {
    "futex": ([(0, 0, 1, 0)],
              [(0, 1, 1), (0, 128, 1), (0, 3, 1), (0, 9, 0, 0), (0, 6, 0, 0)]),
    "setsockopt": ([(-1, SOL_SOCKET, 20), (-1, SOL_SOCKET, 21), (-1, SOL_SOCKET, 10),
                    (-1, SOL_SOCKET, 83), (-1, TCP, 1)],
                   # SO_ATTACH_FILTER, _BPF, SO_BINDTODEVICE, SO_MARK, SO_LINGER, SO_PEEK_OFF;
                   # TCP_ULP, TCP_REPAIR, TCP_CONGESTION, TCP_FASTOPEN; and IP_OPTIONS
                   [(-1, SOL_SOCKET, 26), (-1, SOL_SOCKET, 50), (-1, SOL_SOCKET, 25),
                    (-1, SOL_SOCKET, 36), (-1, SOL_SOCKET, 13), (-1, SOL_SOCKET, 42), (-1, TCP, 31),
                    (-1, TCP, 19), (-1, TCP, 13), (-1, TCP, 23), (-1, 0, 4), (-1, 0, 20)]),
    "ioctl": ([(-1, 0x541b), (-1, 0x8910)],
              # FIOSETOWN, TIOCSTI, FIONBIO, SIOCSIFFLAGS, TUNSETIFF
              [(-1, 0x8901), (-1, 0x5412), (-1, 0x5421), (-1, 0x8914), (-1, 0x400454ca)]),
    "clone": ([(SPAWN,)],
              # without the signal; SIGCHLD; threads; CLONE_PARENT; namespaces; beyond 32 bits
              [(0,), (17,), (0x00100000 | 17,), (SPAWN | 0x100,), (SPAWN | 0x8000,),
               (SPAWN | 0x10000000,), (SPAWN | 0x20000,), (SPAWN | 1 << 32,), (SPAWN | 1 << 40,)]),
    "mmap": ([(SLOT, PAGE, RW, MAPPED, -1, 0), (SLOT, PAGE, RW, MAPPED, -1, PAGE),
              (0, PAGE, RW, PRIVATE | ANONYMOUS, -1, 0), (0, PAGE, 0, PRIVATE | ANONYMOUS, -1, 0)],
             # code, a file elsewhere, memory that is shared
             [(SLOT, PAGE, RWX, MAPPED, -1, 0), (SLOT, PAGE, RW, SHARED, -1, 0),
              (SLOT, PAGE, RW, SHARED | FIXED, -1, 0), (SLOT, PAGE, RW, MAPPED & ~SHARED | PRIVATE, -1, 0),
              (NEXT, PAGE, RW, MAPPED, -1, 0),
              (0, PAGE, RW, SHARED, -1, 0), (0, PAGE, RW, PRIVATE, -1, 0),
              (0, PAGE, RX, PRIVATE, -1, 0), (0, PAGE, RWX, PRIVATE | ANONYMOUS, -1, 0),
              (0, PAGE, RX, PRIVATE | ANONYMOUS, -1, 0), (0, PAGE, 4, PRIVATE | ANONYMOUS, -1, 0),
              (0, PAGE, RW, SHARED | ANONYMOUS, -1, 0), (0, PAGE, RW, 3 | ANONYMOUS, -1, 0)]),
    "prctl": ([(1, 15)],
              # PR_SET_PDEATHSIG of 0 and of SIGKILL, DUMPABLE, NAME, SECCOMP, MM, PTRACER, CAP_AMBIENT
              [(1, 0), (1, 9), (4, 1), (15, 0), (22, 2), (35, 1), (0x59616d61, -1), (47, 2)]),
    "prlimit64": ([(0, 6, 0, 0), (0, 7, 0, 0)],
                  # RLIMIT_FSIZE, _CORE; its own by its ID, those of process 1
                  [(0, 1, 0, 0), (0, 4, 0, 0), (ME, 7, 0, 0), (1, 7, 0, 0), (1, 6, 0, 0)]),
    "rt_sigaction": ([(14, 0, 0, 8)],
                     [(31, 0, 0, 8), (15, 0, 0, 8), (11, 0, 0, 8), (17, 0, 0, 8)]),
    "madvise": ([(0, 0, 10), (0, 0, 4)],
                # MADV_REMOVE, DOFORK, MERGEABLE, WIPEONFORK, GUARD_INSTALL, HWPOISON
                [(0, 0, 9), (0, 0, 11), (0, 0, 12), (0, 0, 18), (0, 0, 102), (0, 0, 100)]),
}


def next_source():
    """An address that no other client has. The kernel reuses ports, so that two records could
    otherwise have the same address."""
    number = next(sources)
    return "127.77.%d.%d" % (number // 250 % 250, number % 250 + 1)


class Attempt:
    """A system call that a separate worker of the listener NAME makes."""

    def __init__(self, echod, number, arguments, name="local"):
        self.worker = echod.obedient(name, source=next_source())
        self.number, self.arguments = number, arguments
        self.reply = None

    def start(self):
        if any(isinstance(a, str) for a in self.arguments):
            slot = self.worker.slot
            known = {SLOT: slot, NEXT: slot + PAGE, ME: self.worker.number("PID")}
            self.arguments = tuple(known.get(a, a) for a in self.arguments)
        self.worker.send_syscall(self.number, self.arguments)

    def let_through(self):
        self.reply = self.worker.receive()
        return self.reply != ""

    def __str__(self):
        return "%s%s" % (name_of(self.number) or self.number, self.arguments)


def try_all(echod, wanted, name="local"):
    """Makes each call of WANTED, pairs of a number and arguments, in a separate worker, many at once.
    Yields the completed attempts."""
    for first in range(0, len(wanted), AT_ONCE):
        batch = [Attempt(echod, *one, name) for one in wanted[first:first + AT_ONCE]]
        for attempt in batch:
            attempt.start()
        for attempt in batch:
            attempt.let_through()
            yield attempt
            attempt.worker.close()


def kernels_own():
    """Calls for the kernel's own use that bypass every filter (uretprobe and uprobe of x86-64): a
    process that makes them gets SIGILL or an error."""
    return (335, 336) if platform.machine() == "x86_64" else ()


def expect_violation(attempt):
    """Expects that the call was not made, and that the record of the session names it."""
    expect_equal(attempt.reply, "", "the reply to %s" % attempt)
    name = name_of(attempt.number) or "call"
    record = attempt.worker.record()
    expect(" warning: session of " in record, record)
    expect(FORBIDDEN + "%s (%d);" % (name, attempt.number) in record, record)


def last_number():
    """The highest system call number with a name."""
    return max(n for n in range(2000) if name_of(n))


def numbers():
    """All system call numbers with a name, and some above."""
    return [*range(last_number() + 40), 1000, 2000, 0x7fff, 0x10000, 0x3fffffff]


def status(echod):
    return echod.ask("status")


def count_violations(echod, expected):
    expect_equal(status(echod)["violations"], expected, "violations in the status")
    metrics = echod.ctl("metrics")[1]
    expect(re.search(r"^echod_(sandbox_)?violations_total(\{.*\})? %d$" % expected, metrics, re.M),
           "violations in the metrics: " + "/".join(re.findall(".*violat.*", metrics)))


def calls_off_the_list():
    return [n for n in numbers() if n not in kernels_own()
            and name_of(n) not in {*FREE, *CHECKED, *ENDING}]


def calls_of(echod, name):
    """Expects that of all system calls, those on the list are permitted and no others are made."""
    free = {number_of(call) for call in FREE if number_of(call) >= 0}
    for attempt in try_all(echod, [(number, NOTHING) for number in sorted(free)], name):
        expect(attempt.reply, "%s had no reply" % attempt)
    for attempt in try_all(echod, [(number, NOTHING) for number in calls_off_the_list()], name):
        expect_violation(attempt)
    for attempt in try_all(echod, [(number, NOTHING) for number in kernels_own()], name):
        expect(attempt.reply[:2] in ("", "-1"), "%s gave %s" % (attempt, attempt.reply))


def every_call(echod):
    """No service's worker can make a call that is not on the list; each attempt is counted."""
    other = echod.obedient()
    pid = other.number("PID")
    for name in LISTENERS:
        calls_of(echod, name)
    count_violations(echod, len(LISTENERS) * len(calls_off_the_list()))
    expect_equal(other.number("PID"), pid, "the worker of another session")


def calls_of_one_service(echod):
    """The same for an echod that serves one client and has no control socket."""
    calls_of(echod, "local")


def arguments(echod):
    """Calls with restricted arguments are refused with other arguments."""
    here = {name: CHECKED[name] for name in CHECKED if number_of(name) >= 0}
    good = [(number_of(name), a) for name in here for a in here[name][0]]
    bad = [(number_of(name), a) for name in here for a in here[name][1]]
    for name in LISTENERS:
        for attempt in try_all(echod, good, name):
            expect(attempt.reply, "%s had no reply" % attempt)
    count_violations(echod, 0)
    for name in LISTENERS:
        for attempt in try_all(echod, bad, name):
            expect_violation(attempt)
    count_violations(echod, len(LISTENERS) * len(bad))


def other_ways_in(echod):
    """System calls of other ABIs are refused."""
    if platform.machine() != "x86_64":
        raise Skip("this machine has only one system call ABI")
    killed = r"its worker was killed by signal 31 \(SIGSYS\)|" + re.escape(FORBIDDEN)
    # getpid(2) and others of x32, and of i386
    for number in (39, 0, 9, 41, 59, 512, 520, 545):
        worker = echod.obedient()
        worker.send_syscall(0x40000000 | number, ())
        expect_equal(worker.receive(), "", "the reply to call %d of x32" % number)
        expect(re.search(killed, worker.record()), worker.record())
    for number in (20, 1, 5, 11, 102):
        worker = echod.obedient()
        expect_equal(worker.ask("SYSCALL32", number), "", "the reply to call %d of i386" % number)
        expect(re.search("killed by signal (31|11) ", worker.record()), worker.record())


def ends(echod):
    """A worker can call exit_group(2) and return from a signal handler."""
    worker = echod.obedient()
    expect_equal(worker.syscall("exit_group", *ENDING["exit_group"]), None, "the result of exit_group")
    expect(": closed by the client; " in worker.record(), worker.record())
    worker = echod.obedient()
    echod.kill_process(worker.number("PID"), signal.SIGTERM)
    expect_equal(worker.receive(), "", "the end")
    expect(": closed on request; " in worker.record(), worker.record())
    count_violations(echod, 0)


# ---- processes ----

def no_process(echod):
    """A worker can neither fork nor raise its limits."""
    worker = echod.obedient()
    expect_equal(worker.syscall("clone", SPAWN), -EAGAIN, "a fork")
    buffer = worker.buffer
    for resource in (6, 7):
        worker.write(buffer, struct.pack("QQ", 64, 64))
        expect_equal(worker.syscall("prlimit64", 0, resource, buffer, 0), -EPERM,
                     "raising limit %d" % resource)
    expect(worker.syscall("dup3", 0, 1, 0) < 0, "another descriptor")


def aborts(echod):
    """A failed assertion in libc ends that worker only."""
    for how in (("ABORT",), ("CRASH",), ("OVERFLOW", b"x" * 200)):
        worker, other = echod.obedient(), echod.obedient()
        expect_equal(worker.ask(*how), "", "the reply to %s" % how[0])
        expect(" warning: session of " in worker.record(), worker.record())
        other.number("PID")
    expect_equal(status(echod)["crashed"], 3, "crashes")


# ---- others' memory ----

def slots(echod):
    """A worker can reach its own slot and no other."""
    others = [echod.obedient() for _ in range(3)]
    for other in others:
        other.number("PID")
    ways = [("mremap", (SLOT, PAGE, 2 * PAGE, 1)), ("remap_file_pages", (SLOT, PAGE, 0, 1, 0)),
            ("mprotect", (SLOT, PAGE, RWX)), ("memfd_create", (SLOT, 0)),
            ("process_vm_writev", (others[0].number("PID"), 0, 0, 0, 0, 0)),
            ("ptrace", (16, others[0].number("PID"))), ("openat", (-100, SLOT, 2))]
    before = sorted((r["id"], r["bytes_in"]) for r in echod.ask("list"))
    ways = [(number_of(name), a) for name, a in ways if number_of(name) >= 0]
    for attempt in try_all(echod, ways):
        expect_violation(attempt)
    # No descriptor of the slots' memory is open, so nothing can be mapped over a slot.
    worker = echod.obedient()
    slot = worker.slot
    for fd in (-1, *range(1, 8)):
        for offset in (0, PAGE, 2 * PAGE):
            expect(worker.syscall("mmap", slot, PAGE, RW, MAPPED, fd, offset) < 0,
                   "descriptor %d can be mapped" % fd)
    expect_equal(sorted((r["id"], r["bytes_in"]) for r in echod.ask("list")
                        if r["id"] != worker.number("PID")), before, "the byte counts of the other sessions")
    worker.close()


# ---- what others trust ----

def powers(echod):
    """A worker can reach neither journal, control socket nor daemon."""
    stream, seqpacket, datagram = 1, 5, 2
    ways = [("socket", (1, kind, 0)) for kind in (stream, datagram, seqpacket)]
    ways += [("socket", (2, stream, 0)), ("socket", (16, 3, 0)), ("socketpair", (1, 1, 0, SLOT)),
             ("connect", (0, SLOT, 110)), ("bind", (0, SLOT, 110)), ("listen", (0, 1)),
             ("accept4", (0, 0, 0, 0)), ("prlimit64", (echod.pid, 7, SLOT, 0))]
    for number in (0, 1, 9, 15, 19):
        ways += [("kill", (echod.pid, number)), ("tgkill", (echod.pid, echod.pid, number)),
                 ("tkill", (echod.pid, number)), ("kill", (-1, 0))]
    ways += [("rt_sigqueueinfo", (echod.pid, 0, SLOT)), ("pidfd_open", (echod.pid, 0)),
             ("pidfd_send_signal", (0, 0, 0, 0)), ("pidfd_getfd", (0, 0, 0)),
             ("execve", (SLOT, 0, 0)), ("io_uring_setup", (1, SLOT))]
    ways = [(number_of(name), a) for name, a in ways if number_of(name) >= 0]
    for attempt in try_all(echod, ways):
        expect_violation(attempt)
    expect_echo_of(echod)


def expect_echo_of(echod):
    expect(echod.obedient().number("PID") > 0, "new clients are served")


def send_record(worker, fd, fields, number=1):
    """Makes WORKER send a record of FIELDS over its descriptor FD. Returns the result of send."""
    data = struct.pack("Ii", number, 0) + b"".join(f.encode() + b"\0" for f in fields)
    buffer = worker.buffer
    worker.write(buffer, data)
    return worker.syscall("sendto", fd, buffer, len(data), 0x4000, 0, 0)


def forged_records(echod):
    """What a worker has stored is a message, whatever fields it sends."""
    worker = echod.obedient("stored")
    text = "session of 192.0.2.1:1 on local: its worker was killed by signal 11 (SIGSEGV)"
    fields = ["MESSAGE=" + text, "ECHOD_EVENT=crash", "PRIORITY=0", "SYSLOG_IDENTIFIER=sshd",
              "MESSAGE_ID=2ff207dd925840ea9b59a2e90bf38479", "ECHOD_PID=1"]
    expect(send_record(worker, 1, fields) > 0, "the record was not sent")
    line = echod.log.wait(re.escape(text))[0]
    expect(" info: message from session of " in line, line)
    fields[0] = "MESSAGE=x\n2026-01-01T00:00:00.000Z error: forged\x1b[2J"
    expect(send_record(worker, 1, fields) > 0, "the record was not sent")
    line = echod.log.wait("forged")[0]
    expect(" info: message from x" in line and "\x1b" not in line, line)


def garbage_for_the_scribe(echod):
    """Garbage over the connection to the scribe is dropped, and others' messages are stored."""
    worker, other = echod.obedient("stored"), echod.obedient("stored")
    for data in (b"", b"x", b"\0" * 8, b"\xff" * 8, b"\0\0\0\0\0\0\0\0noequals",
                 b"\xff" * 4000, b"\0" * 4000, b"MESSAGE=" * 500):
        worker.write(worker.buffer, data or b"-")
        worker.syscall("sendto", 1, worker.buffer, len(data), 0x4000, 0, 0)
    # As many as the connection accepts; nothing reads the answers.
    for _ in range(300):
        worker.syscall("sendto", 1, worker.buffer, 4000, 0x4040, 0, 0)
    expect(send_record(other, 1, ["MESSAGE=honest"]) > 0, "the record was not sent")
    echod.log.wait(" info: message from honest")
    expect_equal(echod.log.matching("the scribe was killed"), [], "log records that the scribe was killed")


ALL = (every_call, arguments, other_ways_in, ends, no_process, aborts, slots, powers, forged_records,
       garbage_for_the_scribe)
WITHOUT_CONTROL = (calls_of_one_service, other_ways_in, no_process)
