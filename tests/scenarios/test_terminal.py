#!/usr/bin/env python3
"""A flush shows its progress on a terminal, and nothing where there is none."""

import os
import pathlib
import pty
import re
import subprocess
import tempfile
import unittest

import delivery_log
import instants
from programs import Programs

DOMAINS = 40
LINE = re.compile(r"domains looked up 40/40, reports made 40, deliveries done 40/40(, \d+/\S+)?$")


class TerminalTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.programs = Programs(os.environ["TLSRPT_BINARY_DIR"], self.folder, "127.0.0.1")
        (self.folder / "map").write_text("* v=TLSRPTv1; rua=mailto:tls@collect.example\n")
        (self.folder / "mail").mkdir()
        self.programs.options.update(
            record_map=self.folder / "map", mail_transport=f"directory:{self.folder}/mail",
            delivery_spread="0s")
        self.programs.set_clock(instants.read_instant("2026-11-23T00:15:00Z", None))
        with open(self.programs.log("relay1"), "w", encoding="utf-8") as log:
            for number in range(DOMAINS):
                log.write(delivery_log.delivery_lines("2026-11-22T14:00:00Z", "relay1",
                                                      "d{}.example", "success", number, {}))
        self.assertEqual(self.programs.run("tlsrpt-milter", "relay1", "--catch-up"), (0, [], []))

    def flush(self, stderr):
        return subprocess.Popen(
            [self.programs.binary_folder / "tlsrpt-reporter", "-c",
             self.programs.configuration("relay1"), "--flush"], stderr=stderr,
            stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, TLSRPT_CLOCK=f"file:{self.programs.clock}"))

    def test_a_terminal_sees_one_line_that_is_written_over(self):
        master, slave = pty.openpty()
        process = self.flush(slave)
        os.close(slave)
        shown = b""
        try:
            while piece := os.read(master, 4096):
                shown += piece
        except OSError:  # EIO: the other end is closed.
            pass
        os.close(master)
        self.assertEqual(process.communicate()[0], "")
        self.assertEqual(process.returncode, 0)
        lines = [line for line in shown.decode().split("\r\n") if line]
        self.assertEqual(len(lines), 2, lines)
        self.assertIn("TLSRPT_CLOCK", lines[0])
        states = [state.removesuffix("\x1b[K") for state in lines[1].split("\r") if state]
        self.assertRegex(states[-1], LINE)

    def test_cron_sees_nothing(self):
        process = self.flush(subprocess.PIPE)
        printed, said = process.communicate()
        self.assertEqual((process.returncode, printed), (0, ""))
        self.assertEqual([line for line in said.splitlines() if "TLSRPT_CLOCK" not in line], [])
        self.assertEqual(len(list((self.folder / "mail").iterdir())), DOMAINS)


if __name__ == "__main__":
    unittest.main()
