"""Runs the examples of manual pages, and compares their output with the page."""
import os
import re
import subprocess

from expect import DEADLINE, expect, expect_equal
from harness import clean_environment
from programs import BUILDDIR, SRCDIR


def examples(page):
    """[(command, the lines that it prints)] of the examples that have a prompt."""
    with open(os.path.join(SRCDIR, "man", page), encoding="utf-8") as file:
        part = file.read().split(".Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    found = []
    for literal in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", part, re.M | re.S):
        text = re.sub(r"\\\n *", "", literal.replace("\\e", "\\"))  # a continued line
        for piece in re.split(r"^[$#] ", text, flags=re.M)[1:]:
            command, *lines = piece.splitlines()
            found.append((command, lines))
    return found


def normalised(line):
    """Without what differs from run to run: numbers, and the columns that they take."""
    line = line.replace("[::1]", "127.0.0.1")
    return re.sub(" +", " ", re.sub(r"\d+(\.\d+)?", "N", line))


def run_in_shell(command, status=0, path=BUILDDIR, **popen):
    """Runs COMMAND, with the programs of PATH. Returns the lines that it prints."""
    env = clean_environment({"PATH": os.path.abspath(path) + ":" + os.environ["PATH"]})
    done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=env, timeout=DEADLINE, check=False, **popen)
    expect_equal(done.returncode, status, "the exit status of %s, %s" % (command, done.stdout))
    return done.stdout.decode().splitlines()


def expect_shown(command, lines, shown):
    """That COMMAND, which has printed LINES, is SHOWN to do so; "..." stands for a rest."""
    # Records that are logged only on a busy machine.
    lines = [re.sub(" on the wire, .* this machine looked", "", line) for line in lines
             if not line.startswith("this machine looked late")]
    lines, shown = [normalised(line) for line in lines], [normalised(line) for line in shown]
    if not shown:
        return
    expect_equal(len(lines), len(shown), "the number of lines of %s: %s" % (command, lines))
    for line, expected in zip(lines, shown):
        if expected.endswith("..."):
            expect(line.startswith(expected[:-3]), "%s prints %s" % (command, line))
        else:
            expect_equal(line, expected, "output of %s" % command)


def as_shown(command, shown, stdin=subprocess.DEVNULL, **how):
    expect_shown(command, run_in_shell(command, stdin=stdin, **how), shown)
