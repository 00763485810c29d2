"""Plays a story: does its steps with the real programs and collects complaints."""

import collections
import itertools
import json
import pathlib
import re
import signal
import threading

import delivery_log
import dns_world
import expectations
import instants
import received
import receivers
import tls_sessions
from programs import Programs, SUBMITTER
from scenario_file import FormatError
from tlsrpt_daemon import TlsrptDaemon

BOUNCES = pathlib.Path(__file__).resolve().parent.parent / "data" / "bounces"
HANGS_WITHIN_S = 120
POLL_S = 0.02


def is_lost(number, every):
    return every is not None and number % int(every) == 0


class Play:
    """One story below FOLDER, with its world at ADDRESS."""

    def __init__(self, story, binary_folder, folder, address):
        self.story = story
        self.folder = pathlib.Path(folder)
        self.address = address
        self.programs = Programs(binary_folder, folder, address)
        self.zone = dns_world.Zone()
        self.receivers = receivers.Receivers(
            folder, address, self.move_clock,
            lambda text: self.programs.lock_store(instants.read_duration(text)),
            self.programs.now)
        self.ledger = expectations.Ledger()
        self.complaints = []
        self.servers = []
        self.daemon = TlsrptDaemon(self.programs, "relay1")
        self.held_lines = None  # While syslog stands still: by the name of the log.
        self.tls_sessions = 0
        self.mail = {}  # The last one of each recipient.

    def play(self):
        """Complaints, each with its place; empty: the story came true."""
        try:
            for server in (*dns_world.servers(self.zone, self.address),
                           self.receivers.smtp_server(), *self.https_servers()):
                self.serve(server)
            self.do_steps()
        finally:
            self.programs.unlock()
            self.daemon.close()
            for server in self.servers:
                server.shutdown()
                server.server_close()
        return self.complaints

    def serve(self, server):
        self.servers.append(server)
        threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()

    def do_steps(self):
        for step in self.story.steps:
            act = getattr(self, f"do_{step.word}")
            try:
                act(step)
                self.daemon.settle()
            except (ValueError, KeyError, IndexError) as error:
                raise FormatError(f"{self.place(step.number)}: {error}") from error
            except received.Malformed as error:
                self.complaints.append(f"{self.place(step.number)}: {error}")
            if self.complaints:
                break  # What follows would only be the same again.

    def place(self, number):
        return self.story.place(number)

    def https_servers(self):
        """One for every host of an https URI in the story, which has our address unless told else."""
        texts = [step.rest for step in self.story.steps]
        texts += [line.rest for step in self.story.steps for line in step.lines]
        hosts = {host for text in texts for host, _, _ in receivers.URI.findall(text)}
        hosts = {host for host in hosts if "[" not in host and not host.startswith("$")}
        for host in hosts:
            self.zone.add(host, "A", self.address)
        if not hosts:
            return []
        odd = dict(step.words for step in self.story.steps if step.word == "certificate")
        server, authority = self.receivers.https_server(hosts, odd)
        self.programs.options["https_ca_file"] = str(authority)
        return [server]

    def move_clock(self, text):
        self.programs.set_clock(instants.read_instant(text, self.programs.now()))

    # --- the world

    def do_option(self, step):
        name, _, value = step.rest.partition(" = ")
        self.programs.options[name.strip()] = self.programs.filled(value)

    def do_relay(self, step):
        self.programs.relays.append(step.rest)

    def do_file(self, step):
        path = self.folder / step.rest
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{self.programs.filled(line.rest)}\n" for line in step.lines),
                        encoding="utf-8")

    def do_dns(self, step):
        name, word, *rest = step.rest.split(maxsplit=2)
        if word in dns_world.WORDS:
            self.zone.say(name, word)
        elif word in dns_world.TYPES and rest:
            self.zone.add(name, word, self.programs.filled(rest[0]))
        else:
            raise ValueError(f"`{word}` is neither a type nor one of {dns_world.WORDS}")

    def do_receiver(self, step):
        who, _, text = step.rest.partition(" ")
        self.receivers.tell(who, text)

    def do_certificate(self, step):
        host, word = step.words
        if word not in receivers.CERTIFICATES:
            raise ValueError(f"no such certificate: {word}")

    def do_at(self, step):
        self.move_clock(step.rest)

    def do_sessions(self, step):
        domain, kind, count, *words = step.words
        options = dict(word.split("=", 1) for word in words)
        if kind not in delivery_log.KINDS or set(options) - delivery_log.OPTIONS:
            raise ValueError(f"no such kind or option: {step.rest}")
        relay = options.get("relay", "relay1")
        if relay not in self.programs.relays:
            raise ValueError(f"no relay {relay}")
        instant = instants.read_instant(options.get("at", "+0s"), self.programs.now())
        with open(self.programs.log(relay), "a", encoding="utf-8") as log:
            for number in range(1, int(count) + 1):
                log.write(delivery_log.delivery_lines(
                    instants.to_text(instant), relay, domain, kind, number, options))

    def do_tls(self, step):
        domain, kind, count, *words = step.words
        options = dict(word.split("=", 1) for word in words)
        if kind not in tls_sessions.KINDS or set(options) - tls_sessions.OPTIONS:
            raise ValueError(f"no such kind or option: {step.rest}")
        if "carries" in options:
            report = f"{options['carries']}@{SUBMITTER}"
            options["carries"] = self.ledger.accepted[report].message_id
        if "record" in options:
            options["record"] = f"v=TLSRPTv1; rua={options['record']}"
        smtp = self.daemon.smtp_processes(int(options.get("processes", "1")), options.get("pid"))
        logged = [[] for _ in smtp]
        for number in range(1, int(count) + 1):
            self.tls_sessions += 1
            session = tls_sessions.TlsSession(kind, domain, self.tls_sessions, options)
            sender = smtp[number % len(smtp)]
            if not is_lost(number, options.get("lost-datagrams")) and session.datagram():
                self.daemon.expected += sender.send(session.datagram())
            if not is_lost(number, options.get("lost-lines")):
                pid = sender.pid + (50000 if options.get("pid") == "foreign" else 0)
                logged[number % len(smtp)] += [f"{program}[{pid}]: {text}"
                                               for program, text in session.lines()]
        stamp = instants.to_local_text(self.programs.now(), options.get("zone"))
        self.write_log(options.get("log", "relay1"), stamp,
                       (text for texts in itertools.zip_longest(*logged) for text in texts if text))

    def write_log(self, name, stamp, texts):
        lines = "".join(f"{stamp} relay1 postfix/{text}\n" for text in texts)
        if self.held_lines is not None:
            self.held_lines[name] += lines
            return
        with open(self.programs.log(name), "a", encoding="utf-8") as log:
            log.write(lines)

    def do_syslog(self, step):
        if step.rest == "stands":
            self.held_lines = collections.defaultdict(str)
        elif step.rest in ("goes on", "goes on with its own stamps"):
            for name, lines in self.held_lines.items():
                if step.rest != "goes on":
                    lines = re.sub(r"(?m)^\S+", instants.to_text(self.programs.now()), lines)
                with open(self.programs.log(name), "a", encoding="utf-8") as log:
                    log.write(lines)
            self.held_lines = None
        else:
            raise ValueError("syslog stands | goes on [with its own stamps]")

    def do_daemon(self, step):
        if step.rest == "start":
            self.daemon.start()
        elif step.rest in ("stop", "kill"):
            how = signal.SIGTERM if step.rest == "stop" else signal.SIGKILL
            self.complaints += [f"{self.place(step.number)}: {each}"
                                for each in self.daemon.stop(how)]
        else:
            raise ValueError("daemon start | stop | kill")

    def do_collect(self, step):
        for relay in step.words or self.programs.relays:
            self.programs.log(relay).touch()
            status, _, said = self.programs.run("tlsrpt-milter", relay, "--catch-up")
            if status != 0 or said:
                self.complaints.append(f"{self.place(step.number)}: {relay}: exit status {status}, "
                                       f"{said}")

    def do_store(self, step):
        self.programs.change_store(step.rest)

    def do_disk(self, step):
        self.programs.disk_limit = None if step.rest == "free" else int(step.rest)

    def do_bounce(self, step):
        who, shape = step.words
        folder = self.folder / "bounces"
        for name in ("new", "cur", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        text = (BOUNCES / f"{shape}.eml").read_text(encoding="utf-8")
        mail = self.mail[who]
        for mark, value in (("@SENDER@", mail.keys["from"]), ("@RECIPIENT@", who),
                            ("@MESSAGE_ID@", mail.message_id)):
            text = text.replace(mark, value)
        number = len(list(folder.glob("*/*"))) + 1
        (folder / "new" / f"{number}.story").write_text(text, encoding="utf-8")

    def do_lift(self, step):
        status, _, said = self.programs.run("tlsrpt-reporter", "relay1", "--suppress", "--lift",
                                            step.rest)
        if status != 0 or said:
            self.complaints.append(f"{self.place(step.number)}: exit status {status}, {said}")

    def do_lock(self, step):
        self.programs.lock_store(instants.read_duration(step.rest))

    # --- what our programs do about it

    def do_flush(self, step):
        switches = [self.programs.filled(word) for word in step.words]
        times = 1
        if switches[:1] == ["twice"]:
            times, switches = 2, switches[1:]
        killed = any(line.word == "killed" for line in step.lines)
        self.receivers.hangs.clear()
        running = [self.programs.start("tlsrpt-reporter", "relay1", ["--flush", *switches])
                   for _ in range(times)]
        if killed:
            if not self.receivers.hangs.wait(HANGS_WITHIN_S):
                self.complaints.append(f"{self.place(step.number)}: no receiver made it wait")
            running[0].kill()
        said, printed = [], []
        for process in running:
            status, out, err = self.programs.finish(process)
            self.complaints += expectations.check_status(
                step.lines, status, -signal.SIGKILL if killed else 0, step, self.place)
            printed += out
            said += err
        self.compare(step, said, printed)

    def do_hours(self, step):
        said, printed = [], []
        for _ in range(int(step.rest)):
            self.move_clock("+1h")
            status, out, err = self.programs.run("tlsrpt-reporter", "relay1", "--flush")
            self.complaints += expectations.check_status(step.lines, status, 0, step, self.place)
            printed += out
            said += err
        self.compare(step, said, printed)

    def compare(self, step, said, printed):
        arrived = self.receivers.take()
        self.mail.update({each.who: each for each in arrived if each.kind == "mail"})
        place, lines, filled = self.place, step.lines, self.programs.filled
        self.complaints += expectations.check_said(lines, said, "says", step, place)
        self.complaints += expectations.check_said(lines, printed, "prints", step, place)
        self.complaints += expectations.check_arrivals(lines, arrived, step, place, filled)
        self.complaints += expectations.check_asked(lines, self.zone.take_asked(), place)
        self.complaints += self.ledger.enter(arrived, self.place(step.number))

    def look(self, step, arguments):
        """Runs a command that only looks, as table and as JSON."""
        found = {}
        for form in ("table", "json"):
            status, out, said = self.programs.run(
                "tlsrpt-reporter", "relay1", *arguments, "--format", form)
            self.complaints += expectations.check_status(step.lines, status, 0, step, self.place)
            self.complaints += expectations.check_said(step.lines, said, "says", step, self.place)
            found[form] = out
        filled = self.programs.filled
        self.complaints += expectations.check_table(step.lines, found["table"], self.place, filled)
        if found["json"]:
            self.complaints += expectations.check_json(
                step.lines, json.loads("\n".join(found["json"])), self.place, filled)

    def do_status(self, step):
        self.look(step, ["--status"])

    def do_summary(self, step):
        self.look(step, ["--summary", "--all", "--day", step.rest])

    def do_reported(self, step):
        self.complaints += self.ledger.check_reported(step, self.place(step.number))

    def do_files(self, step):
        folder, *names = step.words
        found = sorted(path.name for path in (self.folder / folder).iterdir())
        if found != sorted(names):
            self.complaints.append(f"{self.place(step.number)}: files {' '.join(found)}")
