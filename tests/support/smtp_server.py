#!/usr/bin/env python3
"""A real SMTP server that behaves as scripted, and writes down what it heard.

Prints its port on 127.0.0.1 and serves until it is killed or its standard input ends. In DIR it
writes `log` (one line an event: session number, space, event) and the messages it accepted as
`message.N`, byte by byte as they were sent between DATA's 354 and the lone dot, dots unstuffed.

--reply STAGE=TEXT   answers TEXT (`\\n` separates lines) at STAGE instead of what is usual; STAGE
                     is greeting, EHLO, HELO, STARTTLS, MAIL, RCPT, DATA or message; a stage
                     followed by `#N` means its Nth time in the server's life only
--drop STAGE         closes the connection at STAGE (`#N` as above); stage `handshake` closes
                     instead of shaking hands, `body` in the middle of the message
--hang STAGE         never answers at STAGE
--starttls CERT,KEY  offers STARTTLS with that certificate
--client-ca FILE     wants a certificate of the client that FILE vouches for
--auth USER:PASSWORD offers AUTH behind STARTTLS and takes mail from that user only, by
                     --mechanisms "PLAIN LOGIN"
--offer KEYWORD      offers that with EHLO, too
--port N             listens there instead of at a port that is free
--idle-close N       closes each connection after its Nth message (without a word)
"""

import argparse
import base64
import pathlib
import socket
import ssl
import sys
import threading

LONGEST_LINE = 1 << 20


class Closed(Exception):
    """The connection is over."""


class Server:
    """What the sessions share: the script, the log, counters."""

    def __init__(self, options):
        self.options = options
        self.directory = pathlib.Path(options.directory)
        self.replies = dict(item.split("=", 1) for item in options.reply)
        self.lock = threading.Lock()
        self.log_file = open(self.directory / "log", "a", encoding="utf-8", newline="\n")
        self.seen = {}
        self.messages = 0
        self.context = None
        if options.starttls:
            certificate, key = options.starttls.split(",")
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate, key)
            if options.client_ca:
                self.context.load_verify_locations(options.client_ca)
                self.context.verify_mode = ssl.CERT_REQUIRED

    def log(self, session, event):
        with self.lock:
            self.log_file.write(f"{session} {event}\n")
            self.log_file.flush()

    def arrive(self, stage):
        """Counts STAGE; the keys under which the script may speak of this time."""
        with self.lock:
            self.seen[stage] = self.seen.get(stage, 0) + 1
            return f"{stage}#{self.seen[stage]}", stage

    def keep(self, message):
        with self.lock:
            self.messages += 1
            number = self.messages
        temporary = self.directory / f".message.{number}"
        temporary.write_bytes(message)
        temporary.rename(self.directory / f"message.{number}")


class Session:
    """One connection."""

    def __init__(self, server, number, link):
        self.server = server
        self.number = number
        self.link = link
        self.pending = b""
        self.encrypted = False
        self.known = not server.options.auth
        self.accepted = 0

    def run(self):
        self.server.log(self.number, "connected")
        try:
            self.serve()
        except (Closed, OSError, ssl.SSLError) as end:
            self.server.log(self.number, f"closed {type(end).__name__}")
        finally:
            self.link.close()

    def receive(self):
        data = self.link.recv(65536)
        if not data:
            raise Closed
        self.pending += data

    def line(self):
        while b"\r\n" not in self.pending:
            if len(self.pending) > LONGEST_LINE:
                raise Closed
            self.receive()
        line, self.pending = self.pending.split(b"\r\n", 1)
        return line

    def answer(self, stage, usual, before_success=lambda: None):
        """Answers as scripted; the code."""
        keys = self.server.arrive(stage)
        if any(key in self.server.options.drop for key in keys):
            raise Closed
        if any(key in self.server.options.hang for key in keys):
            while True:
                self.receive()
        scripted = (self.server.replies[key] for key in keys if key in self.server.replies)
        reply = next(scripted, usual)
        lines = reply.split("\\n")
        code = lines[-1][:3]
        if code.startswith("2"):
            before_success()
        wire = "".join(f"{line}\r\n" for line in lines)
        self.link.sendall(wire.encode("latin-1"))
        return code

    def serve(self):
        self.answer("greeting", "220 test.example ESMTP")
        while True:
            line = self.line()
            self.server.log(self.number, "C " + line.decode("utf-8", "replace"))
            verb = line.split(b" ")[0].upper().decode("latin-1")
            if verb == "EHLO":
                offers = ["250-test.example", "250-SIZE 10000000"]
                if self.server.context and not self.encrypted:
                    offers.append("250-STARTTLS")
                if self.server.options.auth and self.encrypted:
                    offers.append("250-AUTH " + self.server.options.mechanisms)
                offers += [f"250-{offer}" for offer in self.server.options.offer]
                self.answer("EHLO", "\\n".join(offers + ["250 8BITMIME"]))
            elif verb == "STARTTLS":
                self.start_tls()
            elif verb == "AUTH":
                self.authenticate(line.split(b" "))
            elif verb == "MAIL" and not self.known:
                self.link.sendall(b"530 5.7.0 who are you?\r\n")
            elif verb == "DATA":
                self.data()
            elif verb == "QUIT":
                self.link.sendall(b"221 bye\r\n")
                raise Closed
            elif verb in ("HELO", "MAIL", "RCPT", "RSET", "NOOP"):
                self.answer(verb, "250 ok")
            else:
                self.link.sendall(b"502 what?\r\n")

    def start_tls(self):
        if self.answer("STARTTLS", "220 go ahead") != "220":
            return
        keys = self.server.arrive("handshake")
        if any(key in self.server.options.drop for key in keys):
            raise Closed
        self.pending = b""
        self.link = self.server.context.wrap_socket(self.link, server_side=True)
        self.encrypted = True
        self.server.log(self.number, "TLS " + self.link.version())

    def authenticate(self, words):
        """RFC 4954, with PLAIN (RFC 4616) or LOGIN."""

        def ask(what):
            self.link.sendall(b"334 " + base64.b64encode(what) + b"\r\n")
            return base64.b64decode(self.line())

        if words[1].upper() == b"PLAIN":
            given = (base64.b64decode(words[2]) if len(words) > 2 else ask(b"")).split(b"\0")[1:]
        else:
            user = base64.b64decode(words[2]) if len(words) > 2 else ask(b"Username:")
            given = [user, ask(b"Password:")]
        self.known = b":".join(given).decode("latin-1") == self.server.options.auth
        self.link.sendall(b"235 welcome\r\n" if self.known else b"535 5.7.8 no\r\n")

    def data(self):
        if self.answer("DATA", "354 go ahead") != "354":
            return
        if "body" in self.server.options.drop:
            self.receive()
            raise Closed
        lines = []
        while (line := self.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        message = b"".join(line + b"\r\n" for line in lines)
        accept = lambda: self.server.keep(message)  # Before the client knows that we have it.
        if self.answer("message", "250 queued", accept).startswith("2"):
            self.accepted += 1
        if self.server.options.idle_close and self.accepted >= self.server.options.idle_close:
            raise Closed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory")
    parser.add_argument("--reply", action="append", default=[])
    parser.add_argument("--drop", action="append", default=[])
    parser.add_argument("--hang", action="append", default=[])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--starttls")
    parser.add_argument("--client-ca")
    parser.add_argument("--auth")
    parser.add_argument("--mechanisms", default="PLAIN LOGIN")
    parser.add_argument("--offer", action="append", default=[])
    parser.add_argument("--idle-close", type=int, default=0)
    server = Server(parser.parse_args())
    listener = socket.create_server(("127.0.0.1", server.options.port))
    print(listener.getsockname()[1], flush=True)

    def accept():
        number = 0
        while True:
            link, _ = listener.accept()
            number += 1
            threading.Thread(
                target=Session(server, number, link).run, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
