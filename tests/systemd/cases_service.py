"""The shipped echod.service."""
import re
import socket
import time

from cases import case
from expect import DEADLINE, Skip, eventually, expect, expect_equal, expect_match
from system import EXAMPLES, Load

NO_CAPABILITY = "0" * 16
VERIFIED = ["echod.service", "echod.socket", "echod@two.service", "echod-inetd.socket",
            "echod-inetd@1.service"]
CATALOG = "/usr/lib/systemd/catalog/echod.catalog"


@case("installed, enabled, started: it serves, as its own user and without a capability")
def installed(s):
    s.run("systemctl", "enable", "-q", "--now", "echod")
    expect_equal(s.output("systemctl", "is-active", "echod"), "active\n", "is-active")
    expect_equal(s.output("systemctl", "is-enabled", "echod"), "enabled\n", "is-enabled")
    expect_match(r'^ *Status: "0/1000 clients, 2 listeners',
                 s.output("systemctl", "status", "echod"), "systemctl status")
    expect_equal(s.output("echoc", "127.0.0.1", "7777", "hello"), "hello\n", "output of echoc")
    expect_equal(s.output("echoc", "::1", "7777", "hello"), "hello\n", "output of echoc")
    s.session()
    user = s.output("id", "-u", "echod").strip()
    expect(user != "0", "echod has a user of its own")
    members = s.members()
    expect_equal(len(members), 4,
                 "the processes: the daemon, the scribe, the fork server, a worker")
    expect(s.main_pid() in members, "the main process is one of them")
    for status in map(s.status_of, members):
        expect_equal(status["Uid"].split(), [user] * 4, "the user IDs of %(Name)s" % status)
        for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            expect_equal(status[name], NO_CAPABILITY, name)
        expect_equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "the restrictions")
    eventually(lambda: "1/1000 clients" in s.show("StatusText"), "the status counts the client")


@case("a preset enables the service, and no socket")
def presets(s):
    units = ("echod.service", "echod.socket", "echod-inetd.socket")
    s.run("systemctl", "disable", "-q", *units)
    s.run("systemctl", "preset", "-q", *units)
    found = [s.run("systemctl", "is-enabled", unit, check=False).stdout for unit in units]
    expect_equal(found, ["enabled\n", "disabled\n", "disabled\n"], "enabled units")


@case("systemd-analyze verify finds nothing in any unit")
def verified(s):
    s.expect_verified(*VERIFIED)


@case("systemd-analyze security: at most 1.1 where echod binds, and 0.2 where a socket is passed")
def exposed(s):
    for unit, most in (("echod.service", 1.1), ("echod@two.service", 1.1),
                       ("echod-inetd@1.service", 0.2)):
        score = s.exposure(unit)
        print("# exposure of %s: %.1f" % (unit, score))
        expect(score <= most, "the exposure of %s is %.1f" % (unit, score))


@case("a reload changes the port, and connected clients stay")
def port_changed(s):
    s.start()
    session = s.session(7777)
    s.configure("port = 7778")
    s.reload()
    other = s.session(7778)
    expect(s.refuses(7777), "the old port refuses")
    session.echo("the earlier session")
    expect_equal(len(s.control("list")), 2, "the number of clients")
    session.close()
    other.close()
    s.restart()
    expect(s.refuses(7777), "the old port refuses after a restart, too")


@case("an invalid INI file: the reload fails with the line, and the service continues")
def broken_reload(s):
    s.start()
    session, pid = s.session(), s.main_pid()
    where = s.configure_wrongly()
    done = s.run("systemctl", "reload", "echod", check=False)
    expect(done.returncode != 0, "systemctl reload fails")
    expect(any(where in text for text in s.messages("-u", "echod")), "the journal names " + where)
    s.expect_state("active")
    expect_equal(s.main_pid(), pid, "the main process")
    session.echo("the earlier session")
    s.session().close()
    s.configure()
    s.reload()
    session.echo("the session after a successful reload")


@case("an invalid INI file: a restart fails once with status 78; it starts after the file is fixed")
def broken_restart(s):
    s.start()
    where = s.configure_wrongly()
    expect(s.run("systemctl", "restart", "echod", check=False).returncode != 0, "the restart fails")
    time.sleep(4)  # longer than RestartSec=: the service must not restart
    s.expect_state("failed")
    expect_equal(s.show("NRestarts"), "0", "the restarts")
    expect_match("status=78", s.run("systemctl", "status", "echod", check=False).stdout,
                 "systemctl status")
    expect(any(where in text for text in s.messages("-u", "echod")), "the journal names " + where)
    s.configure()
    s.start()
    s.session()


@case("an address in use: systemctl status has the reason while the start is retried")
def in_use(s):
    with socket.create_server(("127.0.0.1", 7777)):
        s.run("systemctl", "start", "echod", check=False)
        eventually(lambda: re.match("Cannot start: listener local: 127.0.0.1:7777 is in use",
                                    s.show("StatusText")), "the status has the reason")
    eventually(lambda: s.show("ActiveState") == "active", "the service starts once the address is free")


@case("a host name that cannot be resolved yet: the start is retried without limit")
def later_name(s):
    hosts = s.machine.read("/etc/hosts")
    s.configure("port = 7777\naddress = echod-later.test")
    s.run("systemctl", "start", "echod", check=False)
    eventually(lambda: int(s.show("NRestarts")) >= 2, "systemd restarts the service")
    eventually(lambda: s.show("ExecMainStatus") == "69", "the exit status, between two tries, is 69")
    expect(s.show("ActiveState") != "failed", "the service has failed")
    s.machine.write("/etc/hosts", hosts + "127.0.0.1 echod-later.test\n")
    try:
        eventually(lambda: s.show("ActiveState") == "active", "the service starts once the name is known")
        s.session().close()
    finally:
        s.machine.write("/etc/hosts", hosts)


@case("a Unix socket in the private /tmp, or in a read-only directory, is reported")
def unreachable_socket(s):
    s.configure("protocol = unix\naddress = /tmp/echod.sock")
    s.start()
    expect(any("/tmp/echod.sock: the service has a private /tmp" in text
               for text in s.messages("-u", "echod")), "the journal warns of /tmp")
    s.run("systemctl", "stop", "echod")
    s.configure("protocol = unix\naddress = /srv/echod.sock")
    s.run("systemctl", "start", "echod", check=False)
    eventually(lambda: "cannot create unix:/srv/echod.sock: its directory is read-only" in
               s.show("StatusText"), "the status has the reason")


@case("an upgrade: the program is replaced, and a reload executes the new one")
def upgraded(s):
    s.start()
    session, pid = s.session(), s.main_pid()
    for _ in range(2):
        for program in ("/usr/sbin/echod", "/usr/sbin/echoctl"):
            s.run("cp", program, program + ".new")
            s.run("mv", program + ".new", program)
        s.reload()
        expect_equal(s.output("stat", "-L", "-c", "%i", "/proc/%d/exe" % pid),
                     s.output("stat", "-c", "%i", "/usr/sbin/echod"), "the program that runs")
        expect_equal(s.main_pid(), pid, "the main process")
        session.echo("the earlier session")
        s.session().close()


@case("10 restarts under load: no connection fails, because systemd keeps the listeners")
def restarts(s):
    s.start()
    with Load(7777) as load:
        load.wait_for(100)
        for _ in range(10):
            s.restart()
            load.wait_for(20)
    load.expect_none_failed(300)
    print("# %d connections" % load.count)
    expect_equal([listener["from"] for listener in s.control("listeners")], ["fd-store"] * 2,
                 "origins of the listeners")
    expect_equal(s.show("NRestarts"), "0", "automatic restarts")


@case("50 reloads under load: no connection fails, clients stay connected, and the process is the same")
def reloads(s):
    s.start()
    session, pid = s.session(), s.main_pid()
    with Load(7777) as load:
        load.wait_for(100)
        for _ in range(50):
            s.reload()
            session.echo("the earlier session")
        load.wait_for(100)
    load.expect_none_failed(500)
    print("# %d connections" % load.count)
    session.echo("the earlier session")
    expect_equal(s.main_pid(), pid, "the main process")
    expect_equal(s.control("status")["reloads"], 50, "the reloads that it counted")
    session.close()
    eventually(lambda: s.control("status")["clients"] == 0, "no client is counted")
    eventually(lambda: len(s.members()) == 3, "only daemon, scribe and fork server are left")


@case("a restart with a connected client: new clients wait, and are served by the next echod")
def restart_drains(s):
    s.start()
    (session, count), pid = s.busy_session(), s.main_pid()
    idle = s.session()
    restart = s.machine.start("systemctl", "restart", "echod")
    eventually(lambda: s.show("StatusText").startswith("Stopping: waiting for "),
               "the service stops")
    waiting = s.connect()
    expect(idle.ends(), "an idle client was not disconnected")
    expect_equal(s.main_pid(), pid, "the main process, while there is a client")
    expect_equal(len(session.read(count)), count, "bytes that the other client receives")
    session.close()
    waiting.echo("a client that connected while echod stopped")
    expect_equal((restart.communicate(timeout=DEADLINE)[0], restart.returncode), ("", 0),
                 "systemctl restart")
    expect(s.main_pid() not in (0, pid), "the main process is still the same")


@case("FileDescriptorStoreMax=0 in a drop-in: a stop refuses new clients at once, and connected ones stay")
def stop_refuses(s):
    s.drop_in("echod.service", "[Service]\nFileDescriptorStoreMax=0\n")
    s.start()
    session, count = s.busy_session()
    stop = s.machine.start("systemctl", "stop", "echod")
    eventually(lambda: s.refuses(7777), "new clients are refused")
    expect(stop.poll() is None, "systemctl stop waits")
    expect_equal(len(session.read(count)), count, "bytes received while echod stops")
    session.close()
    expect_equal((stop.communicate(timeout=DEADLINE)[0], stop.returncode), ("", 0), "systemctl stop")


@case("200 listeners added by a reload: a restart under load loses none of them")
def many_listeners(s):
    s.start()
    count = 200
    sections = ["[listen l%d]\naddress = 127.0.0.1\nport = %d\n" % (i, 8000 + i)
                for i in range(count)]
    s.configure(more="\n".join(sections))
    s.reload()
    with Load(8000 + count - 1) as load:
        load.wait_for(50)
        s.restart()
        load.wait_for(50)
    load.expect_none_failed(100)
    origins = [listener["from"] for listener in s.control("listeners")]
    expect_equal((len(origins), set(origins)), (count + 2, {"fd-store"}),
                 "origins of the listeners")


def expect_served_on(s, sessions, seconds):
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        for session in sessions:
            session.echo("a session while echod stops")
        expect_match("^Stopping: waiting for ", s.show("StatusText"), "the status")
        time.sleep(0.1)


@case("the file of a Unix socket, with its mode, survives restarts and reloads")
def unix_socket(s):
    path = "/run/echod/echo.sock"
    s.configure("protocol = unix\naddress = %s\nmode = 0660" % path)
    s.start()
    inode = s.output("stat", "-c", "%i", path)
    for act in (s.restart, s.reload, s.restart):
        act()
        expect_equal(s.output("echoc", "--unix", path, "hello"), "hello\n", "output of echoc")
        expect_equal(s.output("stat", "-c", "%A %U %i", path), "srw-rw---- echod " + inode,
                     "the file")
    s.run("systemctl", "stop", "echod")
    expect(s.run("test", "-e", path, check=False).returncode != 0, "a stop removes the file")


@case("a stop waits for clients, longer than TimeoutStopSec=, and reports that")
def drained(s):
    s.drop_in("echod.service", "[Service]\nTimeoutStopSec=2s\n")
    s.start()
    sessions = [s.session() for _ in range(20)]
    with Load(7777) as load:
        load.wait_for(100)
        stop = s.machine.start("systemctl", "stop", "echod")
        eventually(lambda: s.show("ActiveState") == "deactivating", "the service stops")
        load.end()  # a later client would wait in the backlog for the next start
        expect_served_on(s, sessions, 4)
        expect(stop.poll() is None, "systemctl stop waits")
        expect_match("^Stopping: waiting for 20 clients", s.show("StatusText"), "the status")
        for session in sessions:
            session.close()
        expect_equal((stop.communicate(timeout=DEADLINE)[0], stop.returncode), ("", 0), "systemctl stop")
    s.expect_state("inactive")
    expect_equal(s.show("Result"), "success", "the result")
    # Empty if systemd has already unloaded the unit.
    expect_match(r"^(Stopped: \d+ served, 0 refused)?$", s.show("StatusText"), "the status")
    expect(s.refuses(7777), "the port refuses")


@case("the record of a session has its fields and the unit")
def session_record(s):
    s.start()
    session = s.session()
    peer = "127.0.0.1:%d" % session.port_of_ours
    session.close()
    record = s.await_record("the session's record", "ECHOD_PEER=" + peer)
    wanted = {"ECHOD_REASON": "closed", "ECHOD_LISTENER": "local", "ECHOD_SERVICE": "echo",
              "ECHOD_EVENT": "session", "_SYSTEMD_UNIT": "echod.service", "PRIORITY": "6",
              "SYSLOG_IDENTIFIER": "echod"}
    expect_equal({name: record.get(name) for name in wanted}, wanted, "the fields")
    expect_match("^[0-9a-f]{32}$", record.get("MESSAGE_ID", ""), "MESSAGE_ID")
    expect_match(r"^session of %s on local: " % peer, record["MESSAGE"], "MESSAGE")
    expect(int(record["ECHOD_BYTES_IN"]) > 0, "bytes are counted")
    expect(0 < int(record["ECHOD_RTT_USEC"]) < 10 ** 7, "the round-trip time")
    expect_equal([record.get(name) for name in ("ECHOD_RETRANSMITS", "ECHOD_SEGMENTS_LOST")],
                 ["0", "0"], "retransmits and lost segments over loopback")


@case("a message is in the journal with its fields before it is acknowledged")
def message_record(s):
    s.configure(more="[listen notes]\nport = 7779\nservice = message\n")
    s.start()
    client = s.connect(7779)
    peer = "127.0.0.1:%d" % client.port_of_ours
    client.sock.sendall(b"caf\xc3\xa9 \x1b[31m\xff=1\n")
    expect_equal(client.sock.recv(100), b"OK\n", "the reply")
    found = s.records("ECHOD_EVENT=message")
    expect_equal(len(found), 1, "the records of messages")
    wanted = {"ECHOD_PEER": peer, "ECHOD_LISTENER": "notes", "ECHOD_SIZE": "14",
              "_SYSTEMD_UNIT": "echod.service",
              "MESSAGE": "message from %s on notes: caf\u00e9 \\x1b[31m\\xff=1" % peer}
    expect_equal({name: found[0].get(name) for name in wanted}, wanted, "the fields")
    expect_match("^[0-9a-f]{32}$", found[0].get("MESSAGE_ID", ""), "MESSAGE_ID")


@case("journalctl -x explains a record")
def explained(s):
    if not s.machine.exists(CATALOG):
        raise Skip("%s was not installed" % CATALOG)
    s.run("journalctl", "--update-catalog")
    s.start()
    s.session().close()
    record = s.await_record("the session's record", "ECHOD_EVENT=session")
    text = s.output("journalctl", "-x", "-o", "short", s.since(),
                    "ECHOD_EVENT=session")
    expect_match("^[^ ]* Subject: .", text, "the explanation")
    expect(record["ECHOD_PEER"] in text.split(" Subject: ", 1)[1], "the explanation does not name the client")


@case("journalctl has the text of echod.catalog for every MESSAGE_ID")
def catalogued(s):
    s.run("journalctl", "--update-catalog")
    entries = re.split(r"^-- (?=[0-9a-f]{32}$)", s.machine.read(CATALOG), flags=re.M)[1:]
    expect(len(entries) > 10, "too few entries: %d" % len(entries))
    for entry in entries:
        number, text = entry.split("\n", 1)
        shown = s.output("journalctl", "--dump-catalog", number)
        expect_equal(shown.split("\n", 1)[1].strip(), text.strip(), "the entry of " + number)


@case("echoctl works for root and the group echod only; its status has the exit codes of LSB")
def controlled(s):
    def echoctl(*how):
        return s.run(*how, "echoctl", "status", check=False).returncode

    expect_equal(echoctl(), 3, "the exit status while echod does not run")
    s.start()
    expect_equal(echoctl(), 0, "the exit status while it runs")
    nobody = ("setpriv", "--reuid=65534", "--regid=65534")
    expect_equal(echoctl(*nobody, "--clear-groups"), 4, "the exit status for others")
    expect_equal(echoctl(*nobody, "--groups", s.output("getent", "group", "echod").split(":")[2]), 0,
                 "the exit status for the group")
    s.run("systemctl", "stop", "echod")
    expect_equal(echoctl(), 3, "the exit status after a stop")


@case("privileged-port.conf permits port 7, which is refused without it")
def privileged(s):
    s.configure("port = 7")
    expect(s.run("systemctl", "start", "echod", check=False).returncode != 0,
           "without the drop-in the start fails")
    expect_equal(s.show("ExecMainStatus"), "77", "the exit status")
    s.drop_in("echod.service", s.machine.read(EXAMPLES + "privileged-port.conf"))
    s.start()
    s.session(7)
    expect_equal(s.status_of(s.main_pid())["CapEff"], "0000000000000400",
                 "the capabilities: CAP_NET_BIND_SERVICE alone")
    s.reload()
    s.session(7)
