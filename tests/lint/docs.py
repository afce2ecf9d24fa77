"""The manual pages, the shipped echod.conf and the programs say the same."""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
import lint  # noqa: E402

CONF = "etc/echod.conf"
CONF_PAGE = "man/echod.conf.5"
ECHOD_PAGE = "man/echod.8"
ECHOC_PAGE = "man/echoc.1"
# What the programs print, as files of the tree, so that it can be doctored like them.
OPTIONS = "output of echod --list-options"
ECHOD_HELP = "output of echod --help"
ECHOC_HELP = "output of echoc --help"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def program(name):
    path = lint.BUILDDIR / name
    if not path.exists():
        raise lint.Skip(f"{path} was not built")
    return str(path)


def output(tree, name):
    """What the program of NAME, one of the names above, prints."""
    if name not in tree.changed:
        _, _, command, argument = name.split()
        result = run(program(command), argument)
        if result.returncode or result.stderr:
            raise AssertionError(f"{command} {argument} fails: {result.stderr}")
        tree.changed[name] = result.stdout
    return tree.read(name)


# ---- the option table ------------------------------------------------------------------------

FIELDS = ("section", "name", "type", "default", "values", "change", "help")


def options(tree):
    lines = output(tree, OPTIONS).splitlines()
    return [dict(zip(FIELDS, line.split("\t"))) for line in lines]


def differences(what, there, expected):
    """Complaints about the keys and values of the dict THERE, a part of WHAT, against EXPECTED."""
    for key in sorted(expected.keys() - there.keys()):
        yield f"{what} lacks {key}"
    for key in sorted(there.keys() - expected.keys()):
        yield f"{what} has {key}, which does not exist"
    for key in sorted(there.keys() & expected.keys()):
        if there[key] != expected[key]:
            yield f"{what} says of {key}: {there[key]!r}, and not: {expected[key]!r}"


# ---- etc/echod.conf --------------------------------------------------------------------------

SETTING = re.compile(r";(\w+) =(?: (.*))?")


def parts_of_conf(tree):
    """The lines of echod.conf before its examples, and those of each example."""
    head, examples = [], []
    for line in tree.read(CONF).splitlines():
        if re.match(r";\[.*\]$", line):
            examples.append([])
        if examples and line.startswith(";"):
            examples[-1].append(line[1:])
        elif not examples:
            head.append(line)
    return head, examples


def conf_has_every_option(tree):
    section, comment, there, twice = None, "", {}, []
    for line in parts_of_conf(tree)[0]:
        header = re.fullmatch(r"\[(\w+).*\]", line)
        setting = SETTING.fullmatch(line)
        if header:
            section = header.group(1)
        if setting:
            key = (section, setting.group(1))
            twice += [key] if key in there else []
            there[key] = (setting.group(2) or "", comment)
        elif line and not line.startswith("#") and not header:
            yield f"{CONF} sets something: {line}"
        comment = line[2:] if line.startswith("# ") else ""
    expected = {}
    for o in options(tree):
        values = f" ({o['values']})" if o["values"] else ""
        expected[o["section"].split()[0], o["name"]] = (o["default"], o["help"] + values)
    yield from differences(CONF, there, expected)
    yield from (f"{CONF} has {key} twice" for key in twice)


def conf_lines_are_short(tree):
    for number, line in enumerate(tree.read(CONF).splitlines(), 1):
        if len(line.encode()) > 100:
            yield f"{CONF}:{number}: longer than 100 bytes"


def complaints_about(what, text):
    """What echod says of the configuration TEXT, if anything."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "echod.conf")
        path.write_text(text, encoding="utf-8")
        result = run(program("echod"), "--config", str(path), "--check-config")
        for line in result.stderr.splitlines():
            yield f"{what}: {line.replace(str(path), 'line')}"
        if result.returncode and not result.stderr:
            yield f"{what}: echod --check-config exits with {result.returncode}"


def dump(text):
    """The sections, options and values that echod has of the configuration TEXT."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "echod.conf")
        path.write_text(text, encoding="utf-8")
        lines = run(program("echod"), "--config", str(path), "--dump-config").stdout.splitlines()
        return [re.sub(r"\s+;.*", "", line) for line in lines]


def conf_loads(tree):
    text = tree.read(CONF)
    yield from complaints_about(CONF, text)
    if dump(text) != dump("[listen local]\n"):
        yield f"{CONF} is more than a [listen local] with nothing set"


def conf_loads_with_defaults_set(tree):
    head = "\n".join(parts_of_conf(tree)[0])
    text = re.sub(SETTING.pattern + "$", r"\1 = \2", head, flags=re.M)
    yield from complaints_about(f"{CONF} with every default set", text)
    if dump(text) != dump(head):
        yield f"{CONF}: setting every option to its default changes something"


def conf_examples_load(tree):
    head, examples = parts_of_conf(tree)
    if len(examples) < 5:
        yield f"{CONF} has only {len(examples)} examples"
    for example in [*examples, sum(examples, [])]:
        name = example[0] if example else "nothing"
        yield from complaints_about(f"{CONF} with {name}", "\n".join(head + example) + "\n")


# ---- manual pages ----------------------------------------------------------------------------


def section_of(page, title):
    """The lines of section TITLE of a manual page; empty if there is none."""
    match = re.search(rf'^\.Sh "?{title}"?\n(.*?)(?=^\.Sh |\Z)', page, flags=re.M | re.S)
    return match.group(1) if match else ""


def subsection_of(page, title):
    match = re.search(rf"^\.Ss {title}\n(.*?)(?=^\.S[hs] |\Z)", page, flags=re.M | re.S)
    return match.group(1) if match else ""


def unescaped(roff):
    return roff.replace("\\&", "").replace("\\e", "\\")


def page_has_every_option(tree):
    page = tree.read(CONF_PAGE)
    there = {}
    for section, title in (("server", "SERVER OPTIONS"), ("listen NAME", "LISTENER OPTIONS")):
        items = re.split(r"^\.It Ic ", section_of(page, title), flags=re.M)[1:]
        for item in items:
            head = re.match(r"(\w+) No = Ar (.*)", item)
            facts = {key: re.findall(rf"^{label}: (.*)\.$", item, flags=re.M)
                     for key, label in (("default", "Default"), ("values", "Values"),
                                        ("change", "Takes effect"))}
            there[section, head.group(1)] = {"type": head.group(2),
                                             **{k: " / ".join(v) for k, v in facts.items()}}
    expected = {(o["section"], o["name"]): {"type": o["type"],
                                            "default": o["default"] or "empty",
                                            "values": o["values"], "change": o["change"]}
                for o in options(tree)}
    yield from differences(CONF_PAGE, there, expected)


def page_has_every_type(tree):
    types = re.findall(r"^\.It Ar (.*)", subsection_of(tree.read(CONF_PAGE), "Values"), flags=re.M)
    yield from differences(f"{CONF_PAGE}, Values,", dict.fromkeys(types),
                           dict.fromkeys(o["type"] for o in options(tree)))


def page_examples_load(tree):
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", tree.read(CONF_PAGE), flags=re.M | re.S)
    examples = [unescaped(b) for b in blocks if b.startswith("[")]
    if len(examples) < 5:
        yield f"{CONF_PAGE} has only {len(examples)} examples"
    for example in examples:
        yield from complaints_about(f"{CONF_PAGE}, example {example.split()[0:2]}", example)


def options_of_help(text):
    """{long option: (letter, argument)}"""
    found = re.findall(r"^ +(?:-(\w), +)?--([\w-]+)(?: ([A-Z]+))?(?:  |$)", text, flags=re.M)
    return {name: (letter, argument.lower()) for letter, name, argument in found}


def options_of_page(page):
    found = re.findall(r"^\.It (?:Fl (\w) , )?Fl -([\w-]+)(?: Ar (\w+))?$", page, flags=re.M)
    return {name: (letter, argument) for letter, name, argument in found}


def letters_of_synopsis(page):
    letters = set()
    for flags in re.findall(r"\bFl ([^-\s][^A\n]*)", section_of(page, "SYNOPSIS")):
        letters |= set(re.findall(r"\w", flags))
    return letters


def page_has_command_line(page_name, help_name):
    def check(tree):
        page = tree.read(page_name)
        expected = options_of_help(output(tree, help_name))
        yield from differences(page_name, options_of_page(page), expected)
        letters = {letter for letter, _ in expected.values() if letter}
        yield from differences(f"the synopsis of {page_name}",
                               dict.fromkeys(letters_of_synopsis(page)), dict.fromkeys(letters))
        for name, (letter, _) in expected.items():
            if not letter and f"Fl -{name}" not in section_of(page, "SYNOPSIS"):
                yield f"the synopsis of {page_name} lacks --{name}"
    return check


def statuses_of_help(text):
    part = re.search(r"^Exit status:(.*?)(?=^See |^Examples:|\Z)", text, flags=re.M | re.S)
    return set(re.findall(r"(?:^\s*|, )(\d+) +\S", part.group(1), flags=re.M)) if part else set()


def page_has_statuses(page_name, help_name, beyond=()):
    def check(tree):
        items = re.findall(r"^\.It (\d+)$", section_of(tree.read(page_name), "EXIT STATUS"),
                           flags=re.M)
        expected = statuses_of_help(output(tree, help_name)) | set(beyond)
        if len(expected) < 5:
            yield f"{help_name} has only {len(expected)} exit statuses"
        yield from differences(f"{page_name}, EXIT STATUS,", dict.fromkeys(items),
                               dict.fromkeys(expected))
    return check


# ---- records ---------------------------------------------------------------------------------


def sources(tree):
    return "\n".join(lint.blanked(tree.read(n), strings=False) for n in tree.files("src/**/*.c"))


def strings(code):
    return re.findall(r'"((?:\\.|[^"\\])*)"', code)


def page_has_fields(tree):
    there = set(re.findall(r"\bECHOD_[A-Z_]+",
                           "\n".join(re.findall(r"^\.It Dv .*ECHOD_.*", tree.read(ECHOD_PAGE),
                                                flags=re.M))))
    code = sources(tree)
    expected = set(re.findall(r'record_add\([^"]*"(ECHOD_[A-Z_]+)"', code))
    yield from differences(f"{ECHOD_PAGE}, RECORDS,", dict.fromkeys(there),
                           dict.fromkeys(expected))
    events = set(re.findall(r'"ECHOD_EVENT", "(\w+)"', code))
    item = re.search(r"^\.It Dv ECHOD_EVENT\n(.*?)^\.El", tree.read(ECHOD_PAGE), flags=re.M | re.S)
    yield from differences(f"{ECHOD_PAGE}, ECHOD_EVENT,",
                           dict.fromkeys(re.findall(r"^\.It Cm (\w+)", item.group(1), flags=re.M)),
                           dict.fromkeys(events))


def page_has_reasons(tree):
    page = subsection_of(tree.read(ECHOD_PAGE), "Reasons of the end of a session")
    there = dict(re.findall(r"^\.It Cm (.+?) Pq (\w+)$", page, flags=re.M))
    ends = lint.blanked(tree.read("src/worker/end.c"), strings=False)
    expected = {name: level.lower() for name, level in
                re.findall(r'\{END_\w+,\s*"([^"]+)",\s*"[^"]+",\s*LOG_(\w+)\}', ends)}
    declared = re.findall(r"^ +END_\w+", tree.read("src/worker/end.h"), flags=re.M)
    if len(expected) != len(declared):
        yield f"src/worker/end.c explains {len(expected)} of {len(declared)} ends"
    session = lint.blanked(tree.read("src/daemon/session.c"), strings=False)
    for assigned in re.findall(r"->reason = (.*?);", session, flags=re.S):
        for name in strings(assigned):
            expected[name] = there.get(name, "a level")
    yield from differences(f"{ECHOD_PAGE}, reasons of an end,", there, expected)


def page_has_refusals(tree):
    page = tree.read(ECHOD_PAGE)
    there = re.findall(r"^\.It Cm (.+)$", subsection_of(page, "Reasons of a refusal"), flags=re.M)
    code = lint.blanked(tree.read("src/daemon/admission.c"), strings=False)
    refusals = re.findall(r"struct refusal \w+ = \{(.*?)\};", code, flags=re.S)
    if not refusals:
        yield "src/daemon/admission.c has no refusal that this test recognises"
    texts = [strings(r) for r in refusals]
    yield from differences(f"{ECHOD_PAGE}, reasons of a refusal,", dict.fromkeys(there),
                           dict.fromkeys(t[-1] for t in texts))
    said = re.findall(r"^\.Ql (echod: .*)$", page, flags=re.M)
    yield from differences(f"{ECHOD_PAGE}, what refused clients are sent,", dict.fromkeys(said),
                           dict.fromkeys("".join(t[:-1]).removesuffix("\\n") for t in texts))


def doctor(name, pattern, replacement):
    return lambda tree: tree.doctored(name, pattern, replacement)


def doctor_output(name, pattern, replacement):
    def doctored(tree):
        output(tree, name)
        return tree.doctored(name, pattern, replacement)
    return doctored


NEW_ROW = "server\tnew_option\tnumber\t1\t1 to 2\treload\tNew.\n"

lint.main([
    ("echod.conf has every option, its default and its explanation", conf_has_every_option, {
        "an option that is missing": doctor(CONF, r"^;max_clients.*\n", ""),
        "an option too many": doctor(CONF, r"^;max_clients.*\n", r"\g<0>;max_servers = 1\n"),
        "an option that stands there twice": doctor(CONF, r"^;max_clients.*\n", r"\g<0>\g<0>"),
        "another default": doctor(CONF, "^;idle_timeout = 5min", ";idle_timeout = 6min"),
        "another explanation": doctor(CONF, "^# Clients served at once", "# Clients served"),
        "a value that is set": doctor(CONF, "^;port = 7777", "port = 7777"),
        "a new option": doctor_output(OPTIONS, r"\A", NEW_ROW)}),
    ("echod.conf has short lines", conf_lines_are_short, {
        "one that is long": doctor(CONF, "^;port = 7777", ";port = 7777" + 100 * " ")}),
    ("echod.conf loads, and no one is warned", conf_loads, {
        "an error": doctor(CONF, "^;port = 7777", "port = seven"),
        "a warning": doctor(CONF, "^;mode = 0666", "mode = 0600")}),
    ("echod.conf loads with every default set", conf_loads_with_defaults_set, {
        "one that is not": doctor(CONF, "^;reply = OK", ";reply = KO")}),
    ("each example of echod.conf loads, and no one is warned", conf_examples_load, {
        "one that does not": doctor(CONF, "^;message_pause = 200ms", ";message_pause = often"),
        "one that is warned of": doctor(CONF, "^;port = 7778", r"\g<0>\n;max_messages = 3"),
        "two that clash": doctor(CONF, "^;port = 7778", ";port = 9999")}),
    ("echod.conf(5) has every option, its type, default, values and effect",
     page_has_every_option, {
         "an option that is missing": doctor(CONF_PAGE, r"^\.It Ic when_full", ".It Ic when_empty"),
         "another type": doctor(CONF_PAGE, "Ic max_clients No = Ar number",
                                "Ic max_clients No = Ar size"),
         "another default": doctor(CONF_PAGE, r"^Default: 1000\.", "Default: 100."),
         "other values": doctor(CONF_PAGE, r"^Values: 1 to 100000\.", "Values: 0 to 100000."),
         "another effect": doctor(CONF_PAGE, r"^Takes effect: restart\.", "Takes effect: reload."),
         "a new option": doctor_output(OPTIONS, r"\A", NEW_ROW)}),
    ("echod.conf(5) explains every type of value", page_has_every_type, {
        "one that is missing": doctor(CONF_PAGE, r"^\.It Ar mode", ".It Ar mood")}),
    ("each example of echod.conf(5) loads, and no one is warned", page_examples_load, {
        "one that does not": doctor(CONF_PAGE, "^message_pause = 200ms", "message_pause = soon")}),
    ("echod(8) has every option of the command line",
     page_has_command_line(ECHOD_PAGE, ECHOD_HELP), {
         "one that is missing": doctor(ECHOD_PAGE, r"^\.It Fl d , Fl -daemon\n", ""),
         "one too many": doctor(ECHOD_PAGE, r"^\.It Fl d , Fl -daemon\n", r"\g<0>.It Fl -turbo\n"),
         "another letter": doctor(ECHOD_PAGE, r"^\.It Fl d , Fl -daemon", ".It Fl D , Fl -daemon"),
         "an argument that is missing": doctor(ECHOD_PAGE, "Fl -pid-file Ar file", "Fl -pid-file"),
         "one that the synopsis lacks": doctor(ECHOD_PAGE, r"^\.Op Fl df", ".Op Fl d"),
         "a new one": doctor_output(ECHOD_HELP, r"^  -h, --help", r"      --new  new\n\g<0>")}),
    ("echod(8) has every exit status",
     # 74 is not in the help: only --dump-config can exit with it.
     page_has_statuses(ECHOD_PAGE, ECHOD_HELP, beyond=("74",)), {
         "one that is missing": doctor(ECHOD_PAGE, r"^\.It 69", ".It 70"),
         "a new one": doctor_output(ECHOD_HELP, "78 the", "75 later, 78 the")}),
    ("echoc(1) has every option of the command line",
     page_has_command_line(ECHOC_PAGE, ECHOC_HELP), {
         "one that is missing": doctor(ECHOC_PAGE, r"^\.It Fl -raw", ".It Fl -cooked"),
         "one that the synopsis lacks": doctor(ECHOC_PAGE, r"^\.Fl -unix Ar path\n", ""),
         "a new one": doctor_output(ECHOC_HELP, r"^  -h, --help", r"  -x, --new X  new\n\g<0>")}),
    ("echoc(1) has every exit status", page_has_statuses(ECHOC_PAGE, ECHOC_HELP), {
        "one that is missing": doctor(ECHOC_PAGE, r"^\.It 3$", ".It 4"),
        "a new one": doctor_output(ECHOC_HELP, "^   3  ", r"   2  new\n\g<0>")}),
    ("echod(8) has every field of a record", page_has_fields, {
        "one that is missing": doctor(ECHOD_PAGE, "ECHOD_BYTES_IN , ", ""),
        "one too many": doctor(ECHOD_PAGE, "ECHOD_BYTES_IN , ", "ECHOD_BYTES , "),
        "an event that is missing": doctor(ECHOD_PAGE, r"^\.It Cm refused", ".It Cm rejected"),
        "a new one": doctor("src/daemon/session.c", '"ECHOD_BYTES_IN"', '"ECHOD_NEW"')}),
    ("echod(8) has every reason of the end of a session, and its level", page_has_reasons, {
        "one that is missing": doctor(ECHOD_PAGE, r"^\.It Cm too-long Pq notice", ".It"),
        "another level": doctor(ECHOD_PAGE, "Cm too-long Pq notice", "Cm too-long Pq info"),
        "a new one": doctor("src/worker/end.c", '"too-long"', '"too-new"'),
        "a new one of the daemon": doctor("src/daemon/session.c", '"killed"', '"slain"')}),
    ("echod(8) has every reason of a refusal, and what the client is sent", page_has_refusals, {
        "one that is missing": doctor(ECHOD_PAGE, r"^\.It Cm not allowed", ".It Cm not liked"),
        "another text": doctor(ECHOD_PAGE, "^.Ql echod: access denied", ".Ql echod: go away"),
        "a new one": doctor("src/daemon/admission.c", '"full"', '"crowded"')}),
])
