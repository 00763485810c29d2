"""The quickstart makes what it promises: a report and a message for each domain of its sample log.

usage: check_quickstart.py QUICKSTART PROGRAMS
"""

import email
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

# What the servers saw when the sample was recorded, counted by hand: sessions, domains.
SESSIONS = 80
DOMAINS = 22
# Of one domain whose first MX host breaks the handshake and whose second is in order, twice.
MIXED = "onyx.test"


def read_report(path):
    return json.loads(gzip.decompress(path.read_bytes()))


def attached_report(path):
    """The report that a message carries, by Python's own parser of mail."""
    message = email.message_from_bytes(path.read_bytes())
    parts = [part for part in message.walk()
             if part.get_content_type() == "application/tlsrpt+gzip"]
    if len(parts) != 1:
        raise ValueError(f"{path.name}: {len(parts)} reports")
    return json.loads(gzip.decompress(parts[0].get_payload(decode=True)))


def counts(report):
    """(successful, failed) sessions of all policies."""
    return tuple(sum(policy["summary"][f"total-{kind}-session-count"]
                     for policy in report["policies"]) for kind in ("successful", "failure"))


def expect(wanted, found, what):
    if wanted != found:
        raise ValueError(f"{what}: want {wanted}, found {found}")


def check(said, output):
    reports = sorted((output / "reports").glob("*.json.gz"))
    expect(DOMAINS, len(reports), "reports")
    total = 0
    for path in reports:
        report = read_report(path)
        domain = path.name.split("!")[1]
        expect("2026-11-22T00:00:00Z", report["date-range"]["start-datetime"], "start")
        expect(report, attached_report(path.with_name(path.name[:-len(".json.gz")] + ".1.eml")),
               f"message for {domain}")
        total += sum(counts(report))
        if domain == MIXED:
            expect((2, 2), counts(report), f"sessions of {MIXED}")
    expect(SESSIONS, total, "sessions in all reports")
    mail = list((output / "mail").iterdir())
    expect(1, len(mail), "messages delivered")
    expect(MIXED, email.message_from_bytes(mail[0].read_bytes())["TLS-Report-Domain"],
           "delivered for")
    for text in ("--catch-up", "--summary", "--flush", "--show", "certificate-expired"):
        if text not in said:
            raise ValueError(f"does not show {text}")


def main():
    quickstart, programs = (pathlib.Path(name).resolve() for name in sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="tlsrpt-quickstart-") as folder:
        for _ in range(2):  # A second run starts afresh.
            done = subprocess.run(
                ["bash", quickstart, "--programs", programs, "--output", folder],
                cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                print(done.stdout + done.stderr)
                return f"quickstart: exit {done.returncode}"
            try:
                check(done.stdout, pathlib.Path(folder))
            except ValueError as error:
                print(done.stdout + done.stderr)
                return str(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
