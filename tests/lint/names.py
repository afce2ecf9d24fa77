"""Makefile.am lists all sources and tests, and only files that exist."""
import re
import sys

sys.dont_write_bytecode = True
import lint  # noqa: E402

SOURCES = ("src/**/*.c", "src/**/*.h")


def words(tree):
    text = re.sub(r"^\s*#.*$", "", tree.read("Makefile.am"), flags=re.M)
    return text.replace("\\\n", " ").split()


def variable(tree, name):
    text = tree.read("Makefile.am").replace("\\\n", " ")
    return " ".join(re.findall(rf"^{name} \+?=(.*)$", text, flags=re.M)).split()


def sources_are_named(tree):
    named = words(tree)
    for name in tree.files(*SOURCES):
        if named.count(name) != 1:
            yield f"{name} is named {named.count(name)} times in Makefile.am, not once"


def named_files_exist(tree):
    built = variable(tree, "CLEANFILES") + variable(tree, "planted_programs")
    programs = variable(tree, "unit_tests") + variable(tree, "fuzz_targets")
    for word in words(tree):
        if not re.fullmatch(r"(src|man|etc|tests|bench|systemd|doc|completions)/[\w./-]+", word):
            continue
        # A program is built from the single source of that name, and may itself exist.
        if not (word in built or tree.exists(word + ".c" if word in programs else word)):
            yield f"Makefile.am names {word}, which does not exist"


def distributed_files_exist(tree):
    for word in variable(tree, "EXTRA_DIST"):
        if "$" not in word and not tree.exists(word):
            yield f"EXTRA_DIST names {word}, which does not exist"


def tests_are_run(tree):
    lists = {"unit_tests": ("tests/unit/test_*.c",),
             "fuzz_targets": ("tests/fuzz/fuzz_*.c",),
             "(?:daemon|slow)_tests": ("tests/daemon/test_*.py", "tests/daemon/test_*.sh"),
             "lint_tests": ("tests/lint/*.sh", "tests/lint/*.py")}
    for name, patterns in lists.items():
        listed = variable(tree, name)
        for test in tree.files(*patterns):
            if test != "tests/lint/lint.py" and not {test, test.removesuffix(".c")} & set(listed):
                yield f"{test} is not in {name} of Makefile.am"


def targets_have_seeds(tree):
    for target in variable(tree, "fuzz_targets"):
        corpus = target.replace("/fuzz_", "/corpus/")
        if not tree.files(corpus + "/*"):
            yield f"{target} has no seeds in {corpus}"


def support_files_are_distributed(tree):
    named = words(tree)
    for name in tree.files("tests/**/*.py", "tests/**/*.sh", "tests/**/*.h", "tests/**/*.c"):
        parents = ["/".join(name.split("/")[:n]) for n in range(1, name.count("/") + 1)]
        if name.removesuffix(".c") not in named and not {name, *parents} & set(named):
            yield f"{name} is not named in Makefile.am, so a release would lack it"


def add(name):
    return lambda tree: tree.with_file(name, "")


def take(name):
    return lambda tree: tree.with_file(name, None)


lint.main([
    ("every source is named in Makefile.am", sources_are_named, {
        "a source that is not": add("src/net/stray.c"),
        "a header that is not": add("src/net/stray.h"),
        "one that is named twice": lambda t: t.doctored(
            "Makefile.am", r"src/log/log\.c", "src/log/log.c src/log/log.c")}),
    ("every file that Makefile.am names exists", named_files_exist, {
        "a source that is gone": take("src/net/cidr.h"),
        "a test that is gone": take("tests/unit/test_duration.c"),
        "a manual that is gone": take("man/echoc.1")}),
    ("everything that is to be distributed exists", distributed_files_exist, {
        "a document that is gone": take("README.md")}),
    ("every test is run", tests_are_run, {
        "a unit test that is not": add("tests/unit/test_stray.c"),
        "a fuzz target that is not": add("tests/fuzz/fuzz_stray.c"),
        "a daemon test that is not": add("tests/daemon/test_stray.py"),
        "a lint test that is not": add("tests/lint/stray.py")}),
    ("every fuzz target has seeds", targets_have_seeds, {
        "one that has none": lambda t: t.doctored(
            "Makefile.am", r"tests/fuzz/fuzz_ini", "tests/fuzz/fuzz_stray")}),
    ("every file of the tests is distributed", support_files_are_distributed, {
        "one that is not": add("tests/daemon/stray.py")}),
])
