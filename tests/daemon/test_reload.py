"""A reload: the daemon executes the installed program, and no client notices."""
import fcntl
import os
import re
import resource
import signal
import socket
import statistics
import time

from clients import expect_echo, expect_silence, recv_exactly, recv_until_eof
from expect import DEADLINE, Skip, eventually, expect, expect_equal, expect_match, scaled
from harness import ECHOD, VALGRIND, Echod, ini, run_echod
from hosts import with_mount
from managed import (REJECTED, RELOADED, Asking, Load, Managed, Manager, Passed, bound,
                     free_port, listen, open_files, plain_processes, unix)
from proc import children, descriptors, is_alive, read_proc, state, title
from programs import SANITIZED
from tap import main, test

CLIENTS, RELOADS = scaled(50, 10), scaled(20, 5)
UNCHECKED = r"the check of the new configuration took too long, or crashed$"
O_CLOEXEC = 0o2000000


def session(sock, count):
    """The pattern of the record of SOCK's session, in which COUNT bytes were echoed."""
    return r" info: session of 127\.0\.0\.1:%d on local: closed by the client; %d bytes in, " \
           r"%d out, " % (sock.getsockname()[1], count, count)


def expect_session(echod, sock, count):
    """Closes SOCK; its session is to have had COUNT bytes."""
    pattern = session(sock, count)
    sock.close()
    echod.log.wait(pattern)


def stop_process(pid):
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: state(pid) == "T", "process %d is stopped" % pid)


def expect_closed(echod, name="local"):
    try:
        echod.connect(name)
    except (ConnectionRefusedError, FileNotFoundError):
        return
    expect(False, "%s still listens" % name)


# ---- those who are being served ----

@test("%d reloads under load: no client is disconnected or refused, and every byte is counted" % RELOADS)
def many_reloads():
    with Managed(server="max_per_source = 0\nlog_level = debug") as echod:
        socks = [echod.echoing() for _ in range(CLIENTS)]
        echod.wait_closed_clients()
        before = open_files(echod.pid)
        with Load(echod) as load:
            for i in range(RELOADS):
                if i % 2:
                    echod.hang_up()
                else:
                    echod.reload()
                for n, sock in enumerate(socks):
                    expect_echo(sock, bytes([n]) * (n + 1))
                load.wait_more()
        expect_equal(load.failures, [], "the clients that failed")
        for n, sock in enumerate(socks):
            expect_session(echod, sock, 4 + (n + 1) * RELOADS)
        echod.wait_no_workers()
        total = 4 * (CLIENTS + load.served) + RELOADS * CLIENTS * (CLIENTS + 1) // 2
        expected = {"pid": echod.pid, "clients": 0, "served": CLIENTS + load.served, "refused": 0,
                    "crashed": 0, "bytes_in": total, "bytes_out": total, "reloads": RELOADS}
        eventually(lambda: echod.ask("status")["clients"] == 0, "all clients are gone")
        found = echod.ask("status")
        expect_equal({key: found[key] for key in expected}, expected, "the totals")
        eventually(lambda: open_files(echod.pid) == before or VALGRIND,
                   "the daemon has the same descriptors")
        expect_equal(echod.log.matching(" warning: | error: "), [], "warnings and errors in the log")
        expect_equal(echod.scribe(), echod.scribe_pid, "the scribe")


@test("each client keeps its own counts over reloads, whatever clients come and go")
def counts():
    with Managed() as echod:
        socks = [echod.echoing() for _ in range(6)]
        for sock in (socks.pop(4), socks.pop(3), socks.pop(1)):  # gaps, for those who come
            sock.close()
        eventually(lambda: len(echod.workers()) == 3, "three clients have left")
        echod.reload()
        socks += [echod.echoing() for _ in range(5)]
        echod.reload()
        for n, sock in enumerate(socks):
            expect_echo(sock, b"x" * (n + 10))
        expected = {("127.0.0.1:%d" % sock.getsockname()[1], echod.worker_of(sock), n + 14, n + 14)
                    for n, sock in enumerate(socks)}
        eventually(lambda: {(row["peer"], row["id"], row["bytes_in"], row["bytes_out"])
                            for row in echod.ask("list")} == expected,
                   "peers, workers and counts are %s" % expected)
        for n, sock in enumerate(socks):
            expect_session(echod, sock, n + 14)


@test("clients of every kind survive a reload, and are logged with their addresses")
def kinds():
    config = ("[listen local]\naddress = 127.0.0.1, ::1\nport = 0\n" + unix("file") +
              "[listen hidden]\nprotocol = unix\naddress = @echod-test-%d\n" % os.getpid())
    with Managed(config) as echod:
        socks = [echod.echoing(), echod.echoing(index=1), echod.echoing(name="file"),
                 echod.echoing(name="hidden")]
        named = socket.socket(socket.AF_UNIX)
        echod.sockets.append(named)
        named.settimeout(DEADLINE)
        named.bind(echod.path("client with a long name " + "x" * 40))
        named.connect(echod.address("file"))
        expect_echo(named)
        echod.reload()
        for sock in socks + [named]:
            expect_echo(sock)
        names = [r"127\.0\.0\.1:%d on local" % socks[0].getsockname()[1],
                 r"\[::1\]:%d on local" % socks[1].getsockname()[1], "unix on file",
                 "unix on hidden", "unix:%s on file" % re.escape(named.getsockname())]
        for sock, name in zip(socks + [named], names):
            sock.close()
            echod.log.wait(" info: session of %s: closed by the client; 8 bytes in, 8 out, " % name)
        for name in ("local", "file", "hidden"):
            expect_echo(echod.connect(name))


@test("clients that end during a reload are reaped, and their records have the reason")
def ends_meanwhile():
    with Managed(copied=True) as echod:
        stays, killed, closed = [echod.echoing() for _ in range(3)]
        gone = [echod.worker_of(killed), echod.worker_of(closed)]
        record = session(closed, 4)
        release = echod.hold()
        echod.kill(signal.SIGHUP)
        dry_run = echod.held()
        stop_process(echod.pid)
        release()
        eventually(lambda: state(dry_run) == "Z", "the dry run ends")
        os.kill(gone[0], signal.SIGKILL)
        closed.close()
        eventually(lambda: not any(is_alive(pid) for pid in gone), "the workers end")
        echod.kill(signal.SIGCONT)
        echod.log.wait(RELOADED)
        echod.log.wait(record)
        echod.log.wait(r" warning: session of 127\.0\.0\.1:%d on local: its worker was killed by "
                       r"signal 9 \(SIGKILL\); 4 bytes in, 4 out, " % killed.getsockname()[1])
        eventually(lambda: len(echod.workers()) == 1, "ended workers are reaped")
        expect_echo(stays)
        found = echod.ask("status")
        expect_equal((found["clients"], found["crashed"]), (1, 1), "clients and crashes")


@test("workers from before and after a reload, and the scribe, hold no descriptor of it")
def descriptors_of_children():
    plain_processes()
    config = listen("local") + listen("notes", more="service = message")
    with Managed(config) as echod:
        socks = [echod.echoing()]
        echod.reload()
        echod.hang_up()
        socks.append(echod.echoing())
        notes = echod.connect("notes")
        notes.sendall(b"hello\n")
        expect_equal(recv_exactly(notes, 3), b"OK\n", "the reply")
        eventually(lambda: len(descriptors(echod.pid)) == echod.descriptor_count + 1,
                   "the daemon has one more: the scribe's end of a connection")
        more = 1 if SANITIZED else 0
        expect_equal([len(descriptors(echod.worker_of(sock))) for sock in socks + [notes]],
                     [1 + more, 1 + more, 2 + more], "numbers of descriptors of the workers")
        eventually(lambda: len(descriptors(echod.scribe() or 0)) >= 4, "the scribe has four")
        for pid in [echod.pid] + children(echod.pid):
            expect(not any("handover" in link for link in descriptors(pid).values()),
                   "%s has the memfd of the handover" % title(pid))
        for sock in socks:
            expect_echo(sock)


@test("all descriptors of the daemon are close-on-exec after a reload")
def close_on_exec():
    plain_processes()
    with Managed(listen("local") + unix("file")) as echod:
        echod.reload()
        expect_close_on_exec(echod)


def expect_close_on_exec(echod):
    for fd in descriptors(echod.pid):
        flags = re.search(rb"flags:\s+(\d+)", read_proc(echod.pid, "fdinfo/%d" % fd))
        if fd > 2 and flags:
            expect(int(flags.group(1), 8) & O_CLOEXEC, "descriptor %d would pass an exec" % fd)


@test("the title of a worker names its client after a reload, too")
def titles():
    plain_processes()
    with Managed() as echod:
        echod.reload()
        sock = echod.echoing()
        expect_equal(title(echod.worker_of(sock)), "echod: 127.0.0.1:%d local echo" %
                     sock.getsockname()[1], "the title of the worker")


@test("SIGHUP: the log names the sender")
def hangup_sender():
    by = "root" if os.geteuid() == 0 else "uid %d" % os.geteuid()
    with Managed() as echod:
        echod.hang_up()
        expect_equal(len(echod.log.matching(r" notice: %s \(pid %d\) requested a reload by "
                                            "SIGHUP$" % (by, os.getpid()))), 1, "the records")


# ---- listeners ----

@test("a reload opens a new listener; a removed one is closed with its file, and its clients stay")
def listeners_change():
    with Managed(listen("local") + unix("file") + unix("stays")) as echod:
        path, inodes = echod.address("file"), listening(echod)
        inside = echod.echoing(name="file")
        echod.configure(listen("more") + unix("stays") + listen("local"))
        echod.reload()
        expect_equal(sorted(echod.listening), ["local", "more", "stays"], "the listeners")
        echod.log.wait(r" info: listening on 127\.0\.0\.1:%d \(more, echo\)$" %
                       echod.address("more")[1])
        echod.log.wait(r" info: no longer listening on unix:%s \(file\)$" % path)
        for name in echod.listening:
            expect_echo(echod.connect(name))
        expect(not os.path.exists(path), "the file of the listener is still there")
        expect_echo(inside)
        rows = [row for row in echod.ask("list") if row["listener"] == "file"]
        expect_equal([(row["peer"], row["bytes_in"]) for row in rows], [("unix", 8)],
                     "the list of its clients")
        inside.close()
        echod.log.wait(" info: session of unix on file: closed by the client; 8 bytes in, 8 out, ")
        after = listening(echod)
        expect_equal({name: after[name] for name in ("local", "stays")},
                     {name: inodes[name] for name in ("local", "stays")}, "inodes of the remaining sockets")


def listening(echod):
    """The inodes of the sockets at which it listens: of each listener, that of its first."""
    found = {}
    for line in read_proc(os.getpid(), "net/tcp").decode().splitlines()[1:]:
        words = line.split()
        if words[3] == "0A":
            found[int(words[1].split(":")[1], 16)] = words[9]
    inodes = {name: found.get(where[0][1]) for name, where in echod.listening.items()
              if not isinstance(where[0], str)}
    for line in read_proc(os.getpid(), "net/unix").decode().splitlines()[1:]:
        words = line.split()
        for name, where in echod.listening.items():
            if len(words) > 7 and words[7] == where[0] and words[5] == "01":
                inodes[name] = words[6]
    return inodes


@test("a reload with another port opens the new one and closes the old one, whose clients stay")
def port_changes():
    old, new = free_port(), free_port()
    with Managed(listen("local", old)) as echod:
        inside = echod.echoing()
        echod.configure(listen("local", new))
        echod.reload()
        expect_equal(echod.address(), ("127.0.0.1", new), "the address")
        expect_echo(echod.connect())
        echod.listening["old"] = [("127.0.0.1", old)]
        expect_closed(echod, "old")
        expect_echo(inside)


@test("two listeners may exchange their ports")
def ports_swapped():
    ports = [free_port(), free_port()]
    with Managed(listen("local", ports[0]) + listen("other", ports[1])) as echod:
        echod.configure(listen("local", ports[1], "greeting = l") +
                        listen("other", ports[0], "greeting = o"))
        echod.reload()
        expect_equal(recv_exactly(echod.connect(), 1), b"l", "the greeting")
        expect_equal(recv_exactly(echod.connect("other"), 1), b"o", "the greeting of the other")
        expect_equal(echod.address(), ("127.0.0.1", ports[1]), "the address")


@test("a reload can change from one address to all and back, on the same port")
def any_address():
    port = free_port()
    one = "[listen local]\naddress = 127.0.0.1\nport = %d\n" % port
    with Managed(one) as echod:
        inside = echod.echoing()
        for config, hosts in ((one.replace("127.0.0.1", "*"), ("0.0.0.0", "::")),
                              (one, ("127.0.0.1",)),
                              (one.replace("127.0.0.1", "0.0.0.0"), ("0.0.0.0",)),
                              (one + one.replace("local", "other").replace("0.0.1", "0.0.2"),
                               ("127.0.0.1",))):
            echod.configure(config)
            echod.reload()
            expect_equal(tuple(host for host, _ in echod.listening["local"]), hosts, "the hosts")
            with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as sock:
                expect_echo(sock)
            expect_echo(inside)


@test("port = 0 keeps the port that the kernel chose; another listener gets another one")
def port_zero():
    with Managed() as echod:
        address = echod.address()
        for _ in range(3):
            echod.reload()
            expect_equal(echod.address(), address, "the address")
        echod.configure(listen("renamed"))
        echod.reload()
        expect_echo(echod.connect("renamed"))
        expect_equal(list(echod.listening), ["renamed"], "the listeners")


@test("connections in the backlog are served by the program that takes over")
def backlog():
    with Managed(server="max_clients = 1\nwhen_full = queue") as echod:
        inside, waiting = echod.echoing(), echod.connect()
        waiting.sendall(b"ping")
        echod.reload()
        expect_silence(waiting, 0.1, "the client must wait until a place is free")
        inside.close()
        expect_equal(recv_exactly(waiting, 4), b"ping", "the echo")


@test("sockets that systemd has passed, and their files, survive reloads")
def passed():
    with socket.socket(socket.AF_UNIX) as file, bound() as port:
        with Echod() as helper:
            path = helper.path("s")
            file.bind(path)
            file.listen()
            config = listen("local", port.getsockname()[1])
            both = config + "[listen file]\nprotocol = unix\naddress = %s\n" % path
            with Passed(both, port, file) as echod:
                inside = echod.echoing()
                for _ in range(2):
                    echod.reload()
                    expect_equal({row["from"] for row in echod.ask("listeners")}, {"socket-unit"},
                                 "origins of the listeners")
                expect_echo(inside)
                expect_echo(echod.connect("file"))
                expect_equal(echod.log.matching(" warning: "), [], "the warnings")
                echod.configure(config)
                echod.reload()
                expect(os.path.exists(path), "the socket unit's file was removed")
                expect_echo(echod.connect())
            expect(os.path.exists(path), "the file is gone after the stop")


# ---- the options ----

@test("a raised max_clients takes effect; a lowered one disconnects nobody")
def max_clients():
    def status():
        found = echod.ask("status")
        return found["clients"], found["max_clients"]

    with Managed(server="max_clients = 2") as echod:
        socks = [echod.echoing(), echod.echoing()]
        expect_match("too many", recv_until_eof(echod.connect()).decode(), "the reply to the third client")
        echod.configure(ini("max_clients = 5"))
        echod.reload()
        socks += [echod.echoing() for _ in range(3)]
        expect_match("too many", recv_until_eof(echod.connect()).decode(), "the reply to the sixth client")
        echod.configure(ini("max_clients = 1"))
        echod.reload()
        expect_equal(status(), (5, 1), "clients and limit")
        echod.reload()
        for n, sock in enumerate(socks):
            expect_echo(sock, b"x" * n)
        expect_match("too many", recv_until_eof(echod.connect()).decode(), "the reply to a new client")
        for n, sock in enumerate(socks):
            expect_session(echod, sock, 4 + n)
        eventually(lambda: status() == (0, 1), "all clients have left")
        expect_echo(echod.connect())
        expect_match("too many", recv_until_eof(echod.connect()).decode(), "the reply to a second client")


@test("max_per_source counts clients from before a reload")
def max_per_source():
    with Managed(server="max_per_source = 2") as echod:
        echod.echoing(source="127.0.0.2")
        first = echod.echoing(source="127.0.0.2")
        echod.reload()
        words = recv_until_eof(echod.connect(source="127.0.0.2")).decode()
        expect_match("too many clients from your address", words, "the reply to a third client")
        expect_echo(echod.connect(source="127.0.0.3"))
        first.close()
        eventually(lambda: len(echod.workers()) == 2, "the first worker is gone")
        expect_echo(echod.connect(source="127.0.0.2"))


@test("source_prefix: after a reload, earlier clients are counted by the new value")
def source_prefix():
    with Managed(server="max_per_source = 2") as echod:
        echod.echoing(source="127.1.0.1")
        gone = echod.echoing(source="127.1.0.2")
        echod.configure(ini("max_per_source = 2\nsource_prefix = 16, 64"))
        echod.reload()
        words = recv_until_eof(echod.connect(source="127.1.255.9")).decode()
        expect_match("too many clients from your address", words, "the reply to a third client")
        expect_echo(echod.connect(source="127.2.0.1"))
        gone.close()
        eventually(lambda: len(echod.workers()) == 2, "the worker is gone")
        expect_echo(echod.connect(source="127.1.0.3"))
        echod.configure(ini("max_per_source = 2"))
        echod.reload()
        expect_echo(echod.connect(source="127.1.0.4"))


@test("log_level takes effect at a reload, also for earlier clients")
def log_level():
    with Managed() as echod:
        quiet, loud = echod.echoing(), echod.echoing()
        patterns = [session(quiet, 4), session(loud, 4)]
        echod.configure(ini("log_level = warning"))
        echod.reload()
        quiet.close()
        eventually(lambda: len(echod.workers()) == 1, "the first worker is gone")
        echod.configure(ini("log_level = debug"))
        echod.reload()
        loud.close()
        echod.log.wait(patterns[1])
        expect_equal(echod.log.matching(patterns[0]), [], "records below log_level")


@test("a new service of a listener applies to new clients, not to connected ones")
def service():
    with Managed() as echod:
        old = echod.echoing()
        echod.configure(ini(listen="port = 0\nservice = message"))
        echod.reload()
        new = echod.connect()
        new.sendall(b"hello\n")
        expect_equal(recv_exactly(new, 3), b"OK\n", "the reply to a new client")
        expect_echo(old, b"hello\n")
        expect_equal([row["service"] for row in echod.ask("list")], ["echo", "message"],
                     "the services in the list")
        expect_equal([row["service"] for row in echod.ask("listeners")], ["message"],
                     "the service of the listener")


# ---- rejected ----

@test("an invalid INI file: every error is reported and logged; nothing changes")
def broken():
    with Managed(server="max_clients = 7") as echod:
        inside = echod.echoing()
        echod.configure("[server]\nmax_clients = many\n[listen local]\nport = 0\nserfice = echo\n")
        err = echod.rejects(r"^echoctl: \S*/echod\.conf:2: \[server\] max_clients: ")
        expect_match(r"^echoctl: \S*/echod\.conf:5: \[listen local\] serfice: .*did you mean "
                     r"service\?$", err, "the second fault")
        echod.log.wait(r" error: and: \S*/echod\.conf:5: \[listen local\] serfice: ")
        echod.hang_up(REJECTED + r"\S*/echod\.conf:2: ")
        expect_equal(echod.ask("status")["max_clients"], 7, "max_clients")
        expect_echo(inside)
        expect_echo(echod.connect())
        os.unlink(echod.config)
        echod.rejects(r"echod\.conf")
        echod.configure(ini())
        echod.reload()
        expect_echo(inside)


@test("an address in use: rejected with the reason; no socket file is created or removed")
def in_use():
    with bound() as busy, Managed(listen("local") + unix("file")) as echod:
        port = busy.getsockname()[1]
        inside = echod.echoing(name="file")
        echod.configure(listen("local") + unix("new") + listen("busy", port))
        echod.rejects(r"listener busy: 127\.0\.0\.1:%d is in use by another program" % port)
        expect_echo(inside)
        expect_echo(echod.connect("file"))
        expect_echo(echod.connect())


@test("a warning before the error is reported, and not taken for the reason")
def warning_first():
    with bound() as busy, Managed() as echod:
        port = busy.getsockname()[1]
        echod.configure(listen("local") + "reply = x\n" + listen("busy", port))
        messages = [r"warning: \S*/echod\.conf:\d+: \[listen local\] reply: has no effect .*",
                    r"listener busy: 127\.0\.0\.1:%d is in use by another program .*" % port]
        _, _, err = echod.ctl("reload")
        expect_match("".join(r"\Aechoctl: %s\n" % line if i == 0 else r"echoctl: %s\n\Z" % line
                             for i, line in enumerate(messages)), err, "standard error")
        echod.log.wait("Z " + messages[0])
        echod.log.wait(REJECTED + messages[1])


@test("however many warnings there are, the error is reported")
def many_warnings():
    with bound() as busy, Managed() as echod:
        os.makedirs(echod.config + ".d", exist_ok=True)
        for i in range(100):
            echod.write("%s.d/%d-that-nobody-reads" % (os.path.basename(echod.config), i), "")
        echod.reload()
        port = busy.getsockname()[1]
        for text, reason in (
                (listen("busy", port), r"listener busy: \S+ is in use by another program .*"),
                ("nonsense = 1\n", r"\S*/echod\.conf:\d+: \[listen local\] nonsense: .*")):
            echod.configure(listen("local") + text)
            expect_match(r"^echoctl: %s$" % reason, echod.ctl("reload")[2], "the reason")
            echod.log.wait(REJECTED + reason)


@test("a program that cannot be executed, fails or crashes is not reloaded")
def bad_programs():
    plain_processes()
    with Managed(copied=True) as echod:
        inside = echod.echoing()
        for text, mode, reason in (
                ("#!/bin/sh\nexit 0\n", 0o644, r"cannot execute \S+/echod: Permission denied$"),
                ("\177ELF nonsense", 0o755, r"cannot execute \S+/echod: Exec format error$"),
                ("#!/nowhere/sh\n", 0o755, r"cannot execute \S+/echod: No such file"),
                ("#!/bin/sh\nexit 1\n", 0o755, r"^echoctl: the check failed without an error message$"),
                ("#!/bin/sh\necho wrong >&2\nexit 1\n", 0o755, r"^echoctl: wrong$"),
                ("#!/bin/sh\nkill -9 $$\n", 0o755, UNCHECKED)):
            echod.install(text, mode)
            echod.rejects(reason)
            expect_echo(inside)
        os.unlink(echod.path("echod"))
        echod.rejects(r"cannot execute \S+/echod: No such file")
        echod.install()
        echod.reload()
        expect_echo(inside)
        expect_echo(echod.connect())


@test("a program with endless output is read up to a limit, and then killed")
def endless_output():
    with Managed(copied=True) as echod:
        echod.install("#!/bin/sh\nn=0\nwhile [ $n -lt 20000 ]; do echo line $n; n=$((n + 1)); "
                      "done >&2\nexit 1\n")
        err = echod.rejects("^echoctl: line 0$")
        expect(len(err) < 10000, "%d bytes of standard error" % len(err))
        expect_echo(echod.connect())


@test("a program that can no longer be executed after its dry run is not reloaded")
def bad_at_last():
    plain_processes()
    with Managed(copied=True) as echod:
        inside = echod.echoing()
        echod.install("#!/bin/sh\nchmod -x '%s'\nexec '%s' \"$@\"\n" %
                      (echod.path("echod"), ECHOD))
        echod.rejects("^echoctl: .*Permission denied$")
        expect_close_on_exec(echod)
        expect_echo(inside)
        expect_echo(echod.connect())
        echod.install()
        echod.reload()
        expect_echo(inside)


@test("a file that becomes invalid after the dry run does no harm: the checked settings are loaded")
def bad_meanwhile():
    with Managed(copied=True) as echod:
        inside = echod.echoing()
        echod.configure(ini("max_clients = 7"))
        echod.install("#!/bin/sh\ncase \"$*\" in --check-config*) '%s' \"$@\" || exit\n"
                      "echo wrong >'%s' ;;\n*) exec '%s' \"$@\" ;; esac\n" %
                      (ECHOD, echod.config, ECHOD))
        echod.reload()
        expect_equal(echod.ask("status")["max_clients"], 7, "max_clients")
        expect_echo(inside)
        expect_echo(echod.connect())
        echod.rejects(r"echod\.conf:1: ")


@test("a program that is not echod, but exits with 0, is not reloaded")
def not_echod():
    with Managed(copied=True) as echod:
        inside = echod.echoing()
        echod.install("#!/bin/sh\nexit 0\n")
        status, _, err = echod.ctl("reload")
        expect(is_alive(echod.pid), "the daemon has ended, and its clients with it")
        expect_equal((status, err != ""), (1, True), "exit status, and whether there is a message")
        expect_echo(inside)
        expect_echo(echod.connect())


@test("the program that was installed is the one that runs after a reload")
def upgrade():
    plain_processes()
    with Managed(copied=True) as echod:
        inside, exe = echod.echoing(), "/proc/%d/exe" % echod.pid
        for _ in range(2):
            echod.install()
            expect_equal(os.readlink(exe), echod.path("echod (deleted)"), "executable before the reload")
            echod.reload()
            expect_equal(os.readlink(exe), echod.path("echod"), "executable after the reload")
        expect_echo(inside)


@test("out of descriptors: the reload is rejected, and clients are served")
def no_descriptors():
    plain_processes()
    with Managed() as echod:
        inside = echod.echoing()
        echod.wait_closed_clients()
        used, limits = descriptors(echod.pid), resource.prlimit(echod.pid, resource.RLIMIT_NOFILE)
        for more in range(3):  # whichever of them is missing: memfd, stream, pipe
            first = [i for i in range(1024) if i not in used][more]
            resource.prlimit(echod.pid, resource.RLIMIT_NOFILE, (first, limits[1]))
            line = echod.hang_up(REJECTED)
            resource.prlimit(echod.pid, resource.RLIMIT_NOFILE, limits)
            expect_match(": Too many open files$", line, "record of the rejected reload")
            expect_echo(inside)
        echod.reload()
        expect_echo(inside)
        expect_equal(descriptors(echod.pid).keys(), used.keys(), "the descriptors")


# ---- a slow dry run ----

@test("during a slow dry run, clients are served; a second reload is refused")
def two_at_once():
    with Managed(copied=True) as echod:
        inside = echod.echoing()
        release = echod.hold()
        first = Asking(echod.control, "reload")
        echod.held()
        expect_equal(echod.ctl("reload"), (1, "", "echoctl: a reload is already in progress\n"),
                     "result of the second echoctl reload")
        expect_echo(inside)
        expect_echo(echod.connect())
        expect_equal(echod.ask("status")["reloads"], 0, "the reloads so far")
        release()
        expect_equal(first.result(), (0, "", ""), "result of the first echoctl reload")
        expect_equal(echod.ask("status")["reloads"], 1, "the reloads")
        expect_echo(inside)


@test("a SIGHUP during a dry run is not lost: corrections made meanwhile are loaded")
def second_hangup():
    with Managed(copied=True) as echod:
        echod.hold()
        echod.configure("wrong\n")
        echod.kill(signal.SIGHUP)
        dry_run = echod.held()
        echod.install()
        echod.configure(ini("max_clients = 7"))
        echod.kill(signal.SIGHUP)
        expect_echo(echod.connect())  # it was heard
        os.kill(dry_run, signal.SIGKILL)
        eventually(lambda: echod.ask("status")["max_clients"] == 7, "the second one acts")


@test("a dry run that crashes is a rejected reload, and the next reload works")
def killed_dry_run():
    with Managed(copied=True) as echod:
        echod.hold()
        asking = Asking(echod.control, "reload")
        os.kill(echod.held(), signal.SIGKILL)
        status, _, err = asking.result()
        expect_equal(status, 1, "the status of echoctl")
        expect_match(UNCHECKED, err, "standard error")
        echod.install()
        echod.reload()
        expect_echo(echod.connect())


@test("an echoctl that exits does not prevent the reload")
def impatient():
    with Managed(copied=True) as echod:
        release = echod.hold()
        asking = Asking(echod.control, "reload")
        echod.held()
        asking.process.kill()
        asking.result()
        release()
        echod.log.wait(RELOADED)
        expect_echo(echod.connect())


@test("during a drain, a reload is refused, and clients are served")
def draining():
    with Managed(server="drain_timeout = 1d") as echod:
        inside, count = echod.unread()
        echod.kill(signal.SIGTERM)
        echod.log.wait(" info: stopping: ")
        expect_equal(echod.ctl("reload"), (1, "", "echoctl: echod is stopping\n"), "result of echoctl reload")
        echod.kill(signal.SIGHUP)
        expect_equal(echod.ask("status")["state"], "stopping", "the state")
        recv_exactly(inside, count)
        inside.close()
        expect_equal(echod.wait(), 0, "the exit status")
        expect_equal(echod.log.matching(RELOADED), [], "the reloads")


@test("a stop during a dry run takes precedence")
def stop_meanwhile():
    with Managed(server="drain_timeout = 1d", copied=True) as echod:
        inside, count = echod.unread()
        release = echod.hold()
        asking = Asking(echod.control, "reload")
        echod.held()
        echod.kill(signal.SIGTERM)
        echod.log.wait(" info: stopping: ")
        release()
        expect_equal(asking.result(), (1, "", "echoctl: echod is stopping\n"), "result of echoctl reload")
        recv_exactly(inside, count)
        inside.close()
        expect_equal(echod.wait(), 0, "the exit status")


@test("a stop without clients leaves no dry run behind, and answers the requester")
def stop_at_once():
    with Managed(copied=True) as echod:
        echod.hold()
        asking = Asking(echod.control, "reload")
        dry_run = echod.held()
        echod.kill(signal.SIGTERM)
        expect_equal(echod.wait(), 0, "the exit status")
        eventually(lambda: not is_alive(dry_run), "the dry run ends")
        expect_equal(asking.result(), (1, "", "echoctl: echod is stopping\n"), "result of echoctl reload")


# ---- what the next program needs ----

def limited(which, most):
    """For an echod that has a limit from its start."""
    plain_processes()
    return {"prepare": lambda: resource.setrlimit(which, (most, most))}


@test("a reload that exceeds the memory limit is rejected, and everything continues")
def no_memory():
    for which, cause in ((resource.RLIMIT_FSIZE, "File too large"),
                         (resource.RLIMIT_AS, "Cannot allocate memory")):
        if which == resource.RLIMIT_AS and SANITIZED:
            continue  # a sanitizer takes more of it than any limit
        with Managed(server="max_clients = 100", **limited(which, 256 << 20)) as echod:
            sock = echod.echoing()
            echod.configure(ini("max_clients = 100000"))
            echod.rejects(r"cannot get shared memory for 100000 clients \(max_clients\): " + cause)
            expect_echo(sock)
            echod.configure(ini("max_clients = 200"))
            echod.reload()
            expect_echo(sock)
            expect_echo(echod.connect())


@test("a reload that cannot write its handover is rejected, and everything continues")
def no_handover():
    plain_processes()
    with Managed() as echod:
        sock = echod.echoing()
        limits = resource.prlimit(echod.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(echod.pid, resource.RLIMIT_FSIZE, (64, limits[1]))
        echod.rejects("cannot start the installed program: File too large")
        expect_echo(sock)
        resource.prlimit(echod.pid, resource.RLIMIT_FSIZE, limits)
        echod.reload()
        expect_echo(sock)


@test("a reload that leaves too few descriptors is rejected; one that leaves enough works")
def no_descriptors():
    outcomes = set()
    for count in range(14, 40, 3):
        with Managed(server="max_clients = 10", **limited(resource.RLIMIT_NOFILE, 60)) as echod:
            sock = echod.echoing()
            echod.configure(ini("max_clients = 10") +
                            "".join(listen("more%d" % n) for n in range(count)))
            status, _, err = echod.ctl("reload")
            outcomes.add(status)
            if status:
                expect_match("descriptors|Too many open files", err, "the reason")
            expect_echo(sock)
            expect_echo(echod.connect())
            echod.configure(ini("max_clients = 10"))
            echod.reload()
            expect_echo(sock)
    expect_equal(outcomes, {0, 1}, "exit statuses of the reloads")


# ---- the scribe ----

@test("a message that is being stored during a reload is acknowledged and stored once")
def message():
    with Managed(listen="port = 0\nservice = message") as echod:
        sock = echod.connect()
        stop_process(echod.scribe_pid)
        sock.sendall(b"hello\n")
        eventually(lambda: [row["bytes_in"] for row in echod.ask("list")] == [6],
                   "the message has come")
        echod.reload()
        echod.reload()
        os.kill(echod.scribe_pid, signal.SIGCONT)
        expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")
        expect_equal(len(echod.log.wait(r" info: message from 127\.0\.0\.1:\d+ on local: hello$")),
                     1, "number of records of the message")
        expect_equal(echod.scribe(), echod.scribe_pid, "the scribe")


@test("a scribe that dies after a reload is replaced by a working one")
def scribe_dies():
    plain_processes()
    with Managed(listen="port = 0\nservice = message") as echod:
        sock = echod.connect()
        echod.reload()
        os.kill(echod.scribe_pid, signal.SIGKILL)
        sock.sendall(b"hello\n")
        expect_equal(recv_exactly(sock, 3), b"OK\n", "the reply")
        echod.log.wait(" error: the scribe was killed by signal 9 \\(SIGKILL\\); starting another one$")
        eventually(lambda: len(descriptors(echod.scribe() or 0)) >= 4, "the scribe has four descriptors")
        echod.scribe_pid = echod.scribe()
        echod.reload()
        expect_equal(echod.scribe(), echod.scribe_pid, "the scribe")


# ---- the ways to run ----

class Daemon(Managed):
    """An echod that has left: the pid file names it."""

    def __init__(self, **more):
        super().__init__(args=["--daemon", "--pid-file", "@PID@"], ready=False, **more)
        expect_equal(self.popen.wait(DEADLINE), 0, "the exit status of the first process")
        self.daemon_pid = int(self.pid_file())
        self.wait_ready()

    def command(self, args):
        return super().command([self.path("pid") if a == "@PID@" else a for a in args])

    def pid_file(self):
        with open(self.path("pid"), encoding="ascii") as file:
            return file.read()

    def pid_file_is_locked(self):
        with open(self.path("pid"), "r+", encoding="ascii") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False


@test("--daemon: pid file and lock survive a reload, and are removed at the stop; a second daemon is refused")
def daemon():
    with Daemon() as echod:
        inside = echod.echoing()
        for _ in range(2):
            echod.reload()
            expect_equal(echod.pid_file(), "%d\n" % echod.pid, "the pid file")
            expect(echod.pid_file_is_locked(), "the pid file is not locked")
        expect_echo(inside)
        expect_equal(echod.ask("status")["pid"], echod.pid, "pid of the daemon that replies")
        status, _, err = run_echod("--daemon", "--pid-file", echod.path("pid"), config=ini())
        expect_equal(status, 69, "the exit status of a second one")
        expect_match("another echod is already running", err, "standard error")
        echod.configure("wrong\n")
        echod.rejects(r"echod\.conf:1: ")
        expect(echod.pid_file_is_locked(), "the pid file is not locked after a rejection")
        inside.close()
        pid = echod.daemon_pid
        echod.kill(signal.SIGTERM)
        ended = eventually(lambda: os.waitpid(pid, os.WNOHANG)[0], "the daemon ends")
        expect_equal(ended, pid, "the one that ended")
        expect(not os.path.exists(echod.path("pid")), "the pid file is still there")


# ---- notifications to the service manager ----

def expect_reload(manager, since, begin):
    """RELOADING=1 with the time of BEGIN or later, in one message; then READY=1."""
    index, (_, lines, _) = manager.wait("RELOADING=1", since)
    stamps = [int(line[15:]) for line in lines if line.startswith("MONOTONIC_USEC=")]
    expect_equal(len(stamps), 1, "the number of times in %s" % lines)
    expect(begin <= stamps[0] <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000,
           "the time %d is none since %d" % (stamps[0], begin))
    ready, (_, lines, _) = manager.wait("READY=1", index + 1)
    expect(any(line.startswith("STATUS=1/") for line in lines), "the status is in %s" % lines)
    return ready


@test("RELOADING=1 with MONOTONIC_USEC, then READY=1, for accepted and rejected reloads")
def notified():
    with Manager() as manager, Managed(env=manager.env) as echod:
        since = manager.wait("READY=1")[0] + 1
        echod.echoing()
        for outcome in (RELOADED, REJECTED, RELOADED):
            echod.configure("wrong\n" if outcome == REJECTED else ini())
            begin = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            echod.hang_up(outcome)
            since = expect_reload(manager, since, begin) + 1
        expect_equal(sum("RELOADING=1" in lines for _, lines, _ in manager.messages), 3,
                     "number of notifications RELOADING=1")


@test("the watchdog is notified after a reload")
def watchdog():
    with Manager() as manager:
        with Managed(env=dict(manager.env, WATCHDOG_USEC="100000")) as echod:
            echod.reload()
            since = manager.wait("READY=1", manager.wait("RELOADING=1")[0])[0]
            for _ in range(3):
                since = manager.wait("WATCHDOG=1", since)[0] + 1


@test("a watchdog timeout of a microsecond does not make the daemon spin")
def short_timeout():
    with Manager() as manager, Managed(env=dict(manager.env, WATCHDOG_USEC="1")):
        since, sent = 0, []
        while len(sent) < 102:
            since, message = manager.wait("WATCHDOG=1", since)
            since += 1
            sent.append(message[0])
        intervals = [later - earlier for earlier, later in zip(sent, sent[1:])]
        # A busy machine delays single ones. The daemon sends one per millisecond at most.
        expect(statistics.median(intervals) > 0.0005, "the intervals between notifications: %s" % intervals)


# ---- listeners that systemd keeps ----

def stored(manager, name, since=0):
    """Waits until the listener NAME is given to the manager. Returns the index, and its inodes."""
    index, (_, lines, socks) = manager.wait("FDNAME=echod-listen-" + name, since)
    expect_equal(sorted(lines), ["FDNAME=echod-listen-" + name, "FDSTORE=1"], "the message")
    expect_equal(len(socks), 1, "the number of sockets in it")
    return index, socks[0]


@test("each listener is stored with the service manager under its name, again at each reload")
def kept():
    with Manager() as manager, Managed(listen("local") + unix("file"), env=manager.env) as echod:
        since = 0
        for _ in range(2):
            for name in ("local", "file"):
                index, sock = stored(manager, name, since)
                expect_equal(sock.getsockname(), echod.address(name), "its address")
            since = index + 1
            echod.reload()


@test("a removed address is removed from the service manager's store; others stay")
def taken_back():
    config = "[listen both]\naddress = 127.0.0.1, ::1\nport = 0\n" + listen("local") + unix("file")
    with Manager() as manager, Managed(config, env=manager.env) as echod:
        since = manager.wait("READY=1")[0]
        echod.configure(listen("both") + listen("local"))
        echod.reload()
        end = manager.wait("READY=1", since + 1)[0]
        lines = [lines for _, lines, _ in manager.messages[since:end]]
        for name, back in (("file", True), ("local", False), ("both", True)):
            removal = ["FDSTOREREMOVE=1", "FDNAME=echod-listen-" + name]
            expect_equal(removal in lines, back, "whether %s is removed from the store" % name)
        removed = since + lines.index(["FDSTOREREMOVE=1", "FDNAME=echod-listen-both"])
        _, sock = stored(manager, "both", removed + 1)
        expect_equal(sock.getsockname(), echod.address("both"), "the new address of the listener")


@test("a listener from systemd's store is used again, and clients that connected meanwhile are served")
def used_again():
    with Manager() as manager:
        with Managed(listen("local") + unix("file"), env=manager.env) as first:
            socks = [stored(manager, name)[1].dup() for name in ("local", "file")]
            addresses, path = dict(first.listening), first.path("file")
            first.stop()
            expect(os.path.exists(path), "the file of a socket that is kept is gone")
            early = socket.create_connection(addresses["local"][0], timeout=DEADLINE)
            config = listen("local") + unix("file").replace("@DIR@", first.dir)
            names = ["echod-listen-local", "echod-listen-file"]
            with Passed(config, *socks, names=names, env=manager.env) as echod, early:
                expect_echo(early)
                expect_equal(echod.listening, addresses, "the addresses")
                echod.log.wait(r" info: listening on \S+ \((local|file), echo\), kept by systemd$",
                               count=2)
                expect_equal([row["from"] for row in echod.ask("listeners")], ["fd-store"] * 2,
                             "origins of the listeners")
                expect_echo(echod.connect("file"))
                echod.reload()
                expect_equal([row["from"] for row in echod.ask("listeners")], ["fd-store"] * 2,
                             "origins of the listeners after a reload")
            for sock in socks:
                sock.close()


@test("an unused listener from systemd's store is closed and removed from the store")
def unused_in_store():
    with Manager() as manager, bound() as sock:
        port = sock.getsockname()[1]
        with Passed(listen("local"), sock, names=["echod-listen-old"], env=manager.env) as echod:
            echod.log.wait(r" info: no longer listening on 127\.0\.0\.1:%d \(old\)$" % port)
            _, (_, lines, _) = manager.wait("FDSTOREREMOVE=1")
            expect("FDNAME=echod-listen-old" in lines, "its name is not in %s" % lines)
            inode = "socket:[%d]" % os.fstat(sock.fileno()).st_ino
            eventually(lambda: inode not in descriptors(echod.pid).values(), "the unused listener is closed")
            expect_equal(echod.log.matching(" warning: "), [], "the warnings")
            expect_echo(echod.connect())


# ---- the status ----

@test("the status changes with the clients, at most once a second; draining asks for time")
def status():
    with Manager() as manager:
        with Managed(server="drain_timeout = 1min\nmax_clients = 9", env=manager.env) as echod:
            first, _ = manager.wait("READY=1")
            socks = [echod.unread()[0] for _ in range(3)]
            index, _ = manager.wait("STATUS=3/9 clients, 1 listener, 3 served, 0 refused",
                                    first + 1)
            sent = manager.messages[first:index + 1]
            pauses = [after[0] - before[0] for before, after in zip(sent, sent[1:])]
            expect(min(pauses) > 0.9, "the pauses between statuses are %s s" % pauses)
            expect_equal([len(lines) for _, lines, _ in sent[1:]], [1] * len(pauses),
                         "the numbers of lines of those that follow")
            echod.kill(signal.SIGTERM)
            index, (_, lines, _) = manager.wait("STOPPING=1", index)
            expect_extension(lines, 3)
            socks.pop().close()
            index, (_, lines, _) = manager.wait("STATUS=Stopping: waiting for 2 clients.*", index)
            expect_extension(lines, 2)
            for sock in socks:
                sock.close()
            manager.wait("STATUS=Stopped: 3 served, 0 refused", index)


def expect_extension(lines, clients):
    expect("STATUS=Stopping: waiting for %d clients, up to 1min (drain_timeout)" % clients in lines,
           "the status")
    found = [int(line[20:]) for line in lines if line.startswith("EXTEND_TIMEOUT_USEC=")]
    expect_equal(len(found), 1, "number of EXTEND_TIMEOUT_USEC= in %s" % lines)
    expect(50e6 < found[0] < 80e6, "EXTEND_TIMEOUT_USEC=%d" % found[0])


@test("a configuration from /dev/stdin cannot be reloaded, with the reason")
def read_once():
    for name in ("/dev/stdin", "/dev/fd/0"):
        with Piped(name) as echod:
            echod.echoing()
            status, out, err = echod.ctl("reload")
            expect_equal((status, out), (1, ""), "status and standard output of echoctl reload")
            expect_equal(err, "echoctl: cannot read %s a second time: a reload requires "
                         "--config FILE\n" % name, "the reason")
            echod.echoing()


class Piped(Managed):
    """An echod that reads its configuration from its standard input."""

    def __init__(self, name):
        self.name = name
        super().__init__(server="core_dumps = yes")  # no drop-in of the harness is read

    def command(self, args):
        words = super().command(args)
        words[words.index("--config") + 1] = self.name
        return ["/bin/sh", "-c", 'exec "$@" <"$0"', self.config] + words


@test("a reload works without /proc")
def no_proc():
    if VALGRIND or SANITIZED:
        raise Skip("the program that runs can be found through /proc only")
    for name in (None, "no-such-program", "/no/such/program", "no/such"):
        with Hidden(name, ready=False) as echod:
            eventually(lambda: os.path.exists(echod.control) or echod.popen.poll() is not None,
                       "the daemon has its control socket or ended")
            expect(echod.popen.poll() is None, "the daemon ended")
            for _ in range(2):
                expect_equal(echod.ctl("reload"), (0, "", ""), "result of echoctl reload, started as %s" % name)


class Hidden(Managed):
    """An echod without /proc, with NAME, if any, as its argv[0]."""

    def __init__(self, name, **more):
        self.name = name
        super().__init__(**more)

    def command(self, args):
        lie = ["bash", "-c", 'exec -a "$0" "$@"', self.name] if self.name else []
        return with_mount("-t", "tmpfs", "none", "/proc") + lie + super().command(args)


main()
