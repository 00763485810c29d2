#!/usr/bin/env python3
"""A file system that is really full: while the collector commits, while a day is closed, and while
it is recorded what became of deliveries.

The store lies on a tmpfs of its own. Each time the programs say that the disk is full and end with
status 75, or wait; once there is room again everything was counted, closed and delivered once.
Mounts need root and a namespace of their own: without, this is skipped (status 77).
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "scenarios")]

from delivery_log import delivery_lines
from flush_site import FlushSite
from report_receivers import document_of, read_message

SKIPPED = 77
DISK = 16_000_000  # More than the log of the store (-wal) grows to.
MIDNIGHT = 1795392000  # 2026-11-23T00:00:00Z
DAY_S = 86400
FULL = "database or disk is full"
RUN_S = 240
NAMESPACE = ["unshare", "--mount", "--propagation", "private"]
# Keeps each message; the first one fills the disk.
SENDMAIL = """#!/bin/sh
cat >'{spool}'/$$
if [ -e '{trap}' ] && rm '{trap}'; then
  cat /dev/zero >'{ballast}' 2>/dev/null
  : >'{sprung}'
fi
exit 0
"""


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


class Site:
    def __init__(self, folder, programs):
        self.folder = pathlib.Path(folder)
        self.disk = self.folder / "disk"
        self.ballast = self.disk / "ballast"
        self.spool = self.folder / "spool"
        for each in (self.disk, self.spool):
            each.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", self.disk],
                       check=True)
        self.log = self.folder / "mail.log"
        self.log.touch()
        sendmail = self.folder / "sendmail"
        self.trap = self.folder / "trap"
        self.sprung = self.folder / "sprung"
        sendmail.write_text(SENDMAIL.format(spool=self.spool, trap=self.trap, sprung=self.sprung,
                                            ballast=self.ballast))
        sendmail.chmod(0o755)
        record_map = self.folder / "map"
        record_map.write_text("* v=TLSRPTv1; rua=mailto:tls@collect.example\n")
        self.site = FlushSite(folder, programs)
        self.site.configure(store=f"sqlite:{self.disk}/tlsrpt.sqlite", relay_name="relay1",
                            log_source=f"file:{self.log}", record_map=record_map,
                            delivery_spread="1h", mail_transport=f"sendmail:{sendmail}")
        self.counted = collections.Counter()

    def deliver(self, day, domains):
        """One message to each of so many domains, at noon of the day before MIDNIGHT + DAY."""
        stamp = time.strftime("%Y-%m-%dT12:00:00Z", time.gmtime(MIDNIGHT + (day - 1) * DAY_S))
        with open(self.log, "a", encoding="utf-8") as log:
            for number in range(domains):
                domain = f"d{sum(self.counted.values())}.example"
                log.write(delivery_lines(stamp, "relay1", domain, "success", number, {}))
                self.counted[domain] += 1

    def fill(self, leave):
        """Only LEAVE octets can be written from now on."""
        self.ballast.unlink(missing_ok=True)
        state = os.statvfs(self.disk)
        with open(self.ballast, "wb") as ballast:
            ballast.write(bytes(max(0, state.f_bavail * state.f_frsize - leave)))

    def run(self, program, *arguments, expect_status=0):
        return self.site.run(program, *arguments, expect=(expect_status,))[2]

    def fails(self, program, *arguments):
        said = self.run(program, *arguments, expect_status=75)
        expect(FULL in said, f"{program} {arguments} says: {said}")

    def sessions(self):
        status, output, _ = self.site.run("tlsrpt-reporter", "--summary", "--day", "2026-11-22",
                                          "--format", "json")
        return sum(policy["summary"]["total-successful-session-count"]
                   for domain in json.loads(output)["domains"] for policy in domain["policies"])

    def check_reported(self):
        """Every session is in exactly one report, and each report has arrived once."""
        reports = collections.Counter()
        found = collections.Counter()
        for path in self.spool.iterdir():
            octets = path.read_bytes().replace(b"\n", b"\r\n")
            reports[read_message(octets)[1]] += 1
            for policy in document_of(octets)["policies"]:
                found[policy["policy"]["policy-domain"]] += \
                    policy["summary"]["total-successful-session-count"]
        expect(found == self.counted,
               f"lost {self.counted - found}, repeated {found - self.counted}")
        expect(set(reports.values()) == {1}, f"{reports.most_common(3)}")


def collector(site):
    site.deliver(0, 50)
    site.site.set_clock(MIDNIGHT - 3600)
    site.run("tlsrpt-milter", "--catch-up")
    site.deliver(0, 550)
    site.fill(leave=60_000)
    site.fails("tlsrpt-milter", "--catch-up")
    expect(site.sessions() == 50, f"{site.sessions()} sessions of a commit that failed")
    site.ballast.unlink()
    site.run("tlsrpt-milter", "--catch-up")
    expect(site.sessions() == 600, f"{site.sessions()} sessions")


def closing(site):
    site.site.set_clock(MIDNIGHT + 900)
    site.run("tlsrpt-milter", "--catch-up")
    # What is closed in one transaction has room, what comes then has not.
    site.fill(leave=400_000)
    site.fails("tlsrpt-reporter", "--flush")
    site.ballast.unlink()
    site.run("tlsrpt-reporter", "--flush")


def recording(site):
    site.site.set_clock(MIDNIGHT + 2 * 3600)
    site.trap.touch()
    handed_over = []

    def free():
        while not site.sprung.exists():
            time.sleep(0.05)
        for _ in range(2):  # It tries again and again.
            time.sleep(1.5)
            handed_over.append(len(list(site.spool.iterdir())))
        site.ballast.unlink()
    threading.Thread(target=free, daemon=True).start()
    said = site.run("tlsrpt-reporter", "--flush")
    expect(len(handed_over) == 2 and handed_over[0] == handed_over[1] < 20,
           f"{handed_over} were handed over while nothing could be recorded")
    expect(said == "", f"the flush says: {said}")
    expect(site.run("tlsrpt-reporter", "--flush") == "", "a second flush is not silent")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="folder of the programs")
    parser.add_argument("--mounted", action="store_true", help="the namespace is our own")
    wanted = parser.parse_args()
    if not wanted.mounted:
        if subprocess.run([*NAMESPACE, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            print("skipped: no mount namespace of our own")
            sys.exit(SKIPPED)
        sys.exit(subprocess.run([*NAMESPACE, sys.executable, "-B", __file__, "--mounted",
                                 "--programs", wanted.programs], check=False).returncode)
    with tempfile.TemporaryDirectory(prefix="tlsrpt-full-") as folder:
        site = Site(folder, wanted.programs)
        try:
            for part in (collector, closing, recording):
                part(site)
                print(f"{part.__name__}: ok", flush=True)
            site.check_reported()
            print(f"{len(site.counted)} domains, each reported once")
        finally:
            subprocess.run(["umount", site.disk], check=True)


if __name__ == "__main__":
    main()
