#!/usr/bin/env python3
"""`--check` and contrib/postfix with a real Postfix that has a configuration of its own.

Every command that is shown is run, and then there is nothing more to say.
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

from processes import Daemon

SKIPPED = 77
TOP = pathlib.Path(__file__).resolve().parent.parent.parent
SETUP = TOP / "contrib" / "postfix" / "tlsrpt-postfix-setup"
MILTER = str(pathlib.Path(os.environ["TLSRPT_BINARY_DIR"]) / "tlsrpt-milter")
REPORTER = str(pathlib.Path(os.environ["TLSRPT_BINARY_DIR"]) / "tlsrpt-reporter")
SENDER = "tls-reports@sender.test"
FAULTY = 78


class Site:
    """A Postfix that nobody starts, and our configuration for it."""

    def __init__(self, folder, **main):
        self.folder = pathlib.Path(folder)
        self.postfix = self.folder / "postfix"
        self.postfix.mkdir()
        shutil.copy("/etc/postfix/master.cf.proto", self.postfix / "master.cf")
        self.log = self.folder / "mail.log"
        self.log.write_text("")
        main = {"compatibility_level": "3.6", "maillog_file": self.log,
                "queue_directory": self.folder / "queue",
                "milter_default_action": "accept",
                "non_smtpd_milters": "inet:localhost:8891", **main}
        (self.postfix / "main.cf").write_text(
            "".join(f"{name} = {value}\n" for name, value in main.items()))
        self.config = self.folder / "tlsrpt.conf"
        self.commands = {}  # Of the last examination, by check.
        self.options = {"organization_name": "Check", "contact_info": SENDER, "run_as": "root",
                        "store": f"sqlite:{self.folder}/store.sqlite",
                        "log_source": f"file:{self.log}", "postfix_config": self.postfix,
                        "mail_transport": "sendmail:/usr/sbin/sendmail"}

    def check(self, **options):
        """As examine(), with a configuration of ours made anew."""
        self.config.write_text("".join(f"{name} = {value}\n"
                                       for name, value in {**self.options, **options}.items()))
        return self.examine()

    def examine(self):
        """State of each check, and the commands of all findings."""
        ran = subprocess.run([REPORTER, "-c", self.config, "--check", "--format", "json"],
                             capture_output=True, text=True, stdin=subprocess.DEVNULL)
        checks = json.loads(ran.stdout)["checks"]
        states = {check["check"]: check["state"] for check in checks}
        self.commands = {check["check"]: [command for finding in check["findings"]
                                          for command in finding["commands"]]
                         for check in checks}
        assert ran.returncode == (FAULTY if "fault" in states.values() else 0), ran
        return states, [command for commands in self.commands.values() for command in commands]

    def run(self, commands):
        """Runs what changes the configuration; there is no Postfix to be reloaded."""
        for command in commands:
            words = shlex.split(command)
            if words[0] == "postconf":
                subprocess.run(words, check=True, capture_output=True)

    def setup(self):
        """What the script shows, as lines."""
        return subprocess.run([SETUP, "--sender", SENDER, "--config-dir", self.postfix],
                              check=True, capture_output=True, text=True).stdout.splitlines()

    def files(self):
        return [(self.postfix / name).read_bytes() for name in ("main.cf", "master.cf")]


class CheckTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name

    def of_interest(self, states):
        """Without what depends on the machine."""
        return {check for check, state in states.items()
                if state == "fault" and check not in ("milter", "resolver", "clock")}

    def test_a_fresh_postfix_is_mended_by_the_commands_of_the_check(self):
        site = Site(self.folder)
        states, commands = site.check()
        self.assertEqual(self.of_interest(states), {"tls-level", "tls-logging"})
        site.run(commands)
        states, _ = site.check()
        self.assertEqual(self.of_interest(states), set())

    def test_enforced_tls_gets_a_transport_of_its_own(self):
        site = Site(self.folder, smtp_tls_security_level="dane", smtp_tls_loglevel=1,
                    smtp_dns_support_level="dnssec",
                    smtp_tls_policy_maps="socketmap:inet:127.0.0.1:8461:postfix",
                    sender_dependent_default_transport_maps="inline:{ {other@x.test = smtp:} }")
        states, commands = site.check()
        self.assertEqual(self.of_interest(states), {"report-tls"})
        site.run(commands)
        states, _ = site.check()
        self.assertEqual(self.of_interest(states), set())
        overrides = subprocess.run(["postconf", "-c", site.postfix, "-P"], check=True,
                                   capture_output=True, text=True).stdout
        self.assertIn("tlsrpt-out/unix/smtp_tls_security_level = may", overrides)
        # The script has nothing to add.
        self.assertEqual(site.setup(), [])

    def test_the_script_changes_nothing_and_shows_what_does(self):
        site = Site(self.folder, smtp_tls_security_level="encrypt")
        before = site.files()
        shown = site.setup()
        self.assertEqual(site.files(), before)
        self.assertTrue(shown[-1].startswith("postfix -c "), shown)
        site.run(shown)
        states, _ = site.check()
        self.assertEqual(self.of_interest(states), set())
        self.assertEqual(site.setup(), [])

    def test_the_script_takes_no_address_that_a_shell_or_a_table_would_misread(self):
        for address in ("", "x", "a b@x.test", "$(id)@x.test", "a@x.test}", "a'b@x.test"):
            ran = subprocess.run([SETUP, "--sender", address], capture_output=True)
            self.assertNotEqual(ran.returncode, 0, address)
            self.assertEqual(ran.stdout, b"", address)

    def test_the_script_looks_at_the_service_that_mail_leaves_by(self):
        site = Site(self.folder, smtp_tls_security_level="may", smtp_tls_loglevel=1,
                    default_transport="out:")
        site.run([f"postconf -c {site.postfix} -M 'out/unix=out unix - - n - - smtp'"])
        self.assertEqual(site.setup(), [])
        site.run([f"postconf -c {site.postfix} -P smtp/unix/smtp_tls_security_level=encrypt"])
        self.assertEqual(site.setup(), [])
        site.run([f"postconf -c {site.postfix} -P out/unix/smtp_tls_security_level=encrypt"])
        self.assertIn("tlsrpt-out", "".join(site.setup()))

    def test_the_script_looks_at_the_service_that_reports_leave_by(self):
        site = Site(self.folder, smtp_tls_security_level="may", smtp_tls_loglevel=1,
                    maillog_file_prefixes=self.folder)
        site.run([f"postconf -c {site.postfix} -M 'out/unix=out unix - - n - - smtp'",
                  f"postconf -c {site.postfix} -P out/unix/smtp_tls_security_level=encrypt"])
        self.assertEqual(site.setup(), [])
        maps = "inline:{ {x@y.test = smtp:}, {z@y.test = smtp:} }, inline:{ {@sender.test = out:} }"
        site.run([f"postconf -c {site.postfix} -e "
                  f"'sender_dependent_default_transport_maps={maps}'"])
        self.assertEqual(self.of_interest(site.check()[0]), {"report-tls"})
        self.assertIn("tlsrpt-out", "".join(site.setup()))
        site.run([f"postconf -c {site.postfix} -P out/unix/smtp_tls_security_level=may"
                  " out/unix/smtp_tls_policy_maps=static:may"])
        self.assertEqual(self.of_interest(site.check()[0]), set())
        self.assertEqual(site.setup(), [])

    def test_reports_that_leave_by_another_program_are_not_judged_by_smtp(self):
        site = Site(self.folder, smtp_tls_security_level="encrypt", smtp_tls_loglevel=1,
                    default_transport="lmtp:unix:/run/lmtp")
        self.assertEqual(self.of_interest(site.check()[0]), set())
        self.assertEqual(site.setup(), [])

    def test_policies_that_enforce_nothing_stop_no_report(self):
        site = Site(self.folder, smtp_tls_security_level="may", smtp_tls_loglevel=1)
        for maps, enforces in (("inline:{x.test=may}", False), ("inline:{x=none}", False),
                               ("static:{may}", False),
                               ("static:none, inline:{ {x = may ciphers=high}, y=NONE }", False),
                               ("inline:{x=may, y=encrypt}", True), ("static:{dane}", True),
                               ("inline:{ {x = may}, {y = secure match=nexthop} }", True)):
            site.run([f"postconf -c {site.postfix} -e 'smtp_tls_policy_maps={maps}'"])
            self.assertEqual("report-tls" in self.of_interest(site.check()[0]), enforces, maps)
            self.assertEqual("tlsrpt-out" in "".join(site.setup()), enforces, maps)

    def test_the_script_mends_the_transport_of_reports_that_is_there(self):
        site = Site(self.folder, smtp_tls_security_level="encrypt", smtp_tls_loglevel=1)
        site.run([f"postconf -c {site.postfix} -M 'tlsrpt-out/unix=tlsrpt-out unix - - n - - smtp'",
                  f"postconf -c {site.postfix} -e 'sender_dependent_default_transport_maps="
                  f"inline:{{ {{{SENDER} = tlsrpt-out:}} }}'"])
        self.assertEqual(self.of_interest(site.check()[0]), {"report-tls"})
        site.run(site.setup())
        self.assertEqual(self.of_interest(site.check()[0]), set())
        self.assertEqual(site.setup(), [])

    def test_the_script_mends_one_service_without_log_lines(self):
        site = Site(self.folder, smtp_tls_security_level="may", smtp_tls_loglevel=1)
        site.run([f"postconf -c {site.postfix} -P relay/unix/smtp_tls_loglevel=0"])
        self.assertEqual(self.of_interest(site.check()[0]), {"tls-logging"})
        site.run(site.setup())
        self.assertEqual(self.of_interest(site.check()[0]), set())
        self.assertEqual(site.setup(), [])

    def test_one_service_without_log_lines_is_found(self):
        site = Site(self.folder, smtp_tls_security_level="may", smtp_tls_loglevel=1)
        site.run([f"postconf -c {site.postfix} -P relay/unix/smtp_tls_loglevel=0"])
        states, commands = site.check()
        self.assertEqual(self.of_interest(states), {"tls-logging"})
        site.run(commands)
        states, _ = site.check()
        self.assertEqual(self.of_interest(states), set())

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to give the socket to Postfix")
    def test_the_milter_has_to_answer_and_no_service_may_pass_it_by(self):
        os.chmod(self.folder, 0o755)
        site = Site(self.folder, smtp_tls_security_level="may", smtp_tls_loglevel=1)
        (site.folder / "queue/tlsrpt").mkdir(parents=True)
        site.options["milter_socket"] = f"unix:{site.folder}/queue/tlsrpt/milter.sock"
        states, commands = site.check()
        self.assertEqual(states["milter"], "fault")
        self.assertIn("systemctl enable --now tlsrpt-milter", commands)
        site.run(commands)
        daemon = Daemon("tlsrpt-milter", [MILTER, "-c", site.config, "-f", "-v"],
                        site.folder / "daemon.log")
        self.addCleanup(daemon.stop)
        daemon.wait_until(lambda: "milter listens" in daemon.output(), "the milter", 60)
        self.assertEqual(site.check()[0]["milter"], "ok")
        for setting, state in (("smtpd_milters=inet:127.0.0.1:1", "fault"),
                               ("receive_override_options=no_milters", "hint")):
            site.run([f"postconf -c {site.postfix} -P smtp/inet/{setting}"])
            states, commands = site.check()
            self.assertEqual(states["milter"], state)
            site.run(commands)
            self.assertEqual(site.check()[0]["milter"], "ok", commands)

    # postconf(1) before 3.10 shows what it does not know itself where something refers to it; the
    # version is an option like any other. The rules are those of the real ones.
    TLSRPT = {"smtp_tls_security_level": "may", "smtp_tls_loglevel": 1, "smtp_tlsrpt_enable": "yes",
              "smtp_tlsrpt_socket_name": "run/tlsrpt/tlsrpt.sock",
              "smtpd_banner": "$smtp_tlsrpt_enable $smtp_tlsrpt_socket_name"}

    def test_versions_that_count_reports_get_a_transport_without_tlsrpt(self):
        for version in ("3.10.0", "3.10.3"):
            with self.subTest(version), tempfile.TemporaryDirectory() as folder:
                site = Site(folder, mail_version=version, **self.TLSRPT)
                ours = f"{folder}/queue/run/tlsrpt/tlsrpt.sock"
                states, commands = site.check(tlsrpt_socket=ours)
                self.assertEqual(self.of_interest(states), {"report-loop"})
                site.run(commands)
                self.assertEqual(self.of_interest(site.check(tlsrpt_socket=ours)[0]), set())
                overrides = subprocess.run(["postconf", "-c", site.postfix, "-P"], check=True,
                                           capture_output=True, text=True).stdout
                self.assertIn("tlsrpt-out/unix/smtp_tlsrpt_enable = no", overrides)

    def test_datagrams_for_somebody_else_are_found(self):
        site = Site(self.folder, mail_version="3.10.4", **self.TLSRPT)
        states, commands = site.check(tlsrpt_socket=f"{self.folder}/ours.sock")
        self.assertEqual(self.of_interest(states), {"tlsrpt-socket"})
        site.run(commands)
        states, _ = site.check(tlsrpt_socket=f"{self.folder}/ours.sock")
        self.assertEqual(self.of_interest(states), set())

    def test_a_chrooted_postfix_has_a_resolver_of_its_own(self):
        site = Site(self.folder, smtp_tls_security_level="dane", smtp_tls_loglevel=1,
                    smtp_dns_support_level="dnssec")
        site.run([f"postconf -c {site.postfix} -F smtp/unix/chroot=y"])
        copy = site.folder / "queue/etc/resolv.conf"
        copy.parent.mkdir(parents=True)
        copy.write_text("nameserver 127.255.255.254\n")
        self.assertEqual(site.check()[0]["resolver"], "fault")
        self.assertIn(f"cp /etc/resolv.conf {copy}", site.commands["resolver"])

    def test_dane_of_a_policy_table_alone_needs_its_resolver(self):
        table = pathlib.Path(self.folder) / "tls_policy"
        table.write_text("a.test dane\n")
        for maps in ("inline:{a.test=dane}", f"texthash:{table}"):
            with self.subTest(maps), tempfile.TemporaryDirectory() as folder:
                site = Site(folder, smtp_tls_security_level="may", smtp_tls_loglevel=1,
                            smtp_dns_support_level="dnssec")
                self.assertEqual(site.check()[0]["resolver"], "skipped")
                site.run([f"postconf -c {site.postfix} -e 'smtp_tls_policy_maps={maps}'",
                          f"postconf -c {site.postfix} -e smtp_dns_support_level=enabled"])
                self.assertEqual(site.check()[0]["resolver"], "fault")
                self.assertIn("smtp_dns_support_level=dnssec", "".join(site.commands["resolver"]))

    def test_files_and_programs_that_cannot_be_used_are_found(self):
        site = Site(self.folder, smtp_tls_security_level="may", smtp_tls_loglevel=1)
        states, _ = site.check(store=f"sqlite:{self.folder}/absent/store.sqlite",
                               log_source=f"file:{self.folder}/absent.log",
                               mail_transport=f"sendmail:{self.folder}/absent")
        self.assertEqual(self.of_interest(states), {"store", "log", "mail-transport"})
        states, _ = site.check(log_source=f"file:{self.folder}",
                               mail_transport=f"sendmail:{self.folder}")
        self.assertEqual(self.of_interest(states), {"log", "mail-transport"})
        self.assertFalse([each for each in site.commands["log"] if "chgrp" in each])
        states, _ = site.check(mail_transport="smtp://127.0.0.1:1")
        self.assertEqual(self.of_interest(states), {"mail-transport"})

    def test_reports_that_nobody_signs_are_found(self):
        site = Site(self.folder, smtp_tls_security_level="may", smtp_tls_loglevel=1,
                    non_smtpd_milters="")
        states, _ = site.check()
        self.assertEqual(self.of_interest(states), {"signature"})

    def test_a_postfix_without_configuration_is_found(self):
        site = Site(self.folder)
        shutil.rmtree(site.postfix)
        states, _ = site.check()
        self.assertEqual(states["postfix"], "fault")
        self.assertEqual(states["tls-logging"], "skipped")


if __name__ == "__main__":
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    if not shutil.which("postconf"):
        required = os.environ.get("TLSRPT_INTEGRATION") == "required"
        print("no postconf(1): Postfix is not installed")
        sys.exit(1 if required else SKIPPED)
    unittest.main()
