"""Dependencies between units (a .c file and its .h) have no cycles: if a unit uses another one, by calls,
data or includes, that one must not use it, directly or through other units."""
import functools
import re
import sys

sys.dont_write_bytecode = True
import lint  # noqa: E402

# External definitions begin at the left margin, without static.
OTHERS = r"^(?!static\b|typedef\b|extern\b)[A-Za-z_][\w \t*]*?\b(\w+)"
FUNCTION = re.compile(OTHERS + r"\((?:[^;{}()]|\([^;{}()]*\))*\)\s*\{", re.M)
DATA = re.compile(OTHERS + r"(?:\[[^\]]*\])*\s*=", re.M)
STATIC = re.compile(r"^static\b[^;{}()=]*?\b(\w+)\s*[(\[=;]", re.M)
DECLARED = re.compile(r"^[A-Za-z_][\w \t*]*?\b(\w+)(?:\[\]|\(|;)", re.M)
NAME = re.compile(r"(?<![\w.])(?<!->)[A-Za-z_]\w*")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def unit_of(name):
    return name.removeprefix("src/").rsplit(".", 1)[0]


@functools.lru_cache(maxsize=None)
def facts(text):
    """The names that the source TEXT defines externally and internally, all names in it, and its includes."""
    code = lint.blanked(text)
    without = re.sub(r"^\s*#\s*include.*$", "", code, flags=re.M)
    return (frozenset(FUNCTION.findall(code)) | frozenset(DATA.findall(code)),
            frozenset(STATIC.findall(code)), frozenset(NAME.findall(without)),
            frozenset(INCLUDE.findall(lint.blanked(text, strings=False))))


def uses(tree):
    """A map of each unit to the units that it uses."""
    files = tree.files("src/**/*.c", "src/**/*.h")
    known = {name: facts(tree.read(name)) for name in files}
    owner = {}
    for name, (defined, _, _, _) in known.items():
        for symbol in defined if name.endswith(".c") else ():
            owner.setdefault(symbol, set()).add(unit_of(name))
    units = {unit_of(name): set() for name in files}
    for name, (_, own, names, included) in known.items():
        unit = unit_of(name)
        if name.endswith(".h"):  # a declaration is not a use
            own = own | frozenset(DECLARED.findall(lint.blanked(tree.read(name))))
        units[unit] |= {unit_of(header) for header in included if unit_of(header) in units}
        for symbol in names - own:
            if len(owner.get(symbol, ())) == 1:  # each program has a main()
                units[unit] |= owner[symbol]
        units[unit].discard(unit)
    return units


def cycles(graph):
    """The strongly connected components of GRAPH that have more than one member (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(unit):
        index[unit] = low[unit] = len(index)
        stack.append(unit)
        for other in sorted(graph[unit]):
            if other not in index:
                visit(other)
                low[unit] = min(low[unit], low[other])
            elif other in stack:
                low[unit] = min(low[unit], index[other])
        if low[unit] == index[unit]:
            start = stack.index(unit)
            if len(stack) - start > 1:
                found.append(sorted(stack[start:]))
            del stack[start:]

    sys.setrecursionlimit(10000)
    for unit in sorted(graph):
        if unit not in index:
            visit(unit)
    return found


def no_cycles(tree):
    for cycle in cycles(uses(tree)):
        yield "dependency cycle: " + " ".join(cycle)


def append(name, text):
    return lambda tree: tree.with_file(name, tree.read(name) + text)


def main():
    lint.main([
        ("no unit of src is in a dependency cycle", no_cycles, {
            "a call back": append("src/base/hash.c", "void f(void) { log_send(0, 0); }\n"
                                  "void g(void) { address_format(0, 0, 0); }\n"),
            "a reference to data back": append("src/net/service.c", "int f = option_count;\n"),
            "an include back": append("src/base/fd.h", '#include "base/passed_fds.h"\n'),
        })])


if __name__ == "__main__":
    main()
