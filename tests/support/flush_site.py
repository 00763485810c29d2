"""A site of its own for tests of whole flushes: configuration, store, clock, and the programs."""

import os
import pathlib
import pwd
import sqlite3
import subprocess

DAY_S = 86400
RUN_S = 180  # Longest run of a program; it takes seconds on an idle machine.


class FlushSite:
    """Everything lies in FOLDER; PROGRAMS is where the programs are."""

    def __init__(self, folder, programs):
        self.folder = pathlib.Path(folder)
        self.programs = pathlib.Path(programs)
        self.clock = self.folder / "clock"
        self.now = 0

    def configure(self, **options):
        options = {
            "organization_name": "Flush Site", "contact_info": "tls-reports@sender.test",
            "store": f"sqlite:{self.folder}/tlsrpt.sqlite", "postfix_config": "none",
            "run_as": pwd.getpwuid(os.geteuid()).pw_name, "log_timezone": "UTC",
            "sending_mta_ip": "192.0.2.25", "https_allow_addresses": "127.0.0.0/8", **options}
        (self.folder / "tlsrpt.conf").write_text(
            "".join(f"{name} = {value}\n" for name, value in options.items()))

    def set_clock(self, now):
        """What the programs take for the time, as unix seconds; running ones, too."""
        self.now = now
        temporary = self.folder / ".clock"
        temporary.write_text(f"@{now}\n")
        temporary.rename(self.clock)

    def start(self, program, *arguments, preload=None, call=0):
        """PRELOAD is kill/die_at_call.cpp as a library, CALL the one at which it kills."""
        environment = dict(os.environ, LC_ALL="C", TLSRPT_CLOCK=f"file:{self.clock}")
        if preload:
            environment.update(
                LD_PRELOAD=str(preload), DIE_AT_CALL=str(call),
                # The sanitizer wants to be loaded first; it need not be.
                ASAN_OPTIONS=environment.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
        return subprocess.Popen(
            [str(self.programs / program), "-c", str(self.folder / "tlsrpt.conf"), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True,
            errors="replace")

    def run(self, program, *arguments, expect=(0,)):
        """(exit status, standard output, standard error without the warning about the clock)."""
        process = self.start(program, *arguments)
        output, errors = process.communicate(timeout=RUN_S)
        if process.returncode not in expect:
            raise AssertionError(f"{program} {arguments} ended with {process.returncode}: {errors}")
        lines = [line for line in errors.splitlines(True) if "TLSRPT_CLOCK" not in line]
        return process.returncode, output, "".join(lines)

    def query(self, sql, *values):
        with sqlite3.connect(f"file:{self.folder}/tlsrpt.sqlite?mode=ro", uri=True,
                             timeout=30) as database:
            return database.execute(sql, values).fetchall()

    def state(self):
        """Deliveries that wait, that were given up, and sessions that no report holds."""
        (waiting, given_up), = self.query(
            "SELECT count(*) FILTER (WHERE state = 1), count(*) FILTER (WHERE state > 2) "
            "FROM delivery")
        (unreported,), = self.query(
            "SELECT coalesce(sum(sessions), 0) FROM fact WHERE revision = 0 AND day < ?",
            self.now // DAY_S)
        return {"waiting": waiting, "given up": given_up, "unreported": unreported}

    def is_done(self):
        state = self.state()
        return state["waiting"] == 0 and state["unreported"] == 0
