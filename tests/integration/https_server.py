"""An HTTPS server that takes reports: each POST is remembered, the path decides the answer."""

import dataclasses
import http.server
import re
import ssl
import threading

ADDRESS = "127.25.0.44"
UNTRUSTED_ADDRESS = "127.25.0.45"
PORT = 8443
LARGEST_BODY = 1 << 20


@dataclasses.dataclass
class Request:
    method: str
    host: str
    path: str
    headers: dict
    body: bytes
    status: int


class Handler(http.server.BaseHTTPRequestHandler):
    """/status/NNN answers NNN (with a Location for 3xx), all else 201."""

    protocol_version = "HTTP/1.1"
    timeout = 20

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, LARGEST_BODY))
        match = re.match(r"/status/(\d{3})", self.path)
        status = int(match.group(1)) if match else 201
        status = self.server.overrides.get(self.path, status)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(Request(
            self.command, self.headers.get("Host", ""), self.path, headers, body, status))
        self.send_response(status)
        if status // 100 == 3:
            self.send_header("Location", f"https://{self.headers.get('Host')}/redirected")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_):
        """Nothing on standard error: the requests are kept instead."""


class HttpsServer(http.server.ThreadingHTTPServer):
    """Serves from construction to stop(); `overrides` maps a path to another status."""

    daemon_threads = True

    def __init__(self, address, certificate):
        self.requests = []
        self.overrides = {}
        super().__init__((address, PORT), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def handle_error(self, request, client_address):
        """A client that does not trust our certificate hangs up; that is no fault of ours."""

    def stop(self):
        self.shutdown()
        self.server_close()
        self.thread.join(5)
