"""Failures that echod must survive: a daemon that dies or hangs, a journal that hangs."""
import time

from cases import case
from expect import eventually, expect, expect_equal
from system import Load


def is_back(s, old):
    return s.main_pid() not in (0, old) and s.show("ActiveState") == "active"


@case("SIGKILL of the daemon: systemd restarts it, no worker is left, and no client is refused")
def killed(s):
    s.start()
    sessions, pid = [s.session() for _ in range(10)], s.main_pid()
    before = s.members()
    expect_equal(len(before), 13, "the processes before")
    s.run("kill", "-KILL", str(pid))
    waiting = s.connect()
    waiting.echo("a client that connected during the restart")
    eventually(lambda: is_back(s, pid), "the service is active again, with another process")
    expect_equal([old for old in before if s.is_alive(old)], [], "the earlier processes")
    expect_equal(len(s.members()), 4,
                 "the processes now: the daemon, the scribe, the fork server, a worker")
    expect_equal(s.show("NRestarts"), "1", "the restarts")
    for session in sessions:
        expect_equal(session.ends(), True, "an earlier session has not ended")
    s.session()


@case("SIGSTOP of the daemon: the watchdog restarts it")
def hung(s):
    s.drop_in("echod.service", "[Service]\nWatchdogSec=2s\n")
    s.start()
    session, pid = s.session(), s.main_pid()
    time.sleep(3)  # longer than WatchdogSec=: a working daemon is not restarted
    expect_equal((s.main_pid(), s.show("NRestarts")), (pid, "0"), "the process, and the restarts")
    s.run("kill", "-STOP", str(pid))
    session.echo("the session, whose worker survives")
    eventually(lambda: is_back(s, pid), "systemd has restarted the service")
    expect_equal(s.show("NRestarts"), "1", "the restarts")
    expect(any("atchdog" in text for text in s.messages("-u", "echod")),
           "no record names the watchdog")
    s.session()


@case("journald hangs: 500 connections do not notice, and dropped records are counted")
def journal_stopped(s):
    s.configure(server="log_level = debug")
    s.start()
    s.session().close()
    s.run("systemctl", "kill", "--kill-whom=main", "-s", "STOP", "systemd-journald.service")
    with Load(7777, limit=500) as load:
        eventually(lambda: load.count >= 500 or load.failures, "500 connections are made")
    load.expect_none_failed(500)
    with Load(7777, limit=10000) as more:
        eventually(lambda: s.control("status")["dropped"] > 0 or more.failures or
                   more.count >= 10000, "records are dropped")
    more.expect_none_failed(1)
    print("# %d connections" % (load.count + more.count))
    dropped = s.control("status")["dropped"]
    expect(dropped > 0, "records were dropped")
    s.run("systemctl", "kill", "--kill-whom=main", "-s", "CONT", "systemd-journald.service")
    s.await_record("the count of what was dropped", "ECHOD_EVENT=dropped")
    eventually(lambda: sum(int(record["ECHOD_DROPPED"])
                           for record in s.records("ECHOD_EVENT=dropped"))
               == s.control("status")["dropped"], "the journal has the count that echoctl has")
    session = s.session()
    session.close()
    s.await_record("records again", "ECHOD_PEER=127.0.0.1:%d" % session.port_of_ours)


@case("the scribe dies: the next one writes, and the service continues")
def scribe_killed(s):
    s.start()
    session, pid = s.session(), s.main_pid()
    scribe = [member for member in s.members()
              if "scribe" in s.output("cat", "/proc/%d/cmdline" % member)]
    expect_equal(len(scribe), 1, "the scribes")
    s.run("kill", "-KILL", str(scribe[0]))
    peer = "127.0.0.1:%d" % session.port_of_ours
    session.echo()
    session.close()
    record = s.await_record("the session's record", "ECHOD_PEER=" + peer)
    expect_equal(record["_SYSTEMD_UNIT"], "echod.service", "its unit")
    expect_equal(s.main_pid(), pid, "the main process")


@case("too few processes: the journal has the start and the end of the shortage, with the number of pauses")
def short(s):
    s.drop_in("echod.service", "[Service]\nLimitNPROC=6\n")
    s.start()
    # Apart from two processes of its own there is room for four clients: one of six is refused, and
    # another may have to wait.
    sessions = [s.connect() for _ in range(6)]
    s.await_record("accepting was paused", "ECHOD_EVENT=paused")
    for session in sessions:
        session.close()
    eventually(lambda: s.control("status")["clients"] == 0, "all clients are gone")
    s.session()
    record = s.await_record("accepting was resumed", "ECHOD_EVENT=resumed")
    expect(int(record["ECHOD_PAUSES"]) > 0, "the pauses are counted")
