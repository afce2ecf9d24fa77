"""Two versions of the Debian packages in the machine, installed with apt."""
import glob
import os
import shutil

from expect import Failure, expect_equal
from system import ALL_UNITS, CONFIG, UNITS, System

PLACE = "/packages/"
NAMES = ("echod", "echod-client")
NEWS = "\n# The next version of this file.\n"
# Files that may change: those of dpkg and apt, user accounts (which a purge keeps), and logs.
UNTRACKED = ("/packages", "/var/log", "/var/cache", "/var/lib/dpkg", "/var/lib/apt",
             "/var/lib/systemd", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow",
             "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-",
             "/etc/subgid-")


class Packaged(System):
    """A machine in which the cases install echod."""

    def __init__(self, machine, source):
        super().__init__(machine, source)
        self.pristine = None
        self.version = {}  # "old" and "new": the versions

    def provide(self):
        """Copies the packages into the machine: as built, and repacked as a later version."""
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
        """Runs apt-get. Returns its output. apt-get has no package lists, because autopkgtest's archive
        provides the same version. Instead of prompting for a changed conffile, it keeps the
        administrator's."""
        done = self.run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y",
                        "-o", "Dir::Etc::SourceList=/dev/null", "-o", "Dir::Etc::SourceParts=/dev/null",
                        "-o", "Dpkg::Use-Pty=0", "-o", "Dpkg::Options::=--force-confold",
                        *arguments)
        return done.stdout + done.stderr

    def install(self, which="old", *options):
        """Installs the version WHICH from its files, as an administrator does."""
        text = self.apt("install", *options, *[PLACE + "%s/%s.deb" % (which, n) for n in NAMES])
        expect_equal(self.installed(), "ii " + self.version[which], "status of the package")
        return text

    def installed(self):
        """The state of echod, in dpkg's letters, and its version."""
        return self.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", "echod",
                        check=False).stdout

    # -- the installed state --

    def files(self):
        """All files that a purge must restore: the name and type of each, and the contents of those in
        /etc."""
        prune = []
        for path in UNTRACKED:
            prune += ["-path", path, "-prune", "-o"]
        listing = self.output("find", "/", "-xdev", *prune, "-printf", "%p %y %m %U:%G %l\n")
        sums = self.output("find", "/etc", *prune, "-type", "f", "-exec", "md5sum", "{}", "+")
        return set(listing.splitlines()) | set(sums.splitlines())

    def expect_runs_installed(self, unit="echod.service"):
        """Expects that the process runs the program that is installed now."""
        expect_equal(self.output("stat", "-L", "-c", "%i", "/proc/%d/exe" % self.main_pid(unit)),
                     self.output("stat", "-c", "%i", "/usr/sbin/echod"), "the program that runs")
