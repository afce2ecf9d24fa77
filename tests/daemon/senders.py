"""Clients that continue whichever process is killed, and conditions that must hold afterwards."""
import os
import signal
import socket
import threading

from expect import DEADLINE, eventually, eventually_equal, expect_equal
from managed import listen, unix
from proc import children, descriptors, state

MESSAGE = "service = message\n"
KINDS = (listen("local") + listen("stored", more=MESSAGE) + unix("file") +
         "[listen proxied]\naddress = 127.0.0.1\nport = 0\nproxy_protocol = v1\n"
         "proxy_trust = 127.0.0.0/8\n")
OPEN = "[server]\nmax_per_source = 0\ncrash_penalty = 0\n"


def current(echod):
    """Waits for a fork server that takes jobs, and returns it."""
    return eventually(lambda: echod.fork_servers(), "a fork server runs")[-1]


def quiet(echod):
    """Waits until no client is served, and returns the state that must be the same before and after."""
    eventually_equal(lambda: echod.ask("status")["clients"], 0, "the clients")
    eventually_equal(lambda: echod.ask("status")["fork_servers"], 1, "the fork servers")
    # The daemon's only children are a scribe and a fork server, and neither is a zombie.
    eventually(lambda: sorted(state(pid) in "SRD" for pid in children(echod.pid)) == [True, True],
               "the daemon has exactly two children")
    eventually(lambda: echod.workers() == [], "the daemon has no worker")
    eventually(lambda: slots(echod) == 0, "no slot is in use")
    return len(descriptors(echod.pid)), echod.ask("status")["clients"]


def slots(echod):
    number = [n for n, link in descriptors(echod.pid).items() if "echod-slots" in link][0]
    return os.stat("/proc/%d/fd/%d" % (echod.pid, number)).st_blocks


def kill(pids, number=signal.SIGKILL):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


class Senders:
    """Threads with clients that send messages, each once, or exchange some bytes, and reconnect if their
    session ends, in a with block. .stored: the messages acknowledged with OK; .sent: all messages. ECHOD:
    an object with address() for "stored" and "local". MAY_FAIL: messages may be refused."""

    def __init__(self, echod, senders=4, echoers=4, may_fail=False):
        self.may_fail = may_fail
        self.echod, self.stopping, self.stored, self.sent, self.echoed = echod, False, [], [], 0
        self.wrong, self.lock = [], threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(self._send, i), daemon=True)
                        for i in range(senders)]
        self.threads += [threading.Thread(target=self._run, args=(self._echo, i), daemon=True)
                         for i in range(echoers)]

    def _run(self, serve, number):
        count = 0
        while not self.stopping:
            try:
                with socket.create_connection(self.echod.address(serve.__name__ == "_send" and
                                                                 "stored" or "local"),
                                              timeout=DEADLINE) as sock:
                    for _ in range(20):
                        count += 1
                        if not serve(sock, "%d-%d" % (number, count)):
                            break
            except ConnectionError:
                pass
            except Exception as error:  # no reply or a wrong one, which is reported at the end
                with self.lock:
                    self.wrong.append(repr(error))
                return

    def _send(self, sock, name):
        with self.lock:
            self.sent.append(name)
        sock.sendall(b"the message %s.\n" % name.encode())
        reply = b""
        while not reply.endswith(b"\n"):
            more = sock.recv(100)
            if not more:
                return False
            reply += more
        if self.may_fail and reply == b"ERR the message could not be stored\n":
            return False
        expect_equal(reply, b"OK\n", "the reply")
        with self.lock:
            self.stored.append(name)
        return not self.stopping

    def _echo(self, sock, name):
        data = name.encode() * 10
        sock.sendall(data)
        got = b""
        while len(got) < len(data):
            more = sock.recv(len(data) - len(got))
            if not more:
                return False
            got += more
        expect_equal(got, data, "the echo")
        with self.lock:
            self.echoed += 1
        return not self.stopping

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join(DEADLINE)

    def progress(self):
        with self.lock:
            return len(self.stored), self.echoed

    def wait_more(self):
        """Waits until another message is stored, and more bytes are echoed."""
        stored, echoed = self.progress()
        eventually(lambda: self.wrong or (self.progress()[0] > stored and
                                          self.progress()[1] > echoed), "more is served")
        expect_equal(self.wrong, [], "failures")
