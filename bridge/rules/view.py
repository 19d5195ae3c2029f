"""What templates can see of a mail and of the rule that looks at it: the reserved names.

Everything is worked out only when a template asks for it, and is capped: templates are the admin's, values are the
mail's, and the template engine bounds no memory by itself.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

from bridge.mail import Mail, limits
from bridge.mail.large import Large
from bridge.rules import regex, template

VALUE_CHARS = limits.FIELD_CHARS  # of a captured or extracted value; `mail.text` has its own limit
CONTEXT = frozenset(("mailbox", "folder", "rule"))


def _from(mail: Mail, index: int) -> str:
    found = mail.addresses("From")
    return (found[0].address, found[0].name)[index] if found else ""


def _attachments(mail: Mail) -> list[dict[str, Any]]:
    return [attachment(part) for part in mail.attachments]


def attachment(part: Any) -> dict[str, Any]:
    """A part's name, media type and the octets of the file itself."""
    return {"name": part.name, "type": part.type, "size": part.decoded_size}


_FIELDS: Mapping[str, Callable[[Mail], Any]] = {
    "subject": lambda mail: cap(mail.subject),
    "from": lambda mail: cap(_from(mail, 0)),
    "from_name": lambda mail: cap(_from(mail, 1)),
    "to": lambda mail: cap(", ".join(one.address for one in mail.addresses("To"))),
    "date": lambda mail: mail.date or mail.received,
    "text": lambda mail: regex.encodable(mail.text[: limits.TEXT_CHARS]),
    "size": lambda mail: mail.size,
    "id": lambda mail: cap(mail.message_id),
    "flags": lambda mail: sorted(mail.flags),
    "attachments": _attachments,
}
MAIL = frozenset(f"mail.{name}" for name in _FIELDS)


def cap(value: Any) -> Any:
    """A text from a mail, no longer than a value may be, and encodable as UTF-8."""
    if not isinstance(value, str):
        return value
    value = value if len(value) <= VALUE_CHARS else value[:VALUE_CHARS]
    return value if value.isascii() else regex.encodable(value)


class View:
    """``mail`` in a template."""

    __slots__ = ("_mail",)

    def __init__(self, mail: Mail) -> None:
        self._mail = mail

    def __getattr__(self, name: str) -> Any:
        if (read := _FIELDS.get(name)) is None:
            raise AttributeError(name)
        return read(self._mail)


def values(mail: Mail, zone: datetime.tzinfo, *, rule: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that a template of this rule can name, but for ``delivery_id``, and the bridge's zone."""
    return {
        **{name: cap(value) for name, value in found.items()},
        "mail": View(mail),
        "mailbox": mail.place.mailbox,
        "folder": mail.place.folder,
        "rule": rule,
        template.ZONE: zone,
        **_large(found),
    }


def _large(found: Mapping[str, Any]) -> dict[str, Any]:
    """The first file among the values that is not in memory, if any."""
    return next(({template.LARGE: value} for value in found.values() if isinstance(value, Large)), {})
