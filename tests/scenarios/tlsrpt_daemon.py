"""tlsrpt-milter as a daemon that reads the log of a relay and receives datagrams."""

import collections
import grp
import os
import pathlib
import signal
import sqlite3
import sys
import time

import tls_sessions

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "kill")]

import committed

WAIT_S = 120
OFFSET = 3  # In the words of a position, see milter/log/log_position.h.
IDLE_S = 60  # A silent log is noted as read so seldom.


class TlsrptDaemon:
    """The daemon of RELAY, and the smtp(8) that send to its socket."""

    def __init__(self, programs, relay):
        self.programs = programs
        self.relay = relay
        self.path = programs.folder / "t.sock"
        self.logs = []
        self.process = None
        self.smtp = collections.defaultdict(list)  # By where their pids are from.
        self.expected = 0  # Number of the last datagram that it got.

    def start(self):
        self.programs.options.update(
            milter_socket="none", tlsrpt_socket=self.path,
            tlsrpt_socket_group=grp.getgrgid(os.getegid()).gr_name)
        sources = self.programs.options.get("log_source", f"file:{self.programs.log(self.relay)}")
        self.logs = [pathlib.Path(source.partition(":")[2]) for source in sources.split()]
        for log in self.logs:
            log.touch()
        self.process = self.programs.start("tlsrpt-milter", self.relay, ["-f"])
        self.wait(lambda: self.path.exists() and self.number() > 0)
        self.expected = self.number()

    def number(self):
        if not self.programs.store.exists():
            return 0
        try:
            return committed.datagram_number(self.programs.store)
        except sqlite3.OperationalError:  # It is just being made.
            return 0

    def wait(self, condition):
        deadline = time.monotonic() + WAIT_S
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise ValueError("the daemon does not: " + self.process.communicate()[1])
            time.sleep(0.02)

    def stop(self, how=signal.SIGTERM):
        """What is wrong with its end."""
        self.process.send_signal(how)
        status, _, said = self.programs.finish(self.process)
        self.process = None
        if how == signal.SIGKILL:
            self.path.unlink()
        expected = -how if how == signal.SIGKILL else 0
        return [] if status == expected else [f"exit status {status}: {said}"]

    def settle(self):
        """Waits until all that was logged and sent is committed."""
        if self.process is None:
            return
        self.wait(lambda: all(self.is_done(log) for log in self.logs))

    def is_done(self, log):
        with sqlite3.connect(f"file:{self.programs.store}?mode=ro", uri=True) as database:
            position, pending, read_until = database.execute(
                "SELECT CAST(position AS TEXT), pending, read_until FROM collector "
                "WHERE source = ?", (f"file:{log}",)).fetchone()
        words = position.split()  # None before the log's first line.
        return (committed.number_in(pending) == self.expected
                and int(words[OFFSET] if words else 0) == log.stat().st_size
                and (read_until or 0) + IDLE_S > self.programs.now())

    def smtp_processes(self, count, pids):
        smtp = self.smtp[pids]
        while len(smtp) < count:
            smtp.append(tls_sessions.SmtpProcess(self.path))
        return smtp[:count]

    def close(self):
        for smtp in sum(self.smtp.values(), []):
            smtp.end()
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
