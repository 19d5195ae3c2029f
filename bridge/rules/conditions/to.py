"""``to``: a recipient."""

from __future__ import annotations

from bridge.rules import addresses

PLUGIN = addresses.plugin("To", "An address of To: a glob, a domain, {name: text}, or a list of these.")
