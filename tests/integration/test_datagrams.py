"""Does the daemon take whatever comes to its TLSRPT socket? Needs no root."""

import contextlib
import fcntl
import grp
import gzip
import json
import os
import pathlib
import pwd
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import termios
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "kill")]

import committed
import stored_counts
from processes import Daemon, wait_until

PROGRAM = pathlib.Path(os.environ["TLSRPT_BINARY_DIR"]) / "tlsrpt-milter"
GOOD = (b'{"dpv": "1","d": "a.example","pr": "v=TLSRPTv1; rua=mailto:a@a.example",'
        b'"policies":[{"policy-type":9,"policy-domain": "a.example","t":0,"f":0}]}')

NOON = 1795348800  # 2026-11-22T12:00:00Z
DAY = "2026-11-22"
STS = ('"policy-type":2,"policy-domain": "b.example","policy-string":["version: STSv1",'
       '"mode: testing","mx: z.b.example","mx: *.a.b.example","max_age: 86400"],'
       '"mx-host":["z.b.example","*.a.b.example"]')
TLSA = '"policy-type":1,"policy-domain": "z.b.example","policy-string":["3 1 1 ABCD","2 0 1 EF01"]'
FAILURE = ('"failure-details":[{"c":%d,"s": "192.0.2.25","n": "z.b.example",'
           '"h": "250-mta7.b.example at your service\\r\\n250 SIZE 10","r": "198.51.100.7",'
           '"f": "%s"}],"t":1,"f":1')
# Several policies in one datagram, which Postfix does not send, and those that it does.
POLICIES = [
    '{"dpv": "1","d": "B.example","pr": "v=TLSRPTv1; rua=mailto:tls@b.example","policies":['
    + ",".join(policies) + "]}" for policies in (
        [f'{{{STS},"t":0,"f":0}}'],
        [f'{{{STS},"t":0,"f":0}}', f'{{{TLSA},{FAILURE % (304, "all-TLSA-records-unusable")}}}'],
        [f'{{{STS},{FAILURE % (204, "certificate-expired")}}}'],
        [f'{{"policy-type":9,{FAILURE % (201, "")}}}'])]


def bad_datagrams(rng):
    """One of each kind that a broken or hostile sender may think of, and many random ones."""
    yield b""
    yield b"\0"
    yield b"{" * 60000
    yield b'{"d":' * 10000 + b"1" + b"}" * 10000
    yield b'{"dpv": "1","d": "' + b"x" * 65000 + b'"}'
    yield GOOD.replace(b"a.example", b"x" * 30000)
    yield GOOD + b" " * 100000  # Longer than any datagram of libtlsrpt.
    yield GOOD.replace(b'"1"', b'"2"')
    yield GOOD.replace(b'"1"', b"1")
    yield GOOD.replace(b"a.example", b"\xff\xfe", 1)
    yield GOOD.replace(b'"d": "a.example"', b'"d": "a.example","d": "b.example"')
    yield GOOD.replace(b":9,", b":7,")
    yield GOOD.replace(b'"t":0', b'"t":-1')
    yield GOOD.replace(b'"t":0', b'"t":1e99')
    yield b'{"dpv": "1","d": "a.example","policies":[' + b"{}," * 20000 + b"{}]}"
    for size in (1, 10, 100, 1000, 10000):
        for _ in range(40):
            yield rng.randbytes(size)
            changed = bytearray(GOOD)
            changed[rng.randrange(len(changed))] = rng.randrange(256)
            yield bytes(changed)


class Datagrams(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tlsrpt-datagrams-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "t.sock"
        self.store = self.folder / "tlsrpt.sqlite"
        self.config = self.folder / "tlsrpt.conf"
        self.config.write_text(
            "organization_name = Test\ncontact_info = tls-reports@relay.example\n"
            f"store = sqlite:{self.store}\nlog_source = none\nrelay_name = relay\n"
            f"run_as = {pwd.getpwuid(os.geteuid()).pw_name}\npostfix_config = none\n"
            f"milter_socket = none\ntlsrpt_socket = {self.path}\n"
            f"tlsrpt_socket_group = {grp.getgrgid(os.getegid()).gr_name}\n")

    def start(self, environment=None):
        daemon = Daemon("tlsrpt-milter", [PROGRAM, "-c", self.config, "-f"], self.folder / "log",
                        environment)
        self.addCleanup(daemon.stop)
        daemon.wait_until(self.path.exists, "its socket")
        return daemon

    def test_whatever_comes_it_goes_on(self):
        daemon = self.start()
        daemon.wait_until(lambda: committed.datagram_number(self.store) > 0, "its first commit")
        begin = committed.datagram_number(self.store)
        sent = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.connect(str(self.path))
            for octets in bad_datagrams(random.Random(1)):
                out.send(octets)  # Waits while the queue is full.
                out.send(GOOD)
                sent += 2
        daemon.wait_until(lambda: committed.datagram_number(self.store) == begin + sent,
                          "all of them are committed")
        self.assertEqual(daemon.stop(), 0)
        self.assertFalse(self.path.exists())
        # Each good one, and the few bad ones whose changed octet is in a text that may be anything.
        counted = stored_counts.sessions(self.store)
        self.assertGreaterEqual(counted, sent // 2)
        self.assertLess(counted, sent // 2 * 1.5)

    def test_report_holds_what_postfix_gave_in_its_order(self):
        """Against tests/data/golden; TLSRPT_UPDATE_GOLDEN=1 rewrites: look at the difference."""
        environment = dict(os.environ, TLSRPT_CLOCK=f"@{NOON}", LC_ALL="C")
        records = self.folder / "records"
        records.write_text("* v=TLSRPTv1; rua=mailto:tls@b.example\n")
        with open(self.config, "a") as config:
            config.write(f"record_map = {records}\n")
        daemon = self.start(environment)
        daemon.wait_until(lambda: committed.datagram_number(self.store) > 0, "its first commit")
        begin = committed.datagram_number(self.store)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.connect(str(self.path))
            for octets in POLICIES:
                out.send(octets.encode())
        daemon.wait_until(
            lambda: committed.datagram_number(self.store) == begin + len(POLICIES), "all of them")
        self.assertEqual(daemon.stop(), 0)
        reports = self.folder / "reports"
        reports.mkdir()
        self.reporter(environment, "--flush", "--day", DAY, "--output-dir", reports)
        report = next(reports.glob("*.json.gz"))
        # Its bytes: no key, string or pattern in another order.
        self.compare("datagrams.json", gzip.decompress(report.read_bytes()).decode() + "\n")
        self.compare("datagrams.show.txt", self.reporter(environment, "--show", report))

    def reporter(self, environment, *arguments):
        done = subprocess.run([PROGRAM.with_name("tlsrpt-reporter"), "-c", self.config, *arguments],
                              env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def compare(self, name, text):
        golden = pathlib.Path(__file__).resolve().parents[1] / "data" / "golden" / name
        if "TLSRPT_UPDATE_GOLDEN" in os.environ:
            golden.write_text(text, encoding="utf-8")
        self.maxDiff = None
        self.assertEqual(text, golden.read_text(encoding="utf-8"))

    def test_what_the_journal_cannot_hold_is_told_and_nothing_else_is_lost(self):
        daemon = self.start()
        daemon.wait_until(lambda: committed.datagram_number(self.store) > 0, "its first commit")
        sent = 6000  # 360 MB, more than the journal's files and memory.
        with contextlib.closing(sqlite3.connect(self.store, isolation_level=None)) as store, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            store.execute("BEGIN IMMEDIATE")  # So that nothing can be committed.
            out.connect(str(self.path))
            for number in range(sent):
                out.send(GOOD.replace(b"a.example", f"d{number}.example".encode()) + b" " * 60000)
            store.execute("COMMIT")
        daemon.wait_until(lambda: stored_counts.sessions(self.store) + self.lost() == sent,
                          "each is counted or told", 120)
        self.assertGreater(self.lost(), 0)
        self.assertEqual(daemon.stop(), 0)
        self.assertIn("TLSRPT datagrams are lost: more wait", daemon.output())
        self.assertIn("not-in-journal", self.reporter(None, "--status"))

    def lost(self):
        with contextlib.closing(sqlite3.connect(self.store)) as store:
            return store.execute("SELECT coalesce(sum(count), 0) FROM lost_datagram").fetchone()[0]

    def test_another_program_keeps_its_socket(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(self.path))
            daemon = self.start()
            wait_until(lambda: "another program listens" in daemon.output(), "what it says")
            wait_until(lambda: "another program listens" in self.check(), "what --check says")
            self.assertEqual(daemon.stop(), 0)
            self.assertTrue(self.path.exists())

    def check(self):
        """What --check finds about the arrival of datagrams."""
        done = subprocess.run([PROGRAM.with_name("tlsrpt-reporter"), "-c", self.config, "--check",
                               "--format", "json"], capture_output=True, text=True, check=False)
        checks = {each["check"]: each for each in json.loads(done.stdout)["checks"]}
        return "".join(finding["text"] for finding in checks["tlsrpt-arrival"]["findings"])

    def test_check_says_who_has_the_socket(self):
        self.assertEqual(self.check(), "")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(self.path))
            self.assertIn("somebody has the socket", self.check())
        self.path.unlink()
        daemon = self.start()
        daemon.wait_until(lambda: committed.datagram_number(self.store) > 0, "its first commit")
        self.assertEqual(self.check(), "")

    def test_a_store_that_is_removed_before_a_kill_costs_what_it_held_only(self):
        daemon = self.start()
        daemon.wait_until(lambda: committed.datagram_number(self.store) > 0, "its first commit")
        begin = committed.datagram_number(self.store)
        with contextlib.closing(sqlite3.connect(self.store, isolation_level=None)) as store, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.connect(str(self.path))
            for _ in range(20):
                out.send(GOOD)
            # What it has committed it notes beside the store at once.
            daemon.wait_until(lambda: self.noted() == begin + 20, "its note of the commit")
            store.execute("BEGIN IMMEDIATE")  # So that nothing can be committed.
            for _ in range(30):
                out.send(GOOD)
            daemon.wait_until(lambda: not waits_in_the_kernel(out), "its receiving them")
            for path in self.folder.glob("tlsrpt.sqlite*"):
                if ".datagrams-" not in path.name:
                    path.unlink()
            daemon.signal(signal.SIGKILL)
            daemon.process.wait()
        self.path.unlink()
        for _ in range(2):
            daemon = self.start()
            daemon.wait_until(lambda: self.store.exists() and
                              committed.datagram_number(self.store) == begin + 50, "all of them")
            self.assertEqual(daemon.stop(), 0)
            self.assertEqual(stored_counts.sessions(self.store), 30)

    def noted(self):
        octets = self.store.with_name("tlsrpt.sqlite.datagrams-committed").read_bytes()
        return int.from_bytes(octets[8:16], sys.byteorder)


def waits_in_the_kernel(sender):
    octets = fcntl.ioctl(sender, termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(octets, sys.byteorder) > 0


if __name__ == "__main__":
    unittest.main(verbosity=2)
