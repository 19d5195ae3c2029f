"""What is wrong with a rule beyond its shape: sinks and mailboxes that do not exist, keys that a sink does not know,
templates that do not parse or name a value that the rule does not have.

``faults`` tells all of it at once, each at its place, counted from the rule; ``raw_faults`` does so for a rule whose
shape is wrong somewhere, as far as its sound parts tell. Pure, but for importing the sinks that the rule names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import pydantic
import structlog

from bridge import plugins, rules, spelling
from bridge.rules import settings, tags, template, unused_keys, verify_action, verify_event
from bridge.rules import when as when_
from bridge.rules.nested import Place
from bridge.rules.sources import Extract, ValueName, checked_name
from bridge.rules.verify_action import Known

log = structlog.get_logger()

Fault = tuple[Place, str]
M = TypeVar("M", bound=pydantic.BaseModel)
_EXTRACT: pydantic.TypeAdapter[dict[str, Extract]] = pydantic.TypeAdapter(
    dict[ValueName, Extract], config=pydantic.ConfigDict(hide_input_in_errors=True)
)
_SOUND_RESET = {"after": "1s"}


def faults(rule: settings.Rule, *, sinks: Mapping[str, str], mailboxes: Collection[str]) -> Iterable[Fault]:
    """(place, message) of everything that is wrong. ``sinks`` is each sink's name → its type."""
    yield from _mailboxes(rule.mailboxes, mailboxes)
    yield from _captures(rule.when, ("when",))
    found = when_.compile_when(rule.when).names | frozenset(rule.extract)
    plain = unused_keys.plain(rule) if any(one.keys for one in rule.then) else None
    known = Known(found, lost=lambda: _lost(rule.when), plain=plain, event=rule.event)
    yield from _unfit(rule)
    yield from _expressions(rule.when, ("when",), known)
    if rule.throttle is not None:
        yield from verify_action.strings(rule.throttle.per, ("throttle", "per"), known.before_sending)
    for key in ("after", "failed"):
        written = getattr(rule, key).model_dump(by_alias=True, exclude_defaults=True)
        yield from verify_action.strings(written, (key,), known.before_sending)
    for index, one in enumerate(rule.then):
        for place, message in verify_action.faults(one, sinks, known):
            yield (*rule.place(index), *place), message


def _unfit(rule: settings.Rule) -> Iterator[Fault]:
    """What does not go with its event."""
    changes = {key: getattr(rule, key).changes for key in ("after", "failed")}
    yield from verify_event.keys(rule.event, {"extract": rule.extract, "stop": rule.stop, **changes})
    yield from verify_event.conditions(rule.event, rule.when, conditions(rule.when, ("when",)))
    yield from verify_event.extracts(rule.event, rule.extract)


def raw_faults(written: Any, *, sinks: Mapping[str, str], mailboxes: Collection[str]) -> Iterable[Fault]:
    """The same for a rule as it was read, whose shape is wrong: of that nothing is said here. What its values are
    called is asked only where ``when`` and ``extract`` are sound. Never raises.
    """
    found: list[Fault] = []
    try:
        found.extend(_raw(written, sinks, mailboxes))
    except Exception:  # what the shape's faults do not tell is told when they are mended
        log.debug("a rule with faults could not be looked at further", exc_info=True)
    return found


def _raw(written: Any, kinds: Mapping[str, str], mailboxes: Collection[str]) -> Iterator[Fault]:
    if not isinstance(written, Mapping):
        return
    named = written.get("mailboxes")
    yield from _mailboxes(named if isinstance(named, list) else [named], mailboxes)
    when, is_sound = _mended(settings.When, written.get("when") or {})
    event = str(written.get("event", "new"))
    found = _found(when, written.get("extract") or {}) if is_sound else None
    known = Known(found, lost=lambda: _lost(when), event=event)
    yield from verify_event.keys(event, written)
    if when is not None:
        yield from verify_event.conditions(event, when, conditions(when, ("when",)))
        yield from _captures(when, ("when",))
        yield from _expressions(when, ("when",), known)
    then = written.get("then")
    places = [("then", n) for n in range(len(then))] if isinstance(then, list) else [("then",)]
    for at, one in zip(places, then if isinstance(then, list) else [then], strict=True):
        for place, message in _raw_action(one, kinds, known):
            yield (*at, *place), message


def _found(when: Any, extract: Any) -> frozenset[str] | None:
    """The names of the values that a rule finds; None where ``extract`` is wrong."""
    try:
        return when_.compile_when(when).names | frozenset(_EXTRACT.validate_python(extract))
    except pydantic.ValidationError:
        return None


def _raw_action(written: Any, kinds: Mapping[str, str], known: Known) -> Iterator[Fault]:
    if not isinstance(written, Mapping):
        return
    has_sink = isinstance(written.get("sink"), str) and written["sink"]
    reset = written.get("reset")
    if isinstance(reset, Mapping) and "payload" in reset:  # its `after` may be what is wrong
        after = reset.get("after")
        mended = {"after": after} if tags.is_template(after) else _SOUND_RESET
        written = {**written, "reset": {**mended, "payload": reset["payload"]}}
    one, _ = _mended(settings.Action, {**written, "sink": written["sink"] if has_sink else "?"})
    if one is not None:
        yield from verify_action.faults(one, kinds if has_sink else None, known)


def _mended(model: type[M], written: Any) -> tuple[M | None, bool]:
    """What is sound of it, and whether that is all."""
    try:
        return model.model_validate(written), True
    except pydantic.ValidationError as error:
        wrong = {line["loc"][0] for line in error.errors(include_url=False, include_input=False) if line["loc"]}
    if not isinstance(written, Mapping):
        return None, False
    try:
        return model.model_validate({key: value for key, value in written.items() if key not in wrong}), False
    except pydantic.ValidationError:
        return None, False


def _mailboxes(named: Iterable[Any] | None, known: Collection[str]) -> Iterator[Fault]:
    for n, name in enumerate(named or ()):
        if isinstance(name, str) and name and name not in known:
            yield ("mailboxes", n), f'no mailbox is called "{name}"{spelling.did_you_mean(name, known)}'


def _captures(when: Any, at: Place) -> Iterator[Fault]:
    """Named groups that cannot be the names of values."""
    for place, condition in conditions(when, at):
        for name in sorted(condition.names):
            try:
                checked_name(name)
            except ValueError as error:
                yield place, f"a named group: {error}"


def _lost(when: Any) -> frozenset[str]:
    """The names of what is found inside of ``not``."""
    return frozenset(name for at, one in conditions(when, ()) if "not" in at for name in one.names)


def conditions(when: Any, at: Place) -> Iterator[tuple[Place, rules.Condition]]:
    """Every condition and where it is written."""
    for key, setting in when.items():
        if key in settings.GROUPS and isinstance(setting, tuple):
            for n, one in enumerate(setting):
                yield from conditions(one, (*at, key, n))
        elif key in ("not", "forwarded"):
            yield from conditions(setting, (*at, key))
        else:
            yield (*at, key), plugins.find("conditions", key).make(setting)


def _expressions(when: Any, at: Place, known: Known) -> Iterator[Fault]:
    for place, condition in conditions(when, at):
        if isinstance(condition, rules.CountedCondition):
            yield from verify_action.strings(condition.per, (*place, "per"), known.before_sending)
        if isinstance(condition, rules.LateCondition):
            wrong = [*known.judging.unknown(condition.mentions), *template.unknown_uses("{{" + condition.wanted + "}}")]
            yield from ((place, message) for message in wrong)
