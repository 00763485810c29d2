"""The receivers of reports: an HTTPS server and an SMTP server on loopback that behave as told.

A reply of an https receiver is a status (201, 503, ...), `hang` (never answers), `reset` (breaks
the connection in mid-body) or `drop` (takes the report and closes without a word). Of a mail
receiver it is an SMTP code at RCPT, `data=CODE` after the message, `hang`, `drop` or `exit=STATUS`
(what the program `$DIR/sendmail` of the story exits with). Behind it: `retry-after=SECONDS` or
`retry-after=INSTANT`; `clock=+30d`: the clock jumps while it answers; `lock=8s`: from then on
somebody keeps the store locked for that time. `then` separates replies; the last one lasts.
Whoever was not told takes everything: 201 and 250.
"""

import email.utils
import http.server
import pathlib
import re
import socketserver
import ssl
import struct
import socket
import sys
import threading

import instants
import received

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
import certificates  # noqa: E402  (the folder above is where it lives)

HTTPS_PORT = 8443
SMTP_PORT = 2525
HANG_S = 120  # Longer than any story takes.
URI = re.compile(r"https://([^/:]+|\[[^\]]+\])(:\d+)?(/.*)?")
CERTIFICATES = ("expired", "wrong-name", "stranger")
MODIFIERS = ("retry-after", "clock", "lock")
SENDMAIL = """#!/bin/sh
# As sendmail(1): keeps the message, exits as the story says.
dir='{folder}'
number=$(mktemp -d "$dir/spool/XXXXXXXX")
printf '%s\\n%s\\n' "$3" "$5" >"$number/envelope"
cat >"$number/message"
status=0
if [ -f "$dir/exit/$5" ]; then
  status=$(head -n 1 "$dir/exit/$5")
  if [ "$(wc -l <"$dir/exit/$5")" -gt 1 ]; then sed -i 1d "$dir/exit/$5"; fi
fi
echo "$status" >"$number/status"
mv "$number" "$number.done"
[ "$status" -eq 0 ] || echo "no luck today" >&2
exit "$status"
"""


class Reply:
    def __init__(self, text):
        words = text.split()
        self.what = words[0]
        self.more = dict(word.split("=", 1) for word in words[1:])
        is_mail = re.fullmatch(r"\d{3}|data=\d{3}|hang|drop|reset|exit=\d+", self.what)
        if not is_mail or any(key not in MODIFIERS for key in self.more):
            raise ValueError(f"no reply: `{text}`")


def read_replies(text):
    return [Reply(part.strip()) for part in re.split(r"\bthen\b", text)]


class Receivers:
    """All receivers of a story. `hangs` is set while one of them keeps our program waiting."""

    def __init__(self, folder, address, move_clock, lock_store, now):
        self.folder = pathlib.Path(folder)
        self.address = address
        self.move_clock = move_clock
        self.lock_store = lock_store
        self.now = now
        self.guard = threading.Lock()
        self.replies = {}
        self.arrived = []
        self.faults = []
        self.hangs = threading.Event()
        for name in ("spool", "exit"):
            (self.folder / name).mkdir()
        sendmail = self.folder / "sendmail"
        sendmail.write_text(SENDMAIL.format(folder=self.folder), encoding="utf-8")
        sendmail.chmod(0o755)

    def tell(self, who, text):
        """Receiver WHO replies as TEXT says, from now on."""
        replies = read_replies(text)
        with self.guard:
            self.replies[who] = replies
        statuses = [reply.what[5:] for reply in replies if reply.what.startswith("exit=")]
        if statuses:
            path = self.folder / "exit" / who
            path.write_text("".join(f"{status}\n" for status in statuses), encoding="utf-8")

    def next_reply(self, who, usual):
        with self.guard:
            replies = self.replies.get(who)
            if replies is None:
                return Reply(usual)
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if "clock" in reply.more:
            self.move_clock(reply.more["clock"])
        if "lock" in reply.more:
            self.lock_store(reply.more["lock"])
        if reply.what == "hang":
            self.hangs.set()
        return reply

    def keep(self, make, *arguments):
        try:
            arrival = make(*arguments)
        except (received.Malformed, LookupError, TypeError) as error:
            with self.guard:
                self.faults.append(f"{arguments[0]}: {error}")
            return
        with self.guard:
            self.arrived.append(arrival)

    def take(self):
        """What has arrived since the last call; raises received.Malformed."""
        for place in sorted(self.folder.glob("spool/*.done")):
            sender, recipient = (place / "envelope").read_text().split()
            status = (place / "status").read_text().strip()
            message = (place / "message").read_bytes().replace(b"\n", b"\r\n")
            self.keep(received.mail, sender, recipient, message, status, status == "0")
            place.rename(place.with_suffix(".taken"))
        with self.guard:
            arrived, self.arrived = self.arrived, []
            if self.faults:
                raise received.Malformed("; ".join(self.faults))
        return arrived

    def https_server(self, hosts, odd):
        """An HTTPS server for HOSTS, not started yet, and the path of its CA certificate.

        ODD: host -> which of CERTIFICATES it has instead of one that is in order.
        """
        authority = certificates.Authority(self.folder / "ca", "Scenarios", "Test CA")
        contexts = {host: tls_context(odd_certificate(authority, self.folder, host, word))
                    for host, word in odd.items()}
        context = tls_context(authority.issue("receivers", sorted(hosts)))

        def choose(connection, name, _):
            connection.said_name = name
            connection.context = contexts.get(name, context)
        context.sni_callback = choose
        server = HttpsServer((self.address, HTTPS_PORT), HttpsHandler)
        server.receivers = self
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
        return server, authority.certificate

    def smtp_server(self):
        server = SmtpServer((self.address, SMTP_PORT), SmtpHandler)
        server.receivers = self
        return server


def tls_context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain)
    return context


def odd_certificate(authority, folder, host, word):
    if word == "stranger":
        return certificates.self_signed(folder, host, host)
    name = "somebody-else.example" if word == "wrong-name" else host
    return authority.issue(host, [name], expired=word == "expired")


class HttpsServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = socket.SOMAXCONN

    def handle_error(self, request, client_address):
        """A client that hangs up or is killed is no fault of the receiver."""


class HttpsHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = HANG_S

    def do_POST(self):
        receivers = self.server.receivers
        uri = f"https://{self.headers['Host']}{self.path}"
        name = self.headers["Host"].rsplit(":", 1)[0]
        if name[-1].isalpha() and self.connection.said_name != name:
            receivers.faults.append(f"{uri}: SNI is {self.connection.said_name}")
        reply = receivers.next_reply(uri, "201")
        length = int(self.headers.get("Content-Length") or 0)
        if reply.what == "reset":
            # What was not read makes the kernel reset the connection.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if self.headers["Content-Type"] != "application/tlsrpt+gzip":
            receivers.faults.append(f"{uri}: Content-Type {self.headers['Content-Type']}")
        accepted = reply.what.startswith("2")
        receivers.keep(received.post, uri, body, reply.what, accepted)
        if reply.what == "hang":
            threading.Event().wait(HANG_S)
        if reply.what in ("hang", "drop"):
            self.close_connection = True
            return
        self.send_response(int(reply.what))
        if "retry-after" in reply.more:
            self.send_header("Retry-After", self.patience(reply.more["retry-after"]))
        if reply.what != "204":
            self.send_header("Content-Length", "0")
        self.end_headers()

    def patience(self, text):
        if text.isdigit():
            return text
        instant = instants.read_instant(text, self.server.receivers.now())
        return email.utils.formatdate(instant, usegmt=True)

    def log_message(self, *_):
        """Nothing on standard error."""


class SmtpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = socket.SOMAXCONN

    def handle_error(self, request, client_address):
        """As above."""


class SmtpHandler(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode("ascii"))

    def handle(self):
        self.say("220 receivers.example ESMTP")
        sender, recipient, reply = "", "", None
        while line := self.rfile.readline().decode("utf-8", "replace").strip():
            verb = line.split(" ")[0].upper()
            address = line.partition("<")[2].partition(">")[0]
            if verb == "MAIL":
                sender = address
                self.say("250 ok")
            elif verb == "RCPT":
                recipient = address
                reply = self.server.receivers.next_reply(address, "250")
                if not self.answer_recipient(reply):
                    return
            elif verb == "DATA":
                self.take_message(sender, recipient, reply)
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def answer_recipient(self, reply):
        """False where the connection is over."""
        if reply.what == "hang":
            threading.Event().wait(HANG_S)
        if reply.what in ("hang", "drop"):
            return False
        self.say(f"{reply.what} as told" if reply.what.isdigit() else "250 ok")
        return True

    def take_message(self, sender, recipient, reply):
        self.say("354 go ahead")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        code = reply.what[5:] if reply.what.startswith("data=") else "250"
        self.server.receivers.keep(received.mail, sender, recipient, b"".join(lines), code,
                                   code.startswith("2"))
        self.say(f"{code} as told")
