"""Gives a socket to a program that is started, in the way of systemd (sd_listen_fds(3))."""

import os

LISTEN_FDS_START = 3


def command(words):
    """WORDS as a command that is told of one socket: LISTEN_PID is only known in the child."""
    return ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh", *map(str, words)]


def hand_over(socket):
    """In the child, before command() runs; its descriptors must not be closed."""
    os.dup2(socket.fileno(), LISTEN_FDS_START)
    os.set_inheritable(LISTEN_FDS_START, True)
