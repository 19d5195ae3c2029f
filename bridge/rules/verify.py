"""What is wrong with a rule beyond its shape: sinks and mailboxes that do not exist, keys that a sink does not know,
templates that do not parse or name a value that the rule does not have.

``faults`` tells all of it at once, each at its place, counted from the rule. Pure, but for importing the sinks that
the rule names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import pydantic

from bridge import plugins, rules, schema, sinks, spelling
from bridge.rules import action, matching, nested, settings, template, values, view
from bridge.rules.nested import Place
from bridge.rules.sources import checked_name

Fault = tuple[Place, str]
_PLANNED_ENCODINGS = frozenset(("senml+json", "senml+cbor", "base64", "bytes"))
_LATER = frozenset(("count", "result"))  # values of events and replies, which are not yet supported


def faults(rule: settings.Rule, *, sinks: Mapping[str, str], mailboxes: Collection[str]) -> Iterable[Fault]:
    """(place, message) of everything that is wrong. ``sinks`` is each sink's name → its type."""
    yield from _mailboxes(rule, mailboxes)
    yield from _captures(rule.when, ("when",))
    known = _Known(matching.compile_when(rule.when).names | frozenset(rule.extract))
    yield from _expressions(rule.when, ("when",), known)
    for index, one in enumerate(rule.then):
        for place, message in _action(one, sinks, known):
            yield (*rule.place(index), *place), message


def _mailboxes(rule: settings.Rule, known: Collection[str]) -> Iterator[Fault]:
    for n, name in enumerate(rule.mailboxes or ()):
        if name not in known:
            yield ("mailboxes", n), f'no mailbox is called "{name}"{spelling.did_you_mean(name, known)}'


class _Known:
    """The values that a rule's templates can name."""

    def __init__(self, found: frozenset[str]) -> None:
        self._tops = found | view.CONTEXT | {"mail", "delivery_id"}
        self._all = self._tops | view.MAIL

    def unknown(self, names: Iterable[str]) -> Iterator[str]:
        """What to say of each name that there is no value for."""
        for name in sorted(names):
            top, _, rest = name.partition(".")
            if top in _LATER and top not in self._tops:
                yield f'the value "{top}" is not yet supported'
            elif top not in self._tops:
                yield f'unknown value "{name}"{spelling.did_you_mean(name, self._all)}'
            elif top == "mail" and rest and f"mail.{rest.partition('.')[0]}" not in self._all:
                yield f'unknown value "{name}"{spelling.did_you_mean(name, view.MAIL)}'


def _captures(when: Any, at: Place) -> Iterator[Fault]:
    """Named groups that cannot be the names of values."""
    for place, condition in _conditions(when, at):
        for name in sorted(condition.names):
            try:
                checked_name(name)
            except ValueError as error:
                yield place, f"a named group: {error}"


def _conditions(when: Any, at: Place) -> Iterator[tuple[Place, rules.Condition]]:
    """Every condition and where it is written."""
    for key, setting in when.items():
        if key == "not":
            yield from _conditions(setting, (*at, key))
        elif key in ("any", "all"):
            for n, one in enumerate(setting):
                yield from _conditions(one, (*at, key, n))
        else:
            yield (*at, key), plugins.find("conditions", key).make(setting)


def _expressions(when: Any, at: Place, known: _Known) -> Iterator[Fault]:
    for place, condition in _conditions(when, at):
        if isinstance(condition, rules.LateCondition):
            wrong = [*known.unknown(condition.mentions), *template.unknown_uses("{{" + condition.wanted + "}}")]
            yield from ((place, message) for message in wrong)


def _action(one: settings.Action, kinds: Mapping[str, str], known: _Known) -> Iterator[Fault]:
    if one.sink not in kinds:
        yield ("sink",), f'no sink is called "{one.sink}"{spelling.did_you_mean(one.sink, kinds)}'
    elif (plugin := _plugin(kinds[one.sink])) is not None:
        yield from _own(one, plugin, known)
    if one.as_ is not None and (message := _encoding(one.as_)):
        yield ("as",), message
    if one.has_payload:
        yield from _payload(one.payload, ("payload",), known)
    if one.reset is not None:
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
    if name in _PLANNED_ENCODINGS:
        return "not yet supported"
    return f'no encoding is called "{name}"{spelling.did_you_mean(name, known)}; there are {", ".join(known)}'


def _own(one: settings.Action, plugin: sinks.Plugin, known: _Known) -> Iterator[Fault]:
    """The sink's own keys, with the sink's own model."""
    try:
        model = plugin.action.model_validate(one.own)
    except pydantic.ValidationError as error:
        yield from _shape(error, plugin.action, one)
        return
    for name in schema.known_keys(plugin.action):
        written = one.own.get(name)
        mark = action.kind(plugin.action, name)
        if mark == "segments" and isinstance(written, str):
            yield from ((((name,), message)) for message in _segments(name, written, known))
        elif mark == "template":
            yield from _strings(written, (name,), known)
    del model


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


def _segments(name: str, written: str, known: _Known) -> Iterator[str]:
    try:
        made = template.Segments(written, path=name == action.PATH)
    except ValueError as error:
        yield str(error)
        return
    yield from known.unknown(made.names)
    yield from template.unknown_uses(written)


def _payload(written: Any, at: Place, known: _Known) -> Iterator[Fault]:
    yield from _strings(written, at, known)
    if isinstance(written, str) and template.bare_json(written):
        yield at, "a value stands bare in JSON; write the payload as a map, or the value with | tojson"


def _strings(written: Any, at: Place, known: _Known) -> Iterator[Fault]:
    for place, text in values.strings(written, at):
        try:
            made = template.Template(text)
        except ValueError as error:
            yield place, str(error)
            continue
        if not made.is_literal:
            yield from ((place, message) for message in known.unknown(made.names))
            yield from ((place, message) for message in template.unknown_uses(text))
