"""``to``: an address in To, or the name beside it (``rules.address_search`` says how)."""

from __future__ import annotations

from bridge.rules import address_search

PLUGIN = address_search.plugin("To", "An address in To, or with {name: …} the name beside it.")
