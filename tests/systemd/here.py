"""The machine that the tests run on, if it was booted for them only: see debian/tests."""
import os

from expect import Skip
from machine import Machine

JOURNALD = "/etc/systemd/journald.conf.d/test.conf"


class Here(Machine):
    """The same as the container, but seen from inside."""

    def __init__(self):
        super().__init__(None, "")
        self.tree = ""

    def prepare(self, tarball):
        if not os.path.isdir("/run/systemd/system"):
            raise Skip("this machine was not booted by systemd")
        self.write(JOURNALD, "[Journal]\nRateLimitBurst=0\n")
        self.run("systemctl", "restart", "systemd-journald")

    def install(self, builddir):
        """Nothing: the packages that are to be tested are installed."""

    def stop(self):
        self.remove(JOURNALD)

    def command(self, *command):
        return list(command)
