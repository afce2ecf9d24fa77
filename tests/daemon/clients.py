"""Client sockets: connecting, sending, receiving."""
import selectors
import socket
import struct

from expect import DEADLINE, Failure, expect, expect_equal, shorten


def recv_exactly(sock, count):
    data = bytearray()
    while len(data) < count:
        more = sock.recv(min(count - len(data), 1 << 18))
        if not more:
            raise Failure("the connection ended after %d of %d bytes: %s" %
                          (len(data), count, shorten(bytes(data))))
        data += more
    return bytes(data)


def recv_until_eof(sock):
    data = []
    while True:
        more = sock.recv(1 << 18)
        if not more:
            return b"".join(data)
        data.append(more)


def expect_echo(sock, data=b"ping"):
    sock.sendall(data)
    expect_equal(recv_exactly(sock, len(data)), data, "the echo")


def expect_silence(sock, seconds, why):
    """Expects no data for SECONDS. A failure after that is not detected."""
    sock.settimeout(seconds)
    try:
        data = sock.recv(1)
    except socket.timeout:
        sock.settimeout(DEADLINE)
        return
    raise Failure("%s, but %s arrived" % (why, shorten(data)))


def send_while_reading(sock, data):
    """Sends DATA and half-closes, reading at the same time. Returns all data received until EOF."""
    received, view = [], memoryview(data)
    sock.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
    while True:
        ready = selector.select(DEADLINE)
        expect(ready, "the connection makes no progress")
        events = ready[0][1]
        if events & selectors.EVENT_WRITE:
            view = view[sock.send(view[:1 << 18]):]
            if not view:
                sock.shutdown(socket.SHUT_WR)
                selector.modify(sock, selectors.EVENT_READ)
        if events & selectors.EVENT_READ:
            more = sock.recv(1 << 18)
            if not more:
                selector.close()
                sock.settimeout(DEADLINE)
                return b"".join(received)
            received.append(more)


def fill(sock, pattern):
    """Sends PATTERN repeatedly without reading until all buffers are full. Returns the number of
    bytes sent."""
    sent = 0
    selector = selectors.DefaultSelector()
    selector.register(sock, selectors.EVENT_WRITE)
    sock.setblocking(False)
    # The kernel moves bytes between buffers asynchronously; if there has been no room for a while,
    # all are full.
    while selector.select(0.3):
        offset = sent % len(pattern)
        sent += sock.send(pattern[offset:])
        expect(sent < 1 << 28, "the buffers never fill")
    selector.close()
    sock.settimeout(DEADLINE)
    return sent


def reset(sock):
    """Closes SOCK with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
