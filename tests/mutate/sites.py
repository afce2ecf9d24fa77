"""Finds the places where a condition of a C source can be changed."""
import re

# Operators and their replacements. The spaces, which clang-format ensures, exclude shifts, arrows, pointers
# and headers.
OPERATORS = {" < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ", " == ": " != ", " != ": " == ",
             " && ": " || ", " || ": " && "}
OPERATOR = re.compile("|".join(re.escape(op) for op in OPERATORS))
IF = re.compile(r"\b(?:if|while) \(")
# A number in a comparison or a sum, to be changed by one.
NUMBER = re.compile(r"(?<=[<>=+-] )([0-9]+)\b(?![.xX])")


def blanked(text):
    """TEXT with comments, strings and preprocessor lines replaced by spaces, so that the positions of the
    rest are unchanged."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())

    text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)
    return re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.M)


def bodies(code):
    """The ranges of functions: from an opening brace at the start of a line to the next closing one there."""
    for match in re.finditer(r"^\{\n.*?^\}", code, flags=re.M | re.S):
        yield match.start(), match.end()


def closing(code, at):
    """The position of the parenthesis that closes the one before AT."""
    depth = 1
    while depth:
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        at += 1
    return at - 1


def changes_of(code, start, end):
    for match in OPERATOR.finditer(code, start, end):
        yield match.start(), match.end(), OPERATORS[match.group()]
    for match in IF.finditer(code, start, end):
        last = closing(code, match.end())
        yield match.end(), last, None  # negated
    for match in NUMBER.finditer(code, start, end):
        yield match.start(), match.end(), str(int(match.group()) + 1)


class Change:
    """One change of the file NAME, with its text and a key that names it."""

    def __init__(self, name, text, start, end, new):
        old = text[start:end]
        self.name = name
        self.line = text.count("\n", 0, start) + 1
        self.text = text[:start] + (f"!({old})" if new is None else new) + text[end:]
        self.what = f"!({old})" if new is None else f"{old.strip()} becomes {new.strip()}"
        self.what = " ".join(self.what.split())
        begin = text.rfind("\n", 0, start) + 1
        self.code = text[begin:text.find("\n", start)].strip()
        # The key has the text of the line, because edits above it change its number.
        self.key = f"{name}: {self.code}: {self.what} at {start - begin}"

    def __str__(self):
        return f"{self.name}:{self.line}: {self.what}: {self.code}"


def changes(name, text):
    code = blanked(text)
    for start, end in bodies(code):
        for change in sorted(changes_of(code, start, end), key=lambda c: c[:2]):
            yield Change(name, text, *change)
