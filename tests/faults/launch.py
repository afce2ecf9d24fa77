"""Executes a program whose system calls, or some of them, a supervisor answers: seccomp_unotify(2).

launch.py CALLS PROGRAM [ARGUMENT]...   CALLS: their numbers, separated by commas, or "all"

CALLS must include execve(2), in which the program waits until the supervisor has fetched the descriptor
of the filter, which execve closes. LISTEN_PID is set for callers that pass sockets.
"""
import ctypes
import os
import struct
import sys

PR_SET_NO_NEW_PRIVS, SECCOMP_SET_MODE_FILTER = 38, 1
SECCOMP = {"x86_64": 317, "aarch64": 277}
NEW_LISTENER, WAIT_KILLABLE = 1 << 3, 1 << 5  # a signal does not restart a call
RETURN, LOAD, JUMP_IF_EQUAL = 0x06, 0x20, 0x15
USER_NOTIF, ALLOW = 0x7fc00000, 0x7fff0000


def instruction(code, true, false, k):
    return struct.pack("HBBI", code, true, false, k)


def program(calls):
    if calls == "all":
        return instruction(RETURN, 0, 0, USER_NOTIF)
    text = instruction(LOAD, 0, 0, 0)  # loads the number of the call
    for number in calls.split(","):
        text += instruction(JUMP_IF_EQUAL, 0, 1, int(number))
        text += instruction(RETURN, 0, 0, USER_NOTIF)
    return text + instruction(RETURN, 0, 0, ALLOW)


def install(calls):
    text = program(calls)
    memory = ctypes.create_string_buffer(text, len(text))
    prog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(text) // 8, ctypes.addressof(memory)))
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SECCOMP[os.uname().machine], SECCOMP_SET_MODE_FILTER, NEW_LISTENER | WAIT_KILLABLE,
                      prog)
    if fd < 0:
        sys.exit("launch.py: seccomp(2): " + os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    if "LISTEN_FDS" in os.environ:
        os.environ["LISTEN_PID"] = str(os.getpid())
    install(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])
