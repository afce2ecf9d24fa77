"""The output of echod-generator, as systemd sees it."""
from cases import case
from expect import expect, expect_equal, expect_match
from system import CONFIG, activate

GENERATOR = "/lib/systemd/system-generators/echod-generator"
TWO = "echod@two.service"
TWO_CONFIG = "/etc/echod/two.conf"


def limits_of(s, unit="echod.service"):
    return {name: int(s.show(name, unit))
            for name in ("TasksMax", "LimitNOFILE", "FileDescriptorStoreMax")}


@case("generator: TasksMax= follows max_clients, and the FD store has room for all listeners")
def limits(s):
    for count, more in ((50, 0), (2000, 70)):
        listeners = "".join("\n[listen l%d]\naddress = *, host.example\nport = %d\n" % (i, 8000 + i)
                            for i in range(more))
        s.configure(more=listeners, server="max_clients = %d" % count)
        s.run("systemctl", "daemon-reload")
        found, sockets = limits_of(s), 2 + 18 * more
        tasks = found["TasksMax"]
        expect(count + 2 <= tasks <= count + 100, "TasksMax= for %d clients is %d" % (count, tasks))
        expect(min(found["LimitNOFILE"], found["FileDescriptorStoreMax"]) >= sockets,
               "limits for %d sockets: %s" % (sockets, found))
    s.configure("protocol = udp", server="max_clients = 50")
    s.run("systemctl", "daemon-reload")
    expect(int(s.show("TasksMax")) >= 50 + 2 + 2 * 2, "TasksMax= has no room for datagrams")
    s.start()
    expect_equal([text for text in s.messages("-u", "echod") if "TasksMax=" in text], [],
                 "records about TasksMax=")


@case("generator: an instance has the limits of its own file, whether it is enabled or just started")
def limits_of_instance(s):
    default = limits_of(s, TWO)
    s.configure("port = 7790", server="max_clients = 2000", path=TWO_CONFIG)
    s.run("systemctl", "enable", "-q", "--now", TWO)  # includes a daemon-reload
    s.session(7790)
    expect_match("^20[0-9][0-9]$", s.show("TasksMax", TWO), "TasksMax= of one that is enabled")
    expect_equal(s.show("TasksMax", "echod@three.service"), str(default["TasksMax"]),
                 "TasksMax= of one without a file")
    s.configure("port = 7791", server="max_clients = 30", path="/etc/echod/three.conf")
    s.run("systemctl", "daemon-reload")
    s.start("echod@three.service")
    s.session(7791)
    expect_match("^[34][0-9]$", s.show("TasksMax", "echod@three.service"),
                 "TasksMax= of one that was started by hand")
    expect_equal([text for unit in (TWO, "echod@three.service")
                  for text in s.messages("-u", unit) if "TasksMax=" in text], [],
                 "records about TasksMax=")
    s.expect_verified(TWO, "echod@three.service")


@case("generator: the socket is shared if a listener has reuse_port")
def shared(s):
    for value in ("yes", "no"):
        s.configure(listen="reuse_port = " + value)
        s.run("systemctl", "daemon-reload")
        expect_equal(s.show("ReusePort", "echod.socket"), value, "ReusePort=")


def expect_reported(s, where, unit="echod.service"):
    """Expects a message about the mistake at WHERE in the unit's journal, with an explanation."""
    texts = s.messages("-u", unit)
    expect(any(where in text for text in texts), "the journal names %s: %s" % (where, texts))
    found = s.records("ECHOD_EVENT=not-generated", "OBJECT_SYSTEMD_UNIT=" + unit)
    expect_equal(len(found), 1, "the records of the event")
    expect_equal((found[0]["SYSLOG_IDENTIFIER"], found[0]["PRIORITY"]), ("echod-generator", "3"),
                 "identifier and priority of the record")
    return found[0]["MESSAGE"]


@case("generator: an invalid file at boot has no drop-ins, and is reported")
def broken(s):
    default = s.machine.read("/lib/systemd/system/echod.service")
    s.run("rm", "-rf", "/run/echod-generator")
    where = s.configure_wrongly()
    s.run("systemctl", "enable", "-q", "--no-reload", "echod.service", "echod.socket")
    s.run("systemctl", "daemon-reload")
    expect_equal(s.generated("echod.service") + s.generated("echod.socket"), [],
                 "generated drop-ins")
    expect_match("^TasksMax=%s$" % s.show("TasksMax"), default, "the default of the unit file")
    expect_match("its ordinary sandbox, with network access", expect_reported(s, where), "the message")
    s.machine.remove(CONFIG)
    s.run("systemctl", "daemon-reload")
    s.run("systemctl", "disable", "-q", "echod.service", "echod.socket")


@case("generator: a file that becomes invalid changes nothing, and echod.socket keeps listening")
def broken_later(s):
    activate(s, "port = 7779")
    s.configure("port = 7790", server="max_clients = 2000", path=TWO_CONFIG)
    s.run("systemctl", "daemon-reload")
    before = [limits_of(s), limits_of(s, TWO), s.generated("echod.service"),
              s.exposure("echod.service")]
    s.mark()
    where = s.configure_wrongly()
    s.configure_wrongly(TWO_CONFIG)
    s.run("systemctl", "daemon-reload")
    expect_equal([limits_of(s), limits_of(s, TWO), s.generated("echod.service"),
                  s.exposure("echod.service")], before, "limits, drop-ins and exposure")
    expect_match("units keep the settings of its last valid version", expect_reported(s, where), "the message")
    expect_reported(s, TWO_CONFIG, TWO)
    s.expect_state("active", "echod.socket")
    s.configure("port = 7779")
    s.session(7779)
    expect_equal([l["from"] for l in s.control("listeners")], ["socket-unit"] * 2,
                 "origins of the listeners")


@case("generator: daemon-reload does not wait for a hanging journald")
def unheard(s):
    s.machine.write(CONFIG, "".join("mistake = %d\n" % i for i in range(20)))
    s.run("systemctl", "kill", "--kill-whom=main", "-s", "STOP", "systemd-journald.service")
    # More messages than fit into the journal's socket.
    s.run("bash", "-c", "for i in {1..150}; do %s \"$(mktemp -d)\"; done" % GENERATOR)
    s.run("systemctl", "daemon-reload")
    s.run("systemctl", "kill", "--kill-whom=main", "-s", "CONT", "systemd-journald.service")


@case("generator: daemon-reload does not wait for a FIFO among the drop-ins, which is reported in the journal")
def fifo(s):
    s.configure(server="max_clients = 50")
    s.run("mkdir", "-p", CONFIG + ".d")
    s.run("mkfifo", CONFIG + ".d/x.conf")
    s.run("systemctl", "daemon-reload")
    expect(limits_of(s)["TasksMax"] < 200, "the configuration is in effect")
    expect(any("x.conf: is ignored: it is not a regular file" in text
               for text in s.messages("-u", "echod")), "the journal has it")
    s.start()
    s.session()
    s.run("rm", CONFIG + ".d/x.conf")


@case("generator: link-local addresses and /var/run are written in systemd's form")
def forms(s):
    s.configure("port = 7779\naddress = fe80::1%lo",
                more="[listen file]\nprotocol = unix\naddress = /var/run/echod/echo.sock\n")
    s.run("systemctl", "daemon-reload")
    listen = s.show("Listen", "echod.socket")
    expect_match(r"\[fe80::1\]:7779(%lo)? \(Stream\)", listen, "the addresses")
    expect_match(r"^/run/echod/echo\.sock \(Stream\)", listen, "the paths")
    expect_equal(s.messages("-u", "echod.socket"), [], "messages of systemd")
    s.run("systemctl", "enable", "-q", "echod.socket")
    s.run("systemctl", "daemon-reload")
    s.start("echod.socket")
    s.start()
    expect_equal(sorted((l["listener"], l["from"]) for l in s.control("listeners")),
                 [("file", "socket-unit"), ("local", "socket-unit")], "the listeners")


@case("an instance whose name has a colon: limits, control socket, reload")
def colon(s):
    name = "127.0.0.1:7790"
    unit = "echod@%s.service" % name
    s.configure("port = 7790", server="max_clients = 50", path="/etc/echod/%s.conf" % name)
    s.run("systemctl", "daemon-reload")
    s.start(unit)
    s.session(7790).close()
    expect(int(s.show("TasksMax", unit)) < 200, "TasksMax= is not that of the instance's file")
    expect_equal(s.control("status", "--instance", name)["pid"], s.main_pid(unit), "its process")
    s.reload(unit)
    expect_equal([text for text in s.messages("-u", unit) if "no control socket" in text],
                 [],
                 "records about the control socket")
