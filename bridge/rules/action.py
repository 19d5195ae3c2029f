"""One entry of ``then``, compiled: values in, deliveries out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from bridge import errors, payload, plugins, rules, sinks
from bridge.delivery import OCTETS, Delivery, File, PartName, delivery_id
from bridge.mail import Mail
from bridge.mail.large import Large
from bridge.rules import arrival, failing, fitting, named, settings, sink_fields, template, timing, values


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A delivery, and how its payload was encoded (or would have been: a dead one has none)."""

    delivery: Delivery
    encoding: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """What is not sent, and why; there is no delivery that could tell."""

    path: str
    reason: str


class _Times(TypedDict):
    """Of a delivery; POSIX seconds."""

    not_before: float | None
    expires: float | None
    retry_until: float


class _Where(TypedDict):
    """Of a delivery: where it goes, and where it comes from."""

    sink: str
    target: str
    options: dict[str, Any]
    rule: str
    mailbox: str
    folder: str


class _Content(TypedDict):
    """Of a delivery; ``dead`` is why there is none."""

    payload: bytes
    media_type: str
    dead: str
    file: File | None


class Action:
    """Renders one action for each mail that its rule matched."""

    def __init__(
        self,
        written: settings.Action,
        *,
        rule: str,
        index: int,
        sink: tuple[str, sinks.Plugin],
        document: values.Value,
    ) -> None:
        """``document`` is sent where it says nothing of the payload.

        Raises:
            ValueError: the action is wrong in a way that ``verify`` tells of.
        """
        self._kind, plugin = sink
        self._streams = plugin.streams
        self._written = written
        self._rule = rule
        self._index = index
        self._fields = sink_fields.Fields(plugin, written.own)
        self._as = written.as_ or plugin.defaults.get("as")
        self._payload = values.compiled(written.payload) if written.has_payload else document
        self._delay = timing.Timing(written.delay or 0.0)
        self._expires = timing.Timing(written.expires) if written.expires is not None else None
        self._reset = values.compiled(written.reset.payload) if written.reset else None
        self._after = timing.Timing(written.reset.after) if written.reset else None
        self.path = f"then.{index}"
        parts = (self._fields, self._payload, self._delay, self._expires, self._reset, self._after)
        self.names = named.together(part.names for part in parts if part is not None)

    def parts(self, mail: Mail, moment: rules.Moment, found: Mapping[str, Any]) -> Iterator[Made | Missing]:
        """The main part, then the reset. Raises nothing: a main that cannot be rendered, or does not fit, is dead and
        has no reset. Of a reset that cannot be rendered there is nothing: its main goes out all the same, since an
        alarm that stays on does less harm than one that never comes.
        """
        main = self._id(mail, "main")
        known = {**found, "delivery_id": main}
        options, unmade = self._fields.render(known)
        times, untimed = self._times(mail, moment, known)
        wrong = "; ".join(filter(None, (unmade, untimed)))
        made = wrong or self._rendered(self.path, self._payload, known)
        if isinstance(made, Missing):
            yield made
            return
        delivery = Delivery(id=main, created=moment.now, **self._where(mail, options), **times, **_content(made))
        yield Made(delivery=delivery, encoding=made.encoding.name if isinstance(made, _Encoded) else self._as or "")
        if not delivery.dead:
            yield from self._resets(mail, moment, delivery, known)

    def _resets(
        self, mail: Mail, moment: rules.Moment, main: Delivery, known: Mapping[str, Any]
    ) -> Iterator[Made | Missing]:
        if self._reset is None or self._after is None:
            return
        path = f"{self.path}.reset"
        made = self._rendered(path, self._reset, known)
        if isinstance(made, Missing):
            yield made
        elif isinstance(made, str):
            yield Missing(path=path, reason=made)
        else:
            after = self._after.found(known, moment.zone)
            if isinstance(after, str):
                yield Missing(path=path, reason=f"after: {after}")
            else:
                yield Made(delivery=_carrying(self._follow(mail, main, after), made), encoding=made.encoding.name)

    def _rendered(self, path: str, value: values.Value, known: Mapping[str, Any]) -> _Encoded | Missing | str:
        """The payload, or why there is none; ``Missing`` where the rule says that it is dropped then."""
        try:
            rendered = value.render(known)
        except Exception as error:  # noqa: BLE001 — whatever it is, it costs this delivery alone
            return f"payload: {failing.reason(error)}"
        file: Large | None = known.get(template.LARGE)
        if file is not None and _holds(rendered):
            return file.too_large
        try:
            return self._encoded(path, rendered)
        except Exception as error:  # noqa: BLE001 — the same
            return failing.reason(error)

    def _where(self, mail: Mail, options: dict[str, Any]) -> _Where:
        return {
            "sink": self._written.sink,
            "target": self._fields.target(options),
            "options": options,
            "rule": self._rule,
            "mailbox": mail.place.mailbox,
            "folder": mail.place.folder,
        }

    def _times(self, mail: Mail, moment: rules.Moment, known: Mapping[str, Any]) -> tuple[_Times, str]:
        """When it is due, when stale and when given up, and why that is not known ("" where it is). A delay that is
        over is none.
        """
        now = moment.now
        delay = self._delay.found(known, moment.zone)
        expires = self._expires.found(known, moment.zone) if self._expires is not None else None
        if isinstance(delay, str) or isinstance(expires, str):
            untimed = f"delay: {delay}" if isinstance(delay, str) else f"expires: {expires}"
            return _Times(not_before=None, expires=None, retry_until=now + self._written.retry_for), untimed
        due = max(now, delay.after(now))
        delay_s = due - now if delay.is_moment else max(0.0, delay.seconds)
        return _Times(
            not_before=due if due > now else None,
            expires=None if expires is None else _expiry(expires, arrival.arrived(mail, now), delay_s),
            retry_until=due + self._written.retry_for,
        ), ""

    def _follow(self, mail: Mail, main: Delivery, after: timing.Time) -> Delivery:
        """The reset, without its payload. Never expires. It becomes due only after its main, so that its own time to
        retry begins where that of the main ends.
        """
        ended = main.retry_until or main.created
        return dataclasses.replace(
            main,
            id=self._id(mail, "reset"),
            part="reset",
            not_before=None,
            expires=None,
            retry_until=max(ended, after.after(ended)) + self._written.retry_for,
            reset_after=None if after.is_moment else max(0.0, after.seconds),
            reset_at=after.seconds if after.is_moment else None,
            follows=main.id,
        )

    def _id(self, mail: Mail, part: PartName) -> str:
        place = mail.place
        where = (place.mailbox, place.folder, place.uidvalidity, place.uid)
        return delivery_id(*where, mail.event, mail.occurrence, self._rule, self._index, part)

    def _encoded(self, path: str, value: Any) -> _Encoded | Missing:
        """
        Raises:
            errors.RuleError: it cannot be expressed in this encoding, or is too big.
        """
        name = self._as or natural(value)
        encoding: payload.Encoding = plugins.find("payload", name)
        if isinstance(value, Large):
            return self._streamed(path, value, encoding)
        octets = encoding.encode(value, self._written.keys)
        limit = self._written.max_bytes
        if limit is not None and len(octets) > limit:
            if self._written.too_big == "drop":
                return Missing(path=path, reason=f"{_too_big(len(octets), limit)}: dropped")
            octets = self._shortened(value, encoding, limit, len(octets))
        return _Encoded(octets=octets, encoding=encoding)

    def _streamed(self, path: str, file: Large, encoding: payload.Encoding) -> _Encoded | Missing:
        """
        Raises:
            errors.RuleError: it could not be fetched, nobody can send it like that, or it is too big.
        """
        if encoding.name != "bytes" or not self._streams:
            instead = "" if self._streams else f"; {self._kind} takes no stream, http does"
            raise errors.RuleError(f"{file.too_large}{instead}")
        limit = self._written.max_bytes
        if limit is not None and file.size > limit:
            if self._written.too_big == "drop":
                return Missing(path=path, reason=f"{_too_big(file.size, limit)}: dropped")
            raise errors.RuleError(_too_big(file.size, limit))
        if file.fault:
            raise errors.RuleError(f"{file.name}: {file.fault}")
        sent = File(id=file.kept, size=file.size, section=file.section, name=file.name)
        return _Encoded(octets=b"", encoding=encoding, file=sent)

    def _shortened(self, value: Any, encoding: payload.Encoding, limit: int, length: int) -> bytes:
        shorter = None
        if self._written.too_big == "truncate":
            shorter = fitting.truncated(
                value, lambda one: encoding.encode(one, self._written.keys), limit, encoding.is_text
            )
        if shorter is None:
            raise errors.RuleError(_too_big(length, limit))
        return shorter


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Encoded:
    octets: bytes
    encoding: payload.Encoding
    file: File | None = None


def _too_big(length: int, limit: int) -> str:
    return f"the payload has {length} bytes; max_bytes is {limit}"


def _expiry(expires: timing.Time, arrived: float, delay_s: float) -> float:
    return expires.seconds if expires.is_moment else arrived + expires.seconds + delay_s


def _content(made: _Encoded | str) -> _Content:
    if isinstance(made, str):
        return {"payload": b"", "media_type": OCTETS, "dead": made, "file": None}
    return {"payload": made.octets, "media_type": made.encoding.media_type, "dead": "", "file": made.file}


def _carrying(delivery: Delivery, made: _Encoded) -> Delivery:
    return dataclasses.replace(delivery, payload=made.octets, media_type=made.encoding.media_type, file=made.file)


def _holds(value: Any) -> bool:
    """Whether a file that is not in memory is in a map or a list."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(isinstance(one, Large) or _holds(one) for one in inside)


def natural(value: Any) -> str:
    """The encoding of a value that the rule names none for."""
    if isinstance(value, dict | list | tuple):
        return "json"
    return "bytes" if isinstance(value, bytes | Large) else "text"
