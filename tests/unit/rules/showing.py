"""What a mail shows, found out the slow way: what the index over many rules has to agree with."""

from __future__ import annotations

from bridge.mail import Mail
from bridge.rules import anchors, text


def shows(mail: Mail, needed: anchors.Needed) -> bool:
    if isinstance(needed, anchors.AllOf):
        return all(shows(mail, one) for one in needed.members)
    if isinstance(needed, anchors.AnyOf):
        return any(shows(mail, one) for one in needed.branches)
    if isinstance(needed.place, anchors.Keys):
        return needed.key in set(needed.place.read(mail))
    return text_shows(needed.place.read(mail), needed)


def text_shows(read: str, needed: anchors.Needed) -> bool:
    if isinstance(needed, anchors.AllOf):
        return all(text_shows(read, one) for one in needed.members)
    if isinstance(needed, anchors.AnyOf):
        return any(text_shows(read, one) for one in needed.branches)
    return any(needed.key in folded for folded in anchors.foldings(read, text.fold))
