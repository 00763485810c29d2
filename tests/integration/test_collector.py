"""Does tlsrpt-milter count what really happened?

Mail goes out through a real Postfix to good, broken and hostile servers, its log is rotated in
between, deferred mail is tried again. One collector follows live and is killed once, another
catches up in two steps. Both must say exactly what the servers wrote down.
"""

import collections
import datetime
import gzip
import json
import re
import signal
import sys
import unittest

import counts
import postfix_instance
import programs
import scenario
import stage
from processes import NotReady, wait_until

STAGE = None
LIVE = None
CAUGHT_UP = None
DAY = None
DAEMON_STATUS = []
DOMAINS = []
# The daemon commits once a second; the rest is for a busy machine and sanitizers.
COMMITTED_WITHIN = 15


def setUpModule():
    global STAGE, LIVE, CAUGHT_UP, DAY
    stage.stay_within_one_day()
    stage.limit_run_time(200)
    DOMAINS.extend(scenario.ordinary_domains() + scenario.hostile_domains())
    STAGE = stage.Stage(DOMAINS)
    unittest.addModuleCleanup(STAGE.close)
    STAGE.__enter__()
    DAY = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    LIVE = programs.Site(STAGE, "live")
    CAUGHT_UP = programs.Site(STAGE, "caught-up")
    run_the_day()


def run_the_day():
    """All mail, two rotations, a kill and a second try of what was deferred.

    The live collector is dead while the second part is sent and its log is rotated away.
    """
    daemon = LIVE.start_daemon()
    STAGE.running.append(daemon)
    STAGE.send_to(DOMAINS[::3])
    CAUGHT_UP.catch_up()
    daemon.wait_until(live_has_counts, "a first commit", COMMITTED_WITHIN)
    daemon.signal(signal.SIGKILL)
    daemon.process.wait(10)
    STAGE.send_to(DOMAINS[1::3])
    STAGE.postfix.rotate_log()
    daemon = LIVE.start_daemon()
    STAGE.running.append(daemon)
    STAGE.send_to(DOMAINS[2::3])
    STAGE.postfix.rotate_log()
    STAGE.postfix.retry_deferred()
    STAGE.settle()
    CAUGHT_UP.catch_up()
    wait_for_live_counts()
    DAEMON_STATUS.append(daemon.stop())


def live_has_counts():
    return LIVE.store.exists() and bool(LIVE.summary(DAY)["domains"])


def wait_for_live_counts():
    """Until the live store holds the truth; whether it does is for the tests to say."""
    wanted = expected()
    try:
        wait_until(lambda: counts.observed(LIVE.summary(DAY)) == wanted, "live counts",
                   COMMITTED_WITHIN)
    except NotReady:
        pass


def expected():
    log = whole_log()
    attempts = {}
    for domain in DOMAINS:
        if domain.tlsa == "unobtainable":
            # Nobody but Postfix saw these: each delivery that ended so is one attempt.
            attempts[domain.name] = len(re.findall(
                rf": to=<[^>]*@{re.escape(domain.name)}>, relay=none,.*TLSA lookup error", log))
    return counts.expected(DOMAINS, STAGE.truth.sessions(), attempts)


def whole_log():
    """The current log with its predecessors, which `postfix logrotate` has compressed."""
    folder = STAGE.postfix.log.parent
    older = b"".join(
        gzip.decompress(path.read_bytes()) for path in sorted(folder.glob("mail.log.*.gz")))
    return older.decode(errors="replace") + STAGE.postfix.log_text()


class Counting(unittest.TestCase):
    def check(self, site):
        found = counts.observed(site.summary(DAY))
        self.assertEqual(counts.difference(expected(), found), "")

    def test_catching_up_across_a_rotation_counts_what_the_servers_saw(self):
        self.check(CAUGHT_UP)

    def test_following_live_counts_what_the_servers_saw_in_spite_of_a_kill(self):
        self.check(LIVE)

    def test_catching_up_again_changes_nothing(self):
        before = CAUGHT_UP.summary(DAY)
        CAUGHT_UP.catch_up()
        self.assertEqual(CAUGHT_UP.summary(DAY), before)

    def test_both_ways_agree_on_everything(self):
        self.assertEqual(LIVE.summary(DAY), CAUGHT_UP.summary(DAY))

    def test_every_kind_of_failure_took_part(self):
        outcomes = {key[0] for policies in expected().values() for counter in policies.values()
                    for key in counter if key != "success"}
        self.assertEqual(outcomes, {
            "starttls-not-supported", "validation-failure", "certificate-expired",
            "certificate-host-mismatch", "certificate-not-trusted", "tlsa-invalid",
            "dnssec-invalid"})

    def test_deferred_mail_was_tried_again_in_the_clear(self):
        retries = [session for session in STAGE.truth.sessions() if session.ehlo_answered
                   and session.starttls_offered and session.starttls_reply is None]
        self.assertTrue(retries)

    def test_sessions_without_an_answer_to_ehlo_are_ignored(self):
        unanswered = [s for s in STAGE.truth.sessions() if not s.ehlo_answered]
        self.assertEqual(LIVE.summary(DAY)["ignored"].get("before-ehlo"), len(unanswered))

    def test_nothing_is_left_unattributed_or_not_understood(self):
        ignored = LIVE.summary(DAY)["ignored"]
        for key in ("not-understood", "unattributed", "tls-unknown", "private-address"):
            with self.subTest(key):
                self.assertEqual(ignored.get(key, 0), 0)

    def test_daemon_ends_well_when_asked_to(self):
        self.assertEqual(DAEMON_STATUS, [0])

    def test_address_that_postfix_binds_to_is_known_but_not_told_as_it_is_private(self):
        table = CAUGHT_UP.run("tlsrpt-reporter", "--summary", "--day", DAY).stdout
        self.assertRegex(
            table, rf"{re.escape(postfix_instance.SENDING_ADDRESS)} +mx\.sts-expired\.test ")
        self.assertNotIn("sending-mta-ip", json.dumps(CAUGHT_UP.summary(DAY)))

    def test_messages_are_those_that_were_carried(self):
        carried = collections.Counter()
        for session in STAGE.truth.sessions():
            carried[counts.domain_of(DOMAINS, session).name] += len(session.messages)
        found = {entry["domain"]: entry["messages"]
                 for entry in CAUGHT_UP.summary(DAY)["domains"]}
        for name in ("good.test", "many.test", "plain.test", "twomx.test", "sts-good.test",
                     "dane-good.example"):
            with self.subTest(name):
                self.assertEqual(found[name], carried[name])


class HostileServers(unittest.TestCase):
    """Their domains are part of the counts above; here is what must appear nowhere."""

    def test_victim_is_not_named(self):
        for site in (LIVE, CAUGHT_UP):
            self.assertNotIn("victim", json.dumps(site.summary(DAY)))

    def test_reasons_hold_no_word_of_theirs(self):
        reasons = {detail["failure-reason-code"]
                   for entry in CAUGHT_UP.summary(DAY)["domains"] for policy in entry["policies"]
                   for detail in policy.get("failure-details", [])
                   if "failure-reason-code" in detail}
        for reason in reasons:
            with self.subTest(reason):
                self.assertRegex(reason, r"\A[\x20-\x7e]{1,200}\Z")
                self.assertNotRegex(reason, "Trusted|relay=|TLSRPT|established")

    def test_explain_reads_the_whole_log(self):
        path = STAGE.folder / "whole.log"
        path.write_text(whole_log())
        result = CAUGHT_UP.run("tlsrpt-milter", "--explain", path)
        self.assertIn("good.test", result.stdout)
        for control in ("\x1b", "\x07", "\u202e", "\u2028"):
            self.assertNotIn(control, result.stdout)


if __name__ == "__main__":
    stage.skip_unless_possible()
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
