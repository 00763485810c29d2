"""Does the daemon get over every trouble, say it once, and lose no count?"""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import unittest

from daemon_run import REPORTER, Run  # (puts tests/support into the path)
from milter_client import MilterClient
from processes import wait_until

UNTRUSTED = [("TLS-Report-Domain", "a.test")]


class TroubleTest(unittest.TestCase):
    def setUp(self):
        self.run_ = Run()
        self.addCleanup(self.run_.__exit__)

    def expect(self, daemon, word, number=1):
        daemon.wait_until(lambda: daemon.output().count(word) >= number, word, 90)

    def said_once(self, daemon, *words):
        for word in words:
            self.assertEqual(daemon.output().count(word), 1, daemon.output())

    def troubles(self):
        return self.run_.ask("--status").get("collector-troubles", [])

    def wait_for_trouble(self, text, is_over):
        """Until --status tells of it, with since when, and until when where it is over."""
        def found():
            return [each for each in self.troubles() if text in each["trouble"]
                    and "since" in each and ("until" in each) == is_over]
        wait_until(found, f"trouble {text!r} in --status, over: {is_over}", 90)


class Log(TroubleTest):
    def test_one_that_cannot_be_read_is_waited_for(self):
        run = self.run_
        daemon = run.start()
        run.deliver("a.test")
        run.wait_for_counts(a=1)
        rotated = run.folder / "mail.log.1"
        run.log.rename(rotated)
        run.log.mkdir()  # Permissions would not stop root.
        self.expect(daemon, "will go on when it can be read")
        self.wait_for_trouble("mail.log", is_over=False)
        with open(rotated, "a", encoding="utf-8"):
            pass
        run.log.rmdir()
        run.deliver("b.test")
        run.wait_for_counts(a=1, b=1)
        self.wait_for_trouble("mail.log", is_over=True)
        self.said_once(daemon, "will go on when it can be read", "reading again")

    def test_one_that_is_not_there_yet_is_told_and_waited_for(self):
        run = self.run_
        run.log.unlink()
        daemon = run.start()
        self.expect(daemon, "No such file")
        # The store learns of it although nothing was ever counted.
        self.wait_for_trouble("No such file", is_over=False)
        run.deliver("a.test")
        run.wait_for_counts(a=1)
        self.wait_for_trouble("No such file", is_over=True)
        self.said_once(daemon, "No such file")


class Store(TroubleTest):
    def test_one_that_is_locked_is_waited_for(self):
        run = self.run_
        daemon = run.start()
        run.deliver("a.test")
        run.wait_for_counts(a=1)
        lock = sqlite3.connect(run.store, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        run.deliver("a.test", 5)
        self.expect(daemon, "counts are kept in memory")
        # Postfix is answered meanwhile, and what is learnt is not forgotten.
        with MilterClient(run.socket) as client:
            client.negotiate()
            self.assertEqual(client.message("4XyZabcdefgh", headers=UNTRUSTED), b"c")
        lock.rollback()
        lock.close()
        run.wait_for_counts(a=6)
        self.wait_for_trouble("counts are kept in memory", is_over=True)
        self.said_once(daemon, "counts are kept in memory", "committed again")
        self.assertIn('"report-mail-untrusted": 1',
                      str(run.ask("--status")).replace("'", '"'))

    def test_a_killed_daemon_leaves_no_trouble_for_ever(self):
        run = self.run_
        run.log.unlink()
        daemon = run.start()
        self.wait_for_trouble("No such file", is_over=False)
        daemon.process.kill()
        daemon.process.wait(10)
        run.deliver("a.test")
        run.start()
        self.wait_for_trouble("No such file", is_over=True)
        run.wait_for_counts(a=1)

    def test_one_whose_folder_is_moved_away_is_waited_for_without_effort(self):
        run = self.run_
        daemon = run.start()
        run.deliver("a.test", 3)
        run.wait_for_counts(a=3)
        elsewhere = run.folder / "elsewhere"
        run.store.parent.rename(elsewhere)
        run.deliver("a.test", 2)
        self.expect(daemon, "removed or replaced")
        before = cpu_seconds(daemon)
        # Lines come in, and each may wake it.
        for _ in range(100):
            run.deliver("a.test")
            os.sched_yield()
        self.assertEqual(daemon.output().count("removed or replaced"), 1)
        self.assertLess(cpu_seconds(daemon) - before, 5)
        elsewhere.rename(run.store.parent)
        run.wait_for_counts(a=105)
        self.expect(daemon, "the store can be used again")
        self.wait_for_trouble("removed or replaced", is_over=True)

    def test_one_that_was_deleted_is_made_anew_once_its_folder_is_there(self):
        run = self.run_
        daemon = run.start()
        run.deliver("a.test")
        run.wait_for_counts(a=1)
        shutil.rmtree(run.store.parent)
        run.deliver("b.test")
        self.expect(daemon, "removed or replaced")
        run.store.parent.mkdir()
        # What the log still has is counted into the new one.
        run.wait_for_counts(a=1, b=1)
        second = run.start_in_background()
        self.assertIn("another collector holds the lock", second.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, for a small file system")
    def test_a_full_disk_is_waited_for(self):
        run = self.run_
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tlsrpt", run.store.parent],
                       check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", run.store.parent], check=True)
        daemon = run.start()
        self.addCleanup(daemon.stop)
        run.deliver("a.test")
        run.wait_for_counts(a=1)
        filler = run.store.parent / "filler"
        with open(filler, "wb", buffering=0) as file, self.assertRaises(OSError):
            while file.write(b"x" * 4096):
                pass
        for number in range(200):
            run.deliver(f"d{number}.test")
        self.expect(daemon, "counts are kept in memory")
        filler.unlink()
        wanted = {"a.test": 1, **{f"d{number}.test": 1 for number in range(200)}}
        wait_until(lambda: run.counts() == wanted, "all counts", 90)
        self.wait_for_trouble("counts are kept in memory", is_over=True)
        self.said_once(daemon, "counts are kept in memory", "committed again")


class DamagedStore(TroubleTest):
    def start(self):
        """A daemon whose counts are all in the store's file."""
        run = self.run_
        daemon = run.start()
        run.deliver("a.test", 3)
        run.wait_for_counts(a=3)
        with contextlib.closing(sqlite3.connect(run.store)) as database:
            self.assertEqual(database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], 0)
        return daemon

    def overwrite(self, content, begin=0):
        with open(self.run_.store, "r+b") as file:
            file.seek(begin)
            file.write(content)

    def check_status_fails(self):
        run = self.run_
        result = subprocess.run(
            [REPORTER, "-c", run.config, "--status"], capture_output=True, text=True,
            timeout=60, env=run.environment())
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(str(run.store), result.stderr)

    def test_one_that_is_overwritten_and_mended(self):
        run = self.run_
        daemon = self.start()
        good = run.store.read_bytes()
        page = 4096
        self.overwrite(b"\xff" * (len(good) - page), page)
        run.deliver("b.test", 2)
        self.expect(daemon, "malformed")
        self.expect(daemon, "counts are kept in memory")
        self.check_status_fails()
        with MilterClient(run.socket) as client:
            client.negotiate()
            self.assertEqual(client.message("4XyZabcdefgh", headers=UNTRUSTED), b"c")
        self.overwrite(good)
        run.wait_for_counts(a=3, b=2)
        self.wait_for_trouble("malformed", is_over=True)
        self.said_once(daemon, "counts are kept in memory", "committed again")

    def test_one_that_is_overwritten_for_good_and_replaced(self):
        run = self.run_
        daemon = self.start()
        copy = run.folder / "copy"
        copy.write_bytes(run.store.read_bytes())
        self.overwrite(b"no database" * 1000)
        run.deliver("b.test", 2)
        self.expect(daemon, "counts are kept in memory")
        self.check_status_fails()
        copy.rename(run.store)
        run.wait_for_counts(a=3, b=2)
        self.wait_for_trouble("not a database", is_over=True)
        self.said_once(daemon, "counts are kept in memory", "committed again")

    def test_one_that_is_replaced_by_something_else(self):
        run = self.run_
        daemon = self.start()
        other = run.folder / "other"
        other.write_bytes(b"no database" * 1000)
        other.rename(run.store)
        run.deliver("b.test", 2)
        self.expect(daemon, "removed or replaced")
        before = cpu_seconds(daemon)
        for _ in range(100):
            run.deliver("b.test")
            os.sched_yield()
        self.check_status_fails()
        self.assertLess(cpu_seconds(daemon) - before, 5)
        run.store.unlink()
        # What the log still has is counted into a new one.
        run.wait_for_counts(a=3, b=102)
        self.wait_for_trouble("removed or replaced", is_over=True)
        self.said_once(daemon, "removed or replaced", "the store can be used again")

    def test_one_that_is_deleted_alone(self):
        run = self.run_
        daemon = self.start()
        run.store.unlink()
        # Though nothing is logged, there is soon another one.
        run.wait_for_counts(a=3)
        run.deliver("b.test", 2)
        run.wait_for_counts(a=3, b=2)
        self.said_once(daemon, "removed or replaced", "the store can be used again")

    def test_one_whose_log_and_index_are_deleted(self):
        run = self.run_
        daemon = self.start()
        run.deliver("b.test", 2)
        run.wait_for_counts(a=3, b=2)
        for suffix in ("-wal", "-shm"):
            pathlib.Path(f"{run.store}{suffix}").unlink()
        run.deliver("c.test", 2)
        run.wait_for_counts(a=3, b=2, c=2)
        self.said_once(daemon, "removed or replaced", "the store can be used again")
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(run.counts(), {"a.test": 3, "b.test": 2, "c.test": 2})


def cpu_seconds(daemon):
    with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
