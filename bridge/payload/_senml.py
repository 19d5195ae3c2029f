"""SenML packs (RFC 8428): what a rule's payload is as a list of records, checked. Both encodings write it down.

    {temp: 21.5, place: hall, open: true}      one record a key: `n`, and `v`, `vs` or `vb` (bytes: `vd`)
    {temp: {v: 21.5, u: Cel}}                  a record with labels of its own
    {bn: "urn:dev:mac:0024befffe804ff1:", …}   `bver bn bt bu bv bs` are base fields, in the first record
    [{bn: …, n: temp, v: 21.5}, …]             the records as they are

A datetime is seconds since 1970 (section 4.5.3), a duration is seconds. In a map only base fields have SenML's meaning:
``t`` is a measurement called t. The key "" is a record without a name of its own, which has the base name alone.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

BASE = ("bver", "bn", "bt", "bu", "bv", "bs")
RECORD = ("n", "u", "v", "vs", "vb", "s", "t", "ut", "vd")
LABELS = (*BASE, *RECORD)
VALUES = frozenset(("v", "vs", "vb", "vd"))
VERSION = 10  # that of RFC 8428, which need not be written
EXACT = 2**53  # below, every whole number is a double
_NAME = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9\-:./_]*)?")  # section 4.5.1, of base name and name together
_WHAT = "SenML takes a map of names and values, or a list of records"

Record = dict[str, Any]


def pack(value: Any) -> list[Record]:
    """The records, each with its labels in the order of ``LABELS``; datetimes and durations are numbers.

    Raises:
        ValueError: it is none; the message says why.
        OverflowError: a time that has no number.
    """
    match value:
        case Mapping():
            written = list(_of_map(value))
        case list() | tuple():
            written = list(value)
        case _:
            raise ValueError(f'{_WHAT}: give the value a name, such as "temp: …"')
    if not written:
        raise ValueError(f"{_WHAT}, and this has no record")
    base, records = "", []
    for one in written:
        record = _record(one)
        base = record.get("bn", base)
        _check_name(base, record.get("n", ""))
        records.append(record)
    return records


def is_text(path: tuple[Any, ...]) -> bool:
    """Whether what stands there is free text: neither a name nor a unit."""
    return path[-1] == "vs" if len(path) > 1 else path != () and path[0] not in BASE


def _of_map(value: Mapping[Any, Any]) -> Iterator[Record]:
    """One record a name; the first one has the base fields as well."""
    base: Record = {label: value[label] for label in BASE if label in value}
    for name, member in value.items():
        if name in BASE:
            continue
        if not isinstance(name, str):
            raise ValueError(f"a name is a text, not {name!r}")  # noqa: TRY004 — the contract
        own = member if isinstance(member, Mapping) else {_label(name, member): member}
        if "n" in own or not base.keys().isdisjoint(own):
            raise ValueError(f'"{name}" is a name already, and base fields stand beside it')
        yield {**base, **({"n": name} if name else {}), **own}
        base = {}


def _label(name: str, value: Any) -> str:
    """Where a value of this type stands."""
    match value:
        case bool():
            return "vb"
        case int() | float() | datetime.datetime() | datetime.timedelta():
            return "v"
        case str() | datetime.date() | datetime.time():
            return "vs"
        case bytes() | bytearray() | memoryview():
            return "vd"
        case None:
            raise ValueError(f'"{name}" has no value, and SenML has none for that')
    raise ValueError(f'"{name}" is a {type(value).__name__}, which SenML has no value for')


def _record(written: Any) -> Record:
    if not isinstance(written, Mapping):
        raise ValueError(f"{_WHAT}: {type(written).__name__} is no record")  # noqa: TRY004 — the contract
    if strange := [label for label in written if label not in LABELS]:
        raise ValueError(f'SenML has no label "{strange[0]}"; there are {", ".join(RECORD)}')
    found = {label: _CHECKS[label](label, written[label]) for label in LABELS if label in written}
    values = VALUES.intersection(found)
    if len(values) > 1:
        raise ValueError(f"a record has one value, not {' and '.join(sorted(values))}")
    if not values and not {"s", "bs", "bv"}.intersection(found):
        raise ValueError("a record needs a value: v, vs, vb or vd, or a sum s")
    return found


def _check_name(base: str, name: str) -> None:
    whole = base + name
    if not whole:
        raise ValueError("a record needs a name (n), or a base name (bn)")
    if not _NAME.fullmatch(whole):
        raise ValueError(
            f'"{whole}" is no name: SenML takes the letters a to z, digits and - : . / _ (| slug makes one), '
            "and a letter or digit in front"
        )


def _number(label: str, value: Any) -> int | float:
    match value:
        case datetime.datetime():
            aware = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
            value = aware.timestamp()
        case datetime.timedelta():
            value = value.total_seconds()
        case bool():
            raise ValueError(f"{label} is a number, not true or false (vb)")
        case int() | float():
            pass
        case _:
            raise ValueError(f"{label} is a number, not {type(value).__name__}")
    if not math.isfinite(value):  # OverflowError: an int that no float comes near to
        raise ValueError(f"{label} is {value}, and SenML has finite numbers alone")
    if abs(value) < EXACT:
        return int(value) if isinstance(value, float) and value.is_integer() else value
    return float(value)  # what JSON's readers make of it (section 6 wants the same of CBOR), and no digits without end


def _version(label: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= VERSION:
        raise ValueError(f"{label} is a version from 1 to {VERSION}")
    return value


def _text(label: str, value: Any) -> str:
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if not isinstance(value, str):
        raise ValueError(f"{label} is a text, not {type(value).__name__}")  # noqa: TRY004 — the contract
    return value.encode("utf-8", "replace").decode()  # a lone surrogate, from a broken mail


def _boolean(label: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{label} is true or false, not {type(value).__name__}")  # noqa: TRY004 — the contract
    return value


def _data(label: str, value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ValueError(f"{label} is bytes, not {type(value).__name__}")  # noqa: TRY004 — the contract
    return bytes(value)


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "bver": _version,
    "bn": _text,
    "bt": _number,
    "bu": _text,
    "bv": _number,
    "bs": _number,
    "n": _text,
    "u": _text,
    "v": _number,
    "vs": _text,
    "vb": _boolean,
    "vd": _data,
    "s": _number,
    "t": _number,
    "ut": _number,
}
