"""SECURITY.md promises nothing without a test, and the documents name no file that is not there."""
import re
import sys

sys.dont_write_bytecode = True
import lint  # noqa: E402

SECURITY = "SECURITY.md"
HEADER = ["promise", "against whom", "what enforces it", "which test proves it"]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", SECURITY, "doc/DESIGN.md", "doc/SCALING.md")
# What documents name from the root of the tree. (debian/ is not in a release.)
NAMED = re.compile(r"(?<![\w/.-])((?:src|tests|man|systemd|etc|doc|bench|completions)/[\w./@-]*\w)")


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def promises(tree):
    """The rows of the table, without its header. It is the last one."""
    rows = [cells(line) for line in tree.read(SECURITY).splitlines() if line.startswith("|")]
    return rows[rows.index(HEADER) + 2:] if HEADER in rows else []


def tests_of(cell):
    return re.findall(r"`(tests/[^`]+)`", cell)


def promises_have_tests(tree):
    rows = promises(tree)
    if len(rows) < 10:
        yield f"{SECURITY} has only {len(rows)} promises"
    for row in rows:
        if len(row) != len(HEADER) or not all(row):
            yield f"{SECURITY}: a row lacks something: {row}"
        elif not tests_of(row[-1]):
            yield f"{SECURITY} names no test for: {row[0]}"


def tests_of_promises_exist(tree):
    run = tree.read("Makefile.am").split()
    for row in promises(tree):
        for name in tests_of(row[-1]):
            if not tree.exists(name):
                yield f"{SECURITY} names {name}, which does not exist, for: {row[0]}"
            elif name.removesuffix(".c") not in run:
                yield f"{SECURITY} names {name}, which is not run, for: {row[0]}"


def named_files_exist(tree):
    for document in DOCUMENTS:
        for name in NAMED.findall(re.sub(r"\S*NAME\S*", "", tree.read(document))):
            if not tree.exists(name) and not tree.files(name + ".c"):
                yield f"{document} names {name}, which does not exist"


def doctor(name, pattern, replacement):
    return lambda tree: tree.doctored(name, pattern, replacement)


def take(name):
    return lambda tree: tree.with_file(name, None)


lint.main([
    ("every promise of SECURITY.md has a test", promises_have_tests, {
        "one that has none": doctor(SECURITY, r"\| `tests/[^|]*\|$", "| none |"),
        "a row that lacks a cell": doctor(SECURITY, r"\| `tests/[^|]*\|$", "|"),
        "a table that is gone": doctor(SECURITY, r"^\| promise .*\n", "")}),
    ("the tests of promises exist, and are run", tests_of_promises_exist, {
        "one that does not exist": take("tests/daemon/test_isolation.py"),
        "a name that is misspelt": doctor(SECURITY, "test_isolation", "test_insulation"),
        "one that is not run": doctor("Makefile.am", r"tests/daemon/test_isolation\.py", "")}),
    ("the documents name no file that is not there", named_files_exist, {
        "a source that is gone": take("src/ipc/store.h"),
        "a name that is misspelt": doctor("doc/DESIGN.md", r"src/daemon/admission|src/ipc/store",
                                          "src/ipc/shop")}),
])
