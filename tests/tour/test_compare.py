"""echod passes all that README.md compares servers by. (The others are not tested here: ./dev compare.)"""
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
    """Of the table in TEXT: (what is tried, how it went with echod)."""
    table = text[text.index("| | echod |"):].split("\n\n")[0].splitlines()
    return [tuple(cell.strip() for cell in row.split("|")[1:3]) for row in table[2:]]


@test("the table of README.md says of echod what is so")
def compared():
    if relaxed() or SANITIZED:
        raise Skip("README.md speaks of a build that has a system call filter")
    shown = first_columns((SRCDIR / "README.md").read_text(encoding="utf-8"))
    done = subprocess.run([sys.executable, str(SRCDIR / "tests/tour/compare.py"), "--echod", "--verbose"],
                          capture_output=True, text=True, check=False)
    expect_equal(done.stderr, "", "what echod does not pass")
    expect_equal(first_columns(done.stdout), shown, "the rows")
    expect(re.search(r"^\| \| echod \| socat \| xinetd \| ncat \| inetd \|$",
                     (SRCDIR / "README.md").read_text(encoding="utf-8"), re.M), "README.md has all servers")


main()
