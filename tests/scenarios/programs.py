"""Runs our two programs as cron and an administrator would, with the clock of the story."""

import os
import pathlib
import pwd
import resource
import sqlite3
import subprocess
import threading

import dns_world
import receivers

RUN_LIMIT_S = 300  # On a busy machine, under the sanitizers.
SUBMITTER = "relay.example"


class Programs:
    """Configuration, clock and store of one story, below FOLDER."""

    def __init__(self, binary_folder, folder, address):
        self.binary_folder = pathlib.Path(binary_folder)
        self.folder = pathlib.Path(folder)
        self.address = address
        self.relays = ["relay1"]
        self.clock = self.folder / "clock"
        self.store = self.folder / "store.sqlite"
        self.lockers = []
        self.disk_limit = None  # Octets of a file behind which nothing can be written.
        self.options = {
            "organization_name": "Example Relay",
            "contact_info": f"tls-reports@{SUBMITTER}",
            "store": f"sqlite:{self.store}",
            "run_as": pwd.getpwuid(os.geteuid()).pw_name,
            "postfix_config": "none",
            "log_timezone": "UTC",
            "sending_mta_ip": "192.0.2.25",
            "dns_servers": f"{address}:{dns_world.PORT}",
            "dns_timeout": "5s",
            "mail_transport": f"smtp://{address}:{receivers.SMTP_PORT}",
            "https_ports": str(receivers.HTTPS_PORT),
            "https_allow_addresses": address,
        }

    def filled(self, text):
        return text.replace("$DIR", str(self.folder)).replace("$WORLD", self.address)

    def configuration(self, relay):
        """The path of the configuration file, written afresh."""
        options = {"log_source": f"file:{self.log(relay)}", **self.options, "relay_name": relay}
        path = self.folder / f"{relay}.conf"
        path.write_text("".join(f"{name} = {value}\n" for name, value in options.items()),
                        encoding="utf-8")
        return path

    def log(self, relay):
        return self.folder / f"{relay}.log"

    def start(self, program, relay, arguments):
        environment = {name: value for name, value in os.environ.items() if name != "TLSRPT_CLOCK"}
        environment.update(TLSRPT_CLOCK=f"file:{self.clock}", LC_ALL="C", TZ="America/St_Johns")
        return subprocess.Popen(
            [self.binary_folder / program, "-c", self.configuration(relay), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment, preexec_fn=self.limit_files,
            # Python ignores SIGXFSZ: so that a write beyond the limit fails and nothing more.
            restore_signals=False)

    def limit_files(self):
        if self.disk_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.disk_limit, self.disk_limit))

    def finish(self, process):
        """(exit status, lines of standard output, of standard error but for the clock's)."""
        try:
            out, err = process.communicate(timeout=RUN_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        said = [line for line in err.splitlines() if "TLSRPT_CLOCK" not in line]
        return process.returncode, out.splitlines(), said

    def run(self, program, relay, *arguments):
        return self.finish(self.start(program, relay, arguments))

    def set_clock(self, seconds):
        """Whole at any instant: programs may be reading."""
        draft = self.clock.with_suffix(".draft")
        draft.write_text(f"{seconds}\n")
        draft.rename(self.clock)

    def now(self):
        """Unix seconds, None while the story has not set the clock."""
        return int(self.clock.read_text()) if self.clock.exists() else None

    def change_store(self, statement):
        database = sqlite3.connect(self.store, timeout=10)
        with database:
            database.execute(statement)
        database.close()

    def lock_store(self, seconds):
        """Somebody else's transaction, from the return of this call on."""
        locked = threading.Event()
        released = threading.Event()

        def hold():
            database = sqlite3.connect(self.store, timeout=30, isolation_level=None)
            database.execute("BEGIN IMMEDIATE")
            locked.set()
            released.wait(seconds)
            database.execute("ROLLBACK")
            database.close()
        thread = threading.Thread(target=hold, daemon=True)
        thread.start()
        if not locked.wait(30):
            raise RuntimeError("the store could not be locked")
        self.lockers.append((thread, released))

    def unlock(self):
        for thread, released in self.lockers:
            released.set()
            thread.join()
        self.lockers = []
