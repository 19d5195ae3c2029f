"""What has become of each mail, put together from what the bridge tells its onlookers and what the devices show.

Pure: it is told things, in any order, and says what it knows; ``table`` shows it and ``stage`` asks it whether all is
well.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

from bridge import errors, events, mail, plugins, rules
from bridge.delivery import Delivery
from bridge.demo import samples

DEVICE = {"lamp": "lamp", "broker": "display"}  # sink → the device behind it


@dataclasses.dataclass(kw_only=True, slots=True)
class Message:
    """One delivery, on its way to what a device shows."""

    delivery: Delivery
    encoding: str
    state: str = "pending"
    reason: str = ""
    shows: str | None = None  # what the device showed when it had this payload

    @property
    def device(self) -> str:
        return DEVICE.get(self.delivery.sink, self.delivery.sink)

    @property
    def arrived(self) -> bool:
        return self.state == "delivered" and self.shows is not None

    @property
    def value(self) -> object:
        """The payload as a value again, as far as its encoding can be read back."""
        try:
            return plugins.find("payload", self.encoding).decode(self.delivery.payload)
        except (LookupError, ValueError, errors.MailwireError):
            return self.delivery.payload.decode("utf-8", "replace")


@dataclasses.dataclass(kw_only=True, slots=True)
class Row:
    """One mail."""

    sample: samples.Sample
    message_id: str
    sent: float  # monotonic
    mail: mail.Mail | None = None
    rule: str = ""
    trouble: str = ""
    messages: list[Message] = dataclasses.field(default_factory=list)
    took_s: float | None = None  # from the mail's arrival to what the device shows

    @property
    def main(self) -> Message | None:
        return next((message for message in self.messages if message.delivery.part == "main"), None)

    @property
    def reset(self) -> Message | None:
        return next((message for message in self.messages if message.delivery.part == "reset"), None)

    @property
    def arrived(self) -> bool:
        """Whether everything that this mail should cause has been seen at its device, and nothing else."""
        if self.mail is None or self.trouble:
            return False
        if self.sample.device is None:
            return not self.messages
        devices = {message.device for message in self.messages}
        return devices == {self.sample.device} and all(message.arrived for message in self.messages)


class Story:
    """All rows, in the order in which their mails were sent."""

    def __init__(self, on_change: Callable[[Row], None] = lambda _: None) -> None:
        self.rows: list[Row] = []
        self.lost = ""  # why a mail that nobody can name was lost
        self.devices: dict[str, str] = {"lamp": "off", "display": ""}
        self._on_change = on_change
        self._unclaimed: list[tuple[str, bytes, str]] = []

    def send(self, sample: samples.Sample, message_id: str) -> Row:
        """A mail is about to be put into the mailbox."""
        row = Row(sample=sample, message_id=message_id, sent=time.monotonic())
        self.rows.append(row)
        self._on_change(row)
        return row

    def tell(self, event: events.Event) -> None:
        """What the bridge says: an ``events.Onlooker``."""
        match event:
            case events.MailHandled():
                self._handled(event)
            case events.DeliveryEnded():
                self._ended(event)
            case events.MailLost():
                self.lost = f"the mail with UID {event.uid} was lost: {event.reason}"

    def show(self, device: str, payload: bytes, shows: str) -> None:
        """A device had this payload and shows this now."""
        self.devices[device] = shows
        self._unclaimed.append((device, payload, shows))
        self._claim()

    def _handled(self, event: events.MailHandled) -> None:
        row = next((row for row in self.rows if row.message_id == event.mail.message_id), None)
        if row is None:
            return
        row.mail = event.mail
        for verdict in event.verdicts:
            self._judged(row, verdict)
        if row.sample.device and not row.messages:
            row.trouble = row.trouble or "no rule matched it"
        self._on_change(row)
        self._claim()

    @staticmethod
    def _judged(row: Row, verdict: rules.Verdict) -> None:
        if verdict.error:
            row.trouble = f"rule {verdict.rule}: {verdict.error}"
        if verdict.matched:
            row.rule = verdict.rule
            row.messages += [
                Message(delivery=delivery, encoding=encoding)
                for delivery, encoding in zip(verdict.deliveries, verdict.encodings, strict=True)
            ]

    def _ended(self, event: events.DeliveryEnded) -> None:
        for row, message in self._messages():
            if message.delivery.id == event.delivery.id:
                message.state, message.reason = event.state, event.reason
                if event.state != "delivered" and not (message.delivery.part == "reset" and event.state == "dropped"):
                    row.trouble = f"{event.delivery.sink} {event.delivery.target}: {event.state} {event.reason}".strip()
                self._on_change(row)

    def _claim(self) -> None:
        """Gives what devices showed to the messages that caused it; what comes before its mail's event waits for it."""
        for seen in tuple(self._unclaimed):
            device, payload, shows = seen
            for row, message in self._messages():
                if message.shows is None and (message.device, message.delivery.payload) == (device, payload):
                    message.shows = shows
                    row.took_s = row.took_s or time.monotonic() - row.sent
                    self._unclaimed.remove(seen)
                    self._on_change(row)
                    break

    def _messages(self) -> Iterator[tuple[Row, Message]]:
        return ((row, message) for row in self.rows for message in row.messages)
