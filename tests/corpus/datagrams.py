#!/usr/bin/env python3
"""Replays recorded TLSRPT datagrams of Postfix 3.10 and 3.11, alone and with the log of their run.

Both sources, in whichever order they are handed over, must come to what the servers saw; with some
of the datagrams lost, too. Datagrams alone must invent nothing; what they cannot show is named.
"""
import argparse
import collections
import gzip
import json
import os
import subprocess
import sys
import tempfile

import replay

# What datagrams alone do not show, run by run: how many sessions, by outcome. Inherent:
#  - plaintext, because STARTTLS was not offered where TLS is optional, or (3.10) was refused;
#  - resumed TLS sessions in 3.10 (smtp_tlsrpt_skip_reused_handshakes = yes);
#  - a handshake of tlsproxy that times out; mail with `TLS-Required: no`;
#  - domains whose TLSRPT record is absent, malformed, or not alone;
#  - all of a domain that is reached by `transport_maps [mx]:port` (it is the MX host's then).
MISSING = {
    "3.10-cache-l1": {"certificate-not-trusted": 5, "starttls-not-supported": 10, "success": 222},
    "3.10-fallback-l1": {"starttls-not-supported": 2, "success": 18},
    "3.10-journal": {"certificate-not-trusted": 2, "starttls-not-supported": 9, "success": 95},
    "3.10-may-l1": {"starttls-not-supported": 7, "success": 37},
    "3.10-mixed-l1": {"certificate-not-trusted": 2, "starttls-not-supported": 14, "success": 131},
    "3.10-mixed-l1-long": {
        "certificate-not-trusted": 2, "starttls-not-supported": 12, "success": 99,
        },
    "3.10-reuse-l0": {
        "certificate-expired": 4, "certificate-not-trusted": 12, "starttls-not-supported": 11,
        "success": 99},
    "3.10-reuse-l1": {
        "certificate-expired": 5, "certificate-host-mismatch": 4, "certificate-not-trusted": 16,
        "starttls-not-supported": 13, "success": 139, "validation-failure": 4},
    "3.10-rsyslogiso13": {
        "certificate-not-trusted": 2, "starttls-not-supported": 9, "success": 107,
        },
    "3.10-service": {"certificate-not-trusted": 2, "starttls-not-supported": 9, "success": 96},
    "3.10-skipreused": {"certificate-not-trusted": 2, "success": 24},
    "3.11-cache-l1": {"starttls-not-supported": 3, "success": 2},
    "3.11-inbound": {"starttls-not-supported": 7, "success": 1},
    "3.11-instance": {"starttls-not-supported": 4, "success": 1},
    "3.11-journal": {"starttls-not-supported": 5, "success": 1},
    "3.11-may-l1": {"starttls-not-supported": 4},
    "3.11-mixed-l0": {"starttls-not-supported": 7, "success": 5},
    "3.11-mixed-l1": {"starttls-not-supported": 7, "success": 8},
    "3.11-reuse-l1": {"starttls-not-supported": 7, "success": 13, "validation-failure": 1},
    "3.11-mixed-l2": {"starttls-not-supported": 5, "success": 1},
    "3.11-pidreuse": {"starttls-not-supported": 6, "success": 2},
    "3.11-rsyslogz": {"starttls-not-supported": 4, "success": 1},
    "3.11-service": {"starttls-not-supported": 7, "success": 1},
    "3.11-skipreused": {"certificate-not-trusted": 2, "success": 26},
}
# Resumed sessions of an expired certificate: Postfix 3.11 reports certificate-not-trusted, and that
# is passed on. (The log alone remembers why the first one was refused.)
RESUMED = {"3.11-reuse-l1": {"elm.test", "rosemary2.test", "umber.example"}}


def run_replay(args, folder, truth, log, datagrams, order, drop):
    store = os.path.join(folder, "store.sqlite")
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(store + suffix):
            os.unlink(store + suffix)
    subprocess.run([args.replay, f"sqlite:{store}", log, datagrams, str(truth["last"] + 3600),
                    truth["syslog_name"], order, str(drop)], check=True)
    return store


def unpack(path, target):
    with gzip.open(path) as source, open(target, "wb") as out:
        out.write(source.read())
    return target


def unpack_datagrams(path, target):
    """One a line: unix seconds, pid, octets in hexadecimal."""
    with gzip.open(path) as source, open(target, "w", encoding="ascii") as out:
        for line in source:
            datagram = json.loads(line)
            octets = datagram["raw"].encode("utf-8").hex()
            out.write(f"{int(datagram['t'])} {datagram['pid']} {octets}\n")
    return target


def by_address(session):
    return session["domain"], session["mx_ip"]


def alone(args, folder, truth, datagrams):
    """What datagrams alone lack, by outcome, and what they have too much."""
    store = run_replay(args, folder, truth, "none", datagrams, "time", 0)
    counts = collections.defaultdict(collections.Counter)
    for (domain, _), outcomes in replay.counted_rows(store).items():
        counts[(domain, "")].update(outcomes)
    missing = collections.Counter()
    surplus = []
    for fault in replay.compare(truth, counts, lambda session: (session["domain"], ""), set()):
        missing.update(fault[2])
        if fault[4]:
            surplus.append((fault[0][0], fault[4]))
    return dict(missing), surplus


def replay_run(args, name):
    with open(os.path.join(args.data, name + ".json"), encoding="utf-8") as source:
        truth = json.load(source)
    for session in truth["sessions"]:
        if session["domain"] in RESUMED.get(name, ()):
            session.setdefault("accept", []).append("certificate-not-trusted")
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        log = unpack(os.path.join(args.data, name + ".log.gz"), os.path.join(folder, "mail.log"))
        datagrams = unpack_datagrams(os.path.join(args.data, name + ".datagrams.jsonl.gz"),
                                     os.path.join(folder, "datagrams"))
        for order, drop in (("log", 0), ("datagrams", 0), ("time", 0), ("restart", 0),
                            ("time", 30), ("datagrams", 60), ("log", 100)):
            store = run_replay(args, folder, truth, log, datagrams, order, drop)
            for fault in replay.compare(truth, replay.counted_rows(store), by_address,
                                        replay.KNOWN.get(name, set())):
                faults.append((f"both, {order}, {drop} % lost:",) + fault)
        missing, surplus = alone(args, folder, truth, datagrams)
        if missing != MISSING.get(name, {}):
            faults.append(("datagrams alone lack", missing, "and not", MISSING.get(name, {})))
        if surplus:
            faults.append(("datagrams alone have too much:", surplus))
    for fault in faults:
        print(name, *fault)
    return bool(faults)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replay", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("runs", nargs="*", help="all, where none is named")
    args = parser.parse_args()
    ending = ".datagrams.jsonl.gz"
    names = args.runs or sorted(entry[:-len(ending)] for entry in os.listdir(args.data)
                                if entry.endswith(ending))
    failed = sum(replay_run(args, name) for name in names)
    print(f"{len(names)} runs, {failed} with differences")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
