"""The results as Markdown tables."""
import goals

BASE = "loop"


def number(value, digits=None):
    if value is None:
        return "–"
    if digits is None:
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def table(header, rows):
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _cells_table(results, work, field, named):
    """A row for each server: FIELD for each cell, with its ratio to the loop's in brackets."""
    cells = results.cells(work)
    rows = []
    for server in results.servers(work):
        row = [server]
        for cell in cells:
            ratio = results.ratio(work, server, BASE, cell, field)
            text = number(results.median(work, server, cell, field))
            row.append(text + (f" ({ratio:.2f})" if ratio is not None else ""))
        rows.append(row + [number(results.errors(work, server), 0)])
    return table(["server", *(named(cell) for cell in cells), "errors"], rows)


def _clients(cell):
    return f"{int(cell):,} at once"


def _pingpong_cell(cell):
    size, clients = cell.split()
    return f"{int(size):,} B × {int(clients):,}"


SECTIONS = (
    ("short", "cpu_us", "Short connections: CPU of each, µs", _clients),
    ("short", "rate", "Short connections: per second", _clients),
    ("pingpong", "rate", "Ping-pong: round trips per second (size × clients)", _pingpong_cell),
    ("pingpong", "cpu_us", "Ping-pong: CPU of a round trip, µs", _pingpong_cell),
    ("bulk", "rate", "Bulk: MiB per second", _clients),
    ("bulk", "cpu_us", "Bulk: CPU of a MiB, µs", _clients),
    ("datagrams", "rate", "Datagrams: answered per second", lambda cell: f"{int(cell):,} B"),
    ("datagrams", "cpu_us", "Datagrams: CPU of each, µs", lambda cell: f"{int(cell):,} B"),
    ("start", "ms", "Start to first echo, and reload: ms", str),
    ("start", "cpu_ms", "Start to first echo, and reload: CPU, ms", str),
)

HELD = (("held", "held"), ("errors", "errors"), ("memory_kib", "KiB each, both ends"),
        ("cgroup_kib", "of it by cgroup"), ("alone_us", "CPU of a connection, none held, µs"),
        ("beside_us", "beside them"), ("one_us", "one at a time"), ("end_us", "a held one's end"))
RELOADED = (("list_ms", "list, ms"), ("lines", "lines"), ("reload_ms", "reload, ms"),
            ("reload_cpu_ms", "its CPU, ms"), ("reloaded_memory_kib", "KiB each, after it"),
            ("reloaded_beside_us", "CPU of a connection, µs"), ("reloaded_one_us", "one at a time"),
            ("reloaded_end_us", "a held one's end"), ("drain_ms", "drain, ms"),
            ("drain_cpu_ms", "its CPU, ms"))


def _held_rows(results, cell, columns, servers):
    for server in servers:
        row = [server]
        for field, _ in columns:
            value = results.median("held", server, cell, field)
            if field == "errors":
                value = sum(results.values("held", server, cell, field))
            row.append(number(value, 0 if field in ("held", "errors", "lines") else None))
        yield row


def _held(results):
    for cell in results.cells("held"):
        servers = [server for server in results.servers("held")
                   if results.values("held", server, cell, "wanted")]
        reloaded = [s for s in servers if results.values("held", s, cell, "reload_ms")]
        for title, columns, rows in ((f"{int(cell):,} clients held", HELD, servers),
                                     (f"{int(cell):,} clients held: echoctl list, a reload, a "
                                      "drain", RELOADED, reloaded)):
            if rows:
                yield from ("", f"## {title}", "")
                yield from table(["server", *(name for _, name in columns)],
                                 _held_rows(results, cell, columns, rows))


def _goals(results):
    rows = []
    for goal in goals.GOALS:
        figure, verdict = goal.judge(results)
        sign = "≤" if goal.at_most else "≥"
        rows.append([goal.text, f"{sign} {goal.limit:g}", number(figure), verdict])
    yield from ("", "## Goals: echod", "")
    yield from table(["figure", "goal", "measured", ""], rows)


def _machine(facts):
    what = facts["machine"]
    yield (f"{what['processors']} processors ({what['cpu']}), {what['memory_mib']} MiB, "
           f"Linux {what['kernel']}, {what['system']}; loopback. {facts['accounting']}.")
    yield (f"Medians of up to {facts['rounds']} interleaved rounds; in brackets the median of the "
           "rounds' ratios to the bare loop with libc.")
    for when in ("before", "after"):
        state = facts.get(when)
        if state:
            load = ", ".join(f"{one:.2f}" for one in state["load_average"])
            yield (f"{when.capitalize()}: load average {load}; fork, exit and wait "
                   f"{state['fork_us']:.0f} µs.")
    forks = facts.get("fork_us", [])
    if forks:
        yield f"That cycle at the start of each round: {', '.join(f'{us:.0f}' for us in forks)} µs."


def lines(results, facts):
    yield from _machine(facts)
    for work, field, title, named in SECTIONS:
        if results.servers(work):
            yield from ("", f"## {title}", "")
            yield from _cells_table(results, work, field, named)
    yield from _held(results)
    yield from _goals(results)
    if results.notes:
        yield from ("", "Not measured:", "")
        yield from (f"- {note}" for note in results.notes)
