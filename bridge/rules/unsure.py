"""What ``mailwire check`` warns of: a template with a value that is not always there when the rule matches, since only
one branch of ``any`` captures it, only one text of a list, or a group of a regex that a match can be without. Pure.

A value under ``extract`` is always there: a rule does not match without it. Whoever has thought of it says so:
``{{ place | default("hall") }}``, ``{% if place is defined %}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bridge import plugins, rules
from bridge.rules import regex, settings, sink_fields, tags, template, text, values, verify
from bridge.rules.nested import Place
from bridge.rules.worst_case import bounds, widths

Names = frozenset[str]
_SILENT = (str, bytes, int, float, frozenset, type(None), type, text.Plain, regex.Pattern)  # have no named groups
_QUOTED = re.compile(tags.QUOTED, re.DOTALL)
Template = tuple[Place, str, str]  # where, what is written, and what comes of it where a value is missing
_DEAD, _NO_RESET, _FAILS, _NOT_DONE = (
    "the delivery would be dead",
    "there would be no reset",
    "the rule would fail",
    "it would not be done",
)


def warnings(rule: settings.Rule, *, sinks: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """(place within the rule, message). ``sinks`` is each sink's name → its type. The rule has no faults."""
    known = _found(rule.when)
    doubtful = known.keys() - _always(rule.when) - rule.extract.keys()
    if not doubtful:
        return
    for place, source, without in _templates(rule, sinks):
        for name in sorted(_bare(source) & doubtful):
            yield place, f'"{name}" may be missing: {_only(known[name])}; {without} (write {_default(name)})'


def _found(when: settings.Conditions) -> dict[str, list[str]]:
    """The name of each value that the conditions may give → where. What is found inside of ``not`` is no value."""
    found: dict[str, list[str]] = {}
    for place, condition in verify.conditions(when, ("when",)):
        for name in condition.names if "not" not in place else ():
            found.setdefault(name, []).append(".".join(map(str, place)))
    return found


def _always(when: settings.Conditions) -> Names:
    """The names of the values that are there whenever these conditions hold."""
    found: set[str] = set()
    for key, setting in when.items():
        if key == "any":
            found |= frozenset.intersection(*map(_always, setting))
        elif key == "all":
            found = found.union(*map(_always, setting))
        elif key == "forwarded":
            found |= _always(setting)
        elif key != "not":
            found |= _always_of(plugins.find("conditions", key), setting)
    return frozenset(found)


def _always_of(plugin: rules.ConditionPlugin, setting: Any) -> Names:
    """Of one condition. Of a name that is none of a regex it is taken for granted."""
    names: Names = plugin.make(setting).names
    return names - (_of_regexes(setting) - _surely(setting)) if names else names


def _of_regexes(setting: Any) -> Names:
    return frozenset[str]().union(*(one.names for one in bounds.inside(setting, text.Regex)))


def _surely(setting: Any) -> Names:
    """The named groups that have taken part whenever this setting holds."""
    if isinstance(setting, text.Regex):
        return setting.names - widths.optional(setting.pattern.source)
    if isinstance(setting, _SILENT):
        return frozenset()
    if alternatives := getattr(setting, "alternatives", ()):
        return frozenset[str].intersection(*map(_surely, alternatives))
    return frozenset[str]().union(*map(_surely, bounds.members(setting)))


def _templates(rule: settings.Rule, sinks: Mapping[str, str]) -> Iterator[Template]:
    """All that is rendered when the rule has matched. (A missing value in ``if`` does not hold, and that is all.)"""
    for index, one in enumerate(rule.then):
        for place, source, without in _of_action(one, plugins.find("sinks", sinks[one.sink]).action):
            yield (*rule.place(index), *place), source, without
    if rule.throttle is not None:
        yield from _strings(("throttle", "per"), rule.throttle.per, _FAILS)
    for place, condition in verify.conditions(rule.when, ("when",)):
        if isinstance(condition, rules.CountedCondition):
            yield from _strings((*place, "per"), condition.per, _FAILS)
    for key in ("after", "failed"):
        yield from _strings((key,), getattr(rule, key).model_dump(by_alias=True, exclude_defaults=True), _NOT_DONE)


def _of_action(one: settings.Action, model: Any) -> Iterator[Template]:
    for name, written in one.own.items():
        if sink_fields.kind(model, name) is not None:
            yield from _strings((name,), written, _DEAD)
    yield from _strings(("delay",), one.delay, _DEAD)
    yield from _strings(("expires",), one.expires, _DEAD)
    yield from _strings(("payload",), one.payload, _DEAD)
    if one.reset is not None:
        yield from _strings(("reset", "after"), one.reset.after, _NO_RESET)
        yield from _strings(("reset", "payload"), one.reset.payload, _NO_RESET)


def _strings(at: Place, written: Any, without: str) -> Iterator[Template]:
    return ((place, source, without) for place, source in values.strings(written, at))


def _bare(source: str) -> Names:
    """The values that a template cannot do without."""
    made = template.Template(source)
    code = " ".join(_QUOTED.sub('""', one.inner) for one in tags.pieces(source) if one.kind in ("{{", "{%"))
    return frozenset(name for name in {name.partition(".")[0] for name in made.names} if _is_bare(name, code))


def _is_bare(name: str, code: str) -> bool:
    if re.search(rf"\b{name}\s+is\s+(?:not\s+)?(?:un)?defined\b", code):
        return False
    return re.search(rf"(?<![\w.]){name}\b(?!\s*\|\s*(?:default|d)\b)", code) is not None


def _only(paths: Iterable[str]) -> str:
    told = " or ".join(dict.fromkeys(paths))
    return f"only {told} finds it" if ".any." in told else f"{told} can hold without it"


def _default(name: str) -> str:
    return f'{{{{ {name} | default("…") }}}}'
