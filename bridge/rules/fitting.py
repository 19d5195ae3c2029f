"""``too_big: truncate``: a payload whose texts are cut until it fits its target.

The longest text is cut first, as far as it has to be; if it is gone and that is not enough, the next one. Where that
one's next character does not fit any more, but some of a longer one does, it has the room. How far is found by
bisection: encoding is what costs, and a few times are enough. Only texts are cut: half a number is another number, and
half a picture none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bridge.payload import Path
from bridge.rules import characters

FILLED = 4  # texts that are tried for the room that is left


def truncated(
    value: Any,
    encode: Callable[[Any], bytes],
    limit: int,
    is_text: Callable[[Path], bool] = lambda path: True,  # noqa: ARG005
) -> bytes | None:
    """The encoded value, cut to at most ``limit`` octets; None where that cannot be done. ``is_text`` tells which
    texts may be cut.

    Raises:
        errors.RuleError: it cannot be encoded.
    """
    draft = _Draft(value, limit, is_text)
    found: dict[tuple[int, int], bytes] = {}

    def fits(texts: int, kept: int) -> bool:
        encoded = found[texts, kept] = encode(draft.cut(texts, kept))
        return len(encoded) <= limit

    texts = _least(len(draft.texts), lambda count: fits(count, 0))
    if texts is None or texts == 0:
        return None if texts is None else found[0, 0]
    length = len(draft.texts[texts - 1].text)
    lost = _least(length, lambda count: count == length or fits(texts, length - count)) or 0
    kept = length - lost
    draft.cut(texts, kept)
    return _filled(draft.root, draft.texts[: texts - 1], encode, limit, found[texts, kept])


def _filled(root: list[Any], gone: Iterable[_Text], encode: Callable[[Any], bytes], limit: int, whole: bytes) -> bytes:
    """The encoded value, with as much of the texts that are gone as there is room for. ``root`` holds the value."""
    tried = 0
    for one in gone:
        room = limit - len(whole)
        if room <= 0 or tried == FILLED:
            break
        if one.first <= room:
            whole = _grown(one, room, lambda: encode(root[0]), limit, whole)
            tried += 1
    return whole


def _grown(one: _Text, room: int, encode: Callable[[], bytes], limit: int, whole: bytes) -> bytes:
    """The encoded value, with as much of this text as fits; ``whole`` is that without it."""
    most = min(len(one.text), room)
    found = {0: whole}

    def fits(kept: int) -> bool:
        one.keep(kept)
        if kept not in found:
            found[kept] = encode()
        return len(found[kept]) <= limit

    kept = most - (_least(most, lambda lost: fits(most - lost)) or 0)
    one.keep(kept)
    return found[kept]


def _least(most: int, holds: Callable[[int], bool]) -> int | None:
    """The least number from 0 to ``most`` for which it holds, as it does for every larger one; None: for none."""
    low, high = 0, most + 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low if low <= most else None


class _Text:
    """A text, and the list or map of the draft that it stands in."""

    __slots__ = ("holder", "key", "octets", "text")

    def __init__(self, holder: Any, key: Any, limit: int) -> None:
        whole = holder[key]
        self.holder, self.key = holder, key
        self.octets = len(whole.encode("utf-8", "replace"))
        self.text = characters.cut_octets(whole, limit)  # none is shorter encoded than in UTF-8

    @property
    def first(self) -> int:
        """The octets of its first character, at the least."""
        length = next((n for n in range(1, len(self.text)) if characters.boundary(self.text, n)), len(self.text))
        return len(self.text[:length].encode("utf-8", "replace"))

    def keep(self, chars: int) -> None:
        """Cuts it, where it stands, to so many code points at most."""
        self.holder[self.key] = characters.cut(self.text, chars)


class _Draft:
    """A copy of a value whose texts can be cut, the longest first."""

    def __init__(self, value: Any, limit: int, is_text: Callable[[Path], bool]) -> None:
        self.root = [value]
        self.texts: list[_Text] = []
        self._copy(limit, is_text)
        self.texts.sort(key=lambda text: text.octets, reverse=True)

    def _copy(self, limit: int, is_text: Callable[[Path], bool]) -> None:
        waiting: list[tuple[Any, Any, Path]] = [(self.root, 0, ())]
        while waiting:
            holder, key, path = waiting.pop()
            one = holder[key]
            if isinstance(one, str) and is_text(path):
                self.texts.append(_Text(holder, key, limit))
            elif isinstance(one, Mapping | list | tuple):
                copy: Any = dict(one) if isinstance(one, Mapping) else list(one)
                holder[key] = copy
                inner = copy if isinstance(one, Mapping) else range(len(copy))
                waiting += reversed([(copy, step, (*path, step)) for step in inner])

    def cut(self, texts: int, kept: int) -> Any:
        """The value with so many texts cut: the last of them to so many characters, those before it to none."""
        for n, one in enumerate(self.texts, 1):
            one.keep(len(one.text) if n > texts else 0 if n < texts else kept)
        return self.root[0]
