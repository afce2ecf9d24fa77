"""A terminal's output as a picture in SVG, and its text out of one. Colours are those that the program
set: SGR sequences (ECMA-48) for bold, faint, underlined and the 16 colours."""
import re
from xml.etree import ElementTree
from xml.sax.saxutils import escape

CELL, LINE, SIZE, EDGE, BAR = 8.4, 19, 14, 16, 30  # pixels; BAR is the window's title
SVG = "http://www.w3.org/2000/svg"
COLOURS = ("#414868", "#f7768e", "#9ece6a", "#e0af68", "#7aa2f7", "#bb9af7", "#7dcfff", "#c0caf5",
           "#7a82ae", "#ff899d", "#b9f27c", "#ffc777", "#8db0ff", "#c7a9ff", "#a4daff", "#ffffff")
HEAD = """<svg xmlns="{svg}" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>{title}</title>
<style>
text {{ font: {size}px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace;
  fill: #c0caf5; white-space: pre; }}
.bold {{ font-weight: bold; }} .faint {{ opacity: .6; }} .underlined {{ text-decoration: underline; }}
.bar {{ fill: #565f89; }} .prompt {{ fill: #9ece6a; }}
{colours}
</style>
<rect width="{width}" height="{height}" rx="8" fill="#1a1b26"/>
<g class="bar"><circle cx="20" cy="18" r="5"/><circle cx="38" cy="18" r="5"/><circle cx="56" cy="18" r="5"/></g>
"""


def change(style, code):
    """The classes STYLE as the parameter CODE of an SGR sequence changes them."""
    if code == 0:
        return ()
    attribute = {1: "bold", 2: "faint", 4: "underlined"}.get(code)
    if attribute:
        return (*style, attribute)
    if 30 <= code <= 37 or 90 <= code <= 97 or code == 39:
        kept = tuple(name for name in style if not name.startswith("c"))
        number = code - 30 if code < 90 else code - 90 + 8
        return kept if code == 39 else (*kept, "c%d" % number)
    return style


def parts(line, style):
    """The pieces of LINE that look the same: (text, classes); and the classes at its end."""
    found = []
    for piece in re.split(r"(\x1b\[[\d;]*m)", line):
        if not piece.startswith("\x1b["):
            found += [(piece, style)] if piece else []
            continue
        for code in piece[2:-1].split(";"):
            style = change(style, int(code or 0))
    return found, style


def piece_of(column, y, text, style):
    """TEXT as wide as in a terminal, whatever font there is."""
    blanks = len(text) - len(text.lstrip(" "))
    shown = text.strip(" ")
    if not shown:
        return ""
    return '<text x="%.1f" y="%d" textLength="%.1f" lengthAdjust="spacingAndGlyphs"%s>%s</text>' % (
        EDGE + (column + blanks) * CELL, y, len(shown) * CELL,
        ' class="%s"' % " ".join(style) if style else "", escape(shown))


def lines_of(text):
    """TEXT without what is no SGR sequence: links (OSC 8) and the like."""
    text = re.sub(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", "", text)
    return re.sub(r"\x1b\[[\d;?]*[A-Za-ln-z]", "", text).rstrip("\n").split("\n")


def draw(command, output):
    """The picture of a terminal in which COMMAND has printed OUTPUT."""
    lines = ["\x1b[1m$ %s\x1b[0m" % command, *lines_of(output)]
    columns = max(len(re.sub(r"\x1b\[[\d;]*m", "", line)) for line in lines)
    body, style = [], ()
    for number, line in enumerate(lines):
        found, style = parts(line, style)
        column = 0
        row = []
        for text, classes in found:
            row.append(piece_of(column, BAR + EDGE + number * LINE, text, classes))
            column += len(text)
        body.append("<g>%s</g>" % "".join(row))
    head = HEAD.format(svg=SVG, width=round(columns * CELL + 2 * EDGE),
                       height=BAR + EDGE + len(lines) * LINE, title=escape(command), size=SIZE,
                       colours="\n".join(".c%d { fill: %s; }" % pair for pair in enumerate(COLOURS)))
    return head + "\n".join(body) + "\n</svg>\n"


def read(svg):
    """The command and the lines of output of a picture. Where words stand far apart, the blanks in between
    are as many as in the terminal."""
    root = ElementTree.fromstring(svg)
    lines = []
    for row in root.iter("{%s}g" % SVG):
        line = ""
        for piece in row.iter("{%s}text" % SVG):
            line = line.ljust(round((float(piece.get("x")) - EDGE) / CELL)) + piece.text
        lines.append(line)
    lines = lines[1:]  # the first group is the title bar
    return lines[0].removeprefix("$ "), lines[1:]
