"""``reply_to``: an address in Reply-To, or the name beside it (``rules.address_search`` says how)."""

from __future__ import annotations

from bridge.rules import address_search

PLUGIN = address_search.plugin("Reply-To", "An address in Reply-To, or with {name: …} the name beside it.")
