"""The name servers of the suite: knot is authoritative and signs, unbound resolves and validates.

`test.` is unsigned, `example.` is signed; any other name is refused, so nothing leaves the host.
"""

import pathlib
import random
import socket
import struct
import subprocess

from processes import Daemon

RESOLVER = "127.25.0.53"
AUTHORITY = "127.25.0.54"

KNOT_CONFIG = """
server:
  rundir: {folder}
  listen: {authority}@53
  background-workers: 1
  udp-workers: 1
  tcp-workers: 2
log:
  - target: stderr
    any: warning
database:
  storage: {folder}/db
policy:
  - id: manual
    manual: on
    single-type-signing: on
    cds-cdnskey-publish: none
template:
  - id: default
    storage: {folder}
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
  - domain: test.
    file: test.zone
  - domain: example.
    file: example.zone
    dnssec-signing: on
    dnssec-policy: manual
"""

UNBOUND_CONFIG = """
server:
  interface: {resolver}
  port: 53
  access-control: 127.0.0.0/8 allow
  do-ip6: no
  do-daemonize: no
  use-syslog: no
  verbosity: 0
  num-threads: 1
  chroot: ""
  username: ""
  pidfile: ""
  directory: "{folder}"
  module-config: "validator iterator"
  trust-anchor-file: "{folder}/example.ds"
  do-not-query-localhost: no
  qname-minimisation: no
  minimal-responses: no
  harden-dnssec-stripped: yes
  cache-max-negative-ttl: 1
  local-zone: "." refuse
  local-zone: "test." transparent
  local-zone: "example." transparent
remote-control:
  control-enable: no
stub-zone:
  name: "test."
  stub-addr: {authority}
stub-zone:
  name: "example."
  stub-addr: {authority}
"""

ZONE_HEAD = """$ORIGIN {zone}
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 5
@ NS ns
ns A {authority}
"""


class Zones:
    """The records of both zones, collected before the servers start."""

    def __init__(self):
        self.records = {"test.": [], "example.": []}

    def add(self, name, rest):
        """Adds `name` (without final dot) with `rest` (type and data); twice is once."""
        line = f"{name}. {rest}"
        lines = self.records[name.rsplit(".", 1)[-1] + "."]
        if line not in lines:
            lines.append(line)

    def add_text(self, name, text):
        """A TXT record; text over 255 bytes becomes several character-strings."""
        parts = [text[i:i + 255] for i in range(0, len(text), 255)] or [""]
        quoted = [part.replace("\\", "\\\\").replace('"', '\\"') for part in parts]
        self.add(name, "TXT " + " ".join(f'"{part}"' for part in quoted))

    def text(self, zone):
        head = ZONE_HEAD.format(zone=zone, authority=AUTHORITY)
        return head + "\n".join(self.records[zone]) + "\n"


class DnsServers:
    """knotd and unbound with the given zones; resolver at RESOLVER port 53."""

    def __init__(self, folder, zones):
        self.folder = pathlib.Path(folder)
        (self.folder / "db").mkdir(parents=True)
        for zone in zones.records:
            (self.folder / f"{zone}zone").write_text(zones.text(zone))
        values = {"folder": self.folder, "authority": AUTHORITY, "resolver": RESOLVER}
        (self.folder / "knot.conf").write_text(KNOT_CONFIG.format(**values))
        (self.folder / "unbound.conf").write_text(UNBOUND_CONFIG.format(**values))
        self._keymgr("generate", "algorithm=ECDSAP256SHA256", "ksk=yes", "zsk=yes")
        (self.folder / "example.ds").write_text(self._keymgr("ds"))
        self.knot = Daemon(
            "knotd", ["knotd", "-c", self.folder / "knot.conf"], self.folder / "knot.log")
        self.unbound = None

    def _keymgr(self, *words):
        command = ["keymgr", "-c", str(self.folder / "knot.conf"), "example.", *words]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if result.returncode != 0:
            raise RuntimeError(f"keymgr: {result.stderr}{result.stdout}")
        return result.stdout

    def start(self):
        """Waits for the signed zone and starts the resolver (again, after stop_resolver)."""
        self.knot.wait_until(
            lambda: has_answer(AUTHORITY, "example", "DNSKEY")
            and has_answer(AUTHORITY, "test", "SOA"), "zones are served")
        self.unbound = Daemon(
            "unbound", ["unbound", "-d", "-c", self.folder / "unbound.conf"],
            self.folder / "unbound.log")
        self.unbound.wait_until(
            lambda: has_answer(RESOLVER, "example", "SOA"), "answers questions")

    def stop_resolver(self):
        self.unbound.stop()

    def stop(self):
        for daemon in (self.unbound, self.knot):
            if daemon is not None:
                daemon.stop()


TYPES = {"A": 1, "SOA": 6, "MX": 15, "TXT": 16, "DNSKEY": 48, "TLSA": 52}


def ask(server, name, record_type):
    """One question over UDP with the DO bit: (rcode, authenticated, number of answers)."""
    identity = random.randrange(65536)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = labels + b"\0" + struct.pack(">HH", TYPES[record_type], 1)
    edns = b"\0" + struct.pack(">HHIH", 41, 1232, 0x8000, 0)
    query = struct.pack(">HHHHHH", identity, 0x0120, 1, 0, 0, 1) + question + edns
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(3)
        link.connect((server, 53))
        link.send(query)
        reply = link.recv(4096)
    number, flags, _, answers = struct.unpack(">HHHH", reply[:8])
    if number != identity:
        raise RuntimeError("a reply to another question")
    return flags & 15, bool(flags & 0x20), answers


def has_answer(server, name, record_type):
    try:
        rcode, _, answers = ask(server, name, record_type)
        return rcode == 0 and answers > 0
    except OSError:
        return False
