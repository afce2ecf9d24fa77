"""README.md is right: its configuration loads, and its commands print what it shows."""
import os
import re
import subprocess
from pathlib import Path

from expect import Skip, expect, expect_equal
from managed import Managed
from programs import ECHOC, ECHOCTL, ECHOD
from tap import main, private_network, test

SRCDIR = Path(os.environ.get("ECHOD_SRCDIR", Path(__file__).resolve().parents[2]))
README = (SRCDIR / "README.md").read_text(encoding="utf-8")
INSTALLED = "/etc/echod/echod.conf"


def blocks(kind):
    return re.findall(r"^```%s\n(.*?)^```$" % kind, README, re.M | re.S)


def runs():
    """Each command that README.md shows with its output: (command, lines)."""
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, *lines = part.splitlines()
            yield command, lines


def words(line):
    """LINE without the times and sizes in it, and with what localhost is where IPv6 does not come first."""
    line = line.replace("[::1]", "127.0.0.1")
    line = re.sub(r" on the wire, .*$", "", line)  # of a machine that is busy
    return re.sub(r"\b\d+(\.\d+)? (ms|s|bytes)\b", r"N \2", line)


def programs(echod):
    """A directory with the programs as if they were installed, for the configuration of ECHOD."""
    directory = Path(echod.path("bin"))
    directory.mkdir()
    for name, command in (("echod", [ECHOD, "--config", echod.config]), ("echoc", [ECHOC]),
                          ("echoctl", [ECHOCTL, "-s", echod.control]), ("sudo", []),
                          ("systemctl", [ECHOCTL, "-s", echod.control])):
        script = directory / name
        more = '"$1"' if name == "systemctl" else '"$@"'  # reload echod: that of echoctl
        script.write_text("#!/bin/sh\nexec %s %s\n" % (" ".join(command), more), encoding="utf-8")
        script.chmod(0o755)
    return directory


@test("the commands of README.md print what it shows")
def commands():
    if not private_network():
        raise Skip("its ports may be taken where the network is not our own")
    shown = list(runs())
    expect(len(shown) >= 6, "README.md shows commands: %d" % len(shown))
    with Managed(blocks("ini")[0]) as echod:
        path = "%s:%s" % (programs(echod), os.environ["PATH"])
        for command, lines in shown:
            done = subprocess.run(["sh", "-c", command + " 2>&1"], env=dict(os.environ, PATH=path),
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=120, check=False)
            printed = done.stdout.replace(echod.config, INSTALLED).splitlines()
            expect_equal([words(line) for line in printed[:len(lines)]],
                         [words(line) for line in lines], "output of %s" % command)
            expect(len(printed) == len(lines) or "ping" in command, "%s prints more: %s"
                   % (command, printed))


@test("the programs accept every other command of README.md")
def understood():
    verbs = subprocess.run([ECHOC, "--help"], capture_output=True, text=True, check=True).stdout
    for verb in re.findall(r"^echoc ([a-z]+) [^\n]*$", "\n".join(blocks("sh")), re.M):
        expect(verb == "localhost" or re.search(r"^  %s " % verb, verbs, re.M), "a verb: " + verb)
    development = subprocess.run([SRCDIR / "dev", "help"], capture_output=True, text=True,
                                 check=True).stdout
    for command in re.findall(r"\./dev ([a-z]+)", README):
        expect(re.search(r"^  %s\b" % command, development, re.M), "a command of ./dev: " + command)


main()
