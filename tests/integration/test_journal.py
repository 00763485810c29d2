#!/usr/bin/env python3
"""`log_source = journal:` with a real systemd-journald, in a mount namespace of its own.

The daemon follows live, through rotation; it is killed and started again; and when journald has
deleted what it had not read yet, it says so and goes on.
"""

import datetime
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SKIPPED = 77
JOURNALD = "/lib/systemd/systemd-journald"
DEV_LOG = "/run/systemd/journal/dev-log"
BINARIES = pathlib.Path(os.environ["TLSRPT_BINARY_DIR"]).resolve()
IN_NAMESPACE = "TLSRPT_IN_NAMESPACE"
# Far more than anything here takes on a busy machine.
PATIENCE_S = 60


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


def lines_in_journal():
    shown = subprocess.run(["journalctl", "--directory=/run/log/journal", "--output=cat",
                            "--identifier=postfix/smtp"], capture_output=True, text=True)
    return shown.stdout.count("\n")


def log_deliveries(count):
    """Logs so many deliveries to a.example over sessions of their own, as one smtp(8) would.

    Returns when journald has written them.
    """
    wanted = lines_in_journal() + 2 * count
    peer = "mx.a.example[198.51.100.1]:25"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.connect(DEV_LOG)
        for _ in range(count):
            for text in (f"Trusted TLS connection established to {peer}: TLSv1.3",
                         f"4C0A1B2C3D: to=<u@a.example>, relay={peer}, delay=1, delays=0/0/1/0, "
                         "dsn=2.0.0, status=sent (250 Ok)"):
                log.send(f"<22>Nov 26 12:00:00 postfix/smtp[{os.getpid()}]: {text}".encode())
    wait_until(lambda: lines_in_journal() >= wanted, "journald")


class JournalTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir="/run")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.config = self.folder / "tlsrpt.conf"
        self.config.write_text(
            "organization_name = Journal\ncontact_info = tls-reports@sender.test\nrun_as = root\n"
            f"store = sqlite:{self.folder}/store.sqlite\nlog_source = journal:\n"
            "postfix_config = none\nmilter_socket = none\n")
        self.said = self.folder / "daemon.log"
        self.journald = subprocess.Popen([JOURNALD], stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, self.journald, signal.SIGTERM)
        wait_until(lambda: os.path.exists(DEV_LOG), "journald's socket")

    @staticmethod
    def end(process, with_signal):
        process.send_signal(with_signal)
        process.wait()

    def start(self):
        with open(self.said, "ab") as said:
            daemon = subprocess.Popen([BINARIES / "tlsrpt-milter", "-c", self.config, "-f"],
                                      stdin=subprocess.DEVNULL, stderr=said)
        self.addCleanup(self.end, daemon, signal.SIGKILL)
        return daemon

    def sessions(self):
        today = datetime.datetime.now(datetime.timezone.utc).date()
        total = 0
        for day in (today - datetime.timedelta(days=1), today):  # Midnight may pass meanwhile.
            ran = subprocess.run(
                [BINARIES / "tlsrpt-reporter", "-c", self.config, "--summary", "--format", "json",
                 "--day", str(day)], capture_output=True, text=True)
            if ran.returncode == 0:
                total += sum(policy["summary"]["total-successful-session-count"]
                             for domain in json.loads(ran.stdout)["domains"]
                             for policy in domain["policies"])
        return total

    def wait_for(self, count):
        wait_until(lambda: self.sessions() >= count, f"{count} sessions")
        self.assertEqual(self.sessions(), count)

    def journal_files(self):
        return list(pathlib.Path("/run/log/journal").glob("*/system*.journal"))

    def rotate(self):
        before = len(self.journal_files())
        self.journald.send_signal(signal.SIGUSR2)
        wait_until(lambda: len(self.journal_files()) > before, "a rotation")

    def test_live_rotated_killed_and_vacuumed(self):
        log_deliveries(3)  # Before the first start: taken up, too.
        daemon = self.start()
        self.wait_for(3)
        log_deliveries(4)
        self.wait_for(7)
        self.rotate()
        log_deliveries(5)
        self.wait_for(12)
        log_deliveries(2)
        self.end(daemon, signal.SIGKILL)
        log_deliveries(6)
        self.rotate()
        log_deliveries(1)
        daemon = self.start()
        self.wait_for(21)
        self.assertNotIn("lost", self.said.read_text())
        self.end(daemon, signal.SIGKILL)
        log_deliveries(10)  # Nobody will ever read these.
        self.rotate()
        log_deliveries(8)
        for path in self.journal_files():
            if path.name != "system.journal":
                path.unlink()
        self.start()
        self.wait_for(29)
        self.assertIn("is no longer there; what was logged after it", self.said.read_text())


def main():
    if os.environ.get(IN_NAMESPACE):
        for folder in ("/run", "/var/log"):
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
        os.makedirs("/run/systemd/journal")
        os.makedirs("/run/log/journal")
        os.makedirs("/run/systemd/journald.conf.d")
        pathlib.Path("/run/systemd/journald.conf.d/test.conf").write_text(
            "[Journal]\nStorage=volatile\nReadKMsg=no\nForwardToSyslog=no\n")
        unittest.main()
    command = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0 or not os.path.exists(JOURNALD) or \
            subprocess.run([*command, "true"], capture_output=True).returncode != 0:
        print("needs root, systemd-journald and mount namespaces")
        sys.exit(SKIPPED)
    sys.exit(subprocess.run([*command, sys.executable, "-B", __file__],
                            env={**os.environ, IN_NAMESPACE: "yes"}).returncode)


if __name__ == "__main__":
    main()
