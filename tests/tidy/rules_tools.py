"""Rules that other programs judge: clang-format, shellcheck. Each yields (path, line, message)."""

import re
import shutil
import subprocess

PLACE = re.compile(r"^(?:\./)?([^:\s]+):(\d+):\d*:? (.*)$", re.M)


class ToolMissing(Exception):
    """A program that judges is not installed."""


def find_tool(name, version=None):
    """The program NAME-VERSION, or NAME where it is of that version."""
    if version and shutil.which(f"{name}-{version}"):
        return f"{name}-{version}"
    if shutil.which(name):
        said = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
        if version is None or re.search(rf"version {version}\.", said.stdout):
            return name
    raise ToolMissing(f"{name} {version or ''} is not installed".replace("  ", " "))


def _judge(top, command, paths):
    """What COMMAND says of the files: (path, line, message). Failing in silence is a fault, too."""
    if not paths:
        return
    done = subprocess.run(command + sorted(paths), cwd=top, capture_output=True, text=True,
                          check=False)
    said = PLACE.findall(done.stdout + done.stderr)
    for path, line, message in said:
        yield path, int(line), message
    if done.returncode != 0 and not said:
        yield paths[0], 1, f"{command[0]} failed: {(done.stdout + done.stderr).strip()[:500]}"


def clang_format(top, files):
    tool = find_tool("clang-format", 14)
    paths = [path for path, file in files.items() if file.is_cpp]
    for path, line, _ in _judge(top, [tool, "--dry-run", "-Werror"], paths):
        yield path, line, f"not as clang-format writes it: {tool} -i {path}"


def shellcheck(top, files):
    tool = find_tool("shellcheck")
    paths = [path for path, file in files.items() if file.is_shell and not file.is_data]
    command = [tool, "--external-sources", "--severity=warning", "--format=gcc"]
    yield from _judge(top, command, paths)


ALL = (clang_format, shellcheck)
