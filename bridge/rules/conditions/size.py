"""``size: ">1MB"``: the size of the whole mail, as the server states it."""

from __future__ import annotations

import operator
import re
from typing import Any

from bridge import rules, schema
from bridge.mail import Mail
from bridge.rules import nested

_WRITTEN = re.compile(r"\s*([<>]=?)\s*(\S.*)")
_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Bound(nested.Parsed):
    """``>1MB``, ``<20kB``."""

    def __init__(self, written: Any) -> None:
        match = _WRITTEN.fullmatch(written) if isinstance(written, str) else None
        if match is None:
            raise ValueError('write it like ">1MB" or "<20kB"')
        self.written: str = written.strip()
        self.compare = _SIGNS[match[1]]
        self.octets = schema.size_octets(match[2].strip())

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\s*[<>]=?\s*\d", "examples": [">1MB", "<20kB"]}


class Size(rules.Condition):
    """RFC822.SIZE, octets."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    @property
    def wanted(self) -> str:
        return self._bound.written

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        return rules.Outcome(held=self._bound.compare(mail.size, self._bound.octets), saw=f"{mail.size} B")


PLUGIN = rules.ConditionPlugin(setting=Bound, make=Size, summary='The whole mail\'s size: ">1MB", "<20kB".')
