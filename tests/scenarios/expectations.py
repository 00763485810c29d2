"""Compares what a run did with what a story expects of it. All functions return complaints."""

import collections
import re

import programs
from received import document_keys


def fold(line):
    return " ".join(line.split())


def check_said(lines, said, word, step, place):
    """Each line of SAID is expected by a line WORD of the step, and the other way round."""
    complaints = []
    expected = [line for line in lines if line.word == word]
    unheard = list(expected)
    for text in said:
        heard = [line for line in expected if fold(line.rest) in fold(text)]
        unheard = [line for line in unheard if line not in heard]
        if not heard:
            complaints.append(f"{place(step.number)}: it {word} what nobody expects: {text}")
    for line in unheard:
        complaints.append(f"{place(line.number)}: it does not say: {line.rest}")
    return complaints


class Arrival:
    """An expected mail or post."""

    def __init__(self, line, filled):
        words = filled(line.rest).split()
        self.line = line
        self.who, self.report = words[0], words[1]
        rest = words[2:]
        self.times = 1
        if rest and re.fullmatch(r"x\d+", rest[0]):
            self.times = int(rest.pop(0)[1:])
        self.keys = dict(word.partition("=")[::2] for word in rest)

    def fits(self, arrived):
        if (arrived.kind, arrived.who, arrived.report) != (
                self.line.word, self.who, f"{self.report}@{programs.SUBMITTER}"):
            return False
        return all(arrived.keys.get(key, "0") == value for key, value in self.keys.items())


def check_arrivals(lines, arrived, step, place, filled):
    complaints = []
    expected = [Arrival(line, filled) for line in lines if line.word in ("mail", "post")]
    left = list(arrived)
    for each in expected:
        fitting = [one for one in left if each.fits(one)][:each.times]
        left = [one for one in left if one not in fitting]
        if len(fitting) != each.times:
            complaints.append(f"{place(each.line.number)}: {len(fitting)} of {each.times} arrived: "
                              f"{each.line.word} {each.line.rest}")
    for one in left:
        complaints.append(f"{place(step.number)}: nobody expects: {one.line()}")
    return complaints


def check_asked(lines, asked, place):
    prefix = "_smtp._tls."
    found = {name[len(prefix):] for name in asked if name.startswith(prefix)}
    return [f"{place(line.number)}: asked for {' '.join(sorted(found)) or 'nothing'}"
            for line in lines if line.word == "asks" and set(line.words) != found]


def check_status(lines, status, wanted_by_default, step, place):
    wanted = [line for line in lines if line.word == "exit"]
    expected = int(wanted[0].rest) if wanted else wanted_by_default
    if status == expected:
        return []
    return [f"{place(wanted[0].number if wanted else step.number)}: exit status {status}, "
            f"not {expected}"]


def json_value(document, path):
    """The value at `days[day=2026-11-22].deliveries.sent`; None where there is none."""
    for name, chosen in re.findall(r"([a-z-]+)(?:\[([^\]]*)\])?", path):
        if not isinstance(document, dict) or name not in document:
            return None
        document = document[name]
        if chosen:
            key, _, value = chosen.partition("=")
            found = [item for item in document if str(item.get(key)) == value]
            if len(found) != 1:
                return None
            document = found[0]
    return document


def shown(value):
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return "+".join(map(str, value)) if value else "nothing"
    return str(value)


def check_json(lines, document, place, filled):
    complaints = []
    for line in lines:
        if line.word != "json":
            continue
        match = re.match(r"((?:[a-z-]+(?:\[[^\]]*\])?\.?)+)=(.*)", filled(line.rest))
        value = shown(json_value(document, match.group(1)))
        if value != match.group(2):
            complaints.append(f"{place(line.number)}: {match.group(1)} is {value}")
    return complaints


def check_table(lines, table, place, filled):
    text = [fold(line) for line in table]
    complaints = []
    for line in lines:
        if line.word not in ("is", "is not"):
            continue
        there = any(fold(filled(line.rest)) in each for each in text)
        if there != (line.word == "is"):
            complaints.append(f"{place(line.number)}: {'' if there else 'not '}in the table:\n    "
                              + "\n    ".join(table))
    return complaints


def is_smaller_form(one, other):
    """Whether ONE tells the same counts as OTHER with fewer details."""
    mine, others = (document_keys(each.document) for each in (one, other))
    fewer = int(mine.pop("details")) < int(others.pop("details"))
    del mine["ips"], others["ips"]
    return fewer and mine == others


class Ledger:
    """All that arrived in a story, and what must hold for it whatever the story is."""

    def __init__(self):
        self.forms = {}
        self.messages = {}
        self.accepted = {}

    def enter(self, arrived, place):
        """A report-id stands for the same bytes each time it comes, and so does a Message-ID.

        A report that was too large may come in one other form, with the same counts.
        """
        complaints = []
        for one in arrived:
            forms = self.forms.setdefault(one.report, [one])
            if len(forms) == 1 and is_smaller_form(one, forms[0]):
                forms.append(one)
            if one.packed not in [form.packed for form in forms]:
                complaints.append(f"{place}: {one.report} came with other bytes than before")
            key = (one.message_id, one.who, one.packed)
            if one.message_id and self.messages.setdefault(key, one.message) != one.message:
                complaints.append(f"{place}: {one.message_id} came with other bytes than before")
            if one.accepted:
                self.accepted[one.report] = one
        return complaints

    def check_reported(self, step, place):
        domain, day, *words = step.words
        prefix = f"{day.replace('-', '')}.{domain}."
        found = collections.Counter()
        for report, one in self.accepted.items():
            if report.startswith(prefix):
                found["reports"] += 1
                found.update({key: int(value) for key, value in one.keys.items()
                              if value.isdigit() and key != "reply"})
        if words == ["nothing"]:
            return [f"{place}: {found['reports']} reports"] if found else []
        wrong = [f"{key}={found[key]}" for key, _, value in
                 (word.partition("=") for word in words) if str(found[key]) != value]
        return [f"{place}: {' '.join(wrong)}"] if wrong else []
