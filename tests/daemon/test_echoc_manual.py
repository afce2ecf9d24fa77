"""The examples of echoc(1) and check_echo(1) do what the pages say."""
import os
import pty
import re
import subprocess

from expect import DEADLINE, Skip, expect, expect_equal
from harness import Echod, clean_environment
from programs import BUILDDIR, SRCDIR
from tap import main, private_network, test


def examples(page):
    """[(command, the lines that it prints)] of the examples that have a prompt."""
    with open(os.path.join(SRCDIR, "man", page), encoding="utf-8") as file:
        part = file.read().split(".Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    found = []
    for literal in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", part, re.M | re.S):
        for piece in re.split(r"^\$ ", literal.replace("\\e", "\\"), flags=re.M)[1:]:
            command, *lines = piece.splitlines()
            found.append((command, lines))
    return found


def normalised(line):
    """Without what differs from run to run: numbers."""
    line = line.replace("[::1]", "127.0.0.1")
    return re.sub(r"\d+(\.\d+)?", "N", line)


def run_in_shell(command, stdin):
    env = clean_environment({"PATH": os.path.abspath(BUILDDIR) + ":" + os.environ["PATH"]})
    done = subprocess.run(["sh", "-c", command], stdin=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=env, timeout=DEADLINE, check=False)
    expect_equal(done.returncode, 0, "the exit status of %s, %s" % (command, done.stdout))
    return [normalised(line) for line in done.stdout.decode().splitlines()]


def as_shown(command, shown, stdin=subprocess.DEVNULL):
    lines, shown = run_in_shell(command, stdin), [normalised(line) for line in shown]
    if not shown:
        return
    expect_equal(len(lines), len(shown), "the number of lines of %s: %s" % (command, lines))
    for line, expected in zip(lines, shown):
        if expected.endswith("..."):
            expect(line.startswith(expected[:-3]), "%s prints %s" % (command, line))
        else:
            expect_equal(line, expected, "what %s prints" % command)


def typed(command, shown):
    """The same for an example in which the second line is typed: a terminal shows it, too."""
    ours, theirs = pty.openpty()
    os.write(ours, (shown[1] + "\n\x04").encode())
    as_shown(command, [shown[0]] + shown[2:], stdin=theirs)
    os.close(ours)
    os.close(theirs)


def echod_at_the_usual_port():
    if not private_network():
        raise Skip("port 7777 may be somebody else's in this network")
    return Echod("[listen tcp]\naddress = 127.0.0.1\nport = 7777\n"
                 "[listen udp]\nprotocol = udp\naddress = 127.0.0.1\nport = 7777\n")


@test("every example of echoc(1) prints what it shows")
def echoc():
    with echod_at_the_usual_port():
        found = examples("echoc.1")
        expect(len(found) >= 8, "the page has examples")
        for command, shown in found:
            (typed if command == "echoc localhost" else as_shown)(command, shown)


@test("the examples of check_echo(1) that have a local server do, too")
def check_echo():
    with echod_at_the_usual_port():
        found = [e for e in examples("check_echo.1") if "localhost" in e[0]]
        expect(len(found) >= 2, "the page has examples")
        for command, shown in found:
            as_shown(command, shown)


main()
