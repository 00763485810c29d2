"""Writes the delivery log of a busy relay: one line in five is from smtp(8).

usage: mail_log.py FILE --megabytes N --domains N
       mail_log.py FILE --messages N --domains N

Prints {"lines", "smtp_lines", "bytes", "sessions", "domains"} as JSON: what was written and what a
reader should find in it. The same arguments give the same file.
"""

import argparse
import json
import random

DAY = "2026-11-22"
ZONE = "bench.test"
# Messages under way at the same time: their lines are interleaved.
CONCURRENT = 16
PROVIDERS = 40
BYTES_PER_MESSAGE = 1500
CIPHER = ("TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 "
          "server-signature RSA-PSS (2048 bits) server-digest SHA256")
QUEUE_ID_LETTERS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


class Mx:
    """Where a domain's mail goes: most domains are with a few providers, which share MX hosts."""

    def __init__(self, number):
        if number % 3 == 0:
            self.host = f"mx.customer{number}.{ZONE}"
            self.address = f"198.51.{number // 256 % 256}.{number % 256}"
        else:
            provider = number % PROVIDERS
            self.host = f"mx{number % 2}.provider{provider}.{ZONE}"
            self.address = f"203.0.113.{provider * 2 + number % 2}"
        self.peer = f"{self.host}[{self.address}]:25"


def smtp_lines(choice, mx, queue_id, recipient):
    """The two lines of smtp(8) for one delivery, and how many sessions they are."""
    delivery = (f"{queue_id}: to=<{recipient}>, relay={mx.peer}, delay=0.64, "
                "delays=0.02/0.01/0.31/0.3, dsn=")
    sent = f"{delivery}2.0.0, status=sent (250 2.0.0 Ok: queued as 4XyR{queue_id})"
    if choice < 0.60:
        return f"Trusted TLS connection established to {mx.peer}: {CIPHER}", sent, 1
    if choice < 0.90:
        return f"Untrusted TLS connection established to {mx.peer}: {CIPHER}", sent, 1
    if choice < 0.95:
        return f"Verified TLS connection established to {mx.peer}: {CIPHER}", sent, 1
    if choice < 0.98:
        return f"connect to {mx.peer}: Connection timed out", sent, 1
    return (f"SSL_connect error to {mx.peer}: lost connection",
            f"{delivery}4.7.5, status=deferred (Cannot start TLS: handshake failure)", 1)


def message_lines(rng, number, domain):
    """(program, text) of each line of a message, and its sessions: ten lines, two of smtp(8)."""
    queue_id = "4bX" + "".join(rng.choices(QUEUE_ID_LETTERS, k=8)) + "z"
    client = f"app{number % 200}.sender.test[192.0.2.{number % 200}]"
    smtpd = f"postfix/smtpd[{2000 + number % CONCURRENT}]"
    smtp = f"postfix/smtp[{3000 + number % (2 * CONCURRENT)}]"
    first, second, sessions = smtp_lines(
        rng.random(), Mx(domain), queue_id, f"user{number % 977}@customer{domain}.{ZONE}")
    lines = (
        (smtpd, f"connect from {client}"),
        (smtpd, f"{queue_id}: client={client}"),
        ("postfix/cleanup[2101]", f"{queue_id}: message-id=<20261122.{number}@sender.test>"),
        ("opendkim[771]", f"{queue_id}: DKIM-Signature field added (s=2026, d=sender.test)"),
        ("postfix/qmgr[1201]", f"{queue_id}: from=<news@sender.test>, size={3000 + number % 9000}, "
                               "nrcpt=1 (queue active)"),
        (smtpd, f"disconnect from {client} ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"),
        (smtp, first),
        (smtp, second),
        ("postfix/qmgr[1201]", f"{queue_id}: removed"),
        ("postfix/anvil[1999]", f"statistics: max connection rate 4/60s for (smtp:192.0.2."
                                f"{number % 200}) at Nov 22 10:12:13"),
    )
    return lines, sessions


def domain_of(rng, number, domains):
    """Each domain once; after that a few get most of the mail."""
    if number < domains:
        return number
    return min(int(domains * rng.random() ** 4), domains - 1)


def write(path, domains, enough, messages_expected):
    """Writes rounds of interleaved messages until ENOUGH(messages, bytes)."""
    rng = random.Random(8460)
    total = {"lines": 0, "smtp_lines": 0, "bytes": 0, "sessions": 0, "domains": domains}
    number = 0
    # The lines are spread over the day; a file with more than expected ends it a little late.
    step = 80_000 / max(messages_expected / CONCURRENT * 10, 1)
    seconds = 60.0
    with open(path, "w", encoding="ascii", buffering=1 << 20) as file:
        while not enough(number, total["bytes"]):
            together = []
            for _ in range(CONCURRENT):
                lines, sessions = message_lines(rng, number, domain_of(rng, number, domains))
                together.append(lines)
                total["sessions"] += sessions
                number += 1
            text = []
            for stage in zip(*together):
                seconds = min(seconds + step, 86_399.0)
                minutes, second = divmod(seconds, 60)
                hour, minute = divmod(int(minutes), 60)
                stamp = f"{DAY}T{hour:02}:{minute:02}:{second:09.6f}+00:00 relay1 "
                for program, said in stage:
                    text.append(f"{stamp}{program}: {said}\n")
            total["bytes"] += file.write("".join(text))
            total["lines"] += len(text)
            total["smtp_lines"] += 2 * CONCURRENT
    total["domains"] = min(domains, number)
    return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--megabytes", type=float)
    parser.add_argument("--messages", type=int)
    parser.add_argument("--domains", type=int, required=True)
    wanted = parser.parse_args()
    if wanted.messages is not None:
        enough, expected = (lambda number, _: number >= wanted.messages), wanted.messages
    else:
        size = wanted.megabytes * 1e6
        enough, expected = (lambda _, octets: octets >= size), size / BYTES_PER_MESSAGE
    print(json.dumps(write(wanted.file, wanted.domains, enough, expected)))


if __name__ == "__main__":
    main()
