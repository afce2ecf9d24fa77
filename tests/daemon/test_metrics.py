"""The metrics_file: what is written, and what its writer must not do."""
import os
import socket
import stat
import subprocess
import tempfile

from expect import DEADLINE, eventually, expect, expect_equal
from harness import WRAPPER, clean_environment
from managed import Managed
from programs import ECHOD
from tap import main, test

FILE = "@DIR@/echod.prom"
METRICS = "metrics_file = " + FILE


def parsed(text):
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def wait_for_file(path):
    eventually(lambda: os.path.exists(path), "%s is there" % path)
    with open(path, encoding="utf-8") as file:
        return file.read()


@test("the file has what echoctl metrics prints, others may read it, and no other file stays")
def written():
    with Managed(server=METRICS) as echod:
        path = echod.path("echod.prom")
        text = wait_for_file(path)
        status, out, err = echod.ctl("metrics")
        expect_equal((status, err), (0, ""), "status and standard error of echoctl metrics")
        expect_equal(sorted(parsed(text)), sorted(parsed(out)), "the names of the metrics")
        expect_equal(parsed(text)["echod_clients"], "0", "the clients")
        expect_equal(stat.S_IMODE(os.stat(path).st_mode), 0o644, "the mode")
        expect(not os.path.exists(path + ".new"), "the file beside it is gone")


@test("a directory that is not there: a warning, and it serves on")
def no_directory():
    with Managed(server="metrics_file = @DIR@/none/echod.prom") as echod:
        echod.log.wait(r" warning: metrics_file: .*/none/echod\.prom cannot be written: "
                       "No such file or directory$")
        echod.echoing()


@test("a link in the place of the file beside it is not followed")
def link():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        precious, path = os.path.join(where, "precious"), os.path.join(where, "echod.prom")
        with open(precious, "w", encoding="ascii") as file:
            file.write("precious")
        os.symlink(precious, path + ".new")
        with Managed(server="metrics_file = " + path):
            wait_for_file(path)
            with open(precious, encoding="ascii") as file:
                expect_equal(file.read(), "precious", "what the link points to")
            expect(not os.path.islink(path), "the file is no link")


@test("--inetd leaves the service's file alone")
def inetd():
    with Managed(server=METRICS) as echod:
        path = echod.path("echod.prom")
        before = (wait_for_file(path), os.stat(path).st_ino)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            process = subprocess.Popen(WRAPPER + [ECHOD, "--inetd", "--config",
                                                  echod.path("echod.conf")],
                                       stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL,
                                       env=clean_environment())
            ours.settimeout(DEADLINE)
            ours.sendall(b"x")
            expect_equal(ours.recv(1), b"x", "the echo")
        expect_equal(process.wait(DEADLINE), 0, "the exit status")
        with open(path, encoding="utf-8") as file:
            expect_equal((file.read(), os.stat(path).st_ino), before, "the file")


main()
