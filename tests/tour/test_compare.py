"""echod passes every case of the comparison in README.md. (./dev compare tests the other servers.)"""
import os
import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "daemon"))
from expect import Skip, expect, expect_equal  # noqa: E402
from planted import relaxed  # noqa: E402
from programs import SANITIZED  # noqa: E402
from tap import main, test  # noqa: E402

SRCDIR = Path(os.environ.get("ECHOD_SRCDIR", Path(__file__).resolve().parents[2]))


def first_columns(text):
    """The first two columns of the table in TEXT: (case, result of echod)."""
    table = text[text.index("| | echod |"):].split("\n\n")[0].splitlines()
    return [tuple(cell.strip() for cell in row.split("|")[1:3]) for row in table[2:]]


@test("echod has the results that the table of README.md shows")
def compared():
    if relaxed() or SANITIZED:
        raise Skip("the table of README.md is about a build with a system call filter")
    shown = first_columns((SRCDIR / "README.md").read_text(encoding="utf-8"))
    done = subprocess.run([sys.executable, str(SRCDIR / "tests/tour/compare.py"), "--echod", "--verbose"],
                          capture_output=True, text=True, check=False)
    expect_equal(done.stderr, "", "the cases that echod fails")
    expect_equal(first_columns(done.stdout), shown, "the rows")
    expect(re.search(r"^\| \| echod \| socat \| xinetd \| ncat \| inetd \|$",
                     (SRCDIR / "README.md").read_text(encoding="utf-8"), re.M), "README.md lists all servers")


main()
