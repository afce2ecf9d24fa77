"""Two hosts on a wire: two network namespaces connected by a veth(4) pair.

The script's own namespace is HERE, the other one THERE. A socket belongs to the namespace in which it was
created, a program to that of the process that started it.
"""
import contextlib
import ctypes
import os
import shutil
import socket
import subprocess

from expect import Skip, expect
from tap import as_network_admin, libc, lo_up, private_network

CLONE_NEWNET = 0x40000000
WIRE = "wire"  # the default name of the interface at both ends


def namespace():
    """A descriptor of the network namespace that we are in."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter(fd):
    if libc.setns(fd, CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "setns")


class Host:
    """One end of the wire. ADDRESSES include the prefix length."""

    def __init__(self, fd, addresses, interface):
        self.fd, self.addresses, self.interface = fd, addresses, interface
        self.hosts = [address.partition("/")[0] for address in addresses]
        self.index = None  # of the interface, for link-local addresses

    @contextlib.contextmanager
    def inside(self):
        """A context manager: sockets and programs in it belong to this host."""
        before = namespace()
        enter(self.fd)
        try:
            yield self
        finally:
            enter(before)
            os.close(before)

    def start_here(self):
        """In a child: makes the program that it executes run on this host. For Echod(prepare=...)."""
        enter(self.fd)

    def ip(self, *args):
        """Runs ip(8) on this host. Returns its status."""
        def in_child():
            enter(self.fd)
            as_network_admin()

        return subprocess.run(["ip", *args], stdin=subprocess.DEVNULL, preexec_fn=in_child,
                              stderr=subprocess.DEVNULL, pass_fds=[self.fd],
                              check=False).returncode

    def reach(self, address):
        """Adds a route to ADDRESS, a neighbour on the wire."""
        expect(self.ip("route", "add", address, "dev", self.interface) == 0, "adding a route failed")

    def set_up(self):
        """Gives the interface its addresses, without duplicate address detection."""
        self.ip("link", "set", self.interface, "addrgenmode", "none")
        expect(self.ip("link", "set", self.interface, "up") == 0, "the wire is up")
        for address in self.addresses:
            how = ["nodad"] if ":" in address else ["broadcast", "+"]
            if self.ip("addr", "add", address, *how, "dev", self.interface) != 0:
                raise Skip("an interface cannot be given the address " + address)
        with self.inside():
            self.index = socket.if_nametoindex(self.interface)


class Wire:
    """HERE and THERE, with addresses, in a with block. Skips if namespaces cannot be created."""

    def __init__(self, here, there, name=WIRE):
        if not private_network() or not shutil.which("ip"):
            raise Skip("this test needs network namespaces and ip(8)")
        home = namespace()
        if libc.unshare(CLONE_NEWNET) < 0:
            os.close(home)
            raise Skip("a second network namespace cannot be had")
        lo_up()
        other = namespace()
        enter(home)
        self.name, self.here, self.there = name, Host(home, here, name), Host(other, there, name)

    def __enter__(self):
        other = "/proc/self/fd/%d" % self.there.fd
        made = subprocess.run(["ip", "link", "add", self.name, "type", "veth", "peer", "name", self.name,
                               "netns", other], stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, preexec_fn=as_network_admin,
                              pass_fds=[self.there.fd], check=False).returncode
        if made != 0:
            self._close()
            raise Skip("a pair of veth(4) cannot be made")
        try:
            self.here.set_up()
            self.there.set_up()
        except BaseException:
            self.__exit__()
            raise
        return self.here, self.there

    def __exit__(self, *_):
        self.here.ip("link", "del", self.name)  # also removes the other end
        self._close()

    def _close(self):
        os.close(self.here.fd)
        os.close(self.there.fd)
