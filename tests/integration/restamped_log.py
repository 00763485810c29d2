"""A clock of the test's own, and a log that is written by it.

TLSRPT_CLOCK shows the programs that clock. Postfix cannot be shown it: each line of its log gets
another stamp on the way into the file that the programs follow.
"""

import datetime
import os
import re
import threading

STAMP = re.compile(r"^[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d ")


class TestClock:
    """Stands still until it is set; in a file, as the programs want it."""

    def __init__(self, path, now):
        self.path = path
        self.set(now)

    def set(self, now):
        """`now`: an aware datetime. The file is whole at any time."""
        self.now = now
        other = f"{self.path}.new"
        with open(other, "w", encoding="ascii") as file:
            file.write(f"{int(now.timestamp())}\n")
        os.rename(other, self.path)

    def environment(self):
        return {"TLSRPT_CLOCK": f"file:{self.path}"}


class RestampedLog:
    """Copies a growing log to `path`, with the stamps of `clock`, in UTC.

    `keep(line)`: whether a line is copied. Use stop() at the end.
    """

    def __init__(self, log, path, clock, keep=lambda line: True):
        self.log = log
        self.path = path
        self.clock = clock
        self.keep = keep
        self.offset = os.path.getsize(log)
        self.lock = threading.Lock()
        self.ended = threading.Event()
        open(path, "a", encoding="utf-8").close()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ended.wait(0.05):
            self.copy()

    def copy(self):
        """Copies what is there; all of it when this returns."""
        with self.lock, open(self.log, "rb") as source:
            source.seek(self.offset)
            whole, newline, _ = source.read().rpartition(b"\n")
            self.offset += len(whole) + len(newline)
            lines = [self._restamp(line) for line in whole.decode(errors="replace").split("\n")]
            with open(self.path, "a", encoding="utf-8") as target:
                target.write("".join(f"{line}\n" for line in lines if line and self.keep(line)))

    def _restamp(self, line):
        stamp = self.clock.now.astimezone(datetime.timezone.utc)
        text = f"{stamp:%b} {stamp.day:2d} {stamp:%H:%M:%S} "
        restamped, number = STAMP.subn(text, line)
        assert number == 1 or not line, f"a log line without stamp: {line!r}"
        return restamped

    def stop(self):
        self.ended.set()
        self.thread.join(10)
