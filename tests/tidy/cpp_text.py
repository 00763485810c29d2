"""Just enough understanding of C++ text for rules: comments, literals, where functions are."""

import re

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/'
    r'|R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)"'
    r'|"(?:\\.|[^"\\\n])*"'
    # Not the separator of digits, as in 1'000.
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.DOTALL)
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")
# What may stand between the parameter list of a function and its body.
TRAILER = re.compile(
    r"\)\s*(?:const|noexcept(?:\s*\([^()]*\))?|override|final|&&?|mutable|try"
    r"|->\s*[\w:<>,\s*&]+|requires\s[^;{}]*)?\s*"
    r"(?:const|noexcept|override|final|\s)*(?::[^;]*)?$")


def blank_comments_and_literals(text):
    """TEXT with each comment and the inside of each literal as blanks; line breaks stay."""

    def blank(match):
        found = match.group(0)
        if found.startswith("/"):
            return re.sub(r"[^\n]", " ", found)
        quote = found[-1]
        return quote + re.sub(r"[^\n]", " ", found[1:-1]) + quote

    return TOKEN.sub(blank, text)


def _is_function(head):
    """Whether the text before a brace is the head of a function rather than of a scope or table."""
    head = head.strip()
    if "(" not in head or SCOPE.search(head.split("(", 1)[0]):
        return False
    return bool(TRAILER.search(head))


def _begins_value(code, brace):
    """Whether the brace belongs to a value, as in `name{1}`: a body has a blank before it."""
    return brace > 0 and re.match(r"[\w>]", code[brace - 1]) is not None


def _without_directives(code):
    return re.sub(r"^[ \t]*#[^\n]*", lambda match: " " * len(match.group(0)), code, flags=re.M)


def functions(code):
    """(first, last line) of each function in blanked CODE; a lambda is part of its function."""
    code = _without_directives(code)
    found = []
    in_function = 0  # Depth of braces inside the present function; 0: outside of all.
    in_value = 0  # The same for a braced value, such as in a list of member initialisers.
    first = 0
    last_end = 0
    for match in re.finditer(r"[{};]", code):
        token = match.group(0)
        deeper = {"{": 1, "}": -1, ";": 0}[token]
        if in_value or (not in_function and token == "{" and _begins_value(code, match.start())):
            in_value += deeper
            continue
        if in_function:
            in_function += deeper
            if in_function == 0:
                found.append((first, code.count("\n", 0, match.start()) + 1))
        elif token == "{":
            head = code[last_end:match.start()]
            if _is_function(head):
                start = last_end + len(head) - len(head.lstrip())
                first = code.count("\n", 0, start) + 1
                in_function = 1
        last_end = match.end()
    return found
