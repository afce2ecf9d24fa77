"""Faulty servers to test echoc with: each has one fault, and runs in a thread on loopback."""
import os
import socket
import struct
import tempfile
import threading
import time

from expect import DEADLINE, expect, scaled


class Server:
    """A TCP, UDP or Unix server, in a with block. SERVE is called with each connection and its
    number or, for datagrams, with the socket, the data and their source."""

    def __init__(self, serve, kind="tcp", family=socket.AF_INET, host=None, backlog=64):
        self.serve, self.kind, self.connections, self.failures = serve, kind, [], []
        if kind == "unix":
            self.dir = tempfile.TemporaryDirectory(prefix="echod-test-")
            self.address = os.path.join(self.dir.name, "sock")
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.bind(self.address)
        else:
            self.sock = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else
                                      socket.SOCK_STREAM)
            self.sock.bind((host or ("::1" if family == socket.AF_INET6 else "127.0.0.1"), 0))
            self.address = self.sock.getsockname()[:2]
        if kind != "udp":
            self.sock.listen(backlog)
        self.thread = threading.Thread(target=self._run, daemon=True)

    @property
    def operands(self):
        """The operands with which echoc connects to it."""
        if self.kind == "unix":
            return ["--unix", self.address]
        host, port = self.address
        return (["-u"] if self.kind == "udp" else []) + [host, str(port)]

    def _run(self):
        try:
            self._run_udp() if self.kind == "udp" else self._run_stream()
        except OSError:
            pass  # the socket was shut down at the end of the with block

    def _run_udp(self):
        while True:
            data, peer = self.sock.recvfrom(65536)
            if peer == self.sock.getsockname():
                return
            self.serve(self.sock, data, peer)

    def _run_stream(self):
        while True:
            conn, _ = self.sock.accept()
            conn.settimeout(DEADLINE)
            thread = threading.Thread(target=self._serve_one, args=(conn, len(self.connections) + 1),
                                      daemon=True)
            self.connections.append((conn, thread))
            thread.start()

    def _serve_one(self, conn, number):
        try:
            self.serve(conn, number)
        except OSError as error:
            self.failures.append(error)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        if self.kind == "udp":  # wakes the thread; shutdown() of an unconnected socket does not
            self.sock.sendto(b"", self.sock.getsockname())
        else:
            self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(DEADLINE)
        self.sock.close()
        for conn, thread in self.connections:
            self._end(conn, thread)
        if self.kind == "unix":
            self.dir.cleanup()

    @staticmethod
    def _end(conn, thread):
        """A connection that is still served is not closed here: the thread may be about to call poll(2),
        and would hold what gets the number of the descriptor next, for example the end of a pipe whose
        reader waits for it to be closed."""
        try:
            conn.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is closed, or the client has reset it
        if not thread.is_alive():
            conn.close()


def fill_backlog(listener):
    """Connects until the backlog is full. Returns the clients' sockets."""
    listener.listen(0)
    clients = []
    while True:
        clients.append(socket.socket(listener.family))
        clients[-1].settimeout(scaled(0.3, 3))
        try:
            clients[-1].connect(listener.getsockname())
        except (socket.timeout, BlockingIOError):
            return clients
        expect(len(clients) < 100, "the backlog never fills")


def pieces(conn, size=65536):
    """Yields received data until the client ends."""
    while True:
        data = conn.recv(size)
        if not data:
            return
        yield data


def reset(conn):
    """Closes CONN with a RST."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


# ---- connections ----

def echo(conn, number):
    for data in pieces(conn):
        conn.sendall(data)
    conn.close()


def probes(conn, size=56):
    """Yields received data in probes of SIZE bytes."""
    while True:
        data = conn.recv(size, socket.MSG_WAITALL)
        if len(data) < size:
            return
        yield data


def changing(change):
    """An echo server that sends CHANGE(data, n) in reply to the N-th probe, from 1."""
    def serve(conn, number):
        for n, data in enumerate(probes(conn), 1):
            conn.sendall(change(data, n))
        conn.close()
    return serve


def slow(pause, at=20):
    """An echo server that pauses for PAUSE seconds in the middle of its first reply."""
    def serve(conn, number):
        for n, data in enumerate(probes(conn)):
            conn.sendall(data[:at])
            if n == 0:
                time.sleep(pause)
            conn.sendall(data[at:])
        conn.close()
    return serve


def trickling(conn, number):
    """Echoes byte by byte."""
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for data in pieces(conn):
        for i in range(len(data)):
            conn.sendall(data[i:i + 1])
    conn.close()


def silent(conn, number):
    for _ in pieces(conn):
        pass


def greeting(text):
    def serve(conn, number):
        conn.sendall(text)
        echo(conn, number)
    return serve


def read_and_close(conn, number):
    """A server as in many tutorials: one recv(1024), no reply."""
    conn.recv(1024)
    conn.close()


def resetting(conn, number):
    conn.recv(1024)
    reset(conn)


def half_closing(conn, number):
    """Answers once, ends its side, and continues to read."""
    conn.sendall(conn.recv(65536))
    conn.shutdown(socket.SHUT_WR)
    silent(conn, number)


# ---- datagrams ----

def echo_datagram(sock, data, peer):
    sock.sendto(data, peer)


def changing_datagrams(change):
    """Sends each item of CHANGE(data, n) in reply to the N-th datagram, from 1."""
    count = [0]

    def serve(sock, data, peer):
        count[0] += 1
        for answer in change(data, count[0]):
            sock.sendto(answer, peer)
    return serve
