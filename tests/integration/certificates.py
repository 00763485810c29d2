"""Keys and certificates for the servers of this suite, made with openssl(1)."""

import dataclasses
import datetime
import hashlib
import pathlib
import subprocess

# A day of slack on the early side, so that a clock set back a little does no harm.
VALID_FROM = datetime.timedelta(days=-1)
VALID_TO = datetime.timedelta(days=30)
EXPIRED_FROM = datetime.timedelta(days=-60)
EXPIRED_TO = datetime.timedelta(days=-2)

CA_CONFIG = """
[ca]
default_ca = authority
[authority]
dir = {folder}
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = anything
copy_extensions = copy
[anything]
organizationName = optional
commonName = supplied
"""


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A certificate with its key: `chain` holds both, as Python's ssl wants them."""

    chain: pathlib.Path
    spki_sha256: str


def run_openssl(*arguments):
    """Runs openssl(1), returns its output, and shows its complaint when it fails."""
    result = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, timeout=60)
    if result.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {result.stderr.decode(errors='replace')}")
    return result.stdout


def stamp(offset):
    """UTC `offset` from now in the form that `openssl ca` takes."""
    moment = datetime.datetime.now(datetime.timezone.utc) + offset
    return moment.strftime("%Y%m%d%H%M%SZ")


class Authority:
    """A certificate authority of one level."""

    def __init__(self, folder, organisation, common_name):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        (self.folder / "index.txt").touch()
        self.config = self.folder / "ca.cnf"
        self.config.write_text(CA_CONFIG.format(folder=self.folder))
        self.key = self.folder / "ca.key"
        self.certificate = self.folder / "ca.pem"
        run_openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", self.key, "-out", self.certificate, "-days", "60",
            "-subj", f"/O={escape(organisation)}/CN={escape(common_name)}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, file_name, host_names, expired=False):
        """A server certificate for `host_names`; an expired one ended two days ago."""
        key = self.folder / f"{file_name}.key"
        request = self.folder / f"{file_name}.csr"
        certificate = self.folder / f"{file_name}.crt"
        names = ",".join(f"DNS:{name}" for name in host_names)
        run_openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", request, "-subj", f"/CN={host_names[0]}",
            "-addext", f"subjectAltName={names}", "-addext", "extendedKeyUsage=serverAuth")
        run_openssl(
            "ca", "-batch", "-notext", "-config", self.config, "-cert", self.certificate,
            "-keyfile", self.key, "-in", request, "-out", certificate,
            "-startdate", stamp(EXPIRED_FROM if expired else VALID_FROM),
            "-enddate", stamp(EXPIRED_TO if expired else VALID_TO))
        return joined(self.folder / f"{file_name}.pem", key, certificate)


def self_signed(folder, file_name, host_name):
    """A certificate that nobody but its own key vouches for."""
    folder = pathlib.Path(folder)
    key, certificate = folder / f"{file_name}.key", folder / f"{file_name}.crt"
    run_openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", key, "-out", certificate, "-days", "30", "-subj", f"/CN={host_name}",
        "-addext", f"subjectAltName=DNS:{host_name}")
    return joined(folder / f"{file_name}.pem", key, certificate)


def joined(target, key, certificate):
    target.write_bytes(key.read_bytes() + certificate.read_bytes())
    public_key = run_openssl("x509", "-in", certificate, "-noout", "-pubkey")
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=public_key, capture_output=True,
        check=True, timeout=60).stdout
    return Certificate(target, hashlib.sha256(der).hexdigest())


def escape(text):
    """`text` as a value of openssl's -subj."""
    return text.replace("\\", "\\\\").replace("/", "\\/").replace("+", "\\+")
