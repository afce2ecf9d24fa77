"""Fork server and scribe: killed, stopped, replaced, and deprived of resources."""
import ctypes
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

from clients import expect_echo, recv_exactly, recv_until_eof
from expect import DEADLINE, SLOW, Skip, eventually, eventually_equal, expect, expect_equal, expect_match
from harness import WRAPPER, inetd, run_echod
from managed import Managed, listen, plain_processes
from planted import relaxed
from proc import children, is_alive
from programs import ECHOD, SANITIZED
from senders import KINDS, MESSAGE, OPEN, Senders, current, kill, quiet
from syscalls import number_of
from tap import libc, main, test

LOST = r" warning: session of %s on %s: ended because its fork server was killed; "
HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.1 1024 7\r\n"


# ---- killed ----

def clients_of_each_kind(echod):
    """{name: (its socket, the name of its listener)}."""
    found = {"echo": (echod.connect(), "local")}
    expect_echo(found["echo"][0])
    found["message"] = (echod.connect("stored"), "stored")
    found["message"][0].sendall(b"before\n")
    expect_equal(recv_exactly(found["message"][0], 3), b"OK\n", "the reply")
    found["unix"] = (echod.connect("file"), "file")
    expect_echo(found["unix"][0])
    found["proxied"] = (echod.connect("proxied"), "proxied")
    found["proxied"][0].sendall(HEADER)
    expect_echo(found["proxied"][0])
    found["silent"] = (echod.connect(), "local")
    found["before its header"] = (echod.connect("proxied"), "proxied")
    eventually(lambda: len(echod.workers()) == len(found), "each client has a worker")
    return found


def record_of(echod, kind, sock, listener):
    peer = {"unix": "unix", "proxied": r"192\.0\.2\.7:1024 by the proxy 127\.0\.0\.1:\d+"}.get(kind)
    return LOST % (peer or "%s:%d" % sock.getsockname(), listener)


@test("a killed fork server is replaced; each lost session has one record")
def killed():
    plain_processes()
    with Managed(OPEN + KINDS) as echod:
        before = quiet(echod)
        for _ in range(3):
            found = clients_of_each_kind(echod)
            # Three that wait for the fork server, which is killed before it looks.
            server = current(echod)
            os.kill(server, signal.SIGSTOP)
            waiting = [echod.connect() for _ in range(3)]
            eventually(lambda: echod.ask("status")["clients"] == len(found) + 3, "they are accepted")
            os.kill(server, signal.SIGKILL)
            for sock in waiting:
                expect_echo(sock)
            expect_echo(echod.connect())
            for kind, (sock, listener) in found.items():
                expect_equal(recv_until_eof(sock), b"", "data received by the client: %s" % kind)
                pattern = record_of(echod, kind, sock, listener)
                echod.log.wait(pattern)
            lost = len(echod.log.matching("ended because its fork server was killed"))
            for sock in echod.sockets:
                sock.close()
            expect_equal(quiet(echod), before, "descriptors and clients")
            expect_equal(lost % len(found), 0, "records of lost sessions: %d" % lost)
        expect_equal(lost, 3 * len(found), "records of lost sessions")
        status = echod.ask("status")
        expect_equal((status["crashed"], status["violations"]), (0, 0), "counts of crashes and violations")


@test("a fork server that is killed while it starts is replaced")
def killed_at_once():
    plain_processes()
    with Managed(OPEN + KINDS) as echod:
        before = quiet(echod)
        for _ in range(5):
            server = current(echod)
            os.kill(server, signal.SIGKILL)
            # Whatever the daemon has started by then, ready or not.
            eventually(lambda: [p for p in children(echod.pid)
                                if p not in (server, echod.scribe_pid)], "the next one is started")
            for pid in children(echod.pid):
                if pid not in (server, echod.scribe_pid):
                    os.kill(pid, signal.SIGKILL)
            expect_echo(echod.connect())
        for sock in echod.sockets:
            sock.close()
        expect_equal(quiet(echod), before, "descriptors and clients")


def logged(echod):
    """The messages whose records have come so far, in whatever order."""
    return set(re.findall(r" message from .*: the message (\S+)\.$", "\n".join(echod.log.lines()), re.M))


@test("fork servers, scribes and workers are killed at random, and no acknowledged message is lost")
def mixed():
    plain_processes()
    seed = int(os.environ.get("ECHOD_SEED", "862"))
    chance = random.Random(seed)
    print("# ECHOD_SEED=%d" % seed)
    with Managed(OPEN + KINDS) as echod:
        before = quiet(echod)
        with Senders(echod) as load:
            for _ in range(8 if SLOW else 25):
                load.wait_more()
                others = [p for p in children(echod.pid) if p != echod.scribe()]
                workers = echod.workers()
                what = chance.choice(("fork server", "scribe", "workers", "both", "twice", "reload"))
                if what in ("fork server", "both", "twice"):
                    kill(others)
                if what in ("scribe", "both"):
                    kill([echod.scribe()] if echod.scribe() else [])
                if what == "workers":
                    kill(chance.sample(workers, min(3, len(workers))))
                if what == "twice":
                    kill(p for p in children(echod.pid) if p != echod.scribe())
                if what == "reload":
                    echod.hang_up(r" notice: reloaded: ")
            load.wait_more()
        expect_equal(load.wrong, [], "failures")
        expect(len(load.stored) > 25, "messages were stored")
        eventually_equal(lambda: set(load.stored) - logged(echod), set(), "messages that got OK, and are not in the log")
        expect_equal(logged(echod) - set(load.sent), set(), "messages in the log that were not sent")
        expect_equal(quiet(echod), before, "descriptors and clients")


# ---- stopped ----

def report_starts(echod):
    """Waits until the daemon knows the workers of all that were served before: what a fork server
    reports of the end of one comes after it."""
    sock = echod.echoing()
    name = "%s:%d" % sock.getsockname()
    sock.close()
    echod.log.wait(" session of %s " % name)


def expect_ended(sock):
    try:
        expect_equal(recv_until_eof(sock), b"", "data received by the client")
    except ConnectionResetError:
        pass


@test("with a stopped fork server, sessions can still be ended, and so can the daemon")
def stopped():
    plain_processes()
    with Managed(OPEN + "drain_timeout = 1s\n" + listen("local")) as echod:
        sock = echod.echoing()
        report_starts(echod)
        os.kill(current(echod), signal.SIGSTOP)
        worker = echod.ask("list")[0]["id"]
        expect_equal(echod.ctl("kill", str(worker)), (0, "", ""), "result of echoctl kill")
        expect_equal(recv_until_eof(sock), b"", "data received by the client")
        eventually_equal(lambda: echod.ask("status")["clients"], 0, "the clients")
    # A worker whose start is not reported yet is in the list, and can nevertheless be ended by its ID.
    with Managed(OPEN + listen("local")) as echod:
        for _ in range(5):
            sock = echod.echoing()
            os.kill(current(echod), signal.SIGSTOP)
            worker = echod.ask("list")[0]["id"]
            expect_equal(echod.ctl("kill", str(worker)), (0, "", ""), "result of echoctl kill")
            os.kill(current(echod), signal.SIGCONT)
            expect_equal(recv_until_eof(sock), b"", "data received by the client")
            eventually_equal(lambda: echod.ask("status")["clients"], 0, "the clients")
    # Of one client the daemon knows the worker, of one it may not, and one has none.
    with Managed(OPEN + "drain_timeout = 1s\n" + listen("local")) as echod:
        socks = [echod.echoing()]
        report_starts(echod)
        socks.append(echod.echoing())
        os.kill(current(echod), signal.SIGSTOP)
        socks.append(echod.connect())
        eventually_equal(lambda: echod.ask("status")["clients"], 3, "the clients")
        echod.kill(signal.SIGTERM)
        for sock in socks:
            expect_ended(sock)
        expect_equal(echod.wait(), 0, "the exit status")


# ---- replaced ----

def install(echod, program):
    """Replaces PROGRAM as a package manager does."""
    new = echod.path("new")
    shutil.copy(echod.path(program), new)
    os.rename(new, echod.path(program))


def executable(pid):
    return os.readlink("/proc/%d/exe" % pid)


@test("after a reload, a newly installed fork server serves new clients, and the old one its own")
def replaced():
    plain_processes()
    with Managed(OPEN + KINDS, copied=True) as echod:
        inside = echod.echoing()
        first = current(echod)
        echod.reload()
        expect_equal(echod.fork_servers(), [first], "the fork servers after a reload")
        install(echod, "echod-forkserver")
        echod.reload()
        eventually(lambda: len(echod.fork_servers()) == 2, "two fork servers run")
        expect_equal(echod.ask("status")["fork_servers"], 2, "the fork servers in the status")
        second = [pid for pid in echod.fork_servers() if pid != first][0]
        new = echod.echoing()
        expect(echod.worker_of(new) in children(second), "the new fork server has no new client")
        expect(echod.worker_of(inside) in children(first), "the old fork server has lost its client")
        expect_echo(inside)
        echod.reload()
        expect_echo(inside)
        expect_echo(new)
        inside.close()
        eventually(lambda: echod.fork_servers() == [second], "the old one ends with its last")
        expect_echo(new)
        expect_equal(echod.log.matching(" warning: | error: "), [], "warnings and errors in the log")


@test("an old fork server that is killed ends its own sessions only")
def old_one_killed():
    plain_processes()
    with Managed(OPEN + listen("local"), copied=True) as echod:
        inside = echod.echoing()
        first = current(echod)
        install(echod, "echod-forkserver")
        echod.reload()
        new = echod.echoing()
        os.kill(first, signal.SIGKILL)
        expect_equal(recv_until_eof(inside), b"", "data received by its client")
        echod.log.wait(LOST % ("%s:%d" % inside.getsockname(), "local"))
        expect_echo(new)
        expect_echo(echod.connect())
        eventually(lambda: first not in echod.fork_servers(), "the old fork server is gone")
        expect_equal(echod.ask("status")["fork_servers"], 1, "the fork servers")


@test("the scribe is replaced if its program has changed, and only then")
def scribe_replaced():
    plain_processes()
    with Managed(OPEN + KINDS, copied=True) as echod:
        sock = echod.connect("stored")

        def store(text):
            sock.sendall(text + b"\n")
            expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")
            echod.log.wait(": %s$" % text.decode())

        store(b"one")
        first = echod.scribe()
        for _ in range(2):
            echod.reload()
            expect_equal(echod.scribe(), first, "the scribe after a reload")
        install(echod, "echod")
        echod.reload()
        store(b"two")
        eventually(lambda: echod.scribe() not in (None, first), "another scribe runs")
        eventually(lambda: not is_alive(first), "the first one is gone")
        expect_equal(executable(echod.scribe()), echod.path("echod"), "executable of the scribe")
        store(b"three")
        expect_equal(echod.log.matching(" warning: | error: "), [], "warnings and errors in the log")


# ---- refused by the kernel or a container ----

EPERM, ENOSYS = 1, 38
CALLS = {"x86_64": {"seccomp": 317, "prctl": 157}, "aarch64": {"seccomp": 277, "prctl": 167}}
CLOSE_RANGE, LANDLOCK_CREATE = 436, 444  # the same on every architecture


def refusing(error, *numbers):
    """A function for the child: from here on the kernel answers NUMBERS with ERROR; (number,
    argument) is a call with that as its first argument."""
    def instruction(code, true, false, k):
        return struct.pack("HBBI", code, true, false, k)

    program = b""
    for number in numbers:
        number, argument = number if isinstance(number, tuple) else (number, None)
        program += instruction(0x20, 0, 0, 0)  # the number
        if argument is None:
            program += instruction(0x15, 0, 1, number)
        else:
            program += (instruction(0x15, 0, 3, number) + instruction(0x20, 0, 0, 16) +
                        instruction(0x15, 0, 1, argument))
        program += instruction(0x06, 0, 0, 0x00050000 | error)
    program += instruction(0x06, 0, 0, 0x7fff0000)
    memory = ctypes.create_string_buffer(program, len(program))
    prog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8,
                                                   ctypes.addressof(memory)))

    def install_filter():
        libc.prctl(38, 1, 0, 0, 0)
        if libc.prctl(22, 2, prog, 0, 0) != 0:
            os._exit(99)  # nobody can do without it here

    install_filter.memory = memory
    return install_filter


def ways_to_seccomp():
    """seccomp(2), and prctl(2) with PR_SET_SECCOMP."""
    machine = os.uname().machine
    if machine not in CALLS:
        raise Skip("the numbers of the calls are not known to this test on " + machine)
    return CALLS[machine]["seccomp"], (CALLS[machine]["prctl"], 22)


def serves_without(error, names, *numbers):
    """An echod for which NUMBERS are refused with ERROR serves, and reports that NAMES are missing."""
    with Managed(OPEN + KINDS, prepare=refusing(error, *numbers)) as echod:
        found = clients_of_each_kind(echod)
        unprotected = echod.ask("status")["unprotected"]
        missing = [] if unprotected == "none" else re.findall(r"(\w+) \(", unprotected)
        if relaxed():
            missing.remove("seccomp")
        if not os.path.isdir(echod.config + ".d"):  # core_dumps = yes is there for those who are not root
            expect_equal(missing, names, "missing protections: " + unprotected)
        for sock, _ in found.values():
            sock.close()
        eventually_equal(lambda: echod.ask("status")["clients"], 0, "the clients")
        echod.log.wait(" info: session of .* 4 bytes in, 4 out", count=3)
        for name in names:
            expect_equal(len(echod.log.matching(" warning: workers run without a protection: " + name)), 1,
                         "number of warnings about " + name)
        expect_equal(echod.ask("status")["crashed"], 0, "crashes")


@test("without close_range(2), clients are served")
def no_close_range():
    plain_processes()
    for error in (EPERM, ENOSYS):
        serves_without(error, [], CLOSE_RANGE)


@test("without landlock(7), clients are served, with a warning")
def no_landlock():
    plain_processes()
    for error in (EPERM, ENOSYS):
        serves_without(error, ["landlock"], LANDLOCK_CREATE)


@test("without landlock(7), --inetd serves its client, with one warning")
def no_landlock_inetd():
    plain_processes()
    ours, theirs = socket.socketpair()
    with ours, inetd(theirs, prepare=refusing(EPERM, LANDLOCK_CREATE)) as process:
        ours.sendall(b"ping")
        expect_equal(recv_exactly(ours, 4), b"ping", "the echo")
        ours.close()
        expect_equal(process.wait(DEADLINE), 0, "the exit status")
        err = process.stderr.read().decode()
        expect_equal(err.count("workers run without a protection: landlock"), 1, "number of warnings in: " + err)


def needs_filter():
    plain_processes()
    if relaxed() or SANITIZED:
        raise Skip("this build has no system call filter (--enable-relaxed-sandbox)")


@test("without seccomp(2), another call is used or a warning is logged; clients are served")
def no_seccomp():
    needs_filter()
    call, older_call = ways_to_seccomp()
    for error in (EPERM, ENOSYS):
        serves_without(error, [], call)
        serves_without(error, ["seccomp"], call, older_call)


@test("without close_range(2), landlock(7) and seccomp(2), clients are served, with warnings")
def nothing():
    needs_filter()
    for error in (EPERM, ENOSYS):
        serves_without(error, ["seccomp", "landlock"], *ways_to_seccomp(), LANDLOCK_CREATE,
                       CLOSE_RANGE)


@test("if no worker can be forked, echod exits at its start with the reason")
def no_worker():
    plain_processes()
    if os.uname().machine != "x86_64":
        raise Skip("the numbers are those of x86-64")
    # The filter cannot tell the clone(2) of a worker from others, so it refuses dup3(2), which each worker needs.
    for error in (EPERM, ENOSYS):
        status, out, err = run_echod(config=listen("local"), preexec_fn=refusing(error, 292))
        expect_equal((status, out), (71, ""), "exit status and output, with %s" % err)
        expect("no client can be served: " in err, "standard error: " + err)


def write(path, content, mode):
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, mode)


@test("an echod-forkserver that cannot be executed, or exits at once, is status 71 with the reason")
def bad_program():
    reinstall = "self test failed, no client can be served: cannot execute echod-forkserver: reinstall echod$"
    with open(shutil.which("false"), "rb") as file:
        false = file.read()
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        echod, config = os.path.join(where, "echod"), os.path.join(where, "echod.conf")
        shutil.copy(ECHOD, echod)
        write(config, listen("local").encode(), 0o644)
        for content, mode, reason in ((b"", 0o755, reinstall), (false, 0o644, reinstall), (false, 0o755,
                                      r"the fork server exited before it was ready \(exit status 1\);")):
            write(os.path.join(where, "echod-forkserver"), content, mode)
            done = subprocess.run(WRAPPER + [echod, "--config", config], capture_output=True, timeout=DEADLINE,
                                  check=False, text=True)
            expect_equal((done.returncode, done.stdout), (71, ""), "status and output, with " + done.stderr)
            expect_match(reason, done.stderr, "standard error")


# What nobody can do without, but for those that each program makes to run at all. (rt_sigreturn(2) is one
# of them: without it the first handler of a signal is the end.)
NEEDED = """poll rt_sigprocmask dup2 getpid socket sendmsg recvmsg bind listen socketpair setsockopt
    getsockopt clone fcntl ftruncate getppid waitid signalfd4 eventfd2 dup3 memfd_create
    execveat kill flock access unlink geteuid setgroups setresuid setresgid prlimit64 clone3 ioctl
    rt_sigaction madvise setitimer getrandom uname ppoll recvmmsg sendmmsg shutdown epoll_create1
    epoll_ctl epoll_wait epoll_pwait wait4 sendto recvfrom rt_sigtimedwait timer_create accept4
    clock_gettime gettimeofday getpeername getsockname write""".split()


def expect_datagram_echo(port, what):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(DEADLINE)
        sock.sendto(b"hello", ("127.0.0.1", port))
        expect_equal(sock.recv(9), b"hello", what + "the answer to a datagram")


@test("if the calls of datagram workers are refused, echod exits with the reason, or serves the other listeners")
def no_datagrams():
    needs_filter()
    for name in ("recvmmsg", "sendmmsg", "ppoll"):
        for error in (EPERM, ENOSYS):
            refuse = refusing(error, number_of(name))
            status, out, err = run_echod(config=listen("local", more="protocol = udp"), preexec_fn=refuse)
            expect_equal(status, 71, "the exit status without %s: %s%s" % (name, out, err))
            expect_match("error: no datagram can be answered: %s; does a container" % os.strerror(error), err,
                         "standard error")
            with Managed(OPEN + listen("local"), prepare=refuse) as echod:
                with echod.connect() as sock:
                    expect_echo(sock)
                echod.configure(OPEN + listen("local") + listen("datagrams", more="protocol = udp"))
                echod.rejects("cannot get the system calls for datagrams: " + os.strerror(error))
                with echod.connect() as sock:
                    expect_echo(sock)


@test("whatever system call is refused, echod serves and stops, or exits at its start with the reason")
def refused():
    needs_filter()  # a sanitizer has needs of its own
    for name in NEEDED:
        number = number_of(name)
        for error in (EPERM, ENOSYS) if number >= 0 else ():
            what = "without %s, with error %d, " % (name, error)
            with Managed(OPEN + listen("local") + listen("stored", more=MESSAGE) +
                         listen("datagrams", more="protocol = udp"), ready=False,
                         prepare=refusing(error, number)) as echod:
                printed = os.read(echod.out, 65536).decode()
                if not printed:
                    expect(echod.popen.wait(DEADLINE) > 0, what + "the exit status")
                    if name != "write":
                        eventually(lambda: echod.log.text.count(b"\n"), what + "a record is logged")
                    continue
                port = int(re.search(r":(\d+) \(local", printed).group(1))
                with socket.create_connection(("127.0.0.1", port), DEADLINE) as sock:
                    expect_echo(sock)
                port = int(re.search(r":(\d+) \(stored", printed).group(1))
                with socket.create_connection(("127.0.0.1", port), DEADLINE) as sock:
                    sock.sendall(b"hello\n")
                    expect_equal(sock.recv(9), b"OK\n", what + "the answer to a message")
                port = int(re.search(r":(\d+) \(datagrams", printed).group(1))
                expect_datagram_echo(port, what)
                echod.log.wait(" info: session of .* on local: ")
                echod.log.wait(" on stored: hello$")
                echod.kill(signal.SIGTERM)
                expect_equal(echod.wait(), 0, what + "the exit status")


main()
