"""What the documents at the top say about the source is true. Each yields (path, line, message)."""

import re

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")
QUOTED = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"\.?[a-z][\w.-]*(?:/[\w.*-]+)*/?")
FUNCTION = re.compile(r"((?:\w+::)*~?\w+)\(\)")
FILE_NAME = re.compile(r"(?:policy|reporter|milter|contrib|man|tests|\.ci)/\S+")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#]+)")


def _paths_in(line):
    return [found for found in QUOTED.findall(line) if FILE_NAME.fullmatch(found)]


def _exists(path, files):
    path = path.rstrip("/")
    if "*" in path:
        pattern = re.escape(path).replace(r"\*", "[^/]*")
        return any(re.fullmatch(pattern + "(/.*)?", name) for name in files)
    return path in files or any(name.startswith(path + "/") for name in files)


def files_exist(files):
    """Each file or folder of ours that is named in backticks, or linked, exists."""
    for document in DOCUMENTS:
        if document not in files:
            continue
        for number, line in enumerate(files[document].lines, 1):
            for path in _paths_in(line):
                if PATH.fullmatch(path) and not _exists(path, files):
                    yield document, number, f"there is no {path}"
            for path in LINK.findall(line):
                if not _exists(path, files):
                    yield document, number, f"links to {path}, which does not exist"


def _paragraphs(lines):
    """(number of the first line, text) of each paragraph, list item or table row."""
    start, held = 1, []
    for number, line in enumerate(lines, 1):
        begins = re.match(r"\s*([-*|]|\d+\.) ?", line) is not None
        if (not line.strip() or begins) and held:
            yield start, " ".join(held)
            held = []
        if line.strip():
            if not held:
                start = number
            held.append(line)
    if held:
        yield start, " ".join(held)


def functions_exist(files):
    """Each `function()` exists in a file that the same paragraph names; if none, anywhere."""
    code = {path: file.code for path, file in files.items() if file.floor}
    for document in DOCUMENTS:
        if document not in files:
            continue
        for start, text in _paragraphs(files[document].lines):
            named = [path for path in _paths_in(text) if path in code]
            for found in QUOTED.findall(text):
                match = FUNCTION.fullmatch(found)
                if not match:
                    continue
                name = re.compile(r"\b%s\s*\(" % re.escape(match[1].rsplit("::", 1)[-1]))
                if not any(name.search(code[path]) for path in (named or code)):
                    where = ", ".join(named) or "the source"
                    yield document, start, f"there is no {found} in {where}"


ALL = (files_exist, functions_exist)
