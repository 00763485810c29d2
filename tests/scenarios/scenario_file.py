"""Reads a story (*.scn): what happens in the world, and what our programs must make of it.

A file is a list of steps, one a line; lines that are indented by two blanks belong to the step
above them. A line that begins with `#` is a comment. The first step is the title:

  story: An aggregator that is busy is asked again when it said so

The world:

  option NAME = VALUE          sets an option of tlsrpt.conf(5), from now on; $DIR is the folder of
                               the story, $WORLD the loopback address where the world lives
  relay NAME                   one more collector, with a log of its own; relay1 is there
  file NAME                    writes a file with the lines below it
  dns NAME TXT TEXT            one more record; A and AAAA likewise
  dns NAME WORD                none: without records; servfail; silent: no answer at all. NAME `*`:
                               whatever the records say
  receiver WHO REPLY           how a receiver behaves: WHO is an https URI or a mail address; REPLY
                               may be several, `503 retry-after=60 then 201`, of which the last
                               lasts. See receivers.py for what can be said
  certificate HOST WORD        what an https receiver shows: expired, wrong-name, stranger (nobody
                               trusts who signed it). Chosen by the name that the client says (SNI),
                               which must be that of the URI
  at INSTANT                   moves the clock: 2026-11-23T00:20:00Z, +15m, -30d
  sessions DOMAIN KIND N       Postfix logs N deliveries to DOMAIN, see delivery_log.py; KEY=VALUE
                               behind: mx= ip= relay= service= at=INSTANT
  daemon WORD                  start: tlsrpt-milter runs, reads the log of relay1 and receives on a
                               TLSRPT socket, until stop (SIGTERM) or kill (SIGKILL). While it
                               runs, each step ends when it has committed all there is
  tls DOMAIN KIND N            Postfix 3.10 makes N TLS sessions on relay1: lines in the log, and
                               datagrams to that socket. KIND: success, certificate-expired,
                               validation-failure, or resumed, which it does not report. KEY=VALUE
                               behind: mx= ip=; record= the rua of the TLSRPT record that it saw;
                               processes= so many smtp(8) in turns, their lines in between one
                               another; lost-datagrams=K, lost-lines=K: those of each K-th session;
                               pid=foreign: the log has other pids, as of a container; carries=
                               the report that is the mail; log= another log of the daemon;
                               zone= the time zone of its stamps, which have no offset then
  syslog stands                lines of `tls` are kept back until `syslog goes on`, with the stamps
                               that they have, or, `with its own stamps`, with the present
  collect [RELAY]              the collectors (or that one) read all that is new in their logs
  store SQL                    changes rows behind the store's back, as a damaged disk would
  disk OCTETS                  nothing can be written behind so many octets of a file, from now on,
                               as on a full disk; `disk free`: as before
  bounce WHO SHAPE             the last mail that WHO got comes back to the Maildir $DIR/bounces, as
                               tests/data/bounces/SHAPE.eml has it
  lock DURATION                somebody keeps the store locked for that (real) time, from now on

What our programs do about it:

  flush [SWITCHES]             runs `tlsrpt-reporter --flush`; below it what is expected
  flush twice [SWITCHES]       two at once; what is expected is what both do together
  hours N                      N hours pass, with a flush at the end of each; what is expected is
                               what all do together
  lift ADDRESS                 runs `tlsrpt-reporter --suppress --lift ADDRESS`
  status, summary DAY          run these

and what is expected of them. Everything that arrives at a receiver, and everything that is said,
must be expected; exit status 0 and silence are, if nothing else is:

  exit STATUS                  the exit status
  killed                       it is killed while a receiver that hangs makes it wait
  says TEXT                    a line on standard error contains TEXT
  prints TEXT                  a line on standard output contains TEXT
  mail ADDRESS REPORT KEY=VALUE...   what has arrived; REPORT is the report-id before the `@`, keys
  post URI REPORT KEY=VALUE...       are those of received.py, of which any may be left out; `x3`
                                     behind REPORT: three times
  asks NAME...                 these and no other TLSRPT records were looked for
  is TEXT                      (status, summary) a line of the table, blanks folded, contains TEXT
  is not TEXT                  none does
  KEY.KEY=VALUE                (status, summary) a value in the JSON; LIST[KEY=VALUE] chooses an
                               element: days[day=2026-11-22].deliveries.sent=1

Afterwards:

  reported DOMAIN DAY KEY=VALUE...   the sum over all reports that a receiver has accepted, each
                                     counted once, however often it came; `nothing`: there is none
  files FOLDER NAME...               these and no other files are there
"""

import dataclasses
import pathlib
import re

STEPS = {"bounce", "lift", "certificate", "daemon", "tls", "syslog", "disk", "hours", "story:", "option", "relay", "file", "dns", "receiver", "at", "sessions", "collect",
         "store", "lock", "flush", "status", "summary", "reported", "files"}
WITH_LINES = {"file", "flush", "hours", "status", "summary"}
# The expectations that stand below a step.
EXPECTED = {
    "flush": {"exit", "killed", "says", "prints", "mail", "post", "asks"},
    "hours": {"exit", "says", "mail", "post", "asks"},
    "status": {"exit", "says", "is", "is not"},
    "summary": {"exit", "says", "is", "is not"},
}
WORDS_AFTER = {"bounce": 2, "lift": 1, "certificate": 2, "daemon": 1, "tls": 3, "syslog": 1, "disk": 1, "hours": 1, "option": 3, "relay": 1, "file": 1, "dns": 2, "receiver": 2, "at": 1, "sessions": 3,
               "store": 1, "lock": 1, "summary": 1, "reported": 3, "files": 1}
JSON_VALUE = re.compile(r"[a-z-]+(\[[^\]]*\])?(\.[a-z-]+(\[[^\]]*\])?)*=")


class FormatError(Exception):
    """The file is no story; the text begins with file and line."""


@dataclasses.dataclass
class Line:
    """A line below a step: its first word (two for `is not`) and the rest."""

    number: int
    word: str
    rest: str

    @property
    def words(self):
        return self.rest.split()


@dataclasses.dataclass
class Step:
    number: int
    word: str
    rest: str
    lines: list

    @property
    def words(self):
        return self.rest.split()


@dataclasses.dataclass
class Story:
    path: pathlib.Path
    title: str
    steps: list

    def place(self, number):
        return f"{self.path.name}:{number}"


def read_story(path):
    """The story in PATH; raises FormatError."""
    path = pathlib.Path(path)
    steps = []

    def fail(number, what):
        raise FormatError(f"{path.name}:{number}: {what}")

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path.name}: {error}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line != line.rstrip() or "\t" in line:
            fail(number, "trailing blank or tab")
        if line.startswith("  "):
            if not steps or steps[-1].word not in WITH_LINES:
                fail(number, "nothing above it takes lines")
            add_line(steps[-1], number, line[2:], fail)
        elif line.startswith(" "):
            fail(number, "indent by two blanks")
        else:
            steps.append(read_step(number, line, fail))
    return make_story(path, steps, fail)


def make_story(path, steps, fail):
    if not steps or steps[0].word != "story:":
        fail(1, "the first step is `story: TITLE`")
    if any(step.word == "story:" for step in steps[1:]):
        fail(steps[1].number, "a file holds one story")
    if not any(step.word in ("flush", "hours", "status", "summary") for step in steps):
        fail(steps[-1].number, "nothing is run: this story cannot fail")
    return Story(path, steps[0].rest, steps[1:])


def read_step(number, line, fail):
    word, _, rest = line.partition(" ")
    rest = rest.strip()
    if word not in STEPS:
        fail(number, f"unknown step `{word}`")
    if word == "story:" and not rest:
        fail(number, "a story has a title")
    if len(rest.split()) < WORDS_AFTER.get(word, 0):
        fail(number, f"`{word}` needs more words")
    if word == "option" and rest.split()[1] != "=":
        fail(number, "option NAME = VALUE")
    return Step(number, word, rest, [])


def add_line(step, number, text, fail):
    if step.word == "file":
        step.lines.append(Line(number, "", text))
        return
    word, _, rest = text.partition(" ")
    if word == "is" and rest.startswith("not "):
        word, rest = "is not", rest[len("not "):]
    if step.word in ("status", "summary") and JSON_VALUE.match(text):
        step.lines.append(Line(number, "json", text))
        return
    if word not in EXPECTED[step.word]:
        fail(number, f"`{step.word}` does not expect `{word}`")
    if word != "killed" and not rest and word != "asks":
        fail(number, f"`{word}` needs more words")
    if word in ("mail", "post") and len(rest.split()) < 2:
        fail(number, f"{word} WHO REPORT")
    if word == "exit" and not rest.isdigit():
        fail(number, "exit STATUS")
    step.lines.append(Line(number, word, rest))
