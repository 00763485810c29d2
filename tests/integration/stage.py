"""Sets up everything real that a test needs, in a folder of its own, and takes it down again."""

import fcntl
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

import certificates
import https_server
import mx_server
import postfix_chroot
import postfix_instance
import scenario
from dns_servers import DnsServers, Zones
from processes import NotReady, wait_until

SKIPPED = 77
# Check-outs tested at the same time would need the same addresses.
LOCK_FILE = "/tmp/tlsrpt-integration.lock"
WAIT_FOR_TURN = 120
HELD = []
NEEDED = ("postfix", "knotd", "keymgr", "unbound", "openssl")
# The log is written in this zone, so that a mistake with stamps shows (UTC+05:45, no DST).
TIME_ZONE = "Asia/Kathmandu"
# Before midnight UTC the suite waits: its sessions shall all be of one day.
SECONDS_NEEDED_BEFORE_MIDNIGHT = 420


def why_not():
    """The reason why the suite cannot run here, or None."""
    if os.geteuid() != 0:
        return "needs root, for the ports 25 and 53 on loopback"
    missing = [name for name in NEEDED if not shutil.which(name, path=search_path())]
    if missing:
        return "not installed: " + ", ".join(missing)
    unwanted = postfix_chroot.why_not()
    if unwanted:
        return unwanted
    if not wait_for_turn():
        return "integration tests elsewhere on this machine do not end"
    taken = postfix_instance.in_our_way()
    if taken:
        return f"another program listens on {taken}"
    return None


def wait_for_turn():
    """Takes the lock for the addresses, which this process then holds until its end."""
    lock = open(LOCK_FILE, "w")

    def locked():
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
    try:
        wait_until(locked, "the lock", WAIT_FOR_TURN)
    except NotReady:
        return False
    HELD.append(lock)
    return True


def search_path():
    return os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def skip_unless_possible():
    """Ends the program with ctest's code for skipped tests where the suite cannot run.

    With TLSRPT_INTEGRATION=required, as in the project's own check, that is a failure.
    """
    reason = why_not()
    if reason is None:
        return
    required = os.environ.get("TLSRPT_INTEGRATION") == "required"
    print(f"integration tests {'FAIL' if required else 'skipped'}: {reason}")
    sys.exit(1 if required else SKIPPED)


def limit_run_time(seconds):
    """Raises in the main thread after `seconds`, so that everything is still taken down.

    The folder of another Postfix, which may take long to make, is made before.
    """
    if postfix_chroot.version() is not None:
        postfix_chroot.postfix_chroot(postfix_chroot.version())
    def too_late(_number, _frame):
        raise TimeoutError(f"the suite took more than {seconds} s")
    signal.signal(signal.SIGALRM, too_late)
    signal.signal(signal.SIGTERM, too_late)
    signal.alarm(seconds)


def stay_within_one_day():
    """Waits for midnight UTC when it is too near."""
    left = 86400 - time.time() % 86400
    if left < SECONDS_NEEDED_BEFORE_MIDNIGHT:
        print(f"waiting {left:.0f} s for midnight UTC", flush=True)
        time.sleep(left + 1)


class Stage:
    """Name servers, MX hosts, HTTPS servers and Postfix for the given domains.

    Use as a context manager. Attributes: folder, domains, truth, dns, postfix, web, ca_file.
    """

    def __init__(self, domains, milters=(), main_cf="", master_cf=""):
        """`milters`: names and places of the milters that Postfix is told of.

        `main_cf`, `master_cf`: further lines of its configuration.
        """
        self.domains = domains
        self.milters = dict(milters)
        self.further = {"main_cf": postfix_instance.NAMES + main_cf, "master_cf": master_cf}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tlsrpt-integration-"))
        self.folder.chmod(0o755)  # Postfix's own user passes through it.
        self.running = []
        self.dns = self.postfix = self.truth = self.web = self.untrusted_web = None

    def __enter__(self):
        os.environ["PATH"] = search_path()
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops everything in the reverse order, whatever goes wrong on the way."""
        while self.running:
            part = self.running.pop()
            try:
                part.stop()
            except Exception as error:
                print(f"stopping {type(part).__name__}: {error}", file=sys.stderr)
        if self.truth is not None:
            self.truth.close()
        if os.environ.get("TLSRPT_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self):
        self._give_addresses()
        self.certificates = self._make_certificates()
        self.dns = DnsServers(self.folder / "dns", self._zones())
        self.running.append(self.dns)
        self.truth = mx_server.Truth(self.folder / "truth.jsonl")
        for host in self.hosts():
            server = mx_server.MxServer(host, self.certificates[host.name], self.truth)
            self.running.append(server)
        self.web = self._web(https_server.ADDRESS, "web")
        self.untrusted_web = self._web(https_server.UNTRUSTED_ADDRESS, "untrusted")
        self.dns.start()
        self.postfix = postfix_instance.Postfix(
            self.folder / "postfix", self.ca_file, self._tls_policy(), TIME_ZONE,
            self.milters.values(), **self.further)
        self.running.append(self.postfix)

    def _web(self, address, name):
        server = https_server.HttpsServer(address, self.certificates[name])
        self.running.append(server)
        return server

    def hosts(self):
        return [host for domain in self.domains for host in domain.hosts]

    def _give_addresses(self):
        for number, host in enumerate(self.hosts()):
            host.address = f"127.25.{1 + number // 250}.{1 + number % 250}"

    def _make_certificates(self):
        folder = self.folder / "pki"
        good = certificates.Authority(folder / "good", "Test Trust", "Test Root")
        hostile = certificates.Authority(
            folder / "hostile", scenario.IMITATIONS[0][:64], scenario.IMITATIONS[1][:64])
        self.ca_file = good.certificate
        makers = {
            "good": lambda name: good.issue(name, [name]),
            "expired": lambda name: good.issue(name, [name], expired=True),
            "wrong-host": lambda name: good.issue(name, ["elsewhere.test"]),
            "self-signed": lambda name: certificates.self_signed(folder, name, name),
            "hostile-issuer": lambda name: hostile.issue(name, [name]),
        }
        # Hosts with the same fault cannot share a certificate: names and TLSA records differ.
        made = {host.name: makers[host.certificate](host.name) for host in self.hosts()}
        domain = scenario.REPORT_DOMAIN
        made["web"] = good.issue("web", [f"web.{domain}"])
        made["untrusted"] = certificates.self_signed(folder, "untrusted", f"untrusted.{domain}")
        return made

    def _zones(self):
        zones = Zones()
        for domain in self.domains:
            for preference, host in enumerate(domain.hosts):
                zones.add(domain.name, f"MX {10 + preference} {host.name}.")
                zones.add(host.name, f"A {host.address}")
                self._add_tlsa(zones, domain, host)
            for text in domain.records:
                zones.add_text(f"_smtp._tls.{domain.name}", text)
        zones.add(f"web.{scenario.REPORT_DOMAIN}", f"A {https_server.ADDRESS}")
        zones.add(f"untrusted.{scenario.REPORT_DOMAIN}", f"A {https_server.UNTRUSTED_ADDRESS}")
        return zones

    def _add_tlsa(self, zones, domain, host):
        name = f"_25._tcp.{host.name}"
        digest = self.certificates[host.name].spki_sha256
        if domain.tlsa == "good":
            zones.add(name, f"TLSA 3 1 1 {digest}")
        elif domain.tlsa == "mismatch":
            zones.add(name, f"TLSA 3 1 1 {digest[::-1]}")
        elif domain.tlsa == "unusable":
            zones.add(name, f"TLSA 3 9 1 {digest}")
        elif domain.tlsa == "unobtainable":
            # A signed delegation to a server that knows nothing of the zone: SERVFAIL.
            zones.add(f"_tcp.{host.name}", "NS ns.example.")
            zones.add(f"_tcp.{host.name}", "DS 12345 13 2 " + "ab" * 32)

    def _tls_policy(self):
        """What a plugin for MTA-STS would answer for the domains of policy `secure`."""
        lines = []
        for domain in self.domains:
            if domain.policy == "secure":
                match = ":".join(host.name for host in domain.hosts)
                lines.append(f"{domain.name} secure match={match} servername=hostname\n")
            elif domain.policy == "sts":
                lines.append(domain.sts_answer() + "\n")
        return "".join(lines)

    def domain(self, name):
        return next(domain for domain in self.domains if domain.name == name)

    def send_to(self, domains):
        """Mails each domain as often as it says, one after the other where it is several times.

        Returns when all is delivered or deferred.
        """
        for round_number in range(max(domain.messages for domain in domains)):
            for domain in domains:
                if domain.messages > round_number:
                    self.postfix.submit(scenario.SENDER, domain.addresses(), domain.headers)
            self.settle()

    def settle(self):
        """Until Postfix has nothing under way and all servers have written their records."""
        self.postfix.wait_until_delivered()
        wait_until(self.truth.quiet, "the last SMTP session to end")
