"""Every promise has a test in the suite, and documents name only files that exist."""
import ast
import re
import sys

sys.dont_write_bytecode = True
import lint  # noqa: E402

SECURITY = "SECURITY.md"
HEADER = ["promise", "against whom", "what enforces it", "which test proves it"]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", SECURITY, "doc/DESIGN.md", "doc/SCALING.md")
# File names in documents, relative to the root of the tree. (debian/ is not in a release.)
NAMED = re.compile(r"(?<![\w/.-])((?:src|tests|man|systemd|etc|doc|bench|completions)/[\w./@-]*\w)")


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def promises(tree):
    """The rows of the last table, without its header."""
    rows = [cells(line) for line in tree.read(SECURITY).splitlines() if line.startswith("|")]
    return rows[rows.index(HEADER) + 2:] if HEADER in rows else []


def tests_of(cell):
    """The tests that CELL names, each with its cases, which follow in parentheses."""
    for name, cases in re.findall(r"`(tests/[^`]+)`(?: \(([^)]*)\))?", cell):
        yield name, [case.strip() for case in cases.split(",") if case.strip()]


def cases_of(tree, name):
    """The names of the cases in the test NAME."""
    text = tree.read(name)
    if name.endswith(".c"):
        made = re.findall(r"^static void (test_\w+)\(", text, re.M)
        return {case for case in made if re.search(rf"[(,{{]\s*{case}\s*[,)]", text)}
    return {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)
            and any(isinstance(d, ast.Call) and getattr(d.func, "id", "") in ("test", "case")
                    for d in node.decorator_list)}


def promises_have_tests(tree):
    rows = promises(tree)
    if len(rows) < 10:
        yield f"{SECURITY} has only {len(rows)} promises"
    for row in rows:
        if len(row) != len(HEADER) or not all(row):
            yield f"{SECURITY}: an incomplete row: {row}"
        elif not list(tests_of(row[-1])):
            yield f"{SECURITY} names no test for: {row[0]}"


def what_is_wrong(tree, name, cases):
    """A clause about what is wrong with the test NAME or its CASES; None if nothing is."""
    if not tree.exists(name):
        return "which does not exist"
    if name.removesuffix(".c") not in tree.read("Makefile.am").split():
        return "which is not run"
    missing = [case for case in cases if case not in cases_of(tree, name)]
    return f"which has no case {', '.join(missing)}" if missing else None


def tests_of_promises_exist(tree):
    for row in promises(tree):
        for name, cases in tests_of(row[-1]):
            wrong = what_is_wrong(tree, name, cases)
            if wrong:
                yield f"{SECURITY} names {name}, {wrong}, for: {row[0]}"


def titles(text):
    """The texts in bold in TEXT, without a final full stop."""
    return [" ".join(title.split()).rstrip(".") for title in re.findall(r"\*\*(.+?)\*\*", text, re.S)]


def promised_by_the_readme(tree):
    """Yields the bold beginning of each paragraph under the heading about promises; None for a paragraph
    without one."""
    text = tree.read("README.md").partition("\n## What it promises\n")[2].partition("\n## ")[0]
    for paragraph in re.findall(r"^- (.+?)(?=^- |\n\n|\Z)", text, re.M | re.S):
        yield titles(paragraph)[0] if paragraph.startswith("**") else None


def the_readme_promises_no_more(tree):
    found, rows = list(promised_by_the_readme(tree)), promises(tree)
    if len(found) < 5 or None in found:
        yield f"README.md: what it promises are paragraphs that begin in bold: {found}"
    known = {title for row in rows for title in titles(row[0])}
    for title in set(found) - known:
        yield f"README.md has a promise that no row of {SECURITY} has: {title}"
    for title in known - set(found):
        yield f"{SECURITY} has a bold promise that README.md lacks: {title}"


def named_files_exist(tree):
    for document in DOCUMENTS:
        text = re.sub(r"\S*NAME\S*", "", tree.read(document))
        made = re.findall(r"^cat >(\S+)", text, re.M)  # created in an example
        for name in set(NAMED.findall(text)) - set(made):
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
        "one that is not run": doctor("Makefile.am", r"tests/daemon/test_isolation\.py", ""),
        "a case that does not exist": doctor(SECURITY, "echo_descriptors", "echo_deceptors"),
        "a case of a unit test that is not run": doctor(
            "tests/unit/test_vet.c", r"cmocka_unit_test\(test_worker_sets_only_what_it_may\),", ""),
        "a case of a daemon test that is not run": doctor(
            "tests/daemon/test_isolation.py", r"@test\(.*\n(?=def echo_descriptors)", "")}),
    ("every promise of README.md has a row in SECURITY.md", the_readme_promises_no_more, {
        "one more": doctor("README.md", r"^- \*\*Byte for byte", "- **It never rains.** No.\n\\g<0>"),
        "one without a title": doctor("README.md", r"^- \*\*Byte for byte\.\*\*", "- Byte for byte."),
        "one that is gone": doctor("README.md", r"^- \*\*Byte for byte", "- **Bit by bit"),
        "a row that is gone": doctor(SECURITY, r"^\| \*\*Byte for byte.*\n", "")}),
    ("every file that the documents name exists", named_files_exist, {
        "a source that is gone": take("src/ipc/store.h"),
        "a name that is misspelt": doctor("doc/DESIGN.md", r"src/daemon/admission|src/ipc/store",
                                          "src/ipc/shop")}),
])
