"""One process per client, which holds only what it needs for that client."""
import os
import re
import subprocess

from clients import expect_echo, recv_exactly
from expect import Failure, Skip, eventually, expect, expect_equal, expect_match, scaled
from harness import VALGRIND, Echod, unprivileged
from managed import Managed
from proc import descriptors, read_proc, tcp_connections, title
from programs import BUILDDIR, SANITIZED
from tap import main, test

CLIENTS = scaled(200, 20)


def plain_processes():
    if VALGRIND:
        raise Skip("valgrind has its own command line, descriptors and mappings")


def many():
    return Echod(server="max_per_source = 0")


@test("%d clients at once are each served by a separate process" % CLIENTS)
def own_process():
    with many() as echod:
        socks = [echod.connect() for _ in range(CLIENTS)]
        for i, sock in enumerate(socks):
            expect_echo(sock, b"client %d" % i)
        expect_equal(len(set(echod.workers())), CLIENTS, "the number of workers")
        for i, sock in enumerate(socks):
            expect_echo(sock, b"client %d again" % i)


@test("the title of each worker names exactly its client")
def worker_titles():
    plain_processes()
    with many() as echod:
        socks = [echod.echoing() for _ in range(CLIENTS)]
        expected = ["echod: %s:%d local echo" % sock.getsockname() for sock in socks]
        titles = [title(pid) for pid in echod.workers()]
        expect_equal(sorted(titles), sorted(expected), "the titles of the workers")
        for sock, text in zip(socks[:20], expected):
            expect_equal(title(echod.worker_of(sock)), text, "the title of the one that serves")


@test("titles of the daemon, the scribe, and of workers of other kinds of listeners")
def other_titles():
    plain_processes()
    config = ("[listen six]\naddress = ::1\nport = 0\nservice = discard\n"
              "[listen file]\nprotocol = unix\naddress = @DIR@/s\nservice = message\n")
    with Echod(config) as echod:
        expect_equal(title(echod.scribe_pid), "echod: scribe", "the title of the scribe")
        expect(title(echod.pid).endswith("--config\0" + echod.config), "the daemon keeps its own")
        six = echod.connect("six")
        echod.connect("file")
        expected = ["echod: [::1]:%d six discard" % six.getsockname()[1],
                    "echod: unix file message"]
        eventually(lambda: sorted(title(pid) for pid in echod.workers()) == expected,
                   "the workers have the titles %s" % expected)


@test("a worker has no heap of brk(2), which would need page tables of its own")
def no_heap():
    plain_processes()
    if tuple(map(int, os.confstr("CS_GNU_LIBC_VERSION").split()[1].split("."))) < (2, 36):
        raise Skip("a static program needs brk(2) before glibc 2.36")
    with Echod() as echod:
        mappings = read_proc(echod.worker_of(echod.echoing()), "maps").decode()
        expect("[stack]" in mappings and "[heap]" not in mappings, "the mappings of the worker:\n" + mappings)


def optimized():
    with open(os.path.join(BUILDDIR, "Makefile"), encoding="utf-8") as makefile:
        return re.search(r"^CFLAGS = .*-O(?!0)", makefile.read(), flags=re.M) and not SANITIZED


def private_stack(pid):
    """KiB of the stack of PID that differ from the fork server's, as either has written to them since the fork."""
    stack = read_proc(pid, "smaps").decode().split("[stack]")[1]
    return int(re.search(r"Private_Dirty: +([0-9]+) kB", stack).group(1))


@test("a worker and the fork server write to one page of the stack, and to that of the title")
def one_page_of_stack():
    plain_processes()
    if not optimized():
        raise Skip("without optimization, or with sanitizers, more of the stack is used")
    for _ in range(4):  # the stack begins at a random place
        with Echod() as echod:
            written = private_stack(echod.worker_of(echod.echoing()))
            expect(written <= 2 * os.sysconf("SC_PAGE_SIZE") // 1024, "%d KiB of the stack" % written)


def own_link(sock):
    ports = (sock.getpeername()[1], sock.getsockname()[1])
    return "socket:[%d]" % tcp_connections()[ports]


def own_descriptors(pid):
    """Those of a worker, but for standard error, where a sanitizer needs it."""
    links = descriptors(pid)
    if SANITIZED:
        links.pop(2)
    return list(links.values())


@test("an echo worker holds its client's socket and nothing else")
def echo_descriptors():
    plain_processes()
    with Echod() as echod:
        socks = [echod.echoing() for _ in range(8)]
        for sock in socks:
            expect_equal(own_descriptors(echod.worker_of(sock)), [own_link(sock)],
                         "the descriptors of a worker")


@test("a message worker holds a connection to the scribe, too")
def message_descriptors():
    plain_processes()
    with Echod(listen="service = message\nport = 0") as echod:
        socks = [echod.connect() for _ in range(8)]
        for sock in socks:
            sock.sendall(b"hello\n")
            recv_exactly(sock, 3)
        held = [own_descriptors(echod.worker_of(sock)) for sock in socks]
        for sock, links in zip(socks, held):
            expect_equal(len(links), 2, "the number of descriptors of a worker")
            expect_equal(links[0], own_link(sock), "the first of them")
            expect(links[1].startswith("socket:"), "the second is a socket")
        expect_equal(len({links[1] for links in held}), 8, "the number of different connections")


@test("the scribe holds standard error and its channels, and never a client")
def scribe_descriptors():
    plain_processes()
    with Echod() as echod:
        socks = [echod.echoing() for _ in range(4)]
        # It closes what is not its own once it has its title.
        eventually(lambda: len(descriptors(echod.scribe_pid)) == 4, "the scribe holds four descriptors")
        links = descriptors(echod.scribe_pid)
        links = {fd: link for fd, link in links.items() if "eventpoll" not in link}
        expect_equal(links.pop(2, None), descriptors(echod.pid)[2], "descriptor 2 of the scribe")
        expect(all(link.startswith("socket:") for link in links.values()), "the others are sockets")
        expect(not set(links.values()) & {own_link(sock) for sock in socks}, "the scribe holds a socket of a client")


@test("a worker has its own page of the shared memory, and cannot reach another one")
def shared_memory():
    plain_processes()
    with Echod() as echod:
        socks = [echod.echoing() for _ in range(8)]
        offsets = []
        for sock in socks:
            pid = echod.worker_of(sock)
            expect(not any("memfd" in link for link in descriptors(pid).values()),
                   "a worker has the memfd")
            maps = re.findall(rb"^(\w+)-(\w+) \S+ (\w+) .*memfd:echod-slots",
                              read_proc(pid, "maps"), re.M)
            expect_equal(len(maps), 1, "the number of mappings of the slots")
            start, end, offset = (int(word, 16) for word in maps[0])
            expect_equal(end - start, os.sysconf("SC_PAGESIZE"), "the size of the mapping")
            offsets.append(offset)
        expect_equal(len(set(offsets)), 8, "the number of different pages")


@test("the daemon holds no client's socket")
def parent_descriptors():
    with Echod() as echod:
        before = descriptors(echod.pid)
        socks = [echod.echoing() for _ in range(8)]
        echod.wait_closed_clients()
        expect_equal(descriptors(echod.pid), before, "the descriptors of the daemon")
        expect_equal(len(echod.workers()), len(socks), "the number of workers")


@test("SIGTERM ends a worker, which does not block it")
def signals():
    with Echod() as echod:
        sock = echod.echoing()
        status = read_proc(echod.worker_of(sock), "status").decode()
        blocked = int(re.search(r"SigBlk:\s+(\w+)", status).group(1), 16)
        expect_equal(blocked >> 14 & 1, 0, "the bit of SIGTERM in SigBlk")


def user_may_trace(pid):
    """Whether the user that echod runs as may look into the process PID."""
    done = subprocess.run(["ls", "/proc/%d/fd" % pid], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False, **unprivileged())
    return done.returncode == 0


@test("processes of one user cannot read each other's memory unless core_dumps is set")
def not_dumpable():
    plain_processes()
    if not unprivileged():
        raise Skip("only root can run echod as another user, and look into it all the same")
    for more, expected in (("", False), ("core_dumps = yes", True)):
        with Echod(server=more, **unprivileged()) as echod:
            sock = echod.echoing()
            for pid in (echod.pid, echod.scribe_pid, echod.worker_of(sock)):
                expect_equal(user_may_trace(pid), expected, "with %r, access to /proc" % more)


@test("core_dumps = yes disables a protection, and the status reports the reason")
def undumpable_is_missing():
    with Managed("[server]\ncore_dumps = yes\n[listen local]\naddress = 127.0.0.1\nport = 0\n") as echod:
        expect_match(r"\(core_dumps = yes\)", echod.ctl("status")[1], "output of echoctl status")


@test("the memory of the slots cannot be shrunk")
def sealed():
    plain_processes()
    with Echod() as echod:
        number = [n for n, link in descriptors(echod.pid).items() if "echod-slots" in link][0]
        fd = os.open("/proc/%d/fd/%d" % (echod.pid, number), os.O_RDWR)
        try:
            os.ftruncate(fd, 0)
            raise Failure("the memory of the slots was shrunk")
        except PermissionError:
            pass
        finally:
            os.close(fd)
        expect_echo(echod.connect())


@test("a worker cannot start a process or open a file, and leaves no core file")
def no_children():
    plain_processes()
    with Echod() as echod:
        sock = echod.echoing()
        limits = read_proc(echod.worker_of(sock), "limits").decode()
        for name, most in (("processes", 0), ("open files", 3 if SANITIZED else 1), ("core file size", 0)):
            found = re.search(rf"^Max {name}\s+(\d+)\s+(\d+)", limits, re.M).groups()
            expect_equal(found, (str(most),) * 2, "its limit of " + name)


def shared_memory_used(echod):
    number = [n for n, link in descriptors(echod.pid).items() if "echod-slots" in link][0]
    return os.stat("/proc/%d/fd/%d" % (echod.pid, number)).st_blocks


@test("the page of a slot is returned to the system after its session")
def slots_given_back():
    plain_processes()
    with many() as echod:
        before = shared_memory_used(echod)
        socks = [echod.echoing() for _ in range(20)]
        expect(shared_memory_used(echod) > before, "sessions took no shared memory")
        for sock in socks:
            sock.close()
        eventually(lambda: shared_memory_used(echod) == before, "all shared memory is returned")


@test("started as root, workers and fork server run as another user, without any capability")
def not_as_root():
    if os.geteuid() != 0:
        raise Skip("only root can start it as root")
    with Echod() as echod:
        for pid in (*echod.fork_servers(), echod.worker_of(echod.echoing())):
            status = read_proc(pid, "status").decode()
            for kind in ("Uid", "Gid"):
                ids = set(re.search(rf"^{kind}:\s+(.*)$", status, re.M).group(1).split())
                expect(ids and "0" not in ids, "%s of %d: %s" % (kind, pid, ids))
            expect_equal(re.search(r"^Groups:(.*)$", status, re.M).group(1).strip(), "", "its groups")
            for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                value = re.search(rf"^{kind}:\s+(\w+)$", status, re.M).group(1)
                expect_equal(int(value, 16), 0, kind)


main()
