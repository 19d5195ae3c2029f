"""How large a value can be that a mail fills in, without a mail: what ``mailwire check`` warns with.

Always a bound: an expression that is not understood, a type that is not known here, has none (``loose`` says so).
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bridge.rules import settings, sources, text, view
from bridge.rules.searching import Search
from bridge.rules.worst_case import widths
from bridge.rules.worst_case.widths import Width

_ZONE = datetime.timezone(datetime.timedelta(hours=13, minutes=45))
_OLD_ZONE = datetime.timezone(datetime.timedelta(hours=13, minutes=45, seconds=1))  # of a time before there were zones
LAST = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=_ZONE)
FLOAT = -1.7976931348623157e308
_FLOAT_CHARS = 330  # as the template engine writes one, which knows no exponents
_INT_DIGITS = 300
_EXACT_DIGITS = 15  # of a float that is written as it was read
_CODE_CHARS = 16
_URL_CHARS = 2_048
_PLAIN = frozenset(("subject", "body", "from", "to", "cc", "reply_to", "header"))  # texts without control characters
_VISIBLE = widths.EVERY & ~widths.mask_of("".join(map(chr, range(32)))) | widths.mask_of("\n\t")
_EXPONENT = widths.mask_of("eE")
_DIGITS = widths.mask_of("0123456789+-.eE")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """Of one value. One of ``worst`` is the largest, whichever the encoding, and one of ``least`` the smallest."""

    worst: tuple[Any, ...]
    least: tuple[Any, ...]
    text: Width  # of the value written into a text
    is_text: bool = False
    loose: bool = False  # nothing bounds it but what a value may be at all

    def __or__(self, other: Bound) -> Bound:
        """One or the other."""
        text = self.text | other.text
        is_text = self.is_text and other.is_text
        return Bound(
            worst=(filled(text),) if is_text else (*self.worst, *other.worst),
            least=(*self.least, *other.least),
            text=text,
            is_text=is_text,
            loose=self.loose or other.loose,
        )


def of_text(width: Width, chars: int = view.VALUE_CHARS) -> Bound:
    """A text; of an endless one only so many characters."""
    whole = width.within(chars)
    return Bound(worst=(filled(whole),), least=("x" * whole.least,), text=whole, is_text=True, loose=width.is_endless)


def of_values(*worst: Any, least: Any = 0, chars: int = 0) -> Bound:
    longest = max(chars, *(len(str(value)) for value in worst))
    mask = _DIGITS if all(isinstance(value, int | float) for value in worst) else _VISIBLE
    return Bound(worst=worst, least=(least,), text=Width(chars=longest, octets=longest * 4, mask=mask))


def filled(width: Width) -> str:
    """The text of this width that is the longest in every encoding: JSON writes some characters as two, or as six."""
    controls = widths.mask_of("".join(char for char in map(chr, range(32)) if char not in "\n\t\r\b\f"))
    quoted = widths.mask_of('"\\\n\t\r\b\f')
    fill = "\x01" if width.mask & controls else '"' if width.mask & quoted else "x"
    return fill * width.octets


READ = widths.ANYTHING.within(widths.ENDLESS, mask=_VISIBLE)  # any text that people read
ANYTHING = dataclasses.replace(of_text(widths.ANYTHING), least=(0, ""), is_text=False)
FLOATS = of_values(FLOAT, chars=_FLOAT_CHARS)
TIMES = of_values(LAST.replace(microsecond=999_999, tzinfo=_OLD_ZONE), least=datetime.datetime(1970, 1, 1))


def _int(width: Width) -> Bound:
    """An exponent makes many digits of few characters."""
    digits = _INT_DIGITS if width.mask & _EXPONENT else max(1, min(width.chars, _INT_DIGITS))
    return of_values(10**digits - 1, -(10 ** (digits - 1)) + 1 if digits > 1 else 0)


def _float(width: Width) -> Bound:
    """Of a number without an exponent: about as long as it was read."""
    if width.chars > _EXACT_DIGITS or width.mask & _EXPONENT:
        return FLOATS
    digits = "1" * max(1, width.chars)
    return of_values(float(digits), float(f"0.{digits}"))


_TYPES: Mapping[str, Callable[[Width], Bound]] = {
    "str": of_text,
    "int": _int,
    "float": _float,
    "amount": lambda _: FLOATS,
    "bool": lambda _: of_values(False, least=True),
    "datetime": lambda _: TIMES,
    "duration": lambda _: FLOATS,
    "url": lambda _: of_text(Width(chars=_URL_CHARS, octets=_URL_CHARS, mask=widths.mask_of("x/"))),
    "code": lambda _: of_text(Width(chars=_CODE_CHARS, octets=_CODE_CHARS, mask=widths.mask_of("x0"))),
}


def extracted(extract: sources.Extract) -> Bound:
    """Of a value under ``extract``."""
    found: list[Bound] = []
    for source in extract.sources:
        found.append(_of_type(source))
        if source.has_default:
            found.append(fixed(source.default))
    bound = found[0]
    for other in found[1:]:
        bound |= other
    return bound


def _of_type(source: sources.Source) -> Bound:
    if source.type == "image":
        return _picture(source.options)
    if source.type is None:
        width = _searched(source)
        return ANYTHING if width is None else of_text(width)
    made = _TYPES.get(source.type)
    return made(_searched(source) or widths.ANYTHING) if made else ANYTHING


def _picture(options: Any) -> Bound:
    octets = options.target.octets or options.max_bytes
    if octets is None:
        return ANYTHING
    least = options.target.octets or 0
    return Bound(worst=(b"\xff" * octets,), least=(b"\xff" * least,), text=widths.ANYTHING)


def _searched(source: sources.Source) -> Width | None:
    """The width of what its regex finds; None where it has none."""
    found = list(inside(source.setting, Search))
    if source.kind not in _PLAIN or len(found) != 1:
        return None
    return value(_width(found[0]))


def _width(search: Search) -> Width:
    """Of what it finds: its first group, else all of it."""
    groups = widths.groups(search.pattern) if search.pattern is not None else {}
    return groups.get(1, groups.get(0, widths.ANYTHING))


def value(width: Width) -> Width:
    """Of a value that a regex found in a text that people read."""
    return width.within(widths.ENDLESS, mask=_VISIBLE)


def captured(when: settings.Conditions) -> dict[str, Bound]:
    """Of the named groups in ``when``."""
    found: dict[str, Bound] = {}
    for key, setting in _conditions(when):
        for regex in inside(setting, text.Regex):
            groups = widths.groups(regex.pattern.source)
            for name in regex.names:
                width = value(groups.get(name, widths.ANYTHING)) if key in _PLAIN else groups.get(name, widths.ANYTHING)
                bound = of_text(width)
                found[name] = found[name] | bound if name in found else bound
    return found


def _conditions(when: settings.Conditions) -> Iterator[tuple[str, Any]]:
    for key, setting in when.items():
        if key in settings.GROUPS:
            for one in setting if isinstance(setting, Sequence) else (setting,):
                yield from _conditions(one)
        else:
            yield key, setting


def inside(setting: Any, kind: type) -> Iterator[Any]:
    """Every such thing in a setting, wherever its condition or its source keeps it."""
    waiting, seen = [setting], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, str | bytes | int | float | None):
            continue
        seen.add(id(one))
        if isinstance(one, kind):
            yield one
        else:
            waiting += members(one)


def members(one: Any) -> list[Any]:
    """What a setting is made of."""
    if isinstance(one, Mapping):
        return list(one.values())
    if isinstance(one, list | tuple | set | frozenset):
        return list(one)
    slots = (getattr(one, name, None) for name in getattr(type(one), "__slots__", ()))
    return [*getattr(one, "__dict__", {}).values(), *slots]


def fixed(written: Any) -> Bound:
    """Of a value that is always the same."""
    if isinstance(written, str):
        return of_text(widths.exactly(written))
    return of_values(written, least=written)
