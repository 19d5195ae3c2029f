"""``folder``: a glob on the name of the folder that the mail is in."""

from __future__ import annotations

from typing import Any

from bridge import rules
from bridge.mail import Mail
from bridge.rules import anchors, literals, nested, regex


class Globs(nested.Parsed):
    """A glob, or a list of which any has to hold; ignoring case."""

    def __init__(self, written: Any) -> None:
        many = isinstance(written, list | tuple)
        items = list(written) if many else [written]
        if not items:
            raise ValueError("an empty list holds for nothing")
        self.wanted = " or ".join(map(str, items))
        self.written = items
        self.patterns = nested.each(_glob, enumerate(items)) if many else [_glob(written)]

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        glob = {"type": "string", "minLength": 1, "examples": ["INBOX", "Alarms/*"]}
        return {"anyOf": [glob, {"type": "array", "items": glob, "minItems": 1}]}


def _glob(value: Any) -> regex.Pattern:
    if not isinstance(value, str) or not value:
        raise ValueError("write the name of a folder, or a glob")
    return regex.glob(value)


class Folder(rules.Condition):
    """The folder's name as the server shows it, hierarchy and all."""

    def __init__(self, setting: Globs) -> None:
        self._setting = setting

    @property
    def wanted(self) -> str:
        return self._setting.wanted

    def must_show(self) -> anchors.Needed:
        return anchors.any_of(literals.of_glob(_NAME, written) for written in self._setting.written)

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        held = any(pattern.fullmatch(mail.place.folder) for pattern in self._setting.patterns)
        return rules.Outcome(held=held, saw=mail.place.folder)


_NAME = anchors.Texts(name="folder", read=lambda mail: mail.place.folder)

PLUGIN = rules.ConditionPlugin(setting=Globs, make=Folder, summary="A glob on the folder's name.")
