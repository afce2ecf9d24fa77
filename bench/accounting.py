"""The CPU time and memory of a server's whole process tree, by a cgroup for each server.

CPU time is from cpu.stat of cgroup v2, or cpuacct of v1; memory is memory.current, or its v1
equivalent, if the controller is enabled. Without permission to create a cgroup, CPU time is that of
the living process tree and its reaped children from /proc, in clock ticks.
"""
import contextlib
import os
import re
import signal
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
POLL = 0.02


def _mounts():
    """(type, controllers, mount point) of each cgroup hierarchy."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind in ("cgroup", "cgroup2"):
            yield kind, options.split(","), Path(where)


def _own_path(kind, controller):
    """The cgroup of this process, as a path from the hierarchy's root."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if (number == "0" if kind == "cgroup2" else controller in controllers.split(",")):
            return path.lstrip("/")
    return ""


def _make(kind, controller, where, name):
    """Creates a cgroup at the root of the hierarchy, or else below our own; None if not permitted."""
    for parent in (where, where / _own_path(kind, controller)):
        try:
            (parent / name).mkdir()
            return parent / name
        except OSError:
            continue
    return None


class Group:
    """The cgroups of one server: one for CPU time and, if possible, one for memory."""

    def __init__(self, name):
        self.cpu_file = self.memory_file = self.root = None
        self.directories = []
        for kind, options, where in sorted(_mounts(), key=lambda mount: mount[0] != "cgroup2"):
            for controller in ("cpuacct", "memory"):
                if kind == "cgroup2" and controller == "cpuacct" or controller in options:
                    self._add(kind, controller, where, name)
        self.by_cgroup = self.cpu_file is not None

    def _add(self, kind, controller, where, name):
        directory = _make(kind, controller, where, name)
        if not directory:
            return
        files = {"cpu_file": ("cpu.stat" if kind == "cgroup2" else "cpuacct.usage"),
                 "memory_file": ("memory.current" if kind == "cgroup2" else
                                 "memory.usage_in_bytes")}
        used = False
        for field, file in files.items():
            if getattr(self, field) is None and (directory / file).exists():
                setattr(self, field, directory / file)
                used = True
        if used:
            self.directories.append(directory)
        else:
            directory.rmdir()

    def enter(self):
        """Moves the calling process, a child that will execute the server, into the cgroups."""
        for directory in self.directories:
            (directory / "cgroup.procs").write_text("0")

    def attach(self, pid):
        """Sets PID as the root of the server's process tree, which is used without a cgroup."""
        self.root = pid

    def describe(self):
        if not self.by_cgroup:
            return "CPU of the process tree from /proc, in ticks: no cgroup could be made"
        memory = self.memory_file or "none: the controller is not enabled"
        return f"CPU by cgroup ({self.cpu_file.name}), memory by cgroup ({Path(memory).name})"

    def cpu(self):
        """The CPU time in seconds, user and system."""
        if not self.by_cgroup:
            return sum(_tree_cpu(pid) for pid in self.processes())
        text = self.cpu_file.read_text()
        found = re.search(r"^usage_usec (\d+)$", text, flags=re.M)
        return int(found.group(1)) / 1e6 if found else int(text) / 1e9

    def memory(self):
        """The memory in bytes; None if not available."""
        return int(self.memory_file.read_text()) if self.memory_file else None

    def processes(self):
        if self.by_cgroup:
            procs = (self.cpu_file.parent / "cgroup.procs").read_text()
            return [int(pid) for pid in procs.split()]
        return _tree(self.root)

    def settle(self, count, timeout=30):
        """Waits until at most COUNT processes are left and they are idle, or until TIMEOUT."""
        deadline, last = time.monotonic() + timeout, -1.0
        while time.monotonic() < deadline:
            cpu = self.cpu()
            if len(self.processes()) <= count and cpu - last < 0.0005:
                return
            last = cpu
            time.sleep(POLL)

    def kill(self):
        """Kills all processes, and removes the cgroups."""
        deadline = time.monotonic() + 120
        if not self.by_cgroup:
            _kill_tree(self.root, deadline)
        while self.by_cgroup and self._kill_once() and time.monotonic() < deadline:
            time.sleep(POLL)
        for directory in self.directories:
            _remove(directory, deadline)

    def _kill_once(self):
        """Returns whether there was any process to kill."""
        switch = self.cpu_file.parent / "cgroup.kill"
        living = self.processes()
        if living and switch.exists():
            switch.write_text("1")
        else:
            _signal(living, signal.SIGKILL)
        return bool(living)


def _signal(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _kill_tree(root, deadline):
    """Stops all processes before it kills them, since orphans could not be found any more."""
    stopped = set()
    while (new := set(_tree(root)) - stopped) and time.monotonic() < deadline:
        _signal(new, signal.SIGSTOP)
        stopped |= new
    _signal(stopped, signal.SIGKILL)


def _remove(directory, deadline):
    """Removes a cgroup, which is busy until its last process has been reaped."""
    while True:
        try:
            directory.rmdir()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL)


def _stat(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def _tree_cpu(pid):
    stat = _stat(pid)
    return sum(int(field) for field in stat[11:15]) / TICK if stat else 0.0


def _tree(root):
    """ROOT and its descendants, without zombies. ROOT may be None."""
    children = {}
    for entry in Path("/proc").iterdir():
        stat = _stat(entry.name) if entry.name.isdigit() else None
        if stat and stat[0] != "Z":
            children.setdefault(int(stat[1]), []).append(int(entry.name))
    stat = _stat(root)
    found, new = [], [root] if stat and stat[0] != "Z" else []
    while new:
        found += new
        new = [child for pid in new for child in children.get(pid, [])]
    return found
