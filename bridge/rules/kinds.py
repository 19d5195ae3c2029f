"""The types of extracted values: text → value. What is not of its type counts as not found."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

_INT = re.compile(r"[+-]?\d{1,300}")
_FLOAT = re.compile(r"[+-]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[eE][+-]?\d{1,3})?")
_TRUE = frozenset(("true", "yes", "on", "1"))
_FALSE = frozenset(("false", "no", "off", "0"))
PLANNED = frozenset(("datetime", "duration", "amount", "code", "url", "bytes", "image"))


def _int(text: str) -> int:
    if not _INT.fullmatch(text := _number(text)):
        raise ValueError("is no whole number")
    return int(text)


def _float(text: str) -> float:
    if not _FLOAT.fullmatch(text := _number(text)) or not math.isfinite(value := float(text)):
        raise ValueError("is no number")
    return value


def _number(text: str) -> str:
    return text.strip().replace("\N{MINUS SIGN}", "-")


def _bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("is neither true, yes, on, 1 nor false, no, off, 0")
    return word in _TRUE


TYPES: Mapping[str, Callable[[str], Any]] = {"str": str, "int": _int, "float": _float, "bool": _bool}
