"""A context manager that creates a control group, of version 1 or 2 (cgroups(7))."""
import contextlib
import os
import tempfile

from expect import Skip, eventually

ROOTS = {"pids": ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"), "memory": ("/sys/fs/cgroup/memory", "/sys/fs/cgroup")}


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def parent_of(controller):
    """The directory in which a group with CONTROLLER can be created. Skips if there is none."""
    for root in ROOTS[controller]:
        first = os.path.exists(os.path.join(root, "cgroup.procs")) and not os.path.exists(
            os.path.join(root, "cgroup.controllers"))
        second = os.path.exists(root + "/cgroup.subtree_control") and controller in read(
            root + "/cgroup.subtree_control").split()
        if (first or second) and os.access(root, os.W_OK):
            return root
    raise Skip("no control group with %s can be made here" % controller)


class Group:
    def __init__(self, controller):
        try:
            self.path = tempfile.mkdtemp(prefix="echod-test-", dir=parent_of(controller))
        except OSError as error:
            raise Skip("no control group can be made here: %s" % error) from error

    def set(self, *values):
        """Writes VALUES, pairs of (file, text). Omits files that this version of cgroups does not have."""
        for name, text in values:
            if os.path.exists(os.path.join(self.path, name)):
                with open(os.path.join(self.path, name), "w", encoding="ascii") as file:
                    file.write(text)

    def enter(self):
        """In a child: moves it, and so the program that it executes and all descendants, to the group."""
        with open(os.path.join(self.path, "cgroup.procs"), "w", encoding="ascii") as file:
            file.write(str(os.getpid()))

    def processes(self):
        return [int(line) for line in read(os.path.join(self.path, "cgroup.procs")).split()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            eventually(lambda: not self.processes(), "the group is empty")
            os.rmdir(self.path)
