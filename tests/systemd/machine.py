"""A Debian with systemd as PID 1, in a container that leaves no traces.

The caller runs in its own PID and mount namespaces (enter()). When it ends for any reason, the kernel kills
the container and discards its file system, which is a tmpfs.
"""
import ctypes
import fcntl
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from expect import DEADLINE, Failure, Skip, eventually
from proc import children, read_proc

BOOT_DEADLINE = 3 * DEADLINE
COMMAND_DEADLINE = 2 * DEADLINE
PACKAGES = "systemd,systemd-sysv,dbus,libinih1,procps,iproute2"
MIRROR = "http://deb.debian.org/debian"
CGROUPS = "/sys/fs/cgroup"
# System calls that our units need and systemd-nspawn does not permit by default. (It permits seccomp(2).)
PERMITTED = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "LANG": "C.UTF-8", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0", "TERM": "dumb",
               "COLUMNS": "200"}
libc = ctypes.CDLL(None, use_errno=True)


# ---- the environment -----------------------------------------------------------------------

def need_tools():
    """Skips if a tool that every container needs is missing."""
    if os.geteuid() != 0:
        raise Skip("booting a container needs root")
    for tool in ("systemd-nspawn", "mmdebstrap", "nsenter", "unshare", "mount", "tar", "make"):
        if not shutil.which(tool):
            raise Skip("%s is not installed" % tool)
    with open("/proc/filesystems", encoding="ascii") as filesystems:
        if "\tcgroup2\n" not in filesystems.read():
            raise Skip("this kernel has no cgroup2")
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"],
                      stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise Skip("this root may not make namespaces")


def base_tarball(directory, suite):
    """The tarball of a minimal SUITE. Created if it does not exist, once for all concurrent callers."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, suite + ".tar")
    with open(path + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            make_tarball(path, suite)
    return path


def make_tarball(path, suite):
    print("# debootstrapping %s, a minute or two: kept in %s" % (suite, path), flush=True)
    made = subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--format=tar",
                           "--include=" + PACKAGES, suite, path + ".new", MIRROR],
                          stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if made.returncode != 0:
        raise Skip("mmdebstrap cannot make a %s" % suite)
    os.rename(path + ".new", path)


def mount_cgroups():
    """In our own mount namespace: mounts only cgroup2, at the path that the container uses."""
    with open("/proc/mounts", encoding="ascii", errors="replace") as mounts:
        mounted = [line.split()[1:3] for line in mounts]
    if [CGROUPS, "cgroup2"] in mounted:
        return
    for path in sorted((path for path, _ in mounted if (path + "/").startswith(CGROUPS + "/")),
                       reverse=True):
        subprocess.run(["umount", path], check=True)
    if subprocess.run(["mount", "-t", "cgroup2", "none", CGROUPS], check=False).returncode != 0:
        raise Skip("cgroup2 cannot be mounted")


def put(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def make_cgroup():
    """Creates a cgroup of our own, because other containers may use the one that we were started in."""
    for stale in glob.glob(CGROUPS + "/echod-test-*"):  # left by a run that was killed
        if not os.path.exists("/proc/" + stale.rsplit("-", 1)[1]):
            remove_tree(stale)
    group = "%s/echod-test-%d" % (CGROUPS, os.getpid())
    for path in (group, group + "/tests", group + "/machine"):
        os.mkdir(path)
    put(group + "/tests/cgroup.procs", str(os.getpid()))
    for parent in (CGROUPS, group):
        for controller in ("cpu", "io", "memory", "pids"):
            try:
                put(parent + "/cgroup.subtree_control", "+" + controller)
            except OSError:
                pass  # not available, or used by cgroup v1
    return group


def remove_tree(group):
    """Removes the cgroup GROUP, which succeeds if no process is in it. Returns whether it is gone."""
    for path, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(path)
        except OSError:
            pass
    return not os.path.exists(group)


def remove_cgroup(group):
    put(CGROUPS + "/cgroup.procs", str(os.getpid()))
    eventually(lambda: remove_tree(group), "%s is empty and can be removed" % group)


def enter():
    """Restarts this script in namespaces of its own. Returns there, with the path of the cgroup."""
    stage = os.environ.get("ECHOD_SYSTEMD_STAGE", "")
    if stage.startswith("/"):
        return stage
    script = [sys.executable, os.path.abspath(sys.argv[0])] + sys.argv[1:]
    if not stage:
        os.environ["ECHOD_SYSTEMD_STAGE"] = "mounts"
        sys.stdout.flush()
        os.execvp("unshare", ["unshare", "--mount"] + script)
    mount_cgroups()
    group = make_cgroup()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests handle it
    signal.signal(signal.SIGTERM, lambda *_: child.kill())
    try:
        child = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
                                 + script, env=dict(os.environ, ECHOD_SYSTEMD_STAGE=group),
                                 preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
        status = child.wait()
    finally:
        remove_cgroup(group)
    sys.exit(status if status >= 0 else 128 - status)


# ---- the machine ---------------------------------------------------------------------------

class Machine:
    """The container: boots, runs commands, and gives access to files."""

    def __init__(self, group, directory):
        self.group = group
        self.tree = os.path.join(directory, "root")
        self.console_path = os.path.join(directory, "console.log")
        self.nspawn = None
        self.leader = None

    def prepare(self, tarball):
        begun = time.monotonic()
        self.unpack(tarball)
        self.boot()
        print("# booted after %.1f s" % (time.monotonic() - begun), flush=True)

    def unpack(self, tarball):
        os.makedirs(self.tree, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", self.tree], check=True)
        subprocess.run(["tar", "-C", self.tree, "-xf", tarball], check=True)
        # Without an ID this would be a first boot, which enables all units.
        self.write("/etc/machine-id", "%032x\n" % int.from_bytes(os.urandom(16), "big"))
        self.write("/etc/hostname", "echod-test\n")
        self.write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
        # The tests need more records than journald's default rate limit permits.
        self.write("/etc/systemd/journald.conf.d/test.conf", "[Journal]\nRateLimitBurst=0\n")

    def install(self, builddir):
        """Installs the result of "make install". (/lib is a link in the container and must remain one.)"""
        staged = self.tree + "/staged"
        subprocess.run(["make", "-s", "-C", builddir, "install", "DESTDIR=" + staged],
                       stdout=subprocess.DEVNULL, env=dict(os.environ, MAKEFLAGS=""), check=True)
        with subprocess.Popen(["tar", "-C", staged, "-cf", "-", "."],
                              stdout=subprocess.PIPE) as packed:
            subprocess.run(["tar", "-C", self.tree, "-xf", "-", "--keep-directory-symlink",
                            "--no-same-owner"], stdin=packed.stdout, check=True)
        shutil.rmtree(staged)

    def boot(self):
        join = self.group + "/machine/cgroup.procs"
        with open(self.console_path, "wb") as console:
            self.nspawn = subprocess.Popen(
                ["systemd-nspawn", "-q", "--register=no", "--keep-unit", "--private-network",
                 "--link-journal=no", "--machine=echod-test", "-D", self.tree, "--boot",
                 "--console=pipe", "--system-call-filter=" + PERMITTED],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
                preexec_fn=lambda: put(join, str(os.getpid())))
        self.leader = self.wait_for(self.find_leader)
        self.wait_for(self.is_running)
        self.enter_network()

    def wait_for(self, predicate):
        deadline = time.monotonic() + BOOT_DEADLINE
        while time.monotonic() < deadline and self.nspawn.poll() is None:
            value = predicate()
            if value:
                return value
            time.sleep(0.02)
        with open(self.console_path, encoding="utf-8", errors="replace") as console:
            sys.stderr.write(console.read()[-3000:])
        raise Skip("a container with nothing but Debian does not boot here")

    def find_leader(self):
        found = [pid for pid in children(self.nspawn.pid)
                 if read_proc(pid, "comm") == b"systemd\n"]
        return found[0] if found else None

    def is_running(self):
        state = self.run("systemctl", "is-system-running", "--wait", check=False).stdout.strip()
        return state in ("running", "degraded")

    def enter_network(self):
        """Moves this process to the container's network namespace, for the sockets that it creates."""
        with open("/proc/%d/ns/net" % self.leader, "rb") as network:
            if libc.setns(network.fileno(), CLONE_NEWNET) < 0:
                raise Failure("setns: " + os.strerror(ctypes.get_errno()))

    def stop(self):
        """Shuts down in order, with a short time limit, since the end of the namespace kills the rest."""
        if self.nspawn and self.nspawn.poll() is None and self.leader:
            try:
                self.run("systemctl", "poweroff", check=False)
                self.nspawn.wait(20)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()

    # -- commands --

    def command(self, *command):
        return ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "--",
                *command]

    def run(self, *command, check=True, data=""):
        """Runs COMMAND in the container. Returns its result, with .stdout and .stderr."""
        try:
            done = subprocess.run(self.command(*command), input=data, capture_output=True,
                                  text=True, errors="replace", env=ENVIRONMENT, check=False,
                                  timeout=COMMAND_DEADLINE)
        except subprocess.TimeoutExpired as late:
            raise Failure("%s takes too long" % " ".join(command)) from late
        if check and done.returncode != 0:
            raise Failure("%s: exit status %d: %s%s" % (" ".join(command), done.returncode,
                                                        done.stdout, done.stderr))
        return done

    def output(self, *command):
        return self.run(*command).stdout

    def json(self, *command):
        return json.loads(self.output(*command))

    def start(self, *command):
        """Runs COMMAND in the background."""
        return subprocess.Popen(self.command(*command), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                env=ENVIRONMENT)

    # -- files (not those in /run and /tmp, which only the container sees) --

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.tree + path), exist_ok=True)
        with open(self.tree + path, "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, path):
        with open(self.tree + path, encoding="utf-8") as file:
            return file.read()

    def exists(self, path):
        return os.path.lexists(self.tree + path)

    def remove(self, path):
        if os.path.isdir(self.tree + path):
            shutil.rmtree(self.tree + path)
        elif self.exists(path):
            os.unlink(self.tree + path)
