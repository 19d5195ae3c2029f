"""What flows from the rules to the sinks, and what comes back: values only.

Times are POSIX seconds (UTC) as ``float``: they are compared, stored and added to, and never shown as they are.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any, Literal

PartName = Literal["main", "reset"]
OCTETS = "application/octet-stream"  # the media type of what is nothing in particular


def delivery_id(*identity: object) -> str:
    """A stable, short name for one delivery: 16 hex digits of a hash over everything that makes it what it is.

    ``identity`` is mailbox, folder, uidvalidity, uid, event, occurrence, rule, action and part, in that order. The
    same mail read twice gives the same id, so that at-least-once is visible to the far end.
    """
    text = "\x1f".join(map(str, identity))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def lane(mailbox: str, folder: str, sink: str, target: str) -> str:
    """The name of what order is kept in: the deliveries of one folder to one target of one sink."""
    return delivery_id(mailbox, folder, sink, target)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A payload that is too large to be held in memory."""

    id: str = ""  # the store's name for it; "" as long as it is not kept there
    size: int = 0  # octets
    section: str = ""  # of its mail; known as long as the mail is
    name: str = ""  # for people; the same


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One message for one target, rendered: nothing of the rule or the mail is needed to send it.

    ``options`` holds the sink's own action fields after rendering (MQTT: ``topic qos retain``), JSON values only.
    ``target`` is what order is kept by, and what people read: a topic, a path. With a ``file`` that is what is sent,
    and ``payload`` is empty.
    """

    id: str
    sink: str
    target: str
    payload: bytes
    media_type: str = OCTETS
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    rule: str = ""
    mailbox: str = ""
    folder: str = ""
    part: PartName = "main"
    created: float = 0.0
    not_before: float | None = None  # `delay`
    expires: float | None = None  # dropped and reported after this moment
    retry_until: float | None = None  # dead after this moment
    reset_after: float | None = None  # part "reset" only: seconds after the acknowledgement of what it resets
    reset_at: float | None = None  # part "reset" only: due then instead, or at once if that has passed
    follows: str | None = None  # part "reset" only: the id of what it resets
    dead: str = ""  # why it could not be made (it does not fit, a value is missing): it is recorded as dead
    file: File | None = None

    @property
    def size(self) -> int:
        """Octets of what is sent."""
        return len(self.payload) if self.file is None else self.file.size

    @property
    def lane(self) -> str:
        """Order is kept per (folder, sink, target): deliveries of one lane go one after the other."""
        return lane(self.mailbox, self.folder, self.sink, self.target)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """The far end has it: PUBACK or PUBCOMP, CoAP 2.xx, HTTP 2xx."""

    delivery_id: str
    code: str = ""  # the protocol's own: "puback 0x00", "2.04", "202"
    payload: bytes = b""  # what it answered, capped at 1 KiB


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MailChange:
    """One change to one mail, by UID under the UIDVALIDITY that the mail was read with (never by sequence number).

    ``op`` is ``seen``, ``flag``, ``copy``, ``move`` or ``delete``; ``argument`` is the flag or the folder.
    """

    id: str
    mailbox: str
    folder: str
    uidvalidity: int
    uid: int
    op: Literal["seen", "flag", "copy", "move", "delete"]
    argument: str = ""
