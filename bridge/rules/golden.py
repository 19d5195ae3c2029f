"""Golden tests: what a rule makes of a mail beside what its ``tests:`` expect, for ``mailwire check --tests``. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge import plugins, rules
from bridge.delivery import Delivery
from bridge.mail import Mail
from bridge.rules import expectation, explanation, filters
from bridge.rules.nested import Place

SHOWN_CHARS = 200
Difference = tuple[Place, str]


def differences(expected: expectation.Expectation, mail: Mail, verdict: rules.Verdict) -> list[Difference]:
    """What is not as expected, each at its place in the test."""
    found = _differences(expected, mail, verdict)
    return [(("expect", *expected.place(place)), message) for place, message in found]


def _differences(expected: expectation.Expectation, mail: Mail, verdict: rules.Verdict) -> Iterator[Difference]:
    wanted, reason = expected.wanted, explanation.reason(verdict)
    if expected.matched != verdict.matched:
        why = f": {reason.path}: wanted {reason.wanted}; saw {reason.saw}" if reason else ""
        place = ("matched",) if "matched" in wanted else ()
        yield place, "expected not to match, but it does" if verdict.matched else f"expected to match{why}"
        return
    if wanted.get("stopped", verdict.stopped) != verdict.stopped:
        yield ("stopped",), f"expected {_shown(wanted['stopped'])}, got {_shown(verdict.stopped)}"
    if "because" in wanted and wanted["because"] != (reason.path if reason else ""):
        yield ("because",), f"expected {wanted['because']}, got {reason.path if reason else 'no reason: it matches'}"
    for name, value in wanted.get("values", {}).items():
        if name not in verdict.values:
            yield ("values", name), f"expected {_shown(value)}, but there is no such value"
        else:
            yield from _compared(("values", name), value, explanation.plain(verdict.values[name]))
    if "deliveries" in wanted:
        yield from _deliveries(wanted["deliveries"], mail, verdict)


def _deliveries(wanted: Sequence[Mapping[str, Any]], mail: Mail, verdict: rules.Verdict) -> Iterator[Difference]:
    found = explanation.in_order(verdict)
    if len(wanted) != len(found):
        targets = ", ".join(f"{one.sink} {one.target}" for one, _ in found) or "none"
        yield ("deliveries",), f"expected {len(wanted)}, got {len(found)}: {targets}"
        return
    shown = explanation.deliveries(mail, verdict)
    for n, (one, facts, (delivery, encoding)) in enumerate(zip(wanted, shown, found, strict=True)):
        for key, value in one.items():
            place: Place = ("deliveries", n, key)
            if key == "payload":
                yield from _payload(place, value, delivery, encoding)
            elif key == "options":
                options = {name: facts["options"].get(name) for name in value}
                yield from _compared(place, value, options)
            elif key == "path" and isinstance(value, str):
                yield from _compared(place, value.removeprefix("/"), facts["target"])
            else:
                yield from _compared(place, value, facts[expectation.told(key)])


def _payload(place: Place, wanted: Any, one: Delivery, encoding: str) -> Iterator[Difference]:
    """Compared as a value, or as the text that ``explain`` shows."""
    text = explanation.decoded(one, encoding)
    value = None if one.dead or one.file else explanation.plain(plugins.find("payload", encoding).decode(one.payload))
    if wanted != text:
        yield from _compared(place, wanted, value)


def _compared(place: Place, wanted: Any, found: Any) -> Iterator[Difference]:
    """Python takes 1 for true; a test had better not."""
    if wanted != found or isinstance(wanted, bool) != isinstance(found, bool):
        yield place, f"expected {_shown(wanted)}, got {_shown(found)}"


def _shown(value: Any) -> str:
    shown = filters.shown(value)
    return shown if len(shown) <= SHOWN_CHARS else shown[: SHOWN_CHARS - 1] + "…"
