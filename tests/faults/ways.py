"""How each function that preload.c replaces can fail: error numbers, or SHORT, NOTHING.

The first of each list is tried most often.
"""
import errno
import socket

from preload import NOTHING, SHORT

WAYS = {name: [getattr(errno, word, None) or {"SHORT": SHORT, "NOTHING": NOTHING}[word] for word in text.split()]
        for names, text in {
            "malloc calloc realloc reallocarray strdup strndup asprintf open_memstream fmemopen fopencookie fdopen "
            "scandir64 madvise mmap mmap64": "ENOMEM",
            "fopen fopen64 open open64 openat openat64": "ENOENT EACCES EMFILE EIO",
            "opendir": "ENOENT EMFILE",
            "memfd_create eventfd signalfd pipe2 socketpair epoll_create1": "EMFILE",
            "socket": "EMFILE EAFNOSUPPORT EPROTONOSUPPORT ENOBUFS",
            "accept4": "EMFILE ECONNABORTED EAGAIN ENFILE ENOBUFS ENOMEM",
            "access readlink realpath chdir getcwd": "ENOENT",
            "stat stat64 lstat lstat64": "ENOENT EACCES",
            "fstat fstat64 fclose": "EIO",
            "fflush": "ENOSPC",
            "ferror": "EIO",
            "bind": "EADDRINUSE EACCES EADDRNOTAVAIL ENOENT",
            "listen": "EADDRINUSE",
            "connect": "ECONNREFUSED ENETUNREACH EADDRNOTAVAIL EAGAIN EINTR EPROTOTYPE",
            "dup2 dup3 fcntl fcntl64 close_range ioctl sigaction munmap": "EBADF",
            "epoll_ctl": "ENOSPC",
            "epoll_wait poll ppoll": "EINTR ENOMEM NOTHING",
            "execv": "ENOENT EACCES",
            "fork pthread_create timer_create": "EAGAIN",
            "posix_spawnp": "ENOENT ENOMEM",
            "chmod fchmod kill setgroups setresgid setresuid setsid setrlimit setrlimit64 prctl": "EPERM",
            "getrlimit getrlimit64 timer_settime setitimer sysconf gethostname": "EINVAL",
            "flock": "EWOULDBLOCK EINTR",
            "fsync ftruncate ftruncate64": "EIO",
            "getpwnam": "EIO NOTHING",
            "if_nametoindex": "ENODEV",
            "getline": "EIO",
            "getpeername": "ENOTCONN",
            "getsockname": "ENOBUFS",
            "getsockopt": "ENOPROTOOPT",
            "setsockopt": "ENOPROTOOPT EPERM",
            "getrandom": "ENOSYS EINTR",
            "mkdir rename symlink unlink": "EACCES ENOENT",
            "pread pread64": "EIO NOTHING SHORT",
            "read": "EIO EINTR EAGAIN NOTHING SHORT",
            "recv recvfrom": "ECONNRESET EINTR EAGAIN ETIMEDOUT ECONNREFUSED NOTHING SHORT",
            "recvmsg recvmmsg": "ECONNRESET EINTR EAGAIN NOTHING",
            "send sendto": "EPIPE EINTR EAGAIN ENOBUFS ECONNREFUSED EMSGSIZE SHORT",
            "sendmsg sendmmsg": "EPIPE EINTR EAGAIN EMSGSIZE ENOBUFS",
            "shutdown": "ENOTCONN",
            "sigtimedwait": "EAGAIN EINTR",
            "waitid waitpid": "EINTR",
            "write writev": "ENOSPC EINTR EAGAIN EPIPE SHORT",
            "ini_parse_stream": "ENOENT",
            "sd_journal_sendv sd_listen_fds_with_names sd_watchdog_enabled": "ENOMEM",
        }.items() for name in names.split()}
WAYS["getaddrinfo"] = [socket.EAI_AGAIN, socket.EAI_NONAME, socket.EAI_MEMORY, socket.EAI_SYSTEM]


# Calls of these functions are not tried: (caller, function): the reason.
LEFT_OUT = {
    ("get_ready", "send"): "of a new socket pair, whose other end is open",
}

# Calls that are never shortened: with MSG_TRUNC the result is the size of a packet, and 1 would be valid.
WHOLE = {("receive", "recv")}


def ways_of(place):
    call = (place.callers[0], place.function)
    ways = [] if call in LEFT_OUT else WAYS.get(place.function, [])
    return [way for way in ways if way != SHORT] if call in WHOLE else ways
