"""MX hosts that behave well or badly, each exactly as told, and write down what they saw.

Every TCP session ends as one record in `Truth` and as one JSON line in its file. The records are
what the programs' counts are held against; nothing here reads a log.
"""

import dataclasses
import itertools
import json
import socket
import ssl
import threading
import time

# Nothing in the suite takes longer; a stuck session must not stop the suite from ending.
SESSION_TIMEOUT = 20.0
LONGEST_LINE = 64 * 1024


@dataclasses.dataclass
class Mx:
    """One MX host: where it listens and how it behaves.

    starttls: offered (and works) | none | refuse (454) | drop | reset | garbage | alert
    greeting: the whole greeting as bytes; b"" means hanging up without one
    certificate: good | self-signed | expired | wrong-host | hostile-issuer
    replies: whole replies as bytes to MAIL, RCPT, DATA-END, STARTTLS, EHLO or EHLO-TLS
    hang_up_at: MAIL, RCPT, DATA or EHLO-TLS: where the server closes the connection
    newest_tls: with 1.2, sessions that failed are resumed, too
    """

    name: str
    address: str = ""
    starttls: str = "offered"
    greeting: bytes = None
    certificate: str = "good"
    replies: dict = dataclasses.field(default_factory=dict)
    hang_up_at: str = None
    newest_tls: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED


@dataclasses.dataclass
class Session:
    """What one TCP session was, as the server saw it."""

    number: int
    mx: str
    address: str
    peer: str
    opened: float
    closed: float = 0.0
    ehlo_answered: bool = False
    starttls_offered: bool = False
    starttls_reply: str = None
    tls: str = None
    tls_version: str = None
    resumed: bool = False
    commands: list = dataclasses.field(default_factory=list)
    senders: list = dataclasses.field(default_factory=list)
    recipients: list = dataclasses.field(default_factory=list)
    messages: list = dataclasses.field(default_factory=list)
    ended: str = ""


class Truth:
    """All sessions that have ended, of all servers; thread-safe."""

    def __init__(self, path):
        self._lock = threading.Lock()
        self._file = open(path, "a", encoding="utf-8")
        self._numbers = itertools.count(1)
        self._open = 0
        self._sessions = []

    def begin(self, mx, peer):
        with self._lock:
            self._open += 1
            return Session(next(self._numbers), mx.name, mx.address, peer, time.time())

    def end(self, session):
        session.closed = time.time()
        record = dict(dataclasses.asdict(session), messages=len(session.messages))
        with self._lock:
            self._open -= 1
            self._sessions.append(session)
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()

    def quiet(self):
        """Whether no session is under way."""
        with self._lock:
            return self._open == 0

    def sessions(self, after=0):
        """The sessions so far with a number above `after`, in the order of their beginning."""
        with self._lock:
            chosen = [session for session in self._sessions if session.number > after]
        return sorted(chosen, key=lambda session: session.number)

    def last_number(self):
        with self._lock:
            return max((session.number for session in self._sessions), default=0)

    def close(self):
        self._file.close()


class Finished(Exception):
    """The session is over; the text says who ended it."""


class Connection:
    """Lines over a socket that may change to TLS."""

    def __init__(self, link):
        self.link = link
        self.pending = b""

    def read_line(self):
        while b"\n" not in self.pending:
            if len(self.pending) > LONGEST_LINE:
                raise Finished("client sent too long a line")
            self._receive()
        line, self.pending = self.pending.split(b"\n", 1)
        return line.rstrip(b"\r")

    def read_message(self):
        """The message up to the lone dot, dots unstuffed."""
        lines = []
        while (line := self.read_line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"\r\n".join(lines) + b"\r\n"

    def _receive(self):
        data = self.link.recv(65536)
        if not data:
            raise Finished("client closed")
        self.pending += data

    def write(self, data):
        self.link.sendall(data)

    def start_tls(self, context):
        self.pending = b""
        self.link = context.wrap_socket(self.link, server_side=True)
        return self.link

    def close(self):
        try:
            self.link.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.link.close()


class Dialogue:
    """One SMTP session of a server, from greeting to end."""

    def __init__(self, mx, connection, session, context):
        self.mx = mx
        self.connection = connection
        self.session = session
        self.context = context
        self.encrypted = False

    def run(self):
        greeting = self.mx.greeting
        if greeting is None:
            greeting = f"220 {self.mx.name} ESMTP\r\n".encode()
        self.connection.write(greeting)
        if not greeting.startswith(b"220") and not greeting.startswith(b"554"):
            raise Finished("server hung up instead of greeting")
        handlers = {
            b"EHLO": self.ehlo, b"STARTTLS": self.starttls, b"MAIL": self.mail,
            b"RCPT": self.rcpt, b"DATA": self.data, b"QUIT": self.quit,
        }
        while True:
            line = self.connection.read_line()
            verb = line.split(b" ", 1)[0].split(b":", 1)[0].upper()
            self.session.commands.append(verb.decode("latin-1"))
            handlers.get(verb, self.other)(line)

    def say(self, what, usual):
        """Sends the reply the host was told to send at this point, or else the usual one."""
        if self.mx.hang_up_at == what:
            raise Finished(f"server hung up at {what}")
        reply = self.mx.replies.get(what, usual)
        self.connection.write(reply)
        return reply[:3].decode("latin-1")

    def ehlo(self, _):
        lines = [self.mx.name, "PIPELINING", "8BITMIME", "SMTPUTF8"]
        if self.mx.starttls != "none" and not self.encrypted:
            lines.append("STARTTLS")
            self.session.starttls_offered = True
        reply = "".join(f"250-{line}\r\n" for line in lines) + "250 ENHANCEDSTATUSCODES\r\n"
        if self.say("EHLO-TLS" if self.encrypted else "EHLO", reply.encode()) == "250":
            self.session.ehlo_answered = True

    def starttls(self, _):
        kind = self.mx.starttls
        usual = b"220 2.0.0 Ready\r\n"
        if kind == "refuse":
            usual = b"454 4.7.0 TLS not available\r\n"
        self.session.starttls_reply = self.say("STARTTLS", usual)
        if self.session.starttls_reply != "220":
            return
        self.session.tls = "failed"
        if kind == "drop":
            raise Finished("server dropped after 220")
        if kind == "reset":
            linger = (1).to_bytes(4, "little") + bytes(4)
            self.connection.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.link.close()
            raise Finished("server reset after 220")
        if kind in ("garbage", "alert"):
            self.connection.link.recv(65536)
            fatal_internal_error = bytes([21, 3, 3, 0, 2, 2, 80])
            text = b"500 5.5.1 this is no TLS\r\n"
            self.connection.write(fatal_internal_error if kind == "alert" else text)
            raise Finished(f"server answered with {kind}")
        link = self.connection.start_tls(self.context)
        self.encrypted = True
        self.session.tls = "ok"
        self.session.tls_version = link.version()
        self.session.resumed = bool(link.session_reused)

    def mail(self, line):
        self.session.senders.append(address_in(line))
        self.say("MAIL", b"250 2.1.0 Ok\r\n")

    def rcpt(self, line):
        self.session.recipients.append(
            [address_in(line), self.say("RCPT", b"250 2.1.5 Ok\r\n")])

    def data(self, _):
        if self.mx.hang_up_at == "DATA":
            raise Finished("server hung up at DATA")
        if not any(code.startswith("2") for _, code in self.session.recipients):
            self.connection.write(b"554 5.5.1 no valid recipients\r\n")
            return
        self.connection.write(b"354 Go ahead\r\n")
        message = self.connection.read_message()
        if self.say("DATA-END", b"250 2.0.0 Ok: queued\r\n").startswith("2"):
            self.session.messages.append(message)

    def quit(self, _):
        self.connection.write(b"221 2.0.0 Bye\r\n")
        raise Finished("quit")

    def other(self, _):
        self.connection.write(b"250 2.0.0 Ok\r\n")


def address_in(line):
    """The address of a MAIL or RCPT command."""
    text = line.decode("utf-8", "surrogateescape")
    inside = text[text.index("<") + 1:]
    return inside.rsplit(">", 1)[0]


def tls_context(certificate, newest_tls):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = newest_tls
    context.load_cert_chain(certificate.chain)
    return context


class MxServer:
    """Listens at the address of `mx`, port 25, a thread for each session."""

    def __init__(self, mx, certificate, truth):
        self.mx = mx
        self.truth = truth
        self.context = tls_context(certificate, mx.newest_tls)
        self.listener = socket.create_server((mx.address, 25), backlog=64)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                link, peer = self.listener.accept()
            except OSError:
                return
            session = self.truth.begin(self.mx, peer[0])
            threading.Thread(target=self._serve, args=(link, session), daemon=True).start()

    def _serve(self, link, session):
        link.settimeout(SESSION_TIMEOUT)
        connection = Connection(link)
        try:
            Dialogue(self.mx, connection, session, self.context).run()
        except Finished as reason:
            session.ended = str(reason)
        except OSError as error:  # includes ssl.SSLError
            session.ended = f"failed: {error}"
        finally:
            connection.close()
            self.truth.end(session)

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.thread.join(5)
