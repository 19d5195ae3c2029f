"""One entry of ``then``, compiled: values in, deliveries out."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bridge import errors, payload, plugins, rules, sinks
from bridge.delivery import Delivery, PartName, delivery_id
from bridge.mail import Mail
from bridge.rules import fitting, settings, template, values

OCCURRENCE = 0  # of the event; there is one `new` a mail
PATH = "path"  # the field whose leading slash is only a way of writing


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A delivery, and how its payload was encoded."""

    delivery: Delivery
    encoding: str


class Fields:
    """The sink's own keys of an action, compiled by the marks of the sink's ``Action`` model."""

    def __init__(self, plugin: sinks.Plugin, written: Mapping[str, Any]) -> None:
        """
        Raises:
            ValueError: the sink does not know such an action (``pydantic.ValidationError``), or a template does not
            parse.
        """
        model = plugin.action.model_validate(dict(written))
        self._target = plugin.target
        self._fixed: dict[str, Any] = {}
        self._rendered: dict[str, Callable[[Mapping[str, Any]], Any]] = {}
        names: set[str] = set()
        for name, value in model.model_dump(mode="json", exclude_none=True).items():
            made = compile_field(name, value, kind(plugin.action, name))
            if made is None:
                self._fixed[name] = value
                continue
            self._rendered[name] = made.render
            names |= made.names
        self.names = frozenset(names)

    def render(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The options of one delivery.

        Raises:
            errors.RuleError: a value is missing, or a filter cannot take it.
        """
        options = dict(self._fixed)
        for name, render in self._rendered.items():
            value = render(found)
            options[name] = "/".join(value) if isinstance(value, tuple) else _plain(name, value)
        return options

    def target(self, options: Mapping[str, Any]) -> str:
        return str(options.get(self._target) or "")


def _plain(name: str, value: Any) -> Any:
    """The value as JSON has it: options are stored."""
    if isinstance(value, Mapping):
        return {str(key): _plain(name, member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(name, member) for member in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise errors.RuleError(f"{name}: {type(value).__name__} cannot stand here")


def kind(model: type[sinks.Action], field: str) -> str | None:
    """Which strings of a field are templates: ``template``, ``segments`` or None."""
    info = model.model_fields.get(field)
    marks = [mark.kind for mark in info.metadata if isinstance(mark, sinks.Marker)] if info else []
    return marks[0] if marks else None


def compile_field(name: str, value: Any, mark: str | None) -> template.Segments | values.Value | None:
    """None for a field that is taken as it is.

    Raises:
        ValueError: a template does not parse.
    """
    if mark == "segments" and isinstance(value, str):
        return template.Segments(value, path=name == PATH)
    return values.compiled(value) if mark == "template" else None


class Action:
    """Renders one action for each mail that its rule matched."""

    def __init__(
        self, written: settings.Action, *, rule: str, index: int, sink: tuple[str, sinks.Plugin], found: frozenset[str]
    ) -> None:
        """
        Raises:
            ValueError: the action is wrong in a way that ``verify`` tells of.
        """
        _, plugin = sink
        self._written = written
        self._rule = rule
        self._index = index
        self._fields = Fields(plugin, written.own)
        self._as = written.as_ or plugin.defaults.get("as")
        self._payload = values.compiled(written.payload) if written.has_payload else values.Document(found)
        self._reset = values.compiled(written.reset.payload) if written.reset else None
        self.path = f"then.{index}"
        self.names = self._fields.names | self._payload.names | (self._reset.names if self._reset else frozenset())

    def deliveries(self, mail: Mail, moment: rules.Moment, found: Mapping[str, Any]) -> Iterator[Made]:
        """The main part, then the reset.

        Raises:
            errors.RuleError: it cannot be rendered, or does not fit.
        """
        main = self._id(mail, "main")
        known = {**found, "delivery_id": main}
        options = self._fields.render(known)
        made = self._encoded(self._payload.render(known))
        if made is None:
            return
        delivery = self._main(mail, moment, main, options, made)
        yield Made(delivery=delivery, encoding=made.encoding.name)
        if self._reset is None or self._written.reset is None:
            return
        reset = self._encoded(self._reset.render(known))
        if reset is not None:
            after = self._written.reset.after
            yield Made(delivery=self._follow(mail, delivery, reset, after), encoding=reset.encoding.name)

    def _main(self, mail: Mail, moment: rules.Moment, name: str, options: dict[str, Any], made: _Encoded) -> Delivery:
        written = self._written
        due = moment.now + (written.delay or 0.0)
        received = mail.received.timestamp()
        return Delivery(
            id=name,
            sink=written.sink,
            target=self._fields.target(options),
            payload=made.octets,
            media_type=made.encoding.media_type,
            options=options,
            rule=self._rule,
            mailbox=mail.place.mailbox,
            folder=mail.place.folder,
            created=moment.now,
            not_before=due if written.delay else None,
            expires=None if written.expires is None else received + written.expires + (written.delay or 0.0),
            retry_until=due + written.retry_for,
        )

    def _follow(self, mail: Mail, main: Delivery, made: _Encoded, after_s: float) -> Delivery:
        """Never expires. It becomes due only after its main, so that its own time to retry begins where that of the
        main ends.
        """
        latest = (main.retry_until or main.created) + after_s
        return dataclasses.replace(
            main,
            id=self._id(mail, "reset"),
            payload=made.octets,
            media_type=made.encoding.media_type,
            part="reset",
            not_before=None,
            expires=None,
            retry_until=latest + self._written.retry_for,
            reset_after=after_s,
            follows=main.id,
        )

    def _id(self, mail: Mail, part: PartName) -> str:
        place = mail.place
        where = (place.mailbox, place.folder, place.uidvalidity, place.uid)
        return delivery_id(*where, mail.event, OCCURRENCE, self._rule, self._index, part)

    def _encoded(self, value: Any) -> _Encoded | None:
        """None where it is too big and the rule says ``drop``.

        Raises:
            errors.RuleError: it cannot be expressed in this encoding, or is too big.
        """
        name = self._as or natural(value)
        encoding: payload.Encoding = plugins.find("payload", name)
        octets = encoding.encode(value, self._written.keys)
        limit = self._written.max_bytes
        if limit is not None and len(octets) > limit:
            if self._written.too_big == "drop":
                return None
            octets = self._shortened(value, encoding, limit, len(octets))
        return _Encoded(octets=octets, encoding=encoding)

    def _shortened(self, value: Any, encoding: payload.Encoding, limit: int, length: int) -> bytes:
        shorter = None
        if self._written.too_big == "truncate":
            shorter = fitting.truncated(value, lambda one: encoding.encode(one, self._written.keys), limit)
        if shorter is None:
            raise errors.RuleError(f"the payload has {length} bytes; max_bytes is {limit}")
        return shorter


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Encoded:
    octets: bytes
    encoding: payload.Encoding


def natural(value: Any) -> str:
    """The encoding of a value that the rule names none for."""
    if isinstance(value, dict | list | tuple):
        return "json"
    return "bytes" if isinstance(value, bytes) else "text"
