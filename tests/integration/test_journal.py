#!/usr/bin/env python3
"""`log_source = journal:` with a real systemd-journald, in a mount namespace of its own.

The daemon follows live, through rotation; it is killed and started again; and when journald has
deleted what it had not read yet, it says so and goes on. So it does when the journal's folder is
created, removed or replaced under it, and with the journal of a namespace.
"""

import datetime
import json
import os
import pathlib
import shutil
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


def log_deliveries(count, dev_log=DEV_LOG):
    """Logs so many deliveries to a.example over sessions of their own, as one smtp(8) would.

    journald has them when this returns, for it reads its socket in order.
    """
    peer = "mx.a.example[198.51.100.1]:25"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.connect(dev_log)
        for _ in range(count):
            for text in (f"Trusted TLS connection established to {peer}: TLSv1.3",
                         f"4C0A1B2C3D: to=<u@a.example>, relay={peer}, delay=1, delays=0/0/1/0, "
                         "dsn=2.0.0, status=sent (250 Ok)"):
                log.send(f"<22>Nov 26 12:00:00 postfix/smtp[{os.getpid()}]: {text}".encode())


def sync(namespace=None):
    """Returns when journald has written everything that was sent to it."""
    which = [f"--namespace={namespace}"] if namespace else []
    subprocess.run(["journalctl", *which, "--sync"], check=True, timeout=PATIENCE_S)


class JournalTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(dir="/run")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.config = self.folder / "tlsrpt.conf"
        self.said = self.folder / "daemon.log"
        for place in ("/run/log/journal", "/var/log/journal", "/run/systemd/journal"):
            shutil.rmtree(place, ignore_errors=True)
        os.makedirs("/run/systemd/journal")
        os.makedirs("/run/log/journal")
        self.journald = self.start_journald()

    def start_journald(self, namespace=None):
        dev_log = f"/run/systemd/journal.{namespace}/dev-log" if namespace else DEV_LOG
        pathlib.Path(dev_log).unlink(missing_ok=True)
        journald = subprocess.Popen([JOURNALD, *([namespace] if namespace else [])],
                                    stdin=subprocess.DEVNULL)
        self.addCleanup(self.end, journald, signal.SIGTERM)
        wait_until(lambda: os.path.exists(dev_log), "journald's socket")
        return journald

    @staticmethod
    def end(process, with_signal):
        process.send_signal(with_signal)
        process.wait()

    def start(self, source="journal:"):
        self.config.write_text(
            "organization_name = Journal\ncontact_info = tls-reports@sender.test\nrun_as = root\n"
            f"store = sqlite:{self.folder}/store.sqlite\nlog_source = {source}\n"
            "postfix_config = none\nmilter_socket = none\n")
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

    def wait_for_word(self, text):
        wait_until(lambda: text in self.said.read_text(), text)

    @staticmethod
    def journalctl(command):
        subprocess.run(["journalctl", command], check=True, timeout=PATIENCE_S,
                       capture_output=True)

    def test_live_rotated_killed_and_vacuumed(self):
        log_deliveries(3)  # Before the first start: taken up, too.
        sync()
        daemon = self.start()
        self.wait_for(3)
        log_deliveries(4)
        self.wait_for(7)
        self.journalctl("--rotate")
        log_deliveries(5)
        self.wait_for(12)
        log_deliveries(2)
        self.end(daemon, signal.SIGKILL)
        log_deliveries(6)
        self.journalctl("--rotate")
        log_deliveries(1)
        sync()
        daemon = self.start()
        self.wait_for(21)
        self.assertNotIn("lost", self.said.read_text())
        self.end(daemon, signal.SIGKILL)
        log_deliveries(10)  # Nobody will ever read these.
        self.journalctl("--rotate")
        log_deliveries(8)
        sync()
        self.journalctl("--vacuum-files=1")
        self.start()
        self.wait_for(29)
        self.assertIn("is no longer there; what was logged after it", self.said.read_text())

    def test_vacuumed_while_it_runs(self):
        self.start()
        log_deliveries(3)
        self.wait_for(3)
        self.journalctl("--rotate")
        self.journalctl("--vacuum-files=1")
        log_deliveries(2)
        self.wait_for(5)
        self.assertNotIn("lost", self.said.read_text())

    def test_becomes_persistent_while_it_runs(self):
        daemon = self.start()
        log_deliveries(3)
        self.wait_for(3)
        os.mkdir("/var/log/journal")
        self.journalctl("--flush")
        log_deliveries(4)
        self.wait_for(7)
        self.assertEqual(list(pathlib.Path("/run/log/journal").glob("*/*")), [])
        self.end(daemon, signal.SIGKILL)
        log_deliveries(2)
        sync()
        self.start()
        self.wait_for(9)
        self.assertRegex(self.said.read_text(), "/var/log/journal/[0-9a-f]+ was created")
        self.assertNotIn("lost", self.said.read_text())

    def test_folder_is_removed_and_made_anew(self):
        self.start()
        log_deliveries(3)
        self.wait_for(3)
        self.end(self.journald, signal.SIGTERM)
        shutil.rmtree("/run/log/journal")
        self.wait_for_word(" was removed; going on where it was read to")
        self.wait_for_word("there is no journal")
        self.start_journald()
        log_deliveries(4)
        self.wait_for(7)
        self.wait_for_word("reading again")

    def test_a_file_that_is_cut_short_is_told(self):
        self.start()
        log_deliveries(3)
        self.wait_for(3)
        self.journalctl("--rotate")
        cut = next(pathlib.Path("/run/log/journal").glob("*/system@*.journal"))
        os.truncate(cut, 5000)
        self.wait_for_word(f"{cut}: is cut short: has 5000 of its ")
        log_deliveries(2)
        self.wait_for(5)

    def test_namespace(self):
        self.start_journald("mail")
        self.start("journal:mail")
        log_deliveries(3)
        log_deliveries(2, "/run/systemd/journal.mail/dev-log")
        self.wait_for(2)
        sync("mail")
        log_deliveries(1, "/run/systemd/journal.mail/dev-log")
        self.wait_for(3)


def main():
    if os.environ.get(IN_NAMESPACE):
        for folder in ("/run", "/var/log"):
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
        for name in ("journald.conf.d", "journald@mail.conf.d"):
            os.makedirs(f"/run/systemd/{name}")
            pathlib.Path(f"/run/systemd/{name}/test.conf").write_text(
                "[Journal]\nStorage=auto\nReadKMsg=no\nForwardToSyslog=no\n")
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
