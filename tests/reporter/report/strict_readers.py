"""Readers as strict as those at the other end: what each of them insists on, and no more.

READERS: by name, a function that takes a report as bytes of JSON and raises Refused where that
receiver drops the whole report. Written from what these programs are known to refuse; one more,
Mail::TLSRPT of 2022, wants `mx-host` to be a string, which the others refuse and RFC 8460, 4.4 says
is an array: it is left out. GOOGLE and MICROSOFT: reports as these senders make them.
"""

import datetime
import ipaddress
import json

TOP = ("organization-name", "date-range", "contact-info", "report-id", "policies")
POLICY_TYPES = {"tlsa", "sts", "no-policy-found"}
RESULT_TYPES = {
    "starttls-not-supported", "certificate-host-mismatch", "certificate-not-trusted",
    "certificate-expired", "validation-failure", "sts-policy-fetch-error", "sts-policy-invalid",
    "sts-webpki-invalid", "tlsa-invalid", "dnssec-invalid", "dane-required",
}
LARGEST_JSON = 20_000_000

GOOGLE = {
    "organization-name": "Google Inc.",
    "date-range": {"start-datetime": "2026-11-22T00:00:00Z",
                   "end-datetime": "2026-11-22T23:59:59Z"},
    "contact-info": "smtp-tls-reporting@google.com",
    "report-id": "2026-11-22T00:00:00Z_a.example",
    "policies": [{
        "policy": {"policy-type": "sts",
                   "policy-string": ["version: STSv1", "mode: enforce", "mx: mx.a.example",
                                     "max_age: 604800"],
                   "policy-domain": "a.example", "mx-host": ["mx.a.example"]},
        "summary": {"total-successful-session-count": 5, "total-failure-session-count": 2},
        "failure-details": [{
            "result-type": "certificate-expired", "sending-mta-ip": "192.0.2.1",
            "receiving-ip": "198.51.100.1", "receiving-mx-hostname": "mx.a.example",
            "failed-session-count": 2}],
    }],
}
MICROSOFT = {
    "organization-name": "Microsoft Corporation",
    "date-range": {"start-datetime": "2026-11-22T00:00:00Z",
                   "end-datetime": "2026-11-22T23:59:59Z"},
    "contact-info": "tlsrpt-noreply@microsoft.com",
    "report-id": "133925885310113267+a.example",
    "policies": [
        {"policy": {"policy-type": "sts", "policy-string": ["version: STSv1"],
                    "policy-domain": "a.example"},
         "summary": {"total-successful-session-count": 5, "total-failure-session-count": 1},
         "failure-details": [{"result-type": "validation-failure",
                              "failure-reason-code": "MX_HOSTS_MISMATCH",
                              "failed-session-count": 1}]},
        {"policy": {"policy-type": "tlsa", "policy-string": ["[\"3 1 1 ABCD\"]"],
                    "policy-domain": "a.example"},
         "summary": {"total-successful-session-count": 6, "total-failure-session-count": 0}},
    ],
}


class Refused(Exception):
    """The receiver drops the whole report."""


def need(condition, what):
    if not condition:
        raise Refused(what)


def member(value, key, kind, where):
    """VALUE[KEY], which has to be there and of KIND."""
    need(isinstance(value, dict) and key in value, f"{where} lacks {key}")
    found = value[key]
    # bool is an int to Python, and to nobody else.
    need(isinstance(found, kind) and not isinstance(found, bool), f"{where}: {key} is {found!r}")
    return found


def optional(value, key, kind, where):
    return member(value, key, kind, where) if key in value else None


def document(octets):
    try:
        return json.loads(octets.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise Refused(str(error)) from error


def count(value, key, where):
    number = member(value, key, int, where)
    need(0 <= number < 2**64, f"{where}: {key} is {number}")


def strings(value, key, where):
    lines = optional(value, key, list, where)
    need(lines is None or all(isinstance(line, str) for line in lines), f"{where}: {key}")


def by_dmarc_report_viewer(octets):
    """Typed as a whole: one value of another type loses the report; enumerations are closed."""
    report = document(octets)
    for key in ("organization-name", "contact-info", "report-id"):
        member(report, key, str, "report")
    span = member(report, "date-range", dict, "report")
    for key in ("start-datetime", "end-datetime"):
        text = member(span, key, str, "date-range")
        try:
            moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError as error:
            raise Refused(f"{key} is {text}") from error
        need("T" in text and moment.tzinfo is not None, f"{key} is not of RFC 3339: {text}")
    for entry in member(report, "policies", list, "report"):
        policy = member(entry, "policy", dict, "policies")
        need(member(policy, "policy-type", str, "policy") in POLICY_TYPES, "policy-type")
        member(policy, "policy-domain", str, "policy")
        strings(policy, "policy-string", "policy")
        strings(policy, "mx-host", "policy")
        summary = member(entry, "summary", dict, "policies")
        count(summary, "total-successful-session-count", "summary")
        count(summary, "total-failure-session-count", "summary")
        for detail in optional(entry, "failure-details", list, "policies") or []:
            need(member(detail, "result-type", str, "detail") in RESULT_TYPES, "result-type")
            count(detail, "failed-session-count", "detail")
            for key in ("receiving-mx-hostname", "receiving-mx-helo", "failure-reason-code",
                        "additional-information"):
                optional(detail, key, str, "detail")
            for key in ("sending-mta-ip", "receiving-ip"):
                text = optional(detail, key, str, "detail")
                try:
                    ipaddress.ip_address(text or "192.0.2.1")
                except ValueError as error:
                    raise Refused(f"{key} is {text}") from error


def by_parsedmarc(octets):
    """All five keys at the top; of a policy its type and domain and both counts."""
    report = document(octets)
    need(isinstance(report, dict), "no object")
    for key in TOP:
        need(key in report, f"lacks {key}")
    need(isinstance(report["policies"], list), "policies is no list")
    for key in ("start-datetime", "end-datetime"):
        member(report["date-range"], key, str, "date-range")
    for entry in report["policies"]:
        policy, summary = entry["policy"], entry["summary"]
        need(policy.get("policy-type") in POLICY_TYPES, "policy-type")
        need("policy-domain" in policy, "policy-domain")
        for key in ("total-successful-session-count", "total-failure-session-count"):
            need(key in summary, key)
        for detail in entry.get("failure-details", []):
            need("result-type" in detail and "failed-session-count" in detail, "detail")


def by_mox(octets):
    """Typed, of at most 20 MB; times as Go reads them."""
    need(len(octets) <= LARGEST_JSON, "too large")
    report = document(octets)
    for key in ("start-datetime", "end-datetime"):
        text = member(member(report, "date-range", dict, "report"), key, str, "date-range")
        need(len(text) >= len("2026-11-22T00:00:00Z") and text[10] == "T", f"{key} is {text}")
    for entry in member(report, "policies", list, "report"):
        strings(member(entry, "policy", dict, "policies"), "policy-string", "policy")
        strings(entry["policy"], "mx-host", "policy")
        for key in ("total-successful-session-count", "total-failure-session-count"):
            optional(member(entry, "summary", dict, "policies"), key, int, "summary")


def as_google(octets):
    """Google's shape: its keys in its order, and no other place for any of them."""

    def keys_in_order(found, order, where):
        need([key for key in order if key in found] == list(found), f"{where}: {list(found)}")

    report = document(octets)
    need(list(report) == list(GOOGLE), f"top: {list(report)}")
    entry_order = list(GOOGLE["policies"][0])
    for entry in report["policies"]:
        keys_in_order(entry, entry_order, "policies")
        keys_in_order(entry["policy"], list(GOOGLE["policies"][0]["policy"]), "policy")
        keys_in_order(entry["summary"], list(GOOGLE["policies"][0]["summary"]), "summary")
        for detail in entry.get("failure-details", []):
            known = set(GOOGLE["policies"][0]["failure-details"][0])
            more = {"receiving-mx-helo", "failure-reason-code", "additional-information"}
            need(set(detail) <= known | more, f"detail: {list(detail)}")


READERS = {"dmarc-report-viewer": by_dmarc_report_viewer, "parsedmarc": by_parsedmarc,
           "mox": by_mox, "Google's shape": as_google}

# What each reader refuses, as a change to a report: (path, value; None: the key is taken away).
DAMAGES = {
    "dmarc-report-viewer": [
        (("contact-info",), ...), (("report-id",), None),
        (("date-range", "end-datetime"), "2026-11-22 23:59:59"),
        (("policies", 0, "policy", "policy-type"), "dane"),
        (("policies", 0, "policy", "policy-domain"), None),
        (("policies", 0, "policy", "mx-host"), "mx.a.example"),
        (("policies", 0, "summary", "total-failure-session-count"), -1),
        (("policies", 0, "summary", "total-failure-session-count"), 1.5),
        (("policies", 0, "failure-details"), [{"result-type": "x", "failed-session-count": 1}]),
        (("policies", 0, "failure-details"),
         [{"result-type": "tlsa-invalid", "failed-session-count": 1, "receiving-ip": "mx"}]),
    ],
    "parsedmarc": [((key,), None) for key in TOP] + [
        (("policies", 0, "policy", "policy-domain"), None),
        (("policies", 0, "policy", "policy-type"), "none"),
        (("policies", 0, "summary", "total-successful-session-count"), None),
        (("policies", 0, "failure-details"), [{"result-type": "tlsa-invalid"}]),
    ],
    "mox": [(("date-range", "start-datetime"), "1795305600"), (("policies",), {}),
            (("policies", 0, "policy", "policy-string"), "version: STSv1"),
            (("policies", 0, "summary", "total-failure-session-count"), "1")],
    "Google's shape": [(("policies", 0, "failures"), []), (("version",), 1)],
}


def damaged(report, path, value):
    """REPORT as bytes, with VALUE at PATH; None takes the key away, ... makes it null."""
    copied = json.loads(json.dumps(report))
    at = copied
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = None if value is ... else value
    return json.dumps(copied).encode()


def untold_damages():
    """The damages that a reader takes, by name; for a test of the readers themselves."""
    untold = []
    for name, read in READERS.items():
        for sample in (GOOGLE, MICROSOFT):
            if name != "Google's shape" or sample is GOOGLE:
                read(json.dumps(sample).encode())
        for path, value in DAMAGES[name]:
            try:
                read(damaged(GOOGLE, path, value))
            except Refused:
                continue
            untold.append(f"{name}: {path} {value!r}")
    return untold
