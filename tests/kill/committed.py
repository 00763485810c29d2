"""How far a collector has come, from its pending state in a SQLite store."""

import sqlite3


class Octets:
    """What milter/correlate/state_codec.h writes: LEB128 numbers, texts with their length."""

    def __init__(self, octets):
        self.octets = octets

    def number(self):
        value = 0
        for place, octet in enumerate(self.octets):
            value |= (octet & 0x7F) << (7 * place)
            if octet < 0x80:
                self.octets = self.octets[place + 1:]
                return value
        raise ValueError("no number")

    def text(self):
        length = self.number()
        text, self.octets = self.octets[:length], self.octets[length:]
        return text


def datagram_number(path):
    """The number of the last datagram that the only collector has committed, 0 before the first."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        states = database.execute("SELECT pending FROM collector").fetchall()
    return number_in(states[0][0]) if states else 0


def number_in(pending):
    """The same from the pending state of a collector."""
    octets = Octets(bytes(pending))
    octets.text()  # The reader's memory.
    octets.text()  # The correlator's.
    return octets.number() if octets.octets else 0
