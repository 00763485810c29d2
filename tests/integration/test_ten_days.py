#!/usr/bin/env python3
"""Every session of ten days is reported exactly once, whatever happens in them (ten_days.py).

Lived through twice: with a lifetime of deliveries that outlasts the receiver's two days, and with
the default of one.
"""

import concurrent.futures
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import ten_days
from counted_log import day_of
from report_audit import Audit, merge, parse_report_id

PROGRAMS = os.environ.get("TLSRPT_BINARY_DIR", ".")
LIVED = {}


def setUpModule():
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, options in (("patient", {"delivery_lifetime": "3d"}), ("default", {})):
            folder = tempfile.mkdtemp(prefix="tlsrpt-days-")
            unittest.addModuleCleanup(shutil.rmtree, folder)
            LIVED[name] = pool.submit(ten_days.TenDays, folder, PROGRAMS, **options)
    for name, future in LIVED.items():
        LIVED[name] = future.result()


class Common:
    """What holds for both lives; `life` is the one, `audit` what its receivers have."""

    def setUp(self):
        self.life = LIVED[self.name]
        self.audit = Audit(self.life.received)

    def test_every_session_is_reported_once(self):
        counted = merge(log.counted for log in self.life.logs)
        expected = {key: value for key, value in counted.items()
                    if key[1] not in self.unreported and key not in self.lost}
        self.audit.count(expected)
        self.assertEqual(self.audit.faults, [])
        self.assertGreater(len(expected), 50)

    def test_nothing_is_repeated(self):
        self.assertEqual(dict(self.audit.repeats), {"mailto": 0, "https": 0})

    def test_only_late_days_have_supplements(self):
        revised = {}
        for report_id in self.audit.documents:
            day, domain, revision = parse_report_id(report_id)
            revised.setdefault(day, set()).add(revision)
        for day, revisions in sorted(revised.items()):
            with self.subTest(day):
                self.assertEqual(
                    revisions, {1, 2} if day in ten_days.SUPPLEMENTED else {1})

    def test_a_supplement_waits_six_hours(self):
        pairs = self.life.query(
            "SELECT two.created_at - one.created_at FROM report AS one JOIN report AS two "
            "ON two.day = one.day AND two.domain = one.domain AND two.revision = 2 "
            "WHERE one.revision = 1")
        self.assertTrue(pairs)
        for seconds, in pairs:
            self.assertGreaterEqual(seconds, 6 * 3600)

    def test_flush_is_content_except_while_dns_is_silent(self):
        tried_in_vain = [day_of(now) for now, status, _ in self.life.flushes if status == 75]
        self.assertTrue(tried_in_vain)
        self.assertEqual(set(tried_in_vain), {"2026-11-25"})
        for now, status, said in self.life.flushes:
            if status == 0:
                self.assertEqual(said, "", day_of(now))

    def test_status_names_the_sleeping_relay(self):
        self.assertIn("relay2", self.life.waited_for["2026-11-29"])

    def test_nothing_waits_in_the_end(self):
        self.assertEqual(self.life.state()["waiting"], 0)

    unreported = {domain for domain, rua in ten_days.RUA.items() if rua is None}
    lost = set()


class PatientDeliveries(Common, unittest.TestCase):
    name = "patient"

    def test_every_destination_has_every_report(self):
        self.audit.complete(self.life.destinations)
        self.assertEqual(self.audit.faults, [])
        self.assertEqual(self.life.state()["given up"], 0)


class DefaultDeliveries(Common, unittest.TestCase):
    name = "default"
    lost = {(ten_days.LOST_TO_FLAKY, f"flaky-post.{ten_days.ZONE}")}

    def test_only_what_the_lifetime_did_not_outlast_is_given_up(self):
        self.audit.complete(self.life.destinations)
        lost_to = {domain for domain, rua in ten_days.RUA.items() if rua and "flaky" in rua}
        day = ten_days.LOST_TO_FLAKY.replace("-", "")
        # Of these, the domain that names nobody else has no report of that day at all.
        others = lost_to - {f"flaky-post.{ten_days.ZONE}"}
        self.assertEqual(len(self.audit.faults), len(others), self.audit.faults)
        for domain in others:
            self.assertTrue(any(fault.startswith(f"{day}.{domain}.1@")
                                for fault in self.audit.faults), domain)
        self.assertEqual(self.life.state()["given up"], len(lost_to))


if __name__ == "__main__":
    unittest.main()
