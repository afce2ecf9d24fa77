"""What doc/TOUR.md tries with each of its stages. A case returns where the stage passes, and raises
NotYet where it does not."""
import os
import resource
import signal
import socket
import tempfile
import time
from pathlib import Path

from stage import (QUIET, SAMPLE, SECRET, NotYet, Stage, descriptors, end_sending, is_alive, read_proc,
                   readable, receive_some, send_some, stat_fields, state)

MAX_CLIENTS = 16  # that of the stages
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
    """A client gets all of its messages back, those too that come just before it ends its side."""
    with Stage(program) as stage:
        sock = stage.client()
        stage.settle()
        send_some(sock, b"one\n")
        send_some(sock, b"two\n")
        end_sending(sock)
        got = stage.receive_end(sock, "the connection is never ended")
        if got != b"one\ntwo\n":
            raise NotYet("the connection ended after %d of 8 bytes" % len(got))


def stop_and_continue(pid):
    os.kill(pid, signal.SIGSTOP)
    while is_alive(pid) and state(pid) != "T":
        time.sleep(SAMPLE)
    os.kill(pid, signal.SIGCONT)


def fill(stage, sock, left):
    """Sends until neither the socket nor the server takes more. Returns how much of LEFT that was."""
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
    """Nothing is lost to a client that reads late, when its worker is stopped and continued."""
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
        got += len(stage.receive_end(sock, "the connection is never ended"))
        if got != sent:
            raise NotYet("%d of %d bytes came back" % (got, sent))


@case
def no_zombies(program):
    """Nothing is left of workers whose clients have gone."""
    with Stage(program) as stage:
        stage.settle()
        before = set(stage.look())
        clients = [stage.client() for _ in range(8)]
        stage.settle()
        for sock in clients:
            sock.close()
        stage.wait(lambda: not set(stage.look()) - before or stage.ended(), "workers go on")
        zombies = [pid for pid in stage.workers if state(pid) == "Z" and stage.keeps(pid)]
        stage.wait(lambda: not any(state(pid) == "Z" and stage.keeps(pid) for pid in zombies),
                   "%d of its children are zombies" % len(zombies))


@case
def interrupted(program):
    """The next client is served after one has left."""
    with Stage(program) as stage:
        sock = stage.client()
        stage.settle()
        sock.close()
        stage.settle()
        stage.client()


def cpu_ticks(pid):
    return sum(int(field) for field in stat_fields(pid)[11:13])


def watch_shortage(stage):
    """Returns once the server is found to wait, for a while, though a client is there."""
    begun = cpu_ticks(stage.popen.pid)

    def spins():
        return cpu_ticks(stage.popen.pid) - begun >= 20
    try:
        stage.wait(lambda: not stage.ended() and spins(), "", quiet=10)
    except NotYet:
        if stage.ended():
            raise
        return
    raise NotYet("the server does not wait, but takes all of a processor")


@case
def shortage(program):
    """A client that comes while no descriptor is free is served once there is one."""
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
    """The server ends with status 0."""
    stage.wait(lambda: stage.ended() and stage.popen.returncode == 0, otherwise)


@case
def signals(program):
    """SIGTERM, or a second one, ends the server and its workers in good order."""
    with Stage(program) as stage:
        stage.client()
        stage.settle()
        stage.terminate()
        stage.settle(QUIET)
        stage.terminate()
        expect_end(stage, "the server goes on")
        stage.wait(lambda: not stage.look() or None, "a worker lives on")


@case
def limits(program):
    """Client 17 is told that there are too many."""
    with Stage(program) as stage:
        for _ in range(MAX_CLIENTS):
            stage.client()
        sock = stage.connect()
        words = stage.receive_end(sock, "client 17 is not turned away")
        if words != b"too many clients\n":
            raise NotYet("client 17 is told %r" % words)


@case
def silence(program):
    """A client that is silent for a second is disconnected."""
    with Stage(program, idle=1) as stage:
        stage.receive_end(stage.connect(), "a silent client is kept for ever",
                          quiet=int(3 / SAMPLE))


@case
def drain(program):
    """SIGTERM lets a client finish, and nobody new in."""
    with Stage(program) as stage:
        sock = stage.client()
        stage.settle()
        stage.terminate()
        stage.wait(lambda: not stage.listens(), "new clients are let in")
        stage.settle()
        if stage.ended() and stage.popen.returncode:
            raise NotYet(stage.obituary())
        stage.exchange(sock, b"bye\n")
        end_sending(sock)
        stage.receive_end(sock, "the connection is never ended")
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
            expect_end(stage, "the server goes on")
            stage_again(stage, listener, start=True)


def stage_again(stage, listener, start=False):
    """A client that was there before the server listened gets its answer."""
    early = socket.create_connection(listener.getsockname())
    early.setblocking(False)
    stage.sockets.append(early)
    if start:
        stage.start()
    stage.exchange(early, b"early\n", "a client that was there before the server gets no answer")
    early.close()
    stage.settle()


def wait_for_notice(stage, notify, word, otherwise):
    def told():
        try:
            return word in notify.recv(4096, socket.MSG_DONTWAIT).split(b"\n")
        except BlockingIOError:
            return False
    stage.wait(told, otherwise)


@case
def notify(program):
    """The service manager is told when the server is ready, and that it stops."""
    with tempfile.TemporaryDirectory() as directory, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(str(Path(directory, "notify")))
        with Stage(program, notify=notices) as stage:
            wait_for_notice(stage, notices, b"READY=1", "nobody is told that the server is ready")
            stage.client()
            stage.terminate()
            wait_for_notice(stage, notices, b"STOPPING=1", "nobody is told that the server stops")


@case
def sandbox(program):
    """A worker has one descriptor, and a filter for its system calls."""
    with Stage(program) as stage:
        sock = stage.connect()
        stage.settle()
        worker = stage.worker(sock)
        count = len(descriptors(worker))
        if b"\nSeccomp:\t2\n" not in read_proc(worker, "status"):
            raise NotYet("the worker may make every system call, and has %d descriptors" % count)
        if count != 1:
            raise NotYet("the worker has %d descriptors" % count)


def memory(pid):
    """What PID can read of its own memory."""
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
    """A worker's memory has nothing of what only the daemon is to know."""
    with Stage(program) as stage:
        sock = stage.connect()
        stage.settle()
        if any(SECRET.encode() in part for part in memory(stage.worker(sock))):
            raise NotYet("the worker's memory has the daemon's secret")


def is_running(stage, program):
    return os.stat("/proc/%d/exe" % stage.popen.pid).st_ino == os.stat(program).st_ino


@case
def re_exec(program):
    """SIGHUP makes the daemon a new program, with the clients of the old one."""
    with Stage(program) as stage:
        sock = stage.client()
        stage.install("/bin/false")
        stage.terminate(signal.SIGHUP)
        stage.wait(lambda: any("refused" in line for line in stage.messages()),
                   "nothing happens")
        stage.exchange(sock, b"still\n")
        stage.install(program)
        stage.terminate(signal.SIGHUP)
        stage.wait(lambda: is_running(stage, stage.program), "the old program goes on")
        stage.exchange(sock, b"again\n")
        stage.client().close()
        sock.close()
        stage.settle()
        stage.terminate()
        expect_end(stage, "the new program does not know who its clients are")
