"""What does not fit a rule's event: a count is about no one mail, and of a mail that is gone only the header is
known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, get_args

from bridge import plugins, rules
from bridge.rules import settings
from bridge.rules.nested import Place
from bridge.rules.sources import Extract

Fault = tuple[Place, str]

_NO_MAIL = "a count is about no one mail"
_HEADER_ONLY = "of a mail that is gone only the header is known"
_GONE = "the mail is gone: there is nothing left to change"
_KEYS: Mapping[str, Mapping[str, str]] = {  # event → key of the rule that does not go with it → why
    "count": {
        "extract": f"{_NO_MAIL}: there is none to take values from",
        "after": f"{_NO_MAIL}: there is none to change",
        "failed": f"{_NO_MAIL}: there is none to change",
        "stop": f"{_NO_MAIL}: there is none that later rules could look at",
    },
    "gone": {"after": _GONE, "failed": _GONE},
}
_REPEATED = f"{_NO_MAIL}: it cannot be repeated (throttle bounds how often it is told)"
_EVENTS = frozenset(get_args(settings.Event))
_OF_MAILS = frozenset(("mail", "folder"))
_BEYOND_HEADER = frozenset(("mail.text", "mail.attachments"))


def values(event: str) -> frozenset[str]:
    """The names of the values that only a rule of this event has; of a misspelt event it may be any."""
    return frozenset(("count",)) if event == "count" or event not in _EVENTS else frozenset()


def refusal(event: str, name: str, found: Collection[str]) -> str:
    """Why a template of a rule cannot name this value; "" where its event is no reason. ``found`` are the values that
    its conditions find.
    """
    top = name.partition(".")[0]
    if event not in _EVENTS:
        return ""
    if event == "count":
        return f'{_NO_MAIL}: there is no value "{name}"' if top in _OF_MAILS or top in found else ""
    if event == "gone" and ".".join(name.split(".")[:2]) in _BEYOND_HEADER:
        return f'{_HEADER_ONLY}: there is no value "{name}"'
    return 'the value "count" is known in a rule with event: count only' if top == "count" else ""


def refusal_in_if(event: str, name: str, found: Collection[str]) -> str:
    """The same for ``if``, which looks at one mail also where mails are counted."""
    if event != "count":
        return refusal(event, name, found)
    return '"count" is not known here, where it is decided which mails are counted' if name == "count" else ""


def keys(event: str, written: Mapping[str, Any]) -> Iterator[Fault]:
    """(place within the rule, message) of each key that does not go with the event. ``written`` are the rule's keys."""
    for key, message in _KEYS.get(event, {}).items():
        if written.get(key):
            yield (key,), message


def conditions(event: str, when: Any, found: Iterator[tuple[Place, rules.Condition]]) -> Iterator[Fault]:
    """The same of ``when``; ``found`` are its conditions, each with its place."""
    if event == "count":
        yield from ((("when", *at), _REPEATED) for at in settings.written_at("repeated", when))
    if event != "gone":
        return
    carried = [("when", *at) for at in settings.written_at("forwarded", when)]
    yield from ((at, _HEADER_ONLY) for at in carried if "forwarded" not in at[:-1])
    for at, condition in found:
        if "forwarded" not in at and (condition.parts or condition.need > rules.Need.HEAD):
            yield at, _HEADER_ONLY


def extracts(event: str, written: Mapping[str, Extract]) -> Iterator[Fault]:
    """The same of ``extract``."""
    for name, one in written.items() if event == "gone" else ():
        for n, source in enumerate(one.sources):
            finder: rules.Finder = plugins.find("extract", source.kind).make(source.setting)
            if finder.need > rules.Need.HEAD:
                yield ("extract", name, *([n] if len(one.sources) > 1 else [])), _HEADER_ONLY
