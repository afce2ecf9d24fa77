"""In an isolated place: makes one change, rebuilds what it affects, and runs tests until one detects it.

Reads lines of JSON from standard input: first the change and the tests that may detect it, in order; later,
for each test that fails, whether it passes without the change. Writes its requests and the verdict as lines
of JSON to standard output.
"""
import json
import sys

from place import BUILD, TREE, listed, make, objects
from suite import Test, attempt, fails_again

PROGRAMS = ["echod", "echod-forkserver", "echoctl", "echoc", "check_echo", "echod-generator"]


def say(**what):
    print(json.dumps(what), flush=True)


def compiled(name, text):
    """Compiles the change. Returns "not C", "no difference" (equal object files) or "differs"."""
    made = objects(name)
    before = [(BUILD / path).read_bytes() for path in made]
    (TREE / name).write_text(text)
    if make(BUILD, *made).returncode:
        return "not C"
    return "no difference" if before == [(BUILD / path).read_bytes() for path in made] else "differs"


def notices(test):
    """The case of TEST that fails with the change, reproducibly, and passes without it; or None."""
    case = attempt(test).failed
    if case:
        case = fails_again(test, case)
    if not case:
        return None
    say(failed=test.name, case=case)
    return case if json.loads(sys.stdin.readline()) else None


def judge(tests):
    programs_built = False
    for test in tests:
        if not test.daemon:
            if make(BUILD, test.name).returncode:
                return "not C"
        elif not programs_built:
            programs_built = True
            if make(BUILD, *PROGRAMS, *listed("planted_programs")).returncode:
                return "not C"
        case = notices(test)
        if case:
            return f"noticed by {test.name}: {case}"
    return "survives"


def main():
    task = json.loads(sys.stdin.readline())
    verdict = compiled(task["name"], task["text"])
    if verdict == "differs" and task["tests"]:
        verdict = judge([Test(*test) for test in task["tests"]])
    say(verdict=verdict)


main()
