"""Distinguishes the kinds of echod's processes."""
import os

from proc import read_proc, stat_fields, title


def program(pid):
    try:
        return os.path.basename(os.readlink("/proc/%d/exe" % pid)).replace(" (deleted)", "")
    except OSError:
        return ""


class Kinds:
    """The kinds of ROOT, which is of the kind NAME, and its descendants."""

    def __init__(self, root, name="daemon"):
        self.root, self.name = root, name
        self.fork_servers, self.scribes = set(), set()

    def of(self, pid):
        name = program(pid)
        if pid == self.root and not name.startswith("python"):
            return self.name
        if name == "echod-forkserver":
            return self._forked(pid)
        return self._child(pid) if name == "echod" else name

    def _forked(self, pid):
        """A fork server is a child of the daemon, and a worker is a child of a fork server. (Orphaned
        workers become the daemon's children.)"""
        if pid in self.fork_servers:
            return "fork server"
        if int(stat_fields(pid)[1]) == self.root and not title(pid).startswith("echod: tcp"):
            self.fork_servers.add(pid)
            return "fork server"
        return "worker"

    def _child(self, pid):
        if pid in self.scribes:
            return "scribe"
        words = read_proc(pid, "cmdline")
        if words.startswith(b"echod: scribe"):
            self.scribes.add(pid)
            return "scribe"
        return "dry run" if b"--check-config" in words else "child before exec"
