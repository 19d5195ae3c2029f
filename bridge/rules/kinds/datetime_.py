"""``datetime``: a day and a time of day, aware (``written.dates`` has the rules).

What a text leaves out is counted from the mail: from its Date, unless that is missing, or later than its arrival, or of
a clock that was never set; then from its arrival. A number that was found is POSIX time.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from bridge import rules, schema
from bridge.mail import Mail
from bridge.rules import kinds

_AHEAD = datetime.timedelta(days=1)  # that a sender's clock may be
_NEVER_SET = 2001  # clocks begin in 1970 or 2000


def make(options: schema.Model) -> Callable[[Any, Mail, rules.Moment], datetime.datetime]:
    from bridge.rules.written import dates, language

    dates.prepare()

    def convert(raw: Any, mail: Mail, moment: rules.Moment) -> datetime.datetime:
        if isinstance(raw, datetime.datetime):
            return dates.checked(raw, moment.zone)
        if isinstance(raw, datetime.date):
            return dates.checked(datetime.datetime.combine(raw, datetime.time()), moment.zone)
        if kinds.is_number(raw):
            return dates.from_seconds(raw)
        base = _written(mail).astimezone(moment.zone)
        return dates.read(kinds.text(raw), base, month_first=language.month_first(mail))

    return convert


def _written(mail: Mail) -> datetime.datetime:
    date = mail.date
    if date is None or date.year < _NEVER_SET or date > mail.received + _AHEAD:
        return mail.received
    return date


PLUGIN = rules.KindPlugin(make=make, summary="A day and a time of day.")
