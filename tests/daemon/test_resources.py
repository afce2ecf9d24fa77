"""Lack of resources: no busy loop, one log record, and normal operation afterwards."""
import os
import resource
import subprocess
import time

from clients import expect_echo, expect_silence, recv_exactly, recv_until_eof
from expect import DEADLINE, Skip, eventually, expect, expect_equal, scaled
from harness import Echod, unprivileged
from hosts import with_mount
from proc import all_children, cpu_seconds, descriptors, rss_kib, stat_fields
from tap import main, test

NO_LIMIT = str(resource.getrlimit(resource.RLIMIT_NPROC)[1]).replace("-1", "unlimited")

NO_DESCRIPTOR = (r" warning: cannot accept a connection: Too many open files; "
                 r"pausing, new connections wait until resources are free$")
NO_PROCESS = (r" warning: cannot fork a worker: Resource temporarily unavailable; "
              r"pausing, new connections wait until resources are free$")


def alone():
    """As unprivileged(), but as a user that runs nothing else: RLIMIT_NPROC is about all that a
    user runs, other tests at the same time among it."""
    who = unprivileged()
    return dict(who, user=(1 << 20) + os.getpid()) if who else {}


def set_limit(echod, which, soft):
    hard = resource.prlimit(echod.pid, which)[1]
    resource.prlimit(echod.pid, which, (soft, hard))


def no_more_descriptors(echod):
    """Lets the daemon open no further descriptor. Returns the limit that it had."""
    echod.wait_closed_clients()
    used = descriptors(echod.pid)
    before = resource.prlimit(echod.pid, resource.RLIMIT_NOFILE)[0]
    set_limit(echod, resource.RLIMIT_NOFILE, next(i for i in range(1024) if i not in used))
    return before


def set_process_limit(echod, limit, who):
    """Sets RLIMIT_NPROC of a fork server that runs as somebody else: so root cannot, without
    CAP_SYS_RESOURCE, but that user can."""
    for pid in echod.fork_servers():
        subprocess.run(["prlimit", "--pid", str(pid), "--nproc=%s:" % limit], check=True, **who)


def expect_idle(echod):
    """That the daemon does not spin: what it computes in a second that passes."""
    before = cpu_seconds(echod.pid)
    time.sleep(1)
    used = cpu_seconds(echod.pid) - before
    expect(used < 0.2, "echod used %.2f s of CPU time in one second" % used)


@test("out of descriptors: no busy loop, one record, and clients are served again afterwards")
def no_descriptors():
    with Echod() as echod:
        echod.echoing()
        before = no_more_descriptors(echod)
        waiting = [echod.connect() for _ in range(3)]
        echod.log.wait(NO_DESCRIPTOR)
        expect_idle(echod)
        waiting[0].sendall(b"ping")
        expect_silence(waiting[0], 0.3, "the client must wait until a descriptor is free")
        set_limit(echod, resource.RLIMIT_NOFILE, before)
        expect_equal(recv_exactly(waiting[0], 4), b"ping", "the echo once it can")
        for sock in waiting[1:]:
            expect_echo(sock)
        echod.log.wait(r" notice: accepting connections again after \d+ pauses?$")
        expect_equal(len(echod.log.matching(NO_DESCRIPTOR)), 1, "number of such records")


@test("out of descriptors: connected clients are served and can leave")
def no_descriptors_for_others():
    with Echod() as echod:
        inside = echod.echoing()
        before = no_more_descriptors(echod)
        waiting = echod.connect()
        echod.log.wait(NO_DESCRIPTOR)
        expect_echo(inside)
        inside.close()
        echod.log.wait(r" info: session of .* closed by the client; 8 bytes in, 8 out, ")
        set_limit(echod, resource.RLIMIT_NOFILE, before)
        expect_echo(waiting)


@test("ulimit -n 16 is enough for many clients")
def few_descriptors():
    def prepare():
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))

    with Echod(prepare=prepare) as echod:
        socks = [echod.echoing() for _ in range(20)]
        expect_idle(echod)
        for sock in socks:
            expect_echo(sock)


@test("with any ulimit -n, echod serves, or exits at its start with the reason: status 71")
def too_few_descriptors():
    served = [n for n in range(7, 30) if serves_with(n)]
    expect(served == list(range(served[0], 30)), "more descriptors serve more: %s" % served)


def serves_with(count):
    def prepare():
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))

    with Echod(listen="service = message", prepare=prepare, ready=False) as echod:
        eventually(lambda: echod.popen.poll() is not None or echod.log.matching(" listening on "),
                   "echod listens or ends")
        if echod.popen.poll() is not None:
            expect_equal(echod.popen.returncode, 71, "the status with %d descriptors" % count)
            echod.log.thread.join(DEADLINE)
            expect(echod.log.text, "no reason is logged with %d descriptors" % count)
            return False
        echod.wait_ready()
        sock = echod.connect()
        sock.sendall(b"message\n")
        expect_equal(recv_exactly(sock, 3), b"OK\n", "the answer with %d descriptors" % count)
        return True


@test("out of processes: the client gets the reason, and the next one is served afterwards")
def no_processes():
    who = alone()
    with Echod(**who) as echod:
        expect_echo(echod.connect())
        set_process_limit(echod, 1, who)
        sock = echod.connect()
        expect_equal(recv_until_eof(sock), b"echod: out of resources, try again later\n",
                     "the reply to the client")
        echod.log.wait(NO_PROCESS)
        echod.log.wait(r" info: refused 127\.0\.0\.1:%d on local: no process for it$" %
                       sock.getsockname()[1])
        set_process_limit(echod, NO_LIMIT, who)
        expect_echo(echod.connect())
        echod.log.wait(r" notice: accepting connections again after \d+ pauses?$")


@test("out of processes: no busy loop under a stream of clients")
def no_processes_no_spin():
    who = alone()
    with Echod(**who) as echod:
        set_process_limit(echod, 1, who)
        crowd = [echod.connect() for _ in range(20)]
        echod.log.wait(NO_PROCESS)
        expect_idle(echod)
        expect_equal(len(echod.log.matching(NO_PROCESS)), 1, "number of such records")
        expect_equal(len(crowd), 20, "the number of clients")
        set_process_limit(echod, NO_LIMIT, who)  # LeakSanitizer forks at the end


def zombies(pid):
    return [child for child in all_children().get(pid, []) if stat_fields(child)[:1] == [b"Z"]]


def one_batch(echod, count):
    socks = [echod.connect() for _ in range(count)]
    for sock in socks:
        sock.sendall(b"x")
    for sock in socks:
        expect_equal(sock.recv(1), b"x", "the echo")
        sock.close()
    echod.sockets.clear()


@test("%d connections leave no process, no zombie, no descriptor, no place taken" %
      scaled(20000, 500))
def no_leaks():
    with Echod(server="log_level = warning\nmax_clients = 100\nwhen_full = queue") as echod:
        one_batch(echod, 50)
        echod.wait_no_workers()
        before, memory = descriptors(echod.pid), rss_kib(echod.pid)
        for _ in range(scaled(20000, 500) // 50):
            one_batch(echod, 50)
        echod.wait_no_workers()
        expect_equal(zombies(echod.pid), [], "the zombies")
        expect_equal(sorted(all_children()[echod.pid]),
                     sorted([echod.scribe_pid, *echod.fork_servers()]), "the children")
        expect_equal(descriptors(echod.pid), before, "the descriptors of the daemon")
        grown = rss_kib(echod.pid) - memory
        expect(grown < scaled(512, 65536), "the daemon grew by %d KiB" % grown)
        # Every place is free: as many as ever are served at once.
        for sock in [echod.connect() for _ in range(100)]:
            expect_echo(sock)
        expect_equal(len(echod.workers()), 100, "the number of workers")
        expect_equal(echod.log.lines(), [], "the warnings")


@test("a limit that is too low for max_clients causes a warning at the start")
def warned():
    def prepare():
        resource.setrlimit(resource.RLIMIT_NPROC, (50, 50))

    with Echod(server="max_clients = 1000", prepare=prepare, ready=False,
               **alone()) as echod:
        echod.log.wait(r" warning: max_clients = 1000, but LimitNPROC= \(ulimit -u\) allows only "
                       r"50 processes: raise it or expect clients to be refused$")
        echod.kill(15)
        expect_equal(echod.wait(), 0, "the exit status")


class Grouped(Echod):
    """An echod whose control group has TASKS as its pids.max."""

    def __init__(self, tasks, *args, **more):
        self.tasks = tasks
        super().__init__(*args, **more)

    def command(self, args):
        with open("/proc/self/cgroup", encoding="ascii") as file:
            group = [line[3:].strip() for line in file if line.startswith("0::")]
        if not group:
            raise Skip("no control groups of version 2 on this machine")
        path = "'/sys/fs/cgroup%s'" % group[0]
        return with_mount("-t tmpfs none /sys/fs/cgroup && mkdir -p", path, "&& printf '%s' >" % self.tasks,
                          path + "/pids.max") + super().command(args)


@test("a pids.max that is too low for max_clients causes a warning")
def warned_of_group():
    udp = "[listen u]\naddress = 127.0.0.1\nport = 0\nprotocol = udp\n"
    for tasks, config, warning in (
            ("50\\n", "", "max_clients = 1000, but TasksMax="),
            ("1004", udp, "max_clients = 1000 and there is 1 datagram socket, but TasksMax="),
            ("1008", udp + udp.replace("u]", "v]") + udp.replace("u]", "w]"),
             "max_clients = 1000 and there are 3 datagram sockets, but TasksMax="),
            ("max\\n", udp, None), ("1005", udp, None), ("", udp, None)):
        tcp = "[server]\nmax_clients = 1000\n[listen t]\naddress = 127.0.0.1\nport = 0\n"
        with Grouped(tasks, tcp + config) as echod:
            if warning:
                echod.log.wait(" warning: " + warning)
            expect_echo(echod.connect("t"))
            warnings = [line for line in echod.log.matching(" warning: max_clients") if "TasksMax=" in line]
            expect_equal(len(warnings), 1 if warning else 0, "the warnings with %r" % tasks)


main()
