"""What does the daemon's milter say to MTAs, also to those that break off or send garbage?

The client is our own, so that it can do what no MTA does. Needs no root.
"""

import grp
import os
import pathlib
import random
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from milter_client import ALL_STEPS, MilterClient, packet, texts  # noqa: E402
from processes import Daemon, wait_until  # noqa: E402

PROGRAM = str(pathlib.Path(os.environ["TLSRPT_BINARY_DIR"]) / "tlsrpt-milter")
REPORTER = str(pathlib.Path(os.environ["TLSRPT_BINARY_DIR"]) / "tlsrpt-reporter")
GO_ON = b"c"
# Steps that can be left out or go without a reply (mfdef.h).
NO_CONNECT, NO_HELO, NO_RCPT, NO_BODY, NO_EOH = 0x1, 0x2, 0x8, 0x10, 0x40
NO_UNKNOWN, NO_DATA, NO_REPLY_HEADER, NO_REPLY_MAIL = 0x100, 0x200, 0x80, 0x4000
NO_MAIL, NO_HEADER = 0x4, 0x20
UNTRUSTED = [("TLS-Report-Domain", "a.test")]


class MilterTest(unittest.TestCase):
    """A daemon for each test, with an empty log."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tlsrpt-protocol-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.socket = str(self.folder / "m.sock")
        (self.folder / "mail.log").write_text("")
        self.options = {
            "organization_name": "Test", "contact_info": "tls@sender.test", "run_as": "root",
            "store": f"sqlite:{self.folder}/s.sqlite",
            "log_source": f"file:{self.folder}/mail.log", "log_timezone": "UTC",
            "postfix_config": "none", "relay_name": "relay",
            "milter_socket": f"unix:{self.socket}",
            "milter_socket_group": grp.getgrgid(os.getegid()).gr_name}
        if os.geteuid() != 0:
            del self.options["run_as"]
        self.daemon = None

    def start(self, *wrapper):
        config = self.folder / "tlsrpt.conf"
        config.write_text("".join(f"{key} = {value}\n" for key, value in self.options.items()))
        log = self.folder / "daemon.log"
        before = log.read_text().count("listens on") if log.exists() else 0
        self.daemon = Daemon(
            "tlsrpt-milter", [*wrapper, PROGRAM, "-c", config, "-f", "-v"], log)
        self.addCleanup(self.daemon.stop)
        self.daemon.wait_until(
            lambda: self.daemon.output().count("listens on") > before, "the milter", 60)

    def untrusted(self):
        """How many messages were seen that look like a report."""
        config = self.folder / "tlsrpt.conf"
        words = subprocess.run(
            [REPORTER, "-c", config, "--status", "--format", "json"], capture_output=True,
            text=True, timeout=60, check=True).stdout
        return words

    def check_it_works(self):
        """Whether an ordinary message of an ordinary MTA still gets its answer."""
        self.assertTrue(self.daemon.alive(), self.daemon.output())
        with MilterClient(self.socket) as client:
            self.assertIsNotNone(client.negotiate())
            self.assertEqual(client.message("4XyZabcdefgh"), GO_ON)


class Negotiation(MilterTest):
    def setUp(self):
        super().setUp()
        self.start()

    def test_no_right_to_change_anything_is_asked_for(self):
        for actions in (0, 0x1FF, 0xFFFFFFFF):
            with self.subTest(actions=actions), MilterClient(self.socket) as client:
                version, wanted, _, _ = client.negotiate(actions=actions)
                self.assertEqual((version, wanted), (6, 0))

    def test_only_sender_headers_and_end_are_asked_for_and_only_the_end_is_answered(self):
        with MilterClient(self.socket) as client:
            _, _, steps, _ = client.negotiate()
        for left_out in (NO_CONNECT, NO_HELO, NO_RCPT, NO_BODY, NO_EOH, NO_UNKNOWN, NO_DATA,
                         NO_REPLY_HEADER, NO_REPLY_MAIL):
            self.assertTrue(steps & left_out, hex(left_out))
        for needed in (NO_MAIL, NO_HEADER):
            self.assertFalse(steps & needed, hex(needed))

    def test_queue_id_is_asked_for_and_no_other_macro(self):
        with MilterClient(self.socket) as client:
            rest = client.negotiate()[3]
        wanted = {}
        while rest:
            stage = struct.unpack("!I", rest[:4])[0]
            names, _, rest = rest[4:].partition(b"\0")
            wanted[stage] = names
        self.assertEqual(set(wanted.values()), {b"i"})
        self.assertIn(5, wanted)

    def test_mta_that_knows_no_step_to_leave_out_gets_an_answer_to_each(self):
        with MilterClient(self.socket) as client:
            self.assertEqual(client.negotiate(version=2, actions=0, steps=0x7F)[:2], (2, 0))
        with MilterClient(self.socket) as client:
            self.assertEqual(client.negotiate(version=6, steps=0x1)[2], 0x1)
            for command, data in ((b"H", texts("client.test")), (b"M", texts("<x@a.test>")),
                                  (b"R", texts("<y@b.test>")), (b"T", b""),
                                  (b"L", texts("Subject", "x")), (b"N", b""), (b"B", b"body")):
                client.send(command, data)
                self.assertEqual(client.receive(), GO_ON, command)
            client.send(b"E")
            self.assertEqual(client.receive(), GO_ON)


class Learning(MilterTest):
    def setUp(self):
        super().setUp()
        self.start()

    def test_what_looks_like_a_report_is_counted_and_status_tells(self):
        with MilterClient(self.socket) as client:
            client.negotiate()
            for number in range(3):
                self.assertEqual(
                    client.message(f"4XyZabcdefg{number}", headers=UNTRUSTED), GO_ON)
            self.assertEqual(client.message("4XyZabcdefgh", headers=[("Subject", "x")]), GO_ON)
            client.message("4XyZabcdefgi", headers=UNTRUSTED, end=False)
            client.send(b"A")
            self.assertEqual(client.message("4XyZabcdefgj"), GO_ON)
        wait_until(lambda: '"report-mail-untrusted":3' in self.untrusted().replace(" ", ""),
                   "three messages", 60)

    def test_two_thousand_messages_on_one_connection(self):
        with MilterClient(self.socket) as client:
            client.negotiate()
            for number in range(2000):
                self.assertEqual(client.message(f"4XyZ{number:08}"), GO_ON)


class Breaking(MilterTest):
    def setUp(self):
        super().setUp()
        self.start()

    STAGES = ((b"M", texts("<x@a.test>")), (b"L", texts("TLS-Report-Domain", "a.test")),
              (b"L", texts("Message-ID", "<x@a.test>")), (b"D", b"E" + texts("i", "4XyZabcdef")))

    def test_connections_may_end_after_each_step_and_within_each_packet(self):
        whole = b"".join(packet(*stage) for stage in self.STAGES)
        for length in range(len(whole)):
            with MilterClient(self.socket) as client:
                client.negotiate()
                client.link.sendall(whole[:length])
        self.check_it_works()

    def test_abort_and_quit_at_each_step(self):
        for last in (b"A", b"Q", b"K"):
            for length in range(len(self.STAGES) + 1):
                with self.subTest(last=last, length=length), MilterClient(self.socket) as client:
                    client.negotiate()
                    for stage in self.STAGES[:length]:
                        client.send(*stage)
                    client.send(last)
                    if last == b"A":
                        self.assertEqual(client.message("4XyZabcdefgh"), GO_ON)
        self.check_it_works()

    def test_garbage_of_any_kind(self):
        rng = random.Random(8460)
        for round_number in range(300):
            with MilterClient(self.socket) as client:
                if round_number % 2:
                    client.negotiate()
                data = rng.randbytes(rng.randint(1, 300))
                if round_number % 3:
                    letter = rng.choice(b"ABCDEHKLMNOQRTU\0\xff").to_bytes(1, "big")
                    data = packet(letter, data)
                try:
                    client.link.sendall(data)
                except OSError:
                    pass  # It has hung up already, as it may.
        self.check_it_works()

    def test_packets_of_impossible_length(self):
        for length in (0, 0x7FFFFFFF, 0xFFFFFFFF, 0x10000, 0x100001):
            with self.subTest(length=length), MilterClient(self.socket) as client:
                client.negotiate()
                client.link.sendall(struct.pack("!I", length) + b"L" + b"x" * 100)
        self.check_it_works()

    def test_headers_of_any_bytes_and_of_great_length(self):
        with MilterClient(self.socket) as client:
            client.negotiate()
            odd = [b"", b"\0", b"Message-ID\0",
                   b"Message-ID\0" + b"<tlsrpt." + b"x" * 60000 + b"@a>\0",
                   b"\xff\xfe\0\x80\x81\0", b"Message-ID\0<tlsrpt.\x01\x1b[31m@a>\0"]
            client.send(b"M", texts("<x@a.test>"))
            for data in odd[3:]:
                client.send(b"L", data)
            client.send(b"D", b"E" + texts("i", "4XyZabcdefgh"))
            client.send(b"E")
            self.assertEqual(client.receive(), GO_ON)
        for data in odd[:3]:
            with MilterClient(self.socket) as client:
                client.negotiate()
                client.send(b"M", texts("<x@a.test>"))
                client.send(b"L", data)
        self.check_it_works()

    def test_many_idle_connections_hold_up_nobody(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        number = min(400, soft // 2)
        idle = [MilterClient(self.socket) for _ in range(number)]
        try:
            for client in idle[::2]:
                client.negotiate()
            self.check_it_works()
        finally:
            for client in idle:
                client.link.close()

    def test_peers_that_stop_within_a_packet_hold_up_nobody(self):
        """libmilter has two threads at first, and may forget who comes third."""
        for _ in range(5):
            peers = [MilterClient(self.socket) for _ in range(3)]
            for client in peers:
                client.negotiate()
            time.sleep(0.05)  # Only threads that have come to rest are taken for free.
            for client in peers[:2]:
                client.link.sendall(packet(b"M", texts("<x@a.test>"))[:6])
            peers[2].link.sendall(packet(b"M", texts("<x@a.test>")) +
                                  packet(b"D", b"E" + texts("i", "4XyZabcdefgh")) + packet(b"E"))
            self.assertEqual(peers[2].receive(), GO_ON)
            for client in peers:
                client.link.close()

    def test_more_connections_than_a_shell_lets_a_program_have(self):
        """libmilter gives up where it is refused a connection too often."""
        self.daemon.stop()
        self.start("prlimit", "--nofile=64:4096")
        idle = [MilterClient(self.socket) for _ in range(150)]
        try:
            self.check_it_works()
        finally:
            for client in idle:
                client.link.close()

    def test_stop_comes_within_a_second_whoever_is_connected(self):
        idle = [MilterClient(self.socket) for _ in range(20)]
        for client in idle[::2]:
            client.negotiate()
            client.send(b"M", texts("<x@a.test>"))
        begin = time.monotonic()
        self.assertEqual(self.daemon.stop(), 0)
        # Leak detection of a sanitized program comes on top.
        self.assertLess(time.monotonic() - begin, 3)
        self.assertFalse(os.path.exists(self.socket))
        for client in idle:
            client.link.close()


class Places(MilterTest):
    def test_network_socket(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.options["milter_socket"] = f"inet:{port}@127.0.0.1"
        self.start()
        with MilterClient(("127.0.0.1", port)) as client:
            self.assertEqual(client.negotiate()[:2], (6, 0))

    def test_network_sockets_by_name_and_of_version_6(self):
        for host, address in (("localhost", "127.0.0.1"), ("::1", "::1")):
            with self.subTest(host):
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                try:
                    with socket.create_server((address, 0), family=family) as free:
                        port = free.getsockname()[1]
                except OSError:
                    self.skipTest(f"no {address} here")
                self.options["milter_socket"] = f"inet:{port}@{host}"
                self.start()
                with socket.create_connection((address, port), timeout=20) as link:
                    link.sendall(packet(b"Q"))
                    self.assertEqual(link.recv(1), b"")
                self.assertEqual(self.daemon.stop(), 0)

    def test_network_socket_of_another_program_is_waited_for(self):
        with socket.create_server(("127.0.0.1", 0)) as theirs:
            port = theirs.getsockname()[1]
            self.options["milter_socket"] = f"inet:{port}@127.0.0.1"
            config = self.folder / "tlsrpt.conf"
            config.write_text("".join(f"{key} = {value}\n" for key, value in self.options.items()))
            self.daemon = Daemon("tlsrpt-milter", [PROGRAM, "-c", config, "-f", "-v"],
                                 self.folder / "daemon.log")
            self.addCleanup(self.daemon.stop)
            self.daemon.wait_until(lambda: "in use" in self.daemon.output(), "words", 60)
        self.daemon.wait_until(lambda: "listens now" in self.daemon.output(), "the milter", 60)
        with MilterClient(("127.0.0.1", port)) as client:
            self.assertEqual(client.negotiate()[:2], (6, 0))

    def test_live_socket_of_somebody_else_is_left_alone_until_it_is_free(self):
        theirs = socket.socket(socket.AF_UNIX)
        theirs.bind(self.socket)
        theirs.listen()
        inode = os.stat(self.socket).st_ino
        config = self.folder / "tlsrpt.conf"
        config.write_text("".join(f"{key} = {value}\n" for key, value in self.options.items()))
        self.daemon = Daemon("tlsrpt-milter", [PROGRAM, "-c", config, "-f", "-v"],
                             self.folder / "daemon.log")
        self.addCleanup(self.daemon.stop)
        self.daemon.wait_until(lambda: "another program" in self.daemon.output(), "words", 60)
        self.assertEqual(os.stat(self.socket).st_ino, inode)
        theirs.close()
        self.daemon.wait_until(lambda: "listens now" in self.daemon.output(), "the milter", 60)
        self.assertEqual(self.daemon.output().count("another program"), 1)
        self.check_it_works()

    def test_killed_daemon_is_followed_by_another_on_the_same_socket(self):
        self.start()
        self.daemon.signal(signal.SIGKILL)
        self.daemon.process.wait(20)
        self.assertTrue(os.path.exists(self.socket))
        self.start()
        self.check_it_works()

    def test_a_socket_that_somebody_removes_is_missed(self):
        self.start()
        os.unlink(self.socket)
        self.daemon.wait_until(lambda: "was removed or replaced" in self.daemon.output(), "words",
                               60)
        wait_until(lambda: "was removed or replaced" in self.untrusted(), "--status", 60)
        self.daemon.stop()
        self.start()
        self.check_it_works()
        wait_until(lambda: '"until"' in self.untrusted(), "the end of the trouble", 60)

    def test_daemon_started_twice_says_so(self):
        self.start()
        again = subprocess.run([PROGRAM, "-c", self.folder / "tlsrpt.conf", "-f"], timeout=60,
                               capture_output=True, text=True)
        self.assertEqual(again.returncode, 75)
        self.assertIn("lock", again.stderr)
        self.check_it_works()


if __name__ == "__main__":
    unittest.main()
