"""A real name server (knotd) on loopback that is authoritative for one zone."""

import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time

ADDRESS = "127.0.0.1"
SEARCH_PATH = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin"
CONFIG = """
server:
  listen: {address}@{port}
  rundir: {folder}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  pidfile: {folder}/knot.pid
log:
  - target: {folder}/knot.log
    any: warning
database:
  storage: {folder}
zone:
  - domain: {zone}
    storage: {folder}
    file: zone
"""
ZONE = """$TTL 300
@ SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 300
@ NS ns.{zone}.
ns A {address}
"""
SECONDS_TO_START = 20
# Below those that the kernel gives to whoever asks for none (ip_local_port_range).
PORTS = range(21000, 32000)


def installed():
    return shutil.which("knotd", path=SEARCH_PATH) is not None


def free_port():
    """A port of ADDRESS that nobody has, neither for UDP nor for TCP."""
    for port in random.sample(PORTS, 100):
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind((ADDRESS, port))
            return port
        except OSError:
            pass
    raise RuntimeError(f"no port of {ADDRESS} is free")


class NameServer:
    """knotd for ZONE with its files in FOLDER; a context manager.

    RECORDS: lines of a zone file besides SOA and NS, names relative to the zone. `server` is
    ADDRESS:PORT as dns_servers takes it.
    """

    def __init__(self, folder, zone, records):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.port = free_port()
        self.server = f"{ADDRESS}:{self.port}"
        words = {"address": ADDRESS, "port": self.port, "folder": self.folder, "zone": zone}
        (self.folder / "knot.conf").write_text(CONFIG.format(**words))
        (self.folder / "zone").write_text(
            ZONE.format(**words) + "".join(f"{record}\n" for record in records))
        self.process = None

    def __enter__(self):
        path = shutil.which("knotd", path=SEARCH_PATH)
        self.process = subprocess.Popen([path, "-c", str(self.folder / "knot.conf")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()
        return self

    def __exit__(self, *_):
        self.speak()
        self.process.terminate()
        self.process.wait(SECONDS_TO_START)

    def be_silent(self):
        """Takes questions and answers none, until speak()."""
        self.process.send_signal(signal.SIGSTOP)

    def speak(self):
        self.process.send_signal(signal.SIGCONT)

    def cpu_seconds(self):
        """What the server has used so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / 100

    def _wait(self):
        """Until it answers a query of ours: the SOA of the root, refused or not."""
        query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01"
        deadline = time.monotonic() + SECONDS_TO_START
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            client.connect((ADDRESS, self.port))
            while time.monotonic() < deadline:
                try:
                    client.send(query)
                    if client.recv(512)[:2] == query[:2]:
                        return
                except OSError:
                    if self.process.poll() is not None:
                        break
        log = self.folder / "knot.log"
        raise RuntimeError(f"knotd does not answer: {log.read_text() if log.exists() else ''}")
