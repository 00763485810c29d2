"""Whether what receivers were given is what was counted: nothing lost, nothing repeated."""

import collections
import re

from report_receivers import document_of

REPORT_ID = re.compile(r"(\d{4})(\d\d)(\d\d)\.(.+)\.(\d+)@([^@]+)")


def parse_report_id(report_id):
    """(day, domain, revision) of a report-id."""
    match = REPORT_ID.fullmatch(report_id)
    if not match:
        raise ValueError(f"not a report-id: {report_id!r}")
    return f"{match[1]}-{match[2]}-{match[3]}", match[4], int(match[5])


def merge(counts):
    """One {(day, domain): [successful, failed]} of several."""
    total = collections.defaultdict(lambda: [0, 0])
    for each in counts:
        for key, (successful, failed) in each.items():
            total[key][0] += successful
            total[key][1] += failed
    return dict(total)


def sessions_in(document):
    """[successful, failed] sessions of a report; its failure details add up."""
    found = [0, 0]
    for entry in document["policies"]:
        summary = entry["summary"]
        failed = summary["total-failure-session-count"]
        details = sum(detail["failed-session-count"] for detail in entry.get("failure-details", ()))
        if details != failed:
            raise ValueError(f"{document['report-id']}: {failed} failed, details say {details}")
        found[0] += summary["total-successful-session-count"]
        found[1] += failed
    return found


class Audit:
    """RECEIVED: (destination, report-id, octets) of each thing that a receiver accepted.

    `faults` are texts; `repeats` counts what was accepted again, byte for byte, by
    destination's scheme.
    """

    def __init__(self, received):
        self.faults = []
        self.repeats = collections.Counter()
        self.copies = collections.defaultdict(list)  # (destination, report-id) -> octets
        for destination, report_id, octets in received:
            self.copies[destination, report_id].append(octets)
        self.documents = {}  # report-id -> the report
        for (destination, report_id), copies in sorted(self.copies.items()):
            self.repeats[destination.split(":", 1)[0]] += len(copies) - 1
            if len(set(copies)) > 1:
                self.faults.append(f"{report_id} went to {destination} with different octets")
            self._read(destination, report_id, copies[0])
        self._revisions()

    def _read(self, destination, report_id, octets):
        document = document_of(octets)
        if document["report-id"] != report_id:
            self.faults.append(f"{report_id} to {destination} has {document['report-id']} inside")
        if self.documents.setdefault(report_id, document) != document:
            self.faults.append(f"{report_id} to {destination} is another report than elsewhere")

    def _revisions(self):
        revisions = collections.defaultdict(list)
        for report_id, document in self.documents.items():
            day, domain, revision = parse_report_id(report_id)
            revisions[day, domain].append(revision)
            if document["date-range"]["start-datetime"] != f"{day}T00:00:00Z":
                self.faults.append(f"{report_id} is about {document['date-range']}")
        for (day, domain), numbers in sorted(revisions.items()):
            if sorted(numbers) != list(range(1, len(numbers) + 1)):
                self.faults.append(f"{domain} {day} has the revisions {sorted(numbers)}")

    def count(self, counted):
        """Faults where the reports, supplements added, do not say what was COUNTED."""
        reported = merge({parse_report_id(report_id)[:2]: sessions_in(document)}
                         for report_id, document in self.documents.items())
        for key in sorted(counted.keys() | reported.keys()):
            if counted.get(key) != reported.get(key):
                day, domain = key
                self.faults.append(f"{domain} {day}: counted {counted.get(key)}, "
                                   f"reported {reported.get(key)}")

    def complete(self, destinations):
        """Faults where a destination lacks a report of its domain.

        DESTINATIONS(domain): those of its record.
        """
        for report_id in sorted(self.documents):
            for destination in destinations(parse_report_id(report_id)[1]):
                if (destination, report_id) not in self.copies:
                    self.faults.append(f"{report_id} never came to {destination}")
