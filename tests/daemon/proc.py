"""Reads processes and sockets from /proc."""
import os
import re


def read_proc(pid, name):
    """The bytes of /proc/PID/NAME; empty if the process no longer exists."""
    try:
        with open("/proc/%d/%s" % (pid, name), "rb") as file:
            return file.read()
    except OSError:
        return b""


def stat_fields(pid):
    """The fields of /proc/PID/stat after the name: state, ppid, ..."""
    return read_proc(pid, "stat").rpartition(b")")[2].split()


def all_children():
    """A map of each process to its children, zombies included."""
    tree = {}
    for entry in os.listdir("/proc"):
        fields = stat_fields(int(entry)) if entry.isdigit() else []
        if fields:
            tree.setdefault(int(fields[1]), []).append(int(entry))
    return tree


def children(pid):
    """The children of PID, the oldest first."""
    path = "task/%d/children" % pid
    if os.path.exists("/proc/self/task/%d/children" % os.getpid()):
        return [int(word) for word in read_proc(pid, path).split()]
    return sorted(all_children().get(pid, []))


def descendants(pid):
    tree = all_children()
    found, left = [], [pid]
    while left:
        more = tree.get(left.pop(), [])
        found += more
        left += more
    return found


def seen_descendants(pid):
    """The same, but reads only these processes rather than all. While some of them end, others may be
    missing, so the caller must look again."""
    found, left = [], [pid]
    while left:
        more = children(left.pop())
        found += more
        left += more
    return found


def is_alive(pid):
    fields = stat_fields(pid)
    return bool(fields) and fields[0] not in (b"Z", b"X")


def state(pid):
    fields = stat_fields(pid)
    return fields[0].decode() if fields else ""


def cpu_seconds(pid):
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_kib(pid):
    match = re.search(rb"VmRSS:\s+(\d+)", read_proc(pid, "status"))
    return int(match.group(1)) if match else 0


def title(pid):
    """The command line of PID, as ps(1) shows it."""
    return read_proc(pid, "cmdline").rstrip(b"\0").decode("utf-8", "replace")


def link_of(path):
    """The target of the descriptor link PATH. (In a chroot, the path of /dev/null begins with that of
    the chroot for a process with a mount namespace of its own.)"""
    link = os.readlink(path)
    return "/dev/null" if link.endswith("/dev/null") else link


def is_time_zone(link):
    return link == "/etc/localtime" or "/zoneinfo/" in link


def descriptors(pid):
    """A map of the open descriptors of PID to the targets of their links, except for the time zone, which libc
    opens for a moment at the first log record."""
    links = {}
    try:
        for name in os.listdir("/proc/%d/fd" % pid):
            try:
                links[int(name)] = link_of("/proc/%d/fd/%s" % (pid, name))
            except OSError:
                pass  # closed since
    except OSError:
        pass
    return {fd: link for fd, link in links.items() if not is_time_zone(link)}


def tcp_connections():
    """A map of (local port, remote port) to inode, for every TCP socket in this network namespace."""
    found = {}
    for family in ("tcp", "tcp6"):
        for line in read_proc(os.getpid(), "net/" + family).decode().splitlines()[1:]:
            words = line.split()
            ports = tuple(int(words[i].rpartition(":")[2], 16) for i in (1, 2))
            found[ports] = int(words[9])
    return found
