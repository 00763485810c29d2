#!/usr/bin/env python3
"""Kills the daemon while it receives TLSRPT datagrams, and compares what was sent with the counts.

The socket is handed over, as systemd does, so that what the kernel holds outlives the daemon: not
one datagram may be missing or counted twice, whether it was SIGKILL or SIGTERM and a new start.
With a socket of its own (--own), what the kernel holds dies with the daemon; how much that was is
said, and the rest must be there.
"""

import argparse
import grp
import os
import pathlib
import pwd
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import committed
from stored_counts import sessions

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support")]

import socket_activation

WAIT_S = 120
MISSING = "missing in the journal"  # The numbers have a gap.


def datagram(number):
    domain = f"domain{number % 50}.kill.example"
    policy = f'"policy-type":9,"policy-domain": "{domain}"'
    if number % 5:
        result = '"t":0,"f":0'
    else:
        result = (f'"failure-details":[{{"c":203,"s": "192.0.2.25","n": "mx.{domain}",'
                  f'"h": "250-mx.{domain}\\r\\n250 SIZE","r": "198.51.100.{number % 200 + 1}"}}],'
                  '"t":1,"f":1')
    return (f'{{"dpv": "1","d": "{domain}","pr": "v=TLSRPTv1; rua=mailto:a@{domain}",'
            f'"policies":[{{{policy},{result}}}]}}').encode()


class Sender(threading.Thread):
    """Sends until it is told to stop; counts what the kernel took."""

    def __init__(self, path, seed):
        super().__init__(daemon=True)
        self.path = str(path)
        self.rng = random.Random(seed)
        self.sent = 0
        self.stops = threading.Event()

    def run(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            while not self.stops.is_set():
                for _ in range(self.rng.randint(1, 200)):
                    try:
                        out.sendto(datagram(self.sent), self.path)
                    except (BlockingIOError, ConnectionRefusedError, FileNotFoundError):
                        break  # As smtp(8): it does not wait, and nothing was accepted.
                    self.sent += 1
                self.stops.wait(self.rng.random() * 0.004)


class World:
    def __init__(self, options, folder):
        self.options = options
        self.rng = random.Random(options.seed)
        self.folder = pathlib.Path(folder)
        self.path = self.folder / "t.sock"
        self.store = self.folder / "tlsrpt.sqlite"
        self.config = self.folder / "tlsrpt.conf"
        self.config.write_text(
            "organization_name = Kill\ncontact_info = tls-reports@relay.example\n"
            f"store = sqlite:{self.store}\nlog_source = none\nrelay_name = relay\n"
            f"run_as = {pwd.getpwuid(os.geteuid()).pw_name}\npostfix_config = none\n"
            f"milter_socket = none\ntlsrpt_socket = {self.path}\n"
            f"tlsrpt_socket_group = {grp.getgrgid(os.getegid()).gr_name}\n",
            encoding="utf-8")
        self.ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)  # As sd_notify(3) tells.
        self.ready.bind(str(self.folder / "ready.sock"))
        self.ready.settimeout(WAIT_S)
        self.socket = None
        if not options.own:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind(str(self.path))

    def start(self):
        command = [self.options.milter, "-c", str(self.config), "-f"]
        environment = dict(os.environ, NOTIFY_SOCKET=str(self.folder / "ready.sock"))
        if not self.socket:
            return subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
        return subprocess.Popen(socket_activation.command(command), stderr=subprocess.PIPE,
                                env=environment, close_fds=False,
                                preexec_fn=lambda: socket_activation.hand_over(self.socket))

    def wait_until_ready(self):
        while b"READY=1" not in self.ready.recv(4096):
            pass

    def forget_notices(self):
        """What the last life told; a full queue of it would stop the next one."""
        self.ready.setblocking(False)
        try:
            while True:
                self.ready.recv(4096)
        except BlockingIOError:
            self.ready.settimeout(WAIT_S)

    def life(self, how):
        """One life of the daemon, ended by the signal HOW."""
        process = self.start()
        if self.rng.random() < 0.8:
            self.wait_until_ready()
        time.sleep(self.rng.random() * 1.5)  # It commits once a second.
        process.send_signal(how)
        said = process.communicate(timeout=WAIT_S)[1].decode(errors="replace")
        self.forget_notices()
        # Killed by SIGTERM: before it was ready.
        if process.returncode not in (0, -signal.SIGKILL, -signal.SIGTERM) or MISSING in said:
            raise AssertionError(f"ended with {process.returncode}: {said}")

    def run(self, lives):
        """How many datagrams the kernel took, and how many of them were not counted."""
        # A life without datagrams, to know the number with which they begin.
        self.last_life()
        begin = committed.datagram_number(self.store)
        sender = Sender(self.path, self.options.seed)
        sender.start()
        for _ in range(lives):
            self.life(self.rng.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
        sender.stops.set()
        sender.join()
        # What came as a life ended is in its journal, and committed by the next.
        self.last_life()
        self.last_life()
        counted = sessions(self.store)
        if counted != committed.datagram_number(self.store) - begin:
            raise AssertionError("counts and numbers of datagrams differ")
        return sender.sent, sender.sent - counted

    def last_life(self):
        """One that takes in all there is, and commits it."""
        self.forget_notices()
        process = self.start()
        self.wait_until_ready()
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=WAIT_S)[1].decode(errors="replace")
        if process.returncode != 0 or MISSING in said:
            raise AssertionError(f"ended with {process.returncode}: {said}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--milter", required=True)
    parser.add_argument("--lives", type=int, default=12)
    parser.add_argument("--own", action="store_true", help="a socket of the daemon's own")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    options = parser.parse_args()
    print(f"--seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tlsrpt-kill-") as folder:
        sent, lost = World(options, folder).run(options.lives)
    print(f"{options.lives} lives, {sent} datagrams sent, {lost} not counted", flush=True)
    # With a socket of its own, a kill takes along what the kernel's queue held.
    with open("/proc/sys/net/unix/max_dgram_qlen", encoding="ascii") as file:
        allowed = (int(file.read()) + 1) * options.lives if options.own else 0
    sys.exit(0 if 0 <= lost <= allowed and sent > 0 else 1)


if __name__ == "__main__":
    main()
