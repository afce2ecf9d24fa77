"""What a dry run has validated is what the new program uses: lines, names, files and sockets cannot get lost
between the two."""
import os
import shutil
import signal
import socket
import tempfile

from clients import expect_echo
from expect import eventually, expect, expect_equal, expect_match
from harness import clean_environment, run_echod
from hosts import with_hosts
from managed import (RELOADED, Asking, Managed, Manager, Passed, bound, free_port, listen, plain_processes,
                     unix)
from proc import is_alive
from programs import ECHOD, FORKSERVER
from tap import main, test


STRAY = "echod: ECHOD_HANDOVER is set, but not by echod: unset it\n"


# ---- settings ----

def interfering(echod, before="", after=""):
    """A program that runs commands BEFORE, or AFTER, a successful dry run."""
    return ("#!/bin/sh\ncase \"$*\" in --check-config*) '{0}' \"$@\" || exit\n{2} ;;\n"
            "*) {1}\nexec '{0}' \"$@\" ;; esac\n".format(ECHOD, before, after))


@test("values of maximum length are handed over, whatever they contain")
def long_values():
    ranges = ",".join("1::2:3:4:5:6:%x" % (7 + i) for i in range(11))
    for line in ("greeting=\\t" + "x" * 187, "greeting=" + "\\t;" * 63,
                 "allow=127.0.0.1,%s,1::22" % ranges):
        expect(len(line) <= 198, "the line is too long: %d" % len(line))
        with Managed(listen("local", more=line)) as echod:
            dump = run_echod("--dump-config", config=listen("local", more=line))[1]
            expect_equal(run_echod("--check-config", config=dump)[::2], (0, ""), "the dump, loaded")
            inside = echod.connect()
            echod.reload()
            expect(is_alive(echod.pid), "the daemon has ended")
            inside.close()


@test("a program that cannot parse the handover logs that before it exits")
def not_understood():
    with Managed(copied=True) as echod:
        echod.install(interfering(
            echod, after="echo echod-settings 9 >\"/proc/self/fd/$ECHOD_REHEARSAL\""))
        echod.kill(signal.SIGHUP)
        expect_equal(echod.wait(), 71, "the exit status, for which systemd starts it again")
        echod.log.wait(" error: cannot parse the settings that were handed over: "
                       '"echod-settings 9"$')
    with Managed(copied=True) as echod:
        echod.install(interfering(
            echod, before="echo client x >>\"/proc/self/fd/$ECHOD_HANDOVER\""))
        echod.kill(signal.SIGHUP)
        expect_equal(echod.wait(), 71, "the exit status")
        echod.log.wait(" error: cannot read the state of the previous echod: ")


@test("a dry run that cannot parse the handover reports it")
def dry_run_not_understood():
    with Managed(copied=True) as echod:
        for interference, reason in (
                ("echo listener x >>\"/proc/self/fd/$ECHOD_HANDOVER\"",
                 "^echoctl: this version cannot read the state of the running one$"),
                ("unset ECHOD_REHEARSAL", "^echoctl: there is no ECHOD_REHEARSAL ")):
            echod.install("#!/bin/sh\n%s\nexec '%s' \"$@\"\n" % (interference, ECHOD))
            echod.rejects(reason)


@test("an ECHOD_HANDOVER that is not from echod causes a message, and is ignored")
def stray():
    for value in ("0", "1", "77", "nonsense"):
        env = {"ECHOD_HANDOVER": value}
        status, out, err = run_echod("--check-config", config=listen("local"),
                                     env=clean_environment(env))
        expect_equal((status, err), (0, STRAY), "status and standard error of a check")
        expect_match("the configuration is good$", out, "standard output of the check")
        with Managed(listen("local"), env=env) as echod:
            expect_echo(echod.connect())
            echod.log.wait(STRAY.strip())
            echod.reload()
            expect_echo(echod.connect())


class Named(Managed):
    """It has an /etc/hosts of its own, the file "hosts"."""

    def command(self, args):
        return with_hosts(self.dir, "127.0.0.2 echo.example\n") + super().command(args)


@test("host names are resolved by the dry run only, and its results are used")
def names():
    config = "[listen named]\naddress = echo.example\nport = 0\n" + listen("local")
    with Named(config, copied=True) as echod:
        expect_equal(echod.address("named")[0], "127.0.0.2", "the address of the name")
        before = echod.address("named"), echod.address("local")
        inside = echod.echoing(name="named")
        echod.write("hosts", "127.0.0.2 echo.example\n127.0.0.3 echo.example\n")
        echod.install(interfering(echod, after=": >'%s'" % echod.path("hosts")))
        echod.reload()
        expect_equal((echod.address("named"), echod.address("local")), before, "the addresses")
        expect_equal(echod.address("named", 1)[0], "127.0.0.3", "the second address")
        for name, index in (("named", 0), ("named", 1), ("local", 0)):
            expect_echo(echod.connect(name, index))
        expect_echo(inside)
        expect_equal(echod.log.matching(" error: | warning: "), [], "warnings and errors in the log")
        echod.rejects(r"^echoctl: \S*/echod\.conf:2: \[listen named\] address: "
                      r"cannot look up the name echo\.example: ")


# ---- the program ----


class Linked(Managed):
    """It is started as AS, from its own directory: "echod" there is a link to one of two copies.
    PATH: with its directory as the last of it."""

    def __init__(self, started_as, **more):
        self.started_as = started_as
        super().__init__(listen("local"), **more)

    def _launch(self, args, env, *more):
        for version in ("1", "2"):
            os.mkdir(self.path(version))
            shutil.copy(ECHOD, self.path(version))
            shutil.copy(FORKSERVER, self.path(version))
        os.symlink("1/echod", self.path("echod"))
        env = {"PATH": "/nowhere::/usr/bin:" + self.dir}
        *more, popen = more
        super()._launch(args, env, *more, dict(popen, cwd=self.dir))

    def command(self, args):
        started_as = self.started_as.replace("@DIR@", self.dir)
        # A shell does not look up what it is given by its path; env(1) does what execvp(3) does.
        return ["env", started_as, "--config", self.config] + list(args)

    def runs(self):
        return os.path.relpath(os.readlink("/proc/%d/exe" % self.pid), self.dir)


@test("a reload executes the program that the path of the start leads to now")
def symbolic_link():
    plain_processes()
    for started_as in ("@DIR@/echod", "./echod", "1/../echod", "echod"):
        with Linked(started_as) as echod:
            inside = echod.echoing()
            expect_equal(echod.runs(), "1/echod", "the executable, started as " + started_as)
            for version in ("2", "1", "2"):
                os.symlink(version + "/echod", echod.path("new"))
                os.rename(echod.path("new"), echod.path("echod"))
                echod.reload()
                expect_equal(echod.runs(), version + "/echod", "executable after the reload, as " + started_as)
            expect_echo(inside)


def lose_fork_server(echod):
    """What is installed cannot be opened: its name leads to itself, and nowhere else is looked then."""
    os.unlink(echod.path("echod-forkserver"))
    os.symlink("echod-forkserver", echod.path("echod-forkserver"))


def bring_fork_server(echod):
    os.unlink(echod.path("echod-forkserver"))
    shutil.copy(FORKSERVER, echod.path("echod-forkserver"))


@test("without the fork server's program, a reload is rejected with the reason")
def no_fork_server():
    plain_processes()
    with Managed(listen("local"), copied=True) as echod:
        inside = echod.echoing()
        lose_fork_server(echod)
        echod.rejects("^echoctl: cannot open echod-forkserver in .*: Too many levels of symbolic links$")
        expect_echo(inside)
        expect_echo(echod.connect())
        bring_fork_server(echod)
        echod.reload()


@test("if the fork server's program disappears during a reload, the running fork server continues")
def fork_server_lost():
    plain_processes()
    with Managed(listen("local"), copied=True) as echod:
        inside = echod.echoing()
        shutil.copy(ECHOD, echod.path("real"))
        lose = "rm '{0}'; ln -s echod-forkserver '{0}'".format(echod.path("echod-forkserver"))
        echod.install(interfering(echod, before=lose).replace(ECHOD, echod.path("real")))
        echod.reload()
        echod.log.wait(" error: cannot open echod-forkserver in .*: Too many levels of symbolic links$")
        expect_echo(inside)
        expect_echo(echod.connect())
        os.kill(echod.fork_servers()[0], signal.SIGKILL)
        echod.log.wait(" error: cannot start a fork server, clients have to wait: Too many levels")
        waiting = echod.connect()
        bring_fork_server(echod)
        expect_echo(waiting)


@test("a listener that is lost after the dry run is reported to the requester, and affects no other")
def listener_lost():
    with Managed(listen("local")) as plain, Managed(listen("local"), copied=True) as echod:
        os.mkdir(echod.path("sub"))
        echod.configure(listen("local") + "[listen new]\nprotocol = unix\naddress = @DIR@/sub/new\n")
        echod.install(interfering(echod, before="rmdir '%s'" % echod.path("sub")))
        expect_equal(echod.ctl("reload"), (1, "", "echoctl: some listeners could not be opened: see the log\n"),
                     "result of echoctl reload")
        echod.log.wait(" error: listener new: .*its directory does not exist")
        echod.log.wait(" error: reloaded, but some listeners could not be opened$")
        expect_echo(echod.connect())
        expect_equal(plain.ctl("reload")[0], 0, "another one")


@test("a request during a dry run starts another one")
def stale():
    with Managed(listen("local"), copied=True) as echod:
        release = echod.hold()
        asking = Asking(echod.control, "reload")
        echod.held()
        echod.kill(signal.SIGHUP)
        echod.log.wait(" requested a reload by SIGHUP$")
        echod.install()
        echod.configure(listen("local") + listen("another"))
        release()
        expect_equal(asking.result(), (0, "", ""), "result of echoctl reload")
        expect_equal(sorted(row["listener"] for row in echod.ask("listeners")), ["another", "local"],
                     "the listeners are those of the last file")
        echod.log.wait(RELOADED)
        expect_equal(len(echod.log.matching(RELOADED)), 1, "number of reloads")


@test("a dry run that fails and prints only a warning is reported as that")
def warning_only():
    with Managed(listen("local"), copied=True) as echod:
        echod.install("#!/bin/sh\necho 'warning: something is odd' >&2\nexit 1\n")
        expect_equal(echod.ctl("reload")[0], 1, "the status of echoctl reload")
        echod.log.wait(" warning: something is odd$")
        echod.log.wait(" error: reload failed, nothing has changed: the check failed without an error message$")
        expect_echo(echod.connect())


@test("if argv[0] leads to another file, a reload executes the program's own path")
def misleading_name():
    plain_processes()

    class Misnamed(Managed):
        def command(self, args):
            return ["bash", "-c", 'exec -a /bin/true "$@"', "bash"] + super().command(args)

    with Misnamed(listen("local"), copied=True) as echod:
        echod.reload()
        expect_equal(os.readlink("/proc/%d/exe" % echod.pid), echod.path("echod"), "the executable")


# ---- what systemd keeps ----

def removed_and_stored(manager, since):
    """The names that were taken back, and given, from SINCE to the READY=1 that follows."""
    end = manager.wait("READY=1", since)[0]
    found = [], []
    for _, lines, _ in manager.messages[since:end + 1]:
        for name in [line[20:] for line in lines if line.startswith("FDNAME=echod-listen-")]:
            found["FDSTORE=1" in lines].append(name)
    return end + 1, found


@test("a renamed listener is removed from the store under its old name, and stored under the new one")
def renamed():
    port = free_port()
    with Manager() as manager, Managed(listen("old", port) + listen("x"), env=manager.env) as echod:
        since = manager.wait("READY=1")[0] + 1
        for config, expected in (
                (listen("new", port) + listen("x"), (["old"], ["new", "x"])),
                (listen("x"), (["new"], ["x"])),
                (listen("x", more="greeting = x"), ([], ["x"]))):
            echod.configure(config)
            echod.reload()
            since, found = removed_and_stored(manager, since)
            expect_equal(found, expected, "the names that are taken back, and given")
    with Manager() as manager, bound() as sock:
        with Passed(listen("new", sock.getsockname()[1]), sock, names=["echod-listen-old"],
                    env=manager.env) as echod:
            expect_equal(removed_and_stored(manager, 0)[1], (["old"], ["new"]),
                         "the names at a start")
            expect_echo(echod.connect("new"))


# ---- the files of Unix sockets ----

GONE = r" warning: no longer listening on unix:\S+ \(%s\): its file was removed or replaced$"


@test("a missing socket file is created again, of a listener and of the control socket")
def file_is_gone():
    with Managed(unix("file") + unix("stays")) as echod:
        inside = echod.echoing(name="file")
        os.unlink(echod.path("file"))
        echod.reload()
        expect_echo(echod.connect("file"))
        expect_echo(echod.connect("stays"))
        expect_echo(inside)
        echod.log.wait(GONE % "file")
        expect_equal(len(echod.log.matching(r" info: listening on \S+/file \(file, echo\)$")), 2,
                     "number of times the listener was opened")
        expect_equal(echod.log.matching(GONE % "stays"), [], "records about the listener that stays")
        os.unlink(echod.control)
        echod.hang_up()
        eventually(lambda: os.path.exists(echod.control), "the control socket is created again")
        echod.reload()
        expect_equal(len(echod.ask("listeners")), 2, "the listeners")
    expect(not os.path.exists(echod.path("file")), "its file is there after the stop")


@test("a socket file that now belongs to another server: the reload is rejected, and the file is never removed")
def file_of_another():
    config = unix("file") + listen("local")
    with Managed(config) as echod, socket.socket(socket.AF_UNIX) as other:
        path = echod.path("file")
        os.unlink(path)
        other.bind(path)
        other.listen()
        echod.rejects("^echoctl: .*listener file: unix:%s is in use by another program" % path)
        inode = os.stat(path).st_ino
        echod.configure(listen("local"))
        echod.reload()
        expect_equal(os.stat(path).st_ino, inode, "the other server's file")
        expect_echo(echod.connect("local"))
        os.unlink(echod.control)
        with socket.socket(socket.AF_UNIX) as thief:
            thief.bind(echod.control)
            thief.listen()
            echod.hang_up()
            echod.log.wait(" warning: no control socket, so echoctl cannot be used: ")
            inode = os.stat(echod.control).st_ino
            echod.stop()
            expect_equal(os.stat(echod.control).st_ino, inode, "the other one's control socket")


@test("a socket from systemd's store is created again if its file is missing, and removed at the end")
def kept_file():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where, Manager() as manager:
        os.chmod(where, 0o755)
        socks = []
        for name in ("gone", "stays"):
            socks.append(socket.socket(socket.AF_UNIX))
            socks[-1].bind(os.path.join(where, name))
            socks[-1].listen()
        os.unlink(os.path.join(where, "gone"))
        config = "".join("[listen %s]\nprotocol = unix\naddress = %s/%s\n" % (name, where, name)
                         for name in ("gone", "stays")) + listen("local")
        with Passed(config, *socks, names=["echod-listen-gone", "echod-listen-stays"],
                    env=manager.env) as echod:
            for name in ("gone", "stays"):
                expect_echo(echod.connect(name))
            echod.log.wait(GONE % "gone")
            expect_equal([row["from"] for row in echod.ask("listeners")
                          if row["listener"] == "stays"], ["fd-store"], "origin of the other listener")
            echod.configure(listen("local"))
            echod.reload()
            expect_equal(os.listdir(where), [], "the files once no listener uses the sockets")
        for sock in socks:
            sock.close()


main()
