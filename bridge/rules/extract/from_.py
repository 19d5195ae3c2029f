"""``from``: the address of the sender, or the name beside it (``rules.address_search`` says how)."""

from __future__ import annotations

from bridge.rules import address_search

PLUGIN = address_search.plugin("From", "The address of the sender, or with {name: …} the name beside it.")
