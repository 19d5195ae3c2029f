"""What ``from``, ``to``, ``cc`` and ``reply_to`` ask for.

*@cameras.example     a glob over the whole address, ignoring case; so is camera1*
cameras.example       without a wildcard and a name before the @: every address in exactly that domain
{name: text}          the display name
[a, b]                any of these
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bridge import rules
from bridge.mail import Mail, address
from bridge.rules import anchors, literals, named, nested, regex
from bridge.rules.text import NOTHING, Text, clip

_KEYS = ("name",)
_WRITE = 'write an address, a domain, a glob like "*@cameras.example", or {name: …}'
_NO_ADDRESS = re.compile(r'^[^"]*[<>,;\s]')  # `a, b` or `Name <a>`: never held by one address
SHOWN = 20  # addresses; the rest is counted by nobody


class Addresses(nested.Parsed):
    """Holds for some addresses."""

    def __init__(self, written: Any) -> None:
        """
        Raises:
            ValueError: it is no string, map or list of these (a ``ValidationError`` where the fault lies deeper).
        """
        items = written if isinstance(written, list | tuple) else [written]
        if not items:
            raise ValueError("an empty list holds for nothing")
        matchers = [_matcher(written)] if items == [written] else nested.each(_matcher, enumerate(items))
        self.alternatives: list[_Matcher] = matchers
        self.wanted = " or ".join(matcher.wanted for matcher in self.alternatives)
        self.names = named.together(matcher.names for matcher in self.alternatives)

    def find(self, found: Iterable[address.Address]) -> Mapping[str, Any] | None:
        for matcher in self.alternatives:
            for one in found:
                if (values := matcher.find(one)) is not None:
                    return values
        return None

    def must_show(self, field: str) -> anchors.Needed:
        """What a mail must show before they can hold for it."""
        places = _places(field)
        return anchors.any_of(matcher.must_show(places) for matcher in self.alternatives)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        text = Text.json_schema()
        glob = {
            "type": "string",
            "description": "a glob over the whole address, or a domain",
            "examples": ["*@cameras.example"],
        }
        named = {"type": "object", "properties": {"name": text}, "additionalProperties": False, "minProperties": 1}
        return {"anyOf": [glob, named, {"type": "array", "items": {"anyOf": [glob, named]}, "minItems": 1}]}


class _Places:
    """Where the addresses of a header field are looked up. A domain is a key as well: ``@cameras.example``."""

    def __init__(self, field: str) -> None:
        self.keys = anchors.Keys(name=f"{field} keys", read=lambda mail: _keys(mail.addresses(field)))
        self.addresses = anchors.Texts(
            name=f"{field} addresses", read=lambda mail: "\n".join(map(_plain, mail.addresses(field)))
        )
        self.names = anchors.Texts(
            name=f"{field} names", read=lambda mail: "\n".join(one.name for one in mail.addresses(field))
        )


@functools.cache
def _places(field: str) -> _Places:
    return _Places(field)


def _keys(found: Iterable[address.Address]) -> Iterator[str]:
    for one in found:
        yield _plain(one)
        yield f"@{one.domain}"


class _Matcher:
    wanted: str
    names: frozenset[str] = frozenset()

    def find(self, one: address.Address) -> Mapping[str, Any] | None:
        raise NotImplementedError

    def must_show(self, places: _Places) -> anchors.Needed:
        return anchors.NOTHING


class _Exact(_Matcher):
    def __init__(self, written: str) -> None:
        self.wanted = written
        self._address = _folded(written)

    def find(self, one: address.Address) -> Mapping[str, Any] | None:
        return NOTHING if _plain(one) == self._address else None

    def must_show(self, places: _Places) -> anchors.Needed:
        return anchors.Anchor(places.keys, self._address)


class _Domain(_Matcher):
    def __init__(self, written: str) -> None:
        self.wanted = f"*@{written}"
        self._domain = address.domain(written.strip())

    def find(self, one: address.Address) -> Mapping[str, Any] | None:
        return NOTHING if one.domain == self._domain else None

    def must_show(self, places: _Places) -> anchors.Needed:
        return anchors.Anchor(places.keys, f"@{self._domain}")


class _Glob(_Matcher):
    def __init__(self, written: str) -> None:
        self.wanted = written
        self._glob = _folded(written) if "@" in written else address.domain(written)
        self._pattern = regex.glob(self._glob)

    def find(self, one: address.Address) -> Mapping[str, Any] | None:
        return NOTHING if self._pattern.fullmatch(_plain(one)) else None

    def must_show(self, places: _Places) -> anchors.Needed:
        _, at, domain = self._glob.rpartition("@")
        if at and domain.isascii() and not set("*?[]") & set(domain):
            return anchors.Anchor(places.keys, f"@{domain.casefold()}")
        return literals.of_glob(places.addresses, self._glob)


class _Name(_Matcher):
    def __init__(self, text: Text) -> None:
        self.wanted = f"name {text.wanted}"
        self.names = text.names
        self._text = text

    def find(self, one: address.Address) -> Mapping[str, Any] | None:
        return self._text.find(one.name)

    def must_show(self, places: _Places) -> anchors.Needed:
        return self._text.must_show(places.names)


def _folded(written: str) -> str:
    local, _, domain = written.strip().rpartition("@")
    return f"{local.casefold()}@{address.domain(domain)}"


def _plain(one: address.Address) -> str:
    """The address without regard to case. A domain has been made so already, by the rules of domains: ß is not ss."""
    local, at, domain = one.address.rpartition("@")
    return f"{local.casefold()}{at}{domain}" if at else one.address.casefold()


def _matcher(value: Any) -> _Matcher:
    if isinstance(value, Mapping):
        return _named(value)
    if not isinstance(value, str) or not value.strip() or value.strip().startswith("/"):
        raise ValueError(_WRITE)
    if any(char in value for char in "*?["):
        return _Glob(value.strip())
    if _NO_ADDRESS.search(value.strip()):
        raise ValueError(f"{_WRITE}; several are a list")
    return _Exact(value) if "@" in value.strip()[1:] else _Domain(value.strip().removeprefix("@"))


def _named(value: Mapping[str, Any]) -> _Matcher:
    if wrong := [((key,), nested.unknown(key, _KEYS)) for key in value if key not in _KEYS]:
        raise nested.error(wrong)
    if "name" not in value:
        raise ValueError("an empty map holds for everything; write {name: …}")
    return _Name(nested.each(Text.parse, [("name", value["name"])])[0])


class AddressCondition(rules.Condition):
    """At least one address of a header field."""

    def __init__(self, field: str, setting: Addresses) -> None:
        self._field = field
        self._setting = setting
        self.names = setting.names

    @property
    def wanted(self) -> str:
        return self._setting.wanted

    def must_show(self) -> anchors.Needed:
        return self._setting.must_show(self._field)

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        found = mail.addresses(self._field)
        values = self._setting.find(found)
        return rules.Outcome(
            held=values is not None, saw=_shown(found) or f"no {self._field}", values=values or NOTHING
        )


@functools.lru_cache(maxsize=4)  # one mail's, for all rules
def _shown(found: tuple[address.Address, ...]) -> str:
    return clip(", ".join(f'"{one.name}" <{one.address}>' if one.name else one.address for one in found[:SHOWN]))


def plugin(field: str, summary: str) -> rules.ConditionPlugin:
    """The condition on one header field's addresses."""
    return rules.ConditionPlugin(setting=Addresses, make=functools.partial(AddressCondition, field), summary=summary)
