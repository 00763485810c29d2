#!/usr/bin/env python3
"""Signatures of our reports, verified by opendkim and dkimpy with keys from a real name server."""

import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

import dkim_verifiers
import name_server
from counted_log import CountedLog
from flush_site import FlushSite

PROGRAMS = os.environ.get("TLSRPT_BINARY_DIR", ".")
# Unbound, which opendkim asks with, knows that nothing is below .test.
DOMAIN = "sender.example"
SKIPPED = 77
DAY = 1795305600  # 2026-11-22T00:00:00Z
WORLD = {}


def setUpModule():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tlsrpt-dkim-"))
    unittest.addModuleCleanup(shutil.rmtree, folder)
    records = []
    for name, path in dkim_verifiers.make_keys(folder):
        records.append(dkim_verifiers.record(name, path))
    server = name_server.NameServer(folder / "dns", DOMAIN, records)
    server.__enter__()
    unittest.addModuleCleanup(server.__exit__)
    WORLD.update(folder=folder, server=server.server, site=reported(folder))


def reported(folder):
    """A site that has a report to mail."""
    site = FlushSite(folder, PROGRAMS)
    log = CountedLog(folder / "mail.log", "relay1")
    log.deliver(DAY + 3600, "a.example")
    log.pass_time(DAY + 86400 + 1000)
    log.flush()
    (folder / "record_map").write_text("a.example v=TLSRPTv1; rua=mailto:tls@a.example\n")
    site.set_clock(DAY + 86400 + 1200)
    configure(site, folder)
    site.run("tlsrpt-milter", "--catch-up")
    return site


def configure(site, folder, **options):
    site.configure(contact_info=f"tls@{DOMAIN}", log_source=f"file:{folder}/mail.log",
                   record_map=f"{folder}/record_map", **options)


def signed(names):
    """The message of the report, signed with the keys NAMES."""
    site, folder = WORLD["site"], WORLD["folder"]
    output = folder / "-".join(names)
    if not output.exists():
        configure(site, folder, dkim_domain=DOMAIN, dkim_selector=" ".join(names),
                  dkim_key_file=" ".join(f"{folder}/{name}.pem" for name in names))
        site.run("tlsrpt-reporter", "--flush", "--output-dir", str(output))
    message, = output.glob("*.eml")
    return message.read_bytes()


class Dkim(unittest.TestCase):
    def verify(self, message):
        """Of each verifier, the results of all signatures."""
        return {name: verify(message, WORLD["server"], WORLD["folder"])
                for name, verify in dkim_verifiers.VERIFIERS.items()}

    def check(self, kind, change, expected):
        names = dkim_verifiers.KINDS[kind]
        results = self.verify(change(signed(names)))
        for verifier, result in results.items():
            with self.subTest(verifier):
                self.assertEqual(result, {name: expected for name in names})

    def test_each_kind_verifies(self):
        for kind in dkim_verifiers.KINDS:
            with self.subTest(kind):
                self.check(kind, lambda message: message, True)

    def test_a_changed_byte_fails(self):
        for kind in dkim_verifiers.KINDS:
            with self.subTest(kind):
                self.check(kind, lambda message: message.replace(b"Recipient d", b"Recipient D"),
                           False)

    def test_an_appended_byte_fails(self):
        self.check("both", lambda message: message + b"x\r\n", False)

    def test_a_changed_field_fails(self):
        for field in (b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version",
                      b"Content-Type", b"TLS-Report-Domain", b"TLS-Report-Submitter"):
            with self.subTest(field):
                def change(message, field=field):
                    head, tail = message.split(b"\r\n" + field + b": ", 1)
                    return head + b"\r\n" + field + b": x" + tail
                self.check("both", change, False)

    def test_an_added_field_fails(self):
        """Another Subject would be shown, and a parser may take another TLS-Report-Domain."""
        for field in (b"Subject: x", b"From: x@y.example", b"TLS-Report-Domain: b.example",
                      b"TLS-Report-Submitter: b.example", b"Content-Type: text/plain"):
            with self.subTest(field):
                self.check("both", lambda message, field=field: field + b"\r\n" + message, False)



class MakeDkimKey(unittest.TestCase):
    """A new site: the key is made, published as printed, found good by --check, and verifies."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tlsrpt-dkim-", dir=WORLD["folder"]))
        self.config = self.folder / "tlsrpt.conf"
        self.config.write_text(f"organization_name = New\ncontact_info = tls@{DOMAIN}\n"
                               f"run_as = {pwd.getpwuid(os.geteuid()).pw_name}\n")

    def program(self, *arguments):
        return subprocess.run([f"{PROGRAMS}/tlsrpt-reporter", *arguments], capture_output=True,
                              text=True, timeout=120, check=False)

    def make(self, name, *more):
        path = self.folder / f"{name}.pem"
        made = self.program("-c", self.config, "--make-dkim-key", path, *more)
        return path, made

    def test_what_is_printed_can_be_published(self):
        keys = {"tlsrpt": self.make("rsa"), "four": self.make(
            "four", "--selector", "four", "--bits", "4096"),
                "tlsrpt-ed25519": self.make("ed", "--key-type", "ed25519")}
        for path, made in keys.values():
            self.assertEqual(made.returncode, 0, made.stderr)
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        zone = [made.stdout for _, made in keys.values()]
        with name_server.NameServer(self.folder / "dns", DOMAIN, zone) as server:
            message = self.sign(server.server, {name: path for name, (path, _) in keys.items()})
            for verifier, verify in dkim_verifiers.VERIFIERS.items():
                results = verify(message, server.server, self.folder)
                # dkimpy knows one service type in s= only.
                wanted = {name: verifier != "dkimpy" for name in keys}
                self.assertEqual(results, wanted, verifier)
            checks = self.check()
            # What RFC 8460 wants in s= is a list that dkimpy does not read: told, and no fault.
            self.assertEqual([checks["signature"], checks["dkim-record"]], ["ok", "hint"])
            self.assertIn("to leave s= out", self.findings["dkim-record"][0])

    def sign(self, server, keys):
        site = WORLD["site"]
        configure(site, WORLD["folder"], dkim_domain=DOMAIN, dkim_selector=" ".join(keys),
                  dkim_key_file=" ".join(str(path) for path in keys.values()), dns_servers=server)
        output = self.folder / "output"
        site.run("tlsrpt-reporter", "--flush", "--output-dir", str(output))
        message, = output.glob("*.eml")
        return message.read_bytes()

    def check(self):
        """{check: state} of the site."""
        _, output, _ = WORLD["site"].run("tlsrpt-reporter", "--check", "--format", "json",
                                         expect=(0, 78))
        checks = json.loads(output)["checks"]
        self.findings = {each["check"]: [finding["text"] for finding in each["findings"]]
                         for each in checks}
        return {each["check"]: each["state"] for each in checks}

    def test_a_key_that_is_there_stays(self):
        path, first = self.make("stays")
        key = path.read_bytes()
        again = self.make("stays")[1]
        self.assertEqual((again.returncode, again.stdout), (0, first.stdout))
        self.assertIn("stays as it is", again.stderr)
        self.assertEqual(path.read_bytes(), key)
        other = self.make("stays", "--key-type", "ed25519")[1]
        self.assertEqual(other.returncode, 64, other.stderr)
        self.assertIn("holds a key of the kind rsa", other.stderr)
        self.assertEqual(self.make("stays", "--bits", "3072")[1].returncode, 64)

    def test_what_cannot_be_made_is_said(self):
        self.assertEqual(self.program("-c", self.config, "--make-dkim-key", "x.pem").returncode, 64)
        self.assertEqual(self.make("x", "--bits", "1024")[1].returncode, 64)
        sized = self.make("x", "--key-type", "ed25519", "--bits", "2048")[1]
        self.assertEqual(sized.returncode, 64)
        self.assertEqual(self.make("no/such/folder")[1].returncode, 66)
        self.assertEqual(list(self.folder.glob("*.pem")), [])

    def test_check_finds_each_fault(self):
        path, _ = self.make("key")
        good = dkim_verifiers.record("good", path, "")
        text = good.split(" TXT ")[1]
        other, _ = self.make("other")
        faults = {
            "absent": (None, "is absent"),
            "testing": (text.replace("p=", "t=y; p="), "t=y"),
            "both": (text.replace("p=", "s=tlsrpt:email; p="), "dkimpy"),
            "email": (text.replace("p=", "s=email; p="), "without tlsrpt"),
            "revoked": ('"v=DKIM1; k=rsa; p="', "revoked"),
            "other": (dkim_verifiers.record("x", other, "").split(" TXT ")[1],
                      "another key"),
        }
        records = [f"{name}._domainkey TXT {value}" for name, (value, _) in faults.items() if value]
        with name_server.NameServer(self.folder / "dns", DOMAIN, records) as server:
            for name, (_, wanted) in faults.items():
                with self.subTest(name):
                    configure(WORLD["site"], WORLD["folder"], dkim_domain=DOMAIN,
                              dkim_selector=name, dkim_key_file=path, dns_servers=server.server)
                    state = self.check()["dkim-record"]
                    self.assertEqual(state, "hint" if name in ("email", "both") else "fault")
                    self.assertIn(wanted, self.findings["dkim-record"][0])


if __name__ == "__main__":
    if not dkim_verifiers.installed() or not name_server.installed():
        print("opendkim, python3-dkim, python3-dnspython or knot is missing")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
