"""``flags: [flagged, "!seen", $Label]``: all of them; with a ``!`` it must not be there."""

from __future__ import annotations

from typing import Annotated

import pydantic

from bridge import rules
from bridge.mail import Mail
from bridge.rules import anchors, flags, nested
from bridge.sources import Search


def _sound(value: str) -> str:
    name = value.removeprefix("!")
    flags.wire(name)
    if (system := name.lower().removeprefix("un")) != name.lower() and system in flags.SYSTEM:
        raise ValueError(f'no mail has the flag "{name}"; write "{"" if value.startswith("!") else "!"}{system}"')
    return value


class Flags(rules.Condition):
    """The flags that the mail had when it was fetched, in any case."""

    passing = True

    def __init__(self, setting: tuple[str, ...]) -> None:
        self._setting = setting
        self._has = {flags.wire(name).casefold() for name in setting if not name.startswith("!")}
        self._has_not = {flags.wire(name[1:]).casefold() for name in setting if name.startswith("!")}

    @property
    def wanted(self) -> str:
        return ", ".join(self._setting)

    def must_show(self) -> anchors.Needed:
        return anchors.all_of(anchors.Anchor(_FLAGS, name) for name in sorted(self._has))

    def sought(self, moment: rules.Moment) -> Search:
        """A server does not mind the case either."""
        return Search(flags=frozenset(_wire(name) for name in self._setting))

    def check(self, mail: Mail, moment: rules.Moment) -> rules.Outcome:
        found = {flag.casefold() for flag in mail.flags}
        held = self._has <= found and not self._has_not & found
        return rules.Outcome(held=held, saw=", ".join(sorted(mail.flags)) or "no flags")


def _wire(name: str) -> str:
    return "!" + flags.wire(name[1:]) if name.startswith("!") else flags.wire(name)


_FLAGS = anchors.Keys(name="flags", read=lambda mail: (flag.casefold() for flag in mail.flags))

PLUGIN = rules.ConditionPlugin(
    setting=Annotated[
        tuple[Annotated[str, pydantic.AfterValidator(_sound)], ...],
        nested.NOT_EMPTY,
        nested.LISTED,
    ],
    make=Flags,
    summary="Flags that the mail has, or with a ! has not.",
)
