"""Postfix's delivery log of made-up sessions, and the count of what it says."""

import collections
import pathlib
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "scenarios"))
from delivery_log import delivery_lines  # What one delivery logs, by its kind.

# Kinds that are one failed session each.
FAILURES = ("validation-failure", "certificate-not-trusted", "certificate-expired",
            "dane-no-match", "starttls-not-supported")


def day_of(instant):
    """The UTC day of unix second INSTANT, as YYYY-MM-DD."""
    return time.strftime("%Y-%m-%d", time.gmtime(instant))


def stamp(instant):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime(instant))


class CountedLog:
    """Appends to the log at PATH of the host RELAY.

    `counted` has {(day, domain): [successful, failed]} sessions.
    """

    def __init__(self, path, relay):
        self.path = pathlib.Path(path)
        self.path.touch()
        self.relay = relay
        self.counted = collections.defaultdict(lambda: [0, 0])
        self.number = 0
        self.waiting = []

    def deliver(self, instant, domain, failed=False, mx_host=None):
        """One session at unix second INSTANT; written at the next flush()."""
        self.number += 1
        kind = FAILURES[self.number % len(FAILURES)] if failed else "success"
        options = {"mx": mx_host} if mx_host else {}
        self.waiting.append(delivery_lines(stamp(instant), self.relay, domain, kind,
                                           self.number, options))
        self.counted[day_of(instant), domain][1 if failed else 0] += 1

    def pass_time(self, instant):
        """A line that is no session, from which a reader sees how late it is."""
        self.waiting.append(f"{stamp(instant)} {self.relay} postfix/qmgr[77]: "
                            f"{self.number:08X}: removed\n")

    def flush(self):
        """Writes what is waiting, so that a reader finds it."""
        with open(self.path, "a", encoding="ascii") as file:
            file.write("".join(self.waiting))
        self.waiting.clear()
