"""Answers the system calls of a tree of processes: lets them through, counts them, and has one fail.

The kernel asks (seccomp_unotify(2)) before it makes a call that launch.py has chosen. strace's "inject"
does nearly the same, but counts for each process by itself: "the first recvmsg fails" is then true of
every worker and every fork server to come, so nothing ever recovers. Here it is the first one that any
process of a kind makes.
"""
import ctypes
import errno
import fcntl
import os
import select
import struct
import threading
from collections import Counter

from expect import Failure, eventually
from kinds import Kinds

RECEIVE, SEND = 0xc0502100, 0xc0182101
CONTINUE = 1
# It succeeds, and sets no timer: those of base/passed_fds.h would interrupt calls that wait for their answer,
# which takes a program in Python longer than a kernel.
PRETENDED = "setitimer"
PIDFD_OPEN, PIDFD_GETFD = 434, 438  # the same on every architecture
libc = ctypes.CDLL(None, use_errno=True)


class Fault:
    """The call NAME of a process of KIND fails with ERROR, the NTH time. LASTS: and from then on."""

    def __init__(self, kind, name, error, nth=1, lasts=False):
        self.kind, self.name, self.error, self.nth, self.lasts = kind, name, error, nth, lasts

    def __str__(self):
        return "%s: %s %s, %d%s" % (self.kind, self.name, errno.errorcode[self.error], self.nth,
                                    " and on" if self.lasts else "")

    def meets(self, count):
        return count == self.nth or (self.lasts and count > self.nth)


def fetch_listener(pid):
    """The descriptor of the filter that PID has set up, once it has."""
    def find():
        for name in os.listdir("/proc/%d/fd" % pid):
            try:
                if "seccomp notify" in os.readlink("/proc/%d/fd/%s" % (pid, name)):
                    return int(name)
            except FileNotFoundError:
                pass
        return None

    number = eventually(find, "the program that is started has its filter")
    pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
    fd = libc.syscall(PIDFD_GETFD, pidfd, number, 0)
    if pidfd >= 0:
        os.close(pidfd)
    if fd < 0:
        raise Failure("pidfd_getfd(2): " + os.strerror(ctypes.get_errno()))
    return fd


class Unsupervised:
    """In place of a supervisor, where nobody answers."""

    def __init__(self):
        self.seen, self.hits, self.stage, self.active, self.taking_over = Counter(), [], "", False, False


class Supervisor:
    """Answers the calls of what PID, of KIND, has become, NAMES: {number: name}, in a thread.

    .seen: how often each (kind, name) was called. .hits: (stage, pid) of each call that failed. .stage:
    whatever a life says it is in. .active: whether the FAULT is in force."""

    def __init__(self, pid, names, fault=None, kind="daemon"):
        self.names, self.fault = names, fault
        self.seen, self.hits, self.stage, self.active = Counter(), [], "start", True
        self.kinds = Kinds(pid, kind)
        self.root, self.taking_over = pid, False
        self.listener = fetch_listener(pid)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        poll = select.poll()
        poll.register(self.listener, select.POLLIN)
        while not poll.poll()[0][1] & select.POLLHUP:  # which comes once nobody has the filter any more
            request = bytearray(80)
            try:
                fcntl.ioctl(self.listener, RECEIVE, request)
                self._answer(request)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EINTR):  # it was killed meanwhile
                    raise
        os.close(self.listener)

    def _answer(self, request):
        number, pid, _, call = struct.unpack_from("QIIi", request)
        name = self.names.get(call)
        error = self._judge(pid, name)
        flags = 0 if error or name == PRETENDED else CONTINUE
        fcntl.ioctl(self.listener, SEND, struct.pack("QqiI", number, 0, -error, flags))

    def _judge(self, pid, name):
        """Returns the error that the call is to have, 0: none."""
        kind = self.kinds.of(pid)
        if name == "execve" and kind == "daemon":
            self.taking_over = True
        self.seen[kind, name] += 1
        fault = self.fault
        if not (fault and self.active and (kind, name) == (fault.kind, fault.name) and
                fault.meets(self.seen[kind, name])):
            return 0
        self.hits.append((self.stage + (", taking over" if self.taking_over else ""), pid))
        return fault.error

    def join(self, timeout):
        self.thread.join(timeout)
