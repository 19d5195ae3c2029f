"""What ``mailwire check`` warns of: a payload that may not fit, or never does, into its ``max_bytes``. Pure.

The largest and the smallest payload that the action can have are really encoded, with each value as large as its type,
the regex that finds it or a filter lets it become (``bounds``, ``extents``). What ``too_big: truncate`` can cut counts
as nothing; with ``too_big: drop`` the rule says itself what becomes of a payload that is too big.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bridge import errors, payload, plugins
from bridge.mail import limits
from bridge.rules import action, settings, template
from bridge.rules.nested import Place
from bridge.rules.text import clip
from bridge.rules.worst_case import bounds, extents, widths
from bridge.rules.worst_case.bounds import Bound
from bridge.rules.worst_case.widths import Width

Warning = tuple[Place, str]  # noqa: A001 — what it is
_ID = "0" * 16  # a delivery id


def warnings(
    rule: settings.Rule, *, sinks: Mapping[str, str], mailboxes: Mapping[str, Collection[str]]
) -> Iterator[Warning]:
    """(place within the rule, message). ``sinks`` is each sink's name → its type, ``mailboxes`` each mailbox's name →
    its folders. The rule has no faults.
    """
    if not any(one.max_bytes for one in rule.then):
        return
    scope = _scope(rule, mailboxes)
    for index, one in enumerate(rule.then):
        if one.max_bytes is None:
            continue
        default = plugins.find("sinks", sinks[one.sink]).defaults.get("as")
        written = one.payload if one.has_payload else _document(rule)
        parts = [(("max_bytes",), written), *([(("reset", "payload"), one.reset.payload)] if one.reset else [])]
        for place, what in parts:
            if message := _Payload(one, what, scope, one.as_ or default).warning(one.max_bytes):
                yield (*rule.place(index), *place), message


def _scope(rule: settings.Rule, mailboxes: Mapping[str, Collection[str]]) -> dict[str, Bound]:
    """Every value that the rule's templates can name."""
    own = rule.mailboxes or tuple(mailboxes)
    folders = {folder for name in own for folder in mailboxes.get(name, ())}
    sized = bounds.of_values(2**32 - 1)  # RFC822.SIZE
    return {
        **bounds.captured(rule.when),
        **{name: bounds.extracted(extract) for name, extract in rule.extract.items()},
        **{f"mail.{name}": bounds.of_text(bounds.READ) for name in ("subject", "from", "from_name", "to", "id")},
        "mail.text": bounds.of_text(bounds.READ, limits.TEXT_CHARS),
        "mail.date": bounds.of_values(bounds.LAST, least=bounds.TIMES.least[0]),
        "mail.size": sized,
        "mail.flags": bounds.ANYTHING,
        "mail.attachments": bounds.ANYTHING,
        "mailbox": _one_of(own),
        "folder": _one_of(folders) if folders else bounds.of_text(widths.ANYTHING),
        "rule": bounds.fixed(rule.name),
        "count": sized,
        "delivery_id": bounds.fixed(_ID),
    }


def _one_of(texts: Collection[str]) -> Bound:
    found = Width()
    for n, one in enumerate(texts):
        found = found | widths.exactly(one) if n else widths.exactly(one)
    return bounds.of_text(found)


def _document(rule: settings.Rule) -> Any:
    """What is sent by a rule that says nothing of the payload."""
    if rule.event == "count":
        return "{{ count }}"
    names = sorted({*rule.extract, *bounds.captured(rule.when)})
    if names:
        return {name: f"{{{{ {name} }}}}" for name in names}
    return {"subject": "{{ mail.subject }}", "from": "{{ mail.from }}"}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Leaf:
    """One string of the payload: a value, or a key that is a template (its path is None)."""

    path: payload.Path | None
    bound: Bound
    told: tuple[str, ...]  # what people call it: the values in it that have no bound, else what is written

    @property
    def worst(self) -> tuple[Any, ...]:
        """As a key it is a text, and in SenML one of few characters."""
        width = self.bound.text
        return self.bound.worst if self.path is not None else ("x" * width.octets, bounds.filled(width))

    @property
    def least(self) -> tuple[Any, ...]:
        return self.bound.least if self.path is not None else ("x" * self.bound.text.least,)


def _leaves(written: Any, scope: Mapping[str, Bound], path: payload.Path = ()) -> Iterator[_Leaf]:
    """In the order of the file, each key before its value."""
    if isinstance(written, str):
        yield _leaf(written, scope, path)
    elif isinstance(written, Mapping):
        for key, member in written.items():
            if _is_template(key):
                yield _leaf(key, scope, None)
            yield from _leaves(member, scope, (*path, key))
    elif isinstance(written, list | tuple):
        for n, member in enumerate(written):
            yield from _leaves(member, scope, (*path, n))


def _leaf(source: str, scope: Mapping[str, Bound], path: payload.Path | None) -> _Leaf:
    loose = sorted(name for name in template.Template(source).names if name in scope and scope[name].loose)
    return _Leaf(
        path=path,
        bound=extents.rendered(source, scope),
        told=tuple(f'"{name}"' for name in loose or (clip(source, 40),)),
    )


def _is_template(key: Any) -> bool:
    return isinstance(key, str) and not template.Template(key).is_literal


def _filled(written: Any, chosen: Iterator[Any]) -> Any:
    """The payload with these in the place of its strings, in the order of ``_leaves``."""
    if isinstance(written, str):
        return next(chosen)
    if isinstance(written, Mapping):
        found: dict[Any, Any] = {}
        for key, member in written.items():
            name = next(chosen) if _is_template(key) else key
            while name in found and name:
                name = chr(ord(name[0]) + 1) + name[1:]  # as long, and another
            found[name] = _filled(member, chosen)
        return found
    if isinstance(written, list | tuple):
        return [_filled(member, chosen) for member in written]
    return written


class _Payload:
    """One payload as it is written."""

    def __init__(self, one: settings.Action, written: Any, scope: Mapping[str, Bound], encoding: str | None) -> None:
        self._keys = one.keys
        self._too_big = one.too_big
        self._written = written
        self._leaves = list(_leaves(written, scope))
        self._encoding: payload.Encoding = plugins.find("payload", encoding or self._natural())

    def _natural(self) -> str:
        """The encoding where none is named: that of what it most likely is."""
        return action.natural(self._leaves[0].worst[0] if isinstance(self._written, str) else self._written)

    @property
    def least(self) -> int | None:
        """Octets; None where it cannot be encoded."""
        return self._size([("",) if self._can_be_cut(leaf) else leaf.least for leaf in self._leaves], min)

    @property
    def most(self) -> int | None:
        """Octets, without what can be cut; None where it cannot be encoded."""
        return self._size([("",) if self._can_be_cut(leaf) else leaf.worst for leaf in self._leaves], max)

    def warning(self, limit: int) -> str:
        """What to say of this ``max_bytes``; nothing where all is well."""
        least = self.least
        if least is not None and least > limit:
            return f"never fits: the payload has {least} bytes at least, {least - limit} more than max_bytes"
        if self._too_big == "drop":
            return ""
        counted = [leaf for leaf in self._leaves if not self._can_be_cut(leaf)]
        if loose := [leaf for leaf in counted if leaf.bound.loose]:
            return self._of_loose(loose)
        most = self.most
        if most is None or most <= limit:
            return ""
        return self._of_long(counted, most, limit)

    def _can_be_cut(self, leaf: _Leaf) -> bool:
        can = leaf.bound.is_text and leaf.path is not None and self._encoding.is_text(leaf.path)
        return can and self._too_big == "truncate"

    def _of_loose(self, loose: list[_Leaf]) -> str:
        names = list(dict.fromkeys(name for leaf in loose for name in leaf.told))
        has = "has no bound" if len(names) == 1 else "have no bound"
        return f"may not fit: {' and '.join(names)} {has}; {self._advice(loose)}"

    def _of_long(self, counted: list[_Leaf], most: int, limit: int) -> str:
        told = f"may not fit: the payload can have {most} bytes, {most - limit} more than max_bytes"
        if not counted:
            return told
        longest = max(counted, key=lambda leaf: leaf.bound.text.octets)
        return f"{told}; the longest value is {longest.told[0]}; {self._advice([longest])}"

    def _advice(self, leaves: list[_Leaf]) -> str:
        if not all(leaf.bound.is_text for leaf in leaves):
            return "bound it where it is extracted, or raise max_bytes"
        cut = "cut it with | bytes(n)"
        return f"{cut}, or write too_big: truncate" if self._too_big == "fail" else cut

    def _size(self, candidates: list[tuple[Any, ...]], choose: Any) -> int | None:
        """How many octets it has, of each value the candidate that gives the most or the least; None where it cannot
        be encoded.
        """
        chosen = [found[0] for found in candidates]
        for n, found in enumerate(candidates):
            sizes = {}
            for candidate in found if len(found) > 1 else ():
                octets = self._octets([*chosen[:n], candidate, *chosen[n + 1 :]])
                if octets is not None:
                    sizes[octets] = candidate
            if sizes:
                chosen[n] = sizes[choose(sizes)]
        return self._octets(chosen)

    def _octets(self, chosen: list[Any]) -> int | None:
        try:
            return len(self._encoding.encode(_filled(self._written, iter(chosen)), self._keys))
        except errors.RuleError:
            return None
