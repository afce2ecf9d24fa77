"""Uses this machine in place of a container, if it was booted only for the tests: see debian/tests."""
import os

from expect import Skip
from machine import Machine

JOURNALD = "/etc/systemd/journald.conf.d/test.conf"


class Here(Machine):
    """The machine that the tests run on, with the container's interface."""

    def __init__(self):
        super().__init__(None, "")
        self.tree = ""

    def prepare(self, tarball):
        if not os.path.isdir("/run/systemd/system"):
            raise Skip("this machine was not booted by systemd")
        self.write(JOURNALD, "[Journal]\nRateLimitBurst=0\n")
        self.run("systemctl", "restart", "systemd-journald")

    def install(self, builddir):
        """Does nothing: the packages to be tested are already installed."""

    def stop(self):
        self.remove(JOURNALD)

    def command(self, *command):
        return list(command)
