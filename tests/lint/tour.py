"""doc/TOUR.md: its quotations match the files that it names, and the functions that it names exist."""
import re
import sys

sys.dont_write_bytecode = True
import lint  # noqa: E402

TOUR = "doc/TOUR.md"
FENCED = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.M | re.S)


def stages(tree):
    return [name for name in tree.files("doc/tour/*.c") if re.match(r"doc/tour/\d", name)]


def sections(tree):
    """The sections of the tour about stages: (number, text)."""
    parts = re.split(r"^## (?:(\d+)\. )?.*$", tree.read(TOUR), flags=re.M)[1:]
    return [(int(number), text) for number, text in zip(parts[::2], parts[1::2]) if number]


def sides(text):
    """The text before and after the diff TEXT."""
    lines = text.splitlines(keepends=True)
    return ["".join(line[1:] for line in lines if line[0] != other) for other in "+-"]


def quotes_are_exact(tree):
    quotes = 0
    for kind, files, text in FENCED.findall(tree.read(TOUR)):
        names, first = files.split(), text.splitlines()[0].strip()
        if kind not in ("c", "diff"):
            continue
        quotes += 1
        if len(names) != {"c": 1, "diff": 2}[kind]:
            yield f"{TOUR}: a quotation does not name its file: {first}"
            continue
        for name, quoted in zip(names, [text] if kind == "c" else sides(text)):
            if not tree.exists(name):
                yield f"{TOUR} quotes {name}, which does not exist"
            elif quoted not in tree.read(name):
                yield f"{TOUR} quotes what is not in {name}: {first}"
    if quotes < 15:
        yield f"{TOUR} has only {quotes} quotations"


def functions(text):
    """The functions that the C source TEXT defines."""
    return set(re.findall(r"^[a-zA-Z][^\n;={}]*?\b(\w+)\((?:[^;{}]*?)\)\s*\n\{", lint.blanked(text),
                          flags=re.M))


def functions_exist(tree):
    there = {name: functions(tree.read(name)) for name in tree.files("src/**/*.c", "doc/tour/*.[ch]")}
    ours = set().union(*(names for file, names in there.items() if file.startswith("src/")))
    tours = set().union(*(names for file, names in there.items() if file.startswith("doc/")))
    for number, text in sections(tree):
        before, found, echod = text.partition("**In echod:**")
        named = set(re.findall(r"`(\w+)\(\)`", echod))
        if not found or not named or "\n\n" in echod.strip():
            yield f"{TOUR}: section {number} does not end with the functions of echod"
        yield from (f"{TOUR}: section {number}: there is no {name}() in src/"
                    for name in sorted(named - ours))
        yield from (f"{TOUR}: section {number}: there is no {name}() in doc/tour/"
                    for name in sorted(set(re.findall(r"`(\w+)\(\)`", before)) - tours))


def every_stage_has_its_section(tree):
    numbers = [number for number, _ in sections(tree)]
    files = stages(tree)
    if numbers != list(range(1, len(files) + 1)):
        yield f"{TOUR} has the sections {numbers}, and there are {len(files)} stages"
    for (number, text), file in zip(sections(tree), files):
        if f"c {file}\n" not in text and f" {file}\n" not in text:
            yield f"{TOUR}: section {number} shows nothing of {file}"
        if "```console\n$ tests/tour/client.py build/tour/" not in text:
            yield f"{TOUR}: section {number} shows no run of the client"


def no_line_numbers(tree):
    for number, line in enumerate(tree.read(TOUR).splitlines(), 1):
        if re.search(r"\.[ch]:\d|\bline \d", line):
            yield f"{TOUR}:{number}: names a line by its number: {line}"


def doctor(name, pattern, replacement):
    return lambda tree: tree.doctored(name, pattern, replacement)


lint.main([
    ("quotations in doc/TOUR.md match the files that it names", quotes_are_exact, {
        "a quotation that differs by a blank": doctor(TOUR, r"^    pid_t pid = fork\(\);", "    pid_t  pid = fork();"),
        "a file that has changed": doctor("doc/tour/02-fork.c", r"_exit\(0\)", "_exit(1)"),
        "a diff whose new lines differ": doctor(TOUR, r"^\+            continue;", "+            break;"),
        "a diff whose context differs": doctor(TOUR, r"^             fail\(", "             exit("),
        "a quotation without a file": doctor(TOUR, "^```c doc/tour/03-half-close.c$", "```c"),
        "a file that is gone": lambda tree: tree.with_file("doc/tour/channel.h", None)}),
    ("the functions that doc/TOUR.md names exist", functions_exist, {
        "one of echod that does not": doctor(TOUR, r"`stream_linger\(\)`", "`stream_hang()`"),
        "one that is renamed": doctor("src/service/stream.c", r"^int stream_send\(", "int stream_put("),
        "one of a stage that does not": doctor(TOUR, r"`test_sandbox\(\)`", "`try_sandbox()`"),
        "a section that does not end with them": doctor(TOUR, r"^\*\*In echod:\*\* `stream_send", "`stream_send")}),
    ("doc/TOUR.md has a section for every stage", every_stage_has_its_section, {
        "a stage without": lambda tree: tree.with_file("doc/tour/16-more.c", ""),
        "a section that shows nothing of its stage": doctor(TOUR, "^```c doc/tour/12-notify.c$",
                                                           "```c doc/tour/13-sandbox.c"),
        "a section without a run": doctor(TOUR, r"^\$ tests/tour/client.py build/tour/11-activation notify",
                                          "$ true")}),
    ("doc/TOUR.md names no line by its number", no_line_numbers, {
        "one": doctor(TOUR, r"\Z", "see src/base/log.c:12\n")}),
])
