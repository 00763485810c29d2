"""A name server on loopback for TXT, A and AAAA, whose zone a story changes as it goes."""

import ipaddress
import socket
import socketserver
import struct
import threading

PORT = 5300
TYPES = {"A": 1, "TXT": 16, "AAAA": 28}
NXDOMAIN, SERVFAIL, NO_ERROR = 3, 2, 0
WORDS = ("none", "servfail", "silent")
LARGEST_OVER_UDP = 1232  # What resolvers allow by EDNS nowadays.


def read_question(query):
    """(name in lower case, type, end of the question) of a query."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack_from("!H", query, at + 1)[0], at + 5


def record_data(kind, text):
    if kind != "TXT":
        return ipaddress.ip_address(text).packed
    octets = text.encode("utf-8")
    parts = [octets[at:at + 255] for at in range(0, max(1, len(octets)), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts)


class Zone:
    """What is published. Used by the threads of the server and by the story."""

    def __init__(self):
        self.lock = threading.Lock()
        self.records = {}   # (name, type) -> [text]
        self.answers = {}   # name or "*" -> servfail, silent
        self.asked = set()  # Names whose TXT record was asked for.

    def add(self, name, kind, text):
        record_data(kind, text)  # Raises ValueError where it is no address.
        with self.lock:
            self.answers.pop(name.lower(), None)
            self.records.setdefault((name.lower(), kind), []).append(text)

    def say(self, name, word):
        """WORD of WORDS; `none` takes everything back that was said of NAME."""
        name = name.lower()
        with self.lock:
            self.answers.pop(name, None)
            if word != "none":
                self.answers[name] = word
            elif name != "*":
                for key in [key for key in self.records if key[0] == name]:
                    del self.records[key]

    def take_asked(self):
        with self.lock:
            asked, self.asked = self.asked, set()
            return asked

    def answer(self, query, limit):
        """The answer of at most LIMIT octets (else truncated), None for silence."""
        name, number, end = read_question(query)
        kind = {value: key for key, value in TYPES.items()}.get(number)
        with self.lock:
            if kind == "TXT":
                self.asked.add(name)
            word = self.answers.get("*") or self.answers.get(name)
            texts = list(self.records.get((name, kind), ()))
            is_known = any(key[0] == name for key in self.records)
        if word == "silent":
            return None
        code = SERVFAIL if word else NO_ERROR if is_known else NXDOMAIN
        if word:
            texts = []
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", TYPES[kind], 1, 60, len(data)) + data
                        for data in (record_data(kind, text) for text in texts))
        is_cut = end + len(body) > limit
        flags = 0x8180 | code | (0x0200 if is_cut else 0)
        header = query[:2] + struct.pack("!HHHHH", flags, 1, 0 if is_cut else len(texts), 0, 0)
        return header + query[12:end] + (b"" if is_cut else body)


class UdpHandler(socketserver.BaseRequestHandler):
    def handle(self):
        answer = self.server.zone.answer(self.request[0], LARGEST_OVER_UDP)
        if answer:
            self.request[1].sendto(answer, self.client_address)


class TcpHandler(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            length = self.rfile.read(2)
            if len(length) < 2:
                return
            answer = self.server.zone.answer(
                self.rfile.read(struct.unpack("!H", length)[0]), 65535)
            if answer:
                self.wfile.write(struct.pack("!H", len(answer)) + answer)


class UdpServer(socketserver.ThreadingUDPServer):
    daemon_threads = True
    max_packet_size = 4096


class TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = socket.SOMAXCONN


def servers(zone, address):
    """Serve ZONE at ADDRESS; not started yet."""
    both = UdpServer((address, PORT), UdpHandler), TcpServer((address, PORT), TcpHandler)
    for server in both:
        server.zone = zone
    return both
