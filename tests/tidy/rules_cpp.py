"""Rules for one C++ file. Each yields (line, message)."""

import re

import cpp_text
import rules_text

NUMBER = "use std::from_chars and check that all was consumed"
FORMAT = "use std::to_chars, string concatenation or snprintf"
CALENDAR = "use policy/utc_day.h and reporter/clock.h"
COPY = "use std::string or std::copy with a length"
RANDOM = "use getrandom(2) or <random> with a seed from it"
RAII = "only in a wrapper that owns the resource (unique_ptr with deleter, UniqueFd)"
NO_SHELL = "no shell: fork and exec with a fixed argument vector"
NO_SLEEP = "wait for the event: poll, condition variable, stop_token"

# Function -> what to use instead. Found as a call, also with std:: or :: before it.
BANNED_CALLS = {
    "sprintf": FORMAT, "vsprintf": FORMAT,
    "strcpy": COPY, "strncpy": COPY, "strcat": COPY, "strncat": COPY, "gets": COPY,
    "strtok": "use std::string_view and find",
    "atoi": NUMBER, "atol": NUMBER, "atoll": NUMBER, "atof": NUMBER, "sscanf": NUMBER,
    "strtol": NUMBER, "strtoul": NUMBER, "strtoll": NUMBER, "strtoull": NUMBER, "strtod": NUMBER,
    "stoi": NUMBER, "stol": NUMBER, "stoul": NUMBER, "stoll": NUMBER, "stoull": NUMBER,
    "stod": NUMBER,
    "localtime": CALENDAR, "localtime_r": CALENDAR, "gmtime": CALENDAR, "gmtime_r": CALENDAR,
    "mktime": CALENDAR, "timegm": CALENDAR, "ctime": CALENDAR, "asctime": CALENDAR,
    "strftime": CALENDAR, "strptime": CALENDAR, "gettimeofday": CALENDAR,
    "rand": RANDOM, "srand": RANDOM, "rand_r": RANDOM,
    "system": NO_SHELL, "popen": NO_SHELL,
    "sleep": NO_SLEEP, "usleep": NO_SLEEP, "nanosleep": NO_SLEEP, "sleep_for": NO_SLEEP,
    "sleep_until": NO_SLEEP,
    "malloc": RAII, "calloc": RAII, "realloc": RAII, "free": RAII, "close": RAII,
    "pipe": "use pipe2 with O_CLOEXEC", "dup": "use fcntl with F_DUPFD_CLOEXEC",
    "accept": "use accept4 with SOCK_CLOEXEC", "creat": "use open with O_CLOEXEC",
    "signal": "use sigaction", "strerror": "use std::generic_category().message()",
    "tmpnam": "use mkstemp", "mktemp": "use mkstemp", "tempnam": "use mkstemp",
    "detach": "a thread is joined: std::jthread",
    "alloca": "use std::vector", "setjmp": "use return values", "longjmp": "use return values",
}
CALL = re.compile(
    r"(?<![\w.>:])(?:(?:std|this_thread|)::)*(%s)\s*\(" % "|".join(BANNED_CALLS))
METHOD_CALL = re.compile(r"[.>](detach)\s*\(")

# Pattern -> what to use instead.
BANNED_WORDS = (
    (r"\busing\s+namespace\b", "name what is used, or qualify it"),
    (r"\bstd::endl\b", "write '\\n'"),
    # Within `unique_ptr<X> x(new X)`, where a private constructor is out of make_unique's reach.
    (r"^(?!.*unique_ptr<).*(?<!operator )\bnew\b\s*[\w:(]", RAII + ": std::make_unique"),
    (r"(?<!= )\bdelete\b", RAII),
    (r"\bvolatile\b", "use std::atomic"),
    (r"\bgoto\b", "return early"),
    (r"\bNULL\b", "use nullptr"),
    (r"\bstd::regex\b", "parse by hand: std::regex is neither total nor fast"),
    (r"^\s*#\s*define\b", "no macros: constexpr or a template"),
    (r"\b(?:std::)?time\s*\(\s*(?:nullptr|0|NULL)\s*\)", CALENDAR),
)
CLOCK_NOW = re.compile(r"\b(?:system_clock::now|clock_gettime|(?:std::)?::time)\s*\(")
CATCH_ALL = re.compile(r"\bcatch\s*\(\s*\.\.\.\s*\)")
# These calls make a file descriptor; without the flag a child process would inherit it.
OPENS = re.compile(
    r"(?<![\w.>:])(?:::)?(open|openat|socket|socketpair|accept4|pipe2|mkostemp|dup3|inotify_init1"
    r"|epoll_create1|eventfd|timerfd_create|signalfd|memfd_create)\s*\(")
NOLINT = re.compile(r"NOLINT(NEXTLINE|BEGIN|END)?\b(.*)")
EXPLAINED = re.compile(r"\([a-z][\w.,-]*\): \S")
# What may stand before a name that is called, where else it would be a type: a declaration.
BEFORE_CALL = re.compile(r"\b(?:return|else|do|co_return|throw)\s+$")


def _line_of(code, offset):
    return code.count("\n", 0, offset) + 1


def _call_text(code, start):
    """The arguments of the call whose opening parenthesis is the last character before START."""
    depth = 1
    for end in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[end], 0)
        if depth == 0:
            return code[start:end]
    return code[start:]


def _in_wrapper(file, number):
    """Whether the line is in, or just below the head of, a destructor or a deleter."""
    return any(re.search(r"~\w+\(|operator\(\)", line)
               for line in file.code.split("\n")[max(0, number - 3):number])


def _closes_descriptor(code, match):
    """Whether the call is close(2), by its :: or its argument, rather than a function of ours."""
    argument = _call_text(code, match.end())
    return match[0].startswith("::") or re.search(r"fd|socket|pipe|\[\d\]", argument) is not None


def banned_calls(file):
    for pattern in (CALL, METHOD_CALL):
        for match in pattern.finditer(file.code):
            name = match.group(1)
            before = file.code[:match.start()].rsplit("\n", 1)[-1]
            # A declaration such as `Status close(int fd);` names a function of ours.
            if re.search(r"[\w>&*]\s+[&*]?$", before) and not BEFORE_CALL.search(before):
                continue
            number = _line_of(file.code, match.start(1))
            if BANNED_CALLS[name] == RAII and _in_wrapper(file, number):
                continue
            if name == "close" and not _closes_descriptor(file.code, match):
                continue
            yield number, f"{name}(): {BANNED_CALLS[name]}"


def banned_words(file):
    for pattern, instead in BANNED_WORDS:
        for match in re.finditer(pattern, file.code, re.M):
            found = " ".join(match.group(0).split())
            yield _line_of(file.code, match.start()), f"{found}: {instead}"
    for match in CLOCK_NOW.finditer(file.code):
        yield _line_of(file.code, match.start()), f"{match.group(0)}: {CALENDAR}"


def catch_all(file):
    for match in CATCH_ALL.finditer(file.code):
        yield (_line_of(file.code, match.start()),
               "catch (...): only at the edges: main(), the top of a thread, a C callback")


def close_on_exec(file):
    if file.floor is None:
        return
    for match in OPENS.finditer(file.code):
        arguments = _call_text(file.code, match.end())
        if match[1].startswith("open") and "O_" not in arguments:
            continue  # A function of ours with that name.
        if "CLOEXEC" not in arguments:
            yield _line_of(file.code, match.start()), f"{match.group(1)}(): without CLOEXEC"


def comments(file):
    """// only; a NOLINT names its check and says why."""
    for number, line in enumerate(file.lines, 1):
        if re.match(r"\s*/\*", line):
            yield number, "comment with /*: write //"
        nolint = NOLINT.search(line)
        if nolint and nolint[1] != "END" and not EXPLAINED.match(nolint[2]):
            yield number, "write it as `NOLINT(check): reason`"


def function_lengths(file):
    for first, last in cpp_text.functions(file.code):
        length = last - first + 1
        if length > rules_text.MAX_FUNCTION:
            yield first, rules_text.too_long(length)


def header(file):
    """#pragma once, and a first sentence that says what the header is for."""
    if not file.path.endswith(".h"):
        return
    if file.code.count("#pragma once") != 1:
        yield 1, "a header has #pragma once"
    if not file.lines[0].startswith("// "):
        yield 1, "a header begins with a sentence: what it is for"


def name_spaces(file):
    if file.floor is None or file.name == "main.cpp":
        return
    if f"namespace tlsrpt::{file.floor}" not in file.code:
        yield 1, f"all of it is in namespace tlsrpt::{file.floor}"


def shared_pointers(file):
    """shared_ptr needs a comment: who shares it, and why no owner can be named."""
    for match in re.finditer(r"\bstd::(?:make_shared|shared_ptr)\b", file.code):
        number = _line_of(file.code, match.start())
        if not any("//" in line for line in file.lines[max(0, number - 4):number]):
            yield number, "shared_ptr: say in a comment who shares it"


ALL = (banned_calls, banned_words, catch_all, close_on_exec, comments, function_lengths, header,
       name_spaces, shared_pointers)
