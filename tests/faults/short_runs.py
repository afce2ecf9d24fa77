"""Short runs of programs, each with its permitted results."""
import os
import re
import shutil
import signal
import socket
import subprocess

from expect import DEADLINE, expect, expect_equal
from harness import clean_environment
from managed import listen, unix
from programs import BUILDDIR, ECHOC, ECHOCTL, ECHOD
from tools import CONFIG, comparable

GENERATOR, CHECK_ECHO = (os.path.join(BUILDDIR, name) for name in ("echod-generator", "check_echo"))
# The echod that echoc, check_echo and echoctl are run against.
SERVER = ("[server]\nmax_per_source = 0\n" + listen("tcp") +
          listen("udp", 0, "protocol = udp") + listen("whoami", 0, "service = whoami") +
          listen("daytime", 0, "service = daytime") + listen("stored", 0, "service = message") +
          listen("proxied", 0, "proxy_protocol = v2\nproxy_trust = 127.0.0.0/8") +
          unix("unix"))
CUTTING = "[server]\nidle_timeout = 1s\n" + listen("cutting")
SEND, VERB, PLUGIN, CTL = {0, 1, 3, 4, 64, 65, 69, 71, 74}, {0, 1, 2, 71}, {0, 1, 2, 3}, {0, 1, 3, 4, 64, 71, 74}
DAEMON = {0, 64, 69, 70, 71, 73, 74, 77, 78}

PATIENCE = DEADLINE / 6


class Run:
    """COMMAND: words, in which {DIR} is a private directory, and {tcp} and so on are operands for that
    listener. STATUSES: the permitted exit statuses. EXACT: whether its output is always the same."""

    def __init__(self, program, command, statuses, send=b"", exact=False):
        self.program, self.command, self.statuses = program, command, statuses
        self.send, self.exact = send, exact
        self.name = os.path.basename(program) + " " + command

    @property
    def group(self):
        """The group of runs of one verb: each place is tried once in each group."""
        words = self.command.split()
        return os.path.basename(self.program) + " " + (words[0] if words and words[0].isalpha() else "")

    def words(self, where, operands):
        return [self.program] + self.command.format(DIR=where, **operands).split()

    def run(self, where, operands, environment):
        """Runs it in the directory WHERE. Returns (status, output, standard error)."""
        with open(where + "/echod.conf", "w", encoding="ascii") as file:
            file.write(CONFIG)
        status, out, err = self.execute(where, operands, clean_environment(environment))
        return status, out.replace(where, "DIR"), err.replace(where, "DIR")

    def execute(self, where, operands, environment):
        done = subprocess.run(self.words(where, operands), input=self.send, capture_output=True, check=False,
                              env=environment, timeout=DEADLINE * 2, cwd=where)
        return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")

    def check(self, end, usual, fails=True):
        """Checks END, the result with a fault, against USUAL, the result without one. FAILS: the fault is
        an error, so a run that succeeds nevertheless must have the same output."""
        status, out, err = end
        expect(status in self.statuses, "the exit status is %d" % status)
        if status != usual[0]:
            expect(err or out != usual[1], "no message with exit status %d" % status)
        elif self.exact and status == 0 and fails:
            expect_equal(comparable(out), comparable(usual[1]), "standard output")


class Serves(Run):
    """An echod that serves one client and is stopped."""

    def execute(self, where, operands, environment):
        os.mkdir(where + "/run")
        process = subprocess.Popen(self.words(where, operands), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True,
                                   env=dict(environment, RUNTIME_DIRECTORY=where + "/run"))
        line = process.stdout.readline()
        port = re.match(r"listening on 127\.0\.0\.1:(\d+) ", line)
        if port:
            self.visit(int(port.group(1)))
        if line or not self.ends(process):
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=DEADLINE * 2)
        return process.returncode, line + out, err

    @staticmethod
    def ends(process):
        """Whether it ends by itself. (It may serve without being able to report that.)"""
        try:
            process.wait(PATIENCE)
            return True
        except subprocess.TimeoutExpired:
            return False

    @staticmethod
    def visit(port):
        try:
            with socket.create_connection(("127.0.0.1", port), DEADLINE) as sock:
                sock.sendall(b"hello")
                sock.recv(5)
        except OSError:
            pass


class Inetd(Run):
    """echod --inetd with one client as standard input."""

    def execute(self, where, operands, environment):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname(), DEADLINE)
            inside = listener.accept()[0]
        with client, inside:
            process = subprocess.Popen(self.words(where, operands), stdin=inside, stdout=inside,
                                       stderr=subprocess.PIPE, text=True, env=environment)
            inside.close()
            out = b""
            try:
                client.sendall(b"hello")
                client.shutdown(socket.SHUT_WR)
                while len(out) < 1000:
                    more = client.recv(1000)
                    if not more:
                        break
                    out += more
            except OSError:
                pass
        err = process.communicate(timeout=DEADLINE * 2)[1]
        return process.returncode, out.decode("utf-8", "replace"), err

    def check(self, end, usual, fails=True):
        expect(end[1] in ("hello", "") or end[1].startswith(("echod: ", "helloechod: ")),
               "the client gets %r" % end[1])
        super().check(end, usual, fails)
        expect(end[1] == "hello" or end[1] or end[2], "the client gets nothing, and no reason is reported")


class Generates(Run):
    """The generator writes each file completely or not at all, and reports failures."""

    def execute(self, where, operands, environment):
        text = subprocess.run([GENERATOR, "--help"], capture_output=True, text=True, check=True).stdout
        directory = where + "/root" + text.split("configurations ")[1].split("/*.conf")[0]
        os.makedirs(directory)
        for path in ("/root/run", "/generated"):
            os.mkdir(where + path)
        for name in ("echod", "two"):
            shutil.copy(where + "/echod.conf", "%s/%s.conf" % (directory, name))
        os.makedirs(where + "/root/etc/systemd/system/sockets.target.wants")
        os.symlink("/lib/systemd/system/echod.socket",
                   where + "/root/etc/systemd/system/sockets.target.wants/echod.socket")
        status, _, err = super().execute(where, operands, environment)
        return status, "\n".join(sorted(self.written(where + "/generated"))), err

    @staticmethod
    def written(directory):
        for path, _, names in os.walk(directory):
            for name in names:
                if not name.endswith(".new"):  # systemd ignores these
                    with open(os.path.join(path, name), encoding="utf-8") as file:
                        yield "%s: %r" % (os.path.join(path, name), file.read())

    def check(self, end, usual, fails=True):
        status, out, err = end
        expect(status in self.statuses, "the exit status is %d" % status)
        wrong = set(out.splitlines()) - set(usual[1].splitlines())
        expect(not wrong, "unexpected lines of output: %s" % wrong)
        expect(err or out == usual[1], "output is incomplete, without a message")


def echoc(command, **more):
    return Run(ECHOC, command, SEND if command.startswith(("-", "send", "{")) else VERB, **more)


def every_run():
    many = b"x" * 200000
    runs = [
        echoc("-t 2s {tcp} hello", exact=True), echoc("-t 1s {tcp}", send=b"one\ntwo\n", exact=True),
        echoc("-v -t 1s {tcp}", send=many, exact=True), echoc("--verify -t 1s {tcp}", send=many),
        echoc("-u -t 1s {udp} hello", exact=True), echoc("-u -v {udp}", send=b"a\nb\n", exact=True),
        echoc("-t 1s --unix {unix} hello", exact=True), echoc("--json --verify -t 1s {tcp}", send=many),
        echoc("--proxy v2 -t 1s {proxied} hello", exact=True), echoc("-t 1s {stored} hello", exact=True),
        echoc("-t 2s --source 127.0.0.1 --dscp ef localhost {tcp_port} hello", exact=True),
        echoc("-u --dscp ef -t 1s localhost {udp_port} hello", exact=True)]
    for options in ("-c 3 -i 0.01", "-c 3 -i 0.01 -u", "-c 3 -i 0 --json", "-c 3 -i 0 -D -v --histogram",
                    "-c 2 -i 0 --unix", "-c 2 -i 0.01 --flows 3", "-c 3 -i 0 --flows 2", "-c 2 -i 0.01 --flows 3 -u", "-c 2 -i 0 -w 1s --plot {DIR}/p.svg"):
        runs.append(echoc("ping -W 0.3 -t 2s %s %s" % (options, operand(options))))
    for options in ("-c 3 -i 0", "-c 3 -i 0.01 -u", "-c 2 -i 0 --json --histogram", "-c 2 -i 0 --unix"):
        runs.append(echoc("crr -t 1s %s %s" % (options, operand(options))))
    for options in ("-c 20 --connections 4", "-c 20 -u", "--rate 100 --for 0.1", "-c 9 --messages 3 --json",
                    "-c 20 --plot {DIR}/p.svg"):
        runs.append(echoc("load -t 1s %s %s" % (options, operand(options))))
    runs += [echoc("hold --for 0.1 5 {tcp}"), echoc("hold --for 3s --json 2 {cutting}"),
             echoc("idle -t 1s --shortest 0.05 --longest 0.2 --precision 0.1 {tcp}"),
             echoc("idle -t 1s --shortest 0.4 --longest 2s --precision 0.4 --json {cutting}"),
             echoc("sweep -W 0.2 --largest 3000 {tcp}"), echoc("sweep -W 0.2 --largest 70 --json --tries 1 -u {udp}"),
             echoc("sweep -W 0.2 --largest 3000 --unix {unix}"),
             echoc("path -t 1s --flows 3 --idle 0.1 --echo-port {tcp_port} --udp-port {udp_port} {whoami}"),
             echoc("path -t 1s --flows 2 --json --page {DIR}/p.html --echo-port {tcp_port} --udp-port {udp_port} "
                   "{whoami}"),
             echoc("whoami -t 1s {whoami}"), echoc("whoami -t 1s --json {whoami}"), echoc("daytime -t 1s {daytime}"),
             echoc("daytime -t 0.2 --unix {unix}")]
    # Nothing listens, nothing answers, or another service does.
    runs += [echoc("%s -t 0.5 %s" % (words, at)) for words, at in (
        ("-v", "{closed} hello"), ("-u -v", "{closed} hello"), ("-u", "{mute} hello"),
        ("ping -u -c 2 -i 0.01 -W 0.1", "{closed}"), ("ping -c 2 -i 0.01 -W 0.1 --flows 2", "{closed}"),
        ("ping -u -c 2 -i 0.01 -W 0.1 --flows 2 --json", "{mute}"), ("ping -u -c 2 -i 0 -W 0.1 --flows 2", "{mute}"),
        ("ping -c 2 -i 0.01 -W 0.1", "{daytime}"),
        ("crr -c 2 -i 0", "{closed}"), ("crr -c 2 -i 0 -u", "{mute}"), ("crr -c 2 -i 0 --json", "{daytime}"),
        ("load -c 3", "{closed}"), ("load -c 3 --json", "{daytime}"), ("hold --for 0.1 2", "{closed}"),
        ("idle --shortest 0.1 --longest 0.1", "{daytime}"), ("sweep --tries 1", "{daytime}"),
        ("sweep --tries 1", "{closed}"), ("sweep -u --tries 1 -W 0.1 --smallest 100", "{mute}"),
        ("sweep -u --json --tries 1 --smallest 100", "{closed}"), ("whoami", "{closed}"), ("daytime -u -v", "{mute}"),
        ("path --flows 2 --echo-port {closed_port} --udp-port {closed_port}", "{whoami}"),
        ("path --flows 2 --json --echo-port {daytime_port} --udp-port {mute_port}", "{whoami}"),
        ("path --flows 2 --json", "{closed}"), ("path", "{tcp}"))]
    for command in ("{tcp}", "{tcp} -v -w 5", "{tcp} -s hello", "{udp} -u", "-H {unix}", "-H localhost -p {tcp_port}"):
        host, _, rest = command.partition(" ")
        at = command if "-H" in command else "-H 127.0.0.1 -p %s %s" % (host.replace("}", "_port}"), rest)
        runs.append(Run(CHECK_ECHO, "-t 2 " + at, PLUGIN))
    runs += [Run(ECHOCTL, "-s {control} " + words, CTL, exact=words != "reload") for words in (
        "status", "--json status", "list", "listeners", "metrics", "check-access 127.0.0.1 tcp", "reload", "kill 1")]
    runs += [Run(ECHOD, "--config {DIR}/echod.conf " + words, DAEMON, exact=True) for words in (
        "--check-config", "--dump-config", "--list-options", "--version", "--help")]
    return runs + [Generates(GENERATOR, "--root {DIR}/root {DIR}/generated", {0, 71}),
                   Serves(ECHOD, "--config {DIR}/echod.conf", DAEMON),
                   Inetd(ECHOD, "--config {DIR}/echod.conf --inetd", DAEMON | set(range(10, 64)))]


def operand(options):
    return "{unix}" if "--unix" in options else "{udp}" if "-u" in options.split() else "{tcp}"
