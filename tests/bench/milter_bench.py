"""A real Postfix with our milter, without, and with one that does nothing, in turns.

How long a message waits for us is asked at the same time. Then mail comes at half the rate that
Postfix takes, to all three by turns, and how long each message takes is compared.
"""

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
from paced_mail import PacedMail
from processes import Daemon, NotReady, wait_until

CLIENTS = 20
WARM_UP = 40
PROBE_INTERVAL = 0.02  # Seconds between two questions.
ADDRESS = "127.25.0.30"
PORT_WITH, PORT_WITHOUT, PORT_BARE = 2530, 2531, 2532
SOURCE = "/usr/sbin/smtp-source"
# What is missed is told, not refused: machines differ. What a milter costs that asks for nothing is
# Postfix's and libmilter's: the ratio aimed at is that to Postfix with it.
RATIO_AIM, DELAY_AIM_MS, GROWTH_AIM_MIB = 0.95, 10.0, 4.0
# Of the rate without a milter, far from where messages wait for each other.
PACED_SHARE = 0.5

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
{ADDRESS}:{PORT_BARE} inet n - y - - smtpd
    -o smtpd_milters=unix:bare/milter.sock
"""


def why_not():
    """Why it cannot be measured here, or None."""
    if os.geteuid() != 0:
        return "needs root, to start a Postfix"
    if not shutil.which("postfix", path="/usr/sbin") or not os.path.exists(SOURCE):
        return "needs Postfix"
    return None


class MilterBench:
    """MILTER: the program; TOOLS: where bare_milter is; FOLDER: for everything that is written."""

    def __init__(self, milter, tools, folder):
        os.environ["PATH"] += ":/usr/sbin"
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o755)
        self.postfix = postfix_instance.Postfix(
            self.folder / "postfix", "", "", "UTC", main_cf=MAIN_CF, master_cf=MASTER_CF,
            place=postfix_instance.Place(ADDRESS, PORT_WITH, ADDRESS))
        self.socket = f"{self.postfix.folder}/queue/tlsrpt/milter.sock"
        self.bare_socket = f"{self.postfix.folder}/queue/bare/milter.sock"
        self.daemon = None
        self.bare = None
        self.began = 0  # Where Postfix's log stands when the milter listens.
        try:
            self.start_bare(tools / "bare_milter")
            self.start_daemon(milter)
        except NotReady:
            self.close()
            raise

    def start_bare(self, program):
        folder = pathlib.Path(self.bare_socket).parent
        folder.mkdir()
        folder.chmod(0o755)
        self.bare = Daemon("bare_milter", [program, self.bare_socket], self.folder / "bare.log")
        self.bare.wait_until(lambda: "listens" in self.bare.output(), "the bare milter", 60)

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
        if self.bare:
            self.bare.stop()
        ended = self.daemon.stop() if self.daemon else 0
        self.postfix.stop()
        if ended != 0:  # Such as what the thread sanitizer found.
            sys.exit(f"bench: the milter ended with {ended}: {self.daemon.output()}")

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
        print(f"Milter: {CLIENTS} clients, {messages} messages through a real Postfix with it, as "
              "many without, and\nwith one that does nothing, in turns; every other time over one "
              "connection each. A\nmessage's delay: connect, negotiate, sender, header, end, as "
              "Postfix waits for it, asked\nof both milters in all turns alike.")
        each = messages // rounds
        times = dict.fromkeys((PORT_WITH, PORT_WITHOUT, PORT_BARE), 0.0)
        memory = []
        before = WARM_UP * len(times)
        for port in times:  # Postfix starts its processes.
            self.send(port, WARM_UP, keep_open=False)
        self.postfix.wait_until_delivered(300)
        with DelayProbe(self.socket, self.bare_socket) as probe:
            for number in range(rounds):
                # Who comes later finds a fuller queue: in turns, too.
                for port in sorted(times, reverse=number % 2 == 1):
                    with probe.asking():
                        times[port] += self.send(port, each, keep_open=number // 2 % 2 == 1)
                    self.postfix.wait_until_delivered(300)
                memory.append(self.memory_mib())
        expected = before + len(times) * each * rounds
        wait_until(lambda: self.delivered() == expected, "all deliveries", 60)
        self.tell(each * rounds, times, memory, probe)
        self.pace(each * rounds // 4, PACED_SHARE * each * rounds / max(times.values()))

    def pace(self, messages, rate):
        """MESSAGES to all three together, RATE a second: what we add to the delay of each."""
        paced = PacedMail(ADDRESS, (PORT_WITHOUT, PORT_BARE, PORT_WITH), rate)
        paced.send(messages)
        self.postfix.wait_until_delivered(300)
        print(f"\n{messages} messages, {rate:.0f} a second, to the three by turns: from when each "
              "is due until it is\naccepted.")
        without, bare, ours = (percentiles(paced.delays[port]) for port in paced.ports)
        table(["", "delay ms, median", "99th percentile", "more than without"],
              [[name, f"{of[0]:.2f}", f"{of[1]:.2f}", f"{of[1] - without[1]:+.2f}"]
               for name, of in (("without", without), ("one that does nothing", bare),
                                ("with", ours))])
        if ours[1] - without[1] > DELAY_AIM_MS:
            print(f"Missed: added delay {ours[1] - without[1]:.3f} ms, aim {DELAY_AIM_MS}")

    def tell(self, messages, times, memory, probe):
        complaints = [line for line in self.postfix.log_text()[self.began:].splitlines()
                      if "ilter" in line]
        if complaints or not all(probe.delays.values()):
            sys.exit(f"bench: {len(probe.delays)} delays; Postfix says: {complaints[:3]}")
        rate = {port: messages / seconds for port, seconds in times.items()}
        ratio = rate[PORT_WITH] / rate[PORT_BARE]
        growth = memory[-1] - memory[len(memory) // 2]
        ours, bare = (percentiles(probe.delays[socket])
                      for socket in (self.socket, self.bare_socket))

        def row(name, port, *more):
            cells = [name, str(messages), f"{rate[port]:.0f}",
                     f"{rate[port] / rate[PORT_WITHOUT]:.3f}",
                     *(f"{each:.2f}" if isinstance(each, float) else each for each in more)]
            return cells + [""] * (8 - len(cells))

        table(["", "messages", "messages per s", "ratio", "delay ms, median", "99th percentile",
               "RSS MiB", "growth"],
              [row("without", PORT_WITHOUT), row("one that does nothing", PORT_BARE, *bare),
               row("with", PORT_WITH, *ours, f"{memory[-1]:.1f}", f"{growth:+.1f}")])
        for what, value, aim, good in (
                ("ratio to one that does nothing", ratio, RATIO_AIM, ratio >= RATIO_AIM),
                ("delay", ours[1], DELAY_AIM_MS, ours[1] <= DELAY_AIM_MS),
                ("growth", growth, GROWTH_AIM_MIB, growth <= GROWTH_AIM_MIB)):
            if not good:
                print(f"Missed: {what} {value:.3f}, aim {aim}")


class DelayProbe:
    """Asks milters as Postfix does, about one message after the other, while asking().

    SOCKETS: where they listen, asked in turns. `delays`: seconds of each.
    """

    def __init__(self, *sockets):
        self.asks = False
        self.over = False
        self.delays = {socket: [] for socket in sockets}
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()

    @contextlib.contextmanager
    def asking(self):
        self.asks = True
        yield
        self.asks = False

    def work(self):
        while not self.over:
            for socket, delays in self.delays.items():
                time.sleep(PROBE_INTERVAL)
                if self.asks:
                    delays.append(one_delay(socket))


def percentiles(delays):
    """The median and the 99th percentile of DELAYS, in seconds, in milliseconds."""
    delays = sorted(delays)
    return [delays[min(len(delays) - 1, len(delays) * share // 100)] * 1000 for share in (50, 99)]


def one_delay(socket):
    """Seconds for one message at the milter that listens at SOCKET."""
    began = time.monotonic()
    with MilterClient(socket) as client:
        client.negotiate()
        answer = client.message("4XyZabcdefgh", headers=[("Subject", "probe")])
        delay = time.monotonic() - began
    if answer != b"c":
        sys.exit(f"bench: the milter at {socket} says {answer}")
    return delay
