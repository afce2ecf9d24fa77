"""The table in which preload.c counts calls, and the places in it."""
import ctypes
import mmap
import os
import re
import subprocess

from programs import BUILDDIR

LIBRARY = os.path.join(BUILDDIR, "tests/faults/preload.so")
SITES, DEPTH, SHORT, NOTHING = 16384, 3, -1001, -1002


class Site(ctypes.Structure):
    _fields_ = [("key", ctypes.c_uint64), ("count", ctypes.c_uint32), ("offset", ctypes.c_uint32 * DEPTH),
                ("function", ctypes.c_char * 24), ("program", ctypes.c_char * 24)]


class Layout(ctypes.Structure):
    _fields_ = [("key", ctypes.c_uint64), ("nth", ctypes.c_uint32), ("lasts", ctypes.c_uint32),
                ("depth", ctypes.c_uint32), ("padding", ctypes.c_uint32), ("error", ctypes.c_int32),
                ("hits", ctypes.c_uint32), ("site", Site * SITES)]


class Place:
    """A call of FUNCTION in PROGRAM, COUNT times in a run. .lines: "FILE:LINE" of the call, of its caller's
    call, and so on; .callers: the functions that contain these lines."""

    def __init__(self, site):
        self.key, self.count = site.key, site.count
        self.offsets = [offset for offset in site.offset if offset]
        self.function, self.program = site.function.decode(), site.program.decode()
        self.callers, self.lines = [], []

    @property
    def where(self):
        return self.lines[0]

    def is_ours(self):
        return not any("gcov" in caller or caller.startswith("__wrap_") for caller in self.callers)

    def __str__(self):
        return "%s at %s" % (self.function, ", ".join("%s (%s)" % each for each in zip(self.lines, self.callers)))


class Table:
    """A table in the file PATH, with a FAULT or none, for processes that run with .environment. DEPTH: by how
    many callers places are distinguished; above 1 only for programs with frame pointers."""

    def __init__(self, path, depth, fault=None):
        with open(path, "w+b") as file:
            os.fchmod(file.fileno(), 0o666)  # some processes change to another user
            file.truncate(ctypes.sizeof(Layout))
            self.memory = mmap.mmap(file.fileno(), ctypes.sizeof(Layout))
        self.layout = Layout.from_buffer(self.memory)
        self.environment = {"LD_PRELOAD": LIBRARY, "ECHOD_CALLS": path}
        self.layout.depth = depth
        if fault:
            self.layout.nth, self.layout.lasts, self.layout.error = fault.nth, fault.lasts, fault.error
            self.layout.key = fault.place.key

    @property
    def hits(self):
        return self.layout.hits

    def places(self):
        """The places of the program's own calls, in no particular order."""
        found = [Place(site) for site in self.layout.site if site.key]
        for program in {place.program for place in found}:
            locate([place for place in found if place.program == program], os.path.join(BUILDDIR, program))
        return [place for place in found if place.is_ours()]


def source_of(lines):
    """The innermost of several inlined functions that is ours. LINES: one for each function, of which some
    are in libc's headers."""
    pairs = list(zip(lines[::2], lines[1::2]))
    return next((pair for pair in pairs if "src/" in pair[1]), pairs[0])


def locate(places, program):
    """Adds the source lines to PLACES, by the debug information of PROGRAM."""
    asked = [(place, offset) for place in places for offset in place.offsets]
    done = subprocess.run(["addr2line", "-a", "-i", "-f", "-e", program], capture_output=True, text=True,
                          check=True, input="".join("%#x\n" % (offset - 1) for _, offset in asked))
    for (place, offset), answer in zip(asked, re.split("^0x.*\n", done.stdout, flags=re.M)[1:]):
        caller, line = source_of(answer.splitlines())
        place.callers.append(caller)
        place.lines.append("src/" + line.split("src/")[-1].split(" ")[0] if "src/" in line else
                           "%s+%#x" % (place.program, offset))
