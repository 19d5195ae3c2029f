"""``reply_to``: where answers go."""

from __future__ import annotations

from bridge.rules import addresses

PLUGIN = addresses.plugin("Reply-To", "An address of Reply-To: a glob, a domain, {name: text}, or a list of these.")
