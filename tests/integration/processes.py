"""Child processes that never outlive the suite, and waiting with a limit."""

import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import socket_activation  # noqa: E402

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class NotReady(Exception):
    """Something did not happen in time."""


def wait_until(condition, what, limit=20.0):
    """Polls `condition` until it holds, at most `limit` seconds; returns its value."""
    deadline = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise NotReady(f"after {limit:.0f} s still waiting: {what}")
        time.sleep(0.05)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Daemon:
    """A server in the foreground as our child; its output goes to a file."""

    def __init__(self, name, command, log, environment=None, handed_over=None):
        """`handed_over`: a socket that is given to it as systemd would."""
        self.name = name
        self.log = pathlib.Path(log)
        command = [str(part) for part in command]
        if handed_over is not None:
            command = socket_activation.command(command)

        def in_child():
            die_with_parent()
            if handed_over is not None:
                socket_activation.hand_over(handed_over)
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                preexec_fn=in_child, close_fds=handed_over is None, env=environment)

    def alive(self):
        return self.process.poll() is None

    def output(self):
        return self.log.read_text(errors="replace")

    def wait_until(self, condition, what, limit=20.0):
        """As wait_until(), but gives up at once with the daemon's words when it has died."""
        def check():
            if not self.alive():
                raise NotReady(f"{self.name} ended with {self.process.returncode}: {self.output()}")
            return condition()
        return wait_until(check, f"{self.name}: {what}", limit)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, limit=10.0):
        """Ends the daemon with SIGTERM, with SIGKILL when it does not listen; its exit status."""
        if self.alive():
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(limit)
            return None


class Guardian:
    """Runs a command when closed, or when this process has died in whatever way.

    Postfix puts itself into the background, so that nobody else would stop it after a SIGKILL.
    """

    def __init__(self, command):
        reading, self.writing = os.pipe2(os.O_CLOEXEC)
        self.process = subprocess.Popen(
            ["sh", "-c", 'read -r _; exec "$@"', "guardian", *map(str, command)], stdin=reading,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(reading)

    def close(self, limit=30.0):
        if self.writing is not None:
            os.close(self.writing)
            self.writing = None
        self.process.wait(limit)


def answers_tcp(address, port):
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False
