"""The examples of echod(8) and echoctl(8) work as the pages show, except for those with systemd."""
import os
import shutil
import subprocess
import tempfile

from clients import expect_echo
from expect import Skip, eventually, expect_equal
from harness import clean_environment
from managed import Managed
from manual import as_shown, examples, expect_shown
from programs import ECHOC, ECHOCTL, ECHOD
from tap import main, private_network, test

CONFIG = "[listen local]\naddress = 127.0.0.1\nport = 0\ndeny = 192.0.2.64/26\n"
WRONG = CONFIG.replace("port =", "prt =")


def write_wrapper(where, name, program, *options):
    """A command NAME in the directory WHERE: PROGRAM with OPTIONS by default."""
    path = os.path.join(where, name)
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\ncase \" $* \" in *' %s '*) exec '%s' \"$@\" ;; esac\n"
                   "exec '%s' %s \"$@\"\n" % (options[0] if options else "-", program, program,
                                              " ".join("'%s'" % o for o in options)))
    os.chmod(path, 0o755)


class Foreground:
    """An example that runs until it is ended, and prints LINES at its beginning."""

    def __init__(self, command, where, lines):
        env = clean_environment({"PATH": where + ":" + os.environ["PATH"]})
        self.process = subprocess.Popen(["sh", "-c", "exec " + command], cwd=where, env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.lines = [self.process.stdout.readline().decode().rstrip("\n") for _ in range(lines)]

    def end(self):
        self.process.terminate()
        self.process.communicate()
        expect_equal(self.process.returncode, 0, "the exit status")


@test("the examples of echod(8) print what they show")
def echod():
    if not private_network():
        raise Skip("port 7777 may be somebody else's in this network")
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        os.chmod(where, 0o755)
        os.mkdir(os.path.join(where, "echod.conf.d"))
        for name, text in (("echod.conf", "[listen local]\n"), ("test.conf", "[listen local]\n"),
                           ("echod.conf.d/slow.conf", "[server]\nidle_timeout = 1h\n")):
            with open(os.path.join(where, name), "w", encoding="ascii") as file:
                file.write(text)
        write_wrapper(where, "echod", ECHOD, "--config", os.path.join(where, "echod.conf"))
        write_wrapper(where, "echoc", ECHOC)
        running, seen = None, 0
        for command, shown in examples("echod.8"):
            shown = [line.replace("/etc/echod/", where + "/") for line in shown]
            if command.startswith(("systemctl", "journalctl")):
                continue
            seen += 1
            if command == "echod --config ./test.conf":
                running = Foreground(command, where, len(shown))
                expect_shown(command, running.lines, shown)
                continue
            if "--daemon" in command:
                running.end()
            as_shown(command, shown, path=where, cwd=where)
        expect_equal(seen, 6, "the number of examples")
        eventually(lambda: not os.path.exists(os.path.join(where, "echod.pid")), "echod has ended")


@test("the examples of echoctl(8) print what they show")
def echoctl():
    if not shutil.which("jq"):
        raise Skip("jq is not installed")
    with Managed(CONFIG) as echod, tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        write_wrapper(where, "echoctl", ECHOCTL, "--socket", echod.control)
        sock = echod.connect()
        expect_echo(sock, b"abc")
        number = str(echod.ask("list")[0]["id"])
        found = examples("echoctl.8")
        expect_equal(len(found), 5, "the number of examples")
        for command, shown in found:
            wrong, denied = command == "echoctl reload", "check-access" in command
            if wrong:
                echod.configure(WRONG)
            as_shown(command.replace("18240", number),
                     [line.replace("/etc/echod/", echod.dir + "/") for line in shown], path=where,
                     status=1 if wrong or denied else 0)
            if command.startswith("echoctl kill"):
                expect_equal(sock.recv(1), b"", "the end of the session")
            if wrong:
                echod.configure(CONFIG)


main()
