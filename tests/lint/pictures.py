"""doc/pictures: README.md shows each picture, and that of echoc path has the current messages.
(tests/daemon/test_pictures.py checks the others.)"""
import re
import sys

sys.dont_write_bytecode = True
import lint  # noqa: E402

sys.path.insert(0, str(lint.SRCDIR / "doc/pictures"))
from terminal import read  # noqa: E402

README = "README.md"
PATH = "doc/pictures/path.svg"


def pictures_are_shown(tree):
    there = tree.files("doc/pictures/*.svg")
    shown = re.findall(r"!\[[^\]]+\]\((doc/pictures/[^)]*)\)", tree.read(README))
    yield from (f"{README} does not show {name}" for name in sorted(set(there) - set(shown)))
    yield from (f"{README} shows {name}, which does not exist" for name in sorted(set(shown) - set(there)))


def formats(tree):
    """Each string of the client as a pattern for its output: (pattern, length of the literal text)."""
    for name in tree.files("src/client/**/*.c"):
        # The macros of inttypes.h contain a conversion specifier.
        source = re.sub(r'"\s*PRI\w+\s*"', "u", tree.read(name))
        for literal in re.findall(r'"(?:\\.|[^"\\\n])*"(?:\s*"(?:\\.|[^"\\\n])*")*', source):
            text = "".join(re.findall(r'"((?:\\.|[^"\\\n])*)"', literal))
            text = text.replace("\\n", "").replace('\\"', '"')
            parts = re.split(r"%[-+ #0']*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t)?[a-zA-Z]", text)
            yield ".*".join(re.escape(part) for part in parts), sum(len(part.strip()) for part in parts)


def path_is_what_is_printed(tree):
    """Each line matches a format that provides most of its text, or a combination of two, as in "1 hop"."""
    command, lines = read(tree.read(PATH))
    if not command.startswith("echoc path "):
        yield f"{PATH} shows another command: {command}"
    if len(lines) < 8:
        yield f"{PATH} shows {len(lines)} lines only"
    patterns = [(re.compile(pattern), size) for pattern, size in formats(tree) if size >= 3]
    for line in lines:
        known = max((size for pattern, size in patterns if pattern.fullmatch(line)), default=0)
        own = len(re.sub(r"[\d.:\[\]]+", "", line).replace(" ", ""))
        if known < min(own / 2, 12):
            yield f"{PATH} has a line that echoc does not print: {line}"


def doctor(name, pattern, replacement):
    return lambda tree: tree.doctored(name, pattern, replacement)


lint.main([
    ("README.md shows every picture", pictures_are_shown, {
        "one that it does not": lambda tree: tree.with_file("doc/pictures/new.svg", "<svg/>"),
        "one that does not exist": doctor(README, r"doc/pictures/path\.svg", "doc/pictures/way.svg")}),
    ("doc/pictures/path.svg has the sentences of echoc path", path_is_what_is_printed, {
        "one that is another": doctor(PATH, "something on the path clears it", "somebody clears it"),
        "one that has changed": doctor("src/client/path/try_tcp.c", "large segments vanish", "segments get lost"),
        "a number that became a word": doctor(PATH, r">1 hop<", ">a few<")}),
])
