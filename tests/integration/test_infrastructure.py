"""Does the stage itself work? Mail flows to each kind of MX host, DNS answers, HTTPS posts.

The other tests rest on these facts, and none of them involves our programs.
"""

import contextlib
import http.client
import ssl
import sys
import unittest

import dns_servers
import https_server
import scenario
import stage

STAGE = None


def setUpModule():
    global STAGE
    stage.limit_run_time(120)
    STAGE = stage.Stage(
        scenario.report_domains() + scenario.ordinary_domains() + scenario.hostile_domains())
    unittest.addModuleCleanup(STAGE.close)
    STAGE.__enter__()
    STAGE.send_to(scenario_domains())


def scenario_domains():
    return [domain for domain in STAGE.domains if domain.records]


def sessions_of(domain_name):
    hosts = {host.name for host in STAGE.domain(domain_name).hosts}
    return [session for session in STAGE.truth.sessions() if session.mx in hosts]


class NameServers(unittest.TestCase):
    def test_unsigned_names_are_answered_without_authentication(self):
        self.assertEqual(
            dns_servers.ask(dns_servers.RESOLVER, "good.test", "MX"), (0, False, 1))

    def test_signed_names_are_validated(self):
        rcode, authenticated, _ = dns_servers.ask(
            dns_servers.RESOLVER, "_25._tcp.mx.dane-good.example", "TLSA")
        self.assertEqual((rcode, authenticated), (0, True))

    def test_broken_delegation_fails(self):
        rcode, _, _ = dns_servers.ask(
            dns_servers.RESOLVER, "_25._tcp.mx.dane-unobtainable.example", "TLSA")
        self.assertEqual(rcode, 2)

    def test_names_of_the_outside_world_are_refused(self):
        rcode, _, _ = dns_servers.ask(dns_servers.RESOLVER, "debian.org", "A")
        self.assertEqual(rcode, 5)


class MailServers(unittest.TestCase):
    def check(self, domain, **expected):
        sessions = sessions_of(domain)
        self.assertEqual(len(sessions), 1, sessions)
        for name, value in expected.items():
            self.assertEqual(getattr(sessions[0], name), value, (name, sessions[0]))
        return sessions[0]

    def test_good_host_gets_its_mail_over_tls(self):
        session = self.check("many.test", tls="ok", ended="quit")
        self.assertEqual(len(session.recipients), 5)
        self.assertEqual(len(session.messages), 1)
        self.assertEqual(session.peer, "127.25.0.26")

    def test_host_without_starttls_gets_its_mail_in_the_clear(self):
        sessions = sessions_of("plain.test")
        self.assertEqual(sum(len(session.messages) for session in sessions), 2)
        for session in sessions:
            self.assertFalse(session.starttls_offered)

    def test_refused_starttls_goes_on_in_the_clear(self):
        session = self.check("refuse.test", starttls_reply="454", tls=None)
        self.assertEqual(len(session.messages), 1)

    def test_broken_handshakes_fail(self):
        for domain in ("drop.test", "reset.test", "garbage.test", "alert.test", "sts-drop.test"):
            with self.subTest(domain):
                self.check(domain, starttls_reply="220", tls="failed", messages=[])

    def test_second_host_gets_the_mail_when_the_first_fails(self):
        self.assertEqual([(session.mx, session.tls) for session in sessions_of("twomx.test")],
                         [("mx1.twomx.test", "failed"), ("mx2.twomx.test", "ok")])

    def test_required_authentication_stops_mail_after_the_handshake(self):
        for domain in ("sts-expired.test", "sts-selfsigned.test", "sts-wronghost.test",
                       "hostile-issuer.test", "dane-mismatch.example"):
            with self.subTest(domain):
                self.check(domain, tls="ok", messages=[], senders=[])

    def test_dane_lets_mail_through_where_the_records_match_or_cannot_be_used(self):
        for domain in ("dane-good.example", "dane-unusable.example"):
            with self.subTest(domain):
                self.assertEqual(len(self.check(domain, tls="ok").messages), 1)

    def test_dane_without_records_to_be_had_makes_no_connection(self):
        self.assertEqual(sessions_of("dane-unobtainable.example"), [])
        self.assertIn("TLSA lookup error", STAGE.postfix.log_text())

    def test_host_that_does_not_greet_never_sees_ehlo_answered(self):
        for domain in ("busy-greeting.test", "closed-greeting.test", "no-greeting.test"):
            with self.subTest(domain):
                self.check(domain, ehlo_answered=False)

    def test_hostile_words_reach_the_log(self):
        log = STAGE.postfix.log_text()
        for text in ("Trusted TLS connection established to mx.victim.test",
                     "relay=mx.victim.test", "untrusted issuer /O=Trusted TLS connection"):
            with self.subTest(text):
                self.assertIn(text, log)
        self.assertEqual(sessions_of("hostile-name.test")[0].tls, "failed")

    def test_every_domain_was_tried(self):
        for domain in scenario_domains():
            if domain.tlsa != "unobtainable":
                with self.subTest(domain.name):
                    self.assertTrue(sessions_of(domain.name))


class WebServers(unittest.TestCase):
    def post(self, path, body=b"text"):
        context = ssl.create_default_context(cafile=STAGE.ca_file)
        client = http.client.HTTPSConnection(
            https_server.ADDRESS, https_server.PORT, context=context, timeout=10)
        # The certificate is for the name, the connection for the address.
        context.check_hostname = False
        with contextlib.closing(client):
            client.request("POST", path, body, {"Host": f"web.{scenario.REPORT_DOMAIN}"})
            reply = client.getresponse()
            reply.read()
            return reply

    def test_post_is_kept(self):
        self.assertEqual(self.post("/a", b"report").status, 201)
        self.assertEqual(STAGE.web.requests[-1].body, b"report")
        self.assertEqual(STAGE.web.requests[-1].status, 201)

    def test_path_decides_the_answer(self):
        self.assertEqual(self.post("/status/503").status, 503)
        self.assertIn("/redirected", self.post("/status/302").headers["Location"])


if __name__ == "__main__":
    stage.skip_unless_possible()
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
