"""What the bridge says of its work while it works: values for whoever looks on (the demo's table, the bridge's own
state, metrics).

Nothing depends on an onlooker: they are told after the commit, in the event loop, and what they raise is logged and
forgotten.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from bridge import errors
from bridge.delivery import Delivery
from bridge.mail import Mail
from bridge.rules import Verdict
from bridge.sources import RoundTrip


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MailHandled:
    """A mail, its verdicts and its deliveries are in the store. A rule whose ``repeated`` was not met has no verdict
    here; one that its throttle has suppressed has one without deliveries.
    """

    mail: Mail
    verdicts: Sequence[Verdict]
    took_s: float | None  # from the server's push to the commit; None where there was no push


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MailLost:
    """A mail was recorded as dead."""

    mailbox: str
    folder: str
    uid: int
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryEnded:
    """A delivery ended: ``state`` is delivered, dead, expired or dropped."""

    delivery: Delivery
    state: str
    code: str = ""
    reason: str = ""
    took_s: float = 0.0  # from its commit (or the moment it was due) to the acknowledgement


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Suppressed:
    """A rule's throttle has dropped so many firings, and lets the next one through again."""

    rule: str
    per: str  # what the throttle counts by, for people; "" where it counts all mails of its rule
    count: int
    since: float  # POSIX seconds: the first of them


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CanaryEnded:
    """A canary came back, or was lost."""

    trip: RoundTrip


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ConfigRefused:
    """A configuration was not taken; the one before goes on."""

    faults: Sequence[errors.Fault]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Reloaded:
    """A configuration has taken the place of the one before. What ran is told by name: ``mailbox home``."""

    rules: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    reopened: tuple[str, ...] = ()
    mended: bool = False  # the one before this was refused


Event = MailHandled | MailLost | DeliveryEnded | Suppressed | CanaryEnded | ConfigRefused | Reloaded
Onlooker = Callable[[Event], None]
