"""Where deliveries go: the contract.

A ``Sink`` is an async context manager whose entry does **not** need the other end to be up. ``send`` resolves only
when the far end has acknowledged (PUBACK or PUBCOMP, CoAP 2.xx, HTTP 2xx), and otherwise raises

- ``errors.Permanent``: the far end will never take it; the delivery is dead.
- ``errors.Retryable``: this delivery may work later; its lane waits, the other lanes go on.
- ``errors.Unavailable``: the whole sink is away. The dispatcher hands it nothing more, waits for ``ready()`` and
  sends again, in order, what was not acknowledged; no attempt is counted. ``errors.Refused`` is the same for
  credentials, and is told to the admin.
- anything else is a bug: logged, and retried like ``Retryable``.

Nothing is handed to a client library that is disconnected: it would be kept there, and sent later with its expiry
started anew. ``expires_in_s`` is what remains when ``send`` is called.

A sink is one file: its settings (``Settings``), the fields of a rule's action that are its own (``Action``), its
class, and one last line that exports them as ``PLUGIN``. Fields of ``Action`` annotated ``TEMPLATE`` (each string in
them is a template) or ``SEGMENTS`` (split at the ``/`` written in the rule, each segment rendered, then cleaned
whole) are rendered for each mail; the others are taken as they are. After rendering they are ``Delivery.options``,
and the field that ``target`` names is ``Delivery.target``.

A sink may be able to carry the bridge's own news as well (``Announcer``): whoever has some finds out with
``isinstance``, and never asks what kind of sink it is. The same goes for whoever wants to know whether the far end is
there (``Probed``), for whoever tests the way to it (``SelfTested``), and for what is too large to be held in memory
(``Streaming``).
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, Literal, Protocol, Self, runtime_checkable

from bridge import schema
from bridge.delivery import Delivery, Receipt


@dataclasses.dataclass(frozen=True, slots=True)
class Marker:
    """Metadata of an ``Action`` field: ``topic: Annotated[str, SEGMENTS]``."""

    kind: Literal["template", "segments"]


TEMPLATE = Marker("template")
SEGMENTS = Marker("segments")


class Settings(schema.Model):
    """One entry under ``sinks:``. ``type`` is the plugin's name."""

    type: str


class Action(schema.Model):
    """What a rule's ``then:`` may say to this kind of sink, beside the keys common to all."""

    @property
    def bare(self) -> str:
        """Why what is sent has no payload, for people, and what to write for one that has; "" where it has one."""
        return ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a sink is told of the bridge that it serves."""

    name: str  # the sink's name in the configuration
    bridge: str  # this bridge's name
    base_topic: str = "mailwire"
    guest: bool = False  # beside a bridge that may be running: it must not be taken for that, nor put it off


class Sink(Protocol):
    """One far end."""

    depth: int  # deliveries in flight at the most
    pipelined: bool  # True: several of one lane may be in flight, the sink keeps their order; False: one a lane

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def ready(self) -> None:
        """Returns when a ``send`` makes sense; raises nothing. Sinks without a connection return at once."""

    async def send(self, delivery: Delivery, *, expires_in_s: float | None) -> Receipt:
        """Sends it and waits for the far end's acknowledgement."""
        ...


@runtime_checkable
class Announcer(Protocol):
    """What a sink is beside, where whoever listens at the far end can be told of the bridge itself."""

    async def announce(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Tells it once, now: news are not deliveries, nobody acknowledges them and nothing of them is kept.

        Raises:
            errors.Unavailable: there is no connection; ``ready()`` says when it is worth another try.
            errors.Permanent: the far end does not take this.
        """
        ...

    async def ready(self) -> None: ...


@runtime_checkable
class Probed(Protocol):
    """What a sink is beside, where it can be found out whether the far end is there, without a delivery."""

    async def probe(self) -> str:
        """What is said of the far end, for people. Nothing is sent that it could act on, and it ends by itself.

        Raises:
            errors.Unavailable: it cannot be reached, or does not let us in; the message says where and why.
        """
        ...


Step = Callable[[str, str], contextlib.AbstractContextManager[None]]
"""``with step("publish", "allow it"):`` is one hop of a test, timed; what it raises is why it failed, and the second is
what to do about that."""


@runtime_checkable
class SelfTested(Protocol):
    """What a sink is beside, where the way to the far end can be tested with more than ``probe``."""

    async def selftest(self, step: Step) -> None:
        """Sends what is marked as a test, which moves nothing and leaves nothing behind, and times each hop in a
        ``step``. It ends by itself.

        Raises:
            errors.MailwireError: out of a step: it failed, and why.
        """
        ...


class Content(Protocol):
    """A payload that is too large to be held in memory."""

    size: int  # octets

    def pieces(self) -> AsyncGenerator[bytes, None]:
        """Its octets, from the beginning, in pieces of at most a megabyte.

        Raises:
            errors.Permanent: they are no longer kept.
        """
        ...


@runtime_checkable
class Streaming(Protocol):
    """What a sink is beside, where it can send what is not in memory (``Delivery.file``)."""

    async def stream(self, delivery: Delivery, content: Content, *, expires_in_s: float | None) -> Receipt:
        """As ``Sink.send``, with this content in place of the payload."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Plugin:
    """What a sink's file exports."""

    settings: type[Settings]
    action: type[Action]
    make: Callable[[Any, Context], Sink]  # (settings, context) → sink; opens nothing
    target: str = "path"  # the action's field that order is kept by
    streams: bool = False  # what it makes is ``Streaming``
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
