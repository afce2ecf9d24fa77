"""The cases that doc/TOUR.md runs against each of its stages. A case returns if the stage passes it, else
it raises NotYet."""
import os
import resource
import signal
import socket
import tempfile
import time
from pathlib import Path

from stage import (QUIET, SAMPLE, SECRET, NotYet, Stage, descriptors, end_sending, is_alive, read_proc,
                   readable, receive_some, send_some, stat_fields, state)

MAX_CLIENTS = 16  # as in the stages
CASES = {}


def case(function):
    CASES[function.__name__.replace("_", "-")] = function
    return function


@case
def one_message(program):
    """A client gets its message back."""
    with Stage(program) as stage:
        stage.client()


@case
def two_at_once(program):
    """A client is served while another one is connected."""
    with Stage(program) as stage:
        stage.connect()
        stage.client("the second client gets no answer while the first is connected")


@case
def half_close(program):
    """A client gets every message back, including those sent just before it ends its side."""
    with Stage(program) as stage:
        sock = stage.client()
        stage.settle()
        send_some(sock, b"one\n")
        send_some(sock, b"two\n")
        end_sending(sock)
        got = stage.receive_end(sock, "the connection is never closed")
        if got != b"one\ntwo\n":
            raise NotYet("the connection ended after %d of 8 bytes" % len(got))


def stop_and_continue(pid):
    os.kill(pid, signal.SIGSTOP)
    while is_alive(pid) and state(pid) != "T":
        time.sleep(SAMPLE)
    os.kill(pid, signal.SIGCONT)


def fill(stage, sock, left):
    """Sends up to LEFT bytes, until neither socket nor server takes more. Returns how many were sent."""
    sent = 0
    while sent < left:
        count = send_some(sock, bytes(min(left - sent, 65536)))
        sent += count
        if not count:
            stage.settle()
            count = send_some(sock, bytes(min(left - sent, 65536)))
            sent += count
            if not count:
                break
    return sent


@case
def every_byte(program):
    """A client that reads late loses no byte when its worker is stopped and continued."""
    size, sent, got = 64 << 20, 0, 0
    with Stage(program) as stage:
        sock = stage.connect(receive_buffer=4096)
        for _ in range(3):
            sent += fill(stage, sock, size - sent)
            if sent == size:
                break
            stop_and_continue(stage.worker(sock))
            while readable(sock) and got < sent - (1 << 20):
                got += len(receive_some(sock, 65536))
        end_sending(sock)
        got += len(stage.receive_end(sock, "the connection is never closed"))
        if got != sent:
            raise NotYet("%d of %d bytes came back" % (got, sent))


@case
def no_zombies(program):
    """Workers whose clients have disconnected leave no zombies."""
    with Stage(program) as stage:
        stage.settle()
        before = set(stage.look())
        clients = [stage.client() for _ in range(8)]
        stage.settle()
        for sock in clients:
            sock.close()
        stage.wait(lambda: not set(stage.look()) - before or stage.ended(), "workers continue")
        zombies = [pid for pid in stage.workers if state(pid) == "Z" and stage.keeps(pid)]
        stage.wait(lambda: not any(state(pid) == "Z" and stage.keeps(pid) for pid in zombies),
                   "%d of its children are zombies" % len(zombies))


@case
def interrupted(program):
    """After one client has left, the next one is served."""
    with Stage(program) as stage:
        sock = stage.client()
        stage.settle()
        sock.close()
        stage.settle()
        stage.client()


def cpu_ticks(pid):
    return sum(int(field) for field in stat_fields(pid)[11:13])


def watch_shortage(stage):
    """Returns once the server has been asleep for a while although a client is waiting."""
    begun = cpu_ticks(stage.popen.pid)

    def spins():
        return cpu_ticks(stage.popen.pid) - begun >= 20
    try:
        stage.wait(lambda: not stage.ended() and spins(), "", quiet=10)
    except NotYet:
        if stage.ended():
            raise
        return
    raise NotYet("the server uses a whole CPU instead of waiting")


@case
def shortage(program):
    """A client that connects while no descriptor is free is served once there is one."""
    with Stage(program) as stage:
        stage.settle()
        limits = resource.prlimit(stage.popen.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(stage.popen.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        sock = stage.connect()
        send_some(sock, b"hello\n")
        watch_shortage(stage)
        resource.prlimit(stage.popen.pid, resource.RLIMIT_NOFILE, limits)
        stage.receive(sock, 6, "the client gets no answer")


def expect_end(stage, otherwise):
    """Waits until the server has ended with status 0."""
    stage.wait(lambda: stage.ended() and stage.popen.returncode == 0, otherwise)


@case
def signals(program):
    """SIGTERM, if necessary a second one, ends the server cleanly, and its workers."""
    with Stage(program) as stage:
        stage.client()
        stage.settle()
        stage.terminate()
        stage.settle(QUIET)
        stage.terminate()
        expect_end(stage, "the server continues")
        stage.wait(lambda: not stage.look() or None, "a worker continues")


@case
def limits(program):
    """Client 17 is refused, with the reason."""
    with Stage(program) as stage:
        for _ in range(MAX_CLIENTS):
            stage.client()
        sock = stage.connect()
        words = stage.receive_end(sock, "client 17 is not refused")
        if words != b"too many clients\n":
            raise NotYet("client 17 gets %r" % words)


@case
def silence(program):
    """A client that is silent for a second is disconnected."""
    with Stage(program, idle=1) as stage:
        stage.receive_end(stage.connect(), "a silent client is never disconnected",
                          quiet=int(3 / SAMPLE))


@case
def drain(program):
    """After SIGTERM, a connected client can finish, and no new client is accepted."""
    with Stage(program) as stage:
        sock = stage.client()
        stage.settle()
        stage.terminate()
        stage.wait(lambda: not stage.listens(), "new clients are still accepted")
        stage.settle()
        if stage.ended() and stage.popen.returncode:
            raise NotYet(stage.end_message())
        stage.exchange(sock, b"bye\n")
        end_sending(sock)
        stage.receive_end(sock, "the connection is never closed")
        expect_end(stage, "the server does not end with its last client")


@case
def activation(program):
    """Clients that connect before the server starts, or while it is restarted, are served."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with Stage(program, listener=listener) as stage:
            stage_again(stage, listener)
            stage.terminate()
            expect_end(stage, "the server continues")
            stage_again(stage, listener, start=True)


def stage_again(stage, listener, start=False):
    """A client that connected before the server accepts gets its answer."""
    early = socket.create_connection(listener.getsockname())
    early.setblocking(False)
    stage.sockets.append(early)
    if start:
        stage.start()
    stage.exchange(early, b"early\n", "a client that connected before the server started gets no answer")
    early.close()
    stage.settle()


def wait_for_notice(stage, notify, word, otherwise):
    def arrived():
        try:
            return word in notify.recv(4096, socket.MSG_DONTWAIT).split(b"\n")
        except BlockingIOError:
            return False
    stage.wait(arrived, otherwise)


@case
def notify(program):
    """The server reports to the service manager when it is ready and when it stops."""
    with tempfile.TemporaryDirectory() as directory, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(str(Path(directory, "notify")))
        with Stage(program, notify=notices) as stage:
            wait_for_notice(stage, notices, b"READY=1", "the server does not report that it is ready")
            stage.client()
            stage.terminate()
            wait_for_notice(stage, notices, b"STOPPING=1", "the server does not report that it is stopping")


@case
def sandbox(program):
    """A worker has one descriptor and a system call filter."""
    with Stage(program) as stage:
        sock = stage.connect()
        stage.settle()
        worker = stage.worker(sock)
        count = len(descriptors(worker))
        if b"\nSeccomp:\t2\n" not in read_proc(worker, "status"):
            raise NotYet("the worker may make any system call, and has %d descriptors" % count)
        if count != 1:
            raise NotYet("the worker has %d descriptors" % count)


def memory(pid):
    """Yields the readable parts of the memory of PID."""
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as file:
        for line in read_proc(pid, "maps").decode().splitlines():
            start, end = (int(number, 16) for number in line.split()[0].split("-"))
            try:
                file.seek(start)
                yield file.read(end - start)
            except (OSError, OverflowError, ValueError):
                pass  # [vvar], which only the process itself can read


@case
def secret(program):
    """A worker's memory does not contain a secret of the daemon."""
    with Stage(program) as stage:
        sock = stage.connect()
        stage.settle()
        if any(SECRET.encode() in part for part in memory(stage.worker(sock))):
            raise NotYet("the worker's memory contains the daemon's secret")


def is_running(stage, program):
    return os.stat("/proc/%d/exe" % stage.popen.pid).st_ino == os.stat(program).st_ino


@case
def re_exec(program):
    """SIGHUP makes the daemon execute the installed program, and keeps its clients."""
    with Stage(program) as stage:
        sock = stage.client()
        stage.install("/bin/false")
        stage.terminate(signal.SIGHUP)
        stage.wait(lambda: any("refused" in line for line in stage.messages()),
                   "the reload is not refused")
        stage.exchange(sock, b"still\n")
        stage.install(program)
        stage.terminate(signal.SIGHUP)
        stage.wait(lambda: is_running(stage, stage.program), "the old program continues")
        stage.exchange(sock, b"again\n")
        stage.client().close()
        sock.close()
        stage.settle()
        stage.terminate()
        expect_end(stage, "the new program does not end with its last client")
