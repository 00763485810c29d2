"""Messages at a steady rate to several places of an SMTP server, one place after the other.

What disturbs the machine meanwhile meets all places alike, so that they can be compared.
"""

import smtplib
import threading
import time

TEXT = b"Subject: paced\r\n\r\n" + (b"x" * 70 + b"\r\n") * 28  # Some 2 kB.
TIMEOUT = 60


class PacedMail:
    """ADDRESS: of the server. PORTS: the places. RATE: messages a second, all places together.

    `delays`: by port, how long each message took from the moment at which it was due, so that one
    that waits for another is not taken for a quick one.
    """

    def __init__(self, address, ports, rate, clients=8):
        self.address = address
        self.ports = list(ports)
        self.interval = 1 / rate
        self.clients = clients
        self.delays = {port: [] for port in self.ports}
        self.faults = []

    def send(self, messages):
        began = time.monotonic() + 0.5
        threads = [threading.Thread(target=self.work, args=(number, messages, began))
                   for number in range(self.clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.faults:
            raise self.faults[0]

    def work(self, first, messages, began):
        try:
            links = {port: smtplib.SMTP(self.address, port, timeout=TIMEOUT)
                     for port in self.ports}
            for link in links.values():
                link.ehlo()
            for number in range(first, messages, self.clients):
                port = self.ports[number % len(self.ports)]
                due = began + number * self.interval
                time.sleep(max(0.0, due - time.monotonic()))
                one_message(links[port])
                self.delays[port].append(time.monotonic() - due)
            for link in links.values():
                link.quit()
        except (OSError, smtplib.SMTPException) as fault:
            self.faults.append(fault)


def one_message(link):
    for words in ("MAIL FROM:<user@sender.test>", "RCPT TO:<user@receiver.test>"):
        code, text = link.docmd(words)
        if code // 100 != 2:
            raise smtplib.SMTPResponseException(code, text)
    code, text = link.data(TEXT)
    if code != 250:
        raise smtplib.SMTPResponseException(code, text)
