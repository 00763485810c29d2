#!/usr/bin/env python3
"""The runner itself: every expectation can fail, and what is no story is refused with its line."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import scenario_file

HERE = pathlib.Path(__file__).resolve().parent
GOOD = """story: A report
option delivery_spread = 0s
dns _smtp._tls.a.example TXT v=TLSRPTv1; rua=mailto:tls@a.example,https://c.example:8443/r
at 2026-11-22T14:00:00Z
sessions a.example success 3
sessions a.example certificate-expired 1
at 2026-11-23T00:15:00Z
collect
flush
  mail tls@a.example 20261122.a.example.1 ok=3 failed=1
  post https://c.example:8443/r 20261122.a.example.1 ok=3
  asks a.example
status
  days[day=2026-11-22].reports=1
  is relay1
  is not relay2
flush --day 2026-11-23
  exit 64
  says is not over yet
flush --day 2026-11-23 --output-dir $DIR/out
files out
reported a.example 2026-11-22 ok=3 failed=1 reports=1
reported b.example 2026-11-22 nothing
receiver tls@a.example 451 then 250
sessions a.example success 1 at=2026-11-23T12:00:00Z
at 2026-11-24T00:15:00Z
collect
hours 2
  mail tls@a.example 20261123.a.example.1 ok=1
  post https://c.example:8443/r 20261123.a.example.1 ok=1
"""
# (what is replaced, by what, what must be complained about)
WRONG = (
    ("  mail tls@a.example 20261122.a.example.1 ok=3 failed=1\n", "", "nobody expects: mail"),
    ("  post https", "  post https://d.example:8443/r x.1\n  post https", "0 of 1 arrived"),
    ("ok=3 failed=1\n  post", "ok=2 failed=1\n  post", "0 of 1 arrived"),
    ("a.example.1 ok=3\n", "a.example.1 x2 ok=3\n", "1 of 2 arrived"),
    ("  asks a.example\n", "  asks\n", "asked for a.example"),
    ("  asks a.example\n", "  asks a.example b.example\n", "asked for a.example"),
    ("reports=1\n  is relay1", "reports=2\n  is relay1", "days[day=2026-11-22].reports is 1"),
    ("days[day=2026-11-22].reports=1", "days[day=2026-11-21].reports=1", "is nothing"),
    ("  is relay1", "  is relay9", "not in the table"),
    ("  is not relay2", "  is not relay1", "in the table"),
    ("  exit 64", "  exit 0", "exit status 64, not 0"),
    ("  exit 64\n", "", "exit status 64, not 0"),
    ("  says is not over yet\n", "", "it says what nobody expects"),
    ("  says is not over yet\n", "  says is not over yet\n  says more\n", "does not say: more"),
    ("files out\n", "files out one\n", "files \n"),
    ("ok=3 failed=1 reports=1", "ok=3 failed=1 reports=2", "reports=1"),
    ("reported b.example", "reported a.example", "1 reports"),
    ("  mail tls@a.example 20261123", "  mail b@a.example 20261123", "0 of 1 arrived"),
    ("flush\n", "store DROP TABLE report\nflush\n  exit 0\n", "exit status"),
)
# (a whole file, what is said of it)
MALFORMED = (
    ("", ":1: the first step is"),
    ("option a = b\n", ":1: the first step is"),
    ("story:\nflush\n", ":1: a story has a title"),
    ("story: x\nat 2026-11-22T14:00:00Z\n", ":2: nothing is run"),
    ("story: x\nstory: y\nflush\n", ":2: a file holds one story"),
    ("story: x\nfulsh\n", ":2: unknown step `fulsh`"),
    ("story: x\nflush\n exit 0\n", ":3: indent by two blanks"),
    ("story: x\nat +1h\n  exit 0\nflush\n", ":3: nothing above it takes lines"),
    ("story: x\nhours\n", ":2: `hours` needs more words"),
    ("story: x\nflush\n  exits 0\n", ":3: `flush` does not expect `exits`"),
    ("story: x\nflush\n  exit ok\n", ":3: exit STATUS"),
    ("story: x\nflush\n  mail a@b.example\n", ":3: mail WHO REPORT"),
    ("story: x\nflush\n  says\n", ":3: `says` needs more words"),
    ("story: x\nflush \n", ":2: trailing blank or tab"),
    ("story: x\noption a: b c\nflush\n", ":2: option NAME = VALUE"),
    ("story: x\ncertificate a.example old\nflush\n", ":2: no such certificate: old"),
    ("story: x\nat yesterday\nflush\n", ":2: "),
    ("story: x\nat +1h\nflush\n", ":2: `+1h`: from when?"),
    ("story: x\ndns a.example MX b\nflush\n", ":2: `MX` is neither a type nor"),
    ("story: x\ndns a.example A b\nflush\n", ":2: "),
    ("story: x\nreceiver a@b.example maybe\nflush\n", ":2: no reply: `maybe`"),
    ("story: x\nreceiver a@b.example 250 soon=1\nflush\n", ":2: no reply"),
    ("story: x\nat 2026-11-22T14:00:00Z\nsessions a.example sucess 1\nflush\n", ":3: no such kind"),
    ("story: x\nat 2026-11-22T14:00:00Z\nsessions a.example success 1 relay=r\nflush\n",
     ":3: no relay r"),
    ("story: x\ndisk full\nflush\n", ":2: invalid literal"),
    ("story: x\ndaemon sleep\nflush\n", ":2: daemon start | stop | kill"),
    ("story: x\nsyslog stops\nflush\n", ":2: syslog stands | goes on [with its own stamps]"),
    ("story: x\ntls a.example success\nflush\n", ":2: `tls` needs more words"),
    ("story: x\ntls a.example luck 1\nflush\n", ":2: no such kind"),
    ("story: x\nlock long\nflush\n", ":2: `long` is no duration"),
)


class RunnerTest(unittest.TestCase):
    def run_story(self, text):
        """(exit status, what it said) for a story with TEXT."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "it.scn"
            path.write_text(text)
            done = subprocess.run(
                [sys.executable, "-B", HERE / "run_scenario.py", "--binaries",
                 os.environ["TLSRPT_BINARY_DIR"], path], capture_output=True, text=True,
                check=False)
        return done.returncode, done.stdout + done.stderr

    def test_a_story_that_comes_true(self):
        self.assertEqual(self.run_story(GOOD), (0, "ok: it: A report\n"))

    def test_every_expectation_can_fail(self):
        for old, new, complaint in WRONG:
            with self.subTest(new or old):
                self.assertIn(old, GOOD)
                status, said = self.run_story(GOOD.replace(old, new, 1))
                self.assertEqual(status, 1, said)
                self.assertIn("FAILED: it: A report", said)
                self.assertIn(complaint, said)

    def test_what_is_no_story_is_refused_with_its_line(self):
        for text, complaint in MALFORMED:
            with self.subTest(text):
                status, said = self.run_story(text)
                self.assertEqual(status, 2, said)
                self.assertIn("it.scn" + complaint, said)

    def test_the_stories_of_this_folder_can_be_read(self):
        titles = [scenario_file.read_story(path).title for path in sorted(HERE.glob("*.scn"))]
        self.assertEqual(len(titles), len(set(titles)), "two stories have the same title")


if __name__ == "__main__":
    unittest.main()
