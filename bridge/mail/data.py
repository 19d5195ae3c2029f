"""A page → the schema.org data in it: what senders tell mail programs of parcels, orders, flights and bookings.

It stands in a mail as JSON-LD (``<script type="application/ld+json">``) or as Microdata (``itemscope``, ``itemtype``,
``itemprop``). Both become plain maps: ``{"@type": "ParcelDelivery", "trackingNumber": "1Z…", "carrier": {…}}``, names
without ``https://schema.org/``, values with the type that JSON gave them; Microdata has texts alone. ``@graph`` and
lists are laid open.

    https://developers.google.com/workspace/gmail/markup/reference
    https://html.spec.whatwg.org/multipage/microdata.html#values
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from bridge.mail import charset, limits
from bridge.mail.page import Element, Page

Item = dict[str, Any]

_VOCABULARY = re.compile(r"(?:https?://(?:www\.)?schema\.org/|schema:)#?", re.IGNORECASE)
_OPENING = re.compile(r"(?://|/\*)?\s*+(?:<!--|<!\[CDATA\[)\s*+(?:\*/)?")
_CLOSING = re.compile(r"(?://|/\*)?\s*(?:-->|\]\]>)\s*(?:\*/)?\Z")
_TAIL_CHARS = 20
_TRAILING_COMMA = re.compile(r'("[^"\\]*+(?:\\.[^"\\]*+)*"?)|,(?=\s*+[}\]])', re.DOTALL)
_LARGEST = 2**63 - 1
_NAMES = 5  # of one property, and types of one item
_SHORTEST = len(" itemprop")
_ITEM = re.compile(r"item(?:scope|prop)", re.IGNORECASE)
_LOCATED = {
    **dict.fromkeys(("a", "area", "link"), "href"),
    **dict.fromkeys(("audio", "embed", "iframe", "img", "source", "track", "video"), "src"),
    **dict.fromkeys(("data", "meter"), "value"),
    "object": "data",
    "time": "datetime",
}


def found(page: Page) -> tuple[Item, ...]:
    """All that is there, JSON-LD first, each in the order of the page."""
    reader = _Reader()
    return (*(item for script in _scripts(page) for item in reader.items(script)), *_microdata(page))


def types(item: Item) -> Sequence[str]:
    """What an item says that it is."""
    written = item.get("@type", ())
    return (written,) if isinstance(written, str) else [name for name in written if isinstance(name, str)]


def every(value: Any) -> Iterator[Item]:
    """An item and those in it, at any depth, outermost first."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for one in inner:
        if isinstance(one, dict | list):
            yield from every(one)


def _scripts(page: Page) -> Iterator[str]:
    left = limits.DATA_CHARS
    for element in page.elements:
        if element.tag == "script" and _is_json_ld(element) and len(element.raw) <= left:
            left -= len(element.raw)
            yield element.raw


def _is_json_ld(script: Element) -> bool:
    return script.attributes.get("type", "").partition(";")[0].strip().lower() == "application/ld+json"


class _Reader:
    """JSON → plain values, within limits that hold for all of a mail's data."""

    def __init__(self) -> None:
        self._left = limits.DATA_VALUES

    def items(self, script: str) -> Iterator[Item]:
        todo = [self._plain(_loaded(script), 0)]
        while todo:
            value = todo.pop(0)
            if isinstance(value, list):
                todo[:0] = value
            elif isinstance(value, dict):
                graph = value.pop("@graph", None)
                if isinstance(graph, dict | list):
                    todo.insert(0, graph)
                if value:
                    yield value

    def _plain(self, value: Any, depth: int) -> Any:
        """None for what is beyond the limits, and for what is no number."""
        self._left -= 1
        if self._left < 0 or depth > limits.DATA_DEPTH:
            return None
        if isinstance(value, dict):
            return self._map(value, depth)
        if isinstance(value, list):
            return [self._plain(one, depth + 1) for one in value[: max(self._left, 0)]]
        if isinstance(value, str):
            return charset.scrub(value[: limits.DATA_TEXT_CHARS])
        if isinstance(value, int) and abs(value) > _LARGEST:
            return str(value)  # a number of a parcel, not of things
        return None if isinstance(value, float) and not math.isfinite(value) else value

    def _map(self, value: Item, depth: int) -> Any:
        if "@value" in value:
            return self._plain(value["@value"], depth + 1)
        made = {}
        for key, one in value.items():
            name = _short(charset.scrub(key[: limits.NAME_CHARS]))
            if name != "@context" and self._left > 0:
                made[name] = self._plain(one, depth + 1)
        if "@type" in made:
            made["@type"] = _type(made["@type"])
        return made


def _loaded(script: str) -> Any:
    """None where it is no JSON, even without the comment around it and the commas before its closing brackets."""
    written = script.strip()
    start = _OPENING.match(written)
    bare = written[start.end() if start else 0 :]
    bare = bare[:-_TAIL_CHARS] + _CLOSING.sub("", bare[-_TAIL_CHARS:])
    try:
        return _json(bare)
    except (ValueError, RecursionError):
        pass
    try:
        return _json(_TRAILING_COMMA.sub(r"\1", bare))
    except (ValueError, RecursionError):
        return None


def _json(text: str) -> Any:
    return json.loads(text, strict=False, parse_constant=_nothing)


def _nothing(_: str) -> None:
    """NaN and Infinity are not JSON, and no number that anything could be done with."""


def _type(written: Any) -> Any:
    if isinstance(written, list):
        return [_short(name) for name in written if isinstance(name, str)]
    return _short(written) if isinstance(written, str) else []


def _short(name: str) -> str:
    prefix = _VOCABULARY.match(name)
    return name[prefix.end() :] if prefix else name


def _microdata(page: Page) -> list[Item]:
    items: list[Item] = []
    around: list[tuple[Item, int]] = []  # the items that are open, and where each ends
    properties: list[tuple[Item, list[str], Element, Any]] = []
    for element in page.elements:
        if len(element.written) < _SHORTEST or not _ITEM.search(element.written):
            continue
        if len(properties) + len(items) >= limits.DATA_PROPERTIES:
            break
        while around and element.at >= around[-1][1]:
            around.pop()
        attributes = element.attributes
        names = attributes.get("itemprop", "").split()[:_NAMES] if around else []
        made = _item(attributes) if "itemscope" in attributes and len(around) < limits.DATA_DEPTH else None
        if names:
            properties.append((around[-1][0], names, element, made))
        elif made is not None:
            items.append(made)
        if made is not None:
            around.append((made, element.end))
    _fill(page, properties)
    return items


def _item(attributes: dict[str, str]) -> Item:
    names = [_short(name) for name in attributes.get("itemtype", "").split()[:_NAMES]]
    return {"@type": names[0] if len(names) == 1 else names} if names else {}


def _fill(page: Page, properties: list[tuple[Item, list[str], Element, Any]]) -> None:
    """A property that an item has more than once is a list."""
    values = [made if made is not None else _attribute(element) for _, _, element, made in properties]
    silent = [one[2] for one, value in zip(properties, values, strict=True) if value is None][: limits.DATA_TEXTS]
    texts = dict(zip(silent, page.texts(silent, limits.DATA_TEXT_CHARS), strict=True)) if silent else {}
    for (item, names, element, _), value in zip(properties, values, strict=True):
        for name in map(_short, names[: 1 if isinstance(value, dict) else None]):  # no item is in two places
            _add(item, name, texts.get(element, "") if value is None else value)


def _attribute(element: Element) -> str | None:
    """The value that is written in an attribute; None where it is the text."""
    attributes = element.attributes
    if "content" in attributes:
        return attributes["content"].strip()
    name = _LOCATED.get(element.tag, "")
    return attributes[name].strip() if name in attributes else None


def _add(item: Item, name: str, value: Any) -> None:
    if name not in item:
        item[name] = value
    elif isinstance(item[name], list):
        item[name].append(value)
    else:
        item[name] = [item[name], value]
