"""A real Postfix with our milter and without it, in turns; how long a message waits for us."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

import postfix_instance
from measured import table
from milter_client import MilterClient
from processes import Daemon, NotReady, wait_until

CLIENTS = 20
WARM_UP = 40
PROBE_INTERVAL = 0.02  # Seconds between two questions.
ADDRESS = "127.25.0.30"
PORT_WITH, PORT_WITHOUT = 2530, 2531
SOURCE = "/usr/sbin/smtp-source"
# What is missed is told, not refused: machines differ.
RATIO_AIM, DELAY_AIM_MS, GROWTH_AIM_MIB = 0.95, 10.0, 4.0

MAIN_CF = """
myhostname = relay.sender.test
mydomain = sender.test
myorigin = sender.test
default_process_limit = 100
default_transport = discard:
relay_transport = discard:
transport_maps =
smtpd_milters = unix:tlsrpt/milter.sock
non_smtpd_milters =
milter_default_action = accept
"""
MASTER_CF = f"""
{ADDRESS}:{PORT_WITHOUT} inet n - y - - smtpd
    -o smtpd_milters=
"""


def why_not():
    """Why it cannot be measured here, or None."""
    if os.geteuid() != 0:
        return "needs root, to start a Postfix"
    if not shutil.which("postfix", path="/usr/sbin") or not os.path.exists(SOURCE):
        return "needs Postfix"
    return None


class MilterBench:
    """MILTER: the program; FOLDER: for everything that is written."""

    def __init__(self, milter, folder):
        os.environ["PATH"] += ":/usr/sbin"
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o755)
        self.postfix = postfix_instance.Postfix(
            self.folder / "postfix", "", "", "UTC", main_cf=MAIN_CF, master_cf=MASTER_CF,
            place=postfix_instance.Place(ADDRESS, PORT_WITH, ADDRESS))
        self.socket = f"{self.postfix.folder}/queue/tlsrpt/milter.sock"
        self.daemon = None
        self.began = 0  # Where Postfix's log stands when the milter listens.
        try:
            self.start_daemon(milter)
        except NotReady:
            self.close()
            raise

    def start_daemon(self, milter):
        config = self.folder / "tlsrpt.conf"
        config.write_text(
            "organization_name = Bench\ncontact_info = tls-reports@sender.test\nrun_as = root\n"
            f"store = sqlite:{self.folder}/tlsrpt.sqlite\nlog_timezone = UTC\n"
            f"log_source = file:{self.postfix.log}\npostfix_config = none\n"
            f"milter_socket = unix:{self.socket}\n")
        self.daemon = Daemon("tlsrpt-milter", [milter, "-c", config, "-f", "-v"],
                             self.folder / "daemon.log")
        self.daemon.wait_until(lambda: "milter listens" in self.daemon.output(), "the milter", 60)
        self.began = len(self.postfix.log_text())

    def close(self):
        if self.daemon:
            self.daemon.stop()
        self.postfix.stop()

    def send(self, port, messages, keep_open):
        """Seconds for MESSAGES from all clients together, until all of them are accepted."""
        began = time.monotonic()
        subprocess.run(
            [SOURCE, *(["-d"] if keep_open else []), "-s", str(CLIENTS), "-m", str(messages),
             "-f", "user@sender.test", "-t", "user@receiver.test", "-l", "2000",
             f"{ADDRESS}:{port}"], check=True, timeout=1800, stdin=subprocess.DEVNULL)
        return time.monotonic() - began

    def memory_mib(self):
        status = pathlib.Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def delivered(self):
        return self.postfix.log_text().count("status=sent")

    def run(self, messages, rounds):
        """MESSAGES with the milter and as many without, in ROUNDS each."""
        print(f"Milter: {CLIENTS} clients, {messages} messages through a real Postfix with it and "
              f"{messages} without,\nin turns; every other time over one connection each. A "
              "message's delay by us: connect,\nnegotiate, sender, header, end, as Postfix waits "
              "for it, asked for in both kinds\nof turns alike and counted in those with it.")
        each = messages // rounds
        times = {PORT_WITH: 0.0, PORT_WITHOUT: 0.0}
        memory = []
        before = WARM_UP * len(times)
        for port in times:  # Postfix starts its processes.
            self.send(port, WARM_UP, keep_open=False)
        self.postfix.wait_until_delivered(300)
        with DelayProbe(self.socket) as probe:
            for number in range(rounds):
                # Who comes second finds a fuller queue: in turns, too.
                ports = sorted(times, reverse=number % 2 == 1)
                for port in ports:
                    with probe.asking(counted=port == PORT_WITH):
                        times[port] += self.send(port, each, keep_open=number // 2 % 2 == 1)
                    self.postfix.wait_until_delivered(300)
                memory.append(self.memory_mib())
        wait_until(lambda: self.delivered() == before + 2 * each * rounds, "all deliveries", 60)
        self.tell(each * rounds, times, memory, sorted(probe.delays))

    def tell(self, messages, times, memory, delays):
        complaints = [line for line in self.postfix.log_text()[self.began:].splitlines()
                      if "ilter" in line]
        if complaints or not delays:
            sys.exit(f"bench: {len(delays)} delays; Postfix says: {complaints[:3]}")
        ratio = times[PORT_WITHOUT] / times[PORT_WITH]
        percentile = delays[min(len(delays) - 1, len(delays) * 99 // 100)] * 1000
        growth = memory[-1] - memory[len(memory) // 2]
        table(["", "messages", "messages per s", "ratio", "delay ms, median", "99th percentile",
               "RSS MiB", "growth"],
              [["without", str(messages), f"{messages / times[PORT_WITHOUT]:.0f}", "", "", "", "",
                ""],
               ["with", str(messages), f"{messages / times[PORT_WITH]:.0f}", f"{ratio:.3f}",
                f"{delays[len(delays) // 2] * 1000:.2f}", f"{percentile:.2f}",
                f"{memory[-1]:.1f}", f"{growth:+.1f}"]])
        for what, value, aim, good in (
                ("ratio", ratio, RATIO_AIM, ratio >= RATIO_AIM),
                ("delay", percentile, DELAY_AIM_MS, percentile <= DELAY_AIM_MS),
                ("growth", growth, GROWTH_AIM_MIB, growth <= GROWTH_AIM_MIB)):
            if not good:
                print(f"Missed: {what} {value:.3f}, aim {aim}")


class DelayProbe:
    """Asks the milter as Postfix does, about one message after the other, while asking()."""

    def __init__(self, path):
        self.path = path
        self.asks = False
        self.counts = False
        self.over = False
        self.delays = []
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()

    @contextlib.contextmanager
    def asking(self, counted):
        self.counts = counted
        self.asks = True
        yield
        self.asks = False

    def work(self):
        while not self.over:
            time.sleep(PROBE_INTERVAL)
            if not self.asks:
                continue
            counts, delay = self.counts, self.one()
            if counts:
                self.delays.append(delay)

    def one(self):
        began = time.monotonic()
        with MilterClient(self.path) as client:
            client.negotiate()
            answer = client.message("4XyZabcdefgh", headers=[("Subject", "probe")])
            delay = time.monotonic() - began
        if answer != b"c":
            sys.exit(f"bench: the milter says {answer}")
        return delay
