"""``cc``: an address in Cc, or the name beside it (``rules.address_search`` says how)."""

from __future__ import annotations

from bridge.rules import address_search

PLUGIN = address_search.plugin("Cc", "An address in Cc, or with {name: …} the name beside it.")
