"""Receivers of reports, real ones on loopback, that keep what they were given.

MailReceiver is the SMTP server in smtp_server.py, PostReceiver nginx with TLS and HTTP/2, and
FolderReceiver the folder of `mail_transport = directory:`, which is no server at all. Each lists in
the end what it has accepted: (destination as in the record, report-id, every octet).
"""

import email
import email.policy
import gzip
import json
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import sys
import time

from name_server import ADDRESS, SEARCH_PATH, free_port

HERE = pathlib.Path(__file__).resolve().parent
SECONDS_TO_START = 20
SECONDS_TO_END = 60
REPORT_ID = re.compile(r"Report-ID: <([^>]*)>")


def read_message(octets):
    """(destination, report-id) of a report's message."""
    headers = email.message_from_bytes(octets, policy=email.policy.default)
    return (f"mailto:{headers['To'].addresses[0].addr_spec}",
            REPORT_ID.search(headers["Subject"]).group(1))


def document_of(octets):
    """The report that a message or a posted body carries, as Python's values."""
    if octets[:2] != b"\x1f\x8b":
        message = email.message_from_bytes(octets, policy=email.policy.default)
        octets = list(message.iter_parts())[1].get_content()
    return json.loads(gzip.decompress(octets))


class MailReceiver:
    """Serves from construction to stop(); `address` is HOST:PORT."""

    def __init__(self, folder, *arguments, port=0):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(HERE / "smtp_server.py"), str(self.folder), "--port",
             str(port), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())
        self.address = f"{ADDRESS}:{self.port}"

    def stop(self):
        self.process.stdin.close()
        self.process.wait(SECONDS_TO_END)
        self.process.stdout.close()

    def count(self):
        return len(list(self.folder.glob("message.*")))

    def accepted(self):
        found = []
        for path in self.folder.glob("message.*"):
            octets = path.read_bytes()
            found.append((*read_message(octets), octets))
        return found


class FolderReceiver:
    """The messages in FOLDER, one a file; anything else there is a fault."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()

    def stop(self):
        """Nothing runs."""

    def accepted(self):
        found = []
        for path in self.folder.iterdir():
            octets = path.read_bytes()
            found.append((*read_message(octets), octets))
        return found


NGINX_CONFIG = """
daemon off;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  log_format posts '$request_uri $status $content_length $request_body_file';
  client_body_temp_path {folder}/bodies;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 100m;
  keepalive_requests 1000000;
  server {{
    listen {address}:{port} ssl http2;
    ssl_certificate {chain};
    ssl_certificate_key {chain};
    access_log {folder}/posts.log posts;
    location / {{ {location} }}
  }}
  server {{
    listen unix:{folder}/accept.sock;
    access_log off;
    location / {{ return 201; }}
  }}
}}
"""
# nginx reads a body to its end only where somebody behind it wants to know about it.
KEEP_BODIES = """
      client_body_in_file_only on;
      proxy_pass http://unix:{folder}/accept.sock;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
"""


class PostReceiver:
    """Serves from construction to stop(), which comes before accepted() and posts().

    CHAIN is a PEM file with certificate and key. Bodies are kept, unless ALWAYS is a status: that
    is the answer then. The destination is https://HOST:port/path.
    """

    def __init__(self, folder, chain, host, port=0, always=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.port = port or free_port()
        self.base = f"https://{host}:{self.port}"
        location = KEEP_BODIES.format(folder=self.folder)
        if always:
            location = f"return {always};"
        config = self.folder / "nginx.conf"
        # Its worker reads and writes the folder, which may be nobody's but ours.
        config.write_text(NGINX_CONFIG.format(
            folder=self.folder, address=ADDRESS, chain=chain, port=self.port, location=location,
            user=pwd.getpwuid(os.geteuid()).pw_name))
        self.process = subprocess.Popen(
            [shutil.which("nginx", path=SEARCH_PATH), "-e", str(self.folder / "error.log"),
             "-p", str(self.folder), "-c", str(config)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection((ADDRESS, self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"nginx does not answer: {(self.folder / 'error.log').read_text()}")

    def cpu_seconds(self):
        """What master and worker have used so far."""
        used = 0.0
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in [str(self.process.pid), *children.read_text().split()]:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            used += (int(fields[11]) + int(fields[12])) / 100
        return used

    def stop(self):
        """It logs a request after its reply, so it ends in peace."""
        if self.process.poll() is None:
            self.process.send_signal(subprocess.signal.SIGQUIT)
            try:
                self.process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(SECONDS_TO_END)

    def posts(self):
        """(path, status, length, file with the body or "-") of each request."""
        lines = (self.folder / "posts.log").read_text().splitlines()
        return [tuple(line.split(" ", 3)) for line in lines]

    def whole_posts(self):
        """(path, file) of what came whole, whether or not the client was there to hear that."""
        return [(path, file) for path, _, length, file in self.posts()
                if length.isdigit() and file not in ("-", "")
                and pathlib.Path(file).stat().st_size == int(length)]

    def count(self):
        return len(self.whole_posts())

    def accepted(self):
        found = []
        for path, file in self.whole_posts():
            octets = pathlib.Path(file).read_bytes()
            found.append((f"{self.base}{path}", document_of(octets)["report-id"], octets))
        return found
