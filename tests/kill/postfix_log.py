"""Lines of several Postfix relays in one log, as versions 3.5 to 3.11 write them.

Each smtp(8) process works on one delivery at a time; the lines of many processes are interleaved.
So a reader that stops anywhere stops in the middle of deliveries.
"""

import random

CIPHER = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519"
HEX = "0123456789ABCDEF"
LONG_ID = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
# Domain and MX host names of the made-up world: sixty domains on some twenty MX hosts.
DOMAINS = [f"customer{number}.kill.example" for number in range(60)]
MX_HOSTS = [(f"mx{number}.kill.example", f"198.51.100.{number + 1}") for number in range(20)]


class Delivery:
    """What one delivery is about, and its lines so far: (program, text)."""

    def __init__(self, rng, version):
        self.rng = rng
        self.version = version
        self.domain = rng.choice(DOMAINS)
        self.host, self.address = MX_HOSTS[DOMAINS.index(self.domain) % len(MX_HOSTS)]
        self.peer = f"{self.host}[{self.address}]:25"
        if rng.random() < 0.5:
            self.queue_id = "".join(rng.choices(HEX, k=rng.randint(6, 10)))
        else:
            self.queue_id = "4j" + "".join(rng.choices(LONG_ID, k=11))
        self.lines = []

    def say(self, text, program="smtp"):
        self.lines.append((program, text))

    def level(self, word):
        """The field that 3.11 adds."""
        return f"tls={word}, " if self.version == "3.11" else ""

    def tlsrpt(self, failure=""):
        """The line that 3.10 and later add; FAILURE is a failure_type."""
        if self.version not in ("3.10", "3.11"):
            return
        status = f"status=failure, domain={self.domain}" if failure else \
            f"status=success, domain={self.domain}"
        tail = f", failure_type={failure}" if failure else ""
        self.say(f"TLSRPT: {status}, receiving_mx={self.host}[{self.address}]{tail}")

    def end(self, dsn, status, level, recipients=1, conn_use=0):
        """The line of each recipient."""
        use = f"conn_use={conn_use}, " if conn_use else ""
        total = self.rng.randint(10, 900) / 100
        delays = f"delay={total}, delays=0.0{self.rng.randint(0, 9)}/{total}/0.2/0.1"
        for _ in range(recipients):
            self.say(f"{self.queue_id}: to=<user{self.rng.randint(1, 999)}@{self.domain}>, "
                     f"relay={self.peer}, {use}{delays}, {self.level(level)}dsn={dsn}, {status}")

    def sent(self, level="may", **more):
        self.end("2.0.0", f"status=sent (250 2.0.0 Ok: queued as LAB{self.rng.randint(0, 999999)})",
                 level, **more)


def trusted(it):
    it.say(f"{it.rng.choice(['Trusted', 'Untrusted', 'Anonymous'])} TLS connection established to "
           f"{it.peer}: {CIPHER}")
    it.tlsrpt()
    it.sent(recipients=it.rng.choice((1, 1, 1, 2, 5)))
    return 1


def reused(it):
    trusted(it)
    it.sent(conn_use=2)
    it.sent(conn_use=3)
    return 1


def rejected(it):
    it.say(f"Trusted TLS connection established to {it.peer}: {CIPHER}")
    it.tlsrpt()
    it.end("5.1.1", f"status=bounced (host {it.host}[{it.address}] said: 550 5.1.1 Trusted TLS "
           "connection established to mx.fake.example[192.0.2.9]:25: x (in reply to RCPT TO "
           "command))", "may")
    return 1


def verified(it):
    it.say(f"Verified TLS connection established to {it.peer}: {CIPHER}")
    it.tlsrpt()
    it.sent("dane")
    return 1


def not_trusted(it):
    it.say(f"certificate verification failed for {it.peer}: untrusted issuer /O=Nobody/CN=Root")
    it.say(f"Untrusted TLS connection established to {it.peer}: {CIPHER}")
    it.tlsrpt("certificate_not_trusted")
    it.end("4.7.5", "status=deferred (Server certificate not trusted)", "!secure")
    return 1


def expired(it):
    it.say(f"certificate verification failed for {it.peer}: certificate has expired")
    it.say(f"Untrusted TLS connection established to {it.peer}: {CIPHER}")
    it.tlsrpt("certificate_expired")
    it.say(f"{it.queue_id}: Server certificate not trusted")
    it.end("4.7.5", "status=deferred (Server certificate not trusted)", "!secure")
    return 1


def handshake_lost(it):
    it.say(f"SSL_connect error to {it.peer}: lost connection")
    it.tlsrpt("validation_failure")
    it.end("4.7.5", "status=deferred (Cannot start TLS: handshake failure)", "secure?")
    return 1


def no_starttls(it):
    it.tlsrpt("starttls_not_supported")
    it.end("4.7.4", "status=deferred (TLS is required, but was not offered by host "
           f"{it.host}[{it.address}])", "!secure")
    return 1


def plaintext(it):
    it.sent("may:none")
    return 1


def through_tlsproxy(it):
    it.say(f"CONNECT to [{it.address}]:25", "tlsproxy")
    it.say(f"Trusted TLS connection established to {it.peer}: {CIPHER}", "tlsproxy")
    it.say(f"Trusted TLS connection established to {it.peer}: {CIPHER}")
    it.tlsrpt()
    it.sent("secure")
    it.say(f"DISCONNECT [{it.address}]:25", "tlsproxy")
    return 1


def no_connection(it):
    it.say(f"connect to {it.peer}: Connection refused")
    it.say(f"{it.queue_id}: to=<user@{it.domain}>, relay=none, delay=0.3, delays=0.1/0.1/0.1/0, "
           f"dsn=4.4.1, status=deferred (connect to {it.peer}: Connection refused)")
    return 0


def never_ends(it):
    """The process dies, or a debug line is all there is: no recipient ever."""
    it.say(f"Trusted TLS connection established to {it.peer}: {CIPHER}")
    return 0


def stranger(it):
    it.say(f"{it.queue_id}: to=<\"a, relay=none, to=<b@c.example>\"@{it.domain}>, relay={it.peer}, "
           f"delay=1, delays=0/0/0.5/0.5, {it.level('may:none')}dsn=4.0.0, status=deferred (host "
           f"{it.host}[{it.address}] said: 451 \x1b[31m{'x' * it.rng.choice((10, 3000))} (in reply "
           "to MAIL FROM command))")
    return 1


KINDS = ((trusted, 30), (reused, 6), (rejected, 6), (verified, 15), (not_trusted, 6), (expired, 4),
         (handshake_lost, 6), (no_starttls, 5), (plaintext, 10), (through_tlsproxy, 8),
         (no_connection, 5), (never_ends, 1), (stranger, 3))


class Process:
    """One smtp(8) process of one relay."""

    def __init__(self, relay, version, service, pid):
        self.relay = relay
        self.version = version
        self.service = service
        self.pid = pid
        self.waiting = []


class Log:
    """An endless log. `sessions` is about what a reader should count."""

    def __init__(self, seed, stamp):
        self.rng = random.Random(seed)
        self.stamp = stamp
        self.sessions = 0
        self.number = 0
        self.processes = []
        for relay, version in (("relay1", "3.7"), ("relay2", "3.11"), ("relay3", "3.5"),
                               ("relay4", "3.10")):
            for service in ("postfix", "postfix/out"):
                for _ in range(4):
                    self.processes.append(Process(relay, version, service,
                                                  self.rng.randint(300, 600)))

    def line(self):
        """The next line with its end."""
        process = self.rng.choice(self.processes)
        if self.rng.random() < 0.4:
            return self.other_line(process)
        if not process.waiting:
            self.begin(process)
        program, text = process.waiting.pop(0)
        return self.stamped(process.relay, f"{process.service}/{program}[{process.pid}]", text)

    def begin(self, process):
        if self.rng.random() < 0.02:
            process.pid = self.rng.randint(300, 600)
        delivery = Delivery(self.rng, process.version)
        kinds, weights = zip(*KINDS)
        self.sessions += self.rng.choices(kinds, weights)[0](delivery)
        process.waiting = delivery.lines

    def other_line(self, process):
        self.number += 1
        program, text = self.rng.choice((
            ("smtpd", f"connect from app{self.number % 9}.sender.example[192.0.2.7]"),
            ("smtpd", "Anonymous TLS connection established from app.sender.example[192.0.2.7]: "
             + CIPHER),
            ("cleanup", f"{self.number:X}A: message-id=<{self.number}@sender.example>"),
            ("qmgr", f"{self.number:X}A: from=<news@sender.example>, size=3010, nrcpt=1 (queue "
             "active)"),
            ("qmgr", f"{self.number:X}A: removed")))
        return self.stamped(process.relay, f"{process.service}/{program}[99]", text)

    def stamped(self, relay, tag, text):
        return f"{self.stamp(self.rng)} {relay} {tag}: {text}\n"
