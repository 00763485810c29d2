"""Does the daemon take whatever comes to its TLSRPT socket? Needs no root."""

import grp
import os
import pathlib
import pwd
import random
import socket
import sys
import tempfile
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "kill")]

import committed
import stored_counts
from processes import Daemon, wait_until

PROGRAM = pathlib.Path(os.environ["TLSRPT_BINARY_DIR"]) / "tlsrpt-milter"
GOOD = (b'{"dpv": "1","d": "a.example","pr": "v=TLSRPTv1; rua=mailto:a@a.example",'
        b'"policies":[{"policy-type":9,"policy-domain": "a.example","t":0,"f":0}]}')


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

    def start(self):
        daemon = Daemon("tlsrpt-milter", [PROGRAM, "-c", self.config, "-f"], self.folder / "log")
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

    def test_another_program_keeps_its_socket(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.bind(str(self.path))
            daemon = self.start()
            wait_until(lambda: "another program listens" in daemon.output(), "what it says")
            self.assertEqual(daemon.stop(), 0)
            self.assertTrue(self.path.exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
