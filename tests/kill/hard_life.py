"""A site whose flush is to be killed: its domains, name server, receivers and sessions."""

import time

from counted_log import CountedLog
from flush_site import DAY_S, FlushSite
from name_server import NameServer
from report_receivers import FolderReceiver, MailReceiver, PostReceiver

FIRST_DAY = 1795305600  # 2026-11-22T00:00:00Z
ZONE = "kill.test"
HOST = f"reports.{ZONE}"
# More failures than a pipe holds: what kills us in the middle of such a message must not send half.
LARGE_FAILURES = 1800
SETTLE_S = 0.1
SENDMAIL = """#!/bin/sh
# Keeps the message, as sendmail(1) does, once it has all of it.
umask 022
file=$(mktemp {folder}/.XXXXXX) && cat >"$file" && mv "$file" "{folder}/message.${{file##*.}}"
"""


class HardLife(FlushSite):
    """Use as a context manager; then accepted() says what the receivers have.

    TRANSPORT: smtp, directory or sendmail. RELAYS: each has a log of its own; the second's
    sessions come late.
    """

    def __init__(self, folder, programs, authority, domains, transport, relays):
        super().__init__(folder, programs)
        self.ca_file = authority.certificate
        self.chain = authority.issue("reports", [HOST]).chain
        self.domains = [f"d{number}.{ZONE}" for number in range(domains)]
        self.transport = transport
        self.day = FIRST_DAY - DAY_S
        self.logs = [CountedLog(self.folder / f"{relay}.log", relay) for relay in relays]
        self.mail = self.web = self.dns = None

    def __enter__(self):
        mail = self.folder / "mail"
        if self.transport == "directory":
            self.mail = FolderReceiver(mail)
            transport = f"directory:{mail}"
        elif self.transport == "sendmail":
            self.mail = MailReceiver(mail)  # For its accepted().
            program = self.folder / "sendmail"
            program.write_text(SENDMAIL.format(folder=mail))
            program.chmod(0o755)
            transport = f"sendmail:{program}"
        else:
            self.mail = MailReceiver(mail)
            transport = f"smtp://{self.mail.address}"
        self.web = PostReceiver(self.folder / "web", self.chain, HOST)
        self.dns = NameServer(self.folder / "dns", ZONE, self._records()).__enter__()
        self.configure(
            log_source=" ".join(f"file:{log.path}" for log in self.logs),
            mail_transport=transport, dns_servers=self.dns.server, https_ca_file=self.ca_file,
            https_ports=self.web.port, delivery_spread="1h",
            max_failure_details=2 * LARGE_FAILURES)
        return self

    def __exit__(self, *_):
        for part in (self.mail, self.web):
            if part:
                part.stop()
        if self.dns:
            self.dns.__exit__()

    def _records(self):
        yield "reports A 127.0.0.1"
        for domain in self.domains:
            name = domain.removesuffix(f".{ZONE}")
            rua = ",".join(self.destinations(domain))
            yield f'_smtp._tls.{name} TXT "v=TLSRPTv1; rua={rua}"'

    def destinations(self, domain):
        """The three rua of DOMAIN: mail, https, and both kinds mixed."""
        number = int(domain[1:].split(".", 1)[0])
        kinds = (("m", "m", "m"), ("h", "h", "h"), ("m", "h", "m"), ("h", "m", "h"))[number % 4]
        return [f"mailto:r{place}.d{number}@{ZONE}" if kind == "m"
                else f"{self.web.base}/d{number}/{place}" for place, kind in enumerate(kinds)]

    def accepted(self):
        return self.mail.accepted() + self.web.accepted()

    def unrecorded(self):
        """How often something was accepted without being recorded as sent, up to now.

        In a folder the same name is the same message, so only posts count there.
        """
        like = "https:%" if self.transport == "directory" else "%"
        found = None
        while True:  # Until what is on its way has arrived, which may be after its sender's end.
            (sent,), = self.query("SELECT count(*) FROM delivery WHERE state = 2 "
                                  "AND destination LIKE ?", like)
            mails = 0 if self.transport == "directory" else self.mail.count()
            before, found = found, mails + self.web.count() - sent
            if found == before:
                return found
            time.sleep(SETTLE_S)

    def advance(self, seconds):
        self.set_clock(self.now + seconds)

    def next_day(self):
        """Goes to the night after the day whose sessions come now."""
        self.day += DAY_S
        # With a collector that may still be on its way, a day is closed at close_latest.
        morning = self.day + DAY_S + (20 * 60 if len(self.logs) == 1 else 6 * 3600 + 600)
        self.set_clock(max(morning, self.now))

    def deliver(self, rng):
        """Sessions of the day for every domain."""
        log = self.logs[0]
        for domain in self.domains:
            for _ in range(rng.randint(1, 3)):
                log.deliver(self.day + rng.randrange(DAY_S), domain, rng.random() < 0.2)
        if self.transport == "sendmail":
            for number in range(LARGE_FAILURES):
                host = f"{rng.getrandbits(200):050x}.mx.test"
                log.deliver(self.day + number, self.domains[0], True, host)
        # Later than midnight and day_grace, so that the day can be closed.
        log.pass_time(self.day + DAY_S + 15 * 60)
        log.flush()

    def deliver_late(self, rng, sessions):
        """So many of the day, of the first domains, that the second relay knows of."""
        for _ in range(sessions):
            domain = rng.choice(self.domains[:20])
            self.logs[1].deliver(self.day + rng.randrange(DAY_S), domain, rng.random() < 0.2)
        self.logs[1].flush()
