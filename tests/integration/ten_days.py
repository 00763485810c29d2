"""Ten days in the life of a site with two relays, at the pace of TLSRPT_CLOCK.

Every two hours sessions are logged, collectors read, and cron flushes. A receiver is down for two
days, the name server silent for a night, and the second relay's collector asleep for two days.
"""

import random

from certificates import Authority
from counted_log import CountedLog, day_of
from flush_site import DAY_S, FlushSite
from name_server import NameServer
from report_receivers import MailReceiver, PostReceiver

START = 1795305600  # 2026-11-22T00:00:00Z
DAYS = 10
STEP_S = 2 * 3600
LATE_S = 20 * 60  # When in a step collectors and cron come.
ZONE = "days.test"
STEADY, FLAKY = f"steady.{ZONE}", f"flaky.{ZONE}"
# Days since START, with fractions.
DNS_SILENT = (2.96, 3.3)
RECEIVER_DOWN = (4.0, 6.0)
RELAY_ASLEEP = (6.4, 8.4)
# Its days are closed without it, so what it has seen on them comes as a supplement.
SUPPLEMENTED = ("2026-11-28", "2026-11-29")
# The report about the day before the receiver went down is given up where lifetimes are short.
LOST_TO_FLAKY = "2026-11-25"
AFTERWARDS = 3  # Days without sessions until all has been delivered.
# Domain: where its record says that reports go; None has no record.
RUA = {
    f"mail.{ZONE}": [f"mailto:tls@mail.{ZONE}"],
    f"steady-post.{ZONE}": ["steady"],
    f"flaky-and-mail.{ZONE}": ["flaky", f"mailto:tls@flaky-and-mail.{ZONE}"],
    f"flaky-and-steady.{ZONE}": ["steady", "flaky"],
    f"flaky-post.{ZONE}": ["flaky"],
    f"two-addresses.{ZONE}": [f"mailto:one@two.{ZONE}", f"mailto:two@two.{ZONE}"],
    f"no-record.{ZONE}": None,
}


def within(now, span):
    return span[0] <= (now - START) / DAY_S < span[1]


class TenDays(FlushSite):
    """Lives through it at construction; then everything there is to see is here.

    `flushes`: (instant, exit status, what it said); `waited_for`: what --status said each day.
    """

    def __init__(self, folder, programs, **options):
        super().__init__(folder, programs)
        self.rng = random.Random(8460)
        self.logs = [CountedLog(self.folder / f"{relay}.log", relay)
                     for relay in ("relay1", "relay2")]
        authority = Authority(self.folder / "ca", "Days", "Days Root")
        self.chain = authority.issue("both", [STEADY, FLAKY]).chain
        self.receivers = []
        self.flushes = []
        self.waited_for = {}
        mail = self.take(MailReceiver(self.folder / "mail"))
        self.steady = self.take(PostReceiver(self.folder / "steady", self.chain, STEADY))
        self.flaky = self.take(PostReceiver(self.folder / "flaky", self.chain, FLAKY))
        try:
            with NameServer(self.folder / "dns", ZONE, self.records()) as self.dns:
                self.options = dict(
                    mail_transport=f"smtp://{mail.address}", dns_servers=self.dns.server,
                    dns_timeout="3s", https_ca_file=authority.certificate,
                    https_ports=f"{self.steady.port} {self.flaky.port}", **options)
                self.live()
        finally:
            for receiver in self.receivers:
                receiver.stop()
        self.received = [each for receiver in self.receivers for each in receiver.accepted()]

    def take(self, receiver):
        self.receivers.append(receiver)
        return receiver

    def destinations(self, domain):
        bases = {"steady": self.steady.base, "flaky": self.flaky.base}
        return [f"{bases[rua]}/{domain}" if rua in bases else rua for rua in RUA[domain]]

    def records(self):
        yield "steady A 127.0.0.1"
        yield "flaky A 127.0.0.1"
        for domain, rua in RUA.items():
            if rua:
                yield (f"_smtp._tls.{domain.removesuffix('.' + ZONE)} TXT "
                       f'"v=TLSRPTv1; rua={",".join(self.destinations(domain))}"')

    def collector(self, number):
        """Each relay has a collector of its own; they share the store."""
        self.configure(**self.options, relay_name=self.logs[number].relay,
                       log_source=f"file:{self.logs[number].path}")
        self.run("tlsrpt-milter", "--catch-up")

    def live(self):
        for begin in range(START, START + (DAYS + AFTERWARDS) * DAY_S, STEP_S):
            self.arrange(begin)
            now = begin + LATE_S
            for log in self.logs:
                self.log_sessions(log, begin, now)
            self.set_clock(now)
            self.collector(0)
            if not within(now, RELAY_ASLEEP):
                self.collector(1)
            status, output, errors = self.run("tlsrpt-reporter", "--flush", expect=(0, 75))
            self.flushes.append((now, status, output + errors))
            if (now - LATE_S) % DAY_S == 0:
                self.waited_for[day_of(now)] = self.run("tlsrpt-reporter", "--status")[1]

    def log_sessions(self, log, begin, now):
        """Those of the two hours up to NOW; the last ones near midnight come just after it."""
        last = min(begin, START + DAYS * DAY_S - 1)
        if begin - STEP_S < last:
            instants = sorted(self.rng.randint(max(START, begin - STEP_S), last)
                              for _ in range(self.rng.randint(0, 2) + len(RUA)))
            for instant in instants:
                log.deliver(instant, self.rng.choice(list(RUA)), self.rng.random() < 0.2)
        log.pass_time(now - 60)
        log.flush()

    def arrange(self, begin):
        """What happens in the world."""
        if within(begin, DNS_SILENT):
            self.dns.be_silent()
        else:
            self.dns.speak()
        down = within(begin, RECEIVER_DOWN)
        running = self.flaky.process.poll() is None
        if down and running:
            self.flaky.stop()
        elif not down and not running:
            self.flaky = self.take(PostReceiver(self.folder / "flaky-again", self.chain, FLAKY,
                                                port=self.flaky.port))
