"""Do reports arrive, over SMTP and HTTPS, and does nobody report about them?

A day of mail, then the clock is set to the next one: an early flush that must wait, a flush
without name servers, the real flush, retries, and the two days after. What arrives is read with
Python's own libraries and held against what the servers saw.
"""

import collections
import datetime
import gzip
import json
import sys
import unittest

import counts
import https_server
import postfix_instance
import programs
import received_report
import scenario
import stage

STAGE = None
DAY = None
MIDNIGHT = 0
MINUTE = 60
HOUR = 3600
# What the world sees of a relay whose own address is private.
PUBLIC_ADDRESS = "192.0.2.25"
FIRST = None
SECOND = None
# What was there after which step: name -> value.
SEEN = {}

MAILTO = f"tlsrpt@{scenario.REPORT_DOMAIN}"
# domain -> the mail addresses that its record names.
BY_MAIL = {
    "rua-both.test": [MAILTO],
    "rua-several.test": [f"second@{scenario.REPORT_DOMAIN}", MAILTO, "x@archive.test"],
    "rua-long.test": [MAILTO],
    "rua-error.test": [MAILTO],
    "record-others.test": [MAILTO],
    "sts-expired.test": [MAILTO],
    "plain.test": [MAILTO],
    "drop.test": [MAILTO],
    "twomx.test": [MAILTO],
    "good.test": [MAILTO],
    "dane-mismatch.example": [MAILTO],
}
NO_REPORT = ("rua-http.test", "record-none.test", "record-malformed.test", "record-case.test",
             "record-two.test", scenario.REPORT_DOMAIN)


def setUpModule():
    global STAGE, DAY, MIDNIGHT, FIRST, SECOND
    stage.stay_within_one_day()
    stage.limit_run_time(200)
    ordinary = [domain for domain in scenario.ordinary_domains() if domain.name in BY_MAIL]
    STAGE = stage.Stage(scenario.report_domains() + ordinary
                        + scenario.report_destination_domains(https_server.PORT))
    unittest.addModuleCleanup(STAGE.close)
    STAGE.__enter__()
    today = datetime.datetime.now(datetime.timezone.utc).date()
    DAY = today.isoformat()
    MIDNIGHT = received_report.day_bounds(DAY)[1] + 1
    FIRST = programs.Site(STAGE, "first", sending_mta_ip=PUBLIC_ADDRESS)
    SECOND = programs.Site(
        STAGE, "second", sending_mta_ip=PUBLIC_ADDRESS,
        mail_transport=f"smtp://{postfix_instance.ADDRESS}:{postfix_instance.PORT}",
        https_verify="fallback", bcc="copies@archive.test")
    send_ordinary_mail()
    flush_next_morning()
    flush_again_and_later()
    flush_from_second_site()


def send_ordinary_mail():
    STAGE.send_to([domain for domain in STAGE.domains
                   if domain.name not in ("archive.test", "busy.test")])
    # It looks like a report, but it is none of ours: it has to be counted.
    STAGE.postfix.submit("mallory@elsewhere.test", ["user@good.test"], (
        "Message-ID: <tlsrpt.20261122.good.test.1.0123456789abcdef0123456789abcdef@sender.test>",
        "TLS-Report-Domain: good.test", "TLS-Report-Submitter: sender.test",
        "Subject: Report Domain: good.test Submitter: sender.test Report-ID: <x@sender.test>"))
    STAGE.settle()
    SEEN["ordinary"] = STAGE.truth.sessions()
    SEEN["last ordinary"] = STAGE.truth.last_number()


def flush_next_morning():
    FIRST.catch_up()
    SEEN["summary"] = FIRST.summary(DAY)
    FIRST.flush("--now", clock=MIDNIGHT + 5 * MINUTE)
    STAGE.settle()
    SEEN["mail too early"] = report_sessions()
    SEEN["posts too early"] = list(STAGE.web.requests)
    FIRST.catch_up(clock=MIDNIGHT + 30 * MINUTE)
    STAGE.dns.stop_resolver()
    FIRST.flush("--now", clock=MIDNIGHT + 31 * MINUTE, expect=programs.TRY_AGAIN)
    SEEN["posts without DNS"] = list(STAGE.web.requests)
    STAGE.dns.start()
    SEEN["words"] = FIRST.flush("--now", clock=MIDNIGHT + 60 * MINUTE)
    STAGE.settle()
    SEEN["reports"] = report_sessions()
    SEEN["posts"] = list(STAGE.web.requests)


def flush_again_and_later():
    """The same again must send nothing; what failed is tried later; then two more days."""
    FIRST.flush("--now", clock=MIDNIGHT + 61 * MINUTE)
    STAGE.settle()
    SEEN["mail at once again"] = report_sessions()
    STAGE.web.overrides["/status/503"] = 201
    FIRST.flush("--now", clock=MIDNIGHT + 6 * HOUR)
    SEEN["posts after repair"] = list(STAGE.web.requests)
    FIRST.catch_up(clock=MIDNIGHT + 7 * HOUR)
    SEEN["summary after reports"] = FIRST.summary(DAY, clock=MIDNIGHT + 7 * HOUR)
    FIRST.flush("--now", clock=MIDNIGHT + 14 * HOUR)
    for hours in (25, 49):
        FIRST.catch_up(clock=MIDNIGHT + hours * HOUR)
        FIRST.flush("--now", clock=MIDNIGHT + hours * HOUR)
    STAGE.settle()
    SEEN["mail in the end"] = report_sessions()
    SEEN["posts in the end"] = list(STAGE.web.requests)
    SEEN["last of first"] = STAGE.truth.last_number()


def flush_from_second_site():
    """Another store, the log from the beginning, and the mail by SMTP."""
    SECOND.catch_up(clock=MIDNIGHT + 30 * MINUTE)
    SEEN["second summary"] = SECOND.summary(DAY, clock=MIDNIGHT + 30 * MINUTE)
    SECOND.flush("--now", clock=MIDNIGHT + 60 * MINUTE)
    STAGE.settle()
    SEEN["second reports"] = report_sessions(after=SEEN["last of first"])


def report_sessions(after=None):
    """The sessions since the ordinary mail, or since number `after`."""
    return STAGE.truth.sessions(after=SEEN["last ordinary"] if after is None else after)


def messages_in(sessions):
    """(MAIL FROM, RCPT TO, raw message) of each message that a host took."""
    for session in sessions:
        # One message per recipient: the k-th message has the k-th sender and recipient.
        for sender, (recipient, _), raw in zip(
                session.senders, session.recipients, session.messages):
            yield sender, recipient, raw


def expected_counts():
    return counts.expected(STAGE.domains, SEEN["ordinary"])


class ReportsByMail(unittest.TestCase):
    def setUp(self):
        self.received = [
            (sender, recipient, received_report.read_message(raw, DAY))
            for sender, recipient, raw in messages_in(SEEN["reports"])]

    def test_each_address_of_each_record_gets_its_report_once(self):
        found = collections.defaultdict(list)
        for _, recipient, report in self.received:
            found[report.domain].append(recipient)
        self.assertEqual({name: sorted(to) for name, to in found.items()}, BY_MAIL)

    def test_envelope_and_headers_agree(self):
        for sender, recipient, report in self.received:
            self.assertEqual(sender, scenario.REPORTS_FROM)
            self.assertEqual(recipient, report.recipient)

    def test_counts_are_what_the_servers_saw(self):
        for _, _, report in self.received:
            with self.subTest(report.domain):
                wanted = {report.domain: expected_counts()[report.domain]}
                found = {report.domain: counts.of_policies(report.document["policies"])}
                self.assertEqual(counts.difference(wanted, found), "")

    def test_report_says_what_the_summary_said(self):
        summary = {entry["domain"]: entry["policies"] for entry in SEEN["summary"]["domains"]}
        for _, _, report in self.received:
            with self.subTest(report.domain):
                self.assertEqual(report.document["policies"], summary[report.domain])

    def test_failures_say_who_sent_where_and_why(self):
        expired = next(r for _, _, r in self.received if r.domain == "sts-expired.test")
        detail = expired.document["policies"][0]["failure-details"][0]
        host = STAGE.domain("sts-expired.test").hosts[0]
        self.assertEqual(
            {key: detail.get(key) for key in (
                "result-type", "sending-mta-ip", "receiving-mx-hostname", "receiving-ip")},
            {"result-type": "certificate-expired",
             "sending-mta-ip": PUBLIC_ADDRESS,
             "receiving-mx-hostname": host.name, "receiving-ip": host.address})

    def test_message_ids_are_unique(self):
        identities = [report.message_id for _, _, report in self.received]
        self.assertEqual(len(set(identities)), len(identities))

    def test_no_report_where_the_record_asks_for_none(self):
        for _, _, report in self.received:
            self.assertNotIn(report.domain, NO_REPORT)

    def test_received_message_can_be_shown(self):
        raw = next(raw for _, _, raw in messages_in(SEEN["reports"])
                   if b"TLS-Report-Domain: drop.test" in raw)
        path = STAGE.folder / "received.eml"
        path.write_bytes(raw)
        shown = FIRST.run("tlsrpt-reporter", "--show", path).stdout
        self.assertIn("mx.drop.test", shown)
        self.assertIn("validation-failure", shown)


class ReportsByHttps(unittest.TestCase):
    def posts(self, path, which="posts"):
        return [request for request in SEEN[which] if request.path == path]

    def test_report_is_posted_as_the_rfc_says(self):
        for path in ("/v1/tlsrpt", "/both?x=1"):
            with self.subTest(path):
                self.assertEqual(len(self.posts(path)), 1)
                request = self.posts(path)[0]
                self.assertEqual(request.method, "POST")
                self.assertEqual(request.headers["content-type"], "application/tlsrpt+gzip")
                self.assertNotIn("content-encoding", request.headers)
                self.assertEqual(
                    request.host, f"web.{scenario.REPORT_DOMAIN}:{https_server.PORT}")

    def test_posted_document_is_the_report(self):
        body = self.posts("/v1/tlsrpt")[0].body
        document = received_report.read_document(
            body, "rua-https.test", DAY, f"{DAY.replace('-', '')}.rua-https.test.1@sender.test")
        self.assertEqual(
            counts.of_policies(document["policies"]), expected_counts()["rua-https.test"])

    def test_mail_and_post_carry_the_same_bytes(self):
        raw = next(raw for _, _, raw in messages_in(SEEN["reports"])
                   if b"TLS-Report-Domain: rua-both.test" in raw)
        self.assertEqual(
            received_report.read_message(raw, DAY).attachment, self.posts("/both?x=1")[0].body)

    def test_server_error_is_tried_again_until_it_is_accepted(self):
        failed = self.posts("/status/503")
        repaired = self.posts("/status/503", "posts after repair")
        self.assertTrue(failed)
        self.assertEqual({request.status for request in failed}, {503})
        self.assertEqual([request.status for request in repaired].count(201), 1)
        self.assertEqual({request.body for request in repaired}, {failed[0].body})
        self.assertEqual(len(self.posts("/status/503", "posts in the end")), len(repaired))

    def test_redirects_are_not_followed(self):
        self.assertTrue(self.posts("/status/302"))
        self.assertEqual(self.posts("/redirected", "posts in the end"), [])

    def test_untrusted_server_gets_nothing_unless_it_is_allowed(self):
        secret = [request for request in STAGE.untrusted_web.requests
                  if request.path == "/secret"]
        # Only the second site, with https_verify = fallback, has posted there.
        self.assertEqual(len(secret), 1)
        self.assertEqual(self.posts("/secret", "posts in the end"), [])
        document = json.loads(gzip.decompress(secret[0].body))
        self.assertEqual(document["report-id"].split("@")[0],
                         f"{DAY.replace('-', '')}.rua-untrusted.test.1")

    def test_plain_http_is_never_posted_to(self):
        self.assertEqual(self.posts("/plain", "posts in the end"), [])


class Timing(unittest.TestCase):
    def test_nothing_is_sent_before_the_collector_has_read_past_midnight(self):
        self.assertEqual((SEEN["mail too early"], SEEN["posts too early"]), ([], []))

    def test_nothing_is_sent_without_name_servers(self):
        self.assertEqual(SEEN["posts without DNS"], [])

    def test_second_flush_sends_nothing_twice(self):
        self.assertEqual(len(SEEN["mail at once again"]), len(SEEN["reports"]))

    def test_flush_is_silent_from_cron_unless_an_operator_is_needed(self):
        self.assertEqual(SEEN["words"].stdout, "")


class ReportsAboutReports(unittest.TestCase):
    def test_own_report_mail_is_exempt(self):
        ignored = SEEN["summary after reports"]["ignored"]
        answered = [session for session in SEEN["reports"] if session.ehlo_answered]
        self.assertEqual(ignored.get("report-mail"), len(answered))

    def test_counts_do_not_change_by_sending_reports(self):
        self.assertEqual(SEEN["summary after reports"]["domains"], SEEN["summary"]["domains"])

    def test_mail_that_only_looks_like_a_report_is_counted(self):
        self.assertEqual(SEEN["summary"]["ignored"].get("report-mail-untrusted"), 1)
        self.assertEqual(counts.difference(
            expected_counts(), counts.observed(SEEN["summary"])), "")

    def test_no_report_follows_on_the_days_after(self):
        self.assertEqual(len(SEEN["mail in the end"]), len(SEEN["mail at once again"]))

    def test_reports_of_another_store_are_known_by_their_sender(self):
        self.assertEqual(SEEN["second summary"]["domains"], SEEN["summary"]["domains"])


class SecondSite(unittest.TestCase):
    def setUp(self):
        self.received = [
            (recipient, received_report.read_message(raw, DAY))
            for _, recipient, raw in messages_in(SEEN["second reports"])]

    def test_reports_arrive_by_smtp_too(self):
        found = collections.defaultdict(list)
        for recipient, report in self.received:
            if recipient != "copies@archive.test":
                found[report.domain].append(recipient)
        self.assertEqual({name: sorted(to) for name, to in found.items()}, BY_MAIL)

    def test_same_facts_give_the_same_bytes(self):
        first = {report.domain: report.attachment for _, _, raw in messages_in(SEEN["reports"])
                 for report in [received_report.read_message(raw, DAY)]}
        for _, report in self.received:
            with self.subTest(report.domain):
                self.assertEqual(report.attachment, first.get(report.domain, report.attachment))

    def test_archive_gets_one_copy_of_each_report_with_the_same_message_id(self):
        originals = collections.defaultdict(set)
        copies = collections.defaultdict(list)
        for recipient, report in self.received:
            if recipient == "copies@archive.test":
                copies[report.domain].append(report.message_id)
            else:
                originals[report.domain].add(report.message_id)
        for domain, identities in originals.items():
            with self.subTest(domain):
                self.assertEqual(len(copies[domain]), 1)
                self.assertIn(copies[domain][0], identities)
        # Reports that go by HTTPS only are archived, too.
        self.assertEqual(len(copies["rua-https.test"]), 1)


if __name__ == "__main__":
    stage.skip_unless_possible()
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
