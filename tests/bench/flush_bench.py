"""Flushes of many domains, beside the bare time of asking and posting the same."""

import sys

import mail_log
from certificates import Authority
from measured import run, table
from name_server import ADDRESS, NameServer
from report_receivers import PostReceiver

HOST = f"reports.{mail_log.ZONE}"
IN_FLIGHT = 128  # Questions at a time, as the reporter asks (policy/cares_resolver.h).
SPREAD_S = 4 * 3600  # delivery_spread
CONCURRENCY = 8  # delivery_concurrency
HEADS = ["", "domains", "CPU ms per domain", "wall s", "asking s", "handing over s",
         "ratio of wall", "peak MiB", "servers' CPU s"]


def show_spread(moments):
    """When, after closing, reports are due without --now: evenly over delivery_spread (4 h)."""
    tenths = [0] * 10
    for seconds in moments:
        tenths[min(9, seconds * 10 // SPREAD_S)] += 1
    print(f"Reports due in each tenth of delivery_spread, of {len(moments)}: "
          + " ".join(str(count) for count in tenths), flush=True)


class FlushBench:
    """BENCH has folder, programs, write_log(), catch_up() and program()."""

    def __init__(self, bench):
        self.bench = bench
        self.folder = bench.folder
        self.rows = []
        self.moments = []  # A list for each size.
        authority = Authority(self.folder / "ca", "Bench", "Bench Root")
        self.ca_file = authority.certificate
        self.chain = authority.issue("reports", [HOST]).chain

    def run(self, sizes):
        print("Flush: for each domain one look-up at knotd, and one post to nginx or one file in\n"
              "a folder. Asking, handing over: the bare time of the same questions and posts.")
        for number, domains in enumerate(sizes):
            log, written = self.bench.write_log("--messages", str(3 * domains),
                                                "--domains", str(domains))
            self.over_https(number, log, written)
            self.refused(number, log, written)
            self.into_a_folder(number, log, written)
        table(HEADS, self.rows)
        for moments in self.moments:
            show_spread(moments)

    def ask(self, dns, domains):
        """The bare time of asking for the records of all domains."""
        names = "".join(f"_smtp._tls.customer{number}.{mail_log.ZONE}\n"
                        for number in range(domains))
        asked = run([str(self.bench.tools / "ask_dns"), ADDRESS, str(dns.port), str(IN_FLIGHT)],
                    text=names.encode("ascii"))
        self.check("answers", int(asked.output), domains)
        return asked

    def post(self, web, bodies):
        """The bare time of posting BODIES."""
        text = b"".join(b"%d\n%s" % (len(body), body) for body in bodies)
        posted = run([str(self.bench.tools / "post_reports"), f"{web.base}/v1", str(self.ca_file),
                      f"{HOST}:{web.port}:{ADDRESS}", str(CONCURRENCY)], text=text)
        self.check("posts", int(posted.output), len(bodies))
        return posted

    def over_https(self, number, log, written):
        web = PostReceiver(self.folder / f"web{number}", self.chain, HOST, always=201)
        records = ["reports A 127.0.0.1", f'* TXT "v=TLSRPTv1; rua={web.base}/v1"']
        try:
            with NameServer(self.folder / f"dns{number}", mail_log.ZONE, records) as dns:
                config = self.configure(log, written, dns, web)
                before = dns.cpu_seconds() + web.cpu_seconds()
                used = self.bench.flush_now(config)
                servers = dns.cpu_seconds() + web.cpu_seconds() - before
                asked = self.ask(dns, written["domains"])
                posted = self.post(web, self.bench.reports())
        finally:
            web.stop()
        accepted = sum(post[1] == "201" for post in web.posts())
        self.check("reports over HTTPS", accepted, 2 * written["domains"])
        self.row("https", written["domains"], used, asked.wall, posted.wall, servers)

    def refused(self, number, log, written):
        """Each is tried once, and waits: those that wait must not slow the others down."""
        web = PostReceiver(self.folder / f"refusing{number}", self.chain, HOST, always=404)
        records = ["reports A 127.0.0.1", f'* TXT "v=TLSRPTv1; rua={web.base}/v1"']
        try:
            with NameServer(self.folder / f"dns-of-refused{number}", mail_log.ZONE,
                            records) as dns:
                config = self.configure(log, written, dns, web)
                used = self.bench.flush_now(config)
                asked = self.ask(dns, written["domains"])
        finally:
            web.stop()
        self.check("refused posts", len(web.posts()), written["domains"])
        self.row("https, 404", written["domains"], used, asked.wall, None, 0.0)

    def configure(self, log, written, dns, web):
        return self.bench.catch_up(
            log, written, dns_servers=dns.server, https_ca_file=self.ca_file,
            https_ports=web.port, https_allow_addresses="127.0.0.0/8")[0]

    def into_a_folder(self, number, log, written):
        mail = self.folder / f"mail{number}"
        mail.mkdir()
        records = [f'* TXT "v=TLSRPTv1; rua=mailto:tls-reports@{mail_log.ZONE}"']
        with NameServer(self.folder / f"dns-of-mail{number}", mail_log.ZONE, records) as dns:
            config, _ = self.bench.catch_up(log, written, mail_transport=f"directory:{mail}",
                                            dns_servers=dns.server)
            before = dns.cpu_seconds()
            used = self.bench.flush_now(config)
            servers = dns.cpu_seconds() - before
            asked = self.ask(dns, written["domains"])
        self.moments.append(self.bench.moments())
        self.check("messages", len(list(mail.iterdir())), written["domains"])
        self.row("folder", written["domains"], used, asked.wall, None, servers)

    def check(self, what, found, expected):
        if found != expected:
            sys.exit(f"bench: {found} {what}, not {expected}")

    def row(self, name, domains, used, asking, handing_over, servers):
        bare = asking + (handing_over or 0.0)
        self.rows.append([
            name, str(domains), f"{used.cpu / domains * 1000:.3f}", f"{used.wall:.2f}",
            f"{asking:.2f}", f"{handing_over:.2f}" if handing_over else "-",
            f"{used.wall / bare:.1f}", f"{used.peak_mib:.1f}", f"{servers:.2f}"])
