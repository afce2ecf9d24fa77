"""A test network: a client, a router and a server with echod, each in a network namespace.

The script's own namespace is the router. A fault of the path is an nftables ruleset there, or a forwarder in
a thread. No packet leaves the namespaces.
"""
import contextlib
import html
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "daemon"))
sys.dont_write_bytecode = True
from expect import Skip, expect, expect_equal  # noqa: E402
from managed import Managed  # noqa: E402
from programs import nobody, true_root  # noqa: E402
from tap import as_network_admin  # noqa: E402
from verbs import run  # noqa: E402
from wire import Wire  # noqa: E402

NEAR, FAR = "wire", "far"  # the router's interfaces
ADDRESSES = {  # of the router, the client, the router (far side), the server
    4: ("198.51.100.1/24", "198.51.100.2/24", "203.0.113.1/24", "203.0.113.9/24"),
    6: ("2001:db8::1/64", "2001:db8::2/64", "2001:db8:1::1/64", "2001:db8:1::9/64"),
}
CONFIG = """[server]
drain_timeout = 1s
[listen whoami]
address = {0}
port = 7780
service = whoami
[listen tcp]
address = {0}
port = 7777
[listen udp]
address = {0}
port = 7777
protocol = udp
"""


def write_sysctl(name, value):
    try:
        with open("/proc/sys/net/" + name, "w", encoding="ascii") as file:
            file.write(value)
    except OSError as error:
        raise Skip("net/%s cannot be set: %s" % (name, error))


class Lab:
    """A path from .client through this router to .server, in a with block."""

    def __init__(self, version=4, rules=""):
        self.version, self.rules = version, rules
        self.stack = contextlib.ExitStack()
        self.client = self.server = self.link = None

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.stack.close()
            raise
        return self

    def _build(self):
        if not shutil.which("nft"):
            raise Skip("this test needs nft(8)")
        router, client, other, server = ADDRESSES[self.version]
        # A router sends neighbour solicitations for forwarded packets from a link-local address.
        local = [["fe80::1/64"], ["fe80::2/64"]] if self.version == 6 else [[], []]
        here, self.client = self.stack.enter_context(Wire([router] + local[0], [client], NEAR))
        write_sysctl("ipv6/conf/all/forwarding" if self.version == 6 else "ipv4/ip_forward", "1")
        self.link, self.server = self.stack.enter_context(Wire([other] + local[1], [server], FAR))
        self.client.ip("route", "add", "default", "via", here.hosts[0])
        self.server.ip("route", "add", "default", "via", self.link.hosts[0])
        with self.client.inside():
            write_sysctl("ipv4/tcp_ecn", "1")
        self.stack.enter_context(Managed(CONFIG.format(self.host), prepare=self.server.start_here))
        if self.rules:
            self.load(self.rules)

    def load(self, rules):
        """Adds RULES to the router's ruleset."""
        text = "table %s lab {\n%s\n}\n" % ("ip6" if self.version == 6 else "ip", rules)
        done = subprocess.run(["nft", "-f", "-"], input=text.encode(), stderr=subprocess.PIPE,
                              preexec_fn=as_network_admin, check=False)
        if b"Could not process" in done.stderr:
            raise Skip("this kernel lacks a part of nftables: " + done.stderr.decode().split("\n")[0])
        expect_equal(done.returncode, 0, "the status of nft(8): " + done.stderr.decode())
        self.stack.callback(self.flush)

    @staticmethod
    def flush():
        subprocess.run(["nft", "flush", "ruleset"], preexec_fn=as_network_admin, check=False)

    def __exit__(self, kind, value, trace):
        return self.stack.__exit__(kind, value, trace)

    @property
    def host(self):
        return self.server.hosts[0]

    def look(self, *options):
        """Runs echoc path on the client, without privileges. Returns its result, with .took, in seconds.
        Checks that its page contains each sentence of the output."""
        begin = time.monotonic()
        with self.client.inside(), tempfile.TemporaryDirectory(prefix="echod-test-") as where:
            os.chmod(where, 0o777)
            done = run("path", "--json", "--page", where + "/page.html", *options, self.host,
                       **(nobody() if true_root() else {}))
            done.took = time.monotonic() - begin
            with open(where + "/page.html", encoding="utf-8") as file:
                page = html.unescape(file.read())
        for finding in done.objects("finding") + done.objects("note"):
            expect(finding["text"] in page, "the page does not have: " + finding["text"])
        return done


def kinds(done, type="finding"):
    return {o["kind"] for o in done.objects(type)}


# ---- faults that nftables cannot cause ----

class Forwarder:
    """A thread on the router to which traffic is redirected, in a with block."""

    def __init__(self, kind, target):
        self.target = target
        self.sock = socket.socket(socket.AF_INET, kind)
        self.sock.bind(("0.0.0.0", 0))
        self.port = self.sock.getsockname()[1]
        self.wake = os.pipe()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with contextlib.suppress(OSError):
            self.forward()

    def readable(self, *socks):
        """Waits for those of SOCKS that are readable. Raises OSError at the end of the with block."""
        found, _, _ = select.select([self.wake[0], *socks], [], [])
        if self.wake[0] in found:
            raise OSError("the forwarder was stopped")
        return found

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        os.close(self.wake[1])
        self.thread.join()
        os.close(self.wake[0])
        self.sock.close()


class Damager(Forwarder):
    """Truncates datagrams from the server, and sends each twice."""

    def __init__(self, target, size):
        super().__init__(socket.SOCK_DGRAM, target)
        self.size = size

    def forward(self):
        there, peers = {}, {}
        try:
            while True:
                for sock in self.readable(self.sock, *peers):
                    data, peer = sock.recvfrom(65536)
                    if sock is not self.sock:
                        for _ in range(2):
                            self.sock.sendto(data[:self.size], peers[sock])
                        continue
                    if peer not in there:
                        there[peer] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        there[peer].connect(self.target)
                        peers[there[peer]] = peer
                    there[peer].send(data)
        finally:
            for sock in peers:
                sock.close()


class Swapper(Forwarder):
    """Forwards packets to the UDP port of TARGET in place of the kernel, which must drop them (RULES),
    and swaps some packets of each flow with the next one."""

    RULES = "chain forward { type filter hook forward priority 0; iifname wire udp dport 7777 drop; }"
    EVERY = 3  # of this many packets, the first is held until the second is sent
    HOLD = 0.05  # the longest time that a packet is held, in seconds

    def __init__(self, path):
        super().__init__(socket.SOCK_DGRAM, (path.host, 7777))
        self.near = self.packets(NEAR)
        self.far = self.packets(FAR)
        with path.server.inside():
            self.mac = self.packets(FAR, protocol=0, close=True)
        self.held, self.count, self.swapped = {}, {}, 0

    @staticmethod
    def packets(interface, protocol=0x0800, close=False):
        """A socket for the packets of INTERFACE; with CLOSE, the hardware address of INTERFACE."""
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(protocol))
        sock.bind((interface, protocol))
        if not close:
            return sock
        mac = sock.getsockname()[4]
        sock.close()
        return mac

    def send(self, packet):
        """Forwards PACKET as a router does, with a decremented TTL. Clears the UDP checksum, which
        checksum offloading leaves incomplete within one machine."""
        length = 4 * (packet[0] & 15)
        header = bytearray(packet[:length])
        header[8] -= 1
        header[10:12] = bytes(2)
        total = sum(struct.unpack("!%dH" % (length // 2), header))
        header[10:12] = struct.pack("!H", 0xffff - (total % 0xffff or 0xffff))
        udp = bytearray(packet[length:])
        udp[6:8] = bytes(2)
        self.far.sendto(bytes(header + udp), (FAR, 0x0800, 0, 0, self.mac))

    def take(self, packet):
        length = 4 * (packet[0] & 15)
        port, to = struct.unpack("!HH", packet[length:length + 4])
        if packet[9] != socket.IPPROTO_UDP or to != self.target[1] or packet[8] < 2:
            return  # left to the kernel, which forwards other packets and reports expired ones
        number = self.count[port] = self.count.get(port, -1) + 1
        if number % self.EVERY == 0:
            self.held[port] = (time.monotonic() + self.HOLD, packet)
            return
        self.send(packet)
        if port in self.held:
            self.swapped += 1
            self.send(self.held.pop(port)[1])

    def forward(self):
        try:
            while True:
                found, _, _ = select.select([self.wake[0], self.near], [], [], self.HOLD / 2)
                if self.wake[0] in found:
                    return
                if found:
                    packet, about = self.near.recvfrom(65536)
                    if about[2] != socket.PACKET_OUTGOING:
                        self.take(packet)
                for port in [p for p, (until, _) in self.held.items() if until < time.monotonic()]:
                    self.send(self.held.pop(port)[1])
        finally:
            self.near.close()
            self.far.close()


class IdleCloser(Forwarder):
    """Forwards TCP connections, and closes those that are idle for a second."""

    IDLE = 1

    def __init__(self, target):
        super().__init__(socket.SOCK_STREAM, target)
        self.sock.listen(256)

    def forward(self):
        while True:
            self.readable(self.sock)
            conn, _ = self.sock.accept()
            threading.Thread(target=self.relay, args=(conn,), daemon=True).start()

    def relay(self, conn):
        with conn, socket.create_connection(self.target) as other:
            to = {conn: other, other: conn}
            while True:
                found, _, _ = select.select(list(to), [], [], self.IDLE)
                for sock in found:
                    data = sock.recv(65536)
                    if not data:
                        return
                    to[sock].sendall(data)
                if not found:
                    return
