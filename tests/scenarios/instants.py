"""Instants and durations as stories write them."""

import datetime
import re
import zoneinfo

DURATION = re.compile(r"(\d+)([smhdw])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def read_duration(text):
    """`1h30m` in seconds; raises ValueError."""
    if not text or DURATION.sub("", text):
        raise ValueError(f"`{text}` is no duration")
    return sum(int(number) * SECONDS[unit] for number, unit in DURATION.findall(text))


def read_instant(text, now):
    """Unix seconds of `2026-11-23T00:20:00Z`, or of `+15m` and `-30d` from NOW (None: unknown)."""
    if text[:1] in "+-" and text:
        if now is None:
            raise ValueError(f"`{text}`: from when?")
        return now + read_duration(text[1:]) * (1 if text[0] == "+" else -1)
    moment = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    return int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())


def to_local_text(seconds, zone):
    """As syslog writes it in ZONE, without offset; None: with it."""
    if zone is None:
        return to_text(seconds)
    moment = datetime.datetime.fromtimestamp(seconds, zoneinfo.ZoneInfo(zone))
    return moment.strftime("%b %e %H:%M:%S")


def to_text(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
