"""The control socket and echoctl(8): who may use it, its reports and commands, and that misuse does not
affect clients."""
import contextlib
import fcntl
import os
import re
import resource
import select
import signal
import socket
import stat
import struct
import subprocess
import threading
import time

from clients import expect_echo, recv_exactly, recv_until_eof
from expect import DEADLINE, SLOW, Skip, eventually, expect, expect_equal, expect_match, scaled, slowness
from harness import Echod
from managed import Asking, Managed, listen, run_echoctl, unix
from proc import cpu_seconds, descriptors, is_alive, state
from programs import ECHOCTL, NOBODY, SANITIZED, nobody, true_root
from tap import main, test

CROWD = scaled(500, 30)
# Of one user as many are heard at once (src/daemon/control/control_socket.h), but of root more than that.
AT_ONCE = 20 if os.geteuid() == 0 else 6


def connect(echod):
    """A peer of the control socket."""
    sock = socket.socket(socket.AF_UNIX)
    echod.sockets.append(sock)
    sock.settimeout(DEADLINE)
    sock.connect(echod.control)
    return sock


def request(echod, data):
    """What the daemon answers to DATA, until it ends the connection, or resets it: that is how a
    Unix socket ends from which not all was read."""
    sock = connect(echod)
    try:
        sock.sendall(data)
        return recv_until_eof(sock)
    except ConnectionError:
        return b""


def peer_name(sock):
    return "127.0.0.1:%d" % sock.getsockname()[1]


def columns(out):
    """The rows of a table, its head first."""
    return [re.split(r" {2,}", line) for line in out.splitlines()]


# ---- reports ----

@test("status prints a line for each fact, or one JSON object")
def status():
    with Managed(server="max_clients = 7", listen="port = 0\ndeny = 127.0.0.2") as echod:
        recv_until_eof(echod.connect(source="127.0.0.2"))
        gone, stays = echod.echoing(), echod.echoing()
        expect_echo(gone, b"twelve bytes")
        gone.close()
        eventually(lambda: len(echod.workers()) == 1, "the first worker is gone")
        expected = {"state": "serving", "pid": echod.pid, "clients": 1, "max_clients": 7,
                    "listeners": 1, "config": echod.config, "served": 2, "refused": 1,
                    "crashed": 0, "bytes_in": 16, "bytes_out": 16, "messages": 0, "dropped": 0,
                    "reloads": 0}
        eventually(lambda: echod.ask("status")["clients"] == 1, "the daemon has seen it")
        found = echod.ask("status")
        expect(0 <= found.pop("uptime_seconds") < DEADLINE, "uptime_seconds")
        expect_equal({key: found.get(key) for key in expected}, expected, "the facts")
        code, out, err = echod.ctl("status")
        expect_equal((code, err), (0, ""), "status and standard error")
        pairs = dict(re.split(" +", line, maxsplit=1) for line in out.splitlines())
        expect_equal({key: pairs.get(key) for key in expected},
                     {key: str(value) for key, value in expected.items()}, "the text")
        expect_echo(stays)


@test("list prints column names and a row for each client")
def list_clients():
    with Managed(listen("local") + unix("file")) as echod:
        expect_equal(echod.ask("list"), [], "the list of none")
        for table, none in (("list", "no clients"), ("datagrams", "no datagram sockets")):
            expect_equal(echod.ctl(table), (0, none + "\n", ""), "the table of none")
        first, second = echod.echoing(), echod.echoing(name="file")
        expect_echo(first, b"x" * 100)
        expected = [{"id": echod.worker_of(first), "peer": peer_name(first), "listener": "local",
                     "service": "echo", "state": "serving", "bytes_in": 104, "bytes_out": 104,
                     "messages": 0},
                    {"peer": "unix", "listener": "file", "bytes_in": 4}]
        eventually(lambda: echod.ask("list")[0]["bytes_out"] == 104, "all sent bytes are counted")
        found = echod.ask("list")
        expect_equal([{key: row.get(key) for key in want} for row, want in zip(found, expected)],
                     expected, "the rows")
        code, out, _ = echod.ctl("list")
        expect_equal(code, 0, "the status")
        table = columns(out)
        expect_equal(table[0], list(found[0]), "the column names")
        rows = [dict(zip(table[0], row)) for row in table[1:]]
        expect_equal([row["id"] for row in rows], [str(row["id"]) for row in found], "the IDs")
        expect_equal([row["peer"] for row in rows], [peer_name(first), "unix"], "the peers")
        starts = {re.search(r"\b(local|file|listener)\b", line).start()
                  for line in out.splitlines()}
        expect_equal(len(starts), 1, "the number of places at which a column begins")
        expect_echo(second)


@test("list shows the number of messages of a client")
def list_messages():
    with Managed(listen="port = 0\nservice = message") as echod:
        sock = echod.connect()
        for _ in range(3):
            sock.sendall(b"hello\n")
            recv_exactly(sock, 3)
        eventually(lambda: echod.ask("list")[0]["bytes_out"] == 9, "the last reply is counted")
        row = echod.ask("list")[0]
        expect_equal((row["service"], row["messages"], row["bytes_in"]), ("message", 3, 18),
                     "the row")


@test("listeners prints the address, service and origin of each listener")
def listeners():
    config = ("[listen local]\naddress = 127.0.0.1, ::1\nport = 0\n" + unix("file") +
              "service = message\n")
    with Managed(config) as echod:
        shown = ["127.0.0.1:%d" % echod.address()[1], "[::1]:%d" % echod.address(index=1)[1],
                 "unix:" + echod.address("file")]
        kinds = (("local", "tcp", "echo"), ("local", "tcp", "echo"), ("file", "unix", "message"))
        expected = [{"listener": name, "address": address, "protocol": protocol,
                     "service": service, "from": "echod"}
                    for address, (name, protocol, service) in zip(shown, kinds)]
        expect_equal(echod.ask("listeners"), expected, "the listeners")
        code, out, _ = echod.ctl("listeners")
        expect_equal((code, columns(out)),
                     (0, [list(expected[0])] + [list(row.values()) for row in expected]),
                     "the table")


@test("JSON and tables stay valid whatever bytes the paths contain")
def odd_names():
    with Managed(unix("file")) as echod:
        sock = socket.socket(socket.AF_UNIX)
        echod.sockets.append(sock)
        sock.settimeout(DEADLINE)
        sock.bind("\0\"quoted\"\\ =\t\n\r\033[2J\u00e4".encode() + b"\xff")
        sock.connect(echod.address("file"))
        expect_echo(sock)
        shown = "unix:@\"quoted\"\\\\ =\\x09\\x0a\\x0d\\x1b[2J\u00e4\\xff"
        expect_equal([row["peer"] for row in echod.ask("list")], [shown], "the name in JSON")
        out = echod.ctl("list")[1]
        expect_equal(len(out.splitlines()), 2, "the number of lines of the table")
        expect(shown in out, "the name is not in %r" % out)


@test("the name of a configuration file is reported as it is")
def odd_config():
    class Odd(Managed):
        def path(self, name):
            return super().path("a\"b\\c d.conf" if name == "echod.conf" else name)

    with Odd() as echod:
        expect_equal(echod.ask("status")["config"], echod.config, "its name in JSON")
        expect_match(r"^config +%s$" % re.escape(echod.config), echod.ctl("status")[1],
                     "its name in text")


@test("the name of a configuration file cannot add lines or facts to a report")
def hostile_config():
    class Odd(Managed):
        def path(self, name):
            return super().path("a\tstate=b\nc.conf" if name == "echod.conf" else name)

    with Odd() as echod:
        found = echod.ask("status")
        expect_equal((found["state"], found["reloads"]), ("serving", 0), "state and reloads")
        expect_equal(len(echod.ctl("status")[1].splitlines()), len(found), "the number of lines")


@test("metrics prints valid Prometheus text, with the same values as status")
def metrics():
    with Managed() as echod:
        echod.echoing()
        code, out, err = echod.ctl("metrics")
        expect_equal((code, err), (0, ""), "status and standard error")
        lines, values, types = out.splitlines(), {}, {}
        helped = None
        for line in lines:
            match = re.fullmatch(r"# HELP (\w+) \S.*|# TYPE (\w+) (counter|gauge|histogram)|"
                                 r"(\w+)(?:\{[^}]*\})? (\d+(?:\.\d+)?)", line)
            expect(match, "the line %r" % line)
            helped = match[1] or helped
            name = match[1] or match[2] or match[4]
            series = match[4] and types.get(helped) == "histogram"
            expect_equal(re.sub("_(bucket|sum|count)$", "", name) if series else name, helped, "the name in a line below its HELP")
            expect(re.match("echod_[a-z_]+$", name), "the name " + name)
            if match[2]:
                expect(name not in types, "%s has its type twice" % name)
                types[name] = match[3]
            elif match[4]:
                expect(helped in types, "%s has no type" % name)
                values[name] = float(match[5])
        expect_equal(sorted(values), sorted(series for name, kind in types.items() for series in (
            [name + end for end in ("_bucket", "_sum", "_count")] if kind == "histogram"
            else [name])), "names that have a type, and a value")
        for name, kind in types.items():
            expect_equal(name.endswith("_total"), kind == "counter", "whether %s is a counter" % name)
        expect_equal((values["echod_clients"], values["echod_clients_served_total"],
                      values["echod_listeners"], values["echod_clients_max"]),
                     (1, 1, 1, echod.ask("status")["max_clients"]), "some values")
        found = echod.ask("metrics")
        expect_equal((found.keys(), found["echod_clients"], found["echod_clients_served_total"]),
                     (values.keys(), 1, 1), "metrics with --json")


# ---- what it does ----

@test("kill ends a session cleanly: the client sees the end of the stream, and the record says why")
def kill():
    with Managed() as echod:
        sock, other = echod.echoing(), echod.echoing()
        expect_equal(echod.ctl("kill", str(echod.worker_of(sock))), (0, "", ""), "result of echoctl kill")
        expect_equal(recv_until_eof(sock), b"", "data received by the client")
        echod.log.wait(r" info: session of %s on local: closed on request; 4 bytes "
                       "in, 4 out, " % re.escape(peer_name(sock)))
        expect_echo(other)
        expect_equal(echod.ask("kill", str(echod.worker_of(other))).keys(), {"id"}, "keys of the JSON reply")
        eventually(lambda: echod.ask("status")["clients"] == 0, "no client is left")
        expect_equal(echod.ask("status")["crashed"], 0, "the crashes")
        expect_equal(echod.log.matching(" warning: "), [], "the warnings")


def stuck(echod):
    """A client whose worker is stopped, and the PID of that worker."""
    sock = echod.echoing()
    pid = echod.worker_of(sock)
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: state(pid) == "T", "the worker is stopped")
    return sock, pid


def expect_cut(echod, sock, pid):
    eventually(lambda: not is_alive(pid), "the worker ends")
    echod.log.wait(r" info: session of %s on local: killed because it did not end when told to; " %
                   re.escape(peer_name(sock)))
    expect_equal(echod.log.matching(" warning: "), [], "the warnings")
    expect_equal(echod.ask("status")["crashed"], 0, "the crashes")


@test("a second kill ends a worker that is stuck")
def kill_stuck():
    with Managed() as echod:
        other, (sock, pid) = echod.echoing(), stuck(echod)
        expect_equal(echod.ctl("kill", str(pid)), (0, "", ""), "the first one")
        expect_equal([row["id"] for row in echod.ask("list")], [echod.worker_of(other), pid],
                     "the list")
        expect_equal(echod.ctl("kill", str(pid)), (0, "", ""), "the second one")
        expect_cut(echod, sock, pid)
        expect_echo(other)


@test("a kill before a reload counts as the first one")
def kill_over_reload():
    with Managed() as echod:
        sock, pid = stuck(echod)
        expect_equal(echod.ctl("kill", str(pid))[0], 0, "the first one")
        echod.reload()
        expect_equal(echod.ctl("kill", str(pid))[0], 0, "the second one")
        expect_cut(echod, sock, pid)


@test("the log names the user who requested a kill or a reload")
def requester_logged():
    who, by = ({}, "root" if os.geteuid() == 0 else "uid %d" % os.geteuid())
    if true_root():
        who, by = nobody(group=os.getegid()), "uid %d" % NOBODY
    asked = r" notice: %s \(pid %%d\) requested %%s through the control socket$" % by
    with Managed() as echod:
        sock = echod.echoing()
        for args, what in ((("reload",), "a reload"),
                           (("kill", str(echod.worker_of(sock))),
                            "the end of the session of %s on local" % peer_name(sock))):
            os.chmod(echod.control, 0o666)
            asking = Asking(echod.control, *args, **who)
            expect_equal(asking.result(), (0, "", ""), "result of echoctl " + args[0])
            echod.log.wait(asked % (asking.process.pid, what))
        echod.log.wait(r" info: session of .* closed on request; ")


@test("kill accepts no process other than the worker of a client")
def kill_unknown():
    with Managed() as echod:
        sock = echod.echoing()
        worker = echod.worker_of(sock)
        for text in ("0", "1", "-1", "x", "", str(echod.pid), str(echod.scribe_pid),
                     str(os.getpid()), "%dx" % worker, "-%d" % worker, " %d" % worker,
                     "%d" % (worker + (1 << 32)), "99999999999999999999", "9" * 1000):
            code, out, err = echod.ctl("kill", "--", text)
            expect_equal((code, out), (1, ""), "status and output of kill %s" % text)
            number = text.isdigit() and int(text) < 1 << 31
            expect_equal(err, "echoctl: no client has the ID %s: echoctl list shows them\n" % text if number else
                         "echoctl: the ID of a client is the number that echoctl list shows\n", "standard error")
        expect_echo(sock)
        expect_equal(echod.ask("status")["clients"], 1, "the clients")


@test("reload --json prints JSON")
def reload_json():
    with Managed() as echod:
        expect_equal(echod.ask("reload"), {}, "the JSON reply")


@test("echoctl gets answers while the daemon drains")
def draining():
    with Managed(server="drain_timeout = 1d") as echod:
        sock, _ = echod.unread()
        echod.kill(signal.SIGTERM)
        echod.log.wait(" info: stopping: ")
        found = echod.ask("status")
        expect_equal((found["state"], found["clients"], found["listeners"]), ("stopping", 1, 0),
                     "the state")
        expect_equal(echod.ctl("check-access", "127.0.0.1", "local"),
                     (1, "", "echoctl: echod is stopping and serves no new clients\n"), "check-access")
        echod.ctl("kill", str(echod.worker_of(sock)))
        with contextlib.suppress(ConnectionResetError):  # there is more of its own than was read
            recv_until_eof(sock)
        expect_equal(echod.wait(), 0, "the exit status")


# ---- the command line ----

@test("exit status 64 for a bad command line, 0 for --help and --version")
def usage():
    for args in ((), ("dance",), ("kill",), ("status", "now"), ("kill", "1", "2"), ("--loud",),
                 ("-s",), ("list\n",)):
        code, out, err = run_echoctl(*args)
        expect_equal((code, out), (64, ""), "status and output of echoctl %s" % (args,))
        expect_match("echoctl", err, "standard error")
    for option, words in (("--help", "^Usage: echoctl "), ("--version", r"^echoctl \(echod\) \d")):
        code, out, err = run_echoctl(option)
        expect_equal((code, err), (0, ""), "status of " + option)
        expect_match(words, out, "standard output")


@test("the exit status is 3 if no echod is running, with the path; --instance uses its own path")
def not_running():
    with Echod() as helper, socket.socket(socket.AF_UNIX) as dead:
        dead.bind(helper.path("dead"))
        for args, path in ((("-s", helper.path("none")), helper.path("none")),
                           (("-s", helper.path("dead")), helper.path("dead")),
                           (("--instance", "no-such"), r"\S*/run/echod-no-such/control")):
            for command in ("status", "reload"):
                code, out, err = run_echoctl(*args, command)
                expect_equal((code, out), (3, ""), "status and output")
                expect_match(r"^echoctl: no echod is listening on %s; is the service running\? "
                             r"\(see CONTROL SOCKET in echod\(8\)\)$" % path, err,
                             "standard error")


def answer_of(text, *args):
    """What echoctl makes of a server that answers TEXT, whatever it is asked."""
    with Echod() as helper, socket.socket(socket.AF_UNIX) as sock:
        sock.bind(helper.path("control"))
        sock.listen()
        asking = Asking(helper.path("control"), *args)
        sock.settimeout(DEADLINE)
        server = sock.accept()[0]
        with server:
            asked = server.recv(1000)
            server.sendall(text)
        return asked, asking.result()


@test("the exit status is 4 for an invalid reply, 1 for an error")
def answers():
    for text, code in ((b"", 4), (b"ok", 4), (b"okay\n", 4), (b"HTTP/1.1 200 OK\n", 4),
                       (b"ok\n", 0), (b"error\nfirst\nsecond\n", 1), (b"error why\n", 1)):
        asked, (found, out, err) = answer_of(text, "status")
        expect_equal((asked, found, out), (b"status\n", code, ""), "request, status, output for the reply %r" % text)
        expect_equal(err, {b"error why\n": "echoctl: why\n", b"ok\n": "",
                           b"error\nfirst\nsecond\n": "echoctl: first\nechoctl: second\n"}
                     .get(text, err), "standard error")
        expect_equal(err == "", code == 0, "whether standard error is empty with status 0 only")


HOSTILE = b"\x1b]0;owned\x07\x1b[31mx\x9b2J\xc2\x9b\x7f\x00\xff\r\xe2\x80\xae"


@test("control characters in a reply are escaped on a terminal, for every command")
def hostile_answers():
    for command in (("status",), ("list",), ("listeners",), ("datagrams",), ("metrics",),
                    ("check-access", "::1", "x"), ("kill", "1"), ("reload",)):
        for option in ((), ("--json",)):
            for form in (b"ok\nstate=%s\tpid=1\n", b"error %s\n", b"error\n%s\nmore\n", b"%s\n"):
                _, (_, out, err) = answer_of(form % HOSTILE, *option, *command)
                expect(re.fullmatch(r"[\n\t -~]*", out + err),
                       "%s prints %r" % (command, out + err))
                if form.startswith(b"error"):
                    expect(r"\x1b]0;owned\x07\x1b[31mx\x9b2J" in err, "the reply is not escaped: %r" % err)


def limit_memory():
    if not SANITIZED:  # which reserves more than any machine has
        resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))


@test("a reply without an end is given up before it fills the memory")
def endless_answers():
    for command in ("status", "list", "metrics"):
        with Echod() as helper, socket.socket(socket.AF_UNIX) as sock:
            sock.bind(helper.path("control"))
            sock.listen()
            asking = Asking(helper.path("control"), command, preexec_fn=limit_memory)
            sock.settimeout(DEADLINE)
            with sock.accept()[0] as server:
                server.recv(1000)
                sent = 0
                try:
                    server.sendall(b"ok\n")
                    for _ in range(10000):
                        sent += server.send(b"a" * 65536)
                except ConnectionError:
                    pass
            expect(sent < 64 << 20, "echoctl read %d bytes" % sent)
            code, out, err = asking.result()
            expect_equal((code, out), (4, ""), "status and output")
            expect_match("^echoctl: the reply from .* is too long to be from echod$", err,
                         "standard error")


@test("echoctl warns if the process that replies runs as another user than root, echod or the caller")
def server_of_another_user():
    if not true_root():
        raise Skip("only root can become somebody else")
    with Managed() as echod:
        expect_equal(echod.ctl("status")[2], "", "standard error with echod as root")
    with Echod() as helper, socket.socket(socket.AF_UNIX) as sock:
        sock.bind(helper.path("control"))
        os.seteuid(NOBODY)  # listen(2) notes who it is: unix(7), SO_PEERCRED
        try:
            sock.listen()
        finally:
            os.seteuid(0)
        for args in ((), ("--json",)):
            asking = Asking(helper.path("control"), *args, "status")
            with sock.accept()[0] as server:
                server.recv(100)
                server.sendall(b"ok\nstate=serving\n")
            code, out, err = asking.result()
            expect_equal(code, 0, "the exit status")
            expect("serving" in out, "the answer is shown: " + out)
            expect_match(r"^echoctl: warning: \S+/control is served by process %d of the user \S.* "
                         r"\(uid %d\), who is neither root nor echod$" % (os.getpid(), NOBODY), err,
                         "standard error")


@test("--instance accepts every name that systemd permits, and rejects others")
def instances():
    for name in ("127.0.0.1:7810", r"a\x20b", "a@b", "-x"):
        code, _, err = run_echoctl("--instance=" + name, "status")
        expect_equal(code, 3, "the exit status")
        expect("/run/echod-%s/control" % name in err, "the path: " + err)
    for name in ("", "a b", "../echod", "a/b", "a%b"):
        code, _, err = run_echoctl("--instance", name, "status")
        expect_equal(code, 64, "the exit status with %r" % name)
        expect_match("not a valid instance name", err, "standard error")


@test("a reply that is cut off is an error")
def cut_answers():
    for text in (b"ok\nstate=serving\tpid=1", b"ok\nid=1\tpeer=unix\nid=2\tpe"):
        _, (code, _, err) = answer_of(text, "status" if b"state" in text else "list")
        expect_equal((code, err != ""), (4, True), "exit status, and whether there is an error message")


@test("a socket path that is too long is a wrong command line, too")
def long_path():
    code, out, err = run_echoctl("-s", "/" + "x" * 200, "status")
    expect_equal((code, out), (64, ""), "status and output")
    expect_match("^echoctl: too long for the path of a Unix socket: /x+$", err, "standard error")


@test("an invalid socket path is a wrong command line")
def relative_path():
    expect_equal(run_echoctl("-s", "control", "status"),
                 (64, "", "echoctl: the path of a control socket must begin with /: control\n"),
                 "status and output")


@test("output to a full disk is an error")
def full_disk():
    with Managed() as echod, open("/dev/full", "w", encoding="ascii") as full:
        code, _, err = echod.ctl("status", stdout=full)
        expect_equal(code, 74, "the exit status")
        expect_match("^echoctl: cannot write standard output: No space left", err, "standard error")


# ---- the socket ----

@test("the socket file has mode 0660, survives a reload, and is removed at the stop")
def file():
    with Managed() as echod:
        before = os.stat(echod.control)
        expect_equal(stat.S_IMODE(before.st_mode), 0o660, "its mode")
        echod.reload()
        expect_equal(os.stat(echod.control).st_ino, before.st_ino, "its inode after a reload")
        echod.stop()
        expect(not os.path.exists(echod.control), "the socket file is still there after the stop")


@test("a second daemon in the same directory runs without a control socket and leaves the first one's alone")
def second():
    with Managed() as first:
        with Managed(runtime=first.runtime) as other:
            other.log.wait(r" warning: no control socket, so echoctl cannot be used: unix:\S+/control "
                           "is in use by another program ")
            expect_echo(other.connect())
            expect_equal(first.ask("status")["pid"], first.pid, "pid of the daemon that replies")
            other.hang_up()
            expect_equal(first.ask("status")["pid"], first.pid, "the pid after its reload")
        expect_equal(first.ask("status")["pid"], first.pid, "the pid after the other one stopped")


@test("the socket that a killed daemon left is taken over")
def stale():
    with Managed() as first:
        first.popen.kill()
        first.popen.wait()
        expect(os.path.exists(first.control), "the file is still there")
        with Managed(runtime=first.runtime) as echod:
            expect_equal(echod.ask("status")["pid"], echod.pid, "pid of the daemon that replies")


@test("a stop does not remove the socket of another daemon")
def file_of_another():
    with Managed() as first:
        os.rename(first.control, first.control + ".away")
        with Managed(runtime=first.runtime) as other:
            first.stop()
            expect_equal(other.ask("status")["pid"], other.pid, "pid of the daemon that replies")


@test("without the directory, or with too long a path, the daemon runs without a control socket")
def no_directory():
    with Managed(runtime="/nonexistent/echod") as echod:
        echod.log.wait(" warning: no control socket, so echoctl cannot be used: the directory "
                       "of /nonexistent/echod/control does not exist$")
        echod.hang_up()
        expect_echo(echod.connect())
    with Echod() as helper:
        deep = helper.path("x" * 120)
        os.mkdir(deep)
        with Managed(runtime=deep) as echod:
            echod.log.wait(" warning: no control socket, so echoctl cannot be used: the path is too "
                           "long$")
            expect_echo(echod.connect())


@test("a directory name may contain a colon; of several directories, the first one is used")
def colon():
    with Echod() as helper:
        whole, first = helper.path("echod-127.0.0.1:7810"), helper.path("first")
        os.mkdir(whole)
        os.mkdir(first)
        for runtime, control in ((whole, whole), (first + ":/nonexistent", first)):
            with Managed(runtime=runtime) as echod:
                for _ in range(2):
                    code, _, err = run_echoctl("-s", control + "/control", "reload")
                    expect_equal((code, err), (0, ""), "result of echoctl reload")
                expect_equal(echod.log.matching(" warning: "), [], "the warnings")


def as_nobody(**more):
    if not true_root():
        raise Skip("only root can become somebody else")
    return nobody(**more)


@test("another user is refused by the file mode or, if that is changed, by the daemon")
def no_right():
    who = as_nobody()
    with Managed() as echod:
        sock = echod.echoing()
        expect_equal(echod.ctl("status", **who),
                     (4, "", "echoctl: permission denied: %s is for root and the group of echod (sudo?)\n" %
                      echod.control), "result for another user")
        expect_equal(echod.log.matching(" warning: "), [], "the warnings")
        os.chmod(echod.control, 0o666)
        for count, args in enumerate((("status",), ("kill", str(echod.worker_of(sock))),
                                      ("reload",)), 1):
            code, out, err = echod.ctl(*args, **who)
            expect(code in (1, 4) and not out, "status and output: %d, %s" % (code, out))
            expect_match("is for root and the group of echod", err, "standard error")
            echod.log.wait(r" warning: refused the use of the control socket to uid %d "
                           r"\(pid \d+\), which is neither root nor in the group of echod$" % NOBODY,
                           count=count)
        expect_echo(sock)
        expect_equal(echod.ask("status")["reloads"], 0, "the reloads")


@test("the daemon's group may use the socket")
def group():
    who = as_nobody(extra_groups=[os.getegid()])
    with Managed() as echod:
        expect_equal(echod.ctl("status", **who)[0], 0, "the status for a member")
        who = as_nobody(group=os.getegid())
        expect_equal(echod.ctl("status", **who)[0], 0, "the status for one whose group it is")


def crowd_of(user, group, path, out):
    """In a child that becomes USER: opens 60 connections, and writes to OUT the replies to the last
    ones."""
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
    socks = [socket.socket(socket.AF_UNIX) for _ in range(60)]
    for sock in socks:
        sock.connect(path)
    os.write(out, b"connected\n")
    os.write(out, b"".join(sorted({sock.recv(100) for sock in socks[6:]})))
    os.close(out)
    signal.pause()


@test("a user other than root cannot take all connections")
def one_user():
    who = as_nobody()
    with Managed() as echod:
        out, into = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                crowd_of(who["user"], os.getegid(), echod.control, into)
            finally:
                os._exit(1)
        os.close(into)
        with open(out, "rb") as reports:
            expect_equal(reports.readline(), b"connected\n", "whether the user can connect")
            expect_equal(echod.ask("status")["state"], "serving", "the state that root gets meanwhile")
            expect_equal(reports.read(), b"error too many requests from this user at once\n",
                         "the reply to the user")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


# ---- bad manners ----

@test("an invalid request has no effect")
def bad_requests():
    with Managed() as echod:
        sock = echod.echoing()
        worker = echod.worker_of(sock)
        for data in (b"\n", b"dance\n", b"STATUS\n", b"status \n", b"status\r\n", b" status\n",
                     b"kill\n", b"killall %d\n" % worker, b"reload now\n", b"x" * 126 + b"\n",
                     b"kill \x1b[2J\n", b"check-access \xc3 local\n"):
            expect_equal(request(echod, data), b"error unknown request\n", "the reply to %r" % data)
        for data in (b"x" * 127, b"x" * 5000):
            expect_equal(request(echod, data), b"", "the answer to %d bytes" % len(data))
        expect_match("^error the ID of a client is", request(echod, b"kill \n").decode(), "a kill of nobody")
        expect_match("^ok\nstate=", request(echod, b"status\nkill %d\n" % worker).decode(),
                     "the answer to two requests")
        expect_echo(sock)
        expect_equal(echod.ask("status")["reloads"], 0, "the reloads")


@test("a request may arrive in pieces; an incomplete one gets no reply")
def pieces():
    with Managed() as echod:
        sock = connect(echod)
        for byte in b"status":
            sock.sendall(bytes([byte]))
            eventually(lambda: unread(sock) == 0, "the daemon has read it")
        sock.sendall(b"\n")
        expect_match("^ok\nstate=serving", recv_until_eof(sock).decode(), "the answer")
        sock = connect(echod)
        sock.sendall(b"status")
        sock.shutdown(socket.SHUT_WR)
        expect_equal(recv_until_eof(sock), b"", "the answer to half a request")


def unread(sock):
    """How many of the bytes that were sent on SOCK its peer has not read yet: SIOCOUTQ."""
    return struct.unpack("i", fcntl.ioctl(sock, 0x5411, b"\0" * 4))[0]


@test("peers that disconnect at any point do no harm")
def early_disconnects():
    with Managed(copied=True) as echod:
        for data in (b"", b"stat", b"status\n", b"list\n", b"metrics\n", b"reload\n") * 5:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(echod.control)
                with contextlib.suppress(BrokenPipeError): # the reload before may have closed it
                    sock.sendall(data)
        eventually(lambda: echod.ctl("status")[0] == 0, "echoctl status succeeds")
        expect_echo(echod.connect())


@test("%d peers at once are all answered, whoever speaks first" % AT_ONCE)
def at_once():
    with Managed() as echod:
        peers = [connect(echod) for _ in range(AT_ONCE)]
        for sock in reversed(peers):
            sock.sendall(b"status\n")
        for sock in peers:
            expect_match("^ok\nstate=serving", recv_until_eof(sock).decode(), "the answer")
        askings = [Asking(echod.control, "list") for _ in range(AT_ONCE)]
        expect_equal([asking.result() for asking in askings], [(0, "no clients\n", "")] * AT_ONCE,
                     "the lists")
        expect_echo(echod.connect())


@test("echoctl gets an answer at every moment of a reload")
def during_reloads():
    def ask_on():
        while not stop:
            results.append(echod.ctl("status")[::2])

    results, stop = [], []
    with Managed() as echod:
        threads = [threading.Thread(target=ask_on, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(scaled(25, 5)):
            echod.hang_up()
        stop.append(True)
        for thread in threads:
            thread.join(DEADLINE)
        expect_equal([result for result in results if result != (0, "")], [], "results other than success")


def crowd(echod):
    """Clients with names so long that a list of them fills every buffer."""
    for i in range(CROWD):
        sock = socket.socket(socket.AF_UNIX)
        echod.sockets.append(sock)
        sock.settimeout(DEADLINE)
        sock.bind(b"\0" + b"\377" * 90 + b"%d-%d" % (os.getpid(), i))
        sock.connect(echod.address("file"))
    eventually(lambda: echod.ask("status")["clients"] == CROWD, "all clients are served")


def junk(echod):
    """A peer that sends up to 1 MiB of junk, as long as it is let."""
    sock = connect(echod)
    try:
        sock.sendall(b"junk" * (1 << 18))
    except ConnectionError:
        pass
    return sock


@test("peers that are silent, stop halfway, or never read %d clients: they go after 5 s, and "
      "meanwhile all are served" % CROWD)
def unresponsive_peers():
    with Managed("[server]\nmax_clients = 2000\nmax_per_source = 0\n" + listen("local") + unix("file")) as echod:
        crowd(echod)
        before = len(descriptors(echod.pid))
        expect_equal(len(echod.ask("list")), CROWD, "the length of the list")
        inside, start = echod.echoing(), time.monotonic()
        junk(echod)
        half, unread = connect(echod), [connect(echod) for _ in range(2)]
        silent = [connect(echod) for _ in range(5)]
        half.sendall(b"stat")
        for sock in unread:
            sock.sendall(b"list\n")
        waiting = Asking(echod.control, "status")
        left, served, used = set([half] + silent + unread), 0, cpu_seconds(echod.pid)
        all_of_them, poll = len(left), select.poll()
        for sock in left:
            poll.register(sock, select.POLLHUP)
        while left and time.monotonic() < start + DEADLINE:
            expect_echo(inside)
            with echod.echoing() as sock:
                echod.sockets.remove(sock)
            for fd, _ in poll.poll(50):
                left -= {sock for sock in left if sock.fileno() == fd}
                poll.unregister(fd)
            served += len(left) == all_of_them
        passed = time.monotonic() - start
        used = cpu_seconds(echod.pid) - used
        expect(not left, "%d of them are still connected" % len(left))
        expect(passed > 4, "they were disconnected after %.1f s" % passed)
        # Whoever has to wait for one of them waits until that is disconnected.
        expect(served or SLOW, "clients are served before any of them is disconnected")
        expect(used < scaled(2, 20) * slowness(), "the daemon used %.1f s of CPU time" % used)
        status, _, err = waiting.result()
        if os.geteuid() == 0:
            expect_equal(status, 0, "the status of an echoctl that waited for its turn")
        else:
            expect_match("too many requests of one user", err, "standard error of a refused echoctl")
        if CROWD == 500:
            answer = recv_until_eof(unread[0])
            expect(0 < answer.count(b"\n") <= CROWD, "%d lines sent to a peer that does not read" % answer.count(b"\n"))
        eventually(lambda: len(descriptors(echod.pid)) == before, "all descriptors are closed")


@test("out of descriptors: a control connection waits without a busy loop, and is answered later")
def no_descriptors():
    with Managed() as echod:
        inside = echod.echoing()
        echod.wait_closed_clients()
        used, limits = descriptors(echod.pid), resource.prlimit(echod.pid, resource.RLIMIT_NOFILE)
        first = next(i for i in range(1024) if i not in used)
        resource.prlimit(echod.pid, resource.RLIMIT_NOFILE, (first, limits[1]))
        peer, client = connect(echod), echod.connect()
        peer.sendall(b"status\n")
        client.sendall(b"ping")
        before = cpu_seconds(echod.pid)
        expect(not select.select([peer, client], [], [], 0.6)[0], "peers were served without a descriptor")
        spent = cpu_seconds(echod.pid) - before
        expect(spent < 0.2, "echod used %.2f s of CPU time in 0.6 s" % spent)
        expect_echo(inside)
        resource.prlimit(echod.pid, resource.RLIMIT_NOFILE, limits)
        expect_match("^ok\nstate=serving", recv_until_eof(peer).decode(), "the answer")
        expect_equal(recv_exactly(client, 4), b"ping", "the echo")


main()
