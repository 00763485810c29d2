"""Has the daemon the manners that init scripts and systemd expect? Needs no root."""

import concurrent.futures
import contextlib
import os
import pathlib
import platform
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

from daemon_run import DAY, PROGRAM, NotifySocket, Run  # (puts tests/support into the path)
from milter_client import MilterClient
from processes import LIBC, wait_until

TRY_AGAIN = 75
FAULTY = 78
SYS_TGKILL = {"x86_64": 234, "aarch64": 131}.get(platform.machine())
GO_ON = b"c"
UNTRUSTED = [("TLS-Report-Domain", "a.test")]
DATAGRAM = (b'{"dpv": "1","d": "a.test","pr": "v=TLSRPTv1; rua=mailto:a@a.test",'
            b'"policies":[{"policy-type":9,"policy-domain": "a.test","t":0,"f":0}]}')
# A clean stop takes less than a second; the rest is for slow, sanitized programs on a busy machine.
STOPPED_WITHIN = 1.0 + 2.0
UNIT = pathlib.Path(__file__).resolve().parents[2] / "contrib/systemd/tlsrpt-milter.service"


class DaemonTest(unittest.TestCase):
    def setUp(self):
        self.run_ = Run()
        self.addCleanup(self.run_.__exit__)

    def notify_socket(self):
        notify = NotifySocket(self.run_.folder)
        self.addCleanup(notify.socket.close)
        return notify

    def milter_answers(self, run):
        with MilterClient(run.socket) as client:
            self.assertIsNotNone(client.negotiate())
            self.assertEqual(client.message("4XyZabcdefgh"), b"c")


class Background(DaemonTest):
    def test_it_returns_when_the_daemon_works_and_leaves_it_behind(self):
        run = self.run_
        result = run.start_in_background()
        self.assertEqual((result.returncode, result.stdout), (0, ""))
        process, = run.background_processes()
        self.milter_answers(run)
        run.deliver("a.test")
        run.wait_for_counts(a=1)
        self.assertEqual(os.readlink(f"/proc/{process}/cwd"), "/")
        for descriptor in (0, 1, 2):
            self.assertEqual(os.readlink(f"/proc/{process}/fd/{descriptor}"), "/dev/null")
        self.assertEqual(os.getsid(process), process)
        os.kill(process, signal.SIGHUP)
        run.deliver("b.test")
        run.wait_for_counts(a=1, b=1)
        os.kill(process, signal.SIGTERM)
        wait_until(lambda: not run.background_processes(), "the end of the daemon")

    def test_what_is_wrong_is_said_by_whoever_was_started(self):
        run = self.run_
        run.start()
        result = run.start_in_background()
        self.assertEqual(result.returncode, TRY_AGAIN)
        self.assertIn("another collector holds the lock", result.stderr)
        run.configure(log_timezone="Nowhere/AtAll")
        result = run.start_in_background()
        self.assertEqual(result.returncode, FAULTY)
        self.assertIn("Nowhere/AtAll", result.stderr)


class Systemd(DaemonTest):
    def test_it_tells_when_it_is_ready_reloads_lives_and_stops(self):
        run = self.run_
        notify = self.notify_socket()
        daemon = run.start(NOTIFY_SOCKET=notify.path, WATCHDOG_USEC="400000")
        notify.wait_for("READY=1")
        self.milter_answers(run)
        notify.wait_for("WATCHDOG=1", 3)
        notify.wait_for("STATUS=Counts what is logged in file:")
        daemon.signal(signal.SIGHUP)
        notify.wait_for("READY=1", 2)
        words = notify.heard()
        reloading = next(each for each in words if "RELOADING=1" in each)
        self.assertRegex(reloading, r"MONOTONIC_USEC=\d+")
        self.assertLess(words.index(reloading), len(words) - words[::-1].index("READY=1") - 1)
        self.assertEqual(daemon.stop(), 0)
        notify.wait_for("STOPPING=1")

    def test_it_shows_that_it_lives_while_it_waits_for_a_lock(self):
        run = self.run_
        notify = self.notify_socket()
        run.start(NOTIFY_SOCKET=notify.path, WATCHDOG_USEC="400000")
        notify.wait_for("READY=1")
        with contextlib.closing(sqlite3.connect(run.store, isolation_level=None)) as store:
            store.execute("BEGIN IMMEDIATE")
            run.deliver("a.test")
            before = sum("WATCHDOG=1" in each for each in notify.heard())
            # It waits for five seconds at a time, and would say so little in five minutes.
            notify.wait_for("WATCHDOG=1", before + 60)
            store.execute("ROLLBACK")
        run.wait_for_counts(a=1)

    def test_without_a_watchdog_there_is_no_sign_of_life(self):
        run = self.run_
        notify = self.notify_socket()
        run.start(NOTIFY_SOCKET=notify.path)
        notify.wait_for("READY=1")
        run.deliver("a.test")
        run.wait_for_counts(a=1)
        self.assertFalse(any("WATCHDOG" in each for each in notify.heard()))

    def test_the_unit_is_one_that_systemd_understands(self):
        text = UNIT.read_text()
        for line in ("Type=notify", "ExecReload=/bin/kill -HUP $MAINPID", "WatchdogSec="):
            self.assertIn(line, text)
        try:
            result = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", UNIT], capture_output=True, text=True,
                timeout=60)
        except FileNotFoundError:
            self.skipTest("no systemd-analyze")
        words = [line for line in result.stderr.splitlines()
                 if "tlsrpt-milter.service" in line and "is not executable" not in line]
        self.assertEqual(words, [])


class Reload(DaemonTest):
    def reload(self, daemon, word="options were read again"):
        before = daemon.output().count(word)
        daemon.signal(signal.SIGHUP)
        daemon.wait_until(lambda: daemon.output().count(word) > before, word, 60)

    def test_options_are_read_again(self):
        run = self.run_
        daemon = run.start()
        run.deliver("a.test")
        run.wait_for_counts(a=1)
        run.configure(ignore_domains="b.test")
        self.reload(daemon)
        run.deliver("a.test")
        run.deliver("b.test")
        run.wait_for_counts(a=2)
        other = run.folder / "other.log"
        run.log.rename(other)
        run.log = other
        run.configure(log_source=f"file:{other}", ignore_domains=None)
        run.configure(milter_socket="none")
        other.write_text("")
        self.reload(daemon)
        self.assertIn("milter_socket has changed", daemon.output())
        self.milter_answers(run)
        run.deliver("c.test", minute=1)
        run.wait_for_counts(a=2, c=1)

    def test_a_faulty_file_is_said_and_changes_nothing(self):
        run = self.run_
        daemon = run.start()
        run.configure(ignore_domains="a.test", no_such_option="1")
        self.reload(daemon, "options stay as they were")
        self.assertRegex(daemon.output(), r"tlsrpt.conf:\d+: .*no_such_option")
        run.configure(no_such_option=None, log_timezone="Nowhere/AtAll")
        self.reload(daemon, "options stay as they were")
        run.deliver("a.test")
        run.wait_for_counts(a=1)
        self.milter_answers(run)

    def test_no_count_is_lost_and_none_is_doubled_however_often(self):
        run = self.run_
        daemon = run.start()
        for _ in range(20):
            run.deliver("a.test", 50)
            daemon.signal(signal.SIGHUP)
        run.wait_for_counts(a=1000)
        self.milter_answers(run)

    def test_a_connection_of_postfix_outlives_it(self):
        run = self.run_
        daemon = run.start()
        with MilterClient(run.socket) as client:
            client.negotiate()
            self.assertEqual(client.message("4XyZabcdefgh"), b"c")
            identity = os.stat(run.socket).st_ino
            self.reload(daemon)
            self.assertEqual(client.message("4XyZabcdefgj"), b"c")
            self.assertEqual(os.stat(run.socket).st_ino, identity)

    def test_a_reload_right_after_the_start_is_no_stop(self):
        run = self.run_
        for _ in range(10):
            daemon = run.start()
            daemon.signal(signal.SIGHUP)
            self.milter_answers(run)
            self.assertEqual(daemon.stop(), 0)

    def test_libmilter_never_gets_our_signal(self):
        """However many SIGHUPs come from several processes at once; libmilter would stop."""
        run = self.run_
        daemon = run.start()
        storm = [subprocess.Popen(
            ["bash", "-c", 'for ((i = 0; i < 3000; i++)); do kill -HUP "$1"; done', "storm",
             str(daemon.process.pid)]) for _ in range(3)]
        self.assertEqual([each.wait(60) for each in storm], [0, 0, 0])
        run.deliver("a.test")
        run.wait_for_counts(a=1)
        self.milter_answers(run)
        self.assertTrue(daemon.alive(), daemon.output())


def signal_thread_of_libmilter(process):
    """The thread that blocks SIGUSR1, as all of the milter do, and not SIGHUP."""
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        blocked = int(re.search(r"SigBlk:\s*(\w+)", (task / "status").read_text())[1], 16)
        if blocked >> (signal.SIGUSR1 - 1) & 1 and not blocked >> (signal.SIGHUP - 1) & 1:
            return int(task.name)
    return None


class Stop(DaemonTest):
    def stop_in_time(self, daemon, number=signal.SIGTERM):
        begin = time.monotonic()
        daemon.signal(number)
        # Sanitizers look for leaks after that word.
        while "tlsrpt-milter: stopped\n" not in daemon.output() and daemon.alive():
            time.sleep(0.01)
        self.assertLess(time.monotonic() - begin, STOPPED_WITHIN)
        self.assertEqual(daemon.process.wait(60), 0, daemon.output())

    @unittest.skipIf(SYS_TGKILL is None, "how to signal a thread is not known here")
    def test_a_libmilter_that_stops_by_itself_is_an_error(self):
        """Else nobody would start the daemon again, which is the only way to a new milter."""
        run = self.run_
        daemon = run.start()
        thread = signal_thread_of_libmilter(daemon.process.pid)
        run.deliver("a.test", 500)
        self.assertEqual(LIBC.syscall(SYS_TGKILL, daemon.process.pid, thread, signal.SIGHUP), 0)
        self.assertEqual(daemon.process.wait(60), TRY_AGAIN, daemon.output())
        self.assertIn("error: libmilter has stopped by itself", daemon.output())
        self.assertEqual(run.counts(), {"a.test": 500})
        run.start()
        self.milter_answers(run)

    def test_it_takes_less_than_a_second_and_everything_is_committed(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name), Run() as run:
                daemon = run.start()
                # A connection that is open does not hold it up.
                with MilterClient(run.socket) as client:
                    client.negotiate()
                    run.deliver("a.test", 500)
                    self.stop_in_time(daemon, number)
                self.assertEqual(run.counts(), {"a.test": 500})
                self.assertFalse(os.path.exists(run.socket))

    def test_under_load_it_is_as_quick_and_nothing_is_lost(self):
        run = self.run_
        daemon = run.start()
        goes_on = threading.Event()
        goes_on.set()
        answered = [0] * 10

        def send_mail(client_number):
            with MilterClient(run.socket) as client:
                client.negotiate()
                while goes_on.is_set():
                    number = client_number * 1000000 + answered[client_number]
                    reply = client.message(f"4XyZ{number:08}", headers=UNTRUSTED)
                    if reply != GO_ON:
                        return  # The daemon has ended.
                    answered[client_number] += 1

        def write_log():
            while goes_on.is_set():
                run.deliver("a.test", 20)

        with concurrent.futures.ThreadPoolExecutor(11) as pool:
            work = [pool.submit(send_mail, number) for number in range(10)]
            work.append(pool.submit(write_log))
            try:
                wait_until(lambda: sum(answered) > 500 and run.number > 2000, "some load", 60)
                before = sum(answered)
                self.stop_in_time(daemon)
            finally:
                goes_on.clear()
            for each in work[:-1]:
                with contextlib.suppress(OSError):  # Its connection was cut.
                    each.result()
            work[-1].result()
        ignored = run.ask("--summary", "--day", DAY)["ignored"]["report-mail-untrusted"]
        self.assertGreaterEqual(ignored, before)
        self.assertLessEqual(ignored, sum(answered) + len(answered))
        # It had no time to read whatever the log has; the next one goes on where it was.
        run.start()
        run.wait_for_counts(a=run.number)

    def test_a_flood_of_datagrams_does_not_hold_it_up(self):
        run = self.run_
        run.configure(log_source="none", milter_socket="none",
                      tlsrpt_socket=run.folder / "t.sock",
                      tlsrpt_socket_group=run.options["milter_socket_group"])
        daemon = run.start()
        goes_on = threading.Event()
        goes_on.set()
        sent = [0] * 4

        def flood(number):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.settimeout(0.1)
                out.connect(str(run.folder / "t.sock"))
                while goes_on.is_set():
                    with contextlib.suppress(TimeoutError):
                        out.send(DATAGRAM)
                        sent[number] += 1

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            work = [pool.submit(flood, number) for number in range(4)]
            try:
                wait_until(lambda: sum(sent) > 2000, "some load", 60)
                before = sum(sent)
                self.stop_in_time(daemon)
            finally:
                goes_on.clear()
            for each in work:
                with contextlib.suppress(ConnectionError):
                    each.result()
        # What was received after the last commit lies in the journal.
        run.start()
        wait_until(lambda: before <= run.counts().get("a.test", 0) <= sum(sent), "all counts", 60)

    def test_a_locked_store_does_not_hold_it_up(self):
        run = self.run_
        daemon = run.start()
        run.deliver("a.test")
        run.wait_for_counts(a=1)
        with contextlib.closing(sqlite3.connect(run.store, isolation_level=None)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            run.deliver("a.test", 5)
            daemon.wait_until(lambda: "counts are kept in memory" in daemon.output(), "trouble", 60)
            self.stop_in_time(daemon)
        run.start()
        run.wait_for_counts(a=6)

    def test_started_twice_the_second_says_so(self):
        run = self.run_
        daemon = run.start()
        second = subprocess.run([PROGRAM, "-c", run.config, "-f"], capture_output=True, text=True,
                                timeout=60, env=run.environment())
        self.assertEqual(second.returncode, TRY_AGAIN)
        self.assertIn(f"process {daemon.process.pid}", second.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
