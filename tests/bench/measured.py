"""Runs a program and says what it took."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time

MIB = 1024 * 1024


@dataclasses.dataclass
class Run:
    """CPU and wall time in seconds, peak memory in octets, and what the program wrote."""

    cpu: float
    wall: float
    peak: int
    output: str

    @property
    def peak_mib(self):
        return self.peak / MIB


def run(command, environment=None, text=b""):
    """Runs COMMAND, with TEXT to read, to its end. Ends this program where it does not exit with 0.

    The kernel starts the peak memory of a process with its parent's at the time of the fork, so
    a small process stands between (launch()): what needs less than some 10 MiB shows as that.
    """
    with (tempfile.NamedTemporaryFile("r") as usage, tempfile.TemporaryFile("w+") as complaints,
          tempfile.TemporaryFile() as source):
        source.write(text)
        source.seek(0)
        done = subprocess.run([sys.executable, "-I", "-S", __file__, usage.name, *command],
                              stdin=source, stdout=subprocess.PIPE, stderr=complaints,
                              env={**os.environ, **(environment or {})}, encoding="utf-8",
                              errors="replace", check=False)
        if done.returncode != 0:
            complaints.seek(0)
            sys.exit(f"bench: exit {done.returncode} from: {' '.join(command)}\n"
                     f"{complaints.read()[-2000:]}")
        return Run(**json.load(usage), output=done.stdout)


def launch(usage_file, command):
    """Runs COMMAND, writes what it took into USAGE_FILE, and returns its exit status."""
    started = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(child, 0)
    with open(usage_file, "w", encoding="ascii") as file:
        json.dump({"cpu": used.ru_utime + used.ru_stime, "wall": time.monotonic() - started,
                   "peak": used.ru_maxrss * 1024}, file)
    return os.waitstatus_to_exitcode(status)


def table(heads, rows):
    """HEADS and ROWS of text as lines with aligned columns: the first left, others right."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row in [heads, ["-" * width for width in widths], *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())
    print(flush=True)


if __name__ == "__main__":
    sys.exit(launch(sys.argv[1], sys.argv[2:]))
