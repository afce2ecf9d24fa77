"""Each stage of doc/TOUR.md passes exactly the cases that the table shows, and fails as the text shows."""
import os
import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "daemon"))
from expect import expect, expect_equal  # noqa: E402
from tap import main, test  # noqa: E402

SRCDIR = Path(os.environ.get("ECHOD_SRCDIR", Path(__file__).resolve().parents[2]))
BUILDDIR = Path(os.environ.get("ECHOD_BUILDDIR", "."))
CLIENT = [sys.executable, str(SRCDIR / "tests/tour/client.py")]
TOUR = (SRCDIR / "doc/TOUR.md").read_text(encoding="utf-8")
STAGES = sorted(path.stem for path in (SRCDIR / "doc/tour").glob("[0-9]*.c"))
# Most of a run is waiting, and a busy machine does not make a case fail.
AT_ONCE = 4


def table():
    """The table of TOUR.md: {case: [whether each stage passes it]}."""
    rows = re.findall(r"^\| ([a-z-]+) \| ((?:[✓–] \| ?)+)$", TOUR, re.M)
    return {name: [mark == "✓" for mark in marks.replace(" ", "").strip("|").split("|")]
            for name, marks in rows}


def normalised(text):
    """TEXT without the parts that differ between runs."""
    return re.sub(r"\d+ of \d+", "N of N", text)


def quoted():
    """The runs that TOUR.md shows: (stage, cases, output)."""
    runs = re.findall(r"^\$ tests/tour/client.py build/tour/(\S+) ([a-z -]+)\n((?:[a-z].*\n)+)```",
                      TOUR, re.M)
    return [(stage, cases.split(), output.splitlines()) for stage, cases, output in runs]


def run(stage):
    """Runs the client with STAGE. Returns the lines of its output, and its error output."""
    done = subprocess.run([*CLIENT, str(BUILDDIR / "tour" / stage)], capture_output=True, text=True,
                          check=False)
    return done.stdout.splitlines(), done.stderr


def check_stage(number, stage):
    """Runs the client once, and checks the stage's column of the table and the runs that the text shows."""
    printed, errors = run(stage)
    expect_equal(errors, "", "the error output of the client")
    lines = {line.split()[0]: line for line in printed}
    expect_equal(sorted(lines), sorted(table()), "the cases")
    for case, marks in table().items():
        passes = lines[case].split(None, 1)[1] == "passes"
        expect(passes == marks[number], "the table has %s for this: %s"
               % ("✓" if marks[number] else "–", lines[case]))
    for shown, cases, output in quoted():
        if shown != stage:
            continue
        expect_equal([normalised(line) for line in output],
                     [normalised(lines[case]) for case in cases], "the run of " + stage)


for index, name in enumerate(STAGES):
    test("%s passes exactly the cases that doc/TOUR.md shows" % name)(
        lambda index=index, name=name: check_stage(index, name))


@test("doc/TOUR.md shows a run of each stage, but of the last")
def all_shown():
    expect_equal(sorted({stage for stage, _, _ in quoted()}), STAGES[:-1], "the stages that it shows")


@test("the table of doc/TOUR.md has every stage and every case")
def complete():
    listed = subprocess.run([*CLIENT, "--list"], capture_output=True, text=True, check=True).stdout
    expect_equal(list(table()), [line.split()[0] for line in listed.splitlines()], "the rows")
    for case, marks in table().items():
        expect_equal(len(marks), len(STAGES), "the columns of " + case)


@test("the client prints its usage for wrong arguments")
def usage():
    for arguments in ([], ["--new"], ["program", "no-such-case"]):
        done = subprocess.run([*CLIENT, *arguments], capture_output=True, text=True, check=False)
        expect_equal((done.returncode, done.stdout), (64, ""), "client.py %s" % arguments)
        expect(done.stderr.startswith("Runs a server"), "it prints its usage")


main(at_once=AT_ONCE)
