"""``calendar``: a field of the invitation: ``{calendar: start}``."""

from __future__ import annotations

from typing import Any

from bridge import rules, spelling
from bridge.mail import Mail, calendar_
from bridge.rules import invitation, nested, sections


class Field(nested.Parsed):
    """The name of one."""

    def __init__(self, written: Any) -> None:
        if not isinstance(written, str) or written not in calendar_.FIELDS:
            hint = spelling.did_you_mean(written, calendar_.FIELDS) if isinstance(written, str) else ""
            raise ValueError("an invitation has no such field" + (hint or f"; there are {', '.join(calendar_.FIELDS)}"))
        self.name = written

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        return {"enum": list(calendar_.FIELDS)}


class Calendar(rules.Finder):
    """``start`` and ``end`` are datetimes, ``all_day`` is true or false, ``sequence`` a number, the rest texts."""

    need = rules.Need.CONTENT

    def __init__(self, field: Field) -> None:
        self._field = field.name
        self.wanted = f"calendar {field.name}"
        calendar_.ready()

    def find(self, mail: Mail, moment: rules.Moment) -> Any:
        event = invitation.event(mail, moment.zone)
        return None if event is None else event.plain(self._field)

    def sections(self, mail: Mail) -> sections.Sections:
        return invitation.needed(mail)


PLUGIN = rules.ExtractPlugin(
    setting=Field,
    make=Calendar,
    summary="A field of the invitation: start, end, place, summary, method, uid, all_day ….",
)
