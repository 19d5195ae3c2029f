"""What is wrong with one entry of ``then`` beyond its shape."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import pydantic

from bridge import plugins, schema, sinks, spelling
from bridge.rules import nested, settings, sink_fields, sources, tags, template, unused_keys, values, verify_event, view
from bridge.rules.nested import Place

Fault = tuple[Place, str]


class Known:
    """The values that a rule's templates can name; with None it is not known what the rule finds. ``lost`` tells the
    names of what it finds inside of ``not``; ``event`` is the rule's, and ``refusal`` why a value is none for it.
    """

    def __init__(
        self,
        found: frozenset[str] | None,
        *,
        own: Collection[str] = ("delivery_id",),
        lost: Callable[[], Collection[str]] = tuple,
        plain: frozenset[str] | None = None,
        event: str = "new",
        refusal: Callable[[str, str, Collection[str]], str] = verify_event.refusal,
    ) -> None:
        self._event = event
        self._refusal = refusal
        self._found = found
        self._lost = lost
        self.plain = plain  # those that are no maps, where that is known
        self._is_whole = found is not None
        self._tops = (found or frozenset()) | view.CONTEXT | verify_event.values(event) | {"mail", *own}
        self._all = self._tops | view.MAIL

    @property
    def before_sending(self) -> Known:
        """For a template that belongs to no delivery."""
        return Known(self._found, own=(), lost=self._lost, plain=self.plain, event=self._event)

    @property
    def judging(self) -> Known:
        """For ``if``."""
        refusal = verify_event.refusal_in_if
        return Known(self._found, own=(), lost=self._lost, plain=self.plain, event=self._event, refusal=refusal)

    @property
    def document(self) -> Any:
        """What is sent where the rule says nothing of the payload, as a payload."""
        return unused_keys.document(self._event, self.found)

    @property
    def found(self) -> frozenset[str]:
        """What the rule itself finds."""
        return self._found or frozenset()

    def unknown(self, names: Iterable[str]) -> Iterator[str]:
        """What to say of each name that there is no value for."""
        for name in sorted(names):
            top, _, rest = name.partition(".")
            if refused := self._refusal(self._event, name, self.found):
                yield refused
            elif top not in self._tops and self._is_whole:
                yield f'unknown value "{name}"{self._hint(name, top)}'
            elif top == "mail" and rest and f"mail.{rest.partition('.')[0]}" not in self._all:
                # "mail." is no likeness: only what follows it is compared
                meant = spelling.nearest(rest, (one.removeprefix("mail.") for one in view.MAIL))
                yield f'unknown value "{name}"' + (f'; did you mean "mail.{meant}"?' if meant else "")

    def _hint(self, name: str, top: str) -> str:
        if top in sources.RESERVED:
            return ""  # no slip: not here
        if top in self._lost():
            return ": what is found inside of not is no value"
        return spelling.did_you_mean(name, self._all)


def faults(one: settings.Action, kinds: Mapping[str, str] | None, known: Known) -> Iterator[Fault]:
    """(place within the action, message) of everything that is wrong. ``kinds`` is each sink's name → its type; None
    where the action does not say which sink it is for.
    """
    if kinds is not None and one.sink not in kinds:
        yield ("sink",), f'no sink is called "{one.sink}"{spelling.did_you_mean(one.sink, kinds)}'
    plugin = _plugin(kinds[one.sink]) if kinds and one.sink in kinds else None
    own = list(_own(one, plugin, known))
    yield from own
    if one.as_ is not None and (message := _encoding(one.as_)):
        yield ("as",), message
    elif (
        one.keys
        and not _means(own, "as")
        and (message := _keys(one.as_ or (plugin.defaults.get("as") if plugin else None)))
    ):
        yield ("keys",), message
    elif known.plain is not None and not _means(own, "payload"):
        yield from unused_keys.unused(one, known.document, known.plain, certain=True)
    yield from strings(one.delay, ("delay",), known)
    yield from strings(one.expires, ("expires",), known)
    if one.has_payload:
        yield from _payload(one.payload, ("payload",), known)
    if one.reset is not None:
        yield from strings(one.reset.after, ("reset", "after"), known)
        yield from _payload(one.reset.payload, ("reset", "payload"), known)


def _plugin(kind: str) -> sinks.Plugin | None:
    """None where there is no such type: that is a fault of the sink, not of the rule."""
    try:
        plugin: sinks.Plugin = plugins.find("sinks", kind)
    except (LookupError, ImportError):
        return None
    return plugin


def _encoding(name: str) -> str:
    known = plugins.names("payload")
    if name in known:
        return ""
    return f'no encoding is called "{name}"' + (spelling.did_you_mean(name, known) or f"; there are {', '.join(known)}")


def _means(found: Iterable[Fault], key: str) -> bool:
    """Whether a key is there, but misspelt."""
    return any(message.endswith(f'did you mean "{key}"?') for _, message in found)


def _keys(name: str | None) -> str:
    """What is wrong with integer keys in this encoding; None is that of a map, JSON."""
    having = [one for one in plugins.names("payload") if plugins.find("payload", one).has_keys]
    return "" if name in having else f'"{name or "json"}" has no integer keys; they need as: {" or ".join(having)}'


def _own(one: settings.Action, plugin: sinks.Plugin | None, known: Known) -> Iterator[Fault]:
    """The sink's own keys, with the sink's own model; of those without a sink only the templates."""
    told: set[object] = set()
    if plugin is not None:
        try:
            action = plugin.action.model_validate(one.own)
            yield from _meant_for_nobody(one, action)
        except pydantic.ValidationError as error:
            found = list(_shape(error, plugin.action, one))
            yield from found
            told = {place[0] for place, _ in found}
    for name, written in one.own.items():
        mark = sink_fields.kind(plugin.action, name) if plugin is not None else "template"
        if name in told:
            continue
        if mark == "segments" and isinstance(written, str):
            yield from ((((name,), message)) for message in _segments(name, written, known))
        elif mark == "template":
            yield from strings(written, (name,), known)


def _meant_for_nobody(one: settings.Action, action: sinks.Action) -> Iterator[Fault]:
    """A payload where the request has none."""
    if action.bare and one.has_payload and one.payload not in (None, ""):
        yield ("payload",), f"{action.bare}, or leave it out"
    if action.bare and one.reset is not None and one.reset.payload not in (None, ""):
        yield ("reset", "payload"), f"{action.bare}, or leave the reset out"


def _shape(error: pydantic.ValidationError, model: type[sinks.Action], one: settings.Action) -> Iterator[Fault]:
    keys = {*schema.known_keys(model), *schema.known_keys(settings.Action)}
    planned = model.planned | settings.Action.planned
    meant = set()
    for line in error.errors(include_url=False, include_input=False):
        if line["type"] == "extra_forbidden":
            message = nested.unknown(line["loc"][-1], keys - one.model_fields_set, planned)
            meant.add(message.partition('did you mean "')[2].removesuffix('"?'))
            yield tuple(line["loc"]), message
    for place, message in nested.faults(error):
        if message != "Extra inputs are not permitted" and not (message == "missing" and place[-1] in meant):
            yield place, message


def _segments(name: str, written: str, known: Known) -> Iterator[str]:
    try:
        made = template.Segments(written, path=name == sink_fields.PATH)
    except ValueError as error:
        yield str(error)
        return
    if name == sink_fields.PATH and any(one.kind == "text" and "?" in one.text for one in tags.pieces(written)):
        yield 'a path has no query: this "?" would be sent as a letter of the path'
    yield from known.unknown(made.names)
    yield from template.unknown_uses(written)


def _payload(written: Any, at: Place, known: Known) -> Iterator[Fault]:
    yield from strings(written, at, known)
    if isinstance(written, str) and tags.bare_json(written):
        yield at, "a mail could break this JSON; write the payload as a map, or the value with | tojson and no quotes"


def strings(written: Any, at: Place, known: Known) -> Iterator[Fault]:
    """What is wrong with the templates in it."""
    for place, text in values.strings(written, at):
        try:
            made = template.Template(text)
        except ValueError as error:
            yield place, str(error)
            continue
        if not made.is_literal:
            yield from ((place, message) for message in known.unknown(made.names))
            yield from ((place, message) for message in template.unknown_uses(text))
