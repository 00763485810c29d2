"""Does the daemon count what really happened by Postfix's own TLSRPT, alone and with the log?

Mail goes out through a real Postfix 3.10 or 3.11 of a newer Debian release to good and broken
servers, each kind of them twice. What Postfix tells of the first goes to a daemon that follows the
log, too, over a socket that is handed to it, and it is stopped and killed in between. What Postfix
tells of the second is all that another daemon gets, over a socket of its own. A third site reads
the log of everything. All must say what the servers wrote down, and what one of them cannot know
is named here.
"""

import dataclasses
import datetime
import grp
import os
import re
import signal
import socket
import ssl
import sys
import unittest

import counts
import postfix_chroot
import programs
import scenario
import stage
from mx_server import Mx
from processes import NotReady, wait_until

STAGE = None
BOTH = None
ALONE = None
LOG = None
DAY = None
STATUS = []
# The daemon commits once a second; the rest is for a busy machine and sanitizers.
COMMITTED_WITHIN = 15
# smtp(8) does not wait where the kernel's queue is full, and that may be as short as 10: so many at
# a time, and so many domains while no daemon is there.
CLIENTS = 1
WHILE_DOWN = 4
RECEIVES = "TLSRPT datagrams are received"
FOLDER = "run/tlsrpt"  # Of the sockets, in the queue directory: that is where a chroot has it, too.


def kinds(mark):
    """The domains whose sessions one of the daemons hears of."""
    def one(name, *arguments, **options):
        return scenario.one(f"{name}-{mark}.{'example' if name.startswith('dane') else 'test'}",
                            *arguments, **options)
    old_tls = {"newest_tls": ssl.TLSVersion.TLSv1_2}
    return [
        one("good", messages=3),
        one("many", recipients=5),
        one("reuse", recipients=3),
        changed(one("unrequired"), headers=("TLS-Required: No",)),
        one("unrecorded", records=()),
        one("tworecords", records=(scenario.DEFAULT_RECORD, scenario.DEFAULT_RECORD + ";")),
        one("selfsigned", certificate="self-signed"),
        one("plain", starttls="none"),
        one("refuse", starttls="refuse"),
        one("drop", starttls="drop"),
        one("garbage", starttls="garbage"),
        one("alert", starttls="alert"),
        one("later", replies={"RCPT": b"450 4.2.0 Try again later\r\n"}),
        one("vanish", hang_up_at="EHLO-TLS"),
        one("busy", greeting=b"421 4.3.2 Too busy\r\n"),
        scenario.Domain(f"twomx-{mark}.test", [
            Mx(f"mx1.twomx-{mark}.test", starttls="drop"), Mx(f"mx2.twomx-{mark}.test")]),
        one("sts-good", "sts", messages=2),
        one("sts-expired", "sts", certificate="expired"),
        one("sts-selfsigned", "sts", certificate="self-signed"),
        one("sts-wronghost", "sts", certificate="wrong-host"),
        one("sts-resumed", "sts", certificate="expired", messages=2, **old_tls),
        one("sts-plain", "sts", starttls="none"),
        one("sts-refuse", "sts", starttls="refuse"),
        one("sts-drop", "sts", starttls="drop"),
        changed(one("sts-elsewhere", "sts"), patterns=(f"mx.elsewhere-{mark}.test",)),
        one("dane-good", "dane", "good", certificate="self-signed"),
        one("dane-mismatch", "dane", "mismatch"),
        one("dane-resumed", "dane", "mismatch", messages=2, **old_tls),
        one("dane-unusable", "dane", "unusable", certificate="self-signed"),
        one("dane-plain", "dane", "good", starttls="none"),
        one("dane-drop", "dane", "good", starttls="drop"),
        one("dane-unobtainable", "dane", "unobtainable"),
    ]


def changed(domain, **attributes):
    return dataclasses.replace(domain, **attributes)


OF_BOTH = kinds("both")
OF_ALONE = kinds("alone")


def skips_resumed():
    """Whether Postfix by default is silent about resumed TLS sessions."""
    return postfix_chroot.version() == "3.10"


def told(domain, session):
    """(policy-type, outcome) that Postfix's datagram gives this session; None: there is none."""
    kind = domain.name.split("-")[0]
    if (not session.ehlo_answered                       # No session of TLS, in the log neither.
            or len(domain.records) != 1                 # Not one TLSRPT record.
            or kind == "unrequired"                     # `TLS-Required: no`.
            or (session.resumed and skips_resumed())):    # smtp_tlsrpt_skip_reused_handshakes.
        return None
    policy = {"may": counts.NO_POLICY, "sts": "sts", "dane": "tlsa"}[domain.policy]
    if not session.starttls_offered or session.starttls_reply == "454":
        # Where TLS is optional, Postfix takes the lack of it for granted; 3.10 a refusal, too.
        seen = domain.policy != "may" or (
            session.starttls_offered and postfix_chroot.version() != "3.10")
        return (policy, "starttls-not-supported") if seen else None
    if session.starttls_reply is None:
        return None  # Retry in the clear: one session with the handshake that failed before it.
    return policy, judged(domain, session)


def judged(domain, session):
    if session.tls == "failed":
        return "validation-failure"
    if domain.tlsa == "unusable":
        return "tlsa-invalid"
    if domain.tlsa == "mismatch":
        return "certificate-not-trusted"
    if domain.policy != "sts":
        return "success"
    host = next(host for host in domain.hosts if host.name == session.mx)
    if session.resumed and host.certificate != "good":
        return "certificate-not-trusted"  # The reason was told when it was no resumed one.
    return {"good": "success", "expired": "certificate-expired",
            "wrong-host": "certificate-host-mismatch",
            # Of an unknown authority Postfix makes this, and it is passed on.
            "self-signed": "validation-failure"}[host.certificate]


def told_or_logged(domain, session):
    """The same for who has the log, too: it tells of whatever Postfix sends no datagram."""
    return told(domain, session) or counts.rule(domain, session)


def attempts(domains):
    """What the log alone tells of deliveries that Postfix stopped before a connection."""
    log = STAGE.postfix.log_text()
    return {domain.name: len(re.findall(
        rf": to=<[^>]*@{re.escape(domain.name)}>, relay=none,.*TLSA lookup error", log))
        for domain in domains if domain.tlsa == "unobtainable"}


def expected(domains, rule, with_log=True):
    result = counts.expected(domains, STAGE.truth.sessions(),
                             attempts(domains) if with_log else {}, rule)
    if with_log:
        add_mismatches(result, domains)
    return result


def add_mismatches(result, domains):
    """MX hosts that are not in the MTA-STS policy, of which no server and no datagram tells."""
    for domain in domains:
        number = len(re.findall(f"does not match STS MX pattern for '{re.escape(domain.name)}'",
                                STAGE.postfix.log_text()))
        if number > 0:
            counts.add(result, domain.name, ("sts", domain.name),
                       ("validation-failure", domain.hosts[0].name, None), number)


def clients():
    """(main.cf, master.cf): smtp(8) of four kinds, chrooted and not, for either daemon."""
    transports = []
    for mark, domains in (("both", OF_BOTH), ("alone", OF_ALONE)):
        for number, domain in enumerate(domains):
            place = ("jail", "open")[(number + (mark == "alone")) % 2]
            if domain.name.startswith("reuse"):
                place = "reuse"
            transports.append(f"{{ {domain.name} = {mark}-{place}: }}")
    # Each release with its own default of what compatibility_level decides.
    main_cf = (f"test_transport_maps = inline:{{ {', '.join(transports)} }}\n"
               "smtp_tlsrpt_enable = yes\nsmtp_tls_enforce_sts_mx_patterns = yes\n"
               f"smtp_tlsrpt_skip_reused_handshakes = {'yes' if skips_resumed() else 'no'}\n")
    # Three deliveries, one behind the other.
    main_cf += "".join(f"{mark}-reuse_destination_recipient_limit = 1\n"
                       for mark in ("both", "alone"))
    master_cf = "tlsproxy unix - - y - 0 tlsproxy\n"
    for mark, name in (("both", "postfix"), ("alone", "postfix-alone")):
        for place, chroot in (("jail", "y"), ("open", "n"), ("reuse", "y")):
            master_cf += (f"{mark}-{place} unix - - {chroot} - {CLIENTS} smtp\n"
                          f"    -o syslog_name={name}\n"
                          f"    -o smtp_tlsrpt_socket_name={FOLDER}/{mark}.sock\n")
            if place == "reuse":
                master_cf += ("    -o smtp_tls_connection_reuse=yes\n"
                              "    -o smtp_connection_cache_destinations=static:all\n")
    return main_cf, master_cf


def setUpModule():
    global STAGE, BOTH, ALONE, LOG, DAY
    stage.stay_within_one_day()
    stage.limit_run_time(300)
    STAGE = stage.Stage(OF_BOTH + OF_ALONE, (), *clients())
    unittest.addModuleCleanup(STAGE.close)
    STAGE.__enter__()
    DAY = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    BOTH = programs.Site(STAGE, "both", tlsrpt_socket=socket_path("both"))
    ALONE = programs.Site(STAGE, "alone", tlsrpt_socket=socket_path("alone"), log_source="none")
    LOG = programs.Site(STAGE, "log", syslog_name="postfix postfix-alone")
    run_the_day()


def socket_path(name):
    return STAGE.postfix.folder / "queue" / FOLDER / f"{name}.sock"


def systemd_socket():
    """As contrib/systemd/tlsrpt-milter.socket has it."""
    path = socket_path("both")
    path.parent.mkdir(parents=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.bind(str(path))
    os.chown(path, -1, grp.getgrnam("postfix").gr_gid)
    path.chmod(0o660)
    return made


def start(site, handed_over=None):
    before = site.daemon_log.read_text().count(RECEIVES) if site.daemon_log.exists() else 0
    daemon = site.start_daemon("-v", handed_over=handed_over)
    STAGE.running.append(daemon)
    daemon.wait_until(lambda: daemon.output().count(RECEIVES) > before, RECEIVES)
    return daemon


def run_the_day():
    """All mail, and a second try of what was deferred; one daemon is not always there."""
    handed_over = systemd_socket()
    unittest.addModuleCleanup(handed_over.close)
    alone = start(ALONE)
    both = start(BOTH, handed_over)
    STAGE.send_to(OF_ALONE)
    third = len(OF_BOTH) // 3
    STAGE.send_to(OF_BOTH[:third])
    for number, end in enumerate((signal.SIGTERM, signal.SIGKILL)):
        both.signal(end)
        STATUS.append(both.process.wait(10))
        begin = third + number * WHILE_DOWN
        STAGE.send_to(OF_BOTH[begin:begin + WHILE_DOWN])
        both = start(BOTH, handed_over)
    STAGE.send_to(OF_BOTH[third + 2 * WHILE_DOWN:])
    alone.signal(signal.SIGTERM)
    STATUS.append(alone.process.wait(10))
    alone = start(ALONE)
    STAGE.postfix.retry_deferred()
    STAGE.settle()
    LOG.catch_up()
    wait_for_counts()
    STATUS.extend((both.stop(), alone.stop()))


def wait_for_counts():
    """Until both daemons have what they shall have; whether they do is for the tests to say."""
    try:
        wait_until(lambda: found(BOTH) == expected(OF_BOTH, told_or_logged)
                   and found(ALONE) == expected(OF_ALONE, told, with_log=False), "counts",
                   COMMITTED_WITHIN)
    except NotReady:
        pass


def found(site):
    return counts.observed(site.summary(DAY))


def unsent():
    """How many datagrams Postfix says it could not send."""
    return STAGE.postfix.log_text().count("Could not report TLS handshake result")


class Counting(unittest.TestCase):
    def test_kernel_has_taken_each_datagram(self):
        self.assertEqual(unsent(), 0)

    def check(self, site, wanted):
        self.assertEqual(counts.difference(wanted, found(site)), "")

    def test_log_alone(self):
        self.check(LOG, expected(OF_BOTH + OF_ALONE, counts.rule))

    def test_datagrams_alone(self):
        self.check(ALONE, expected(OF_ALONE, told, with_log=False))

    def test_both_whatever_the_daemons_life(self):
        self.check(BOTH, expected(OF_BOTH, told_or_logged))

    def test_daemons_end_as_they_were_told(self):
        self.assertEqual(STATUS, [0, -signal.SIGKILL, 0, 0, 0])

    def test_nothing_is_left_unattributed_or_not_understood(self):
        for site in (BOTH, ALONE, LOG):
            ignored = site.summary(DAY)["ignored"]
            for key in ("not-understood", "unattributed", "tls-unknown", "private-address"):
                with self.subTest(site=site.folder.name, key=key):
                    self.assertEqual(ignored.get(key, 0), 0)

    def test_sessions_were_resumed_and_connections_used_again(self):
        self.assertTrue(any(session.resumed for session in STAGE.truth.sessions()))
        self.assertIn("TLS connection reused to", STAGE.postfix.log_text())

    def test_policies_are_those_that_postfix_has_applied(self):
        for site, domains in ((BOTH, OF_BOTH), (ALONE, OF_ALONE)):
            for entry in site.summary(DAY)["domains"]:
                domain = next(each for each in domains if each.name == entry["domain"])
                with self.subTest(domain.name):
                    self.check_policies(domain, [one["policy"] for one in entry["policies"]])

    def check_policies(self, domain, policies):
        strings = [policy["policy-string"] for policy in policies if "policy-string" in policy]
        if domain.policy == "sts" and not domain.patterns:
            self.assertEqual(strings, [domain.sts_policy()])
            self.assertEqual(policies[0]["mx-host"], domain.sts_patterns())
        elif domain.tlsa in ("good", "mismatch", "unusable"):
            ((text,),) = strings
            self.assertRegex(text, r"\A3 [19] 1 [0-9A-F]{64}\Z")
        else:
            self.assertEqual(strings, [])


if __name__ == "__main__":
    stage.skip_unless_possible()
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
