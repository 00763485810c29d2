"""What Postfix logs for one delivery of a kind, as version 3.7 does at smtp_tls_loglevel 1.

Each delivery has an smtp(8) process of its own, so that lines of several may stand in any order.
A `{}` in the domain, in mx= or ip= becomes the number of the delivery.
"""

import itertools

CIPHER = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
FIRST_PID = 1000
LAST_PID = 30000


def established(kind, peer):
    return f"{kind} TLS connection established to {peer}: {CIPHER}"


def success(peer, end):
    return [established("Trusted", peer), end("2.0.0", "status=sent (250 2.0.0 Ok)")]


def not_trusted(peer, end):
    return [f"certificate verification failed for {peer}: untrusted issuer /CN=Nobody",
            established("Untrusted", peer),
            end("4.7.5", "status=deferred (Server certificate not trusted)")]


def expired(peer, end):
    return [f"server certificate verification failed for {peer}: certificate has expired",
            established("Untrusted", peer),
            end("4.7.5", "status=deferred (Server certificate not trusted)")]


def dane_mismatch(peer, end):
    return [f"server certificate verification failed for {peer}: "
            "num=65:no matching DANE TLSA records",
            established("Untrusted", peer),
            end("4.7.5", "status=deferred (Server certificate not verified)")]


def handshake_failure(peer, end):
    return [f"SSL_connect error to {peer}: lost connection",
            end("4.7.5", "status=deferred (Cannot start TLS: handshake failure)")]


def no_starttls(peer, end):
    host = peer.rsplit(":", 1)[0]
    return [end("4.7.4", f"status=deferred (TLS is required, but was not offered by host {host})")]


def plaintext(_, end):
    return [end("2.0.0", "status=sent (250 2.0.0 Ok)")]


KINDS = {
    "success": success,
    "certificate-not-trusted": not_trusted,
    "certificate-expired": expired,
    "dane-no-match": dane_mismatch,
    "validation-failure": handshake_failure,
    "starttls-not-supported": no_starttls,
    # Nothing about TLS at all; a session only where the service logs TLS at other times.
    "plaintext": plaintext,
}
OPTIONS = {"mx", "ip", "relay", "service", "at"}
_pids = itertools.cycle(range(FIRST_PID, LAST_PID))


def delivery_lines(stamp, relay, domain, kind, number, options):
    """The lines of one delivery, each with its end."""
    domain = domain.replace("{}", str(number))
    host = options.get("mx", f"mx.{domain}").replace("{}", str(number))
    address = options.get("ip", "198.51.100.1").replace("{}", str(number))
    service = options.get("service", "postfix/smtp")
    pid = next(_pids)
    queue_id = f"{pid:X}{number:05X}"
    peer = f"{host}[{address}]:25"

    def end(dsn, status):
        return (f"{queue_id}: to=<user@{domain}>, relay={peer}, delay=1, delays=0.1/0.1/0.4/0.4, "
                f"dsn={dsn}, {status}")
    return "".join(f"{stamp} {relay} {service}[{pid}]: {text}\n"
                   for text in KINDS[kind](peer, end))
