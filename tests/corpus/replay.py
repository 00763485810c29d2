#!/usr/bin/env python3
"""Replays recorded Postfix logs and compares every (domain, MX address, outcome) count.

Two views are compared with the truth: the rows in the store, which have the MX address, and the
published counts of `--summary --format json`. Sessions are matched one by one, the exact outcome
first.
"""
import argparse
import collections
import datetime
import gzip
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

# Counts that the log itself gets wrong: run -> {(domain, MX address)}, each with its reason.
KNOWN = {
    # smtp_tls_security_level = verify, a DANE-TA certificate of another name that no public CA has
    # signed: Postfix 3.7 checks the name first and logs num=62, the truth is the untrusted issuer.
    "3.7-verify-l1": {("oak.example", "198.51.100.40")},
}

OUTCOMES = {0: "success", 1: "starttls-not-supported", 2: "certificate-host-mismatch",
            3: "certificate-not-trusted", 4: "certificate-expired", 5: "validation-failure",
            6: "sts-policy-fetch-error", 7: "sts-policy-invalid", 8: "sts-webpki-invalid",
            9: "tlsa-invalid", 10: "dnssec-invalid", 11: "dane-required"}


def run_programs(args, name, truth, folder):
    """Catches up with the log; returns the store's path and the parsed summaries."""
    log = os.path.join(folder, "mail.log")
    with gzip.open(os.path.join(args.data, name + ".log.gz")) as source, open(log, "wb") as target:
        target.write(source.read())
    config = os.path.join(folder, "tlsrpt.conf")
    store = os.path.join(folder, "store.sqlite")
    with open(config, "w", encoding="utf-8") as out:
        out.write("organization_name = Replay\ncontact_info = tls-reports@relay.example\n"
                  "log_timezone = UTC\npostfix_config = none\nrun_as = root\n"
                  f"store = sqlite:{store}\nlog_source = file:{log}\n"
                  f"syslog_name = {truth['syslog_name']}\n")
    environment = dict(os.environ, TLSRPT_CLOCK=f"@{truth['last'] + 3600}")
    subprocess.run([args.milter, "-c", config, "--catch-up"], check=True, env=environment,
                   stderr=subprocess.DEVNULL)
    summaries = []
    day = datetime.datetime.fromtimestamp(truth["first"], datetime.timezone.utc).date()
    last = datetime.datetime.fromtimestamp(truth["last"], datetime.timezone.utc).date()
    while day <= last:
        out = subprocess.run([args.reporter, "-c", config, "--summary", "--format", "json", "--day",
                              str(day)], check=True, env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL).stdout
        summaries.append(json.loads(out))
        day += datetime.timedelta(days=1)
    return store, summaries


def counted_rows(store):
    """(domain, MX address) -> outcome -> sessions, as stored."""
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as database:
        rows = database.execute(
            "SELECT domain.value, mx_ip.value, outcome, minute >= 0 AND NOT EXISTS"
            " (SELECT 1 FROM tls_logged WHERE tls_logged.relay = fact.relay"
            " AND tls_logged.service = fact.service AND tls_logged.day = fact.day),"
            " sum(sessions) FROM fact"
            " JOIN text AS domain ON domain.id = fact.domain"
            " JOIN text AS mx_ip ON mx_ip.id = fact.mx_ip GROUP BY 1, 2, 3, 4").fetchall()
    counts = collections.defaultdict(collections.Counter)
    for domain, address, outcome, is_unproven, sessions in rows:
        # Plaintext counts where its service logged TLS on that day; the runs are short.
        if outcome == 20 and not is_unproven:
            outcome = 1
        if outcome in OUTCOMES and sessions:
            counts[(domain, address or "")][OUTCOMES[outcome]] += sessions
    return counts


def published(summaries):
    """(domain, "") -> outcome -> sessions, as --summary says."""
    counts = collections.defaultdict(collections.Counter)
    for summary in summaries:
        for domain in summary["domains"]:
            for policy in domain["policies"]:
                row = counts[(domain["domain"], "")]
                row["success"] += policy["summary"]["total-successful-session-count"]
                for detail in policy.get("failure-details", []):
                    row[detail["result-type"]] += detail["failed-session-count"]
    return counts


def compare(truth, counts, key_of, allowed):
    """The keys at which counts and truth differ, each with both sides."""
    wanted = collections.defaultdict(list)
    for session in truth["sessions"]:
        wanted[key_of(session)].append(session)
    faults = []
    for key in sorted(set(wanted) | set(counts)):
        left = +counts.get(key, collections.Counter())
        missing = []
        for optional in (False, True):
            for session in wanted[key]:
                if session.get("optional", False) != optional:
                    continue
                for _ in range(session["count"]):
                    outcomes = [session["outcome"]] + session.get("accept", [])
                    hit = next((each for each in outcomes if left[each] > 0), None)
                    if hit:
                        left[hit] -= 1
                    elif not optional:
                        missing.append(session["outcome"])
        for outcome in truth["without_connection"].get(key[0], []):
            if key[1] == "":
                left[outcome] = 0
        if missing or +left:
            faults.append((key, "missing", missing, "surplus", dict(+left)))
    return [fault for fault in faults if fault[0] not in allowed]


def replay(args, name):
    with open(os.path.join(args.data, name + ".json"), encoding="utf-8") as source:
        truth = json.load(source)
    with tempfile.TemporaryDirectory() as folder:
        store, summaries = run_programs(args, name, truth, folder)
        known = KNOWN.get(name, set())
        by_address = compare(truth, counted_rows(store),
                             lambda session: (session["domain"], session["mx_ip"]), known)
        by_domain = compare(truth, published(summaries),
                            lambda session: (session["domain"], ""),
                            {(domain, "") for domain, _ in known})
    for fault in by_address:
        print(name, "stored:", *fault)
    for fault in by_domain:
        print(name, "published:", *fault)
    return sum(session["count"] for session in truth["sessions"]), bool(by_address or by_domain)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--milter", required=True)
    parser.add_argument("--reporter", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("runs", nargs="*")
    args = parser.parse_args()
    names = args.runs or sorted(entry[:-len(".json")] for entry in os.listdir(args.data)
                                if entry.endswith(".json"))
    failed = sessions = 0
    for name in names:
        count, is_faulty = replay(args, name)
        sessions += count
        failed += is_faulty
    print(f"{len(names)} runs, {sessions} sessions, {failed} runs with differences")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
