"""``cc``: a recipient of a copy."""

from __future__ import annotations

from bridge.rules import addresses

PLUGIN = addresses.plugin("Cc", "An address of Cc: a glob, a domain, {name: text}, or a list of these.")
