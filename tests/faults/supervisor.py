"""Answers the system calls of a process tree: permits and counts them, and makes one of them fail.

The kernel asks (seccomp_unotify(2)) before each call that launch.py has selected. strace's "inject" is
similar, but counts the calls of each process separately: if "the first recvmsg fails", it fails in every
later worker and fork server, too, so that echod can never recover. Here, only the first one by any process
of a kind fails.
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
# Answered with success without setting a timer: those of base/passed_fds.h would interrupt calls that wait
# for their answer, since this program is slower than the kernel.
PRETENDED = "setitimer"
PIDFD_OPEN, PIDFD_GETFD = 434, 438  # the same on every architecture
libc = ctypes.CDLL(None, use_errno=True)


class Fault:
    """The NTH call NAME of processes of KIND fails with ERROR. LASTS: so do all later ones."""

    def __init__(self, kind, name, error, nth=1, lasts=False):
        self.kind, self.name, self.error, self.nth, self.lasts = kind, name, error, nth, lasts

    def __str__(self):
        return "%s: %s %s, %d%s" % (self.kind, self.name, errno.errorcode[self.error], self.nth,
                                    " and on" if self.lasts else "")

    def meets(self, count):
        return count == self.nth or (self.lasts and count > self.nth)


def fetch_listener(pid):
    """Waits until PID has set up its filter. Returns a descriptor for it."""
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
    """Replaces a supervisor if no calls are answered."""

    def __init__(self):
        self.seen, self.hits, self.stage, self.active, self.taking_over = Counter(), [], "", False, False


class Supervisor:
    """Answers, in a thread, the calls of PID, a process of KIND, and its descendants. NAMES: {number: name}.

    .seen: the number of calls of each (kind, name). .hits: (stage, pid) of each call that failed. .stage: the
    current stage of the life. .active: whether the FAULT is in force."""

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
        while not poll.poll()[0][1] & select.POLLHUP:  # once no process has the filter any more
            request = bytearray(80)
            try:
                fcntl.ioctl(self.listener, RECEIVE, request)
                self._answer(request)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EINTR):  # the process was killed
                    raise
        os.close(self.listener)

    def _answer(self, request):
        number, pid, _, call = struct.unpack_from("QIIi", request)
        name = self.names.get(call)
        error = self._judge(pid, name)
        flags = 0 if error or name == PRETENDED else CONTINUE
        fcntl.ioctl(self.listener, SEND, struct.pack("QqiI", number, 0, -error, flags))

    def _judge(self, pid, name):
        """Returns the error with which the call must fail; 0: none."""
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
