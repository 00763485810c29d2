"""Does the daemon understand whatever the real libtlsrpt writes?

A client is compiled against the library of a newer Debian release and sends every kind of event
through it, in the folder of that release; see postfix_chroot.py.
"""

import datetime
import grp
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import postfix_chroot
from processes import Daemon

PROGRAMS = pathlib.Path(os.environ["TLSRPT_BINARY_DIR"])
SKIPPED = 77


def compile_client(chroot, folder):
    """The client as a program that runs in CHROOT, whose C library is newer than ours."""
    client = folder / "client"
    libraries = next(chroot.glob("usr/lib/*/libtlsrpt.so")).parent
    subprocess.run(
        ["c++", "-std=c++20", pathlib.Path(__file__).with_name("tlsrpt_client.cpp"), "-o", client,
         "-idirafter", chroot / "usr/include", "-static-libstdc++", libraries / "libtlsrpt.so",
         "-Wl,--unresolved-symbols=ignore-in-shared-libs"], check=True)
    return client


class Library(unittest.TestCase):
    def test_every_kind_of_event_is_counted_as_it_was_sent(self):
        chroot = postfix_chroot.postfix_chroot(postfix_chroot.version())
        with tempfile.TemporaryDirectory(prefix="tlsrpt-lib-") as name:
            folder = pathlib.Path(name)
            folder.chmod(0o755)
            self.check(chroot, folder)

    def check(self, chroot, folder):
        path = folder / "t.sock"
        config = folder / "tlsrpt.conf"
        config.write_text(
            "organization_name = Test\ncontact_info = tls-reports@relay.example\n"
            f"store = sqlite:{folder}/tlsrpt.sqlite\nlog_source = none\nrelay_name = relay\n"
            f"run_as = root\npostfix_config = none\nmilter_socket = none\ntlsrpt_socket = {path}\n"
            f"tlsrpt_socket_group = {grp.getgrgid(os.getegid()).gr_name}\n", encoding="utf-8")
        client = compile_client(chroot, folder)
        daemon = Daemon("tlsrpt-milter", [PROGRAMS / "tlsrpt-milter", "-c", config, "-f"],
                        folder / "log")
        self.addCleanup(daemon.stop)
        daemon.wait_until(path.exists, "its socket")
        day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
        sent = sorted(subprocess.run(
            [*postfix_chroot.inside(chroot, folder), client, path], check=True,
            capture_output=True, text=True).stdout.splitlines())
        found = []

        def all_counted():
            found[:] = self.counted(config, day)
            return len(found) >= len(sent)
        daemon.wait_until(all_counted, "all of it is counted", 60)
        self.assertEqual(found, sent)
        self.assertEqual(daemon.stop(), 0)

    def counted(self, config, day):
        """Lines as those of the client, and what else it has said of each policy."""
        store = pathlib.Path(config).parent / "tlsrpt.sqlite"
        if not store.exists():
            return []
        done = subprocess.run([PROGRAMS / "tlsrpt-reporter", "-c", config, "--summary", "--all",
                               "--day", day, "--format", "json"], capture_output=True, text=True,
                              check=True)
        lines = []
        for entry in json.loads(done.stdout)["domains"]:
            for policy in entry["policies"]:
                kind = policy["policy"]["policy-type"]
                self.check_policy(policy["policy"], entry["domain"])
                summary = policy["summary"]
                lines += [f"{entry['domain']} {kind} success"] * (
                    summary["total-successful-session-count"])
                for detail in policy.get("failure-details", []):
                    self.assertEqual(detail["receiving-mx-hostname"], "mx.a.example")
                    self.assertEqual(detail["receiving-mx-helo"], "mx.a.example")
                    self.assertEqual(detail["receiving-ip"], "198.51.100.1")
                    self.assertEqual(detail["sending-mta-ip"], "192.0.2.25")
                    self.assertEqual(detail["failure-reason-code"], "a reason")
                    lines += [f"{entry['domain']} {kind} {detail['result-type']}"] * (
                        detail["failed-session-count"])
        return sorted(lines)

    def check_policy(self, policy, domain):
        strings = {
            "sts": ["version: STSv1", "mode: enforce", "mx: *.a.example", "mx: b.example",
                    "max_age: 604800"],
            # The order of TLSA records means nothing, so that a report has one of its own.
            "tlsa": ["2 0 1 FF00", "3 1 1 00FF"]}
        self.assertEqual(policy.get("policy-string"), strings.get(policy["policy-type"]))
        if policy["policy-type"] == "sts":
            self.assertEqual(policy["mx-host"], ["*.a.example", "b.example"])
        self.assertEqual(policy["policy-domain"],
                         "mx.a.example" if policy["policy-type"] == "tlsa" else domain)


def why_not():
    if os.geteuid() != 0:
        return "needs root, for chroot"
    if not shutil.which("c++"):
        return "not installed: c++"
    return postfix_chroot.why_not()


if __name__ == "__main__":
    reason = why_not()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
