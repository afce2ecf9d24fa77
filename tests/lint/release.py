"""A release: the version in configure.ac, and everything that must agree with it."""
import re
import sys

sys.dont_write_bytecode = True
import lint  # noqa: E402

CHANGELOG = "debian/changelog"
PROGRAMS = ("src/**/*.[ch]", "man/*.[158]", "systemd/*", "completions/*", "dev")


def version(tree):
    return re.search(r"^AC_INIT\(\[echod\], \[([^]]+)\]", tree.read("configure.ac"), re.M).group(1)


def package_has_the_version(tree):
    if not tree.exists(CHANGELOG):
        raise lint.Skip("this is a release, not a checkout: debian/ is not here")
    top = re.match(r"echod \(([^)]+)-[^)-]+\) ", tree.read(CHANGELOG))
    if not top or top.group(1) != version(tree):
        yield (f"{CHANGELOG} begins with {top.group(1) if top else 'no version'}, "
               f"configure.ac has {version(tree)}")


def news_has_the_version(tree):
    top = re.search(r"^## (\S+)", tree.read("NEWS.md"), re.M)
    if not top or top.group(1) != version(tree):
        yield f"NEWS.md does not begin with {version(tree)}"


def nothing_else_has_the_version(tree):
    for name in tree.files(*PROGRAMS):
        if re.search(rf"(?<![\d.]){re.escape(version(tree))}(?![\d.])", tree.read(name)):
            yield f"{name} names the version, which belongs in configure.ac only"


def doctor(name, pattern, replacement):
    return lambda tree: tree.doctored(name, pattern, replacement)


lint.main([
    ("debian/changelog has the version of configure.ac", package_has_the_version, {
        "another": doctor("configure.ac", r"^AC_INIT\(\[echod\], \[[\d.]+\]",
                          "AC_INIT([echod], [99.0]"),
        "another revision's": doctor(CHANGELOG, r"^echod \([\d.]+-", "echod (99.0-")}),
    ("NEWS.md has the version of configure.ac", news_has_the_version, {
        "another": doctor("NEWS.md", r"^## [\d.]+", "## 99.0")}),
    ("no program or manual page has a version of its own", nothing_else_has_the_version, {
        "one that has": lambda tree: tree.with_file("src/base/doctored.c", version(tree))}),
])
