"""Integer keys that mean no field of the payload: a slip, or ``keys`` of another payload.

Where a value may turn out to be a map (what a JSON file holds, ``mail.attachments``), its fields are not known: then it
is no fault, and ``mailwire check`` warns of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bridge import plugins, rules, spelling
from bridge.rules import settings, tags, template, view, when
from bridge.rules.nested import Place
from bridge.rules.sources import Extract

_MAPS = frozenset(("mail", "mail.attachments"))


def plain(rule: settings.Rule) -> frozenset[str]:
    """The values of a rule that are neither a map nor a list, whatever the mail."""
    found = {name for name, extract in rule.extract.items() if not _may_be_map(extract)}
    captured = when.compile_when(rule.when).names - set(rule.extract)
    return frozenset(found | captured | view.CONTEXT | (view.MAIL - _MAPS) | {"delivery_id", "count"})


def _may_be_map(extract: Extract) -> bool:
    for source in extract.sources:
        plugin: rules.ExtractPlugin = plugins.find("extract", source.kind)
        if isinstance(source.default, Mapping | list) or (source.type is None and plugin.maps):
            return True
    return False


def warnings(rule: settings.Rule) -> Iterator[tuple[Place, str]]:
    """(place within the rule, message). The rule has no faults: of what is unused, it is not certain."""
    for index, one in enumerate(rule.then) if any(one.keys for one in rule.then) else ():
        for place, message in unused(one, document(rule.event, rule.extract), plain(rule), certain=False):
            yield (*rule.place(index), *place), message


def unused(one: settings.Action, document: Any, flat: frozenset[str], *, certain: bool) -> Iterator[tuple[Place, str]]:
    """(place within the action, message) of every key that no field is called. ``document`` is sent where the rule
    says nothing of the payload, ``flat`` are the values that are no maps. With ``certain`` nothing is told where there
    may be other fields.
    """
    payloads = [one.payload if one.has_payload else document, *([one.reset.payload] if one.reset else [])]
    looked = _Fields(flat)
    for payload in payloads if one.keys else ():
        looked.read(payload)
    if certain and looked.has_others:
        return
    for key in one.keys:
        if key not in looked.names:
            known = ", ".join(sorted(looked.names))
            hint = spelling.did_you_mean(key, looked.names) or (f"; there are {known}" if known else "")
            yield ("keys", key), f'no field of the payload is called "{key}"{hint}'


def document(event: str, found: Collection[str]) -> Any:
    """What is sent by a rule of this event that says nothing of the payload (``values.Document``)."""
    if event == "count":
        return "{{ count }}"
    return {**{name: f"{{{{ {name} }}}}" for name in found}, "subject": "", "from": ""}


class _Fields:
    """The names in the maps of a payload, and whether there may be others."""

    def __init__(self, flat: frozenset[str]) -> None:
        self._flat = flat
        self.names: set[str] = set()
        self.has_others = False

    def read(self, written: Any) -> None:
        if isinstance(written, str):
            self.has_others = self.has_others or not self._is_flat(written)
        elif isinstance(written, Mapping):
            for key, value in written.items():
                self.has_others = self.has_others or tags.is_template(key)
                self.names.add(str(key))
                self.read(value)
        elif isinstance(written, list | tuple):
            for value in written:
                self.read(value)

    def _is_flat(self, written: str) -> bool:
        """Whether a text cannot become a map: there is more in it than one ``{{ … }}``, or that has none to offer."""
        parts = list(tags.pieces(written))
        if len(parts) != 1 or parts[0].kind != "{{":
            return True
        try:
            return "{" not in parts[0].inner and template.names(written) <= self._flat
        except ValueError:  # that is told elsewhere
            return False
