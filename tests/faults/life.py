"""A life of echod, in which one of its calls fails: it starts, serves each kind of client, answers requests,
reloads, is upgraded, loses a worker, a fork server and the scribe, and stops."""
import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import visits
from expect import Failure, SLOW
from harness import parse_address
from kinds import program
from managed import Asking, Manager, Passed, bound
from proc import children, cpu_seconds, descendants, descriptors, state
from programs import ECHOD, FORKSERVER
from supervisor import Supervisor, Unsupervised
from visits import VISITS, Refused, Slow, Visitor

LAUNCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.py")
TCP = "[listen %s]\naddress = 127.0.0.1\nport = 0\n%s\n"
CONFIG = ("[server]\nmax_per_source = 0\ncrash_penalty = 0\ndrain_timeout = 1s\n"
          "metrics_file = @DIR@/metrics.prom\n" +
          TCP % ("local", "") + TCP % ("stored", "service = message") +
          TCP % ("discard", "service = discard") + TCP % ("daytime", "service = daytime") +
          TCP % ("chargen", "service = chargen") + TCP % ("whoami", "service = whoami") +
          TCP % ("proxied", "proxy_protocol = v1\nproxy_trust = 127.0.0.0/8") +
          TCP % ("refused", "deny = 127.0.0.0/8") + TCP % ("udp", "protocol = udp") +
          "[listen unix]\nprotocol = unix\naddress = @DIR@/unix\n"
          "[listen packets]\nprotocol = unix-seqpacket\naddress = @DIR@/packets\n"
          "[listen dgram]\nprotocol = unix-dgram\naddress = @DIR@/dgram\n"
          "[listen inherited]\naddress = 127.0.0.1\nport = @PORT@\n")
LISTENERS = CONFIG.count("[listen ")
# The time limit for full recovery, in seconds. One second is the goal, but the processors may be busy.
RECOVERY = 100 if SLOW else 10
WINDOW = 20 if SLOW else 2  # seconds for which a lasting fault is observed
# With -D, the traced program has the process ID with which strace was started.
STRACE = ["/bin/sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh", "strace", "-D", "-f", "-qq", "-c", "-o"]


def launcher_of(calls):
    return [sys.executable, "-I", "-S", LAUNCH, calls]


def calls_of(names, fault):
    """The CALLS argument of launch.py. Without a FAULT: all, for a census."""
    return ",".join(str(number) for number in sorted(names)) if fault else "all"


def environment_of(table):
    return (["/bin/sh", "-c", 'export LISTEN_PID=$$; exec env "$@"', "sh"] +
            ["%s=%s" % each for each in table.environment.items()])


class Ended(Exception):
    """The daemon has ended with STATUS."""

    def __init__(self, status):
        super().__init__("the daemon ended with status %d" % status)
        self.status = status


class ClosingManager(Manager):
    """A service manager that closes the sockets that it receives, as if it had been asked to."""

    def _receive(self):
        data, when, fds = super()._receive()
        for fd in fds:
            os.close(fd)
        return data.replace(b"BARRIER=1", b"X=1"), when, []


class Subject(Passed):
    """An echod that is started with the command prefix LAUNCHER. Its supervisor is created once it runs."""

    def __init__(self, launcher, make_supervisor):
        self.launcher, self.make_supervisor, self.supervisor = launcher, make_supervisor, None
        self.passed = bound()
        self.manager = ClosingManager()
        config = CONFIG.replace("@PORT@", str(self.passed.getsockname()[1]))
        try:
            super().__init__(config, self.passed, names=("inherited",), env=self.manager.env, copied=True,
                             ready=False)
        finally:
            self.passed.close()

    def command(self, args):
        return self.launcher + [self.path("echod"), "--config", self.config]

    def _launch(self, *args):
        super()._launch(*args)
        self.supervisor = self.make_supervisor(self.popen.pid)

    def wait_ready(self):
        """Reads the addresses that it listens on, from its output or over the control socket. Returns
        whether it listens."""
        deadline = time.monotonic() + visits.TIMEOUT
        while time.monotonic() < deadline:
            if select.select([self.out], [], [], 0.1)[0]:
                self.note(re.findall(r"listening on (.+) \((\S+), ", os.read(self.out, 65536).decode()))
                if self.listening:
                    return True
                time.sleep(0.1)  # it has closed its standard output
            if self.popen.poll() is not None:
                return False
        self.learn()
        return True

    def learn(self):
        rows = json.loads(self.ctl("--json", "listeners")[1] or "[]")
        self.listening = {} if rows else self.listening
        self.note((row["address"], row["listener"]) for row in rows)

    def note(self, rows):
        for address, name in rows:
            self.listening.setdefault(name, []).append(parse_address(address))

    def fork_servers(self):
        return [pid for pid in children(self.pid) if program(pid) == "echod-forkserver"]

    def address(self, name="local", index=0):
        try:
            return super().address(name, index)
        except KeyError as error:
            raise Refused("echod does not listen there") from error

    def install(self, text=None, mode=0o755):
        """Installs new programs as a package manager does."""
        for program, name in ((ECHOD, "echod"), (FORKSERVER, "echod-forkserver")):
            shutil.copy(program, self.path("new"))
            os.rename(self.path("new"), self.path(name))

    def clean_up(self):
        super().clean_up()
        self.manager.__exit__()


class Life:
    """A life. NAMES: {number: name} of the calls that a supervisor answers. FAULT: a supervisor.Fault or
    None. USUAL: the descriptors in a life without a fault. TRACE: the output file for strace(1), which then
    replaces the supervisor. COUNTING: an object with a table for preload.c, which then replaces it."""

    def __init__(self, names, fault=None, usual=None, trace=None, counting=None):
        self.fault, self.usual, self.recovered_in, self.window = fault, usual, 0.0, {}
        if counting:
            launcher, make = environment_of(counting.table), lambda pid: counting
        elif trace:
            launcher, make = STRACE + [trace], lambda pid: Unsupervised()
        else:
            launcher, make = launcher_of(calls_of(names, fault)), lambda pid: Supervisor(pid, names, fault)
        self.echod = Subject(launcher, make)
        self.supervisor = self.echod.supervisor
        self.visitor, self.began = Visitor(self.echod), time.monotonic()
        self.kept, self.open_at_end, self.before = {}, [], {}

    # ---- actions ----

    def run(self):
        """Runs the life. Returns the exit status of the daemon, which may have failed to start."""
        try:
            if not self.started():
                return self.echod.popen.returncode
            self.serve()
            self.ask()
            self.upgrade()
            self.crash()
            self.lose()
            self.hang_up()
            if self.fault and self.fault.lasts:
                self.watch()
            self.recover()
            self.examine()
            self.stop()
        except Ended as ended:
            return ended.status
        finally:
            self.finish()
        return self.echod.popen.returncode

    def stage(self, name):
        self.check_alive()
        self.supervisor.stage = name

    def check_alive(self):
        if self.echod.popen.poll() is not None:
            raise Ended(self.echod.popen.returncode)

    def started(self):
        if self.echod.wait_ready():
            return True
        self.echod.popen.wait(RECOVERY)
        return False

    def may_wait(self):
        """Whether a lasting fault is in force."""
        return bool(self.fault and self.fault.lasts and self.supervisor.active)

    @contextlib.contextmanager
    def tolerant(self):
        """A context manager: clients may get an error, or wait without a reply during a lasting fault."""
        try:
            yield
        except Slow as error:
            self.check_alive()
            if not self.may_wait():
                raise Failure("a client got no reply (%s)" % self.supervisor.stage) from error
        except Refused:
            pass

    def serve(self):
        self.before = self.supervisor.seen.copy()
        self.visitor.timeout = 0.3 if self.fault and self.fault.lasts else visits.TIMEOUT
        for name, visit in VISITS.items():
            self.stage("serve " + name)
            with self.tolerant():
                visit(self.visitor)
        for name, talk in (("local", self.visitor.echo), ("stored", self.visitor.store)):
            with self.tolerant():
                self.kept[name] = self.visitor.open(name)
                talk(self.kept[name])

    def ask(self):
        self.stage("control socket")
        for words in (("status",), ("--json", "list"), ("listeners",), ("metrics",),
                      ("check-access", "127.0.0.1", "local")):
            self.ctl(*words)

    def ctl(self, *words):
        asking = Asking(self.echod.control, *words)
        try:
            status, out, err = asking.result(timeout=0.5 if self.may_wait() else visits.TIMEOUT)
        except subprocess.TimeoutExpired as error:
            asking.process.kill()
            asking.process.communicate()
            if not self.may_wait():
                raise Failure("echoctl %s has no answer" % " ".join(words)) from error
            status, out, err = -1, "", "no answer"
        if status != 0 and not err:
            raise Failure("echoctl %s fails without a message, status %d" % (words, status))
        self.check_alive()
        return status, out

    def talk_on(self):
        """Checks that clients that connected before are still served."""
        for name, talk in (("local", self.visitor.echo), ("stored", self.visitor.store)):
            if name in self.kept:
                with self.tolerant():
                    talk(self.kept[name])

    def upgrade(self):
        self.stage("reload")
        self.echod.install()
        self.ctl("reload")
        self.settle_reload()
        self.talk_on()
        self.visit("tcp", "message", "udp")

    def settle_reload(self):
        """Waits for the end of a reload, successful or not, and until echoctl gets an answer."""
        if self.ctl("status")[0] == 0:
            self.supervisor.taking_over = False

    def read_log(self):
        """Waits until every message that was acknowledged has been read from the log, and so the records before
        it."""
        deadline = time.monotonic() + RECOVERY
        while time.monotonic() < deadline:
            text = "\n".join(self.echod.log.all_lines()) + "\n"
            if all(": %s\n" % message in text for message in self.visitor.acknowledged):
                return
            time.sleep(0.01)

    def hang_up(self):
        self.stage("SIGHUP")
        self.read_log()  # the record of the reload before this one would be taken for that of this one
        count = self.outcomes()
        self.echod.kill(signal.SIGHUP)
        deadline = time.monotonic() + (3 if self.fault and self.fault.lasts else RECOVERY)
        while self.outcomes() == count and time.monotonic() < deadline:
            self.check_alive()
            time.sleep(0.01)
        self.settle_reload()
        self.visit("tcp")

    def outcomes(self):
        return len(self.echod.log.matching(r": (not )?reloaded[:,] "))

    def visit(self, *names):
        for name in names:
            with self.tolerant():
                VISITS[name](self.visitor)

    def crash(self):
        """Makes a worker crash, after which its fork server must be replaced."""
        self.stage("crash")
        with self.tolerant():
            with self.visitor.open("local") as sock:
                self.visitor.echo(sock)
                worker = self.worker_of(sock)
                if worker:
                    os.kill(worker, signal.SIGSEGV)
                    with visits.errors():
                        sock.recv(1)
        self.visit("tcp", "unix")

    def worker_of(self, sock):
        """The worker that serves SOCK; None if it ended before it could be observed."""
        for _ in range(100):
            with contextlib.suppress(Failure, KeyError, OSError):
                return self.echod.worker_of(sock)
            time.sleep(0.01)
        return None

    def lose(self):
        self.stage("fork server killed")
        for pid in self.echod.fork_servers():
            os.kill(pid, signal.SIGKILL)
        self.visit("tcp", "proxied")
        self.stage("scribe killed")
        scribe = self.echod.scribe()
        if scribe:
            os.kill(scribe, signal.SIGKILL)
        self.visit("message", "unix-dgram")

    def watch(self):
        """Measures the use of processor and log for a while, during which clients wait."""
        self.stage("lasting")
        with contextlib.suppress(OSError, Refused):
            self.kept["watched"] = self.visitor.open("local")
            self.kept["watched"].send(b"x")
        time.sleep(0.3)
        before = self.state()
        time.sleep(WINDOW)
        self.window = {name: now - then for (name, then), now in zip(before.items(), self.state().values())}
        self.check_alive()

    def state(self):
        pids = [self.echod.pid] + descendants(self.echod.pid)
        return {"seconds": time.monotonic(), "processor": sum(map(self.cpu, pids)),
                "failures": len(self.supervisor.hits), "lines": len(self.echod.log.all_lines())}

    @staticmethod
    def cpu(pid):
        try:
            return cpu_seconds(pid)
        except IndexError:
            return 0

    def recover(self):
        """Ends the fault, after which each service must recover. Records how long that takes."""
        self.stage("recovery")
        self.supervisor.active = not (self.fault and self.fault.lasts)
        begin = time.monotonic()
        # Pauses between retries grow while a fault lasts.
        limit = RECOVERY + (begin - self.began if self.fault and self.fault.lasts else 0)
        self.visitor.timeout = 1
        self.settle_reload()
        if not self.has_all_listeners():
            self.ctl("reload")  # restores a listener that the last reload could not open
        self.echod.learn()  # a listener that was opened again has another port
        left = [name for name in VISITS if name != "reset"]
        while left:
            left = [name for name in left if not self.served(name)]
            self.recovered_in = time.monotonic() - begin
            self.check_alive()
            if self.recovered_in > limit:
                raise Failure("after %.1f s echod does not serve %s" % (self.recovered_in, ", ".join(left)))
            time.sleep(0.02 if left else 0)

    def has_all_listeners(self):
        status, out = self.ctl("--json", "listeners")
        return status == 0 and len(json.loads(out)) == LISTENERS

    def served(self, name):
        try:
            VISITS[name](self.visitor)
            return True
        except Refused:
            return False

    # ---- final checks ----

    def examine(self):
        """Waits until no client is served, by the counters, slots and processes."""
        self.stage("quiet")
        for sock in self.kept.values():
            sock.close()
        self.kept.clear()
        deadline = time.monotonic() + RECOVERY
        while self.unsettled():
            self.check_alive()
            if time.monotonic() > deadline:
                raise Failure("processes and counts do not settle: " + self.unsettled())
            time.sleep(0.02)

    def unsettled(self):
        """The first condition that does not hold; "" if all do."""
        pids = children(self.echod.pid)
        states = [state(pid) for pid in pids]
        if "Z" in states:
            return "a zombie"
        servers = self.echod.fork_servers()
        if len(servers) != 1 or len(pids) != 2:
            return "%d children, %d fork servers" % (len(pids), len(servers))
        workers = children(servers[0])
        status, out = self.ctl("--json", "status")
        if status != 0:
            return "echoctl status fails"
        if '"clients":0,' not in out.replace(" ", ""):
            return "clients are counted: " + out
        if len(workers) != 2:
            return "%d workers, of two datagram sockets" % len(workers)
        self.open_at_end = self.descriptors()
        more = self.more_descriptors()
        return "descriptors stay open: %s" % more if more else ""

    def more_descriptors(self):
        """The descriptors that a life without a fault does not have at this point. There may be fewer, if
        a listener could not be opened."""
        return dict(Counter(self.open_at_end) - Counter(self.usual or self.open_at_end))

    def descriptors(self):
        """The open descriptors of the daemon, by kind, without numbers."""
        return sorted(kind_of(link) for link in descriptors(self.echod.pid).values())

    def stop(self):
        self.stage("stop")
        self.echod.kill(signal.SIGTERM)
        try:
            self.echod.popen.wait(RECOVERY)
        except Exception as error:
            raise Failure("echod does not stop") from error

    def finish(self):
        for sock in self.kept.values():
            sock.close()
        self.supervisor.active = False


def kind_of(link):
    return link.partition(":")[0] if ":[" in link else os.path.basename(link).replace(" (deleted)", "")
