"""The machine that the benchmark runs on: its description, its load, and its limits, which are raised."""
import contextlib
import ctypes
import fcntl
import os
import platform
import resource
import socket
import struct
import time
from pathlib import Path

MIB = 1 << 20
# Memory that must remain available; a run that leaves less is ended.
RESERVE = 1024 * MIB
# The most memory that one held client may need, with both ends.
ROOM_PER_CLIENT = 200 * 1024


def mem_available():
    """MemAvailable in bytes."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("bench: /proc/meminfo has no MemAvailable")


def settled_memory(timeout):
    """MemAvailable once it has not changed for half a second, since the kernel reclaims the memory of
    ended processes gradually."""
    deadline, last, stable = time.monotonic() + timeout, mem_available(), 0
    while stable < 5 and time.monotonic() < deadline:
        time.sleep(0.1)
        now = mem_available()
        stable = stable + 1 if abs(now - last) < MIB // 4 else 0
        last = now
    return last


def fits(count, one_process):
    """Returns None if COUNT clients can be held, in ONE_PROCESS or in many; otherwise the reason why not."""
    if mem_available() - RESERVE < count * ROOM_PER_CLIENT:
        return f"{count} clients need {count * ROOM_PER_CLIENT // MIB} MiB of memory"
    if _read("kernel/pid_max") < count + 2000:
        return f"{count} clients need a kernel.pid_max that only root can set"
    if one_process and resource.getrlimit(resource.RLIMIT_NOFILE)[1] < count + 100:
        return f"{count} clients of one process need a higher RLIMIT_NOFILE"
    return None


def describe():
    cpu = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
           if line.startswith("model name")]
    release = Path("/etc/os-release")
    names = [line.split("=", 1)[1].strip('"') for line in
             (release.read_text().splitlines() if release.exists() else [])
             if line.startswith("PRETTY_NAME=")]
    return {"processors": os.cpu_count(), "cpu": cpu[0] if cpu else platform.machine(),
            "kernel": platform.release(), "system": names[0] if names else "unknown",
            "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB}


def state(load):
    """The load of the machine: the load averages, and the time of a cycle of fork, exit and wait."""
    result = load.run("fork", 2000)
    return {"load_average": list(os.getloadavg()),
            "fork_us": result["seconds"] / max(result["done"], 1) * 1e6}


def own_network():
    """Moves this process and its children to a network namespace that has only a loopback device, so that
    no server can look up the names of its clients. Returns False if that is not permitted."""
    clone_newnet, siocsifflags, iff_up = 0x40000000, 0x8914, 1
    if ctypes.CDLL(None, use_errno=True).unshare(clone_newnet) != 0:
        return False
    with socket.socket() as control:
        fcntl.ioctl(control, siocsifflags, struct.pack("16sH22x", b"lo", iff_up))
    return True


def raise_limits():
    """Raises the limits of this process, and so of its children, as far as permitted."""
    for name, wanted in ((resource.RLIMIT_NPROC, resource.RLIM_INFINITY),
                         (resource.RLIMIT_SIGPENDING, resource.RLIM_INFINITY),
                         (resource.RLIMIT_NOFILE, _read("fs/nr_open"))):
        soft, hard = resource.getrlimit(name)
        if name == resource.RLIMIT_NOFILE:  # each program sets its own soft limit
            values = (soft, wanted)
        else:
            values = (wanted, wanted)
        try:
            resource.setrlimit(name, values)
        except (OSError, ValueError):
            resource.setrlimit(name, (soft if name == resource.RLIMIT_NOFILE else hard, hard))


def _read(name):
    return int(Path("/proc/sys", name).read_text())


@contextlib.contextmanager
def many_processes(count):
    """As root, raises kernel.pid_max and kernel.threads-max for COUNT clients, and restores them."""
    changed = {}
    try:
        for name in ("kernel/pid_max", "kernel/threads-max"):
            before = _read(name)
            if before < 2 * count + 10000:
                with contextlib.suppress(OSError):
                    Path("/proc/sys", name).write_text(str(2 * count + 10000))
                    changed[name] = before
        yield
    finally:
        for name, before in changed.items():
            Path("/proc/sys", name).write_text(str(before))
