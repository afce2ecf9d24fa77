"""echod-generator, run by hand for another root directory: its drop-ins and its messages. (How systemd uses
them is tested in tests/systemd.)"""
import os
import re
import resource
import subprocess
import sys
import tempfile

from expect import DEADLINE, Skip, expect, expect_equal, expect_match
from harness import clean_environment
from hosts import with_mount
from programs import BUILDDIR
from tap import main, test

GENERATOR = os.path.join(BUILDDIR, "echod-generator")
WANTS = "systemd/system/sockets.target.wants/echod.socket"
SERVICE, SOCKET, TWO = "echod.service.d", "echod.socket.d", "echod@two.service.d"
LIMITS, ADDRESSES, SANDBOX = (SERVICE + "/50-echod-conf.conf", SOCKET + "/50-echod-conf.conf",
                              SERVICE + "/60-echod-socket.conf")
ONE = "[listen one]\n"
WRONG = ONE + "port = seven\n"


def run(*arguments, **more):
    done = subprocess.run([GENERATOR, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, env=clean_environment(), timeout=DEADLINE, check=False, **more)
    return done.returncode, done.stdout, done.stderr


def configuration_directory():
    """The configuration directory that --help prints."""
    return re.search(r"configurations (/\S+)/\*\.conf", run("--help")[1]).group(1)


class Root:
    """A system's files, of which the generator makes drop-ins."""

    def __init__(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="echod-test-")
        self.root = self.scratch.name
        os.mkdir(self.root + "/run")
        self.messages = ""  # standard error of the last run
        self.runs = 0
        self.output = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.scratch.cleanup()

    def path(self, name):
        path = self.root + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def configure(self, text, name="echod"):
        with open(self.path("%s/%s.conf" % (configuration_directory(), name)), "w",
                  encoding="utf-8") as file:
            file.write(text)

    def enable(self, etc="/etc"):
        """As systemctl does: by a link, which leads nowhere from outside of the root."""
        os.symlink("/lib/systemd/system/echod.socket", self.path("%s/%s" % (etc, WANTS)))

    def generate(self):
        """As systemd does: into directories that are empty. Returns {file: text}."""
        self.runs += 1
        self.output = "%s/generated-%d" % (self.root, self.runs)
        places = [self.output + end for end in ("", ".early", ".late")]
        for place in places:
            os.mkdir(place)
        status, out, self.messages = run("--root", self.root, *places)
        expect_equal((status, out), (0, ""), "exit status and standard output")
        expect_equal([os.listdir(place) for place in places[1:]], [[], []],
                     "contents of the directories for early and late")
        return self.written()

    def written(self):
        found = {}
        for where, _, names in os.walk(self.output):
            for name in names:
                with open(os.path.join(where, name), encoding="utf-8") as file:
                    found[os.path.relpath(file.name, self.output)] = file.read()
        return found


def made_of(text):
    """The files that the generator writes for TEXT as echod.conf, and its messages."""
    with Root() as root:
        root.configure(text)
        return root.generate(), root.messages


def limits_of(text):
    """{name: number} of a drop-in with limits."""
    return {name: int(value) for name, value in re.findall(r"^(\w+)=(\d+)$", text, re.M)}


def listens(text):
    """The lines with addresses in a drop-in of echod.socket."""
    return re.findall(r"^(Listen\w+=.*)$", text, re.M)


@test("default configuration: limits and addresses, and no stricter sandbox")
def defaults():
    written, messages = made_of(ONE)
    expect_equal(sorted(written), [LIMITS, ADDRESSES], "the files")
    expect_equal(messages, "", "messages")
    limits = limits_of(written[LIMITS])
    expect(1000 < limits["TasksMax"] < 1100, "TasksMax= fits 1000 clients: %s" % limits)
    expect_equal((limits["LimitNOFILE"], limits["FileDescriptorStoreMax"]), (2048, 2048),
                 "LimitNOFILE= and FileDescriptorStoreMax=, as in the unit file")
    expect_equal(listens(written[ADDRESSES]),
                 ["ListenStream=", "ListenStream=127.0.0.1:7777", "ListenStream=[::1]:7777"],
                 "the addresses")
    expect_match("^SourcePath=%s/echod.conf$" % configuration_directory(), written[ADDRESSES],
                 "the drop-in of the socket")


@test("each instance gets the limits of its own file, with that file's drop-ins")
def instances():
    with Root() as root:
        root.configure("[server]\nmax_clients = 50\n" + ONE)
        root.configure("[server]\nmax_clients = 2000\n" + ONE, "two")
        root.configure("[server]\nmax_clients = 3000\n", "two.conf.d/more")
        root.configure(ONE + "protocol = udp\n", "a-b_c:d.e@f")
        for name in (".hidden", "", "echod.conf.d/x", "two.conf.dpkg-new/x"):
            root.configure(ONE, name)
        written = root.generate()
        expect_equal((sorted({os.path.dirname(name) for name in written}), root.messages),
                     ([SERVICE, SOCKET, "echod@a-b_c:d.e@f.service.d", TWO], ""),
                     "units and messages")
        expect_equal(sorted(os.path.basename(name) for name in written),
                     ["50-echod-conf.conf"] * 4, "the files")
        tasks = [limits_of(written["%s/50-echod-conf.conf" % unit])["TasksMax"]
                 for unit in (SERVICE, TWO, "echod@a-b_c:d.e@f.service.d")]
        for number, clients, more in zip(tasks, (50, 3000, 1000), (2, 2, 6)):
            expect(clients + more <= number < clients + 100,
                   "TasksMax= for %d clients is %d" % (clients, number))


@test("instances only: a missing echod.conf is not an error, and has no drop-in")
def instances_only():
    with Root() as root:
        root.configure(ONE, "two")
        expect_equal(list(root.generate()), [TWO + "/50-echod-conf.conf"], "the files")
        expect_match(r"^echod-generator: there is no \S+/echod\.conf", root.messages, "messages")
    with Root() as root:
        expect_equal(root.generate(), {}, "the files of a system without any configuration")


@test("many listeners: enough descriptors, and enough room in the FD store")
def many():
    sections = "".join("[listen l%d]\nport = %d\naddress = *, host.example\n" % (i, 8000 + i)
                       for i in range(100))
    limits = limits_of(made_of(sections)[0][LIMITS])
    wanted = 100 * (2 + 16)  # a name may stand for several addresses
    expect(limits["LimitNOFILE"] >= wanted + 13, "LimitNOFILE= has room: %s" % limits)
    expect(limits["FileDescriptorStoreMax"] >= wanted, "the FD store has room: %s" % limits)


@test("every kind of address is written in systemd's syntax, whatever its characters")
def addresses():
    written, _ = made_of(
        "[listen any]\naddress = *\nport = 7\n"
        "[listen udp]\nprotocol = udp\naddress = 127.0.0.9\nport = 9\n"
        "[listen scope]\naddress = fe80::1%lo, [::1]\n"
        "[listen path]\nprotocol = unix\naddress = /run/x%y/s\nmode = 0640\n"
        "[listen name]\nprotocol = unix-seqpacket\naddress = @abstract\nmode = 0666\n"
        "[listen box]\nprotocol = unix-dgram\naddress = /run/box\n"
        "[listen old]\nprotocol = unix\naddress = /var/run/old\n"  # systemd warns of /var/run
        "[listen gone]\naddress = fe80::1%nosuch\n")  # the interface may come later
    expect_equal(listens(written[ADDRESSES]),
                 ["ListenStream=", "ListenStream=0.0.0.0:7", "ListenStream=[::]:7",
                  "ListenDatagram=127.0.0.9:9",
                  "ListenStream=[fe80::1]:7777%%lo", "ListenStream=[::1]:7777",
                  "ListenStream=/run/x%%y/s", "ListenSequentialPacket=@abstract",
                  "ListenDatagram=/run/box", "ListenStream=/run/old"], "the addresses")
    expect_match("^SocketUser=echod\nSocketGroup=echod\nSocketMode=0640$", written[ADDRESSES],
                 "the owner and mode of the Unix sockets")


@test("echod.socket enabled: a sandbox without network, and a warning for what systemd cannot open")
def enabled():
    odd = (ONE + "address = host.example\n[listen two]\nport = 0\n"
           "[listen three]\nprotocol = unix\naddress = /run/x\\\n")
    for etc in ("/etc", "/run"):
        with Root() as root:
            root.configure(odd)
            root.generate()
            expect_equal(root.messages, "", "messages while echod opens the sockets")
            root.enable(etc)
            written = root.generate()
            expect_match("^PrivateNetwork=yes$", written[SANDBOX], "the sandbox")
            expect_match("^FileDescriptorStoreMax=0$", written[SANDBOX], "the sandbox")
            expect_equal(listens(written[ADDRESSES]), ["ListenStream="], "the addresses")
            expect_equal(re.findall(r"listener (\w+): echod\.socket cannot open (.*?), and", root.messages),
                         [("one", "host.example"), ("two", "port = 0"), ("two", "port = 0"),
                          ("three", "/run/x\\")], "messages")


@test("a port that instances share is one that systemd shares, too")
def shared():
    with Root() as root:
        root.enable()
        root.configure(ONE + "port = 7001\nreuse_port = yes\n[listen two]\nport = 7002\n")
        expect_match("^ReusePort=yes$", root.generate()[ADDRESSES], "the addresses")
        root.configure(ONE + "port = 7001\n")
        expect("ReusePort" not in root.generate()[ADDRESSES], "ReusePort= is set without need")


@test("echod.socket masked: it does not count as enabled")
def masked():
    for etc in ("/etc", "/run"):
        with Root() as root:
            root.configure(ONE)
            root.enable()
            unit = root.path(etc + "/systemd/system/echod.socket")
            os.symlink("/etc/echod.socket", unit)
            expect(SANDBOX in root.generate(), "a link to another file is no mask")
            os.unlink(unit)
            os.symlink("/dev/null", unit)
            expect_equal(sorted(root.generate()), [LIMITS, ADDRESSES], "the files")


@test("a file that was never valid: no drop-in, and a message with the consequence")
def wrong():
    with Root() as root:
        root.configure("\n" + WRONG)
        root.configure(ONE, "two")
        expect_equal(list(root.generate()), [TWO + "/50-echod-conf.conf"], "the files")
        expect_match(r"/echod\.conf:3: \[listen one\] port: ", root.messages, "messages")
        expect_match(r"echod\.conf is wrong: it is ignored: the limits are those of the "
                     r"unit file$", root.messages, "messages")
        root.enable()
        root.configure(WRONG, "two")
        expect_equal(root.generate().keys() & {LIMITS, ADDRESSES, SANDBOX}, set(), "the files")
        expect_match(r"echod\.conf is wrong: it is ignored: limits and addresses are those "
                     r"of the unit files, and the service has its ordinary sandbox", root.messages, "messages")
        expect_match(r"two\.conf is wrong: ", root.messages, "messages")


# Runs a program with a journal socket, or with a FIFO in place of /dev/kmsg only. Prints the data that they
# received.
RELAY = """import os, socket, subprocess, sys
fifo = os.open("/dev/kmsg", os.O_RDWR | os.O_NONBLOCK)
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
if sys.argv[1] == "journal":
    journal.bind("/run/systemd/journal/socket")
subprocess.run(sys.argv[2:], check=True)
read = (lambda: journal.recv(65536)) if sys.argv[1] == "journal" else lambda: os.read(fifo, 65536)
try:
    while True:
        print(read().decode())
except BlockingIOError:
    pass
"""


def messages_at_boot(where, sink, text):
    """The messages that SINK receives about the file TEXT, as when systemd runs the generator: without --root."""
    directory, fifo = configuration_directory(), where + "/kmsg"
    parent = os.path.dirname(directory)
    if not (os.path.isdir(parent) and os.path.exists("/dev/kmsg") and os.path.isdir("/run")):
        raise Skip("%s, /run or /dev/kmsg is not there" % parent)
    for name in ("early", "late", "normal"):
        os.makedirs("%s/%s/%s" % (where, sink, name))
    if not os.path.exists(fifo):
        os.mkfifo(fifo)
    with open(where + "/echod.conf", "w", encoding="ascii") as file:
        file.write(text)
    command = with_mount("-t tmpfs none", parent, "&& mkdir", directory, "&& cp", where + "/echod.conf", directory,
                         "&& mount -t tmpfs none /run && mkdir -p /run/systemd/journal && mount --bind",
                         fifo, "/dev/kmsg")
    done = subprocess.run(command + [sys.executable, "-c", RELAY, sink, GENERATOR] + [
        "%s/%s/%s" % (where, sink, name) for name in ("normal", "early", "late")], check=False, text=True,
        stdin=subprocess.DEVNULL, capture_output=True, env=clean_environment(), timeout=DEADLINE)
    expect_equal(done.returncode, 0, "the exit status, with " + done.stderr)
    return done.stdout


@test("records are sent to the journal with their fields or, before it runs, to the kernel log")
def at_boot():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        text = messages_at_boot(where, "journal", WRONG)
        for line in (r"PRIORITY=3", r"SYSLOG_IDENTIFIER=echod-generator", r"OBJECT_SYSTEMD_UNIT=echod\.service",
                     r"MESSAGE=\S+/echod\.conf is wrong: it is ignored: .*", r"MESSAGE_ID=[0-9a-f]{32}"):
            expect_match("^%s$" % line, text, "a field")
        text = messages_at_boot(where, "kernel", WRONG)
        expect_match(r"<3>echod-generator\[\d+\]: \S+/echod\.conf is wrong: it is ignored: ", text, "the line")


@test("a file that was valid: errors change nothing until it is valid again")
def kept():
    with Root() as root:
        root.enable()
        root.configure("[server]\nmax_clients = 5000\n[listen one]\nport = 7001\n")
        root.configure("[server]\nmax_clients = 6000\n" + ONE, "two")
        before = root.generate()
        expect_equal(len(before), 4, "the files")
        for _ in range(2):
            root.configure(WRONG)
            root.configure(WRONG, "two")
            expect_equal(root.generate(), before, "files while the configuration is invalid")
            expect_equal(len(re.findall("is wrong: units keep the settings", root.messages)), 2,
                         "messages: " + root.messages)
        root.configure("[listen one]\nport = 7002\n")
        after = root.generate()
        expect_match(":7002$", after[ADDRESSES], "the addresses")
        expect(after[LIMITS] != before[LIMITS], "the limits are those of the new file")


@test("a pipe in place of a file is not read, as it may block")
def pipes():
    with Root() as root:
        for name in ("echod", "two"):
            os.mkfifo(root.path("%s/%s.conf" % (configuration_directory(), name)))
        root.configure(ONE, "three")
        expect_equal(list(root.generate()), ["echod@three.service.d/50-echod-conf.conf"],
                     "the files")
        expect_equal(re.findall(r"/(\w+)\.conf is not a regular file", root.messages), ["echod", "two"],
                     "messages")


@test("a pipe in place of a drop-in is not read; skipped files are reported, also of instances")
def odd_drop_ins():
    with Root() as root:
        for name in ("echod", "two"):
            root.configure(ONE, name)
            os.mkfifo(root.path("%s/%s.conf.d/a.conf" % (configuration_directory(), name)))
            os.symlink("/dev/zero", root.path("%s/%s.conf.d/b.conf" %
                                              (configuration_directory(), name)))
        written = root.generate()
        expect_equal(sorted(written), [LIMITS, ADDRESSES, TWO + "/50-echod-conf.conf"], "the files")
        expect_equal(re.findall(r"/(\w+\.conf\.d/\w)\.conf: is ignored: it is not a regular file",
                                root.messages),
                     ["echod.conf.d/a", "echod.conf.d/b", "two.conf.d/a", "two.conf.d/b"],
                     "messages")


@test("every name that systemd permits can be an instance; others are reported")
def names():
    good = ("127.0.0.1:7810", "a@b", r"a\x20b", "-x", "_", "x" * 239)
    bad = ("a b", "ä", "x" * 242, "a\nb", "a%b")
    with Root() as root:
        for name in good + bad:
            root.configure(ONE, name)
        written = root.generate()
        expect_equal(sorted(written), sorted("echod@%s.service.d/50-echod-conf.conf" % name
                                             for name in good), "the files")
        expect_equal(len(re.findall(r"\.conf is ignored: not a valid name for a unit", root.messages)),
                     len(bad), "messages: " + root.messages)
        expect(r"a\x0ab.conf is ignored" in root.messages, "names are escaped: " + root.messages)


@test("of a thousand errors, some are printed and the rest counted")
def mistakes():
    _, messages = made_of(ONE + "".join("mistake%d = 1\n" % i for i in range(1000)))
    expect(len(messages.splitlines()) < 20, "there are few lines: %d" % len(messages.splitlines()))
    expect_match("and 990 more; echod --check-config", messages, "messages")


@test("an unwritable directory is reported, and the exit status is 0")
def unwritable():
    with Root() as root:
        root.configure(ONE)
        status, _, messages = run("--root", root.root, root.root + "/missing")
        expect_equal(status, 0, "the exit status")
        expect_match(r"cannot write \S*/missing/echod\.service\.d: No such file", messages, "messages")


@test("a file size limit is reported as well; closed standard streams have no effect")
def inherited():
    with Root() as root:
        root.configure(ONE)
        os.mkdir(root.root + "/out")
        status, _, messages = run("--root", root.root, root.root + "/out",
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
        expect_equal(status, 0, "the exit status")
        expect_match(r"cannot write \S*/out/echod\.service\.d/\S+: it is too large", messages, "the message")
        root.configure(WRONG, "two")
        status, _, _ = run("--root", root.root, root.root + "/out",
                           preexec_fn=lambda: os.closerange(0, 3))
        expect_equal(status, 0, "the exit status without standard streams")
        files = [os.path.join(where, name) for where, _, names in os.walk(root.root)
                 for name in names if not name.startswith("two")]
        for name in files:
            with open(name, encoding="utf-8") as file:
                expect("echod-generator:" not in file.read(), "a notice is in " + name)
        expect(any(name.endswith(LIMITS) for name in files), "the drop-in is written")


@test("a command line that systemd does not use is rejected")
def usage():
    for arguments in ((), ("--root",), ("--root", "/x"), ("--nonsense",), ("-h", "x"),
                      ("a", "b", "c", "d")):
        expect_equal(run(*arguments)[0], 64, "the exit status with %s" % (arguments,))
    for option, words in (("--help", "^Usage: echod-generator"), ("--version", "^echod-generator ")):
        status, out, _ = run(option)
        expect_equal(status, 0, "the exit status of " + option)
        expect_match(words, out, "standard output")


main()
