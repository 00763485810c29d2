#!/usr/bin/env python3
"""Do the commands of `--check` mend what it finds? Runs all of them, as root, where /etc is a copy.

The milter is ours, run as a user of its own, and Postfix's user is Postfix's.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from processes import Daemon, wait_until
from test_check import MILTER, SKIPPED, Site

IN_NAMESPACE = "TLSRPT_IN_NAMESPACE"
USER = "tlsrptcheck"
GOOD = {"smtp_tls_security_level": "may", "smtp_tls_loglevel": 1}
BINARIES = pathlib.Path(os.environ["TLSRPT_BINARY_DIR"]).resolve()


class MendTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        os.chmod(temporary.name, 0o755)
        self.site = Site(temporary.name, **GOOD)
        self.queue = self.site.folder / "queue"
        (self.queue / "tlsrpt").mkdir(parents=True)
        (self.site.folder / "lib").mkdir()
        shutil.chown(self.site.folder / "lib", USER)
        os.chmod(self.site.log, 0o644)
        self.site.options.update(
            run_as=USER, milter_socket="none", log_timezone="UTC", dns_servers="127.0.0.1:1",
            store=f"sqlite:{self.site.folder}/lib/store.sqlite")
        self.daemon = None
        self.addCleanup(lambda: self.daemon and self.daemon.stop())

    def restart(self):
        if self.daemon:
            self.daemon.stop()
        log = self.site.folder / "daemon.log"
        log.unlink(missing_ok=True)
        self.daemon = Daemon("tlsrpt-milter", [MILTER, "-c", self.site.config, "-f", "-v"], log)
        self.daemon.wait_until(
            lambda: any(word in self.daemon.output()
                        for word in ("milter listens", "milter_socket: ")), "the milter", 60)

    def run_all(self, commands):
        for command in commands:
            if command.startswith("systemctl ") and command.endswith(" tlsrpt-milter"):
                if "milter_socket = none" not in self.site.config.read_text():
                    self.restart()
            elif not command.startswith("postfix "):  # There is none to be reloaded.
                subprocess.run(["sh", "-ec", command], check=True, capture_output=True)

    def mend(self, check, **options):
        """That CHECK alone finds a fault, and nothing after its commands; what they were."""
        states, _ = self.site.check(**options)
        self.assertEqual(self.faulty(states), {check}, states)
        commands = self.site.commands[check]
        self.run_all(commands)
        states, left = self.site.examine()
        self.assertEqual(self.faulty(states), set(), left)
        return commands

    def faulty(self, states):
        """Without what depends on the machine."""
        return {check for check, state in states.items()
                if state == "fault" and check not in ("resolver", "clock", "dkim-record")}


class OurSide(MendTest):
    def test_log_that_our_user_may_not_read(self):
        os.chmod(self.site.log, 0o600)
        self.mend("log")

    def test_log_in_a_folder_that_our_user_may_not_enter(self):
        closed = self.site.folder / "closed"
        closed.mkdir(mode=0o700)
        log = closed / "mail.log"
        log.write_text("")
        os.chmod(log, 0o644)
        self.mend("log", log_source=f"file:{log}")

    def test_log_and_journal_that_are_not_there(self):
        self.mend("log", log_source=f"file:{self.site.folder}/absent.log")
        self.mend("log", log_source="journal:absent")

    def test_store_that_our_user_may_not_write_or_make(self):
        store = self.site.folder / "lib/store.sqlite"
        store.write_bytes(b"")
        os.chmod(store, 0o600)
        self.mend("store")
        shutil.chown(store.parent, "root")
        self.mend("store")
        self.mend("store", store=f"sqlite:{self.site.folder}/absent/store.sqlite")

    def test_transport_that_does_not_answer(self):
        self.mend("mail-transport", mail_transport="smtp://127.0.0.1:1")
        self.mend("mail-transport", mail_transport=f"sendmail:{self.site.folder}/absent")

    def test_reports_that_nobody_signs(self):
        self.site.run([f"postconf -c {self.site.postfix} -e non_smtpd_milters="])
        self.mend("signature")
        self.assertIn("dkim_key_file", self.site.config.read_text())

    def test_address_without_a_domain_that_we_sign_for(self):
        key = self.site.folder / "key.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True,
                       capture_output=True)
        os.chmod(key, 0o644)
        self.mend("signature", dkim_domain="other.test", dkim_selector="s", dkim_key_file=key,
                  mail_from="tls@sender.test", contact_info="tls@other.test")


class Milter(MendTest):
    def setUp(self):
        super().setUp()
        self.socket = self.queue / "tlsrpt/milter.sock"
        self.site.options["milter_socket"] = f"unix:{self.socket}"
        shutil.chown(self.queue / "tlsrpt", USER, "postfix")
        os.chmod(self.queue / "tlsrpt", 0o2750)
        for name in ("smtpd_milters", "non_smtpd_milters"):
            self.site.run([f"postconf -c {self.site.postfix} -e '{name}=inet:localhost:8891, "
                           "unix:tlsrpt/milter.sock'"])

    def check_it_is_in_order(self):
        states, commands = self.site.examine()
        self.assertEqual(states["milter"], "ok", commands)

    def start(self, **options):
        self.site.check(**options)
        self.restart()

    def test_in_order(self):
        self.start()
        self.check_it_is_in_order()

    def test_that_is_not_started(self):
        self.mend("milter")

    def test_that_postfix_does_not_name(self):
        for name in ("smtpd_milters", "non_smtpd_milters"):
            self.site.run([f"postconf -c {self.site.postfix} -e {name}=inet:localhost:8891"])
        self.start()
        self.mend("milter")

    def test_that_mail_waits_for(self):
        self.start()
        self.site.run([f"postconf -c {self.site.postfix} -e milter_default_action=tempfail",
                       f"postconf -c {self.site.postfix} -P 'smtp/inet/smtpd_milters="
                       "unix:tlsrpt/milter.sock'"])
        self.mend("milter")
        # And where it is not named yet.
        for setting in ("-e non_smtpd_milters=inet:localhost:8891",
                        "-P smtp/inet/smtpd_milters=inet:localhost:8891"):
            self.site.run([f"postconf -c {self.site.postfix} {setting}"])
        self.mend("milter")

    def test_whose_socket_is_for_another_group_or_for_nobody_else(self):
        for options in ({"milter_socket_mode": "0600"}, {"milter_socket_group": USER}):
            self.start(**options)
            self.mend("milter", **options)

    def test_whose_folder_is_closed(self):
        self.start()
        os.chmod(self.queue / "tlsrpt", 0o700)
        self.mend("milter")

    def test_that_lies_outside_of_the_chroot(self):
        outside = self.site.folder / "lib/m.sock"
        shutil.chown(outside.parent, USER, "postfix")
        os.chmod(outside.parent, 0o2755)
        for name in ("smtpd_milters", "non_smtpd_milters"):
            self.site.run([f"postconf -c {self.site.postfix} -e '{name}=inet:localhost:8891, "
                           f"unix:{outside}'"])
        self.start(milter_socket=f"unix:{outside}")
        self.mend("milter", milter_socket=f"unix:{outside}")
        # Without chroot it is seen there.
        self.site.run([f"postconf -c {self.site.postfix} -F '*/*/chroot=n'"])
        for name in ("smtpd_milters", "non_smtpd_milters"):
            self.site.run([f"postconf -c {self.site.postfix} -e '{name}=inet:localhost:8891, "
                           f"unix:{outside}'"])
        self.start(milter_socket=f"unix:{outside}")
        self.check_it_is_in_order()

    def test_groups_of_postfix_count_and_not_only_its_first(self):
        self.start(milter_socket_group=USER)
        shutil.chown(self.queue / "tlsrpt", USER, USER)
        self.assertEqual(self.site.examine()[0]["milter"], "fault")
        subprocess.run(["adduser", "postfix", USER], check=True, capture_output=True)
        self.addCleanup(subprocess.run, ["deluser", "postfix", USER], check=True,
                        capture_output=True)
        self.check_it_is_in_order()

    def test_that_is_another_program(self):
        self.start()
        self.daemon.stop()
        wait_until(lambda: not self.socket.exists(), "the end of the socket")
        states, _ = self.site.examine()
        self.assertEqual(states["milter"], "fault")


def in_namespace():
    """Runs this program again where /etc is a copy, so that users and groups are."""
    with tempfile.TemporaryDirectory() as copy:
        script = (f"cp -a /etc/. {copy} && mount --bind {copy} /etc && "
                  f"useradd --system --user-group {USER} && exec \"$@\"")
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
        return subprocess.run(
            [*command, sys.executable, "-B", *sys.argv],
            env={**os.environ, IN_NAMESPACE: "yes"}, check=False).returncode


def cannot(why):
    print(why)
    sys.exit(1 if os.environ.get("TLSRPT_INTEGRATION") == "required" else SKIPPED)


if __name__ == "__main__":
    os.environ["PATH"] = f"{BINARIES}:{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
    if not shutil.which("postconf"):
        cannot("no postconf(1): Postfix is not installed")
    if os.geteuid() != 0:
        cannot("needs root, for users, groups and a mount namespace")
    if IN_NAMESPACE not in os.environ:
        sys.exit(in_namespace())
    unittest.main()
