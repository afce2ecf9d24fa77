"""The Debian packages in use: upgrades, downgrades, reinstallation."""
from cases import package_case
from expect import expect, expect_equal, expect_match
from packages import NEWS
from system import CONFIG, Load

SESSIONS = 50
POLICY = "/usr/sbin/policy-rc.d"


def exchange(s, which, *options):
    """Installs WHICH with open sessions and under load; no client may notice. Returns apt's output."""
    # The limit also counts workers that have not ended yet, of which there are many under load.
    s.machine.write("/etc/echod/echod.conf.d/test.conf", "[server]\nmax_per_source = 0\n")
    s.reload()
    sessions, pid = [s.session() for _ in range(SESSIONS)], s.main_pid()
    with Load(7777) as load:
        load.wait_for(100)
        text = s.install(which, *options)
        load.wait_for(100)
    load.expect_none_failed(200)
    print("# %d connections" % load.count)
    for session in sessions:
        session.echo("an earlier session")
    expect_equal(s.main_pid(), pid, "the main process")
    expect_equal(s.control("status")["clients"], SESSIONS, "the clients that are counted")
    s.expect_runs_installed()
    for session in sessions:
        session.close()
    return text


@package_case("upgraded, downgraded and reinstalled under load: no session and no connection is lost")
def upgraded(s):
    s.install()
    for which, options in (("new", ()), ("old", ("--allow-downgrades",)), ("old", ("--reinstall",))):
        before = s.control("status")["reloads"]
        text = exchange(s, which, *options)
        expect(s.control("status")["reloads"] > before, "the daemon was not reloaded")
        expect_equal(s.machine.read(CONFIG).endswith(NEWS), which == "new", "the conffile is new")
        expect("echod: " not in text, "echod printed an error: " + text)


@package_case("upgraded under load where echod.socket is enabled: the same, and the socket is untouched")
def upgraded_socket(s):
    s.install()
    s.run("systemctl", "enable", "-q", "echod.socket")
    s.run("systemctl", "daemon-reload")
    s.restart()
    s.session().close()
    since = s.show("ActiveEnterTimestampMonotonic", "echod.socket")
    exchange(s, "new")
    s.expect_state("active", "echod.socket")
    expect_equal(s.show("ActiveEnterTimestampMonotonic", "echod.socket"), since,
                 "since when the socket listens")
    expect_equal([listener["from"] for listener in s.control("listeners")], ["socket-unit"] * 2,
                 "origins of the listeners")


@package_case("upgraded: an instance reloads into the new program, too")
def upgraded_instance(s):
    s.install()
    s.configure("port = 7790", path="/etc/echod/two.conf")
    s.run("systemctl", "enable", "-q", "--now", "echod@two")
    session, pid = s.session(7790), s.main_pid("echod@two")
    s.install("new")
    session.echo("the earlier session")
    expect_equal(s.main_pid("echod@two"), pid, "its main process")
    s.expect_runs_installed("echod@two")
    s.expect_runs_installed()


@package_case("upgraded with an invalid configuration: the old program continues")
def upgraded_broken(s):
    s.install()
    session, pid = s.session(), s.main_pid()
    where = s.configure_wrongly()
    text = s.install("new")
    expect_match("could not be reloaded", text, "output of the upgrade")
    expect(where in text, "the output does not name " + where)
    session.echo("the earlier session")
    s.session().close()
    expect_equal(s.main_pid(), pid, "the main process")
    s.configure()
    s.reload()
    session.echo("the earlier session after the configuration is corrected")
    s.expect_runs_installed()


@package_case("upgraded while echod hangs: it is restarted, and no client is refused")
def upgraded_deaf(s):
    s.install()
    pid = s.main_pid()
    s.run("rm", "/run/echod/control")
    with Load(7777) as load:
        load.wait_for(100)
        text = s.install("new")
        load.wait_for(100)
    load.expect_none_failed(200)
    expect_match("does not answer and is restarted", text, "output of the upgrade")
    expect(s.main_pid() not in (0, pid), "the main process is still the same")
    s.expect_runs_installed()


@package_case("upgraded when stopped and disabled: units stay stopped, enabled or disabled")
def upgraded_stopped(s):
    s.install()
    s.run("systemctl", "disable", "-q", "--now", "echod.service")
    s.run("systemctl", "enable", "-q", "echod-inetd.socket")
    s.install("new")
    s.expect_state("inactive")
    for unit, state in (("echod.service", "disabled"), ("echod-inetd.socket", "enabled")):
        expect_equal(s.run("systemctl", "is-enabled", unit, check=False).stdout, state + "\n", unit)
    s.expect_state("inactive", "echod-inetd.socket")


@package_case("upgraded where echod-inetd.socket runs instead: it keeps running, and nothing is started")
def upgraded_inetd(s):
    s.install()
    s.run("systemctl", "enable", "-q", "--now", "echod-inetd.socket")  # stops the service
    s.expect_state("inactive")
    since = s.show("ActiveEnterTimestampMonotonic", "echod-inetd.socket")
    s.install("new")
    s.expect_state("inactive")
    s.expect_state("active", "echod-inetd.socket")
    expect_equal(s.show("ActiveEnterTimestampMonotonic", "echod-inetd.socket"), since,
                 "since when the socket listens")
    s.session().close()


@package_case("upgraded when stopped but enabled: it stays stopped")
def upgraded_only_stopped(s):
    s.install()
    s.run("systemctl", "stop", "echod.service")
    s.install("new")
    s.expect_state("inactive")


@package_case("upgraded: an instance whose name has a colon is reloaded and keeps its control socket")
def upgraded_colon(s):
    name = "127.0.0.1:7790"
    s.install()
    s.configure("port = 7790", path="/etc/echod/%s.conf" % name)
    s.run("systemctl", "enable", "-q", "--now", "echod@" + name)
    session, pid = s.session(7790), s.main_pid("echod@" + name)
    expect_match("serving", s.output("echoctl", "--instance", name, "status"), "its status")
    text = s.install("new")
    expect("echod: " not in text, "echod printed an error: " + text)
    session.echo("the earlier session")
    expect_equal(s.main_pid("echod@" + name), pid, "its main process")
    s.expect_runs_installed("echod@" + name)


@package_case("upgraded where policy-rc.d forbids to reload services: it prints that, and the old program continues")
def upgraded_forbidden(s):
    s.install()
    session, pid = s.session(), s.main_pid()
    s.machine.write(POLICY, "#!/bin/sh\nexit 101\n")
    s.run("chmod", "755", POLICY)
    text = s.install("new")
    s.machine.remove(POLICY)
    expect_match("echod.service runs on as the version of before, until: systemctl reload "
                 "echod.service", text, "output of the upgrade")
    session.echo("the earlier session")
    expect_equal(s.main_pid(), pid, "the main process")
    s.reload()
    s.expect_runs_installed()


@package_case("upgraded to a new default configuration: the edited one stays")
def upgraded_edited(s):
    s.install()
    s.configure("port = 7778")
    kept = s.machine.read(CONFIG)
    s.install("new")
    expect_equal(s.machine.read(CONFIG), kept, CONFIG)
    expect(s.machine.exists(CONFIG + ".dpkg-dist"), "the new file is not next to it")
    s.session(7778).close()
    s.apt("purge", "echod")
    expect(not s.machine.exists("/etc/echod"), "a purge takes both")
