#!/usr/bin/env python3
"""Kills the daemon while log and TLSRPT datagrams tell it of the same sessions.

Whatever each of its lives had read of one and received of the other when it ended by SIGKILL or
SIGTERM, each session counts once, by both or by what was not lost. The socket is handed over, so
that nothing may be missing. Time is the test's own, so that the ten minutes in which one half
waits for the other pass in no time.
"""

import argparse
import collections
import os
import pathlib
import random
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "scenarios")]

import tls_sessions
from kill_receiver import WAIT_S, World

BEGIN = 1795348800  # 2026-11-22T12:00:00Z
FULL_WAIT = 700  # Longer than one half waits for the other.
DOMAINS = 30
# Numbers of policy/fact.h.
OUTCOMES = {"success": 0, "certificate-expired": 4, "resumed": 0}


class Clock:
    """The time of the daemon and of the log, in a file that is whole at any instant."""

    def __init__(self, folder):
        self.path = folder / "clock"
        self.seconds = BEGIN
        self.advance(0)

    def advance(self, seconds):
        self.seconds += seconds
        draft = self.path.with_suffix(".draft")
        draft.write_text(f"{self.seconds}\n", encoding="ascii")
        draft.rename(self.path)


class Postfix(threading.Thread):
    """Makes sessions until it is told to stop, and knows how many there were.

    Lines are only lost for some domains and datagrams for others: of one that lost its line and
    one that lost its datagram nobody could tell that they were two.
    """

    def __init__(self, path, log, clock, seed):
        super().__init__(daemon=True)
        self.path = str(path)
        self.log = log
        self.clock = clock
        self.rng = random.Random(seed)
        self.truth = collections.Counter()
        self.stops = threading.Event()

    def run(self):
        number = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out, \
                open(self.log, "a", encoding="utf-8") as log:
            out.connect(self.path)
            while not self.stops.is_set():
                for _ in range(self.rng.randint(1, 40)):
                    number += 1
                    self.session(number, out, log)
                if self.rng.random() < 0.2:
                    self.clock.advance(self.rng.randint(1, 3))
                self.stops.wait(self.rng.random() * 0.01)

    def session(self, number, out, log):
        place = self.rng.randrange(DOMAINS)
        kind = self.rng.choice(tuple(OUTCOMES))
        session = tls_sessions.TlsSession(kind, f"domain{place}.kill.example", number, {})
        datagram = session.datagram()
        if place % 3 == 1 and self.rng.random() < 0.3:
            datagram = None
        is_logged = place % 3 != 2 or not datagram or self.rng.random() < 0.7
        steps = [lambda: datagram and out.send(datagram.encode()),
                 lambda: is_logged and self.write(session, log)]
        self.rng.shuffle(steps)
        for step in steps:
            step()
        self.truth[session.domain, OUTCOMES[kind]] += 1

    def write(self, session, log):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(self.clock.seconds))
        log.writelines(f"{stamp} relay postfix/{program}[{os.getpid()}]: {text}\n"
                       for program, text in session.lines())
        log.flush()


class BothWorld(World):
    def __init__(self, options, folder):
        super().__init__(options, folder)
        self.log = self.folder / "mail.log"
        self.log.touch()
        self.clock = Clock(self.folder)
        os.environ["TLSRPT_CLOCK"] = f"file:{self.clock.path}"
        self.config.write_text(self.config.read_text(encoding="utf-8").replace(
            "log_source = none", f"log_source = file:{self.log}"), encoding="utf-8")

    def counted(self):
        with sqlite3.connect(f"file:{self.store}?mode=ro", uri=True) as store:
            rows = store.execute("SELECT t.value, f.outcome, sum(f.sessions) FROM fact AS f "
                                 "JOIN text AS t ON t.id = f.domain WHERE f.sessions > 0 "
                                 "GROUP BY 1, 2").fetchall()
        return collections.Counter({(domain, outcome): count for domain, outcome, count in rows})

    def run(self, lives):
        """What happened, and what was counted."""
        self.last_life()
        postfix = Postfix(self.path, self.log, self.clock, self.options.seed)
        postfix.start()
        for _ in range(lives):
            self.life(self.rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
            if self.rng.random() < 0.3:
                self.clock.advance(self.rng.randint(1, 200))
        postfix.stops.set()
        self.last_life()  # Also lets a sender go that waits for room.
        postfix.join()
        self.last_life()
        self.clock.advance(FULL_WAIT)
        self.wait_for(postfix.truth)
        return postfix.truth, self.counted()

    def wait_for(self, truth):
        """One more life, until it has counted TRUTH or a long time has passed."""
        self.forget_notices()
        process = self.start()
        self.wait_until_ready()
        deadline = time.monotonic() + WAIT_S / 4
        while self.counted() != truth and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WAIT_S)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--milter", required=True)
    parser.add_argument("--lives", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    options = parser.parse_args()
    options.own = False
    print(f"--seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tlsrpt-kill-") as folder:
        truth, counted = BothWorld(options, folder).run(options.lives)
    for key in sorted(truth | counted):
        if truth[key] != counted[key]:
            print(f"{key}: {counted[key]} counted, {truth[key]} happened")
    print(f"{options.lives} lives, {truth.total()} sessions, {counted.total()} counted", flush=True)
    sys.exit(0 if truth == counted and truth else 1)


if __name__ == "__main__":
    main()
