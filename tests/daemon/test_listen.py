"""Listening: what cannot be had is explained, and the files of Unix sockets are looked after."""
import fcntl
import os
import socket
import stat
import struct
import tempfile

from clients import expect_echo
from expect import DEADLINE, Skip, expect, expect_equal, expect_match, scaled
from harness import Echod, run_echod, unprivileged
from managed import Load, Managed, Passed
from proc import descriptors
from tap import main, private_network, test


RACERS, RACES = scaled(8, 3), scaled(5, 2)


def tcp(address, port, name="local"):
    return "[listen %s]\naddress = %s\nport = %d\n" % (name, address, port)


def unix(path, name="local", more=""):
    return "[listen %s]\nprotocol = unix\naddress = %s\n%s\n" % (name, path, more)


def occupied(host="127.0.0.1"):
    """A socket that listens, and its port."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.bind((host, 0))
    sock.listen()
    return sock, sock.getsockname()[1]


# ---- addresses that cannot be had ----

@test("an address that is in use: status 69, and which listener it is")
def in_use():
    sock, port = occupied()
    with sock:
        status, out, err = run_echod(config=tcp("127.0.0.1", port, "busy"))
    expect_equal((status, out), (69, ""), "the exit status and standard output")
    expect_match(r" error: listener busy: 127\.0\.0\.1:%d is in use by another program \(ss -tlnp "
                 r"shows which\)$" % port, err, "standard error")


@test("every address that cannot be had is told, not only the first")
def all_in_use():
    first, second = occupied(), occupied()
    with first[0], second[0]:
        status, _, err = run_echod(config=tcp("127.0.0.1", first[1], "one") +
                                   tcp("127.0.0.1", second[1], "two"))
    expect_equal(status, 69, "the exit status")
    expect_match(r" listener one: 127\.0\.0\.1:%d is in use" % first[1], err, "standard error")
    expect_match(r" listener two: 127\.0\.0\.1:%d is in use" % second[1], err, "standard error")


@test("an address of another machine: status 69, in words")
def not_here():
    status, _, err = run_echod(config=tcp("192.0.2.1", 0))
    expect_equal(status, 69, "the exit status")
    expect_match(r" listener local: 192\.0\.2\.1:0 is not an address of this machine$", err,
                 "standard error")


@test("a port below 1024 without the privilege: status 77, and what it takes")
def privileged():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        if int(file.read()) <= 7:
            raise Skip("this network lets everybody have port 7")
    status, out, err = run_echod(config=tcp("127.0.0.1", 7), **unprivileged())
    expect_equal((status, out), (77, ""), "the exit status and standard output")
    expect_match(r" listener local: 127\.0\.0\.1:7 is not permitted: a port below 1024 needs "
                 r"CAP_NET_BIND_SERVICE \(privileged-port\.conf, echod\(8\)\)$", err, "standard error")


@test("two listeners with the same address: status 78, and both names")
def same_address():
    status, _, err = run_echod(config=tcp("127.0.0.1", 7777, "one") +
                               tcp("127.0.0.1", 7777, "two"))
    expect_equal(status, 78, "the exit status")
    expect_match(r"echod\.conf:5: \[listen two\] address: 127\.0\.0\.1:7777 is taken already, by "
                 r"\[listen one\]$", err, "standard error")


@test("* and an address with the same port: status 78")
def any_and_one():
    status, _, err = run_echod(config=tcp("*", 7777, "all") + tcp("127.0.0.1", 7777, "one"))
    expect_equal(status, 78, "the exit status")
    expect_match(r"\[listen one\] address: 127\.0\.0\.1:7777 is taken already, by \[listen all\]$",
                 err, "standard error")


@test("a name that cannot be looked up: status 78, and which name")
def unknown_name():
    if not private_network():
        raise Skip("the question would leave this machine")
    status, _, err = run_echod(config=tcp("name.invalid", 0), timeout=3 * DEADLINE)
    expect_equal(status, 78, "the exit status")
    expect_match(r"\[listen local\] address: the name name\.invalid cannot be looked up: ", err,
                 "standard error")


@test("a daemon that cannot have all its listeners leaves no file of the others behind")
def no_leftovers():
    sock, port = occupied()
    with sock, tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        path = os.path.join(where, "echo.sock")
        status, _, _ = run_echod(config=unix(path, "file") + tcp("127.0.0.1", port, "busy"))
        expect_equal(status, 69, "the exit status")
        expect_equal(os.listdir(where), [], "the files that are left")


# ---- ports that are shared ----

SHARED = "reuse_port = yes\n"


@test("reuse_port: two instances share a port; once one is gone, the other serves all")
def shared_port():
    with Echod(listen=SHARED) as first:
        config = tcp("127.0.0.1", first.port) + SHARED
        with Echod(config) as second:
            socks = [second.echoing() for _ in range(40)]
            counts = len(first.workers()), len(second.workers())
            expect_equal(sum(counts), 40, "the number of workers")
            expect(min(counts) > 0, "one has them all")
            for sock in socks:
                sock.close()
            first.wait_no_workers()
            first.stop()
            for _ in range(20):
                second.echoing()


@test("reuse_port: whoever shares no port is told that it is in use; and so is whoever would")
def shared_in_vain():
    with Echod(listen=SHARED) as first:
        status, _, err = run_echod(config=tcp("127.0.0.1", first.port))
        expect_equal(status, 69, "the exit status")
        expect_match(r"in use by another program \(ss -tlnp shows which\)$", err, "standard error")
    sock, port = occupied()
    with sock:
        status, _, err = run_echod(config=tcp("127.0.0.1", port) + SHARED)
    expect_equal(status, 69, "the exit status")
    expect_match(r"in use by another program \(which shares it only with reuse_port = yes, too, "
                 r"and of the same user; ss -tlnp shows which\)$", err, "standard error")


@test("reuse_port: of two listeners with the same address in one file one is an error")
def shared_with_itself():
    config = tcp("127.0.0.1", 7777, "one") + SHARED + tcp("127.0.0.1", 7777, "two") + SHARED
    expect_match(r"is taken already, by \[listen one\]$", run_echod(config=config)[2], "the error")


@test("reuse_port takes effect at a reload on a socket that is there; not if that is rejected")
def shared_later():
    with Managed(tcp("127.0.0.1", 0)) as first:
        config = tcp("127.0.0.1", first.port) + SHARED
        first.configure(config + "nonsense = 1\n")
        first.rejects("unknown option")
        expect_equal(run_echod(config=config)[0], 69, "the exit status before")
        sock, port = occupied()
        with sock:
            first.configure(config + tcp("127.0.0.1", port, "busy"))
            first.rejects("is in use")
        expect_equal(run_echod(config=config)[0], 69, "the exit status of a second one")
        first.configure(config)
        first.reload()
        with Echod(config) as second:
            for _ in range(40):
                second.echoing()
            expect(first.workers() and second.workers(), "one has them all")


@test("reuse_port: a socket that is passed is shared, too")
def shared_passed():
    sock, port = occupied()
    with sock:
        config = tcp("127.0.0.1", port) + SHARED
        with Passed(config, sock) as first, Echod(config) as second:
            sock.close()
            for _ in range(40):
                second.echoing()
            expect(first.workers() and second.workers(), "one has them all")


@test("a reload that tries a shared port, in vain, takes no connection from the others")
def shared_rehearsal():
    sock, busy = occupied()
    with sock, Echod(listen=SHARED) as first, Managed(tcp("127.0.0.1", 0, "own")) as second:
        second.configure(tcp("127.0.0.1", 0, "own") + tcp("127.0.0.1", first.port) + SHARED +
                         tcp("127.0.0.1", busy, "busy"))
        with Load(first) as load:
            for _ in range(scaled(20, 3)):
                second.rejects("listener busy: .* is in use")
                load.wait_more()
        expect_equal(load.failures, [], "what went wrong")


# ---- addresses that can ----

@test("* listens on all IPv4 and all IPv6 addresses")
def everywhere():
    with Echod(listen="address = *\nport = 0") as echod:
        hosts = [host for host, _ in echod.listening["local"]]
        expect_equal(hosts, ["0.0.0.0", "::"], "the printed addresses")
        for index, host in enumerate(("127.0.0.1", "::1")):
            port = echod.listening["local"][index][1]
            with socket.create_connection((host, port), timeout=DEADLINE) as sock:
                expect_echo(sock)


@test("an IPv6 listener leaves IPv4 alone, so that each can be configured by itself")
def v6_only():
    with Echod(listen="address = ::\nport = 0") as echod:
        try:
            socket.create_connection(("127.0.0.1", echod.port), timeout=DEADLINE).close()
        except ConnectionRefusedError:
            return
        expect(False, "the IPv6 listener takes IPv4 connections")


@test("listeners are served side by side, each with its own service")
def side_by_side():
    config = (tcp("127.0.0.1", 0, "one") + tcp("127.0.0.1", 0, "two") + "greeting = two\n" +
              unix("@DIR@/s", "three", "greeting = three"))
    with Echod(config) as echod:
        expect_equal(sorted(echod.listening), ["one", "three", "two"], "the listeners")
        expect_echo(echod.connect("one"))
        expect_equal(echod.connect("two").recv(100), b"two", "the greeting")
        expect_equal(echod.connect("three").recv(100), b"three", "the greeting")


@test("the port of a daemon that was stopped a moment ago can be had at once")
def restarted():
    with Echod() as echod:
        port = echod.port
        sock = echod.echoing()
        echod.popen.kill()  # the daemon's side closes first, so it is the one in TIME_WAIT
        echod.popen.wait()
        expect_equal(sock.recv(1), b"", "what the client gets")
        sock.close()
    with Echod(tcp("127.0.0.1", port)) as echod:
        expect_echo(echod.connect())


@test("standard streams that are closed at the start do no harm")
def closed_streams():
    def prepare():
        os.close(0)

    with Echod(prepare=prepare) as echod:
        expect_equal(descriptors(echod.pid)[0], "/dev/null", "descriptor 0 of the daemon")
        expect_echo(echod.connect())


# ---- files of Unix sockets ----

def directory():
    return tempfile.TemporaryDirectory(prefix="echod-test-")


@test("the file that a dead server left is replaced")
def stale_file():
    with directory() as where:
        path = os.path.join(where, "s")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
            sock.listen()
        expect(stat.S_ISSOCK(os.lstat(path).st_mode), "the file of the dead server is there")
        with Echod(unix(path)) as echod:
            expect_echo(echod.connect())


@test("the file of a living server is not replaced: status 69")
def living_file():
    with directory() as where:
        path = os.path.join(where, "s")
        with Echod(unix(path)) as echod:
            status, _, err = run_echod(config=unix(path, "late"))
            expect_equal(status, 69, "the exit status of the second one")
            expect_match(r" error: listener late: unix:%s is in use by another program "
                         r"\(ss -xlp shows which\)$" % path, err, "standard error")
            expect_echo(echod.connect())
            expect(os.path.exists(path), "the file is still there")


@test("of %d that start at once where a dead one left its file, one serves, and keeps it" % RACERS)
def stale_race():
    with directory() as where:
        path = os.path.join(where, "s")
        for _ in range(RACES):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.bind(path)
            racers = [Echod(unix(path), ready=False) for _ in range(RACERS)]
            served = [racer for racer in racers if os.read(racer.out, 1)]
            expect_equal(len(served), 1, "the number of those that listen")
            with served[0], socket.socket(socket.AF_UNIX) as client:
                client.settimeout(DEADLINE)
                client.connect(path)
                expect_echo(client)
                peer = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET,
                                                             socket.SO_PEERCRED, 12))[0]
                expect_equal(peer, served[0].pid, "the process that listens there")
            for racer in racers:
                if racer not in served:
                    expect_equal(racer.wait(), 69, "the exit status of the others")
                    racer.log.wait(" error: listener local: .* is in use by another program ")
                    racer.clean_up()
            expect_equal(os.listdir(where), [], "the files that are left")


@test("a lock that an echod left as it was killed is in nobody's way")
def left_lock():
    with directory() as where:
        path = os.path.join(where, "s")
        with open(path + ".lock", "w", encoding="ascii"), Echod(unix(path)) as echod:
            expect_echo(echod.connect())
            expect_equal(os.listdir(where), ["s"], "the files")


@test("while somebody has the lock, nobody listens: status 69")
def locked():
    with directory() as where, open(os.path.join(where, "s.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, _, err = run_echod(config=unix(os.path.join(where, "s")))
        expect_equal((status, os.listdir(where)), (69, ["s.lock"]), "the exit status and the files")
        expect_match(" error: listener local: .* is in use by another program ", err,
                     "standard error")


@test("a regular file in its place is left alone: status 69")
def regular_file():
    with directory() as where:
        path = os.path.join(where, "s")
        with open(path, "w", encoding="ascii") as file:
            file.write("precious")
        status, _, _ = run_echod(config=unix(path))
        expect_equal(status, 69, "the exit status")
        with open(path, encoding="ascii") as file:
            expect_equal(file.read(), "precious", "the content of the file")


@test("a symbolic link in its place is left alone, and what it points to, too")
def symbolic_link():
    with directory() as where:
        path, target = os.path.join(where, "s"), os.path.join(where, "target")
        os.symlink(target, path)
        status, _, _ = run_echod(config=unix(path))
        expect_equal(status, 69, "the exit status")
        expect(os.path.islink(path), "the link is still there")
        expect(not os.path.lexists(target), "nothing was made behind the link")


@test("mode gives the permission bits of the file, whatever the umask is")
def mode():
    for text, bits, mask in (("", 0o666, 0o077), ("mode = 0600", 0o600, 0),
                             ("mode = 660", 0o660, 0o777)):
        with Echod(unix("@DIR@/s", "local", text), prepare=lambda m=mask: os.umask(m)) as echod:
            found = stat.S_IMODE(os.stat(echod.address()).st_mode)
            expect_equal(oct(found), oct(bits), "the permission bits with %r" % text)


@test("the file is removed at the stop")
def removed():
    with directory() as where:
        path = os.path.join(where, "s")
        with Echod(unix(path)) as echod:
            expect(stat.S_ISSOCK(os.lstat(path).st_mode), "there is a socket's file")
            echod.stop()
        expect_equal(os.listdir(where), [], "the files that are left")


@test("a file that somebody else put in its place is not removed at the stop")
def not_removed():
    with directory() as where:
        path = os.path.join(where, "s")
        with Echod(unix(path)) as echod:
            os.unlink(path)
            with open(path, "w", encoding="ascii"):
                pass
            echod.stop()
        expect_equal(os.listdir(where), ["s"], "the files that are left")


@test("a directory that may not be written to: status 77, in words")
def unwritable():
    who = unprivileged()
    with directory() as where:
        os.chmod(where, 0o555)
        path = os.path.join(where, "s")
        status, _, err = run_echod(config=unix(path), **who)
    expect_equal(status, 77, "the exit status")
    expect_match(r" error: listener local: unix:%s cannot be made: no permission to write to its "
                 "directory$" % path, err, "standard error")


main()
