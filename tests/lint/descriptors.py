"""Each descriptor is created close-on-exec, so that no program inherits one by accident, even across a
re-exec or from a library."""
import re
import sys

sys.dont_write_bytecode = True
import lint  # noqa: E402

# A pattern that the arguments of each call must match.
FLAGS = {
    "socket": "SOCK_CLOEXEC",
    "socketpair": "SOCK_CLOEXEC",
    "accept4": "SOCK_CLOEXEC",
    "pipe2": "O_CLOEXEC",
    "open": "O_CLOEXEC",
    "openat": "O_CLOEXEC",
    "dup3": "O_CLOEXEC",
    "mkostemp": "O_CLOEXEC",
    "memfd_create": "MFD_CLOEXEC",
    "signalfd": "SFD_CLOEXEC",
    "timerfd_create": "TFD_CLOEXEC",
    "eventfd": "EFD_CLOEXEC",
    "epoll_create1": "EPOLL_CLOEXEC",
    "inotify_init1": "IN_CLOEXEC",
    "recvmsg": "MSG_CMSG_CLOEXEC",
    "recvmmsg": "MSG_CMSG_CLOEXEC",
}
# Calls that have no such flag, and what to use instead.
INSTEAD = {
    "accept": "accept4()",
    "pipe": "pipe2()",
    "creat": "open()",
    "dup": "fcntl(F_DUPFD_CLOEXEC)",
    "dup2": "dup3()",
    "mkstemp": "mkostemp()",
    "epoll_create": "epoll_create1()",
    "inotify_init": "inotify_init1()",
}

# Descriptors that a program must inherit, and others that need no flag: the file, the call, a
# part of its arguments, the reason.
EXCEPTIONS = [
    ("src/base/fd.c", "open", '"/dev/null", O_RDWR', "fills the places of 0, 1 and 2"),
    ("src/daemon/reload/reload.c", "dup2", "STDERR_FILENO", "for the program that is executed next"),
    ("src/daemon/supervise/fork_exec.c", "dup2", ", CHANNEL", "what a fork server gets"),
    ("src/daemon/supervise/fork_exec.c", "dup2", "STDOUT_FILENO", "the same"),
    ("src/daemon/supervise/fork_exec.c", "dup2", "STDERR_FILENO", "the same"),
    ("src/daemon/process/detach.c", "dup2", "null, fd", "the place of 0, 1 or 2"),
]


def is_excepted(name, call, arguments):
    return any(e[:2] == (name, call) and e[2] in arguments for e in EXCEPTIONS)


def fault_of(call, arguments):
    if call in INSTEAD:
        return f"use {INSTEAD[call]}"
    if call == "fopen":
        mode = re.search(r'"([^"]*)"\s*$', arguments)
        return None if mode and "e" in mode.group(1) else 'the mode lacks "e"'
    return None if FLAGS[call] in arguments else f"lacks {FLAGS[call]}"


def faults(tree):
    """Yields each call that creates a descriptor without the flag: (file, line, call, arguments, reason)."""
    names = [*FLAGS, *INSTEAD, "fopen"]
    for name in tree.files("src/**/*.c", "src/**/*.h"):
        for line, call, arguments in lint.calls(tree.read(name), names):
            why = fault_of(call, arguments)
            if why:
                yield name, line, call, arguments, why


def all_close_on_exec(tree):
    for name, line, call, arguments, why in faults(tree):
        if not is_excepted(name, call, arguments):
            yield f"{name}:{line}: {call}({arguments}): {why}"


def exceptions_are_needed(tree):
    found = list(faults(tree))
    for name, call, part, _ in EXCEPTIONS:
        if not any(f[0] == name and f[2] == call and part in f[3] for f in found):
            yield f"the exception of {call}({part}) in {name} is not needed"


def append(text):
    return lambda tree: tree.with_file(
        "src/base/fd.c", tree.read("src/base/fd.c") + "void f(void) { %s; }\n" % text)


lint.main([
    ("every descriptor is close-on-exec", all_close_on_exec, {
        "a socket without it": append("socket(AF_INET, SOCK_STREAM, 0)"),
        "a file without it": append('open("x", O_RDONLY |\n  O_CREAT, 0600)'),
        "a stream without it": append('fopen("some file", "r")'),
        "a stream with a mode it cannot see": append("fopen(path, mode)"),
        "a pipe without it": append("pipe2(p, 0)"),
        "a call that cannot have it": append("accept(fd, NULL, NULL)"),
        "a flag that stands in a comment": append("pipe2(p, 0 /* O_CLOEXEC */)")}),
    ("every exception is needed", exceptions_are_needed, {
        "one that is not": lambda t: t.doctored("src/daemon/process/detach.c", r" dup2\(", " sup2(")}),
])
