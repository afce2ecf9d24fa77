"""The errors with which each system call can fail.

The source is the ERRORS section of the call's manual page (man-pages 6.03, Debian 12); for recvfrom(2) and
sendto(2) also socket(7) and unix(7); for write(2) also the errors of disks and devices. EWOULDBLOCK is
EAGAIN. Calls that are not listed cannot fail, or have no page (exit, rt_sigreturn...). EBUSY and EMFILE of
dup2(2) are left out, because they require threads or a number above the limit.
"""
import errno

# Errors that only a mistake of the caller causes. Only the full plan includes them.
MISTAKES = {getattr(errno, name) for name in """EBADF EFAULT EINVAL ENOTSOCK EISCONN EALREADY EDESTADDRREQ
    EISDIR ENOTDIR ESRCH ESPIPE ENOTTY EBADFD ENOMSG EDEADLK ELOOP ENAMETOOLONG E2BIG""".split()}

_PATH = "EACCES ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR "
_NEW_FILE = _PATH + "EDQUOT EEXIST ENOSPC EROFS EPERM "
_RECEIVE = "EAGAIN EBADF ECONNREFUSED ECONNRESET EFAULT EINTR EINVAL ENOBUFS ENOMEM ENOTCONN ENOTSOCK ETIMEDOUT"
_SEND = ("EACCES EAGAIN EALREADY EBADF ECONNREFUSED ECONNRESET EDESTADDRREQ EFAULT EINTR EINVAL EISCONN EMSGSIZE "
         "ENOBUFS ENOMEM ENOTCONN ENOTSOCK EOPNOTSUPP EPIPE EPERM EHOSTUNREACH ENETUNREACH ETOOMANYREFS")
_WRITE = "EAGAIN EBADF EDESTADDRREQ EDQUOT EFAULT EFBIG EINTR EINVAL EIO ENOSPC EPERM EPIPE"
_READ = "EAGAIN EBADF EFAULT EINTR EINVAL EIO EISDIR"
_WAIT = "EAGAIN EINTR EINVAL ESRCH"  # not ECHILD, which is an expected result: there is no such child
_MAP = "EACCES EAGAIN EBADF EEXIST EINVAL ENFILE ENODEV ENOMEM EOVERFLOW EPERM"

TABLE = {name: text.split() for name, text in {
    "accept4": "EAGAIN EBADF ECONNABORTED EFAULT EINTR EINVAL EMFILE ENFILE ENOBUFS ENOMEM ENOTSOCK "
               "EOPNOTSUPP EPERM EPROTO",
    "access": _PATH + "EBADF EFAULT EINVAL EIO EPERM EROFS ETXTBSY",
    "bind": "EACCES EADDRINUSE EADDRNOTAVAIL EBADF EFAULT EINVAL ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR "
            "ENOTSOCK EROFS",
    "brk": "ENOMEM",
    "chmod": _PATH + "EBADF EFAULT EINVAL EIO ENOTSUP EPERM EROFS",
    "clone": "EAGAIN EINVAL ENOMEM ENOSPC EPERM EUSERS",
    "close_range": "EINVAL EMFILE ENOMEM",
    "connect": "EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF ECONNREFUSED EFAULT "
               "EINPROGRESS EINTR EISCONN ENETUNREACH ENOTSOCK EPERM EPROTOTYPE ETIMEDOUT",
    "dup2": "EBADF EINTR EINVAL",
    "dup3": "EBADF EINTR EINVAL",
    "epoll_create1": "EINVAL EMFILE ENFILE ENOMEM",
    "epoll_ctl": "EBADF EEXIST EINVAL ELOOP ENOENT ENOMEM ENOSPC EPERM",
    "epoll_wait": "EBADF EFAULT EINTR EINVAL",
    "eventfd2": "EINVAL EMFILE ENFILE ENODEV ENOMEM",
    "execve": "E2BIG EACCES EAGAIN EFAULT EINVAL EIO EISDIR ELIBBAD ELOOP EMFILE ENAMETOOLONG ENFILE ENOENT "
              "ENOEXEC ENOMEM ENOTDIR EPERM ETXTBSY",
    "execveat": "E2BIG EACCES EAGAIN EINVAL EIO ELIBBAD ELOOP EMFILE ENFILE ENOENT ENOEXEC ENOMEM ENOTDIR "
                "EPERM ETXTBSY",
    "fchmod": "EBADF EINVAL EIO ENOTSUP EPERM EROFS",
    "fcntl": "EACCES EAGAIN EBADF EBUSY EDEADLK EFAULT EINTR EINVAL EMFILE ENOLCK ENOTDIR EPERM",
    "flock": "EBADF EINTR EINVAL ENOLCK EAGAIN",
    "fsync": "EBADF EDQUOT EINTR EINVAL EIO ENOSPC EROFS",
    "ftruncate": "EACCES EBADF EFBIG EINTR EINVAL EIO EPERM EROFS ETXTBSY",
    "futex": "EACCES EAGAIN EDEADLK EFAULT EINTR EINVAL ENFILE ENOMEM ENOSYS EPERM ESRCH ETIMEDOUT",
    "getdents64": "EBADF EFAULT EINVAL EIO ENOMEM ENOTDIR",
    "getpeername": "EBADF EFAULT EINVAL ENOBUFS ENOTCONN ENOTSOCK",
    "getrandom": "EAGAIN EFAULT EINTR EINVAL ENOSYS",
    "getsockopt": "EBADF EFAULT EINVAL ENOPROTOOPT ENOTSOCK",
    "ioctl": "EBADF EFAULT EINVAL ENOTTY",
    "kill": "EINVAL EPERM ESRCH",
    "landlock_create_ruleset": "EOPNOTSUPP ENOSYS EINVAL E2BIG EFAULT ENOMSG",
    "landlock_restrict_self": "EOPNOTSUPP EINVAL EBADF EBADFD EPERM E2BIG",
    "listen": "EADDRINUSE EBADF ENOTSOCK EOPNOTSUPP",
    "lseek": "EBADF EINVAL ENXIO EOVERFLOW ESPIPE",
    "madvise": "EACCES EAGAIN EBADF EBUSY EFAULT EINVAL EIO ENOMEM EPERM",
    "memfd_create": "EFAULT EINVAL EMFILE ENFILE ENOMEM EPERM",
    "mkdir": _NEW_FILE + "EBADF EFAULT EINVAL EMLINK",
    "mmap": _MAP,
    "mprotect": "EACCES EINVAL ENOMEM",
    "munmap": "EINVAL ENOMEM",
    "newfstatat": _PATH + "EBADF EFAULT EINVAL EOVERFLOW",
    "openat": _NEW_FILE + "EBADF EBUSY EFAULT EFBIG EINTR EINVAL EISDIR EMFILE ENFILE ENODEV ENXIO EOPNOTSUPP "
              "EOVERFLOW ETXTBSY",
    "pipe2": "EFAULT EINVAL EMFILE ENFILE",
    "poll": "EFAULT EINTR EINVAL ENOMEM",
    "ppoll": "EFAULT EINTR EINVAL ENOMEM",
    "prctl": "EACCES EBADF EBUSY EFAULT EINVAL ENODEV ENXIO EOPNOTSUPP EPERM ERANGE",
    "pread64": _READ + " ENXIO EOVERFLOW ESPIPE",
    "prlimit64": "EFAULT EINVAL EPERM ESRCH",
    "read": _READ,
    "readlink": _PATH + "EBADF EFAULT EINVAL EIO",
    "readlinkat": _PATH + "EBADF EFAULT EINVAL EIO",
    "recvfrom": _RECEIVE,
    "recvmmsg": _RECEIVE,
    "recvmsg": _RECEIVE + " EMFILE",
    "rename": _NEW_FILE + "EBUSY EFAULT EINVAL EISDIR EMLINK ENOTEMPTY EXDEV",
    "rt_sigaction": "EFAULT EINVAL",
    "rt_sigprocmask": "EFAULT EINVAL",
    "rt_sigtimedwait": "EAGAIN EINTR EINVAL",
    "seccomp": "EACCES EBUSY EFAULT EINVAL ENOMEM EOPNOTSUPP ESRCH",
    "sendmmsg": _SEND,
    "sendmsg": _SEND,
    "sendto": _SEND,
    "setgroups": "EFAULT EINVAL ENOMEM EPERM",
    "setitimer": "EFAULT EINVAL",
    "setresgid": "EAGAIN EINVAL EPERM",
    "setresuid": "EAGAIN EINVAL EPERM",
    "setsid": "EPERM",
    "setsockopt": "EBADF EFAULT EINVAL ENOBUFS ENOMEM ENOPROTOOPT ENOTSOCK EPERM",
    "shutdown": "EBADF EINVAL ENOTCONN ENOTSOCK",
    "signalfd4": "EBADF EINVAL EMFILE ENFILE ENODEV ENOMEM",
    "socket": "EACCES EAFNOSUPPORT EINVAL EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT",
    "socketpair": "EAFNOSUPPORT EFAULT EMFILE ENFILE EOPNOTSUPP EPROTONOSUPPORT",
    "symlink": _NEW_FILE + "EBADF EFAULT",
    "timer_create": "EAGAIN EINVAL ENOMEM",
    "timer_settime": "EFAULT EINVAL",
    "uname": "EFAULT",
    "unlink": _PATH + "EBUSY EFAULT EIO EISDIR EPERM EROFS",
    "wait4": _WAIT,
    "waitid": _WAIT,
    "write": _WRITE,
    "writev": _WRITE,
}.items()}

# Calls that are not tried, with the reason.
LEFT_OUT = {
    "kill": "a child that was not waited for can always be signalled by who runs as its user",
    "close": "Linux closes whatever it answers, and what a supervisor answers it does not do",
    "getsockname": "of an open socket it cannot fail, and without it nobody learns where echod listens",
    "futex": "but by workers only FUTEX_WAKE, which cannot fail; of an error libc aborts, by design",
}

# Errors that a socket pair cannot return while its other end is open: they mean that the worker has ended.
IMPOSSIBLE = {("scribe", "sendto"): {errno.EPIPE, errno.ECONNRESET, errno.EAGAIN}}

# Errors that no system returns permanently (interrupted, would block, connection reset) and with which every
# loop would spin.
PASSING = {errno.EINTR, errno.EAGAIN, errno.ECONNRESET}
NEVER_LASTS = {"accept4", "read", "recvfrom", "recvmsg", "recvmmsg", "rt_sigtimedwait", "waitid", "wait4", "futex",
               "poll", "ppoll", "epoll_wait", "getrandom", "write",
               "sendmsg", "sendto", "sendmmsg"}


def of(kind, name, mistakes):
    """The errors, as numbers, with which the call NAME of a process of KIND can fail."""
    if name in LEFT_OUT and not (name == "futex" and kind == "worker"):
        return []
    numbers = [getattr(errno, text) for text in TABLE.get(name, ())]
    impossible = IMPOSSIBLE.get((kind, name), ())
    return [number for number in numbers if (mistakes or number not in MISTAKES) and
            number not in impossible]


def can_last(name, error):
    # A program that worked before does not make a mistake permanently.
    return error not in MISTAKES and error != errno.EINTR and not (error in PASSING and name in NEVER_LASTS)
