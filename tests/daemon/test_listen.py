"""Listening: messages about unavailable addresses, and the files of Unix sockets."""
import fcntl
import os
import re
import resource
import shutil
import socket
import stat
import struct
import subprocess
import tempfile

from clients import expect_echo
from expect import DEADLINE, Failure, Skip, eventually, expect, expect_equal, expect_match, scaled
from harness import WRAPPER, Echod, clean_environment, run_echod, unprivileged
from hosts import with_hosts, with_mount
from managed import Load, Managed, Passed, free_port
from proc import descriptors, tcp_connections
from programs import ECHOD
from tap import libc, main, private_network, test


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

@test("an address in use is status 69, with the listener")
def in_use():
    sock, port = occupied()
    with sock:
        status, out, err = run_echod(config=tcp("127.0.0.1", port, "busy"))
    expect_equal((status, out), (69, ""), "the exit status and standard output")
    expect_match(r" error: listener busy: 127\.0\.0\.1:%d is in use by another program \(ss -tanp "
                 r"sport = :%d shows which\)$" % (port, port), err, "standard error")


@test("for a port of an outgoing connection, the command in the message shows it")
def held_by_a_client():
    if not shutil.which("ss"):
        raise Skip("ss (iproute2) is not installed")
    server, _ = occupied()
    for kind, protocol in ((socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")):
        with socket.socket(socket.AF_INET, kind) as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
            sock.connect(server.getsockname())
            status, _, err = run_echod(config=tcp("127.0.0.1", port) + "protocol = %s\n" % protocol)
            expect_equal(status, 69, "the exit status")
            command = re.search(r"\((ss .*) shows which\)$", err, flags=re.M)[1]
            shown = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True,
                                   check=True).stdout
            whose = "pid=%d," % os.getpid() if os.geteuid() == 0 else ""
            expect_match(r"127\.0\.0\.1:%d .*%s" % (port, whose), shown, command)
    server.close()


@test("every unavailable address is reported, not only the first")
def all_in_use():
    first, second = occupied(), occupied()
    with first[0], second[0]:
        status, _, err = run_echod(config=tcp("127.0.0.1", first[1], "one") +
                                   tcp("127.0.0.1", second[1], "two"))
    expect_equal(status, 69, "the exit status")
    expect_match(r" listener one: 127\.0\.0\.1:%d is in use" % first[1], err, "standard error")
    expect_match(r" listener two: 127\.0\.0\.1:%d is in use" % second[1], err, "standard error")


@test("an address of another machine is status 69, with the reason")
def not_here():
    status, _, err = run_echod(config=tcp("192.0.2.1", 0))
    expect_equal(status, 69, "the exit status")
    expect_match(r" listener local: 192\.0\.2\.1:0 is not an address of this machine$", err,
                 "standard error")


@test("a port below 1024 without the privilege is status 77, with what it requires")
def privileged():
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
        if int(file.read()) <= 7:
            raise Skip("this network lets everybody have port 7")
    status, out, err = run_echod(config=tcp("127.0.0.1", 7), **unprivileged())
    expect_equal((status, out), (77, ""), "the exit status and standard output")
    expect_match(r" listener local: 127\.0\.0\.1:7 is not permitted: a port below 1024 requires "
                 r"CAP_NET_BIND_SERVICE \(for the service, see privileged-port\.conf in echod\(8\)\)$", err, "standard error")


@test("two listeners with the same address are status 78, with both names")
def same_address():
    status, _, err = run_echod(config=tcp("127.0.0.1", 7777, "one") +
                               tcp("127.0.0.1", 7777, "two"))
    expect_equal(status, 78, "the exit status")
    expect_match(r"echod\.conf:5: \[listen two\] address: 127\.0\.0\.1:7777 is already used by "
                 r"\[listen one\]$", err, "standard error")


@test("* and another address with the same port are status 78")
def any_and_one():
    status, _, err = run_echod(config=tcp("*", 7777, "all") + tcp("127.0.0.1", 7777, "one"))
    expect_equal(status, 78, "the exit status")
    expect_match(r"\[listen one\] address: 127\.0\.0\.1:7777 is already used by \[listen all\]$",
                 err, "standard error")


@test("a host name that cannot be resolved is status 69, with the name, so that systemd retries")
def unknown_name():
    if not private_network():
        raise Skip("the question would leave this machine")
    status, _, err = run_echod(config=tcp("name.invalid", 0), timeout=3 * DEADLINE)
    expect_equal(status, 69, "the exit status")
    expect_match(r"\[listen local\] address: cannot look up the name name\.invalid: ", err,
                 "standard error")


@test("a missing interface is status 69, so that systemd retries, but 78 if the file also has errors")
def unknown_interface():
    for config, expected in ((tcp("fe80::1%nosuch", 0), 69),
                             (tcp("fe80::1%nosuch", 0) + "mode = x\n", 78),
                             (tcp("fe80::1%nosuch", 0) + tcp("127.0.0.1", 7, "a") +
                              tcp("127.0.0.1", 7, "b"), 69)):
        for args in ((), ("--check-config",)):
            status, _, err = run_echod(*args, config=config)
            expect_equal(status, expected, "the exit status with %r" % config)
            if expected == 69:
                expect_match(r"echod\.conf:2: \[listen local\] address: fe80::1%nosuch: no "
                             r"such network interface \(yet\)$", err, "standard error")


@test("an address that no socket can listen on is status 78, for --check-config, too")
def unusable():
    for address, reason in (
            ("fe80::1", "fe80::1 is link-local: add the interface, as in "),
            ("[fe80::1]", r"\[fe80::1\] is link-local: "),
            ("::ffff:127.0.0.1", "::ffff:127.0.0.1 is an IPv4 address: write 127.0.0.1"),
            ("224.0.0.1", "224.0.0.1 is a multicast or broadcast address: nobody can connect to it"),
            ("255.255.255.255", "255.255.255.255 is a multicast or broadcast address: "),
            ("ff0e::1", "ff0e::1 is a multicast or broadcast address: ")):
        for args in ((), ("--check-config",)):
            status, _, err = run_echod(*args, config=tcp(address, 0))
            expect_equal(status, 78, "the exit status with %s" % address)
            expect_match(r"echod\.conf:2: \[listen local\] address: " + reason, err, "standard error")


@test("::1 is skipped if loopback does not have it, and other IPv6 addresses are bound")
def no_loopback_ipv6():
    if not private_network():
        raise Skip("IPv6 cannot be switched off here")
    switch = "/proc/sys/net/ipv6/conf/lo/disable_ipv6"
    if not os.path.exists(switch):
        raise Skip("no IPv6 on this machine")
    with open(switch, "w", encoding="ascii") as file:
        file.write("1")
    try:
        with Echod(tcp("127.0.0.1, ::1", 0) + tcp("::", 0, "any")) as echod:
            echod.log.wait(r" notice: listener local: skipped: \[::1\]:0 is not an address of this "
                           "machine$")
            expect_equal([len(echod.listening[name]) for name in ("local", "any")], [1, 1],
                         "the addresses that are listened on")
        status, _, err = run_echod(config=tcp("::1", 0))
        expect_equal(status, 69, "the exit status where none is left")
        expect_match("listener local: none of its addresses is available", err, "standard error")
        status, _, err = run_echod(config=tcp("fd00::5, 127.0.0.1", 0))
        expect_equal(status, 69, "the exit status without a configured address")
        expect_match(r" error: listener local: \[fd00::5\]:0 is not an address of this machine$", err,
                     "standard error")
    finally:
        with open(switch, "w", encoding="ascii") as file:
            file.write("0")


@test("all addresses are wanted by one listener, and one of them by another: status 78")
def all_and_one():
    for first, second in (("127.0.0.1", "0.0.0.0"), ("0.0.0.0", "127.0.0.1"), ("::1", "::")):
        status, _, err = run_echod("--check-config", config=tcp(first, 7777, "one") + tcp(second, 7777, "two"))
        expect_equal(status, 78, "the exit status of %s and %s" % (first, second))
        expect_match(r"\[listen two\] address: .* is already used by \[listen one\]", err, "standard error")


@test("two paths to the same file are one address: status 78")
def same_file():
    with directory() as where:
        os.mkdir(os.path.join(where, "real"))
        os.symlink("real", os.path.join(where, "link"))
        config = unix(where + "/real/s", "one") + unix(where + "/link/s", "two")
        status, _, err = run_echod("--check-config", config=config)
        expect_equal(status, 78, "the exit status")
        expect_match(r"\[listen two\] address: unix:.*/link/s is already used by \[listen one\]$",
                     err, "standard error")


@test("an address that a listener has twice, once by name, is one")
def twice():
    port = free_port()
    config = tcp("here.test, 127.0.0.1, there.test", port)
    with directory() as where:
        hosts = with_hosts(where, "127.0.0.1 here.test\n127.0.0.1 here.test\n127.0.0.1 there.test\n")

        class Named(Echod):
            def command(self, args):
                return hosts + super().command(args)

        with Named(config) as echod:
            expect_equal(echod.listening["local"], [("127.0.0.1", port)], "listening addresses")
            expect_echo(echod.connect())
            expect_equal(echod.log.matching(" warning: | error: "), [], "warnings and errors in the log")


@test("keepalive is set on listeners, also by a reload, and inherited by clients")
def keepalive():
    with Managed(tcp("127.0.0.1", 0)) as echod:
        port = echod.port
        for span, expected in ((None, (1, 60, 20, 3)), ("6s", (1, 3, 1, 3)), ("1s", (1, 1, 1, 3)),
                               ("0", (0,))):
            if span:
                echod.configure("[server]\nkeepalive = %s\n" % span + tcp("127.0.0.1", port))
                echod.reload()
            sock = echod.echoing()
            expect_equal(kept_alive(echod.worker_of(sock), sock)[:len(expected)], expected,
                         "SO_KEEPALIVE, the silence, the interval, the probes with %s" % span)
            sock.close()
            echod.wait_no_workers()


def kept_alive(pid, sock):
    """The options of the other end of SOCK, in the process PID."""
    pidfd = os.pidfd_open(pid)
    inode = "socket:[%d]" % tcp_connections()[(sock.getpeername()[1], sock.getsockname()[1])]
    try:
        for number, link in descriptors(pid).items():
            if link != inode:
                continue
            fd = libc.syscall(438, pidfd, number, 0)  # pidfd_getfd(2)
            if fd < 0:
                raise Skip("pidfd_getfd(2) is not permitted")
            with socket.socket(fileno=fd) as copy:
                return (copy.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),) + tuple(
                    copy.getsockopt(socket.IPPROTO_TCP, option) for option in
                    (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT))
    finally:
        os.close(pidfd)
    raise Failure("the worker does not hold the connection")


@test("a peer that vanished is given up after keepalive even if idle_timeout is 0")
def vanished():
    if not private_network() or subprocess.run(["ip", "link", "set", "lo", "up"],
                                               stderr=subprocess.DEVNULL, check=False).returncode:
        raise Skip("the loopback interface cannot be switched off here")
    with Managed("[server]\nidle_timeout = 0\nkeepalive = 4s\n" + tcp("127.0.0.1", 0)) as echod:
        sock = echod.echoing()
        subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
        try:
            echod.log.wait(" session of 127.* on local: ", timeout=3 * DEADLINE)
            echod.wait_no_workers()
        finally:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        sock.close()


@test("a reload keeps each of 5,000 listeners")
def many():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(scaled(5000, 200), hard - 200 if hard != resource.RLIM_INFINITY else 5000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 200, hard))
    config = "[server]\nlog_level = warning\n" + "".join(
        tcp("127.%d.%d.1" % divmod(n, 200), 7777, "l%d" % n) for n in range(count))
    with Managed(config, ready=False) as echod:
        printed = b""
        while printed.count(b"\n") < count:
            data = os.read(echod.out, 65536)
            expect(data, "echod ended while starting")
            printed += data
        eventually(lambda: echod.ctl("status")[0] == 0, "the control socket answers")
        before = socket_inodes(echod.pid)
        for _ in range(3):
            expect_equal(echod.ctl("reload"), (0, "", ""), "result of echoctl reload")
        expect_equal(socket_inodes(echod.pid) & before, before, "the sockets")
        expect(len(before) >= count, "some listeners have no socket")


def socket_inodes(pid):
    return {link for link in descriptors(pid).values() if link.startswith("socket:")}


@test("a daemon that cannot open all listeners leaves no socket files behind")
def no_leftovers():
    sock, port = occupied()
    with sock, tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        path = os.path.join(where, "echo.sock")
        status, _, _ = run_echod(config=unix(path, "file") + tcp("127.0.0.1", port, "busy"))
        expect_equal(status, 69, "the exit status")
        expect_equal(os.listdir(where), [], "the files that are left")


# ---- ports that are shared ----

SHARED = "reuse_port = yes\n"


@test("reuse_port: two instances share a port; when one ends, the other serves all")
def shared_port():
    with Echod(listen=SHARED) as first:
        config = tcp("127.0.0.1", first.port) + SHARED
        with Echod(config) as second:
            socks = [second.echoing() for _ in range(40)]
            counts = len(first.workers()), len(second.workers())
            expect_equal(sum(counts), 40, "the number of workers")
            expect(min(counts) > 0, "one instance got all connections")
            for sock in socks:
                sock.close()
            first.wait_no_workers()
            first.stop()
            for _ in range(20):
                second.echoing()


@test("reuse_port: sharing requires that both set it; otherwise the port is in use")
def shared_by_one_only():
    with Echod(listen=SHARED) as first:
        status, _, err = run_echod(config=tcp("127.0.0.1", first.port))
        expect_equal(status, 69, "the exit status")
        expect_match(r"in use by another program \(ss -tanp sport = :%d shows which\)$" % first.port,
                     err, "standard error")
    sock, port = occupied()
    with sock:
        status, _, err = run_echod(config=tcp("127.0.0.1", port) + SHARED)
    expect_equal(status, 69, "the exit status")
    expect_match(r"in use by another program \(which would need reuse_port = yes, too, "
                 r"and the same user; ss -tanp sport = :%d shows which\)$" % port, err,
                 "standard error")


@test("reuse_port: two listeners with the same address in one file are still an error")
def shared_with_itself():
    config = tcp("127.0.0.1", 7777, "one") + SHARED + tcp("127.0.0.1", 7777, "two") + SHARED
    expect_match(r"is already used by \[listen one\]$", run_echod(config=config)[2], "the error")


@test("reuse_port takes effect on an open socket at a reload, unless the reload is rejected")
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
            expect(first.workers() and second.workers(), "one instance got all connections")


@test("reuse_port applies to a passed socket")
def shared_passed():
    sock, port = occupied()
    with sock:
        config = tcp("127.0.0.1", port) + SHARED
        with Passed(config, sock) as first, Echod(config) as second:
            sock.close()
            for _ in range(40):
                second.echoing()
            expect(first.workers() and second.workers(), "one instance got all connections")


@test("a failed reload with a shared port takes no connection from the others")
def shared_dry_run():
    sock, busy = occupied()
    with sock, Echod(listen=SHARED) as first, Managed(tcp("127.0.0.1", 0, "own")) as second:
        second.configure(tcp("127.0.0.1", 0, "own") + tcp("127.0.0.1", first.port) + SHARED +
                         tcp("127.0.0.1", busy, "busy"))
        with Load(first) as load:
            for _ in range(scaled(20, 3)):
                second.rejects("listener busy: .* is in use")
                load.wait_more()
        expect_equal(load.failures, [], "failures of the clients")


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


@test("an IPv6 listener does not accept IPv4, so that each can be configured separately")
def v6_only():
    with Echod(listen="address = ::\nport = 0") as echod:
        try:
            socket.create_connection(("127.0.0.1", echod.port), timeout=DEADLINE).close()
        except ConnectionRefusedError:
            return
        expect(False, "the IPv6 listener takes IPv4 connections")


@test("several listeners are served at the same time, each with its own service")
def side_by_side():
    config = (tcp("127.0.0.1", 0, "one") + tcp("127.0.0.1", 0, "two") + "greeting = two\n" +
              unix("@DIR@/s", "three", "greeting = three"))
    with Echod(config) as echod:
        expect_equal(sorted(echod.listening), ["one", "three", "two"], "the listeners")
        expect_echo(echod.connect("one"))
        expect_equal(echod.connect("two").recv(100), b"two", "the greeting")
        expect_equal(echod.connect("three").recv(100), b"three", "the greeting")


@test("the port of a daemon that has just stopped can be opened at once")
def restarted():
    with Echod() as echod:
        port = echod.port
        sock = echod.echoing()
        echod.popen.kill()  # the daemon's side closes first, so it is the one in TIME_WAIT
        echod.popen.wait()
        expect_equal(sock.recv(1), b"", "data received by the client")
        sock.close()
    with Echod(tcp("127.0.0.1", port)) as echod:
        expect_echo(echod.connect())


@test("closed standard streams at the start do no harm")
def closed_streams():
    def prepare():
        os.close(0)

    with Echod(prepare=prepare) as echod:
        expect_equal(descriptors(echod.pid)[0], "/dev/null", "descriptor 0 of the daemon")
        expect_echo(echod.connect())


# ---- files of Unix sockets ----

def directory():
    return tempfile.TemporaryDirectory(prefix="echod-test-")


@test("the socket file of a dead server is replaced")
def stale_file():
    with directory() as where:
        path = os.path.join(where, "s")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
            sock.listen()
        expect(stat.S_ISSOCK(os.lstat(path).st_mode), "the file of the dead server is there")
        with Echod(unix(path)) as echod:
            expect_echo(echod.connect())


@test("the socket file of a running server is not replaced: status 69")
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


@test("of %d that start at once and find the file of a dead one, one serves and keeps it" % RACERS)
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


@test("the lock file of a killed echod does not prevent a start")
def left_lock():
    with directory() as where:
        path = os.path.join(where, "s")
        with open(path + ".lock", "w", encoding="ascii"), Echod(unix(path)) as echod:
            expect_echo(echod.connect())
            expect_equal(os.listdir(where), ["s"], "the files")


@test("while another process has the lock, a start fails with status 69")
def locked():
    with directory() as where, open(os.path.join(where, "s.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, _, err = run_echod(config=unix(os.path.join(where, "s")))
        expect_equal((status, os.listdir(where)), (69, ["s.lock"]), "the exit status and the files")
        expect_match(" error: listener local: .* is in use by another program ", err,
                     "standard error")


@test("a regular file in place of the socket is not replaced: status 69")
def regular_file():
    with directory() as where:
        path = os.path.join(where, "s")
        with open(path, "w", encoding="ascii") as file:
            file.write("precious")
        status, _, err = run_echod(config=unix(path))
        expect_equal(status, 69, "the exit status")
        expect_match(r" error: listener local: cannot create unix:%s: a file that is not a socket has this "
                     "name: remove it, or choose another path$" % path, err, "standard error")
        with open(path, encoding="ascii") as file:
            expect_equal(file.read(), "precious", "the content of the file")
        status, _, err = run_echod("--check-config", config=unix(path))
        expect_equal(status, 0, "the exit status of --check-config")
        expect_match(r"^warning: echod\.conf:3: \[listen local\] address: %s: a file that is not a socket has "
                     "this name$" % path, err, "standard error of --check-config")


@test("a symbolic link in place of the socket is not replaced, nor is its target")
def symbolic_link():
    with directory() as where:
        path, target = os.path.join(where, "s"), os.path.join(where, "target")
        os.symlink(target, path)
        status, _, _ = run_echod(config=unix(path))
        expect_equal(status, 69, "the exit status")
        expect(os.path.islink(path), "the link is still there")
        expect(not os.path.lexists(target), "the link's target was created")


@test("mode gives the permission bits of the file, whatever the umask is")
def mode():
    for text, bits, mask in (("", 0o666, 0o077), ("mode = 0600", 0o600, 0),
                             ("mode = 660", 0o660, 0o777)):
        with Echod(unix("@DIR@/s", "local", text), prepare=lambda m=mask: os.umask(m)) as echod:
            found = stat.S_IMODE(os.stat(echod.address()).st_mode)
            expect_equal(oct(found), oct(bits), "the permission bits with %r" % text)


@test("the socket file is removed at the stop")
def removed():
    with directory() as where:
        path = os.path.join(where, "s")
        with Echod(unix(path)) as echod:
            expect(stat.S_ISSOCK(os.lstat(path).st_mode), "the socket file is missing")
            echod.stop()
        expect_equal(os.listdir(where), [], "the files that are left")


@test("a file that has replaced the socket is not removed at the stop")
def not_removed():
    with directory() as where:
        path = os.path.join(where, "s")
        with Echod(unix(path)) as echod:
            os.unlink(path)
            with open(path, "w", encoding="ascii"):
                pass
            echod.stop()
        expect_equal(os.listdir(where), ["s"], "the files that are left")


@test("a missing directory is status 69, so that systemd retries")
def no_directory():
    status, _, err = run_echod(config=unix("/nonexistent/s"))
    expect_equal(status, 69, "the exit status")
    expect_match(" error: listener local: cannot create unix:/nonexistent/s: its directory does not "
                 "exist$", err, "standard error")


@test("a read-only directory is also status 69, with what a service needs")
def read_only_directory():
    command = with_mount("-t", "tmpfs", "-o", "ro", "none", "/mnt")
    with directory() as where:
        path = os.path.join(where, "echod.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(unix("/mnt/s"))
        done = subprocess.run(command + WRAPPER + [ECHOD, "--config", path], text=True, check=False,
                              env=clean_environment(), capture_output=True, timeout=DEADLINE)
    expect_equal(done.returncode, 69, "the exit status")
    expect_match(r"cannot create unix:/mnt/s: its directory is read-only \(for a service, unless in "
                 r"/run/echod or where ReadWritePaths= says otherwise\)$", done.stderr, "standard error")


@test("--check-config warns about a Unix socket in a directory for temporary files")
def temporary():
    for path, warns in (("/tmp/s", True), ("/var/tmp/x/s", True), ("/run/echod/s", False),
                        ("@tmp/s", False), ("/tmpx/s", False)):
        status, out, err = run_echod("--check-config", config=unix(path))
        expect_equal((status, "the configuration is good" in out), (0, True), "the verdict")
        expect_equal("warning: echod.conf:3: [listen local] address: %s: the service has a private /tmp "
                     "(PrivateTmp=)" % path in err, warns, "whether there is a warning about " + path)


@test("--check-config warns about a missing directory, unless the service creates it")
def nowhere():
    for path, warns in (("/nonexistent/s", True), ("/run/echod-none/s", False), ("/s", False),
                        ("@none/s", False)):
        status, _, err = run_echod("--check-config", config=unix(path))
        expect_equal(status, 0, "the exit status")
        expect_equal("%s: its directory does not exist" % path in err, warns, "about " + path)


@test("an unwritable directory is status 77, with the reason")
def unwritable():
    who = unprivileged()
    with directory() as where:
        os.chmod(where, 0o555)
        path = os.path.join(where, "s")
        status, _, err = run_echod(config=unix(path), **who)
    expect_equal(status, 77, "the exit status")
    expect_match(r" error: listener local: cannot create unix:%s: no permission to write to its "
                 "directory$" % path, err, "standard error")


main()
