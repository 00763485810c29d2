"""Rules for the whole tree, given all its files by path. Each yields (path, line, message)."""

import re

FOLDERS = {".ci", "contrib", "man", "milter", "policy", "reporter", "tests"}
REQUIRED = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE",
            "contrib/quickstart", "contrib/run-tests", ".ci/run")
ALLOWED_AT_TOP = REQUIRED[:5] + (
    ".clang-format", ".clang-tidy", ".gitignore", "CMakeLists.txt", "CMakePresets.json")
# What each floor may include; the tests stand above all.
BELOW = {"policy": {"policy"}, "reporter": {"policy", "reporter"},
         "milter": {"policy", "reporter", "milter"}}
# Libraries that only one floor or part may know.
LIBRARIES = (
    (r"sqlite3\.h", r"reporter/store/", "SQLite belongs to the store"),
    (r"libpq-fe\.h", r"reporter/store/", "PostgreSQL belongs to the store"),
    (r"libmilter/.*", r"milter/", "libmilter belongs to milter/"),
    (r"curl/.*", r"(policy/https|reporter/(deliver/|main\.cpp))",
     "libcurl belongs to the fetcher and the delivery"),
    (r"ares.*\.h", r"policy/", "c-ares belongs to the resolver"),
    (r"simdjson\.h", r"milter/datagram/tlsrpt_datagram\.cpp",
     "simdjson belongs to the datagram parser"),
)
JSON_FILES = ("reporter/command/command_json.cpp", "reporter/report/report_json.cpp",
              "reporter/report/report_reader.cpp")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
INSTALL_LIST = "tests/install/install.list"


def _includes(file):
    """(line, quoted name or None, name in angle brackets or None) of each include."""
    for number, line in enumerate(file.lines, 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def _cpp(files):
    return [file for file in files.values() if file.is_cpp]


def include_direction(files):
    """policy <- reporter <- milter, by the path from the top; a .cpp has its own header first."""
    for file in _cpp(files):
        for number, quoted, _ in _includes(file):
            if quoted is None:
                continue
            if quoted not in files:
                yield file.path, number, f'"{quoted}": include by the path from the top'
            elif file.floor and quoted.split("/", 1)[0] not in BELOW[file.floor]:
                yield (file.path, number,
                       f'"{quoted}": {file.floor}/ must not include it, it stands above')


def own_header_first(files):
    for file in _cpp(files):
        own = file.path[:-len(".cpp")] + ".h"
        if not file.path.endswith(".cpp") or own not in files:
            continue
        first = next(_includes(file), (1, None, None))
        if first[1] != own:
            yield file.path, first[0], f'"{own}" comes first: so it is seen to stand alone'


def libraries(files):
    """Which library may be seen where."""
    for file in _cpp(files):
        for number, quoted, system in _includes(file):
            name = quoted or system
            for pattern, allowed, message in LIBRARIES:
                if re.fullmatch(pattern, name) and file.floor and not re.match(allowed, file.path):
                    yield file.path, number, f"{name}: {message}"
            if name.startswith("nlohmann/") and file.path not in JSON_FILES:
                yield (file.path, number,
                       f"{name}: only in {', '.join(JSON_FILES)}, never in a header")


def test_exists(files):
    """Each .cpp of the product has its test; each test is named after a source, or begins so."""
    stems = {re.sub(r"\.(cpp|h)$", "", path) for path in files if path.endswith((".cpp", ".h"))}
    for file in _cpp(files):
        if file.floor and file.path.endswith(".cpp"):
            test = f"tests/{file.path[:-len('.cpp')]}_test.cpp"
            if test not in files:
                yield file.path, 1, f"no {test}"
        match = re.match(r"tests/((?:policy|reporter|milter)/.*)_test\.cpp$", file.path)
        words = match[1].split("_") if match else []
        if match and not any("_".join(words[:n]) in stems for n in range(1, len(words) + 1)):
            yield file.path, 1, f"tests nothing: no {match[1]}.cpp or .h"


def places(files):
    """The fixed folders, and what has to be there."""
    for path in files:
        top, _, rest = path.partition("/")
        if rest and top not in FOLDERS:
            yield path, 1, f"{top}/: the top-level folders are {', '.join(sorted(FOLDERS))}"
        if not rest and path not in ALLOWED_AT_TOP:
            yield path, 1, "nothing more at the top: put it into contrib/, man/ or tests/"
    for path in REQUIRED:
        if path not in files:
            yield path, 1, "is missing"


def names(files):
    """snake_case, and each man page in the list of what is installed."""
    installed = files[INSTALL_LIST].text if INSTALL_LIST in files else ""
    for file in files.values():
        if (file.is_cpp or file.path.endswith(".py")) and not re.fullmatch(
                r"[a-z][a-z0-9_]*\.(cpp|h|py)", file.name):
            yield file.path, 1, "file names are snake_case"
        if file.is_man_page and f"/{file.name}\n" not in installed:
            yield file.path, 1, f"not in {INSTALL_LIST}"


def modes(files):
    """Only scripts can be executed."""
    for file in files.values():
        if file.executable and not file.text.startswith("#!"):
            yield file.path, 1, "is executable: chmod 644"


ALL = (include_direction, own_header_first, libraries, test_exists, places, names, modes)
