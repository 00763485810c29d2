"""Runs tlsrpt-milter and tlsrpt-reporter as an administrator would."""

import json
import os
import pathlib
import pwd
import subprocess

import https_server
import scenario
import stage
from dns_servers import RESOLVER
from processes import Daemon

# Under AddressSanitizer and on a busy machine a program takes its time.
RUN_LIMIT = 60
TRY_AGAIN = 75
BAD_DATA = 65


def binary(name):
    return str(pathlib.Path(os.environ["TLSRPT_BINARY_DIR"]) / name)


class Site:
    """One configuration file with a store of its own, on a stage."""

    def __init__(self, the_stage, name, user="root", **options):
        """`user`: what the programs run as; it gets the site's folder and may read the log."""
        self.stage = the_stage
        self.folder = the_stage.folder / "sites" / name
        self.folder.mkdir(parents=True)
        self.config = self.folder / "tlsrpt.conf"
        self.store = self.folder / "tlsrpt.sqlite"
        self.daemon_log = self.folder / "daemon.log"
        values = {
            "organization_name": "Sender Test Site",
            "contact_info": "tlsrpt-admin@sender.test",
            "mail_from": scenario.REPORTS_FROM,
            "store": f"sqlite:{self.store}",
            "run_as": user,
            "log_source": f"file:{the_stage.postfix.log}",
            "log_timezone": stage.TIME_ZONE,
            "postfix_config": the_stage.postfix.config,
            "milter_socket": "none",
            "count_private_relays": "yes",
            "dns_servers": RESOLVER,
            "dns_timeout": "5s",
            "mail_transport": f"sendmail:{the_stage.postfix.sendmail}",
            "https_ca_file": the_stage.ca_file,
            "https_ports": f"443 {https_server.PORT}",
            "https_allow_addresses": "127.25.0.0/16",
            "https_timeout": "10s",
        }
        if user != "root":
            os.chown(self.folder, pwd.getpwnam(user).pw_uid, -1)
            the_stage.postfix.log.chmod(0o644)
        values.update(options)
        self.config.write_text("".join(f"{key} = {value}\n" for key, value in values.items()))

    def environment(self, clock):
        """`clock`: unix seconds for TLSRPT_CLOCK, None for the real time."""
        environment = dict(os.environ, TZ="America/St_Johns")
        environment.pop("TLSRPT_CLOCK", None)
        if clock is not None:
            environment["TLSRPT_CLOCK"] = f"@{int(clock)}"
        return environment

    def run(self, program, *arguments, clock=None, expect=0):
        """Runs `program`, checks its exit status and returns what it printed."""
        command = [binary(program), "-c", str(self.config), *map(str, arguments)]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=RUN_LIMIT, stdin=subprocess.DEVNULL,
            env=self.environment(clock))
        if result.returncode != expect:
            raise AssertionError(
                f"{program} {' '.join(map(str, arguments))}: exit status {result.returncode},"
                f" not {expect}\n{result.stdout}{result.stderr}")
        return result

    def catch_up(self, clock=None):
        return self.run("tlsrpt-milter", "--catch-up", clock=clock)

    def flush(self, *arguments, clock, expect=0):
        return self.run("tlsrpt-reporter", "--flush", *arguments, clock=clock, expect=expect)

    def summary(self, day, clock=None):
        """The parsed `--summary --format json` of `day` (YYYY-MM-DD)."""
        result = self.run(
            "tlsrpt-reporter", "--summary", "--day", day, "--format", "json", clock=clock)
        return json.loads(result.stdout)

    def start_daemon(self, *switches, handed_over=None):
        command = [binary("tlsrpt-milter"), "-c", self.config, "-f", *switches]
        return Daemon("tlsrpt-milter", command, self.daemon_log, self.environment(None),
                      handed_over)
