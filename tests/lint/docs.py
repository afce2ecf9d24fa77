"""The manual pages, the shipped echod.conf, the catalog and the programs agree."""
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
ECHOCTL_PAGE = "man/echoctl.8"
CATALOG = "systemd/echod.catalog"
EVENTS = "src/log/event.c"
# Output of the programs, treated as files of the tree so that test cases can modify it like them.
OPTIONS = "output of echod --list-options"
ECHOD_HELP = "output of echod --help"
ECHOC_HELP = "output of echoc --help"
CHECK_PAGE = "man/check_echo.1"
CHECK_HELP = "output of check_echo --help"
SEND_HELP = "output of echoc send --help"
ECHOCTL_HELP = "output of echoctl --help"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def program(name):
    path = lint.BUILDDIR / name
    if not path.exists():
        raise lint.Skip(f"{path} was not built")
    return str(path)


def output(tree, name):
    """The output of the program for NAME, one of the names above."""
    if name not in tree.changed:
        _, _, command, *arguments = name.split()
        result = run(program(command), *arguments)
        if result.returncode != (3 if name == CHECK_HELP else 0) or result.stderr:
            raise AssertionError(f"{command} {arguments} fails: {result.stderr}")
        tree.changed[name] = result.stdout
    return tree.read(name)


# ---- the option table ------------------------------------------------------------------------

FIELDS = ("section", "name", "type", "default", "values", "help")


def options(tree):
    lines = output(tree, OPTIONS).splitlines()
    return [dict(zip(FIELDS, line.split("\t"))) for line in lines]


def differences(what, there, expected):
    """Complaints about the dict THERE, from WHAT, where its keys or values differ from EXPECTED."""
    for key in sorted(expected.keys() - there.keys()):
        yield f"{what} lacks {key}"
    for key in sorted(there.keys() - expected.keys()):
        yield f"{what} has {key}, which does not exist"
    for key in sorted(there.keys() & expected.keys()):
        if there[key] != expected[key]:
            yield f"{what} has {there[key]!r} for {key}, not {expected[key]!r}"


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
    """The messages of echod about the configuration TEXT."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "echod.conf")
        path.write_text(text, encoding="utf-8")
        result = run(program("echod"), "--config", str(path), "--check-config")
        for line in result.stderr.splitlines():
            yield f"{what}: {line.replace(str(path), 'line')}"
        if result.returncode and not result.stderr:
            yield f"{what}: echod --check-config exits with {result.returncode}"


def dump(text):
    """The sections, options and values that echod reads from the configuration TEXT."""
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
                     for key, label in (("default", "Default"), ("values", "Values"))}
            there[section, head.group(1)] = {"type": head.group(2),
                                             **{k: " / ".join(v) for k, v in facts.items()}}
    expected = {(o["section"], o["name"]): {"type": o["type"],
                                            "default": o["default"] or "empty",
                                            "values": o["values"]}
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


def verbs_of_echoc(tree):
    """{verb: summary}"""
    part = re.search(r"The verbs:\n(.*?)^\w", output(tree, ECHOC_HELP), flags=re.M | re.S)
    return dict(re.findall(r"^  (\w+) +(.*)$", part.group(1) if part else "", flags=re.M))


def help_of_program(tree, name):
    """The help text of the program, with that of each verb if it has verbs."""
    text = output(tree, name)
    if name == ECHOC_HELP:
        text += "".join(output(tree, f"output of echoc {verb} --help")
                        for verb in verbs_of_echoc(tree))
    return text


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
        expected = options_of_help(help_of_program(tree, help_name))
        yield from differences(page_name, options_of_page(page), expected)
        letters = {letter for letter, _ in expected.values() if letter}
        yield from differences(f"the synopsis of {page_name}",
                               dict.fromkeys(letters_of_synopsis(page)), dict.fromkeys(letters))
        for name, (letter, _) in expected.items():
            if not letter and f"Fl -{name}" not in section_of(page, "SYNOPSIS"):
                yield f"the synopsis of {page_name} lacks --{name}"
    return check


def page_has_verbs(tree):
    page = tree.read(ECHOC_PAGE)
    titles = re.findall(r"^\.Ss (.+)$", section_of(page, "DESCRIPTION"), flags=re.M)
    there = {name for title in titles for name in title.split(", ")}
    expected = dict.fromkeys(verbs_of_echoc(tree))
    yield from differences(f"{ECHOC_PAGE}, DESCRIPTION,", dict.fromkeys(there), expected)
    synopsis = re.findall(r"^\.(?:Op )?Cm (.+)$", section_of(page, "SYNOPSIS"), flags=re.M)
    named = {name for line in synopsis for name in line.split(" | ")}
    yield from differences(f"the synopsis of {ECHOC_PAGE}", dict.fromkeys(named), expected)


# An option in a bash completion: not part of another word.
COMPLETED = re.compile(r"(?<![\w-])--([a-z][\w-]+)")


def completion_has_options(name, help_name):
    def check(tree):
        script = re.sub(r"^\s*#.*$", "", tree.read(name), flags=re.M)
        expected = dict.fromkeys(options_of_help(help_of_program(tree, help_name)))
        yield from differences(name, dict.fromkeys(COMPLETED.findall(script)), expected)
    return check


def completion_has_verbs(tree):
    script = tree.read("completions/echoc")
    verbs = re.search(r'verbs="(.*)"', script)
    expected = verbs_of_echoc(tree)
    yield from differences("completions/echoc", dict.fromkeys(verbs.group(1).split()),
                           dict.fromkeys(expected))
    options_of = {}
    for names, found in re.findall(r'^ +([\w*| ]+)\) echo "(.*)" ;;$', script, flags=re.M):
        options_of.update(dict.fromkeys(names.split(" | "), COMPLETED.findall(found)))
    for verb in expected:
        there = options_of.get("*" if verb == "send" else verb, [])
        own = options_of_help(output(tree, f"output of echoc {verb} --help"))
        yield from differences(f"completions/echoc, {verb},", dict.fromkeys(there),
                               dict.fromkeys(own))


def commands_of_echoctl(tree):
    """{command: its operands}"""
    part = re.search(r"^Commands:\n(.*?)\n\n", output(tree, ECHOCTL_HELP), flags=re.M | re.S)
    return {name: operands.lower().split() for name, operands in
            re.findall(r"^  ([\w-]+)((?: [A-Z]+)*)(?:  |$)", part.group(1) if part else "",
                       flags=re.M)}


def completion_has_commands(tree):
    commands = re.search(r'commands="(.*)"', tree.read("completions/echoctl"))
    yield from differences("completions/echoctl", dict.fromkeys(commands.group(1).split()),
                           dict.fromkeys(commands_of_echoctl(tree)))


def page_has_commands(tree):
    page, expected = tree.read(ECHOCTL_PAGE), commands_of_echoctl(tree)
    if len(expected) < 5:
        yield f"{ECHOCTL_HELP} has only {len(expected)} commands"
    list_of_commands = section_of(page, "COMMANDS").split("\n.Ss ")[0]
    there = {name: re.findall(r" Ar (\w+)", operands) for name, operands in
             re.findall(r"^\.It Cm ([\w-]+)((?: Ar \w+)*)$", list_of_commands, flags=re.M)}
    yield from differences(f"{ECHOCTL_PAGE}, COMMANDS,", there, expected)
    if ".Op Ar operand ..." not in section_of(page, "SYNOPSIS"):
        yield f"the synopsis of {ECHOCTL_PAGE} has no operands"


def statuses_of_help(text):
    part = re.search(r"^Exit status:(.*?)(?=^See |^Examples:|\Z)", text, flags=re.M | re.S)
    return set(re.findall(r"(?:^\s*|, )(\d+) +\S", part.group(1), flags=re.M)) if part else set()


def page_has_statuses(page_name, help_name, beyond=()):
    def check(tree):
        items = re.findall(r"^\.It (\d+)$", section_of(tree.read(page_name), "EXIT STATUS"),
                           flags=re.M)
        expected = statuses_of_help(output(tree, help_name)) | set(beyond)
        if len(expected) < 4:
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
    expected = set(re.findall(r'record_add(?:_number)?\([^"]*"(ECHOD_[A-Z_]+)"', code))
    yield from differences(f"{ECHOD_PAGE}, RECORDS,", dict.fromkeys(there),
                           dict.fromkeys(expected))


def functions(code):
    """{name: body} of the functions in the C source CODE."""
    return dict(re.findall(r"^\w[^;{}]*?\b(\w+)\([^;{}]*\)\n\{\n(.*?)^\}", code, flags=re.M | re.S))


# ---- events ----------------------------------------------------------------------------------


def events(tree):
    """{constant: (name, MESSAGE_ID)}"""
    code = lint.blanked(tree.read(EVENTS), strings=False)
    return {constant: (name, number) for constant, name, number in
            re.findall(r'\[(EVENT_\w+)\]\s*=\s*\{"([^"]*)",\s*"([^"]*)"\}', code)}


def events_are_whole(tree):
    declared = re.findall(r"^ +(EVENT_\w+),", tree.read("src/log/event.h"), flags=re.M)
    yield from differences(EVENTS, events(tree), {**dict.fromkeys(declared[:-1]), **events(tree)})
    for kind, values in zip(("name", "MESSAGE_ID"), zip(*events(tree).values())):
        for value in set(values):
            if values.count(value) > 1:
                yield f"{EVENTS} has the {kind} {value} {values.count(value)} times"
    for name, number in events(tree).values():
        if not re.fullmatch("[0-9a-f]{32}", number):
            yield f"{EVENTS}: the MESSAGE_ID of {name} is no 128 bits in hex"


def page_has_events(tree):
    found = re.findall(r"^\.It Cm (\S+) Pq Li (\S+)$",
                       subsection_of(tree.read(ECHOD_PAGE), "Events"), flags=re.M)
    yield from differences(f"{ECHOD_PAGE}, Events,", dict(found), dict(events(tree).values()))
    if len(found) != len(dict(found)):
        yield f"{ECHOD_PAGE} has an event twice"


def fields_of_events(tree):
    """{MESSAGE_ID: the fields of its records}, as far as they are added by the function that begins the
    record and names its event."""
    known, fields = events(tree), {number: set() for _, number in events(tree).values()}
    of_worker = set()
    for name in tree.files("src/**/*.c"):
        code = lint.blanked(tree.read(name), strings=False)
        assigned = set(re.findall(r"\bEVENT_\w+", " ".join(re.findall(r"->event = (.*?);", code,
                                                                      flags=re.S))))
        for body in functions(code).values():
            added = set(re.findall(r'record_add(?:_number)?\([^"]*"(ECHOD_[A-Z_]+)"', body))
            if name.startswith("src/service/"):
                of_worker |= added
            for event in re.findall(r"record_event\([^,]*, ([^)]*)\)", body):
                for constant in {event} if event in known else assigned:
                    fields[known[constant][1]] |= added
    if "EVENT_MESSAGE" in known:
        fields[known["EVENT_MESSAGE"][1]] |= of_worker
    return fields


def catalog_has_events(tree):
    entries = re.split(r"^-- ", tree.read(CATALOG), flags=re.M)[1:]
    numbers = [entry.split("\n")[0] for entry in entries]
    expected = {number: name for name, number in events(tree).values()}
    yield from differences(CATALOG, {n: expected.get(n) for n in numbers}, expected)
    bugs = re.search(r"^AC_INIT\((?:\[.*?\], ){2}\[(.*?)\]", tree.read("configure.ac"), flags=re.M)
    fields = fields_of_events(tree)
    for entry, number in zip(entries, numbers):
        what = f"{CATALOG}, {expected.get(number, number)},"
        if numbers.count(number) > 1:
            yield f"{what} is there {numbers.count(number)} times"
        head, _, text = entry.partition("\n\n")
        there = dict(line.partition(": ")[::2] for line in head.split("\n")[1:])
        if not re.fullmatch(r"\S.{9,69}", there.pop("Subject", "")):
            yield f"{what} has no subject, or a long one"
        yield from differences(what, there, {"Defined-By": "echod", "Support": bugs.group(1),
                                             "Documentation": there.get("Documentation")})
        for field in re.findall(r"@(\w+)@", text):
            if field not in fields.get(number, ()):
                yield f"{what} shows {field}, which its records do not have"
        if not text.strip() or max(map(len, text.split("\n"))) > 100:
            yield f"{what} explains nothing, or in long lines"


# ---- reports of echoctl ----------------------------------------------------------------------

REPORT = "src/daemon/control/reports.c"
INQUIRY = "src/daemon/admission/check_access.c"
TOTALS = "src/daemon/session/counters.c"
HISTOGRAM = "src/daemon/session/histogram.c"


def keys_of_report(tree, functions_of_it):
    """The keys that the functions print, in pairs."""
    code = "".join(lint.blanked(tree.read(name), strings=False) for name in (REPORT, INQUIRY))
    bodies, keys = functions(code), []
    for name in functions_of_it:
        for _, _, arguments in lint.calls(bodies.get(name, ""), ["fprintf"]):
            keys += re.findall(r"(?:^|\\t)(\w+)=%", "".join(strings(arguments)))
    return keys


def page_has_keys(tree):
    page, totals = tree.read(ECHOCTL_PAGE), lint.blanked(tree.read(TOTALS), strings=False)
    rows = re.findall(r'\.name = "(\w+)"', totals)
    for title, names, more in (("Keys of status", ("report_status",), rows),
                               ("Keys of list", ("report_clients", "report_client"), []),
                               ("Keys of listeners", ("report_listeners",), []),
                               ("Keys of datagrams", ("report_datagram",), []),
                               ("Keys of check-access", ("check_access_answer",), [])):
        expected = keys_of_report(tree, names) + more
        if len(expected) < 4:
            yield f"{REPORT} has only {len(expected)} keys of {title}"
        items = re.findall(r"^\.It Cm (.*)$", subsection_of(page, title), flags=re.M)
        there = [key for item in items for key in item.split(" , ")]
        yield from differences(f"{ECHOCTL_PAGE}, {title},", dict.fromkeys(there),
                               dict.fromkeys(expected))


def page_has_metrics(tree):
    page = subsection_of(tree.read(ECHOCTL_PAGE), "Metrics")
    there = {name: (kind, text.replace("\n", " ").strip()) for name, kind, text in
             re.findall(r"^\.It Cm (\w+) Pq (\w+)\n((?:[^.].*\n)+)", page, flags=re.M)}
    expected = {}
    code = lint.blanked(tree.read(REPORT), strings=False)
    for _, _, arguments in lint.calls(functions(code).get("report_metrics", ""), ["metric"]):
        if len(strings(arguments)) == 3:
            name, kind, text = strings(arguments)
            expected["echod_" + name] = (kind, text)
    for name, text in re.findall(r'\.metric = "(\w+)",\s*\.help = "(.*?)"',
                                 lint.blanked(tree.read(TOTALS), strings=False)):
        expected["echod_" + name] = ("counter", text)
    for name, text in re.findall(r'\.metric = "(\w+)",\s*\.help = "(.*?)"',
                                 lint.blanked(tree.read(HISTOGRAM), strings=False)):
        expected["echod_" + name] = ("histogram", text)
    if len(expected) < 10:
        yield f"{REPORT} has only {len(expected)} metrics"
    yield from differences(f"{ECHOCTL_PAGE}, Metrics,", there, expected)


# ---- reasons ---------------------------------------------------------------------------------


def page_has_reasons(tree):
    page = subsection_of(tree.read(ECHOD_PAGE), "Reasons of the end of a session")
    there = dict(re.findall(r"^\.It Cm (.+?) Pq (\w+)$", page, flags=re.M))
    ends = lint.blanked(tree.read("src/ipc/end.c"), strings=False)
    expected = {name: level.lower() for name, level in
                re.findall(r'\{END_\w+,\s*"([^"]+)",\s*"[^"]+",\s*LOG_(\w+)\}', ends)}
    declared = re.findall(r"^ +END_\w+", tree.read("src/ipc/end.h"), flags=re.M)
    if len(expected) != len(declared):
        yield f"src/ipc/end.c explains {len(expected)} of {len(declared)} ends"
    session = lint.blanked(tree.read("src/daemon/session/session_log.c"), strings=False)
    for assigned in re.findall(r"->reason = (.*?);", session, flags=re.S):
        for name in strings(assigned):
            expected[name] = there.get(name, "a level")
    yield from differences(f"{ECHOD_PAGE}, reasons of an end,", there, expected)


def page_has_refusals(tree):
    page = tree.read(ECHOD_PAGE)
    there = re.findall(r"^\.It Cm (.+)$", subsection_of(page, "Reasons of a refusal"), flags=re.M)
    code = lint.blanked(tree.read("src/daemon/admission/access.c"), strings=False)
    refusals = re.findall(r"\[ACCESS_\w+\] = \{(.*?)\}", code, flags=re.S)
    if not refusals:
        yield "src/daemon/admission/access.c has no refusal that this test recognises"
    texts = [strings(r) for r in refusals]
    yield from differences(f"{ECHOD_PAGE}, reasons of a refusal,", dict.fromkeys(there),
                           dict.fromkeys(t[-1] for t in texts))
    sent = re.findall(r"^\.Ql (echod: .*)$", page, flags=re.M)
    yield from differences(f"{ECHOD_PAGE}, replies to refused clients,", dict.fromkeys(sent),
                           dict.fromkeys("".join(t[:-1]).removesuffix("\\n").replace("%llu", "12")
                                         for t in texts))


def doctor(name, pattern, replacement):
    return lambda tree: tree.doctored(name, pattern, replacement)


def doctor_output(name, pattern, replacement):
    def doctored(tree):
        output(tree, name)
        return tree.doctored(name, pattern, replacement)
    return doctored


NEW_ROW = "server\tnew_option\tnumber\t1\t1 to 2\tNew.\n"

lint.main([
    ("echod.conf has every option, its default and its explanation", conf_has_every_option, {
        "an option that is missing": doctor(CONF, r"^;max_clients.*\n", ""),
        "an option too many": doctor(CONF, r"^;max_clients.*\n", r"\g<0>;max_servers = 1\n"),
        "an option that stands there twice": doctor(CONF, r"^;max_clients.*\n", r"\g<0>\g<0>"),
        "another default": doctor(CONF, "^;idle_timeout = 5min", ";idle_timeout = 6min"),
        "another explanation": doctor(CONF, "^# Maximum number of clients at once", "# Clients at once"),
        "a value that is set": doctor(CONF, "^;port = 7777", "port = 7777"),
        "a new option": doctor_output(OPTIONS, r"\A", NEW_ROW)}),
    ("echod.conf has short lines", conf_lines_are_short, {
        "one that is long": doctor(CONF, "^;port = 7777", ";port = 7777" + 100 * " ")}),
    ("echod.conf loads without a warning", conf_loads, {
        "an error": doctor(CONF, "^;port = 7777", "port = seven"),
        "a warning": doctor(CONF, "^;mode = 0666", "mode = 0600")}),
    ("echod.conf loads with every default set", conf_loads_with_defaults_set, {
        "one that is not": doctor(CONF, "^;reply = OK", ";reply = KO")}),
    ("each example of echod.conf loads without a warning", conf_examples_load, {
        "one that does not": doctor(CONF, "^;message_pause = 200ms", ";message_pause = often"),
        "one that causes a warning": doctor(CONF, "^;port = 7778", r"\g<0>\n;max_messages = 3"),
        "two that clash": doctor(CONF, "^;port = 7778", ";port = 9999")}),
    ("echod.conf(5) has every option, its type, default and values",
     page_has_every_option, {
         "an option that is missing": doctor(CONF_PAGE, r"^\.It Ic when_full", ".It Ic when_empty"),
         "another type": doctor(CONF_PAGE, "Ic max_clients No = Ar number",
                                "Ic max_clients No = Ar size"),
         "another default": doctor(CONF_PAGE, r"^Default: 1000\.", "Default: 100."),
         "other values": doctor(CONF_PAGE, r"^Values: 1 to 100000\.", "Values: 0 to 100000."),
         "a new option": doctor_output(OPTIONS, r"\A", NEW_ROW)}),
    ("echod.conf(5) explains every type of value", page_has_every_type, {
        "one that is missing": doctor(CONF_PAGE, r"^\.It Ar mode", ".It Ar mood")}),
    ("each example of echod.conf(5) loads without a warning", page_examples_load, {
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
         "one that the synopsis lacks": doctor(ECHOC_PAGE, r"^\.Op Fl -source Ar addr\n", ""),
         "a new one": doctor_output(ECHOC_HELP, r"^  -h, --help", r"  -x, --new X  new\n\g<0>")}),
    ("echoc(1) has every verb", page_has_verbs, {
        "one that is missing": doctor(ECHOC_PAGE, r"^\.Ss idle\n", ".Ss idly\n"),
        "one that the synopsis lacks": doctor(ECHOC_PAGE, r"^\.Cm sweep\n", ".Cm mop\n"),
        "a new one": doctor_output(ECHOC_HELP, r"^  hold ", r"  new       new\n\g<0>")}),
    ("echoc(1) has every exit status", page_has_statuses(ECHOC_PAGE, SEND_HELP, beyond=("2",)), {
        "one that is missing": doctor(ECHOC_PAGE, r"^\.It 3$", ".It 4"),
        "a new one": doctor_output(SEND_HELP, "^   3  ", r"   5  new\n\g<0>")}),
    ("the completion of echoc has every option",
     completion_has_options("completions/echoc", ECHOC_HELP), {
         "one that is missing": doctor("completions/echoc", "--json --quiet", "--quiet"),
         "a new one": doctor_output(ECHOC_HELP, r"^  -h, --help", r"  -x, --new X  new\n\g<0>")}),
    ("the completion of echoc has every verb, and its options", completion_has_verbs, {
         "a verb that is missing": doctor("completions/echoc", "idle sweep", "idle"),
         "an option that is missing": doctor("completions/echoc", ' --histogram" ;;', '" ;;'),
         "an option of another verb": doctor("completions/echoc", '"--for"', '"--for --raw"')}),
    ("the completion of echoctl has every option",
     completion_has_options("completions/echoctl", ECHOCTL_HELP), {
         "one that is missing": doctor("completions/echoctl", "--json ", "")}),
    ("the completion of echoctl has every command", completion_has_commands, {
        "one that is missing": doctor("completions/echoctl", "kill ", "")}),
    ("the completion of echod has every option",
     completion_has_options("completions/echod", ECHOD_HELP), {
         "one too many": doctor("completions/echod", "--inetd ", "--inetd --turbo ")}),
    ("check_echo(1) has every option of the command line",
     page_has_command_line(CHECK_PAGE, CHECK_HELP), {
         "one that is missing": doctor(CHECK_PAGE, r"^\.It Fl w , Fl -warning Ar range\n", ""),
         "a new one": doctor_output(CHECK_HELP, r"^  -h, --help", r"  -x, --new X  new\n\g<0>")}),
    ("check_echo(1) has every exit status", page_has_statuses(CHECK_PAGE, CHECK_HELP), {
        "one that is missing": doctor(CHECK_PAGE, r"^\.It 3$", ".It 4")}),
    ("echoctl(8) has every option of the command line",
     page_has_command_line(ECHOCTL_PAGE, ECHOCTL_HELP), {
         "one that is missing": doctor(ECHOCTL_PAGE, r"^\.It Fl j , Fl -json\n", ""),
         "one that the synopsis lacks": doctor(ECHOCTL_PAGE, r"^\.Op Fl j\n", ""),
         "a new one": doctor_output(ECHOCTL_HELP, r"^  -h, --help", r"  -x, --new X  new\n\g<0>")}),
    ("echoctl(8) has every command", page_has_commands, {
        "one that is missing": doctor(ECHOCTL_PAGE, r"^\.It Cm reload$", ".It Cm restart"),
        "an operand that is missing": doctor(ECHOCTL_PAGE, r"^\.It Cm kill Ar id", ".It Cm kill"),
        "one of two that is missing": doctor(ECHOCTL_PAGE, r" Ar listener$", ""),
        "a synopsis without": doctor(ECHOCTL_PAGE, r"^\.Op Ar operand \.\.\.\n", ""),
        "a new one": doctor_output(ECHOCTL_HELP, "^  kill ID ", r"  new              new\n\g<0>")}),
    ("echoctl(8) has every exit status",
     # 71 (no memory) and 74 (standard output is full) are not in the help.
     page_has_statuses(ECHOCTL_PAGE, ECHOCTL_HELP, beyond=("71", "74")), {
         "one that is missing": doctor(ECHOCTL_PAGE, r"^\.It 4$", ".It 5"),
         "a new one": doctor_output(ECHOCTL_HELP, "64 bad", "5 later, 64 bad")}),
    ("echoctl(8) has every key of a report", page_has_keys, {
        "one that is missing": doctor(ECHOCTL_PAGE, "^.It Cm peer", ".It Cm pear"),
        "a new one of the status": doctor(REPORT, r"\\tpid=%d", r"\\tppid=%d"),
        "a new total": doctor(TOTALS, r'\.name = "served"', '.name = "admitted"'),
        "a new one of a client": doctor(REPORT, r"\\tseconds=", r"\\tnew=%s\\tseconds="),
        "a new one of a listener": doctor(REPORT, r"\\tfrom=", r"\\torigin="),
        "a new one of a verdict": doctor(INQUIRY, r"\\trule=", r"\\tlaw=")}),
    ("echoctl(8) has every metric, its type and its help", page_has_metrics, {
        "one that is missing": doctor(ECHOCTL_PAGE, "^.It Cm echod_clients Pq", ".It Cm echod Pq"),
        "another type": doctor(ECHOCTL_PAGE, "echod_clients Pq gauge", "echod_clients Pq counter"),
        "another help": doctor(ECHOCTL_PAGE, "^Messages stored in", "Messages sent in"),
        "a new gauge": doctor(REPORT, '"clients_max", "gauge"', '"clients_most", "gauge"'),
        "a new counter": doctor(TOTALS, '"reloads_total"', '"news_total"'),
        "a new histogram": doctor(HISTOGRAM, '"session_rtt_seconds"', '"session_rtt"')}),
    ("echod(8) has every field of a record", page_has_fields, {
        "one that is missing": doctor(ECHOD_PAGE, "ECHOD_BYTES_IN , ", ""),
        "one too many": doctor(ECHOD_PAGE, "ECHOD_BYTES_IN , ", "ECHOD_BYTES , "),
        "a new one": doctor("src/daemon/session/session_log.c", '"ECHOD_BYTES_IN"', '"ECHOD_NEW"')}),
    ("each event has a name and a MESSAGE_ID of its own", events_are_whole, {
        "one that lacks them": doctor(EVENTS, r"^    \[EVENT_PAUSED\].*\n", ""),
        "a name of two": doctor(EVENTS, '"resumed"', '"paused"'),
        "a MESSAGE_ID of two": doctor(EVENTS, '("refused", ").*(")',
                                      r"\g<1>fccc96cef52a425aa05b250af61d6d0f\2"),
        "a MESSAGE_ID that is short": doctor(EVENTS, '("refused", ").*(")', r"\g<1>6465\2")}),
    ("echod(8) has every event and its MESSAGE_ID", page_has_events, {
        "one that is missing": doctor(ECHOD_PAGE, r"^\.It Cm refused Pq", ".It Cm rejected Pq"),
        "another MESSAGE_ID": doctor(ECHOD_PAGE, r"Cm refused Pq Li 6465", "Cm refused Pq Li 6466"),
        "one that is listed twice": doctor(ECHOD_PAGE, r"^\.It Cm refused Pq.*\n",
                                              r"\g<0>\g<0>"),
        "a new one": doctor(EVENTS, '"refused", "6465', '"rejected", "6466')}),
    ("the catalog explains every event", catalog_has_events, {
        "one that is missing": doctor(CATALOG, "^-- 6465", "-- 6466"),
        "one that is listed twice": doctor(CATALOG, r"^-- (6465.*\n(?:[^-].*\n|\n)*)",
                                              r"\g<0>-- \1"),
        "one without a subject": doctor(CATALOG, "^Subject: A worker crashed\n", ""),
        "another address for support": doctor(CATALOG, "^Support: .*", "Support: nobody"),
        "a field that its records lack": doctor(CATALOG, "@ECHOD_REFUSALS@", "@ECHOD_REASON@"),
        "a field that is gone": doctor("src/service/message_store.c", '"ECHOD_SIZE"', '"ECHOD_LENGTH"'),
        "one that explains nothing": doctor(CATALOG, "^The shortage.*\n", ""),
        "a new event": doctor(EVENTS, '"refused", "6465', '"rejected", "6466')}),
    ("echod(8) has every reason of the end of a session, and its level", page_has_reasons, {
        "one that is missing": doctor(ECHOD_PAGE, r"^\.It Cm too-long Pq notice", ".It"),
        "another level": doctor(ECHOD_PAGE, "Cm too-long Pq notice", "Cm too-long Pq info"),
        "a new one": doctor("src/ipc/end.c", '"too-long"', '"too-new"'),
        "a new one of the daemon": doctor("src/daemon/session/session_log.c", '"killed"', '"slain"')}),
    ("echod(8) has every reason of a refusal, and the reply to the client", page_has_refusals, {
        "one that is missing": doctor(ECHOD_PAGE, r"^\.It Cm not allowed", ".It Cm not liked"),
        "another text": doctor(ECHOD_PAGE, "^.Ql echod: access denied", ".Ql echod: go away"),
        "a new one": doctor("src/daemon/admission/access.c", '"full"', '"crowded"')}),
])
