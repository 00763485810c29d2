#!/usr/bin/env python3
"""Kills `tlsrpt-reporter --flush` with SIGKILL, again and again, and looks what arrived.

Real receivers (SMTP server, nginx, a folder, a sendmail program) keep all that they accept. In the
end every session that was counted has been reported to every rua of its domain: nothing lost.
What came twice came with the same octets, at most delivery_concurrency for each kill, and never in
a folder. Kills come at random instants and at each kind of call that writes (die_at_call.cpp); also
with two flushes at once, and beside a collector that is killed, too. --seed repeats a run as far as
instants can be repeated.
"""

import argparse
import concurrent.futures
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "integration")]

from certificates import Authority
from hard_life import HardLife
from report_audit import Audit, merge

WAIT_S = 180  # For a run that is not killed. It takes seconds.
LEASE_S = 30 * 60  # Longer than any lease.
SUPPLEMENT_S = 6 * 3600 + 60
CONCURRENCY = 8
CALLS = 12  # Kills at up to the 2 ** CALLS-th call that writes.


class World:
    """One store and its receivers. Each day of it is flushed under kills until all is delivered."""

    def __init__(self, number, options, folder):
        self.options = options
        self.name = list(WORLDS)[number % len(WORLDS)]
        self.transport, self.pairs, self.collector = WORLDS[self.name]
        self.seed = options.seed * 100 + number
        self.rng = random.Random(self.seed)
        self.folder = pathlib.Path(folder)
        authority = Authority(self.folder / "ca", "Kill", "Kill Root")
        self.site = HardLife(self.folder, options.programs, authority, options.domains,
                             self.transport, ["relay1", "relay2"][:2 if self.collector else 1])
        self.kills = {"flush": 0, "flush at a call": 0, "collector": 0}
        self.finished = 0
        self.days = 0
        self.unrecorded = 0  # Acceptances that no record tells of: what a kill makes happen again.
        self.kills_before = 0  # In the life before.
        self.start_s = 0.1  # How long a flush takes that finds nothing to do, as far as known,
        self.work_s = 1.0  # and what a whole day takes beyond that.

    def flush_kills(self):
        return self.kills["flush"] + self.kills["flush at a call"]

    def start(self, how):
        call = 0
        if how == "flush at a call":
            # The first ones open the store, the next hundreds close the day, others deliver.
            call = int(2 ** (self.rng.random() * CALLS))
        arguments = ["--now"] if self.rng.random() < 0.7 else []
        return self.site.start("tlsrpt-reporter", "--flush", *arguments,
                               preload=self.options.die_at_call if call else None, call=call)

    def instant(self):
        """How long a flush may live: often it has just begun to deliver."""
        if self.rng.random() < 0.1:
            return self.rng.random() * self.start_s
        return (0.5 + 0.5 * self.rng.random()) * self.start_s + \
            self.rng.expovariate(self.options.kills_a_day / self.work_s)

    def life(self):
        """One flush, or two at once, each ended by SIGKILL unless it was faster."""
        lives = []
        kills = self.flush_kills()
        for _ in range(2 if self.pairs else 1):
            how = "flush at a call" if self.rng.random() < 0.35 else "flush"
            lives.append((how, self.start(how), time.monotonic() + self.instant()))
        collector = self.start_collector()
        for how, process, until in sorted(lives, key=lambda life: life[2]):
            if how == "flush":
                self.wait(process, until)
            self.end(how, process)
        if collector:
            self.end("collector", collector)
        self.check_unrecorded(self.flush_kills() - kills)
        if self.rng.random() < 0.5:
            self.site.advance(LEASE_S)

    def check_unrecorded(self, kills):
        """No kill leaves more than delivery_concurrency deliveries of which nobody knows."""
        unrecorded = self.site.unrecorded()
        new = unrecorded - self.unrecorded
        # A receiver that is slow may tell of the life before only now.
        if new > (kills + self.kills_before) * CONCURRENCY:
            raise AssertionError(f"{new} were accepted and not recorded, with {kills} kills")
        self.unrecorded = unrecorded
        self.kills_before = kills

    def wait(self, process, until):
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)

    def start_collector(self):
        """A collector that commits late sessions meanwhile; killed or not."""
        if not self.collector:
            return None
        self.site.deliver_late(self.rng, self.rng.randint(1, 60))
        process = self.site.start("tlsrpt-milter", "--catch-up")
        if self.rng.random() < 0.5:
            self.wait(process, time.monotonic() + self.rng.random() * 2 * self.start_s)
        return process

    def end(self, how, process):
        said = process.communicate(timeout=WAIT_S)[1]
        if process.returncode == -signal.SIGKILL:
            self.kills[how] += 1
        elif process.returncode == 0:
            self.finished += 1
        else:
            raise AssertionError(f"{how} ended with {process.returncode}: {said}")

    def undisturbed(self, *arguments):
        begin = time.monotonic()
        self.site.run("tlsrpt-reporter", "--flush", *arguments)
        return time.monotonic() - begin

    def count_a_day(self):
        self.site.next_day()
        self.site.deliver(self.rng)
        self.site.run("tlsrpt-milter", "--catch-up")
        if self.site.is_done():
            raise AssertionError("a day was counted, and nothing is to be reported")
        self.days += 1

    def whole_day(self, kills):
        """A day is counted and flushed; up to KILLS kills on the way."""
        self.count_a_day()
        nothing_to_do = self.undisturbed("--dry-run", "--domain", "none.test")
        self.start_s = 0.3 * self.start_s + 0.7 * nothing_to_do
        limit = self.flush_kills() + kills
        while self.flush_kills() < limit and not self.site.is_done():
            self.life()
        self.site.run("tlsrpt-milter", "--catch-up")
        for _ in range(20):
            if self.site.is_done():
                break
            self.undisturbed("--now")
            self.site.advance(SUPPLEMENT_S)
        else:
            raise AssertionError(f"never done: {self.site.state()}")

    def measure(self):
        """A first day without kills. Two flushes at once share the work and repeat nothing."""
        self.count_a_day()
        begin = time.monotonic()
        both = [self.site.start("tlsrpt-reporter", "--flush", "--now") for _ in range(2)]
        for process in both:
            self.end("flush", process)
        self.work_s = max(0.2, time.monotonic() - begin - self.start_s)
        if not self.site.is_done():
            raise AssertionError(f"two flushes at once leave work: {self.site.state()}")

    def run(self, kills):
        """Kills so often; the faults in the end, a text each."""
        with self.site:
            self.measure()
            while self.flush_kills() < kills:
                self.whole_day(kills - self.flush_kills())
            given_up = self.site.state()["given up"]
        audit = Audit(self.site.accepted())
        audit.count(merge(log.counted for log in self.site.logs))
        audit.complete(self.site.destinations)
        faults = audit.faults
        if given_up:
            faults.append(f"{given_up} deliveries were given up")
        repeats = sum(audit.repeats.values())
        if repeats > self.flush_kills() * CONCURRENCY:
            faults.append(f"{repeats} repeats after {self.flush_kills()} kills")
        if self.transport == "directory" and audit.repeats["mailto"]:
            faults.append(f"{audit.repeats['mailto']} files repeated in a folder")
        text = (f"{self.name} (seed {self.seed}): {self.kills}, {self.finished} runs finished, "
                f"{self.days} days, {len(audit.documents)} reports, "
                f"{len(audit.copies)} deliveries, {repeats} repeated, {len(faults)} faults")
        return text, faults


# Name: mail transport, two flushes at once, beside a collector.
WORLDS = {"one flush": ("smtp", False, False),
          "two flushes": ("smtp", True, False),
          "beside a collector": ("smtp", False, True),
          "into a folder": ("directory", False, False),
          "by sendmail": ("sendmail", False, False),
          "two flushes into a folder": ("directory", True, True)}


def run_world(number, kills, options):
    with tempfile.TemporaryDirectory(prefix="tlsrpt-kill-") as folder:
        world = World(number, options, folder)
        text = f"{world.name} (seed {world.seed}): {world.kills}"
        try:
            text, faults = world.run(kills)
        except (AssertionError, subprocess.TimeoutExpired) as fault:
            faults = [str(fault)]
        if faults and options.keep:
            shutil.copytree(folder, f"{options.keep}-{number}", dirs_exist_ok=True)
    return text, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="folder of the programs")
    parser.add_argument("--die-at-call", required=True)
    parser.add_argument("--domains", type=int, default=90)
    parser.add_argument("--kills", type=int, default=120)
    parser.add_argument("--kills-a-day", type=int, default=12, help="about so many")
    parser.add_argument("--worlds", type=int, default=len(WORLDS))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--keep", help="keep the folder of a world that failed as KEEP-NUMBER")
    options = parser.parse_args()
    print(f"--seed {options.seed}", flush=True)
    each = -(-options.kills // options.worlds)
    failed = False
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for text, faults in pool.map(lambda n: run_world(n, each, options),
                                     range(options.worlds)):
            print(text, flush=True)
            for fault in faults[:20]:
                failed = True
                print(f"FAILED: {fault}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
