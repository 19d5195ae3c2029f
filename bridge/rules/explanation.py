"""What ``mailwire explain`` says of one mail, as values: the JSON object of the public interface, which the
terminal's tree is made from too.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from bridge import plugins, rules
from bridge.delivery import Delivery
from bridge.mail import Mail
from bridge.mail.large import Large, size
from bridge.rules import arrival, files, filters, ledger, view

SHOWN_OCTETS = 1_024  # of a file that is too large for memory
AUTH = "none"  # how far From is proven: without a trusted server and a verified signature, nothing is


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """One mail and what each rule makes of it."""

    mail: Mail
    verdicts: Sequence[rules.Verdict]

    def as_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints, JSON values only."""
        return {"mail": _mail(self.mail), "rules": [_rule(self.mail, verdict) for verdict in self.verdicts]}


def explain(
    mail: Mail, rule_set: rules.Rules, moment: rules.Moment, counted: ledger.Ledger | None = None
) -> Explanation:
    """Looks at the mail as if its event had just happened. Pure: nothing is sent or kept. ``counted`` knows the mails
    that came before it.
    """
    counted = counted or ledger.Ledger(note=ledger.EXPLAINING)
    return Explanation(mail=mail, verdicts=tuple(counted.judge(rule_set, mail, moment, explain=True)))


def _mail(mail: Mail) -> dict[str, Any]:
    senders = mail.addresses("From")
    return {
        "subject": mail.subject,
        "from": senders[0].address if senders else "",
        "date": mail.date.isoformat() if mail.date else None,
        "size": mail.size,
        "text": mail.text,
        "attachments": [view.attachment(part) for part in mail.attachments],
        "auth": AUTH,
    }


def _rule(mail: Mail, verdict: rules.Verdict) -> dict[str, Any]:
    return {
        "name": verdict.rule,
        "matched": verdict.matched,
        "stopped": verdict.stopped,
        **({"suppressed": True} if verdict.suppressed else {}),
        "conditions": [dataclasses.asdict(line) for line in reason_first(verdict)],
        "values": {name: plain(value) for name, value in verdict.values.items()},
        "deliveries": deliveries(mail, verdict),
    }


def deliveries(mail: Mail, verdict: rules.Verdict) -> list[dict[str, Any]]:
    """What is sent, as ``--json`` shows it."""
    return [_delivery(mail, delivery, encoding) for delivery, encoding in in_order(verdict)]


def reason_first(verdict: rules.Verdict) -> list[rules.Checked]:
    """The conditions; of a rule that does not match the reason comes first."""
    found = None if verdict.matched else reason(verdict)
    return ([found] if found else []) + [line for line in lines(verdict) if line is not found]


def lines(verdict: rules.Verdict) -> tuple[rules.Checked, ...]:
    """The conditions; an error that none of them tells of is one more."""
    told = any(not line.held for line in verdict.conditions)
    if not verdict.error or told:
        return verdict.conditions
    return (*verdict.conditions, rules.Checked(path="rule", held=False, wanted="no error", saw=verdict.error))


def in_order(verdict: rules.Verdict) -> list[tuple[Delivery, str]]:
    """What is sent, in the order of ``then``; behind it what is sent later, the resets."""
    both = zip(verdict.deliveries, verdict.encodings, strict=True)
    return sorted(both, key=lambda pair: pair[0].part == "reset")


def reason(verdict: rules.Verdict) -> rules.Checked | None:
    """Why a rule does not match: the first line that does not hold and is not inside a group, which may hold without
    it.
    """
    return next((line for line in lines(verdict) if not line.held and not _in_group(line.path)), None)


def _in_group(path: str) -> bool:
    return path.startswith("when.") and any(f".{group}." in path for group in ("any", "all", "not"))


def in_not(path: str) -> bool:
    """Whether it is inside of ``not``: that it does not hold there is no reason why a rule does not match."""
    return path.startswith("when.") and ".not." in path


def _delivery(mail: Mail, delivery: Delivery, encoding: str) -> dict[str, Any]:
    return {
        "sink": delivery.sink,
        "target": delivery.target,
        "as": encoding,
        "bytes": delivery.size,
        "payload_hex": beginning(mail, delivery).hex(),
        "payload": decoded(delivery, encoding),
        "options": plain({**delivery.options, **facts(mail, delivery)}),
    }


def facts(mail: Mail, one: Delivery) -> dict[str, Any]:
    """What there is to know of a delivery beside its sink's own options: when it is due and stale, as the rule has it,
    and whether it is so by now.
    """
    delay_s = None if one.not_before is None else one.not_before - one.created
    came = one.created if mail.event == "count" else arrival.arrived(mail, one.created)
    known: dict[str, Any] = {
        "part": None if one.part == "main" else one.part,
        "delay_s": _seconds(delay_s),
        "expires_s": _seconds(None if one.expires is None else one.expires - came - (delay_s or 0.0)),
        "expired": True if one.expires is not None and one.expires <= one.created else None,
        "reset_after_s": _seconds(one.reset_after),
        "reset_at": None if one.reset_at is None else _iso(one.reset_at),
        "dead": one.dead or None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _iso(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat()


def _seconds(value: float | None) -> int | float | None:
    """To the millisecond, the finest that a rule can say."""
    rounded = None if value is None else round(value, 3)
    return int(rounded) if rounded is not None and rounded.is_integer() else rounded


def beginning(mail: Mail, one: Delivery) -> bytes:
    """The payload; of a file that is too large for memory its first octets, as far as the mail is in hand."""
    if one.file is None:
        return one.payload
    found = b""
    for piece in files.pieces(mail, one.file.section):
        found += piece[: SHOWN_OCTETS - len(found)]
        if len(found) >= SHOWN_OCTETS:
            break
    return found


def decoded(delivery: Delivery, encoding: str) -> str:
    """The payload for people: a text as it is, anything else as the JSON of what a device decodes; a dead delivery has
    none.
    """
    if delivery.dead:
        return ""
    if delivery.file is not None:
        return f"{delivery.file.name} ({size(delivery.file.size)})"
    value = plugins.find("payload", encoding).decode(delivery.payload)
    return value if isinstance(value, str) else filters.tojson(plain(value))


def plain(value: Any) -> Any:
    """The same in JSON values only."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)  # noqa: PLR0124 — NaN
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Large):
        return {"name": value.name, "size": value.size}
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
