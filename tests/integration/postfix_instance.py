"""A Postfix of our own: configuration, queue, data and log in a folder, nothing shared.

Its daemons are chrooted where Debian has it so. smtp(8) thus uses the resolver of
QUEUE/etc/resolv.conf, and the host's /etc/resolv.conf is left alone. Everything else that would
look something up is told not to.
"""

import dataclasses
import os
import pathlib
import pty
import pwd
import re
import shlex
import shutil
import smtplib
import subprocess
import time

import dns_servers
import postfix_chroot
from processes import Guardian, answers_tcp, wait_until

ADDRESS = "127.25.0.25"
PORT = 2525
# Where smtp(8) connects from; another address than ADDRESS, to see which one is reported.
SENDING_ADDRESS = "127.25.0.26"
# Seconds. smtp(8) goes on in the clear after a failed handshake with mail that is older, and a slow
# machine needs some for its first attempt.
MINIMAL_BACKOFF = 8

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_recipient_limit = 100
smtputf8_enable = yes
biff = no
notify_classes =
transport_maps = inline:{{sender.test=discard:}} $test_transport_maps
smtp_bind_address = {sending}
smtp_dns_support_level = dnssec
smtp_host_lookup = dns
dnssec_probe =
smtp_tls_security_level = dane
smtp_tls_loglevel = 1
smtp_tls_CAfile = {ca_file}
smtp_tls_policy_maps = texthash:{folder}/config/tls_policy
smtp_tls_session_cache_database = btree:${{data_directory}}/smtp_scache
smtp_connect_timeout = 3s
smtp_helo_timeout = 5s
smtp_starttls_timeout = 5s
smtp_mail_timeout = 5s
smtp_rcpt_timeout = 5s
smtp_data_init_timeout = 5s
smtp_data_done_timeout = 5s
smtp_quit_timeout = 2s
minimal_backoff_time = {backoff}s
maximal_backoff_time = 4000s
queue_run_delay = 4000s
max_idle = 20s
ipc_idle = 2s
default_process_limit = 20
in_flow_delay = 0
"""

NAMES = """
myhostname = relay.sender.test
mydomain = sender.test
myorigin = sender.test
"""

MILTERS = """
smtpd_milters = {milters}
non_smtpd_milters = {milters}
milter_default_action = accept
"""

MASTER_CF = """
{address}:{port} inet n - y - - smtpd
pickup    unix  n - y 60    1 pickup
cleanup   unix  n - y -     0 cleanup
qmgr      unix  n - n 300   1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
verify    unix  - - n -     1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -     - proxymap
smtp      unix  - - y -     - smtp
relay     unix  - - y -     - smtp
    -o syslog_name=postfix/$service_name
showq     unix  n - n -     - showq
error     unix  - - n -     - error
retry     unix  - - n -     - error
discard   unix  - - n -     - discard
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
postlog   unix-dgram n - n - 1 postlogd
"""

SENDMAIL_WRAPPER = """#!/bin/sh
# sendmail(1) of the test's own Postfix.
MAIL_CONFIG={folder}/config exec {command} "$@"
"""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a Postfix takes mail, and where it sends from."""

    address: str = ADDRESS
    port: int = PORT
    sending: str = SENDING_ADDRESS


def in_our_way():
    """Who already sits on the addresses that this suite needs, or None."""
    for address in (ADDRESS, "127.25.1.1", "127.25.3.1"):
        for port in (25, PORT):
            if answers_tcp(address, port):
                return f"{address}:{port}"
    return None


class Postfix:
    """Postfix between construction and stop(), which also happens when this process dies."""

    def __init__(self, folder, ca_file, tls_policy, time_zone, milters=(), place=Place(),
                 main_cf=NAMES, master_cf=""):
        """`milters`: what smtpd_milters and non_smtpd_milters are set to.

        `main_cf`: further lines, among them the names of the host, which go before those of
        MAIN_CF; `master_cf`: likewise.
        Which Postfix it is, postfix_chroot.version() says.
        """
        self.place = place
        self.folder = pathlib.Path(folder)
        self.config = self.folder / "config"
        self.log = self.folder / "log" / "mail.log"
        self.sendmail = self.folder / "sendmail"
        self.time_zone = time_zone
        self.last_submission = 0.0
        self.prefix = []
        if postfix_chroot.version() is not None:
            self.prefix = postfix_chroot.inside(
                postfix_chroot.postfix_chroot(postfix_chroot.version()), self.shared_folder(),
                self.folder / "queue/etc/resolv.conf")
        self._make_folders(ca_file, tls_policy, main_cf)
        self.append("master.cf", master_cf)
        if milters:
            self.append("main.cf", MILTERS.format(milters=", ".join(milters)))
        self.guardian = Guardian(
            ["env", f"TZ={time_zone}", *self.prefix, "postfix", "-c", self.config, "stop"])
        try:
            self.command("postfix", "start")
            wait_until(lambda: answers_tcp(place.address, place.port), "Postfix accepts mail")
        except Exception as error:
            self.stop()
            raise RuntimeError(f"Postfix does not start: {error}\n{self.log_text()}") from error

    def shared_folder(self):
        """What this Postfix shares with the rest of the test, whose parts lie beside it."""
        return self.folder.parent

    def _make_folders(self, ca_file, tls_policy, main_cf):
        owner = pwd.getpwnam("postfix")
        for name in ("config", "queue/etc", "data", "log"):
            (self.folder / name).mkdir(parents=True)
        os.chown(self.folder / "data", owner.pw_uid, owner.pw_gid)
        (self.folder / "data").chmod(0o700)
        usual = MAIN_CF.format(folder=self.folder, sending=self.place.sending, ca_file=ca_file,
                               backoff=MINIMAL_BACKOFF)
        own = {name_of(line) for line in main_cf.splitlines()}
        # Each once: of a second one each command warns, to a terminal that nobody reads.
        (self.config / "main.cf").write_text(main_cf + "".join(
            f"{line}\n" for line in usual.splitlines() if name_of(line) not in own))
        (self.config / "master.cf").write_text(
            MASTER_CF.format(address=self.place.address, port=self.place.port))
        (self.config / "tls_policy").write_text(tls_policy)
        resolver = f"nameserver {dns_servers.RESOLVER}\noptions timeout:2 attempts:2\n"
        (self.folder / "queue/etc/resolv.conf").write_text(resolver)
        for name in ("services", "nsswitch.conf"):
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", self.folder / "queue/etc")
        self.sendmail.write_text(SENDMAIL_WRAPPER.format(
            folder=self.folder, command=shlex.join([*self.prefix, "/usr/sbin/sendmail"])))
        self.sendmail.chmod(0o755)

    def append(self, name, text):
        """Adds `text` to a file of the configuration."""
        with open(self.config / name, "a", encoding="utf-8") as file:
            file.write(text)

    def command(self, program, *arguments):
        """Runs one of Postfix's own commands for this instance.

        Only on a terminal does Postfix say what is wrong before its log exists.
        """
        environment = dict(os.environ, TZ=self.time_zone)
        command = [*self.prefix, program, "-c", str(self.config), *arguments]
        terminal, its_end = pty.openpty()
        try:
            result = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=its_end, stderr=its_end, timeout=60,
                env=environment)
            if result.returncode != 0:
                os.set_blocking(terminal, False)
                words = os.read(terminal, 4096).decode(errors="replace")
                raise RuntimeError(f"{program} {arguments}: {words}")
        finally:
            os.close(its_end)
            os.close(terminal)

    def stop(self):
        self.guardian.close()

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def submit(self, sender, recipients, headers=(), body="A message.\r\n"):
        """Hands one message over by SMTP; `headers` are further header lines."""
        lines = [f"From: <{sender}>", "To: undisclosed-recipients:;", "Subject: test", *headers]
        text = "\r\n".join(lines) + "\r\n\r\n" + body
        with smtplib.SMTP(self.place.address, self.place.port, timeout=30) as client:
            client.ehlo("client.sender.test")
            must(client.docmd("MAIL", f"FROM:<{sender}>"))
            for recipient in recipients:
                must(client.docmd("RCPT", f"TO:<{recipient}>"))
            must(client.data(text.encode()))
        self.last_submission = time.monotonic()

    def send_by_command(self, sender, recipients, headers=(), body="A message.\n"):
        """The same by sendmail(1)."""
        lines = [f"From: <{sender}>", "To: undisclosed-recipients:;", "Subject: test", *headers]
        result = subprocess.run(
            [str(self.sendmail), "-i", "-f", sender, "--", *recipients], timeout=60,
            input="\n".join(lines) + "\n\n" + body, capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"sendmail: {result.stderr}")
        self.last_submission = time.monotonic()

    def files_in(self, *queues):
        """Names of the queue files, which are queue ids."""
        return [name for queue in queues
                for _, _, files in os.walk(self.folder / "queue" / queue) for name in files]

    def wait_until_delivered(self, limit=60.0):
        """Until each message is delivered, bounced or deferred."""
        wait_until(
            lambda: not self.files_in("maildrop", "incoming", "active"),
            "the queue to become quiet", limit)

    def rotate_log(self):
        """Rotates the log, which compresses the old one and reloads Postfix.

        Nothing may be under way: for a minute a new qmgr(8) leaves alone what an older smtp(8)
        delivers. It tries deferred mail again at once, and that is waited for.
        """
        self.wait_until_delivered()
        self.command("postfix", "logrotate")
        self.wait_until_delivered()

    def retry_deferred(self):
        """Tries all deferred messages once more and waits for the end of it.

        Not before they are older than minimal_backoff_time: only then does smtp(8) go on in the
        clear after a failed handshake.
        """
        wait_until(lambda: time.monotonic() > self.last_submission + MINIMAL_BACKOFF + 1,
                   "old enough mail")
        identities = self.files_in("deferred")
        known = len(self.log_text())
        self.command("postqueue", "-f")
        wait_until(
            lambda: all(re.search(rf" {identity}: to=<.* status=", self.log_text()[known:])
                        for identity in identities), "deferred mail to be tried again")
        self.wait_until_delivered()


def name_of(line):
    """The parameter that a line of main.cf sets."""
    return line.partition("=")[0].strip()


def must(answer):
    """Raises unless an SMTP reply is positive."""
    code, text = answer
    if code // 100 not in (2, 3):
        raise RuntimeError(f"SMTP said {code} {text!r}")
