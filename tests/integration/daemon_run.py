"""tlsrpt-milter as a daemon with a log, a store and a socket in a folder. Needs no root."""

import calendar
import grp
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from processes import Daemon, wait_until  # noqa: E402

BINARIES = pathlib.Path(os.environ["TLSRPT_BINARY_DIR"])
PROGRAM = str(BINARIES / "tlsrpt-milter")
REPORTER = str(BINARIES / "tlsrpt-reporter")
DAY = "2026-11-22"


def delivery(domain, number, minute):
    """The log lines of one session with TLS, MINUTE minutes after ten."""
    mx = f"mx.{domain}[198.51.100.1]:25"
    at = f"{DAY}T10:{minute:02}"
    return (f"{at}:00Z relay postfix/smtp[7]: Trusted TLS connection established to {mx}: TLSv1.3\n"
            f"{at}:01Z relay postfix/smtp[7]: {0x1000000 + number:X}: to=<u@{domain}>, relay={mx}, "
            "delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 Ok)\n")


class NotifySocket:
    """What systemd hears of a service."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.words = []

    def heard(self):
        """All messages so far."""
        while True:
            try:
                self.words.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return self.words

    def wait_for(self, word, number=1):
        wait_until(lambda: sum(word in each for each in self.heard()) >= number, word, 60)


class Run:
    """A folder with all that a daemon needs. Use as a context manager."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="tlsrpt-daemon-")
        self.folder = pathlib.Path(self.temporary.name)
        self.config = self.folder / "tlsrpt.conf"
        self.log = self.folder / "mail.log"
        self.socket = str(self.folder / "m.sock")
        self.store = self.folder / "store" / "s.sqlite"
        self.store.parent.mkdir()
        self.log.write_text("")
        self.number = 0
        self.daemons = []
        self.options = {
            "organization_name": "Test", "contact_info": "tls@sender.test",
            "store": f"sqlite:{self.store}", "log_source": f"file:{self.log}",
            "log_timezone": "UTC", "postfix_config": "none", "relay_name": "relay",
            "milter_socket": f"unix:{self.socket}",
            "milter_socket_group": grp.getgrgid(os.getegid()).gr_name}
        if os.geteuid() == 0:
            self.options["run_as"] = "root"
        self.configure()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for daemon in self.daemons:
            daemon.stop()
        for process in self.background_processes():
            os.kill(process, signal.SIGKILL)
        self.temporary.cleanup()

    def configure(self, **options):
        """Writes the configuration file; an option that is None is left away."""
        self.options.update(options)
        lines = [f"{key} = {value}\n" for key, value in self.options.items() if value is not None]
        self.config.write_text("".join(lines))

    def environment(self, **more):
        return {**os.environ, "TLSRPT_CLOCK": self.clock(), **more}

    def clock(self):
        """Noon of the day of the log's lines."""
        return "@" + str(calendar.timegm(time.strptime(DAY, "%Y-%m-%d")) + 43200)

    def start(self, *switches, **environment):
        """A daemon in the foreground that counts already."""
        log = self.folder / "daemon.log"
        sign = "following" if self.options["milter_socket"] == "none" else "milter listens on"
        before = log.read_text().count(sign) if log.exists() else 0
        daemon = Daemon("tlsrpt-milter", [PROGRAM, "-c", self.config, "-f", "-v", *switches], log,
                        self.environment(**environment))
        self.daemons.append(daemon)
        daemon.wait_until(lambda: daemon.output().count(sign) > before, sign, 60)
        return daemon

    def start_in_background(self):
        """The finished process of a start without -f."""
        return subprocess.run(
            [PROGRAM, "-c", self.config], capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL, env=self.environment())

    def background_processes(self):
        """Process ids that hold a lock of the store, as the locks say."""
        found = []
        for lock in self.store.parent.glob("*.lock"):
            process = int(lock.read_text() or 0)
            try:
                command = pathlib.Path(f"/proc/{process}/cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(self.config) in command:
                found.append(process)
        return found

    def deliver(self, domain, times=1, minute=0):
        with open(self.log, "a", encoding="utf-8") as log:
            for _ in range(times):
                self.number += 1
                log.write(delivery(domain, self.number, minute))

    def ask(self, *arguments):
        result = subprocess.run(
            [REPORTER, "-c", self.config, *arguments, "--format", "json"], capture_output=True,
            text=True, timeout=60, env=self.environment())
        return json.loads(result.stdout) if result.returncode == 0 else {}

    def counts(self):
        """Sessions of each domain."""
        summary = self.ask("--summary", "--day", DAY)
        return {
            entry["domain"]: sum(
                policy["summary"]["total-successful-session-count"] +
                policy["summary"]["total-failure-session-count"] for policy in entry["policies"])
            for entry in summary.get("domains", [])}

    def wait_for_counts(self, **expected):
        """`expected`: sessions by the first label of DOMAIN.test."""
        wanted = {f"{label}.test": number for label, number in expected.items()}
        wait_until(lambda: self.counts() == wanted, f"{wanted}", 60)
