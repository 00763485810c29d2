"""A report that has arrived, read with Python's own libraries, as the keys that stories name.

Keys of a mail and of a post: ok= and failed= sessions; details= entries of failure-details, and one
key for each result type with the sum of its counts; policies= their number; types= policy types;
domains= policy domains; ips= sending-mta-ip addresses (lists are sorted, joined by `+`); name= the
file name; reply= what the receiver answered. Of a mail also from= (envelope), verp= (the same
without what names the delivery, empty where nothing does), to= (header).
"""

import collections
import email
import email.policy
import email.utils
import gzip
import json
import re


VERP = re.compile(r"(.+)([-+=_#][0-9a-f]{25,34})(@[^@]+)")


class Malformed(Exception):
    """What arrived is no report."""


def read_document(packed):
    """The JSON document in the gzip file."""
    try:
        return json.loads(gzip.decompress(packed).decode("utf-8"))
    except (OSError, ValueError, EOFError) as error:
        raise Malformed(f"no gzipped JSON: {error}") from error


def listed(texts):
    return "+".join(sorted(set(texts)))


def document_keys(document):
    keys = collections.Counter()
    details = []
    for entry in document["policies"]:
        summary = entry["summary"]
        keys["ok"] += summary["total-successful-session-count"]
        keys["failed"] += summary["total-failure-session-count"]
        details += entry.get("failure-details", [])
    for detail in details:
        keys[detail["result-type"]] += detail["failed-session-count"]
    found = {key: str(value) for key, value in keys.items()}
    found["details"] = str(len(details))
    found["policies"] = str(len(document["policies"]))
    found["types"] = listed(entry["policy"]["policy-type"] for entry in document["policies"])
    found["domains"] = listed(entry["policy"]["policy-domain"] for entry in document["policies"])
    found["ips"] = listed(detail["sending-mta-ip"] for detail in details
                          if "sending-mta-ip" in detail)
    return found


class Received:
    """`kind` (mail, post), `who`, `report` (report-id), `keys`, the bytes, and whether accepted."""

    def __init__(self, kind, who, packed, reply, accepted):
        self.kind = kind
        self.who = who
        self.packed = packed
        self.document = read_document(packed)
        self.report = self.document["report-id"]
        self.keys = document_keys(self.document)
        self.keys["reply"] = reply
        self.accepted = accepted
        self.message = b""
        self.message_id = ""

    def line(self):
        """As a story would expect it."""
        shown = [f"{key}={value}" for key, value in sorted(self.keys.items())
                 if key not in ("types", "domains", "ips", "name", "from", "verp", "to") and value != "0"]
        return " ".join([self.kind, self.who, self.report.partition("@")[0], *shown])


def post(uri, body, reply, accepted):
    return Received("post", uri, body, reply, accepted)


def mail(sender, recipient, message, reply, accepted):
    """The report in MESSAGE, checked in so far as the parts must agree (RFC 8460, 5.6)."""
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    parts = [part for part in parsed.walk()
             if part.get_content_type() == "application/tlsrpt+gzip"]
    if len(parts) != 1:
        raise Malformed(f"{len(parts)} attached reports")
    received = Received("mail", recipient, parts[0].get_content(), reply, accepted)
    received.message = message
    received.message_id = parsed["Message-ID"].strip()
    received.keys["from"] = sender
    named = VERP.fullmatch(sender)
    received.keys["verp"] = named[1] + named[3] if named else ""
    received.keys["to"] = email.utils.parseaddr(parsed["To"])[1]
    received.keys["name"] = parts[0].get_filename()
    if f"Report-ID: <{received.report}>" not in parsed["Subject"]:
        raise Malformed(f"Subject: {parsed['Subject']}")
    if parsed["TLS-Required"] != "No" or parsed["Auto-Submitted"] != "auto-generated":
        raise Malformed("TLS-Required or Auto-Submitted is not as it must be")
    return received
