"""The files of the project, read once, and what kind each is."""

import os
import pathlib
import re
import subprocess

import cpp_text

# Written by others or for a test's sake, byte by byte: no rule about text applies.
DATA = re.compile(
    r"tests/(data|config|fuzz/corpus|scenarios)/|tests/.*/golden/|contrib/sample/|LICENSE$")
SKIPPED_WITHOUT_GIT = re.compile(r"(^|/)(\.git|build[^/]*|quickstart-output|__pycache__)(/|$)")
FLOORS = ("policy", "reporter", "milter")


class SourceFile:
    """One file: its path from the top with slashes, its bytes, its text and what it is."""

    def __init__(self, top, path):
        self.path = path
        self.name = path.rsplit("/", 1)[-1]
        full = os.path.join(top, path)
        self.executable = bool(os.stat(full).st_mode & 0o100)
        self.octets = pathlib.Path(full).read_bytes()
        self.text = self.octets.decode("utf-8", "replace")
        self.lines = self.text.split("\n")
        self._code = None

    @property
    def is_data(self):
        return bool(DATA.search(self.path))

    @property
    def is_cpp(self):
        return self.path.endswith((".cpp", ".h"))

    @property
    def is_python(self):
        return self.path.endswith(".py") or self.lines[0].endswith(("python3", "python3 -B"))

    @property
    def is_shell(self):
        return self.path.endswith(".sh") or bool(re.match(r"#!.*\b(ba|da)?sh\b", self.lines[0]))

    @property
    def is_man_page(self):
        return bool(re.match(r"man/[^/]+\.[1-8]$", self.path))

    @property
    def floor(self):
        """policy, reporter or milter for a source of the product, else None."""
        first = self.path.split("/", 1)[0]
        return first if self.is_cpp and first in FLOORS else None

    @property
    def code(self):
        """The text of a C++ file with comments and literals blanked, line by line as before."""
        if self._code is None:
            self._code = cpp_text.blank_comments_and_literals(self.text)
        return self._code


def paths(top):
    """All files of the project below TOP, sorted: what git tracks or would track.

    Without git (an export) all that lie there, but for what a build writes.
    """
    listed = _git_paths(top)
    if listed is None:
        listed = _found_paths(top)
    return sorted(path for path in listed if os.path.isfile(os.path.join(top, path)))


def _git_paths(top):
    if not os.path.exists(os.path.join(top, ".git")):
        return None
    command = ["git", "-c", f"safe.directory={top}", "-C", top, "ls-files", "-z",
               "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    if done.returncode != 0:
        return None
    return set(done.stdout.decode("utf-8", "surrogateescape").split("\0")) - {""}


def _found_paths(top):
    found = set()
    for folder, subfolders, files in os.walk(top):
        relative = os.path.relpath(folder, top)
        prefix = "" if relative == "." else relative + "/"
        subfolders[:] = [name for name in subfolders
                         if not SKIPPED_WITHOUT_GIT.search(prefix + name)]
        found.update(prefix + name for name in files)
    return found


def read(top):
    """Every file of the project below TOP as a SourceFile, by path."""
    return {path: SourceFile(top, path) for path in paths(top)}
