"""Characters that nobody sees: soft hyphens, joiners, marks of direction, fillers. Senders hide runs of them behind the
first words of a mail, so that a list of mails shows nothing else.
"""

from __future__ import annotations

import re

_INVISIBLE = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]+"
)


def drop(text: str) -> str:
    return text if text.isascii() else _INVISIBLE.sub("", text)
