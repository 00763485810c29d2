"""Postfix of newer Debian releases, each in a folder of its own made by debootstrap.

TLSRPT_TEST_POSTFIX=all (or versions, separated by blanks) lets the integration tests run with
these, too. They are made once, some 300 MB each, in TLSRPT_POSTFIX_CHROOTS, and found there the
next time; that needs root, debootstrap and a Debian mirror, the one that apt-get uses here.
"""

import fcntl
import grp
import os
import pathlib
import pwd
import shutil
import subprocess

SUITES = {"3.10": "trixie", "3.11": "sid"}
FOLDER = pathlib.Path(os.environ.get("TLSRPT_POSTFIX_CHROOTS", "/var/tmp/tlsrpt-postfix-chroots"))
# Downloading and unpacking on a busy machine.
MAKE_LIMIT = 1800
GROUPS = ("postfix", "postdrop")


def version():
    """The Postfix that this process shall use; None: the machine's own."""
    return os.environ.get("TLSRPT_POSTFIX")


def why_not():
    """Why that one cannot or shall not be used, or None."""
    if version() is None:
        return None
    asked = os.environ.get("TLSRPT_TEST_POSTFIX", "").split()
    if "all" not in asked and version() not in asked:
        return "Postfix " + version() + " is not in TLSRPT_TEST_POSTFIX"
    if not shutil.which("debootstrap"):
        return "not installed: debootstrap"
    return None


def postfix_chroot(release):
    """The folder with Postfix `release`, a key of SUITES; made where it is not there yet."""
    folder = FOLDER / release
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / f"{release}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".complete").exists():
            make(SUITES[release], folder)
            (folder / ".complete").touch()
    return folder


def make(suite, folder):
    shutil.rmtree(folder, ignore_errors=True)
    with open(folder.with_suffix(folder.suffix + ".log"), "w") as log:
        def run(*command, **options):
            subprocess.run(command, check=True, stdout=log, stderr=log, timeout=MAKE_LIMIT,
                           stdin=subprocess.DEVNULL, env=environment(), **options)
        run("debootstrap", "--variant=minbase", suite, folder, mirror())
        add_users(folder)
        policy = folder / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")  # No daemon starts.
        policy.chmod(0o755)
        run(*inside(folder), "apt-get", "install", "-y", "--no-install-recommends", "postfix",
            "ca-certificates", "libtlsrpt0-dev")


def environment():
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
            "LC_ALL": "C"}


def mirror():
    """Where apt-get takes this machine's packages from."""
    targets = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], check=True,
                             capture_output=True, text=True).stdout.split()
    return next(target for target in targets if target.rstrip("/").endswith("/debian"))


def add_users(folder):
    """Gives user and groups of Postfix the numbers that they have outside: files are shared."""
    user = pwd.getpwnam("postfix")
    with open(folder / "etc/group", "a") as groups:
        groups.writelines(f"{name}:x:{grp.getgrnam(name).gr_gid}:\n" for name in GROUPS)
    with open(folder / "etc/passwd", "a") as users:
        users.write(f"postfix:x:{user.pw_uid}:{user.pw_gid}::/var/spool/postfix:"
                    "/usr/sbin/nologin\n")


def inside(chroot, shared=None, resolver=None):
    """The beginning of a command that runs in `chroot`, with the folder `shared` at its place.

    `resolver`: a file to be its /etc/resolv.conf, which new versions read before their own chroot.
    What is mounted is seen by the command and its children alone, and ends with them.
    """
    script = 'root=$1; shift; mount --rbind /dev "$root/dev"; mount -t proc proc "$root/proc"; '
    words = [str(chroot)]
    if resolver is not None:
        script += 'mount --bind "$1" "$root/etc/resolv.conf"; shift; '
        words.append(str(resolver))
    if shared is not None:
        script += 'mkdir -p "$root$1"; mount --bind "$1" "$root$1"; shift; '
        words.append(str(shared))
    script += 'exec chroot "$root" "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "inside",
            *words]
