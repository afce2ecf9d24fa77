"""Workers of every service and protocol are confined in the same way, so the results of test_sandbox.py
hold for all."""
import ctypes
import os
import re
import socket

from expect import Failure, Skip, eventually, expect, expect_equal
from managed import Managed
from planted import needs_filter
from proc import descriptors, is_alive, read_proc, title
from tap import main, test

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
PTRACE_SECCOMP_GET_FILTER = 0x420c
WAIT_ALL = 0x40000000  # __WALL
TRIES = 20
INSTRUCTION = 8  # bytes, of struct sock_filter

SERVICES = ("echo", "message", "discard", "daytime", "chargen", "whoami")
# The last two are refused over UDP.
DATAGRAM = ["udp-%s" % service for service in SERVICES[:4]] + ["unix-dgram-echo"]
CONNECTED = ["tcp-%s" % service for service in SERVICES] + ["unix-echo", "unix-seqpacket-echo", "proxied"]
# Of /proc/PID/status.
STATUS_FIELDS = ("NoNewPrivs", "Seccomp", "Seccomp_filters", "CapBnd", "CapEff", "CapPrm", "CapInh", "CapAmb",
        "Uid", "Gid", "Groups")


def listen(name):
    protocol, _, service = name.rpartition("-")
    where = "@DIR@/" + name if protocol.startswith("unix") else "127.0.0.1\nport = 0"
    return "[listen %s]\nprotocol = %s\nservice = %s\naddress = %s\n" % (name, protocol, service, where)


CONFIG = ("[server]\nmax_per_source = 0\n" + "".join(map(listen, DATAGRAM + CONNECTED[:-1])) +
          "[listen proxied]\naddress = 127.0.0.1\nport = 0\nproxy_protocol = any\nproxy_trust = 127.0.0.1\n")


def ptrace(request, pid, address=None, data=None):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    result = libc.ptrace(request, pid, address, data)
    if result < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    return result


def stop(pid):
    """It runs on once this process detaches from it."""
    ptrace(PTRACE_SEIZE, pid)
    ptrace(PTRACE_INTERRUPT, pid)
    os.waitpid(pid, WAIT_ALL)


def filters(pid):
    """The system call filters of PID, the latest first: their instructions."""
    found = []
    stop(pid)
    try:
        while True:
            count = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, len(found))
            code = ctypes.create_string_buffer(count * INSTRUCTION)
            ptrace(PTRACE_SECCOMP_GET_FILTER, pid, len(found), ctypes.addressof(code))
            found.append(code.raw)
    except FileNotFoundError:  # there are no more
        return found
    finally:
        ptrace(PTRACE_DETACH, pid)


def needs_ptrace(pid):
    try:
        filters(pid)
    except OSError as error:
        raise Skip("filters cannot be read here: %s" % error) from error


def proc_value(pid, file, name):
    """The value of NAME in /proc/PID/FILE; "" once the process is gone."""
    found = re.search(r"^%s:?[ \t]+(.*)$" % name, read_proc(pid, file).decode(), re.M)
    return found.group(1).split("  ")[0].strip() if found else ""


def confinement(pid):
    """What confines the process PID, but for the number of its descriptors."""
    limits = re.sub("^Max open files.*$", "", read_proc(pid, "limits").decode(), flags=re.M)
    return {**{name: proc_value(pid, "status", name) for name in STATUS_FIELDS},
            "limits": limits, "filters": filters(pid)}


def has_all_descriptors(pid):
    """Whether it has as many descriptors as it may have: before, it is not a worker yet."""
    return proc_value(pid, "limits", "Max open files") == str(len(descriptors(pid)))


def expect_confined(pid, expected, name):
    eventually(lambda: has_all_descriptors(pid) or not is_alive(pid), "the worker is confined")
    found = confinement(pid)
    for kind in expected:
        expect_equal(found[kind], expected[kind], "%s of the worker of %s" % (kind, name))


def worker_of(echod, sock, name):
    """The worker of a client that connects to NAME only now."""
    before = set(echod.workers())
    sock.connect(echod.address(name))
    return eventually(lambda: set(echod.workers()) - before, "the client has a worker").pop()


def expect_next_confined(echod, name, expected):
    """Workers of short services may end while they are looked at: then there is another one."""
    for attempt in range(TRIES):
        with socket.socket(socket.AF_UNIX if name.startswith("unix") else socket.AF_INET,
                           socket.SOCK_SEQPACKET if "seqpacket" in name else socket.SOCK_STREAM) as sock:
            worker = worker_of(echod, sock, name)
            try:
                expect_confined(worker, expected, name)
                return
            except (Failure, OSError):
                if is_alive(worker) or attempt == TRIES - 1:
                    raise


def workers_of_listeners(echod):
    """Of those that have one before any client comes: worker by name."""
    titles = {pid: title(pid).split() for pid in echod.workers()}
    return {words[3]: pid for pid, words in titles.items() if len(words) == 5}


@test("workers of all services and protocols have the same filter, limits and rights")
def alike():
    needs_filter()
    with Managed(CONFIG) as echod:
        eventually(lambda: set(workers_of_listeners(echod)) == set(DATAGRAM), "all datagram workers run")
        workers = workers_of_listeners(echod)
        first = workers["udp-echo"]
        needs_ptrace(first)
        eventually(lambda: has_all_descriptors(first), "the worker is confined")
        expected = confinement(first)
        expect_equal((expected["NoNewPrivs"], expected["Seccomp"]), ("1", "2"), "no_new_privs, seccomp")
        expect(expected["filters"], "no seccomp filter is installed")
        for name in DATAGRAM:
            expect_confined(workers[name], expected, name)
        for name in CONNECTED:
            expect_next_confined(echod, name, expected)


main()
