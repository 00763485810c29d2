"""Datagrams: what receiving them costs, beside a program that receives and discards them."""

import grp
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import sys
import time

from measured import MIB, table

WAIT_S = 600
SETTLING_S = 5  # The daemon commits each second.


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

    def send(self, count, domains):
        """Seconds that the sender needed."""
        return float(subprocess.run([self.tool, "send", str(self.path), str(count), str(domains)],
                                    check=True, capture_output=True, text=True).stdout)

    def discarder(self, count, domains):
        receiver = Receiver([self.tool, "discard", str(self.path), str(count)], self.path)
        wall = self.send(count, domains)
        cpu = receiver.end()
        self.path.unlink()
        return ["discarder", cpu, wall, ""]

    def milter(self, count, domains, parts):
        """COUNT datagrams in PARTS equal parts, the memory looked at after each."""
        config = self.bench.configure("", log_source="none", milter_socket="none",
                                      postfix_config="none", tlsrpt_socket=self.path,
                                      tlsrpt_socket_group=grp.getgrgid(os.getegid()).gr_name,
                                      relay_name="relay")
        command = [self.bench.milter_program, "-c", config, "-f"]
        receiver = Receiver(command, self.path)
        wall, memory = 0, []
        for _ in range(parts):
            wall += self.send(count // parts, domains)
            memory.append(f"{receiver.resident_mib():.0f}")
        receiver.process.send_signal(signal.SIGTERM)
        cpu = receiver.end()
        if self.counted() < count // parts * parts:
            cpu += self.count_the_rest(command, count // parts * parts)
        counted = self.counted()
        if counted != count // parts * parts:
            sys.exit(f"bench: {counted} datagrams counted, {count} were sent")
        return ["tlsrpt-milter", cpu, wall, " ".join(memory)]

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

    def run(self, count, domains, parts):
        print(f"Datagrams: {count} for {domains} domains, one in five a failure")
        runs = [self.discarder(count, domains), self.milter(count, domains, parts)]
        rows = [[name, f"{cpu:.2f}", f"{cpu / count * 1e6:.2f}", f"{count / wall:.0f}",
                 f"{runs[0][2] / wall:.2f}", memory] for name, cpu, wall, memory in runs]
        table(["", "CPU s", "CPU µs each", "a second", "rate/discarder", "MiB by time"], rows)
