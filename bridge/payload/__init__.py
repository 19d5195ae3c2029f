"""How a payload becomes bytes: the contract. Pure.

An encoding is one file that exports ``PLUGIN``. A payload value is what the rule's ``payload`` renders to: a string, a
number, a bool, None, bytes, a datetime, or a map or list of these.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

Keys = Mapping[str, int]  # `keys: {t: 1}`: text key → integer key, where the encoding has integer keys
Path = tuple[Any, ...]  # where in a payload a value stands: keys of maps, indices of lists


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Encoding:
    """One value of ``as:``."""

    name: str
    media_type: str
    content_format: int  # CoAP Content-Formats registry (RFC 7252, section 12.3)
    encode: Callable[[Any, Keys], bytes]  # raises errors.RuleError for a value that it cannot express
    decode: Callable[[bytes], Any]  # for `explain`: bytes → a value that people can read
    has_keys: bool = False  # whether `keys` means something
    is_text: Callable[[Path], bool] = lambda path: True  # noqa: ARG005 — free text, which `too_big: truncate` may cut
