"""Runs clang-tidy over the sources of the product, in parallel.

usage: clang_tidy.py BUILD_DIR

Reads BUILD_DIR/compile_commands.json. What passed is remembered there by a digest of the file and
of all headers, so that a second run looks only at what changed.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import rules_tools
import source_tree

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
REMEMBERED = "clang_tidy_passed.json"


def commands(build):
    """{path from the top: command} of each .cpp of the product that the build compiles."""
    entries = json.loads((build / "compile_commands.json").read_text())
    found = {}
    for entry in entries:
        path = pathlib.Path(entry["file"]).resolve()
        if path.is_relative_to(TOP):
            relative = str(path.relative_to(TOP))
            if relative.split("/", 1)[0] in source_tree.FLOORS:
                found[relative] = entry["command"]
    return found


def digests(found):
    """{path: what decides about the outcome for this file}."""
    common = hashlib.sha256((TOP / ".clang-tidy").read_bytes())
    for path in source_tree.paths(str(TOP)):
        if path.endswith(".h"):
            common.update((TOP / path).read_bytes())
    result = {}
    for path, command in found.items():
        digest = common.copy()
        digest.update(command.encode() + (TOP / path).read_bytes())
        result[path] = digest.hexdigest()
    return result


def judge(tool, build, path):
    """(path, what clang-tidy says; empty: nothing)."""
    done = subprocess.run([tool, "-p", str(build), "--quiet", str(TOP / path)],
                          capture_output=True, text=True, check=False)
    if done.returncode == 0 and "error:" not in done.stdout and "warning:" not in done.stdout:
        return path, ""
    return path, done.stdout.strip() or done.stderr.strip() or f"{tool}: exit {done.returncode}"


def main(arguments):
    build = pathlib.Path(arguments[0]).resolve()
    try:
        tool = rules_tools.find_tool("clang-tidy", 14)
    except rules_tools.ToolMissing as error:
        print(error)
        return 1
    wanted = digests(commands(build))
    if not wanted:
        print(f"no source of the product in {build}/compile_commands.json")
        return 1
    memory = build / REMEMBERED
    passed = json.loads(memory.read_text()) if memory.exists() else {}
    todo = [path for path, digest in wanted.items() if passed.get(path) != digest]
    todo.sort(key=lambda path: -(TOP / path).stat().st_size)
    failures = 0
    workers = len(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for path, said in pool.map(lambda path: judge(tool, build, path), todo):
            if said:
                failures += 1
                passed.pop(path, None)
                print(said.replace(f"{TOP}/", ""), flush=True)
            else:
                passed[path] = wanted[path]
    memory.write_text(json.dumps(passed))
    print(f"{len(wanted)} files, {len(todo)} looked at, {failures} with faults")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
