"""Do two sites that run these programs ever report about each other's reports?

Real Postfix on both ends, both domains publish records, both run the daemon and flush as cron
would. Time is the test's own: five midnights UTC pass after one message, or one each way. Then
there must have been exactly one report, or exactly one each way. And where nobody tells the daemon
which mail is a report, there must be one each day: else these days would prove nothing.
"""

import datetime
import email
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import certificates
import postfix_instance
import programs
import stage
from dns_servers import RESOLVER, DnsServers, Zones
from postfix_instance import Place
from processes import Daemon, wait_until
from restamped_log import RestampedLog, TestClock

DAYS = 5
BEGIN = datetime.datetime(2026, 11, 20, 10, 0, tzinfo=datetime.timezone.utc)
# When cron's flushes are on each day, from midnight; the last one before the next midnight.
FLUSHES = (datetime.timedelta(minutes=5), datetime.timedelta(minutes=30),
           datetime.timedelta(hours=7), datetime.timedelta(hours=20))
DOMAINS = {"left.example": "127.25.3.1", "right.example": "127.25.3.2"}
PATIENCE = 60
WORLD = None

RECEIVING = """
myhostname = mx.{domain}
mydomain = {domain}
myorigin = {domain}
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = static:all/
virtual_mailbox_base = {folder}/mail
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
smtpd_tls_security_level = may
smtpd_tls_chain_files = {chain}
max_use = 1
"""
MAILBOXES = """
virtual unix - n n - - virtual
"""


def setUpModule():
    global WORLD
    stage.limit_run_time(1200)
    os.environ["PATH"] = stage.search_path()
    WORLD = World()
    unittest.addModuleCleanup(WORLD.close)
    WORLD.start()


class World:
    """Name servers and the two sites' Postfix, for all tests."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tlsrpt-five-days-"))
        self.folder.chmod(0o755)
        self.running = []
        self.postfix = {}

    def start(self):
        authority = certificates.Authority(self.folder / "pki", "Test Trust", "Test Root")
        self.ca_file = authority.certificate
        made = {domain: authority.issue(domain, [f"mx.{domain}"]) for domain in DOMAINS}
        zones = Zones()
        for domain, address in DOMAINS.items():
            zones.add(domain, f"MX 10 mx.{domain}.")
            zones.add(f"mx.{domain}", f"A {address}")
            zones.add(f"_25._tcp.mx.{domain}", f"TLSA 3 1 1 {made[domain].spki_sha256}")
            zones.add_text(f"_smtp._tls.{domain}", f"v=TLSRPTv1; rua=mailto:tlsrpt@{domain}")
        dns = DnsServers(self.folder / "dns", zones)
        self.running.append(dns)
        dns.start()
        for domain, address in DOMAINS.items():
            self._start_postfix(domain, address, made[domain].chain)

    def _start_postfix(self, domain, address, chain):
        folder = self.folder / domain
        (folder / "mail").mkdir(parents=True)
        shutil.chown(folder / "mail", 65534, 65534)
        postfix = postfix_instance.Postfix(
            folder / "postfix", self.ca_file, "", "UTC", ["unix:tlsrpt/milter.sock"],
            Place(address, 25, address.replace(".3.", ".4.")),
            RECEIVING.format(domain=domain, folder=folder, chain=chain), MAILBOXES)
        self.running.append(postfix)
        self.postfix[domain] = postfix

    def set_level(self, level):
        """Without a reload: with max_use = 1 each smtp(8) reads the configuration anew."""
        for postfix in self.postfix.values():
            postfix.command("postconf", "-e", f"smtp_tls_security_level={level}")

    def settle(self):
        """Until no message is under way from or to either."""
        def quiet():
            return not any(postfix.files_in("maildrop", "incoming", "active")
                           for postfix in self.postfix.values())
        for _ in range(2):  # A message may pass from one to the other between two looks.
            wait_until(quiet, "all mail", PATIENCE)

    def take_mail(self, domain):
        """The messages that have arrived at `domain` since the last call."""
        folder = self.folder / domain / "mail" / "all" / "new"
        taken = []
        for path in sorted(folder.glob("*")):
            taken.append(email.message_from_bytes(path.read_bytes()))
            path.unlink()
        return taken

    def close(self):
        while self.running:
            self.running.pop().stop()
        if not os.environ.get("TLSRPT_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)


class Site:
    """The programs of one domain, with a store and a followed log of their own for each story."""

    def __init__(self, domain, story, clock, teller):
        self.domain = domain
        self.postfix = WORLD.postfix[domain]
        self.folder = WORLD.folder / domain / story
        self.folder.mkdir()
        self.clock = clock
        # Only the lines of cleanup(8) tell which message is a report.
        self.log = RestampedLog(
            self.postfix.log, self.folder / "mail.log", clock,
            lambda line: teller == "log" or "/cleanup[" not in line)
        with_milter = teller == "milter"
        socket = f"unix:{self.postfix.folder}/queue/tlsrpt/milter.sock"
        self.config = self.folder / "tlsrpt.conf"
        self.config.write_text("".join(f"{key} = {value}\n" for key, value in {
            "organization_name": f"Site {domain}",
            "contact_info": f"tlsrpt@{domain}",
            "store": f"sqlite:{self.folder}/tlsrpt.sqlite",
            "run_as": "root",
            "relay_name": f"mx.{domain}",
            "log_source": f"file:{self.folder}/mail.log",
            "log_timezone": "UTC",
            "postfix_config": "none",
            "milter_socket": socket if with_milter else "none",
            "count_private_relays": "yes",
            "dns_servers": RESOLVER,
            "mail_transport": f"sendmail:{self.postfix.sendmail}",
        }.items()))
        self.environment = {**os.environ, **clock.environment()}
        self.daemon = Daemon("tlsrpt-milter", [
            programs.binary("tlsrpt-milter"), "-c", self.config, "-f", "-v"],
            self.folder / "daemon.log", self.environment)
        expected = "milter listens on" if with_milter else "following"
        self.daemon.wait_until(lambda: expected in self.daemon.output(), "the start", PATIENCE)

    def report(self, *arguments):
        result = subprocess.run(
            [programs.binary("tlsrpt-reporter"), "-c", self.config, *arguments], timeout=PATIENCE,
            capture_output=True, text=True, env=self.environment, stdin=subprocess.DEVNULL)
        if result.returncode != 0:
            raise AssertionError(f"{arguments}: {result.returncode} {result.stderr}")
        return result.stdout

    def wait_until_read(self):
        """Until the daemon has read all that the log holds, at the clock's time."""
        self.log.copy()
        least = self.clock.now - datetime.timedelta(minutes=1)

        def has_read():
            status = json.loads(self.report("--status", "--format", "json"))
            return any(entry["read-until"] >= f"{least:%Y-%m-%dT%H:%M:%SZ}"
                       for entry in status["collectors"])
        self.daemon.wait_until(has_read, "the log to be read", PATIENCE)

    def ignored(self, day):
        return json.loads(self.report("--summary", "--day", day, "--format", "json"))["ignored"]

    def stop(self):
        self.daemon.stop()
        self.log.stop()


class FiveDays(unittest.TestCase):
    def live(self, level, teller, senders):
        """Five days after one message from each of `senders`; the reports of each day.

        `teller`: who tells which mail is a report: "log", "milter" or "nobody".
        Returns {domain that received: [(day, submitter, domain reported about)]}.
        """
        WORLD.set_level(level)
        story = f"{level}-{teller}-{len(senders)}"
        clock = TestClock(WORLD.folder / f"{story}.clock", BEGIN)
        sites = []
        try:
            for domain in DOMAINS:
                sites.append(Site(domain, story, clock, teller))
            for sender in senders:
                other, = set(DOMAINS) - {sender}
                WORLD.postfix[sender].submit(f"user@{sender}", [f"user@{other}"])
            WORLD.settle()
            for domain in DOMAINS:
                WORLD.take_mail(domain)
            return self.pass_days(clock, sites)
        finally:
            for site in sites:
                site.stop()

    def pass_days(self, clock, sites):
        received = {domain: [] for domain in DOMAINS}
        for number in range(1, DAYS + 1):
            midnight = datetime.datetime.combine(
                BEGIN.date() + datetime.timedelta(days=number), datetime.time(),
                datetime.timezone.utc)
            for moment in FLUSHES:
                clock.set(midnight + moment)
                for site in sites:
                    site.wait_until_read()
                for site in sites:
                    site.report("--flush", "--now")
                WORLD.settle()
                for domain in DOMAINS:
                    received[domain] += [
                        (number, message["TLS-Report-Submitter"], message["TLS-Report-Domain"])
                        for message in WORLD.take_mail(domain)]
        for site in sites:
            site.log.copy()
        return received

    def check(self, level, teller):
        with self.subTest(level=level, teller=teller, messages="one"):
            self.assertEqual(self.live(level, teller, ["left.example"]), {
                "left.example": [],
                "right.example": [(1, "left.example", "right.example")]})
        with self.subTest(level=level, teller=teller, messages="one each way"):
            self.assertEqual(self.live(level, teller, list(DOMAINS)), {
                "left.example": [(1, "right.example", "left.example")],
                "right.example": [(1, "left.example", "right.example")]})

    def test_without_the_exemption_each_day_has_its_report(self):
        self.assertEqual(self.live("may", "nobody", ["left.example"]), {
            "left.example": [],
            "right.example": [(day, "left.example", "right.example")
                              for day in range(1, DAYS + 1)]})

    def test_level_may_by_the_log(self):
        self.check("may", "log")

    def test_level_may_by_the_milter(self):
        self.check("may", "milter")

    def test_level_encrypt_by_the_log(self):
        self.check("encrypt", "log")

    def test_level_encrypt_by_the_milter(self):
        self.check("encrypt", "milter")

    def test_level_dane_by_the_log(self):
        self.check("dane", "log")

    def test_level_dane_by_the_milter(self):
        self.check("dane", "milter")


if __name__ == "__main__":
    stage.skip_unless_possible()
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
