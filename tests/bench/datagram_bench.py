"""Datagrams: what receiving them costs, beside a program that receives and discards them."""

import dataclasses
import grp
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from statistics import median

from measured import MIB, table

WAIT_S = 600
# The sessions that are logged, too: their log is long, and shall not be far behind at the end.
JOINED_SHARE = 5
SETTLING_S = 5  # The daemon commits each second.


@dataclasses.dataclass
class Used:
    """CPU seconds of the receiver, wall seconds of the sender, MiB of memory as text."""

    cpu: float
    wall: float
    memory: str = ""


class Receiver:
    """A program that receives, from its start to its end."""

    def __init__(self, command, path):
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE)
        deadline = time.monotonic() + WAIT_S
        while not accepts(path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"bench: nobody receives on {path}: {' '.join(command)}")
            time.sleep(0.01)

    def resident_mib(self):
        """Memory of its own at present; pages of files are not."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        kib = next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))
        return int(kib) * 1024 / MIB

    def end(self):
        """CPU seconds until it has ended."""
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            sys.exit(f"bench: exit {self.process.returncode} from the receiver")
        return used.ru_utime + used.ru_stime


def accepts(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        return probe.connect_ex(str(path)) == 0


class DatagramBench:
    def __init__(self, bench):
        self.bench = bench
        self.tool = str(bench.tools / "tlsrpt_datagrams")
        self.path = bench.folder / "t.sock"

    def send(self, count, domains, log):
        """Seconds that the sender needed; LOG: what it logs, or None."""
        words = [self.tool, "send", self.path, count, domains] + ([log] if log else [])
        return float(subprocess.run([str(word) for word in words], check=True, capture_output=True,
                                    text=True).stdout)

    def discarder(self, count, domains, log=None):
        receiver = Receiver([self.tool, "discard", str(self.path), str(count)], self.path)
        wall = self.send(count, domains, log)
        cpu = receiver.end()
        self.path.unlink()
        return Used(cpu, wall)

    def milter(self, count, domains, log=None, parts=1):
        """COUNT datagrams in PARTS equal parts, the memory looked at after each."""
        if log:
            log.write_text("")
        config = self.bench.configure(log, log_source=f"file:{log}" if log else "none",
                                      milter_socket="none", postfix_config="none",
                                      tlsrpt_socket=self.path, relay_name="relay",
                                      tlsrpt_socket_group=grp.getgrgid(os.getegid()).gr_name)
        command = [self.bench.milter_program, "-c", config, "-f"]
        receiver = Receiver(command, self.path)
        wall, memory = 0, []
        for _ in range(parts):
            wall += self.send(count // parts, domains, log)
            memory.append(f"{receiver.resident_mib():.0f}")
        receiver.process.send_signal(signal.SIGTERM)
        cpu = receiver.end()
        if self.counted() < count // parts * parts:
            cpu += self.count_the_rest(command, count // parts * parts)
        counted = self.counted()
        if counted != count // parts * parts:
            sys.exit(f"bench: {counted} datagrams counted, {count} were sent")
        return Used(cpu, wall, " ".join(memory))

    def count_the_rest(self, command, wanted):
        """What the life before did not count is in its journal, unless there was no room."""
        receiver = Receiver(command, self.path)
        counted = -1
        while counted < self.counted() < wanted:
            counted = self.counted()
            time.sleep(SETTLING_S)
        receiver.process.send_signal(signal.SIGTERM)
        return receiver.end()

    def counted(self):
        with sqlite3.connect(f"file:{self.bench.folder}/tlsrpt.sqlite?mode=ro", uri=True) as store:
            facts = store.execute("SELECT coalesce(sum(sessions), 0) FROM fact").fetchone()[0]
        return facts

    def run(self, count, domains, repeats):
        """Medians of REPEATS runs with COUNT datagrams each, in turns: a slow moment hits all."""
        print(f"Datagrams: {count} for {domains} domains, one in five a failure; "
              f"median of {repeats}")
        log = self.bench.folder / "mail.log"
        runs = {"discarder": [], "tlsrpt-milter": [], "discarder, log written": [],
                "tlsrpt-milter, log joined": []}
        for _ in range(repeats):
            for name, used in runs.items():
                measure = self.discarder if name.startswith("discarder") else self.milter
                if "log" in name:
                    used.append(measure(count // JOINED_SHARE, domains, log))
                else:
                    used.append(measure(count, domains))
        rows = []
        baseline = None
        for name, used in runs.items():
            if name.startswith("discarder"):
                baseline = used
            number = count // JOINED_SHARE if "log" in name else count
            rows.append([name, f"{median(one.cpu for one in used) / number * 1e6:.2f}",
                         f"{number / median(one.wall for one in used):.0f}",
                         ratio(used, baseline, "cpu"), ratio(baseline, used, "wall")])
        table(["", "CPU µs each", "a second", "CPU/discarder", "rate/discarder"], rows)

    def run_long(self, count, domains, parts):
        used = self.milter(count, domains, parts=parts)
        print(f"Memory of tlsrpt-milter by time, {count} datagrams: {used.memory} MiB")


def ratio(used, others, what):
    """The median of the ratios of neighbours in time."""
    return f"{median(getattr(a, what) / getattr(b, what) for a, b in zip(used, others)):.2f}"
