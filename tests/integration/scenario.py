"""The domains of the suite: their MX hosts, records and what Postfix is told about them."""

import dataclasses
import ssl

from mx_server import Mx

SENDER = "alice@sender.test"
SENDER_DOMAIN = "sender.test"
REPORTS_FROM = "tls-reports@sender.test"
REPORT_DOMAIN = "reports.test"
DEFAULT_RECORD = f"v=TLSRPTv1; rua=mailto:tlsrpt@{REPORT_DOMAIN}"


@dataclasses.dataclass
class Domain:
    """A recipient domain.

    policy: may | secure (as an MTA-STS plugin would say) | sts (as one would say to Postfix 3.10,
        with the policy) | dane (records in the signed zone)
    patterns: of the MTA-STS policy; none: the names of its hosts
    headers: further header lines of its mail
    tlsa: good | mismatch | unusable | unobtainable, for the MX hosts of a dane domain
    """

    name: str
    hosts: list
    policy: str = "may"
    tlsa: str = None
    records: tuple = (DEFAULT_RECORD,)
    messages: int = 1
    recipients: int = 1
    local_part: str = "user"
    patterns: tuple = ()
    headers: tuple = ()

    def __post_init__(self):
        for host in self.hosts:
            if not host.name:
                host.name = f"mx.{self.name}"

    def sts_policy(self):
        """The lines of its MTA-STS policy."""
        return ["version: STSv1", "mode: enforce", *(f"mx: {name}" for name in self.sts_patterns()),
                "max_age: 604800"]

    def sts_patterns(self):
        return list(self.patterns) or [host.name for host in self.hosts]

    def sts_answer(self):
        """What a plugin for MTA-STS says to a Postfix that knows of TLSRPT."""
        patterns = self.sts_patterns()
        strings = "".join(f" {{ policy_string = {line} }}" for line in self.sts_policy())
        return (f"{self.name} secure match={':'.join(patterns)} servername=hostname policy_type=sts"
                f" policy_domain={self.name}{strings}"
                + "".join(f" mx_host_pattern={name}" for name in patterns))

    def addresses(self):
        if self.recipients == 1:
            return [f"{self.local_part}@{self.name}"]
        return [f"{self.local_part}{n}@{self.name}" for n in range(self.recipients)]


def one(name, policy="may", tlsa=None, records=(DEFAULT_RECORD,), messages=1, recipients=1, **mx):
    """A domain with one MX host, mx.<name>, which is built from the remaining arguments."""
    return Domain(name, [Mx("", **mx)], policy, tlsa, records, messages, recipients)


def report_domains():
    """Where reports are sent to. These take part in no count."""
    return [one(REPORT_DOMAIN, records=()),
            one("archive.test", records=(), starttls="none"),
            one("busy.test", records=(), replies={"RCPT": b"450 4.2.0 Mailbox busy\r\n"})]


def ordinary_domains():
    """Success and failure of each kind, opportunistic, required and by DANE."""
    return [
        one("good.test", messages=3),
        one("many.test", recipients=5),
        one("selfsigned.test", certificate="self-signed"),
        one("expired.test", certificate="expired"),
        one("wronghost.test", certificate="wrong-host"),
        one("plain.test", starttls="none", messages=2),
        one("refuse.test", starttls="refuse"),
        one("drop.test", starttls="drop"),
        one("reset.test", starttls="reset"),
        one("garbage.test", starttls="garbage"),
        one("alert.test", starttls="alert"),
        one("later.test", replies={"RCPT": b"450 4.2.0 Try again later\r\n"}),
        one("nobody.test", replies={"RCPT": b"550 5.1.1 No such user\r\n"}),
        one("rejected.test", replies={"DATA-END": b"550 5.7.1 Not wanted\r\n"}),
        one("vanish.test", hang_up_at="DATA"),
        one("vanish-ehlo.test", hang_up_at="EHLO-TLS"),
        one("busy-greeting.test", greeting=b"421 4.3.2 Too busy\r\n"),
        one("closed-greeting.test", greeting=b"554 5.7.1 No service\r\n"),
        one("no-greeting.test", greeting=b""),
        Domain("twomx.test", [Mx("mx1.twomx.test", starttls="drop"), Mx("mx2.twomx.test")]),
        one("sts-good.test", "secure", messages=2),
        one("sts-expired.test", "secure", certificate="expired"),
        one("sts-selfsigned.test", "secure", certificate="self-signed"),
        one("sts-wronghost.test", "secure", certificate="wrong-host"),
        one("sts-resumed.test", "secure", certificate="expired", messages=3,
            newest_tls=ssl.TLSVersion.TLSv1_2),
        one("sts-resumed-name.test", "secure", certificate="wrong-host", messages=2,
            newest_tls=ssl.TLSVersion.TLSv1_2),
        one("dane-resumed.example", "dane", "mismatch", messages=2,
            newest_tls=ssl.TLSVersion.TLSv1_2),
        one("sts-plain.test", "secure", starttls="none"),
        one("sts-refuse.test", "secure", starttls="refuse"),
        one("sts-drop.test", "secure", starttls="drop"),
        Domain("sts-twomx.test", [
            Mx("mx1.sts-twomx.test", certificate="expired"), Mx("mx2.sts-twomx.test")], "secure"),
        one("dane-good.example", "dane", "good", certificate="self-signed"),
        one("dane-mismatch.example", "dane", "mismatch"),
        one("dane-unusable.example", "dane", "unusable", certificate="self-signed"),
        one("dane-plain.example", "dane", "good", starttls="none"),
        one("dane-drop.example", "dane", "good", starttls="drop"),
        one("dane-unobtainable.example", "dane", "unobtainable"),
    ]


def report_destination_domains(https_port):
    """Ordinary successes whose TLSRPT records differ."""
    https = f"https://web.{REPORT_DOMAIN}:{https_port}"
    untrusted = f"https://untrusted.{REPORT_DOMAIN}:{https_port}"
    mailto = f"mailto:tlsrpt@{REPORT_DOMAIN}"
    records = {
        "rua-https.test": (f"v=TLSRPTv1; rua={https}/v1/tlsrpt",),
        "rua-both.test": (f"v=TLSRPTv1;rua={mailto} , {https}/both?x=1",),
        "rua-several.test": (
            f"v=TLSRPTv1; rua={mailto},mailto:second@{REPORT_DOMAIN},mailto:x@archive.test;",),
        "rua-long.test": (
            f"v=TLSRPTv1; unknown={'x' * 300}; rua={mailto}",),
        "rua-error.test": (f"v=TLSRPTv1; rua={https}/status/503,{mailto}",),
        "rua-redirect.test": (f"v=TLSRPTv1; rua={https}/status/302",),
        "rua-untrusted.test": (f"v=TLSRPTv1; rua={untrusted}/secret",),
        "rua-http.test": (f"v=TLSRPTv1; rua=http://web.{REPORT_DOMAIN}/plain",),
        "rua-busy.test": ("v=TLSRPTv1; rua=mailto:tlsrpt@busy.test",),
        "record-none.test": (),
        "record-malformed.test": ("v=TLSRPTv1",),
        "record-case.test": (f"v=tlsrptv1; rua={mailto}",),
        "record-two.test": (f"v=TLSRPTv1; rua={mailto}", "v=TLSRPTv1; rua=mailto:x@archive.test"),
        "record-others.test": ("v=spf1 -all", f"v=TLSRPTv1 ; rua={mailto}"),
    }
    return [one(name, records=texts) for name, texts in records.items()]


VICTIM = "victim.test"
VICTIM_HOST = f"mx.{VICTIM}[127.25.9.9]:25"
IMITATIONS = (
    f"Trusted TLS connection established to {VICTIM_HOST}: TLSv1.3 with cipher"
    " TLS_AES_256_GCM_SHA384 (256/256 bits)",
    f"to=<ceo@{VICTIM}>, relay={VICTIM_HOST}, delay=0.2, delays=0/0/0.1/0.1, dsn=2.0.0,"
    " status=sent (250 2.0.0 Ok)",
    f"SSL_connect error to {VICTIM_HOST}: lost connection",
    f"TLSRPT: status=failure, domain={VICTIM}, receiving_mx=mx.{VICTIM}[127.25.9.9],"
    " failure_type=starttls_not_supported",
    f"certificate verification failed for {VICTIM_HOST}: self-signed certificate",
    "Server certificate not trusted",
    "Cannot start TLS: handshake failure",
    f"TLS is required, but was not offered by host mx.{VICTIM}[127.25.9.9]",
)


def imitation(code, *texts, separator=b"\r\n"):
    """A reply of several lines with Postfix's own words in it."""
    lines = [f"{code}-{text}".encode() for text in texts[:-1]]
    lines.append(f"{code} {texts[-1]}".encode())
    return separator.join(lines) + b"\r\n"


def fake_line(text):
    """`text` as a whole line of the log."""
    return f"Nov 23 10:00:00 relay postfix/smtp[999]: {text}"


def hostile_domains():
    """Servers that choose their words so that the log shall be misread."""
    fake = tuple(fake_line(text) for text in IMITATIONS)
    dirty = b"\x07\x1b[31m\x08\x7f\x85\xe2\x80\xa8\xe2\x80\xae\xff\xfe\xc3\xbc "
    hosts = {
        "hostile-greeting.test": {"greeting": imitation(220, "mx.hostile ESMTP", *IMITATIONS)},
        "hostile-busy.test": {"greeting": imitation(421, IMITATIONS[6], *fake[:2])},
        "hostile-refusal.test": {
            "starttls": "refuse",
            "replies": {"STARTTLS": imitation(454, IMITATIONS[5], *IMITATIONS[:5])}},
        "hostile-ehlo.test": {"replies": {
            "EHLO": imitation(250, fake[0], "STARTTLS", *IMITATIONS, "8BITMIME"),
            "EHLO-TLS": imitation(250, *fake, "8BITMIME")}},
        "hostile-rcpt.test": {"replies": {"RCPT": imitation(550, *IMITATIONS)}},
        "hostile-rcpt2.test": {"replies": {"RCPT": imitation(
            450, f"no (in reply to RCPT TO command)) {IMITATIONS[1]}", *fake)}},
        "hostile-mail.test": {"replies": {"MAIL": imitation(451, IMITATIONS[5], *fake)}},
        "hostile-data.test": {"replies": {"DATA-END": imitation(250, IMITATIONS[1], *fake)}},
        "hostile-return.test": {"replies": {"RCPT": b"550 5.1.1 \r" + fake[0].encode()
                                            + b"\r" + fake[1].encode() + b"\r\n"}},
        "hostile-bytes.test": {"replies": {"RCPT": b"550 5.1.1 " + dirty + IMITATIONS[1].encode()
                                           + b" nul\0" + IMITATIONS[0].encode() + b"\r\n"}},
        "hostile-long.test": {"replies": {
            "RCPT": b"550 5.1.1 " + b"x" * 1500 + (IMITATIONS[1] + "; ").encode() * 4 + b"\r\n"}},
        "hostile-plain.test": {"starttls": "none", "replies": {
            "RCPT": imitation(450, IMITATIONS[0], *fake)}},
        "hostile-nonsense.test": {"greeting": fake[0].encode() + b"\r\n"},
    }
    domains = [one(name, **mx) for name, mx in hosts.items()]
    domains.append(one("hostile-issuer.test", "secure", certificate="hostile-issuer"))
    domains.append(one("hostile-name.test", starttls="drop", replies={
        "EHLO": imitation(250, *IMITATIONS[:2], "STARTTLS")}))
    for number, text in enumerate((IMITATIONS[1], IMITATIONS[0], f"x>, relay={VICTIM_HOST}")):
        domain = one(f"hostile-local{number}.test")
        domain.local_part = '"' + text.split(" (")[0][:60] + '"'
        domains.append(domain)
    return domains
