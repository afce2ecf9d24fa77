"""metrics_file: its contents, and what its writer must not do."""
import os
import re
import socket
import stat
import subprocess
import tempfile

from expect import DEADLINE, eventually, expect, expect_equal, expect_match
from harness import WRAPPER, clean_environment, run_echod
from managed import Managed
from programs import ECHOD
from tap import main, test

FILE = "@DIR@/echod.prom"
METRICS = "metrics_file = " + FILE


def parsed(text):
    """The values by their names, without labels."""
    return dict(re.fullmatch(r"(\w+)\{.*\} (\d+(?:\.\d+)?)", line).groups()
                for line in text.splitlines() if not line.startswith("#"))


def wait_for_file(path):
    eventually(lambda: os.path.exists(path), "%s is there" % path)
    with open(path, encoding="utf-8") as file:
        return file.read()


@test("metrics_file has the output of echoctl metrics, is readable by others, and leaves no other file")
def written():
    with Managed(server=METRICS) as echod:
        path = echod.path("echod.prom")
        text = wait_for_file(path)
        status, out, err = echod.ctl("metrics")
        expect_equal((status, err), (0, ""), "status and standard error of echoctl metrics")
        expect_equal(sorted(parsed(text)), sorted(parsed(out)), "the names of the metrics")
        expect_equal(parsed(text)["echod_clients"], "0", "the clients")
        expect_equal(stat.S_IMODE(os.stat(path).st_mode), 0o644, "the mode")
        expect(not os.path.exists(path + ".new"), "the temporary file is left")


@test("two instances have no series in common, as each has its own label")
def labels():
    with Managed(server=METRICS) as one, Managed(server=METRICS) as two:
        seen = set()
        for echod in (one, two):
            lines = [line.rsplit(" ", 1)[0] for line in
                     wait_for_file(echod.path("echod.prom")).splitlines() if line[0] != "#"]
            for line in lines:
                expect(re.search(r'\{config="%s"(,le="[0-9.]+|,le="\+Inf)?"?\}$' % echod.config, line),
                       "the label in " + line)
            expect(not seen & set(lines), "the series are others")
            seen |= set(lines)
            expect_equal(len(lines), len(set(lines)), "the series of one")


@test("a label is valid for Prometheus, whatever the name of the file")
def odd_label():
    for name, label in (('a"b', r'a\"b'), ("a\\b", r"a\\b"), ("a\tb", r"a\\x09b"), ("a } b", "a } b")):
        with Odd(name) as echod:
            out = echod.ctl("metrics")[1]
            expect('echod_clients{config="%s/%s"} 0' % (echod.dir, label) in out.splitlines(),
                   "the label of %r: %s" % (name, out.splitlines()[2]))
            expect_equal(echod.ask("metrics")["echod_clients"], 0, "the number in JSON")


class Odd(Managed):
    """An echod with a configuration of another name."""

    def __init__(self, name):
        self.name = name
        super().__init__(server="core_dumps = yes")  # no drop-in of the harness is read

    def command(self, args):
        os.symlink("echod.conf", self.path(self.name))
        words = super().command(args)
        words[words.index(self.config)] = self.path(self.name)
        return words


class Histogram:
    """The histogram NAME in the metrics TEXT."""

    def __init__(self, text, name):
        rows = re.findall(r'^echod_%s_bucket\{config="[^"]*",le="([^"]+)"\} (\d+)$' % name, text, re.M)
        expect_equal(rows[-1][0], "+Inf", "the last bound of " + name)
        self.bounds = [float(bound) for bound, _ in rows]
        self.counts = [int(count) for _, count in rows]
        self.sum = float(re.search(r"^echod_%s_sum\{.*\} (\d+\.\d+)$" % name, text, re.M)[1])
        self.count = int(re.search(r"^echod_%s_count\{.*\} (\d+)$" % name, text, re.M)[1])
        expect_equal(self.bounds, sorted(set(self.bounds)), "the bounds, which grow")
        expect_equal(self.counts, sorted(self.counts), "the buckets, each with those before it")
        expect_equal(self.counts[-1], self.count, "the last bucket and the count")
        ratios = [b / a for a, b in zip(self.bounds, self.bounds[1:-1])]
        expect(all(1.9 < ratio < 2.6 for ratio in ratios), "logarithmic: %s" % self.bounds)
        # Whatever is in a bucket is between its bounds: so is the sum.
        each = [b - a for a, b in zip([0] + self.counts, self.counts)]
        expect(sum(n * low for n, low in zip(each, [0] + self.bounds) if n) <= self.sum + 1e-6,
               "%s: the sum is no less than the buckets allow" % name)
        expect(self.sum <= sum(n * high for n, high in zip(each, self.bounds) if n) + 1e-6,
               "%s: the sum is no more than the buckets allow" % name)


def histograms(echod):
    text = echod.ctl("metrics")[1]
    return Histogram(text, "session_duration_seconds"), Histogram(text, "session_rtt_seconds")


def end_sessions(echod, count, name="local"):
    """Has COUNT sessions, and waits until all are over."""
    for _ in range(count):
        with echod.connect(name) as sock:
            sock.sendall(b"x")
            expect_equal(sock.recv(1), b"x", "the echo")
    eventually(lambda: echod.ask("status")["clients"] == 0, "the sessions are over")


@test("histograms of duration and round-trip time: each session counts, the sums grow, and a reload "
      "keeps them; what has no round-trip time has none")
def histograms_of_sessions():
    with Managed() as echod:
        text = ("[listen local]\naddress = 127.0.0.1\nport = %d\n[listen file]\nprotocol = unix\n"
                "address = @DIR@/echo.sock\n[listen packets]\nprotocol = udp\naddress = 127.0.0.1\n"
                "port = 0\n" % echod.port)
        echod.configure(text)
        echod.reload()
        duration, rtt = histograms(echod)
        expect_equal((duration.count, duration.sum, rtt.count, rtt.sum), (0, 0, 0, 0), "at first")
        with echod.connect() as sock:
            sock.sendall(b"x")
            sock.recv(1)
            expect_equal(histograms(echod)[0].count, 0, "a session that has not ended")
        end_sessions(echod, 4)
        duration, rtt = histograms(echod)
        expect_equal((duration.count, rtt.count), (5, 5), "sessions, and round-trip times")
        expect(0 < rtt.sum < 5 * DEADLINE and 0 < duration.sum < 50 * DEADLINE, "plausible sums")
        before = (duration, rtt)
        end_sessions(echod, 3, "file")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(DEADLINE)
            sock.sendto(b"x", echod.address("packets"))
            expect_equal(sock.recv(9), b"x", "the answer to a datagram")
        duration, rtt = histograms(echod)
        expect_equal((duration.count, rtt.count), (8, 5), "with sessions over a Unix socket")
        expect(duration.sum > before[0].sum and rtt.sum == before[1].sum, "only the one sum has grown")
        expect_equal(echod.ask("status")["served"], 8, "clients served")
        found = echod.ask("metrics")
        echod.reload()
        kept = histograms(echod)
        expect_equal([vars(one) for one in kept], [vars(duration), vars(rtt)], "after a reload")
        expect_equal((found["echod_session_rtt_seconds_count"],
                      list(found["echod_session_rtt_seconds_bucket"].values()),
                      found["echod_session_duration_seconds_sum"]),
                     (5, rtt.counts, duration.sum), "the same histograms in JSON")
        end_sessions(echod, 1)
        expect_equal([one.count for one in histograms(echod)], [9, 6], "after one more")


@test("a missing directory of metrics_file causes a warning, and clients are served")
def no_directory():
    with Managed(server="metrics_file = @DIR@/none/echod.prom") as echod:
        echod.log.wait(r" warning: metrics_file: cannot write .*/none/echod\.prom: "
                       "No such file or directory$")
        echod.echoing()
    status, _, err = run_echod("--check-config", config="[server]\nmetrics_file = /nonexistent/x.prom\n"
                               "[listen local]\n")
    expect_equal(status, 0, "the exit status of --check-config")
    expect_match(r"^warning: \S+:2: \[server\] metrics_file: /nonexistent/x\.prom: its directory does not "
                 "exist$", err, "standard error of --check-config")


@test("a link in place of the temporary file is not followed")
def link():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        precious, path = os.path.join(where, "precious"), os.path.join(where, "echod.prom")
        with open(precious, "w", encoding="ascii") as file:
            file.write("precious")
        os.symlink(precious, path + ".new")
        with Managed(server="metrics_file = " + path):
            wait_for_file(path)
            with open(precious, encoding="ascii") as file:
                expect_equal(file.read(), "precious", "contents of the link's target")
            expect(not os.path.islink(path), "the file is no link")


@test("a special file is not replaced, but an error of the start, --check-config and a reload")
def no_file():
    def make_socket(path):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)

    with Managed() as echod:
        port = echod.port
        for make in (os.mkfifo, os.mkdir, make_socket, lambda path: os.symlink("none", path)):
            path = echod.path("odd.prom")
            make(path)
            before = os.lstat(path)
            config = ("[server]\nmetrics_file = %s\n[listen local]\naddress = 127.0.0.1\nport = %d\n"
                      % (path, port))
            reason = (r"\[server\] metrics_file: \S+/odd\.prom is not a regular file, and would be "
                      "replaced by one: choose another name")
            for more in ((), ("--check-config",)):
                status, _, err = run_echod(*more, config=config)
                expect_equal(status, 78, "the exit status")
                expect_match(reason, err, "standard error")
            echod.configure(config)
            echod.rejects(reason)
            after = os.lstat(path)
            expect_equal((after.st_ino, after.st_mode), (before.st_ino, before.st_mode), "inode and mode of the file")
            (os.rmdir if os.path.isdir(path) else os.unlink)(path)


@test("another file in place of the temporary file is not removed")
def beside():
    with tempfile.TemporaryDirectory(prefix="echod-test-") as where:
        path = os.path.join(where, "echod.prom")
        os.mkfifo(path + ".new")
        with Managed(server="metrics_file = " + path) as echod:
            echod.log.wait(" warning: metrics_file: cannot write .*: File exists$")
            expect(stat.S_ISFIFO(os.lstat(path + ".new").st_mode), "the FIFO was replaced")


@test("--inetd does not write metrics_file")
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
