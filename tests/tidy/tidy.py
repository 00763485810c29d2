"""Checks the rules of the project that a program can check.

usage: tidy.py [TOP]

Prints `path:line: message [rule]` for each fault and fails where there is one. What breaks a rule
with good reason stands in exceptions.txt beside this file: `rule path: reason`. An exception
that nothing needs any more is a fault, too.
"""

import pathlib
import re
import sys

import rules_cpp
import rules_documents
import rules_text
import rules_tools
import rules_tree
import source_tree

HERE = pathlib.Path(__file__).resolve().parent
EXCEPTIONS = HERE / "exceptions.txt"
FIRST_LINES = 3  # Of one rule in one file that are shown.


def read_exceptions(text):
    """{(rule, path): line number} of exceptions.txt. Raises ValueError where a line is wrong."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(\w+) (\S+): (\S.{9,})", line)
        if not match:
            raise ValueError(f"exceptions.txt:{number}: want `rule path: reason`")
        found[match[1], match[2]] = number
    return found


def faults_of_file(file):
    """(rule, path, line, message) of all rules for one file."""
    rules = () if file.is_data else rules_text.ALL
    if file.is_man_page:
        rules = [rule for rule in rules if rule is not rules_text.octets]  # Tabs in -column.
    if file.is_cpp:
        rules = (*rules, *rules_cpp.ALL)
    for rule in rules:
        for line, message in rule(file):
            yield rule.__name__, file.path, line, message


def all_faults(top, files, tools=True):
    for file in files.values():
        yield from faults_of_file(file)
    for rule in rules_tree.ALL + rules_documents.ALL:
        for path, line, message in rule(files):
            yield rule.__name__, path, line, message
    for rule in rules_tools.ALL if tools else ():
        for path, line, message in rule(top, files):
            yield rule.__name__, path, line, message


def check(top, files, exceptions, tools=True):
    """The faults that no exception covers, and the exceptions that cover none."""
    used = set()
    for rule, path, line, message in all_faults(top, files, tools):
        if (rule, path) in exceptions:
            used.add((rule, path))
        else:
            yield rule, path, line, message
    for (rule, path), line in exceptions.items():
        if (rule, path) not in used:
            yield ("exceptions", "tests/tidy/exceptions.txt", line,
                   f"nothing in {path} needs the exception from {rule}")


def main(arguments):
    top = str(pathlib.Path(arguments[0] if arguments else HERE.parent.parent).resolve())
    files = source_tree.read(top)
    seen = {}
    try:
        for rule, path, line, message in check(top, files, read_exceptions(EXCEPTIONS.read_text())):
            seen[rule, path] = seen.get((rule, path), 0) + 1
            if seen[rule, path] <= FIRST_LINES:
                print(f"{path}:{line}: {message} [{rule}]")
    except (rules_tools.ToolMissing, ValueError) as error:
        print(f"tidy: {error}")
        return 1
    count = sum(seen.values())
    print(f"{len(files)} files, {count} faults")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
