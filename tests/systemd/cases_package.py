"""The Debian packages: installation, removal, purge, and failures of these."""
import socket

from cases import package_case
from expect import eventually, expect, expect_equal, expect_match
from system import CONFIG, UNITS

SHIPPED = ("echod.service", "echod.socket", "echod@two.service", "echod-inetd.socket",
           "echod-inetd@1.service")
POLICY = "/usr/sbin/policy-rc.d"


def enabled(s, unit):
    return s.run("systemctl", "is-enabled", unit, check=False).stdout.strip()


@package_case("installed: the service runs, on loopback only, and echoc localhost gets its echo")
def installed(s):
    s.install()
    s.expect_state("active")
    expect_equal([enabled(s, unit) for unit in ("echod.service", "echod.socket",
                                                "echod-inetd.socket", "echod@two.service")],
                 ["enabled", "disabled", "disabled", "disabled"], "enabled units")
    s.expect_state("inactive", "echod.socket")
    listening = [line.split()[4] for line in s.output("ss", "-Hlntu").splitlines()]
    expect_equal(sorted(listening), ["127.0.0.1:7777", "[::1]:7777"], "listening addresses")
    expect_equal(s.output("echoc", "localhost", "7777", "hello"), "hello\n", "output of echoc")
    done = s.run("echoc", "localhost", data="hello\n")
    expect_equal(done.stdout, "hello\n", "output of echoc localhost")
    s.expect_runs_installed()
    expect(s.status_of(s.main_pid())["Uid"].split()[0] != "0", "echod has a user of its own")


@package_case("installed: files, units and journal catalog are complete")
def whole(s):
    s.install()
    expect_equal(s.output("dpkg", "--verify", "echod", "echod-client"), "", "dpkg --verify")
    conffiles = s.output("dpkg-query", "-W", "-f", "${Conffiles}", "echod")
    expect_equal([line.split()[0] for line in conffiles.splitlines() if line.strip()], [CONFIG],
                 "the conffiles")
    for unit in SHIPPED:
        done = s.run("systemd-analyze", "verify", "--man=no", unit, check=False)
        expect_equal((done.stderr, done.returncode), ("", 0), "output and status of systemd-analyze verify " + unit)
    expect_equal(s.generated("echod.service"), ["50-echod-conf.conf"], "generated drop-ins")
    s.session().close()
    s.await_record("the session's record", "ECHOD_EVENT=session")
    expect_match("^[^ ]* Subject: .", s.output("journalctl", "-x", "-o", "short", s.since(),
                                               "ECHOD_EVENT=session"), "the explanation")


@package_case("removed: all services stop, the configuration stays, and takes effect when installed again")
def removed(s):
    s.install()
    s.configure("port = 7778")
    s.configure("port = 7790", path="/etc/echod/two.conf")
    s.reload()
    s.run("systemctl", "enable", "-q", "--now", "echod@two")
    s.session(7790).close()
    kept = s.machine.read(CONFIG)
    s.apt("remove", "echod")
    expect(s.refuses(7778) and s.refuses(7790), "a port is still listened on")
    expect_equal(s.run("pgrep", "-x", "echod", check=False).stdout, "", "the processes")
    expect_equal(s.machine.read(CONFIG), kept, CONFIG)
    expect_match("^rc ", s.installed(), "status of the package")
    s.install()
    expect_equal(s.machine.read(CONFIG), kept, CONFIG)
    s.session(7778)
    expect_equal(enabled(s, "echod@two"), "enabled", "the instance")


@package_case("purged, with everything enabled: only the user is left")
def purged(s):
    s.install()
    s.configure("port = 7790", path="/etc/echod/two.conf")
    s.run("systemctl", "enable", "-q", "--now", "echod@two")
    s.run("systemctl", "enable", "-q", "echod.socket", "echod-inetd.socket")
    s.run("systemctl", "daemon-reload")
    s.restart()
    for port in (7777, 7790):
        s.session(port).close()
    s.machine.remove("/etc/echod/two.conf")
    s.apt("purge", "echod", "echod-client")
    now = s.files()
    expect_equal(sorted(now - s.pristine)[:5], [], "files that a purge leaves behind")
    expect_equal(sorted(s.pristine - now)[:5], [], "files from before that a purge removes")
    for where in (("/run", "/var/lib/systemd"), ("/tmp", "/var/tmp", "-maxdepth", "1")):
        expect_equal(s.output("find", *where, "-name", "*echod*"), "", "files left in " + where[0])
    s.run("systemctl", "daemon-reload")
    expect_equal(s.output("systemctl", "list-units", "--all", "--plain", "--no-legend", "echod*"), "",
                  "the units that systemd knows")
    expect_equal(s.output("getent", "passwd", "echod").split(":")[0], "echod", "the user")
    s.install()
    s.session()
    expect_equal(enabled(s, "echod.socket"), "disabled", "the socket, installed again")


def expect_fails_at(s, where):
    s.expect_state("failed")
    expect_equal(s.show("ExecMainStatus"), "78", "the exit status")
    expect(any(where in text for text in s.messages("-u", "echod")), "the journal names " + where)


@package_case("installed over a broken configuration: that succeeds, and the service reports the mistake")
def broken(s):
    where = s.configure_wrongly()
    s.install()
    expect_fails_at(s, where)
    s.configure()
    s.start()
    s.session()


@package_case("reinstalled after the configuration became invalid: that succeeds, and the service fails")
def broken_later(s):
    s.install()
    s.apt("remove", "echod")
    where = s.configure_wrongly()
    kept = s.machine.read(CONFIG)
    s.install()
    expect_equal(s.machine.read(CONFIG), kept, CONFIG)
    expect_fails_at(s, where)
    s.configure()
    s.start()
    s.session()


@package_case("installed while something else has the port: that succeeds, and the status has the reason")
def taken(s):
    with socket.create_server(("127.0.0.1", 7777)):
        s.install()
        eventually(lambda: s.show("StatusText").startswith(
            "Cannot start: listener local: 127.0.0.1:7777 is in use"), "the status has the reason")
    eventually(lambda: s.show("ActiveState") == "active", "the service starts once the port is free")
    s.session()


@package_case("installed where policy-rc.d forbids to start services: the service is enabled, but not started")
def forbidden(s):
    s.machine.write(POLICY, "#!/bin/sh\nexit 101\n")
    s.run("chmod", "755", POLICY)
    s.install()
    s.expect_state("inactive")
    expect_equal(enabled(s, "echod.service"), "enabled", "the service")


@package_case("a drop-in of the administrator survives an upgrade and a removal")
def dropped_in(s):
    s.install()
    s.drop_in("echod.service", "[Service]\nRestartSec=17s\n")
    s.install("new")
    expect_equal(s.show("RestartUSec"), "17s", "RestartSec=")
    s.apt("remove", "echod")
    expect(s.machine.exists(UNITS + "echod.service.d/test.conf"), "the drop-in is there")
    s.machine.remove(UNITS + "echod.service.d")
