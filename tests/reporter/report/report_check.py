#!/usr/bin/python3
"""Checks report files and messages with readers that share no code with ours.

    report_check.py FOLDER...

Every folder below is searched for *.json.gz and *.eml. Python's own email, gzip and json read
them; the rules are those of RFC 8460, and the readers in strict_readers.py play the receivers.
Faults go to standard error; exit status 1 then. At the end the checks themselves are
tried on damaged copies, each of which must be refused.
"""

import base64
import copy
import datetime
import email
import email.policy
import gzip
import ipaddress
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import strict_readers
from strict_readers import POLICY_TYPES, RESULT_TYPES

DETAIL_KEYS = {
    "result-type", "sending-mta-ip", "receiving-mx-hostname", "receiving-mx-helo", "receiving-ip",
    "failed-session-count", "additional-information", "failure-reason-code",
}
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
DOMAIN = rf"{LABEL}(?:\.{LABEL})*"
ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
FILE_NAME = re.compile(rf"({DOMAIN})!({DOMAIN})!(\d+)!(\d+)(?:!([A-Za-z0-9]+))?\.json\.gz")
SUBJECT = re.compile(
    rf"Report Domain: ({DOMAIN}) Submitter: ({DOMAIN}) "
    rf"Report-ID: <({ATEXT}(?:\.{ATEXT})*@{DOMAIN})>")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Fault(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Fault(what)


def strict_object(pairs):
    names = [name for name, _ in pairs]
    need(len(names) == len(set(names)), f"duplicate key among {names}")
    return dict(pairs)


def load_json(data):
    def refuse(text):
        raise Fault(f"number {text}")
    text = data.decode("utf-8", "strict")
    need(not text.startswith("\ufeff"), "byte order mark")
    return json.loads(text, object_pairs_hook=strict_object, parse_float=refuse,
                      parse_constant=refuse)


def check_values(value, place="$"):
    """What Google never writes: null, empty strings, empty lists, controls."""
    need(value is not None, f"{place} is null")
    if isinstance(value, dict):
        need(value, f"{place} is empty")
        for name, member in value.items():
            check_values(member, f"{place}.{name}")
    elif isinstance(value, list):
        need(value, f"{place} is empty")
        for index, member in enumerate(value):
            check_values(member, f"{place}[{index}]")
    elif isinstance(value, str):
        need(value, f"{place} is empty")
        need(not re.search(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]", value), f"{place} has controls")
    else:
        need(type(value) is int and 0 <= value < 2**53, f"{place} is no count")


def instant(text):
    need(INSTANT.fullmatch(text), f"{text} is no instant")
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")


def check_detail(detail, total):
    need(set(detail) <= DETAIL_KEYS, f"keys {sorted(detail)}")
    need(detail["result-type"] in RESULT_TYPES, f"result-type {detail['result-type']}")
    need(0 < detail["failed-session-count"] <= total, "failed-session-count")
    for key in ("sending-mta-ip", "receiving-ip"):
        if key in detail:
            need(str(ipaddress.ip_address(detail[key])) == detail[key], f"{key} {detail[key]}")
    if "sending-mta-ip" in detail:
        address = ipaddress.ip_address(detail["sending-mta-ip"])
        need(not (address.is_loopback or address in ipaddress.ip_network("10.0.0.0/8")),
             "sending-mta-ip is ours")
    if "receiving-mx-hostname" in detail:
        need(not detail["receiving-mx-hostname"].endswith("."), "dot after the host name")
    need(len(detail.get("failure-reason-code", "").encode()) <= 200, "long reason")


def check_policy(entry):
    need(set(entry) <= {"policy", "summary", "failure-details"}, f"keys {sorted(entry)}")
    policy = entry["policy"]
    kind = policy["policy-type"]
    need(kind in POLICY_TYPES, f"policy-type {kind}")
    need(re.fullmatch(DOMAIN, policy["policy-domain"]), "policy-domain")
    allowed = {"policy-type", "policy-domain"}
    if kind != "no-policy-found":
        allowed.add("policy-string")
    if kind == "sts":
        allowed.add("mx-host")
    need(set(policy) <= allowed, f"keys of {kind}: {sorted(policy)}")
    for key in ("policy-string", "mx-host"):
        if key in policy:
            need(all(type(line) is str for line in policy[key]), f"{key} is no list of strings")
    if kind == "tlsa":
        for record in policy.get("policy-string", []):
            need(re.fullmatch(r"[0-3] [01] [0-2] [0-9A-F]+", record), f"TLSA {record}")
    summary = entry["summary"]
    need(set(summary) == {"total-successful-session-count", "total-failure-session-count"},
         "keys of summary")
    failed = summary["total-failure-session-count"]
    details = entry.get("failure-details", [])
    need((failed > 0) == bool(details), "failures and details")
    for detail in details:
        check_detail(detail, failed)
    # Each session of ours has one outcome.
    need(sum(d["failed-session-count"] for d in details) == failed, "sum of details")


def check_document(report):
    need(tuple(report) == strict_readers.TOP, f"keys {list(report)}")
    check_values(report)
    begin = instant(report["date-range"]["start-datetime"])
    end = instant(report["date-range"]["end-datetime"])
    need(begin.time() == datetime.time(0) and end - begin == datetime.timedelta(seconds=86399),
         "date-range")
    need(re.fullmatch(rf"[^@\s]+@{DOMAIN}", report["contact-info"]), "contact-info")
    for entry in report["policies"]:
        check_policy(entry)
    return int(begin.timestamp()), int(end.timestamp())


def check_gzip(data):
    need(data[:4] == b"\x1f\x8b\x08\x00", "gzip header")
    need(data[4:8] == b"\0\0\0\0", "gzip time")
    text = gzip.decompress(data)
    report = load_json(text)
    for name, read in strict_readers.READERS.items():
        try:
            read(text)
        except strict_readers.Refused as refusal:
            raise Fault(f"{name}: {refusal}") from refusal
    need(json.dumps(report, separators=(",", ":"), ensure_ascii=False).encode() == text,
         "not compact, or odd escapes")
    return report, check_document(report)


def check_file_name(name, report, span):
    match = FILE_NAME.fullmatch(name)
    need(match, f"file name {name}")
    sender, domain, begin, end, unique = match.groups()
    need(sender == report["contact-info"].split("@")[1], "sender of the file name")
    need((int(begin), int(end)) == span, "times of the file name")
    need(unique and len(unique) >= 3, "unique-id of the file name")
    return domain


def check_wire(data):
    need(data.isascii(), "not ASCII")
    need(re.sub(rb"\r\n", b"", data).find(b"\r") < 0, "lone CR")
    need(re.sub(rb"\r\n", b"", data).find(b"\n") < 0, "lone LF")
    need(max(map(len, data.split(b"\r\n"))) <= 998, "long line")


def only(message, name):
    values = message.get_all(name)
    need(values is not None and len(values) == 1, f"{name} stands {len(values or [])} times")
    return str(values[0])


def check_headers(message, report, domain):
    submitter = report["contact-info"].split("@")[1]
    subject = SUBJECT.fullmatch(only(message, "Subject"))
    need(subject, "Subject")
    need(subject.groups() == (domain, submitter, report["report-id"]), "Subject and JSON differ")
    need(only(message, "TLS-Report-Domain") == domain, "TLS-Report-Domain")
    need(only(message, "TLS-Report-Submitter") == submitter, "TLS-Report-Submitter")
    need(only(message, "TLS-Required") == "No", "TLS-Required")
    need(only(message, "Auto-Submitted") == "auto-generated", "Auto-Submitted")
    need(only(message, "MIME-Version") == "1.0", "MIME-Version")
    need(len(message["To"].addresses) == 1 and len(message["From"].addresses) == 1, "addresses")
    need(message["From"].addresses[0].domain == submitter, "From")
    need(message["Date"].datetime.utcoffset() == datetime.timedelta(0), "Date")
    left = report["report-id"].split("@")[0]
    need(re.fullmatch(rf"<tlsrpt\.{re.escape(left)}\.\d+\.[0-9a-f]{{32}}@{re.escape(submitter)}>",
                      only(message, "Message-ID")), "Message-ID")


def check_message(data):
    check_wire(data)
    message = email.message_from_bytes(data, policy=email.policy.default)
    for part in message.walk():
        need(not part.defects, f"defects {part.defects}")
    need(message.get_content_type() == "multipart/report", "media type")
    need(message["Content-Type"].params.get("report-type") == "tlsrpt", "report-type")
    parts = list(message.iter_parts())
    need([p.get_content_type() for p in parts] == ["text/plain", "application/tlsrpt+gzip"],
         "parts")
    need(len(list(message.iter_attachments())) == 1, "attachments")
    attachment = parts[1]
    need(attachment.get_content_disposition() == "attachment", "disposition")
    need(attachment["Content-Type"].params["name"] == attachment.get_filename(), "names")
    lines = attachment.get_payload().splitlines()
    need(all(len(line) == 76 for line in lines[:-1]) and len(lines[-1]) <= 76, "base64 lines")
    content = base64.b64decode("".join(lines), validate=True)
    need(content == attachment.get_content(), "base64")
    report, span = check_gzip(content)
    domain = check_file_name(attachment.get_filename(), report, span)
    check_headers(message, report, domain)
    text = parts[0].get_content()
    for word in (domain, report["date-range"]["start-datetime"], report["report-id"],
                 f"_smtp._tls.{domain}"):
        need(word in text, f"{word} is not in the text")
    for entry in report["policies"]:
        counts = entry["summary"]
        need(f"{counts['total-successful-session-count']} successful, "
             f"{counts['total-failure-session-count']} failed" in text, "counts in the text")
    return report, content


def check_folder(folder):
    """Returns the reports; the file and the message of a folder must hold the same bytes."""
    contents = set()
    reports = []
    for path in sorted(folder.iterdir()):
        if path.name.endswith(".json.gz"):
            data = path.read_bytes()
            report, span = check_gzip(data)
            if len(path.name) != len("0" * 32 + ".json.gz"):
                check_file_name(path.name, report, span)
            contents.add(data)
        elif path.name.endswith(".eml"):
            report, content = check_message(path.read_bytes())
            contents.add(content)
        else:
            raise Fault(f"what is {path.name}?")
        reports.append(report)
    need(len(reports) == 2 and len(contents) == 1, "file and message differ")
    return reports


def damaged(report):
    """Copies of REPORT with one fault each."""
    def change(path, value):
        copied = copy.deepcopy(report)
        target = copied
        for step in path[:-1]:
            target = target[step]
        if value is KeyError:
            del target[path[-1]]
        else:
            target[path[-1]] = value
        return path, copied
    first = ("policies", 0)
    yield change(("contact-info",), None)
    yield change(("contact-info",), KeyError)
    yield change(("organization-name",), "")
    yield change(("policies",), [])
    yield change(("date-range", "end-datetime"), "2026-11-23T00:00:00Z")
    yield change(first + ("policy", "policy-type"), "dane")
    yield change(first + ("policy", "policy-domain"), KeyError)
    yield change(first + ("policy", "mx-host"), "mx.a.example")
    failed = report["policies"][0]["summary"]["total-failure-session-count"]
    yield change(first + ("summary", "total-failure-session-count"), failed + 1)
    yield change(first + ("summary", "total-successful-session-count"), -1)
    yield change(first + ("failure-details",), [])
    yield change(first + ("failure-details",), [{"result-type": "x", "failed-session-count": 1}])


def main(folders):
    faults = 0
    healthy = None
    for folder in folders:
        try:
            healthy = check_folder(folder)[0]
        except (Fault, KeyError, ValueError) as fault:
            faults += 1
            print(f"{folder}: {fault!r}", file=sys.stderr)
    if healthy is None:
        sys.exit("no healthy report to try the checks on")
    for path, copied in damaged(healthy):
        try:
            check_document(copied)
        except (Fault, KeyError, ValueError, TypeError):
            continue
        faults += 1
        print(f"damage at {path} was not noticed", file=sys.stderr)
    for damage in strict_readers.untold_damages():
        faults += 1
        print(f"not refused by {damage}", file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    roots = [pathlib.Path(argument) for argument in sys.argv[1:]]
    main([folder for root in roots for folder in sorted(root.iterdir()) if folder.is_dir()])
