"""Do a receiver's Postfix and its verifying milter like our reports, and do bounces come home?

Two real Postfix: the relay of a site, to which a flush hands reports, and the receiver's, which has
opendkim look at what arrives and refuses some recipients. The relay's bounce(8) tells us so, in
each of the ways that tlsrpt(7) shows.
"""

import email
import email.policy
import json
import os
import pathlib
import re
import shutil
import smtplib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import certificates
import dkim_verifiers
import postfix_instance
import programs
import stage
from counted_log import CountedLog
from dns_servers import RESOLVER, DnsServers, Zones
from flush_site import FlushSite
from postfix_instance import Place
from processes import Daemon, answers_tcp, wait_until

SENDER = "sender.example"  # Not below .test, of which the library in opendkim knows nothing.
RECEIVER = "receiver.test"
MX = "127.25.3.1"
OPENDKIM_PORT = 8891
DAY = 1795305600  # 2026-11-22T00:00:00Z
NOBODY = 65534    # What local(8) runs commands as (default_privs).
PATIENCE = 60
RELAY_BY_SMTP = f"smtp://{postfix_instance.ADDRESS}:{postfix_instance.PORT}"
WORLD = None

RELAY = """
myhostname = relay.{domain}
mydomain = {domain}
myorigin = {domain}
mydestination = {domain}
recipient_delimiter = +
smtp_tls_security_level = may
alias_maps = texthash:{folder}/aliases
transport_maps = inline:{{tls-pipe@{domain}=tlsrpt-bounce:}}
"""
# As in tlsrpt(7), 8, but for paths and the user.
RELAY_SERVICES = """
local unix - n n - - local
tlsrpt-bounce unix - n n - 1 pipe
    flags=R user=nobody
    argv={folder}/take-bounce
"""
ALIASES = """
tls-alias "|{folder}/take-bounce"
tls-maildir {folder}/bounces/
"""
TAKE_BOUNCE = """#!/bin/sh
TLSRPT_CLOCK=file:{site}/clock exec {program} -c {site}/tlsrpt.conf --bounce
"""

RECEIVING = """
myhostname = mx.{domain}
mydomain = {domain}
myorigin = {domain}
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{folder}/mailboxes
virtual_mailbox_base = {folder}/mail
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
virtual_minimum_uid = 100
smtpd_tls_security_level = may
smtpd_tls_chain_files = {chain}
"""
MAILBOXES = """
virtual unix - n n - - virtual
"""
OPENDKIM = """
Mode v
Syslog no
Background no
Socket inet:{port}@{address}
AuthservID mx.{domain}
AlwaysAddARHeader yes
Nameservers {resolver}
ResolverConfiguration {folder}/unbound.conf
"""


def setUpModule():
    global WORLD
    stage.limit_run_time(600)
    os.environ["PATH"] = stage.search_path()
    WORLD = World()
    unittest.addModuleCleanup(WORLD.close)
    WORLD.start()


class World:
    """Keys, name servers, the relay, the receiver and its verifier."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tlsrpt-receiver-"))
        self.folder.chmod(0o755)
        self.running = []
        self.sites = 0

    def start(self):
        authority = certificates.Authority(self.folder / "pki", "Test Trust", "Test Root")
        chain = authority.issue("mx", [f"mx.{RECEIVER}"]).chain
        zones = Zones()
        zones.add(RECEIVER, f"MX 10 mx.{RECEIVER}.")
        zones.add(f"mx.{RECEIVER}", f"A {MX}")
        for name, path in dkim_verifiers.make_keys(self.folder):
            label, record = dkim_verifiers.record(name, path, "s=tlsrpt:email; ").split(" ", 1)
            zones.add(f"{label}.{SENDER}", record)
        dns = DnsServers(self.folder / "dns", zones)
        self.running.append(dns)
        dns.start()
        self.start_opendkim()
        self.start_receiver(authority.certificate, chain)
        self.start_relay(authority.certificate)

    def start_opendkim(self):
        folder = self.folder / "opendkim"
        folder.mkdir()
        (folder / "unbound.conf").write_text("server:\n  do-not-query-localhost: no\n")
        (folder / "opendkim.conf").write_text(OPENDKIM.format(
            port=OPENDKIM_PORT, address=MX, domain=RECEIVER, resolver=RESOLVER, folder=folder))
        verifier = Daemon("opendkim", [dkim_verifiers.OPENDKIM, "-f", "-x",
                                       folder / "opendkim.conf"], folder / "log")
        self.running.append(verifier)
        verifier.wait_until(lambda: answers_tcp(MX, OPENDKIM_PORT), "opendkim", PATIENCE)

    def start_receiver(self, ca_file, chain):
        folder = self.folder / "receiver"
        self.mail = folder / "mail" / "all" / "new"
        (folder / "mail").mkdir(parents=True)
        shutil.chown(folder / "mail", NOBODY, NOBODY)
        (folder / "mailboxes").write_text("".join(
            f"{name}@{RECEIVER} all/\n" for name in ("tls", "ü")))
        self.receiver = postfix_instance.Postfix(
            folder / "postfix", ca_file, "", "UTC", [f"inet:{MX}:{OPENDKIM_PORT}"],
            Place(MX, 25, MX.replace(".3.", ".4.")),
            RECEIVING.format(domain=RECEIVER, folder=folder, chain=chain, nobody=NOBODY), MAILBOXES)
        self.running.append(self.receiver)

    def start_relay(self, ca_file):
        folder = self.folder / "relay"
        (folder / "bounces").mkdir(parents=True)
        shutil.chown(folder / "bounces", NOBODY, NOBODY)
        (folder / "aliases").write_text(ALIASES.format(folder=folder))
        self.take_bounce = folder / "take-bounce"
        self.relay = postfix_instance.Postfix(
            folder / "postfix", ca_file, "", "UTC", (), Place(),
            RELAY.format(domain=SENDER, folder=folder), RELAY_SERVICES.format(folder=folder))
        self.running.append(self.relay)

    def site(self, rua, **options):
        """A site that has a report for the mail addresses `rua`; it uses sendmail(1)."""
        self.sites += 1
        folder = self.folder / f"site{self.sites}"
        folder.mkdir()
        site = FlushSite(folder, programs.binary("."))
        log = CountedLog(folder / "mail.log", "relay1")
        log.deliver(DAY + 3600, "a.example")
        log.pass_time(DAY + 86400 + 1000)
        log.flush()
        uris = ",".join(f"mailto:{address}" for address in rua)
        (folder / "record_map").write_text(f"a.example v=TLSRPTv1; rua={uris}\n")
        site.set_clock(DAY + 86400 + 1200)
        site.configure(**{
            "contact_info": f"tls-reports@{SENDER}", "mail_from": f"tls-pipe@{SENDER}",
            "log_source": f"file:{folder}/mail.log",
            "record_map": f"{folder}/record_map", "delivery_spread": "0s",
            "mail_transport": f"sendmail:{self.relay.sendmail}", **options})
        if "run_as" in options:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, options["run_as"])
        self.take_bounce.write_text(TAKE_BOUNCE.format(
            site=folder, program=programs.binary("tlsrpt-reporter")))
        self.take_bounce.chmod(0o755)
        site.run("tlsrpt-milter", "--catch-up")
        return site

    def settle(self):
        """Until no message is under way at either."""
        for _ in range(2):  # A message may pass from one to the other between two looks.
            wait_until(lambda: not any(
                postfix.files_in("maildrop", "incoming", "active", "deferred")
                for postfix in (self.relay, self.receiver)), "all mail", PATIENCE)

    def send(self, site):
        """Flushes; the messages that have arrived then."""
        site.run("tlsrpt-reporter", "--flush", "--now")
        return self.take_mail()

    def take_mail(self):
        self.settle()
        taken = []
        for path in sorted(self.mail.glob("*")):
            taken.append(path.read_bytes())
            path.unlink()
        return taken

    def close(self):
        while self.running:
            self.running.pop().stop()
        if not os.environ.get("TLSRPT_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)


def signed_by(names):
    """Options that sign with the keys NAMES."""
    return {"dkim_domain": SENDER, "dkim_selector": " ".join(names),
            "dkim_key_file": " ".join(f"{WORLD.folder}/{name}.pem" for name in names)}


def verdicts(message):
    """{selector: result} that the receiver has written into MESSAGE (RFC 8601)."""
    header = email.message_from_bytes(message, policy=email.policy.SMTP)
    text = " ".join(str(each) for each in header.get_all("Authentication-Results", []))
    return {selector: result for result, selector in
            re.findall(r"\bdkim=(\w+)[^;]*?(?:\([^)]*\)[^;]*?)?header\.s=(\S+)", text)}


class Signatures(unittest.TestCase):
    """What opendkim says at the receiver, after the relay has passed a message on."""

    def test_each_kind_verifies(self):
        for kind, names in dkim_verifiers.KINDS.items():
            with self.subTest(kind):
                message, = WORLD.send(WORLD.site([f"tls@{RECEIVER}"], **signed_by(names)))
                self.assertEqual(verdicts(message), {name: "pass" for name in names})

    def test_changed_bytes_fail(self):
        site = WORLD.site([f"tls@{RECEIVER}"], **signed_by(dkim_verifiers.KINDS["both"]))
        output = site.folder / "output"
        site.run("tlsrpt-reporter", "--flush", "--now", "--output-dir", str(output))
        message = next(output.glob("*.eml")).read_bytes()
        self.assertEqual(self.submitted(message), {"rsa2048": "pass", "ed25519": "pass"})
        for name, changed in {
                "body": message.replace(b"Recipient d", b"Recipient D"),
                "end": message + b"x\r\n",
                "subject": message.replace(b"Subject: Report", b"Subject: report"),
                "domain": message.replace(b"Report-Domain: a.", b"Report-Domain: b."),
        }.items():
            with self.subTest(name):
                self.assertNotEqual(changed, message)
                self.assertEqual(self.submitted(changed), {"rsa2048": "fail", "ed25519": "fail"})

    def submitted(self, message):
        with smtplib.SMTP(MX, 25, timeout=30) as client:
            client.sendmail(f"tls@{SENDER}", [f"tls@{RECEIVER}"], message)
        received, = WORLD.take_mail()
        return verdicts(received)


class Bounces(unittest.TestCase):
    """A recipient that does not exist, and how the site hears of it."""

    def suppressed(self, site):
        output = site.run("tlsrpt-reporter", "--suppress", "--format", "json")[1]
        return {each["address"]: each["reason"] for each in json.loads(output)["suppressed"]}

    def site(self, rua, **options):
        """One whose programs are run by the user that bounces are handed over by."""
        return WORLD.site(rua, run_as="nobody", mail_transport=RELAY_BY_SMTP, **options)

    def check(self, way, flush_again=False, **options):
        gone = f"gone@{RECEIVER}"
        site = self.site([gone, f"tls@{RECEIVER}"], mail_from=f"tls-{way}@{SENDER}",
                         verp_delimiter="+", **options)
        self.assertEqual(len(WORLD.send(site)), 1)
        if flush_again:
            site.run("tlsrpt-reporter", "--flush", "--now")
        suppressed = self.suppressed(site)
        self.assertEqual(list(suppressed), [gone], WORLD.relay.log_text()[-4000:])
        self.assertIn("550 5.1.1", suppressed[gone])

    def test_through_a_transport(self):
        self.check("pipe")

    def test_through_an_alias(self):
        self.check("alias")

    def test_into_a_maildir(self):
        self.check("maildir", True, bounce_maildir=f"{WORLD.folder}/relay/bounces")
        self.assertEqual(list((WORLD.folder / "relay/bounces/new").iterdir()), [])

    def test_without_an_address_of_its_own(self):
        """By the Message-ID of what came back."""
        gone = f"gone@{RECEIVER}"
        site = self.site([gone])
        self.assertEqual(WORLD.send(site), [])
        self.assertEqual(list(self.suppressed(site)), [gone])

    def test_a_letter_comes_back(self):
        """Nobody reads there: who writes to us is told, and nothing is suppressed."""
        site = self.site([f"tls@{RECEIVER}"])
        WORLD.relay.submit(f"tls@{RECEIVER}", [f"tls-pipe@{SENDER}"])
        answer, = WORLD.take_mail()
        self.assertIn(b"multipart/report", answer)
        self.assertEqual(self.suppressed(site), {})


class Utf8(unittest.TestCase):
    """A local part beyond ASCII (RFC 6531), to servers that offer SMTPUTF8."""

    def check(self, **options):
        options.update(signed_by(dkim_verifiers.KINDS["both"]))
        message, = WORLD.send(WORLD.site([f"%C3%BC@{RECEIVER}"], **options))
        self.assertIn("\nTo: ü@receiver.test\n".encode(), message)
        self.assertEqual(verdicts(message), {"rsa2048": "pass", "ed25519": "pass"})

    def test_by_sendmail(self):
        self.check()

    def test_by_smtp(self):
        self.check(mail_transport=RELAY_BY_SMTP)


if __name__ == "__main__":
    stage.skip_unless_possible()
    if not dkim_verifiers.installed():
        print("opendkim, python3-dkim or python3-dnspython is missing")
        sys.exit(stage.SKIPPED)
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
