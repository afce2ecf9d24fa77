"""Plots as SVG files by gnuplot."""
import shutil
import subprocess

STYLE = """\
set terminal svg size 900,500 font "sans,12" background "white"
set output "{output}"
set title "{title}"
set grid ytics
set key outside right
set style fill solid 0.8 border -1
"""


def quoted(text):
    """TEXT as a gnuplot string in which underscores are literal."""
    return '"' + str(text).replace("\\", "").replace('"', "").replace("_", "\\\\_") + '"'


def _run(script):
    subprocess.run(["gnuplot"], input=script, text=True, check=True, timeout=60)


def _data(name, rows):
    lines = "\n".join(" ".join(str(value) for value in row) for row in rows)
    return f"${name} << EOD\n{lines}\nEOD\n"


def _bars(output, title, columns, rows, logarithmic=False):
    """A group of bars for each row (label, value of each of COLUMNS)."""
    rows = [(quoted(label), *("NaN" if v is None else v for v in values))
            for label, *values in rows]
    script = STYLE.format(output=output, title=title) + _data("rows", rows)
    script += "set style data histograms\nset xtics rotate by -30\n"
    # Bars begin at zero, which a logarithmic scale does not have.
    script += "set logscale y\n" if logarithmic else "set yrange [0:]\n"
    bars = [f"$rows using {n}:xtic(1) title {quoted(name)}"
            for n, name in enumerate(columns, 2)]
    _run(script + "plot " + ", ".join(bars) + "\n")


def _curves(output, title, xlabel, curves):
    """A line for each (name, [(x, y)]), with logarithmic axes."""
    script = STYLE.format(output=output, title=title)
    script += f"set logscale xy\nset xlabel {quoted(xlabel)}\n"
    for number, (_, points) in enumerate(curves):
        script += _data(f"curve{number}", points)
    script += "plot " + ", ".join(f"$curve{number} with linespoints title {quoted(name)}"
                                  for number, (name, _) in enumerate(curves)) + "\n"
    _run(script)


def _short(results, directory):
    for field, title in (("cpu_us", "CPU of a short connection, µs"),
                         ("rate", "Short connections per second")):
        cells = results.cells("short")
        rows = [(server, *(results.median("short", server, cell, field) for cell in cells))
                for server in results.servers("short")]
        if rows:
            _bars(directory / f"short-{field}.svg", title,
                  [f"{cell} at once" for cell in cells], rows)


def _pingpong(results, directory):
    sizes = dict.fromkeys(cell.split()[0] for cell in results.cells("pingpong"))
    for size in sizes:
        cells = [cell for cell in results.cells("pingpong") if cell.split()[0] == size]
        curves = []
        for server in results.servers("pingpong"):
            points = [(cell.split()[1], results.median("pingpong", server, cell, "rate"))
                      for cell in cells]
            points = sorted((int(x), y) for x, y in points if y)
            curves += [(server, points)] if points else []
        if curves:
            _curves(directory / f"pingpong-{size}.svg", f"Round trips of {size} B per second",
                    "clients", curves)


def _held(results, directory):
    cells = results.cells("held")
    for field, title in (("memory_kib", "Memory of a held client, both ends, KiB"),
                         ("beside_us", "CPU of a short connection beside held clients, µs")):
        rows = [(server, *(results.median("held", server, cell, field) for cell in cells))
                for server in results.servers("held")]
        if rows:
            _bars(directory / f"held-{field}.svg", title, [f"{cell} held" for cell in cells], rows,
                  logarithmic=True)


def _others(results, directory):
    for work, field, title in (("bulk", "rate", "Bulk, MiB per second"),
                               ("datagrams", "rate", "Datagrams answered per second")):
        cells = results.cells(work)
        rows = [(server, *(results.median(work, server, cell, field) for cell in cells))
                for server in results.servers(work)]
        if rows:
            _bars(directory / f"{work}.svg", title, cells, rows)


def draw(results, directory):
    """Creates DIRECTORY and draws all plots into it. Returns whether gnuplot is installed."""
    if not shutil.which("gnuplot"):
        return False
    directory.mkdir(parents=True, exist_ok=True)
    for plot in (_short, _pingpong, _held, _others):
        plot(results, directory)
    return True
