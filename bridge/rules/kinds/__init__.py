"""What a value can be: one file a type. A new type is a new file here (or an entry point in ``mailwire.kinds``).

A file exports ``PLUGIN``, a ``rules.KindPlugin``. What it is given is what a source found: mostly a text, but a
calendar gives datetimes, a JSON file numbers, an attachment bytes. What is not of the type counts as not found.
"""

from __future__ import annotations

from typing import Any, TypeGuard


def is_number(raw: Any) -> TypeGuard[int | float]:
    """Whether it is a number already (true and false are none)."""
    return isinstance(raw, int | float) and not isinstance(raw, bool)


def text(raw: Any) -> str:
    """What was found, as a text.

    Raises:
        ValueError: it has none.
    """
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int | float):
        return str(raw)
    if hasattr(raw, "isoformat"):
        return str(raw.isoformat())
    raise ValueError("is no text")
