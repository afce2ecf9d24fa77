"""The table that preload.c counts in, and what the places in it are."""
import ctypes
import mmap
import os
import subprocess

from programs import BUILDDIR

LIBRARY = os.path.join(BUILDDIR, "tests/faults/preload.so")
SITES, SHORT, NOTHING = 4096, -1001, -1002


class Site(ctypes.Structure):
    _fields_ = [("key", ctypes.c_uint64), ("count", ctypes.c_uint32), ("offset", ctypes.c_uint32),
                ("function", ctypes.c_char * 24), ("program", ctypes.c_char * 24)]


class Layout(ctypes.Structure):
    _fields_ = [("key", ctypes.c_uint64), ("nth", ctypes.c_uint32), ("lasts", ctypes.c_uint32),
                ("error", ctypes.c_int32), ("hits", ctypes.c_uint32), ("site", Site * SITES)]


class Place:
    """A call of FUNCTION in PROGRAM: COUNT times in a run. .where: "FILE:LINE", or where it is in the program."""

    def __init__(self, site):
        self.key, self.count, self.offset = site.key, site.count, site.offset
        self.function, self.program = site.function.decode(), site.program.decode()
        self.caller, self.where = "", "%s+%#x" % (self.program, self.offset)

    def is_of_gcov(self):
        return "gcov" in self.caller


class Table:
    """In the file PATH, with a FAULT or none. It is given to whoever runs with .environment."""

    def __init__(self, path, fault=None):
        with open(path, "w+b") as file:
            os.fchmod(file.fileno(), 0o666)  # whoever gives up root is another user
            file.truncate(ctypes.sizeof(Layout))
            self.memory = mmap.mmap(file.fileno(), ctypes.sizeof(Layout))
        self.layout = Layout.from_buffer(self.memory)
        self.environment = {"LD_PRELOAD": LIBRARY, "ECHOD_CALLS": path}
        if fault:
            self.layout.nth, self.layout.lasts, self.layout.error = fault.nth, fault.lasts, fault.error
            self.layout.key = fault.place.key

    @property
    def hits(self):
        return self.layout.hits

    def places(self):
        """Those of the program's own calls, in no order."""
        found = [Place(site) for site in self.layout.site if site.key]
        for program in {place.program for place in found}:
            locate([place for place in found if place.program == program], os.path.join(BUILDDIR, program))
        return [place for place in found if not place.is_of_gcov()]


def locate(places, program):
    """Says of each where it is in the sources, as far as PROGRAM knows."""
    done = subprocess.run(["addr2line", "-f", "-e", program], capture_output=True, text=True, check=True,
                          input="".join("%#x\n" % (place.offset - 1) for place in places))
    lines = done.stdout.splitlines()
    for place, caller, where in zip(places, lines[::2], lines[1::2]):
        place.caller = caller
        if "src/" in where:
            place.where = "src/" + where.split("src/")[-1].split(" ")[0]
