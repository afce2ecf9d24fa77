"""The completions of bash for echoc, echoctl and echod, typed at a terminal."""
import os
import pty
import re
import select
import signal
import time

from expect import DEADLINE, Failure, Skip, expect, expect_equal
from programs import SRCDIR
from tap import main, test

LIBRARY = "/usr/share/bash-completion/bash_completion"
# What is on the line is printed by a function of the program's name, one argument a line.
SETUP = """
set +o history; unset HISTFILE; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'
bind 'set completion-query-items 0'; bind 'set page-completions off'; PS1=; PS2=
. %s
for program in echoc echoctl echod; do
    . '%s'/completions/$program
    eval "$program() { printf 'ARGUMENT<%%s>\\\\n' \\"\\$@\\"; echo END; }"
done
_known_hosts_real() { COMPREPLY+=($(compgen -W 'known.test' -- "$2")); }
echo READ''Y
""" % (LIBRARY, SRCDIR)


class Shell:
    """An interactive bash at a terminal, in a with block."""

    def __init__(self):
        if not os.path.exists(LIBRARY):
            raise Skip("bash-completion is not installed")
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "dumb", "LC_ALL": "C.UTF-8", "COLUMNS": "500", "INPUTRC": "/dev/null"})
            os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
        self.type(SETUP.replace("\n", "\r"))
        self.wait("READY\r?\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, pattern):
        """What the terminal shows until PATTERN comes."""
        shown, deadline = "", time.monotonic() + DEADLINE
        while not re.search(pattern, shown):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise Failure("the terminal never shows %s, but %r" % (pattern, shown))
            shown += os.read(self.fd, 65536).decode("utf-8", "replace")
        return shown

    def completed(self, line):
        """The arguments that the LINE has once Tab was typed behind it."""
        self.type(line + "\t\r")
        return re.findall(r"ARGUMENT<(.*)>", self.wait(r"(?<!')END\r?\n"))

    def offered(self, line):
        """The words that are offered if Tab is typed three times behind the LINE."""
        self.type(line + "\t\t\t\r")  # the first may only insert what they have in common
        return set(self.wait(r"(?<!')END\r?\n").split("ARGUMENT")[0].split())


def completes(shell, cases):
    for line, last in cases:
        arguments = shell.completed(line)
        expect_equal(arguments[-1] if arguments else None, last, "the last argument of " + line)


@test("echoc: completes verbs in first place only, and hosts where HOST is expected")
def operands():
    with Shell() as shell:
        completes(shell, [("echoc swe", "sweep"), ("echoc ping swe", "swe"),
                          ("echoc ping kno", "known.test"), ("echoc kno", "known.test"),
                          ("echoc -q -t 5 kno", "known.test"), ("echoc ping known.test kno", "kno"),
                          ("echoc ping known.test 7 kno", "kno"), ("echoc hold kno", "kno"),
                          ("echoc hold 5 kno", "known.test"), ("echoc hold 5 -t 2 kno", "known.test"),
                          ("echoc -U /x kno", "kno"), ("echoc --unix=/x kno", "kno")])
        offered = shell.offered("echoc ")
        expect({"ping", "send", "sweep", "known.test"} <= offered, "verbs and hosts: %s" % offered)


@test("echoc: completes the options of each verb and their arguments, after a space or an equals sign")
def options():
    with Shell() as shell:
        completes(shell, [("echoc ping --hi", "--histogram"), ("echoc hold 5 --fo", "--for"),
                          ("echoc --no", "--no-newline"), ("echoc idle --time", "--timeout"),
                          ("echoc ping --proxy v", "v"), ("echoc --dscp e", "ef"),
                          ("echoc --dscp=e", "--dscp=ef"), ("echoc ping --dscp=l", "--dscp=le"),
                          ("echoc ping --count=", "--count="), ("echoc ping --count kno", "kno")])
        readme, way = os.path.join(SRCDIR, "README.m"), os.path.join(SRCDIR, "README.md")
        completes(shell, [("echoc --unix=" + readme, "--unix=" + way),
                          ("echoc ping --plot=" + readme, "--plot=" + way),
                          ("echoc -U " + readme, way)])
        offered = shell.offered("echoc ping --proxy=")
        expect({"v1", "v2"} <= offered, "versions are offered: %s" % offered)


@test("echoctl: completes commands in their place; echod: options and files")
def others():
    where = os.path.join(SRCDIR, "README.m")
    with Shell() as shell:
        completes(shell, [("echoctl rel", "reload"), ("echoctl kill rel", "rel"),
                          ("echoctl -j rel", "reload"), ("echoctl -i a rel", "reload"),
                          ("echoctl --socket=" + where, "--socket=" + where + "d"),
                          ("echoctl --js", "--json"), ("echoctl --json=t", "--json=t"),
                          ("echoctl --instance nosuchinst", "nosuchinst"),
                          ("echod --check", "--check-config"),
                          ("echod --config=" + where, "--config=" + where + "d"),
                          ("echod -c " + where, where + "d"), ("echod che", "che")])


main()
