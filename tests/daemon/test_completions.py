"""What bash completes for echoc, echoctl and echod."""
import os
import subprocess

from expect import DEADLINE, Skip, expect, expect_equal
from programs import SRCDIR
from tap import main, test

LIBRARY = "/usr/share/bash-completion/bash_completion"
COMPLETE = """
. %s || exit 9
. "$1" || exit 9
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
COMP_POINT=${#COMP_LINE}
"_$1" "$1" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
printf '%%s\\n' "${COMPREPLY[@]}"
""" % LIBRARY


def completed(*words):
    """What the last of WORDS may become."""
    if not os.path.exists(LIBRARY):
        raise Skip("bash-completion is not installed")
    done = subprocess.run(["bash", "-c", COMPLETE, "bash",
                           os.path.join(SRCDIR, "completions", words[0]), *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE,
                          check=False)
    expect_equal((done.returncode, done.stderr), (0, b""), "how the completion of %s ends" % (words,))
    return set(done.stdout.decode().split())


@test("echoc: verbs, and the options of each")
def echoc():
    expect({"ping", "send", "sweep"} <= completed("echoc", ""), "verbs come first")
    expect("ping" not in completed("echoc", "ping", ""), "and only there")
    expect_equal(completed("echoc", "ping", "--hi"), {"--histogram"}, "an option of ping")
    expect_equal(completed("echoc", "hold", "5", "--f"), {"--for"}, "an option of hold")
    expect_equal(completed("echoc", "--no"), {"--no-newline"}, "an option of send, without the verb")
    expect_equal(completed("echoc", "idle", "--time"), {"--timeout"}, "one of all verbs")
    expect_equal(completed("echoc", "ping", "--proxy", ""), {"v1", "v2"}, "an argument")
    expect_equal(completed("echoc", "ping", "--count", ""), set(), "a number")


@test("echoctl: commands and options; echod: options and files")
def others():
    expect({"status", "reload"} <= completed("echoctl", ""), "commands")
    expect_equal(completed("echoctl", "--js"), {"--json"}, "an option")
    expect_equal(completed("echoctl", "--instance", "nosuchinstance"), set(), "an instance")
    expect_equal(completed("echod", "--ch"), {"--check-config"}, "an option")
    expect(any("echod.conf" in word for word in
               completed("echod", "--config", os.path.join(SRCDIR, "etc", "echod"))), "a file")


main()
