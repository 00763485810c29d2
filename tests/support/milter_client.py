"""The MTA's side of the milter protocol, version 6, byte by byte."""

import socket
import struct

# Everything that Sendmail and Postfix offer: actions, and steps that can be left out.
ALL_ACTIONS = 0x1FF
ALL_STEPS = 0x1FFFFF


def packet(command, data=b""):
    return struct.pack("!I", len(data) + 1) + command + data


def texts(*values):
    return b"".join(value.encode() + b"\0" for value in values)


class MilterClient:
    """One connection of an MTA. Use as a context manager."""

    def __init__(self, place, timeout=20):
        """`place`: a path, or (host, port)."""
        family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET
        self.link = socket.socket(family, socket.SOCK_STREAM)
        self.link.settimeout(timeout)
        self.link.connect(place)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.link.close()

    def send(self, command, data=b""):
        self.link.sendall(packet(command, data))

    def receive(self):
        """The next packet, command first; b"" at the end of the connection."""
        header = self._read(4)
        return self._read(struct.unpack("!I", header)[0]) if header else b""

    def _read(self, size):
        data = b""
        while len(data) < size:
            try:
                more = self.link.recv(size - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                return b""
            data += more
        return data

    def negotiate(self, version=6, actions=ALL_ACTIONS, steps=ALL_STEPS):
        """(version, actions, steps, rest) that the milter wants; None where it hung up."""
        self.send(b"O", struct.pack("!III", version, actions, steps))
        answer = self.receive()
        if not answer:
            return None
        assert answer[:1] == b"O", answer
        return (*struct.unpack("!III", answer[1:13]), answer[13:])

    def message(self, queue_id, sender="<x@elsewhere.test>", headers=(), end=True):
        """One message, of which only the end has a reply; what that is."""
        self.send(b"M", texts(sender))
        for name, value in headers:
            self.send(b"L", texts(name, value))
        if not end:
            return None
        self.send(b"D", b"E" + texts("i", queue_id))
        self.send(b"E")
        return self.receive()
