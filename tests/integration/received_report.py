"""Takes a received report apart with Python's own libraries and checks its form (RFC 8460)."""

import dataclasses
import datetime
import email
import email.policy
import email.utils
import gzip
import json
import re

MESSAGE_ID = re.compile(r"<tlsrpt\.[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+\.[0-9]+\.[0-9a-zA-Z_-]{22,}"
                        r"@sender\.test>")
RESULT_TYPES = {
    "starttls-not-supported", "certificate-host-mismatch", "certificate-expired",
    "certificate-not-trusted", "validation-failure", "tlsa-invalid", "dnssec-invalid",
    "dane-required", "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"}


@dataclasses.dataclass
class Received:
    """One report message: who it was for, its document and the attachment's very bytes."""

    domain: str
    recipient: str
    message_id: str
    attachment: bytes
    document: dict


def day_bounds(day):
    """(first, last) unix second of `day`."""
    start = datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.timezone.utc)
    return int(start.timestamp()), int(start.timestamp()) + 86399


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(found, wanted, what):
    check(found == wanted, f"{what}: {found!r}, not {wanted!r}")


def read_message(raw, day, submitter="sender.test", revision=1):
    """The report in the message `raw`; raises AssertionError where its form is wrong."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    check(not message.defects, f"defects: {message.defects}")
    domain = message["TLS-Report-Domain"]
    report_id = f"{day.replace('-', '')}.{domain}.{revision}@{submitter}"
    for name in ("From", "To", "Date", "Message-ID", "Subject", "MIME-Version", "TLS-Report-Domain",
                 "TLS-Report-Submitter", "TLS-Required", "Auto-Submitted"):
        equal(len(message.get_all(name, [])), 1, f"number of {name} headers")
    equal(message["TLS-Report-Submitter"], submitter, "TLS-Report-Submitter")
    equal(message["TLS-Required"].lower(), "no", "TLS-Required")
    equal(message["Auto-Submitted"], "auto-generated", "Auto-Submitted")
    equal(message["Subject"],
          f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{report_id}>", "Subject")
    check(MESSAGE_ID.fullmatch(message["Message-ID"].strip()),
          f"Message-ID {message['Message-ID']!r}")
    check(email.utils.parsedate_to_datetime(message["Date"]), "Date")
    equal(message.get_content_type(), "multipart/report", "type")
    equal(message.get_param("report-type"), "tlsrpt", "report-type")
    attachment = read_parts(message, raw, domain, day, submitter, revision)
    document = read_document(attachment, domain, day, report_id)
    recipient = email.utils.parseaddr(message["To"])[1]
    return Received(domain, recipient, message["Message-ID"].strip(), attachment, document)


def read_parts(message, raw, domain, day, submitter, revision):
    parts = list(message.iter_parts())
    equal([part.get_content_type() for part in parts],
          ["text/plain", "application/tlsrpt+gzip"], "parts")
    check(domain in parts[0].get_content(), "the text part names the domain")
    first, last = day_bounds(day)
    equal(parts[1].get_filename(),
          f"{submitter}!{domain}!{first}!{last}!{revision:03d}.json.gz", "file name")
    equal(parts[1]["Content-Transfer-Encoding"], "base64", "encoding of the attachment")
    # 998 is the limit of RFC 5322, 78 what it recommends; only header lines may be longer.
    body = raw.split(b"\r\n\r\n", 1)[1]
    in_header = max((len(line) for line in body.split(b"\r\n") if b": " not in line
                     and b"filename" not in line), default=0)
    check(in_header <= 78, f"a body line of {in_header} octets")
    return parts[1].get_content()


def read_document(attachment, domain, day, report_id):
    """The JSON document in the gzip file `attachment`, its fixed keys checked."""
    equal(attachment[4:8], bytes(4), "mtime of the gzip file")
    text = gzip.decompress(attachment)
    document = json.loads(text.decode("utf-8"), object_pairs_hook=unique_keys)
    no_empty_values(document)
    equal(set(document), {"organization-name", "date-range", "contact-info", "report-id",
                          "policies"}, "keys")
    equal(document["organization-name"], "Sender Test Site", "organization-name")
    equal(document["contact-info"], "tlsrpt-admin@sender.test", "contact-info")
    equal(document["report-id"], report_id, "report-id")
    equal(document["date-range"], {"start-datetime": f"{day}T00:00:00Z",
                                   "end-datetime": f"{day}T23:59:59Z"}, "date-range")
    check(document["policies"], "no policies")
    for entry in document["policies"]:
        check(entry["policy"]["policy-domain"], "policy-domain")
        for detail in entry.get("failure-details", []):
            check(detail["result-type"] in RESULT_TYPES, detail)
            check(0 < detail["failed-session-count"]
                  <= entry["summary"]["total-failure-session-count"], detail)
    return document


def unique_keys(pairs):
    keys = [key for key, _ in pairs]
    equal(len(keys), len(set(keys)), f"number of different keys in {keys}")
    return dict(pairs)


def no_empty_values(value):
    """RFC 8460 has no null; an unknown value is left out, and so is an empty one."""
    check(value is not None and value != "" and value != [], "an empty value")
    check(not isinstance(value, float), "a number with a fraction")
    for inner in value.values() if isinstance(value, dict) else (
            value if isinstance(value, list) else ()):
        no_empty_values(inner)
