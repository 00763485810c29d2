"""Does the milter beside a real Postfix learn what passes, and never get in anybody's way?

Postfix's smtpd(8) and cleanup(8) are chrooted as Debian has them, and reach the daemon, which gave
up root, by a socket in the queue directory. The first site's daemon follows the log. The second
one's log is copied to it later and has no line of cleanup(8), so that only the milter can tell; it
also serves a second instance of Postfix, whose log it gets in the same way.
"""

import datetime
import grp
import os
import pwd
import re
import signal
import smtplib
import socket
import stat
import sys
import threading
import time
import unittest

import counts
import postfix_instance
import programs
import scenario
import stage
from processes import wait_until

STAGE = None
SECOND = None
FOLLOWING = None
MILTER_ONLY = None
DAEMON = None
DAY = None
USER = "nobody"
SEEN = {}
# The daemon commits once a second; the rest is for a busy machine and sanitizers.
COMMITTED_WITHIN = 15
SECOND_PLACE = postfix_instance.Place(address="127.25.0.28")
SECOND_NAMES = postfix_instance.NAMES + "syslog_name = postfix-two\n"
OF_SECOND = ("second.test", "second-known.test")
TOKEN = "0123456789abcdef0123456789abcdef"


def setUpModule():
    global STAGE, SECOND, FOLLOWING, MILTER_ONLY, DAY
    stage.stay_within_one_day()
    stage.limit_run_time(240)
    domains = [scenario.one(name) for name in (
        "smtp.test", "sendmail.test", "burst.test", "aborts.test", "forged.test", "headers.test",
        "known.test", "without.test", "again.test", "parallel.test", *OF_SECOND)]
    STAGE = stage.Stage(domains, milters={"following": "unix:tlsrpt/milter.sock",
                                          "milter-only": "inet:127.25.0.27:8891"})
    unittest.addModuleCleanup(STAGE.close)
    STAGE.__enter__()
    SECOND = postfix_instance.Postfix(
        STAGE.folder / "second", STAGE.ca_file, "", stage.TIME_ZONE, ["inet:127.25.0.27:8891"],
        SECOND_PLACE, SECOND_NAMES)
    STAGE.running.append(SECOND)
    DAY = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    FOLLOWING = programs.Site(
        STAGE, "following", user=USER,
        milter_socket=f"unix:{STAGE.postfix.folder}/queue/tlsrpt/milter.sock")
    MILTER_ONLY = programs.Site(
        STAGE, "milter-only", milter_socket="inet:8891@127.25.0.27", postfix_config="none",
        syslog_name="postfix postfix-two",
        log_source=f"file:{STAGE.folder}/copied.log")
    run_the_day()


def run_the_day():
    global DAEMON
    DAEMON = start(FOLLOWING)
    other = start(MILTER_ONLY)
    began = len(STAGE.postfix.log_text())
    SEEN["socket"] = os.stat(socket_path())
    SEEN["folder"] = os.stat(os.path.dirname(socket_path()))
    STAGE.postfix.submit(scenario.SENDER, ["user@smtp.test"])
    STAGE.postfix.send_by_command(scenario.SENDER, ["user@sendmail.test"])
    many_messages_in_one_session("burst.test", 20)
    aborts_at_each_stage("aborts.test")
    STAGE.postfix.submit(scenario.SENDER, ["user@aborts.test"])
    parallel_clients("parallel.test", clients=8, messages=5)
    second_instance()
    STAGE.settle()
    reports()
    STAGE.settle()
    # What the milter alone knows is durable a second later.
    wait_until(lambda: "headers.test" in domains_of(FOLLOWING), "a commit", COMMITTED_WITHIN)
    SEEN["running"] = [(began, len(STAGE.postfix.log_text()))]
    SEEN["killed"] = without_daemon("without.test")
    DAEMON = start(FOLLOWING)
    began = len(STAGE.postfix.log_text())
    STAGE.postfix.submit(scenario.SENDER, ["user@again.test"])
    STAGE.settle()
    SEEN["running"].append((began, len(STAGE.postfix.log_text())))
    copy_log_without_cleanup()
    for site in (FOLLOWING, MILTER_ONLY):
        wait_until(lambda: "again.test" in domains_of(site), "counts", COMMITTED_WITHIN)
    SEEN["stopped within"] = stop(DAEMON)
    SEEN["other stopped"] = stop(other)
    SEEN["summary"] = FOLLOWING.summary(DAY)
    SEEN["milter summary"] = MILTER_ONLY.summary(DAY)


def socket_path():
    return f"{STAGE.postfix.folder}/queue/tlsrpt/milter.sock"


def start(site):
    before = daemon_words(site).count("milter listens on")
    daemon = site.start_daemon("-v")
    STAGE.running.append(daemon)
    daemon.wait_until(lambda: daemon.output().count("milter listens on") > before, "the milter")
    return daemon


def daemon_words(site):
    return site.daemon_log.read_text() if site.daemon_log.exists() else ""


def stop(daemon):
    """(exit status, seconds) of a stop that was asked for."""
    begin = time.monotonic()
    status = daemon.stop()
    return status, time.monotonic() - begin


def domains_of(site):
    return {entry["domain"]: entry for entry in site.summary(DAY)["domains"]}


def many_messages_in_one_session(domain, number):
    with smtplib.SMTP(postfix_instance.ADDRESS, postfix_instance.PORT, timeout=30) as client:
        for count in range(number):
            client.sendmail(scenario.SENDER, [f"user{count}@{domain}"], text_of(f"burst {count}"))


def parallel_clients(domain, clients, messages):
    threads = [threading.Thread(target=many_messages_in_one_session, args=(domain, messages))
               for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def text_of(subject, *headers):
    lines = [f"From: <{scenario.SENDER}>", "To: undisclosed-recipients:;", f"Subject: {subject}",
             *headers, "", "A body.", ""]
    return "\r\n".join(lines)


def aborts_at_each_stage(domain):
    """Clients that go away after each command, that reset, and that stop within the message."""
    commands = [f"MAIL FROM:<{scenario.SENDER}>", f"RCPT TO:<user@{domain}>", "DATA",
                "Subject: cut off\r\nMessage-ID: <x@sender.test>", "\r\nhalf a body"]
    for length in range(len(commands) + 1):
        for last in (None, "RSET", "QUIT"):
            with socket.create_connection(
                    (postfix_instance.ADDRESS, postfix_instance.PORT), timeout=30) as link:
                stream = link.makefile("rb")
                stream.readline()
                say(link, stream, "HELO client.sender.test")
                for command in commands[:length]:
                    in_message = command is commands[3] or command is commands[4]
                    say(link, None if in_message else stream, command)
                if last and length < 3:
                    say(link, stream, last)


def say(link, stream, command):
    link.sendall(command.encode() + b"\r\n")
    if stream is not None:
        stream.readline()


def report_headers(domain):
    return [f"TLS-Report-Domain: {domain}", "TLS-Report-Submitter: sender.test"]


def reports():
    """A report of another store that is ours, and two kinds of mail that only look like one."""
    own_id = f"Message-ID: <tlsrpt.20261122.x.test.1.0.{TOKEN}@sender.test>"
    STAGE.postfix.submit("mallory@elsewhere.test", ["user@forged.test"],
                         [own_id, *report_headers("forged.test")])
    # The sender is listed, the shape is right, but no report has no header of a report.
    STAGE.postfix.submit(scenario.REPORTS_FROM, ["user@headers.test"], [own_id])
    STAGE.postfix.send_by_command(scenario.REPORTS_FROM, ["user@known.test"],
                                  [own_id, *report_headers("known.test")])


def second_instance():
    """Ordinary mail and a report of ours, by both ways into the other Postfix."""
    ordinary, known = OF_SECOND
    SEEN["second"] = len(SECOND.log_text())
    SECOND.submit(scenario.SENDER, [f"user@{ordinary}"])
    SECOND.send_by_command(
        scenario.REPORTS_FROM, [f"user@{known}"],
        [f"Message-ID: <tlsrpt.20261122.y.test.1.0.{TOKEN}@sender.test>", *report_headers(known)])
    SECOND.wait_until_delivered()


def without_daemon(domain):
    """What Postfix does while the daemon is killed; it leaves its socket behind."""
    DAEMON.signal(signal.SIGKILL)
    DAEMON.process.wait(10)
    left = os.path.exists(socket_path())
    STAGE.postfix.submit(scenario.SENDER, [f"user@{domain}"])
    STAGE.settle()
    return left


def copy_log_without_cleanup():
    lines = (STAGE.postfix.log_text() + SECOND.log_text()).splitlines(keepends=True)
    with open(STAGE.folder / "copied.log", "w", encoding="utf-8") as copy:
        copy.writelines(line for line in lines if "/cleanup[" not in line)


class Socket(unittest.TestCase):
    def test_it_belongs_to_our_user_and_to_the_group_of_postfix(self):
        for kind, mode in (("socket", 0o660), ("folder", 0o2750)):
            with self.subTest(kind):
                found = SEEN[kind]
                self.assertEqual(pwd.getpwuid(found.st_uid).pw_name, USER)
                self.assertEqual(grp.getgrgid(found.st_gid).gr_name, "postfix")
                self.assertEqual(stat.S_IMODE(found.st_mode), mode)

    def test_a_killed_daemon_leaves_one_that_the_next_replaces(self):
        self.assertTrue(SEEN["killed"])
        self.assertFalse(os.path.exists(socket_path()), "the last daemon has stopped")

    def test_postfix_never_complains_while_the_daemon_runs(self):
        self.assertNotIn("ilter", SECOND.log_text()[SEEN["second"]:])
        for begin, end in SEEN["running"]:
            complaints = [line for line in STAGE.postfix.log_text()[begin:end].splitlines()
                          if "ilter" in line]
            self.assertEqual(complaints, [])


class NobodyIsHindered(unittest.TestCase):
    def messages_to(self, domain):
        return [message for session in STAGE.truth.sessions() if session.mx == f"mx.{domain}"
                for message in session.messages]

    def test_every_message_arrives_whatever_the_milter_does(self):
        for domain, number in (("smtp.test", 1), ("sendmail.test", 1), ("burst.test", 20),
                               ("aborts.test", 1), ("parallel.test", 40), ("forged.test", 1),
                               ("headers.test", 1), ("known.test", 1), ("without.test", 1),
                               ("again.test", 1), ("second.test", 1), ("second-known.test", 1)):
            with self.subTest(domain):
                self.assertEqual(len(self.messages_to(domain)), number)

    def test_messages_are_not_changed(self):
        with_milter, = self.messages_to("again.test")
        without, = self.messages_to("without.test")

        def comparable(message):
            text = message.decode().replace("without.test", "again.test")
            text = re.sub(r"(?m)^Message-Id: .*$|with ESMTP id \S+|\w{3}, \d.*$", "X", text)
            return text
        self.assertEqual(comparable(with_milter), comparable(without))
        self.assertIn("A message.\r\n", with_milter.decode())

    def test_stop_takes_less_than_a_second_and_commits_all(self):
        for key in ("stopped within", "other stopped"):
            status, seconds = SEEN[key]
            self.assertEqual(status, 0)
            self.assertLess(seconds, 1.0 + sanitizer_time())


def sanitizer_time():
    """Leak detection at the end takes its time on a busy machine."""
    return 2.0


class Counting(unittest.TestCase):
    def test_counts_are_what_the_servers_saw_but_for_our_report(self):
        for key in ("summary", "milter summary"):
            with self.subTest(key):
                expected = counts.expected(STAGE.domains, STAGE.truth.sessions())
                expected.pop("known.test")
                # The first site knows nothing of the second instance.
                for domain in OF_SECOND if key == "summary" else OF_SECOND[1:]:
                    expected.pop(domain)
                self.assertEqual(counts.difference(expected, counts.observed(SEEN[key])), "")

    def test_report_is_exempt_by_log_and_milter_and_by_the_milter_alone(self):
        # The second instance had one more.
        for key, reports_seen in (("summary", 1), ("milter summary", 2)):
            with self.subTest(key):
                self.assertEqual(SEEN[key]["ignored"].get("report-mail"), reports_seen)

    def test_mail_that_only_looks_like_a_report_is_counted_and_told_once(self):
        for key in ("summary", "milter summary"):
            with self.subTest(key):
                self.assertEqual(SEEN[key]["ignored"].get("report-mail-untrusted"), 2)

    def test_status_tells_of_mail_that_only_looks_like_a_report(self):
        words = FOLLOWING.run("tlsrpt-reporter", "--status").stdout
        self.assertRegex(words, r"report-mail-untrusted\D+2\b")


if __name__ == "__main__":
    stage.skip_unless_possible()
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
