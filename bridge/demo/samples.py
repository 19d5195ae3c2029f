"""The sample mails, and which device each is meant for."""

from __future__ import annotations

import dataclasses
import datetime
import email.utils
import importlib.resources
import re

DEVICE_OF = {
    "1-camera-motion": "lamp",
    "2-one-time-code": "display",
    "3-parcel-news": "display",
    "4-newsletter": None,
    "5-greenhouse": "display",
}
_DATE = re.compile(rb"^Date:.*$", re.MULTILINE)
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*<(?P<left>[^@>]*)@(?P<right>[^>]*)>", re.MULTILINE)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One ``.eml`` file."""

    name: str
    device: str | None  # where it must arrive; None: no rule may match it
    raw: bytes = dataclasses.field(repr=False)

    def fresh(self, turn: int) -> tuple[str, bytes]:
        """Its Message-ID and its bytes as a mail that is sent now: the same file sent twice is two mails."""
        date = email.utils.format_datetime(datetime.datetime.now(datetime.UTC)).encode("ascii")
        raw = _DATE.sub(b"Date: " + date + b"\r", self.raw, count=1)
        raw = _MESSAGE_ID.sub(rb"Message-ID: <\g<left>.%d@\g<right>>" % turn, raw, count=1)
        found = _MESSAGE_ID.search(raw)
        return (found[0].split(b":", 1)[1].strip().decode("ascii") if found else ""), raw


def load() -> list[Sample]:
    """Every sample, in the order in which they are sent."""
    folder = importlib.resources.files("bridge.demo").joinpath("mails")
    return [
        Sample(name=name, device=device, raw=folder.joinpath(f"{name}.eml").read_bytes())
        for name, device in DEVICE_OF.items()
    ]
