"""Rules for every text file. Each yields (line, message)."""

import ast
import re

MAX_LINE = 100
MAX_FILE = 600
MAX_FUNCTION = 70

PROSE = (".md", ".5", ".7", ".8")
# Split, so that this file does not break its own rule.
FORBIDDEN_WORD = re.compile("FIX" r"ME|\bX" r"XX\b")
REMINDER = re.compile(r"\bT" r"ODO\b(?!\([a-z][a-z0-9_ /-]*\): \S)")
MACHINE_PATH = re.compile(r"(?<![\w.-])/(?:work|root|home/[a-z]+|tmp/b-[a-z]+)/|\.\./sha" r"red\b")


def octets(file):
    """Encoding, line ends, control characters, tabs and trailing blanks."""
    try:
        file.octets.decode("utf-8")
    except UnicodeDecodeError as error:
        line = file.octets.count(b"\n", 0, error.start) + 1
        yield line, "is not UTF-8"
    if file.octets and not file.octets.endswith(b"\n"):
        yield len(file.lines), "no line end at the end of the file"
    if file.octets.endswith(b"\n\n"):
        yield len(file.lines) - 1, "blank line at the end of the file"
    for number, line in enumerate(file.lines, 1):
        if "\t" in line:
            yield number, "tab: use blanks (in a string: \\t)"
        if line != line.rstrip():
            yield number, "trailing blank"
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line):
            yield number, "control character: write it as an escape"


def lengths(file):
    """Length of lines and of the file."""
    for number, line in enumerate(file.lines, 1):
        table_or_link = file.path.endswith(".md") and (line.startswith("|") or "](" in line)
        if len(line) > MAX_LINE and not table_or_link:
            yield number, f"{len(line)} characters: a line has at most {MAX_LINE}"
    count = len(file.lines) - 1
    if count > MAX_FILE and not file.is_man_page:  # A page holds all of its program.
        yield count, f"{count} lines: a file has at most {MAX_FILE}, split it by concept"


def words(file):
    """Reminders and paths that must not be left behind."""
    for number, line in enumerate(file.lines, 1):
        if FORBIDDEN_WORD.search(line):
            yield number, "never reaches main: do it, or say T" "ODO(area): with a reason"
        if REMINDER.search(line):
            yield number, "write it as `T" "ODO(area): what, and why not now`"
        if MACHINE_PATH.search(line):
            yield number, "path of one machine: nobody else has it"


def python(file):
    """Python that parses, with functions that are not too long."""
    if not file.is_python:
        return
    try:
        tree = ast.parse(file.text)
    except SyntaxError as error:
        yield error.lineno or 1, f"does not parse: {error.msg}"
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION:
                yield node.lineno, too_long(length)


def too_long(length):
    return f"{length} lines: a function has at most {MAX_FUNCTION}"


ALL = (octets, lengths, words, python)
