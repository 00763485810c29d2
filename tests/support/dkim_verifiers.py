"""Two verifiers of DKIM signatures that know nothing of each other: opendkim and dkimpy."""

import json
import os
import pathlib
import re
import subprocess
import tempfile

# Of Debian's own Python, for which its packages are.
PYTHON = "/usr/bin/python3"
OPENDKIM = "/usr/sbin/opendkim"
RUN_S = 120
# What openssl makes each key of.
KEYS = {
    "rsa2048": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa4096": ["RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
    "ed25519": ["ED25519"],
}
# Which keys sign a message.
KINDS = {"RSA 2048": ["rsa2048"], "RSA 4096": ["rsa4096"], "Ed25519": ["ed25519"],
         "both": ["rsa2048", "ed25519"]}
# Prints {selector: whether its signature verifies}.
DKIMPY = """
import json, sys
import dkim, dns.resolver
server, port, path = sys.argv[1:]
resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port = [server], int(port)
def text(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return b"".join(resolver.resolve(name, "TXT")[0].strings)
message = dkim.DKIM(open(path, "rb").read())
results = {}
for number in range(sum(name.lower() == b"dkim-signature" for name, _ in message.headers)):
    try:
        good = message.verify(idx=number, dnsfunc=text)
    except (dkim.DKIMException, dns.exception.DNSException):
        good = False
    results[message.signature_fields[b"s"].decode()] = good
print(json.dumps(results))
"""


def installed():
    modules = subprocess.run([PYTHON, "-c", "import dkim, dns.resolver"], capture_output=True,
                             check=False) if os.path.exists(PYTHON) else None
    return os.path.exists(OPENDKIM) and modules is not None and modules.returncode == 0


def make_keys(folder):
    """(name, path) of a private key of each of KEYS, made in FOLDER."""
    made = []
    for name, arguments in KEYS.items():
        path = pathlib.Path(folder) / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", "-quiet", "-out", path, "-algorithm", *arguments],
                       check=True)
        path.chmod(0o600)
        made.append((name, path))
    return made


def public_key(path):
    """(k=, p=) for the private key in the file PATH, by openssl."""
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"],
                         check=True, capture_output=True).stdout
    # Of an Ed25519 key, the last 32 octets are the key (RFC 8410, 4).
    kind, data = ("ed25519", der[-32:]) if len(der) < 64 else ("rsa", der)
    return kind, base64_text(data)


def base64_text(data):
    return subprocess.run(["base64", "-w0"], input=data, check=True,
                          capture_output=True).stdout.decode()


def record(selector, path, more=""):
    """The line of a zone file for SELECTOR and the private key in PATH; MORE: other tags."""
    kind, key = public_key(path)
    text = f"v=DKIM1; k={kind}; {more}p={key}"
    strings = " ".join(f'"{text[at:at + 250]}"' for at in range(0, len(text), 250))
    return f"{selector}._domainkey TXT {strings}"


def _written(message, folder):
    handle, path = tempfile.mkstemp(dir=folder, suffix=".msg")
    with open(handle, "wb") as file:
        file.write(message)
    return path


def by_dkimpy(message, server, folder):
    """{selector: whether its signature verifies} for MESSAGE; SERVER: ADDRESS:PORT of DNS."""
    result = subprocess.run(
        [PYTHON, "-c", DKIMPY, *server.split(":"), _written(message, folder)], check=True,
        capture_output=True, timeout=RUN_S)
    return json.loads(result.stdout)


def by_opendkim(message, server, folder):
    """The same, by the test mode of opendkim(8), which reads messages with Unix line ends."""
    unbound = pathlib.Path(folder) / "unbound.conf"
    unbound.write_text("server:\n  do-not-query-localhost: no\n")
    config = pathlib.Path(folder) / "opendkim.conf"
    config.write_text(f"Mode v\nSyslog no\nSocket local:{folder}/opendkim.sock\n"
                      f"Nameservers {server.replace(':', '@')}\n"
                      f"ResolverConfiguration {unbound}\n")
    path = _written(message.replace(b"\r\n", b"\n"), folder)
    result = subprocess.run([OPENDKIM, "-x", config, "-t", path, "-vv"], check=False,
                            capture_output=True, text=True, timeout=RUN_S)
    # One for each signature: "dkim=pass (2048-bit key; unprotected) ... header.s=one ...".
    found = re.findall(r"\bdkim=(\w+)[^;]*?(?:\([^)]*\)[^;]*?)?header\.s=(\S+)", result.stdout)
    return {selector: verdict == "pass" for verdict, selector in found}


VERIFIERS = {"dkimpy": by_dkimpy, "opendkim": by_opendkim}
