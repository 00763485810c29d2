"""What Postfix 3.10 logs and sends for TLS sessions, and the processes that send it.

The sender of a datagram is known by its pid, so each smtp(8) of a story is a process of its own.
"""

import subprocess
import sys

import delivery_log

# code of libtlsrpt, failure_type of the log, the policy's type
REPORTED = {
    "success": (None, None, 2),
    "certificate-expired": (204, "certificate_expired", 9),
    "validation-failure": (205, "validation_failure", 9),
}
KINDS = (*REPORTED, "resumed")
OPTIONS = {"processes", "lost-datagrams", "lost-lines", "pid", "record", "mx", "ip", "carries",
           "log", "zone"}
# Sends each line of its input, hexadecimal octets, and answers with what became of it. Waits where
# the kernel's queue is full, for a story has no use for chance.
SENDER = """
import socket, sys
out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for line in sys.stdin:
    try:
        out.sendto(bytes.fromhex(line), sys.argv[1])
        print(1, flush=True)
    except OSError:
        print(0, flush=True)
"""


class SmtpProcess:
    """An smtp(8) that sends its datagrams to PATH."""

    def __init__(self, path):
        self.process = subprocess.Popen([sys.executable, "-c", SENDER, str(path)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid

    def send(self, text):
        """Whether somebody took it."""
        self.process.stdin.write(text.encode().hex() + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() == "1\n"

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class TlsSession:
    """One session: the lines that its process logs, and the datagram that it sends, if any."""

    def __init__(self, kind, domain, number, options):
        self.kind = kind
        self.domain = domain
        self.host = options.get("mx", f"mx.{domain}")
        self.address = options.get("ip", "198.51.100.1")
        self.queue_id = f"4{number:07X}"
        self.record = options.get("record", f"v=TLSRPTv1; rua=mailto:tls@{domain}")
        self.message_id = options.get("carries")

    def datagram(self):
        if self.kind == "resumed":
            return None
        code, _, policy_type = REPORTED[self.kind]
        policy = f'"policy-type":{policy_type},"policy-domain": "{self.domain}"'
        if policy_type == 2:
            policy += (f',"policy-string":["version: STSv1","mode: enforce","mx: {self.host}",'
                       f'"max_age: 604800"],"mx-host":["{self.host}"]')
        result = '"t":0,"f":0'
        if code:
            result = (f'"failure-details":[{{"c":{code},"s": "192.0.2.25","n": "{self.host}",'
                      f'"h": "250-{self.host}\\r\\n250 STARTTLS","r": "{self.address}"}}],'
                      '"t":1,"f":1')
        return (f'{{"dpv": "1","d": "{self.domain}","pr": "{self.record}",'
                f'"policies":[{{{policy},{result}}}]}}')

    def lines(self):
        """(program, text), in their order."""
        peer = f"{self.host}[{self.address}]"
        status = "failure" if REPORTED.get(self.kind, (None,))[0] else "success"
        told = f"TLSRPT: status={status}, domain={self.domain}, receiving_mx={peer}"
        if status == "failure":
            told += f", failure_type={REPORTED[self.kind][1]}"

        def end(dsn, what):
            return (f"{self.queue_id}: to=<user@{self.domain}>, relay={peer}:25, delay=1, "
                    f"delays=0.1/0.1/0.4/0.4, dsn={dsn}, {what}")
        texts = delivery_log.KINDS["success" if self.kind == "resumed" else self.kind](
            f"{peer}:25", end)
        if self.kind != "resumed":
            texts.insert(1, told)  # Behind what went well or wrong.
        lines = [("smtp", text) for text in texts]
        if self.message_id:
            lines.insert(0, ("cleanup", f"{self.queue_id}: message-id={self.message_id}"))
        return lines
