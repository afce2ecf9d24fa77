"""The Debian packages in the machine: two versions of them, installed with apt."""
import glob
import os
import shutil

from expect import Failure, expect_equal
from system import ALL_UNITS, CONFIG, UNITS, System

PLACE = "/packages/"
NAMES = ("echod", "echod-client")
NEWS = "\n# The next version of this file.\n"
# What changes by itself, or is to: dpkg's and apt's own; accounts, which stay; what is being logged.
UNTRACKED = ("/packages", "/var/log", "/var/cache", "/var/lib/dpkg", "/var/lib/apt",
             "/var/lib/systemd", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow",
             "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-",
             "/etc/subgid-")


class Packaged(System):
    """The machine, in which echod is installed by the cases."""

    def __init__(self, machine, source):
        super().__init__(machine, source)
        self.pristine = None
        self.version = {}  # "old" and "new": the versions

    def provide(self):
        """Puts the packages into the machine: as they were built, and as a version that follows."""
        self.copy_built()
        self.version["old"] = self.field("Version", PLACE + "old/echod.deb")
        self.version["new"] = self.version["old"] + "+next"
        for name in NAMES:
            self.make_next(name)
        self.reset()
        self.pristine = self.files()

    def copy_built(self):
        os.makedirs(self.machine.tree + PLACE + "old")
        os.makedirs(self.machine.tree + PLACE + "new")
        for name in NAMES:
            found = glob.glob(os.path.join(self.source, name + "_*.deb"))
            if len(found) != 1:
                raise Failure("%s has %d packages %s" % (self.source, len(found), name))
            shutil.copy(found[0], self.machine.tree + PLACE + "old/%s.deb" % name)

    def make_next(self, name):
        tree, control = PLACE + "tree", PLACE + "tree/DEBIAN/control"
        self.run("dpkg-deb", "--raw-extract", PLACE + "old/%s.deb" % name, tree)
        self.machine.write(control, self.machine.read(control).replace(
            "\nVersion: %(old)s\n" % self.version, "\nVersion: %(new)s\n" % self.version))
        if self.machine.exists(tree + CONFIG):
            self.machine.write(tree + CONFIG, self.machine.read(tree + CONFIG) + NEWS)
        self.run("dpkg-deb", "-Zgzip", "-z1", "--build", tree, PLACE + "new/%s.deb" % name)
        self.machine.remove(tree)

    def field(self, name, package):
        return self.output("dpkg-deb", "--field", package, name).strip()

    # -- before each case --

    def reset(self, after_failure=False):
        for session in self.sessions:
            session.close()
        self.sessions = []
        if after_failure:
            self.run("systemctl", "kill", "-s", "KILL", *ALL_UNITS, check=False)
        self.run("dpkg", "--purge", *NAMES)
        for path in ("/usr/sbin/policy-rc.d", "/etc/echod", UNITS + "echod.service.d"):
            self.machine.remove(path)
        self.run("systemctl", "daemon-reload")
        self.run("systemctl", "reset-failed")
        self.mark()

    # -- apt --

    def apt(self, *arguments):
        """What apt-get says. It knows of no package but ours and what is installed: autopkgtest has an
        archive, where the same version is to be had. Where a conffile is to be asked about, the
        administrator's stays."""
        done = self.run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y",
                        "-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null",
                        "-o", "Dpkg::Use-Pty=0", "-o", "Dpkg::Options::=--force-confold",
                        *arguments)
        return done.stdout + done.stderr

    def install(self, which="old", *options):
        """As an administrator does, with the files of the version WHICH."""
        text = self.apt("install", *options, *[PLACE + "%s/%s.deb" % (which, n) for n in NAMES])
        expect_equal(self.installed(), "ii " + self.version[which], "what dpkg has of echod")
        return text

    def installed(self):
        """The state, in dpkg's letters, and the version of echod."""
        return self.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", "echod",
                        check=False).stdout

    # -- what is there --

    def files(self):
        """Every file of the machine that is to be as it was after a purge: its name, with what it is;
        and the contents of those in /etc."""
        prune = []
        for path in UNTRACKED:
            prune += ["-path", path, "-prune", "-o"]
        listing = self.output("find", "/", "-xdev", *prune, "-printf", "%p %y %m %U:%G %l\n")
        sums = self.output("find", "/etc", *prune, "-type", "f", "-exec", "md5sum", "{}", "+")
        return set(listing.splitlines()) | set(sums.splitlines())

    def expect_runs_installed(self, unit="echod.service"):
        """The process runs the program that is installed now."""
        expect_equal(self.output("stat", "-L", "-c", "%i", "/proc/%d/exe" % self.main_pid(unit)),
                     self.output("stat", "-c", "%i", "/usr/sbin/echod"), "the program that runs")
