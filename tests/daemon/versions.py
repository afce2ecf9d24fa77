"""Two versions of echod that can be installed alternately."""
import os
import re
import shutil
import subprocess

from expect import expect
from programs import ECHOD, FORKSERVER


def version(program):
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout


class Versions:
    """Two versions of both programs, which differ in their --version."""

    def __init__(self, echod):
        self.echod, self.count = echod, 0
        number = re.search(r" (\d+\.\d+\S*)", version(ECHOD)).group(1).encode()
        self.other = number[:-1] + (b"X" if number[-1:] != b"X" else b"Y")
        self.number = number

    def install(self):
        """Installs the version that is not installed now."""
        self.count += 1
        for program in (ECHOD, FORKSERVER):
            new, name = self.echod.path("new"), os.path.basename(program)
            shutil.copy(program, new)
            if self.count % 2:
                with open(new, "rb+") as file:
                    text = file.read().replace(self.number + b"\0", self.other + b"\0")
                    file.seek(0)
                    file.write(text)
            os.rename(new, self.echod.path(name))
        expect(version(self.echod.path("echod")) != version(ECHOD) if self.count % 2 else
               version(self.echod.path("echod")) == version(ECHOD), "the wrong version was installed")
