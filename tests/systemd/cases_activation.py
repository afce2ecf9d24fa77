"""Other ways to run echod: echod.socket, Accept=yes, instances."""
from cases import case
from expect import eventually, expect, expect_equal, expect_match
from system import CONFIG, EXAMPLES, Load, activate


PATH = "/run/echod/echo.sock"
UNIX = "protocol = unix\naddress = %s\nmode = 0660" % PATH


@case("echod.socket: port 7 without a capability, in a sandbox without a network")
def activated(s):
    activate(s, "port = 7")
    expect_equal(s.generated("echod.service"), ["50-echod-conf.conf", "60-echod-socket.conf"],
                 "drop-ins of the service")
    expect_equal(s.generated("echod.socket"), ["50-echod-conf.conf"],
                 "drop-ins of the socket")
    s.expect_state("inactive")
    s.session(7)
    s.expect_state("active")
    expect(s.refuses(7777), "the port of the unit file, which the INI file has not, refuses")
    for pid in s.members():
        status = s.status_of(pid)
        expect_equal((status["CapEff"], status["CapBnd"]), ("0" * 16, "0" * 16), "capabilities")
        expect(s.output("readlink", "/proc/%d/ns/net" % pid)
               != s.output("readlink", "/proc/1/ns/net"), "the service has no network namespace of its own")
    expect_equal([(l["address"], l["from"]) for l in s.control("listeners")],
                 [("127.0.0.1:7", "socket-unit"), ("[::1]:7", "socket-unit")], "the listeners")
    score = s.exposure("echod.service")
    print("# exposure %.1f" % score)
    expect(score <= 0.2, "the exposure is %.1f" % score)
    s.expect_verified("echod.service", "echod.socket")


@case("echod.socket: 10 restarts and 10 reloads under load, no connection fails")
def activated_restarts(s):
    activate(s, "port = 7")
    with Load(7) as load:
        load.wait_for(100)
        for _ in range(10):
            s.restart()
            load.wait_for(20)
        session, pid = s.session(7), s.main_pid()
        for _ in range(10):
            s.reload()
        load.wait_for(20)
    load.expect_none_failed(300)
    print("# %d connections" % load.count)
    session.echo("the earlier session")
    expect_equal(s.main_pid(), pid, "the main process")
    expect_equal([l["from"] for l in s.control("listeners")], ["socket-unit"] * 2,
                 "origins of the listeners")


@case("echod.socket disabled again: the generated sandbox is removed, and echod binds its addresses")
def deactivated(s):
    activate(s, "port = 7779")
    s.session(7779).close()
    s.run("systemctl", "disable", "-q", "--now", "echod.socket")
    s.run("systemctl", "stop", "echod.service")
    s.run("systemctl", "daemon-reload")
    expect_equal(s.generated("echod.service"), ["50-echod-conf.conf"], "drop-ins of the service")
    s.start()
    s.session(7779)
    expect_equal([l["from"] for l in s.control("listeners")], ["echod"] * 2,
                 "origins of the listeners")
    expect_equal(s.show("ActiveState", "echod.socket"), "inactive", "the state of the socket")


@case("echod.socket enabled while echod runs: the addresses change hands at the next restart")
def enabled_late(s):
    s.start()
    s.session().close()
    s.run("systemctl", "enable", "-q", "echod.socket")
    s.run("systemctl", "daemon-reload")
    s.session().close()
    s.restart()
    s.session()
    s.expect_state("active", "echod.socket")
    expect_equal([l["from"] for l in s.control("listeners")], ["socket-unit"] * 2,
                 "origins of the listeners")


@case("echod.socket: after a change of the port in the INI file only, a restart fails at once with what to do")
def restarted_without(s):
    activate(s, "port = 7779")
    s.session(7779).close()
    s.configure("port = 7780")
    expect(s.run("systemctl", "restart", "echod", check=False).returncode != 0, "the restart fails")
    s.expect_state("failed")
    expect_equal(s.show("NRestarts"), "0", "the restarts")
    expect_match("^Cannot start: .*restart echod.socket", s.show("StatusText"), "the status")
    expect_equal([text for text in s.messages("-u", "echod") if "no IPv6" in text], [],
                 "records about IPv6")
    s.run("systemctl", "daemon-reload")
    s.run("systemctl", "reset-failed", "echod.service")
    s.restart("echod.socket")
    s.session(7780)


@case("echod.socket: systemctl warns that the INI file has been edited")
def edited(s):
    activate(s, "port = 7779")
    expect_equal(s.show("NeedDaemonReload", "echod.socket"), "no", "NeedDaemonReload")
    s.run("touch", "-d", "+1 hour", CONFIG)
    expect_equal(s.show("NeedDaemonReload", "echod.socket"), "yes", "NeedDaemonReload")


@case("echod.socket: a new port fails by a reload, and works by daemon-reload and a restart of the socket")
def moved(s):
    activate(s, "port = 7779")
    session = s.session(7779)
    s.configure("port = 7780")
    expect(s.run("systemctl", "reload", "echod", check=False).returncode != 0, "the reload fails")
    session.echo("the earlier session")
    s.session(7779).close()
    session.close()
    s.run("systemctl", "daemon-reload")
    s.restart("echod.socket")
    s.session(7780)
    expect(s.refuses(7779), "the old port refuses")


@case("echod.socket: systemd already listens on an address that the machine gets later")
def late(s):
    activate(s, "port = 7779\naddress = 198.51.100.7, 2001:db8::7")
    s.expect_state("active", "echod.socket")
    for address, length in (("198.51.100.7", 32), ("2001:db8::7", 128)):
        s.run("ip", "address", "add", "%s/%d" % (address, length), "dev", "lo")
        try:
            expect_equal(s.output("echoc", address, "7779", "hello"), "hello\n", "output of echoc")
        finally:
            s.run("ip", "address", "del", "%s/%d" % (address, length), "dev", "lo")
    expect_equal([l["from"] for l in s.control("listeners")], ["socket-unit"] * 2,
                 "origins of the listeners")


@case("IPv6 disabled: the default of both families works in every way to run echod")
def without_ipv6(s):
    switch = "net.ipv6.conf.lo.disable_ipv6=%d"
    s.run("sysctl", "-w", switch % 1)
    try:
        s.start()
        s.session().close()
        s.run("systemctl", "stop", "echod.service")
        activate(s, "port = 7777")
        s.session().close()
        s.run("systemctl", "disable", "-q", "--now", "echod.socket")
        s.start("echod-inetd.socket")
        s.session()
    finally:
        s.run("sysctl", "-w", switch % 0)


def mode_of(s, path):
    return s.output("stat", "-c", "%A", path).strip()


@case("echod.socket: a Unix socket has the mode of the INI file")
def unix_mode(s):
    activate(s, UNIX)
    expect_equal(mode_of(s, PATH), "srw-rw----", "the mode")
    expect_equal(s.output("echoc", "--unix", PATH, "hello"), "hello\n", "output of echoc")
    s.restart()
    expect_equal(s.output("echoc", "--unix", PATH, "hello"), "hello\n", "output of echoc")
    expect_equal(mode_of(s, PATH), "srw-rw----", "the mode after a restart")


@case("echod.socket: a Unix socket in /run/echod can be reached after a stop of the service")
def unix_stays(s):
    activate(s, UNIX)
    expect_equal(s.output("echoc", "--unix", PATH, "hello"), "hello\n", "output of echoc")
    s.run("systemctl", "stop", "echod.service")
    s.expect_state("active", "echod.socket")
    expect_equal(s.output("echoc", "--unix", PATH, "hello"), "hello\n", "output of echoc")
    s.expect_state("active")


def answer(s, address, port):
    """The answer to a datagram of four bytes. bash connects its socket, so it receives from ADDRESS only."""
    return s.output("bash", "-c", "exec 3<>/dev/udp/%s/%d && printf ping >&3 && "
                    "timeout 50 head -c 4 <&3" % (address, port))


@case("echod.socket: a datagram starts the service, and is answered from the address that it was sent to")
def datagram(s):
    activate(s, "port = 7\nprotocol = udp\naddress = *")
    s.expect_state("inactive")
    expect_equal(answer(s, "127.0.0.2", 7), "ping", "the reply that started the service")
    # The worker may answer before the daemon reports that it is ready.
    eventually(lambda: s.show("ActiveState") == "active", "the service is active")
    expect_equal(answer(s, "127.0.0.1", 7), "ping", "the next one")
    expect_equal([(l["address"], l["protocol"], l["from"]) for l in s.control("listeners")],
                 [("0.0.0.0:7", "udp", "socket-unit"), ("[::]:7", "udp", "socket-unit")],
                 "the listeners")
    s.restart()
    expect_equal(answer(s, "127.0.0.3", 7), "ping", "the reply after a restart")


@case("echod-inetd.socket: an echod for each client; no failed units remain")
def accepted(s):
    s.start("echod-inetd.socket")
    first, second = s.session(), s.session()
    peers = ["127.0.0.1:%d" % session.port_of_ours for session in (first, second)]
    first.echo()
    units = s.output("systemctl", "list-units", "--plain", "--no-legend", "echod-inetd@*")
    expect_equal(len(units.splitlines()), 2, "the units of two clients")
    second.reset()
    first.close()
    for peer in peers:
        record = s.await_record("the session of " + peer, "ECHOD_PEER=" + peer)
        expect_equal(record["ECHOD_EVENT"], "session", "the event")
    eventually(lambda: s.output("systemctl", "list-units", "--all", "--plain", "--no-legend",
                                "echod-inetd@*") == "", "no unit of a client is left")
    expect_equal(s.output("systemctl", "list-units", "--failed", "--plain", "--no-legend"), "",
                 "the units that failed")
    s.session().close()


@case("echod-inetd.socket: the record of each session can be found by its unit")
def accepted_records(s):
    s.start("echod-inetd.socket")
    count = 20
    for _ in range(count):
        s.session().close()
    eventually(lambda: len(s.records("ECHOD_EVENT=session")) == count, "each session has a record")
    units = [record.get("_SYSTEMD_UNIT", "") for record in s.records("ECHOD_EVENT=session")]
    expect_equal([unit for unit in units if not unit.startswith("echod-inetd@")], [],
                 "the units of records that are none of echod-inetd")


@case("echod-inetd.socket replaces a running echod.service, and can be replaced by it")
def exchanged(s):
    s.start()
    s.start("echod-inetd.socket")
    s.expect_state("active", "echod-inetd.socket")
    s.expect_state("inactive")
    s.session().close()
    s.start()
    s.expect_state("inactive", "echod-inetd.socket")
    s.session()
    s.expect_state("active")


@case("echod@two: an instance next to the service, with its own file and control socket")
def instance(s):
    two = "echod@two.service"
    s.configure("port = 7790", path="/etc/echod/two.conf")
    s.start()
    s.run("systemctl", "enable", "-q", "--now", two)
    session = s.session(7790)
    s.session(7777).close()
    status = s.control("status", "--instance", "two")
    expect_equal((status["pid"], status["config"], status["clients"]),
                 (s.main_pid(two), "/etc/echod/two.conf", 1), "echoctl --instance two status")
    expect_equal(s.control("status")["pid"], s.main_pid(), "echoctl status")
    s.configure("port = 7791", path="/etc/echod/two.conf")
    s.reload(two)
    s.session(7791)
    session.echo("the earlier session")
    expect(s.refuses(7790), "the old port refuses")
    s.run("systemctl", "stop", "echod.service")
    session.echo("the instance's session after a stop of the service")
    expect_equal(s.control("status", "--instance", "two")["reloads"], 1, "its reloads")


@case("echod@a, echod@b: they share a port, as in doc/SCALING.md; a reload and a restart of one refuse "
      "nobody, and once it is stopped the other one serves all")
def shared_port(s):
    for name in "ab":
        s.machine.write("/etc/echod/%s.conf" % name,
                        s.machine.read(EXAMPLES + "echod-%s.conf" % name))
    s.run("systemctl", "enable", "-q", "--now", "echod@a", "echod@b")

    def clients():
        return [s.control("status", "--instance", name)["clients"] for name in "ab"]

    for _ in range(40):
        s.session(7777)
    expect(sum(clients()) == 40 and min(clients()) > 0, "clients of the two instances: %s" % clients())
    s.session(7781)
    s.session(7782)
    expect_equal(sum(clients()), 42, "clients, with those of the ports of their own")
    for session in list(s.sessions):  # a restart of an instance would wait for its sessions
        session.close()
    with Load(7777) as load:
        load.wait_for(50)
        s.reload("echod@a.service")
        load.wait_for(50)
        s.run("systemctl", "restart", "echod@b.service")
        load.wait_for(50)
    load.expect_none_failed(150)
    s.run("systemctl", "stop", "echod@a.service")
    for session in [s.session(7777) for _ in range(20)]:
        session.echo("a session with the other instance")
    expect_equal(s.control("status", "--instance", "b")["clients"], 20, "its clients")
