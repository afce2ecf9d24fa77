"""The command line and the configuration."""
import os
import re
import socket
import subprocess
import tempfile

from clients import expect_echo
from expect import DEADLINE, expect, expect_equal, expect_match
from harness import ECHOD, WRAPPER, Echod, clean_environment, ini, run_echod, unprivileged
from tap import main, test

GOOD = ini()


def expect_wrong(config, *lines):
    """echod must refuse CONFIG and print exactly LINES."""
    status, out, err = run_echod(config=config)
    expect_equal(err.splitlines(), list(lines), "standard error")
    expect_equal((status, out), (78, ""), "the exit status and standard output")


# ---- errors ----

@test("every error is reported with file, line, section and key, and nothing starts")
def every_error():
    expect_wrong("port = 7\n"
                 "[server]\n"
                 "max_clients = 0\n"
                 "idle_timeout = soon\n"
                 "nonsense\n"
                 "[listen a b]\n"
                 "port = 9\n"
                 "[listen local]\n"
                 "port = 70000\n"
                 "service = teapot\n"
                 "allow = 127.0.0.1/33\n",
                 "echod.conf:1: port: precedes the first section: begin with [server] or [listen NAME]",
                 'echod.conf:3: [server] max_clients: 0 is out of range (1 to 100000)',
                 'echod.conf:4: [server] idle_timeout: "soon" is not a time span such as 90s or 1min 30s (0 to 365d)',
                 "echod.conf:5: expected OPTION = VALUE",
                 "echod.conf:6: [listen a b] is not a section; use [server] or [listen NAME] "
                 "(NAME: up to 32 letters, digits, . _ -)",
                 "echod.conf:9: [listen local] port: 70000 is out of range (0 to 65535)",
                 'echod.conf:10: [listen local] service: "teapot" is not one of echo | message | '
                 "discard | daytime | chargen | whoami",
                 "echod.conf:11: [listen local] allow: 127.0.0.1/33: the prefix is longer "
                 "than the address")


@test("in a list of ranges, only a link-local address may name an interface")
def ranges_with_interfaces():
    expect_wrong(GOOD + "allow = 2001:db8::1%lo\n",
                 "echod.conf:7: [listen local] allow: 2001:db8::1%lo: only a link-local address (fe80::/10) "
                 "may name an interface: fe80::1%eth0, fe80::%eth0/64")


@test("the error for a misspelt key suggests the right one")
def misspelt():
    expect_wrong(GOOD + "grreting = hello\n",
                 "echod.conf:7: [listen local] grreting: unknown option; "
                 "did you mean greeting?")


@test("the error for a section in capital letters suggests the right one")
def capitals():
    expect_wrong("[Server]\n[LISTEN a]\n[Listener b]\n",
                 "echod.conf:1: [Server] is not a section; did you mean [server]?",
                 "echod.conf:2: [LISTEN a] is not a section; did you mean [listen a]?",
                 "echod.conf:3: [Listener b] is not a section; use [server] or [listen NAME] "
                 "(NAME: up to 32 letters, digits, . _ -)")


@test("a problem of both default addresses is reported once")
def reported_once():
    expect_wrong("[listen local]\nprotocol = unix\n",
                 "echod.conf:1: [listen local] address: with protocol = unix, give a path that "
                 "begins with /, or @NAME")


@test("the error for a key in the wrong section names the right section")
def misplaced():
    expect_wrong("[server]\nport = 0\n[listen local]\nmax_clients = 5\nport = 0\n",
                 "echod.conf:2: [server] port: belongs in [listen NAME]",
                 "echod.conf:4: [listen local] max_clients: belongs in [server]")


@test("a key that is set twice is an error that names both lines")
def twice():
    expect_wrong("[listen local]\nport = 0\nport = 1\n",
                 "echod.conf:3: [listen local] port: already set in line 2")


@test("a configuration without a listener is an error")
def no_listener():
    expect_wrong("[server]\n", "echod.conf: there is no [listen NAME] section, "
                 "so there is nothing to listen on")


@test("errors show the contents of a file without terminal escape sequences")
def hostile_text():
    status, _, err = run_echod(config="[server]\nmax_clients = \x1b[2J\udcff\n")
    expect_equal(status, 78, "the exit status")
    expect("\x1b" not in err and "\ufffd" not in err, "the error is not escaped: " + ascii(err))
    expect_match(r'max_clients: "\\x1b\[2J\\xff" is not a number', err, "the error")


@test("an option without effect causes a warning, and the daemon runs")
def warning():
    with Echod(listen="reply = never sent") as echod:
        expect_echo(echod.connect())
        echod.log.wait(r"^warning: .*echod\.conf:6: \[listen local\] reply: has no effect "
                       r"without service = message$")


# ---- files ----

@test("a missing file is named with the reason")
def missing():
    status, out, err = run_echod("--config", "/nonexistent/echod.conf")
    expect_equal((status, out), (78, ""), "the exit status and standard output")
    expect_equal(err, "/nonexistent/echod.conf: cannot be read: No such file or directory\n",
                 "standard error")


@test("a directory is not accepted as a file")
def directory():
    status, _, err = run_echod("--config", "/proc/self")
    expect_equal((status, err), (78, "/proc/self: cannot be read: Is a directory\n"),
                 "the exit status and standard error")


# Of a user that has a name; nobody has one everywhere.
NO_PERMISSION = (r": cannot be read: Permission denied for the user that echod runs as, \S+, uid %d: "
                 r'grant it \(chgrp and chmod g\+r; "namei -l" shows which directory may be in the '
                 r"way\)$")


@test("an unreadable file is named, with the user who lacks permission and what to do")
def unreadable():
    who = unprivileged()
    uid = who.get("user", os.geteuid())
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        os.chmod(where, 0o755)
        path = os.path.join(where, "secret.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(GOOD)
        os.chmod(path, 0)
        status, _, err = run_echod("--config", path, **who)
    expect_equal(status, 78, "the exit status")
    expect_match("^" + re.escape(path) + NO_PERMISSION % uid, err, "standard error")


@test("an unreadable drop-in, or directory of drop-ins, is named, with the user who lacks permission")
def unreadable_drop_in():
    who = unprivileged()
    uid = who.get("user", os.geteuid())
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        os.chmod(where, 0o755)
        path = os.path.join(where, "echod.conf")
        os.mkdir(path + ".d")
        for name in ("echod.conf", "echod.conf.d/x.conf"):
            with open(os.path.join(where, name), "w", encoding="ascii") as file:
                file.write(GOOD)
        os.chmod(path + ".d/x.conf", 0)
        status, _, err = run_echod("--config", path, **who)
        expect_match("^" + re.escape(path) + r"\.d/x\.conf" + NO_PERMISSION % uid, err, "the file")
        os.chmod(path + ".d", 0)
        status, _, err = run_echod("--config", path, **who)
        os.chmod(path + ".d", 0o755)
    expect_equal(status, 78, "the exit status")
    expect_match("^" + re.escape(path) + ": cannot read its drop-ins, " + re.escape(path) + r"\.d" +
                 NO_PERMISSION.replace("cannot be read: ", "") % uid, err, "the directory")


@test("drop-ins are read in the order of their names, and the last one wins")
def drop_ins():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        path = os.path.join(where, "echod.conf")
        os.mkdir(path + ".d")
        for name, text in (("echod.conf", ini(server="max_clients = 10\nmax_per_source = 1")),
                           ("echod.conf.d/20-second.conf", "[server]\nmax_clients = 30\n"),
                           ("echod.conf.d/10-first.conf", "[server]\nmax_clients = 20\n"),
                           ("echod.conf.d/30-off.conf.bak", "[server]\nmax_clients = 40\n"),
                           ("echod.conf.d/.hidden.conf", "[server]\nmax_clients = 50\n")):
            with open(os.path.join(where, name), "w", encoding="ascii") as file:
                file.write(text)
        status, out, err = run_echod("--config", path, "--dump-config")
        expect_equal((status, err), (0, ""), "the exit status and standard error")
        expect_match(r"^max_clients +=  ?30 +; " + re.escape(path) + r"\.d/20-second\.conf:2$", out,
                     "the value and its origin")
        expect_match(r"^max_per_source += 1 +; " + re.escape(path) + ":3$", out, "the other value")


@test("a file that looks like a drop-in but is not named .conf causes a warning, not an error")
def no_drop_ins():
    silent = (".hidden", "a.conf~", "a.conf.dpkg-old", "a.conf.ucf-dist", "a.conf.rpmsave",
              "a.conf.bak", "a.conf.old", "README")
    ignored = ("10-limits", "20-limits.ini", "30.conf.off")
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        path = os.path.join(where, "echod.conf")
        os.mkdir(path + ".d")
        for name in ("echod.conf",) + tuple("echod.conf.d/" + name for name in silent + ignored):
            with open(os.path.join(where, name), "w", encoding="ascii") as file:
                file.write(GOOD if name == "echod.conf" else "nonsense\n")
        status, _, err = run_echod("--config", path, "--check-config")
    expect_equal((status, err.splitlines()),
                 (0, ["warning: %s.d/%s: is ignored: the name of a drop-in must end in .conf" %
                      (path, name) for name in ignored]), "the exit status and standard error")


@test("a drop-in that is not a regular file is not opened, and causes a warning")
def odd_drop_ins():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where, \
            socket.socket(socket.AF_UNIX) as sock:
        path = os.path.join(where, "echod.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(GOOD)
        os.mkdir(path + ".d")
        os.mkfifo(path + ".d/a.conf")
        os.symlink("/dev/zero", path + ".d/b.conf")
        os.mkdir(path + ".d/c.conf")
        sock.bind(path + ".d/d.conf")
        os.symlink("a.conf", path + ".d/e.conf")
        os.symlink("/dev/null", path + ".d/f.conf")  # as systemd has it: that one is masked
        os.mkfifo(path + ".d/g.conf~")
        expected = ["warning: %s.d/%s.conf: is ignored: it is not a regular file" % (path, name)
                    for name in "abcde"]
        for option in ("--check-config", "--dump-config"):
            status, _, err = run_echod("--config", path, option)
            expect_equal((status, err.splitlines()), (0, expected), "status and standard error")


@test("a drop-in path that is not a directory causes a warning")
def no_directory():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        path = os.path.join(where, "echod.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(GOOD)
        for make in (os.mkfifo, lambda name: os.symlink(path, name)):
            make(path + ".d")
            status, _, err = run_echod("--config", path, "--check-config")
            expect_equal((status, err), (0, "warning: %s.d: is ignored: it is not a directory of "
                                         "drop-ins\n" % path),
                         "the exit status and standard error")
            os.unlink(path + ".d")
        os.symlink("nowhere", path + ".d")
        status, _, err = run_echod("--config", path, "--check-config")
        expect_equal((status, err), (0, "warning: %s.d: is ignored: it is a symbolic link to a "
                                     "directory that does not exist\n" % path),
                     "the exit status and standard error where it leads nowhere")


@test("a FIFO, a device or a socket as the configuration is refused at once: status 78")
def odd_files():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        path = os.path.join(where, "fifo")
        os.mkfifo(path)
        for name in (path, "/dev/zero", "/dev/null"):
            for more in ((), ("--check-config",)):
                status, _, err = run_echod("--config", name, *more)
                expect_equal((status, err), (78, name + ": cannot be read: it is not a regular "
                                             "file\n"), "the exit status and standard error")


@test("a file that is too large is refused")
def too_large():
    with tempfile.NamedTemporaryFile(prefix="echod-test-") as file:
        file.truncate(1 << 40)
        status, _, err = run_echod("--config", file.name)
    expect_equal((status, err), (78, file.name + ": cannot be read: it is too large\n"),
                 "the exit status and standard error")


@test("a pipe such as /dev/fd/N or /dev/stdin is read")
def pipes():
    for name in ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"):
        done = subprocess.run(WRAPPER + [ECHOD, "--check-config", "--config", name],
                              input=GOOD, capture_output=True, text=True, timeout=DEADLINE,
                              env=clean_environment(), check=False)
        expect_equal((done.returncode, done.stderr), (0, ""), "the status and standard error")


@test("an error in a drop-in is reported with the name of the drop-in")
def bad_drop_in():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        path = os.path.join(where, "echod.conf")
        os.mkdir(path + ".d")
        for name, text in (("echod.conf", GOOD), ("echod.conf.d/x.conf", "\n[server]\nfoo = 1\n")):
            with open(os.path.join(where, name), "w", encoding="ascii") as file:
                file.write(text)
        status, _, err = run_echod("--config", path)
    expect_equal((status, err), (78, path + ".d/x.conf:3: [server] foo: unknown option; "
                                 "echod --list-options shows them all\n"),
                 "the exit status and standard error")


# ---- what it prints ----

def values(dump):
    """A dump without its comments."""
    lines = [re.sub(r"\s*;.*", "", line) for line in dump.splitlines()]
    return [re.sub(r"\s*=\s*", " = ", line) for line in lines if line]


def expect_same_again(config):
    """That what is dumped loads to the same. Returns the dump."""
    status, first, err = run_echod("--dump-config", config=config)
    expect_equal((status, err), (0, ""), "the exit status and standard error of the first dump")
    status, second, err = run_echod("--dump-config", config=first)
    expect_equal((status, err), (0, ""), "the exit status and standard error of the second dump")
    expect_equal(values(second), values(first), "the second dump")
    return first


@test("loading a dump of the defaults yields the same dump")
def dump_defaults():
    out = expect_same_again("[listen local]\n")
    expect_match(r"^max_clients +=  ?1000 +; default$", out, "a default")
    expect_match(r"^address +=  ?127\.0\.0\.1, ::1 +; default$", out, "a default")


@test("loading a dump of every option yields the same dump, whatever bytes the values have")
def dump_everything():
    config = ("[server]\nmax_clients = 7\nmax_per_source = 0\nwhen_full = queue\n"
              "idle_timeout = 1h 30min\nsession_timeout = 1500ms\ndrain_timeout = 0\n"
              "log_sessions = off\nlog_level = debug\n"
              "[listen one]\naddress = 127.0.0.1, ::1, localhost, *\nport = 0\n"
              "service = message\n"
              r"greeting = \x20 spaced \\ \t\r\n\x00\xff ;\x20;" "\n"
              "reply = \nmax_message = 2K\nmax_messages = 4294967295\nmessage_pause = 1us\n"
              "allow = 127.0.0.0/8, ::/0\ndeny = 10.0.0.1\n"
              "[listen two]\nprotocol = unix\naddress = /tmp/a, @b\nmode = 0600\n")
    out = expect_same_again(config)
    for line in ("max_clients = 7", "idle_timeout = 1h 30min", "session_timeout = 1s 500ms",
                 "log_sessions = no", "max_message = 2048", "mode = 0600", "reply = "):
        expect(line.strip() in [v.strip() for v in values(out)], "%s is not in the dump" % line)


@test("--check-config reports that a good configuration is good")
def check_good():
    status, out, err = run_echod("--check-config", config=GOOD)
    expect_equal((status, err), (0, ""), "the exit status and standard error")
    expect_match(r"/echod\.conf: the configuration is good$", out, "standard output")


@test("--check-config finds errors, and two listeners with the same address")
def check_bad():
    status, out, err = run_echod("--check-config", config=GOOD + "grreting = x\n")
    expect_equal((status, out), (78, ""), "the exit status and standard output")
    expect_match("did you mean greeting", err, "standard error")
    status, out, err = run_echod("--check-config", config="[listen a]\n[listen b]\n")
    expect_equal((status, out), (78, ""), "the exit status and standard output")
    expect_match(r"^echod\.conf:2: \[listen b\] address: 127\.0\.0\.1:7777 is already used by "
                 r"\[listen a\]$", err, "standard error")


@test("--check-config does not listen, and needs no privileges")
def check_listens_not():
    with Echod() as echod:
        config = "[listen local]\naddress = 127.0.0.1\nport = %d\n" % echod.port
        status, _, err = run_echod("--check-config", config=config)
        expect_equal((status, err), (0, ""), "the exit status and standard error")


@test("--list-options prints six columns for each option, and every one can be set")
def list_options():
    status, out, err = run_echod("--list-options")
    expect_equal((status, err), (0, ""), "the exit status and standard error")
    rows = [line.split("\t") for line in out.splitlines()]
    expect(len(rows) > 15, "only %d options are listed" % len(rows))
    for row in rows:
        expect_equal(len(row), 6, "the number of columns of %s" % row)
    sections = {"server": "[server]\n", "listen NAME": "[listen local]\n"}
    for row in rows:
        if row[3]:
            sections[row[0]] += "%s = %s\n" % (row[1], row[3])
    status, _, err = run_echod("--check-config", config="".join(sections.values()))
    expect_equal((status, err), (0, ""), "a configuration of all the defaults")


@test("--help lists every long option and exits with status 0")
def help_text():
    status, out, err = run_echod("--help")
    expect_equal((status, err), (0, ""), "the exit status and standard error")
    for option in ("config", "foreground", "daemon", "pid-file", "check-config", "dump-config",
                   "list-options", "inetd", "version", "help"):
        expect("--" + option in out, "--%s is not in the help" % option)


@test("--version prints name and version")
def version():
    status, out, err = run_echod("--version")
    expect_equal((status, err), (0, ""), "the exit status and standard error")
    expect_match(r"\Aechod \d+\.\d+\S*\n\Z", out, "standard output")


@test("a wrong command line exits with status 64 and refers to --help")
def usage():
    for arguments, reason in ((["--nonsense"], r"unrecognized option '--nonsense'"),
                              (["operand"], r"^echod: unexpected operand: operand$"),
                              (["--config"], r"requires an argument"),
                              (["--pid-file", "/tmp/x"], r"^echod: --pid-file requires --daemon$"),
                              (["--daemon", "--inetd"], r"cannot be combined$")):
        status, out, err = run_echod(*arguments)
        expect_equal((status, out), (64, ""), "the exit status and standard output: %s" % arguments)
        expect_match(reason, err, "standard error")
        expect_match(r"^Try 'echod --help'\.$", err, "standard error")


@test("output that does not fit on a full disk is an error")
def full_disk():
    for option in ("--dump-config", "--list-options", "--help", "--version"):
        with open("/dev/full", "wb") as full, tempfile.NamedTemporaryFile("w") as file:
            file.write(GOOD)
            file.flush()
            done = subprocess.run(WRAPPER + [ECHOD, "--config", file.name, option],
                                  stdin=subprocess.DEVNULL, stdout=full,
                                  stderr=subprocess.PIPE, env=clean_environment(),
                                  timeout=DEADLINE, check=False)
        expect(done.returncode != 0, option + " exits with 0")


main()
