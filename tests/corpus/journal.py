#!/usr/bin/env python3
"""Counts of a journal: the same as of the log file of the same run.

Each NAME.export.xz of the corpus, written by `journalctl -o export` beside NAME.log.gz, becomes a
journal again, piece by piece, by systemd-journal-remote(8). A daemon follows it, is killed in the
middle of each piece, and is started anew; the journal is rotated meanwhile. In the end every row in
the store, every ignored session and every line that was not understood is what
`tlsrpt-milter --catch-up` makes of the file.
"""
import argparse
import gzip
import json
import lzma
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

PIECES = 12
# Pieces after which journald would have begun another file.
ROTATIONS = (3, 4, 9)
# Far more than a commit takes on a busy machine.
PATIENCE_S = 60
JOURNAL_REMOTE = "/lib/systemd/systemd-journal-remote"

ROWS = """SELECT fact.day, d.value, r.value, s.value, h.value, i.value, outcome, why.value, policy,
 minute, sum(sessions), sum(messages) FROM fact
 JOIN text AS d ON d.id = fact.domain JOIN text AS r ON r.id = fact.relay
 JOIN text AS s ON s.id = fact.service JOIN text AS h ON h.id = fact.mx_host
 JOIN text AS i ON i.id = fact.mx_ip JOIN text AS why ON why.id = fact.reason
 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"""
IGNORED = "SELECT day, kind, sessions FROM ignored ORDER BY 1, 2"
NOT_UNDERSTOOD = "SELECT day, line FROM not_understood ORDER BY 1, number"


class Run:
    """The programs with a configuration and a store of their own in FOLDER."""

    def __init__(self, args, truth, folder, source):
        self.milter = args.milter
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.config = self.folder / "tlsrpt.conf"
        self.store = self.folder / "store.sqlite"
        self.environment = dict(os.environ, TLSRPT_CLOCK=f"@{truth['last'] + 3600}")
        self.config.write_text(
            "organization_name = Replay\ncontact_info = tls-reports@relay.example\n"
            "log_timezone = UTC\npostfix_config = none\nrun_as = root\n"
            f"store = sqlite:{self.store}\nlog_source = {source}\n"
            f"syslog_name = {truth['syslog_name']}\n", encoding="utf-8")

    def catch_up(self):
        subprocess.run([self.milter, "-c", self.config, "--catch-up"], check=True,
                       env=self.environment, stderr=subprocess.DEVNULL)

    def follow(self):
        return subprocess.Popen([self.milter, "-c", self.config, "-f"], env=self.environment,
                                stderr=subprocess.DEVNULL)

    def ask(self, question):
        if not self.store.exists():
            return []
        with sqlite3.connect(f"file:{self.store}?mode=ro", uri=True) as database:
            return database.execute(question).fetchall()

    def position(self):
        try:
            return self.ask("SELECT position FROM collector")
        except sqlite3.OperationalError:  # Not made yet, or being made.
            return []

    def counted(self):
        return {"rows": self.ask(ROWS), "ignored": self.ask(IGNORED),
                # The stamps before the program look different.
                "not understood": [(day, line[line.index(b" postfix"):])
                                   for day, line in self.ask(NOT_UNDERSTOOD)]}


def append(folder, entries):
    subprocess.run([JOURNAL_REMOTE, f"--output={folder}/system.journal", "-"], input=entries,
                   check=True, stderr=subprocess.DEVNULL)


def follow_in_pieces(run, journal, entries):
    """Writes ENTRIES to the folder JOURNAL while daemons read it."""
    per_piece = len(entries) // PIECES + 1
    for piece in range(PIECES):
        before = run.position()
        daemon = run.follow()
        try:
            part = entries[piece * per_piece:(piece + 1) * per_piece]
            append(journal, b"".join(part))
            # Every other daemon dies at once, the others after something was committed.
            deadline = time.monotonic() + PATIENCE_S
            while piece % 2 and run.position() == before:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"piece {piece}: nothing was committed")
                time.sleep(0.05)
        finally:
            daemon.kill()
            daemon.wait()
        if piece in ROTATIONS:
            (journal / "system.journal").rename(journal / f"system@{piece:032x}.journal")
    run.catch_up()


def check(args, name):
    data = pathlib.Path(args.data)
    truth = json.loads((data / f"{name}.json").read_text(encoding="utf-8"))
    export = lzma.decompress((data / f"{name}.export.xz").read_bytes())
    entries = [entry + b"\n\n" for entry in export.split(b"\n\n") if entry]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        log = folder / "mail.log"
        log.write_bytes(gzip.decompress((data / f"{name}.log.gz").read_bytes()))
        of_file = Run(args, truth, folder / "file", f"file:{log}")
        of_file.catch_up()
        journal = folder / "journal"
        journal.mkdir()
        at_once = Run(args, truth, folder / "at-once", f"journal:{journal}")
        in_pieces = Run(args, truth, folder / "in-pieces", f"journal:{journal}")
        follow_in_pieces(in_pieces, journal, entries)
        at_once.catch_up()
        wanted = of_file.counted()
        faults = 0
        for how, run in (("at once", at_once), ("in pieces", in_pieces)):
            counted = run.counted()
            for what, rows in wanted.items():
                if counted[what] != rows or not wanted["rows"]:
                    faults += 1
                    print(f"{name} {how}: {what} differ:",
                          sorted(set(rows) ^ set(counted[what]), key=repr)[:10])
        print(f"{name}: {sum(row[-2] for row in wanted['rows'])} sessions, {faults} differences")
        return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--milter", required=True)
    parser.add_argument("--data", required=True)
    args = parser.parse_args()
    suffix = ".export.xz"
    names = sorted(entry[:-len(suffix)] for entry in os.listdir(args.data)
                   if entry.endswith(suffix))
    return 1 if not names or sum(check(args, name) for name in names) else 0


if __name__ == "__main__":
    sys.exit(main())
